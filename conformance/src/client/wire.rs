//! One HTTP/1.1 connection in the hands of a case: it decides which bytes are sent when, and how it ends.

use std::{future::Future, io, time::Duration};

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    case::{Verdict, fail},
    client::{Endpoint, Request, Response, reader},
};

/// An open connection.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    method: String,
    limit: Duration,
}

impl Wire {
    /// Connects.
    pub(crate) async fn open(endpoint: &Endpoint, limit: Duration) -> Verdict<Self> {
        let stream = bounded(limit, "connecting", TcpStream::connect(&endpoint.address)).await?;
        // Each write is to be seen by the server when the case makes it.
        let _ = stream.set_nodelay(true);
        Ok(Self { stream, buffer: Vec::new(), method: String::new(), limit })
    }

    /// Sends the request, head and body, and reads the answer while doing so: a server may answer early.
    pub(crate) async fn exchange(&mut self, request: &Request) -> Verdict<Response> {
        self.method.clone_from(&request.method);
        let head = request.head();
        let pieces = request.pieces();
        let (mut read, mut write) = self.stream.split();
        let writing = async {
            // An error here is the server's early end; the answer, or its absence, says more.
            if write.write_all(head.as_bytes()).await.is_err() {
                return;
            }
            for piece in &pieces {
                if write.write_all(piece).await.is_err() {
                    return;
                }
            }
        };
        let reading = reader::read_response(&mut read, &mut self.buffer, &self.method);
        let both = async {
            tokio::pin!(reading);
            tokio::select! {
                biased;
                answer = &mut reading => answer,
                () = writing => reading.await,
            }
        };
        bounded(self.limit, "waiting for the answer", both).await
    }

    /// Sends the head and what the body holds so far; the answer is not awaited.
    pub(crate) async fn send(&mut self, request: &Request) -> Verdict {
        self.method.clone_from(&request.method);
        let mut bytes = request.head().into_bytes();
        bytes.extend(request.pieces().concat());
        self.write(&bytes).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Verdict {
        bounded(self.limit, "sending", self.stream.write_all(bytes)).await
    }

    /// Sends bytes and does not mind when the server has hung up.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) {
        let _ = timeout(self.limit, self.stream.write_all(bytes)).await;
    }

    /// Reads the final response.
    pub(crate) async fn answer(&mut self) -> Verdict<Response> {
        let reading = reader::read_response(&mut self.stream, &mut self.buffer, &self.method);
        bounded(self.limit, "waiting for the answer", reading).await
    }

    /// Waits until the server says anything, and gives the status (1xx included) without using it up.
    pub(crate) async fn first_status(&mut self) -> Verdict<u16> {
        let reading = reader::peek_status(&mut self.stream, &mut self.buffer);
        bounded(self.limit, "waiting for an interim or final answer", reading).await
    }

    /// Hangs up in order (FIN), after a moment in which what was sent arrives.
    pub(crate) async fn finish(mut self) {
        sleep(MOMENT).await;
        let _ = self.stream.shutdown().await;
    }

    /// Hangs up hard (RST), after a moment in which what was sent arrives.
    pub(crate) async fn reset(self) {
        sleep(MOMENT).await;
        let _ = self.stream.set_zero_linger();
    }
}

/// Long enough for a loopback or a LAN to deliver what was written; no case depends on its being exact.
const MOMENT: Duration = Duration::from_millis(300);

async fn bounded<T>(limit: Duration, doing: &str, work: impl Future<Output = io::Result<T>>) -> Verdict<T> {
    match timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => fail(format!("{doing} failed: {error}")),
        Err(_) => fail(format!("{doing} took longer than {} s", limit.as_secs_f32())),
    }
}
