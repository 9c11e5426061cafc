//! Where an answer ends. That is for the method on the line to say, whatever the client means by it.

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method};
use http_body::Body as _;

use super::body::ResponseBody;
use super::respond::Answer;

/// Makes an answer one to the method that was asked with (RFC 9110, section 9.3.2). hyper leaves the body of an answer to
/// HEAD out over HTTP/1 alone; over HTTP/2 it sends it, and clients end the stream with an error.
pub(super) fn fit(answer: &mut Answer, asked: &Method, meant: &Method) {
    if asked == Method::HEAD {
        let size = answer.body().size_hint().exact().filter(|size| *size > 0);
        *answer.body_mut() = ResponseBody::empty();
        if let Some(size) = size {
            answer.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(size));
        }
    } else if meant == Method::HEAD {
        // It is the length of a body that does not come; hyper tells that of the one that does.
        answer.headers_mut().remove(CONTENT_LENGTH);
    }
}
