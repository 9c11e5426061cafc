//! What the daemon tells its browser pages about itself.

use serde_json::{Value, json};

use crate::support::daemon::Daemon;

#[test]
fn the_pages_are_told_what_this_server_offers() {
    // (flags, field, value)
    let table: &[(&[&str], &str, Value)] = &[
        (&[], "tusEndpoint", json!("./files/")),
        (&["--base-path", "/up/load/"], "tusEndpoint", json!("./up/load/")),
        (&["--base-path", "/"], "tusEndpoint", json!("./")),
        (&["--public-url", "https://up.example.com/media"], "tusEndpoint", json!("./files/")),
        (&[], "resumableEndpoint", json!("./resumable_upload")),
        (&["--resumable-path", "/chunks"], "resumableEndpoint", json!("./chunks")),
        (&["--resumable-path", "none"], "resumableEndpoint", Value::Null),
        (&[], "publicUrl", Value::Null),
        (&["--public-url", "https://up.example.com"], "publicUrl", json!("https://up.example.com/")),
        (
            &["--public-url", "https://up.example.com/media"],
            "publicUrl",
            json!("https://up.example.com/media/"),
        ),
        (&[], "maxSize", Value::Null),
        (&["--max-size", "1MB"], "maxSize", json!(1_000_000)),
        (&[], "downloads", json!(true)),
        (&["--no-download"], "downloads", json!(false)),
        (&[], "termination", json!(true)),
        (&["--no-termination"], "termination", json!(false)),
    ];
    for (flags, field, value) in table {
        let daemon = Daemon::start(flags);
        let answer = daemon.ask("GET", "/config.json", "", b"").expect(200);
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(&told[field], value, "{flags:?}");
    }
}

#[test]
fn whatever_stands_on_the_root_runs_nothing_of_others() {
    let daemon = Daemon::start(&[]);
    let page = daemon.ask("GET", "/", "", b"").expect(200);
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(daemon.ask("POST", "/", "", b"").status, 405);
}
