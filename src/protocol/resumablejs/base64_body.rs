//! `chunkFormat: base64`: the chunk as a data URL, decoded as it arrives.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use super::form::{Flaw, piece};
use crate::upload::{BodyCut, Piece};

/// `data:application/octet-stream;base64,`, and no media type is longer than this.
const LONGEST_HEAD: usize = 1024;

/// A body that may be a data URL.
pub(super) struct MaybeBase64<B> {
    body: B,
    state: State,
    /// The form's field that it is, if it is one.
    field: Option<String>,
    flaw: Flaw,
}

enum State {
    /// The body is what it is.
    Plain,
    /// Before the comma of the data URL.
    Head(BytesMut),
    /// Behind it: up to three characters wait for the fourth.
    Data(BytesMut),
    /// Behind the padding, which ends it.
    Padded,
    /// It was none.
    Broken,
}

pub(super) fn decode_if<B>(is_base64: bool, body: B, field: Option<String>, flaw: Flaw) -> MaybeBase64<B> {
    let state = if is_base64 { State::Head(BytesMut::new()) } else { State::Plain };
    MaybeBase64 { body, state, field, flaw }
}

impl<B: Stream<Item = Result<Bytes, BodyCut>> + Unpin> Stream for MaybeBase64<B> {
    type Item = Result<Piece, BodyCut>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let came = ready!(Pin::new(&mut self.body).poll_next(cx));
            let bytes = match (came, &self.state) {
                (came, State::Plain) => return Poll::Ready(came.map(piece)),
                (Some(Ok(bytes)), _) => bytes,
                (Some(Err(cut)), _) => return Poll::Ready(Some(Err(cut))),
                (None, state) if state.may_end() => return Poll::Ready(None),
                (None, _) => return Poll::Ready(Some(Err(self.flawed("the data URL ends too early")))),
            };
            match self.state.decode(&bytes) {
                Some(decoded) if decoded.is_empty() => {}
                Some(decoded) => return Poll::Ready(Some(Ok(Piece::Bytes(decoded)))),
                None => {
                    let flaw = self.flawed("the chunk is no data URL with Base64 in it");
                    self.state = State::Broken;
                    return Poll::Ready(Some(Err(flaw)));
                }
            }
        }
    }
}

impl<B> MaybeBase64<B> {
    /// Ends the body. A field called like the file that does not even begin as a data URL is most likely the page's own.
    fn flawed(&self, otherwise: &'static str) -> BodyCut {
        match (&self.field, &self.state) {
            (Some(field), State::Head(head)) if !head.to_ascii_lowercase().starts_with(b"data:") => {
                self.flaw.found(format!("the field {field} is neither a file nor a data URL"))
            }
            _ => self.flaw.found(otherwise),
        }
    }
}

impl State {
    /// All is decoded. (Some browsers write a chunk of no bytes as `data:` and nothing else.)
    fn may_end(&self) -> bool {
        match self {
            Self::Head(head) => head.eq_ignore_ascii_case(b"data:"),
            Self::Data(rest) => rest.is_empty(),
            Self::Padded => true,
            Self::Plain | Self::Broken => false,
        }
    }

    /// The bytes that are decoded now. `None`: this is no data URL.
    fn decode(&mut self, bytes: &[u8]) -> Option<Bytes> {
        match self {
            Self::Head(head) => {
                head.extend_from_slice(bytes);
                let Some(comma) = head.iter().position(|byte| *byte == b',') else {
                    return (head.len() <= LONGEST_HEAD).then(Bytes::new);
                };
                let data = head.split_off(comma);
                if !is_head(head) {
                    return None;
                }
                *self = Self::Data(BytesMut::new());
                self.decode(data.get(1..).unwrap_or_default())
            }
            Self::Data(rest) => {
                rest.extend_from_slice(bytes);
                let whole = rest.len() - rest.len() % 4;
                let groups = rest.split_to(whole);
                let decoded = STANDARD.decode(&groups).ok()?;
                if groups.ends_with(b"=") {
                    let nothing_behind = rest.is_empty();
                    *self = Self::Padded;
                    return nothing_behind.then(|| Bytes::from(decoded));
                }
                Some(Bytes::from(decoded))
            }
            Self::Padded => bytes.is_empty().then(Bytes::new),
            Self::Plain | Self::Broken => None,
        }
    }
}

/// `data:text/plain;charset=utf-8;base64`.
fn is_head(head: &[u8]) -> bool {
    let head = head.to_ascii_lowercase();
    head.starts_with(b"data:") && head.ends_with(b";base64")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data URL that comes in two pieces.
    fn decoded(url: &[u8], cut: usize) -> Option<Vec<u8>> {
        let mut state = State::Head(BytesMut::new());
        let first = state.decode(&url[..cut])?;
        let second = state.decode(&url[cut..])?;
        state.may_end().then(|| [first, second].concat())
    }

    #[test]
    fn a_data_url_is_decoded_however_it_is_cut() {
        for (url, text) in [
            (&b"data:application/octet-stream;base64,aGVsbG8gd29ybGQ="[..], &b"hello world"[..]),
            (b"DATA:text/plain;charset=utf-8;BASE64,aGVsbG8gd29ybGQh", b"hello world!"),
            (b"data:;base64,", b""),
            (b"data:", b""),
        ] {
            for cut in 0..url.len() {
                assert_eq!(decoded(url, cut).as_deref(), Some(text), "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_data_url_is_known_as_none() {
        for bad in [
            &b"data:;base64,!!!!"[..],
            b"data:,hello",
            b"hello, world",
            b"data:;base64,QQ==QUJD",
            b"data:;base64,QUJDRA",
            b"data:;base64,QUI=x",
            b"data",
            b"",
        ] {
            for cut in 0..bad.len().max(1) {
                assert_eq!(decoded(bad, cut), None, "{:?} cut at {cut}", String::from_utf8_lossy(bad));
            }
        }
    }
}
