//! How long an upload is kept, and what is checked before it is finished: R14 and R15.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::time::{Instant, sleep};

use super::steps::{begun, refused, uploads};
use crate::{
    case::{Case, Verdict, ensure, fail, must, robust, should, skip},
    checksum,
    lab::{
        Lab,
        resumable::{Dialect, File, Sending},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = expiry();
    cases.extend(sizes());
    cases.extend(digests());
    cases
}

/// Waits until a chunk that was there is gone.
async fn expires(lab: &Lab, file: &File, number: u64) -> Verdict<Duration> {
    if lab.expire_wait().is_zero() {
        return skip("--expire-wait is 0");
    }
    let started = Instant::now();
    while lab.has(file, number).await? {
        if started.elapsed() > lab.expire_wait() {
            return fail(format!(
                "expected the abandoned upload to expire within {} s",
                lab.expire_wait().as_secs()
            ));
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(started.elapsed())
}

fn expiry() -> Vec<Case> {
    vec![
        should("R14-expires", "An upload that nobody goes on with expires.", |lab| async move {
            let file = begun(&lab).await?;
            expires(&lab, &file, 1).await?;
            lab.holds(&file, &[]).await
        }),
        must("R14-anew", "After an upload has expired, the same file can be sent anew.", |lab| async move {
            let file = begun(&lab).await?;
            expires(&lab, &file, 1).await?;
            lab.store(&file, 3).await?;
            lab.is_untouched(&file, &[3]).await
        }),
        must(
            "R14-finished",
            "A finished file is there when unfinished ones have expired.",
            |lab| async move {
                lab.needs_bytes()?;
                let done = lab.file(30_000, 10_000);
                uploads(&lab, &done).await?;
                let reference = reference(&lab, &done).await?;
                let file = begun(&lab).await?;
                expires(&lab, &file, 1).await?;
                let answer = lab.fetch(&reference).await?;
                answer.status(&[200])?;
                ensure(*answer.body == *done.bytes, || "expected the finished file's own bytes".into())
            },
        ),
        robust("R14-each-chunk", "Every chunk gives an upload its whole time again.", |lab| async move {
            let idle = begun(&lab).await?;
            let file = lab.file(1_000_000, 10_000);
            lab.store(&file, 1).await?;
            // As long as it takes the other one to expire, and a half more.
            let started = Instant::now();
            let (mut number, mut end) = (1, None);
            while end.is_none_or(|end| Instant::now() < end) {
                number += 1;
                if number > file.count() || lab.expire_wait().is_zero() {
                    return skip("--expire-wait is 0, or uploads live too long to wait for");
                }
                lab.store(&file, number).await?;
                if end.is_none() && !lab.has(&idle, 1).await? {
                    end = Some(Instant::now() + started.elapsed() / 2);
                }
                if started.elapsed() > lab.expire_wait() {
                    return fail("expected the idle upload to expire within --expire-wait");
                }
                sleep(lab.expire_wait() / 60).await;
            }
            for number in 1..=number {
                ensure(lab.has(&file, number).await?, || {
                    format!("expected chunk {number} of an upload that goes on to be there")
                })?;
            }
            Ok(())
        }),
    ]
}

async fn reference(lab: &Lab, file: &File) -> Verdict<String> {
    let status = if lab.receiver().offers.status { Some(lab.status(file).await?) } else { None };
    let template = lab.receiver().download.as_ref();
    match template.and_then(|template| template.fill(file, status.as_ref())) {
        Some(reference) => Ok(reference),
        None => fail("expected a url beside the status complete, as --resumable-download needs it"),
    }
}

fn sizes() -> Vec<Case> {
    vec![must("R15-size", "A finished file has exactly the size that was told.", |lab| async move {
        lab.needs_bytes()?;
        for (length, chunk) in [(1, 10), (10_001, 5_000), (9_999, 5_000), (65_536, 4_096)] {
            let file = lab.file(length, chunk);
            uploads(&lab, &file).await?;
            let answer = lab.fetch(&reference(&lab, &file).await?).await?;
            ensure(answer.body.len() == length, || {
                format!("expected {length} bytes, got {}", answer.body.len())
            })?;
        }
        Ok(())
    })]
}

/// The digest is a parameter of the page's own, in the form `sha256:BASE64`.
fn digests() -> Vec<Case> {
    fn told(sending: Sending, digest: &str) -> Sending {
        sending.stranger("resumableDigest", digest)
    }
    fn digest_of(bytes: &[u8]) -> String {
        let sum = checksum::raw("sha256", bytes).unwrap_or_default();
        format!("sha256:{}", STANDARD.encode(sum))
    }
    fn needs_it(lab: &Lab) -> Verdict {
        if lab.receiver().verifies {
            Ok(())
        } else {
            skip("the receiver checks no digests (--resumable-verify)")
        }
    }
    vec![
        must("R15-right", "A file whose digest is right is finished.", |lab| async move {
            needs_it(&lab)?;
            let file = lab.file(35_000, 10_000);
            let digest = digest_of(&file.bytes);
            for number in [3, 1, 2] {
                lab.store_by(&told(lab.sending(&file, number), &digest)).await?;
            }
            lab.is_complete(&file).await
        }),
        must(
            "R15-wrong",
            "A file whose digest is wrong is not finished, and its last chunk no success.",
            |lab| async move {
                needs_it(&lab)?;
                let file = lab.file(35_000, 10_000);
                let digest = digest_of(b"something else");
                for number in [3, 1] {
                    lab.store_by(&told(lab.sending(&file, number), &digest)).await?;
                }
                let answer = lab.offer(&told(lab.sending(&file, 2), &digest)).await?;
                refused(&answer, "the digest is not the file's")?;
                if lab.receiver().offers.status {
                    let status = lab.status(&file).await?;
                    ensure(status.get("status") != Some(&"complete".into()), || {
                        format!("expected the file not to be complete, got {status}")
                    })?;
                }
                Ok(())
            },
        ),
        must("R15-anew", "After a wrong digest, the same file can be sent anew.", |lab| async move {
            needs_it(&lab)?;
            let file = lab.file(25_000, 10_000);
            let digest = digest_of(b"something else");
            lab.store_by(&told(lab.sending(&file, 1), &digest)).await?;
            refused(
                &lab.offer(&told(lab.sending(&file, 2), &digest)).await?,
                "the digest is not the file's",
            )?;
            let digest = digest_of(&file.bytes);
            for number in file.numbers() {
                if !lab.has(&file, number).await? {
                    lab.store_by(&told(lab.sending(&file, number), &digest)).await?;
                }
            }
            lab.is_complete(&file).await
        }),
        should("R15-relatives", "A digest is checked whichever relative sends it.", |lab| async move {
            needs_it(&lab)?;
            for dialect in [Dialect::Flow, Dialect::Simple] {
                for octet in [false, true] {
                    let file = lab.file(9_000, 10_000).speaking(dialect);
                    let sending = lab.sending(&file, 1);
                    let sending = if octet { sending.octet() } else { sending };
                    let wrong = told(sending.clone(), &digest_of(b"something else"));
                    refused(&lab.offer(&wrong).await?, "the digest is not the file's")?;
                    lab.store_by(&told(sending, &digest_of(&file.bytes))).await?;
                }
            }
            Ok(())
        }),
        robust(
            "R15-for-good",
            "A wrong digest is told by a status at which every client gives up: sent again, a single chunk would \
             look like a success.",
            |lab| async move {
                needs_it(&lab)?;
                let file = lab.file(25_000, 10_000);
                let digest = digest_of(b"something else");
                lab.store_by(&told(lab.sending(&file, 1), &digest)).await?;
                let answer = lab.offer(&told(lab.sending(&file, 2), &digest)).await?;
                answer.status(&[404, 415, 500, 501])?;
                Ok(())
            },
        ),
        should("R15-malformed", "A digest that is none is refused.", |lab| async move {
            needs_it(&lab)?;
            let file = lab.file(25_000, 10_000);
            for digest in ["x", "sha256:", "sha256:!!", "rot13:AAAA", "sha256:AAAA"] {
                let answer = lab.offer(&told(lab.sending(&file, 1), digest)).await?;
                refused(&answer, "the digest is malformed")?;
            }
            lab.is_untouched(&file, &[]).await
        }),
    ]
}
