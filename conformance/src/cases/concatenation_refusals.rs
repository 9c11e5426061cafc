//! Concatenation: what makes no final upload, and what a final upload refuses (P2 and P3).

use crate::{
    case::{Case, Verdict, ensure, must, robust, should, skip},
    cases::concatenation::{NAME, assembled, filled_part, final_request, holds, partial},
    client::Request,
    lab::{Lab, OCTETS, Upload, pattern},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        should(
            "P2-with-length",
            "A final upload with Upload-Length is refused: its length is the sum.",
            |lab| async move {
                let part = filled_part(&lab, b"hello".to_vec()).await?;
                refused(&lab, final_request(&lab, &[&part.upload.path]).header("Upload-Length", 5)).await
            },
        ),
        should(
            "P2-with-deferred-length",
            "A final upload with Upload-Defer-Length is refused.",
            |lab| async move {
                let part = filled_part(&lab, b"hello".to_vec()).await?;
                refused(&lab, final_request(&lab, &[&part.upload.path]).header("Upload-Defer-Length", 1))
                    .await
            },
        ),
        should("P2-no-parts", "A final upload of no parts is refused with 400.", |lab| async move {
            lab.needs(&["concatenation"])?;
            for value in ["final;", "final; ", "final"] {
                refused(&lab, lab.post().header(NAME, value)).await?;
            }
            Ok(())
        }),
        must(
            "P2-unknown-value",
            "An Upload-Concat that is neither partial nor final is refused with 400.",
            |lab| async move {
                lab.needs(&["concatenation"])?;
                for value in ["whole", "partial;", "finally;/a"] {
                    refused(&lab, lab.post().header(NAME, value).header("Upload-Length", 5)).await?;
                }
                Ok(())
            },
        ),
        should(
            "P2-unknown-part",
            "A final upload of a part that does not exist is refused with 400.",
            |lab| async move {
                let part = filled_part(&lab, b"hello".to_vec()).await?;
                let other = unknown(&part.upload);
                refused(&lab, final_request(&lab, &[&part.upload.path, &other])).await
            },
        ),
        should(
            "P2-foreign-host",
            "A part on another host is refused with 400, even if its path is known here.",
            |lab| async move {
                let part = filled_part(&lab, b"hello".to_vec()).await?;
                let foreign = format!("http://other.invalid{}", part.upload.path);
                refused(&lab, final_request(&lab, &[&part.upload.path, &foreign])).await
            },
        ),
        should("P2-foreign-path", "A URL that is no upload's is refused with 400.", |lab| async move {
            let part = filled_part(&lab, b"hello".to_vec()).await?;
            for url in ["/etc/passwd", "/", "../../x", "http://", "::", "%00"] {
                refused(&lab, final_request(&lab, &[part.upload.path.as_str(), url])).await?;
            }
            Ok(())
        }),
        should("P2-whole-part", "An upload that is not partial can't be a part: 400.", |lab| async move {
            lab.needs(&["concatenation"])?;
            let part = filled_part(&lab, b"hello".to_vec()).await?;
            let whole = lab.filled(b"world").await?;
            refused(&lab, final_request(&lab, &[&part.upload.path, &whole.path])).await
        }),
        should("P2-final-part", "A final upload can't be a part: 400.", |lab| async move {
            let part = filled_part(&lab, b"hello".to_vec()).await?;
            let (upload, _) = lab.create_by(final_request(&lab, &[&part.upload.path])).await?;
            assembled(&lab, &upload).await?;
            refused(&lab, final_request(&lab, &[&part.upload.path, &upload.path])).await
        }),
        robust("P2-body", "A final upload takes no bytes with its creation.", |lab| async move {
            let part = filled_part(&lab, b"hello".to_vec()).await?;
            let request = final_request(&lab, &[&part.upload.path]);
            let response = lab.send(request.header("Content-Type", OCTETS).bytes(b"more")).await?;
            response.no_breakdown()?;
            // Accepted or not: the bytes must not have become a part of it.
            if response.status == 201 {
                holds(&lab, &lab.adopt(&response)?, b"hello").await?;
            }
            Ok(())
        }),
        must("P3-patch", "PATCH of a final upload is answered 403 and changes nothing.", |lab| async move {
            let bytes = pattern(71, 2000);
            let part = filled_part(&lab, bytes.clone()).await?;
            let (upload, _) = lab.create_by(final_request(&lab, &[&part.upload.path])).await?;
            assembled(&lab, &upload).await?;
            for (offset, body) in [(2000, &b"x"[..]), (0, b"x"), (2000, b"")] {
                lab.send(lab.patch(&upload, offset).bytes(body)).await?.status(&[403])?;
            }
            holds(&lab, &upload, &bytes).await
        }),
        should(
            "P3-patch-of-partial",
            "A complete part takes no more bytes, and the final upload does not see them.",
            |lab| async move {
                let bytes = pattern(72, 2000);
                let part = filled_part(&lab, bytes.clone()).await?;
                let (upload, _) = lab.create_by(final_request(&lab, &[&part.upload.path])).await?;
                assembled(&lab, &upload).await?;
                lab.send(lab.patch(&part.upload, 2000).bytes(b"more"))
                    .await?
                    .refused("the part is complete")?;
                lab.send(lab.patch(&part.upload, 0).bytes(b"over")).await?.refused("the offset is behind")?;
                holds(&lab, &upload, &bytes).await
            },
        ),
        should(
            "P6-not-offered",
            "Without concatenation-unfinished, parts in progress make no final upload.",
            |lab| async move {
                lab.needs(&["concatenation"])?;
                if lab.offers().has("concatenation-unfinished") {
                    return skip("Tus-Extension names concatenation-unfinished");
                }
                let part = partial(&lab, 10).await?;
                lab.append(&part, 0, b"hello").await?;
                let response = lab.send(final_request(&lab, &[&part.path])).await?;
                response.refused("the part is in progress").map(drop)
            },
        ),
    ]
}

/// Demands 400 and that no upload was made.
async fn refused(lab: &Lab, request: Request) -> Verdict {
    let response = lab.send(request).await?;
    if response.status == 201 && response.get("Location").is_some() {
        // So that it is removed.
        lab.adopt(&response)?;
    }
    response.status(&[400])?;
    ensure(response.get("Location").is_none(), || "expected no Location in a refusal".into())
}

/// A path like this upload's that names none.
fn unknown(upload: &Upload) -> String {
    let (folder, name) = upload.path.rsplit_once('/').unwrap_or(("", &upload.path));
    let other: String = name.chars().map(|letter| if letter == 'a' { 'b' } else { 'a' }).collect();
    format!("{folder}/{other}")
}
