//! Whose upload a request is about, and which of theirs.

use http::header::COOKIE;
use http::{HeaderMap, StatusCode};

use super::errors::bad;
use super::params::Params;
use crate::config::Scope;
use crate::http::{App, Call, Problem};
use crate::upload::ClientKey;

/// Whose upload it is: the owner that the configured place of the request names, or else nobody; then the client's own
/// name for it, and the file's. That one is part of it because Resumable.js makes its identifiers of the size and of what
/// is left of the path without odd characters: to it, all names of two Chinese characters are one.
pub(super) fn key(app: &App, call: &Call, params: &Params) -> Result<ClientKey, Problem> {
    let identifier = params.identifier();
    if identifier.is_empty() {
        return Err(bad(format!("the parameter {} is missing", params.spell("Identifier"))));
    }
    // Other people's uploads are not even in the way.
    let owner = call.uploads.owner().map(|owner| ["owned", owner.as_str()]);
    let file = [identifier, params.folder(), params.file_name()];
    let file: Vec<&str> = owner.into_iter().flatten().chain(file).collect();
    let Some(scope) = &app.config.resumable.scope else {
        let size = params.total_size();
        return Ok(ClientKey::new(["", size.as_str()].into_iter().chain(file)));
    };
    let owner = match scope {
        Scope::Header(name) => call.headers.get(name.as_str()).map(|value| Owner::of(value.as_bytes())),
        Scope::Cookie(name) => cookie(&call.headers, name).map(Owner::of),
        Scope::Query(name) => in_query(&call.query, name),
    };
    match owner.filter(|owner| !owner.text.is_empty()) {
        Some(owner) => Ok(ClientKey::new([owner.kind, owner.text.as_str()].into_iter().chain(file))),
        None => {
            let place = match scope {
                Scope::Header(name) => format!("the header {name}"),
                Scope::Cookie(name) => format!("the cookie {name}"),
                Scope::Query(name) => format!("the query parameter {name}"),
            };
            let message = format!("the request must say whose it is in {place}");
            Err(Problem::new(StatusCode::FORBIDDEN, "ERR_NO_SCOPE", message))
        }
    }
}

/// Who it is, as text, and what sort of text: no two of them are the same.
#[derive(Debug, PartialEq, Eq)]
struct Owner {
    kind: &'static str,
    text: String,
}

impl Owner {
    /// Applications write names into headers in the bytes that they like; to refuse some would end the file.
    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { kind: "owner", text: text.to_owned() },
            Err(_) => {
                let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                Self { kind: "owner in bytes", text: hex }
            }
        }
    }
}

/// The cookie's value. It is looked for among bytes, because the others are anybody's.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let all = headers.get_all(COOKIE).iter().flat_map(|list| list.as_bytes().split(|byte| *byte == b';'));
    all.map(<[u8]>::trim_ascii).find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// A parameter of somebody else's. Decoding makes one and the same character of all bytes that are no text; then it is
/// kept as it was sent.
fn in_query(query: &str, name: &str) -> Option<Owner> {
    query.split('&').find_map(|pair| {
        let (_, value) = form_urlencoded::parse(pair.as_bytes()).find(|(known, _)| known == name)?;
        if value.contains(char::REPLACEMENT_CHARACTER) {
            let (_, as_sent) = pair.split_once('=')?;
            return Some(Owner { kind: "owner as sent", text: as_sent.to_owned() });
        }
        Some(Owner { kind: "owner", text: value.into_owned() })
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_of_any_bytes() {
        let mut headers = HeaderMap::new();
        for list in [&b"sidx=1; name=J\xf6rg"[..], b" a=b;sid=a=\xffb ;sid=2"] {
            headers.append(COOKIE, HeaderValue::from_bytes(list).unwrap());
        }
        assert_eq!(cookie(&headers, "sid"), Some(&b"a=\xffb"[..]));
        assert_eq!(cookie(&headers, "name"), Some(&b"J\xf6rg"[..]));
        assert_eq!(cookie(&headers, "si"), None);
    }

    #[test]
    fn two_people_are_never_one() {
        let owners = [
            Owner::of(b"J\xf6rg"),
            Owner::of(b"J\xfcrg"),
            Owner::of("Jörg".as_bytes()),
            Owner::of(b"4af67267"),
            in_query("a=1&who=J%F6rg", "who").unwrap(),
            in_query("who=J%FCrg&who=x", "who").unwrap(),
            in_query("who=J%25FCrg", "who").unwrap(),
            in_query("who=J%EF%BF%BDrg", "who").unwrap(),
        ];
        for (n, owner) in owners.iter().enumerate() {
            assert!(owners[..n].iter().all(|other| other != owner), "{owner:?}");
        }
        assert_eq!(in_query("a=1&who=J%C3%B6rg", "who"), Some(Owner::of("Jörg".as_bytes())));
    }
}
