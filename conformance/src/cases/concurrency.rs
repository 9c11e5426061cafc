//! Many requests at once: on one upload (which has one writer) and on many (which have nothing to do with each other).

use std::{collections::HashSet, time::Duration};

use tokio::{task::JoinSet, time::sleep};

use crate::{
    case::{Case, Verdict, ensure, fail, must, robust},
    cases::steps::{begin, gone, soon},
    client::{Body, Response},
    lab::{Lab, Upload, difference, pattern, size},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        must(
            "C8-race-slow",
            "Of two slow PATCHes at the same offset at most one is accepted, and the bodies never mix.",
            |lab| async move {
                let bodies = vec![pattern(101, 300_000), pattern(102, 300_000)];
                let upload = lab.create(300_000).await?;
                let mut race = JoinSet::new();
                for body in &bodies {
                    let (lab, upload, body) = (lab.clone(), upload.clone(), body.clone());
                    race.spawn(async move { trickled(&lab, &upload, body).await });
                }
                let answers = race.join_all().await;
                one_sequence(&lab, &upload, 300_000, &bodies, &answers).await
            },
        ),
        must(
            "C8-race-quick",
            "Of eight PATCHes that meet at one offset at most one is accepted, and the bodies never mix.",
            |lab| async move {
                let (upload, bodies, answers) = eight_at_once(&lab).await?;
                one_sequence(&lab, &upload, 8192, &bodies, &answers).await
            },
        ),
        robust(
            "C8-race-has-a-winner",
            "Of eight PATCHes that meet at one offset, one gets through.",
            |lab| async move {
                let (upload, _, answers) = eight_at_once(&lab).await?;
                let seen: Vec<Option<u16>> =
                    answers.iter().map(|answer| answer.as_ref().map(|answer| answer.status)).collect();
                ensure(seen.contains(&Some(204)), || format!("expected one 204, the answers are {seen:?}"))?;
                lab.stands_at(&upload, 1024).await
            },
        ),
        robust(
            "C8-race-is-refused-kindly",
            "Who loses a race hears 409, 423 or 503, or loses the connection.",
            |lab| async move {
                let (_, _, answers) = eight_at_once(&lab).await?;
                for answer in answers.iter().flatten() {
                    answer.status(&[204, 409, 423, 503])?;
                }
                Ok(())
            },
        ),
        must(
            "C9-parallel-uploads",
            "Sixteen uploads grow beside each other, each with its own bytes.",
            |lab| async move {
                let mut running = JoinSet::new();
                for seed in 0..16 {
                    let lab = lab.clone();
                    running.spawn(async move { in_small_steps(&lab, &pattern(110 + seed, 12_000)).await });
                }
                all(running).await
            },
        ),
        robust(
            "C5-parallel-heads",
            "HEADs that come all the time disturb no upload and never tell less than before.",
            |lab| async move {
                let mut running = JoinSet::new();
                for seed in 0..4 {
                    let lab = lab.clone();
                    running.spawn(async move { watched(&lab, &pattern(130 + seed, 20_000)).await });
                }
                all(running).await
            },
        ),
        robust(
            "X3-healthy",
            "HEAD during a healthy PATCH is answered and does not disturb it.",
            head_during_a_healthy_patch,
        ),
        must(
            "N2-parallel-creations",
            "Creations at the same time get uploads of their own.",
            |lab| async move {
                let mut running = JoinSet::new();
                for _ in 0..24 {
                    let lab = lab.clone();
                    running.spawn(async move { lab.create(10).await });
                }
                let mut paths = HashSet::new();
                while let Some(created) = running.join_next().await {
                    let Ok(created) = created else { return fail("a creation broke off") };
                    let path = created?.path;
                    ensure(paths.insert(path.clone()), || {
                        format!("expected different uploads, {path} was given twice")
                    })?;
                }
                Ok(())
            },
        ),
        robust(
            "D1-race",
            "Of two DELETEs at once each is answered 204, 404 or 410, and the upload is gone.",
            |lab| async move {
                lab.needs(&["termination"])?;
                let upload = lab.started(100, b"hello").await?;
                let delete = || lab.send(lab.request("DELETE", &upload.path));
                let (first, second) = tokio::try_join!(delete(), delete())?;
                first.status(&[204, 404, 410])?;
                second.status(&[204, 404, 410])?;
                gone(&lab, &upload).await
            },
        ),
    ]
}

/// Sends a whole body from offset 0 in slices with pauses. `None`: the server hung up, which is an answer, too.
async fn trickled(lab: &Lab, upload: &Upload, body: Vec<u8>) -> Option<Response> {
    let request = lab.patch(upload, 0).body(Body::Announced { length: size(&body), bytes: Vec::new() });
    let mut wire = begin(lab, &request).await.ok()?;
    for slice in body.chunks(15_000) {
        wire.try_write(slice).await;
        sleep(Duration::from_millis(20)).await;
    }
    let answer = wire.answer().await;
    lab.note(&request, &answer);
    answer.ok()
}

/// Eight bodies of 1 KiB at the start of an upload of 8 KiB, sent at the same time.
async fn eight_at_once(lab: &Lab) -> Verdict<(Upload, Vec<Vec<u8>>, Vec<Option<Response>>)> {
    let bodies: Vec<Vec<u8>> = (0..8).map(|seed| pattern(140 + seed, 1024)).collect();
    let upload = lab.create(8192).await?;
    let mut race = JoinSet::new();
    for body in &bodies {
        let (lab, request) = (lab.clone(), lab.patch(&upload, 0).bytes(body.clone()));
        race.spawn(async move { lab.send(request).await.ok() });
    }
    let answers = race.join_all().await;
    Ok((upload, bodies, answers))
}

/// Demands that what the upload holds is the start of one of the bodies, and of the accepted one if there is one.
async fn one_sequence(
    lab: &Lab,
    upload: &Upload,
    length: usize,
    bodies: &[Vec<u8>],
    answers: &[Option<Response>],
) -> Verdict {
    let whole = bodies.iter().map(|body| size(body)).max().unwrap_or_default();
    // A success that tells a smaller offset is a body that was cut short, and said so.
    let accepted = answers.iter().flatten();
    let accepted =
        accepted.filter(|answer| answer.status == 204 && answer.number("Upload-Offset").ok() == Some(whole));
    let accepted = accepted.count();
    ensure(accepted <= 1, || format!("expected at most one 204 for the same bytes, got {accepted}"))?;
    let stored = lab.settled(upload).await?;
    ensure(stored <= whole, || {
        format!("expected at most the {whole} bytes of one body, the offset is {stored}")
    })?;
    ensure(accepted == 0 || stored == whole, || {
        format!("expected the accepted {whole} bytes, the offset is {stored}")
    })?;
    if !lab.offers().download {
        return Ok(());
    }
    let cut = usize::try_from(stored).unwrap_or(usize::MAX);
    let filling = pattern(150, length.saturating_sub(cut));
    if !filling.is_empty() {
        lab.append(upload, stored, &filling).await?;
    }
    let found = lab.send(lab.request("GET", &upload.path).without("Tus-Resumable")).await?;
    let found = &found.status(&[200])?.body;
    let candidates: Vec<Vec<u8>> =
        bodies.iter().map(|body| [body.get(..cut).unwrap_or_default(), &filling].concat()).collect();
    ensure(candidates.contains(found), || {
        let first = candidates.first().map(Vec::as_slice).unwrap_or_default();
        format!(
            "expected the content to be of one body, it is of none; against the first one: {}",
            difference(found, first)
        )
    })
}

async fn in_small_steps(lab: &Lab, bytes: &[u8]) -> Verdict {
    let upload = lab.create(size(bytes)).await?;
    let mut offset = 0;
    for piece in bytes.chunks(1500) {
        lab.append(&upload, offset, piece).await?;
        offset += size(piece);
    }
    lab.stands_at(&upload, offset).await?;
    lab.contains(&upload, bytes).await
}

/// PATCH after PATCH, while HEAD after HEAD looks on.
async fn watched(lab: &Lab, bytes: &[u8]) -> Verdict {
    let upload = lab.create(size(bytes)).await?;
    let growing = async {
        let mut offset = 0;
        for piece in bytes.chunks(1000) {
            lab.append(&upload, offset, piece).await?;
            offset += size(piece);
        }
        Ok(())
    };
    let looking = async {
        let mut last = 0;
        while last < size(bytes) {
            let told = lab.offset(&upload).await?;
            ensure(told >= last, || {
                format!("expected an offset that never goes back, got {told} after {last}")
            })?;
            last = told;
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    tokio::try_join!(growing, looking)?;
    lab.contains(&upload, bytes).await
}

async fn head_during_a_healthy_patch(lab: Lab) -> Verdict {
    let bytes = pattern(99, 80_000);
    let upload = lab.create(80_000).await?;
    let mut wire = lab.stall(&upload, 0, 80_000, &[]).await?;
    let trickling = async {
        for piece in bytes.chunks(2000) {
            sleep(Duration::from_millis(50)).await;
            wire.write(piece).await?;
        }
        wire.answer().await
    };
    let looking = async {
        let mut last = 0;
        for _ in 0..15 {
            sleep(Duration::from_millis(100)).await;
            let head = soon("HEAD", lab.head(&upload)).await?;
            let told = head.status(&[200, 204])?.number("Upload-Offset")?;
            ensure(told >= last, || {
                format!("expected an offset that never goes back, got {told} after {last}")
            })?;
            last = told;
        }
        Ok(())
    };
    let (answer, ()) = tokio::try_join!(trickling, looking)?;
    answer.status(&[204])?.has("Upload-Offset", 80_000)?;
    lab.stands_at(&upload, 80_000).await?;
    lab.contains(&upload, &bytes).await
}

/// Demands that every one of them is well; the first that is not decides.
async fn all(mut running: JoinSet<Verdict>) -> Verdict {
    while let Some(done) = running.join_next().await {
        match done {
            Ok(verdict) => verdict?,
            Err(error) => return fail(format!("the case itself broke: {error}")),
        }
    }
    Ok(())
}
