//! Steps that the cases about checksums, termination, concatenation and connections share.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout};

use crate::{
    case::{Verdict, ensure, fail},
    client::{Request, Response, Wire},
    lab::{Lab, Upload},
};

/// What a person who comes back after a lost connection waits without wondering: generous for a server in the same
/// machine, and far below the minute for which lock-based servers keep such a client out.
pub(super) const SOON: Duration = Duration::from_secs(3);

/// Does a step and demands that it is over within [`SOON`].
pub(super) async fn soon<T>(doing: &str, work: impl Future<Output = Verdict<T>>) -> Verdict<T> {
    let started = Instant::now();
    let done = work.await?;
    let took = started.elapsed();
    ensure(took <= SOON, || {
        format!(
            "expected {doing} to be over within {} s, it took {:.1} s",
            SOON.as_secs(),
            took.as_secs_f32()
        )
    })?;
    Ok(done)
}

/// Opens a connection, sends what the request holds so far and leaves the rest to the case.
pub(super) async fn begin(lab: &Lab, request: &Request) -> Verdict<Wire> {
    let mut wire = lab.open().await?;
    wire.send(request).await?;
    lab.say(format!("→ {}\n← (not awaited)", request.summary().replace('\n', "\n  ")));
    Ok(wire)
}

/// What became of a connection whose request another one has overtaken.
pub(super) enum End {
    /// The server hung up without an answer.
    Closed,
    /// The server answered.
    Answered(Response),
    /// Nothing came for so long.
    Open(Duration),
}

/// Waits for the end of a connection on which nothing more is sent.
pub(super) async fn end_of(lab: &Lab, wire: &mut Wire) -> End {
    // Shorter than the connection's own limit, which would look like its end.
    let limit = lab.timeout().mul_f32(0.9);
    match timeout(limit, wire.answer()).await {
        Ok(Ok(response)) => {
            lab.say(format!("← on the first connection: {}", response.summary().replace('\n', "\n  ")));
            End::Answered(response)
        }
        Ok(Err(_)) => {
            lab.say("← the first connection was closed without an answer".into());
            End::Closed
        }
        Err(_) => End::Open(limit),
    }
}

/// Demands that the first connection ended, and that its body up to `end` was not accepted as a whole: hanging up, an
/// error, and a success that tells a smaller offset are all honest.
pub(super) async fn ends_short(lab: &Lab, wire: &mut Wire, end: u64) -> Verdict {
    match end_of(lab, wire).await {
        End::Closed => Ok(()),
        End::Answered(response) if response.status >= 400 => Ok(()),
        End::Answered(response) => {
            let told = response.number("Upload-Offset")?;
            ensure(told < end, || {
                format!(
                    "expected the first body to be cut, it was answered {} and offset {told}",
                    response.status
                )
            })
        }
        End::Open(limit) => fail(format!(
            "expected the first connection to end, it was still open after {:.1} s",
            limit.as_secs_f32()
        )),
    }
}

/// Demands that a response says that there is no such upload.
pub(super) fn says_gone(method: &str, response: &Response) -> Verdict {
    ensure([404, 410].contains(&response.status), || {
        format!("expected {method} to be answered 404 or 410, got {}", response.status)
    })
}

/// Demands that HEAD does not find the upload.
pub(super) async fn gone(lab: &Lab, upload: &Upload) -> Verdict {
    let response = lab.head(upload).await?;
    says_gone("HEAD", &response)?;
    response.lacks("Upload-Offset")?;
    Ok(())
}

/// Terminates the upload and demands the success.
pub(super) async fn terminate(lab: &Lab, upload: &Upload) -> Verdict {
    lab.send(lab.request("DELETE", &upload.path)).await?.status(&[204])?;
    Ok(())
}
