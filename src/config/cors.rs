//! Which pages of other origins may use the daemon from a browser.

use std::{fmt, str::FromStr};

use super::{Invalid, url::Host};

/// One value of `--cors-origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`: every origin.
    Any,
    /// This one origin, as browsers write it (lower case, the scheme's own port left out).
    Exact(String),
    /// `https://*.example.com`: one or more labels in place of the `*`.
    SubDomains {
        /// What stands before the labels: `https://`.
        prefix: String,
        /// What stands after them: `.example.com`, perhaps with a port.
        suffix: String,
    },
}

impl OriginPattern {
    /// Whether the value of an `Origin` header fits. The whole of it has to: `https://a.example.com.evil.net` does not
    /// fit `https://*.example.com`.
    #[must_use]
    pub fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact.eq_ignore_ascii_case(origin),
            Self::SubDomains { prefix, suffix } => {
                let origin = origin.to_ascii_lowercase();
                let labels =
                    origin.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_suffix(suffix.as_str()));
                labels.is_some_and(|labels| labels.split('.').all(is_label))
            }
        }
    }
}

/// Labels are letters, digits, `-` and `_` only, so that nothing which ends a host (`/`, `:`, `@`, `#`) can hide in one.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl FromStr for OriginPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WRONG: Invalid = Invalid::new(
            "is not an origin; give scheme, host and port only, such as https://example.com or https://*.example.com, or *",
        );
        if text == "*" {
            return Ok(Self::Any);
        }
        let (scheme, authority) = text.split_once("://").ok_or(WRONG)?;
        let scheme = scheme.to_ascii_lowercase();
        // Not only http and https: pages inside mobile apps have origins such as capacitor://localhost.
        let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !scheme_fits {
            return Err(WRONG);
        }
        let pattern = authority.strip_prefix("*.");
        let host = Host::parse(pattern.unwrap_or(authority)).ok_or(WRONG)?;
        let origin = host.origin(&scheme);
        if pattern.is_none() {
            return Ok(Self::Exact(origin));
        }
        // Addresses have no sub-domains.
        if host.name.starts_with('[') || host.name.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(WRONG);
        }
        let prefix = format!("{scheme}://");
        let suffix = format!(".{}", origin.strip_prefix(&prefix).ok_or(WRONG)?);
        Ok(Self::SubDomains { prefix, suffix })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(origin) => f.write_str(origin),
            Self::SubDomains { prefix, suffix } => write!(f, "{prefix}*{suffix}"),
        }
    }
}

/// What browsers are told about other origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsPolicy {
    /// Who may ask; [`OriginPattern::Any`] never stands beside others.
    pub origins: Vec<OriginPattern>,
    /// Whether cookies and HTTP authentication may come along; never together with [`OriginPattern::Any`].
    pub credentials: bool,
}

impl CorsPolicy {
    /// Whether a page of this origin may ask. `origin` is the value of the `Origin` header.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|pattern| pattern.matches(origin))
    }

    /// Whether every origin may ask, so that answers need not depend on who does.
    #[must_use]
    pub fn allows_any(&self) -> bool {
        self.origins.contains(&OriginPattern::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(origins: &[&str]) -> CorsPolicy {
        CorsPolicy { origins: origins.iter().map(|text| text.parse().unwrap()).collect(), credentials: false }
    }

    #[test]
    fn origins_fit_as_a_whole() {
        let policy = policy(&[
            "https://example.com",
            "https://*.example.com",
            "http://*.test:8080",
            "app://localhost",
        ]);
        for (origin, allowed) in [
            ("https://example.com", true),
            ("HTTPS://EXAMPLE.COM", true),
            ("https://a.example.com", true),
            ("https://a.b.example.com", true),
            ("http://a.test:8080", true),
            ("app://localhost", true),
            ("http://example.com", false),
            ("https://example.com:8443", false),
            ("https://example.com.evil.net", false),
            ("https://a.example.com.evil.net", false),
            ("https://evilexample.com", false),
            ("https://.example.com", false),
            ("https://a..example.com", false),
            ("https://evil.net/.example.com", false),
            ("https://evil.net#.example.com", false),
            ("https://me@a.example.com", false),
            ("https://evil.net:1.example.com", false),
            ("http://a.test", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(policy.allows(origin), allowed, "{origin}");
        }
        assert!(!policy.allows_any());
    }

    #[test]
    fn the_star_alone_is_everybody() {
        let policy = policy(&["*"]);
        assert!(policy.allows_any());
        assert!(policy.allows("https://anything.example") && policy.allows("null"));
    }

    #[test]
    fn origins_are_kept_as_browsers_write_them() {
        for (text, kept) in [
            ("HTTPS://Example.com:443", "https://example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://*.Example.com:443", "https://*.example.com"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(text.parse::<OriginPattern>().unwrap().to_string(), kept);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "example.com",
            "https://",
            "https://example.com/",
            "https://example.com/a",
            "https://a.*.com",
            "https://*",
            "https://*example.com",
            "*://example.com",
            "https://me@example.com",
            "https://*.1.2.3.4",
            "https://*.[::1]",
            "null",
            "https://exa mple.com",
        ] {
            assert!(text.parse::<OriginPattern>().is_err(), "{text}");
        }
    }
}
