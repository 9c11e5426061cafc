//! `chunkFormat: base64`: the chunk as a data URL, decoded as it arrives.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use super::form::piece;
use crate::upload::{BodyCut, Piece};

/// `data:application/octet-stream;base64,`, and no media type is longer than this.
const LONGEST_HEAD: usize = 1024;

/// A body that may be a data URL.
pub(super) struct MaybeBase64<B> {
    body: B,
    state: State,
}

enum State {
    /// The body is what it is.
    Plain,
    /// Before the comma of the data URL.
    Head(BytesMut),
    /// Behind it: up to three characters wait for the fourth.
    Data(BytesMut),
    /// It was none.
    Broken,
}

pub(super) fn decode_if<B>(is_base64: bool, body: B) -> MaybeBase64<B> {
    MaybeBase64 { body, state: if is_base64 { State::Head(BytesMut::new()) } else { State::Plain } }
}

impl<B: Stream<Item = Result<Bytes, BodyCut>> + Unpin> Stream for MaybeBase64<B> {
    type Item = Result<Piece, BodyCut>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let came = ready!(Pin::new(&mut self.body).poll_next(cx));
            let bytes = match (came, &self.state) {
                (came, State::Plain) => return Poll::Ready(came.map(piece)),
                (Some(Ok(bytes)), _) => bytes,
                (None, State::Data(rest)) if rest.is_empty() => return Poll::Ready(None),
                // Cut in the middle of a group, or before any data: as good as a cut body.
                (None, _) => return Poll::Ready(Some(Err(BodyCut::Gone))),
                (Some(Err(cut)), _) => return Poll::Ready(Some(Err(cut))),
            };
            match self.state.decode(&bytes) {
                Some(decoded) if decoded.is_empty() => {}
                Some(decoded) => return Poll::Ready(Some(Ok(Piece::Bytes(decoded)))),
                None => {
                    self.state = State::Broken;
                    return Poll::Ready(Some(Err(BodyCut::Gone)));
                }
            }
        }
    }
}

impl State {
    /// The bytes that are decoded now. `None`: this is no data URL.
    fn decode(&mut self, bytes: &[u8]) -> Option<Bytes> {
        if let Self::Head(head) = self {
            head.extend_from_slice(bytes);
            let Some(comma) = head.iter().position(|byte| *byte == b',') else {
                return (head.len() <= LONGEST_HEAD).then(Bytes::new);
            };
            let data = head.split_off(comma + 1);
            *self = Self::Data(BytesMut::new());
            return self.decode(&data);
        }
        let Self::Data(rest) = self else { return None };
        rest.extend_from_slice(bytes);
        let whole = rest.len() - rest.len() % 4;
        let groups = rest.split_to(whole);
        STANDARD.decode(&groups).ok().map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_url_is_decoded_however_it_is_cut() {
        let url = b"data:application/octet-stream;base64,aGVsbG8gd29ybGQ=";
        for cut in 1..url.len() {
            let mut state = State::Head(BytesMut::new());
            let first = state.decode(&url[..cut]).unwrap();
            let second = state.decode(&url[cut..]).unwrap();
            assert_eq!([first, second].concat(), b"hello world", "cut at {cut}");
        }
        assert!(State::Head(BytesMut::new()).decode(b"data:,!!!!").is_none());
    }
}
