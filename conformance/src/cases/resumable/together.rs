//! Chunks in any order, several at once, and the same one twice: R5 and R10.

use tokio::task::JoinSet;

use super::steps::{begun, stall};
use crate::{
    case::{Case, Verdict, ensure, must, robust, should},
    lab::{
        Lab,
        resumable::{File, SUCCESSES, is_permanent},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = orders();
    cases.extend(at_once());
    cases.extend(twice());
    cases
}

/// Sends all of these at the same time; every chunk is right, so that each is stored in the end.
pub(super) async fn at_the_same_time(lab: &Lab, chunks: Vec<(File, u64)>) -> Verdict {
    let mut running = JoinSet::new();
    for (file, number) in chunks {
        let lab = lab.clone();
        running.spawn(async move { lab.store_in_time(&file, number).await });
    }
    while let Some(done) = running.join_next().await {
        if let Ok(verdict) = done {
            verdict?;
        }
    }
    Ok(())
}

fn orders() -> Vec<Case> {
    let mut cases = Vec::new();
    let orders: [(&str, &str, &[u64]); 6] = [
        ("forwards", "from the first to the last", &[1, 2, 3, 4, 5, 6, 7]),
        ("backwards", "from the last to the first", &[7, 6, 5, 4, 3, 2, 1]),
        ("ends-first", "first and last first (prioritizeFirstAndLastChunk)", &[1, 7, 2, 3, 4, 5, 6]),
        ("odd-first", "every other one first", &[1, 3, 5, 7, 2, 4, 6]),
        ("middle-last", "the middle one last", &[6, 1, 7, 3, 2, 5, 4]),
        ("mixed", "in no order", &[5, 2, 7, 1, 4, 6, 3]),
    ];
    for (name, how, order) in orders {
        let demand = format!("Chunks that come {how} make the file, each at its own place.");
        cases.push(must(&format!("R5-order-{name}"), &demand, move |lab| async move {
            let file = lab.file(75_000, 10_000);
            lab.fill(&file, order).await?;
            lab.is_complete(&file).await
        }));
    }
    cases.extend([
        must("R5-two-files", "Chunks of two files may come by turns.", |lab| async move {
            let (one, two) = (lab.file(30_000, 10_000), lab.file(45_000, 10_000));
            for number in [3, 1, 2] {
                lab.store(&one, number).await?;
                lab.store(&two, number).await?;
                lab.has(&two, number).await?;
            }
            lab.is_complete(&one).await?;
            lab.finish(&two, &[1, 2, 3]).await
        }),
        must("R10-many", "Two hundred chunks in no order make the file.", |lab| async move {
            let file = lab.file(200 * 64, 64);
            // 77 and 200 have no common divisor, so that every number comes once.
            let order: Vec<u64> = (0..200).map(|index| index * 77 % 200 + 1).collect();
            for four in order.chunks(4) {
                at_the_same_time(&lab, four.iter().map(|number| (file.clone(), *number)).collect()).await?;
            }
            lab.is_complete(&file).await
        }),
        must("R10-big", "A file of 8 MiB in chunks of 1 MiB, the stock size, is right.", |lab| async move {
            let file = lab.file(8 * 1024 * 1024 + 12_345, 1024 * 1024);
            lab.fill(&file, &[8, 3, 1, 6, 2, 7, 5, 4]).await?;
            lab.is_complete(&file).await
        }),
    ]);
    cases
}

fn at_once() -> Vec<Case> {
    vec![
        must(
            "R5-three-at-once",
            "Three chunks at once, as the stock client sends them, are stored.",
            |lab| async move {
                let file = lab.file(900_000, 100_000);
                for three in file.numbers().chunks(3) {
                    let sendings: Vec<_> = three.iter().map(|number| lab.sending(&file, *number)).collect();
                    let [one, two, three] = sendings.as_slice() else { continue };
                    let (one, two, three) = tokio::join!(lab.offer(one), lab.offer(two), lab.offer(three));
                    for answer in [one?, two?, three?] {
                        answer.status(&SUCCESSES)?;
                    }
                }
                lab.is_complete(&file).await
            },
        ),
        must("R5-first-at-once", "The very first chunks of a file may come at once.", |lab| async move {
            for _ in 0..5 {
                let file = lab.file(60_000, 10_000);
                at_the_same_time(&lab, file.numbers().into_iter().map(|n| (file.clone(), n)).collect())
                    .await?;
                lab.is_complete(&file).await?;
            }
            Ok(())
        }),
        must("R5-files-at-once", "Chunks of several files may come at once.", |lab| async move {
            let files = [0, 1, 2, 3].map(|_| lab.file(300_000, 100_000));
            let all = files.iter().flat_map(|file| file.numbers().into_iter().map(|n| (file.clone(), n)));
            at_the_same_time(&lab, all.collect()).await?;
            for file in &files {
                lab.is_complete(file).await?;
            }
            Ok(())
        }),
    ]
}

fn twice() -> Vec<Case> {
    vec![
        must("R5-again", "A chunk that comes again is a success and changes nothing.", |lab| async move {
            let file = begun(&lab).await?;
            lab.store(&file, 1).await?;
            lab.store_by(&lab.sending(&file, 1).octet()).await?;
            lab.is_untouched(&file, &[1]).await
        }),
        must(
            "R5-again-large",
            "A large chunk that comes again is answered, and not cut off.",
            |lab| async move {
                let file = lab.file(6_000_000, 3_000_000);
                for _ in 0..3 {
                    lab.store(&file, 2).await?;
                }
                lab.is_untouched(&file, &[2]).await
            },
        ),
        must("R5-twins", "The same chunk twice at once is one chunk.", |lab| async move {
            let file = lab.file(200_000, 100_000);
            let two = vec![(file.clone(), 2), (file.clone(), 2)];
            at_the_same_time(&lab, two).await?;
            lab.is_untouched(&file, &[2]).await
        }),
        must(
            "R5-two-tabs",
            "Two tabs that send the same file at once make one whole file.",
            |lab| async move {
                let file = lab.file(500_000, 100_000);
                let numbers = file.numbers().into_iter();
                let all: Vec<(File, u64)> =
                    numbers.flat_map(|n| [(file.clone(), n), (file.clone(), n)]).collect();
                at_the_same_time(&lab, all).await?;
                lab.is_complete(&file).await
            },
        ),
        should(
            "R5-again-complete",
            "A chunk of a complete file that comes again is a success.",
            |lab| async move {
                let file = lab.file(30_000, 10_000);
                lab.finish(&file, &[]).await?;
                for number in [3, 1] {
                    lab.store(&file, number).await?;
                }
                lab.is_complete(&file).await
            },
        ),
        robust(
            "R5-stalled-twin",
            "A chunk whose first sender has stalled can be sent by another one.",
            |lab| async move {
                let file = lab.file(200_000, 100_000);
                let (mut stalled, rest) = stall(&lab, &lab.sending(&file, 1), 60_000).await?;
                lab.store_in_time(&file, 1).await?;
                lab.holds(&file, &[1]).await?;
                stalled.try_write(&rest).await;
                if let Ok(answer) = stalled.answer().await {
                    ensure(!is_permanent(answer.status), || {
                        format!("expected the first sender not to have to give up, got {}", answer.status)
                    })?;
                }
                lab.is_untouched(&file, &[1]).await
            },
        ),
        robust(
            "R10-other-bytes",
            "A chunk that comes again with other bytes leaves a chunk of the one or of the other, never of both.",
            |lab| async move {
                lab.needs_bytes()?;
                let file = begun(&lab).await?;
                let other = lab.file(30_000, 10_000);
                let answer = lab.offer(&lab.sending(&file, 1).with(other.part(1))).await?;
                answer.no_breakdown()?;
                lab.fill(&file, &[2, 3]).await?;
                if lab.is_complete(&file).await.is_ok() {
                    return Ok(());
                }
                let mixed = [other.part(1), file.part(2), file.part(3)].concat();
                lab.is_complete(&file.holding(mixed)).await
            },
        ),
    ]
}
