//! How many connections are open at once, in all and from each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::{Config, TrustedProxies};
use crate::http::{Admission, Peer, network};

/// Connections of crowded addresses that are told so at once; more are closed without a word.
const REFUSALS: usize = 64;

/// Places of those who watch, and of the admin's commands.
const FOR_ADMIN: u32 = 64;

/// The places for connections. Clones are the same places.
#[derive(Clone)]
pub(super) struct Places {
    all: Arc<All>,
    refusals: Arc<Semaphore>,
    peers: Arc<Peers>,
    open: Gauge,
}

/// The places in all.
struct All {
    free: Arc<Semaphore>,
    number: Mutex<Number>,
    /// How many the process could have.
    possible: usize,
    /// Each listener holds the place that its next connection will take.
    listeners: usize,
}

struct Number {
    places: usize,
    /// Places that are taken and will not come back, because there are fewer of them by now.
    too_many: usize,
}

/// A place that nobody has taken yet.
pub(super) struct Free {
    permit: Option<OwnedSemaphorePermit>,
    all: Arc<All>,
}

struct Peers {
    limits: ArcSwap<PeerLimits>,
    open: Mutex<HashMap<IpAddr, u32>>,
}

struct PeerLimits {
    limit: Option<u32>,
    /// Proxies bring the connections of many.
    proxies: TrustedProxies,
}

/// A connection's place. Free again when it is dropped.
pub(super) struct Place {
    pub(super) admission: Admission,
    _in_all: Free,
    _of_peer: Option<PeerPlace>,
    _refusal: Option<OwnedSemaphorePermit>,
    open: Gauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.dec();
    }
}

struct PeerPlace {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl All {
    fn number(&self) -> MutexGuard<'_, Number> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has this many places from now on. Nobody loses his.
    fn set(&self, wanted: u32) {
        let wanted_here = usize::try_from(wanted).unwrap_or(usize::MAX);
        if self.possible < wanted_here / 2 {
            tracing::warn!(
                wanted,
                possible = self.possible,
                "the limit on open files allows far fewer connections than --max-connections; raise it (LimitNOFILE=)"
            );
        }
        let places = self.possible.min(wanted_here) + self.listeners.saturating_sub(1);
        let mut number = self.number();
        if places > number.places {
            let more = places - number.places;
            let kept = more.min(number.too_many);
            number.too_many -= kept;
            self.free.add_permits(more - kept);
        } else {
            let fewer = number.places - places;
            number.too_many += fewer - self.free.forget_permits(fewer);
        }
        number.places = places;
    }
}

impl Drop for Free {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let mut number = self.all.number();
        if number.too_many > 0 {
            number.too_many -= 1;
            permit.forget();
        }
    }
}

impl Places {
    /// `descriptors`: how many files the process may have open. `listeners`: from how many sides connections come.
    pub(super) fn new(config: &Config, descriptors: Option<u64>, listeners: usize) -> Self {
        // A connection with an upload has two files open, and the daemon needs a few for itself.
        let possible = descriptors.map_or(u64::MAX, |open| (open.saturating_sub(64) / 2).max(1));
        let all = All {
            free: Arc::new(Semaphore::new(0)),
            number: Mutex::new(Number { places: 0, too_many: 0 }),
            possible: usize::try_from(possible).unwrap_or(usize::MAX),
            listeners,
        };
        all.set(config.limits.max_connections);
        Self::of(all, config)
    }

    /// The admin's own: he comes when there are no others left.
    pub(super) fn for_admin(config: &Config, listeners: usize) -> Self {
        let number = Mutex::new(Number { places: 0, too_many: 0 });
        let all = All { free: Arc::new(Semaphore::new(0)), number, possible: usize::MAX, listeners };
        all.set(FOR_ADMIN);
        Self::of(all, config)
    }

    fn of(all: All, config: &Config) -> Self {
        let peers = Peers { limits: ArcSwap::from_pointee(PeerLimits::of(config)), open: Mutex::default() };
        Self {
            all: Arc::new(all),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            peers: Arc::new(peers),
            open: Gauge::default(),
        }
    }

    /// Keeps to these limits from now on.
    pub(super) fn set_limits(&self, config: &Config) {
        self.all.set(config.limits.max_connections);
        self.peers.limits.store(Arc::new(PeerLimits::of(config)));
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> Gauge {
        self.open.clone()
    }

    /// Waits for a place: what can't be served waits in the kernel's queue, where it costs nothing.
    pub(super) async fn free(&self) -> Free {
        match Arc::clone(&self.all.free).acquire_owned().await {
            Ok(permit) => Free { permit: Some(permit), all: Arc::clone(&self.all) },
            // Only a semaphore that was closed says so, and nobody closes this one.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes a place for a connection that has come. `None`: it is not even told why.
    pub(super) fn take(&self, in_all: Free, peer: Peer) -> Option<Place> {
        let place = |admission, of_peer, refusal| {
            let open = self.open.clone();
            open.inc();
            Some(Place { admission, _in_all: in_all, _of_peer: of_peer, _refusal: refusal, open })
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

impl PeerLimits {
    fn of(config: &Config) -> Self {
        Self { limit: config.limits.max_connections_per_peer, proxies: config.trusted_proxies.clone() }
    }
}

struct Crowd;

impl Peers {
    /// `Ok(None)`: this peer's connections are not counted. What comes from this machine is a proxy, or its owner.
    fn take(self: &Arc<Self>, peer: Peer) -> Result<Option<PeerPlace>, Crowd> {
        let limits = self.limits.load();
        let (Some(limit), Peer::Ip(ip)) = (limits.limit, peer) else { return Ok(None) };
        if ip.is_loopback() || limits.proxies.contains(ip) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Args;

    fn places(flags: &[&str]) -> Places {
        Places::new(&Config::from_args(Args::from_flags(flags)).unwrap(), None, 1)
    }

    async fn take(places: &Places, peer: &str) -> Option<Place> {
        let permit = places.free().await;
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
        assert_eq!(Places::new(&config, Some(1024), 1).all.free.available_permits(), 480);
        assert_eq!(Places::new(&config, Some(1 << 20), 1).all.free.available_permits(), 10_000);
    }

    #[tokio::test]
    async fn the_number_of_places_can_change_and_nobody_loses_his() {
        let config = |n: &str| Config::from_args(Args::from_flags(&["--max-connections", n])).unwrap();
        let places = Places::new(&config("3"), None, 1);
        let mut taken = vec![places.free().await, places.free().await, places.free().await];
        let available = || places.all.free.available_permits();
        places.set_limits(&config("1"));
        taken.pop();
        taken.pop();
        assert_eq!(available(), 0, "one is taken and one is all");
        places.set_limits(&config("2"));
        assert_eq!(available(), 1);
        taken.push(places.free().await);
        places.set_limits(&config("1"));
        places.set_limits(&config("4"));
        assert_eq!(available(), 2);
        taken.clear();
        assert_eq!(available(), 4);
        places.set_limits(&config("2"));
        assert_eq!(available(), 2);
    }

    #[tokio::test]
    async fn every_listener_serves_however_few_places_there_are() {
        let config = Config::from_args(Args::from_flags(&["--max-connections", "1"])).unwrap();
        let places = Places::new(&config, None, 2);
        let _of_the_first = places.free().await;
        let _of_the_second = places.free().await;
        assert_eq!(places.all.free.available_permits(), 0);
    }
}
