//! The one place where an error becomes a status line.

use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::body::ResponseBody;

/// An answer on its way out.
pub type Answer = Response<ResponseBody>;

/// A refusal or a failure, as an adapter's error table says it.
#[derive(Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// Stable, for programs and for searching the log: `ERR_…`.
    pub code: &'static str,
    /// A sentence for people, without any path of the server.
    pub message: String,
    /// Seconds after which it may go better; only for what passes.
    pub retry_after: Option<u32>,
    /// Further headers of the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem that stays until the request changes.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None, headers: Vec::new() }
    }

    /// A problem that passes by itself: the client shall come again.
    #[must_use]
    pub fn passing(status: StatusCode, code: &'static str, message: impl Into<String>, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(status, code, message) }
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Nothing lives at this path.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", "there is nothing here")
    }

    /// The client's address has as many connections open as it may. This one ends with the answer.
    #[must_use]
    pub fn crowded() -> Self {
        let message = "your address has too many connections open; close some and come again";
        Self::passing(StatusCode::SERVICE_UNAVAILABLE, "ERR_TOO_MANY_CONNECTIONS", message, 5)
            .with(CONNECTION, HeaderValue::from_static("close"))
    }

    /// The resource knows other methods only.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("this resource takes {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "ERR_METHOD_NOT_ALLOWED", message)
            .with(ALLOW, HeaderValue::from_static(allow))
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let mut answer =
            Response::new(ResponseBody::from(format!("{}: {}\n", problem.code, problem.message)));
        *answer.status_mut() = problem.status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = problem.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        for (name, value) in problem.headers {
            headers.insert(name, value);
        }
        answer
    }
}

/// An answer without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(ResponseBody::empty());
    *answer.status_mut() = status;
    answer
}
