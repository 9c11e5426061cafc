//! Under which address an upload is found again, behind whatever proxies.

use std::fs;

use rustix::process::Signal;

use crate::support::daemon::{Daemon, id, refusal};
use crate::support::data_dir::DataDir;

/// Creates an upload with these headers and answers its `Location`, with `ID` in the place of its identifier.
#[track_caller]
fn location(daemon: &Daemon, headers: &str) -> String {
    let location = daemon.create(&format!("Upload-Length: 1\n{headers}"));
    let id = id(&location).to_owned();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{location}");
    assert_eq!(daemon.offset(&format!("{}{id}", daemon.base())), 0, "it leads to the upload");
    location.replace(&id, "ID")
}

#[test]
fn a_location_is_a_path_unless_somebody_trusted_knows_more() {
    let forwarded = "X-Forwarded-Proto: https\nX-Forwarded-Host: up.example.com";
    // (flags, headers, Location)
    let table: &[(&[&str], &str, &str)] = &[
        (&[], "", "/files/ID"),
        (&[], "Host: evil.example.net", "/files/ID"),
        (&[], forwarded, "/files/ID"),
        (&[], "Forwarded: proto=https;host=up.example.com", "/files/ID"),
        (&["--trusted-proxy", "10.0.0.0/8"], forwarded, "/files/ID"),
        (&["--trusted-proxy", "unix"], forwarded, "/files/ID"),
        (&["--trusted-proxy", "127.0.0.0/8"], forwarded, "https://up.example.com/files/ID"),
        (&["--trusted-proxy", "127.0.0.1"], "", "/files/ID"),
        (&["--trusted-proxy", "127.0.0.1"], forwarded, "https://up.example.com/files/ID"),
        (
            &["--trusted-proxy", "127.0.0.1"],
            "Forwarded: for=192.0.2.1;proto=https;host=\"up.example.com:8443\"",
            "https://up.example.com:8443/files/ID",
        ),
        (
            &["--trusted-proxy", "127.0.0.1"],
            "X-Forwarded-Proto: https\nHost: up.example.com",
            "https://up.example.com/files/ID",
        ),
        (
            &["--trusted-proxy", "127.0.0.1"],
            &format!("{forwarded}\nX-Forwarded-Prefix: /media/"),
            "https://up.example.com/media/files/ID",
        ),
        // The outermost proxy is the first in the list.
        (
            &["--trusted-proxy", "127.0.0.1"],
            "X-Forwarded-Proto: https, http\nX-Forwarded-Host: up.example.com, inner",
            "https://up.example.com/files/ID",
        ),
        // What is no scheme, no host and no prefix is not taken for one.
        (
            &["--trusted-proxy", "127.0.0.1"],
            "X-Forwarded-Proto: javascript\nX-Forwarded-Host: a",
            "/files/ID",
        ),
        (
            &["--trusted-proxy", "127.0.0.1"],
            "X-Forwarded-Proto: https\nX-Forwarded-Host: me@evil\nHost: up.example.com",
            "https://up.example.com/files/ID",
        ),
        (&["--trusted-proxy", "127.0.0.1"], "X-Forwarded-Prefix: //evil.example.net", "/files/ID"),
        (&["--public-url", "https://up.example.com/media"], "", "https://up.example.com/media/files/ID"),
        (
            &["--public-url", "https://up.example.com", "--trusted-proxy", "127.0.0.1"],
            "X-Forwarded-Proto: http\nX-Forwarded-Host: inner",
            "https://up.example.com/files/ID",
        ),
        (&["--base-path", "/"], "", "/ID"),
        (&["--base-path", "/api/up"], "", "/api/up/ID"),
        (
            &["--base-path", "/", "--public-url", "https://up.example.com/media"],
            "",
            "https://up.example.com/media/ID",
        ),
    ];
    for lines in table.chunk_by(|one, next| one.0 == next.0) {
        let daemon = Daemon::start(lines[0].0);
        for (flags, headers, expected) in lines {
            assert_eq!(location(&daemon, headers), *expected, "{flags:?} {headers:?}");
        }
    }
}

#[test]
fn the_collection_is_found_with_and_without_its_last_slash() {
    let daemon = Daemon::start(&["--base-path", "/api/up/"]);
    for path in ["/api/up/", "/api/up"] {
        daemon.ask("POST", path, "Upload-Length: 1", b"").expect(201);
    }
    for path in ["/", "/api", "/api/upload", "/files/", "/api/up/x"] {
        let answer = daemon.ask("POST", path, "Upload-Length: 1", b"");
        assert!([404, 405].contains(&answer.status), "{path}: {answer:?}");
    }
}

#[test]
fn a_unix_socket_serves_like_any_other_address() {
    let data = DataDir::new();
    let socket = data.beside("resumed.sock");
    let listen = format!("unix:{}", socket.display());
    let flags = ["--listen", &listen, "--trusted-proxy", "unix"];
    let forwarded = "X-Forwarded-Proto: https\nX-Forwarded-Host: up.example.com";

    let daemon = Daemon::start_on(data, &flags);
    assert_eq!(location(&daemon, ""), "/files/ID");
    assert_eq!(location(&daemon, forwarded), "https://up.example.com/files/ID");
    let upload = daemon.upload("", b"hello");
    assert_eq!(daemon.ask("GET", &upload, "", b"").expect(200).text(), "hello");

    // A killed daemon leaves its socket; the next one takes the place over, and tidies up when it may.
    let data = daemon.kill();
    assert!(socket.exists());
    let daemon = Daemon::start_on(data, &["--listen", &listen]);
    assert_eq!(location(&daemon, forwarded), "/files/ID", "nobody said that the socket's peers are proxies");
    daemon.signal(Signal::TERM);
    let (status, _, _data) = daemon.wait();
    assert!(status.success());
    assert!(!socket.exists());
}

#[test]
fn a_file_that_is_no_socket_is_not_removed_for_one() {
    let data = DataDir::new();
    let path = data.beside("precious.sock");
    fs::write(&path, "precious").unwrap();
    let (code, said) = refusal(&data, &["--listen", &format!("unix:{}", path.display())]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}
