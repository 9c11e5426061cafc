//! Where bytes are appended: C8.

use crate::{
    case::{Case, Level, Verdict, must, robust, should},
    client::Response,
    lab::{Lab, Upload, pattern},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = offsets();
    cases.extend(malformed());
    cases
}

/// C8: the offset has to be the current one.
fn offsets() -> Vec<Case> {
    vec![
        must(
            "C8-offset-behind",
            "PATCH behind the current offset is answered 409; nothing changes.",
            |lab| async move {
                let bytes = pattern(8, 8);
                let upload = lab.started(8, bytes.get(..4).unwrap_or_default()).await?;
                conflicts(&lab, &upload, 2, b"XX").await?;
                lab.stands_at(&upload, 4).await?;
                lab.complete(&upload, 4, &bytes).await
            },
        ),
        must(
            "C8-offset-ahead",
            "PATCH ahead of the current offset is answered 409; no hole comes to be.",
            |lab| async move {
                let bytes = pattern(9, 8);
                let upload = lab.started(8, bytes.get(..4).unwrap_or_default()).await?;
                conflicts(&lab, &upload, 6, b"XX").await?;
                lab.stands_at(&upload, 4).await?;
                lab.complete(&upload, 4, &bytes).await
            },
        ),
        must(
            "C8-offset-past-length",
            "PATCH at an offset past the length changes nothing.",
            |lab| async move {
                let upload = lab.create(8).await?;
                lab.send(lab.patch(&upload, 9).bytes("X"))
                    .await?
                    .refused("the offset lies past the length")?;
                lab.stands_at(&upload, 0).await
            },
        ),
        must(
            "C8-empty-body",
            "A wrong offset is answered 409 also when the body is empty.",
            |lab| async move {
                let upload = lab.started(8, b"abcd").await?;
                conflicts(&lab, &upload, 0, b"").await?;
                lab.stands_at(&upload, 4).await
            },
        ),
        must(
            "C8-complete",
            "A PATCH repeated on the complete upload is answered 409; nothing changes.",
            |lab| async move {
                let upload = lab.filled(b"abcdefgh").await?;
                conflicts(&lab, &upload, 0, b"XXXXXXXX").await?;
                lab.stands_at(&upload, 8).await?;
                lab.contains(&upload, b"abcdefgh").await
            },
        ),
        must("C8-huge", "PATCH at the offset 2^64 - 1 is refused and changes nothing.", |lab| async move {
            let upload = lab.create(8).await?;
            lab.send(lab.patch(&upload, u64::MAX).bytes("X")).await?.refused("the offset is wrong")?;
            lab.stands_at(&upload, 0).await
        }),
        robust(
            "C8-twice-alike",
            "Upload-Offset twice is no reason to break down or to append twice.",
            |lab| async move {
                let upload = lab.create(8).await?;
                let answer = lab.send(lab.patch(&upload, 0).header("Upload-Offset", 0).bytes("abcd")).await?;
                answer.no_breakdown()?;
                lab.stands_at(&upload, if answer.status == 204 { 4 } else { 0 }).await
            },
        ),
        robust(
            "C8-twice-different",
            "Two different Upload-Offset lines are refused; nothing changes.",
            |lab| async move {
                let upload = lab.started(8, b"abcd").await?;
                let request = lab.patch(&upload, 4).header("Upload-Offset", 0).bytes("efgh");
                lab.send(request).await?.refused("two offsets contradict each other")?;
                lab.stands_at(&upload, 4).await
            },
        ),
    ]
}

async fn conflicts(lab: &Lab, upload: &Upload, offset: u64, bytes: &[u8]) -> Verdict<Response> {
    let answer = lab.send(lab.patch(upload, offset).bytes(bytes)).await?;
    answer.status(&[409])?;
    Ok(answer)
}

/// What is no offset: each text is sent while the upload stands at 0, where a lenient reading would be harmful.
const NO_NUMBERS: [(&str, &str); 12] = [
    ("negative", "-1"),
    ("minus-zero", "-0"),
    ("plus", "+0"),
    ("empty", ""),
    ("word", "zero"),
    ("hex", "0x0"),
    ("fraction", "0.0"),
    ("exponent", "0e0"),
    ("inner-space", "0 0"),
    ("list", "0, 0"),
    ("trailing-letter", "0b"),
    ("above-u64", "18446744073709551616"),
];

/// C8: what is no offset at all.
fn malformed() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, text) in NO_NUMBERS {
        let demand =
            format!("PATCH with `Upload-Offset: {text}` is refused (400, or 409), and nothing is stored.");
        cases.push(Case::new(format!("C8-{name}"), Level::Must, demand, move |lab| async move {
            let upload = lab.create(4).await?;
            lab.send(lab.patch(&upload, text).bytes("abcd")).await?.status(&[400, 409])?;
            lab.stands_at(&upload, 0).await
        }));
    }
    cases.push(must(
        "C8-missing",
        "PATCH without Upload-Offset is refused, and nothing is stored.",
        |lab| async move {
            let upload = lab.create(4).await?;
            let answer = lab.send(lab.patch(&upload, 0).without("Upload-Offset").bytes("abcd")).await?;
            answer.refused("there is no Upload-Offset")?;
            lab.stands_at(&upload, 0).await
        },
    ));
    cases.push(should(
        "C8-malformed-status",
        "A malformed or missing Upload-Offset is answered 400.",
        |lab| async move {
            let upload = lab.create(4).await?;
            for text in ["-1", "+0", "zero", ""] {
                lab.send(lab.patch(&upload, text).bytes("abcd")).await?.status(&[400])?;
            }
            lab.send(lab.patch(&upload, 0).without("Upload-Offset").bytes("abcd")).await?.status(&[400])?;
            Ok(())
        },
    ));
    cases
}
