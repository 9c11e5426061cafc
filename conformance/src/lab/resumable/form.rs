//! Forms and query strings, byte for byte as browsers write them.

/// A `multipart/form-data` body that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    boundary: String,
    bytes: Vec<u8>,
}

/// Looks like the one of a browser.
pub(crate) const BOUNDARY: &str = "----WebKitFormBoundaryQ7sP0xVbN3tYkLm2";

impl Form {
    pub(crate) fn new(boundary: &str) -> Self {
        Self { boundary: boundary.into(), bytes: Vec::new() }
    }

    /// A text field.
    pub(crate) fn field(self, name: &str, value: &[u8]) -> Self {
        self.part(&format!("Content-Disposition: form-data; name=\"{}\"\r\n", escaped(name)), value)
    }

    /// A file field; `media_type` is the part's own.
    pub(crate) fn file(self, name: &str, file_name: &[u8], media_type: Option<&str>, bytes: &[u8]) -> Self {
        let mut head =
            format!("Content-Disposition: form-data; name=\"{}\"; filename=\"", escaped(name)).into_bytes();
        for byte in file_name {
            match byte {
                b'"' => head.extend_from_slice(b"%22"),
                b'\r' => head.extend_from_slice(b"%0D"),
                b'\n' => head.extend_from_slice(b"%0A"),
                other => head.push(*other),
            }
        }
        head.extend_from_slice(b"\"\r\n");
        if let Some(media_type) = media_type {
            head.extend_from_slice(format!("Content-Type: {media_type}\r\n").as_bytes());
        }
        self.part_of_bytes(&head, bytes)
    }

    /// A part with these header lines, each with its line end.
    pub(crate) fn part(self, head: &str, bytes: &[u8]) -> Self {
        self.part_of_bytes(head.as_bytes(), bytes)
    }

    fn part_of_bytes(mut self, head: &[u8], bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(format!("--{}\r\n", self.boundary).as_bytes());
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// Bytes as they are, outside of any part.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The form with its end.
    pub(crate) fn end(self) -> Vec<u8> {
        let end = format!("--{}--\r\n", self.boundary);
        self.raw(end.as_bytes()).bytes
    }

    /// The form as far as it is written.
    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.bytes
    }
}

fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a text field: browsers write every line end as CR LF.
pub(crate) fn field_value(value: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(value.len());
    let mut rest = value.iter().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'\r' => {
                rest.next_if(|next| **next == b'\n');
                written.extend_from_slice(b"\r\n");
            }
            b'\n' => written.extend_from_slice(b"\r\n"),
            other => written.push(*other),
        }
    }
    written
}

/// As `encodeURIComponent` writes it.
pub(crate) fn percent_encoded(value: &[u8]) -> String {
    let mut text = String::new();
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_written_as_browsers_do() {
        let form = Form::new("B").field("a", b"1").file("file", b"q\".txt", Some("text/plain"), b"x").end();
        let wanted = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
            --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"q%22.txt\"\r\n\
            Content-Type: text/plain\r\n\r\nx\r\n--B--\r\n";
        assert_eq!(String::from_utf8(form).unwrap(), wanted);
        assert_eq!(Form::new("B").raw(b"x").unfinished(), b"x");
    }

    #[test]
    fn line_ends_of_fields_are_made_the_same() {
        assert_eq!(field_value(b"a\nb\rc\r\nd\r"), b"a\r\nb\r\nc\r\nd\r\n");
    }

    #[test]
    fn what_is_not_plain_is_encoded() {
        assert_eq!(percent_encoded("a b/ü(1).txt".as_bytes()), "a%20b%2F%C3%BC(1).txt");
        assert_eq!(percent_encoded(&[0, 255]), "%00%FF");
    }
}
