//! `/metrics`, read by Prometheus' own parser for OpenMetrics, which takes nothing that is not quite right.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::tools::{curl, python, sources};
use crate::support::{MIB, Scene};

#[test]
fn prometheus_reads_the_figures() {
    let scene = Scene::with_flags(MIB, &["--admin-listen", "same"], |_| crate::support::network::Fault::None);
    let (Some(mut parser), Some(_)) = (python(), curl()) else { return };
    let root = format!("http://{}", scene.daemon.address);
    let ask = |args: &[&str]| {
        let output = std::process::Command::new("curl").args(["-sS", "--fail"]).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let source = format!("@{}", scene.source.display());
    ask(&[
        &format!("{root}/files/"),
        "-H",
        "Tus-Resumable: 1.0.0",
        "-H",
        "Upload-Length: 1048576",
        "-H",
        "Content-Type: application/offset+octet-stream",
        "--data-binary",
        &source,
    ]);
    let scrape = ask(&[&format!("{root}/metrics")]);

    parser.env("PYTHONDONTWRITEBYTECODE", "1").arg(sources().join("py/figures.py"));
    let mut parser = parser.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    parser.stdin.take().unwrap().write_all(&scrape).unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "it was not taken:\n{}", String::from_utf8_lossy(&scrape));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (family, kind, unit) in [
        ("resumed_build", "info", ""),
        ("resumed_uploads", "gauge", ""),
        ("resumed_uploads_created", "counter", ""),
        ("resumed_http_request_duration_seconds", "histogram", "seconds"),
        ("resumed_sync_duration_seconds", "histogram", "seconds"),
        ("resumed_upload_written_bytes", "counter", "bytes"),
        ("resumed_storage_free_bytes", "gauge", "bytes"),
        ("process_open_fds", "gauge", ""),
    ] {
        assert_eq!((&told[family]["type"], &told[family]["unit"]), (&json!(kind), &json!(unit)), "{family}");
        assert!(told[family]["help"].as_str().is_some_and(|help| !help.is_empty()), "{family}");
    }
    let samples = &told["resumed_upload_written_bytes"]["samples"];
    assert_eq!(samples, &json!([["resumed_upload_written_bytes_total", {}, 1_048_576]]));
}
