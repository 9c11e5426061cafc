//! Limits for each client, whoever that is.

use super::{ALICE, BOB, OCTETS, ask, bearer, chunk_path, create, guarded};
use crate::support::bytes;
use crate::support::daemon::Daemon;

#[test]
fn each_client_creates_so_much_in_a_minute() {
    let daemon = guarded(&["--max-creations-per-client", "3"]);
    let base = daemon.base().to_owned();
    let ask_for = |token: &str| ask(&daemon, token, "POST", &base, "Upload-Length: 5", b"");
    for _ in 0..3 {
        ask_for(ALICE).expect(201);
    }
    let refused = ask_for(ALICE).expect_code(429, "ERR_TOO_MANY_CREATIONS");
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    ask_for(BOB).expect(201);
    // By the other door it is the same Alice; and what she has begun she may finish.
    ask(&daemon, ALICE, "POST", &chunk_path("new", 1), "", b"hello")
        .expect_code(429, "ERR_TOO_MANY_CREATIONS");
}

#[test]
fn clients_behind_a_proxy_are_told_apart_by_what_it_says() {
    let daemon =
        Daemon::start(&["--max-creations-per-client", "1", "--trusted-proxy", "127.0.0.1,10.0.0.0/8"]);
    let from = |addresses: &str| {
        let headers = format!("Upload-Length: 5\nX-Forwarded-For: {addresses}");
        daemon.ask("POST", daemon.base(), &headers, b"").status
    };
    assert_eq!(from("192.0.2.1"), 201);
    assert_eq!(from("192.0.2.1"), 429);
    assert_eq!(from("192.0.2.99, 192.0.2.1, 10.1.1.1"), 429, "what stands before is anybody's invention");
    assert_eq!(from("192.0.2.2"), 201);
    assert_eq!(from("9.9.9.1, 192.0.2.3:4711"), 201);
    assert_eq!(from("9.9.9.2, 192.0.2.3:4712"), 429, "some proxies tell the port");
    assert_eq!(from("9.9.9.1, [2001:db8:1::1]:4711"), 201);
    assert_eq!(from("9.9.9.2, [2001:db8:1::1]:4712"), 429);
    assert_eq!(from("9.9.9.1, unknown, 10.1.1.1"), 201);
    assert_eq!(from("9.9.9.2, unknown, 10.1.1.1"), 429, "what can't be read hides nobody");
    assert_eq!(from("2001:db8::1"), 201);
    assert_eq!(from("2001:db8::2"), 429, "an IPv6 network is one client");
    // Who comes from this machine without a proxy is not limited.
    for _ in 0..3 {
        daemon.create("Upload-Length: 5");
    }
}

#[test]
fn each_client_sends_to_so_many_uploads_at_once() {
    let daemon = guarded(&["--max-appends-per-client", "1"]);
    let [first, second] = [0; 2].map(|_| create(&daemon, ALICE, "Upload-Length: 10"));
    let head = format!("{}Upload-Offset: 0\n{OCTETS}", bearer(ALICE));
    let mut wire = daemon.connect();
    wire.send_head("PATCH", &first, &head, Some(10));
    wire.send(b"hello");
    daemon.wait_for_data(&first, 5);
    // 423, because tus-js-client gives an upload up at 429.
    let refused = daemon.ask("PATCH", &second, &head, &bytes(10)).expect_code(423, "ERR_TOO_MANY_APPENDS");
    assert_eq!(refused.header("retry-after"), Some("5"));
    let with_upload = format!("{}Upload-Length: 5\n{OCTETS}", bearer(ALICE));
    daemon.ask("POST", daemon.base(), &with_upload, b"hello").expect_code(423, "ERR_TOO_MANY_APPENDS");
    let chunk = ask(&daemon, ALICE, "POST", &chunk_path("many", 1), "", b"hello");
    chunk.expect_code(429, "ERR_TOO_MANY_APPENDS");
    // Who comes back on a new line takes his own place.
    let onward = format!("{}Upload-Offset: 5\n{OCTETS}", bearer(ALICE));
    daemon.ask("PATCH", &first, &onward, b"world").expect(204);
    wire.answer().expect(423);
    daemon.ask("PATCH", &second, &head, &bytes(10)).expect(204);
}
