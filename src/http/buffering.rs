//! Notices a proxy that buffers requests: it takes a whole body in before it passes a byte of it on. Then nothing can be
//! resumed that breaks off before it, and nobody knows why.
//!
//! A body that comes through a proxy faster than lines are has lain there. One may be a client next door; several in a row,
//! and no slow one among them, are told in the log, once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::HeaderMap;
use http::header::{FORWARDED, VIA};

/// Smaller bodies come at once by themselves.
const SMALLEST: u64 = 4 << 20;

/// Bytes a second that no client's line brings, or hardly any.
const FASTEST_LINE: u64 = 400 << 20;

/// How many bodies in a row make sure.
const ENOUGH: u32 = 3;

/// What has come through proxies so far.
#[derive(Default)]
pub(super) struct Buffering {
    at_once: AtomicU32,
}

impl Buffering {
    /// Notes a body that has come, and says so when it is clear by now that a proxy buffers.
    pub(super) fn note(&self, headers: &HeaderMap, bytes: u64, took: Duration) {
        if is_forwarded(headers) && self.is_clear(bytes, took) {
            tracing::warn!(
                "bodies come through the proxy all at once: it seems to buffer them, so what breaks off can't be resumed; \
                 switch request buffering off there (nginx: proxy_request_buffering off)"
            );
        }
    }

    /// `true`: once, when the last of enough bodies in a row has come.
    fn is_clear(&self, bytes: u64, took: Duration) -> bool {
        if bytes < SMALLEST {
            return false;
        }
        let at_line_speed = Duration::from_secs_f64(bytes as f64 / FASTEST_LINE as f64);
        if took > at_line_speed {
            // After it was said once it is not said again.
            let _ = self
                .at_once
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < ENOUGH).then_some(0));
            return false;
        }
        self.at_once.fetch_add(1, Ordering::Relaxed) + 1 == ENOUGH
    }
}

/// Whether a proxy says that it is one. Nothing depends on it but a line in the log, so it may be anybody.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key("x-forwarded-for") || headers.contains_key(FORWARDED) || headers.contains_key(VIA)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::from_millis(5);
    const BY_A_LINE: Duration = Duration::from_millis(80);

    fn said(bodies: &[(u64, Duration)]) -> usize {
        let buffering = Buffering::default();
        bodies.iter().filter(|(bytes, took)| buffering.is_clear(*bytes, *took)).count()
    }

    #[test]
    fn several_bodies_in_a_row_that_come_at_once_are_told_once() {
        let size = 8 << 20;
        assert_eq!(said(&[(size, AT_ONCE); 2]), 0);
        assert_eq!(said(&[(size, AT_ONCE); 3]), 1);
        assert_eq!(said(&[(size, AT_ONCE); 30]), 1);
        let again = [&[(size, AT_ONCE); 3][..], &[(size, BY_A_LINE)], &[(size, AT_ONCE); 3]].concat();
        assert_eq!(said(&again), 1);
    }

    #[test]
    fn a_healthy_line_is_no_proxy_that_buffers() {
        let size = 8 << 20;
        assert_eq!(said(&[(size, BY_A_LINE); 30]), 0);
        assert_eq!(said(&[(1 << 20, AT_ONCE); 30]), 0, "a small body always comes at once");
        let mixed: Vec<_> =
            [(size, AT_ONCE), (size, AT_ONCE), (size, BY_A_LINE)].into_iter().cycle().take(30).collect();
        assert_eq!(said(&mixed), 0, "somebody next door, and somebody who is not");
    }

    #[test]
    fn who_comes_without_a_proxy_is_as_fast_as_he_likes() {
        let headers = HeaderMap::new();
        assert!(!is_forwarded(&headers));
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        assert!(is_forwarded(&headers));
    }
}
