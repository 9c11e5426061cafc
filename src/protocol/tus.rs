//! tus 1.0.0 (`protocol.md` of the tus project), complete: core, creation, creation-with-upload,
//! creation-defer-length, expiration, checksum, checksum-trailer, termination, concatenation and
//! concatenation-unfinished.

mod create;
mod errors;
#[doc(hidden)]
pub mod fuzzing;
mod headers;

use ::headers::{HeaderMapExt as _, HeaderValue};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, TRAILER};
use http::{HeaderMap, Method, StatusCode};

use self::errors::problem;
use self::headers::{
    TUS_CHECKSUM_ALGORITHM, TUS_EXTENSION, TUS_MAX_SIZE, TUS_RESUMABLE, TUS_VERSION, UPLOAD_CONCAT,
    UPLOAD_EXPIRES, UPLOAD_METADATA, UploadChecksum, UploadDeferLength, UploadLength, UploadOffset,
};
use crate::config::Features;
use crate::http::download;
use crate::http::{Answer, App, Call, Problem, RequestBody, RequestPieces, empty};
use crate::upload::{Algorithm, Append, Body, ChecksumPlan, Kind, State, Upload, UploadError, UploadId};

/// The one version this server speaks.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");

const OFFSET_OCTET_STREAM: &str = "application/offset+octet-stream";

/// The method that the client means: some environments can't send all of them (tus 1.0.0, "X-HTTP-Method-Override").
#[must_use]
pub fn meant_method(method: &Method, headers: &HeaderMap) -> Method {
    let meant =
        headers.get("x-http-method-override").and_then(|value| Method::from_bytes(value.as_bytes()).ok());
    meant.unwrap_or_else(|| method.clone())
}

/// Adds what every tus answer carries, errors included (tus 1.0.0, "Tus-Resumable").
pub fn mark(answer: &mut Answer) {
    answer.headers_mut().insert(&TUS_RESUMABLE, VERSION);
}

/// Why an upload's offset can't be told at the moment: whatever it is, as 423. tus-js-client, and Uppy with it, takes any
/// other refusal of a HEAD for the end of the upload, 503 too, and begins a new one from zero.
#[must_use]
pub fn offset_untold(problem: Problem) -> Problem {
    match problem.retry_after {
        Some(_) => Problem { status: StatusCode::LOCKED, ..problem },
        None => problem,
    }
}

/// A request to the collection.
///
/// # Errors
/// As an answer.
pub async fn collection(app: &App, call: &Call) -> Result<Answer, Problem> {
    match call.method {
        Method::OPTIONS => Ok(options(app)),
        Method::POST => {
            check_version(&call.headers)?;
            create::create(app, call).await
        }
        _ => Err(Problem::method_not_allowed("OPTIONS, POST")),
    }
}

/// A request to one upload.
///
/// # Errors
/// As an answer.
pub async fn upload(app: &App, call: &Call, id: UploadId) -> Result<Answer, Problem> {
    match call.method {
        Method::OPTIONS => Ok(options(app)),
        Method::GET if app.config.features.download => {
            let upload = call.uploads.readable(id).await.map_err(|error| fail(&error))?;
            download::answer(call, upload).await.map_err(|error| fail(&error))?
        }
        Method::HEAD => {
            check_version(&call.headers)?;
            let upload =
                call.uploads.inspect(id).await.map_err(|error| fail(&error).with(CACHE_CONTROL, NO_STORE))?;
            Ok(head(app, &upload))
        }
        Method::PATCH => {
            check_version(&call.headers)?;
            patch(call, id).await
        }
        Method::DELETE if app.config.features.termination => {
            check_version(&call.headers)?;
            call.uploads.terminate(id).await.map_err(|error| fail(&error))?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Err(Problem::method_not_allowed(allowed(app.config.features))),
    }
}

/// A request below the collection that names no upload.
#[must_use]
pub fn no_upload(call: &Call) -> Problem {
    match check_version(&call.headers) {
        Err(problem) if !matches!(call.method, Method::GET | Method::OPTIONS) => problem,
        _ => fail(&UploadError::NotFound),
    }
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

fn allowed(features: Features) -> &'static str {
    match (features.download, features.termination) {
        (true, true) => "OPTIONS, HEAD, GET, PATCH, DELETE",
        (true, false) => "OPTIONS, HEAD, GET, PATCH",
        (false, true) => "OPTIONS, HEAD, PATCH, DELETE",
        (false, false) => "OPTIONS, HEAD, PATCH",
    }
}

/// What this server can do (tus 1.0.0, "OPTIONS").
#[must_use]
pub fn options(app: &App) -> Answer {
    let mut answer = empty(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    headers.insert(&TUS_VERSION, VERSION);
    let mut extensions =
        "creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer".to_owned();
    if app.config.expire_after.is_none() {
        extensions = extensions.replace("expiration,", "");
    }
    if app.config.features.termination {
        extensions.push_str(",termination");
    }
    if app.config.features.concatenation {
        extensions.push_str(",concatenation,concatenation-unfinished");
    }
    headers.extend(HeaderValue::from_str(&extensions).ok().map(|value| (TUS_EXTENSION.clone(), value)));
    if let Some(max) = app.config.max_size {
        headers.insert(&TUS_MAX_SIZE, HeaderValue::from(max));
    }
    let algorithms = Algorithm::ALL.map(Algorithm::name).join(",");
    headers
        .extend(HeaderValue::from_str(&algorithms).ok().map(|value| (TUS_CHECKSUM_ALGORITHM.clone(), value)));
    answer
}

/// tus 1.0.0, "Tus-Resumable": anything else than a version we speak is refused and not processed.
fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    let mut given = headers.get_all(&TUS_RESUMABLE).iter();
    if (given.next(), given.next()) == (Some(&VERSION), None) {
        return Ok(());
    }
    let message = "send the header Tus-Resumable: 1.0.0, the version of tus that this server speaks";
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, "ERR_UNSUPPORTED_VERSION", message)
        .with(TUS_VERSION.clone(), VERSION))
}

/// tus 1.0.0, "HEAD".
fn head(app: &App, upload: &Upload) -> Answer {
    let mut answer = empty(StatusCode::OK);
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, NO_STORE);
    // "Concatenation": a final upload has no offset before it is put together.
    if upload.state != State::Assembling {
        headers.typed_insert(UploadOffset(upload.offset));
    }
    match (upload.length.known(), &upload.kind) {
        (Some(length), _) => headers.typed_insert(UploadLength(length)),
        (None, Kind::Final { .. }) => {}
        (None, _) => headers.typed_insert(UploadDeferLength),
    }
    let metadata = upload.metadata.as_given();
    if !metadata.is_empty() {
        headers.extend(HeaderValue::from_str(metadata).ok().map(|value| (UPLOAD_METADATA.clone(), value)));
    }
    let concat = match &upload.kind {
        Kind::Whole => None,
        Kind::Partial => Some("partial"),
        Kind::Final { as_given, .. } => Some(as_given.as_str()),
    };
    let concat = concat.and_then(|concat| HeaderValue::from_str(concat).ok());
    headers.extend(concat.map(|concat| (UPLOAD_CONCAT.clone(), concat)));
    tell_expiry(headers, upload);
    if app.config.features.download && upload.is_complete() {
        download::describe(headers, upload);
    }
    answer
}

/// tus 1.0.0, "PATCH".
async fn patch(call: &Call, id: UploadId) -> Result<Answer, Problem> {
    let headers = &call.headers;
    if !is_upload_body(headers) {
        let message = format!("send the bytes as Content-Type: {OFFSET_OCTET_STREAM}");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "ERR_INVALID_CONTENT_TYPE", message));
    }
    let offset = headers.typed_try_get::<UploadOffset>().ok().flatten().ok_or_else(|| {
        let message = "Upload-Offset must be there once and be a number of bytes";
        Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_OFFSET", message)
    })?;
    let length = read_length(headers)?;
    let body = read_body(call)?;
    let append = Append { id, offset: offset.0, length: length.map(|length| length.0), body };
    let upload = call.uploads.append(append).await.map_err(|error| fail(&error))?;
    let mut answer = empty(StatusCode::NO_CONTENT);
    answer.headers_mut().typed_insert(UploadOffset(upload.offset));
    tell_expiry(answer.headers_mut(), &upload);
    Ok(answer)
}

fn is_upload_body(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A parameter (axios adds a charset) does not change what it is.
    let essence = given.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(OFFSET_OCTET_STREAM)
}

fn read_length(headers: &HeaderMap) -> Result<Option<UploadLength>, Problem> {
    headers.typed_try_get::<UploadLength>().map_err(|_| {
        let message = "Upload-Length must stand once and be a number of bytes";
        Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_UPLOAD_LENGTH", message)
    })
}

/// The body with its checksum, if it has one (tus 1.0.0, "Checksum" and "checksum-trailer").
fn read_body(call: &Call) -> Result<Body<RequestPieces>, Problem> {
    let checksum = match UploadChecksum::read(&call.headers) {
        Some(Ok(checksum)) => ChecksumPlan::Given(checksum),
        Some(Err(why)) => {
            let message = format!("Upload-Checksum can't be used: {why}");
            return Err(Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_CHECKSUM", message));
        }
        None if announces_checksum(&call.headers) => ChecksumPlan::Trailer,
        None => ChecksumPlan::None,
    };
    let body: &RequestBody = &call.body;
    Ok(Body { pieces: body.pieces(UploadChecksum::read), len: body.len(), checksum })
}

fn announces_checksum(headers: &HeaderMap) -> bool {
    let announced = headers.get_all(TRAILER).iter().filter_map(|value| value.to_str().ok());
    announced.flat_map(|list| list.split(',')).any(|name| name.trim().eq_ignore_ascii_case("upload-checksum"))
}

/// tus 1.0.0, "Expiration": on every answer while the upload can expire.
fn tell_expiry(headers: &mut HeaderMap, upload: &Upload) {
    let Some(expiry) = upload.expiry() else { return };
    let date = httpdate::fmt_http_date(std::time::SystemTime::from(expiry));
    headers.extend(HeaderValue::from_str(&date).ok().map(|date| (UPLOAD_EXPIRES.clone(), date)));
}

fn fail(error: &UploadError) -> Problem {
    crate::http::log_fault(error);
    problem(error)
}
