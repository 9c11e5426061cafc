//! How slow a client may be: limits on progress, never on the whole time.
//!
//! Measured is the time that we wait for the client, at the one place where we wait for it. While the disk makes a
//! client wait, nothing is counted.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Pace;
use crate::upload::BodyCut;

/// The time over which the rate is taken, a minute as documented: a moment in a tunnel is not held against anybody.
const WINDOW: Duration = Duration::from_secs(60);

/// The pace of one body.
pub(super) struct Pacer {
    pace: Pace,
    /// Since when we wait for the next bytes, and from when on that counts for this window.
    waiting: Option<(Instant, Instant)>,
    /// In this window, before that: how long we have waited; and how much came.
    waited: Duration,
    came: u64,
    /// Wakes us not later than the first limit. Limits only move away, so it is set again when it rings and not with
    /// every piece.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Pacer {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, waiting: None, waited: Duration::ZERO, came: 0, alarm: None }
    }

    /// Something came.
    pub(super) fn note(&mut self, bytes: u64) {
        if let Some((_, counted_from)) = self.waiting.take() {
            self.waited += counted_from.elapsed();
        }
        self.came += bytes;
        if self.waited >= WINDOW && self.came >= self.pace.least {
            (self.waited, self.came) = (Duration::ZERO, 0);
        }
    }

    /// Nothing has come yet. Ready when that has lasted too long.
    pub(super) fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<BodyCut> {
        loop {
            let now = Instant::now();
            let (since, counted_from) = self.waiting.get_or_insert((now, now));
            let silent = now - *since;
            if silent >= self.pace.idle {
                return Poll::Ready(BodyCut::Idle);
            }
            if self.waited + (now - *counted_from) >= WINDOW {
                if self.came < self.pace.least {
                    return Poll::Ready(BodyCut::TooSlow);
                }
                (self.waited, self.came, *counted_from) = (Duration::ZERO, 0, now);
            }
            let left_of_window = WINDOW.saturating_sub(self.waited + (now - *counted_from));
            let left = (self.pace.idle - silent).min(left_of_window);
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(now + left)));
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            alarm.as_mut().reset(now + left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const PACE: Pace = Pace { idle: Duration::from_secs(30), least: 100 };

    /// Bytes come at these seconds; answers how it ends and when.
    async fn end(pace: Pace, pieces: &[(u64, u64)]) -> (BodyCut, u64) {
        let began = Instant::now();
        let mut pacer = Pacer::new(pace);
        for (second, bytes) in pieces {
            let at = began + Duration::from_secs(*second);
            let limit = poll_fn(|cx| pacer.poll_limit(cx));
            match tokio::time::timeout_at(at, limit).await {
                Ok(cut) => return (cut, began.elapsed().as_secs()),
                Err(_) => pacer.note(*bytes),
            }
        }
        let cut = poll_fn(|cx| pacer.poll_limit(cx)).await;
        (cut, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_body_however_much_came_before() {
        assert_eq!(end(PACE, &[]).await, (BodyCut::Idle, 30));
        assert_eq!(end(PACE, &[(29, 1)]).await, (BodyCut::Idle, 59));
        assert_eq!(end(PACE, &[(1, 1_000_000), (2, 1_000_000)]).await, (BodyCut::Idle, 32));
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_below_the_rate_ends_with_the_window() {
        let trickle: Vec<_> = (1..100).map(|n| (n * 10, 10)).collect();
        assert_eq!(end(PACE, &trickle).await, (BodyCut::TooSlow, 60));
        let burst_first: Vec<_> = std::iter::once((1, 5000)).chain(trickle.iter().copied().skip(1)).collect();
        assert_eq!(end(PACE, &burst_first).await, (BodyCut::TooSlow, 120));
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_body_may_take_for_ever() {
        let steady: Vec<_> = (1..10_000).map(|n| (n * 10, 20)).collect();
        assert_eq!(end(PACE, &steady).await, (BodyCut::Idle, 99_990 + 30));
        let slow_is_fine = Pace { least: 0, ..PACE };
        let trickle: Vec<_> = (1..1000).map(|n| (n * 29, 1)).collect();
        assert_eq!(end(slow_is_fine, &trickle).await, (BodyCut::Idle, 999 * 29 + 30));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_limit_longer_than_the_window_is_kept_too() {
        let patient = Pace { idle: Duration::from_secs(600), least: 0 };
        assert_eq!(end(patient, &[(1, 1)]).await, (BodyCut::Idle, 601));
        assert_eq!(end(Pace { least: 1, ..patient }, &[(1, 1)]).await, (BodyCut::TooSlow, 120));
    }

    #[tokio::test(start_paused = true)]
    async fn while_nobody_asks_for_bytes_no_time_is_counted() {
        let mut pacer = Pacer::new(PACE);
        let limit = poll_fn(|cx| pacer.poll_limit(cx));
        assert!(tokio::time::timeout(Duration::from_secs(20), limit).await.is_err());
        pacer.note(1);
        // The disk is slow.
        tokio::time::sleep(Duration::from_secs(500)).await;
        let limit = poll_fn(|cx| pacer.poll_limit(cx));
        assert!(tokio::time::timeout(Duration::from_secs(29), limit).await.is_err());
    }
}
