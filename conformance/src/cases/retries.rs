//! Statuses that make clients wait and come again, not give up: X2.

use crate::{
    case::{Case, Verdict, ensure, robust, skip},
    client::{Body, Response, Wire},
    lab::{Lab, Upload, pattern},
};

/// Whether clients come back after this status: any other 4xx ends the upload or starts it from zero.
fn passing(answer: &Response) -> bool {
    matches!(answer.status, 409 | 423 | 429 | 500..=599)
}

/// Starts a PATCH of 1,000 bytes and stalls after `bytes`. That the server asks for the body (100) shows that it has
/// taken the request up: without that, the request that follows might overtake this one.
async fn busy(lab: &Lab, upload: &Upload, bytes: &[u8]) -> Verdict<Wire> {
    let body = Body::Announced { length: 1000, bytes: Vec::new() };
    let request = lab.patch(upload, 0).header("Expect", "100-continue").body(body);
    let mut wire = lab.open().await?;
    wire.send(&request).await?;
    let status = wire.first_status().await?;
    ensure(status == 100, || format!("expected 100 for a PATCH that waits for it, got {status}"))?;
    wire.write(bytes).await?;
    lab.say(format!("→ {}\n← 100 (then {} bytes)", request.summary().replace('\n', "\n  "), bytes.len()));
    Ok(wire)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        robust("X2-head-while-busy", "HEAD during a stalled PATCH is a success or 423.", |lab| async move {
            let bytes = pattern(70, 1000);
            let upload = lab.create(1000).await?;
            let wire = busy(&lab, &upload, bytes.get(..300).unwrap_or_default()).await?;
            let answer = lab.head(&upload).await?;
            drop(wire);
            answer.status(&[200, 204, 423])?;
            let offset = lab.settled(&upload).await?;
            lab.complete(&upload, offset, &bytes).await
        }),
        robust(
            "X2-patch-while-busy",
            "A PATCH during a stalled one succeeds, or is refused by a status that clients retry.",
            |lab| async move {
                let bytes = pattern(71, 1000);
                let upload = lab.create(1000).await?;
                let wire = busy(&lab, &upload, bytes.get(..300).unwrap_or_default()).await?;
                let answer = lab.send(lab.patch(&upload, 0).bytes(bytes.as_slice())).await?;
                drop(wire);
                ensure(answer.status == 204 || passing(&answer), || {
                    format!("expected 204, 409, 423, 429 or 5xx, got {}", answer.status)
                })?;
                let offset = lab.settled(&upload).await?;
                lab.complete(&upload, offset, &bytes).await
            },
        ),
        robust(
            "X2-retry-after",
            "A busy upload's refusal (423, 429 or 503) tells Retry-After.",
            |lab| async move {
                let upload = lab.create(1000).await?;
                let wire = busy(&lab, &upload, b"abc").await?;
                let answer = lab.send(lab.patch(&upload, 0).bytes("abc")).await?;
                drop(wire);
                if !matches!(answer.status, 423 | 429 | 503) {
                    return skip("a busy upload is not refused by 423, 429 or 503");
                }
                answer.value("Retry-After").map(|_| ())
            },
        ),
        robust(
            "X2-wrong-offset-is-retried",
            "Every wrong offset gets a status after which clients ask HEAD again.",
            |lab| async move {
                let upload = lab.started(8, b"abcd").await?;
                for offset in [0, 2, 6, 8] {
                    let answer = lab.send(lab.patch(&upload, offset).bytes("")).await?;
                    ensure(passing(&answer), || {
                        format!("expected 409 at the offset {offset}, got {}", answer.status)
                    })?;
                }
                lab.stands_at(&upload, 4).await
            },
        ),
        robust(
            "X2-complete",
            "HEAD of a complete upload says offset = length, again and again: that is how clients learn it.",
            |lab| async move {
                let upload = lab.filled(b"abcdefgh").await?;
                for _ in 0..3 {
                    let answer = lab.head(&upload).await?;
                    answer.status(&[200, 204])?.has("Upload-Offset", 8)?.has("Upload-Length", 8)?;
                }
                Ok(())
            },
        ),
    ]
}
