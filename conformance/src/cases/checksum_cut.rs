//! Checksums of bodies that come with the creation (K1), that are under way (K1) or that are cut (K3).

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    case::{Case, Verdict, ensure, fail, robust, should},
    cases::{
        checksum::{MIB, NAME, needs},
        steps::begin,
    },
    checksum::header,
    client::{Body, Response},
    lab::{Lab, OCTETS, Upload, pattern, size},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        should(
            "K1-with-creation",
            "A creation with a body and its right checksum stores the body.",
            |lab| async move {
                let bytes = pattern(17, 3000);
                let (upload, response) = creation(&lab, &header("sha1", &bytes), &bytes).await?;
                response.status(&[201])?.has("Upload-Offset", 3000)?;
                let Some(upload) = upload else { return fail("expected a Location header") };
                lab.complete(&upload, 3000, &bytes).await
            },
        ),
        should(
            "K1-with-creation-mismatch",
            "A creation with a body and a wrong checksum is answered 460 and keeps nothing of the body.",
            |lab| created_wrongly(lab, header("sha1", b"another body"), 460),
        ),
        should(
            "K1-with-creation-unknown",
            "A creation with a body and a checksum of an unknown algorithm is answered 400 and keeps nothing of it.",
            |lab| created_wrongly(lab, "rot13 Kq5sNclPz7QV2+lfQIuc6R7oRu0=".into(), 400),
        ),
        should(
            "K1-head-meanwhile",
            "While a body with a checksum is under way, HEAD does not count it yet.",
            head_meanwhile,
        ),
        should("K3-cut-fin", "A body with a checksum that ends early keeps nothing (orderly end).", |lab| {
            cut(lab, false)
        }),
        should("K3-cut-reset", "A body with a checksum that ends early keeps nothing (reset).", |lab| {
            cut(lab, true)
        }),
        should(
            "K3-cut-big",
            "Nothing is kept of a cut body with a checksum, however much of it came.",
            big_cut,
        ),
        robust(
            "K3-cut-chunked",
            "A chunked body with a checksum that ends without its last chunk keeps nothing.",
            |lab| async move {
                needs(&lab, "sha1")?;
                let bytes = pattern(26, 4000);
                let upload = lab.create(4000).await?;
                let chunks = Body::Unfinished { chunks: vec![bytes.clone()] };
                let request = lab.patch(&upload, 0).header(NAME, header("sha1", &bytes)).body(chunks);
                begin(&lab, &request).await?.finish().await;
                dropped(&lab, &upload, 0, &bytes).await
            },
        ),
    ]
}

/// Sends a creation of an upload of exactly this body, with this checksum.
async fn creation(lab: &Lab, sum: &str, bytes: &[u8]) -> Verdict<(Option<Upload>, Response)> {
    needs(lab, "sha1")?;
    lab.needs(&["creation-with-upload"])?;
    let request = lab
        .post()
        .header("Upload-Length", bytes.len())
        .header("Content-Type", OCTETS)
        .header(NAME, sum)
        .bytes(bytes);
    let response = lab.send(request).await?;
    let upload = response.get("Location").is_some().then(|| lab.adopt(&response)).transpose()?;
    Ok((upload, response))
}

async fn created_wrongly(lab: Lab, sum: String, status: u16) -> Verdict {
    let (upload, response) = creation(&lab, &sum, &pattern(19, 3000)).await?;
    response.status(&[status])?;
    // Whether the upload itself stays is the server's choice; if it does, it is empty.
    let Some(upload) = upload else { return Ok(()) };
    let head = lab.head(&upload).await?;
    if head.status == 404 || head.status == 410 { Ok(()) } else { head.has("Upload-Offset", 0).map(drop) }
}

async fn head_meanwhile(lab: Lab) -> Verdict {
    needs(&lab, "sha1")?;
    let bytes = pattern(20, 100_000);
    let upload = lab.started(100_000, bytes.get(..300).unwrap_or_default()).await?;
    let rest = bytes.get(300..).unwrap_or_default();
    let half = rest.get(..50_000).unwrap_or_default();
    let request = lab.patch(&upload, 300).header(NAME, header("sha1", rest));
    let body = Body::Announced { length: size(rest), bytes: half.to_vec() };
    let mut wire = begin(&lab, &request.body(body)).await?;
    // Some looks, so that the bytes had the time to arrive. A server that answers 423 says nothing wrong.
    for _ in 0..5 {
        sleep(Duration::from_millis(60)).await;
        let head = lab.head(&upload).await?;
        if head.status != 423 {
            head.has("Upload-Offset", 300)?;
        }
    }
    wire.try_write(rest.get(50_000..).unwrap_or_default()).await;
    // Servers may let HEAD end a running body; this one must then be gone as a whole.
    let stored = matches!(wire.answer().await, Ok(response) if response.status == 204);
    let expected = if stored { size(&bytes) } else { 300 };
    lab.comes_to(&upload, expected).await?;
    lab.complete(&upload, expected, &bytes).await
}

async fn cut(lab: Lab, hard: bool) -> Verdict {
    needs(&lab, "sha1")?;
    let bytes = pattern(22, 50_000);
    let upload = lab.started(50_000, bytes.get(..1000).unwrap_or_default()).await?;
    let rest = bytes.get(1000..).unwrap_or_default();
    let body = Body::Announced { length: 49_000, bytes: rest.get(..30_000).unwrap_or_default().to_vec() };
    let request = lab.patch(&upload, 1000).header(NAME, header("sha1", rest)).body(body);
    let wire = begin(&lab, &request).await?;
    if hard {
        wire.reset().await;
    } else {
        wire.finish().await;
    }
    dropped(&lab, &upload, 1000, &bytes).await
}

async fn big_cut(lab: Lab) -> Verdict {
    needs(&lab, "sha1")?;
    let bytes = pattern(23, 6 * MIB);
    lab.needs_room(size(&bytes))?;
    let upload = lab.create(size(&bytes)).await?;
    let body =
        Body::Announced { length: size(&bytes), bytes: bytes.get(..5 * MIB).unwrap_or_default().to_vec() };
    let request = lab.patch(&upload, 0).header(NAME, header("sha1", &bytes)).body(body);
    begin(&lab, &request).await?.finish().await;
    dropped(&lab, &upload, 0, &bytes).await
}

/// After a cut: nothing of the body is counted, and the upload can be completed.
pub(super) async fn dropped(lab: &Lab, upload: &Upload, offset: u64, bytes: &[u8]) -> Verdict {
    let found = lab.settled(upload).await?;
    ensure(found == offset, || {
        format!(
            "expected Upload-Offset to stay at {offset} after the cut, since the body can't be verified; got {found}"
        )
    })?;
    lab.complete(upload, offset, bytes).await
}
