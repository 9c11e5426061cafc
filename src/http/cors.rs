//! What browsers are told about pages of other origins (WHATWG Fetch, "HTTP-network-or-cache fetch" and CORS).
//!
//! Every answer carries it, errors above all: a page that may not read an error shows its user "network error" and can
//! never recover.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

use crate::config::{Config, Scope};

const METHODS: HeaderValue = HeaderValue::from_static("POST, HEAD, PATCH, DELETE, OPTIONS, GET, PUT");

/// Request headers of the clients in use, beyond those that need no permission.
const REQUEST_HEADERS: &str = "Authorization, Cache-Control, Content-Type, If-Match, If-None-Match, If-Range, Range, Tus-Resumable, \
     Upload-Checksum, Upload-Concat, Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset, \
     X-HTTP-Method-Override, X-Request-ID, X-Requested-With";

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Location, Retry-After, \
     Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Checksum, \
     Upload-Concat, Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset, X-Request-ID",
);

/// How long a browser may remember a preflight, in seconds; browsers cap it as they like.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// The request asks for permission and for nothing else.
#[must_use]
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Those, and the one that tells users apart if the settings name one.
fn request_headers(config: &Config) -> HeaderValue {
    let with_scope = match &config.resumable.scope {
        Some(Scope::Header(name)) => HeaderValue::try_from(format!("{REQUEST_HEADERS}, {name}")).ok(),
        _ => None,
    };
    with_scope.unwrap_or(HeaderValue::from_static(REQUEST_HEADERS))
}

/// Adds to an answer what the settings say to the request's origin.
pub(super) fn apply(config: &Config, request: &HeaderMap, preflight: bool, answer: &mut HeaderMap) {
    let policy = &config.cors;
    let any = policy.allows_any();
    if !any {
        answer.append(VARY, HeaderValue::from_static("Origin"));
    }
    let Some(origin) = request.get(ORIGIN) else { return };
    if !origin.to_str().is_ok_and(|origin| policy.allows(origin)) {
        return;
    }
    answer.insert(
        ACCESS_CONTROL_ALLOW_ORIGIN,
        if any { HeaderValue::from_static("*") } else { origin.clone() },
    );
    if policy.credentials {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if preflight {
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, request_headers(config));
        answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    } else {
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
