//! One HTTP/2 connection (prior knowledge, no TLS), down to its frames: trailers and resets are what it is for.

use std::{future::poll_fn, time::Duration};

use bytes::Bytes;
use h2::{Reason, SendStream, client};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

use crate::{
    case::{Verdict, fail},
    client::{Body, Endpoint, Request, Response},
};

/// An open connection.
pub(crate) struct Http2 {
    sender: client::SendRequest<Bytes>,
    driver: JoinHandle<()>,
    authority: String,
    limit: Duration,
}

/// A request whose body the case still writes.
pub(crate) struct Stream {
    body: SendStream<Bytes>,
    answer: client::ResponseFuture,
    limit: Duration,
}

impl Http2 {
    /// Connects and shakes hands.
    pub(crate) async fn open(endpoint: &Endpoint, limit: Duration) -> Verdict<Self> {
        let work = async {
            let stream = TcpStream::connect(&endpoint.address).await.map_err(|error| error.to_string())?;
            let _ = stream.set_nodelay(true);
            let (sender, connection) = client::handshake(stream).await.map_err(|error| error.to_string())?;
            let driver = tokio::spawn(async move {
                // How the connection ends shows in the streams.
                let _ = connection.await;
            });
            Ok(Self { sender, driver, authority: endpoint.authority.clone(), limit })
        };
        bounded(limit, "the HTTP/2 handshake", work).await
    }

    /// Sends the request, body and trailers, and reads the answer.
    pub(crate) async fn exchange(&self, request: &Request) -> Verdict<Response> {
        let (frames, trailers) = match &request.body {
            Body::None => (Vec::new(), Vec::new()),
            Body::Sized(bytes) | Body::Announced { bytes, .. } => (vec![bytes.clone()], Vec::new()),
            Body::Chunked { chunks, trailers } => (chunks.clone(), trailers.clone()),
            Body::Unfinished { chunks } => (chunks.clone(), Vec::new()),
        };
        let mut stream = self.start(request).await?;
        for frame in frames {
            // A refused stream shows in its answer.
            if stream.write(frame).await.is_err() {
                break;
            }
        }
        stream.end(&trailers);
        stream.answer().await
    }

    /// Sends the head; the body is the case's to write.
    pub(crate) async fn start(&self, request: &Request) -> Verdict<Stream> {
        let mut head = http::Request::builder()
            .method(request.method.as_str())
            .uri(format!("http://{}{}", self.authority, request.target));
        for (name, value) in &request.headers {
            let lower = name.to_ascii_lowercase();
            if lower != "connection" && lower != "host" {
                head = head.header(lower, value.as_str());
            }
        }
        if let Body::Sized(bytes) = &request.body {
            head = head.header("content-length", bytes.len());
        }
        let head =
            head.body(()).or_else(|error| fail(format!("the case's own request is malformed: {error}")))?;
        let work = async {
            let mut sender = self.sender.clone().ready().await.map_err(|error| error.to_string())?;
            let (answer, body) = sender.send_request(head, false).map_err(|error| error.to_string())?;
            Ok(Stream { body, answer, limit: self.limit })
        };
        bounded(self.limit, "sending the request", work).await
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Stream {
    /// Sends bytes as the window allows.
    pub(crate) async fn write(&mut self, bytes: Vec<u8>) -> Verdict {
        let work = async {
            let mut rest = Bytes::from(bytes);
            while !rest.is_empty() {
                self.body.reserve_capacity(rest.len());
                let room = match poll_fn(|context| self.body.poll_capacity(context)).await {
                    Some(Ok(room)) => room.min(rest.len()),
                    Some(Err(error)) => return Err(error.to_string()),
                    None => return Err("the stream is closed".to_owned()),
                };
                self.body.send_data(rest.split_to(room), false).map_err(|error| error.to_string())?;
            }
            Ok(())
        };
        bounded(self.limit, "sending the body", work).await
    }

    /// Ends the body, with trailers when there are any.
    pub(crate) fn end(&mut self, trailers: &[(String, String)]) {
        let mut map = HeaderMap::new();
        for (name, value) in trailers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()))
            {
                map.append(name, value);
            }
        }
        // A refused stream shows in its answer.
        let _ = if map.is_empty() {
            self.body.send_data(Bytes::new(), true)
        } else {
            self.body.send_trailers(map)
        };
    }

    /// Cuts the stream off.
    pub(crate) fn reset(mut self) {
        self.body.send_reset(Reason::CANCEL);
    }

    /// Reads the answer.
    pub(crate) async fn answer(self) -> Verdict<Response> {
        let work = async {
            let (head, mut body) = self.answer.await.map_err(|error| error.to_string())?.into_parts();
            let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            let mut response = Response { status: head.status.as_u16(), headers, ..Response::default() };
            while let Some(frame) = body.data().await {
                // After an early answer a server may reset the stream; the answer stands.
                let Ok(frame) = frame else { break };
                let _ = body.flow_control().release_capacity(frame.len());
                response.body.extend_from_slice(&frame);
            }
            Ok(response)
        };
        bounded(self.limit, "waiting for the answer", work).await
    }
}

async fn bounded<T>(
    limit: Duration,
    doing: &str,
    work: impl Future<Output = Result<T, String>>,
) -> Verdict<T> {
    match timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => fail(format!("{doing} failed over HTTP/2: {error}")),
        Err(_) => fail(format!("{doing} took longer than {} s over HTTP/2", limit.as_secs_f32())),
    }
}
