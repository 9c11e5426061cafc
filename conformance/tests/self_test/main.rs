//! The suite tested by servers that are known to be wrong: what can't fail proves nothing.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may end the test, too"
)]

mod mini;
mod resumable;
mod tus;

use std::fmt::Debug;

use resumed_conformance::{Outcome, Report};

fn failed(report: &Report) -> Vec<&str> {
    let mut names: Vec<&str> = report.failures().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// The filter that picks exactly these cases.
fn exactly(names: &[&str]) -> String {
    format!("^({})$", names.join("|"))
}

/// Says what is wrong unless these cases pass without the fault, and fail with it.
fn unnoticed(fault: impl Debug, names: &[&str], right: &Report, wrong: &Report) -> Option<String> {
    if right.cases.len() != names.len() {
        return Some(format!("{names:?} are not all there"));
    }
    if right.cases.iter().any(|case| case.outcome != Outcome::Passed) {
        return Some(format!("without the fault {fault:?}:\n{}", right.to_human(false)));
    }
    let mut names = names.to_vec();
    names.sort_unstable();
    (failed(wrong) != names).then(|| format!("with the fault {fault:?}:\n{}", wrong.to_human(false)))
}
