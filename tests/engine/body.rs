//! Bodies that a test feeds piece by piece, and the bytes that they are made of.

use std::ops::Range;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use resumed::upload::{Algorithm, BodyCut, Checksum, Piece};
use tokio::sync::mpsc;

/// The other end of a body.
pub(crate) type Feed = mpsc::UnboundedSender<Event>;

/// What happens to a body.
#[derive(Debug)]
pub(crate) enum Event {
    Piece(Piece),
    Cut(BodyCut),
    End,
}

/// A body whose pieces come when the test says so.
pub(crate) struct Fed(mpsc::UnboundedReceiver<Event>);

pub(crate) fn body() -> (Feed, Fed) {
    let (feed, events) = mpsc::unbounded_channel();
    (feed, Fed(events))
}

impl Stream for Fed {
    type Item = Result<Piece, BodyCut>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|event| match event {
            Some(Event::Piece(piece)) => Some(Ok(piece)),
            Some(Event::Cut(cut)) => Some(Err(cut)),
            Some(Event::End) => None,
            // A client that is gone says nothing more.
            None => Some(Err(BodyCut::Gone)),
        })
    }
}

/// For those who send none.
pub(crate) const NO_BODY: Option<resumed::upload::Body<Fed>> = None;

/// More than any upload here is long.
const PATTERN: usize = 8 << 20;

fn pattern() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut bytes = vec![0; PATTERN];
        rng.fill(&mut bytes);
        bytes
    })
}

/// Bytes of the one and only content that an upload has: each number another one.
pub(crate) fn content(number: usize, range: Range<u64>) -> Bytes {
    let start = number * 4099;
    let at = |offset: u64| start + usize::try_from(offset).unwrap();
    Bytes::from_static(&pattern()[at(range.start)..at(range.end)])
}

/// Bytes none of which is right at its place.
pub(crate) fn wrong(number: usize, range: Range<u64>) -> Bytes {
    content(number, range).iter().map(|byte| !byte).collect()
}

/// What bytes sum to.
pub(crate) fn checksum(bytes: &[u8]) -> Checksum {
    let mut hasher = Algorithm::Crc32.hasher();
    hasher.update(bytes);
    Checksum::new(Algorithm::Crc32, hasher.finish()).unwrap()
}
