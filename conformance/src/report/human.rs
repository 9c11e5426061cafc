//! The report for people: one line per case, the failures with what was said, the totals at the end.

use crate::{
    case::Level,
    offers::Offers,
    report::{Outcome, Receiver, Report, Tested},
};

struct Paint(bool);

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

pub(super) fn write(report: &Report, colour: bool) -> String {
    let paint = Paint(colour);
    let mut text = String::new();
    if let Some(url) = &report.url {
        offered(&mut text, &paint, url, &report.offers);
    }
    if let Some(Receiver { url, offers }) = &report.receiver {
        text.push_str(&format!("{}\n", paint.with("1", url)));
        let (status, download) = (yes(offers.status), yes(offers.download));
        text.push_str(&format!(
            "  Resumable.js; whole-upload status: {status}; download: {download}; HTTP/2: {}\n",
            yes(offers.http2)
        ));
    }
    let mut group = "";
    for case in &report.cases {
        if case.group != group {
            group = case.group;
            text.push_str(&format!("\n{}\n", paint.with("1", group)));
        }
        one(&mut text, &paint, case);
    }
    totals(&mut text, &paint, report);
    text
}

fn offered(text: &mut String, paint: &Paint, url: &str, offers: &Offers) {
    text.push_str(&format!("{}\n", paint.with("1", url)));
    text.push_str(&format!("  tus; extensions: {}\n", listed(&offers.extensions)));
    if !offers.checksum_algorithms.is_empty() {
        text.push_str(&format!("  checksums: {}\n", listed(&offers.checksum_algorithms)));
    }
    let size = offers.max_size.map_or("not announced".to_owned(), |size| format!("{size} bytes"));
    let (download, http2) = (yes(offers.download), yes(offers.http2));
    text.push_str(&format!("  max size: {size}; download: {download}; HTTP/2: {http2}\n"));
}

fn one(text: &mut String, paint: &Paint, case: &Tested) {
    match &case.outcome {
        Outcome::Passed => text.push_str(&format!("  {} {}\n", paint.with("32", "ok  "), case.name)),
        Outcome::Skipped { reason } => {
            let line = format!("skip {} ({reason})", case.name);
            text.push_str(&format!("  {}\n", paint.with("2", &line)));
        }
        Outcome::Failed { reason, exchanges } => {
            let code = if case.level == Level::Must { "1;31" } else { "33" };
            text.push_str(&format!("  {} {} [{}]\n", paint.with(code, "FAIL"), case.name, case.level));
            text.push_str(&format!(
                "       {}\n       {}\n",
                case.demand,
                paint.with(code, &printable(reason))
            ));
            for line in exchanges.iter().flat_map(|exchange| exchange.lines()) {
                text.push_str(&format!("       {}\n", paint.with("2", &printable(line))));
            }
        }
    }
}

fn totals(text: &mut String, paint: &Paint, report: &Report) {
    let totals = report.totals();
    text.push_str(&format!("\n{:<12}{:>8}{:>8}{:>8}\n", "", "passed", "failed", "skipped"));
    for level in Level::ALL {
        let count = totals.of(level);
        text.push_str(&format!("{level:<12}{:>8}{:>8}{:>8}\n", count.passed, count.failed, count.skipped));
    }
    let all = totals.all();
    let line = format!("{} passed, {} failed, {} skipped", all.passed, all.failed, all.skipped);
    let code = if all.failed == 0 { "32" } else { "31" };
    text.push_str(&format!("{} in {:.1} s\n", paint.with(code, &line), report.duration.as_secs_f32()));
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn yes(whether: bool) -> &'static str {
    if whether { "yes" } else { "no" }
}

/// What a server says must not be able to steer the reader's terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use crate::report::example;

    #[test]
    fn shows_failures_in_full_and_totals() {
        let text = example().to_human(false);
        for wanted in [
            "  ok   C1-created\n",
            "  FAIL C8-behind [must]\n",
            "expected status 409, got 204",
            "       → PATCH /a\n         Upload-Offset: 1\n",
            "  skip X1-error (no \"CORS\")\n",
            "must               2       1       0\n",
            "2 passed, 2 failed, 1 skipped in 2.0 s\n",
            "http://localhost/chunks\n  Resumable.js; whole-upload status: yes; download: no; HTTP/2: no\n",
        ] {
            assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
        }
    }

    #[test]
    fn colours_only_when_asked_and_never_by_the_server() {
        assert!(!example().to_human(false).contains('\u{1b}'));
        assert!(example().to_human(true).contains("\u{1b}[1;31mFAIL"));
    }
}
