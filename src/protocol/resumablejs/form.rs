//! A chunk in a form: fields first, then the file's part, which goes to the store as it arrives.

use std::borrow::Cow;
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
    pub(super) params: Arc<Params>,
    pub(super) pieces: MaybeBase64<Part>,
}

/// What is wrong with a body itself: to the engine it is cut, and to the client it would be wrong the next time, too.
#[derive(Debug, Clone, Default)]
pub(super) struct Flaw(Arc<OnceLock<Cow<'static, str>>>);

impl Flaw {
    /// Notes it and ends the body.
    pub(super) fn found(&self, what: impl Into<Cow<'static, str>>) -> BodyCut {
        let _ = self.0.set(what.into());
        BodyCut::Gone
    }

    pub(super) fn get(&self) -> Option<&str> {
        self.0.get().map(Cow::as_ref)
    }
}

/// The file's part of a form, and behind it, without any bytes, all that follows: the chunk is whole when the form is, and
/// nothing in it contradicts.
pub(super) struct Part {
    at: At,
    params: Arc<Params>,
    flaw: Flaw,
}

#[expect(
    clippy::large_enum_variant,
    reason = "it is the file almost all of its time, and a box would be one more for each chunk"
)]
enum At {
    File(Multipart<RequestBytes>),
    Behind(Pin<Box<dyn Future<Output = Result<(), FormError>> + Send>>),
    End,
}

impl Stream for Part {
    type Item = Result<bytes::Bytes, BodyCut>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let ended = match &mut self.at {
                At::File(form) => match ready!(form.poll_data(cx)) {
                    Some(Ok(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                    Some(Err(error)) => Err(error),
                    None => {
                        let params = Arc::clone(&self.params);
                        if let At::File(form) = std::mem::replace(&mut self.at, At::End) {
                            self.at = At::Behind(Box::pin(read_behind(form, params)));
                        }
                        continue;
                    }
                },
                At::Behind(reading) => ready!(reading.as_mut().poll(cx)),
                At::End => Ok(()),
            };
            self.at = At::End;
            let cut = ended
                .err()
                .map(|error| error.into_text().map_or_else(|cut| cut, |what| self.flaw.found(what)));
            return Poll::Ready(cut.map(Err));
        }
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
    for _ in 0..=FIELDS {
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
            let params = Arc::new(params);
            let field = is_base64.then_some(part.name);
            let is_base64 = is_base64 || params.is_base64();
            let part = Part { at: At::File(form), params: Arc::clone(&params), flaw: flaw.clone() };
            return Ok(Form { params, pieces: base64_body::decode_if(is_base64, part, field, flaw) });
        }
        // The page's own are dropped as they come.
        if params.is_parameter(&part.name) {
            params.take_field(&part.name, &form.text().await.map_err(unreadable)?);
        }
    }
    Err(bad(format!("the form has more than {FIELDS} fields before its file")))
}

/// Reads what follows the file. It comes too late to say anything new.
async fn read_behind(mut form: Multipart<RequestBytes>, params: Arc<Params>) -> Result<(), FormError> {
    loop {
        let part = match form.next_part().await {
            Ok(Some(part)) => part,
            Ok(None) => return Ok(()),
            // All that the last line would say is that nothing follows.
            Err(FormError::Ended) if form.is_between_parts() => return Ok(()),
            Err(error) => return Err(error),
        };
        if part.is_file || !params.is_parameter(&part.name) {
            form.skip().await?;
        } else {
            let value = form.text().await?;
            params.check_behind(&part.name, &value).map_err(|what| FormError::Broken(what.into()))?;
        }
    }
}

fn unreadable(error: FormError) -> Problem {
    match error.into_text() {
        Err(cut) => fail(&UploadError::Unverified(cut.into())),
        Ok(what) => bad(what),
    }
}

/// Bytes become the engine's pieces.
pub(super) fn piece(bytes: Result<bytes::Bytes, BodyCut>) -> Result<Piece, BodyCut> {
    bytes.map(Piece::Bytes)
}
