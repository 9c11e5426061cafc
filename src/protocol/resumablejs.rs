//! Resumable.js 1.1 and its relatives Flow.js and simple-uploader: numbered chunks in any order, told apart by
//! parameters. There is no text of a standard; what the clients send and expect was read off their sources.

mod base64_body;
mod digest;
mod errors;
mod form;
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod multipart;
mod params;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};

use self::errors::{bad, fail};
use self::form::Flaw;
use self::key::key;
use self::params::Params;
use crate::http::{Answer, App, Call, Problem, ResponseBody, empty};
use crate::upload::{Body, ChecksumPlan, Chunk, Filling, Metadata, Pieces, State, Upload, UploadError};

/// Answers a request to the chunks' path.
///
/// # Errors
/// As an answer. What is passing is 423, 429, 503 or 507: every other error makes the clients give the file up.
pub async fn answer(app: &App, call: &Call) -> Result<Answer, Problem> {
    match call.method {
        Method::OPTIONS => Ok(empty(StatusCode::NO_CONTENT)),
        Method::GET | Method::HEAD => ask(app, call).await,
        Method::POST | Method::PUT | Method::PATCH => take(app, call).await,
        _ => Err(Problem::method_not_allowed("OPTIONS, GET, HEAD, POST, PUT, PATCH")),
    }
}

/// "Do you have this chunk?", or, without a chunk number, "how is this upload?"
async fn ask(app: &App, call: &Call) -> Result<Answer, Problem> {
    let params = Params::read(&call.query, app.config.resumable.prefix.as_deref());
    let key = key(app, call, &params)?;
    if !params.has_chunk_number() {
        let upload = call.uploads.find(key).await.map_err(|error| fail(&error))?;
        return Ok(status(app, call, upload.as_ref()));
    }
    let (chunks, number) = (params.chunks()?, params.chunk_number()?);
    let range = chunks.range(number).map_err(|error| bad(error.to_string()))?;
    let upload = call.uploads.find_chunk(key, number).await.map_err(|error| fail(&error))?;
    let is_there = upload.is_some_and(|upload| match &upload.state {
        State::Filling(present) => present.check_same(&chunks).is_ok() && present.contains(number),
        _ => {
            upload.length.known() == Some(chunks.total())
                && (upload.is_complete() || range.end <= upload.offset)
        }
    });
    // 204 keeps the browser's console quiet, where 404 logs an error for each chunk that is to be sent.
    let mut answer = empty(if is_there { StatusCode::OK } else { StatusCode::NO_CONTENT });
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// As the program answered it that this adapter replaces.
fn status(app: &App, call: &Call, upload: Option<&Upload>) -> Answer {
    let json = match upload {
        None => serde_json::json!({ "status": "not_found" }),
        Some(upload) if upload.is_complete() => {
            let mut json = serde_json::json!({ "status": "complete", "size": upload.offset });
            if app.config.features.download
                && let Some(fields) = json.as_object_mut()
            {
                fields.insert("url".into(), call.reached.location(&app.config, upload.id).into());
            }
            json
        }
        Some(upload) => {
            let present = match &upload.state {
                State::Filling(chunks) => chunks.present(),
                _ => 0,
            };
            serde_json::json!({ "status": "in_progress", "chunks_present": present })
        }
    };
    let mut answer = Response::new(ResponseBody::from(json.to_string()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A chunk: as a form (multipart) or as the body itself (octet).
async fn take(app: &App, call: &Call) -> Result<Answer, Problem> {
    let content_type = call.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let content_type = String::from_utf8_lossy(content_type);
    let query = Params::read(&call.query, app.config.resumable.prefix.as_deref());
    let flaw = Flaw::default();
    // Another multipart type is the file's own: Flow.js names it when the body is the chunk.
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let stored = if media_type.eq_ignore_ascii_case("multipart/form-data") {
        let boundary =
            multipart::parameter(&content_type, "boundary").filter(|boundary| !boundary.is_empty());
        let Some(boundary) = boundary else { return Err(bad("the form's Content-Type has no boundary")) };
        if boundary.len() > multipart::LONGEST_BOUNDARY {
            return Err(bad(format!(
                "the form's boundary is longer than {} bytes",
                multipart::LONGEST_BOUNDARY
            )));
        }
        let form = tokio::select! {
            form = form::read(call.body.bytes(), &boundary, query, flaw.clone()) => form?,
            () = call.uploads.closed() => return Err(fail(&UploadError::Closing)),
        };
        store(app, call, &form.params, form.pieces, None).await
    } else {
        let len = if query.is_base64() { None } else { call.body.len() };
        let pieces = base64_body::decode_if(query.is_base64(), call.body.bytes(), None, flaw.clone());
        store(app, call, &query, pieces, len).await
    };
    match (stored, flaw.get()) {
        (Err(_), Some(what)) => Err(bad(what)),
        (stored, _) => stored,
    }
}

async fn store<B: Pieces>(
    app: &App,
    call: &Call,
    params: &Params,
    pieces: B,
    len: Option<u64>,
) -> Result<Answer, Problem> {
    let (chunks, number) = (params.chunks()?, params.chunk_number()?);
    let range = chunks.range(number).map_err(|error| bad(error.to_string()))?;
    if let Some(told) = params.current_chunk_size()?
        && told != range.end - range.start
    {
        return Err(bad(format!(
            "chunk {number} has {} bytes, and its size is given as {told}",
            range.end - range.start
        )));
    }
    let metadata = Metadata::from_pairs([
        ("filename", params.file_name()),
        ("filetype", params.media_type()),
        ("relativePath", params.relative_path()),
    ]);
    let filling = Filling { key: key(app, call, params)?, chunks, metadata, digest: params.digest()? };
    let body = Body { pieces, len, checksum: ChecksumPlan::None };
    let uploaded = call.uploads.write_chunk(filling, Chunk { number, body }).await;
    uploaded.map_err(|error| fail(&error))?;
    // What a repeated chunk still brings is dropped, or its sender would see a broken pipe.
    tokio::select! {
        () = call.body.drain_all() => {}
        () = call.uploads.closed() => {}
    }
    Ok(empty(StatusCode::OK))
}
