//! Identifiers are keys that clients choose, and folders are names: R7 and R8.

use super::steps::{begun, refused, uploads, works_or_is_refused};
use crate::{
    case::{Case, Level, Verdict, must, robust, should},
    lab::{
        Lab, pattern,
        resumable::{File, SUCCESSES},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = missing();
    cases.extend(apart());
    cases.extend(isolated());
    cases.extend(hostile());
    cases.extend(folders());
    cases
}

fn missing() -> Vec<Case> {
    vec![
        must("R7-empty", "A chunk with an empty identifier is refused.", |lab| async move {
            let file = lab.file(30_000, 10_000).identified("");
            refused(&lab.offer(&lab.sending(&file, 1)).await?, "the identifier is empty")
        }),
        must("R7-missing", "A chunk without an identifier is refused.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            let sending = lab.sending(&file, 1).silent_on("Identifier");
            refused(&lab.offer(&sending).await?, "the identifier is missing")?;
            lab.is_untouched(&file, &[]).await
        }),
        should("R7-missing-status", "A chunk without an identifier is answered 400.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            lab.offer(&lab.sending(&file, 1).silent_on("Identifier")).await?.status(&[400])?;
            Ok(())
        }),
    ]
}

/// Two files with the same name and size, each with an identifier of its own, and with other bytes.
async fn both(lab: &Lab, one: &str, two: &str) -> Verdict {
    let base = lab.file(30_000, 10_000);
    let own = |text: &str| [base.identifier.as_slice(), text.as_bytes()].concat();
    let first = base.clone().identified(own(one));
    let second = base.clone().identified(own(two)).holding(pattern(77, 30_000));
    for file in [&first, &second] {
        let answer = lab.offer(&lab.sending(file, 2)).await?;
        if !SUCCESSES.contains(&answer.status) {
            refused(&answer, "the receiver does not take this identifier")?;
            return Ok(());
        }
    }
    lab.holds(&first, &[2]).await?;
    lab.holds(&second, &[2]).await?;
    lab.finish(&first, &[2]).await?;
    lab.finish(&second, &[2]).await?;
    lab.is_complete(&first).await
}

/// Identifiers that only a careless receiver takes for the same.
fn apart() -> Vec<Case> {
    let long = "x".repeat(250);
    let pairs = [
        ("plain", "two", "-a".to_owned(), "-b".to_owned()),
        ("case", "two in another case", "-Abc".to_owned(), "-aBC".to_owned()),
        ("marks", "two that differ in their marks", "-a/b".to_owned(), "-a_b".to_owned()),
        ("dropped", "two that differ by a mark", "-a b".to_owned(), "-ab".to_owned()),
        ("letters", "two that differ in letters outside ASCII", "-ä日".to_owned(), "-ö本".to_owned()),
        (
            "long",
            "two of 250 letters and more that differ in the last one",
            format!("{long}1"),
            format!("{long}2"),
        ),
        ("dots", "two that differ in dots", "/../a".to_owned(), "/a".to_owned()),
        ("nul", "two that differ behind a NUL byte", "-a\0b".to_owned(), "-a\0c".to_owned()),
        ("white", "two that differ in white space at the end", "-a".to_owned(), "-a ".to_owned()),
        ("encoded", "one that looks like another one encoded", "-a%2Fb".to_owned(), "-a/b".to_owned()),
    ];
    let mut cases = Vec::new();
    for (name, what, one, two) in pairs {
        let demand = format!("Of identifiers that are {what}, each leads to its own upload.");
        cases.push(Case::new(format!("R7-apart-{name}"), Level::Must, demand, move |lab| {
            let (one, two) = (one.clone(), two.clone());
            async move { both(&lab, &one, &two).await }
        }));
    }
    cases
}

/// Makes another file of one.
type Other = fn(&File) -> File;

/// What somebody else does with the same identifier.
fn isolated() -> Vec<Case> {
    let others: [(&str, &str, Other); 3] = [
        ("size", "and another size", |file| file.clone().holding(pattern(78, 40_000))),
        ("name", "and another name", |file| {
            let other = file.clone().named([b"other-".as_slice(), &file.name].concat());
            other.holding(pattern(79, 30_000))
        }),
        ("both", "another name and another size", |file| {
            let other = file.clone().named([b"other-".as_slice(), &file.name].concat());
            other.holding(pattern(80, 50_000))
        }),
    ];
    let mut cases = Vec::new();
    for (name, what, other) in others {
        let demand = format!(
            "A file with the same identifier {what} is refused or an upload of its own; the first stays whole."
        );
        cases.push(Case::new(format!("R7-same-{name}"), Level::Must, demand, move |lab| async move {
            let file = begun(&lab).await?;
            let other = other(&file);
            let answer = lab.offer(&lab.sending(&other, 2)).await?;
            if SUCCESSES.contains(&answer.status) {
                lab.holds(&file, &[1]).await?;
                lab.finish(&other, &[2]).await?;
            } else {
                refused(&answer, "the identifier belongs to another file")?;
            }
            lab.is_untouched(&file, &[1]).await
        }));
        let demand = format!("A complete file stays what it is when the same identifier {what} comes.");
        cases.push(Case::new(format!("R7-complete-{name}"), Level::Must, demand, move |lab| async move {
            let file = lab.file(30_000, 10_000);
            uploads(&lab, &file).await?;
            let other = other(&file);
            for number in other.numbers() {
                let answer = lab.offer(&lab.sending(&other, number)).await?;
                if !SUCCESSES.contains(&answer.status) {
                    refused(&answer, "the identifier belongs to another file")?;
                    break;
                }
            }
            lab.is_complete(&file).await
        }));
    }
    cases.push(must(
        "R7-same-file-name",
        "Two files of the same name under two identifiers are both kept.",
        |lab| async move {
            let one = lab.file(30_000, 10_000);
            let two = lab.file(45_000, 10_000).named(one.name.clone());
            uploads(&lab, &one).await?;
            uploads(&lab, &two).await?;
            lab.is_complete(&one).await
        },
    ));
    cases
}

/// A key is never a path, nor a header, nor a page.
fn hostile() -> Vec<Case> {
    let identifiers: [(&str, &str, Vec<u8>); 19] = [
        ("climbs", "that climbs out of its folder", b"../../../../tmp/conformance-escape".to_vec()),
        ("climbs-back", "that climbs out by backslashes", b"..\\..\\..\\conformance-escape".to_vec()),
        ("absolute", "that is an absolute path", b"/tmp/conformance-escape".to_vec()),
        ("drive", "that names a drive", b"C:\\conformance-escape".to_vec()),
        ("dot", "of one dot", b".".to_vec()),
        ("dots", "of two dots", b"..".to_vec()),
        ("slash", "of one slash", b"/".to_vec()),
        ("nul", "with a NUL byte", b"a\0b".to_vec()),
        ("control", "with control characters", b"a\x01\x1b[31m\x7fb".to_vec()),
        ("line-ends", "with line ends", b"a\r\nX-Injected: yes\r\n\r\nb\n".to_vec()),
        ("long", "of 300 letters", vec![b'a'; 300]),
        ("very-long", "of 4,000 letters", vec![b'a'; 4_000]),
        ("markup", "with markup", b"<script>alert(1)</script>".to_vec()),
        ("encoded", "that is encoded once more", b"%2e%2e%2f%2e%2e%2fetc%2fpasswd".to_vec()),
        ("not-utf8", "that is no UTF-8", b"a\xff\xfe\xc3b".to_vec()),
        ("wide", "outside ASCII", "写真-снимок-😀".as_bytes().to_vec()),
        ("device", "that is a device of Windows", b"CON".to_vec()),
        ("wild", "of wild cards and quotes", b"*?[a]{b}'\"`$(id)|;&".to_vec()),
        ("number", "of digits", b"-1".to_vec()),
    ];
    let mut cases = Vec::new();
    for (name, what, identifier) in identifiers {
        let demand = format!("An identifier {what} is refused or works like any other.");
        cases.push(Case::new(format!("R7-key-{name}"), Level::Must, demand, move |lab| {
            let identifier = identifier.clone();
            async move {
                works_or_is_refused(&lab, &lab.file(30_000, 10_000).identified(identifier), |form| form).await
            }
        }));
    }
    cases
}

fn folders() -> Vec<Case> {
    let mut cases = vec![
        must("R8-folder", "A file from inside a folder is stored.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            let path = [b"holiday 2024/day 1/".as_slice(), &file.name].concat();
            uploads(&lab, &file.at(path)).await
        }),
        must("R8-empty", "An empty relative path is taken.", |lab| async move {
            uploads(&lab, &lab.file(30_000, 10_000).at("")).await
        }),
        must(
            "R8-same-name",
            "Two files of the same name and size in two folders are both kept, with their own bytes.",
            |lab| async move {
                let one = lab.file(30_000, 10_000);
                let other = lab.file(30_000, 10_000).named(one.name.clone());
                let at = |file: File, folder: &str| {
                    let path = [folder.as_bytes(), b"/", &file.name].concat();
                    file.at(path)
                };
                let (one, other) = (at(one, "a"), at(other, "b"));
                lab.store(&one, 1).await?;
                uploads(&lab, &other).await?;
                lab.finish(&one, &[1]).await?;
                lab.is_complete(&other).await
            },
        ),
        robust(
            "R8-alike",
            "Folders that the stock identifier can't tell apart (a/b/x and ab/x) don't mix their files.",
            |lab| async move {
                let one = lab.file(30_000, 10_000);
                let at = |file: &File, folder: &str| {
                    let path = [folder.as_bytes(), b"/", &file.name].concat();
                    file.clone().at(path)
                };
                let other = at(&one, "ab").holding(pattern(81, 30_000));
                let one = at(&one, "a/b");
                uploads(&lab, &one).await?;
                let answer = lab.offer(&lab.sending(&other, 1)).await?;
                if SUCCESSES.contains(&answer.status) {
                    lab.needs_bytes()?;
                    lab.finish(&other, &[1]).await?;
                } else {
                    refused(&answer, "the identifier belongs to another file")?;
                }
                lab.is_complete(&one).await
            },
        ),
    ];
    for (name, what, path) in [
        ("climbs", "that climbs out", "../../../../tmp/conformance-escape.bin"),
        ("climbs-back", "that climbs out by backslashes", "..\\..\\conformance-escape.bin"),
        ("absolute", "that is absolute", "/tmp/conformance-escape.bin"),
        ("nul", "with a NUL byte", "a\0/b.bin"),
        ("line-ends", "with line ends", "a\r\nX-Injected: yes/b.bin"),
        (
            "deep",
            "of 200 folders",
            "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/",
        ),
        ("folder", "that ends in a slash", "folder/"),
        ("markup", "with markup", "<b>x</b>/a.bin"),
    ] {
        let demand = format!("A relative path {what} is refused or does no harm.");
        cases.push(Case::new(format!("R8-path-{name}"), Level::Must, demand, move |lab| async move {
            let path = if name == "deep" { path.repeat(5) } else { path.to_owned() };
            works_or_is_refused(&lab, &lab.file(30_000, 10_000).at(path), |form| form).await
        }));
    }
    cases
}
