//! What came of a run, and the three ways to write it down.

mod human;
mod json;
mod junit;

use std::time::Duration;

use crate::{
    case::{Level, Protocol},
    offers::{Offers, ResumableOffers},
};

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server does what the statement demands.
    Passed,
    /// The server does something else.
    Failed {
        /// What was expected and what came.
        reason: String,
        /// The last requests and responses of the case.
        exchanges: Vec<String>,
    },
    /// The case does not apply to this server.
    Skipped {
        /// Why not.
        reason: String,
    },
}

/// One case and its outcome.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The name, which starts with the statement's number.
    pub name: String,
    /// The statement's number, such as `C8`.
    pub statement: String,
    /// What it is about.
    pub protocol: Protocol,
    /// The group that it is printed under.
    pub group: &'static str,
    /// How strong the demand is.
    pub level: Level,
    /// The demand, in one sentence.
    pub demand: String,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took, cleaning up included.
    pub duration: Duration,
}

/// The receiver for Resumable.js that was tested.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// What takes the chunks.
    pub url: String,
    /// What it was found to do.
    pub offers: ResumableOffers,
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Report {
    /// tus's creation endpoint; `None`: tus was not tested.
    pub url: Option<String>,
    /// What the tus server said it can do.
    pub offers: Offers,
    /// The receiver for Resumable.js; `None`: it was not tested.
    pub receiver: Option<Receiver>,
    /// Every case that was picked, in order.
    pub cases: Vec<Tested>,
    /// How long the run took.
    pub duration: Duration,
}

/// How many cases ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that do not apply to the server.
    pub skipped: usize,
}

/// The counts of each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    must: Count,
    should: Count,
    robustness: Count,
}

impl Totals {
    /// The count of one level.
    #[must_use]
    pub fn of(&self, level: Level) -> Count {
        match level {
            Level::Must => self.must,
            Level::Should => self.should,
            Level::Robustness => self.robustness,
        }
    }

    /// All levels together.
    #[must_use]
    pub fn all(&self) -> Count {
        Level::ALL.into_iter().fold(Count::default(), |sum, level| {
            let count = self.of(level);
            Count {
                passed: sum.passed + count.passed,
                failed: sum.failed + count.failed,
                skipped: sum.skipped + count.skipped,
            }
        })
    }
}

impl Report {
    /// Counts the outcomes.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for case in &self.cases {
            let count = match case.level {
                Level::Must => &mut totals.must,
                Level::Should => &mut totals.should,
                Level::Robustness => &mut totals.robustness,
            };
            match case.outcome {
                Outcome::Passed => count.passed += 1,
                Outcome::Failed { .. } => count.failed += 1,
                Outcome::Skipped { .. } => count.skipped += 1,
            }
        }
        totals
    }

    /// The cases that failed, in order.
    pub fn failures(&self) -> impl Iterator<Item = &Tested> {
        self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Failed { .. }))
    }

    /// The protocols that were tested, for people.
    #[must_use]
    pub fn protocols(&self) -> String {
        let tus = self.url.as_ref().map(|_| Protocol::Tus.name());
        let resumable = self.receiver.as_ref().map(|_| Protocol::ResumableJs.name());
        tus.into_iter().chain(resumable).collect::<Vec<_>>().join(" and ")
    }

    /// Whether no failure counts: those of [`Level::Must`], or with `strict` those of any level.
    #[must_use]
    pub fn conforms(&self, strict: bool) -> bool {
        self.failures().all(|case| !strict && case.level != Level::Must)
    }

    /// The report for people; `colour` adds the escapes of a terminal.
    #[must_use]
    pub fn to_human(&self, colour: bool) -> String {
        human::write(self, colour)
    }

    /// The report as one JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// The report as JUnit XML, as CI services read it.
    ///
    /// # Errors
    /// The writer of XML fails, which writing into memory does not do.
    pub fn to_junit(&self) -> std::io::Result<String> {
        junit::write(self)
    }
}

#[cfg(test)]
pub(crate) fn example() -> Report {
    let case = |name: &str, level, outcome| Tested {
        name: name.into(),
        statement: name.split('-').next().unwrap_or_default().into(),
        protocol: if name.starts_with('R') { Protocol::ResumableJs } else { Protocol::Tus },
        group: "core",
        level,
        demand: "A PATCH <at> another offset is answered 409.".into(),
        outcome,
        duration: Duration::from_millis(1500),
    };
    let failed = Outcome::Failed {
        reason: "expected status 409, got 204".into(),
        exchanges: vec!["→ PATCH /a\n  Upload-Offset: 1\n← 204\u{1b}".into()],
    };
    Report {
        url: Some("http://localhost/files/?a=1&b=2".into()),
        offers: Offers { extensions: vec!["creation".into()], max_size: Some(5), ..Offers::default() },
        receiver: Some(Receiver {
            url: "http://localhost/chunks".into(),
            offers: ResumableOffers { status: true, ..ResumableOffers::default() },
        }),
        cases: vec![
            case("C1-created", Level::Must, Outcome::Passed),
            case("C8-behind", Level::Must, failed.clone()),
            case("C6-unknown", Level::Should, failed),
            case("X1-error", Level::Robustness, Outcome::Skipped { reason: "no \"CORS\"".into() }),
            case("R2-after", Level::Must, Outcome::Passed),
        ],
        duration: Duration::from_secs(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_level() {
        let report = example();
        let totals = report.totals();
        assert_eq!(totals.of(Level::Must), Count { passed: 2, failed: 1, skipped: 0 });
        assert_eq!(totals.all(), Count { passed: 2, failed: 2, skipped: 1 });
    }

    #[test]
    fn only_a_must_counts_unless_strict() {
        let mut report = example();
        assert!(!report.conforms(false));
        report.cases.remove(1);
        assert!(report.conforms(false));
        assert!(!report.conforms(true));
        report.cases.remove(1);
        assert!(report.conforms(true));
    }
}
