//! One HTTP/1.1 connection with blocking system calls and nothing between: the client shares the machine with the
//! server under measurement, so every cycle that it saves makes the figures more the server's.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::support::{Failure, head};

/// A server that moves no byte for so long is stuck.
const STALL: Duration = Duration::from_secs(60);

/// Where a server takes uploads.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    /// As it goes into the `Host` field.
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Endpoint {
    /// Takes an `http://` URL apart. Only addresses of this machine are let through: a bench is a flood of requests.
    pub(crate) fn parse(url: &str) -> Result<Self, Failure> {
        let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url} is no http:// URL"))?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        let named = if authority.rsplit(']').next().is_some_and(|tail| tail.contains(':')) {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        };
        let address = named
            .to_socket_addrs()
            .map_err(|error| format!("{url}: {error}"))?
            .find(|address| address.ip().is_loopback())
            .ok_or_else(|| {
                format!("{url} is not on the loopback interface; the bench sends load nowhere else")
            })?;
        Ok(Self { address, authority: authority.to_owned(), path: path.to_owned() })
    }
}

/// What the bench wants to know of a response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) offset: Option<u64>,
    /// The path of `Location`, whether that was given with or without scheme and authority.
    pub(crate) location: Option<String>,
    /// The server will take no other request on this connection.
    pub(crate) closes: bool,
    /// What a server says of an error, for the person who reads the failure.
    body: Vec<u8>,
}

impl Answer {
    /// Accepts exactly these statuses and quotes any other.
    pub(crate) fn expect(self, statuses: &[u16]) -> Result<Self, Failure> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        Err(format!("{self} where {statuses:?} was due").into())
    }

    /// Accepts exactly this `Upload-Offset`.
    pub(crate) fn expect_offset(self, offset: u64) -> Result<Self, Failure> {
        if self.offset == Some(offset) {
            return Ok(self);
        }
        Err(format!("Upload-Offset is {:?} where {offset} was due", self.offset).into())
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {} “{}”", self.status, String::from_utf8_lossy(&self.body).trim())
    }
}

/// A kept connection and the bytes of the current response.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(endpoint: &Endpoint) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&endpoint.address, STALL)
            .map_err(|error| format!("{}: {error}", endpoint.address))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(STALL))?;
        stream.set_write_timeout(Some(STALL))?;
        Ok(Self { stream, received: Vec::with_capacity(8 * 1024) })
    }

    /// Sends a request that is one piece, and reads the answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        self.stream.write_all(request)?;
        self.answer(request.starts_with(b"HEAD"))
    }

    /// Sends a head and then `length` bytes, which are `pattern` over and over, and reads the answer.
    pub(crate) fn stream(
        &mut self,
        head: &[u8],
        pattern: &[u8],
        length: u64,
        until: Instant,
    ) -> Result<Answer, Failure> {
        self.stream.write_all(head)?;
        let mut left = length;
        while left > 0 {
            if Instant::now() > until {
                return Err(format!("out of time with {left} of {length} bytes to send").into());
            }
            let piece = usize::try_from(left).unwrap_or(usize::MAX).min(pattern.len());
            match self.stream.write_all(pattern.get(..piece).unwrap_or_default()) {
                Ok(()) => left -= u64::try_from(piece)?,
                // A server that refuses in the middle has mostly said why before it closed.
                Err(error) => {
                    return match self.answer(false) {
                        Ok(answer) => Err(format!("before the end of the body: {answer}").into()),
                        Err(_) => Err(format!("{error} with {left} of {length} bytes to send").into()),
                    };
                }
            }
        }
        // A sync of gigabytes to a real disk may take longer than any stall.
        let rest = until.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        self.stream.set_read_timeout(Some(rest))?;
        self.answer(false)
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads one response: nothing of a next one is there, since the next request is not sent yet.
    pub(crate) fn answer(&mut self, to_head: bool) -> Result<Answer, Failure> {
        self.received.clear();
        let head_length = loop {
            if let Some(length) = head::head_length(&self.received) {
                break length;
            }
            self.receive()?;
        };
        let (head, body) = self.received.split_at_checked(head_length).ok_or("no head")?;
        // "HTTP/1.1 204 No Content": the code stands at bytes 9 to 11.
        let status =
            head.get(9..12).and_then(|code| str::from_utf8(code).ok()?.parse().ok()).ok_or("no status")?;
        let mut answer = Answer {
            status,
            offset: head::number(head, "Upload-Offset"),
            location: head::field(head, "Location").map(path_of),
            closes: head::field(head, "Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
            body: Vec::new(),
        };
        let length = head::number(head, "Content-Length");
        let chunked = head::field(head, "Transfer-Encoding").is_some();
        let mut got = body.len();

        if to_head || status == 204 || status == 304 {
            return Ok(answer);
        }
        // No server sends more here than a sentence, so the end of a chunked body is found by its last line alone.
        while match length {
            Some(length) => u64::try_from(got)? < length,
            None if chunked => !self.received.ends_with(b"0\r\n\r\n"),
            None => false,
        } {
            got += self.receive()?;
        }
        answer.body.extend_from_slice(self.received.get(head_length..).unwrap_or_default());
        Ok(answer)
    }

    /// Adds to `received` what has arrived, and says how much that was.
    fn receive(&mut self) -> Result<usize, Failure> {
        let mut piece = [0_u8; 4096];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err("the server closed the connection without an answer".into()),
                Ok(got) => {
                    self.received.extend_from_slice(piece.get(..got).unwrap_or_default());
                    return Ok(got);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err("no answer in time".into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn path_of(location: &str) -> String {
    let path = location.split_once("://").and_then(|(_, rest)| rest.get(rest.find('/')?..));
    path.unwrap_or(location).to_owned()
}
