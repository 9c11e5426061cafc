//! The whole conformance suite against the real binary: no case of any level may fail.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends at what it did not expect, and shows its report"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use resumed_conformance::{Options, Outcome, Report, ResumableOptions};

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(dir: &std::path::Path, flags: &[&str]) -> (Daemon, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_resumed"))
        .args(["--listen", "127.0.0.1:0", "--log-level", "error", "--data-dir"])
        .arg(dir)
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    (Daemon(child), url)
}

async fn run(flags: &[&str], expire_wait: Duration) {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, url) = start(dir.path(), flags);
    let mut options = Options::new(&url);
    options.expire_wait = expire_wait;
    let count = checked(&options).await.totals().all();
    assert!(count.passed > 100, "the suite hardly ran: {} passed", count.passed);
}

async fn run_resumable(
    flags: &[&str],
    about: impl FnOnce(ResumableOptions) -> ResumableOptions,
    more: impl FnOnce(Options) -> Options,
) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, url) = start(dir.path(), flags);
    let url = url.replace("/files/", "/resumable_upload");
    let receiver = ResumableOptions { download: Some("{url}".into()), ..ResumableOptions::new(url) };
    checked(&more(Options::resumable(about(receiver)))).await
}

async fn checked(options: &Options) -> Report {
    let report = resumed_conformance::run(options).await.unwrap();
    println!("{}", report.to_human(false));
    assert_eq!(report.totals().all().failed, 0, "{}", report.to_human(false));
    report
}

/// What was left out, by the first letters of its name.
fn skipped(report: &Report) -> Vec<&str> {
    let mut statements: Vec<&str> = report
        .cases
        .iter()
        .filter(|case| matches!(case.outcome, Outcome::Skipped { .. }))
        .map(|case| case.statement.as_str())
        .collect();
    statements.dedup();
    statements
}

#[tokio::test(flavor = "multi_thread")]
async fn with_everything_on() {
    run(&["--max-size", "1GiB"], Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_uploads_that_expire_soon() {
    run(&["--expire-after", "15s", "--no-concatenation", "--no-download"], Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resumable_js_with_everything_on() {
    let verifying = |receiver| ResumableOptions { verifies: true, ..receiver };
    let report = run_resumable(&["--verify"], verifying, |options| options).await;
    assert_eq!(skipped(&report), ["R14"]);
    assert!(report.totals().all().passed > 450, "the suite hardly ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn resumable_js_with_uploads_that_expire_soon() {
    let flags = ["--resumable-expire-after", "5s"];
    let waiting =
        |options| Options { expire_wait: Duration::from_secs(20), filter: Some("^R14-".into()), ..options };
    let report = run_resumable(&flags, |receiver| receiver, waiting).await;
    assert_eq!(skipped(&report), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn resumable_js_in_a_namespace_and_with_owners() {
    let flags = ["--resumable-prefix", "up_", "--resumable-scope", "header:X-User"];
    let namespaced = |receiver| ResumableOptions { namespace: "up_".into(), ..receiver };
    let owned = |options| Options {
        headers: vec![("X-User".into(), "anna".into())],
        filter: Some("^R(1|2|3|6|7|8|11|12)-".into()),
        ..options
    };
    let report = run_resumable(&flags, namespaced, owned).await;
    assert_eq!(skipped(&report), ["R1", "R2"], "only the relatives, which know no namespace");
}
