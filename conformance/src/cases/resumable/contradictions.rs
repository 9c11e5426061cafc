//! Requests that contradict themselves, or what the first request of the upload said: R12.

use super::steps::{WAYS, begun, refused, uploads};
use crate::{
    case::{Case, Level, Verdict, must, should},
    client::Response,
    lab::{
        Lab,
        resumable::{BOUNDARY, File, Form, SUCCESSES, multipart},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = bodies();
    cases.extend(changed());
    cases.extend(two_voices());
    cases.extend(behind_the_file());
    cases.extend(nothing_begun());
    cases.extend(complete());
    cases
}

/// Two cases of one contradiction: that it is refused and changes nothing, and that this is said by 400.
pub(super) fn contradiction<F>(name: &str, what: &str, send: F) -> [Case; 2]
where
    F: Fn(Lab, File) -> std::pin::Pin<Box<dyn Future<Output = Verdict<Response>> + Send>>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let again = send.clone();
    [
        Case::new(
            format!("R12-{name}"),
            Level::Must,
            format!("{what} is refused, and nothing stored changes."),
            move |lab| {
                let send = send.clone();
                async move {
                    let file = begun(&lab).await?;
                    let answer = send(lab.clone(), file.clone()).await?;
                    refused(&answer, "the request contradicts itself or the first one")?;
                    lab.is_untouched(&file, &[1]).await
                }
            },
        ),
        Case::new(
            format!("R12-{name}-status"),
            Level::Should,
            format!("{what} is answered 400."),
            move |lab| {
                let send = again.clone();
                async move {
                    let file = begun(&lab).await?;
                    send(lab.clone(), file).await?.status(&[400])?;
                    Ok(())
                }
            },
        ),
    ]
}

/// The body is not as long as the chunk.
fn bodies() -> Vec<Case> {
    let lengths: [(&str, &str, usize); 5] = [
        ("empty", "without any byte", 0),
        ("short", "that lacks a byte", 9_999),
        ("long", "with a byte too many", 10_001),
        ("longer", "that reaches into the next chunk", 20_000),
        ("huge", "a hundred times as long", 1_000_000),
    ];
    let mut cases = Vec::new();
    for (way, how, change) in WAYS {
        for (name, what, length) in lengths {
            let what = format!("A chunk {how} {what}");
            cases.extend(contradiction(&format!("body-{way}-{name}"), &what, move |lab, file| {
                Box::pin(async move {
                    let mut bytes = file.bytes.to_vec();
                    bytes.drain(..10_000);
                    bytes.resize(length, b'x');
                    lab.offer(&change(lab.sending(&file, 2)).with(bytes)).await
                })
            }));
        }
    }
    cases.push(must(
        "R12-body-neighbours",
        "A body that is too long leaves the next chunk, which is there, as it is.",
        |lab| async move {
            lab.needs_bytes()?;
            let file = lab.file(40_000, 10_000);
            lab.fill(&file, &[3]).await?;
            for octet in [false, true] {
                let sending = lab.sending(&file, 2).with(vec![b'x'; 25_000]);
                let sending = if octet { sending.octet() } else { sending };
                refused(&lab.offer(&sending).await?, "the body is longer than the chunk")?;
            }
            lab.is_untouched(&file, &[3]).await
        },
    ));
    cases.push(must("R12-body-last", "A last chunk without its rest is refused.", |lab| async move {
        let file = lab.file(25_000, 10_000);
        lab.store(&file, 1).await?;
        let short = file.part(2).get(..10_000).unwrap_or_default().to_vec();
        refused(&lab.offer(&lab.sending(&file, 2).with(short)).await?, "5000 bytes are missing")?;
        lab.is_untouched(&file, &[1]).await
    }));
    cases
}

/// Consistent in itself, but not what the upload began with.
fn changed() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(contradiction(
        "changed-chunk-size",
        "A chunk of the same file in another chunk size",
        |lab, file| {
            Box::pin(async move {
                let coarse = file.in_chunks_of(15_000);
                lab.offer(&lab.sending(&coarse, 2)).await
            })
        },
    ));
    cases.extend(contradiction(
        "changed-to-smaller",
        "A chunk of the same file in smaller chunks",
        |lab, file| {
            Box::pin(async move {
                let fine = file.in_chunks_of(5_000);
                lab.offer(&lab.sending(&fine, 6)).await
            })
        },
    ));
    cases
}

/// The query says one thing, and the form another.
fn two_voices() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, parameter, value) in [
        ("number", "ChunkNumber", "3"),
        ("chunk-size", "ChunkSize", "15000"),
        ("total-size", "TotalSize", "30001"),
        ("total-chunks", "TotalChunks", "2"),
        ("current", "CurrentChunkSize", "9999"),
        ("identifier", "Identifier", "somebody-else"),
        ("file-name", "Filename", "other.bin"),
    ] {
        let what = format!("A chunk of which the form says another {parameter} than the query");
        cases.extend(contradiction(&format!("voices-{name}"), &what, move |lab, file| {
            Box::pin(async move {
                let mut sending = lab.sending(&file, 2);
                sending.fields.set(parameter, value);
                lab.offer(&sending).await
            })
        }));
    }
    cases
}

/// The form says it behind the file's part, where a careless receiver does not look any more.
fn behind_the_file() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, parameter, value) in [
        ("number", "ChunkNumber", "3"),
        ("total-size", "TotalSize", "30001"),
        ("identifier", "Identifier", "x"),
    ] {
        let what =
            format!("A chunk of which the form, behind its file, says another {parameter} than the query");
        cases.extend(contradiction(&format!("behind-{name}"), &what, move |lab, file| {
            Box::pin(async move {
                let mut sending = lab.sending(&file, 2);
                sending.fields.set(parameter, value);
                let form = sending.fields_of(sending.file_of(Form::new(BOUNDARY))).end();
                lab.send(sending.with_form(&lab, &multipart(BOUNDARY), form)).await
            })
        }));
    }
    cases
}

/// A first request that contradicts itself begins nothing.
fn nothing_begun() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, parameter, value) in [
        ("number", "ChunkNumber", "4"),
        ("total-chunks", "TotalChunks", "9"),
        ("chunk-size", "ChunkSize", "0"),
        ("current", "CurrentChunkSize", "1"),
    ] {
        let demand = format!("A first request with a wrong {parameter} begins no upload.");
        cases.push(must(&format!("R12-first-{name}"), &demand, move |lab| async move {
            let file = lab.file(30_000, 10_000);
            let answer = lab.offer(&lab.sending(&file, 1).saying(parameter, value)).await?;
            refused(&answer, "the request contradicts itself")?;
            lab.is_untouched(&file, &[]).await
        }));
    }
    cases
}

/// A complete file.
fn complete() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, parameter, value) in [
        ("number", "ChunkNumber", "4"),
        ("total-chunks", "TotalChunks", "9"),
        ("current", "CurrentChunkSize", "1"),
        ("total-size", "TotalSize", "-1"),
    ] {
        let demand = format!("A complete file stays what it is when a wrong {parameter} comes.");
        cases.push(must(&format!("R12-complete-{name}"), &demand, move |lab| async move {
            let file = lab.file(30_000, 10_000);
            uploads(&lab, &file).await?;
            let answer = lab.offer(&lab.sending(&file, 2).saying(parameter, value)).await?;
            refused(&answer, "the request contradicts itself")?;
            lab.is_complete(&file).await
        }));
    }
    cases.push(should(
        "R12-complete-body",
        "A complete file stays what it is when a body of another length comes.",
        |lab| async move {
            let file = lab.file(30_000, 10_000);
            uploads(&lab, &file).await?;
            let answer = lab.offer(&lab.sending(&file, 2).octet().with(vec![0; 20_000])).await?;
            if !SUCCESSES.contains(&answer.status) {
                refused(&answer, "the body is not as long as the chunk")?;
            }
            lab.is_complete(&file).await
        },
    ));
    cases
}
