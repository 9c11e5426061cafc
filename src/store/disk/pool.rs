//! The threads that touch the disk.
//!
//! Most file operations end within microseconds, because they end in memory: for these, as many threads as there are
//! processors do the most, and waking any more only costs. A sync waits for the device, for milliseconds: of these, many
//! must run at once, because they share the device's work. So a thread that is about to wait says so
//! ([`while_waiting`]), and another one may take its turn meanwhile.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Syncs that may wait at once. A device gains nothing from more.
const MAX_THREADS: usize = 128;

/// A thread that had nothing to do for this long ends.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

struct Pool {
    state: Mutex<State>,
    work: Condvar,
    /// How many jobs run at once, not counting those that wait for the device.
    turns: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    /// Threads that wait and that nobody has woken yet.
    idle: usize,
    /// Threads that were woken and have not noticed yet.
    woken: usize,
    running: usize,
}

thread_local! {
    static IS_POOL_THREAD: Cell<bool> = const { Cell::new(false) };
}

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool {
        state: Mutex::default(),
        work: Condvar::new(),
        turns: std::thread::available_parallelism().map_or(2, usize::from).max(2),
    })
}

/// Runs work on a disk thread. It ends also when nobody waits for it any more. `None`: it panicked.
pub(super) fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Option<T>> + Send + 'static {
    let (sender, receiver) = oneshot::channel();
    pool().submit(Box::new(move || drop(sender.send(work()))));
    async move { receiver.await.ok() }
}

/// Does something that waits for the device, and lets another job have this thread's turn meanwhile.
pub(super) fn while_waiting<T>(work: impl FnOnce() -> T) -> T {
    if !IS_POOL_THREAD.get() {
        return work();
    }
    let pool = pool();
    {
        let mut state = pool.lock();
        state.running -= 1;
        pool.take_turns(&mut state);
    }
    // What waits inside of this has no turn to give.
    IS_POOL_THREAD.set(false);
    let _back = TurnBack(pool);
    work()
}

/// Takes the turn again, also when the work panics.
struct TurnBack(&'static Pool);

impl Drop for TurnBack {
    fn drop(&mut self) {
        IS_POOL_THREAD.set(true);
        // One job more than there are turns runs now, until the first of them ends.
        self.0.lock().running += 1;
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&'static self, job: Job) {
        let mut state = self.lock();
        state.queue.push_back(job);
        self.take_turns(&mut state);
    }

    /// Wakes or makes a thread if there is work and a turn for it.
    fn take_turns(&'static self, state: &mut State) {
        if state.queue.is_empty() || state.running >= self.turns {
            return;
        }
        if state.idle > 0 {
            // The turn is taken on behalf of the thread that wakes, or two would be woken for one turn.
            state.idle -= 1;
            state.woken += 1;
            state.running += 1;
            self.work.notify_one();
        } else if state.threads < MAX_THREADS {
            let thread = std::thread::Builder::new().name("disk".to_owned()).spawn(move || self.serve());
            // Without a new thread the job waits for one of those that are there.
            if thread.is_ok() {
                state.threads += 1;
                state.running += 1;
            }
        }
    }

    /// A thread's life. It begins with a turn.
    fn serve(&self) {
        IS_POOL_THREAD.set(true);
        let mut state = self.lock();
        loop {
            while state.running <= self.turns
                && let Some(job) = state.queue.pop_front()
            {
                drop(state);
                // A job that panics must not take the turn with it; whoever waits for it sees that no answer comes.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                state = self.lock();
            }
            state.running -= 1;
            state.idle += 1;
            while state.woken == 0 {
                let waited = self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
                state = waited.0;
                if waited.1.timed_out() && state.woken == 0 {
                    state.idle -= 1;
                    state.threads -= 1;
                    return;
                }
            }
            state.woken -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    #[tokio::test]
    async fn more_jobs_may_wait_for_the_device_than_may_run() {
        // Each waits until all of them do: with a turn held while waiting, this would never end.
        let barrier = Arc::new(Barrier::new(40));
        let jobs: Vec<_> = (0..40)
            .map(|n| {
                let barrier = Arc::clone(&barrier);
                run(move || {
                    while_waiting(|| barrier.wait());
                    n
                })
            })
            .collect();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await, Some(n));
        }
    }

    #[tokio::test]
    async fn waiting_inside_of_waiting_gives_no_second_turn_away() {
        let jobs: Vec<_> = (0..200).map(|n| run(move || while_waiting(|| while_waiting(|| n)))).collect();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await, Some(n));
        }
        let panics = run(|| while_waiting(|| -> usize { panic!("on purpose") }));
        assert_eq!(panics.await, None);
        assert_eq!(run(|| 7).await, Some(7));
    }

    #[tokio::test]
    async fn every_job_is_done_and_a_panic_harms_only_itself() {
        let jobs: Vec<_> =
            (0..5000).map(|n| run(move || if n % 1000 == 7 { panic!("on purpose") } else { n })).collect();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await, (n % 1000 != 7).then_some(n));
        }
    }
}
