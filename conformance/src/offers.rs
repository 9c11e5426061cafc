//! What the server says it can do, or shows when it is asked, once before the first case.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

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

/// Asks the receiver; an error means that it does not answer at all.
pub(crate) async fn discover_receiver(target: Target) -> Result<Target, String> {
    let mut target = target;
    let lab = Lab::new(Arc::new(target.clone()));
    let file = lab.file(1, 1);
    let answer = match lab.ask_with("GET", &file, file.question()).await {
        Ok(answer) => answer,
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => return Err(reason),
    };
    let told = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    let status = told.is_some_and(|value| value.get("status").is_some_and(serde_json::Value::is_string));
    // A template that is filled from the status needs one.
    let download = target.receiver.download.as_ref().is_some_and(|template| status || !template.asks());
    let http2 = speaks_http2(&target).await;
    target.offers.http2 = http2;
    target.receiver.offers = ResumableOffers { status, download, http2 };
    Ok(target)
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
