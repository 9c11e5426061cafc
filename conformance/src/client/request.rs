//! A request as it will stand on the wire, byte for byte.

/// The body, and how its length is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// No body and no header about it.
    None,
    /// `Content-Length` and these bytes.
    Sized(Vec<u8>),
    /// `Content-Length: length`, of which only these bytes are sent (the case goes on, stalls or hangs up).
    Announced { length: u64, bytes: Vec<u8> },
    /// HTTP/1.1 chunks, the last chunk, and the trailers.
    Chunked { chunks: Vec<Vec<u8>>, trailers: Vec<(String, String)> },
    /// HTTP/1.1 chunks without the last one: a body that is not over.
    Unfinished { chunks: Vec<Vec<u8>> },
}

/// A request. Header lines are kept in order and may repeat.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: Body::None }
    }

    /// Adds a header line, beside others of its name.
    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// Adds header lines.
    pub(crate) fn headers(self, lines: &[(&str, &str)]) -> Self {
        lines.iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    /// Removes every header line of this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self
    }

    /// Puts this header line in place of every other of its name.
    pub(crate) fn set(self, name: &str, value: impl ToString) -> Self {
        self.without(name).header(name, value)
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn bytes(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body(Body::Sized(bytes.into()))
    }

    /// A chunked body in frames of the given sizes, taken in turn until the bytes are used up.
    pub(crate) fn chunked(self, bytes: &[u8], sizes: &[usize]) -> Self {
        self.body(Body::Chunked { chunks: cut(bytes, sizes), trailers: Vec::new() })
    }

    /// A chunked body in two frames that is followed by one trailer.
    pub(crate) fn trailed(self, bytes: &[u8], name: &str, value: &str) -> Self {
        let chunks = cut(bytes, &[bytes.len().div_ceil(2).max(1)]);
        self.header("Trailer", name)
            .body(Body::Chunked { chunks, trailers: vec![(name.into(), value.into())] })
    }

    /// Request line and header lines, with the ones that frame the body.
    pub(crate) fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match &self.body {
            Body::None => {}
            Body::Sized(bytes) => head.push_str(&format!("Content-Length: {}\r\n", bytes.len())),
            Body::Announced { length, .. } => head.push_str(&format!("Content-Length: {length}\r\n")),
            Body::Chunked { .. } | Body::Unfinished { .. } => head.push_str("Transfer-Encoding: chunked\r\n"),
        }
        head.push_str("\r\n");
        head
    }

    /// The body's bytes as they stand on the wire, in the pieces in which they are written.
    pub(crate) fn pieces(&self) -> Vec<Vec<u8>> {
        match &self.body {
            Body::None => Vec::new(),
            Body::Sized(bytes) | Body::Announced { bytes, .. } => vec![bytes.clone()],
            Body::Unfinished { chunks } => chunks.iter().map(|chunk| frame(chunk)).collect(),
            Body::Chunked { chunks, trailers } => {
                let mut pieces: Vec<Vec<u8>> = chunks.iter().map(|chunk| frame(chunk)).collect();
                let mut end = String::from("0\r\n");
                for (name, value) in trailers {
                    end.push_str(&format!("{name}: {value}\r\n"));
                }
                end.push_str("\r\n");
                pieces.push(end.into_bytes());
                pieces
            }
        }
    }

    /// What a reader of the report needs to see of it.
    pub(crate) fn summary(&self) -> String {
        let hidden = ["host", "connection"];
        let mut text = format!("{} {}", self.method, clipped(&self.target));
        for (name, value) in &self.headers {
            let secret = name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("cookie");
            if !hidden.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                let value = if secret { "(hidden)".to_owned() } else { clipped(value) };
                text.push_str(&format!("\n{name}: {value}"));
            }
        }
        match &self.body {
            Body::None => {}
            Body::Sized(bytes) => text.push_str(&format!("\n[{} bytes]", bytes.len())),
            Body::Announced { length, bytes } => {
                text.push_str(&format!("\n[{length} bytes announced, {} sent with the head]", bytes.len()));
            }
            Body::Chunked { chunks, trailers } => {
                let total: usize = chunks.iter().map(Vec::len).sum();
                text.push_str(&format!("\n[{total} bytes in {} chunks]", chunks.len()));
                for (name, value) in trailers {
                    text.push_str(&format!("\n{name}: {value} (trailer)"));
                }
            }
            Body::Unfinished { chunks } => {
                let total: usize = chunks.iter().map(Vec::len).sum();
                text.push_str(&format!("\n[{total} bytes in {} chunks, not ended]", chunks.len()));
            }
        }
        text
    }
}

/// One HTTP/1.1 chunk.
pub(crate) fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    framed
}

/// Cuts bytes into frames of the given sizes, taken in turn.
pub(crate) fn cut(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (frame, after) = rest.split_at((*size).clamp(1, rest.len()));
        frames.push(frame.to_vec());
        rest = after;
    }
    frames
}

/// A text short enough for a report.
pub(crate) fn clipped(text: &str) -> String {
    let limit = 200;
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    format!("{}… ({} bytes)", text.chars().take(limit).collect::<String>(), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_exact_bytes() {
        let request = Request::new("PATCH", "/a").header("A", "1").header("A", " 2").bytes("hello");
        assert_eq!(request.head(), "PATCH /a HTTP/1.1\r\nA: 1\r\nA:  2\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(request.pieces(), [b"hello".to_vec()]);
        assert_eq!(Request::new("GET", "/").head(), "GET / HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn frames_chunks_and_trailers() {
        let request = Request::new("PATCH", "/").trailed(b"hello", "Sum", "x");
        assert_eq!(request.pieces().concat(), b"3\r\nhel\r\n2\r\nlo\r\n0\r\nSum: x\r\n\r\n");
        assert_eq!(request.head(), "PATCH / HTTP/1.1\r\nTrailer: Sum\r\nTransfer-Encoding: chunked\r\n\r\n");
        let open = Request::new("PATCH", "/").body(Body::Unfinished { chunks: vec![b"abc".to_vec()] });
        assert_eq!(open.pieces().concat(), b"3\r\nabc\r\n");
    }

    #[test]
    fn cuts_into_odd_frames() {
        assert_eq!(cut(b"abcdef", &[1, 3]), [b"a".to_vec(), b"bcd".to_vec(), b"e".to_vec(), b"f".to_vec()]);
        assert!(cut(b"", &[4]).is_empty());
    }

    #[test]
    fn set_replaces_and_summary_hides_secrets() {
        let request = Request::new("HEAD", "/").header("A", 1).header("a", 2).set("A", 3);
        assert_eq!(request.headers, [("A".to_owned(), "3".to_owned())]);
        assert!(!Request::new("HEAD", "/").header("Authorization", "s3cret").summary().contains("s3cret"));
    }
}
