//! What is refused changes nothing: not the offset, not a byte on the disk.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::support::daemon::{Daemon, id};
use crate::support::{base64, bytes, filename, sha1};

/// Method, upload, headers, body, status, code.
type Line<'l> = (&'l str, &'l str, &'l str, &'l [u8], u16, &'l str);

#[test]
fn a_refused_request_leaves_the_upload_as_it_was() {
    let daemon = Daemon::start(&["--max-size", "1000"]);
    let upload = daemon.create(&format!("Upload-Length: 20\n{}", filename("a.txt")));
    daemon.patch(&upload, 0, b"01234567").expect(204);
    let deferred = daemon.create("Upload-Defer-Length: 1");
    daemon.patch(&deferred, 0, b"01234567").expect(204);

    let right = sha1(b"89");
    let wrong = format!("Upload-Offset: 8\nUpload-Checksum: {}", sha1(b"other"));
    let short = format!("Upload-Offset: 8\nUpload-Checksum: sha1 {}", base64("short"));
    let twice = format!("Upload-Offset: 8\nUpload-Checksum: {right}\nUpload-Checksum: {right}");
    let (u, d) = (upload.as_str(), deferred.as_str());
    let table: &[Line<'_>] = &[
        ("PATCH", u, "Upload-Offset: 8\n-Tus-Resumable", b"89", 412, "ERR_UNSUPPORTED_VERSION"),
        ("PATCH", u, "Upload-Offset: 8\nTus-Resumable: 0.2.2", b"89", 412, "ERR_UNSUPPORTED_VERSION"),
        ("PATCH", u, "Upload-Offset: 8\nContent-Type: text/plain", b"89", 415, "ERR_INVALID_CONTENT_TYPE"),
        ("PATCH", u, "Upload-Offset: 8\n-Content-Type", b"89", 415, "ERR_INVALID_CONTENT_TYPE"),
        ("PATCH", u, "", b"89", 400, "ERR_INVALID_OFFSET"),
        ("PATCH", u, "Upload-Offset: -8", b"89", 400, "ERR_INVALID_OFFSET"),
        ("PATCH", u, "Upload-Offset: +8", b"89", 400, "ERR_INVALID_OFFSET"),
        ("PATCH", u, "Upload-Offset: 8.0", b"89", 400, "ERR_INVALID_OFFSET"),
        ("PATCH", u, "Upload-Offset: 8\nUpload-Offset: 8", b"89", 400, "ERR_INVALID_OFFSET"),
        ("PATCH", u, "Upload-Offset: 99999999999999999999", b"89", 400, "ERR_INVALID_OFFSET"),
        ("PATCH", u, "Upload-Offset: 7", b"789", 409, "ERR_MISMATCHED_OFFSET"),
        ("PATCH", u, "Upload-Offset: 9", b"9", 409, "ERR_MISMATCHED_OFFSET"),
        ("PATCH", u, "Upload-Offset: 18446744073709551615", b"9", 409, "ERR_MISMATCHED_OFFSET"),
        ("PATCH", u, "Upload-Offset: 0", b"01234567", 409, "ERR_MISMATCHED_OFFSET"),
        ("PATCH", u, "Upload-Offset: 8\nUpload-Length: 21", b"89", 400, "ERR_LENGTH_CHANGED"),
        ("PATCH", u, "Upload-Offset: 8\nUpload-Length: x", b"89", 400, "ERR_INVALID_UPLOAD_LENGTH"),
        ("PATCH", u, "Upload-Offset: 8", b"89abcdefghijk", 413, "ERR_LENGTH_EXCEEDED"),
        ("PATCH", d, "Upload-Offset: 8\nUpload-Length: 7", b"", 400, "ERR_LENGTH_BELOW_OFFSET"),
        ("PATCH", d, "Upload-Offset: 8\nUpload-Length: 9", b"89", 413, "ERR_LENGTH_EXCEEDED"),
        ("PATCH", d, "Upload-Offset: 8\nUpload-Length: 1001", b"89", 413, "ERR_MAX_SIZE_EXCEEDED"),
        ("PATCH", d, "Upload-Offset: 8", &[b'x'; 993], 413, "ERR_MAX_SIZE_EXCEEDED"),
        ("PATCH", u, &wrong, b"89", 460, "ERR_CHECKSUM_MISMATCH"),
        ("PATCH", u, &short, b"89", 400, "ERR_INVALID_CHECKSUM"),
        ("PATCH", u, &twice, b"89", 400, "ERR_INVALID_CHECKSUM"),
        ("PATCH", u, "Upload-Offset: 8\nUpload-Checksum: crc7 AAAA", b"89", 400, "ERR_INVALID_CHECKSUM"),
        ("PATCH", u, "Upload-Offset: 8\nUpload-Checksum: sha1", b"89", 400, "ERR_INVALID_CHECKSUM"),
        ("PATCH", u, "Upload-Offset: 8\nX-HTTP-Method-Override: PUT", b"89", 405, "ERR_METHOD_NOT_ALLOWED"),
        ("DELETE", u, "-Tus-Resumable", b"", 412, "ERR_UNSUPPORTED_VERSION"),
        ("POST", u, "Upload-Length: 3", b"", 405, "ERR_METHOD_NOT_ALLOWED"),
        ("PUT", u, "", b"", 405, "ERR_METHOD_NOT_ALLOWED"),
        ("GET", u, "", b"", 423, "ERR_UPLOAD_INCOMPLETE"),
        ("HEAD", u, "-Tus-Resumable", b"", 412, ""),
    ];
    let before = daemon.uploads();
    for (method, upload, headers, body, status, code) in table {
        let answer = daemon.ask(method, upload, headers, body);
        let line = format!("{method} {headers:?}");
        assert_eq!((answer.status, answer.code().as_str()), (*status, *code), "{line}: {}", answer.text());
        assert_eq!(answer.header("Tus-Resumable"), Some("1.0.0"), "{line}");
        assert!(!answer.text().contains(&*daemon.path().to_string_lossy()), "{line}");
        let passes = [409, 423].contains(status) && *code != "ERR_MISMATCHED_OFFSET";
        assert_eq!(answer.header("Retry-After").is_some(), passes, "{line}");
        assert_eq!((daemon.offset(u), daemon.offset(d)), (8, 8), "{line}");
        assert!(daemon.uploads() == before, "{line}: sidecar and data are what they were");
    }
    daemon.patch(&upload, 8, b"89abcdefghij").expect(204);
    assert_eq!(daemon.files()["a.txt"], b"0123456789abcdefghij");
}

#[test]
fn a_chunked_body_that_turns_out_wrong_leaves_the_upload_as_it_was() {
    let chunked = "Upload-Offset: 8\nTransfer-Encoding: chunked";
    let announced = format!("{chunked}\nTrailer: Upload-Checksum");
    let given = format!("{chunked}\nUpload-Checksum: {}", sha1(b"other"));
    let trailer = |line: &str| format!("0\r\n{line}\r\n\r\n");
    // (headers, the end of the body, status, code)
    let table = [
        (chunked, "10\r\n0123456789abcdef\r\n".to_owned(), 413, "ERR_LENGTH_EXCEEDED"),
        (&given, "0\r\n\r\n".to_owned(), 460, "ERR_CHECKSUM_MISMATCH"),
        (&announced, trailer(&format!("Upload-Checksum: {}", sha1(b"other"))), 460, "ERR_CHECKSUM_MISMATCH"),
        // It was not announced, but it is there, and it is wrong.
        (chunked, trailer(&format!("Upload-Checksum: {}", sha1(b"other"))), 460, "ERR_CHECKSUM_MISMATCH"),
        (&announced, trailer("Upload-Checksum: sha1 ???"), 400, "ERR_INVALID_CHECKSUM"),
        (&announced, "0\r\n\r\n".to_owned(), 400, "ERR_INVALID_CHECKSUM"),
    ];
    let daemon = Daemon::start(&[]);
    let upload = daemon.create(&format!("Upload-Length: 20\n{}", filename("a.txt")));
    daemon.patch(&upload, 0, b"01234567").expect(204);
    let before = daemon.uploads();
    for (headers, end, status, code) in table {
        let mut wire = daemon.connect();
        wire.send_head("PATCH", &upload, headers, None);
        wire.send_chunk(b"89");
        // So that something has to be taken back.
        daemon.wait_for_data(&upload, 10);
        wire.send(&end);
        wire.answer().expect_code(status, code);
        assert_eq!(daemon.offset(&upload), 8, "{headers} {end:?}");
        assert!(daemon.uploads() == before, "{headers} {end:?}: sidecar and data are what they were");
    }
    // The same, right.
    let mut wire = daemon.connect();
    wire.send_head("PATCH", &upload, &announced, None);
    wire.send_chunk(b"89abcdef");
    wire.send_chunk(b"ghij");
    wire.send(trailer(&format!("Upload-Checksum: {}", sha1(b"89abcdefghij"))));
    wire.answer().expect(204);
    assert_eq!(daemon.files()["a.txt"], b"0123456789abcdefghij");
}

#[test]
fn a_refused_creation_leaves_no_trace() {
    let daemon = Daemon::start(&["--max-size", "100000"]);
    let whole = daemon.create("Upload-Length: 5");
    let before = daemon.uploads();
    let bytes_type = "Content-Type: application/offset+octet-stream";
    let foreign = "Upload-Concat: final;http://elsewhere.test/files/00112233445566778899aabbccddeeff";
    let wrong = format!("Upload-Length: 5\n{bytes_type}\nUpload-Checksum: {}", sha1(b"other"));
    let large_wrong = format!("Upload-Length: 90000\n{bytes_type}\nUpload-Checksum: {}", sha1(b"other"));
    // (headers, body, status, code)
    let table: &[(&str, &[u8], u16, &str)] = &[
        ("-Tus-Resumable\nUpload-Length: 5", b"", 412, "ERR_UNSUPPORTED_VERSION"),
        ("", b"", 400, "ERR_INVALID_UPLOAD_LENGTH"),
        ("Upload-Length: 5\nUpload-Defer-Length: 1", b"", 400, "ERR_INVALID_UPLOAD_LENGTH"),
        ("Upload-Defer-Length: 2", b"", 400, "ERR_INVALID_UPLOAD_LENGTH"),
        ("Upload-Length: -5", b"", 400, "ERR_INVALID_UPLOAD_LENGTH"),
        ("Upload-Length: 100001", b"", 413, "ERR_MAX_SIZE_EXCEEDED"),
        ("Upload-Length: 18446744073709551615", b"", 413, "ERR_MAX_SIZE_EXCEEDED"),
        ("Upload-Length: 5\nUpload-Metadata: a YQ==,a Yg==", b"", 400, "ERR_INVALID_METADATA"),
        ("Upload-Length: 5\nUpload-Metadata: a !", b"", 400, "ERR_INVALID_METADATA"),
        ("Upload-Length: 5\nContent-Type: text/plain", b"hello", 415, "ERR_INVALID_CONTENT_TYPE"),
        (&format!("Upload-Length: 4\n{bytes_type}"), b"hello", 413, "ERR_LENGTH_EXCEEDED"),
        (&format!("Upload-Defer-Length: 1\n{bytes_type}"), &[b'x'; 100_001], 413, "ERR_MAX_SIZE_EXCEEDED"),
        (&wrong, b"hello", 460, "ERR_CHECKSUM_MISMATCH"),
        (&large_wrong, &bytes(90_000), 460, "ERR_CHECKSUM_MISMATCH"),
        ("Upload-Concat: parts\nUpload-Length: 5", b"", 400, "ERR_INVALID_CONCAT"),
        ("Upload-Concat: final;", b"", 400, "ERR_INVALID_CONCAT"),
        (foreign, b"", 400, "ERR_INVALID_CONCAT"),
        ("Upload-Concat: final;/files/00112233445566778899aabbccddeeff", b"", 400, "ERR_INVALID_CONCAT"),
        (&format!("Upload-Concat: final;{whole}"), b"", 400, "ERR_INVALID_CONCAT"),
        (&format!("Upload-Concat: final;{whole}\nUpload-Length: 5"), b"", 400, "ERR_INVALID_UPLOAD_LENGTH"),
    ];
    for (headers, body, status, code) in table {
        let answer = daemon.ask("POST", daemon.base(), headers, body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (*status, *code),
            "{headers:?}: {}",
            answer.text()
        );
        assert_eq!(answer.header("Location"), None, "{headers:?}");
        assert!(!answer.text().contains(&*daemon.path().to_string_lossy()), "{headers:?}");
        assert!(daemon.uploads() == before, "{headers:?}: nothing was made");
    }
    assert!(daemon.files().is_empty());
}

#[test]
fn paths_that_name_no_upload_are_not_found() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.upload(&filename("a.txt"), b"hello");
    let id = id(&upload);
    for path in [
        "/files/x",
        "/files/../a.txt",
        "/files/..%2ffiles%2fa.txt",
        "/files/%2e%2e/",
        "/files/a.txt",
        &format!("/files/{}", id.to_uppercase()),
        &format!("/files/{id}/"),
        &format!("/files/{id}.json"),
        &format!("/files/{id}%00"),
        &format!("/files//{id}"),
        &format!("/{id}"),
    ] {
        for method in ["GET", "HEAD", "PATCH", "DELETE"] {
            let status = daemon.ask(method, path, "Upload-Offset: 0", b"").status;
            let allowed: &[u16] = if path.starts_with("/files/") { &[404] } else { &[404, 405] };
            assert!(allowed.contains(&status), "{method} {path}: {status}");
        }
    }
    assert_eq!(daemon.ask("GET", &upload, "", b"").expect(200).text(), "hello");
}

#[test]
fn no_header_stands_twice() {
    let daemon = Daemon::start(&["--cors-origin", "https://a.example"]);
    let upload = daemon.upload(&filename("a.txt"), b"hello");
    let unfinished = daemon.create("Upload-Length: 5");
    for path in ["/files/", "/files/00112233445566778899aabbccddeeff", "/nowhere", &upload, &unfinished] {
        for method in ["OPTIONS", "HEAD", "GET", "POST", "PATCH", "PUT"] {
            let answer = daemon.ask(method, path, "Origin: https://a.example\nUpload-Offset: 3", b"");
            let mut names: Vec<&String> = answer.headers.iter().map(|(name, _)| name).collect();
            names.sort();
            let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
            assert_eq!(twice, None, "{method} {path} {}", answer.status);
        }
    }
}

#[test]
fn the_machines_fault_is_told_without_its_paths_and_can_be_mended() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create(&format!("Upload-Length: 11\n{}", filename("a.txt")));
    daemon.patch(&upload, 0, b"hello").expect(204);
    let files = daemon.path().join("files");
    fs::remove_dir(&files).unwrap();

    // Clients give an upload up at a 404 and try again at a 5xx: nothing is wrong with the upload.
    let answer = daemon.patch(&upload, 5, b" world");
    assert!(answer.status >= 500, "{answer:?}");
    assert!(!answer.text().contains(&*daemon.path().to_string_lossy()), "{}", answer.text());
    daemon.head(&upload).expect(423);

    fs::create_dir(&files).unwrap();
    assert_eq!(daemon.offset(&upload), 11);
    assert_eq!(daemon.files()["a.txt"], b"hello world");
}

/// On a full disk there may be no room to write the same again.
#[test]
fn an_append_that_brings_nothing_writes_nothing() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 20");
    daemon.patch(&upload, 0, b"01234567").expect(204);
    let record = || {
        let file = fs::metadata(daemon.sidecar_path(id(&upload))).unwrap();
        (file.ino(), file.ctime(), file.ctime_nsec())
    };
    let before = record();
    daemon.begin_patch(&upload, 8, 12, b"").reset();
    daemon.wait_for_log("interrupted");
    daemon.patch(&upload, 8, b"").expect(204);
    assert_eq!(record(), before, "it was replaced");
    daemon.patch(&upload, 8, b"89abcdefghij").expect(204);
}

/// tus-js-client begins a new upload, from zero, when a HEAD is refused otherwise.
#[test]
fn an_offset_that_can_not_be_told_at_the_moment_is_locked() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 20");
    daemon.patch(&upload, 0, b"01234567").expect(204);
    let sidecar = daemon.sidecar_path(id(&upload));
    let aside = sidecar.with_extension("aside");
    fs::rename(&sidecar, &aside).unwrap();
    fs::create_dir(&sidecar).unwrap();
    let refused = daemon.head(&upload).expect(423);
    assert!(refused.header("Retry-After").is_some() && refused.header("Tus-Resumable").is_some());
    // Other requests for it are retried whatever the trouble is called.
    daemon.patch(&upload, 8, b"89").expect_code(500, "ERR_STORAGE");

    fs::remove_dir(&sidecar).unwrap();
    fs::rename(&aside, &sidecar).unwrap();
    assert_eq!(daemon.offset(&upload), 8);
    // One that can never be told is not locked: its client shall begin anew.
    fs::write(&sidecar, "{").unwrap();
    daemon.head(&upload).expect(500);
}
