//! GET of a finished upload (RFC 9110 sections 8, 13, 14; RFC 6266 and RFC 8187 for the name).
//!
//! What was uploaded is somebody's, not ours: nothing of it may run in a browser under our origin. So only media that
//! can't hold a program are shown, everything else is saved; `nosniff` keeps browsers from guessing otherwise, and the
//! sandbox from obeying if one does.

use ::headers::{
    AcceptRanges, ContentLength, ContentRange, ETag, HeaderMapExt as _, IfModifiedSince, IfNoneMatch,
    IfRange, LastModified,
};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Call;
use super::body::ResponseBody;
use super::respond::{Answer, Problem, empty};
use crate::upload::{Upload, UploadError};

/// RFC 8187 section 3.2.1: `attr-char`, besides letters and digits.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Media types that browsers show without running anything in them.
const PASSIVE: [&str; 22] = [
    "audio/aac",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/plain",
    "video/mp4",
    "video/mpeg",
    "video/ogg",
    "video/quicktime",
    "video/webm",
    "video/x-matroska",
    "image/tiff",
];

/// Answers GET.
///
/// # Errors
/// The outer one: the file can't be read. The inner one: the request can't be met.
pub async fn answer(call: &Call, upload: Upload) -> Result<Result<Answer, Problem>, UploadError> {
    let (etag, modified) = validators(&upload);
    if is_not_modified(&call.headers, etag.as_ref(), modified) {
        let mut answer = empty(StatusCode::NOT_MODIFIED);
        describe_validators(answer.headers_mut(), &upload);
        return Ok(Ok(answer));
    }
    let length = upload.offset;
    let range = match requested_range(&call.headers, etag.as_ref(), modified, length) {
        Requested::Whole => None,
        Requested::Part(start, end) => Some((start, end)),
        Requested::Nothing => {
            let message = format!("the file has {length} bytes");
            let problem =
                Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "ERR_RANGE_NOT_SATISFIABLE", message);
            let mut scratch = HeaderMap::new();
            scratch.typed_insert(ContentRange::unsatisfied_bytes(length));
            return Ok(Err(scratch.into_iter().fold(problem, |problem, (name, value)| match name {
                Some(name) => problem.with(name, value),
                None => problem,
            })));
        }
    };
    let (start, end) = range.unwrap_or((0, length));
    let stream = call.uploads.read(&upload, start..end).await?;
    let mut answer = Response::new(ResponseBody::File { stream, left: end - start });
    let headers = answer.headers_mut();
    describe(headers, &upload);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.typed_insert(ContentLength(end - start));
    if range.is_some() {
        if let Ok(content_range) = ContentRange::bytes(start..end, length) {
            headers.typed_insert(content_range);
        }
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(Ok(answer))
}

/// The headers of a finished file, the same for GET and HEAD.
pub fn describe(headers: &mut HeaderMap, upload: &Upload) {
    describe_validators(headers, upload);
    headers.typed_insert(AcceptRanges::bytes());
    headers.typed_insert(ContentLength(upload.offset));
    let media_type = upload.metadata.media_type().map(str::to_ascii_lowercase);
    let passive = media_type.as_deref().and_then(|given| PASSIVE.iter().find(|passive| **passive == given));
    let (media_type, disposition) = match passive {
        Some(media_type) => (*media_type, "inline"),
        None => ("application/octet-stream", "attachment"),
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let name = upload.metadata.file_name().unwrap_or_default();
    if let Ok(value) = HeaderValue::try_from(content_disposition(disposition, name)) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
}

fn describe_validators(headers: &mut HeaderMap, upload: &Upload) {
    let (etag, modified) = validators(upload);
    headers.extend(
        etag.map(|etag| {
            let mut scratch = HeaderMap::new();
            scratch.typed_insert(etag);
            scratch
        })
        .unwrap_or_default(),
    );
    headers.typed_insert(modified);
}

/// A finished upload never changes, so its name tells its contents.
fn validators(upload: &Upload) -> (Option<ETag>, LastModified) {
    let etag = format!("\"{}\"", upload.id).parse().ok();
    (etag, LastModified::from(std::time::SystemTime::from(upload.modified)))
}

/// RFC 9110 section 13.2.2: `If-None-Match` decides; `If-Modified-Since` only where it is absent.
fn is_not_modified(headers: &HeaderMap, etag: Option<&ETag>, modified: LastModified) -> bool {
    match (headers.typed_get::<IfNoneMatch>(), headers.typed_get::<IfModifiedSince>()) {
        (Some(none_match), _) => etag.is_some_and(|etag| !none_match.precondition_passes(etag)),
        (None, Some(since)) => !since.is_modified(modified.into()),
        (None, None) => false,
    }
}

enum Requested {
    Whole,
    /// From the first byte to before the second.
    Part(u64, u64),
    Nothing,
}

/// RFC 9110 section 14.2: a range that can't be read, or is one of many, is ignored; a condition that fails too.
fn requested_range(
    headers: &HeaderMap,
    etag: Option<&ETag>,
    modified: LastModified,
    length: u64,
) -> Requested {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Requested::Whole;
    };
    match headers.typed_try_get::<IfRange>() {
        Ok(Some(condition)) if condition.is_modified(etag, Some(&modified)) => Requested::Whole,
        Ok(_) => parse_range(range, length).unwrap_or(Requested::Whole),
        Err(_) => Requested::Whole,
    }
}

/// RFC 9110 section 14.1.2; `None`: not one range of bytes. (The `headers` crate refuses a suffix that is longer than
/// the file, which means the whole file.)
fn parse_range(text: &str, length: u64) -> Option<Requested> {
    let (first, last) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    let (start, end) = match (first, last) {
        ("", suffix) => (length.saturating_sub(number(suffix)?), length),
        (first, "") => (number(first)?, length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(length))
        }
    };
    Some(if start < end { Requested::Part(start, end) } else { Requested::Nothing })
}

/// RFC 6266: an ASCII name for old readers, and the real one by RFC 8187.
fn content_disposition(kind: &str, name: &str) -> String {
    // Browsers take the last part of a path; so do we, before they can disagree on what a separator is.
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() {
        return kind.to_owned();
    }
    let plain =
        |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    if ascii == name {
        return format!("{kind}; filename=\"{ascii}\"");
    }
    let encoded = utf8_percent_encode(name, NOT_ATTR_CHAR);
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_in_every_alphabet_and_break_out_of_nothing() {
        for (name, header) in [
            ("", "attachment"),
            ("a b.txt", "attachment; filename=\"a b.txt\""),
            ("ü.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC.txt"),
            ("文.zip", "attachment; filename=\"_.zip\"; filename*=UTF-8''%E6%96%87.zip"),
            ("a\"; x=\"b", "attachment; filename=\"a_; x=_b\"; filename*=UTF-8''a%22%3B%20x%3D%22b"),
            ("../../etc/passwd", "attachment; filename=\"passwd\""),
            (
                "a\r\nSet-Cookie: x",
                "attachment; filename=\"a__Set-Cookie: x\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x",
            ),
        ] {
            assert_eq!(content_disposition("attachment", name), header);
        }
    }
}
