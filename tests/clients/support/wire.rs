//! The smallest tus client that can resume: one request per connection, one retry after the other.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::daemon::BASE_PATH;

/// Ends a request that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The head of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    fn offset(&self) -> Option<u64> {
        self.header("Upload-Offset")?.parse().ok()
    }
}

/// Sends a request with a body of `length` bytes, and reads the head of its answer.
pub(crate) fn request(
    server: SocketAddr,
    line: &str,
    headers: &str,
    length: u64,
    body: impl Read,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {server}\r\nTus-Resumable: 1.0.0\r\nContent-Length: {length}\r\n\
         Connection: close\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut body = BufReader::with_capacity(256 * 1024, body.take(length));
    io::copy(&mut body, &mut stream)?;
    let mut answer = String::new();
    let mut lines = BufReader::new(stream);
    while lines.read_line(&mut answer)? > 2 {}
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status in {answer:?}")))?;
    Ok(Answer { status, head: answer })
}

/// Asks an upload for its state.
pub(crate) fn head(server: SocketAddr, path: &str) -> io::Result<Answer> {
    request(server, &format!("HEAD {path}"), "", 0, io::empty())
}

/// The file's name as `Upload-Metadata`.
fn metadata(name: &str) -> String {
    use base64::Engine as _;
    format!("filename {}", base64::engine::general_purpose::STANDARD.encode(name))
}

/// Uploads a file, whatever the network does, as long as every request brings the upload forward. Answers how many
/// requests with bytes it took.
pub(crate) fn upload(server: SocketAddr, file: &Path, name: &str) -> u64 {
    let length = file.metadata().unwrap().len();
    let headers = format!("Upload-Length: {length}\r\nUpload-Metadata: {}\r\n", metadata(name));
    let created = request(server, &format!("POST {BASE_PATH}"), &headers, 0, io::empty()).unwrap();
    assert_eq!(created.status, 201, "{}", created.head);
    let path = created.header("Location").unwrap().to_owned();
    let mut reached = 0;
    for appends in 0.. {
        let now = settled_offset(server, &path);
        if now == length {
            return appends;
        }
        assert!(appends == 0 || now > reached, "append {appends} brought nothing: the offset is {now}");
        reached = now;
        let mut rest = File::open(file).unwrap();
        rest.seek(SeekFrom::Start(now)).unwrap();
        let headers = format!("Upload-Offset: {now}\r\nContent-Type: application/offset+octet-stream\r\n");
        if let Ok(answer) = request(server, &format!("PATCH {path}"), &headers, length - now, rest) {
            let passes = matches!(answer.status, 204 | 409 | 423 | 500..);
            assert!(passes, "a client would give up at this:\n{}", answer.head);
        }
    }
    unreachable!("the loop has no end of its own")
}

/// The offset, as a client asks for it that has just lost its connection.
fn settled_offset(server: SocketAddr, path: &str) -> u64 {
    let answer = head(server, path).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.head);
    answer.offset().unwrap()
}
