//! What the clients make of a status: R4.

use super::steps::{begin, refused, works_or_is_refused};
use crate::{
    case::{Case, Verdict, ensure, must, robust, should},
    lab::{
        Lab,
        resumable::{SUCCESSES, is_permanent, is_there},
    },
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        must("R4-stored", "Every stored chunk is answered 200 or 201, the last one too.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            for number in [2, 3, 1] {
                lab.offer(&lab.sending(&file, number)).await?.status(&SUCCESSES)?;
            }
            lab.is_complete(&file).await
        }),
        must("R4-stored-octet", "A body that is the chunk is answered 200 or 201, too.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            for number in [2, 3, 1] {
                lab.offer(&lab.sending(&file, number).octet()).await?.status(&SUCCESSES)?;
            }
            lab.is_complete(&file).await
        }),
        must(
            "R4-twin",
            "The same chunk twice at the same time never makes a client give the file up.",
            |lab| async move {
                let file = lab.file(200_000, 100_000);
                let sending = lab.sending(&file, 1);
                let (one, two) = tokio::join!(lab.offer(&sending), lab.offer(&sending));
                let (one, two) = (one?.status, two?.status);
                for status in [one, two] {
                    ensure(!is_permanent(status), || format!("expected a status that passes, got {status}"))?;
                }
                ensure(SUCCESSES.contains(&one) || SUCCESSES.contains(&two), || {
                    format!("expected one of the two to be stored, got {one} and {two}")
                })?;
                lab.is_untouched(&file, &[1]).await
            },
        ),
        must(
            "R4-crowd",
            "Twenty chunks at once are stored, or told to come again: nobody has to give up.",
            |lab| async move { crowd(&lab).await },
        ),
        must(
            "R4-after-a-cut",
            "A chunk that was cut can be sent again at once: it is stored, or told to come again.",
            |lab| async move {
                let file = lab.file(200_000, 100_000);
                for _ in 0..3 {
                    let (wire, _) = begin(&lab, &lab.sending(&file, 1), 50_000).await?;
                    drop(wire);
                    lab.store_in_time(&file, 1).await?;
                    lab.store_in_time(&file, 2).await?;
                }
                lab.is_complete(&file).await
            },
        ),
        robust(
            "R4-odd-cookie",
            "A cookie of another program with letters beyond ASCII does not end the file.",
            |lab| async move {
                let file = lab.file(30_000, 10_000);
                for number in [1, 2, 3] {
                    let request = lab.sending(&file, number).request(&lab);
                    let request = request.header("Cookie", "name=Jörg; theme=dark");
                    lab.send(request).await?.status(&SUCCESSES)?;
                }
                lab.is_complete(&file).await
            },
        ),
        must(
            "R4-after-a-refusal",
            "After a chunk that was refused, the same chunk done right is stored.",
            |lab| async move {
                let file = lab.file(30_000, 10_000);
                for (name, value) in [("ChunkNumber", "0"), ("TotalChunks", "9"), ("ChunkSize", "0")] {
                    let wrong = lab.sending(&file, 1).saying(name, value);
                    refused(&lab.offer(&wrong).await?, "the parameters contradict each other")?;
                }
                lab.finish(&file, &[]).await
            },
        ),
        should(
            "R4-sentence",
            "A refusal says in its body what is wrong: the page shows it to people.",
            |lab| async move {
                let file = lab.file(30_000, 10_000);
                let answer = lab.offer(&lab.sending(&file, 1).saying("ChunkNumber", "9")).await?;
                refused(&answer, "there is no chunk 9")?;
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                ensure(text.split_whitespace().count() >= 3, || format!("expected a sentence, got {text:?}"))
            },
        ),
        robust(
            "R4-no-markup",
            "A refusal does not repeat what the client said as markup.",
            |lab| async move {
                let file = lab.file(30_000, 10_000);
                let script = "<script>alert(1)</script>";
                for name in ["ChunkNumber", "TotalSize", "Identifier"] {
                    let answer = lab.offer(&lab.sending(&file, 1).saying(name, script)).await?;
                    let media_type = answer.get("Content-Type").unwrap_or_default().to_ascii_lowercase();
                    let repeated = String::from_utf8_lossy(&answer.body).contains(script);
                    let plain =
                        media_type.starts_with("text/plain") || media_type.starts_with("application/json");
                    ensure(!repeated || plain, || {
                        format!("expected plain text or no repetition, got `Content-Type: {media_type}`")
                    })?;
                }
                Ok(())
            },
        ),
        robust(
            "R4-other-methods",
            "A method that no client uses is refused and changes nothing.",
            |lab| async move {
                let file = super::steps::begun(&lab).await?;
                for method in ["DELETE", "TRACE", "FROB"] {
                    let answer = lab.offer(&lab.sending(&file, 2).octet().by(method)).await?;
                    ensure(matches!(answer.status, 400..=499 | 501), || {
                        format!("expected {method} to be refused, got {}", answer.status)
                    })?;
                }
                lab.is_untouched(&file, &[1]).await
            },
        ),
        robust(
            "R4-huge-file",
            "A file of 2^53 bytes is taken or refused, without a breakdown.",
            |lab| async move {
                let file = lab.file(10_000, 10_000);
                let total = 1_u64 << 53;
                let sending = lab
                    .sending(&file, 1)
                    .saying("TotalSize", total.to_string())
                    .saying("TotalChunks", (total / 10_000).to_string());
                let answer = lab.offer(&sending).await?;
                // No room (507) is true as well.
                if answer.status != 507 && !SUCCESSES.contains(&answer.status) {
                    answer.refused("it is larger than any disk")?;
                }
                works_or_is_refused(&lab, &lab.file(20_000, 10_000), |form| form).await
            },
        ),
    ]
}

async fn crowd(lab: &Lab) -> Verdict {
    let files = [lab.file(500_000, 100_000), lab.file(500_000, 100_000)];
    let mut running = tokio::task::JoinSet::new();
    for file in &files {
        for number in file.numbers() {
            for _ in 0..2 {
                let (lab, sending) = (lab.clone(), lab.sending(file, number));
                running.spawn(async move { lab.offer(&sending).await });
            }
        }
    }
    while let Some(done) = running.join_next().await {
        let Ok(answer) = done else { continue };
        let status = answer?.status;
        ensure(!is_permanent(status), || format!("expected a status that passes, got {status}"))?;
    }
    for file in &files {
        for number in file.numbers() {
            if !is_there(&lab.ask("GET", file, number).await?) {
                lab.store_in_time(file, number).await?;
            }
        }
        lab.is_complete(file).await?;
    }
    Ok(())
}
