//! What those see who watch over the daemon: `/healthz`, `/readyz`, `/metrics`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::Signal;

use crate::support::daemon::{Daemon, id};
use crate::support::data_dir::DataDir;
use crate::support::wire::{Answer, Wire};
use crate::support::{bytes, eventually, filename};

/// A daemon with a listener for those who watch.
fn watched(flags: &[&str]) -> Daemon {
    let data = DataDir::new();
    let address = format!("unix:{}", data.beside("admin.sock").display());
    Daemon::start_on(data, &[&["--admin-listen", &address], flags].concat())
}

#[track_caller]
fn watch(daemon: &Daemon, path: &str) -> Answer {
    let mut wire = Wire::unix(UnixStream::connect(daemon.beside("admin.sock")).unwrap());
    wire.send_head("GET", path, "", None);
    wire.answer()
}

/// Every figure by its name and labels, as it is written.
#[track_caller]
fn figures(daemon: &Daemon) -> BTreeMap<String, f64> {
    let answer = watch(daemon, "/metrics").expect(200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[test]
fn health_and_readiness_are_told_apart() {
    let daemon = watched(&["--shutdown-timeout", "60s"]);
    assert_eq!(watch(&daemon, "/healthz").expect(200).text(), "ok\n");
    assert_eq!(watch(&daemon, "/readyz").expect(200).text(), "ready\n");
    watch(&daemon, "/").expect_code(404, "ERR_NOT_FOUND");
    watch(&daemon, daemon.base()).expect_code(404, "ERR_NOT_FOUND");
    // Who uploads sees nothing of it.
    daemon.ask("GET", "/healthz", "", b"").expect(404);
    daemon.ask("GET", "/metrics", "", b"").expect(404);

    // A daemon that stops lives, and takes nothing new. (A download that nobody reads keeps it from ending.)
    let large = daemon.upload(&filename("large.bin"), &bytes(20_000_000));
    let mut reader = daemon.connect();
    reader.send_head("GET", &large, "", None);
    reader.peek();
    daemon.signal(Signal::TERM);
    daemon.wait_for_log("stopping");
    assert_eq!(watch(&daemon, "/healthz").expect(200).text(), "ok\n");
    let answer = watch(&daemon, "/readyz").expect_code(503, "ERR_NOT_READY");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert!(answer.text().contains("shutting down"), "{}", answer.text());
    assert_eq!(reader.answer().expect(200).body.len(), 20_000_000);
}

#[test]
fn a_full_disk_and_one_that_cannot_be_written_to_are_not_ready() {
    let daemon = watched(&["--reserve", "8000000TiB"]);
    assert_eq!(watch(&daemon, "/healthz").expect(200).text(), "ok\n");
    let answer = watch(&daemon, "/readyz").expect_code(503, "ERR_NOT_READY");
    assert!(answer.text().contains("no room is left"), "{}", answer.text());

    let daemon = watched(&[]);
    watch(&daemon, "/readyz").expect(200);
    daemon.wait_for_log("took stock");
    // Root may write anywhere, but not where nothing is.
    fs::rename(daemon.path().join("uploads"), daemon.path().join("elsewhere")).unwrap();
    let answer = watch(&daemon, "/readyz").expect_code(503, "ERR_NOT_READY");
    let path = daemon.path().display().to_string();
    assert!(!answer.text().contains(&path), "paths are for the log: {}", answer.text());
    daemon.wait_for_log("not ready");
    fs::rename(daemon.path().join("elsewhere"), daemon.path().join("uploads")).unwrap();
    watch(&daemon, "/readyz").expect(200);
}

#[test]
fn those_who_watch_can_be_served_where_uploads_are_taken() {
    let daemon = Daemon::start(&["--admin-listen", "same"]);
    assert_eq!(daemon.ask("GET", "/healthz", "", b"").expect(200).text(), "ok\n");
    assert_eq!(daemon.ask("HEAD", "/readyz", "", b"").expect(200).text(), "");
    let refused = daemon.ask("POST", "/metrics", "", b"").expect_code(405, "ERR_METHOD_NOT_ALLOWED");
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    assert!(daemon.ask("GET", "/metrics", "", b"").expect(200).text().contains("resumed_build_info"));
}

#[test]
fn what_happens_to_uploads_is_counted() {
    let daemon = watched(&[]);
    eventually("stock is taken", || daemon.log().contains("took stock"));
    let whole = daemon.upload(&filename("a.txt"), b"hello");
    let part = daemon.create("Upload-Length: 3\nUpload-Concat: partial");
    daemon.patch(&part, 0, b"abc").expect(204);
    let gone = daemon.create("Upload-Length: 3");
    daemon.ask("DELETE", &gone, "", b"").expect(204);
    let cut = daemon.create("Upload-Length: 100000");
    daemon.begin_patch(&cut, 0, 100_000, &bytes(10_000)).reset();
    eventually("the append has ended", || daemon.log().contains("interrupted"));
    let wrong = "Upload-Offset: 10000\nContent-Type: application/offset+octet-stream\n\
                 Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=";
    daemon.ask("PATCH", &cut, wrong, b"not that").expect(460);
    let mut first = daemon.begin_patch(&cut, 10_000, 90_000, b"x");
    daemon.wait_for_received(&cut, 10_001);
    daemon.patch(&cut, 10_001, b"y").expect(204);
    first.answer().expect_code(423, "ERR_UPLOAD_TAKEN_OVER");

    let figures = figures(&daemon);
    for (name, value) in [
        ("resumed_uploads_created_total{kind=\"whole\"}", 3.0),
        ("resumed_uploads_created_total{kind=\"partial\"}", 1.0),
        ("resumed_uploads_completed_total{kind=\"whole\"}", 1.0),
        ("resumed_uploads_completed_total{kind=\"partial\"}", 1.0),
        ("resumed_uploads_terminated_total", 1.0),
        ("resumed_uploads_expired_total", 0.0),
        ("resumed_appends_interrupted_total{cause=\"client_gone\"}", 1.0),
        ("resumed_appends_interrupted_total{cause=\"taken_over\"}", 1.0),
        ("resumed_checksum_mismatches_total", 1.0),
        ("resumed_lease_takeovers_total", 1.0),
        ("resumed_appends_in_flight", 0.0),
        ("resumed_uploads{state=\"receiving\"}", 1.0),
        ("resumed_uploads{state=\"part\"}", 1.0),
        ("resumed_uploads{state=\"assembling\"}", 0.0),
        ("resumed_storage_promised_bytes", 89_998.0),
        ("resumed_storage_reserve_bytes", 67_108_864.0),
        (
            "resumed_http_request_duration_seconds_count{protocol=\"tus\",method=\"DELETE\",status=\"204\"}",
            1.0,
        ),
        ("resumed_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(figures.get(name), Some(&value), "{name} in {figures:#?}");
    }
    for name in [
        "resumed_upload_written_bytes_total",
        "resumed_http_received_bytes_total",
        "resumed_storage_free_bytes",
        "resumed_sync_duration_seconds_count{what=\"record\"}",
        "resumed_sync_duration_seconds_count{what=\"directory\"}",
        "resumed_expiration_sweeps_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    ] {
        assert!(figures.get(name).is_some_and(|value| *value > 0.0), "{name} in {figures:#?}");
    }
    daemon.ask("GET", &whole, "", b"").expect(200);

    // A new process counts anew, but knows what is there.
    let address = format!("unix:{}", daemon.beside("admin.sock").display());
    let daemon = Daemon::start_on(daemon.kill(), &["--admin-listen", &address]);
    eventually("stock is taken", || daemon.log().contains("took stock"));
    let before = self::figures(&daemon);
    assert_eq!(before.get("resumed_uploads{state=\"receiving\"}"), Some(&1.0), "{before:#?}");
    assert_eq!(before.get("resumed_uploads{state=\"part\"}"), Some(&1.0));
    daemon.ask("DELETE", &format!("{}{}", daemon.base(), id(&cut)), "", b"").expect(204);
    let after = self::figures(&daemon);
    assert_eq!(after.get("resumed_uploads{state=\"receiving\"}"), Some(&0.0));
    assert_eq!(after.get("resumed_storage_promised_bytes"), Some(&0.0));
}

#[test]
fn methods_that_clients_invent_are_one() {
    let daemon = watched(&[]);
    for method in ["BREW", "WHEN", "PROPFIND"] {
        daemon.ask(method, daemon.base(), "", b"").expect(405);
    }
    let figures = figures(&daemon);
    let name =
        "resumed_http_request_duration_seconds_count{protocol=\"tus\",method=\"other\",status=\"405\"}";
    assert_eq!(figures.get(name), Some(&3.0), "{figures:#?}");
}

/// The names of figures in a text: words that begin as all of them do.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let suffixes = ["_bucket", "_count", "_sum"];
    words
        .filter(|word| word.starts_with("resumed_") || word.starts_with("process_"))
        .map(|word| suffixes.iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word).to_owned())
        .collect()
}

#[test]
fn the_documentation_the_dashboard_and_the_alerts_know_the_figures() {
    let daemon = watched(&[]);
    let cut = daemon.create("Upload-Length: 100000");
    daemon.begin_patch(&cut, 0, 100_000, &bytes(10_000)).reset();
    eventually("the append has ended", || daemon.log().contains("interrupted"));
    daemon.upload(&filename("a.txt"), b"hello");
    let told: BTreeSet<String> = figures(&daemon).keys().flat_map(|sample| names(sample)).collect();
    let read = |name: &str| {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
    };
    let documented = names(&read("metrics.md"));
    assert_eq!(told, documented, "what is told, and what docs/metrics.md says is");
    for file in ["dashboard.json", "alerts.yaml"] {
        let used = names(&read(file));
        assert!(used.len() > 5 && used.is_subset(&told), "{file}: {:?}", used.difference(&told));
    }
}
