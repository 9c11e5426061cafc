//! Upload-Metadata: N4.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::creation::refused;
use crate::{
    case::{Case, Level, Verdict, ensure, must, robust, skip},
    lab::{Lab, Upload, pattern},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = echoed();
    cases.extend(malformed());
    cases.extend(harmless());
    cases
}

async fn described(lab: &Lab, metadata: &str, length: u64) -> Verdict<Upload> {
    let request = lab.post().header("Upload-Length", length).header("Upload-Metadata", metadata);
    Ok(lab.create_by(request).await?.0)
}

/// What is allowed comes back as it was given.
fn echoed() -> Vec<Case> {
    let many: Vec<String> =
        (0..40).map(|index| format!("key{index} {}", STANDARD.encode(format!("v{index}")))).collect();
    let given = [
        ("one-pair", Level::Must, "one pair", "filename YS50eHQ=".to_owned()),
        ("pairs", Level::Must, "several pairs, in their order", "z MQ==,a Mg==,m Mw==".to_owned()),
        ("no-value", Level::Must, "a key without value", "is_private".to_owned()),
        ("no-values", Level::Must, "keys with and without values", "first,second Mg==,third".to_owned()),
        ("empty-value", Level::Must, "a key, a space and no value", "empty ,a MQ==".to_owned()),
        (
            "utf8",
            Level::Must,
            "a value outside ASCII",
            format!("filename {}", STANDARD.encode("日本 語 – ü.txt")),
        ),
        (
            "binary",
            Level::Must,
            "a value that is no text",
            format!("hash {}", STANDARD.encode(pattern(30, 64))),
        ),
        (
            "newline",
            Level::Must,
            "a value with line ends",
            format!("note {}", STANDARD.encode("a\r\nb: c\r\n\r\n")),
        ),
        ("digit-keys", Level::Must, "keys of digits, in their order", "2 MQ==,1 Mg==".to_owned()),
        ("many", Level::Must, "forty pairs", many.join(",")),
        (
            "long",
            Level::Robustness,
            "a value of 3,000 bytes",
            format!("k {}", STANDARD.encode(pattern(31, 3000))),
        ),
        ("odd-key", Level::Robustness, "a key of odd ASCII letters", "a.b-c_d:e;f=\"'g/h\\ MQ==".to_owned()),
        ("case", Level::Robustness, "keys that differ only in case", "name MQ==,Name Mg==".to_owned()),
        (
            "proto",
            Level::Robustness,
            "keys that mean something to a script",
            "__proto__ MQ==,constructor Mg==".to_owned(),
        ),
    ];
    let mut cases = Vec::new();
    for (name, level, what, metadata) in given {
        let demand = format!("Metadata with {what} is accepted, and HEAD gives it back as it was.");
        cases.push(Case::new(format!("N4-{name}"), level, demand, move |lab| {
            let metadata = metadata.clone();
            async move {
                let upload = described(&lab, &metadata, 1).await?;
                lab.head(&upload).await?.has("Upload-Metadata", &metadata)?;
                Ok(())
            }
        }));
    }
    cases.push(must(
        "N4-after-append",
        "Metadata stays what it was while bytes are appended.",
        |lab| async move {
            let upload = described(&lab, "b MQ==,a", 4).await?;
            let stray = lab.patch(&upload, 0).header("Upload-Metadata", "c Mw==").bytes("ab");
            lab.send(stray).await?.status(&[204])?;
            lab.head(&upload).await?.has("Upload-Metadata", "b MQ==,a")?;
            Ok(())
        },
    ));
    cases
}

/// What the grammar forbids. The text does not say how a server answers, so that these are of level should.
fn malformed() -> Vec<Case> {
    let texts = [
        ("twice", "a key twice", "a MQ==,a Mg=="),
        ("twice-empty", "a key twice, without values", "a,b,a"),
        ("base64", "a value that is not Base64", "a !!!!"),
        ("base64-length", "a value of Base64 that is cut off", "a YWJjZ"),
        ("base64-padding", "padding in the middle of a value", "a YQ==YQ=="),
        ("two-values", "two values behind a key", "a MQ== Mg=="),
        ("empty-key", "an empty key between two others", "a MQ==,,b Mg=="),
        ("leading-comma", "a comma at the front", ",a MQ=="),
        ("trailing-comma", "a comma at the end", "a MQ==,"),
        ("only-comma", "nothing but a comma", ","),
    ];
    let mut cases = Vec::new();
    for (name, what, text) in texts {
        let demand = format!("Metadata with {what} is answered 400.");
        cases.push(Case::new(format!("N4-bad-{name}"), Level::Should, demand, move |lab| async move {
            let request = lab.post().header("Upload-Length", 1).header("Upload-Metadata", text);
            refused(&lab, request, "the metadata is malformed").await?.status(&[400])?;
            Ok(())
        }));
    }
    cases.push(robust(
        "N4-not-ascii",
        "A key outside ASCII is accepted or refused, but breaks nothing.",
        |lab| async move {
            lab.needs(&["creation"])?;
            let answer = lab
                .send(lab.post().header("Upload-Length", 1).header("Upload-Metadata", "größe MQ=="))
                .await?;
            answer.no_breakdown()?;
            if answer.status == 201 {
                let upload = lab.adopt(&answer)?;
                lab.stands_at(&upload, 0).await?;
            }
            Ok(())
        },
    ));
    cases.push(robust(
        "N4-two-lines",
        "Two Upload-Metadata lines are one list, as HTTP has it, or refused.",
        |lab| async move {
            lab.needs(&["creation"])?;
            let request = lab.post().header("Upload-Length", 1);
            let request = request.header("Upload-Metadata", "a MQ==").header("Upload-Metadata", "b Mg==");
            let answer = lab.send(request).await?;
            if answer.status != 201 {
                answer.status(&[400])?;
                return Ok(());
            }
            let upload = lab.adopt(&answer)?;
            let found = lab.head(&upload).await?.list("Upload-Metadata");
            ensure(found == ["a MQ==", "b Mg=="], || format!("expected both pairs, got {found:?}"))
        },
    ));
    cases
}

/// What a client chose reaches no header, path or page as it stands.
fn harmless() -> Vec<Case> {
    let names = [
        ("traversal", "that climbs out of its folder", "../../../../tmp/resumed-conformance-escape"),
        ("absolute", "that is an absolute path", "/tmp/resumed-conformance-escape"),
        ("header", "with line ends in it", "a.txt\r\nX-Injected: yes\r\n\r\n<html>"),
        ("nul", "with a NUL byte in it", "a\0b.txt"),
        ("wide", "outside Latin-1", "снимок 写真.txt"),
        ("quotes", "with quotes in it", "a\"; filename=\"b.html"),
    ];
    let mut cases = Vec::new();
    for (name, what, file_name) in names {
        let demand = format!("A file name {what} does no harm: the upload works, and GET gives its bytes.");
        cases.push(Case::new(format!("N4-name-{name}"), Level::Robustness, demand, move |lab| async move {
            let metadata = format!("filename {}", STANDARD.encode(file_name));
            let request = lab.post().header("Upload-Length", 4).header("Upload-Metadata", &metadata);
            lab.needs(&["creation"])?;
            let answer = lab.send(request).await?;
            if answer.status == 400 {
                return Ok(());
            }
            answer.status(&[201])?;
            let upload = lab.adopt(&answer)?;
            lab.complete(&upload, 0, b"abcd").await?;
            lab.needs_download()?;
            let answer = lab.send(lab.request("GET", &upload.path)).await?;
            answer.status(&[200])?.lacks("X-Injected")?;
            let shown = answer.get("Content-Disposition").unwrap_or_default();
            ensure(!shown.contains("; filename=\"b.html"), || {
                format!("expected the quote to be escaped, got `Content-Disposition: {shown}`")
            })
        }));
    }
    cases.push(robust(
        "N4-inert-page",
        "An uploaded page is not shown as one: GET makes it a download.",
        |lab| async move {
            lab.needs_download()?;
            let page = b"<script>alert(1)</script>";
            let metadata =
                format!("filename {},filetype {}", STANDARD.encode("a.html"), STANDARD.encode("text/html"));
            let upload = described(&lab, &metadata, 25).await?;
            lab.append(&upload, 0, page).await?;
            let answer = lab.send(lab.request("GET", &upload.path)).await?;
            if answer.status != 200 {
                return skip("uploads can't be read back by GET");
            }
            let media_type = answer.get("Content-Type").unwrap_or("none").to_ascii_lowercase();
            let attached =
                answer.get("Content-Disposition").is_some_and(|value| value.starts_with("attachment"));
            let sandboxed = answer.get("Content-Security-Policy").is_some();
            ensure(attached || sandboxed || !(media_type.contains("html") || media_type == "none"), || {
                format!("expected an attachment or an inert type, got `Content-Type: {media_type}`")
            })
        },
    ));
    cases
}
