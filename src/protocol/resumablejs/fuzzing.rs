//! Forms and parameters, for `fuzz/`.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;

use super::multipart::{FormError, Multipart};
use super::params::Params;
use crate::upload::{BodyCut, Checksum, Chunks};

/// A part of a form: its name, whether it is a file, and its bytes.
pub type FormPart = (String, bool, Vec<u8>);

/// Pieces that are all there.
struct Ready(std::vec::IntoIter<Bytes>);

impl Stream for Ready {
    type Item = Result<Bytes, BodyCut>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

/// Reads a form that comes in these pieces.
///
/// # Errors
/// It is none.
pub fn read_form(pieces: Vec<Bytes>, boundary: &[u8]) -> Result<Vec<FormPart>, String> {
    let mut form = Multipart::new(Ready(pieces.into_iter()), boundary);
    let mut reading = pin!(async {
        let mut parts = Vec::new();
        while let Some(head) = form.next_part().await? {
            let mut data = Vec::new();
            while let Some(bytes) = std::future::poll_fn(|cx| form.poll_data(cx)).await.transpose()? {
                data.extend_from_slice(&bytes);
            }
            parts.push((head.name, head.is_file, data));
        }
        Ok::<_, FormError>(parts)
    });
    // Nothing in it ever waits.
    match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(read) => read.map_err(|error| format!("{error:?}")),
        Poll::Pending => Err("it waits for what is there".to_owned()),
    }
}

/// What a query and a form's fields say: number and cut, the digest, and the folder.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parameters(
    query: &str,
    own: Option<&str>,
    fields: &[(String, String)],
) -> Result<(u64, Chunks, Option<Checksum>, String), String> {
    let mut params = Params::read(query, own);
    for (name, value) in fields {
        let _ = params.is_file_name(name);
        params.take_field(name, value);
    }
    let read = || {
        params.check_one_voice()?;
        let (number, chunks, digest) = (params.chunk_number()?, params.chunks()?, params.digest()?);
        let _ = params.current_chunk_size()?;
        Ok((number, chunks, digest, params.folder().to_owned()))
    };
    read().map_err(|problem: crate::http::Problem| problem.message)
}
