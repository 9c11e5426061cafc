//! What is told to whoever watches over the daemon: health, readiness and figures.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio_util::sync::CancellationToken;

use super::body::ResponseBody;
use super::buffering::Buffering;
use super::process::Process;
use super::respond::{Answer, Problem};
use super::route::Route;
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::upload::Uploads;

/// Seconds. An answer takes milliseconds, and a PATCH as long as its body.
const BUCKETS: [f64; 13] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 14_400.0];

/// A disk that says nothing for this long is not ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// The version of the text format that is written (OpenMetrics 1.0).
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What is watched. It outlives every reload.
pub struct Monitor {
    registry: Registry,
    disk: Disk,
    closing: CancellationToken,
    pub(super) requests: Requests,
    pub(super) buffering: Buffering,
}

/// What is counted of requests.
#[derive(Clone)]
pub(super) struct Requests {
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    /// Bytes of bodies, as they come.
    pub(super) received: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    protocol: &'static str,
    method: &'static str,
    status: u16,
}

/// A request that is being answered, as it is counted.
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Requests {
    fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        Self {
            durations: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            received: Counter::default(),
        }
    }

    pub(super) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(super) fn answered(&self, route: &Route<'_>, method: &Method, status: StatusCode, took: Duration) {
        let protocol = match route {
            Route::Collection | Route::Upload(_) | Route::NoUpload => "tus",
            Route::Chunks => "resumablejs",
            Route::Page(_) => "page",
            Route::Watch(_) | Route::Control(_) | Route::Nothing => return,
        };
        let labels = Labels { protocol, method: known(method), status: status.as_u16() };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

/// Clients choose methods, and a name for each would fill the memory.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

impl Monitor {
    /// Watches over an engine and its store. It is not ready any more when `closing` is cancelled.
    #[must_use]
    pub fn new(uploads: &Uploads<Disk>, disk: Disk, connections: Gauge, closing: CancellationToken) -> Self {
        let requests = Requests::new();
        let mut all = Registry::default();
        all.register_collector(Box::new(Process));
        let registry = all.sub_registry_with_prefix("resumed");
        registry.register("build", "The program", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        registry.register_with_unit(
            "http_request_duration",
            "Requests that were answered, and how long that took, their bodies included",
            Unit::Seconds,
            requests.durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests that are being answered",
            requests.in_flight.clone(),
        );
        registry.register_with_unit(
            "http_received",
            "Bytes of request bodies that came",
            Unit::Bytes,
            requests.received.clone(),
        );
        registry.register("connections", "Connections that are open", connections);
        uploads.register_metrics(registry);
        disk.register_metrics(registry);
        Self { registry: all, disk, closing, requests, buffering: Buffering::default() }
    }

    /// Whether uploads can be taken in: the directory can be written to, has room beyond the reserve, and the daemon does
    /// not stop.
    async fn readiness(&self) -> Result<(), Problem> {
        let unready =
            |why: &str| Problem::passing(StatusCode::SERVICE_UNAVAILABLE, "ERR_NOT_READY", why.to_owned(), 5);
        if self.closing.is_cancelled() {
            return Err(unready("the server is shutting down"));
        }
        match tokio::time::timeout(PATIENCE, self.disk.ready()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(StoreError::NoSpace)) => Err(unready("no room is left on the disk beyond the reserve")),
            Ok(Err(error)) => {
                tracing::warn!(reason = %describe(&error), "not ready");
                Err(unready("the data directory can't be written to"))
            }
            Err(_) => Err(unready("the disk does not answer")),
        }
    }

    /// The figures as text.
    fn scrape(&self) -> Option<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).ok()?;
        Some(text)
    }
}

fn describe(error: &StoreError) -> String {
    match error {
        StoreError::Io(doing, cause) => format!("can't {doing}: {cause}"),
        other => other.to_string(),
    }
}

/// A page for those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// `/healthz`: the process answers.
    Health,
    /// `/readyz`: uploads can be taken in.
    Readiness,
    /// `/metrics`: figures.
    Metrics,
}

impl Watch {
    pub(crate) fn parse(path: &str) -> Option<Self> {
        match path {
            "/healthz" => Some(Self::Health),
            "/readyz" => Some(Self::Readiness),
            "/metrics" => Some(Self::Metrics),
            _ => None,
        }
    }
}

/// Answers those who watch.
pub(super) async fn answer(monitor: &Arc<Monitor>, method: &Method, watch: Watch) -> Result<Answer, Problem> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("GET, HEAD"));
    }
    match watch {
        Watch::Health => Ok(text("ok\n".to_owned())),
        Watch::Readiness => monitor.readiness().await.map(|()| text("ready\n".to_owned())),
        Watch::Metrics => {
            let monitor = Arc::clone(monitor);
            // It looks at the disk, which may be slow.
            let scraped = tokio::task::spawn_blocking(move || monitor.scrape());
            let failed = || {
                let message = "the figures can't be written";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "ERR_METRICS", message)
            };
            let mut answer = text(scraped.await.ok().flatten().ok_or_else(failed)?);
            answer.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
            Ok(answer)
        }
    }
}

fn text(text: String) -> Answer {
    let mut answer = Response::new(ResponseBody::from(text));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
