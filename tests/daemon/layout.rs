//! Finished files lie below `files/`, whatever the client calls them.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use crate::support::daemon::{Daemon, id};
use crate::support::filename;

#[test]
fn files_are_laid_out_as_asked() {
    // (layout, name, where it lies; `ID` is the upload's)
    for (layout, name, place) in [
        ("{filename}", "a.txt", "a.txt"),
        ("{id}", "a.txt", "ID"),
        ("{year}/{month}/{filename}", "a.txt", "2"),
        ("{ext}/{stem}/{id}-{filename}", "b.tar.gz", "tar.gz/b/ID-b.tar.gz"),
    ] {
        let daemon = Daemon::start(&["--layout", layout]);
        let upload = daemon.upload(&filename(name), b"hello");
        let files: Vec<String> = daemon.files().into_keys().collect();
        let [file] = files.as_slice() else { panic!("{layout}: {files:?}") };
        if layout.starts_with("{year}") {
            let created = daemon.sidecar(id(&upload))["created"].as_str().unwrap().to_owned();
            assert_eq!(*file, format!("{}/{}/a.txt", &created[..4], &created[5..7]), "{layout}");
        } else {
            assert_eq!(*file, place.replace("ID", id(&upload)), "{layout}");
        }
        assert_eq!(daemon.ask("GET", &upload, "", b"").expect(200).text(), "hello");
    }
}

#[test]
fn an_upload_without_a_name_has_its_identifier_for_one() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.upload("", b"hello");
    assert_eq!(daemon.files()[id(&upload)], b"hello");
}

#[test]
fn hostile_names_lie_below_files_too() {
    let names: &[&[u8]] = &[
        b"../../../evil",
        b"/etc/evil",
        b"..",
        b".",
        b"...",
        b"",
        b" ",
        b"a/../../b",
        b"..\\..\\evil",
        b"\0",
        b"a\0b",
        b"a\nb",
        b"\x1b[31mred",
        b"-rf",
        b"~",
        b"CON",
        b".hidden",
        b"uploads",
        b"C:\\evil",
        b"\xff\xfe not text",
        &[b'x'; 300],
        &[b'.'; 300],
        "文".repeat(200).as_bytes().to_vec().leak(),
        "x.".repeat(150).as_bytes().to_vec().leak(),
        "\u{202e}gpj.exe".as_bytes(),
        "e\u{301}\u{200b}.txt".as_bytes(),
    ];
    for layout in ["{filename}", "{stem}/{filename}", "{ext}/{filename}", "{year}/{stem}{ext}"] {
        let daemon = Daemon::start(&["--layout", layout]);
        for name in names {
            let before: BTreeMap<_, _> = daemon.files();
            let upload = daemon.upload(&filename(name), name);
            let what = format!("{layout} {:?}", String::from_utf8_lossy(name));
            let new: Vec<_> =
                daemon.files().into_iter().filter(|(path, _)| !before.contains_key(path)).collect();
            let [(path, contents)] = new.as_slice() else { panic!("{what}: {new:?}") };
            assert_eq!(contents, name, "{what}");
            for part in Path::new(path).components() {
                let Component::Normal(part) = part else { panic!("{what}: {path}") };
                let part = part.to_str().unwrap();
                assert!(!part.starts_with('.') && part.len() <= 255, "{what}: {path}");
                assert!(!part.chars().any(char::is_control), "{what}: {path}");
            }
            assert_eq!(daemon.ask("GET", &upload, "", b"").expect(200).body, *name, "{what}");
        }
        // Nothing lies anywhere else.
        for path in daemon.everything() {
            let allowed = path.starts_with("data/files/")
                || path == "data/.spare"
                || (path.starts_with("data/uploads/") && path.ends_with(".json"));
            assert!(allowed, "{layout}: {path}");
        }
    }
}

#[test]
fn names_that_become_one_do_not_overwrite_each_other() {
    let daemon = Daemon::start(&[]);
    for (number, name) in ["a?b.txt", "a*b.txt", "a_b.txt", "../a:b.txt"].iter().enumerate() {
        daemon.upload(&filename(name), number.to_string().as_bytes());
    }
    let files = daemon.files();
    assert_eq!(files.len(), 4, "{files:?}");
    assert_eq!(files["a_b.txt"], b"0");
    assert_eq!(files["a_b (2).txt"], b"1");
}
