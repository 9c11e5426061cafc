//! How many connections are open at once, in all and from each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::{Config, TrustedProxies};
use crate::http::{Admission, Peer};

/// Connections of crowded addresses that are told so at once; more are closed without a word.
const REFUSALS: usize = 64;

/// The places for connections. Clones are the same places.
#[derive(Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    peers: Arc<Peers>,
}

struct Peers {
    limit: Option<u32>,
    /// Proxies bring the connections of many.
    proxies: TrustedProxies,
    open: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection's place. Free again when it is dropped.
pub(super) struct Place {
    pub(super) admission: Admission,
    _in_all: OwnedSemaphorePermit,
    _of_peer: Option<PeerPlace>,
    _refusal: Option<OwnedSemaphorePermit>,
}

struct PeerPlace {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Places {
    /// `descriptors`: how many files the process may have open.
    pub(super) fn new(config: &Config, descriptors: Option<u64>) -> Self {
        let limits = &config.limits;
        let wanted = u64::from(limits.max_connections);
        // A connection with an upload has two files open, and the daemon needs a few for itself.
        let possible = descriptors.map_or(wanted, |open| (open.saturating_sub(64) / 2).max(1));
        if possible < wanted / 2 {
            tracing::warn!(
                wanted,
                possible,
                "the limit on open files allows far fewer connections than --max-connections; raise it (LimitNOFILE=)"
            );
        }
        let peers = Peers {
            limit: limits.max_connections_per_peer,
            proxies: config.trusted_proxies.clone(),
            open: Mutex::default(),
        };
        Self {
            all: Arc::new(Semaphore::new(usize::try_from(possible.min(wanted)).unwrap_or(usize::MAX))),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            peers: Arc::new(peers),
        }
    }

    /// Waits for a place: what can't be served waits in the kernel's queue, where it costs nothing.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// Takes a place for a connection that has come. `None`: it is not even told why.
    pub(super) fn take(&self, in_all: OwnedSemaphorePermit, peer: Peer) -> Option<Place> {
        let place = |admission, of_peer, refusal| {
            Some(Place { admission, _in_all: in_all, _of_peer: of_peer, _refusal: refusal })
        };
        match Peers::take(&self.peers, peer) {
            Ok(of_peer) => place(Admission::Welcome, of_peer, None),
            Err(Crowd) => {
                tracing::debug!(%peer, "too many connections from one address");
                let refusal = Arc::clone(&self.refusals).try_acquire_owned().ok()?;
                place(Admission::Crowded, None, Some(refusal))
            }
        }
    }
}

struct Crowd;

impl Peers {
    /// `Ok(None)`: this peer's connections are not counted. What comes from this machine is a proxy, or its owner.
    fn take(self: &Arc<Self>, peer: Peer) -> Result<Option<PeerPlace>, Crowd> {
        let (Some(limit), Peer::Ip(ip)) = (self.limit, peer) else { return Ok(None) };
        if ip.is_loopback() || self.proxies.contains(ip) {
            return Ok(None);
        }
        let address = network(ip);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= limit {
            return Err(Crowd);
        }
        *count += 1;
        Ok(Some(PeerPlace { peers: Arc::clone(self), address }))
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut open = self.peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// An IPv6 host has 2⁶⁴ addresses: what counts is its network.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Args;

    fn places(flags: &[&str]) -> Places {
        Places::new(&Config::from_args(Args::from_flags(flags)).unwrap(), None)
    }

    async fn take(places: &Places, peer: &str) -> Option<Place> {
        let permit = places.free().await.unwrap();
        places.take(permit, Peer::Ip(peer.parse().unwrap()))
    }

    #[tokio::test]
    async fn each_address_has_its_own_places_and_gets_them_back() {
        let places = places(&["--max-connections-per-peer", "2"]);
        let first = take(&places, "192.0.2.1").await.unwrap();
        let second = take(&places, "192.0.2.1").await.unwrap();
        assert_eq!([first.admission, second.admission], [Admission::Welcome; 2]);
        assert_eq!(take(&places, "192.0.2.1").await.unwrap().admission, Admission::Crowded);
        assert_eq!(take(&places, "192.0.2.2").await.unwrap().admission, Admission::Welcome);
        drop(first);
        assert_eq!(take(&places, "192.0.2.1").await.unwrap().admission, Admission::Welcome);
        drop(second);
        assert!(places.peers.open.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn an_ipv6_network_is_one_address() {
        let places = places(&["--max-connections-per-peer", "1"]);
        let _one = take(&places, "2001:db8::1").await.unwrap();
        assert_eq!(take(&places, "2001:db8::2").await.unwrap().admission, Admission::Crowded);
        assert_eq!(take(&places, "2001:db8:0:1::2").await.unwrap().admission, Admission::Welcome);
    }

    #[tokio::test]
    async fn this_machine_and_trusted_proxies_are_not_counted() {
        let places = places(&["--max-connections-per-peer", "1", "--trusted-proxy", "10.0.0.0/8"]);
        let mut held = Vec::new();
        for peer in ["127.0.0.1", "::1", "10.1.2.3"].into_iter().cycle().take(9) {
            let place = take(&places, peer).await.unwrap();
            assert_eq!(place.admission, Admission::Welcome, "{peer}");
            held.push(place);
        }
    }

    #[tokio::test]
    async fn a_crowd_that_is_told_so_is_bounded_too() {
        let places = places(&["--max-connections-per-peer", "1"]);
        let mut held = vec![take(&places, "192.0.2.1").await.unwrap()];
        for _ in 0..REFUSALS {
            held.push(take(&places, "192.0.2.1").await.unwrap());
        }
        assert!(take(&places, "192.0.2.1").await.is_none());
    }

    #[tokio::test]
    async fn the_limit_on_open_files_limits_connections() {
        let config = Config::from_args(Args::from_flags(&[])).unwrap();
        assert_eq!(Places::new(&config, Some(1024)).all.available_permits(), 480);
        assert_eq!(Places::new(&config, Some(1 << 20)).all.available_permits(), 10_000);
    }
}
