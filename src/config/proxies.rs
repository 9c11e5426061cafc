//! Whose forwarded headers are believed.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};

use super::Invalid;

/// One value of `--trusted-proxy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedPeer {
    /// The peers whose address lies in this network.
    Net(IpNet),
    /// Every peer of a Unix socket: who may open it is up to the file system.
    Unix,
}

impl FromStr for TrustedPeer {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| {
                Invalid::new("is not a network; give one such as 10.0.0.0/8, an IP address, or unix")
            })?,
        };
        Ok(Self::Net(unmapped(net.trunc())))
    }
}

impl fmt::Display for TrustedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) => net.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// IPv4 networks written as IPv6 (`::ffff:10.0.0.0/104`) become what they are.
fn unmapped(net: IpNet) -> IpNet {
    if let IpNet::V6(v6) = net
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(prefix) = v6.prefix_len().checked_sub(96)
        && let Ok(v4) = Ipv4Net::new(v4, prefix)
    {
        return IpNet::V4(v4);
    }
    net
}

/// The peers whose `Forwarded` and `X-Forwarded-*` headers are believed; empty: nobody's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    nets: Vec<IpNet>,
    /// Whether the peers of Unix sockets are believed.
    pub unix: bool,
}

impl TrustedProxies {
    /// Whether the peer with this address is believed.
    ///
    /// A socket that serves both IP versions names its IPv4 peers `::ffff:a.b.c.d`; they are IPv4 addresses here too.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.nets.iter().any(|net| net.contains(&peer))
    }
}

impl FromIterator<TrustedPeer> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = TrustedPeer>>(peers: I) -> Self {
        let mut trusted = Self::default();
        for peer in peers {
            match peer {
                TrustedPeer::Net(net) => trusted.nets.push(net),
                TrustedPeer::Unix => trusted.unix = true,
            }
        }
        // `::/0` is meant as "everybody", and an IPv4 peer would otherwise be nobody.
        if trusted.nets.iter().any(|net| matches!(net, IpNet::V6(_)) && net.prefix_len() == 0) {
            trusted.nets.push(IpNet::from(Ipv4Net::default()));
        }
        trusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(peers: &[&str]) -> TrustedProxies {
        peers.iter().map(|peer| peer.parse::<TrustedPeer>().unwrap()).collect()
    }

    #[test]
    fn networks_and_single_addresses() {
        let proxies = trusted(&["10.1.2.3/8", "192.0.2.7", "fd00::/8"]);
        for (peer, believed) in [
            ("10.255.0.1", true),
            ("::ffff:10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("fd12::1", true),
            ("::1", false),
        ] {
            assert_eq!(proxies.contains(peer.parse().unwrap()), believed, "{peer}");
        }
        assert!(!proxies.unix);
    }

    #[test]
    fn unix_is_a_word_of_its_own() {
        let proxies = trusted(&["unix"]);
        assert!(proxies.unix);
        assert!(!proxies.contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn mapped_networks_hold_plain_addresses() {
        assert!(trusted(&["::ffff:10.0.0.0/104"]).contains("10.9.8.7".parse().unwrap()));
        assert!(trusted(&["::/0"]).contains("10.9.8.7".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "localhost", "*", "unix:/run/x", "fd00::/129"] {
            assert!(text.parse::<TrustedPeer>().is_err(), "{text}");
        }
    }
}
