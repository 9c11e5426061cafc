//! The HTTP pipeline: from a request's head to an answer, one step after the other.

mod body;
mod buffering;
mod control;
mod cors;
pub mod download;
mod framing;
mod gate;
mod head;
mod monitor;
mod pace;
mod page;
mod peer;
mod process;
mod request_id;
mod respond;
mod route;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use http::header::{CONNECTION, EXPECT, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use tracing::Instrument as _;

pub use self::body::{RequestBody, RequestBytes, RequestPieces, ResponseBody};
pub use self::monitor::{Monitor, Watch};
pub(crate) use self::page::has as page_has;
pub use self::peer::{Peer, Reached, network};
use self::request_id::{RequestId, X_REQUEST_ID};
pub use self::respond::{Answer, Problem, empty};
pub use self::route::{Door, Route};
use crate::access::Access;
use crate::config::Config;
use crate::protocol::{resumablejs, tus};
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::upload::{UploadError, Uploads};

/// What every request needs.
pub struct App {
    /// The checked configuration.
    pub config: Config,
    /// Who may do what.
    pub access: Access,
    /// The engine, for those who may do all: adapters use their caller's.
    pub uploads: Uploads<Disk>,
    /// What is watched of all this.
    pub monitor: Arc<Monitor>,
}

/// The [`App`] in force. A reload puts another one in its place; a request keeps the one that it came to.
pub struct Current(ArcSwap<App>);

impl Current {
    /// What is in force at first.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self(ArcSwap::from_pointee(app))
    }

    /// What is in force now.
    #[must_use]
    pub fn app(&self) -> Arc<App> {
        self.0.load_full()
    }

    /// Puts a configuration in force, for all that comes after.
    pub fn replace(&self, config: Config, access: Access) {
        let app = self.app();
        let (uploads, monitor) = (app.uploads.clone(), Arc::clone(&app.monitor));
        self.0.store(Arc::new(App { config, access, uploads, monitor }));
    }
}

/// How a connection came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrance {
    /// From whom.
    pub peer: Peer,
    /// Where.
    pub door: Door,
    /// Whether it is let in.
    pub admission: Admission,
}

/// Whether a connection's requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// They are.
    Welcome,
    /// Its address has too many connections open: they are asked to come again.
    Crowded,
}

/// A request, as far as an adapter needs it.
pub struct Call {
    /// The method that the client means.
    pub method: Method,
    /// The query, without its question mark.
    pub query: String,
    /// The head.
    pub headers: HeaderMap,
    /// How the client reached us.
    pub reached: Reached,
    /// The body.
    pub body: RequestBody,
    /// The engine, for this caller.
    pub uploads: Uploads<Disk>,
}

/// Answers one request, and calls it by one name in the log and in the answer.
///
/// # Errors
/// Never: an error here would take the connection down with it.
pub async fn handle(app: &App, entrance: Entrance, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let id = RequestId::of(request.headers());
    // Of the highest level, so that it is there whatever is logged.
    let span = tracing::error_span!("request", %id);
    let mut answer = answer(app, entrance, request).instrument(span).await;
    answer.headers_mut().extend(id.value().map(|id| (X_REQUEST_ID, id)));
    Ok(answer)
}

/// The order of the lines is the architecture.
async fn answer(app: &App, entrance: Entrance, request: Request<Incoming>) -> Answer {
    let began = Instant::now();
    let Entrance { peer, door, admission } = entrance;
    let requests = &app.monitor.requests;
    let in_flight = (door == Door::Public).then(|| requests.begin());
    let (mut head, incoming) = request.into_parts();
    if !incoming.is_end_stream() {
        head::detach(&mut head);
    }
    let reached = Reached::read(peer, &head.uri, &head.headers, &app.config.trusted_proxies);
    let method = tus::meant_method(&head.method, &head.headers);
    let preflight = cors::is_preflight(&head.method, &head.headers);
    let query = head.uri.query().unwrap_or_default().to_owned();
    let body = RequestBody::new(incoming, app.config.limits.pace, requests.received.clone());
    let client = peer::client(peer, &head.headers, &app.config.trusted_proxies);
    let mut call = Call { method, query, headers: head.headers, reached, body, uploads: app.uploads.clone() };

    let route = Route::parse(&app.config, door, head.uri.path());
    let result = match admission {
        Admission::Crowded => Err(Problem::crowded()),
        // Browsers ask for permission without saying who asks.
        Admission::Welcome if preflight && door == Door::Public => Ok(tus::options(app)),
        Admission::Welcome => match gate::caller(app, door, &route, &call, client) {
            Ok(caller) => {
                call.uploads = app.uploads.of(caller);
                // In a box: while a body comes nothing else of this is needed, and thousands of them may.
                Box::pin(dispatch(app, &call, &route)).await
            }
            Err(problem) => Err(problem),
        },
    };
    let result = match route {
        Route::Upload(_) if call.method == Method::HEAD => result.map_err(tus::offset_untold),
        _ => result,
    };
    let mut answer = result.unwrap_or_else(|problem| {
        let (status, code) = (problem.status.as_u16(), problem.code);
        tracing::debug!(status, code, ?route, "{}", problem.message);
        problem.into()
    });

    if matches!(route, Route::Collection | Route::Upload(_) | Route::NoUpload) {
        tus::mark(&mut answer);
    }
    if door == Door::Public {
        cors::apply(&app.config, &call.headers, preflight, answer.headers_mut());
    }
    answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    framing::fit(&mut answer, &head.method, &call.method);

    let is_sent = call.body.is_asked_for() || !call.headers.contains_key(EXPECT);
    if !call.body.is_empty() && is_sent {
        // Who sends on sees a broken pipe instead of the answer. (Who waits for "100 Continue" sends nothing, and reading
        // would call for it.)
        call.body.drain().await;
    }
    if !call.body.is_over() && head.version < Version::HTTP_2 {
        // What is left unread ends the connection. Whoever has sent all of it by then, and is not told, sends his next
        // request down the same one, and hears nothing.
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let (status, took) = (answer.status(), began.elapsed());
    if let Some((bytes, took)) = call.body.came() {
        app.monitor.buffering.note(&call.headers, bytes, took);
    }
    requests.answered(&route, &call.method, status, took);
    drop(in_flight);
    let status = status.as_u16();
    tracing::debug!(%peer, method = %call.method, path = head.uri.path(), status, ?took, "answered");
    answer
}

async fn dispatch(app: &App, call: &Call, route: &Route<'_>) -> Result<Answer, Problem> {
    if let Some(path) = gate::page_path(app, route, call) {
        return match call.method {
            Method::OPTIONS => Ok(empty(StatusCode::NO_CONTENT)),
            _ => page::answer(app, call, path),
        };
    }
    match route {
        Route::Collection => tus::collection(app, call).await,
        Route::Upload(id) => tus::upload(app, call, *id).await,
        Route::Chunks => resumablejs::answer(app, call).await,
        Route::NoUpload => Err(tus::no_upload(call)),
        Route::Watch(watch) => monitor::answer(&app.monitor, &call.method, *watch).await,
        Route::Control(id) => control::answer(app, call, *id).await,
        Route::Nothing | Route::Page(_) => Err(Problem::not_found()),
    }
}

/// The machine's faults are the operator's business: he gets the reason that the client does not.
pub fn log_fault(error: &UploadError) {
    if let UploadError::Damaged(cause) | UploadError::Storage(cause) = error {
        let reason = match cause {
            StoreError::Damaged(how) => how.clone(),
            StoreError::Io(doing, error) => format!("can't {doing}: {error}"),
            StoreError::Unsynced(error) => format!("can't sync data: {error}"),
            StoreError::NotFound | StoreError::NoSpace => cause.to_string(),
        };
        tracing::error!(reason, "{error}");
    }
}
