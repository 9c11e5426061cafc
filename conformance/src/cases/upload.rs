//! Appending bytes: C7 and C9.

use crate::{
    case::{Case, Level, Verdict, ensure, must, robust, should},
    lab::{Lab, pattern, size},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = media_types();
    cases.extend(successes());
    cases.extend(bodies());
    cases
}

/// C7: only one media type carries bytes of an upload.
fn media_types() -> Vec<Case> {
    let refused = [
        ("octet-stream", Some("application/octet-stream")),
        ("form", Some("application/x-www-form-urlencoded")),
        ("prefix", Some("application/offset+octet-stream2")),
        ("missing", None),
    ];
    let mut cases: Vec<Case> = refused
        .into_iter()
        .map(|(name, media_type)| {
            let shown =
                media_type.map_or("no Content-Type".to_owned(), |value| format!("Content-Type: {value}"));
            let demand = format!("PATCH with {shown} is answered 415, and nothing is stored.");
            Case::new(format!("C7-{name}"), Level::Should, demand, move |lab| async move {
                let upload = lab.create(4).await?;
                let request = lab.patch(&upload, 0).without("Content-Type").bytes("abcd");
                let request = match media_type {
                    Some(value) => request.header("Content-Type", value),
                    None => request,
                };
                lab.send(request).await?.status(&[415])?;
                lab.stands_at(&upload, 0).await
            })
        })
        .collect();
    cases.push(robust(
        "C7-case",
        "The media type is matched in any case, as HTTP has it.",
        |lab| async move {
            let upload = lab.create(4).await?;
            let request = lab.patch(&upload, 0).set("Content-Type", "Application/Offset+Octet-Stream");
            lab.send(request.bytes("abcd")).await?.status(&[204])?;
            Ok(())
        },
    ));
    cases
}

/// C9: what a successful PATCH says.
fn successes() -> Vec<Case> {
    vec![
        must(
            "C9-status",
            "A successful PATCH is answered 204 with the new Upload-Offset.",
            |lab| async move {
                let upload = lab.create(8).await?;
                lab.append(&upload, 0, b"abcd").await?;
                lab.stands_at(&upload, 4).await
            },
        ),
        must("C9-steps", "Many appends in a row add up, byte by byte.", |lab| async move {
            let bytes = pattern(10, 300);
            let upload = lab.create(size(&bytes)).await?;
            let (mut at, mut step) = (0_usize, 1_usize);
            while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
                let piece = rest.get(..step.min(rest.len())).unwrap_or_default();
                lab.append(&upload, u64::try_from(at).unwrap_or(0), piece).await?;
                at += piece.len();
                step = step * 2 + 1;
            }
            lab.complete(&upload, size(&bytes), &bytes).await
        }),
        must("C9-last-byte", "The last byte may come alone and completes the upload.", |lab| async move {
            let upload = lab.started(4, b"abc").await?;
            lab.complete(&upload, 3, b"abcd").await
        }),
        must(
            "C9-empty",
            "An empty PATCH at the current offset succeeds and moves nothing.",
            |lab| async move {
                let upload = lab.started(8, b"abc").await?;
                lab.append(&upload, 3, b"").await?;
                lab.stands_at(&upload, 3).await
            },
        ),
        robust(
            "C9-empty-no-framing",
            "An empty PATCH may come without any Content-Length.",
            |lab| async move {
                let upload = lab.started(8, b"abc").await?;
                lab.send(lab.patch(&upload, 3)).await?.status(&[204])?.has("Upload-Offset", 3)?;
                Ok(())
            },
        ),
        robust(
            "C9-empty-complete",
            "An empty PATCH at the end of the complete upload succeeds.",
            |lab| async move {
                let upload = lab.filled(b"abcd").await?;
                lab.append(&upload, 4, b"").await?;
                lab.contains(&upload, b"abcd").await
            },
        ),
        robust("C9-zero-length", "An empty PATCH of an empty upload succeeds.", |lab| async move {
            let upload = lab.create(0).await?;
            lab.append(&upload, 0, b"").await.map(|_| ())
        }),
        must(
            "C9-keep-alive",
            "Appends on one kept connection follow each other without confusion.",
            |lab| async move {
                let bytes = pattern(11, 400);
                let upload = lab.create(400).await?;
                let mut wire = lab.open().await?;
                for (index, piece) in bytes.chunks(100).enumerate() {
                    let offset = u64::try_from(index * 100).unwrap_or(0);
                    let request = lab.patch(&upload, offset).without("Connection").bytes(piece);
                    let answer = wire.exchange(&request).await;
                    lab.note(&request, &answer);
                    let answer = answer?;
                    answer.status(&[204])?.has("Upload-Offset", offset + 100)?;
                    if answer.list("Connection").iter().any(|option| option.eq_ignore_ascii_case("close")) {
                        wire = lab.open().await?;
                    }
                }
                lab.complete(&upload, 400, &bytes).await
            },
        ),
    ]
}

/// C9: bodies of every shape arrive whole.
fn bodies() -> Vec<Case> {
    const BIG: usize = 8 * 1024 * 1024;
    vec![
        must("C9-chunked", "A chunked body is appended like one with a Content-Length.", |lab| async move {
            framed(&lab, &pattern(12, 5000), &[1, 7, 4096]).await
        }),
        must("C9-one-byte-chunks", "A body in chunks of one byte is appended whole.", |lab| async move {
            framed(&lab, &pattern(13, 700), &[1]).await
        }),
        must("C9-empty-chunked", "A chunked body without bytes is an empty append.", |lab| async move {
            let upload = lab.started(4, b"ab").await?;
            lab.send(lab.patch(&upload, 2).chunked(b"", &[1]))
                .await?
                .status(&[204])?
                .has("Upload-Offset", 2)?;
            Ok(())
        }),
        must("C9-big", "A body of 8 MiB arrives whole.", |lab| async move {
            let bytes = pattern(14, BIG);
            lab.needs_room(size(&bytes))?;
            let upload = lab.filled(&bytes).await?;
            lab.contains(&upload, &bytes).await
        }),
        must(
            "C9-big-chunked",
            "A chunked body of 8 MiB in frames of odd sizes arrives whole.",
            |lab| async move {
                let bytes = pattern(15, BIG);
                lab.needs_room(size(&bytes))?;
                framed(&lab, &bytes, &[1, 65_537, 3, 4095, 131_071, 16_384, 999_983]).await
            },
        ),
        must(
            "C9-any-bytes",
            "Bytes that look like HTTP or like text with other line ends stay as they are.",
            |lab| async move {
                let bytes =
                    [b"HTTP/1.1 200 OK\r\n\r\n0\r\n\r\n\n\r\x00\xff\x1a".to_vec(), pattern(5, 100)].concat();
                let upload = lab.filled(&bytes).await?;
                lab.contains(&upload, &bytes).await
            },
        ),
        robust("C9-slow-head", "A request that comes byte by byte is understood.", |lab| async move {
            let upload = lab.create(3).await?;
            let request = lab.patch(&upload, 0).bytes("abc");
            let mut wire = lab.open().await?;
            for byte in [request.head().into_bytes(), b"abc".to_vec()].concat() {
                wire.write(&[byte]).await?;
            }
            let answer = wire.answer().await;
            lab.note(&request, &answer);
            answer?.status(&[204])?.has("Upload-Offset", 3)?;
            Ok(())
        }),
        must(
            "C9-content",
            "GET, where it is offered, gives the bytes in the order of their offsets.",
            |lab| async move {
                lab.needs_download()?;
                let bytes = pattern(16, 1000);
                let upload = lab.started(1000, bytes.get(..333).unwrap_or_default()).await?;
                lab.complete(&upload, 333, &bytes).await
            },
        ),
        should("C9-length-stays", "An append never changes the length that HEAD tells.", |lab| async move {
            let upload = lab.started(9, b"abc").await?;
            let length = lab.head(&upload).await?.number("Upload-Length")?;
            ensure(length == 9, || format!("expected Upload-Length 9, got {length}"))
        }),
    ]
}

async fn framed(lab: &Lab, bytes: &[u8], sizes: &[usize]) -> Verdict {
    let upload = lab.create(size(bytes)).await?;
    let request = lab.patch(&upload, 0).chunked(bytes, sizes);
    lab.send(request).await?.status(&[204])?.has("Upload-Offset", size(bytes))?;
    lab.stands_at(&upload, size(bytes)).await?;
    lab.contains(&upload, bytes).await
}
