//! The little of HTTP/1.1 that both ends of the bench read: where a head ends, and one field of it.

/// The length of the head in `bytes`, its empty line included; `None` while the empty line is not there yet.
pub(crate) fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|start| start + 4)
}

/// The value of the first field with this name, in whatever case it was sent.
pub(crate) fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    // The first line is the request or status line; skipping it keeps "HTTP/1.1 200 a: b" from being a field.
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (found, value) = line.split_at_checked(colon)?;
        found.eq_ignore_ascii_case(name.as_bytes()).then_some(())?;
        str::from_utf8(value.get(1..)?).ok().map(str::trim)
    })
}

/// The same, for fields that carry a number.
pub(crate) fn number(head: &[u8], name: &str) -> Option<u64> {
    field(head, name)?.parse().ok()
}
