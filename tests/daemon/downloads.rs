//! GET of a finished upload: ranges, conditions, names, and nothing of it runs in a browser.

use std::fs;

use crate::support::daemon::{Daemon, id};
use crate::support::{base64, bytes, eventually, filename};

const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

#[test]
fn ranges_follow_rfc_9110() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.upload(&filename("a.txt"), ALPHABET);
    let whole = daemon.ask("GET", &upload, "-Tus-Resumable", b"").expect(200);
    assert_eq!((whole.body.as_slice(), whole.header("Accept-Ranges")), (ALPHABET, Some("bytes")));
    let etag = whole.header("ETag").unwrap().to_owned();
    let modified = whole.header("Last-Modified").unwrap().to_owned();
    let all = "abcdefghijklmnopqrstuvwxyz";

    // (headers, status, Content-Range, body)
    let table = [
        ("Range: bytes=0-3", 206, Some("bytes 0-3/26"), "abcd"),
        ("Range: bytes=0-0", 206, Some("bytes 0-0/26"), "a"),
        ("Range: bytes=22-", 206, Some("bytes 22-25/26"), "wxyz"),
        ("Range: bytes=25-25", 206, Some("bytes 25-25/26"), "z"),
        ("Range: bytes=20-99", 206, Some("bytes 20-25/26"), "uvwxyz"),
        ("Range: bytes=-4", 206, Some("bytes 22-25/26"), "wxyz"),
        ("Range: bytes=-99", 206, Some("bytes 0-25/26"), all),
        ("Range: bytes=26-", 416, Some("bytes */26"), ""),
        ("Range: bytes=99-100", 416, Some("bytes */26"), ""),
        ("Range: bytes=-0", 416, Some("bytes */26"), ""),
        // Many at once, and what is counted in other units, is ignored.
        ("Range: bytes=0-1,4-5", 200, None, all),
        ("Range: lines=0-1", 200, None, all),
        (&format!("Range: bytes=0-3\nIf-Range: {etag}"), 206, Some("bytes 0-3/26"), "abcd"),
        ("Range: bytes=0-3\nIf-Range: \"other\"", 200, None, all),
        (&format!("Range: bytes=0-3\nIf-Range: W/{etag}"), 200, None, all),
        (&format!("Range: bytes=0-3\nIf-Range: {modified}"), 206, Some("bytes 0-3/26"), "abcd"),
        ("Range: bytes=0-3\nIf-Range: Sat, 01 Jan 2000 00:00:00 GMT", 200, None, all),
    ];
    for (headers, status, range, body) in table {
        let answer = daemon.ask("GET", &upload, headers, b"");
        assert_eq!((answer.status, answer.header("Content-Range")), (status, range), "{headers:?}");
        if status == 416 {
            assert_eq!(answer.code(), "ERR_RANGE_NOT_SATISFIABLE", "{headers:?}");
        } else {
            assert_eq!(answer.text(), body, "{headers:?}");
        }
    }
    // Section 14.2: what is no range may be ignored or refused.
    for headers in ["Range: bytes=5-2", "Range: bytes=x-2", "Range: bytes=", "Range: 0-3"] {
        let answer = daemon.ask("GET", &upload, headers, b"");
        match answer.status {
            200 => assert_eq!(answer.text(), all, "{headers:?}"),
            status => assert_eq!(status, 416, "{headers:?}"),
        }
    }
}

#[test]
fn what_the_client_has_already_is_not_sent_again() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.upload(&filename("a.txt"), ALPHABET);
    let whole = daemon.ask("GET", &upload, "", b"").expect(200);
    let etag = whole.header("ETag").unwrap().to_owned();
    let modified = whole.header("Last-Modified").unwrap().to_owned();
    for (headers, status) in [
        (format!("If-None-Match: {etag}"), 304),
        (format!("If-None-Match: W/{etag}"), 304),
        (format!("If-None-Match: \"other\", {etag}"), 304),
        ("If-None-Match: *".to_owned(), 304),
        ("If-None-Match: \"other\"".to_owned(), 200),
        (format!("If-Modified-Since: {modified}"), 304),
        ("If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT".to_owned(), 200),
        // The stronger condition decides.
        (format!("If-None-Match: \"other\"\nIf-Modified-Since: {modified}"), 200),
    ] {
        let answer = daemon.ask("GET", &upload, &headers, b"").expect(status);
        assert_eq!(answer.header("ETag"), Some(etag.as_str()), "{headers:?}");
    }
}

#[test]
fn large_and_empty_files_come_back_whole() {
    let daemon = Daemon::start(&[]);
    let body = bytes(3_000_000);
    let upload = daemon.upload(&filename("large.bin"), &body);
    assert!(daemon.ask("GET", &upload, "", b"").expect(200).body == body);
    let part = daemon.ask("GET", &upload, "Range: bytes=262100-2000000", b"").expect(206);
    assert!(part.body == body[262_100..=2_000_000]);

    let empty = daemon.upload(&filename("empty.bin"), b"");
    assert_eq!(daemon.ask("GET", &empty, "", b"").expect(200).body, b"");
    let answer = daemon.ask("GET", &empty, "Range: bytes=0-", b"");
    assert_eq!((answer.status, answer.header("Content-Range")), (416, Some("bytes */0")));
}

#[test]
fn names_survive_in_every_alphabet() {
    let daemon = Daemon::start(&[]);
    for (name, disposition) in [
        ("a b.txt", "attachment; filename=\"a b.txt\""),
        ("ünï.txt", "attachment; filename=\"_n_.txt\"; filename*=UTF-8''%C3%BCn%C3%AF.txt"),
        ("文.zip", "attachment; filename=\"_.zip\"; filename*=UTF-8''%E6%96%87.zip"),
        ("a\"b.txt", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("../../etc/passwd", "attachment; filename=\"passwd\""),
        (
            "x\r\nSet-Cookie: y",
            "attachment; filename=\"x__Set-Cookie: y\"; filename*=UTF-8''x%0D%0ASet-Cookie%3A%20y",
        ),
        ("", "attachment"),
    ] {
        let upload = daemon.upload(&filename(name), b"x");
        let answer = daemon.ask("GET", &upload, "", b"").expect(200);
        assert_eq!(answer.header("Content-Disposition"), Some(disposition), "{name:?}");
        assert_eq!(answer.header("Set-Cookie"), None);
    }
}

#[test]
fn nothing_that_was_uploaded_runs_in_a_browser() {
    let daemon = Daemon::start(&[]);
    let save = ("attachment", "application/octet-stream");
    for (given, (disposition, media_type)) in [
        ("text/html", save),
        ("TEXT/HTML", save),
        ("text/html; charset=utf-8", save),
        ("image/svg+xml", save),
        ("application/xhtml+xml", save),
        ("text/xml", save),
        ("application/pdf", save),
        ("text/javascript", save),
        ("image/png, text/html", save),
        ("image/png\r\nX-Evil: 1", save),
        ("", save),
        ("image/png", ("inline", "image/png")),
        ("Image/PNG", ("inline", "image/png")),
        ("text/plain", ("inline", "text/plain")),
    ] {
        let metadata = format!("Upload-Metadata: filename {},filetype {}", base64("a.html"), base64(given));
        let upload = daemon.upload(&metadata, b"<script>alert(1)</script>");
        for method in ["GET", "HEAD"] {
            let answer = daemon.ask(method, &upload, "", b"").expect(200);
            assert_eq!(answer.header("Content-Type"), Some(media_type), "{method} {given:?}");
            let given_disposition = answer.header("Content-Disposition").unwrap();
            assert_eq!(
                given_disposition,
                format!("{disposition}; filename=\"a.html\""),
                "{method} {given:?}"
            );
            assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"), "{method} {given:?}");
            let policy = answer.header("Content-Security-Policy").unwrap();
            assert!(
                policy.contains("sandbox") && !policy.contains("allow-scripts"),
                "{method} {given:?}: {policy}"
            );
            assert_eq!(answer.header("X-Evil"), None);
        }
    }
}

#[test]
fn an_upload_that_is_not_complete_is_not_handed_out() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 26");
    daemon.patch(&upload, 0, &ALPHABET[..10]).expect(204);
    let answer = daemon.ask("GET", &upload, "", b"").expect_code(423, "ERR_UPLOAD_INCOMPLETE");
    assert!(answer.header("Retry-After").is_some());
    daemon.patch(&upload, 10, &ALPHABET[10..]).expect(204);
    assert_eq!(daemon.ask("GET", &upload, "", b"").expect(200).body, ALPHABET);
}

#[test]
fn a_file_that_was_taken_away_is_gone_and_its_upload_stays_complete() {
    let daemon = Daemon::start(&[]);
    let file = daemon.path().join("files").join("a.txt");
    let upload = daemon.upload(&filename("a.txt"), ALPHABET);
    // A client that lost the last answer would upload everything again if HEAD said anything else.
    let still_complete = || assert_eq!(daemon.offset(&upload), 26);

    fs::rename(&file, daemon.beside("taken.txt")).unwrap();
    daemon.ask("GET", &upload, "", b"").expect_code(410, "ERR_FILE_GONE");
    still_complete();
    // Somebody else's file of the same name is not handed out in its place, nor removed with the upload.
    fs::write(&file, "somebody else's").unwrap();
    daemon.ask("GET", &upload, "", b"").expect_code(410, "ERR_FILE_GONE");
    still_complete();
    daemon.ask("DELETE", &upload, "", b"").expect(204);
    assert_eq!(daemon.files()["a.txt"], b"somebody else's");
    daemon.head(&upload).expect(404);
}

#[test]
fn an_upload_that_took_the_name_of_one_taken_away_is_not_handed_out_for_it() {
    let daemon = Daemon::start(&[]);
    let file = daemon.path().join("files").join("a.txt");
    let first = daemon.upload(&filename("a.txt"), b"the first one's secret");
    fs::rename(&file, daemon.beside("taken.txt")).unwrap();
    // Its file was last changed a while ago, by the clock of the file system.
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let second = daemon.upload(&filename("a.txt"), b"the other one's secret");
    assert!(daemon.files().contains_key("a.txt"), "the name is free again");
    let published = fs::File::options().write(true).open(&file).unwrap();
    published.set_modified(long_ago).unwrap();

    daemon.ask("GET", &first, "", b"").expect_code(410, "ERR_FILE_GONE");
    daemon.ask("DELETE", &first, "", b"").expect(204);
    assert_eq!(daemon.files()["a.txt"], b"the other one's secret");
    daemon.head(&second).expect(200);
}

#[test]
fn the_next_upload_of_the_same_name_and_length_is_another_one_however_soon_it_comes() {
    let daemon = Daemon::start(&[]);
    let file = daemon.path().join("files").join("a.txt");
    let age = |path: &std::path::Path| fs::metadata(path).unwrap().modified().unwrap();
    let first = daemon.upload(&filename("a.txt"), b"the first one's secret");
    let taken = daemon.beside("taken.txt");
    fs::rename(&file, &taken).unwrap();
    // The clock of a file system ticks every few milliseconds.
    let probe = daemon.beside("probe");
    eventually("the clock has ticked", || {
        fs::write(&probe, "x").unwrap();
        age(&probe) > age(&taken)
    });
    let second = daemon.upload(&filename("a.txt"), b"the other one's secret");

    daemon.ask("GET", &first, "", b"").expect_code(410, "ERR_FILE_GONE");
    daemon.ask("DELETE", &first, "", b"").expect(204);
    assert_eq!(daemon.ask("GET", &second, "", b"").expect(200).body, b"the other one's secret");
    assert_eq!(daemon.files()["a.txt"], b"the other one's secret");
}

#[test]
fn a_finished_file_that_an_archive_brought_back_is_the_same_file() {
    let daemon = Daemon::start(&[]);
    let file = daemon.path().join("files").join("a.txt");
    let upload = daemon.upload(&filename("a.txt"), ALPHABET);
    // It keeps whole seconds only.
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let whole = std::time::UNIX_EPOCH + std::time::Duration::from_secs(since);
    fs::File::options().write(true).open(&file).unwrap().set_modified(whole).unwrap();
    assert_eq!(daemon.ask("GET", &upload, "", b"").expect(200).body, ALPHABET);
}

#[test]
fn deletion_takes_the_finished_file_along() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.upload(&filename("a.txt"), ALPHABET);
    let other = daemon.upload(&filename("a.txt"), ALPHABET);
    daemon.ask("DELETE", &upload, "", b"").expect(204);
    daemon.ask("GET", &upload, "", b"").expect(404);
    assert_eq!(daemon.ask("GET", &other, "", b"").expect(200).body, ALPHABET);
    assert_eq!(daemon.files().into_keys().collect::<Vec<_>>(), ["a (2).txt"]);
}

#[test]
fn what_is_switched_off_is_refused_and_not_offered() {
    // (flags, method, what is left of Allow, what is left of Tus-Extension)
    let every = "creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer,termination,\
                 concatenation,concatenation-unfinished";
    let table = [
        ("--no-download", "GET", "OPTIONS, HEAD, PATCH, DELETE", every.to_owned()),
        ("--no-termination", "DELETE", "OPTIONS, HEAD, GET, PATCH", every.replace(",termination", "")),
    ];
    for (flag, method, allow, extensions) in table {
        let daemon = Daemon::start(&[flag]);
        let upload = daemon.upload(&filename("a.txt"), ALPHABET);
        let answer = daemon.ask(method, &upload, "", b"").expect_code(405, "ERR_METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("Allow"), Some(allow), "{flag}");
        assert_eq!(daemon.offset(&upload), 26, "{flag}");
        assert_eq!(daemon.files()["a.txt"], ALPHABET, "{flag}");
        let answer = daemon.ask("OPTIONS", "/files/", "", b"").expect(204);
        assert_eq!(answer.header("Tus-Extension"), Some(extensions.as_str()), "{flag}");
    }

    let daemon = Daemon::start(&["--no-concatenation"]);
    let answer = daemon.ask("OPTIONS", "/files/", "", b"").expect(204);
    let extensions = every.replace(",concatenation,concatenation-unfinished", "");
    assert_eq!(answer.header("Tus-Extension"), Some(extensions.as_str()));
    // An extension that is not offered is a header that means nothing.
    let whole = daemon.upload("Upload-Concat: partial", b"hello");
    assert_eq!(daemon.head(&whole).expect(200).header("Upload-Concat"), None);
    assert_eq!(daemon.files()[id(&whole)], b"hello");
    let answer = daemon.ask("POST", "/files/", &format!("Upload-Concat: final;{whole}"), b"");
    assert!(answer.status >= 400 && answer.header("Location").is_none(), "{answer:?}");
}
