//! Leases: one writer per upload, and the newest request wins.
//!
//! A lease lives in memory only. No lock file can be left behind by a crash, and handing an upload over takes as long
//! as its holder needs to put away what it has in hand. The holder is asked to stop, never robbed: a lease ends when
//! its [`Lease`] is dropped.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, VacantEntry};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::error::Interruption;
use super::id::UploadId;
use super::progress::Progress;

/// How long a request waits for the holder to put away what it has; syncing a slow disk can take this long, a dead
/// client's connection never does.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What leases are on: uploads, or the chunks of one upload.
pub trait Key: Copy + Eq + Hash {}
impl<K: Copy + Eq + Hash> Key for K {}

/// All leases on things of one sort.
pub struct Leases<K: Key = UploadId> {
    table: Arc<Mutex<HashMap<K, Held<K>>>>,
}

impl<K: Key> Clone for Leases<K> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table) }
    }
}

impl<K: Key> Default for Leases<K> {
    fn default() -> Self {
        Self { table: Arc::default() }
    }
}

struct Held<K: Key> {
    holder: Arc<Holder>,
    /// The newest request that wants it; dropping the sender tells an older one that it lost its place.
    next: Option<oneshot::Sender<Lease<K>>>,
}

/// The side of a lease that other requests see.
#[derive(Default)]
pub struct Holder {
    revoked: CancellationToken,
    cause: OnceLock<Interruption>,
    progress: OnceLock<Arc<Progress>>,
    changed: Arc<Notify>,
}

impl Holder {
    /// Resolves when the holder begins to append or lets go, counted from the call.
    pub fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.changed).notified_owned()
    }

    /// How far the append that holds the lease has come; `None` when the holder is not appending.
    pub fn progress(&self) -> Option<&Arc<Progress>> {
        self.progress.get()
    }

    fn revoke(&self, cause: Interruption) {
        // The first cause stands: it is the one the holder acts upon.
        let _ = self.cause.set(cause);
        self.revoked.cancel();
    }
}

/// The right to change one upload, or one chunk. Ends when it is dropped.
pub struct Lease<K: Key = UploadId> {
    id: K,
    holder: Arc<Holder>,
    leases: Leases<K>,
}

/// The lease could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLease {
    /// A still newer request took this one's place in the queue.
    Superseded,
    /// The holder did not let go in time.
    TimedOut,
}

impl<K: Key> Leases<K> {
    /// Takes the lease, asking its holder to stop if there is one.
    ///
    /// # Errors
    /// When a still newer request came meanwhile, or the holder needs more than 20 s to put away what it has.
    pub async fn acquire(&self, id: K) -> Result<Lease<K>, NoLease> {
        let waiting = {
            let mut table = self.lock();
            match table.entry(id) {
                Entry::Vacant(place) => return Ok(self.grant(id, place)),
                Entry::Occupied(mut held) => {
                    let held = held.get_mut();
                    held.holder.revoke(Interruption::TakenOver);
                    let (sender, receiver) = oneshot::channel();
                    held.next = Some(sender);
                    receiver
                }
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(_)) => Err(NoLease::Superseded),
            Err(_) => Err(NoLease::TimedOut),
        }
    }

    /// Takes the lease if nobody has it; disturbs nobody.
    #[must_use]
    pub fn try_acquire(&self, id: K) -> Option<Lease<K>> {
        match self.lock().entry(id) {
            Entry::Vacant(place) => Some(self.grant(id, place)),
            Entry::Occupied(_) => None,
        }
    }

    /// Who holds the lease.
    #[must_use]
    pub fn holder(&self, id: K) -> Option<Arc<Holder>> {
        self.lock().get(&id).map(|held| Arc::clone(&held.holder))
    }

    /// Whether it is still this one. If it is, who listens to it now hears of its next [change](Holder::changed).
    #[must_use]
    pub fn is_held_by(&self, id: K, holder: &Arc<Holder>) -> bool {
        self.lock().get(&id).is_some_and(|held| Arc::ptr_eq(&held.holder, holder))
    }

    /// Asks every holder to stop, because the daemon goes down.
    pub fn revoke_all(&self) {
        for held in self.lock().values() {
            held.holder.revoke(Interruption::Shutdown);
        }
    }

    /// How many uploads are held.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn grant(&self, id: K, place: VacantEntry<'_, K, Held<K>>) -> Lease<K> {
        let holder = Arc::new(Holder::default());
        place.insert(Held { holder: Arc::clone(&holder), next: None });
        Lease { id, holder, leases: self.clone() }
    }

    /// Gives the lease to the request that waits for it, or forgets it.
    fn release(&self, id: K) {
        loop {
            let (next, lease) = {
                let mut table = self.lock();
                let Some(held) = table.get_mut(&id) else { return };
                let Some(next) = held.next.take() else {
                    table.remove(&id);
                    return;
                };
                held.holder = Arc::new(Holder::default());
                (next, Lease { id, holder: Arc::clone(&held.holder), leases: self.clone() })
            };
            match next.send(lease) {
                Ok(()) => return,
                // The request gave up waiting. Forget its lease without dropping it, which would call us again, and
                // look for the next one.
                Err(lease) => lease.disarm(),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Held<K>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Key> Lease<K> {
    /// The upload it is for.
    #[must_use]
    pub fn id(&self) -> K {
        self.id
    }

    /// Somebody wants the holder to stop.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.holder.revoked.is_cancelled()
    }

    /// Asks all who share this lease to stop.
    pub fn give_up(&self) {
        self.holder.revoke(Interruption::TakenOver);
    }

    /// Shows other requests how far this append has come.
    pub fn show(&self, progress: Arc<Progress>) {
        let _ = self.holder.progress.set(progress);
        self.holder.changed.notify_waiters();
    }

    /// Waits until somebody wants the holder to stop, and says why.
    pub async fn revoked(&self) -> Interruption {
        self.holder.revoked.cancelled().await;
        self.holder.cause.get().copied().unwrap_or(Interruption::TakenOver)
    }

    fn disarm(mut self) {
        self.leases = Leases::default();
    }
}

impl<K: Key> Drop for Lease<K> {
    fn drop(&mut self) {
        self.leases.release(self.id);
        self.holder.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;

    fn id() -> UploadId {
        UploadId::random().unwrap()
    }

    #[tokio::test]
    async fn the_newest_request_gets_the_upload_and_the_one_between_is_told() {
        let (leases, id) = (Leases::default(), id());
        let first = leases.acquire(id).await.unwrap();
        let second = tokio::spawn({
            let leases = leases.clone();
            async move { leases.acquire(id).await.map(|_| ()) }
        });
        assert_eq!(first.revoked().await, Interruption::TakenOver);
        let third = tokio::spawn({
            let leases = leases.clone();
            async move { leases.acquire(id).await }
        });
        assert_eq!(second.await.unwrap(), Err(NoLease::Superseded));
        drop(first);
        let third = third.await.unwrap().ok().unwrap();
        assert!(leases.try_acquire(id).is_none());
        drop(third);
        assert_eq!(leases.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_gave_up_waiting_leaves_nothing_behind() {
        let (leases, id) = (Leases::default(), id());
        let first = leases.acquire(id).await.unwrap();
        assert!(matches!(leases.acquire(id).await, Err(NoLease::TimedOut)));
        drop(first);
        assert_eq!(leases.count(), 0);
        assert!(leases.try_acquire(id).is_some());
    }

    #[tokio::test]
    async fn going_down_asks_everybody_to_stop() {
        let leases = Leases::default();
        let held = [leases.acquire(id()).await.unwrap(), leases.acquire(id()).await.unwrap()];
        leases.revoke_all();
        for lease in &held {
            assert_eq!(lease.revoked().await, Interruption::Shutdown);
        }
    }

    /// Requests that wait for a lease, each in a task of its own, in this order.
    async fn wanting(leases: &Leases, id: UploadId, count: usize) -> Vec<JoinHandle<Result<Lease, NoLease>>> {
        let mut waiting = Vec::new();
        for _ in 0..count {
            let leases = leases.clone();
            waiting.push(tokio::spawn(async move { leases.acquire(id).await }));
            tokio::task::yield_now().await;
        }
        waiting
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_at_once_the_newest_gets_it_and_each_other_one_is_told() {
        let (leases, id) = (Leases::default(), id());
        let first = leases.acquire(id).await.unwrap();
        let mut waiting = wanting(&leases, id, 50).await;
        let newest = waiting.pop().unwrap();
        for older in waiting {
            assert!(matches!(older.await.unwrap(), Err(NoLease::Superseded)));
        }
        assert!(!newest.is_finished(), "the holder has not let go");
        drop(first);
        let newest = newest.await.unwrap().ok().unwrap();
        assert!(!newest.is_revoked(), "nobody wants it any more");
        drop(newest);
        assert_eq!(leases.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_syncs_for_long_is_waited_for_and_one_that_never_lets_go_is_not() {
        let (leases, id) = (Leases::default(), id());
        for (sync, is_given) in [(PATIENCE - Duration::from_millis(1), true), (PATIENCE * 2, false)] {
            let first = leases.acquire(id).await.unwrap();
            let holder = tokio::spawn(async move {
                assert_eq!(first.revoked().await, Interruption::TakenOver);
                tokio::time::sleep(sync).await;
            });
            let asked = tokio::time::Instant::now();
            let second = leases.acquire(id).await;
            assert_eq!(second.is_ok(), is_given, "{sync:?}");
            assert_eq!(asked.elapsed(), sync.min(PATIENCE));
            drop(second);
            holder.await.unwrap();
            assert_eq!(leases.count(), 0, "{sync:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_went_away_while_he_waited_is_given_nothing() {
        let (leases, id) = (Leases::default(), id());
        let first = leases.acquire(id).await.unwrap();
        let gone = wanting(&leases, id, 1).await.pop().unwrap();
        gone.abort();
        assert!(gone.await.is_err_and(|error| error.is_cancelled()));
        drop(first);
        assert_eq!(leases.count(), 0, "nobody holds it");
        // And the one after him is not kept waiting.
        let second = leases.acquire(id).await.unwrap();
        let gone = wanting(&leases, id, 1).await.pop().unwrap();
        gone.abort();
        let newest = wanting(&leases, id, 1).await.pop().unwrap();
        drop(second);
        assert!(newest.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_given_and_never_taken_is_free_again() {
        let (leases, id) = (Leases::default(), id());
        let first = leases.acquire(id).await.unwrap();
        let waiting = wanting(&leases, id, 1).await.pop().unwrap();
        // It is on its way when its request goes.
        drop(first);
        waiting.abort();
        drop(waiting.await);
        assert_eq!(leases.count(), 0);
        assert!(leases.try_acquire(id).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn going_down_in_the_middle_of_a_hand_over_leaves_the_first_reason_standing() {
        let (leases, id) = (Leases::default(), id());
        let first = leases.acquire(id).await.unwrap();
        let waiting = wanting(&leases, id, 1).await.pop().unwrap();
        leases.revoke_all();
        assert_eq!(first.revoked().await, Interruption::TakenOver, "that is what it acts upon already");
        drop(first);
        let second = waiting.await.unwrap().ok().unwrap();
        // It was no holder yet when all were asked; the engine looks whether it is closing.
        assert!(!second.is_revoked());
        leases.revoke_all();
        assert_eq!(second.revoked().await, Interruption::Shutdown);
    }

    #[tokio::test(start_paused = true)]
    async fn who_watches_a_holder_hears_of_its_beginning_and_of_its_end() {
        let (leases, id) = (Leases::default(), id());
        let first = leases.acquire(id).await.unwrap();
        let holder = leases.holder(id).unwrap();
        assert!(holder.progress().is_none());
        let began = holder.changed();
        first.show(Arc::new(Progress::new(7).0));
        began.await;
        assert_eq!(holder.progress().unwrap().received(), 7);
        let ended = holder.changed();
        drop(first);
        ended.await;
        assert!(leases.holder(id).is_none());
    }
}
