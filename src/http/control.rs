//! What the admin's commands ask of a running daemon, over the socket in its data directory: whoever may write there may
//! do all of it.

use std::time::Duration;

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::respond::{Answer, Problem, empty};
use super::{App, Call};
use crate::upload::{UploadError, UploadId};

/// Answers the admin.
pub(super) async fn answer(app: &App, call: &Call, id: UploadId) -> Result<Answer, Problem> {
    if call.method != Method::DELETE {
        return Err(Problem::method_not_allowed("DELETE"));
    }
    let removed = match only(&call.query)? {
        Only::Any => app.uploads.remove(id).await.map(|()| true),
        Only::Expired => app.uploads.remove_expired(id, Timestamp::now()).await,
        Only::Idle(idle) => app.uploads.remove_idle(id, before(idle)).await,
    };
    match removed {
        Ok(true) => Ok(empty(StatusCode::NO_CONTENT)),
        Ok(false) => Ok(empty(StatusCode::OK)),
        Err(UploadError::NotFound) => Err(Problem::not_found()),
        Err(error) => {
            super::log_fault(&error);
            Err(Problem::passing(StatusCode::SERVICE_UNAVAILABLE, "ERR_NOT_REMOVED", error.to_string(), 1))
        }
    }
}

/// What is asked of the upload first.
enum Only {
    Any,
    Expired,
    /// That it is not finished and its last byte came this long ago.
    Idle(Duration),
}

fn only(query: &str) -> Result<Only, Problem> {
    let bad = || Problem::new(StatusCode::BAD_REQUEST, "ERR_INVALID_TIME", "idle is not a number of seconds");
    match form_urlencoded::parse(query.as_bytes()).next() {
        Some((name, _)) if name == "expired" => Ok(Only::Expired),
        Some((name, seconds)) if name == "idle" => {
            Ok(Only::Idle(Duration::from_secs(seconds.parse().map_err(|_| bad())?)))
        }
        _ => Ok(Only::Any),
    }
}

fn before(idle: Duration) -> Timestamp {
    let idle = SignedDuration::try_from(idle).unwrap_or(SignedDuration::MAX);
    Timestamp::now().checked_sub(idle).unwrap_or(Timestamp::MIN)
}
