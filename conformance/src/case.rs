//! What a case is: a name, the statement that it tests, how strong that statement is, and the code that tries it.

use std::{fmt, future::Future, pin::Pin, str::FromStr};

use serde::Serialize;

use crate::lab::Lab;

/// How strong a demand is; the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The protocol's text (or HTTP itself) demands it: a server without it does not conform.
    Must,
    /// The protocol's text recommends it, or leaves open only how a thing that it forbids is refused.
    Should,
    /// The text is silent, but clients in the field depend on it.
    Robustness,
}

impl Level {
    /// Every level, the strongest first.
    pub const ALL: [Self; 3] = [Self::Must, Self::Should, Self::Robustness];

    /// The level's name as it is typed and printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Robustness => "robustness",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|level| level.name() == text);
        found.ok_or_else(|| format!("{text:?} is not one of must, should, robustness"))
    }
}

/// What a case is about: each protocol has an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// tus 1.0.
    Tus,
    /// Resumable.js 1.1 and its relatives.
    ResumableJs,
}

impl Protocol {
    /// The protocol's name as it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tus => "tus 1.0",
            Self::ResumableJs => "Resumable.js 1.1",
        }
    }

    /// The protocol's name as programs read it.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Tus => "tus",
            Self::ResumableJs => "resumablejs",
        }
    }
}

/// Why a case ended before its last line.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The server did something else than the statement demands: what was expected, and what came.
    Failed(String),
    /// The case does not apply to this server, and why.
    Skipped(String),
}

/// What a step of a case gives: its value, or the end of the case.
pub(crate) type Verdict<T = ()> = Result<T, Stop>;

/// Ends the case as failed.
pub(crate) fn fail<T>(reason: impl Into<String>) -> Verdict<T> {
    Err(Stop::Failed(reason.into()))
}

/// Ends the case as skipped.
pub(crate) fn skip<T>(reason: impl Into<String>) -> Verdict<T> {
    Err(Stop::Skipped(reason.into()))
}

/// Fails with `reason` unless `holds`.
pub(crate) fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Stop::Failed(reason())) }
}

type Run = Box<dyn Fn(Lab) -> Pin<Box<dyn Future<Output = Verdict> + Send>> + Send + Sync>;

/// One test of one statement.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) group: &'static str,
    pub(crate) level: Level,
    pub(crate) demand: String,
    pub(crate) run: Run,
}

impl Case {
    /// `name` starts with the number of its statement, up to the first hyphen; `demand` is one sentence.
    pub(crate) fn new<F, Fut>(
        name: impl Into<String>,
        level: Level,
        demand: impl Into<String>,
        run: F,
    ) -> Self
    where
        F: Fn(Lab) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Verdict> + Send + 'static,
    {
        let run: Run = Box::new(move |lab| Box::pin(run(lab)));
        Self { name: name.into(), protocol: Protocol::Tus, group: "", level, demand: demand.into(), run }
    }

    /// The number of the statement, such as `C8`.
    pub(crate) fn statement(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }
}

/// A case that the protocol's text demands.
pub(crate) fn must<F, Fut>(name: &str, demand: &str, run: F) -> Case
where
    F: Fn(Lab) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Verdict> + Send + 'static,
{
    Case::new(name, Level::Must, demand, run)
}

/// A case that the protocol's text recommends.
pub(crate) fn should<F, Fut>(name: &str, demand: &str, run: F) -> Case
where
    F: Fn(Lab) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Verdict> + Send + 'static,
{
    Case::new(name, Level::Should, demand, run)
}

/// A case that clients in the field depend on.
pub(crate) fn robust<F, Fut>(name: &str, demand: &str, run: F) -> Case
where
    F: Fn(Lab) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Verdict> + Send + 'static,
{
    Case::new(name, Level::Robustness, demand, run)
}
