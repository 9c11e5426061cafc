//! Concatenation: partial uploads and the list of them (P1 and P2). What a final upload is afterwards is in
//! `concatenation_final`, what is refused in `concatenation_refusals`, parts in progress in `concatenation_unfinished`.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    case::{Case, Verdict, fail, must, robust},
    client::{Request, Response},
    lab::{Lab, Upload, pattern, size},
};

/// The header that makes an upload partial or final.
pub(super) const NAME: &str = "Upload-Concat";

pub(super) fn cases() -> Vec<Case> {
    vec![
        must(
            "P1-head",
            "HEAD of a partial upload echoes Upload-Concat and tells the offset.",
            |lab| async move {
                let part = partial(&lab, 10).await?;
                lab.append(&part, 0, b"hello").await?;
                let head = lab.head(&part).await?;
                head.status(&[200, 204])?
                    .has(NAME, "partial")?
                    .has("Upload-Offset", 5)?
                    .has("Upload-Length", 10)?;
                Ok(())
            },
        ),
        must(
            "P1-whole",
            "HEAD of an upload that is neither partial nor final has no Upload-Concat.",
            |lab| async move {
                lab.needs(&["concatenation"])?;
                let upload = lab.filled(b"hello").await?;
                lab.head(&upload).await?.lacks(NAME).map(drop)
            },
        ),
        robust(
            "P1-repeated",
            "A PATCH that repeats `Upload-Concat: partial` is accepted.",
            |lab| async move {
                let part = partial(&lab, 5).await?;
                let request = lab.patch(&part, 0).header(NAME, "partial").bytes(b"hello");
                lab.send(request).await?.status(&[204])?.has("Upload-Offset", 5)?;
                lab.send(lab.request("HEAD", &part.path).header(NAME, "partial"))
                    .await?
                    .has("Upload-Offset", 5)?;
                Ok(())
            },
        ),
        must(
            "P2-paths",
            "Parts may be named by their paths; the content is theirs, in order.",
            |lab| async move { in_order(lab, |_, part, _| part.path.clone()).await },
        ),
        must("P2-absolute", "Parts may be named by absolute URLs.", |lab| async move {
            in_order(lab, |lab, part, _| lab.endpoint().absolute(&part.path)).await
        }),
        must("P2-locations", "Parts may be named as their Location named them.", |lab| async move {
            in_order(lab, |_, part, _| part.location.clone()).await
        }),
        must("P2-mixed", "Paths and absolute URLs may stand in one list.", |lab| async move {
            let name = |lab: &Lab, part: &Upload, index: usize| match index % 2 {
                0 => part.path.clone(),
                _ => lab.endpoint().absolute(&part.path),
            };
            in_order(lab, name).await
        }),
        must("P2-order", "The order of the list decides, not the order of creation.", |lab| async move {
            let parts = three(&lab).await?;
            let [first, second, third] = &parts;
            joined(&lab, &[third, first, second]).await
        }),
        must("P2-one", "One part makes a final upload, too.", |lab| async move {
            let part = filled_part(&lab, pattern(64, 777)).await?;
            joined(&lab, &[&part]).await
        }),
        robust(
            "P2-repeats",
            "A part that stands in the list more than once is taken as often, or the list is refused with 400.",
            |lab| async move {
                let [first, second, _] = &three(&lab).await?;
                let parts = [first, second, first, first];
                match repeated(&lab, &parts.map(|part| &part.upload)).await? {
                    Some(upload) => holds(&lab, &upload, &content(&parts)).await,
                    None => Ok(()),
                }
            },
        ),
        robust("P2-twice", "The same parts can make several final uploads.", |lab| async move {
            let [first, second, third] = &three(&lab).await?;
            joined(&lab, &[first, second]).await?;
            joined(&lab, &[second, third]).await?;
            joined(&lab, &[first, second]).await
        }),
        robust("P2-empty-parts", "Parts of length 0 add nothing, wherever they stand.", |lab| async move {
            let part = filled_part(&lab, pattern(65, 500)).await?;
            let (before, after) =
                (filled_part(&lab, Vec::new()).await?, filled_part(&lab, Vec::new()).await?);
            joined(&lab, &[&before, &part, &after]).await?;
            joined(&lab, &[&before, &after]).await
        }),
        robust("P2-many", "A list of 60 parts is no problem.", |lab| async move {
            let mut parts = Vec::new();
            for seed in 0..60 {
                parts.push(filled_part(&lab, pattern(1000 + seed, 50)).await?);
            }
            joined(&lab, &parts.iter().collect::<Vec<_>>()).await
        }),
        robust("P2-big", "Parts of some MiB are put together byte for byte.", |lab| async move {
            lab.needs(&["concatenation"])?;
            lab.needs_room(5 * 1024 * 1024)?;
            // Lengths beside any block size, so that no part starts where a block does.
            let first = filled_part(&lab, pattern(66, 3 * 1024 * 1024 + 17)).await?;
            let second = filled_part(&lab, pattern(67, 1024 * 1024 + 4095)).await?;
            joined(&lab, &[&first, &second]).await
        }),
        robust(
            "P2-aligned",
            "Parts whose lengths are multiples of a block are put together byte for byte.",
            |lab| async move {
                let first = filled_part(&lab, pattern(60, 128 * 1024)).await?;
                let second = filled_part(&lab, pattern(59, 64 * 1024)).await?;
                let third = filled_part(&lab, pattern(58, 128 * 1024)).await?;
                joined(&lab, &[&first, &second, &third]).await
            },
        ),
    ]
}

/// A complete partial upload and what is in it.
pub(super) struct Part {
    pub(super) upload: Upload,
    pub(super) bytes: Vec<u8>,
}

/// An empty partial upload.
pub(super) async fn partial(lab: &Lab, length: u64) -> Verdict<Upload> {
    lab.needs(&["concatenation"])?;
    let request = lab.post().header("Upload-Length", length).header(NAME, "partial");
    Ok(lab.create_by(request).await?.0)
}

pub(super) async fn filled_part(lab: &Lab, bytes: Vec<u8>) -> Verdict<Part> {
    let upload = partial(lab, size(&bytes)).await?;
    if !bytes.is_empty() {
        lab.append(&upload, 0, &bytes).await?;
    }
    Ok(Part { upload, bytes })
}

pub(super) async fn three(lab: &Lab) -> Verdict<[Part; 3]> {
    Ok([
        filled_part(lab, pattern(61, 1000)).await?,
        filled_part(lab, pattern(62, 1)).await?,
        filled_part(lab, pattern(63, 5000)).await?,
    ])
}

/// A creation that makes a final upload of these URLs.
pub(super) fn final_request(lab: &Lab, urls: &[impl AsRef<str>]) -> Request {
    let urls: Vec<&str> = urls.iter().map(AsRef::as_ref).collect();
    lab.post().header(NAME, format!("final;{}", urls.join(" ")))
}

pub(super) async fn final_of(lab: &Lab, parts: &[&Part]) -> Verdict<Upload> {
    let urls: Vec<&str> = parts.iter().map(|part| part.upload.path.as_str()).collect();
    Ok(lab.create_by(final_request(lab, &urls)).await?.0)
}

/// What these parts have, one after the other.
fn content(parts: &[&Part]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.bytes.clone()).collect()
}

/// Demands that a final upload of these parts has their content.
async fn joined(lab: &Lab, parts: &[&Part]) -> Verdict {
    holds(lab, &final_of(lab, parts).await?, &content(parts)).await
}

/// A final upload of a list in which a part stands more than once. The text neither allows nor forbids that, and a server
/// may mind what one small request has it copy; `None`: it refuses the list.
pub(super) async fn repeated(lab: &Lab, parts: &[&Upload]) -> Verdict<Option<Upload>> {
    let urls: Vec<&str> = parts.iter().map(|part| part.path.as_str()).collect();
    let answer = lab.send(final_request(lab, &urls)).await?;
    if answer.status == 400 {
        return Ok(None);
    }
    answer.status(&[201])?;
    lab.adopt(&answer).map(Some)
}

/// Three parts, named as `name` says, make a final upload with their content.
async fn in_order(lab: Lab, name: fn(&Lab, &Upload, usize) -> String) -> Verdict {
    let parts = three(&lab).await?;
    let urls: Vec<String> = parts.iter().enumerate().map(|(at, part)| name(&lab, &part.upload, at)).collect();
    let (upload, _) = lab.create_by(final_request(&lab, &urls)).await?;
    let content: Vec<u8> = parts.iter().flat_map(|part| part.bytes.clone()).collect();
    holds(&lab, &upload, &content).await
}

/// Looks at the final upload until HEAD tells an offset that is its length: putting it together may take a while.
pub(super) async fn assembled(lab: &Lab, upload: &Upload) -> Verdict<Response> {
    let deadline = Instant::now() + lab.timeout();
    loop {
        let head = lab.head(upload).await?;
        if head.status != 423 {
            head.status(&[200, 204])?;
            if head.get("Upload-Offset").is_some() && head.get("Upload-Offset") == head.get("Upload-Length") {
                return Ok(head);
            }
        }
        if Instant::now() >= deadline {
            return fail(
                "expected HEAD of the final upload to come to tell an Upload-Offset that is its Upload-Length",
            );
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Demands that the final upload is assembled and has this content.
pub(super) async fn holds(lab: &Lab, upload: &Upload, bytes: &[u8]) -> Verdict {
    assembled(lab, upload).await?.has("Upload-Length", bytes.len())?;
    lab.contains(upload, bytes).await
}
