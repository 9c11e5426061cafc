//! Lengths that are told later: N5.

use crate::{
    case::{Case, Level, Verdict, ensure, must, robust, should},
    client::Request,
    lab::{Lab, Upload, pattern},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = told();
    cases.extend(refused());
    cases
}

/// A PATCH that tells the length.
fn telling(lab: &Lab, upload: &Upload, offset: u64, length: impl ToString, bytes: &[u8]) -> Request {
    lab.patch(upload, offset).header("Upload-Length", length).bytes(bytes)
}

/// Every order in which bytes and length may come.
fn told() -> Vec<Case> {
    vec![
        must("N5-created", "A creation with Upload-Defer-Length: 1 succeeds.", |lab| async move {
            let upload = lab.deferred().await?;
            lab.stands_at(&upload, 0).await
        }),
        must("N5-first", "The length may come with the first bytes.", |lab| async move {
            let upload = lab.deferred().await?;
            lab.send(telling(&lab, &upload, 0, 8, b"abcd")).await?.status(&[204])?.has("Upload-Offset", 4)?;
            completes(&lab, &upload, 4).await
        }),
        must("N5-middle", "The length may come with bytes in the middle.", |lab| async move {
            let upload = lab.deferred().await?;
            lab.append(&upload, 0, b"ab").await?;
            lab.send(telling(&lab, &upload, 2, 8, b"cd")).await?.status(&[204])?.has("Upload-Offset", 4)?;
            completes(&lab, &upload, 4).await
        }),
        must(
            "N5-last",
            "The length may come with the last bytes and completes the upload.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.append(&upload, 0, b"abcdef").await?;
                lab.send(telling(&lab, &upload, 6, 8, b"gh"))
                    .await?
                    .status(&[204])?
                    .has("Upload-Offset", 8)?;
                completes(&lab, &upload, 8).await
            },
        ),
        must("N5-alone-first", "The length may come alone, before any byte.", |lab| async move {
            let upload = lab.deferred().await?;
            lab.send(telling(&lab, &upload, 0, 8, b"")).await?.status(&[204])?.has("Upload-Offset", 0)?;
            completes(&lab, &upload, 0).await
        }),
        must(
            "N5-alone-last",
            "The length may come alone, after all bytes, and completes the upload.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.append(&upload, 0, b"abcdefgh").await?;
                lab.send(telling(&lab, &upload, 8, 8, b"")).await?.status(&[204])?.has("Upload-Offset", 8)?;
                completes(&lab, &upload, 8).await
            },
        ),
        must("N5-whole", "Length and all bytes may come in one PATCH.", |lab| async move {
            let upload = lab.deferred().await?;
            lab.send(telling(&lab, &upload, 0, 8, b"abcdefgh"))
                .await?
                .status(&[204])?
                .has("Upload-Offset", 8)?;
            completes(&lab, &upload, 8).await
        }),
        must("N5-zero", "A deferred length may turn out to be 0.", |lab| async move {
            let upload = lab.deferred().await?;
            lab.send(telling(&lab, &upload, 0, 0, b"")).await?.status(&[204])?.has("Upload-Offset", 0)?;
            lab.head(&upload).await?.has("Upload-Length", 0)?.lacks("Upload-Defer-Length")?;
            lab.contains(&upload, b"").await
        }),
        must(
            "N5-chunked",
            "The length may come with a chunked body, as a stream's end is found.",
            |lab| async move {
                let bytes = pattern(40, 3000);
                let upload = lab.deferred().await?;
                let first = lab.patch(&upload, 0).chunked(bytes.get(..2000).unwrap_or_default(), &[333]);
                lab.send(first).await?.status(&[204])?.has("Upload-Offset", 2000)?;
                let last = lab.patch(&upload, 2000).header("Upload-Length", 3000);
                let last = last.chunked(bytes.get(2000..).unwrap_or_default(), &[333]);
                lab.send(last).await?.status(&[204])?.has("Upload-Offset", 3000)?;
                lab.complete(&upload, 3000, &bytes).await
            },
        ),
        robust("N5-repeated", "A length that is told again, the same one, is no error.", |lab| async move {
            let upload = lab.deferred().await?;
            lab.send(telling(&lab, &upload, 0, 8, b"abcd")).await?.status(&[204])?;
            lab.send(telling(&lab, &upload, 4, 8, b"efgh")).await?.status(&[204])?.has("Upload-Offset", 8)?;
            completes(&lab, &upload, 8).await
        }),
        robust(
            "N5-known",
            "A PATCH that repeats the length of the creation is no error.",
            |lab| async move {
                let upload = lab.create(8).await?;
                lab.send(telling(&lab, &upload, 0, 8, b"abcdefgh"))
                    .await?
                    .status(&[204])?
                    .has("Upload-Offset", 8)?;
                completes(&lab, &upload, 8).await
            },
        ),
    ]
}

async fn completes(lab: &Lab, upload: &Upload, offset: u64) -> Verdict {
    lab.head(upload).await?.has("Upload-Length", 8)?;
    lab.complete(upload, offset, b"abcdefgh").await
}

/// What must not become the length.
fn refused() -> Vec<Case> {
    let mut cases = vec![
        must(
            "N5-changed",
            "Once told, the length does not change: another value is refused.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.send(telling(&lab, &upload, 0, 8, b"abcd")).await?.status(&[204])?;
                for other in [6, 12] {
                    lab.send(telling(&lab, &upload, 4, other, b"ef"))
                        .await?
                        .refused("the length is already told")?;
                }
                lab.stands_at(&upload, 4).await?;
                completes(&lab, &upload, 4).await
            },
        ),
        must(
            "N5-known-changed",
            "The length of the creation does not change: another value in a PATCH is refused.",
            |lab| async move {
                lab.needs(&["creation-defer-length"])?;
                let upload = lab.create(8).await?;
                lab.send(telling(&lab, &upload, 0, 9, b"ab")).await?.refused("the length is already told")?;
                lab.stands_at(&upload, 0).await?;
                completes(&lab, &upload, 0).await
            },
        ),
        must(
            "N5-below-offset",
            "A length below the offset is refused, and the upload goes on.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.append(&upload, 0, b"abcd").await?;
                lab.send(telling(&lab, &upload, 4, 3, b""))
                    .await?
                    .refused("the length is below the offset")?;
                lab.head(&upload).await?.has("Upload-Offset", 4)?.has("Upload-Defer-Length", 1)?;
                lab.send(telling(&lab, &upload, 4, 8, b"efgh")).await?.status(&[204])?;
                completes(&lab, &upload, 8).await
            },
        ),
        must(
            "N5-body-over",
            "A body past the length that it comes with stores nothing past it.",
            |lab| async move {
                let upload = lab.deferred().await?;
                let _ = lab.send(telling(&lab, &upload, 0, 8, b"abcdefghXXXX")).await?;
                let offset = lab.settled(&upload).await?;
                ensure(offset <= 8, || format!("expected an offset of at most 8, got {offset}"))?;
                let length = lab.head(&upload).await?.get("Upload-Length").map(ToOwned::to_owned);
                let from = usize::try_from(offset).unwrap_or(8);
                if length.is_none() {
                    let rest = b"abcdefgh".get(from..).unwrap_or_default();
                    lab.send(telling(&lab, &upload, offset, 8, rest)).await?.status(&[204])?;
                    return completes(&lab, &upload, 8).await;
                }
                completes(&lab, &upload, offset).await
            },
        ),
        should(
            "N5-body-over-status",
            "A body past the length that it comes with is answered 400 or 413.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.send(telling(&lab, &upload, 0, 8, b"abcdefghXXXX")).await?.status(&[400, 413])?;
                Ok(())
            },
        ),
        must(
            "N5-conflict",
            "A PATCH with a wrong offset is answered 409 and tells no length.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.send(telling(&lab, &upload, 5, 9, b"abc")).await?.status(&[409])?;
                lab.head(&upload).await?.has("Upload-Defer-Length", 1)?.has("Upload-Offset", 0)?;
                lab.send(telling(&lab, &upload, 0, 8, b"abcdefgh")).await?.status(&[204])?;
                completes(&lab, &upload, 8).await
            },
        ),
        should("N5-status", "Another length, or one below the offset, is answered 400.", |lab| async move {
            let upload = lab.deferred().await?;
            lab.append(&upload, 0, b"abcd").await?;
            lab.send(telling(&lab, &upload, 4, 3, b"")).await?.status(&[400])?;
            lab.send(telling(&lab, &upload, 4, 8, b"")).await?.status(&[204])?;
            lab.send(telling(&lab, &upload, 4, 9, b"")).await?.status(&[400])?;
            Ok(())
        }),
    ];
    for (name, text) in
        [("negative", "-1"), ("plus", "+8"), ("word", "eight"), ("above-u64", "18446744073709551616")]
    {
        let demand = format!("A PATCH with `Upload-Length: {text}` is refused, and the length stays open.");
        cases.push(Case::new(format!("N5-{name}"), Level::Must, demand, move |lab| async move {
            let upload = lab.deferred().await?;
            lab.send(telling(&lab, &upload, 0, text, b"ab")).await?.refused("the length is no number")?;
            lab.head(&upload).await?.has("Upload-Offset", 0)?.has("Upload-Defer-Length", 1)?;
            Ok(())
        }));
    }
    cases
}
