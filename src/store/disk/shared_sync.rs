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
        if turn.served >= mine {
            return Ok(());
        }
        // What was asked for up to here happened before the sync begins, so it serves all of it. When it fails, those
        // who wait try for themselves: an error belongs to whoever got it.
        let up_to = turn.asked;
        turn.running = true;
        drop(turn);
        let result = work();
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.running = false;
        if result.is_ok() {
            turn.served = turn.served.max(up_to);
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
}
