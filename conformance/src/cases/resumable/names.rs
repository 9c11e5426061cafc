//! Names are what a person chose, or an attacker: R13.

use super::steps::{refused, uploads, works_or_is_refused};
use crate::{
    case::{Case, Level, ensure, must, robust, should},
    lab::resumable::{SUCCESSES, Sending},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = hostile();
    cases.extend(friendly());
    cases.extend(kept_apart());
    cases.extend(in_forms());
    cases
}

fn hostile() -> Vec<Case> {
    let names: [(&str, &str, Vec<u8>); 27] = [
        ("climbs", "that climbs out of its folder", b"../../../../tmp/conformance-escape.bin".to_vec()),
        ("climbs-back", "that climbs out by backslashes", b"..\\..\\..\\conformance-escape.bin".to_vec()),
        ("absolute", "that is an absolute path", b"/tmp/conformance-escape.bin".to_vec()),
        ("drive", "that names a drive", b"C:\\conformance-escape.bin".to_vec()),
        ("share", "that names a share", b"\\\\host\\share\\conformance-escape.bin".to_vec()),
        ("empty", "that is empty", Vec::new()),
        ("dot", "of one dot", b".".to_vec()),
        ("dots", "of two dots", b"..".to_vec()),
        ("slash", "that ends in a slash", b"folder/".to_vec()),
        ("hidden", "that hides a file", b".htaccess".to_vec()),
        ("nul", "with a NUL byte", b"a.bin\0.txt".to_vec()),
        ("control", "with control characters", b"a\x01\x08\x1b[31m\x7f.bin".to_vec()),
        ("line-ends", "with line ends", b"a.bin\r\nX-Injected: yes\r\n\r\n<html>".to_vec()),
        ("markup", "with markup", b"<img src=x onerror=alert(1)>.html".to_vec()),
        ("quotes", "with quotes", b"a\"; filename=\"b.html".to_vec()),
        ("backslash-end", "that ends in a backslash", b"a.bin\\".to_vec()),
        ("encoded", "that is encoded once more", b"%2e%2e%2f%2e%2e%2fetc%2fpasswd".to_vec()),
        ("not-utf8", "that is no UTF-8", b"a\xff\xfe\xc3.bin".to_vec()),
        ("device", "that is a device of Windows", b"CON".to_vec()),
        ("device-suffix", "that is a device of Windows with a suffix", b"aux.txt".to_vec()),
        ("stream", "that names a stream of NTFS", b"a.bin::$DATA".to_vec()),
        ("trailing", "that ends in dots and spaces", b"a.bin. . ".to_vec()),
        ("turned", "that is written from right to left", "photo\u{202e}gnp.exe".as_bytes().to_vec()),
        ("wild", "of wild cards and shell's marks", b"*?[a]{b}'`$(id)|;&.bin".to_vec()),
        ("option", "that looks like an option", b"-rf".to_vec()),
        ("long", "of 300 letters", [vec![b'a'; 296], b".bin".to_vec()].concat()),
        ("very-long", "of 4,000 letters", vec![b'a'; 4_000]),
    ];
    let mut cases = Vec::new();
    for (name, what, bytes) in names {
        let demand =
            format!("A file name {what} is refused or does no harm: the upload works like any other.");
        let in_query = bytes.clone();
        cases.push(Case::new(format!("R13-{name}"), Level::Must, demand, move |lab| {
            let bytes = bytes.clone();
            async move { works_or_is_refused(&lab, &lab.file(30_000, 10_000).named(bytes), |form| form).await }
        }));
        let demand = format!("The same for a file name {what} that is in the query alone.");
        cases.push(Case::new(format!("R13-octet-{name}"), Level::Must, demand, move |lab| {
            let bytes = in_query.clone();
            async move { works_or_is_refused(&lab, &lab.file(30_000, 10_000).named(bytes), Sending::octet).await }
        }));
    }
    cases
}

/// Names that people give: refusing them is no answer.
fn friendly() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, what, text) in [
        ("spaces", "with spaces", "my holiday photo (1).jpeg"),
        ("umlauts", "with umlauts", "Größe über alles.txt"),
        ("wide", "outside Latin", "снимок 写真 صورة.png"),
        ("emoji", "with an emoji", "party 🎉.mov"),
        ("marks", "with marks", "a+b & c=d, 100% #1; 'x' [y] {z} ~!@^.txt"),
        ("no-suffix", "without a suffix", "README"),
        ("many-dots", "with many dots", "archive.tar.gz.part.1"),
        ("255", "of 255 bytes", "NAME255"),
        ("wide-255", "of 255 bytes outside ASCII", "WIDE255"),
    ] {
        let demand = format!("A file name {what} is taken.");
        cases.push(Case::new(format!("R13-good-{name}"), Level::Should, demand, move |lab| async move {
            let text = match text {
                "NAME255" => format!("{}.bin", "n".repeat(251)),
                "WIDE255" => format!("{}.b", "写".repeat(84)) + "n",
                other => other.to_owned(),
            };
            uploads(&lab, &lab.file(30_000, 10_000).named(text)).await
        }));
    }
    cases
}

/// Two files whose names may come out as the same one.
fn kept_apart() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, what, one, two) in [
        ("same", "are the same", "a.bin", "a.bin"),
        ("folders", "differ in their folders", "x/a.bin", "y/a.bin"),
        ("marks", "differ in a mark", "a/b.bin", "a_b.bin"),
        ("case", "differ in their case", "Photo.BIN", "photo.bin"),
        ("ends", "differ at the end of 300 letters", "LONG1", "LONG2"),
    ] {
        let demand = format!("Two files whose names {what} don't overwrite each other.");
        cases.push(must(&format!("R13-apart-{name}"), &demand, move |lab| async move {
            let own = lab.file(30_000, 10_000);
            let spelled = |text: &str| {
                let stem = String::from_utf8_lossy(&own.name).into_owned();
                let text = match text.strip_prefix("LONG") {
                    Some(end) => format!("{}{end}.bin", "a".repeat(300)),
                    None => text.to_owned(),
                };
                format!("{}{text}", if text.contains('/') { String::new() } else { stem })
            };
            let first = own.clone().named(spelled(one));
            let second = lab.file(45_000, 10_000).named(spelled(two));
            for file in [&first, &second] {
                let answer = lab.offer(&lab.sending(file, 1)).await?;
                if !SUCCESSES.contains(&answer.status) {
                    return refused(&answer, "the receiver does not like the name");
                }
            }
            lab.finish(&second, &[1]).await?;
            lab.finish(&first, &[1]).await?;
            lab.is_complete(&second).await
        }));
    }
    cases
}

/// The name that the file has in the form is not the parameter.
fn in_forms() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, what, bytes) in [
        ("climbs", "that climbs", &b"../../../../tmp/conformance-escape.bin"[..]),
        ("empty", "that is empty", b""),
        ("backslash", "that ends in a backslash", b"a\\"),
        ("equals", "that looks like a parameter of a head", b"x; name=y; filename=z"),
        ("long", "of 3,000 letters", &[b'a'; 3_000]),
    ] {
        let demand = format!("A name of the form's file {what} changes nothing: resumableFilename counts.");
        cases.push(should(&format!("R13-form-{name}"), &demand, move |lab| async move {
            let file = lab.file(30_000, 10_000);
            for number in file.numbers() {
                let sending = Sending { file_name: bytes.to_vec(), ..lab.sending(&file, number) };
                lab.store_by(&sending).await?;
            }
            lab.is_complete(&file).await
        }));
    }
    cases.push(robust(
        "R13-shown",
        "The name that a download is offered under can't break its header.",
        |lab| async move {
            lab.needs_bytes()?;
            lab.needs_status()?;
            for text in ["a\"; filename=\"b.html", "a\r\nX-Injected: yes\r\n\r\n.bin", "写真.bin"] {
                let file = lab.file(10, 10).named(text);
                let answer = lab.offer(&lab.sending(&file, 1).octet()).await?;
                if !SUCCESSES.contains(&answer.status) {
                    refused(&answer, "the receiver does not like the name")?;
                    continue;
                }
                lab.is_complete(&file).await?;
                let status = lab.status(&file).await?;
                let template = lab.receiver().download.as_ref().filter(|template| template.names(&file));
                let Some(reference) = template.and_then(|template| template.fill(&file, Some(&status)))
                else {
                    continue;
                };
                let answer = lab.fetch(&reference).await?;
                answer.status(&[200])?.lacks("X-Injected")?;
                let shown = answer.get("Content-Disposition").unwrap_or_default();
                ensure(!shown.contains("; filename=\"b.html"), || {
                    format!("expected the quote to be escaped, got `Content-Disposition: {shown}`")
                })?;
            }
            Ok(())
        },
    ));
    cases
}
