//! Uploads that expire: E1 and E2.

use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use crate::{
    case::{Case, Verdict, ensure, fail, must, robust, should, skip},
    client::Response,
    lab::{Lab, Upload},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = told();
    cases.extend(kept());
    cases
}

/// The time in Upload-Expires.
fn expires(answer: &Response) -> Verdict<SystemTime> {
    let value = answer.value("Upload-Expires")?;
    httpdate::parse_http_date(value)
        .or_else(|_| fail(format!("expected Upload-Expires as an HTTP date, got {value:?}")))
}

fn told() -> Vec<Case> {
    vec![
        should("E1-created", "The answer to a creation tells Upload-Expires.", |lab| async move {
            lab.needs(&["expiration"])?;
            let (_, answer) = lab.create_by(lab.post().header("Upload-Length", 8)).await?;
            answer.value("Upload-Expires").map(|_| ())
        }),
        must(
            "E1-appended",
            "The answer to a PATCH of an unfinished upload tells Upload-Expires.",
            |lab| async move {
                lab.needs(&["expiration"])?;
                let upload = lab.create(8).await?;
                lab.append(&upload, 0, b"abcd").await?.value("Upload-Expires").map(|_| ())
            },
        ),
        must(
            "E1-every-append",
            "Every PATCH of an unfinished upload tells Upload-Expires, empty ones too.",
            |lab| async move {
                lab.needs(&["expiration"])?;
                let upload = lab.create(8).await?;
                for (offset, bytes) in [(0, &b"ab"[..]), (2, b""), (2, b"cd"), (4, b"ef")] {
                    expires(&lab.append(&upload, offset, bytes).await?)?;
                }
                Ok(())
            },
        ),
        must(
            "E1-format",
            "Upload-Expires is a date as HTTP writes dates (RFC 9110, IMF-fixdate).",
            |lab| async move {
                lab.needs(&["expiration"])?;
                let upload = lab.create(8).await?;
                let answer = lab.append(&upload, 0, b"abcd").await?;
                let (value, time) = (answer.value("Upload-Expires")?, expires(&answer)?);
                let wanted = httpdate::fmt_http_date(time);
                ensure(value == wanted, || format!("expected `Upload-Expires: {wanted}`, got {value:?}"))
            },
        ),
        robust(
            "E1-ahead",
            "Upload-Expires lies in the future (measured by the server's own Date).",
            |lab| async move {
                lab.needs(&["expiration"])?;
                let upload = lab.create(8).await?;
                let answer = lab.append(&upload, 0, b"abcd").await?;
                let date = answer.get("Date").and_then(|date| httpdate::parse_http_date(date).ok());
                let Some(now) = date else { return skip("the server tells no Date") };
                let time = expires(&answer)?;
                ensure(time >= now, || {
                    format!("expected a time after {:?}, got {time:?}", answer.get("Date"))
                })
            },
        ),
        robust(
            "E1-date-only-later",
            "A later PATCH never moves Upload-Expires to an earlier time.",
            |lab| async move {
                lab.needs(&["expiration"])?;
                let upload = lab.create(8).await?;
                let first = expires(&lab.append(&upload, 0, b"ab").await?)?;
                sleep(Duration::from_millis(1100)).await;
                let second = expires(&lab.append(&upload, 2, b"cd").await?)?;
                ensure(second >= first, || format!("expected no time before {first:?}, got {second:?}"))
            },
        ),
    ]
}

/// Waits past the time that the answer tells; skips the case where that takes longer than the user allows.
async fn outlived(lab: &Lab, answer: &Response) -> Verdict {
    let allowed = lab.expire_wait();
    if allowed.is_zero() {
        return skip("waiting for an expiration needs --expire-wait SECONDS");
    }
    let time = expires(answer)?;
    // The server's clock counts, so that its own Date is what the time is measured by.
    let now = answer.get("Date").and_then(|date| httpdate::parse_http_date(date).ok());
    let left = time.duration_since(now.unwrap_or_else(SystemTime::now)).unwrap_or_default();
    if left > allowed {
        return skip(format!(
            "uploads live for {} s, --expire-wait allows {}",
            left.as_secs(),
            allowed.as_secs()
        ));
    }
    // Dates are whole seconds: one more for the part that was cut off, one for the server to act.
    sleep(left + Duration::from_secs(2)).await;
    Ok(())
}

async fn expired(lab: &Lab) -> Verdict<Upload> {
    lab.needs(&["expiration"])?;
    let upload = lab.create(8).await?;
    let answer = lab.append(&upload, 0, b"abcd").await?;
    outlived(lab, &answer).await?;
    Ok(upload)
}

fn kept() -> Vec<Case> {
    vec![
        should("E2-head", "HEAD of an expired upload is answered 404 or 410.", |lab| async move {
            let upload = expired(&lab).await?;
            lab.head(&upload).await?.status(&[404, 410])?.lacks("Upload-Offset")?;
            Ok(())
        }),
        should("E2-patch", "PATCH of an expired upload is answered 404 or 410.", |lab| async move {
            let upload = expired(&lab).await?;
            lab.send(lab.patch(&upload, 4).bytes("efgh")).await?.status(&[404, 410])?;
            Ok(())
        }),
        should("E2-complete-stays", "A complete upload does not expire.", |lab| async move {
            lab.needs(&["expiration"])?;
            let witness = lab.create(8).await?;
            let complete = lab.filled(b"abcdefgh").await?;
            let answer = lab.append(&witness, 0, b"abcd").await?;
            outlived(&lab, &answer).await?;
            lab.stands_at(&complete, 8).await?;
            lab.contains(&complete, b"abcdefgh").await
        }),
        must(
            "E2-not-before",
            "An upload can be resumed until the time that Upload-Expires tells.",
            |lab| async move {
                lab.needs(&["expiration"])?;
                let upload = lab.create(8).await?;
                let answer = lab.append(&upload, 0, b"abcd").await?;
                let date = answer.get("Date").and_then(|date| httpdate::parse_http_date(date).ok());
                let left = expires(&answer)?
                    .duration_since(date.unwrap_or_else(SystemTime::now))
                    .unwrap_or_default();
                if left < Duration::from_secs(3) {
                    return skip("uploads live for less than 3 s: too short to look before");
                }
                lab.complete(&upload, 4, b"abcdefgh").await
            },
        ),
    ]
}
