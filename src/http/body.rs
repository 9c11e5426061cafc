//! Bodies, both ways.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use prometheus_client::metrics::counter::Counter;

use super::pace::Pacer;
use crate::config::Pace;
use crate::store::ByteStream;
use crate::upload::{BodyCut, Checksum, Piece};

/// How much of a refused body is read and dropped, and for how long, so that its sender comes to read the answer: who
/// is still sending when the connection closes sees a broken pipe instead.
const DRAIN_BYTES: u64 = 512 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The body of a request. Clones are the same body: the engine reads it, and when the engine stops before its end, the
/// pipeline drops the rest.
#[derive(Clone)]
pub struct RequestBody {
    shared: Arc<Mutex<Shared>>,
    asked_for: Arc<AtomicBool>,
}

struct Shared {
    incoming: Incoming,
    pacer: Pacer,
    received: Counter,
    began: Instant,
    bytes: u64,
    /// When its last bytes came.
    last: Instant,
    /// It was read to its end.
    ended: bool,
}

impl RequestBody {
    /// Takes over what hyper reads. Who sends it more slowly than `pace` is cut; what comes is counted.
    #[must_use]
    pub fn new(incoming: Incoming, pace: Pace, received: Counter) -> Self {
        let now = Instant::now();
        let shared = Shared {
            incoming,
            pacer: Pacer::new(pace),
            received,
            began: now,
            bytes: 0,
            last: now,
            ended: false,
        };
        Self { shared: Arc::new(Mutex::new(shared)), asked_for: Arc::default() }
    }

    /// How many bytes will come, if it is known.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        self.with(|body| body.incoming.size_hint().exact())
    }

    /// Nothing (more) will come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.with(|body| body.incoming.is_end_stream())
    }

    /// Nothing of it is left unread, whether it said how long it is or not.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.with(|body| body.ended || body.incoming.is_end_stream())
    }

    /// Somebody has begun to read it: a client that waited for "100 Continue" has got it and sends.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.asked_for.load(Ordering::Relaxed)
    }

    /// The body for the engine. `trailer` reads the one trailer that the protocol knows.
    #[must_use]
    pub fn pieces(&self, trailer: fn(&HeaderMap) -> Option<Result<Checksum, String>>) -> RequestPieces {
        RequestPieces { body: self.clone(), trailer }
    }

    /// The bytes alone, for a parser that comes before the engine.
    #[must_use]
    pub fn bytes(&self) -> RequestBytes {
        RequestBytes { body: self.clone() }
    }

    /// How many bytes have come, and how long after the head the last of them was here.
    #[must_use]
    pub fn came(&self) -> Option<(u64, Duration)> {
        self.with(|body| (body.bytes > 0).then(|| (body.bytes, body.last.duration_since(body.began))))
    }

    /// Reads and drops all that is left, as long as it keeps coming: for a body that is not needed and not refused.
    pub async fn drain_all(&self) {
        while let Some(Ok(_)) = std::future::poll_fn(|cx| self.poll_frame(cx)).await {}
    }

    /// Reads and drops what is left, within bounds.
    pub async fn drain(&self) {
        let drained = async {
            let mut left = DRAIN_BYTES;
            while let Some(Ok(frame)) = std::future::poll_fn(|cx| self.poll_frame(cx)).await {
                let len = frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
                left = left.saturating_sub(len);
                if left == 0 {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN_TIME, drained).await;
    }

    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        self.asked_for.store(true, Ordering::Relaxed);
        self.with(|Shared { incoming, pacer, received, bytes: all, last, ended, .. }| {
            match Pin::new(incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let bytes = frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
                    pacer.note(bytes);
                    received.inc_by(bytes);
                    *all += bytes;
                    *last = Instant::now();
                    Poll::Ready(Some(Ok(frame)))
                }
                // hyper tells a broken line from a broken message by no means that lasts; to the upload both are a body
                // that was cut.
                Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(BodyCut::Gone))),
                Poll::Ready(None) => {
                    *ended = true;
                    Poll::Ready(None)
                }
                Poll::Pending => pacer.poll_limit(cx).map(|cut| Some(Err(cut))),
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Shared) -> T) -> T {
        work(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request's body in the engine's words.
pub struct RequestPieces {
    body: RequestBody,
    trailer: fn(&HeaderMap) -> Option<Result<Checksum, String>>,
}

impl Stream for RequestPieces {
    type Item = Result<Piece, BodyCut>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return Poll::Ready(match ready!(self.body.poll_frame(cx)) {
                None => None,
                Some(Err(cut)) => Some(Err(cut)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if bytes.is_empty() => continue,
                    Ok(bytes) => Some(Ok(Piece::Bytes(bytes))),
                    Err(frame) => {
                        match frame.into_trailers().ok().and_then(|trailers| (self.trailer)(&trailers)) {
                            Some(checksum) => Some(Ok(Piece::Checksum(checksum))),
                            None => continue,
                        }
                    }
                },
            });
        }
    }
}

/// A request's body without its trailers.
pub struct RequestBytes {
    body: RequestBody,
}

impl Stream for RequestBytes {
    type Item = Result<Bytes, BodyCut>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.body.poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(cut)) => return Poll::Ready(Some(Err(cut))),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
            }
        }
    }
}

/// The body of an answer.
pub enum ResponseBody {
    /// Known from the start.
    Full(VecDeque<Bytes>),
    /// A finished file, or a part of it.
    File {
        /// Its bytes.
        stream: ByteStream,
        /// How many are still to come.
        left: u64,
    },
}

impl ResponseBody {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::Full(VecDeque::new())
    }
}

impl<B: Into<Bytes>> From<B> for ResponseBody {
    fn from(bytes: B) -> Self {
        let bytes: Bytes = bytes.into();
        Self::Full(if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([bytes]) })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.pop_front().map(|bytes| Ok(Frame::data(bytes)))),
            Self::File { stream, left } => {
                let piece = ready!(stream.as_mut().poll_next(cx));
                if let Some(Ok(bytes)) = &piece {
                    *left = left.saturating_sub(bytes.len() as u64);
                }
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::File { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Full(bytes) => bytes.iter().map(|bytes| bytes.len() as u64).sum(),
            Self::File { left, .. } => *left,
        })
    }
}
