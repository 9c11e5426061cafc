//! Checksums that come as a trailer of a chunked body: K2 over HTTP/1.1 (the HTTP/2 ones are in `http2`).

use crate::{
    case::{Case, Verdict, must, robust, should},
    cases::{
        checksum::{MIB, NAME, malformed, needs},
        checksum_cut::dropped,
        steps::begin,
    },
    checksum::{KNOWN, header},
    client::{Body, Request, Response, request::cut},
    lab::{Lab, OCTETS, Upload, pattern, size},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        must("K2-match", "A chunked body with its right checksum as a trailer is stored.", matching),
        must(
            "K2-mismatch",
            "A chunked body with a wrong checksum as a trailer is answered 460 and dropped; the right one may follow.",
            mismatching,
        ),
        must(
            "K2-big-mismatch",
            "Several MiB with a wrong checksum as a trailer leave nothing behind.",
            big_mismatch,
        ),
        must(
            "K2-unknown-algorithm",
            "A trailer with an algorithm that is not offered is answered 400, and the body is dropped.",
            |lab| async move {
                refusal(&lab, "rot13 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").await?.status(&[400]).map(drop)
            },
        ),
        must(
            "K2-malformed-dropped",
            "A body whose checksum trailer can't be read is refused and dropped.",
            |lab| async move {
                for (_, _, value) in malformed() {
                    let response = refusal(&lab, &value).await?;
                    response.refused(&format!("the trailer `{NAME}: {value}` is malformed"))?;
                }
                Ok(())
            },
        ),
        should(
            "K2-malformed-status",
            "A malformed checksum is answered 400 when it is a trailer, too.",
            |lab| async move {
                for (_, _, value) in malformed() {
                    refusal(&lab, &value).await?.status(&[400])?;
                }
                Ok(())
            },
        ),
        must("K2-other-case", "The trailer's name may be written in any case.", |lab| async move {
            let bytes = pattern(34, 3000);
            let upload = ready(&lab, 3000).await?;
            let wrong = header("sha1", b"x");
            for name in ["upload-checksum", "uPLOAD-cHECKSUM"] {
                let request = lab.patch(&upload, 0).trailed(&bytes, name, &wrong);
                lab.send(request).await?.status(&[460])?;
                lab.stands_at(&upload, 0).await?;
            }
            let request = lab.patch(&upload, 0).trailed(&bytes, "UPLOAD-CHECKSUM", &header("sha1", &bytes));
            lab.send(request).await?.status(&[204])?;
            lab.complete(&upload, 3000, &bytes).await
        }),
        must("K2-every-algorithm", "Every offered algorithm works as a trailer.", every_algorithm),
        must(
            "K2-odd-chunks",
            "How a body is cut into chunks does not matter to its checksum.",
            |lab| async move {
                let bytes = pattern(36, 20_000);
                let upload = ready(&lab, 20_000).await?;
                let request = trailed(
                    lab.patch(&upload, 0),
                    &bytes,
                    &[1, 4095, 2, 777],
                    vec![line(&header("sha1", &bytes))],
                );
                lab.send(request).await?.status(&[204])?.has("Upload-Offset", 20_000)?;
                lab.complete(&upload, 20_000, &bytes).await
            },
        ),
        robust(
            "K2-empty-body",
            "The trailer of an empty body is checked like any other.",
            |lab| async move {
                let upload = ready(&lab, 10).await?;
                let empty = |sum: &str| trailed(lab.patch(&upload, 0), b"", &[1], vec![line(sum)]);
                lab.send(empty(&header("sha1", b"x"))).await?.status(&[460])?;
                lab.send(empty(&header("sha1", b""))).await?.status(&[204])?.has("Upload-Offset", 0)?;
                lab.complete(&upload, 0, b"helloworld").await
            },
        ),
        robust(
            "K2-missing",
            "A body that announces a checksum trailer and ends without one is refused and dropped.",
            |lab| async move {
                let bytes = pattern(37, 3000);
                let upload = ready(&lab, 3000).await?;
                let request = trailed(lab.patch(&upload, 0), &bytes, &[1500], Vec::new());
                let response = lab.send(request).await?;
                response.refused("the announced checksum never came")?;
                lab.stands_at(&upload, 0).await?;
                lab.complete(&upload, 0, &bytes).await
            },
        ),
        robust(
            "K2-foreign-trailers",
            "Other trailers are ignored, even when they look like tus headers.",
            |lab| async move {
                let bytes = pattern(38, 3000);
                let upload = ready(&lab, 4000).await?;
                let sum = header("sha1", &bytes);
                let others = [
                    ("X-Other", "1"),
                    ("Upload-Offset", "99"),
                    ("Upload-Length", "3000"),
                    ("Tus-Resumable", "9.9.9"),
                ];
                let mut lines: Vec<_> =
                    others.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
                lines.push(line(&sum));
                let request = trailed(lab.patch(&upload, 0), &bytes, &[1000], lines);
                lab.send(request).await?.status(&[204])?.has("Upload-Offset", 3000)?;
                lab.head(&upload).await?.has("Upload-Offset", 3000)?.has("Upload-Length", 4000)?;
                Ok(())
            },
        ),
        robust(
            "K2-with-creation",
            "A creation with a chunked body obeys a checksum trailer.",
            |lab| async move {
                lab.needs(&["creation-with-upload"])?;
                let bytes = pattern(39, 3000);
                needs_trailer(&lab)?;
                let request = || lab.post().header("Upload-Length", 3000).header("Content-Type", OCTETS);
                lab.send(request().trailed(&bytes, NAME, &header("sha1", b"x"))).await?.status(&[460])?;
                let right = request().trailed(&bytes, NAME, &header("sha1", &bytes));
                let (upload, response) = lab.create_by(right).await?;
                response.has("Upload-Offset", 3000)?;
                lab.complete(&upload, 3000, &bytes).await
            },
        ),
        should(
            "K3-cut-trailer",
            "A body that announces a checksum trailer and is cut before it keeps nothing.",
            |lab| async move {
                let bytes = pattern(40, 30_000);
                let upload = ready(&lab, 30_000).await?;
                let request = lab.patch(&upload, 0).header("Trailer", NAME);
                let request = request.body(Body::Unfinished { chunks: cut(&bytes, &[10_000]) });
                begin(&lab, &request).await?.finish().await;
                dropped(&lab, &upload, 0, &bytes).await
            },
        ),
    ]
}

/// Skips the case unless checksums may come as trailers.
pub(super) fn needs_trailer(lab: &Lab) -> Verdict {
    lab.needs(&["checksum-trailer"])?;
    needs(lab, "sha1")
}

async fn ready(lab: &Lab, length: u64) -> Verdict<Upload> {
    needs_trailer(lab)?;
    lab.needs_room(length)?;
    lab.create(length).await
}

fn line(sum: &str) -> (String, String) {
    (NAME.to_owned(), sum.to_owned())
}

/// A chunked body that announces a checksum trailer and ends with these trailers.
fn trailed(request: Request, bytes: &[u8], sizes: &[usize], trailers: Vec<(String, String)>) -> Request {
    request.header("Trailer", NAME).body(Body::Chunked { chunks: cut(bytes, sizes), trailers })
}

async fn matching(lab: Lab) -> Verdict {
    let bytes = pattern(31, 5000);
    let (start, rest) = bytes.split_at(2000);
    let upload = ready(&lab, 5000).await?;
    for (offset, body) in [(0, start), (2000, rest)] {
        let request = lab.patch(&upload, offset).trailed(body, NAME, &header("sha1", body));
        lab.send(request).await?.status(&[204])?.has("Upload-Offset", offset + size(body))?;
    }
    lab.complete(&upload, 5000, &bytes).await
}

async fn mismatching(lab: Lab) -> Verdict {
    let bytes = pattern(32, 5000);
    let upload = ready(&lab, 5000).await?;
    let (start, rest) = bytes.split_at(2000);
    lab.append(&upload, 0, start).await?;
    let wrong = lab.patch(&upload, 2000).trailed(rest, NAME, &header("sha1", start));
    lab.send(wrong).await?.status(&[460])?;
    lab.stands_at(&upload, 2000).await?;
    let right = lab.patch(&upload, 2000).trailed(rest, NAME, &header("sha1", rest));
    lab.send(right).await?.status(&[204])?.has("Upload-Offset", 5000)?;
    lab.complete(&upload, 5000, &bytes).await
}

async fn big_mismatch(lab: Lab) -> Verdict {
    let bytes = pattern(33, 6 * MIB);
    let upload = ready(&lab, size(&bytes)).await?;
    let request = trailed(lab.patch(&upload, 0), &bytes, &[65_536], vec![line(&header("sha1", b"x"))]);
    lab.send(request).await?.status(&[460])?;
    lab.stands_at(&upload, 0).await?;
    lab.complete(&upload, 0, &bytes).await
}

/// A body with this trailer behind 400 bytes; demands that nothing of it is kept, and gives the answer.
async fn refusal(lab: &Lab, value: &str) -> Verdict<Response> {
    let bytes = pattern(35, 1000);
    let (start, rest) = bytes.split_at(400);
    let upload = ready(lab, 1000).await?;
    lab.append(&upload, 0, start).await?;
    let response = lab.send(lab.patch(&upload, 400).trailed(rest, NAME, value)).await?;
    // A wrong status is told first; that the body was stored follows from it.
    if response.status >= 400 {
        lab.stands_at(&upload, 400).await?;
        lab.complete(&upload, 400, &bytes).await?;
    }
    Ok(response)
}

async fn every_algorithm(lab: Lab) -> Verdict {
    needs_trailer(&lab)?;
    for algorithm in KNOWN.into_iter().filter(|name| needs(&lab, name).is_ok()) {
        let bytes = pattern(41, 3000);
        let upload = lab.create(3000).await?;
        let wrong = lab.patch(&upload, 0).trailed(&bytes, NAME, &header(algorithm, b"x"));
        lab.send(wrong).await?.status(&[460])?;
        let right = lab.patch(&upload, 0).trailed(&bytes, NAME, &header(algorithm, &bytes));
        lab.send(right).await?.status(&[204])?;
        lab.complete(&upload, 3000, &bytes).await?;
    }
    Ok(())
}
