//! Limits for each client: how many uploads he creates in a minute, and how many requests of his add bytes at once.
//!
//! A request that is one too many waits for its turn, if that comes soon. Most clients have no patience of their own:
//! tus-js-client gives an upload up at 429 and after a few seconds of 423, Resumable.js tries a hundred times without a
//! pause, and Flow.js not once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use super::{Owner, UploadError, Uploads};
use crate::store::Store;

/// When so many clients are known, those who have been quiet are forgotten.
const MANY: usize = 4096;

/// So long a request waits for its turn before it is refused.
const IN_LINE: Duration = Duration::from_secs(10);

/// Who is limited: an owner, wherever he is, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Client {
    /// Known by name.
    Owner(Owner),
    /// Known by address, or by its network where one host has many.
    Address(IpAddr),
}

/// What each client may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientLimits {
    /// Uploads created in a minute; `None`: any number.
    pub creations: Option<u32>,
    /// Requests that add bytes at once; `None`: any number.
    pub appends: Option<u32>,
}

/// What each client has done lately.
#[derive(Clone, Default)]
pub(super) struct Quotas {
    used: Arc<Mutex<HashMap<Client, Use>>>,
    /// A request that added bytes has ended.
    ended: Arc<Notify>,
}

struct Use {
    appends: u32,
    /// Creations that count still: each one is forgotten when its part of a minute is over.
    creations: f64,
    counted: Instant,
}

impl Use {
    fn new(now: Instant) -> Self {
        Self { appends: 0, creations: 0.0, counted: now }
    }

    fn forget_until(&mut self, now: Instant, a_minute: u32) {
        let passed = now.duration_since(self.counted).as_secs_f64();
        self.creations = (self.creations - passed * f64::from(a_minute) / 60.0).max(0.0);
        self.counted = now;
    }

    /// Whether it would be the same if it were not known.
    fn is_over(&self, now: Instant) -> bool {
        self.appends == 0 && now.duration_since(self.counted) >= Duration::from_secs(60)
    }
}

impl Quotas {
    fn lock(&self) -> MutexGuard<'_, HashMap<Client, Use>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, client: &Client, work: impl FnOnce(&mut Use, Instant) -> T) -> T {
        let now = Instant::now();
        let mut all = self.lock();
        if all.len() >= MANY && !all.contains_key(client) {
            all.retain(|_, used| !used.is_over(now));
        }
        work(all.entry(client.clone()).or_insert_with(|| Use::new(now)), now)
    }

    fn create(&self, client: &Client, a_minute: u32) -> Result<(), UploadError> {
        self.with(client, |used, now| {
            used.forget_until(now, a_minute);
            if used.creations + 1.0 > f64::from(a_minute) {
                let rate = f64::from(a_minute.max(1)) / 60.0;
                let wait = ((used.creations + 1.0 - f64::from(a_minute)) / rate).ceil().clamp(1.0, 60.0);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 60")]
                return Err(UploadError::TooManyCreations { a_minute, wait: wait as u32 });
            }
            used.creations += 1.0;
            Ok(())
        })
    }

    fn append(&self, client: &Client, most: u32, takes_over: bool) -> Result<Appending, UploadError> {
        self.with(client, |used, _| {
            if used.appends >= most && !takes_over {
                return Err(UploadError::TooManyAppends { most });
            }
            used.appends += 1;
            Ok(Appending { quotas: self.clone(), client: client.clone() })
        })
    }
}

/// A request that adds bytes, as it is counted.
pub(super) struct Appending {
    quotas: Quotas,
    client: Client,
}

impl Drop for Appending {
    fn drop(&mut self) {
        self.quotas.with(&self.client, |used, _| used.appends = used.appends.saturating_sub(1));
        self.quotas.ended.notify_waiters();
    }
}

impl<S: Store> Uploads<S> {
    /// Counts a creation, when it is its turn.
    pub(super) async fn count_creation(&self) -> Result<(), UploadError> {
        let (Some(client), Some(a_minute)) = (&self.caller.client, self.rules().clients.creations) else {
            return Ok(());
        };
        let deadline = Instant::now() + IN_LINE;
        loop {
            let counted = self.inner.quotas.create(client, a_minute);
            let Err(UploadError::TooManyCreations { wait, .. }) = counted else { return counted };
            let turn = Duration::from_secs(wait.into());
            if Instant::now() + turn > deadline {
                return counted;
            }
            tokio::select! {
                () = sleep(turn) => {}
                () = self.closed() => return Err(UploadError::Closing),
            }
        }
    }

    /// Counts a request that adds bytes, when it is its turn, until the answer is dropped. One that takes the place of another
    /// is never one too many: that one ends now.
    pub(super) async fn count_append(&self, takes_over: bool) -> Result<Option<Appending>, UploadError> {
        let (Some(client), Some(most)) = (&self.caller.client, self.rules().clients.appends) else {
            return Ok(None);
        };
        let deadline = Instant::now() + IN_LINE;
        loop {
            let mut ended = std::pin::pin!(self.inner.quotas.ended.notified());
            // Before it is counted: one that ends in between is heard.
            ended.as_mut().enable();
            let refused = match self.inner.quotas.append(client, most, takes_over) {
                Ok(counted) => return Ok(Some(counted)),
                Err(refused) => refused,
            };
            tokio::select! {
                () = ended => {}
                () = sleep_until(deadline) => return Err(refused),
                () = self.closed() => return Err(UploadError::Closing),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Client {
        Client::Owner(Owner::new("alice"))
    }

    #[tokio::test(start_paused = true)]
    async fn creations_come_back_one_after_the_other() {
        let quotas = Quotas::default();
        for _ in 0..6 {
            quotas.create(&alice(), 6).unwrap();
        }
        let refused = quotas.create(&alice(), 6).unwrap_err();
        assert!(matches!(refused, UploadError::TooManyCreations { a_minute: 6, wait: 10 }), "{refused}");
        quotas.create(&Client::Address([192, 0, 2, 1].into()), 6).unwrap();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(matches!(quotas.create(&alice(), 6), Err(UploadError::TooManyCreations { wait: 1, .. })));
        tokio::time::advance(Duration::from_secs(1)).await;
        quotas.create(&alice(), 6).unwrap();
        assert!(quotas.create(&alice(), 6).is_err());
        tokio::time::advance(Duration::from_secs(3600)).await;
        for _ in 0..6 {
            quotas.create(&alice(), 6).unwrap();
        }
        assert!(quotas.create(&alice(), 6).is_err(), "an hour of rest is worth no more than a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn appends_are_counted_while_they_run() {
        let quotas = Quotas::default();
        let first = quotas.append(&alice(), 2, false).unwrap();
        let _second = quotas.append(&alice(), 2, false).unwrap();
        assert!(matches!(quotas.append(&alice(), 2, false), Err(UploadError::TooManyAppends { most: 2 })));
        drop(quotas.append(&alice(), 2, true).unwrap());
        drop(first);
        quotas.append(&alice(), 2, false).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn clients_who_have_been_quiet_are_forgotten() {
        let quotas = Quotas::default();
        let client = |number: u32| Client::Address(std::net::Ipv4Addr::from(number).into());
        let running = quotas.append(&client(0), 1, false).unwrap();
        for number in 1..=u32::try_from(MANY).unwrap() {
            quotas.create(&client(number), 1).unwrap();
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        quotas.create(&client(u32::MAX), 1).unwrap();
        assert_eq!(quotas.lock().len(), 2);
        assert!(quotas.append(&client(0), 1, false).is_err(), "who is at work is known");
        drop(running);
    }
}
