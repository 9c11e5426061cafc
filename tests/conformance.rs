//! The whole conformance suite against the real binary: no case of any level may fail.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends at what it did not expect, and shows its report"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use resumed_conformance::Options;

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
    let report = resumed_conformance::run(&options).await.unwrap();
    let count = report.totals().all();
    println!("{}", report.to_human(false));
    assert_eq!(count.failed, 0, "{}", report.to_human(false));
    assert!(count.passed > 100, "the suite hardly ran: {} passed", count.passed);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_everything_on() {
    run(&["--max-size", "1GiB"], Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_uploads_that_expire_soon() {
    run(&["--expire-after", "15s", "--no-concatenation", "--no-download"], Duration::from_secs(20)).await;
}
