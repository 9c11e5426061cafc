//! A chunk in a form: fields first, then the file's part, which goes to the store as it arrives.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::base64_body::{self, MaybeBase64};
use super::errors::{bad, fail};
use super::multipart::{FormError, Multipart};
use super::params::{Certainty, Params};
use crate::http::{Problem, RequestBytes};
use crate::upload::{BodyCut, Piece, UploadError};

/// How many fields there may be before the file.
const FIELDS: usize = 64;

/// A form up to its file.
pub(super) struct Form {
    pub(super) params: Params,
    pub(super) pieces: MaybeBase64<Part>,
}

/// What is wrong with a body itself: to the engine it is cut, and to the client it would be wrong the next time, too.
#[derive(Debug, Clone, Default)]
pub(super) struct Flaw(Arc<OnceLock<&'static str>>);

impl Flaw {
    /// Notes it and ends the body.
    pub(super) fn found(&self, what: &'static str) -> BodyCut {
        let _ = self.0.set(what);
        BodyCut::Gone
    }

    pub(super) fn get(&self) -> Option<&'static str> {
        self.0.get().copied()
    }
}

/// The file's part of a form.
pub(super) struct Part {
    form: Multipart<RequestBytes>,
    flaw: Flaw,
}

impl Stream for Part {
    type Item = Result<bytes::Bytes, BodyCut>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let data = ready!(self.form.poll_data(cx));
        Poll::Ready(data.map(|data| {
            data.map_err(|error| match error {
                FormError::Cut(cut) => cut,
                FormError::Broken(what) => self.flaw.found(what),
            })
        }))
    }
}

/// Reads the fields, which may repeat what the query says and not contradict it.
pub(super) async fn read(
    body: RequestBytes,
    boundary: &str,
    query: Params,
    flaw: Flaw,
) -> Result<Form, Problem> {
    let mut form = Multipart::new(body, boundary.as_bytes());
    let mut params = query;
    for _ in 0..FIELDS {
        let Some(part) = form.next_part().await.map_err(unreadable)? else {
            return Err(bad("the form has no part with the chunk's bytes"));
        };
        // With chunkFormat base64 the bytes come as a text field called like the file.
        let is_base64 = !part.is_file
            && match params.is_file_name(&part.name) {
                Certainty::Yes => true,
                Certainty::Perhaps => form.begins_with(b"data:").await.map_err(unreadable)?,
                Certainty::No => false,
            };
        if part.is_file || is_base64 {
            params.check_one_voice()?;
            let is_base64 = is_base64 || params.is_base64();
            let part = Part { form, flaw: flaw.clone() };
            return Ok(Form { params, pieces: base64_body::decode_if(is_base64, part, flaw) });
        }
        params.take_field(&part.name, &form.text().await.map_err(unreadable)?);
    }
    Err(bad("the form has too many fields"))
}

fn unreadable(error: FormError) -> Problem {
    match error {
        FormError::Cut(cut) => fail(&UploadError::Unverified(cut.into())),
        FormError::Broken(what) => bad(format!("the form can't be read: {what}")),
    }
}

/// Bytes become the engine's pieces.
pub(super) fn piece(bytes: Result<bytes::Bytes, BodyCut>) -> Result<Piece, BodyCut> {
    bytes.map(Piece::Bytes)
}
