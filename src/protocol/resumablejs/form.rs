//! A chunk in a form: fields first, then the file's part, which goes to the store as it arrives.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::base64_body::{self, MaybeBase64};
use super::errors::{bad, fail};
use super::params::Params;
use crate::http::{Problem, RequestBytes};
use crate::upload::{BodyCut, Piece, UploadError};

/// As much as all fields before the file may have, and how many there may be.
const FIELD_BYTES: u64 = 64 * 1024;
const FIELDS: usize = 64;

/// A form up to its file.
pub(super) struct Form {
    pub(super) params: Params,
    pub(super) pieces: MaybeBase64<Part>,
}

/// The file's part of a form. Keeps the form open while it is read.
pub(super) struct Part {
    field: Field<'static>,
    _form: Multipart<'static>,
}

impl Stream for Part {
    type Item = Result<bytes::Bytes, BodyCut>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.field).poll_next(cx).map_err(|error| cut(&error))
    }
}

/// Reads the fields. `query` has precedence: it is what a test of the same chunk said.
pub(super) async fn read(body: RequestBytes, boundary: String, query: Params) -> Result<Form, Problem> {
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(u64::MAX).per_field(u64::MAX));
    let mut form = Multipart::with_constraints(body, boundary, limits);
    let mut params = query;
    let mut left = FIELD_BYTES;
    for _ in 0..FIELDS {
        let field = form.next_field().await.map_err(unreadable)?;
        let Some(mut field) = field else { return Err(bad("the form has no part with the chunk's bytes")) };
        let name = field.name().unwrap_or_default().to_owned();
        // With chunkFormat base64 the bytes come as a text field called like the file.
        let is_base64 = field.file_name().is_none() && name == "file";
        if field.file_name().is_some() || is_base64 {
            let part = Part { field, _form: form };
            let pieces = base64_body::decode_if(is_base64 || params.is_base64(), part);
            return Ok(Form { params, pieces });
        }
        let mut value = Vec::new();
        while let Some(bytes) = field.chunk().await.map_err(unreadable)? {
            left =
                left.checked_sub(bytes.len() as u64).ok_or_else(|| bad("the form's fields are too long"))?;
            value.extend_from_slice(&bytes);
        }
        let value = String::from_utf8(value).map_err(|_| bad(format!("the field {name:?} is not UTF-8")))?;
        params.set(&name, value);
    }
    Err(bad("the form has too many fields"))
}

/// Why the body below the form ended.
fn cut(error: &multer::Error) -> BodyCut {
    match error {
        multer::Error::StreamReadFailed(cause) => cause.downcast_ref().copied().unwrap_or(BodyCut::Gone),
        _ => BodyCut::Gone,
    }
}

fn unreadable(error: multer::Error) -> Problem {
    match error {
        // The line broke; that passes.
        multer::Error::StreamReadFailed(_)
        | multer::Error::IncompleteStream
        | multer::Error::IncompleteHeaders => fail(&UploadError::Unverified(cut(&error).into())),
        other => bad(format!("the form can't be read: {other}")),
    }
}

/// Bytes become the engine's pieces.
pub(super) fn piece(bytes: Result<bytes::Bytes, BodyCut>) -> Result<Piece, BodyCut> {
    bytes.map(Piece::Bytes)
}
