//! The two places an upload's URL is made of: the path below which the daemon answers, and how the world calls it.

use std::{fmt, str::FromStr};

use super::Invalid;

/// `--base-path`: the path of the upload collection. It begins and ends with `/`; `/` alone is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// The path, with `/` on both sides.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the base path, if `path` lies below it; empty for the collection itself, which is also meant by
    /// the path without its last `/`.
    #[must_use]
    pub fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        match path.strip_prefix(self.0.as_str()) {
            Some(rest) => Some(rest),
            None => (self.0.strip_suffix('/') == Some(path)).then_some(""),
        }
    }
}

impl FromStr for BasePath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("is not a path; give / or a path such as /files/"));
        }
        Ok(Self(format!("{}/", normal_path(text)?)))
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path with a `/` in front and none at the end; empty for `/`.
///
/// A path is compared byte by byte with what clients send, so anything that has two spellings is refused: percent
/// signs, dot segments, doubled slashes.
fn normal_path(text: &str) -> Result<String, Invalid> {
    if text.contains(['?', '#']) {
        return Err(Invalid::new("holds a query or fragment; give only a path such as /files/"));
    }
    let inner = text.strip_prefix('/').unwrap_or(text);
    if inner.is_empty() {
        return Ok(String::new());
    }
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    for segment in inner.split('/') {
        if segment.is_empty() || segment == "." || segment == ".." {
            return Err(Invalid::new("has an empty, . or .. segment; give a path such as /files/"));
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
        if !segment.bytes().all(allowed) {
            return Err(Invalid::new(
                "holds a character that needs escaping; give a plain path such as /files/",
            ));
        }
    }
    Ok(format!("/{inner}"))
}

/// `--public-url`: scheme, host, port and perhaps a path in front of everything the daemon serves, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// Without a `/` at the end.
    url: String,
    /// Where in `url` the path begins.
    path_at: usize,
}

impl PublicUrl {
    /// The URL, without a `/` at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Scheme, host and port: `https://example.com`.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.url.split_at_checked(self.path_at).map_or("", |(origin, _)| origin)
    }

    /// The path that the proxy removes before it asks us: empty, or `/media` (no `/` at the end).
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        self.url.split_at_checked(self.path_at).map_or("", |(_, path)| path)
    }

    /// The absolute URL of something that is served at `path`, which begins with `/`.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl FromStr for PublicUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WRONG: Invalid = Invalid::new(
            "is not a public URL; give http:// or https:// with a host, such as https://up.example.com",
        );
        if text.contains(['?', '#']) {
            return Err(Invalid::new(
                "holds a query or fragment; give only a URL such as https://up.example.com",
            ));
        }
        let (scheme, rest) = text.split_once("://").ok_or(WRONG)?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return Err(WRONG);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(Invalid::new("holds a user name; every client would be told it, so leave it out"));
        }
        let host = Host::parse(authority).ok_or(WRONG)?;
        let origin = host.origin(&scheme);
        Ok(Self { path_at: origin.len(), url: origin + &normal_path(path)? })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// The part of a URL between `://` and the path, without user information.
pub(super) struct Host {
    /// A DNS name in lower case, an IPv4 address, or an IPv6 address in brackets.
    pub(super) name: String,
    pub(super) port: Option<u16>,
}

impl Host {
    pub(super) fn parse(authority: &str) -> Option<Self> {
        // A colon inside the brackets of an IPv6 address starts no port.
        let port_at = authority.rfind(':').filter(|&at| authority.rfind(']').is_none_or(|end| end < at));
        let (name, port) = match port_at.and_then(|at| authority.split_at_checked(at)) {
            Some((name, port)) => (name, Some(super::listen::parse_port(port.strip_prefix(':')?)?)),
            None => (authority, None),
        };
        let name = name.to_ascii_lowercase();
        let is_v6 = || {
            let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
            inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
        };
        let fits =
            super::listen::is_host_name(&name) || name.parse::<std::net::Ipv4Addr>().is_ok() || is_v6();
        fits.then_some(Self { name, port })
    }

    /// As browsers write an origin: the scheme's own port is left out.
    pub(super) fn origin(&self, scheme: &str) -> String {
        match (scheme, self.port) {
            ("http", Some(80)) | ("https", Some(443)) | (_, None) => format!("{scheme}://{}", self.name),
            (_, Some(port)) => format!("{scheme}://{}:{port}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_begin_and_end_with_a_slash() {
        for (text, path) in [
            ("/", "/"),
            ("files", "/files/"),
            ("/files", "/files/"),
            ("/files/", "/files/"),
            ("/api/v1.0/up", "/api/v1.0/up/"),
        ] {
            assert_eq!(text.parse::<BasePath>().unwrap().as_str(), path);
        }
        for text in
            ["", "/a?b", "/a#b", "//", "/a//b", "/a/../b", "/./a", "/a b", "/a%20b", "/é", "/{id}", "/a\0"]
        {
            assert!(text.parse::<BasePath>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_base_path_is_stripped_whole_or_not_at_all() {
        let base: BasePath = "/files/".parse().unwrap();
        assert_eq!(base.strip("/files/abc"), Some("abc"));
        assert_eq!(base.strip("/files/"), Some(""));
        assert_eq!(base.strip("/files"), Some(""));
        assert_eq!(base.strip("/filesystem"), None);
        assert_eq!(base.strip("/"), None);
        let root: BasePath = "/".parse().unwrap();
        assert_eq!(root.strip("/abc"), Some("abc"));
        assert_eq!(root.strip("/"), Some(""));
    }

    #[test]
    fn public_urls_are_origin_and_prefix() {
        let url: PublicUrl = "HTTPS://Up.Example.com:443/media/".parse().unwrap();
        assert_eq!(url.as_str(), "https://up.example.com/media");
        assert_eq!((url.origin(), url.path_prefix()), ("https://up.example.com", "/media"));
        assert_eq!(url.join("/files/abc"), "https://up.example.com/media/files/abc");
        let url: PublicUrl = "http://[::1]:8080".parse().unwrap();
        assert_eq!(url.join("/files/abc"), "http://[::1]:8080/files/abc");
        for text in [
            "",
            "example.com",
            "ftp://a",
            "https://",
            "https:///a",
            "https://a?b",
            "https://a#b",
            "https://me@a",
            "https://me:pw@a",
            "https://a:b",
            "https://a:99999",
            "https://a b",
            "https://a/b//c",
            "https://[::1",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }
}
