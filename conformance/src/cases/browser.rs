//! What a browser needs to read the answers and to be let in: X1 and X6.

use crate::{
    case::{Case, Level, Verdict, ensure, robust, skip},
    client::{Request, Response},
    lab::Lab,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = errors();
    cases.extend(exposed());
    cases.extend(preflights());
    cases
}

/// A page's origin that is not the server's own.
const ORIGIN: &str = "http://app.example:3000";

fn preflight(lab: &Lab, path: &str, method: &str, headers: &str) -> Request {
    let request =
        lab.request("OPTIONS", path).header("Origin", ORIGIN).header("Access-Control-Request-Method", method);
    if headers.is_empty() { request } else { request.header("Access-Control-Request-Headers", headers) }
}

/// Skips the case where the server does not serve other origins at all.
async fn needs_cors(lab: &Lab) -> Verdict {
    let answer =
        lab.send(preflight(lab, &lab.endpoint().path, "POST", "tus-resumable,upload-length")).await?;
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

/// X1: every answer, and the errors above all.
fn errors() -> Vec<Case> {
    const READ: &str = "carries CORS headers, so that a page can read it.";
    macro_rules! read {
        ($name:literal, $what:literal, $good:literal, |$lab:ident| $request:expr) => {
            Case::new($name, Level::Robustness, format!("{} {READ}", $what), |$lab: Lab| async move {
                needs_cors(&$lab).await?;
                let request: Request = $request;
                let answer = $lab.send(request.header("Origin", ORIGIN)).await?;
                if answer.get("Location").is_some() {
                    $lab.adopt(&answer)?;
                }
                let expected = if $good { 200..300 } else { 400..500 };
                ensure(expected.contains(&answer.status), || {
                    format!("expected a status in {expected:?}, got {}", answer.status)
                })?;
                readable(&answer)
            })
        };
    }
    vec![
        read!("X1-created", "The answer to a creation", true, |lab| lab.post().header("Upload-Length", 4)),
        read!("X1-head", "The answer to HEAD", true, |lab| lab.request("HEAD", &lab.create(4).await?.path)),
        read!("X1-appended", "The answer to PATCH", true, |lab| {
            lab.patch(&lab.create(4).await?, 0).bytes("ab")
        }),
        read!("X1-deleted", "The answer to DELETE", true, |lab| {
            lab.needs(&["termination"])?;
            lab.request("DELETE", &lab.create(4).await?.path)
        }),
        read!("X1-download", "The answer to GET", true, |lab| {
            lab.needs_download()?;
            lab.request("GET", &lab.filled(b"abcd").await?.path).without("Tus-Resumable")
        }),
        read!("X1-bad-request", "A refused creation", false, |lab| lab.post().header("Upload-Length", "x")),
        read!("X1-unknown", "The answer to HEAD of an unknown upload", false, |lab| {
            lab.request("HEAD", &lab.unknown().await?.path)
        }),
        read!("X1-conflict", "The refusal of a wrong offset", false, |lab| {
            lab.patch(&lab.create(4).await?, 2).bytes("ab")
        }),
        read!("X1-precondition", "The refusal of another version", false, |lab| {
            lab.post().header("Upload-Length", 4).set("Tus-Resumable", "0.2.2")
        }),
        read!("X1-media-type", "The refusal of another media type", false, |lab| {
            lab.patch(&lab.create(4).await?, 0).set("Content-Type", "text/plain").bytes("ab")
        }),
        read!("X1-too-large", "The refusal of a too long upload", false, |lab| {
            let Some(max) = lab.offers().max_size else { return skip("no Tus-Max-Size is announced") };
            lab.post().header("Upload-Length", u128::from(max) + 1)
        }),
        read!("X1-checksum", "The refusal of a wrong checksum", false, |lab| {
            lab.needs(&["checksum"])?;
            let wrong = crate::checksum::header("sha1", b"other");
            lab.patch(&lab.create(4).await?, 0).header("Upload-Checksum", wrong).bytes("ab")
        }),
    ]
}

fn names(answer: &Response, header: &str) -> Vec<String> {
    answer.list(header).iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// X1: what a script may read of an answer.
fn exposed() -> Vec<Case> {
    let needed: [(&str, &[&str]); 6] = [
        ("location", &["creation"]),
        ("upload-offset", &[]),
        ("upload-length", &[]),
        ("tus-resumable", &[]),
        ("upload-metadata", &["creation"]),
        ("upload-expires", &["expiration"]),
    ];
    let mut cases = Vec::new();
    for (header, extensions) in needed {
        let demand = format!("Access-Control-Expose-Headers names {header}.");
        cases.push(Case::new(
            format!("X1-exposes-{header}"),
            Level::Robustness,
            demand,
            move |lab| async move {
                needs_cors(&lab).await?;
                lab.needs(extensions)?;
                let upload = lab.create(4).await?;
                let answer = if header == "location" {
                    lab.create_by(lab.post().header("Upload-Length", 4).header("Origin", ORIGIN)).await?.1
                } else {
                    lab.send(lab.request("HEAD", &upload.path).header("Origin", ORIGIN)).await?
                };
                let credentials = answer.get("Access-Control-Allow-Credentials") == Some("true");
                let found = names(&answer, "Access-Control-Expose-Headers");
                let every = found.iter().any(|name| name == "*") && !credentials;
                ensure(every || found.iter().any(|name| name == header), || {
                    format!("expected {header} in Access-Control-Expose-Headers, got {found:?}")
                })
            },
        ));
    }
    cases
}

/// X6: what a browser asks before it sends.
fn preflights() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in ["POST", "HEAD", "PATCH", "DELETE", "GET"] {
        let demand = format!("A preflight allows {method}.");
        cases.push(Case::new(
            format!("X6-method-{}", method.to_lowercase()),
            Level::Robustness,
            demand,
            move |lab| async move {
                needs_cors(&lab).await?;
                if method == "DELETE" {
                    lab.needs(&["termination"])?;
                }
                let answer = lab.send(preflight(&lab, &lab.endpoint().path, method, "")).await?;
                readable(&answer)?;
                answer.status(&[200, 204])?;
                let found = answer.list("Access-Control-Allow-Methods");
                // These two need no permission: the fetch standard lists them as safe.
                let safe = matches!(method, "POST" | "HEAD" | "GET");
                let every = found.iter().any(|name| name == "*");
                ensure(safe || every || found.iter().any(|name| name == method), || {
                    format!("expected {method} in Access-Control-Allow-Methods, got {found:?}")
                })
            },
        ));
    }
    for header in [
        "content-type",
        "tus-resumable",
        "upload-length",
        "upload-offset",
        "upload-metadata",
        "upload-defer-length",
        "upload-concat",
        "upload-checksum",
        "x-http-method-override",
        "x-request-id",
        "x-requested-with",
        "authorization",
    ] {
        let demand = format!("A preflight allows the request header {header}.");
        cases.push(Case::new(
            format!("X6-header-{header}"),
            Level::Robustness,
            demand,
            move |lab| async move {
                needs_cors(&lab).await?;
                match header {
                    "upload-defer-length" => lab.needs(&["creation-defer-length"])?,
                    "upload-concat" => lab.needs(&["concatenation"])?,
                    "upload-checksum" => lab.needs(&["checksum"])?,
                    _ => {}
                }
                let answer = lab.send(preflight(&lab, &lab.endpoint().path, "PATCH", header)).await?;
                let found = names(&answer, "Access-Control-Allow-Headers");
                // The star does not stand for Authorization.
                let every = header != "authorization" && found.iter().any(|name| name == "*");
                ensure(every || found.iter().any(|name| name == header), || {
                    format!("expected {header} in Access-Control-Allow-Headers, got {found:?}")
                })
            },
        ));
    }
    cases.push(robust(
        "X6-on-upload",
        "A preflight of an upload's URL is answered like one of the endpoint.",
        |lab| async move {
            needs_cors(&lab).await?;
            let upload = lab.create(4).await?;
            let answer = lab
                .send(preflight(&lab, &upload.path, "PATCH", "tus-resumable,upload-offset,content-type"))
                .await?;
            answer.status(&[200, 204])?;
            readable(&answer)
        },
    ));
    cases.push(robust(
        "X6-on-unknown",
        "A preflight of an unknown upload succeeds: its 404 has to reach the page.",
        |lab| async move {
            needs_cors(&lab).await?;
            let unknown = lab.unknown().await?;
            let answer = lab.send(preflight(&lab, &unknown.path, "HEAD", "tus-resumable")).await?;
            answer.status(&[200, 204])?;
            readable(&answer)
        },
    ));
    cases.push(robust(
        "X6-vary",
        "Where the origin is echoed, the answer says Vary: Origin.",
        |lab| async move {
            needs_cors(&lab).await?;
            let upload = lab.create(4).await?;
            let answer = lab.send(lab.request("HEAD", &upload.path).header("Origin", ORIGIN)).await?;
            if answer.get("Access-Control-Allow-Origin") != Some(ORIGIN) {
                return skip("the origin is not echoed");
            }
            let found = names(&answer, "Vary");
            ensure(found.iter().any(|name| name == "origin" || name == "*"), || {
                format!("expected Origin in Vary, got {found:?}")
            })
        },
    ));
    cases
}
