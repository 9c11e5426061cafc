//! The file appears once, when the last missing chunk is in: R11, and the questions about whole uploads.

use super::{steps::uploads, together::at_the_same_time};
use crate::{
    case::{Case, Verdict, ensure, must, robust, should},
    lab::{
        Lab, pattern,
        resumable::{File, Params},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = status();
    cases.extend(once());
    cases
}

async fn says(lab: &Lab, file: &File, wanted: &str) -> Verdict {
    lab.needs_status()?;
    let status = lab.status(file).await?;
    ensure(status.get("status") == Some(&wanted.into()), || {
        format!("expected the status {wanted}, got {status}")
    })
}

fn status() -> Vec<Case> {
    vec![
        should(
            "R11-status-unknown",
            "The status of a file that nobody sent is not_found.",
            |lab| async move { says(&lab, &lab.file(30_000, 10_000), "not_found").await },
        ),
        should("R11-status-begun", "The status of an unfinished file is in_progress.", |lab| async move {
            let file = super::steps::begun(&lab).await?;
            says(&lab, &file, "in_progress").await
        }),
        should("R11-status-chunks", "chunks_present counts every chunk once.", |lab| async move {
            lab.needs_status()?;
            let file = lab.file(50_000, 10_000);
            for (index, number) in [5, 2, 2, 4, 5].into_iter().enumerate() {
                lab.store(&file, number).await?;
                lab.is_unfinished(&file, [1, 2, 2, 3, 3].get(index).copied().unwrap_or(0)).await?;
            }
            Ok(())
        }),
        should(
            "R11-status-complete",
            "The status of a complete file is complete, with its size.",
            |lab| async move {
                lab.needs_status()?;
                let file = lab.file(35_001, 10_000);
                uploads(&lab, &file).await?;
                let status = lab.status(&file).await?;
                ensure(status.get("size") == Some(&35_001.into()), || {
                    format!("expected the size 35001, got {status}")
                })
            },
        ),
        should("R11-status-type", "A status is of type application/json, and fresh.", |lab| async move {
            lab.needs_status()?;
            let file = super::steps::begun(&lab).await?;
            let answer = lab.ask_with("GET", &file, file.question()).await?;
            let media_type = answer.value("Content-Type")?;
            ensure(media_type.starts_with("application/json"), || {
                format!("expected application/json, got {media_type:?}")
            })?;
            let words = answer.list("Cache-Control");
            ensure(
                words.iter().any(|word| ["no-store", "no-cache", "max-age=0"].contains(&word.as_str())),
                || format!("expected Cache-Control with no-store, no-cache or max-age=0, got {words:?}"),
            )
        }),
        robust(
            "R11-status-few",
            "Identifier, name and size are enough to ask for the status.",
            |lab| async move {
                lab.needs_status()?;
                let file = super::steps::begun(&lab).await?;
                let mut params = Params::default();
                params.set("Identifier", file.identifier.clone());
                params.set("Filename", file.name.clone());
                params.set("TotalSize", file.total().to_string());
                let answer = lab.ask_with("GET", &file, params).await?;
                ensure(String::from_utf8_lossy(&answer.body).contains("in_progress"), || {
                    "expected the status in_progress".into()
                })
            },
        ),
        robust("R11-status-head", "HEAD of a whole upload has no body.", |lab| async move {
            lab.needs_status()?;
            let file = super::steps::begun(&lab).await?;
            lab.ask_with("HEAD", &file, file.question()).await?.no_breakdown()?;
            Ok(())
        }),
    ]
}

fn once() -> Vec<Case> {
    let mut cases = vec![
        must("R11-not-before", "A file that lacks a chunk is not complete.", |lab| async move {
            let file = lab.file(40_000, 10_000);
            for (present, number) in [(1, 4), (2, 1), (3, 3)] {
                lab.store(&file, number).await?;
                lab.is_unfinished(&file, present).await?;
            }
            lab.is_untouched(&file, &[1, 3, 4]).await
        }),
        must(
            "R11-last-two-at-once",
            "Two last chunks that come at once complete the file once.",
            |lab| async move {
                for _ in 0..5 {
                    let file = lab.file(40_000, 10_000);
                    lab.fill(&file, &[1, 3]).await?;
                    at_the_same_time(&lab, vec![(file.clone(), 2), (file.clone(), 4)]).await?;
                    lab.is_complete(&file).await?;
                }
                Ok(())
            },
        ),
        must(
            "R11-last-twice",
            "The last chunk that comes twice at once completes the file once.",
            |lab| async move {
                for _ in 0..5 {
                    let file = lab.file(40_000, 10_000);
                    lab.fill(&file, &[1, 3, 4]).await?;
                    at_the_same_time(&lab, vec![(file.clone(), 2), (file.clone(), 2)]).await?;
                    lab.is_complete(&file).await?;
                }
                Ok(())
            },
        ),
        must("R11-stays", "A complete file stays what it is when its chunks come again.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            uploads(&lab, &file).await?;
            let before = told(&lab, &file).await?;
            for number in file.numbers() {
                lab.offer(&lab.sending(&file, number)).await?.no_breakdown()?;
            }
            lab.is_complete(&file).await?;
            let after = told(&lab, &file).await?;
            ensure(before == after, || format!("expected the same status as before, {before}, got {after}"))
        }),
        must(
            "R11-other-bytes-later",
            "A complete file does not change when one of its chunks comes again with other bytes.",
            |lab| async move {
                lab.needs_bytes()?;
                let file = lab.file(30_000, 10_000);
                uploads(&lab, &file).await?;
                let other = pattern(90, 10_000);
                for number in file.numbers() {
                    lab.offer(&lab.sending(&file, number).with(other.clone())).await?.no_breakdown()?;
                }
                lab.is_complete(&file).await
            },
        ),
    ];
    for last in 1..=4 {
        let demand = format!("The file is complete when chunk {last} of 4 is the last one to come.");
        cases.push(must(&format!("R11-last-{last}"), &demand, move |lab| async move {
            let file = lab.file(45_000, 10_000);
            let others: Vec<u64> = (1..=4).filter(|number| *number != last).collect();
            lab.fill(&file, &others).await?;
            lab.is_unfinished(&file, 3).await?;
            lab.store(&file, last).await?;
            lab.is_complete(&file).await
        }));
    }
    cases
}

async fn told(lab: &Lab, file: &File) -> Verdict<serde_json::Value> {
    if lab.receiver().offers.status { lab.status(file).await } else { Ok(serde_json::Value::Null) }
}
