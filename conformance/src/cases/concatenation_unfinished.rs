//! Concatenation of parts that are still in progress: P4 and P6.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    case::{Case, Verdict, must, robust, should},
    cases::{
        concatenation::{NAME, assembled, filled_part, final_request, holds, partial, repeated},
        steps::gone,
    },
    lab::{Lab, pattern},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        must(
            "P6-in-progress",
            "A final upload may be created while its parts are in progress.",
            |lab| async move {
                needs(&lab)?;
                let bytes = pattern(81, 3000);
                let (start, end) = bytes.split_at(1000);
                let (first, second) = (partial(&lab, 1000).await?, partial(&lab, 2000).await?);
                lab.append(&first, 0, start.get(..400).unwrap_or_default()).await?;
                let (upload, _) = lab.create_by(final_request(&lab, &[&first.path, &second.path])).await?;
                lab.append(&second, 0, end).await?;
                lab.append(&first, 400, start.get(400..).unwrap_or_default()).await?;
                holds(&lab, &upload, &bytes).await
            },
        ),
        must(
            "P6-length",
            "The final upload's length is told when the lengths of its parts are known.",
            |lab| async move {
                needs(&lab)?;
                let (first, second) = (partial(&lab, 1000).await?, partial(&lab, 2000).await?);
                let (upload, _) = lab.create_by(final_request(&lab, &[&first.path, &second.path])).await?;
                lab.head(&upload).await?.has("Upload-Length", 3000).map(drop)
            },
        ),
        should(
            "P4-no-offset-yet",
            "HEAD of a final upload tells no offset before it is assembled.",
            |lab| async move {
                needs(&lab)?;
                let (first, second) = (partial(&lab, 5).await?, partial(&lab, 5).await?);
                let (upload, created) =
                    lab.create_by(final_request(&lab, &[&first.path, &second.path])).await?;
                created.lacks("Upload-Offset")?;
                let echo = format!("final;{} {}", first.path, second.path);
                lab.head(&upload).await?.status(&[200, 204])?.lacks("Upload-Offset")?.has(NAME, &echo)?;
                lab.append(&first, 0, b"hello").await?;
                // A while for a server that would take one complete part for all of them.
                sleep(Duration::from_millis(300)).await;
                lab.head(&upload).await?.lacks("Upload-Offset")?.has(NAME, &echo)?;
                lab.append(&second, 0, b"world").await?;
                assembled(&lab, &upload).await?.has(NAME, &echo)?;
                lab.contains(&upload, b"helloworld").await
            },
        ),
        must(
            "P3-patch-unfinished",
            "PATCH of a final upload is answered 403 before it is assembled, too.",
            |lab| async move {
                needs(&lab)?;
                let part = partial(&lab, 5).await?;
                let (upload, _) = lab.create_by(final_request(&lab, &[&part.path])).await?;
                lab.send(lab.patch(&upload, 0).bytes(b"wrong")).await?.status(&[403])?;
                lab.append(&part, 0, b"hello").await?;
                holds(&lab, &upload, b"hello").await
            },
        ),
        robust(
            "P6-repeats",
            "A part in progress that stands in the list more than once is taken as often, or the list is refused.",
            |lab| async move {
                needs(&lab)?;
                let (part, done) = (partial(&lab, 5).await?, filled_part(&lab, b" and ".to_vec()).await?);
                let made = repeated(&lab, &[&part, &done.upload, &part]).await?;
                lab.append(&part, 0, b"hello").await?;
                match made {
                    Some(upload) => holds(&lab, &upload, b"hello and hello").await,
                    None => Ok(()),
                }
            },
        ),
        robust("P6-two-finals", "Two final uploads may wait for the same part.", |lab| async move {
            needs(&lab)?;
            let (part, done) = (partial(&lab, 5).await?, filled_part(&lab, b"done".to_vec()).await?);
            let (one, _) = lab.create_by(final_request(&lab, &[&part.path, &done.upload.path])).await?;
            let (two, _) = lab.create_by(final_request(&lab, &[&done.upload.path, &part.path])).await?;
            lab.append(&part, 0, b"hello").await?;
            holds(&lab, &one, b"hellodone").await?;
            holds(&lab, &two, b"donehello").await
        }),
        robust(
            "P6-deferred-part",
            "A part whose length is not known yet may be in the list.",
            |lab| async move {
                needs(&lab)?;
                lab.needs(&["creation-defer-length"])?;
                let request = lab.post().header("Upload-Defer-Length", 1).header(NAME, "partial");
                let (part, _) = lab.create_by(request).await?;
                lab.append(&part, 0, b"hello").await?;
                let (upload, _) = lab.create_by(final_request(&lab, &[&part.path])).await?;
                lab.head(&upload)
                    .await?
                    .status(&[200, 204])?
                    .lacks("Upload-Offset")?
                    .lacks("Upload-Length")?;
                let request = lab.patch(&part, 5).header("Upload-Length", 10).bytes(b"world");
                lab.send(request).await?.status(&[204])?;
                holds(&lab, &upload, b"helloworld").await
            },
        ),
        robust(
            "P6-final-terminated",
            "A final upload that still waits can be terminated; its parts go on.",
            |lab| async move {
                needs(&lab)?;
                lab.needs(&["termination"])?;
                let part = partial(&lab, 5).await?;
                let (upload, _) = lab.create_by(final_request(&lab, &[&part.path])).await?;
                lab.send(lab.request("DELETE", &upload.path)).await?.status(&[204])?;
                lab.append(&part, 0, b"hello").await?;
                gone(&lab, &upload).await?;
                lab.stands_at(&part, 5).await
            },
        ),
        robust(
            "P6-part-terminated",
            "Terminating a part that a final upload waits for does not break the server.",
            |lab| async move {
                needs(&lab)?;
                lab.needs(&["termination"])?;
                let (part, done) = (partial(&lab, 5).await?, filled_part(&lab, b"done".to_vec()).await?);
                let (upload, _) =
                    lab.create_by(final_request(&lab, &[&part.path, &done.upload.path])).await?;
                // Refused or not: what counts is that the final upload never claims to be complete.
                lab.send(lab.request("DELETE", &part.path)).await?.no_breakdown()?;
                sleep(Duration::from_millis(300)).await;
                let head = lab.head(&upload).await?;
                head.no_breakdown()?.lacks("Upload-Offset").map(drop)
            },
        ),
    ]
}

fn needs(lab: &Lab) -> Verdict {
    lab.needs(&["concatenation", "concatenation-unfinished"])
}
