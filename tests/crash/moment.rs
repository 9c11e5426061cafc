//! The moment of the cut: at a time, or right behind an answer, while it is as fresh as can be.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Which answers count as acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// Those that were received before the cut began: afterwards the machine is without power.
    Before,
    /// All: whatever a process says before it dies, or while its disk fails, it has said.
    Always,
}

/// When to cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// At the latest.
    pub(crate) after: Duration,
    /// Right behind this many answers to requests of one method (any, if it is none).
    pub(crate) behind: Option<(u64, Option<&'static str>)>,
    /// What the clients do most.
    pub(crate) focus: Focus,
}

/// What the clients of one cut do most. Where everything happens at once, each thing hides behind the syncs of the
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    Everything,
    Chunks,
    /// Uploads that are finished with their creation, or nearly so.
    Small,
}

impl Plan {
    /// Half of the cuts come at a random time, half right behind an answer.
    pub(crate) fn draw(rng: &mut fastrand::Rng, millis: std::ops::Range<u64>) -> Self {
        let after = Duration::from_millis(rng.u64(millis));
        let methods = [None, Some("POST"), Some("PATCH"), Some("DELETE"), Some("HEAD"), Some("GET")];
        let method = methods[rng.usize(..methods.len())];
        let most = if matches!(method, Some("DELETE" | "HEAD" | "GET")) { 12 } else { 60 };
        let behind = rng.bool().then(|| (rng.u64(1..most), method));
        let focuses = [Focus::Everything, Focus::Everything, Focus::Chunks, Focus::Small];
        Self { after, behind, focus: focuses[rng.usize(..focuses.len())] }
    }
}

type Trigger = Box<dyn FnOnce() + Send>;

/// The moment that all clients look at.
pub(crate) struct Moment {
    plan: Plan,
    counting: Counting,
    trigger: Mutex<Option<Trigger>>,
    answers: AtomicU64,
    has_begun: AtomicBool,
    is_over: AtomicBool,
}

impl Moment {
    pub(crate) fn new(plan: Plan, counting: Counting, trigger: impl FnOnce() + Send + 'static) -> Self {
        Self {
            plan,
            counting,
            trigger: Mutex::new(Some(Box::new(trigger))),
            answers: AtomicU64::new(0),
            has_begun: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        }
    }

    /// One that never comes.
    pub(crate) fn never() -> Self {
        Self::new(
            Plan { after: Duration::MAX, behind: None, focus: Focus::Everything },
            Counting::Always,
            || (),
        )
    }

    /// An answer was received to its last byte. `true`: it counts.
    pub(crate) fn receive(&self, method: &str) -> bool {
        let is_before = !self.has_begun();
        if is_before
            && let Some((number, of)) = self.plan.behind
            && of.is_none_or(|of| of == method)
            && self.answers.fetch_add(1, Ordering::SeqCst) + 1 == number
        {
            self.cut();
        }
        is_before || self.counting == Counting::Always
    }

    pub(crate) fn focus(&self) -> Focus {
        self.plan.focus
    }

    /// From here on errors surprise nobody.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::SeqCst)
    }

    /// The clients shall go.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    fn cut(&self) {
        // Whoever comes second waits here until the first one has done it.
        let mut trigger = self.trigger.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trigger) = trigger.take() {
            self.has_begun.store(true, Ordering::SeqCst);
            trigger();
        }
    }

    /// Waits for the moment, which comes now at the latest.
    pub(crate) fn wait(&self) {
        let latest = Instant::now() + self.plan.after;
        while !self.has_begun() && Instant::now() < latest {
            thread::sleep(Duration::from_millis(1));
        }
        self.cut();
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}
