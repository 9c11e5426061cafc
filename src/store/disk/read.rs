//! A file on its way out: read piece by piece, as fast as the client takes it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::pool;
use crate::store::ByteStream;
use bytes::Bytes;
use futures_core::Stream;

/// Large enough that the hop to a blocking thread costs little, small enough for a thousand slow downloads.
const PIECE: u64 = 256 * 1024;

pub(super) fn stream(file: File, range: Range<u64>) -> ByteStream {
    Box::pin(FileStream { file: Arc::new(file), rest: range, reading: None })
}

type Reading = Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + Send + Sync>>;

struct FileStream {
    file: Arc<File>,
    rest: Range<u64>,
    reading: Option<Reading>,
}

impl Stream for FileStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.rest.is_empty() && self.reading.is_none() {
            return Poll::Ready(None);
        }
        let (file, at) = (Arc::clone(&self.file), self.rest.start);
        let len = (self.rest.end - at).min(PIECE);
        let begin =
            || -> Reading { Box::pin(pool::run(move || pool::while_waiting(|| read(&file, at, len)))) };
        let done = ready!(self.reading.get_or_insert_with(begin).as_mut().poll(cx));
        let piece = done.unwrap_or_else(|| Err(io::Error::other("a disk thread panicked")));
        self.reading = None;
        match &piece {
            Ok(bytes) => self.rest.start += bytes.len() as u64,
            // After an error there is no more to come.
            Err(_) => self.rest.start = self.rest.end,
        }
        Poll::Ready(Some(piece))
    }
}

fn read(file: &File, at: u64, len: u64) -> io::Result<Bytes> {
    let mut buffer = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read_exact_at(&mut buffer, at)?;
    Ok(buffer.into())
}
