//! What the server says it can do, or shows when it is asked, once before the first case.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{
    case::{Stop, Verdict},
    client::{Http2, Response},
    lab::{Lab, Target, pattern},
};

/// What OPTIONS announced, and what two probes found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Offers {
    /// `Tus-Version`.
    pub versions: Vec<String>,
    /// `Tus-Extension`.
    pub extensions: Vec<String>,
    /// `Tus-Checksum-Algorithm`.
    pub checksum_algorithms: Vec<String>,
    /// `Tus-Max-Size`, in bytes.
    pub max_size: Option<u64>,
    /// Whether GET of a complete upload gives its content back.
    pub download: bool,
    /// Whether HTTP/2 is spoken by prior knowledge.
    pub http2: bool,
}

impl Offers {
    /// Whether this extension is announced.
    #[must_use]
    pub fn has(&self, extension: &str) -> bool {
        self.extensions.iter().any(|name| name == extension)
    }

    fn announced(response: &Response) -> Self {
        Self {
            versions: response.list("Tus-Version"),
            extensions: response.list("Tus-Extension"),
            checksum_algorithms: response.list("Tus-Checksum-Algorithm"),
            max_size: response.number("Tus-Max-Size").ok(),
            download: false,
            http2: false,
        }
    }
}

/// What a receiver for Resumable.js was found to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResumableOffers {
    /// Whether GET without a chunk number tells how the whole upload is.
    pub status: bool,
    /// Whether finished files can be read.
    pub download: bool,
    /// Whether HTTP/2 is spoken by prior knowledge.
    pub http2: bool,
}

/// Why a receiver can't be tested.
pub(crate) enum Unusable {
    /// It does not answer at all.
    Silent(String),
    /// Its finished files are not where they are said to be.
    Download(String),
}

/// Asks the receiver.
pub(crate) async fn discover_receiver(target: Target) -> Result<Target, Unusable> {
    let mut target = target;
    let lab = Lab::new(Arc::new(target.clone()));
    let file = lab.file(1, 1);
    let answer = match lab.ask_with("GET", &file, file.question()).await {
        Ok(answer) => answer,
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => return Err(Unusable::Silent(reason)),
    };
    let told = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    let status = told.is_some_and(|value| value.get("status").is_some_and(serde_json::Value::is_string));
    target.offers.http2 = speaks_http2(&target).await;
    let download = target.receiver.download.is_some();
    target.receiver.offers = ResumableOffers { status, download, http2: target.offers.http2 };
    finds_a_file(&target).await?;
    Ok(target)
}

/// Who gives a template wants bytes to be compared: one that finds nothing must not look like a success. A receiver that
/// stores nothing has its own cases.
async fn finds_a_file(target: &Target) -> Result<(), Unusable> {
    let Some(template) = &target.receiver.download else { return Ok(()) };
    let lab = Lab::new(Arc::new(target.clone()));
    let file = lab.file(1, 1);
    if lab.store(&file, 1).await.is_err() {
        return Ok(());
    }
    // A receiver may put files together behind its answers.
    let deadline = Instant::now() + target.timeout;
    loop {
        let status = lab.status(&file).await.ok();
        let is_complete =
            status.as_ref().is_none_or(|status| status.get("status") == Some(&"complete".into()));
        let reference = template.fill(&file, status.as_ref()).filter(|_| is_complete);
        let found = match &reference {
            Some(reference) => lab.fetch(reference).await.map(|answer| answer.status),
            None => Ok(0),
        };
        match (found, reference) {
            (Ok(200), _) => return Ok(()),
            (Err(Stop::Failed(reason) | Stop::Skipped(reason)), _) => return Err(Unusable::Download(reason)),
            _ if Instant::now() < deadline => sleep(Duration::from_millis(50)).await,
            (Ok(_), None) if !is_complete => return Ok(()),
            (Ok(_), None) => {
                let told = status.map_or("not told".to_owned(), |status| status.to_string());
                let reason = format!("it needs a url in the status of a complete file, which is {told}");
                return Err(Unusable::Download(reason));
            }
            (Ok(status), Some(reference)) => {
                return Err(Unusable::Download(format!("a GET of {reference} is answered {status}")));
            }
        }
    }
}

/// Asks the server; an error means that it does not answer at all.
pub(crate) async fn discover(target: Target) -> Result<Target, String> {
    let mut target = target;
    let lab = Lab::new(Arc::new(target.clone()));
    let options = lab.request("OPTIONS", &target.endpoint.path);
    match lab.send(options).await {
        Ok(response) => target.offers = Offers::announced(&response),
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => return Err(reason),
    }
    target.offers.http2 = speaks_http2(&target).await;
    target.offers.download = downloads(&target).await.unwrap_or(false);
    Ok(target)
}

async fn speaks_http2(target: &Target) -> bool {
    let limit = target.timeout.min(Duration::from_secs(3));
    let Ok(http2) = Http2::open(&target.endpoint, limit).await else { return false };
    let lab = Lab::new(Arc::new(target.clone()));
    http2.exchange(&lab.request("OPTIONS", &target.endpoint.path)).await.is_ok()
}

async fn downloads(target: &Target) -> Verdict<bool> {
    let lab = Lab::new(Arc::new(target.clone()));
    let bytes = pattern(1, 64);
    let upload = lab.filled(&bytes).await?;
    let response = lab.send(lab.request("GET", &upload.path).without("Tus-Resumable")).await;
    lab.clean_up().await;
    // A server that gives other bytes does offer the download: its content cases have to fail.
    response.map(|response| response.status == 200)
}
