//! What the clients in the field are seen to do: X5.

use crate::{
    case::{Case, ensure, must, robust},
    client::Body,
    lab::{OCTETS, pattern, size},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = scripts();
    cases.extend(browsers());
    cases
}

fn scripts() -> Vec<Case> {
    vec![
        robust(
            "X5-curl",
            "curl's way to append: chunked, Expect: 100-continue and Content-Range.",
            |lab| async move {
                let bytes = pattern(60, 3000);
                let upload = lab.started(3000, bytes.get(..1000).unwrap_or_default()).await?;
                let request = lab
                    .patch(&upload, 1000)
                    .header("User-Agent", "curl/8.14.1")
                    .header("Accept", "*/*")
                    .header("Content-Range", "bytes 1000-2999/3000")
                    .header("Expect", "100-continue")
                    .body(Body::Unfinished { chunks: Vec::new() });
                let mut wire = lab.open().await?;
                wire.send(&request).await?;
                let status = wire.first_status().await?;
                ensure(status == 100, || format!("expected 100, got {status}"))?;
                let rest = request.clone().chunked(bytes.get(1000..).unwrap_or_default(), &[977]);
                for piece in rest.pieces() {
                    wire.write(&piece).await?;
                }
                let answer = wire.answer().await;
                lab.note(&rest, &answer);
                answer?.status(&[204])?.has("Upload-Offset", 3000)?;
                lab.complete(&upload, 3000, &bytes).await
            },
        ),
        robust("X5-empty-metadata", "tuspy's empty Upload-Metadata means no metadata.", |lab| async move {
            let request = lab.post().header("Upload-Length", 4).header("Upload-Metadata", "");
            let (upload, _) = lab.create_by(request).await?;
            let found = lab.head(&upload).await?.get("Upload-Metadata").unwrap_or_default().to_owned();
            ensure(found.is_empty(), || format!("expected no metadata, got {found:?}"))
        }),
        robust(
            "X5-length-only",
            "tuspy's empty PATCH that only tells the length is taken, and the bytes follow.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.append(&upload, 0, b"abcd").await?;
                let request = lab.patch(&upload, 4).header("Upload-Length", 8).header("Content-Length", 0);
                lab.send(request).await?.status(&[204])?.has("Upload-Offset", 4)?;
                lab.complete(&upload, 4, b"abcdefgh").await
            },
        ),
        robust("X5-keys-only", "aiotus' keys without value come back as they were sent.", |lab| async move {
            let request =
                lab.post().header("Upload-Length", 4).header("Upload-Metadata", "is_confidential,draft");
            let (upload, _) = lab.create_by(request).await?;
            lab.head(&upload).await?.has("Upload-Metadata", "is_confidential,draft")?;
            Ok(())
        }),
        robust(
            "X5-options-first",
            "aiotus reads Tus-Version off an OPTIONS that carries Tus-Resumable.",
            |lab| async move {
                let request = lab.request("OPTIONS", &lab.endpoint().path).header("Tus-Resumable", "1.0.0");
                lab.send(request).await?.status(&[200, 204])?.value("Tus-Version")?;
                Ok(())
            },
        ),
        must("X5-lower-case", "Header names in lower case are the same names.", |lab| async move {
            let path = lab.create(4).await?.path;
            let mut request =
                lab.request("PATCH", &path).header("Content-Type", OCTETS).header("Upload-Offset", 0);
            for (name, _) in &mut request.headers {
                name.make_ascii_lowercase();
            }
            lab.send(request.bytes("abcd")).await?.status(&[204])?.has("Upload-Offset", 4)?;
            Ok(())
        }),
        robust(
            "X5-query",
            "A query behind the upload's URL, as some applications add it, does no harm.",
            |lab| async move {
                let upload = lab.create(4).await?;
                let join = if upload.path.contains('?') { '&' } else { '?' };
                let path = format!("{}{join}token=abc", upload.path);
                lab.send(lab.request("HEAD", &path)).await?.status(&[200, 204])?.has("Upload-Offset", 0)?;
                Ok(())
            },
        ),
        robust(
            "X5-absolute-form",
            "A request line with an absolute URL, as through a proxy, is understood.",
            |lab| async move {
                let upload = lab.create(4).await?;
                let url = lab.endpoint().absolute(&upload.path);
                lab.send(lab.request("HEAD", &url)).await?.status(&[200, 204])?.has("Upload-Offset", 0)?;
                Ok(())
            },
        ),
    ]
}

fn browsers() -> Vec<Case> {
    vec![
        robust(
            "X5-partial-again",
            "tus-js-client's Upload-Concat: partial on HEAD and PATCH does no harm.",
            |lab| async move {
                lab.needs(&["concatenation"])?;
                let request = lab.post().header("Upload-Length", 4).header("Upload-Concat", "partial");
                let (upload, _) = lab.create_by(request).await?;
                let head = lab.request("HEAD", &upload.path).header("Upload-Concat", "partial");
                lab.send(head).await?.status(&[200, 204])?.has("Upload-Offset", 0)?;
                let patch = lab.patch(&upload, 0).header("Upload-Concat", "partial").bytes("abcd");
                lab.send(patch).await?.status(&[204])?.has("Upload-Offset", 4)?;
                Ok(())
            },
        ),
        robust(
            "X5-override",
            "tus-js-client's override goes as POST to the upload's URL with all of PATCH's headers.",
            |lab| async move {
                let bytes = pattern(61, 64);
                let upload = lab.create(64).await?;
                let request = lab
                    .request("POST", &upload.path)
                    .header("X-HTTP-Method-Override", "PATCH")
                    .header("Upload-Offset", 0)
                    .header("Content-Type", OCTETS)
                    .header("X-Requested-With", "XMLHttpRequest")
                    .bytes(bytes.as_slice());
                lab.send(request).await?.status(&[204])?.has("Upload-Offset", 64)?;
                lab.complete(&upload, 64, &bytes).await
            },
        ),
        robust(
            "X5-lost-answer",
            "Who lost the last 204 asks HEAD, and learns from offset = length that all is well.",
            |lab| async move {
                let bytes = pattern(62, 5000);
                let upload = lab.create(5000).await?;
                let mut wire = lab.open().await?;
                let request = lab.patch(&upload, 0).bytes(bytes.as_slice());
                wire.send(&request).await?;
                wire.finish().await;
                lab.comes_to(&upload, size(&bytes)).await?;
                lab.complete(&upload, size(&bytes), &bytes).await
            },
        ),
        robust(
            "X5-repeated-append",
            "Who repeats the last PATCH gets 409, the status that makes clients ask HEAD.",
            |lab| async move {
                let upload = lab.filled(b"abcdefgh").await?;
                lab.send(lab.patch(&upload, 4).bytes("efgh")).await?.status(&[409])?;
                lab.stands_at(&upload, 8).await
            },
        ),
        robust("X5-extra-headers", "Headers of applications and proxies do no harm.", |lab| async move {
            let extra = [
                ("X-Request-ID", "0d0c6b52-1f66-4c4b-9f9e-0f1f0c1e0a11"),
                ("X-Requested-With", "XMLHttpRequest"),
                ("Cookie", "session=abc"),
                ("Referer", "http://app.example:3000/upload"),
                ("Accept-Encoding", "gzip, deflate, br, zstd"),
                ("Sec-Fetch-Mode", "cors"),
            ];
            let request = lab.post().header("Upload-Length", 4).headers(&extra);
            let (upload, _) = lab.create_by(request).await?;
            let request = lab.patch(&upload, 0).headers(&extra).bytes("abcd");
            lab.send(request).await?.status(&[204])?.has("Upload-Offset", 4)?;
            lab.head(&upload).await?.lacks("Content-Encoding")?;
            Ok(())
        }),
        robust(
            "X5-get-hang-up",
            "A client that hangs up during a download, or right after it, harms no other one.",
            |lab| async move {
                lab.needs_download()?;
                let bytes = pattern(63, 500_000);
                let upload = lab.filled(&bytes).await?;
                let get = lab.request("GET", &upload.path).without("Tus-Resumable");
                for patient in [true, false, true] {
                    let mut wire = lab.open().await?;
                    if patient {
                        wire.exchange(&get).await?.status(&[200])?;
                    } else {
                        wire.send(&get).await?;
                        wire.first_status().await?;
                    }
                    wire.reset().await;
                }
                lab.stands_at(&upload, 500_000).await?;
                lab.contains(&upload, &bytes).await
            },
        ),
    ]
}
