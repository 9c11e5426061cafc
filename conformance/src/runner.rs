//! Picks the cases, runs them a few at a time and gathers what came of them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use regex_lite::Regex;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    case::{Case, Level, Protocol, Stop},
    cases,
    client::Endpoint,
    lab::{
        Lab, Target,
        resumable::{Receiver, Template},
    },
    offers::{self, Offers, Unusable},
    report::{self, Outcome, Report, Tested},
};

/// What to test, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// tus's creation endpoint, an `http://` URL; `None`: tus is not tested.
    pub url: Option<String>,
    /// The receiver for Resumable.js; `None`: it is not tested.
    pub resumable: Option<ResumableOptions>,
    /// Only cases whose name matches this regular expression (a part of a name is one).
    pub filter: Option<String>,
    /// The weakest level that is run; [`Level::Robustness`] runs everything.
    pub level: Level,
    /// Header lines that are added to every request.
    pub headers: Vec<(String, String)>,
    /// How long one answer may take; a whole case may take six times as long.
    pub timeout: Duration,
    /// How many cases run at once; 0 means 1.
    pub jobs: usize,
    /// How long the suite may wait for an upload to expire; zero skips those cases.
    pub expire_wait: Duration,
}

/// A receiver for Resumable.js, and what a black box can't find out by itself.
#[derive(Clone, Debug)]
pub struct ResumableOptions {
    /// What takes the chunks, an `http://` URL.
    pub url: String,
    /// Where a finished file can be read: a URL or path with the placeholders `{identifier}`, `{filename}`, `{size}`, and
    /// `{url}` for the `url` that the answer to a question about the whole upload tells.
    pub download: Option<String>,
    /// `parameterNamespace` of the receiver's pages.
    pub namespace: String,
    /// The receiver checks `resumableDigest`.
    pub verifies: bool,
}

impl ResumableOptions {
    /// A receiver of which nothing else is known.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), download: None, namespace: String::new(), verifies: false }
    }
}

impl Options {
    /// A tus server: everything, four cases at once, ten seconds for an answer, no waiting for expirations.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::nothing() }
    }

    /// The same for a receiver for Resumable.js.
    #[must_use]
    pub fn resumable(receiver: ResumableOptions) -> Self {
        Self { resumable: Some(receiver), ..Self::nothing() }
    }

    /// No server yet: enough for [`list`].
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            url: None,
            resumable: None,
            filter: None,
            level: Level::Robustness,
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            jobs: 4,
            expire_wait: Duration::ZERO,
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no URL at all.
    #[error("no URL is given")]
    NoUrl,
    /// The URL is not one that the suite can speak to.
    #[error("the URL can't be used: {0}")]
    Url(String),
    /// The template of finished files is none.
    #[error("the template for downloads can't be used: {0}")]
    Download(String),
    /// The filter is no regular expression.
    #[error("the filter can't be used: {0}")]
    Filter(String),
    /// Filter and level leave no case: an empty run must not look like a success.
    #[error("no case matches the filter and the level")]
    NothingToRun,
    /// The server does not answer an OPTIONS request.
    #[error("the server can't be reached: {0}")]
    Unreachable(String),
}

/// What is known of a case before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseInfo {
    /// The name, which starts with the statement's number.
    pub name: String,
    /// What it is about.
    pub protocol: Protocol,
    /// The group that it is printed under.
    pub group: &'static str,
    /// How strong the demand is.
    pub level: Level,
    /// The demand, in one sentence.
    pub demand: String,
}

/// The cases that these options pick, in order, without speaking to any server. Without any URL: those of every protocol.
///
/// # Errors
/// The filter is malformed, or nothing matches.
pub fn list(options: &Options) -> Result<Vec<CaseInfo>, Error> {
    let info = |case: Case| CaseInfo {
        name: case.name,
        protocol: case.protocol,
        group: case.group,
        level: case.level,
        demand: case.demand,
    };
    Ok(picked(options)?.into_iter().map(info).collect())
}

/// Runs the picked cases against the server.
///
/// # Errors
/// There is nothing to run, or nothing to run it against. Failing cases are no error: they are in the report.
pub async fn run(options: &Options) -> Result<Report, Error> {
    if options.url.is_none() && options.resumable.is_none() {
        return Err(Error::NoUrl);
    }
    let picked = picked(options)?;
    let started = Instant::now();
    let needed = |protocol| picked.iter().any(|case| case.protocol == protocol);
    let tus = if needed(Protocol::Tus) { tus_target(options).await? } else { None };
    let receiver = if needed(Protocol::ResumableJs) { receiver_target(options).await? } else { None };
    let slots = Arc::new(Semaphore::new(options.jobs.max(1)));
    let mut running = JoinSet::new();
    for (index, case) in picked.into_iter().enumerate() {
        let target = match case.protocol {
            Protocol::Tus => &tus,
            Protocol::ResumableJs => &receiver,
        };
        let Some(target) = target.clone() else { continue };
        let slots = Arc::clone(&slots);
        running.spawn(async move {
            // The semaphore is never closed.
            let _slot = slots.acquire().await;
            (index, try_one(case, target).await)
        });
    }
    let mut tested = Vec::new();
    while let Some(done) = running.join_next().await {
        tested.extend(done.ok());
    }
    tested.sort_by_key(|(index, _)| *index);
    let resumable = options.resumable.as_ref().map(|receiver| receiver.url.clone());
    Ok(Report {
        url: options.url.clone().filter(|_| tus.is_some()),
        offers: tus.map(|target| target.offers.clone()).unwrap_or_default(),
        receiver: resumable
            .zip(receiver)
            .map(|(url, target)| report::Receiver { url, offers: target.receiver.offers.clone() }),
        cases: tested.into_iter().map(|(_, tested)| tested).collect(),
        duration: started.elapsed(),
    })
}

fn target(options: &Options, url: &str) -> Result<Target, Error> {
    Ok(Target {
        endpoint: Endpoint::parse(url).map_err(Error::Url)?,
        headers: options.headers.clone(),
        timeout: options.timeout,
        expire_wait: options.expire_wait,
        offers: Offers::default(),
        receiver: Receiver::default(),
    })
}

async fn tus_target(options: &Options) -> Result<Option<Arc<Target>>, Error> {
    let Some(url) = &options.url else { return Ok(None) };
    let target = offers::discover(target(options, url)?).await.map_err(Error::Unreachable)?;
    Ok(Some(Arc::new(target)))
}

async fn receiver_target(options: &Options) -> Result<Option<Arc<Target>>, Error> {
    let Some(receiver) = &options.resumable else { return Ok(None) };
    let url = &receiver.url;
    let download = receiver.download.as_deref().map(Template::parse).transpose().map_err(Error::Download)?;
    // Nothing is ever removed, so a second run must not meet the files of the first.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let receiver = Receiver {
        download,
        namespace: receiver.namespace.clone(),
        verifies: receiver.verifies,
        run: format!("{now:x}"),
        ..Receiver::default()
    };
    let target = Target { receiver, ..target(options, url)? };
    match offers::discover_receiver(target).await {
        Ok(target) => Ok(Some(Arc::new(target))),
        Err(Unusable::Silent(reason)) => Err(Error::Unreachable(reason)),
        Err(Unusable::Download(reason)) => Err(Error::Download(reason)),
    }
}

fn picked(options: &Options) -> Result<Vec<Case>, Error> {
    let filter = options.filter.as_deref().map(Regex::new).transpose();
    let filter = filter.map_err(|error| Error::Filter(error.to_string()))?;
    let anything = options.url.is_none() && options.resumable.is_none();
    let has_url = |protocol| match protocol {
        Protocol::Tus => anything || options.url.is_some(),
        Protocol::ResumableJs => anything || options.resumable.is_some(),
    };
    let wanted = |case: &Case| {
        case.level <= options.level
            && has_url(case.protocol)
            && filter.as_ref().is_none_or(|filter| filter.is_match(&case.name))
    };
    let picked: Vec<Case> = cases::all().into_iter().filter(wanted).collect();
    if picked.is_empty() { Err(Error::NothingToRun) } else { Ok(picked) }
}

async fn try_one(case: Case, target: Arc<Target>) -> Tested {
    let started = Instant::now();
    let limit = target.timeout * 6 + target.expire_wait;
    let lab = Lab::new(target);
    // A task of its own: a case that panics is a failed case, not the end of the run.
    let work = tokio::spawn((case.run)(lab.clone()));
    let abort = work.abort_handle();
    let verdict = match timeout(limit, work).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => Err(Stop::Failed(format!("the case itself broke: {error}"))),
        Err(_) => {
            abort.abort();
            Err(Stop::Failed(format!("the case was not over after {} s", limit.as_secs())))
        }
    };
    let _ = timeout(limit, lab.clean_up()).await;
    let outcome = match verdict {
        Ok(()) => Outcome::Passed,
        Err(Stop::Skipped(reason)) => Outcome::Skipped { reason },
        Err(Stop::Failed(reason)) => Outcome::Failed { reason, exchanges: lab.last_exchanges(4) },
    };
    Tested {
        statement: case.statement().to_owned(),
        protocol: case.protocol,
        group: case.group,
        level: case.level,
        demand: case.demand,
        name: case.name,
        outcome,
        duration: started.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_by_name_and_level() {
        let mut options = Options::new("http://localhost/");
        options.filter = Some("^C8-".into());
        options.level = Level::Must;
        let found = list(&options).unwrap();
        assert!(!found.is_empty());
        assert!(found.iter().all(|case| case.name.starts_with("C8-") && case.level == Level::Must));
    }

    #[test]
    fn an_empty_choice_is_an_error() {
        let mut options = Options::new("http://localhost/");
        options.filter = Some("no such case".into());
        assert!(matches!(list(&options), Err(Error::NothingToRun)));
        options.filter = Some("(".into());
        assert!(matches!(list(&options), Err(Error::Filter(_))));
    }

    #[test]
    fn a_url_picks_its_own_protocol_and_none_lists_both() {
        let count = |options: &Options, protocol| {
            list(options).unwrap().iter().filter(|case| case.protocol == protocol).count()
        };
        let tus = Options::new("http://localhost/");
        let resumable = Options::resumable(ResumableOptions::new("http://localhost/"));
        assert_eq!(count(&tus, Protocol::ResumableJs), 0);
        assert_eq!(count(&resumable, Protocol::Tus), 0);
        let both = Options { resumable: resumable.resumable.clone(), ..tus.clone() };
        for options in [both, Options::nothing()] {
            assert_eq!(count(&options, Protocol::Tus), count(&tus, Protocol::Tus));
            assert_eq!(count(&options, Protocol::ResumableJs), count(&resumable, Protocol::ResumableJs));
        }
    }

    #[test]
    fn names_are_unique_and_numbered() {
        let all = list(&Options::nothing()).unwrap();
        let mut names = std::collections::HashSet::new();
        for case in &all {
            assert!(names.insert(case.name.clone()), "{} exists twice", case.name);
            let statement = case.name.split('-').next().unwrap_or_default();
            let (letter, number) = statement.split_at(1);
            assert!("CNWEKDPXR".contains(letter) && number.parse::<u8>().is_ok(), "{}", case.name);
            assert_eq!(letter == "R", case.protocol == Protocol::ResumableJs, "{}", case.name);
            assert!(case.demand.ends_with('.'), "{} needs a sentence", case.name);
        }
    }

    #[test]
    fn every_statement_has_a_case() {
        let all = list(&Options::nothing()).unwrap();
        let counts =
            [('C', 11), ('N', 5), ('W', 2), ('E', 2), ('K', 3), ('D', 1), ('P', 6), ('X', 6), ('R', 16)];
        for (letter, last) in counts {
            for number in 1..=last {
                let start = format!("{letter}{number}-");
                assert!(all.iter().any(|case| case.name.starts_with(&start)), "{start} has no case");
            }
        }
    }
}
