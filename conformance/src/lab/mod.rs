//! What a case works with: the server under test, requests with the usual headers, and a record of what was said.

mod bytes;
pub(crate) mod resumable;
mod steps;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    case::{Verdict, skip},
    client::{Body, Endpoint, Http2, Request, Response, Wire},
    offers::Offers,
};

pub(crate) use bytes::{difference, pattern, size};
use resumable::Receiver;

/// The content type of every body that carries bytes of an upload.
pub(crate) const OCTETS: &str = "application/offset+octet-stream";

/// The server under test, the same for every case.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    /// Header lines that the user wants on every request.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) timeout: Duration,
    pub(crate) expire_wait: Duration,
    /// What a tus server announces.
    pub(crate) offers: Offers,
    /// What is known of a receiver for Resumable.js.
    pub(crate) receiver: Receiver,
}

/// An upload that a case has made: the path that is requested, and the `Location` as the server wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) path: String,
    pub(crate) location: String,
}

/// One case's workplace.
#[derive(Clone)]
pub(crate) struct Lab {
    target: Arc<Target>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    exchanges: Vec<String>,
    created: Vec<String>,
}

impl Lab {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self { target, notes: Arc::default() }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.target.endpoint
    }

    pub(crate) fn offers(&self) -> &Offers {
        &self.target.offers
    }

    pub(crate) fn expire_wait(&self) -> Duration {
        self.target.expire_wait
    }

    /// How long one answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.target.timeout
    }

    // What a case needs of the server.

    /// Skips the case unless the server announces every one of these extensions.
    pub(crate) fn needs(&self, extensions: &[&str]) -> Verdict {
        match extensions.iter().find(|name| !self.offers().has(name)) {
            Some(missing) => skip(format!("Tus-Extension does not name {missing}")),
            None => Ok(()),
        }
    }

    /// Skips the case unless uploads can be read back by GET.
    pub(crate) fn needs_download(&self) -> Verdict {
        if self.offers().download { Ok(()) } else { skip("uploads can't be read back by GET") }
    }

    /// Skips the case unless an upload of this length is within `Tus-Max-Size`.
    pub(crate) fn needs_room(&self, length: u64) -> Verdict {
        match self.offers().max_size {
            Some(max) if max < length => skip(format!("Tus-Max-Size is below {length}")),
            _ => Ok(()),
        }
    }

    // Requests, with the headers that every client sends.

    /// Any request to any path: Host, Tus-Resumable, and a connection of its own.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let mut request = Request::new(method, path)
            .header("Host", &self.target.endpoint.authority)
            .header("Connection", "close");
        request.headers.extend(self.target.headers.iter().cloned());
        if method == "OPTIONS" { request } else { request.header("Tus-Resumable", "1.0.0") }
    }

    /// A creation without a length and without a body.
    pub(crate) fn post(&self) -> Request {
        self.request("POST", &self.target.endpoint.path).bytes([])
    }

    /// A PATCH at `offset` whose body the case still has to give.
    pub(crate) fn patch(&self, upload: &Upload, offset: impl ToString) -> Request {
        self.request("PATCH", &upload.path).header("Content-Type", OCTETS).header("Upload-Offset", offset)
    }

    // Exchanges; each is noted for the report.

    /// Sends the request on a connection of its own.
    pub(crate) async fn send(&self, request: Request) -> Verdict<Response> {
        let mut wire = self.open().await?;
        let answer = wire.exchange(&request).await;
        self.note(&request, &answer);
        answer
    }

    /// A connection of its own, for a case that decides about bytes and timing itself.
    pub(crate) async fn open(&self) -> Verdict<Wire> {
        Wire::open(&self.target.endpoint, self.target.timeout).await
    }

    /// An HTTP/2 connection; skips the case where the server does not speak it.
    pub(crate) async fn http2(&self) -> Verdict<Http2> {
        if !self.offers().http2 {
            return skip("the server does not speak HTTP/2 by prior knowledge");
        }
        Http2::open(&self.target.endpoint, self.target.timeout).await
    }

    /// Sends the request as a stream of this HTTP/2 connection.
    pub(crate) async fn send_over(&self, http2: &Http2, request: Request) -> Verdict<Response> {
        let answer = http2.exchange(&request).await;
        self.note(&request, &answer);
        answer
    }

    /// Starts a PATCH of `announced` bytes, sends `bytes` of them and leaves the connection open.
    pub(crate) async fn stall(
        &self,
        upload: &Upload,
        offset: u64,
        announced: u64,
        bytes: &[u8],
    ) -> Verdict<Wire> {
        let body = Body::Announced { length: announced, bytes: bytes.to_vec() };
        let request = self.patch(upload, offset).body(body);
        let mut wire = self.open().await?;
        wire.send(&request).await?;
        self.say(format!("→ {}\n← (not awaited)", request.summary().replace('\n', "\n  ")));
        Ok(wire)
    }

    /// Notes a request and its answer for the report.
    pub(crate) fn note(&self, request: &Request, answer: &Verdict<Response>) {
        let came = match answer {
            Ok(response) => response.summary(),
            Err(_) => "no answer".to_owned(),
        };
        let sent = request.summary().replace('\n', "\n  ");
        self.say(format!("→ {sent}\n← {}", came.replace('\n', "\n  ")));
    }

    /// Notes anything else that a reader of the report has to know.
    pub(crate) fn say(&self, text: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).exchanges.push(text);
    }

    /// What was said last, at most `count` exchanges.
    pub(crate) fn last_exchanges(&self, count: usize) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let from = notes.exchanges.len().saturating_sub(count);
        notes.exchanges.get(from..).unwrap_or_default().to_vec()
    }
}
