//! Parameters that can't be right, whatever the others say: R12.

use super::{
    contradictions::contradiction,
    steps::{begun, refused},
};
use crate::{
    case::{Case, should},
    lab::resumable::SUCCESSES,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = numbers();
    cases.extend(wrapped());
    cases.extend(missing());
    cases.extend(spelled());
    cases
}

/// The same number in other digits: taken as what it is, or refused. A key made of the digits would be another upload.
fn spelled() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, parameter, value) in [
        ("total-size", "TotalSize", "00030000"),
        ("chunk-size", "ChunkSize", "010000"),
        ("number", "ChunkNumber", "02"),
    ] {
        let demand = format!("A chunk with {parameter} {value:?} belongs to its upload, or is refused.");
        cases.push(should(&format!("R12-zeros-{name}"), &demand, move |lab| async move {
            let file = begun(&lab).await?;
            let answer = lab.offer(&lab.sending(&file, 2).saying(parameter, value)).await?;
            if SUCCESSES.contains(&answer.status) {
                return lab.is_untouched(&file, &[1, 2]).await;
            }
            refused(&answer, "the number has zeros in front")?;
            lab.is_untouched(&file, &[1]).await
        }));
    }
    cases
}

fn wrong(name: &str, parameter: &'static str, value: &'static str) -> [Case; 2] {
    let what = format!("A chunk with {parameter} {value:?}");
    contradiction(name, &what, move |lab, file| {
        Box::pin(async move { lab.offer(&lab.sending(&file, 2).saying(parameter, value)).await })
    })
}

fn numbers() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, parameter, value) in [
        ("number-0", "ChunkNumber", "0"),
        ("number-beyond", "ChunkNumber", "4"),
        ("number-negative", "ChunkNumber", "-2"),
        ("number-word", "ChunkNumber", "two"),
        ("number-empty", "ChunkNumber", ""),
        ("number-fraction", "ChunkNumber", "2.5"),
        ("number-exponent", "ChunkNumber", "2e0"),
        ("number-hex", "ChunkNumber", "0x2"),
        ("number-sign", "ChunkNumber", "+2"),
        ("number-space", "ChunkNumber", " 2"),
        ("number-wide", "ChunkNumber", "２"),
        ("number-nan", "ChunkNumber", "NaN"),
        ("number-list", "ChunkNumber", "2,3"),
        ("total-size-empty", "TotalSize", ""),
        ("total-size-negative", "TotalSize", "-30000"),
        ("total-size-word", "TotalSize", "many"),
        ("total-size-0", "TotalSize", "0"),
        ("chunk-size-0", "ChunkSize", "0"),
        ("chunk-size-negative", "ChunkSize", "-10000"),
        ("chunk-size-word", "ChunkSize", "big"),
        ("chunk-size-empty", "ChunkSize", ""),
        ("chunk-size-other", "ChunkSize", "9999"),
        ("total-chunks-0", "TotalChunks", "0"),
        ("total-chunks-more", "TotalChunks", "5"),
        ("total-chunks-negative", "TotalChunks", "-3"),
        ("total-chunks-word", "TotalChunks", "three"),
        ("current-short", "CurrentChunkSize", "9999"),
        ("current-long", "CurrentChunkSize", "10001"),
        ("current-0", "CurrentChunkSize", "0"),
        ("current-negative", "CurrentChunkSize", "-1"),
        ("current-word", "CurrentChunkSize", "some"),
    ] {
        cases.extend(wrong(name, parameter, value));
    }
    cases
}

/// Numbers that a careless receiver brings back into range: by 64 bits, by 32, or by the 53 of a script.
fn wrapped() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, parameter, value) in [
        ("wrap-number", "ChunkNumber", "18446744073709551618"),
        ("wrap-number-32", "ChunkNumber", "4294967298"),
        ("wrap-number-long", "ChunkNumber", "100000000000000000000000000000000000002"),
        ("wrap-total-size", "TotalSize", "18446744073709581616"),
        ("wrap-total-size-32", "TotalSize", "4294997296"),
        ("wrap-chunk-size", "ChunkSize", "18446744073709561616"),
        ("wrap-chunk-size-huge", "ChunkSize", "9223372036854775807"),
        ("wrap-total-chunks", "TotalChunks", "18446744073709551619"),
        ("wrap-current", "CurrentChunkSize", "18446744073709561616"),
    ] {
        cases.extend(wrong(name, parameter, value));
    }
    cases.extend(contradiction(
        "wrap-position",
        "A chunk whose place in the file lies beyond 2^64",
        |lab, file| {
            Box::pin(async move {
                let sending = lab
                    .sending(&file, 2)
                    .saying("ChunkNumber", "4611686018427387905")
                    .saying("TotalChunks", "4611686018427387905")
                    .saying("ChunkSize", "8")
                    .saying("TotalSize", "18446744073709551615");
                lab.offer(&sending).await
            })
        },
    ));
    cases
}

fn missing() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, parameter) in
        [("number", "ChunkNumber"), ("total-size", "TotalSize"), ("chunk-size", "ChunkSize")]
    {
        let what = format!("A chunk without {parameter}");
        cases.extend(contradiction(&format!("without-{name}"), &what, move |lab, file| {
            Box::pin(async move { lab.offer(&lab.sending(&file, 2).silent_on(parameter)).await })
        }));
    }
    cases
}
