//! The same protocol over HTTP/2 without TLS. What one connection carries at once, and what a reset stream leaves, is
//! new there; the rest is spoken once, so that a gap in the adapter shows.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    case::{Case, Verdict, ensure, must, robust, should},
    cases::{
        checksum::NAME as CHECKSUM,
        checksum_trailer::needs_trailer,
        steps::{gone, says_gone, soon},
    },
    checksum::header,
    client::{Body, Http2, http2::Stream},
    lab::{Lab, OCTETS, Upload, pattern, size},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        must(
            "N2-h2-create",
            "A creation over HTTP/2 makes an upload that HTTP/1.1 sees, too.",
            |lab| async move {
                let http2 = lab.http2().await?;
                let upload = create(&lab, &http2, 10).await?;
                lab.stands_at(&upload, 0).await
            },
        ),
        must("C9-h2-patch", "PATCH over HTTP/2 is answered 204 and the new offset.", |lab| async move {
            let http2 = lab.http2().await?;
            let upload = create(&lab, &http2, 10).await?;
            for (offset, body) in [(0, b"hello"), (5, b"world")] {
                let response = lab.send_over(&http2, lab.patch(&upload, offset).bytes(*body)).await?;
                response.status(&[204])?.has("Upload-Offset", offset + 5)?.has("Tus-Resumable", "1.0.0")?;
            }
            lab.complete(&upload, 10, b"helloworld").await
        }),
        must(
            "C9-h2-unsized",
            "A body without Content-Length over HTTP/2 is stored like any other.",
            |lab| async move {
                let http2 = lab.http2().await?;
                let bytes = pattern(161, 50_000);
                let upload = create(&lab, &http2, 50_000).await?;
                let request = lab.patch(&upload, 0).chunked(&bytes, &[1, 16_384, 999]);
                lab.send_over(&http2, request).await?.status(&[204])?.has("Upload-Offset", 50_000)?;
                lab.complete(&upload, 50_000, &bytes).await
            },
        ),
        must(
            "C5-h2-head",
            "HEAD over HTTP/2 tells offset and length of unfinished and of complete uploads.",
            |lab| async move {
                let http2 = lab.http2().await?;
                for (upload, offset) in
                    [(lab.started(10, b"hello").await?, 5), (lab.filled(b"helloworld").await?, 10)]
                {
                    let head = lab.send_over(&http2, lab.request("HEAD", &upload.path)).await?;
                    head.status(&[200, 204])?.has("Upload-Offset", offset)?.has("Upload-Length", 10)?;
                    head.has("Cache-Control", "no-store")?;
                }
                Ok(())
            },
        ),
        must(
            "C8-h2-conflict",
            "A wrong offset over HTTP/2 is answered 409, and the connection goes on.",
            |lab| async move {
                let http2 = lab.http2().await?;
                let upload = lab.started(10, b"hello").await?;
                let response = lab.send_over(&http2, lab.patch(&upload, 7).bytes(b"wor")).await?;
                response.status(&[409])?.has("Tus-Resumable", "1.0.0")?;
                lab.send_over(&http2, lab.patch(&upload, 5).bytes(b"world")).await?.status(&[204])?;
                lab.complete(&upload, 10, b"helloworld").await
            },
        ),
        must(
            "C2-h2-version",
            "A request over HTTP/2 without Tus-Resumable is answered 412.",
            |lab| async move {
                let http2 = lab.http2().await?;
                let upload = lab.started(10, b"hello").await?;
                let request = lab.patch(&upload, 5).without("Tus-Resumable").bytes(b"world");
                lab.send_over(&http2, request).await?.status(&[412])?;
                lab.stands_at(&upload, 5).await
            },
        ),
        must("W1-h2-with-upload", "A creation with a body works over HTTP/2.", |lab| async move {
            lab.needs(&["creation-with-upload"])?;
            let http2 = lab.http2().await?;
            let request =
                lab.post().header("Upload-Length", 10).header("Content-Type", OCTETS).bytes(b"hello");
            let response = lab.send_over(&http2, request).await?;
            response.status(&[201])?.has("Upload-Offset", 5)?;
            lab.complete(&lab.adopt(&response)?, 5, b"helloworld").await
        }),
        must(
            "D1-h2-delete",
            "DELETE over HTTP/2 is answered 204, and the upload is gone.",
            |lab| async move {
                lab.needs(&["termination"])?;
                let http2 = lab.http2().await?;
                let upload = lab.started(10, b"hello").await?;
                let delete = || lab.request("DELETE", &upload.path);
                lab.send_over(&http2, delete()).await?.status(&[204])?;
                says_gone("DELETE", &lab.send_over(&http2, delete()).await?)?;
                gone(&lab, &upload).await
            },
        ),
        robust(
            "K2-h2-match",
            "A body with its right checksum as an HTTP/2 trailer is stored.",
            |lab| async move {
                needs_trailer(&lab)?;
                let http2 = lab.http2().await?;
                let bytes = pattern(162, 40_000);
                let upload = create(&lab, &http2, 40_000).await?;
                let request = lab.patch(&upload, 0).trailed(&bytes, CHECKSUM, &header("sha1", &bytes));
                lab.send_over(&http2, request).await?.status(&[204])?.has("Upload-Offset", 40_000)?;
                lab.complete(&upload, 40_000, &bytes).await
            },
        ),
        robust(
            "K2-h2-mismatch",
            "A wrong checksum as an HTTP/2 trailer is answered 460; the body is dropped.",
            |lab| async move {
                needs_trailer(&lab)?;
                let http2 = lab.http2().await?;
                let bytes = pattern(163, 40_000);
                let upload = create(&lab, &http2, 40_000).await?;
                let request = lab.patch(&upload, 0).trailed(&bytes, CHECKSUM, &header("sha1", b"x"));
                lab.send_over(&http2, request).await?.status(&[460])?;
                lab.stands_at(&upload, 0).await?;
                lab.complete(&upload, 0, &bytes).await
            },
        ),
        robust(
            "K2-h2-missing",
            "An announced checksum that does not come as a trailer: refused and dropped.",
            |lab| async move {
                needs_trailer(&lab)?;
                let http2 = lab.http2().await?;
                let bytes = pattern(164, 40_000);
                let upload = create(&lab, &http2, 40_000).await?;
                let request = lab.patch(&upload, 0).header("Trailer", CHECKSUM).chunked(&bytes, &[16_384]);
                lab.send_over(&http2, request).await?.refused("the announced checksum never came")?;
                lab.stands_at(&upload, 0).await
            },
        ),
        must(
            "C9-h2-streams",
            "Four uploads grow at once over one connection, each with its own bytes.",
            |lab| async move {
                let http2 = lab.http2().await?;
                let grow = |seed| in_steps(&lab, &http2, seed);
                tokio::try_join!(grow(165), grow(166), grow(167), grow(168)).map(drop)
            },
        ),
        must("C9-h2-big", "A body of 8 MiB passes the flow control of HTTP/2.", |lab| async move {
            let bytes = pattern(169, 8 * 1024 * 1024);
            lab.needs_room(size(&bytes))?;
            let http2 = lab.http2().await?;
            let upload = create(&lab, &http2, size(&bytes)).await?;
            let response = lab.send_over(&http2, lab.patch(&upload, 0).bytes(bytes.clone())).await?;
            response.status(&[204])?.has("Upload-Offset", size(&bytes))?;
            lab.complete(&upload, size(&bytes), &bytes).await
        }),
        should(
            "C10-h2-reset",
            "A stream that is reset in the middle of a body keeps what arrived.",
            |lab| async move {
                let (http2, bytes) = (lab.http2().await?, pattern(170, 60_000));
                let upload = create(&lab, &http2, 60_000).await?;
                begun(&lab, &http2, &upload, &bytes).await?.reset();
                lab.comes_to(&upload, 40_000).await?;
                // The other streams of the connection live on.
                let rest = bytes.get(40_000..).unwrap_or_default();
                lab.send_over(&http2, lab.patch(&upload, 40_000).bytes(rest)).await?.status(&[204])?;
                lab.complete(&upload, 60_000, &bytes).await
            },
        ),
        should(
            "C10-h2-hung-up",
            "A connection that is lost in the middle of a body keeps what arrived.",
            |lab| async move {
                let (http2, bytes) = (lab.http2().await?, pattern(171, 60_000));
                let upload = create(&lab, &http2, 60_000).await?;
                let _stream = begun(&lab, &http2, &upload, &bytes).await?;
                drop(http2);
                lab.comes_to(&upload, 40_000).await?;
                lab.complete(&upload, 40_000, &bytes).await
            },
        ),
        robust(
            "X3-h2-takeover",
            "A stalled stream is taken over by a PATCH on the same connection.",
            |lab| async move {
                let (http2, bytes) = (lab.http2().await?, pattern(172, 60_000));
                let upload = create(&lab, &http2, 60_000).await?;
                let _stream = begun(&lab, &http2, &upload, &bytes).await?;
                lab.comes_to(&upload, 40_000).await?;
                let rest = bytes.get(40_000..).unwrap_or_default();
                let patch = lab.send_over(&http2, lab.patch(&upload, 40_000).bytes(rest));
                soon("the second PATCH", patch).await?.status(&[204])?.has("Upload-Offset", 60_000)?;
                lab.contains(&upload, &bytes).await
            },
        ),
        robust(
            "C9-h2-refused-bodies",
            "Bodies of refused requests do not use up a connection's flow control.",
            |lab| async move {
                let http2 = lab.http2().await?;
                let upload = create(&lab, &http2, 100_000).await?;
                for _ in 0..40 {
                    // Each fits into one stream's first window, all together do not fit into any usual connection's.
                    let request = lab.patch(&upload, 7).bytes(pattern(173, 60_000));
                    lab.send_over(&http2, request).await?.status(&[409])?;
                }
                let bytes = pattern(174, 100_000);
                lab.send_over(&http2, lab.patch(&upload, 0).bytes(bytes.clone())).await?.status(&[204])?;
                lab.complete(&upload, 100_000, &bytes).await
            },
        ),
    ]
}

/// An empty upload, made over HTTP/2.
async fn create(lab: &Lab, http2: &Http2, length: u64) -> Verdict<Upload> {
    lab.needs(&["creation"])?;
    let response = lab.send_over(http2, lab.post().header("Upload-Length", length)).await?;
    response.status(&[201])?;
    lab.adopt(&response)
}

/// A PATCH over HTTP/2 of which 40,000 bytes have been sent, with the time to arrive.
async fn begun(lab: &Lab, http2: &Http2, upload: &Upload, bytes: &[u8]) -> Verdict<Stream> {
    let request = lab.patch(upload, 0).header("Content-Length", bytes.len()).body(Body::None);
    lab.say(format!("→ {}\n  [40000 bytes sent]\n← (not awaited)", request.summary().replace('\n', "\n  ")));
    let mut stream = http2.start(&request).await?;
    stream.write(bytes.get(..40_000).unwrap_or_default().to_vec()).await?;
    sleep(Duration::from_millis(300)).await;
    Ok(stream)
}

async fn in_steps(lab: &Lab, http2: &Http2, seed: u64) -> Verdict {
    let bytes = pattern(seed, 600_000);
    let upload = create(lab, http2, size(&bytes)).await?;
    let mut offset = 0;
    for piece in bytes.chunks(150_000) {
        let response = lab.send_over(http2, lab.patch(&upload, offset).bytes(piece)).await?;
        offset += size(piece);
        response.status(&[204])?.has("Upload-Offset", offset)?;
    }
    let told = lab.send_over(http2, lab.request("HEAD", &upload.path)).await?.number("Upload-Offset")?;
    ensure(told == offset, || format!("expected HEAD to tell {offset}, got {told}"))?;
    lab.contains(&upload, &bytes).await
}
