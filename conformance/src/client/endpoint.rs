//! The creation endpoint's URL, and how a `Location` is resolved against it.

/// Where the server is: everything is sent to this address, whatever host a `Location` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Host and port as they stand in the URL: the `Host` header's value.
    pub(crate) authority: String,
    /// What to connect to: `host:port`.
    pub(crate) address: String,
    /// Path and query of the creation endpoint.
    pub(crate) path: String,
}

impl Endpoint {
    /// Takes an `http://` URL apart.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://")) {
            return Err("https is not supported: give the http:// address behind the TLS proxy".into());
        }
        let rest = match url.get(..7) {
            Some(start) if start.eq_ignore_ascii_case("http://") => url.get(7..).unwrap_or_default(),
            _ => return Err(format!("{url:?} is not an http:// URL")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(cut);
        if authority.is_empty() || authority.contains('@') || authority.contains(char::is_whitespace) {
            return Err(format!("{url:?} has no usable host (user names in it are not supported)"));
        }
        let after_host = authority.rsplit(']').next().unwrap_or_default();
        let address = match after_host.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
            Some(_) => return Err(format!("{url:?} has a malformed port")),
            None => format!("{authority}:80"),
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { authority: authority.to_owned(), address, path })
    }

    /// The path that a reference (absolute, path-absolute or relative) names, seen from the endpoint.
    pub(crate) fn resolve(&self, reference: &str) -> String {
        if let Some((_, rest)) = reference.split_once("://") {
            return match rest.find('/') {
                Some(cut) => rest.get(cut..).unwrap_or("/").to_owned(),
                None => "/".to_owned(),
            };
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return rest.find('/').and_then(|cut| rest.get(cut..)).unwrap_or("/").to_owned();
        }
        if reference.starts_with('/') {
            return reference.to_owned();
        }
        let base = self.path.split('?').next().unwrap_or("/");
        let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut segments: Vec<&str> = folder.split('/').skip(1).collect();
        for segment in reference.split('/') {
            match segment {
                "." => {}
                ".." => {
                    segments.pop();
                }
                other => segments.push(other),
            }
        }
        format!("/{}", segments.join("/"))
    }

    /// The absolute URL of a path on this server.
    pub(crate) fn absolute(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_urls_apart() {
        let endpoint = Endpoint::parse("http://127.0.0.1:8080/files/").unwrap();
        assert_eq!(endpoint.authority, "127.0.0.1:8080");
        assert_eq!(endpoint.address, "127.0.0.1:8080");
        assert_eq!(endpoint.path, "/files/");
        let plain = Endpoint::parse("HTTP://example.org").unwrap();
        assert_eq!((plain.address.as_str(), plain.path.as_str()), ("example.org:80", "/"));
        let six = Endpoint::parse("http://[::1]:90/a?b#c").unwrap();
        assert_eq!((six.address.as_str(), six.path.as_str()), ("[::1]:90", "/a?b"));
        assert_eq!(Endpoint::parse("http://[::1]/").unwrap().address, "[::1]:80");
    }

    #[test]
    fn refuses_what_it_cannot_speak() {
        assert!(Endpoint::parse("https://example.org/").unwrap_err().contains("https"));
        for bad in ["example.org/files", "http://", "http://user@host/", "http://host:port/", "ftp://host/"] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resolves_every_kind_of_location() {
        let endpoint = Endpoint::parse("http://localhost:1/files/?x=1").unwrap();
        assert_eq!(endpoint.resolve("http://other:9/files/a"), "/files/a");
        assert_eq!(endpoint.resolve("//other/files/a"), "/files/a");
        assert_eq!(endpoint.resolve("/b/c"), "/b/c");
        assert_eq!(endpoint.resolve("abc"), "/files/abc");
        assert_eq!(endpoint.resolve("./abc"), "/files/abc");
        assert_eq!(endpoint.resolve("../abc"), "/abc");
        assert_eq!(Endpoint::parse("http://h/files").unwrap().resolve("files/abc"), "/files/abc");
    }
}
