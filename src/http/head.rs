//! A request's head in memory of its own.

use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderValue, Uri};

/// Copies what hyper hands over as slices of its read buffer. One slice keeps the whole buffer alive, and hyper then takes
/// a second one for the body: 8 KiB more for each client that takes hours over it.
pub(super) fn detach(head: &mut Parts) {
    let len = head.headers.values().map(HeaderValue::len).sum();
    let mut values = BytesMut::with_capacity(len);
    head.headers.values().for_each(|value| values.extend_from_slice(value.as_bytes()));
    let mut values = values.freeze();
    for value in head.headers.values_mut() {
        // What was a value before is one again.
        if let Ok(copy) = HeaderValue::from_maybe_shared(values.split_to(value.len())) {
            *value = copy;
        }
    }
    if let Ok(copy) = Uri::try_from(head.uri.to_string()) {
        head.uri = copy;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;

    #[test]
    fn nothing_of_the_read_buffer_is_kept_and_nothing_of_the_head_is_lost() {
        for target in ["/files/3f0c?a=b", "http://up.example.com:8080/files/", "*"] {
            let lines = ["one", "", "other", "\u{e4}"];
            let buffer = Bytes::from([&lines.concat(), target].concat());
            let mut rest = buffer.clone();
            let mut request = Request::new(());
            for line in lines {
                let value = HeaderValue::from_maybe_shared(rest.split_to(line.len())).unwrap();
                request.headers_mut().append("x-line", value);
            }
            *request.uri_mut() = Uri::from_maybe_shared(rest).unwrap();
            let (mut head, ()) = request.into_parts();
            assert!(!buffer.is_unique());

            detach(&mut head);

            assert!(buffer.is_unique(), "{target}");
            let kept: Vec<_> = head.headers.get_all("x-line").iter().map(HeaderValue::as_bytes).collect();
            assert_eq!(kept, lines.map(str::as_bytes));
            assert_eq!(head.uri.to_string(), target);
        }
    }
}
