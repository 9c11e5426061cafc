//! A file on its way out: read piece by piece, as fast as the client takes it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use tokio::task::JoinHandle;

use crate::store::ByteStream;

/// Large enough that the hop to a blocking thread costs little, small enough for a thousand slow downloads.
const PIECE: u64 = 256 * 1024;

pub(super) fn stream(file: File, range: Range<u64>) -> ByteStream {
    Box::pin(FileStream { file: Arc::new(file), rest: range, reading: None })
}

struct FileStream {
    file: Arc<File>,
    rest: Range<u64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Stream for FileStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.rest.is_empty() && self.reading.is_none() {
            return Poll::Ready(None);
        }
        let (file, at) = (Arc::clone(&self.file), self.rest.start);
        let len = (self.rest.end - at).min(PIECE);
        let reading =
            self.reading.get_or_insert_with(|| tokio::task::spawn_blocking(move || read(&file, at, len)));
        let piece = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other).flatten();
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
