//! HTTP/1.1 as bytes on a socket, so that a test decides what is sent when.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::PATIENCE;

/// One connection to the daemon.
pub(crate) struct Wire {
    socket: Socket,
    /// Read and not yet part of an answer.
    ahead: Vec<u8>,
    /// The answer to HEAD has no body, whatever its Content-Length says.
    last_was_head: bool,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// An answer, or an interim one.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The one value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        let mut values =
            self.headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert_eq!(values.next(), None, "{name} stands twice in {self:?}");
        first
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `ERR_…`, which the body of every refusal begins with; empty otherwise.
    pub(crate) fn code(&self) -> String {
        let text = self.text();
        text.split(':').next().filter(|code| code.starts_with("ERR_")).unwrap_or_default().to_owned()
    }

    /// `Upload-Offset`.
    pub(crate) fn offset(&self) -> Option<u64> {
        self.header("Upload-Offset").map(|offset| offset.parse().unwrap())
    }

    /// Fails the test unless the answer has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.text(), self.headers);
        self
    }

    /// Fails the test unless the answer has this status and code.
    #[track_caller]
    pub(crate) fn expect_code(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{} {:?}", self.text(), self.headers);
        self
    }
}

/// The head of a request as text. `headers` are lines; what every tus request carries is added unless a line gives it
/// another value, or takes it away with a `-` in front of its name.
pub(crate) fn head(method: &str, path: &str, headers: &str, len: Option<usize>) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    let given: Vec<&str> = headers.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut defaults = vec![("Host", "upload.test".to_owned()), ("Tus-Resumable", "1.0.0".to_owned())];
    if method == "PATCH" {
        defaults.push(("Content-Type", "application/offset+octet-stream".to_owned()));
    }
    if let Some(len) = len.filter(|_| !headers.contains("chunked")) {
        defaults.push(("Content-Length", len.to_string()));
    }
    for (name, value) in defaults {
        let names = |line: &&str| {
            let line = line.trim_start_matches('-').split(':').next().unwrap();
            line.eq_ignore_ascii_case(name)
        };
        if !given.iter().any(names) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for line in given.iter().filter(|line| !line.starts_with('-')) {
        text.push_str(&format!("{line}\r\n"));
    }
    text + "\r\n"
}

impl Wire {
    pub(crate) fn tcp(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket: Socket::Tcp(socket), ahead: Vec::new(), last_was_head: false }
    }

    pub(crate) fn unix(socket: UnixStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { socket: Socket::Unix(socket), ahead: Vec::new(), last_was_head: false }
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).unwrap();
    }

    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(socket) => socket.write_all(bytes.as_ref()),
            Socket::Unix(socket) => socket.write_all(bytes.as_ref()),
        }
    }

    /// Sends a request's head, with the length of a body that follows.
    #[track_caller]
    pub(crate) fn send_head(&mut self, method: &str, path: &str, headers: &str, len: Option<usize>) {
        self.try_send_head(method, path, headers, len).unwrap();
    }

    pub(crate) fn try_send_head(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        len: Option<usize>,
    ) -> io::Result<()> {
        self.last_was_head = method == "HEAD";
        self.try_send(head(method, path, headers, len))
    }

    /// Sends one piece of a chunked body.
    #[track_caller]
    pub(crate) fn send_chunk(&mut self, bytes: &[u8]) {
        self.send(format!("{:x}\r\n", bytes.len()));
        self.send(bytes);
        self.send("\r\n");
    }

    /// Says that no more bytes will come; the answer can still be read.
    pub(crate) fn finish(&self) {
        match &self.socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write).unwrap(),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write).unwrap(),
        }
    }

    /// Closes with RST, as a crashing or unplugged client does.
    pub(crate) fn reset(self) {
        let Socket::Tcp(socket) = &self.socket else { panic!("only TCP knows RST") };
        rustix::net::sockopt::set_socket_linger(socket.as_fd(), Some(std::time::Duration::ZERO)).unwrap();
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let read = match &mut self.socket {
            Socket::Tcp(socket) => socket.read(&mut buffer)?,
            Socket::Unix(socket) => socket.read(&mut buffer)?,
        };
        self.ahead.extend_from_slice(&buffer[..read]);
        Ok(read)
    }

    /// Reads one answer, interim ones too.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().unwrap_or_else(|error| {
            panic!("no answer: {error}; read {:?}", String::from_utf8_lossy(&self.ahead))
        })
    }

    pub(crate) fn try_answer(&mut self) -> io::Result<Answer> {
        let end = loop {
            if let Some(at) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if self.read_more()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let text = String::from_utf8(self.ahead[..end].to_vec()).unwrap();
        self.ahead.drain(..end + 4);
        let mut lines = text.split("\r\n");
        let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let has_body = status >= 200 && status != 204 && status != 304 && !self.last_was_head;
        if has_body {
            let len: usize = answer.header("Content-Length").unwrap().parse().unwrap();
            while self.ahead.len() < len {
                if self.read_more()? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            answer.body = self.ahead.drain(..len).collect();
        }
        Ok(answer)
    }

    /// Whether anything comes. Only to be used where nothing shall come, however long one waits.
    pub(crate) fn has_answer_within(&mut self, time: std::time::Duration) -> bool {
        let Socket::Tcp(socket) = &self.socket else { panic!("only for TCP") };
        socket.set_read_timeout(Some(time)).unwrap();
        let read = self.read_more();
        let Socket::Tcp(socket) = &self.socket else { panic!("only for TCP") };
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        match read {
            Ok(_) => true,
            Err(error) => {
                let is_over = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut].contains(&error.kind());
                assert!(is_over, "{error}");
                false
            }
        }
    }

    /// Waits for the first byte of an answer and reads no further.
    #[track_caller]
    pub(crate) fn peek(&mut self) {
        let Socket::Tcp(socket) = &self.socket else { panic!("only for TCP") };
        assert_eq!(socket.peek(&mut [0]).unwrap(), 1);
    }

    /// Waits until the daemon closes the connection, and answers what it sent before that.
    #[track_caller]
    pub(crate) fn until_closed(&mut self) -> String {
        loop {
            match self.read_more() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("the connection was not closed: {error}"),
            }
        }
        String::from_utf8_lossy(&self.ahead).into_owned()
    }
}
