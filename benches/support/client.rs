//! The requests of the bench, in the two dialects it knows. Every server of a dialect gets the same bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::support::Failure;
use crate::support::wire::{Connection, Endpoint};

/// How a server wants to be given a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// tus 1.0 with creation and creation-with-upload.
    Tus,
    /// One PUT under a name that the client chooses, as WebDAV has it. Nothing can be resumed.
    Put,
}

/// Names for PUT; they stay below the first path of the endpoint.
static NAMES: AtomicU64 = AtomicU64::new(0);

/// A client for one server; connections are opened per upload or kept, as the caller likes.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) dialect: Dialect,
    pub(crate) endpoint: Endpoint,
}

impl Client {
    /// Makes the upload resource for `length` bytes and returns its path.
    pub(crate) fn create(&self, length: u64) -> Result<String, Failure> {
        if self.dialect == Dialect::Put {
            return Ok(self.new_name());
        }
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nTus-Resumable: 1.0.0\r\nUpload-Length: {length}\r\n\
             Content-Length: 0\r\n\r\n",
            self.endpoint.path, self.endpoint.authority
        );
        let answer = Connection::open(&self.endpoint)?.ask(request.as_bytes())?.expect(&[201])?;
        answer.location.ok_or_else(|| "a creation without Location".into())
    }

    /// Fills the resource at `path` with one request on a connection that is open already.
    pub(crate) fn fill(
        &self,
        connection: &mut Connection,
        path: &str,
        pattern: &[u8],
        length: u64,
        until: Instant,
    ) -> Result<(), Failure> {
        let host = &self.endpoint.authority;
        match self.dialect {
            Dialect::Tus => {
                let head = format!(
                    "PATCH {path} HTTP/1.1\r\nHost: {host}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
                     Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n"
                );
                let answer = connection.stream(head.as_bytes(), pattern, length, until)?;
                answer.expect(&[204])?.expect_offset(length)?;
            }
            Dialect::Put => {
                let head = format!("PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
                connection.stream(head.as_bytes(), pattern, length, until)?.expect(&[201, 204])?;
            }
        }
        Ok(())
    }

    /// Asks how much the server has: the check that needs no look at its directory.
    pub(crate) fn expect_length(&self, path: &str, length: u64) -> Result<(), Failure> {
        if self.dialect == Dialect::Put {
            return Ok(());
        }
        self.plain("HEAD", path)?.expect(&[200, 204])?.expect_offset(length)?;
        Ok(())
    }

    /// Removes an upload from a server whose directory is not ours to empty; whether that worked.
    pub(crate) fn delete(&self, path: &str) -> bool {
        self.plain("DELETE", path).and_then(|answer| answer.expect(&[204])).is_ok()
    }

    fn plain(&self, method: &str, path: &str) -> Result<crate::support::wire::Answer, Failure> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nTus-Resumable: 1.0.0\r\nContent-Length: 0\r\n\r\n",
            self.endpoint.authority
        );
        Connection::open(&self.endpoint)?.ask(request.as_bytes())
    }

    fn new_name(&self) -> String {
        format!(
            "{}bench-{}-{}",
            self.endpoint.path,
            std::process::id(),
            NAMES.fetch_add(1, Ordering::Relaxed)
        )
    }
}

/// Whole small uploads, one request each, over a kept connection.
pub(crate) struct SmallUploads<'a> {
    client: &'a Client,
    connection: Connection,
    /// Head and body in one piece, so that a request is one `send`. For PUT made anew each time, with a new name.
    request: Vec<u8>,
    body: &'a [u8],
}

impl<'a> SmallUploads<'a> {
    pub(crate) fn open(client: &'a Client, body: &'a [u8]) -> Result<Self, Failure> {
        let connection = Connection::open(&client.endpoint)?;
        let Endpoint { authority, path, .. } = &client.endpoint;
        let length = body.len();
        let mut request = Vec::new();
        if client.dialect == Dialect::Tus {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {authority}\r\nTus-Resumable: 1.0.0\r\nUpload-Length: {length}\r\n\
                 Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n"
            );
            request.extend_from_slice(head.as_bytes());
            request.extend_from_slice(body);
        }
        Ok(Self { client, connection, request, body })
    }

    /// One more upload, checked; returns its path.
    pub(crate) fn next(&mut self) -> Result<String, Failure> {
        let length = self.body.len();
        let (answer, path) = match self.client.dialect {
            Dialect::Tus => {
                let answer = self.connection.ask(&self.request)?.expect(&[201])?;
                let mut answer = answer.expect_offset(u64::try_from(length)?)?;
                let path = answer.location.take().ok_or("a creation without Location")?;
                (answer, path)
            }
            Dialect::Put => {
                let path = self.client.new_name();
                self.request.clear();
                let host = &self.client.endpoint.authority;
                let head = format!("PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
                self.request.extend_from_slice(head.as_bytes());
                self.request.extend_from_slice(self.body);
                (self.connection.ask(&self.request)?.expect(&[201, 204])?, path)
            }
        };
        if answer.closes {
            self.connection = Connection::open(&self.client.endpoint)?;
        }
        Ok(path)
    }
}
