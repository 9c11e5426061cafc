//! One connection: which HTTP it speaks, and hyper's settings for each. The only place that names hyper's server.

mod prefixed;
mod running;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio_util::sync::CancellationToken;

use self::prefixed::Prefixed;
use self::running::Requests;
use crate::http::{Current, Entrance, handle};

/// RFC 9113 section 3.4: what an HTTP/2 client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// hyper reads into a buffer that grows up to here while the client is fast; it bounds the head too. Larger ones cost
/// cache misses, smaller ones system calls; this is where the benchmark was best.
const READ_BUFFER: usize = 256 * 1024;

/// What one HTTP/2 stream may send ahead of us, and all streams of a connection together. Enough for a gigabit over a
/// continent; what is not read yet lies in memory.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
const FRAME_SIZE: u32 = 64 * 1024;
const STREAMS: u32 = 128;

/// An HTTP/2 connection that does not answer a ping for this long is dead.
const PING_EVERY: Duration = Duration::from_secs(30);

/// Who takes nothing of an answer for this long does not want it.
pub const NOT_READ: Duration = Duration::from_secs(300);

/// How long the daemon waits, when it stops, for the first bytes of a connection.
const LAST_CALL: Duration = Duration::from_millis(500);

/// Something bytes go through.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<I: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for I {}

/// Serves a connection until it ends, or until `closing` and the end of the requests that run then.
pub async fn serve(
    current: Arc<Current>,
    mut io: impl Stream,
    entrance: Entrance,
    closing: CancellationToken,
) {
    let limit = current.app().config.limits.header_timeout;
    // hyper-util's own sniffing waits for ever; a silent client must not.
    let sniffed = tokio::select! {
        sniffed = tokio::time::timeout(limit, sniff(&mut io)) => sniffed,
        () = past_last_call(&closing) => return,
    };
    let Ok(Ok((version, prefix))) = sniffed else { return };
    let io = TokioIo::new(Prefixed::new(prefix, io));
    let result = match version {
        Version::Http1 => {
            let service = service_fn(move |request| {
                let app = current.app();
                async move { handle(&app, entrance, request).await }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limit)
                .max_buf_size(READ_BUFFER)
                // A client that closes its side after the body still wants the answer.
                .half_close(true)
                .serve_connection(io, service);
            drive(connection, closing).await
        }
        // In a box: it is twice as large as the other, and most connections are not HTTP/2.
        Version::Http2 => Box::pin(serve_http2(current, io, entrance, limit, closing)).await,
    };
    if let Err(error) = result {
        tracing::debug!(peer = %entrance.peer, %error, "connection ended");
    }
}

/// The same over HTTP/2. A connection without a request ends after `limit`, as one over HTTP/1 does; one with half of a
/// request's head has none.
async fn serve_http2(
    current: Arc<Current>,
    io: TokioIo<Prefixed<impl Stream>>,
    entrance: Entrance,
    limit: Duration,
    closing: CancellationToken,
) -> Result<(), hyper::Error> {
    let requests = Requests::new();
    let service = {
        let requests = requests.clone();
        service_fn(move |request| {
            let app = current.app();
            let answer = async move {
                let Ok(answer) = handle(&app, entrance, request).await;
                answer
            };
            let counted = requests.clone().count(answer);
            async { Ok::<_, Infallible>(counted.await) }
        })
    };
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_SIZE)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        // As below.
        biased;
        result = &mut connection => return result,
        () = closing.cancelled() => {}
        () = requests.none_for(limit) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        result = &mut connection => result,
        () = requests.none_left_for(limit) => Ok(()),
    }
}

/// Polls a connection to its end; once `closing` is there, to the end of the requests that run then.
async fn drive<C: GracefulConnection<Error = hyper::Error>>(
    connection: C,
    closing: CancellationToken,
) -> Result<(), hyper::Error> {
    let mut connection = pin!(connection);
    tokio::select! {
        // First the connection: a request that has come already is answered.
        biased;
        result = &mut connection => result,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Resolves when a client that connected a moment before the end has had the time to send a request, which is answered:
/// that it shall come again.
pub async fn past_last_call(closing: &CancellationToken) {
    closing.cancelled().await;
    tokio::time::sleep(LAST_CALL).await;
}

enum Version {
    Http1,
    Http2,
}

/// Reads until the first bytes tell the version. What was read is given back.
async fn sniff(io: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(Version, Vec<u8>)> {
    let mut read = Vec::with_capacity(PREFACE.len());
    loop {
        let common = read.iter().zip(PREFACE).take_while(|(ours, theirs)| ours == theirs).count();
        if common == PREFACE.len() {
            return Ok((Version::Http2, read));
        }
        if common < read.len() {
            return Ok((Version::Http1, read));
        }
        let rest = PREFACE.len() - read.len();
        if (&mut *io).take(rest as u64).read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::gauge::Gauge;
    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::access::Access;
    use crate::cli::Args;
    use crate::config::{AccessConfig, Config};
    use crate::http::{Admission, App, Door, Monitor, Peer};
    use crate::store::disk::Disk;
    use crate::upload::{ClientLimits, Rules, Uploads};

    #[tokio::test]
    async fn the_first_bytes_tell_the_version_however_they_come() {
        for (pieces, is_http2) in [
            (&["POST /files/ HTTP/1.1\r\n"][..], false),
            (&["P", "O"], false),
            (&["PRI * HTTP/1.1\r\n"], false),
            (&["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "frames"], true),
            (&["PRI * HT", "TP/2.0\r\n\r\n", "SM\r\n\r\n"], true),
        ] {
            let mut io = tokio_test_io(pieces);
            let (version, read) = sniff(&mut io).await.unwrap();
            assert_eq!(matches!(version, Version::Http2), is_http2, "{pieces:?}");
            assert!(pieces.concat().as_bytes().starts_with(&read));
        }
        assert!(sniff(&mut tokio_test_io(&["PRI"])).await.is_err());
    }

    fn current(dir: &std::path::Path) -> Arc<Current> {
        let config = Config::from_args(Args::from_flags(&[])).unwrap();
        let rules = Rules {
            max_size: None,
            expire_after: None,
            fill_expire_after: None,
            verify: false,
            clients: ClientLimits::default(),
            checkpoint: Rules::CHECKPOINT,
        };
        let disk = Disk::open(dir, config.disk.clone()).unwrap();
        let uploads = Uploads::new(disk.clone(), rules);
        let monitor = Arc::new(Monitor::new(&uploads, disk, Gauge::default(), CancellationToken::new()));
        Arc::new(Current::new(App {
            config,
            access: Access::load(&AccessConfig::default()).unwrap(),
            uploads,
            monitor,
        }))
    }

    fn entrance(admission: Admission) -> Entrance {
        Entrance { peer: Peer::Ip([192, 0, 2, 1].into()), door: Door::Public, admission }
    }

    #[tokio::test]
    async fn a_request_on_its_way_when_the_daemon_stops_is_answered() {
        const REQUEST: &[u8] = b"OPTIONS /files/ HTTP/1.1\r\nHost: a\r\n\r\n";
        let dir = tempfile::tempdir().unwrap();
        let current = current(dir.path());
        // What is ready first is a matter of chance if it is not a matter of order.
        for round in 0..20 {
            for has_asked_before in [false, true] {
                let (mut client, server) = tokio::io::duplex(4096);
                let closing = CancellationToken::new();
                let current = Arc::clone(&current);
                tokio::spawn(serve(current, server, entrance(Admission::Welcome), closing.clone()));
                if has_asked_before {
                    client.write_all(REQUEST).await.unwrap();
                    let mut answer = [0; 4096];
                    assert_ne!(client.read(&mut answer).await.unwrap(), 0);
                    client.write_all(REQUEST).await.unwrap();
                    closing.cancel();
                } else {
                    closing.cancel();
                    tokio::task::yield_now().await;
                    client.write_all(REQUEST).await.unwrap();
                }
                let mut answer = String::new();
                client.read_to_string(&mut answer).await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 204 "), "{round} {has_asked_before}: {answer:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_crowded_address_is_told_so_and_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let current = current(dir.path());
        for request in [
            "POST /files/ HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\nUpload-Length: 1\r\n\r\n",
            "OPTIONS /files/ HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\n\r\n",
        ] {
            let (mut client, server) = tokio::io::duplex(4096);
            let closing = CancellationToken::new();
            tokio::spawn(serve(Arc::clone(&current), server, entrance(Admission::Crowded), closing));
            client.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            // To its end: the connection is closed.
            client.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.contains("ERR_TOO_MANY_CONNECTIONS: "), "{answer}");
            for header in ["retry-after: 5", "access-control-allow-origin: *", "connection: close"] {
                assert!(answer.contains(header), "{header} in {answer}");
            }
        }
    }

    /// Each piece comes by itself, then the end.
    fn tokio_test_io(pieces: &[&str]) -> impl AsyncRead + Unpin + use<> {
        let mut io: Box<dyn AsyncRead + Unpin> = Box::new(tokio::io::empty());
        for piece in pieces.iter().rev() {
            io = Box::new(std::io::Cursor::new(piece.as_bytes().to_vec()).chain(io));
        }
        io
    }
}
