//! What a request is called in the log, here and at the proxies in front of us.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// Where it stands, in requests and answers.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer than anybody's, and short enough for a line of the log.
const LONGEST: usize = 128;

/// The name of a request: what its sender calls it, or a name of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId(String);

impl RequestId {
    /// Takes the name from a request's head. One that could be mistaken for something else in a log is replaced.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
        given.filter(|id| is_safe(id)).map_or_else(Self::new, |id| Self(id.to_owned()))
    }

    /// A name of our own: a random number for this process, and the number of the request.
    fn new() -> Self {
        static PROCESS: OnceLock<u32> = OnceLock::new();
        static COUNT: AtomicU64 = AtomicU64::new(1);
        // Without random numbers the process's own will do: it need not be secret.
        let process = PROCESS.get_or_init(|| getrandom::u32().unwrap_or_else(|_| std::process::id()));
        Self(format!("{process:08x}-{:x}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// As the value of a header.
    pub(super) fn value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_safe(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(&byte);
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(given).unwrap());
        RequestId::of(&headers).to_string()
    }

    #[test]
    fn names_of_the_usual_kinds_are_taken_over() {
        let longest = "x".repeat(LONGEST);
        for given in ["a", "6f0c1e1e-97d6-4f6e-8a3b-0e8c0d5b9d3e", "Root=1-67891233:a/b+c.d_e@f", &longest] {
            assert_eq!(of(given.as_bytes()), given);
        }
    }

    #[test]
    fn what_could_be_mistaken_is_replaced() {
        let long = "x".repeat(LONGEST + 1);
        let given = [b"".as_slice(), b"a b", b"a\"b", b"a{b}", b"\xff", b"a\tb", long.as_bytes()];
        for given in given {
            let id = of(given);
            assert!(id.as_bytes() != given && is_safe(&id), "{id}");
        }
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}
