//! A chunk is there when all of its bytes are stored, and never before: R9.

use super::steps::{WAYS, begin, stall, start};
use crate::{
    case::{Case, Level, Verdict, ensure, must, robust},
    client::Body,
    lab::{
        Lab,
        resumable::{File, is_permanent},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cut();
    cases.extend(under_way());
    cases.extend(last_one());
    cases
}

fn cut() -> Vec<Case> {
    let mut cases = Vec::new();
    for (way, what, change) in WAYS {
        for (name, sent, hard) in [
            ("early", 900_usize, false),
            ("half", 50_000, false),
            ("half-reset", 50_000, true),
            ("late", 99_000, true),
        ] {
            let how = if hard { "by a reset" } else { "in order" };
            let demand = format!(
                "A chunk {what} that is cut {how} after {sent} bytes is not there, and can be sent again."
            );
            cases.push(Case::new(format!("R9-{way}-{name}"), Level::Must, demand, move |lab| async move {
                let file = lab.file(300_000, 100_000);
                lab.store(&file, 1).await?;
                let (wire, _) = begin(&lab, &change(lab.sending(&file, 2)), sent).await?;
                if hard {
                    wire.reset().await
                } else {
                    wire.finish().await
                }
                lab.holds(&file, &[1]).await?;
                lab.store(&file, 3).await?;
                lab.store_in_time(&file, 2).await?;
                lab.is_complete(&file).await
            }));
        }
    }
    cases.extend([
        must(
            "R9-chunked",
            "A body without Content-Length that ends before its last frame is not there.",
            |lab| async move {
                let file = lab.file(300_000, 100_000);
                let sending = lab.sending(&file, 2).octet();
                let whole = sending.bytes.clone();
                let request = sending.request(&lab).body(Body::Unfinished { chunks: vec![whole] });
                start(&lab, &request).await?.finish().await;
                lab.holds(&file, &[]).await?;
                lab.store_in_time(&file, 2).await?;
                lab.is_untouched(&file, &[2]).await
            },
        ),
        must("R9-all-but-one", "A chunk that lacks its last byte is not there.", |lab| async move {
            let file = lab.file(300_000, 100_000);
            let sending = lab.sending(&file, 1).octet();
            let (wire, _) = begin(&lab, &sending, sending.bytes.len() - 1).await?;
            wire.finish().await;
            lab.holds(&file, &[]).await?;
            lab.store_in_time(&file, 1).await?;
            lab.is_untouched(&file, &[1]).await
        }),
        robust(
            "R9-form-end",
            "A form that is cut right behind its file is there or not; sent again, it is.",
            |lab| async move {
                let file = lab.file(300_000, 100_000);
                let sending = lab.sending(&file, 2);
                let Body::Sized(body) = sending.request(&lab).body else { return Ok(()) };
                let (wire, _) = begin(&lab, &sending, body.len() - 20).await?;
                wire.finish().await;
                lab.store_in_time(&file, 2).await?;
                lab.is_untouched(&file, &[2]).await
            },
        ),
        must("R9-again-and-again", "A chunk may be cut many times.", |lab| async move {
            let file = lab.file(200_000, 100_000);
            for sent in [10_000, 70_000, 20_000, 99_000] {
                let (wire, _) = begin(&lab, &lab.sending(&file, 2), sent).await?;
                wire.finish().await;
                ensure(!lab.has(&file, 2).await?, || "expected a chunk that was cut not to be there".into())?;
            }
            lab.store_in_time(&file, 2).await?;
            lab.is_untouched(&file, &[2]).await
        }),
        must(
            "R9-cut-again",
            "A chunk that is there stays when it is sent again and cut.",
            |lab| async move {
                let file = lab.file(200_000, 100_000);
                lab.store(&file, 1).await?;
                let (wire, _) = begin(&lab, &lab.sending(&file, 1), 30_000).await?;
                wire.reset().await;
                lab.is_untouched(&file, &[1]).await
            },
        ),
        robust("R9-http2", "A stream of HTTP/2 that is reset leaves no chunk.", |lab| async move {
            let http2 = lab.http2().await?;
            let file = lab.file(200_000, 100_000);
            let sending = lab.sending(&file, 1).octet();
            let request = sending.request(&lab).body(Body::None).header("Content-Length", 100_000);
            let mut stream = http2.start(&request).await?;
            stream.write(sending.bytes.get(..60_000).unwrap_or_default().to_vec()).await?;
            stream.reset();
            lab.holds(&file, &[]).await?;
            lab.store_in_time(&file, 1).await?;
            lab.is_untouched(&file, &[1]).await
        }),
    ]);
    cases
}

/// While the bytes still come.
fn under_way() -> Vec<Case> {
    vec![
        must(
            "R9-under-way",
            "A chunk that is under way is not there until it is answered.",
            |lab| async move {
                let file = lab.file(200_000, 100_000);
                let (mut wire, rest) = begin(&lab, &lab.sending(&file, 1), 60_000).await?;
                for _ in 0..3 {
                    lab.holds(&file, &[]).await?;
                }
                lab.is_unfinished(&file, 0).await?;
                wire.write(&rest).await?;
                wire.answer().await?.status(&[200, 201])?;
                lab.is_untouched(&file, &[1]).await
            },
        ),
        must("R9-others-go-on", "Other chunks are stored while one is under way.", |lab| async move {
            let file = lab.file(300_000, 100_000);
            let (mut wire, rest) = begin(&lab, &lab.sending(&file, 2), 60_000).await?;
            lab.fill(&file, &[3, 1]).await?;
            lab.holds(&file, &[1, 3]).await?;
            wire.write(&rest).await?;
            wire.answer().await?.status(&[200, 201])?;
            lab.is_complete(&file).await
        }),
        must("R9-test-disturbs-nobody", "Tests don't end a chunk that is under way.", |lab| async move {
            let file = lab.file(200_000, 100_000);
            let (mut wire, rest) = begin(&lab, &lab.sending(&file, 1).octet(), 60_000).await?;
            for _ in 0..10 {
                lab.ask("GET", &file, 1).await?;
                lab.ask("HEAD", &file, 2).await?;
            }
            wire.write(&rest).await?;
            wire.answer().await?.status(&[200, 201])?;
            lab.is_untouched(&file, &[1]).await
        }),
    ]
}

/// The last missing chunk.
fn last_one() -> Vec<Case> {
    vec![
        must("R9-last-cut", "A file whose last missing chunk is cut is not complete.", |lab| async move {
            let file = all_but(&lab, 2).await?;
            let (wire, _) = begin(&lab, &lab.sending(&file, 2), 60_000).await?;
            wire.finish().await;
            lab.holds(&file, &[1, 3]).await?;
            lab.is_unfinished(&file, 2).await?;
            lab.store_in_time(&file, 2).await?;
            lab.is_complete(&file).await
        }),
        must(
            "R9-last-stalled",
            "A file whose last missing chunk stalls is not complete.",
            |lab| async move {
                let file = all_but(&lab, 2).await?;
                let (mut wire, rest) = stall(&lab, &lab.sending(&file, 2), 90_000).await?;
                lab.is_unfinished(&file, 2).await?;
                lab.holds(&file, &[1, 3]).await?;
                lab.store_in_time(&file, 2).await?;
                lab.is_complete(&file).await?;
                wire.try_write(&rest).await;
                if let Ok(answer) = wire.answer().await {
                    ensure(!is_permanent(answer.status), || {
                        format!("expected the stalled sender not to have to give up, got {}", answer.status)
                    })?;
                }
                lab.is_complete(&file).await
            },
        ),
    ]
}

async fn all_but(lab: &Lab, missing: u64) -> Verdict<File> {
    let file = lab.file(300_000, 100_000);
    let others: Vec<u64> = file.numbers().into_iter().filter(|number| *number != missing).collect();
    lab.fill(&file, &others).await?;
    Ok(file)
}
