//! Checksums in the header: K1. Creations with a body and bodies that are cut are in `checksum_cut`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    case::{Case, Level, Verdict, ensure, must, robust, skip},
    checksum::{KNOWN, header, raw},
    client::Response,
    lab::{Lab, pattern, size},
};

/// The header, and the trailer of its name.
pub(super) const NAME: &str = "Upload-Checksum";

pub(super) const MIB: usize = 1024 * 1024;

pub(super) fn cases() -> Vec<Case> {
    let mut cases =
        vec![must("K1-sha1-offered", "Where checksums are offered, sha1 is among them.", sha1_is_offered)];
    for algorithm in KNOWN {
        cases.push(Case::new(
            format!("K1-{algorithm}-match"),
            Level::Must,
            format!("A body with its right {algorithm} checksum is stored."),
            move |lab| matching(lab, algorithm),
        ));
        cases.push(Case::new(
            format!("K1-{algorithm}-mismatch"),
            Level::Must,
            format!("A body with a wrong {algorithm} checksum is answered 460 and dropped; the right one may follow."),
            move |lab| mismatching(lab, algorithm),
        ));
    }
    cases.push(must(
        "K1-unknown-algorithm",
        "A checksum of an algorithm that is not offered is answered 400, and the body is dropped.",
        unknown_algorithm,
    ));
    cases.push(must(
        "K1-malformed-dropped",
        "A body whose checksum can't be read is refused and dropped: it can't have matched.",
        |lab| async move {
            for (_, _, value) in malformed() {
                let response = refusal(&lab, &value).await?;
                response.refused(&format!("`{NAME}: {value}` is malformed"))?;
            }
            Ok(())
        },
    ));
    for (kind, what, value) in malformed() {
        cases.push(Case::new(
            format!("K1-malformed-{kind}"),
            Level::Should,
            format!("A checksum {what} is malformed: 400."),
            move |lab| {
                let value = value.clone();
                async move { refusal(&lab, &value).await?.status(&[400]).map(drop) }
            },
        ));
    }
    cases.extend([
        must(
            "K1-last-body",
            "A mismatch in the body that would complete the upload does not complete it.",
            mismatch_at_the_end,
        ),
        must(
            "K1-many",
            "Bodies with checksums of any offered algorithm and bodies without one may alternate.",
            alternating,
        ),
        must("K1-big", "A body of several MiB with a wrong checksum leaves nothing behind.", big_mismatch),
        robust(
            "K1-empty-body",
            "The checksum of an empty body is checked like any other.",
            |lab| async move {
                needs(&lab, "sha1")?;
                let upload = lab.started(10, b"hello").await?;
                let empty = |sum: String| lab.patch(&upload, 5).header(NAME, sum).bytes([]);
                lab.send(empty(header("sha1", b"x"))).await?.status(&[460])?;
                lab.send(empty(header("sha1", b""))).await?.status(&[204])?.has("Upload-Offset", 5)?;
                lab.complete(&upload, 5, b"helloworld").await
            },
        ),
        robust(
            "K1-refusal-is-heard",
            "A client that still sends a big body hears that its checksum's algorithm is unknown.",
            refused_while_sending,
        ),
    ]);
    cases
}

/// Skips the case unless this algorithm is offered.
pub(super) fn needs(lab: &Lab, algorithm: &str) -> Verdict {
    lab.needs(&["checksum"])?;
    if lab.offers().checksum_algorithms.iter().any(|name| name == algorithm) {
        return Ok(());
    }
    skip(format!("Tus-Checksum-Algorithm does not name {algorithm}"))
}

/// Values that are no checksum: a short name, what is wrong in words, the value.
pub(super) fn malformed() -> Vec<(&'static str, &'static str, String)> {
    let sum = raw("sha1", b"hello world").unwrap_or_default();
    let short = sum.get(1..).unwrap_or_default();
    let long = [sum.as_slice(), b"x"].concat();
    let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        ("empty", "that is an empty text", String::new()),
        ("no-value", "without a value", "sha1".into()),
        ("not-base64", "that is no Base64", "sha1 !not*base64!".into()),
        ("short", "with a byte too few", format!("sha1 {}", STANDARD.encode(short))),
        ("long", "with a byte too many", format!("sha1 {}", STANDARD.encode(long))),
        ("hex", "in hexadecimal digits", format!("sha1 {hex}")),
        ("swapped", "whose name and value are swapped", format!("{} sha1", STANDARD.encode(&sum))),
    ]
}

async fn sha1_is_offered(lab: Lab) -> Verdict {
    lab.needs(&["checksum"])?;
    let offered = &lab.offers().checksum_algorithms;
    ensure(offered.iter().any(|name| name == "sha1"), || {
        format!("expected Tus-Checksum-Algorithm to name sha1, it names {offered:?}")
    })
}

async fn matching(lab: Lab, algorithm: &'static str) -> Verdict {
    needs(&lab, algorithm)?;
    let bytes = pattern(11, 5000);
    let (start, rest) = bytes.split_at(1234);
    let upload = lab.create(5000).await?;
    for (offset, body) in [(0, start), (1234, rest)] {
        let request = lab.patch(&upload, offset).header(NAME, header(algorithm, body)).bytes(body);
        lab.send(request).await?.status(&[204])?.has("Upload-Offset", offset + size(body))?;
    }
    lab.complete(&upload, 5000, &bytes).await
}

async fn mismatching(lab: Lab, algorithm: &'static str) -> Verdict {
    needs(&lab, algorithm)?;
    let bytes = pattern(12, 5000);
    let upload = lab.started(5000, bytes.get(..1234).unwrap_or_default()).await?;
    let rest = bytes.get(1234..4000).unwrap_or_default();
    let sum = header(algorithm, rest);
    let mut wrong = rest.to_vec();
    if let Some(byte) = wrong.last_mut() {
        *byte ^= 1;
    }
    lab.send(lab.patch(&upload, 1234).header(NAME, &sum).bytes(wrong)).await?.status(&[460])?;
    lab.stands_at(&upload, 1234).await?;
    lab.send(lab.patch(&upload, 1234).header(NAME, &sum).bytes(rest)).await?.status(&[204])?;
    lab.complete(&upload, 4000, &bytes).await
}

/// A body with this checksum behind 400 bytes; demands that nothing of it is kept, and gives the answer.
async fn refusal(lab: &Lab, value: &str) -> Verdict<Response> {
    lab.needs(&["checksum"])?;
    let bytes = pattern(13, 1000);
    let (start, rest) = bytes.split_at(400);
    let upload = lab.started(1000, start).await?;
    let response = lab.send(lab.patch(&upload, 400).header(NAME, value).bytes(rest)).await?;
    // A wrong status is told first; that the body was stored follows from it.
    if response.status >= 400 {
        lab.stands_at(&upload, 400).await?;
        lab.complete(&upload, 400, &bytes).await?;
    }
    Ok(response)
}

async fn unknown_algorithm(lab: Lab) -> Verdict {
    let response = refusal(&lab, "rot13 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").await?;
    response.status(&[400]).map(drop)
}

async fn mismatch_at_the_end(lab: Lab) -> Verdict {
    needs(&lab, "sha1")?;
    let bytes = pattern(14, 2000);
    let (start, rest) = bytes.split_at(700);
    let upload = lab.started(2000, start).await?;
    let request = lab.patch(&upload, 700).header(NAME, header("sha1", start)).bytes(rest);
    lab.send(request).await?.status(&[460])?;
    lab.stands_at(&upload, 700).await?;
    lab.complete(&upload, 700, &bytes).await
}

async fn alternating(lab: Lab) -> Verdict {
    needs(&lab, "sha1")?;
    let offered: Vec<&str> = KNOWN.into_iter().filter(|name| needs(&lab, name).is_ok()).collect();
    let bytes = pattern(15, 1000 * 2 * offered.len());
    let upload = lab.create(size(&bytes)).await?;
    let mut offset = 0;
    for (index, body) in bytes.chunks(1000).enumerate() {
        let mut request = lab.patch(&upload, offset).bytes(body);
        if index % 2 == 0
            && let Some(algorithm) = offered.get(index / 2)
        {
            request = request.header(NAME, header(algorithm, body));
        }
        offset += size(body);
        lab.send(request).await?.status(&[204])?.has("Upload-Offset", offset)?;
    }
    lab.complete(&upload, offset, &bytes).await
}

async fn big_mismatch(lab: Lab) -> Verdict {
    needs(&lab, "sha1")?;
    let bytes = pattern(16, 6 * MIB);
    lab.needs_room(size(&bytes))?;
    let upload = lab.create(size(&bytes)).await?;
    let sum = header("sha1", &bytes);
    let mut wrong = bytes.clone();
    if let Some(byte) = wrong.get_mut(3 * MIB) {
        *byte ^= 0x80;
    }
    lab.send(lab.patch(&upload, 0).header(NAME, &sum).bytes(wrong)).await?.status(&[460])?;
    lab.stands_at(&upload, 0).await?;
    // What is written over a dropped body must not show it: the second one is shorter and comes in two parts.
    let (start, _) = bytes.split_at(MIB);
    lab.append(&upload, 0, start).await?;
    lab.complete(&upload, size(start), &bytes).await
}

async fn refused_while_sending(lab: Lab) -> Verdict {
    lab.needs(&["checksum"])?;
    let bytes = pattern(18, 4 * MIB);
    lab.needs_room(size(&bytes))?;
    let upload = lab.create(size(&bytes)).await?;
    let request = lab.patch(&upload, 0).header(NAME, "rot13 AAAA").bytes(bytes);
    lab.send(request).await?.status(&[400])?;
    lab.stands_at(&upload, 0).await
}
