//! Creations that bring their first bytes, and bodies that wait for leave: W1 and W2.

use crate::{
    case::{Case, Verdict, ensure, must, robust, should, skip},
    client::{Body, Request},
    lab::{Lab, OCTETS, pattern, size},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = with_upload();
    cases.extend(expectations());
    cases
}

fn creation(lab: &Lab, length: u64) -> Request {
    lab.post().header("Upload-Length", length).header("Content-Type", OCTETS)
}

/// Creates with the first bytes of `bytes` in the request and completes the rest.
async fn brought(lab: &Lab, bytes: &[u8], first: usize, chunked: bool) -> Verdict {
    lab.needs(&["creation-with-upload"])?;
    let part = bytes.get(..first).unwrap_or_default();
    let request = creation(lab, size(bytes));
    let request = if chunked { request.chunked(part, &[7, 100]) } else { request.bytes(part) };
    let (upload, answer) = lab.create_by(request).await?;
    answer.has("Upload-Offset", size(part))?;
    lab.stands_at(&upload, size(part)).await?;
    lab.complete(&upload, size(part), bytes).await
}

fn with_upload() -> Vec<Case> {
    vec![
        must(
            "W1-whole",
            "A creation may bring the whole upload: 201 with Upload-Offset at its end.",
            |lab| async move { brought(&lab, &pattern(50, 500), 500, false).await },
        ),
        must(
            "W1-part",
            "A creation may bring the first bytes: 201 tells how many, the rest follows.",
            |lab| async move { brought(&lab, &pattern(51, 500), 123, false).await },
        ),
        must("W1-chunked", "The body of a creation may be chunked.", |lab| async move {
            brought(&lab, &pattern(52, 500), 500, true).await
        }),
        must("W1-big", "A creation may bring 4 MiB.", |lab| async move {
            lab.needs_room(4 << 20)?;
            brought(&lab, &pattern(53, 4 << 20), 4 << 20, false).await
        }),
        must("W1-deferred", "A creation with a deferred length may bring bytes.", |lab| async move {
            lab.needs(&["creation-with-upload", "creation-defer-length"])?;
            let request =
                lab.post().header("Upload-Defer-Length", 1).header("Content-Type", OCTETS).bytes("abcd");
            let (upload, answer) = lab.create_by(request).await?;
            answer.has("Upload-Offset", 4)?;
            lab.head(&upload).await?.has("Upload-Offset", 4)?.has("Upload-Defer-Length", 1)?;
            let last = lab.patch(&upload, 4).header("Upload-Length", 8).bytes("efgh");
            lab.send(last).await?.status(&[204])?;
            lab.complete(&upload, 8, b"abcdefgh").await
        }),
        robust(
            "W1-empty",
            "A creation of the media type with an empty body stands at 0.",
            |lab| async move { brought(&lab, b"abcd", 0, false).await },
        ),
        must(
            "W1-over",
            "A creation whose body passes its length stores nothing past it.",
            |lab| async move {
                lab.needs(&["creation-with-upload"])?;
                let answer = lab.send(creation(&lab, 4).bytes("abcdXXXX")).await?;
                if answer.get("Location").is_none() {
                    answer.refused("the body passes the length")?;
                    return Ok(());
                }
                let upload = lab.adopt(&answer)?;
                let offset = lab.settled(&upload).await?;
                ensure(offset <= 4, || format!("expected an offset of at most 4, got {offset}"))?;
                lab.complete(&upload, offset, b"abcd").await
            },
        ),
        should(
            "W1-over-status",
            "A creation whose body passes its length is answered 413 or 400.",
            |lab| async move {
                lab.needs(&["creation-with-upload"])?;
                let answer = lab.send(creation(&lab, 4).bytes("abcdXXXX")).await?;
                if answer.get("Location").is_some() {
                    lab.adopt(&answer)?;
                }
                answer.status(&[413, 400])?;
                Ok(())
            },
        ),
        must(
            "W1-other-type",
            "A body of another media type is never taken for bytes of the upload.",
            |lab| async move {
                lab.needs(&["creation-with-upload"])?;
                let request = creation(&lab, 4).set("Content-Type", "text/plain").bytes("abcd");
                let answer = lab.send(request).await?;
                if answer.status != 201 {
                    answer.refused("the media type is another one")?;
                    return Ok(());
                }
                let upload = lab.adopt(&answer)?;
                lab.stands_at(&upload, 0).await
            },
        ),
        must("W1-metadata", "A creation that brings bytes keeps its metadata.", |lab| async move {
            lab.needs(&["creation-with-upload"])?;
            let request = creation(&lab, 4).header("Upload-Metadata", "a MQ==").bytes("abcd");
            let (upload, _) = lab.create_by(request).await?;
            lab.head(&upload).await?.has("Upload-Metadata", "a MQ==")?;
            Ok(())
        }),
    ]
}

/// Sends the head with Expect: 100-continue, and gives the first status that comes back.
async fn asked(lab: &Lab, request: Request, announced: u64) -> Verdict<(u16, crate::client::Wire)> {
    let request = request.header("Expect", "100-continue");
    let request = request.body(Body::Announced { length: announced, bytes: Vec::new() });
    let mut wire = lab.open().await?;
    wire.send(&request).await?;
    let status = wire.first_status().await;
    let came = status.as_ref().map_or("no answer".to_owned(), ToString::to_string);
    lab.say(format!("→ {}\n← {came}", request.summary().replace('\n', "\n  ")));
    Ok((status?, wire))
}

async fn refused_first(lab: &Lab, request: Request, wanted: &[u16]) -> Verdict {
    let (status, _) = asked(lab, request, 4).await?;
    ensure(wanted.contains(&status), || format!("expected {wanted:?} before the body is sent, got {status}"))
}

fn expectations() -> Vec<Case> {
    vec![
        should(
            "W2-refused-creation",
            "A malformed creation that waits for 100 is refused before its body is sent.",
            |lab| async move {
                lab.needs(&["creation-with-upload"])?;
                let request = lab.request("POST", &lab.endpoint().path).header("Content-Type", OCTETS);
                refused_first(&lab, request.header("Upload-Length", "-1"), &[400]).await
            },
        ),
        should(
            "W2-too-large",
            "A creation above the maximum that waits for 100 is refused before its body is sent.",
            |lab| async move {
                lab.needs(&["creation-with-upload"])?;
                let Some(max) = lab.offers().max_size else { return skip("no Tus-Max-Size is announced") };
                let request = lab.request("POST", &lab.endpoint().path).header("Content-Type", OCTETS);
                refused_first(&lab, request.header("Upload-Length", u128::from(max) + 1), &[413]).await
            },
        ),
        should(
            "W2-version",
            "A creation in another version that waits for 100 is refused before its body is sent.",
            |lab| async move {
                lab.needs(&["creation-with-upload"])?;
                let request = lab.request("POST", &lab.endpoint().path).header("Content-Type", OCTETS);
                refused_first(&lab, request.header("Upload-Length", 4).set("Tus-Resumable", "0.2.2"), &[412])
                    .await
            },
        ),
        should(
            "W2-refused-append",
            "A PATCH at a wrong offset that waits for 100 is refused before its body is sent.",
            |lab| async move {
                let upload = lab.create(8).await?;
                refused_first(&lab, lab.patch(&upload, 3), &[409]).await?;
                lab.stands_at(&upload, 0).await
            },
        ),
        should(
            "W2-unknown",
            "A PATCH of an unknown upload that waits for 100 is refused before its body is sent.",
            |lab| async move {
                let unknown = lab.unknown().await?;
                refused_first(&lab, lab.patch(&unknown, 0), &[404, 410]).await
            },
        ),
        must(
            "W2-continue",
            "A PATCH that waits for 100 gets it, and then its bytes are stored.",
            |lab| async move {
                let upload = lab.create(4).await?;
                let (status, mut wire) = asked(&lab, lab.patch(&upload, 0), 4).await?;
                ensure(status == 100, || format!("expected 100, got {status}"))?;
                wire.write(b"abcd").await?;
                wire.answer().await?.status(&[204])?.has("Upload-Offset", 4)?;
                lab.complete(&upload, 4, b"abcd").await
            },
        ),
        must(
            "W2-continue-creation",
            "A creation with bytes that waits for 100 gets it, and then 201.",
            |lab| async move {
                lab.needs(&["creation-with-upload"])?;
                let request = lab.request("POST", &lab.endpoint().path).header("Content-Type", OCTETS);
                let (status, mut wire) = asked(&lab, request.header("Upload-Length", 4), 4).await?;
                ensure(status == 100, || format!("expected 100, got {status}"))?;
                wire.write(b"abcd").await?;
                let answer = wire.answer().await?;
                answer.status(&[201])?;
                let upload = lab.adopt(&answer)?;
                lab.complete(&upload, 4, b"abcd").await
            },
        ),
        must(
            "W2-impatient",
            "A client that announces to wait but sends its body at once is served.",
            |lab| async move {
                let upload = lab.create(4).await?;
                let request = lab.patch(&upload, 0).header("Expect", "100-continue").bytes("abcd");
                lab.send(request).await?.status(&[204])?.has("Upload-Offset", 4)?;
                Ok(())
            },
        ),
    ]
}
