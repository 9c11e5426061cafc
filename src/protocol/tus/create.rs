//! POST to the collection: creation and concatenation.

use ::headers::{HeaderMapExt as _, HeaderValue};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};

use super::headers::{UPLOAD_METADATA, UploadConcat, UploadDeferLength, UploadOffset};
use super::{fail, is_upload_body, read_body, read_length, tell_expiry};
use crate::http::{Answer, App, Call, Problem, empty};
use crate::upload::{Concatenation, Kind, Length, Metadata, NewUpload, Upload, UploadId};

/// tus 1.0.0, "Creation", "Creation With Upload", "Concatenation".
pub(super) async fn create(app: &App, call: &Call) -> Result<Answer, Problem> {
    let metadata = read_metadata(&call.headers)?;
    let concat = if app.config.features.concatenation { read_concat(&call.headers)? } else { None };
    match concat {
        Some(UploadConcat::Final { urls, as_given }) => {
            if call.headers.contains_key("upload-length") || call.headers.contains_key("upload-defer-length")
            {
                let message = "a final upload is as long as its parts: leave Upload-Length out";
                return Err(Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_UPLOAD_LENGTH", message));
            }
            if !call.body.is_empty() && call.body.len() != Some(0) {
                let message = "a final upload is made of its parts: send no body";
                return Err(Problem::new(StatusCode::FORBIDDEN, "ERR_MODIFY_FINAL", message));
            }
            let parts = resolve(app, call, &urls)?;
            let request = Concatenation { parts, as_given, metadata };
            let upload = call.uploads.concatenate(request).await.map_err(|error| fail(&error))?;
            created(app, call, &upload)
        }
        Some(UploadConcat::Partial) => create_upload(app, call, Kind::Partial, metadata).await,
        None => create_upload(app, call, Kind::Whole, metadata).await,
    }
}

async fn create_upload(app: &App, call: &Call, kind: Kind, metadata: Metadata) -> Result<Answer, Problem> {
    let length = match (read_length(&call.headers)?, call.headers.typed_try_get::<UploadDeferLength>()) {
        (Some(length), Ok(None)) => Length::Known(length.0),
        (None, Ok(Some(UploadDeferLength))) => Length::Deferred,
        (_, Err(_)) => {
            let message = "Upload-Defer-Length can only be 1";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_UPLOAD_LENGTH", message));
        }
        (given, Ok(_)) => {
            let which = if given.is_some() { "not both" } else { "one of them" };
            let message = format!("send Upload-Length or Upload-Defer-Length: 1, {which}");
            return Err(Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_UPLOAD_LENGTH", message));
        }
    };
    let body = if is_upload_body(&call.headers) {
        Some(read_body(call)?)
    } else if call.body.is_empty() || call.body.len() == Some(0) {
        None
    } else {
        let message = "to send bytes with the creation, send Content-Type: application/offset+octet-stream";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "ERR_INVALID_CONTENT_TYPE", message));
    };
    let has_body = body.is_some();
    let new = NewUpload { kind, length, metadata };
    let upload = call.uploads.create(new, body).await.map_err(|error| fail(&error))?;
    let mut answer = created(app, call, &upload)?;
    if has_body {
        answer.headers_mut().typed_insert(UploadOffset(upload.offset));
    }
    Ok(answer)
}

fn created(app: &App, call: &Call, upload: &Upload) -> Result<Answer, Problem> {
    let location = call.reached.location(&app.config, upload.id);
    let location = HeaderValue::try_from(location).map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_HOST", "the Host header can't be used")
    })?;
    let mut answer = empty(StatusCode::CREATED);
    answer.headers_mut().insert(LOCATION, location);
    tell_expiry(answer.headers_mut(), upload);
    Ok(answer)
}

/// `Upload-Metadata`; empty is as good as absent (tuspy sends it so).
fn read_metadata(headers: &HeaderMap) -> Result<Metadata, Problem> {
    let bad = |message: String| Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_METADATA", message);
    let mut values = headers.get_all(&UPLOAD_METADATA).iter();
    let Some(value) = values.next() else { return Ok(Metadata::default()) };
    if values.next().is_some() {
        return Err(bad("Upload-Metadata stands more than once".to_owned()));
    }
    let text = value.to_str().map_err(|_| bad("Upload-Metadata is not printable ASCII".to_owned()))?;
    Metadata::parse(text).map_err(|error| bad(format!("Upload-Metadata can't be read: {error}")))
}

fn read_concat(headers: &HeaderMap) -> Result<Option<UploadConcat>, Problem> {
    headers.typed_try_get::<UploadConcat>().map_err(|_| {
        let message = "Upload-Concat must stand once and be \"partial\" or \"final;URL URL …\"";
        Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_CONCAT", message)
    })
}

fn resolve(app: &App, call: &Call, urls: &[String]) -> Result<Vec<UploadId>, Problem> {
    let one = |(index, url): (usize, &String)| {
        call.reached.resolve(&app.config, url).ok_or_else(|| {
            let message = format!(
                "part {} names no upload of this server (behind a proxy, pass the Host header on or set --public-url)",
                index + 1
            );
            Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_CONCAT", message)
        })
    };
    urls.iter().enumerate().map(one).collect()
}
