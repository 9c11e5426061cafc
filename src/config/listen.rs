//! Where the daemon listens.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::{ConfigError, Invalid};

/// What the path of a Unix socket may have at most: `sun_path` holds 108 bytes with the final NUL.
const LONGEST_SOCKET_PATH: usize = 107;

/// One address of `--listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddr {
    /// An IP address and a TCP port; port 0 lets the system choose one.
    Tcp(SocketAddr),
    /// A host name, looked up when the listener is opened, and a TCP port.
    Host {
        /// The name, without port.
        name: String,
        /// The TCP port; 0 lets the system choose one.
        port: u16,
    },
    /// The path of a Unix stream socket.
    Unix(PathBuf),
}

/// One address of `--admin-listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminAddr {
    /// Wherever uploads are taken, too.
    Same,
    /// There alone.
    At(ListenAddr),
}

/// Where those are served who watch over the daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminConfig {
    /// Listeners of their own.
    pub listen: Vec<ListenAddr>,
    /// They are answered wherever uploads are taken, too.
    pub same: bool,
}

impl AdminConfig {
    pub(super) fn check(addresses: Vec<AdminAddr>, uploads: &[ListenAddr]) -> Result<Self, ConfigError> {
        let same = addresses.contains(&AdminAddr::Same);
        let listen: Vec<ListenAddr> = addresses
            .into_iter()
            .filter_map(|address| match address {
                AdminAddr::At(address) => Some(address),
                AdminAddr::Same => None,
            })
            .collect();
        let taken = listen.iter().find(|address| uploads.iter().any(|other| other.collides_with(address)));
        if let Some(address) = taken {
            let problem = format!("uploads are taken at \"{address}\"; give another address, or same");
            return Err(ConfigError { flag: "admin-listen", problem });
        }
        Ok(Self { listen: super::check_listen(listen, "admin-listen")?, same })
    }
}

impl FromStr for AdminAddr {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "same" { Ok(Self::Same) } else { text.parse().map(Self::At) }
    }
}

impl ListenAddr {
    /// Whether opening both of them must fail, because they are one and the same place.
    #[must_use]
    pub fn collides_with(&self, other: &Self) -> bool {
        let chosen_by_the_system = matches!(self, Self::Tcp(address) if address.port() == 0)
            || matches!(self, Self::Host { port: 0, .. });
        self == other && !chosen_by_the_system
    }
}

impl FromStr for ListenAddr {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some(path) = text.strip_prefix("unix:") {
            return parse_socket_path(path);
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::Tcp(address));
        }
        text.rsplit_once(':')
            .filter(|(name, _)| is_host_name(name))
            .and_then(|(name, port)| Some(Self::Host { name: name.to_ascii_lowercase(), port: parse_port(port)? }))
            .ok_or(Invalid::new(
                "is not an address; give IP:PORT such as 0.0.0.0:8080 or [::1]:8080, HOST:PORT, or unix:/PATH",
            ))
    }
}

fn parse_socket_path(path: &str) -> Result<ListenAddr, Invalid> {
    if path.is_empty() {
        return Err(Invalid::new("lacks the path; give one such as unix:/run/resumed.sock"));
    }
    if path.len() > LONGEST_SOCKET_PATH {
        return Err(Invalid::new("is too long for a socket; the system allows paths of at most 107 bytes"));
    }
    if path.contains('\0') {
        return Err(Invalid::new("holds a NUL character; give a path such as unix:/run/resumed.sock"));
    }
    Ok(ListenAddr::Unix(Path::new(path).to_path_buf()))
}

/// A port in plain digits: `u16::from_str` alone would also take `+8080`.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Whether this can be a DNS name. What looks like an IPv4 address but is none (`300.1.1.1`, `1.2.3`) is not: it would
/// only fail later, in the resolver, with a message that helps nobody.
pub(super) fn is_host_name(name: &str) -> bool {
    let labels_fit = name.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    });
    let looks_like_ip =
        name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    labels_fit && !looks_like_ip && name.len() <= 253
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Host { name, port } => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ListenAddr {
        text.parse().unwrap()
    }

    #[test]
    fn three_kinds_of_address() {
        assert_eq!(parse("127.0.0.1:8080"), ListenAddr::Tcp("127.0.0.1:8080".parse().unwrap()));
        assert_eq!(parse("[::1]:8080"), ListenAddr::Tcp("[::1]:8080".parse().unwrap()));
        assert_eq!(parse("LocalHost:80"), ListenAddr::Host { name: "localhost".into(), port: 80 });
        assert_eq!(parse("unix:/run/resumed.sock"), ListenAddr::Unix("/run/resumed.sock".into()));
        for text in ["127.0.0.1:8080", "[::1]:0", "up.example.com:443", "unix:run/socket"] {
            assert_eq!(parse(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("unix:/{}", "x".repeat(107));
        for text in [
            "",
            "8080",
            ":8080",
            "127.0.0.1",
            "localhost",
            "::1:8080",
            "[::1]",
            "300.1.1.1:80",
            "1.2.3:80",
            "host:70000",
            "host:+80",
            "host:",
            "a b:80",
            "http://localhost:8080",
            "-a:80",
            "a..b:80",
            "unix:",
            &long,
        ] {
            assert!(text.parse::<ListenAddr>().is_err(), "{text}");
        }
    }

    #[test]
    fn equal_addresses_collide_unless_the_system_chooses_the_port() {
        assert!(parse("[::1]:80").collides_with(&parse("[0:0::1]:80")));
        assert!(parse("localhost:80").collides_with(&parse("LOCALHOST:80")));
        assert!(parse("unix:/a").collides_with(&parse("unix:/a")));
        assert!(!parse("127.0.0.1:0").collides_with(&parse("127.0.0.1:0")));
        assert!(!parse("127.0.0.1:80").collides_with(&parse("127.0.0.1:81")));
    }
}
