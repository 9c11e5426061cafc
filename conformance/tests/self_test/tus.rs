//! The cases about tus.

use std::time::Duration;

use crate::{
    exactly,
    mini::tus::{self as mini, Fault},
    unnoticed,
};
use resumed_conformance::{Error, Level, Options, Outcome, Report, list, run};

/// Each fault, and cases that have to notice it (and that pass without it).
const NOTICED: [(Fault, &[&str]); 15] = [
    (Fault::ForgetsVersion, &["C1-created", "C1-head", "C1-patch", "C1-unknown", "C1-conflict"]),
    (Fault::TakesAnyVersion, &["C2-unsupported-patch", "C2-missing-head", "C2-version-newer"]),
    (Fault::TakesAnyOffset, &["C8-offset-behind", "C8-offset-ahead", "C8-complete"]),
    (Fault::TakesSigns, &["C8-plus", "N1-plus"]),
    (Fault::TakesAnyType, &["C7-octet-stream", "C7-missing"]),
    (Fault::TakesAnyLength, &["N1-missing", "N1-negative", "N1-word", "C1-bad-creation"]),
    (Fault::DropsCutBodies, &["C10-cut-fin", "C10-cut-one-byte"]),
    (Fault::CountsUnsentBytes, &["C10-consistent", "C10-cut-fin"]),
    (Fault::KeepsOverlong, &["C11-sized", "C11-by-one", "C11-complete", "C11-sized-status"]),
    (Fault::ManglesBytes, &["C9-content", "C9-big", "N2-usable"]),
    (Fault::ForgetsMetadata, &["C5-metadata", "N4-pairs", "X5-keys-only"]),
    (Fault::AllowsCaching, &["C5-no-store"]),
    (Fault::DeletesNothing, &["D1-then-head"]),
    (Fault::RepeatsLocation, &["N2-unique", "N2-keep-alive"]),
    (Fault::NeverContinues, &["W2-continue"]),
];

async fn tested(fault: Fault, filter: Option<String>) -> Report {
    let url = mini::start(fault).await.expect("a loopback port");
    let options = Options { filter, timeout: Duration::from_secs(2), ..Options::new(url) };
    run(&options).await.expect("a report")
}

#[tokio::test]
async fn every_fault_is_noticed_by_the_cases_about_it() {
    let mut missed = Vec::new();
    for (fault, names) in NOTICED {
        let right = tested(Fault::None, Some(exactly(names))).await;
        let wrong = tested(fault, Some(exactly(names))).await;
        missed.extend(unnoticed(fault, names, &right, &wrong));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[tokio::test]
async fn a_failure_shows_what_was_sent_and_what_came() {
    let report = tested(Fault::TakesAnyOffset, Some("^C8-offset-behind$".into())).await;
    let text = report.to_human(false);
    for wanted in
        ["expected status 409, got 204", "→ PATCH /files/", "Upload-Offset: 2", "[2 bytes]", "← 204"]
    {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
    assert!(!report.conforms(false));
}

#[tokio::test]
async fn what_is_not_offered_is_skipped_with_its_reason() {
    let report = tested(Fault::None, Some("^(K1|P1|K2|E1)-".into())).await;
    assert!(report.cases.len() > 10);
    for case in &report.cases {
        let Outcome::Skipped { reason } = &case.outcome else { panic!("{} was not skipped", case.name) };
        assert!(reason.contains("Tus-Extension does not name"), "{}: {reason}", case.name);
    }
    assert!(report.conforms(true), "a skip is no failure");
}

#[tokio::test]
async fn a_weak_failure_counts_only_when_strict() {
    let report = tested(Fault::TakesAnyType, Some("^C7-octet-stream$".into())).await;
    assert!(report.conforms(false));
    assert!(!report.conforms(true));
}

#[tokio::test]
async fn nobody_there_is_an_error_and_no_report() {
    let options = Options { timeout: Duration::from_secs(1), ..Options::new("http://127.0.0.1:1/files/") };
    assert!(matches!(run(&options).await, Err(Error::Unreachable(_))));
}

#[test]
fn the_levels_are_all_in_use() {
    let all = list(&Options::new("http://localhost/")).unwrap();
    for level in Level::ALL {
        assert!(all.iter().filter(|case| case.level == level).count() > 20, "{level}");
    }
}
