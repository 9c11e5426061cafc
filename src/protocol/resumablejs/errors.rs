//! The adapter's error table.
//!
//! The clients give a file up at 404, 415, 500 and 501 (Resumable.js at 400, too, and pages add 401, 403 and 409), and try
//! again at everything else. So what passes answers something else, a failing disk too: 503, never 500.

use http::StatusCode;

use crate::http::{Problem, log_fault};
use crate::upload::{Interruption, UploadError};

/// What the client said can't be right.
pub(super) fn bad(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_PARAMETERS", message)
}

pub(super) fn fail(error: &UploadError) -> Problem {
    use UploadError as E;
    log_fault(error);
    let text = error.to_string();
    let stays = |status, code| Problem::new(status, code, text.clone());
    let passes = |status, code, seconds| Problem::passing(status, code, text.clone(), seconds);
    match error {
        E::Contradiction(_) => stays(StatusCode::BAD_REQUEST, "ERR_CONTRADICTION"),
        E::Metadata(_) => stays(StatusCode::BAD_REQUEST, "ERR_INVALID_PARAMETERS"),
        // 413 is tried again by stock clients, for ever; 400 tells the user at once.
        E::TooLarge { .. } => stays(StatusCode::BAD_REQUEST, "ERR_MAX_SIZE_EXCEEDED"),
        // Taken, the last one would be a success to a client that counts on the others. All three clients give up at this.
        E::ChunksGone => stays(StatusCode::NOT_FOUND, "ERR_CHUNKS_GONE"),
        // All chunks are gone with it. Sent again, the last one would be a success, and its client would take the file for
        // stored: so this is one of the few statuses at which all three clients give up by themselves.
        E::ChecksumMismatch { algorithm } => {
            let message = format!("the whole file's {algorithm} is not the one given; it was not published");
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "ERR_DIGEST_MISMATCH", message)
        }
        E::Forbidden(_) => stays(StatusCode::FORBIDDEN, "ERR_FORBIDDEN"),
        E::TooManyCreations { wait, .. } => {
            passes(StatusCode::TOO_MANY_REQUESTS, "ERR_TOO_MANY_CREATIONS", *wait)
        }
        E::TooManyAppends { .. } => passes(StatusCode::TOO_MANY_REQUESTS, "ERR_TOO_MANY_APPENDS", 5),
        // Its client sends the others meanwhile, and this one again: by then there are fewer gaps.
        E::Scattered => passes(StatusCode::SERVICE_UNAVAILABLE, "ERR_TOO_MANY_GAPS", 5),
        E::NoSpace => passes(StatusCode::INSUFFICIENT_STORAGE, "ERR_NO_SPACE", 60),
        E::Closing => passes(StatusCode::SERVICE_UNAVAILABLE, "ERR_SHUTTING_DOWN", 5),
        E::Unverified(cause) => {
            let message = format!("{cause} before the chunk was whole; nothing of it was kept");
            let (status, code, seconds) = match cause {
                Interruption::Shutdown => (StatusCode::SERVICE_UNAVAILABLE, "ERR_SHUTTING_DOWN", 5),
                Interruption::TakenOver => (StatusCode::LOCKED, "ERR_CHUNK_TAKEN_OVER", 1),
                _ => (StatusCode::SERVICE_UNAVAILABLE, "ERR_BODY_CUT", 1),
            };
            Problem::passing(status, code, message, seconds)
        }
        // Chunks that were acknowledged are lost: as above.
        E::Damaged(_) => stays(StatusCode::INTERNAL_SERVER_ERROR, "ERR_UPLOAD_DAMAGED"),
        E::Storage(_) => passes(StatusCode::SERVICE_UNAVAILABLE, "ERR_STORAGE", 10),
        _ => passes(StatusCode::LOCKED, "ERR_UPLOAD_BUSY", 1),
    }
}
