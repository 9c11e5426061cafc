//! Who comes in: what the callers of each path bring.

use http::{Method, StatusCode};

use super::monitor::Watch;
use super::respond::Problem;
use super::route::{Door, Route};
use super::{App, Call};
use crate::upload::{Caller, Client, Operations};

/// Who asks. The page and health are for everybody, and the other doors have keepers of their own.
pub(super) fn caller(
    app: &App,
    door: Door,
    route: &Route<'_>,
    call: &Call,
    client: Option<Client>,
) -> Result<Caller, Problem> {
    match route {
        _ if page_path(app, route, call).is_some() => Ok(Caller::anyone()),
        Route::Watch(Watch::Health | Watch::Readiness) => Ok(Caller::anyone()),
        _ if door != Door::Public => Ok(Caller::anyone()),
        Route::Watch(Watch::Metrics) => {
            let caller = app.access.caller(&call.headers, client)?;
            // Permits are for people who upload, and figures are about all of them.
            (caller.operations == Operations::ALL).then_some(caller).ok_or_else(|| {
                let message = "figures are for those who may do everything: bring a token, or a permit for \
                               create, append, read and delete";
                Problem::new(StatusCode::FORBIDDEN, "ERR_FORBIDDEN", message)
            })
        }
        _ => app.access.caller(&call.headers, client),
    }
}

/// The part of the page that a request is for.
pub(super) fn page_path<'p>(app: &App, route: &Route<'p>, call: &Call) -> Option<&'p str> {
    match route {
        Route::Page(path) => Some(path),
        // With the base path `/` both live at the same address; browsers GET, clients POST.
        Route::Collection if app.config.base_path.as_str() == "/" => {
            matches!(call.method, Method::GET | Method::HEAD).then_some("/")
        }
        _ => None,
    }
}
