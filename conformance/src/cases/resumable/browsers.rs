//! What a browser needs to let a page of another origin in: R16.

use super::steps::begun;
use crate::{
    case::{Case, Level, Verdict, ensure, robust, skip},
    client::{Request, Response},
    lab::Lab,
};

/// A page's origin that is not the server's own.
const ORIGIN: &str = "http://app.example:3000";

fn preflight(lab: &Lab, method: &str, headers: &str) -> Request {
    let request =
        lab.plain("OPTIONS", "").header("Origin", ORIGIN).header("Access-Control-Request-Method", method);
    if headers.is_empty() { request } else { request.header("Access-Control-Request-Headers", headers) }
}

/// Skips the case where the receiver does not serve other origins at all.
async fn needs_cors(lab: &Lab) -> Verdict {
    let answer = lab.send(preflight(lab, "POST", "content-type")).await?;
    if answer.get("Access-Control-Allow-Origin").is_none() {
        return skip(format!("a preflight from {ORIGIN} gets no CORS headers"));
    }
    Ok(())
}

/// Demands that a page of `ORIGIN` may read this answer.
fn readable(answer: &Response) -> Verdict {
    let allowed = answer.value("Access-Control-Allow-Origin")?;
    ensure(allowed == "*" || allowed == ORIGIN, || {
        format!("expected `Access-Control-Allow-Origin: {ORIGIN}` or `*`, got {allowed:?}")
    })?;
    let credentials = answer.get("Access-Control-Allow-Credentials") == Some("true");
    ensure(!(credentials && allowed == "*"), || {
        "expected no `*` beside Allow-Credentials: browsers refuse it".into()
    })
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in ["GET", "POST", "PUT", "PATCH"] {
        let demand = format!("A preflight allows {method}.");
        let name = format!("R16-method-{}", method.to_lowercase());
        cases.push(Case::new(name, Level::Robustness, demand, move |lab| async move {
            needs_cors(&lab).await?;
            let answer = lab.send(preflight(&lab, method, "")).await?;
            readable(&answer)?;
            answer.status(&[200, 204])?;
            let found = answer.list("Access-Control-Allow-Methods");
            // These two need no permission: the fetch standard lists them as safe.
            let safe = matches!(method, "POST" | "GET");
            ensure(safe || found.iter().any(|name| name == "*" || name == method), || {
                format!("expected {method} in Access-Control-Allow-Methods, got {found:?}")
            })
        }));
    }
    for header in ["content-type", "x-requested-with", "authorization"] {
        let demand = format!("A preflight allows the request header {header}.");
        let name = format!("R16-header-{header}");
        cases.push(Case::new(name, Level::Robustness, demand, move |lab| async move {
            needs_cors(&lab).await?;
            let answer = lab.send(preflight(&lab, "POST", header)).await?;
            let found = answer.list("Access-Control-Allow-Headers");
            // The star does not stand for Authorization.
            let every = header != "authorization" && found.iter().any(|name| name == "*");
            ensure(every || found.iter().any(|name| name.eq_ignore_ascii_case(header)), || {
                format!("expected {header} in Access-Control-Allow-Headers, got {found:?}")
            })
        }));
    }
    cases.extend(answers());
    cases
}

/// Every answer, and the refusals above all: a page that may not read one shows its user a network error.
fn answers() -> Vec<Case> {
    macro_rules! read {
        ($name:literal, $what:literal, |$lab:ident| $request:expr) => {
            robust(
                $name,
                concat!($what, " carries CORS headers, so that a page can read it."),
                |$lab: Lab| async move {
                    needs_cors(&$lab).await?;
                    let request: Request = $request;
                    let answer = $lab.send(request.header("Origin", ORIGIN)).await?;
                    answer.no_breakdown()?;
                    readable(&answer)
                },
            )
        };
    }
    vec![
        read!("R16-stored", "The answer to a stored chunk", |lab| {
            lab.sending(&lab.file(30_000, 10_000), 1).request(&lab)
        }),
        read!("R16-not-there", "The answer to a test of a missing chunk", |lab| {
            let file = begun(&lab).await?;
            lab.plain("GET", &lab.sending(&file, 2).octet().query_text())
        }),
        read!("R16-there", "The answer to a test of a chunk that is there", |lab| {
            let file = begun(&lab).await?;
            lab.plain("GET", &lab.sending(&file, 1).octet().query_text())
        }),
        read!("R16-refused", "The refusal of a contradiction", |lab| {
            lab.sending(&lab.file(30_000, 10_000), 1).saying("ChunkNumber", "9").request(&lab)
        }),
        read!("R16-broken-form", "The refusal of a broken form", |lab| {
            lab.sending(&lab.file(30_000, 10_000), 1).with_form(&lab, "multipart/form-data", b"x".to_vec())
        }),
    ]
}
