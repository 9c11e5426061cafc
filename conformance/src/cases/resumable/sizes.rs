//! How many chunks there are, and how long the last one is: R6.

use super::steps::{WAYS, refused, uploads};
use crate::case::{Case, Level, must, should};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let sizes: [(&str, usize); 10] = [
        ("one-byte", 1),
        ("below-one", 999),
        ("one", 1_000),
        ("above-one", 1_001),
        ("below-two", 1_999),
        ("two", 2_000),
        ("above-two", 2_001),
        ("below-three", 2_999),
        ("three-and-a-half", 3_500),
        ("ten", 10_000),
    ];
    for (name, length) in sizes {
        let demand = format!("{length} bytes in chunks of 1000, the last one the larger, are stored whole.");
        cases.push(must(&format!("R6-larger-{name}"), &demand, move |lab| async move {
            let file = lab.file(length, 1_000);
            lab.store(&file, file.count()).await?;
            if file.count() > 1 {
                lab.holds(&file, &[file.count()]).await?;
            }
            lab.finish(&file, &[file.count()]).await
        }));
        let demand = format!("{length} bytes in chunks of 1000 at most (forceChunkSize) are stored whole.");
        cases.push(must(&format!("R6-forced-{name}"), &demand, move |lab| async move {
            let file = lab.file(length, 1_000).forced();
            lab.store(&file, file.count()).await?;
            if file.count() > 1 {
                lab.holds(&file, &[file.count()]).await?;
            }
            lab.finish(&file, &[file.count()]).await
        }));
    }
    cases.extend(empty());
    cases.extend([
        must("R6-tiny-chunks", "Chunks of one byte are stored.", |lab| async move {
            let file = lab.file(12, 1);
            lab.fill(&file, &[12, 1, 5, 3]).await?;
            lab.is_untouched(&file, &[1, 3, 5, 12]).await
        }),
        must("R6-larger-than-file", "A chunk size far above the file's size is taken.", |lab| async move {
            let mut file = lab.file(700, 1_000);
            file.chunk = 1 << 40;
            uploads(&lab, &file).await
        }),
        must(
            "R6-stays-larger",
            "Whoever began with a larger last chunk can't end with one more.",
            |lab| async move {
                let file = lab.file(25_000, 10_000);
                lab.store(&file, 1).await?;
                let answer = lab.offer(&lab.sending(&file.clone().forced(), 3)).await?;
                refused(&answer, "the upload has two chunks and not three")?;
                lab.is_untouched(&file, &[1]).await
            },
        ),
    ]);
    cases
}

/// Resumable.js asks for at least one byte unless the page allows none; its relatives send empty files.
fn empty() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, how, change) in WAYS {
        let demand = format!("A file of no bytes that is sent {how} becomes complete by its one chunk.");
        cases.push(Case::new(format!("R6-empty-{name}"), Level::Should, demand, move |lab| async move {
            let file = lab.file(0, 1_000);
            lab.holds(&file, &[]).await?;
            lab.store_by(&change(lab.sending(&file, 1))).await?;
            lab.is_complete(&file).await
        }));
    }
    cases.push(should("R6-empty-again", "An empty file may be sent twice.", |lab| async move {
        let file = lab.file(0, 1_000);
        lab.store(&file, 1).await?;
        lab.store(&file, 1).await?;
        lab.is_complete(&file).await
    }));
    cases
}
