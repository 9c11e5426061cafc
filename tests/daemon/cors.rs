//! What pages of other origins may do, and that they are told of errors too.

use crate::support::daemon::Daemon;
use crate::support::wire::Answer;

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("Access-Control-Allow-Origin")
}

#[test]
fn origins_are_matched_whole() {
    let pattern: &[&str] = &["--cors-origin", "https://*.example.com"];
    let list: &[&str] = &["--cors-origin", "https://a.example", "--cors-origin", "http://b.example:8080"];
    // (flags, origin, whether it may)
    let table = [
        (list, "https://a.example", true),
        (list, "http://b.example:8080", true),
        (list, "http://b.example", false),
        (list, "http://a.example", false),
        (list, "https://c.example", false),
        (list, "https://a.example.evil.net", false),
        (list, "https://a.example/", false),
        (list, "null", false),
        (pattern, "https://x.example.com", true),
        (pattern, "https://x.y.example.com", true),
        (pattern, "https://example.com", false),
        (pattern, "https://example.com.evil.net", false),
        (pattern, "https://x.example.com.evil.net", false),
        (pattern, "https://evilexample.com", false),
        (pattern, "https://evil.net/x.example.com", false),
        (pattern, "https://evil.net#x.example.com", false),
        (pattern, "https://.example.com", false),
        (pattern, "http://x.example.com", false),
        (pattern, "https://x.example.com:8443", false),
    ];
    for flags in [list, pattern] {
        let daemon = Daemon::start(flags);
        for (_, origin, may) in table.iter().filter(|(theirs, _, _)| *theirs == flags) {
            for (method, path, headers) in [
                ("POST", "/files/", "Upload-Length: 1"),
                ("OPTIONS", "/files/", "Access-Control-Request-Method: PATCH"),
                ("HEAD", "/files/00112233445566778899aabbccddeeff", ""),
            ] {
                let answer = daemon.ask(method, path, &format!("Origin: {origin}\n{headers}"), b"");
                assert_eq!(allowed(&answer), may.then_some(*origin), "{method} {origin}");
                // A cache must not show one origin what another one was told.
                assert_eq!(answer.header("Vary"), Some("Origin"), "{method} {origin}");
                assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
            }
        }
        let answer = daemon.ask("POST", "/files/", "Upload-Length: 1", b"").expect(201);
        assert_eq!(
            (allowed(&answer), answer.header("Vary")),
            (None, Some("Origin")),
            "no origin, the same cache"
        );
    }
}

#[test]
fn by_default_every_origin_may_upload() {
    let daemon = Daemon::start(&[]);
    let preflight = "Origin: https://page.test\nAccess-Control-Request-Method: PATCH\n-Tus-Resumable";
    let answer = daemon.ask("OPTIONS", "/files/00112233445566778899aabbccddeeff", preflight, b"").expect(204);
    assert_eq!(allowed(&answer), Some("*"));
    let methods = answer.header("Access-Control-Allow-Methods").unwrap();
    let headers = answer.header("Access-Control-Allow-Headers").unwrap().to_ascii_lowercase();
    for method in ["POST", "HEAD", "PATCH", "DELETE", "OPTIONS", "GET"] {
        assert!(methods.split(", ").any(|allowed| allowed == method), "{method}");
    }
    for header in [
        "content-type",
        "tus-resumable",
        "upload-offset",
        "upload-length",
        "upload-defer-length",
        "upload-metadata",
        "upload-concat",
        "upload-checksum",
        "x-http-method-override",
        "x-request-id",
        "x-requested-with",
        "authorization",
    ] {
        assert!(headers.split(", ").any(|allowed| allowed == header), "{header}");
    }
}

#[test]
fn the_header_that_tells_users_apart_may_be_sent() {
    let preflight = "Origin: https://page.test\nAccess-Control-Request-Method: POST\n-Tus-Resumable";
    let usual = Daemon::start(&[]).ask("OPTIONS", "/resumable_upload", preflight, b"").expect(204);
    let usual = usual.header("Access-Control-Allow-Headers").unwrap().to_owned();
    for (scope, further) in [("header:X-User", ", x-user"), ("cookie:User", ""), ("query:user", "")] {
        let daemon = Daemon::start(&["--resumable-scope", scope]);
        let answer = daemon.ask("OPTIONS", "/resumable_upload", preflight, b"").expect(204);
        let allowed = answer.header("Access-Control-Allow-Headers").unwrap();
        assert_eq!(allowed, format!("{usual}{further}"), "{scope}");
    }
}

#[test]
fn errors_can_be_read_by_the_page() {
    let daemon = Daemon::start(&["--max-size", "100"]);
    let upload = daemon.create("Upload-Length: 10");
    let gone = "/files/00112233445566778899aabbccddeeff";
    // (method, path, headers, status)
    for (method, path, headers, status) in [
        ("POST", "/files/", "", 400),
        ("POST", "/files/", "Upload-Length: 101", 413),
        ("POST", "/files/", "-Tus-Resumable", 412),
        ("PUT", "/files/", "", 405),
        ("HEAD", gone, "", 404),
        ("PATCH", gone, "Upload-Offset: 0", 404),
        ("PATCH", upload.as_str(), "Upload-Offset: 5", 409),
        ("PATCH", upload.as_str(), "Upload-Offset: 0\nContent-Type: a/b", 415),
        ("GET", upload.as_str(), "", 423),
        ("GET", "/files/x", "", 404),
        ("GET", "/nowhere", "", 404),
    ] {
        let answer =
            daemon.ask(method, path, &format!("Origin: https://page.test\n{headers}"), b"").expect(status);
        assert_eq!(allowed(&answer), Some("*"), "{method} {path} {status}");
        let exposed = answer.header("Access-Control-Expose-Headers").unwrap().to_ascii_lowercase();
        for header in
            ["location", "upload-offset", "upload-length", "upload-expires", "tus-resumable", "retry-after"]
        {
            assert!(exposed.split(", ").any(|exposed| exposed == header), "{header} {status}");
        }
    }
}

#[test]
fn cookies_come_along_only_if_asked_for() {
    let daemon = Daemon::start(&["--cors-origin", "https://a.example", "--cors-credentials"]);
    for (origin, expected) in [("https://a.example", Some("true")), ("https://b.example", None)] {
        let answer =
            daemon.ask("POST", "/files/", &format!("Upload-Length: 1\nOrigin: {origin}"), b"").expect(201);
        assert_eq!(answer.header("Access-Control-Allow-Credentials"), expected, "{origin}");
    }
}
