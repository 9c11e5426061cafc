//! tus's error table: from the engine's errors to status and code.
//!
//! Clients retry 409, 423, 429 and 5xx, and give an upload up at every other 4xx. So whatever passes by itself answers
//! one of the former, with `Retry-After`.

use http::StatusCode;

use crate::http::Problem;
use crate::upload::{Interruption, UploadError};

/// tus 1.0.0, "Checksum": the body's checksum does not match.
const CHECKSUM_MISMATCH: u16 = 460;

pub(super) fn problem(error: &UploadError) -> Problem {
    use UploadError as E;
    let text = error.to_string();
    let stays = |status, code| Problem::new(status, code, text.clone());
    let passes = |status, code, seconds| Problem::passing(status, code, text.clone(), seconds);
    match error {
        E::NotFound => stays(StatusCode::NOT_FOUND, "ERR_UPLOAD_NOT_FOUND"),
        E::Expired => stays(StatusCode::GONE, "ERR_UPLOAD_EXPIRED"),
        E::ChunksGone => stays(StatusCode::GONE, "ERR_CHUNKS_GONE"),
        E::FileGone => stays(StatusCode::GONE, "ERR_FILE_GONE"),
        E::OffsetMismatch { .. } => stays(StatusCode::CONFLICT, "ERR_MISMATCHED_OFFSET"),
        E::Overtaken { .. } => passes(StatusCode::CONFLICT, "ERR_MISMATCHED_OFFSET", 1),
        E::TooLarge { .. } => stays(StatusCode::PAYLOAD_TOO_LARGE, "ERR_MAX_SIZE_EXCEEDED"),
        E::BeyondLength { .. } => stays(StatusCode::PAYLOAD_TOO_LARGE, "ERR_LENGTH_EXCEEDED"),
        E::LengthChanged { .. } => stays(StatusCode::BAD_REQUEST, "ERR_LENGTH_CHANGED"),
        E::LengthBelowOffset { .. } => stays(StatusCode::BAD_REQUEST, "ERR_LENGTH_BELOW_OFFSET"),
        E::ChecksumMismatch { .. } => stays(
            StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST),
            "ERR_CHECKSUM_MISMATCH",
        ),
        E::BadTrailer(_) => stays(StatusCode::BAD_REQUEST, "ERR_INVALID_CHECKSUM"),
        E::FinalIsReadOnly => stays(StatusCode::FORBIDDEN, "ERR_MODIFY_FINAL"),
        E::BadPart { .. } => stays(StatusCode::BAD_REQUEST, "ERR_INVALID_CONCAT"),
        E::Contradiction(_) => stays(StatusCode::BAD_REQUEST, "ERR_CONTRADICTION"),
        E::Metadata(_) => stays(StatusCode::BAD_REQUEST, "ERR_INVALID_METADATA"),
        E::Interrupted { cause, .. } | E::Unverified(cause) => match cause {
            Interruption::TakenOver => passes(StatusCode::LOCKED, "ERR_UPLOAD_TAKEN_OVER", 1),
            Interruption::Shutdown => passes(StatusCode::SERVICE_UNAVAILABLE, "ERR_SHUTTING_DOWN", 5),
            Interruption::Idle => passes(StatusCode::SERVICE_UNAVAILABLE, "ERR_BODY_TIMEOUT", 1),
            Interruption::TooSlow => passes(StatusCode::SERVICE_UNAVAILABLE, "ERR_BODY_TOO_SLOW", 1),
            Interruption::ClientGone => passes(StatusCode::SERVICE_UNAVAILABLE, "ERR_BODY_CUT", 1),
        },
        E::Forbidden(_) => stays(StatusCode::FORBIDDEN, "ERR_FORBIDDEN"),
        E::TooManyCreations { wait, .. } => {
            passes(StatusCode::TOO_MANY_REQUESTS, "ERR_TOO_MANY_CREATIONS", *wait)
        }
        E::TooManyAppends { .. } => passes(StatusCode::LOCKED, "ERR_TOO_MANY_APPENDS", 5),
        E::Incomplete { .. } => passes(StatusCode::LOCKED, "ERR_UPLOAD_INCOMPLETE", 10),
        E::Scattered => passes(StatusCode::SERVICE_UNAVAILABLE, "ERR_TOO_MANY_GAPS", 5),
        E::Busy => passes(StatusCode::LOCKED, "ERR_UPLOAD_BUSY", 1),
        E::Closing => passes(StatusCode::SERVICE_UNAVAILABLE, "ERR_SHUTTING_DOWN", 5),
        E::NoSpace => passes(StatusCode::INSUFFICIENT_STORAGE, "ERR_NO_SPACE", 60),
        E::Damaged(_) => stays(StatusCode::INTERNAL_SERVER_ERROR, "ERR_UPLOAD_DAMAGED"),
        E::Storage(_) => passes(StatusCode::INTERNAL_SERVER_ERROR, "ERR_STORAGE", 10),
    }
}
