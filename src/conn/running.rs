//! The requests of an HTTP/2 connection: hyper has a limit on idle connections for HTTP/1 only.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

use super::NOT_READ;
use crate::http::{Answer, ResponseBody};

/// Counts them. Clones count the same ones.
#[derive(Clone)]
pub(super) struct Requests(Arc<watch::Sender<Count>>);

#[derive(Clone, Copy, Default)]
struct Count {
    /// Their answer has not begun.
    open: usize,
    /// Their answer is on its way.
    answering: usize,
    /// There was one.
    any: bool,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Count::default())))
    }

    /// One more, until the answer is dropped or has been sent.
    pub(super) async fn count(self, answer: impl Future<Output = Answer>) -> http::Response<Counted> {
        let open = Part::of(self.clone(), |count| &mut count.open);
        let answer = answer.await;
        let answering = Part::of(self, |count| &mut count.answering);
        drop(open);
        answer.map(|body| Counted { body, answering })
    }

    /// Resolves when there has been no request for so long, or when nobody reads the answers.
    pub(super) async fn none_for(&self, limit: Duration) {
        self.none_for_either(limit, limit).await;
    }

    /// The same for a client that is told to go. The last of an answer may lie here until he has room for it; if he never
    /// asked, there is nothing to wait for.
    pub(super) async fn none_left_for(&self, limit: Duration) {
        self.none_for_either(limit, limit.max(NOT_READ)).await;
    }

    async fn none_for_either(&self, never: Duration, after_the_last: Duration) {
        let mut changes = self.0.subscribe();
        loop {
            let patience = match *changes.borrow_and_update() {
                Count { any: false, .. } => never,
                Count { open: 0, answering: 0, .. } => after_the_last,
                Count { open: 0, .. } => NOT_READ,
                // Each has limits of its own.
                Count { .. } => Duration::MAX,
            };
            if timeout(patience, changes.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// A part of a request, which is counted for as long as it lasts.
struct Part {
    requests: Requests,
    place: fn(&mut Count) -> &mut usize,
}

impl Part {
    fn of(requests: Requests, place: fn(&mut Count) -> &mut usize) -> Self {
        requests.0.send_modify(|count| {
            *place(count) += 1;
            count.any = true;
        });
        Self { requests, place }
    }

    /// It goes on.
    fn moved(&self) {
        self.requests.0.send_modify(|_| {});
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.requests.0.send_modify(|count| *(self.place)(count) -= 1);
    }
}

/// An answer's body. It is polled when the client takes more of it.
pub(super) struct Counted {
    body: ResponseBody,
    answering: Part,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        this.answering.moved();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// After how long there has been no request for long enough.
    async fn none_after(requests: &Requests) -> Option<Duration> {
        let began = Instant::now();
        timeout(NOT_READ * 9, requests.none_for(LIMIT)).await.ok().map(|()| began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_while_it_has_no_request() {
        let requests = Requests::new();
        assert_eq!(none_after(&requests).await, Some(LIMIT));

        let open = Part::of(requests.clone(), |count| &mut count.open);
        assert_eq!(none_after(&requests).await, None, "a request may take its time");
        drop(open);
        assert_eq!(none_after(&requests).await, Some(LIMIT));

        let answer = requests.clone().count(async { Answer::new(ResponseBody::from("hello")) }).await;
        assert_eq!(none_after(&requests).await, Some(NOT_READ), "a reader may take some time");
        drop(answer);
        assert_eq!(none_after(&requests).await, Some(LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_has_asked_is_waited_for_at_the_end() {
        let requests = Requests::new();
        let began = Instant::now();
        requests.none_left_for(LIMIT).await;
        assert_eq!(began.elapsed(), LIMIT);
        drop(Part::of(requests.clone(), |count| &mut count.open));
        requests.none_left_for(LIMIT).await;
        assert_eq!(began.elapsed(), LIMIT + NOT_READ);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_or_reads_in_time_starts_anew() {
        let requests = Requests::new();
        let ended = tokio::spawn({
            let requests = requests.clone();
            async move { none_after(&requests).await }
        });
        for _ in 0..3 {
            tokio::time::sleep(LIMIT / 2).await;
            drop(Part::of(requests.clone(), |count| &mut count.open));
        }
        let answer = Part::of(requests.clone(), |count| &mut count.answering);
        for _ in 0..3 {
            tokio::time::sleep(NOT_READ / 2).await;
            answer.moved();
        }
        drop(answer);
        assert_eq!(ended.await.unwrap(), Some(LIMIT / 2 * 3 + NOT_READ / 2 * 3 + LIMIT));
    }
}
