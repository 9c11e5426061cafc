//! Bodies that end too early or go on too long: C10 and C11.

use crate::{
    case::{Case, Level, Verdict, ensure, must, robust, should},
    client::{Body, Response},
    lab::{Lab, Upload, pattern, size},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = unknown();
    for (name, chunked, hard, sent) in [
        ("fin", false, false, 700),
        ("rst", false, true, 700),
        ("chunked-fin", true, false, 700),
        ("chunked-rst", true, true, 700),
        ("one-byte", false, false, 1),
        ("all-but-one", false, false, 999),
        ("big-fin", false, false, 300_000),
        ("big-rst", false, true, 300_000),
    ] {
        let how = if hard { "by a reset" } else { "in order" };
        let framing = if chunked { "chunked body" } else { "body" };
        let demand =
            format!("Of a {framing} that is cut {how} after {sent} bytes, exactly these bytes are kept.");
        cases.push(Case::new(format!("C10-cut-{name}"), Level::Should, demand, move |lab| async move {
            cut_and_resumed(&lab, chunked, hard, sent).await
        }));
    }
    cases.extend(cuts());
    cases.extend(overlong());
    cases
}

fn unknown() -> Vec<Case> {
    vec![should("C10-unknown", "PATCH of an unknown upload is answered 404 or 410.", |lab| async move {
        let unknown = lab.unknown().await?;
        lab.send(lab.patch(&unknown, 0).bytes("x")).await?.status(&[404, 410])?;
        lab.head(&unknown).await?.lacks("Upload-Offset")?;
        Ok(())
    })]
}

async fn cut_and_resumed(lab: &Lab, chunked: bool, hard: bool, sent: usize) -> Verdict {
    let total = sent.max(999) + 1;
    let bytes = pattern(20, total);
    let part = bytes.get(..sent).unwrap_or_default();
    let upload = lab.create(size(&bytes)).await?;
    hang_up(lab, &upload, 0, part, size(&bytes), chunked, hard).await?;
    lab.comes_to(&upload, size(part)).await?;
    lab.complete(&upload, size(part), &bytes).await
}

/// Sends a part of a body and hangs up.
async fn hang_up(
    lab: &Lab,
    upload: &Upload,
    offset: u64,
    part: &[u8],
    announced: u64,
    chunked: bool,
    hard: bool,
) -> Verdict {
    let body = if chunked {
        Body::Unfinished { chunks: vec![part.to_vec()] }
    } else {
        Body::Announced { length: announced, bytes: part.to_vec() }
    };
    let request = lab.patch(upload, offset).body(body);
    let mut wire = lab.open().await?;
    wire.send(&request).await?;
    lab.say(format!("→ {}\n← (hung up)", request.summary().replace('\n', "\n  ")));
    if hard {
        wire.reset().await
    } else {
        wire.finish().await
    }
    Ok(())
}

fn cuts() -> Vec<Case> {
    vec![
        must(
            "C10-consistent",
            "After a cut, what HEAD tells is stored: resumed from there, the content is right.",
            |lab| async move {
                let bytes = pattern(21, 100_000);
                let upload = lab.create(100_000).await?;
                hang_up(&lab, &upload, 0, bytes.get(..60_000).unwrap_or_default(), 100_000, false, true)
                    .await?;
                let offset = lab.settled(&upload).await?;
                ensure(offset <= 60_000, || {
                    format!("expected at most the 60000 bytes that were sent, got {offset}")
                })?;
                lab.complete(&upload, offset, &bytes).await
            },
        ),
        must(
            "C10-many-cuts",
            "An upload that is cut again and again can still be completed.",
            |lab| async move {
                let bytes = pattern(22, 5000);
                let upload = lab.create(5000).await?;
                let mut offset = 0_u64;
                for round in 0..5_u32 {
                    let from = usize::try_from(offset).unwrap_or(0);
                    let part = bytes.get(from..from + 500).unwrap_or_default();
                    let (chunked, hard) = (round % 2 == 1, round % 3 == 1);
                    hang_up(&lab, &upload, offset, part, 5000 - offset, chunked, hard).await?;
                    let found = lab.settled(&upload).await?;
                    ensure(found >= offset && found <= offset + 500, || {
                        format!("expected an offset from {offset} to {}, got {found}", offset + 500)
                    })?;
                    offset = found;
                }
                lab.complete(&upload, offset, &bytes).await
            },
        ),
        must("C10-head-only", "A PATCH that is cut before its body changes nothing.", |lab| async move {
            let upload = lab.started(10, b"abc").await?;
            hang_up(&lab, &upload, 3, b"", 7, false, false).await?;
            lab.comes_to(&upload, 3).await?;
            lab.complete(&upload, 3, b"abcdefghij").await
        }),
        robust(
            "C10-broken-chunk",
            "A chunk whose size is no number ends the append; what came before may stay.",
            |lab| async move {
                let upload = lab.create(10).await?;
                let request = lab.patch(&upload, 0).body(Body::Unfinished { chunks: vec![b"abc".to_vec()] });
                let mut wire = lab.open().await?;
                wire.send(&request).await?;
                wire.try_write(b"zz\r\nXXX\r\n").await;
                wire.finish().await;
                let offset = lab.settled(&upload).await?;
                ensure(offset == 0 || offset == 3, || format!("expected the offset 3 or 0, got {offset}"))?;
                lab.complete(&upload, offset, b"abcdefghij").await
            },
        ),
        robust(
            "C10-smuggled",
            "A body framed both by Content-Length and by chunks never counts framing as content.",
            |lab| async move {
                let bytes = b"abcdefghij";
                let upload = lab.create(10).await?;
                let request = lab.patch(&upload, 0).header("Content-Length", 3).chunked(bytes, &[10]);
                let answer = lab.send(request).await;
                if let Ok(answer) = &answer {
                    answer.no_breakdown()?;
                }
                let offset = lab.settled(&upload).await?;
                ensure(offset == 0 || offset == 10, || format!("expected the offset 10 or 0, got {offset}"))?;
                lab.complete(&upload, offset, bytes).await
            },
        ),
    ]
}

/// C11: a body that would pass the length.
fn overlong() -> Vec<Case> {
    const KEPT: &str = "nothing is stored past the length, and the upload can still be completed.";
    let mut cases = Vec::new();
    for (name, chunked, sent) in
        [("sized", false, 30), ("by-one", false, 8), ("chunked", true, 30), ("chunked-by-one", true, 8)]
    {
        let demand = format!("Of a body of {sent} bytes where 7 are missing, {KEPT}");
        cases.push(Case::new(format!("C11-{name}"), Level::Must, demand, move |lab| async move {
            let (upload, bytes, _) = pushed_over(&lab, chunked, sent).await?;
            let offset = lab.settled(&upload).await?;
            ensure((3..=10).contains(&offset), || format!("expected an offset from 3 to 10, got {offset}"))?;
            lab.complete(&upload, offset, bytes.get(..10).unwrap_or_default()).await
        }));
        let demand = format!("A body of {sent} bytes where 7 are missing is answered 413 or 400.");
        cases.push(Case::new(format!("C11-{name}-status"), Level::Should, demand, move |lab| async move {
            pushed_over(&lab, chunked, sent).await?.2.status(&[413, 400])?;
            Ok(())
        }));
    }
    cases.extend([
        must(
            "C11-complete",
            "A byte more for a complete upload is refused, and the content stays.",
            |lab| async move {
                let upload = lab.filled(b"abcd").await?;
                lab.send(lab.patch(&upload, 4).bytes("X")).await?.refused("the upload is complete")?;
                lab.stands_at(&upload, 4).await?;
                lab.contains(&upload, b"abcd").await
            },
        ),
        must("C11-zero-length", "A byte for an upload of length 0 is refused.", |lab| async move {
            let upload = lab.create(0).await?;
            lab.send(lab.patch(&upload, 0).bytes("X")).await?.refused("the upload is complete")?;
            lab.stands_at(&upload, 0).await
        }),
        must(
            "C11-big",
            "A chunked body of a megabyte too much leaves the upload completable.",
            |lab| async move {
                let bytes = pattern(24, 1_200_000);
                let upload = lab.create(200_000).await?;
                // A server that has seen enough may answer and hang up: what is stored counts.
                let _ = lab.send(lab.patch(&upload, 0).chunked(&bytes, &[65_536])).await;
                let offset = lab.settled(&upload).await?;
                ensure(offset <= 200_000, || format!("expected at most 200000 bytes, got {offset}"))?;
                lab.complete(&upload, offset, bytes.get(..200_000).unwrap_or_default()).await
            },
        ),
    ]);
    cases
}

/// Sends `sent` bytes to an upload of length 10 that stands at 3.
async fn pushed_over(lab: &Lab, chunked: bool, sent: usize) -> Verdict<(Upload, Vec<u8>, Response)> {
    let bytes = pattern(23, 3 + sent);
    let upload = lab.started(10, bytes.get(..3).unwrap_or_default()).await?;
    let rest = bytes.get(3..).unwrap_or_default();
    let request = lab.patch(&upload, 3);
    let request = if chunked { request.chunked(rest, &[5]) } else { request.bytes(rest) };
    let answer = lab.send(request).await?;
    Ok((upload, bytes, answer))
}
