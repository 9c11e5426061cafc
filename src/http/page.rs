//! The browser page, from the binary itself: `public/dist` as it was when the binary was built.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
};
use http::{HeaderValue, Method, Response, StatusCode};
use rust_embed::RustEmbed;

use super::body::ResponseBody;
use super::respond::{Answer, Problem, empty};
use super::{App, Call};

#[derive(RustEmbed)]
#[folder = "public/dist"]
#[allow_missing = true]
struct Dist;

/// Nothing from elsewhere, nothing inline, nobody around us.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; \
     font-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

/// What `/` says when the page is not in the binary.
const WITHOUT_PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>resumed</title>\
    <h1>resumed is running</h1>\
    <p>This binary was built without the upload page. Uploads by tus and Resumable.js work all the same.</p>\
    <p>To get the page, install Node.js 20 or newer and build again with <code>make build</code>.</p></html>";

/// Whether the page has something at a path, in this binary or in one that is built with it.
pub(crate) fn has(path: &str) -> bool {
    const DOCUMENTS: [&str; 4] = ["/", "/config.json", "/index.html", "/resumable.html"];
    DOCUMENTS.contains(&path)
        || path.starts_with("/assets/")
        || Dist::get(path.trim_start_matches('/')).is_some()
}

/// Answers a request for the page or a part of it.
pub(super) fn answer(app: &App, call: &Call, path: &str) -> Result<Answer, Problem> {
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return match path {
            "/" => Err(Problem::method_not_allowed("GET, HEAD")),
            _ => Err(Problem::not_found()),
        };
    }
    match path {
        "/config.json" => Ok(document("application/json", config(app).into())),
        "/" => Ok(match Dist::get("index.html") {
            Some(file) => embedded("index.html", file, call),
            None => document("text/html; charset=utf-8", WITHOUT_PAGE.into()),
        }),
        _ => {
            let name = path.trim_start_matches('/');
            Dist::get(name).map(|file| embedded(name, file, call)).ok_or_else(Problem::not_found)
        }
    }
}

fn embedded(name: &str, file: rust_embed::EmbeddedFile, call: &Call) -> Answer {
    let hash: String =
        file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let etag = HeaderValue::try_from(format!("\"{hash}\"")).ok();
    let known = etag.is_some() && call.headers.get(IF_NONE_MATCH) == etag.as_ref();
    let mut answer = if known {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        document(media_type(name), file.data.into_owned().into())
    };
    let headers = answer.headers_mut();
    // Names below assets/ carry a hash of their contents.
    let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.extend(etag.map(|etag| (ETAG, etag)));
    answer
}

fn document(media_type: &str, body: ResponseBody) -> Answer {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.extend(HeaderValue::from_str(media_type).ok().map(|media_type| (CONTENT_TYPE, media_type)));
    answer
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// What the page has to know of this server.
fn config(app: &App) -> String {
    let config = &app.config;
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        // Seen from the page, so that they are right behind any proxy that puts a prefix in front of both.
        "tusEndpoint": format!(".{}", config.base_path.as_str()),
        "resumableEndpoint": config.resumable.path.as_ref().map(|path| format!(".{path}")),
        "publicUrl": config.public_url.as_ref().map(|public| format!("{}{}/", public.origin(), public.path_prefix())),
        "maxSize": config.max_size,
        "downloads": config.features.download,
        "termination": config.features.termination,
    })
    .to_string()
}
