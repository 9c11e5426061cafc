//! Reads HTTP/1.1 responses off a connection, as little and as strictly as a black-box suite needs.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::client::Response;

const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// Reads one final response; interim ones (1xx) are noted in it. What was read too far stays in `buffer`.
pub(crate) async fn read_response<R>(
    stream: &mut R,
    buffer: &mut Vec<u8>,
    method: &str,
) -> io::Result<Response>
where
    R: AsyncRead + Unpin,
{
    let mut interim = Vec::new();
    loop {
        let head = read_head(stream, buffer).await?;
        let (status, headers) = parse_head(&head)?;
        let mut response = Response { status, interim: interim.clone(), headers, body: Vec::new() };
        if (100..200).contains(&status) && status != 101 {
            interim.push(status);
            continue;
        }
        if method != "HEAD" && status != 204 && status != 304 {
            response.body = read_body(stream, buffer, &response).await?;
        }
        return Ok(response);
    }
}

/// Reads one interim or final head and gives its status: for a client that waits for `100 Continue`.
pub(crate) async fn peek_status<R>(stream: &mut R, buffer: &mut Vec<u8>) -> io::Result<u16>
where
    R: AsyncRead + Unpin,
{
    let end = fill_head(stream, buffer).await?;
    let head = buffer.get(..end).unwrap_or_default().to_vec();
    Ok(parse_head(&head)?.0)
}

async fn fill_head<R: AsyncRead + Unpin>(stream: &mut R, buffer: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(at + 4);
        }
        if buffer.len() > HEAD_LIMIT {
            return Err(broken("the response's head is larger than 64 KiB"));
        }
        more(stream, buffer, "the connection ended before the response's head was complete").await?;
    }
}

async fn read_head<R: AsyncRead + Unpin>(stream: &mut R, buffer: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let end = fill_head(stream, buffer).await?;
    Ok(buffer.drain(..end).collect())
}

async fn read_body<R>(stream: &mut R, buffer: &mut Vec<u8>, response: &Response) -> io::Result<Vec<u8>>
where
    R: AsyncRead + Unpin,
{
    if response.list("Transfer-Encoding").iter().any(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return read_chunks(stream, buffer).await;
    }
    if let Some(length) = response.get("Content-Length") {
        let length: usize = length.parse().map_err(|_| broken("Content-Length is not a number"))?;
        return take(stream, buffer, length).await;
    }
    while buffer.len() <= BODY_LIMIT {
        match more(stream, buffer, "").await {
            Ok(()) => {}
            Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(std::mem::take(buffer))
}

async fn read_chunks<R: AsyncRead + Unpin>(stream: &mut R, buffer: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream, buffer).await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| broken("a chunk's size is not a number"))?;
        if size == 0 {
            while !read_line(stream, buffer).await?.is_empty() {}
            return Ok(body);
        }
        body.extend(take(stream, buffer, size).await?);
        if body.len() > BODY_LIMIT {
            return Err(broken("the response's body is larger than 64 MiB"));
        }
        if !read_line(stream, buffer).await?.is_empty() {
            return Err(broken("a chunk is longer than it says"));
        }
    }
}

async fn read_line<R: AsyncRead + Unpin>(stream: &mut R, buffer: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(at) = buffer.windows(2).position(|window| window == b"\r\n") {
            let line: Vec<u8> = buffer.drain(..at + 2).take(at).collect();
            return Ok(String::from_utf8_lossy(&line).into_owned());
        }
        more(stream, buffer, "the connection ended in the middle of a chunk's line").await?;
    }
}

async fn take<R: AsyncRead + Unpin>(
    stream: &mut R,
    buffer: &mut Vec<u8>,
    length: usize,
) -> io::Result<Vec<u8>> {
    if length > BODY_LIMIT {
        return Err(broken("the response's body is larger than 64 MiB"));
    }
    while buffer.len() < length {
        more(stream, buffer, "the connection ended in the middle of the response's body").await?;
    }
    Ok(buffer.drain(..length).collect())
}

async fn more<R: AsyncRead + Unpin>(stream: &mut R, buffer: &mut Vec<u8>, at_end: &str) -> io::Result<()> {
    match stream.read_buf(buffer).await? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, at_end.to_owned())),
        _ => Ok(()),
    }
}

fn parse_head(head: &[u8]) -> io::Result<(u16, Vec<(String, String)>)> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| {
        let (version, rest) = line.split_once(' ')?;
        let digits = rest.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        version.starts_with("HTTP/1.").then(|| digits.parse().ok())?
    });
    let status = status.ok_or_else(|| broken("the status line is not one of HTTP/1.1"))?;
    let mut headers = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a header line has no colon"))?;
        if name.is_empty() || name.contains([' ', '\t']) {
            return Err(broken("a header's name is malformed"));
        }
        headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
    Ok((status, headers))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8], method: &str) -> io::Result<Response> {
        let mut stream = bytes;
        read_response(&mut stream, &mut Vec::new(), method).await
    }

    #[tokio::test]
    async fn reads_sized_chunked_and_endless_bodies() {
        let sized = read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET").await.unwrap();
        assert_eq!((sized.status, sized.body.as_slice()), (200, &b"hi"[..]));
        let chunked = b"HTTP/1.1 400 \r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nT: 1\r\n\r\n";
        assert_eq!(read(chunked, "GET").await.unwrap().body, b"hi");
        let endless = read(b"HTTP/1.1 200 OK\r\n\r\nto the end", "GET").await.unwrap();
        assert_eq!(endless.body, b"to the end");
    }

    #[tokio::test]
    async fn knows_what_has_no_body() {
        let bytes = b"HTTP/1.1 204 No Content\r\nA:  b \r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        let (mut stream, mut buffer) = (&bytes[..], Vec::new());
        let first = read_response(&mut stream, &mut buffer, "PATCH").await.unwrap();
        assert_eq!((first.status, first.get("a")), (204, Some("b")));
        let second = read_response(&mut stream, &mut buffer, "HEAD").await.unwrap();
        assert_eq!((second.status, second.body.len()), (200, 0));
    }

    #[tokio::test]
    async fn notes_interim_responses() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
        let response = read(bytes, "POST").await.unwrap();
        assert_eq!((response.interim.as_slice(), response.status), (&[100][..], 201));
        let (mut stream, mut buffer) = (&bytes[..], Vec::new());
        assert_eq!(peek_status(&mut stream, &mut buffer).await.unwrap(), 100);
        assert_eq!(read_response(&mut stream, &mut buffer, "POST").await.unwrap().status, 201);
    }

    #[tokio::test]
    async fn refuses_what_is_not_http() {
        let broken: [&[u8]; 7] = [
            b"",
            b"HTTP/1.1 200",
            b"SMTP 200 OK\r\n\r\n",
            b"HTTP/1.1 2x0 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ];
        for bytes in broken {
            assert!(read(bytes, "GET").await.is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
