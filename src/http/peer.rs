//! Who is at the other end, and under which address it reached us.
//!
//! `Forwarded` (RFC 7239) and `X-Forwarded-*` are believed from trusted proxies only: from anybody else they would let a
//! client choose what the daemon takes for its own address.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::header::{FORWARDED, HOST};
use http::uri::Authority;
use http::{HeaderMap, Uri};

use crate::config::{Config, TrustedProxies};
use crate::upload::{Client, UploadId};

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP.
    Ip(IpAddr),
    /// Over a unix socket.
    Unix,
}

impl Peer {
    fn is_trusted(self, proxies: &TrustedProxies) -> bool {
        match self {
            Self::Ip(ip) => proxies.contains(ip),
            Self::Unix => proxies.unix,
        }
    }
}

/// Who is to be limited for a request: the address that it comes from, or that a trusted proxy says it came from. `None`:
/// nobody, because it comes from this machine or from a proxy that does not say.
pub(super) fn client(peer: Peer, headers: &HeaderMap, proxies: &TrustedProxies) -> Option<Client> {
    let address = match peer {
        Peer::Ip(ip) if !peer.is_trusted(proxies) => (!ip.is_loopback()).then_some(ip)?,
        Peer::Unix if !proxies.unix => return None,
        // From the inside: what stands before the first that is not ours may be anybody's invention, and so is all that
        // stands before what can't be read.
        Peer::Ip(_) | Peer::Unix => {
            let lists = headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or("?"));
            let hops: Vec<&str> = lists.flat_map(|list| list.split(',')).collect();
            let mut nearest = None;
            for hop in hops.into_iter().rev() {
                let Some(ip) = hop_address(hop.trim()) else { break };
                nearest = Some(ip);
                if !proxies.contains(ip) {
                    break;
                }
            }
            nearest?
        }
    };
    Some(Client::Address(network(address)))
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(ip.to_canonical())
}

/// What counts for limits: an IPv6 host has 2⁶⁴ addresses, so it is its network.
#[must_use]
pub fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// How the client reached us, as far as we know and believe it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// `Host` or `:authority`.
    host: Option<String>,
    /// What trusted proxies say of the scheme.
    proto: Option<String>,
    /// What trusted proxies say of the host.
    forwarded_host: Option<String>,
    /// The path that a trusted proxy took off.
    prefix: String,
}

impl Reached {
    /// Reads a request's head.
    #[must_use]
    pub fn read(peer: Peer, uri: &Uri, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let host =
            uri.authority().map(ToString::to_string).or_else(|| text(headers, HOST.as_str()).and_then(host));
        if !peer.is_trusted(proxies) {
            return Self { host, ..Self::default() };
        }
        let forwarded = |key| forwarded_value(headers, key);
        Self {
            host,
            proto: forwarded("proto")
                .or_else(|| text(headers, "x-forwarded-proto").map(str::to_owned))
                .and_then(proto),
            forwarded_host: forwarded("host")
                .or_else(|| text(headers, "x-forwarded-host").map(str::to_owned))
                .and_then(|value| self::host(&value)),
            prefix: text(headers, "x-forwarded-prefix").and_then(prefix).unwrap_or_default(),
        }
    }

    /// The `Location` of an upload: path-absolute, which every client in use resolves and every proxy survives, unless
    /// the configuration or a trusted proxy tells the whole address.
    #[must_use]
    pub fn location(&self, config: &Config, id: UploadId) -> String {
        let path = format!("{}{id}", config.base_path.as_str());
        if let Some(public) = &config.public_url {
            return public.join(&path);
        }
        match (&self.proto, self.forwarded_host.as_ref().or(self.host.as_ref())) {
            (Some(proto), Some(host)) => format!("{proto}://{host}{}{path}", self.prefix),
            _ => format!("{}{path}", self.prefix),
        }
    }

    /// The upload that a URL of the client's names: absolute on one of our addresses, or a path. `None`: it is not ours.
    #[must_use]
    pub fn resolve(&self, config: &Config, url: &str) -> Option<UploadId> {
        let path = match url.split_once("://") {
            Some(("http" | "https", rest)) => {
                let (authority, path) = rest.split_once('/')?;
                self.is_ours(config, authority).then(|| format!("/{path}"))?
            }
            Some(_) => return None,
            None => url.to_owned(),
        };
        let prefixes =
            [config.public_url.as_ref().map_or("", |public| public.path_prefix()), &self.prefix, ""];
        let inside = prefixes
            .iter()
            .filter_map(|prefix| path.strip_prefix(prefix))
            .find_map(|path| config.base_path.strip(path));
        // A relative URL is resolved against the collection, as a browser would.
        let id = inside.or_else(|| (!path.starts_with('/')).then_some(path.as_str()))?;
        UploadId::parse(id).ok()
    }

    fn is_ours(&self, config: &Config, authority: &str) -> bool {
        let public =
            config.public_url.as_ref().and_then(|url| url.origin().split_once("://")).map(|(_, host)| host);
        [self.host.as_deref(), self.forwarded_host.as_deref(), public]
            .into_iter()
            .flatten()
            .any(|ours| without_default_port(ours).eq_ignore_ascii_case(without_default_port(authority)))
    }
}

/// Scheme and port may have changed on the way through proxies; `example.com:443` is `example.com` all the same.
fn without_default_port(authority: &str) -> &str {
    authority.strip_suffix(":443").or_else(|| authority.strip_suffix(":80")).unwrap_or(authority)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    // The first in a list is what the outermost proxy saw.
    headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim)
}

fn forwarded_value(headers: &HeaderMap, key: &str) -> Option<String> {
    let element = text(headers, FORWARDED.as_str())?;
    let value = element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case(key).then_some(value)
    })?;
    Some(value.trim_matches('"').to_owned())
}

fn proto(value: String) -> Option<String> {
    let value = value.to_ascii_lowercase();
    matches!(value.as_str(), "http" | "https").then_some(value)
}

fn host(value: &str) -> Option<String> {
    let authority = value.parse::<Authority>().ok()?;
    (!authority.as_str().contains('@')).then(|| authority.to_string())
}

fn prefix(value: &str) -> Option<String> {
    let value = value.trim_end_matches('/');
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte));
    (value.starts_with('/') && !value.starts_with("//") && !value.contains("..") && plain)
        .then(|| value.to_owned())
}
