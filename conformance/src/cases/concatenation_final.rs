//! Concatenation: what a final upload is once it is assembled, and what became of its parts (P3 to P5).

use crate::{
    case::{Case, Verdict, ensure, must, robust, should},
    cases::{
        concatenation::{NAME, Part, assembled, filled_part, final_of, final_request, holds, three},
        steps::gone,
    },
    lab::{Lab, pattern, size},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        should(
            "P3-parts-stay",
            "Parts that are kept after the concatenation are as they were.",
            |lab| async move {
                let parts = three(&lab).await?;
                assembled(&lab, &final_of(&lab, &parts.each_ref()).await?).await?;
                for part in &parts {
                    unchanged(&lab, part).await?;
                }
                Ok(())
            },
        ),
        robust(
            "P3-parts-deleted",
            "Terminating the parts afterwards does not touch the final upload.",
            |lab| async move {
                lab.needs(&["termination"])?;
                let parts = three(&lab).await?;
                let upload = final_of(&lab, &parts.each_ref()).await?;
                assembled(&lab, &upload).await?;
                for part in &parts {
                    lab.send(lab.request("DELETE", &part.upload.path)).await?.status(&[204, 404, 410])?;
                }
                let content: Vec<u8> = parts.iter().flat_map(|part| part.bytes.clone()).collect();
                holds(&lab, &upload, &content).await
            },
        ),
        robust(
            "P3-final-deleted",
            "Terminating the final upload does not touch its parts.",
            |lab| async move {
                lab.needs(&["termination"])?;
                let part = filled_part(&lab, pattern(68, 900)).await?;
                let upload = final_of(&lab, &[&part]).await?;
                assembled(&lab, &upload).await?;
                lab.send(lab.request("DELETE", &upload.path)).await?.status(&[204])?;
                gone(&lab, &upload).await?;
                unchanged(&lab, &part).await
            },
        ),
        must(
            "P4-offset",
            "HEAD of an assembled final upload tells an offset that is its length.",
            |lab| async move {
                let parts = three(&lab).await?;
                let upload = final_of(&lab, &parts.each_ref()).await?;
                let head = assembled(&lab, &upload).await?;
                let sum: u64 = parts.iter().map(|part| size(&part.bytes)).sum();
                head.has("Upload-Length", sum)?.has("Upload-Offset", sum).map(drop)
            },
        ),
        must("P4-echo", "HEAD of a final upload echoes Upload-Concat as it was given.", |lab| async move {
            let [first, second, third] = &three(&lab).await?;
            let given = [
                format!("final;{} {}", first.upload.path, second.upload.path),
                format!("final;{} {}", lab.endpoint().absolute(&third.upload.path), first.upload.path),
            ];
            for value in given {
                let (upload, _) = lab.create_by(lab.post().header(NAME, &value)).await?;
                lab.head(&upload).await?.has(NAME, &value)?;
                assembled(&lab, &upload).await?.has(NAME, &value)?;
            }
            Ok(())
        }),
        must(
            "P5-not-carried-over",
            "The metadata of the parts does not show in the final upload.",
            |lab| async move {
                lab.needs(&["concatenation"])?;
                let request = lab.post().header("Upload-Length", 5).header(NAME, "partial");
                let (part, _) = lab.create_by(request.header("Upload-Metadata", "secret cGFydA==")).await?;
                lab.append(&part, 0, b"hello").await?;
                let (upload, _) = lab.create_by(final_request(&lab, &[&part.path])).await?;
                let head = assembled(&lab, &upload).await?;
                let shown = head.get("Upload-Metadata").unwrap_or_default();
                ensure(!shown.contains("secret"), || {
                    format!("expected no metadata of the part, got {shown:?}")
                })
            },
        ),
        must("P5-own", "A final upload keeps the metadata that it was created with.", |lab| async move {
            let part = filled_part(&lab, b"hello".to_vec()).await?;
            let request = final_request(&lab, &[&part.upload.path]);
            let (upload, _) =
                lab.create_by(request.header("Upload-Metadata", "filename d29ybGQudHh0")).await?;
            assembled(&lab, &upload).await?.has("Upload-Metadata", "filename d29ybGQudHh0").map(drop)
        }),
    ]
}

/// Demands that a part is as it was; a server may also have removed it after the concatenation.
async fn unchanged(lab: &Lab, part: &Part) -> Verdict {
    let head = lab.head(&part.upload).await?;
    if [404, 410].contains(&head.status) {
        return Ok(());
    }
    let length = part.bytes.len();
    head.has(NAME, "partial")?.has("Upload-Offset", length)?.has("Upload-Length", length).map(drop)
}
