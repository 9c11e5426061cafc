//! A stream with the bytes in front that were read from it too early.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(super) struct Prefixed<I> {
    prefix: Bytes,
    /// Why the read behind the prefix failed, for the next one.
    failed: Option<io::Error>,
    io: I,
}

impl<I> Prefixed<I> {
    pub(super) fn new(prefix: Vec<u8>, io: I) -> Self {
        Self { prefix: prefix.into(), failed: None, io }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Prefixed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        if self.prefix.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let len = self.prefix.len().min(buf.remaining());
        if let Some(taken) = self.prefix.get(..len) {
            buf.put_slice(taken);
        }
        self.prefix.advance(len);
        // What came behind it goes along: a reader that gets these few bytes alone makes its buffer twice as large for the
        // rest.
        if buf.remaining() > 0
            && let Poll::Ready(Err(error)) = Pin::new(&mut self.io).poll_read(cx, buf)
        {
            self.failed = Some(error);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Prefixed<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// A stream that gives these answers one after the other, and then fails.
    struct Script(Vec<Poll<&'static [u8]>>);

    impl AsyncRead for Script {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.0.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            match self.0.remove(0) {
                Poll::Ready(bytes) => {
                    buf.put_slice(bytes);
                    Poll::Ready(Ok(()))
                }
                Poll::Pending => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        }
    }

    async fn read(io: &mut Prefixed<Script>, room: usize) -> io::Result<String> {
        let mut bytes = vec![0; room];
        let mut buf = ReadBuf::new(&mut bytes);
        poll_fn(|cx| Pin::new(&mut *io).poll_read(cx, &mut buf)).await?;
        Ok(String::from_utf8_lossy(buf.filled()).into_owned())
    }

    #[tokio::test]
    async fn what_has_come_already_is_read_along_with_the_prefix() {
        let script = Script(vec![Poll::Ready(b"ST /files/"), Poll::Pending, Poll::Ready(b" HTTP/1.1")]);
        let mut io = Prefixed::new(b"PO".to_vec(), script);
        assert_eq!(read(&mut io, 100).await.unwrap(), "POST /files/");
        assert_eq!(read(&mut io, 100).await.unwrap(), " HTTP/1.1");
        assert!(read(&mut io, 100).await.is_err());
    }

    #[tokio::test]
    async fn nothing_is_waited_for_and_no_failure_is_lost() {
        let mut io = Prefixed::new(b"PO".to_vec(), Script(vec![Poll::Pending, Poll::Ready(b"ST")]));
        assert_eq!(read(&mut io, 1).await.unwrap(), "P", "no room for more");
        assert_eq!(read(&mut io, 100).await.unwrap(), "O", "no more has come");
        assert_eq!(read(&mut io, 100).await.unwrap(), "ST");

        let mut broken = Prefixed::new(b"PO".to_vec(), Script(Vec::new()));
        assert_eq!(read(&mut broken, 100).await.unwrap(), "PO");
        broken.io.0.push(Poll::Ready(b"never"));
        assert!(broken.read_u8().await.is_err(), "told by the read that follows");
    }
}
