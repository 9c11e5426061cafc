//! One sync for all who ask while another is running.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError};

/// One sync shared by all who ask while another is running.
#[derive(Default)]
pub(super) struct SharedSync {
    turn: Mutex<Turn>,
    changed: Condvar,
}

#[derive(Default)]
struct Turn {
    /// The number of the newest request.
    asked: u64,
    /// All requests up to this one are served.
    served: u64,
    /// Those who still wait for one of the requests up to this one have met a failure.
    failed: u64,
    running: bool,
}

impl SharedSync {
    /// Returns once a sync that began after the call has ended.
    pub(super) fn sync(&self, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.asked += 1;
        let mine = turn.asked;
        while turn.running {
            turn = self.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        // In this order: a later sync that went well proves nothing for who waited for one that failed.
        if turn.failed >= mine {
            return Err(io::Error::other("the sync that was shared has failed"));
        }
        if turn.served >= mine {
            return Ok(());
        }
        // What was asked for up to here happened before the sync begins, so it serves all of it.
        let up_to = turn.asked;
        turn.running = true;
        drop(turn);
        let result = work();
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.running = false;
        match result {
            Ok(()) => turn.served = turn.served.max(up_to),
            // It fails for all who wait, those too who came while it ran: what they changed may have been a part of it, and
            // to sync the same once more would be answered with "fine" (btrfs says so without writing anything).
            Err(_) => turn.failed = turn.asked,
        }
        drop(turn);
        self.changed.notify_all();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, mpsc};

    use super::*;

    #[test]
    fn requests_that_come_during_a_sync_share_the_next_one() {
        let shared = Arc::new(SharedSync::default());
        let syncs = Arc::new(AtomicU32::new(0));
        let (go, wait) = mpsc::channel::<()>();
        let (began, first_began) = mpsc::channel::<()>();
        let first = std::thread::spawn({
            let (shared, syncs) = (Arc::clone(&shared), Arc::clone(&syncs));
            move || {
                shared.sync(|| {
                    syncs.fetch_add(1, Ordering::SeqCst);
                    began.send(()).unwrap();
                    wait.recv().unwrap();
                    Ok(())
                })
            }
        });
        first_began.recv().unwrap();
        let others: Vec<_> = (0..8)
            .map(|_| {
                let (shared, syncs) = (Arc::clone(&shared), Arc::clone(&syncs));
                std::thread::spawn(move || {
                    shared.sync(|| {
                        syncs.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                })
            })
            .collect();
        while shared.turn.lock().unwrap().asked < 9 {
            std::thread::yield_now();
        }
        go.send(()).unwrap();
        first.join().unwrap().unwrap();
        others.into_iter().for_each(|other| other.join().unwrap().unwrap());
        assert_eq!(syncs.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_sync_that_fails_fails_for_all_who_wait_for_it_and_for_nobody_later() {
        let shared = Arc::new(SharedSync::default());
        let (go, wait) = mpsc::channel::<()>();
        let (began, first_began) = mpsc::channel::<()>();
        let first = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                shared.sync(|| {
                    began.send(()).unwrap();
                    wait.recv().unwrap();
                    Err(io::Error::from_raw_os_error(5))
                })
            }
        });
        first_began.recv().unwrap();
        let other = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.sync(|| Ok(()))
        });
        while shared.turn.lock().unwrap().asked < 2 {
            std::thread::yield_now();
        }
        go.send(()).unwrap();
        assert!(first.join().unwrap().is_err());
        assert!(other.join().unwrap().is_err(), "to try again would prove nothing");
        shared.sync(|| Ok(())).unwrap();
    }

    #[test]
    fn who_waited_for_a_sync_that_failed_hears_it_also_when_a_later_one_went_well_meanwhile() {
        let shared = SharedSync::default();
        shared.turn.lock().unwrap().running = true;
        let heard = std::thread::scope(|scope| {
            let waits = scope.spawn(|| shared.sync(|| panic!("it was asked for before")));
            let mut turn = loop {
                let turn = shared.turn.lock().unwrap();
                if turn.asked == 1 {
                    break turn;
                }
                drop(turn);
                std::thread::yield_now();
            };
            // Before it wakes, the sync that it waits for fails, and one that was asked for later comes to its end.
            *turn = Turn { asked: 2, served: 2, failed: 1, running: false };
            drop(turn);
            shared.changed.notify_all();
            waits.join().unwrap()
        });
        assert!(heard.is_err());
    }
}
