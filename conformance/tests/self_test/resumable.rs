//! The cases about Resumable.js.

use std::time::Duration;

use resumed_conformance::{Error, Options, Report, ResumableOptions, list, run};

use crate::{
    exactly,
    mini::{fault::Fault, receiver},
    unnoticed,
};

/// Each fault, and cases that have to notice it (and that pass without it).
const NOTICED: [(Fault, &[&str]); 65] = [
    (
        Fault::SaysThere,
        &["R2-get-before", "R2-get-other", "R2-head-other", "R9-octet-half", "R12-first-number"],
    ),
    (Fault::SaysNotThere, &["R2-get-after", "R2-head-after", "R2-each", "R2-complete"]),
    (Fault::SaysNotThereBy404, &["R2-quiet", "R2-not-the-end"]),
    (Fault::AllowsCaching, &["R2-fresh", "R11-status-type"]),
    (Fault::BeginsByATest, &["R2-no-trace"]),
    (Fault::NeedsTheQuery, &["R1-form-only", "R1-flow", "R1-simple"]),
    (Fault::NeedsTheForm, &["R1-query-only", "R3-octet-post"]),
    (Fault::MixesRelatives, &["R1-page-names"]),
    (Fault::KnowsNoFlow, &["R1-flow", "R1-flow-octet", "R2-relatives"]),
    (Fault::RefusesPageParameters, &["R1-page-parameters"]),
    (Fault::RefusesOctet, &["R3-octet-post", "R3-octet-patch", "R3-octet-type-text", "R4-stored-octet"]),
    (Fault::RefusesPut, &["R3-multipart-put", "R3-octet-put"]),
    (Fault::RefusesBase64, &["R3-base64", "R3-base64-typed", "R3-base64-lengths", "R6-empty-base64"]),
    (Fault::TakesAnyBase64, &["R3-base64-bad-no-url", "R3-base64-bad-letters"]),
    (Fault::CutsAtBoundaryText, &["R3-bytes-boundary"]),
    (Fault::TrimsData, &["R3-bytes-line-ends"]),
    (Fault::NeedsText, &["R3-form-no-text"]),
    (Fault::StopsAtTheFile, &["R12-behind-number", "R12-behind-total-size-status", "R12-behind-identifier"]),
    (Fault::TakesCutForms, &["R3-form-bad-cut-in-file", "R3-form-bad-cut-in-file-status"]),
    (Fault::NeverContinues, &["R3-continue"]),
    (Fault::ManglesBytes, &["R1-stock", "R3-bytes-all", "R5-order-mixed", "R10-many", "R6-larger-two"]),
    (Fault::Says202, &["R4-stored", "R1-stock"]),
    (Fault::Says500, &["R4-after-a-refusal", "R12-number-0", "R12-body-octet-long", "R7-missing"]),
    (Fault::RefusesOddCookies, &["R4-odd-cookie"]),
    (Fault::SaysBusyFor409, &["R4-twin", "R5-twins", "R5-two-tabs"]),
    (Fault::RepeatsMarkup, &["R4-no-markup"]),
    (Fault::ForgetsCors, &["R16-refused", "R16-broken-form"]),
    (Fault::ForgetsCorsWhenAllIsWell, &["R16-stored"]),
    (Fault::RefusesPreflights, &["R16-method-get", "R16-method-post"]),
    (
        Fault::AllowsNothing,
        &[
            "R16-method-put",
            "R16-method-patch",
            "R16-header-content-type",
            "R16-header-x-requested-with",
            "R16-header-authorization",
        ],
    ),
    (Fault::KnowsEveryFile, &["R11-status-unknown", "R2-no-trace"]),
    (Fault::KeepsCutChunks, &["R9-octet-half", "R9-form-half", "R9-all-but-one", "R9-last-cut"]),
    (Fault::MarksEarly, &["R9-under-way", "R9-last-stalled", "R9-test-disturbs-nobody"]),
    (Fault::PutsThemInOrderOfArrival, &["R5-order-backwards", "R5-two-files", "R10-big", "R11-last-1"]),
    (Fault::KnowsOnlySmallerRests, &["R6-larger-above-one", "R6-larger-three-and-a-half"]),
    (Fault::KnowsOnlyLargerRests, &["R6-forced-above-two", "R6-forced-three-and-a-half"]),
    (Fault::RefusesEmptyFiles, &["R6-empty-form", "R6-empty-octet", "R6-empty-again"]),
    (Fault::CountsTwice, &["R11-status-chunks", "R5-again"]),
    (Fault::TakesAnyNumber, &["R12-number-0", "R12-number-beyond", "R2-number-0"]),
    (Fault::TakesSignsAndSpaces, &["R12-number-sign", "R12-number-space-status"]),
    (Fault::WrapsNumbers, &["R12-wrap-number", "R12-wrap-chunk-size", "R2-number-huge"]),
    (Fault::TakesAnyBody, &["R12-body-form-short", "R12-body-octet-empty", "R12-body-base64-long"]),
    (Fault::ReachesIntoTheNext, &["R12-body-neighbours", "R12-body-form-longer-status"]),
    (Fault::TakesAnyCount, &["R12-total-chunks-more", "R12-first-total-chunks"]),
    (Fault::IgnoresCurrent, &["R12-current-short", "R12-current-word", "R12-first-current"]),
    (Fault::TakesAnotherCut, &["R12-changed-chunk-size", "R12-changed-to-smaller-status"]),
    (Fault::TrustsTheForm, &["R12-voices-number", "R12-voices-identifier-status"]),
    (Fault::TakesNoIdentifier, &["R7-empty", "R7-missing", "R7-missing-status"]),
    (Fault::KeyIsTheName, &["R7-apart-plain", "R7-same-file-name"]),
    (Fault::KeyWithoutMarks, &["R7-apart-marks", "R7-apart-dropped", "R7-apart-letters"]),
    (Fault::KeyIsShort, &["R7-apart-long"]),
    (Fault::KeyIsLowercase, &["R7-apart-case"]),
    (Fault::KeyHasTheDigits, &["R12-zeros-total-size"]),
    (Fault::StartsOver, &["R7-same-size", "R7-complete-size"]),
    (Fault::FilesByName, &["R13-apart-same", "R7-same-file-name"]),
    (Fault::BreaksAtOddNames, &["R13-control", "R13-octet-not-utf8", "R13-nul"]),
    (Fault::RefusesWideNames, &["R13-good-wide", "R13-good-umlauts", "R13-good-emoji"]),
    (Fault::InjectsNames, &["R13-shown"]),
    (Fault::CompletesEarly, &["R11-not-before", "R9-last-cut", "R11-last-2"]),
    (Fault::NeverCompletes, &["R11-status-complete", "R11-last-4", "R6-larger-one"]),
    (Fault::ReopensFiles, &["R11-stays", "R5-again-complete"]),
    (Fault::ChangesFiles, &["R11-other-bytes-later"]),
    (Fault::IgnoresDigests, &["R15-wrong", "R15-anew", "R15-for-good"]),
    (Fault::HearsOneDialectsDigests, &["R15-relatives"]),
    (Fault::KeepsWrongFiles, &["R15-anew"]),
];

async fn tested(fault: Fault, filter: Option<String>) -> Report {
    let url = receiver::start(fault, Duration::from_secs(3600)).await.expect("a loopback port");
    let receiver =
        ResumableOptions { download: Some("{url}".into()), verifies: true, ..ResumableOptions::new(url) };
    // Where a fault makes a case wait, it shall not wait long.
    let timeout = Duration::from_secs(if fault == Fault::None { 20 } else { 2 });
    let options = Options { filter, timeout, ..Options::resumable(receiver) };
    run(&options).await.expect("a report")
}

#[tokio::test]
async fn a_receiver_that_is_right_passes_everything() {
    let report = tested(Fault::None, None).await;
    assert_eq!(report.totals().all().failed, 0, "{}", report.to_human(false));
    assert!(report.totals().all().passed > 400, "{}", report.to_human(false));
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

/// With uploads that live for three seconds.
async fn expiring(fault: Fault, names: &[&str]) -> Report {
    let url = receiver::start(fault, Duration::from_secs(3)).await.expect("a loopback port");
    let receiver = ResumableOptions { download: Some("{url}".into()), ..ResumableOptions::new(url) };
    let options = Options {
        filter: Some(exactly(names)),
        expire_wait: Duration::from_secs(12),
        ..Options::resumable(receiver)
    };
    run(&options).await.expect("a report")
}

#[tokio::test]
async fn faults_of_expiry_are_noticed() {
    for (fault, names) in [
        (Fault::NeverExpires, &["R14-expires", "R14-anew", "R14-finished"][..]),
        (Fault::ExpiresFinished, &["R14-finished"]),
        (Fault::ExpiresByItsAge, &["R14-each-chunk"]),
    ] {
        let right = expiring(Fault::None, names).await;
        let wrong = expiring(fault, names).await;
        assert_eq!(unnoticed(fault, names, &right, &wrong), None);
    }
}

#[tokio::test]
async fn a_template_that_finds_nothing_is_an_error_and_no_report() {
    for template in ["/nowhere/{filename}", "{url}/x", "/same/for/all"] {
        let url = receiver::start(Fault::None, Duration::from_secs(60)).await.expect("a loopback port");
        let receiver = ResumableOptions { download: Some(template.into()), ..ResumableOptions::new(url) };
        let done = run(&Options::resumable(receiver)).await;
        assert!(matches!(done, Err(Error::Download(_))), "{template}: {done:?}");
    }
}

#[tokio::test]
async fn nobody_there_and_no_url_are_errors() {
    let options = Options::resumable(ResumableOptions::new("http://127.0.0.1:1/chunks"));
    let options = Options { timeout: Duration::from_secs(1), ..options };
    assert!(matches!(run(&options).await, Err(Error::Unreachable(_))));
    assert!(matches!(run(&Options::nothing()).await, Err(Error::NoUrl)));
}

#[tokio::test]
async fn without_a_status_and_a_download_the_rest_is_tested_and_the_report_says_so() {
    let url =
        receiver::start(Fault::TellsNoStatus, Duration::from_secs(3600)).await.expect("a loopback port");
    let report = run(&Options::resumable(ResumableOptions::new(url))).await.expect("a report");
    let text = report.to_human(false);
    assert!(text.contains("Resumable.js; whole-upload status: no; download: no"), "{text}");
    assert!(text.contains("skip R11-status-complete (the receiver does not answer"), "{text}");
    assert!(text.contains("skip R15-size (it is not told where"), "{text}");
    assert_eq!(report.totals().all().failed, 0, "{text}");
    assert!(report.totals().all().passed > 400, "{text}");
}

#[test]
fn the_groups_of_the_two_protocols_are_apart() {
    let all = list(&Options::nothing()).expect("cases");
    let (resumable, tus): (Vec<_>, Vec<_>) = all.iter().partition(|case| case.name.starts_with('R'));
    assert!(resumable.len() > 400 && tus.len() > 400, "{} and {}", resumable.len(), tus.len());
}
