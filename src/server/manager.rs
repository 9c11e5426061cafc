//! What the service manager is told: sd_notify(3). Without one, nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tokio_util::task::TaskTracker;

use super::health::Health;

/// How often the figures are looked at. They are told when they have changed.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// How often the daemon's health is looked at where no watchdog says otherwise.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// While the daemon drains it asks for this much time, and again well before it is over.
const MORE_TIME: Duration = Duration::from_secs(15);
const ASK_EVERY: Duration = Duration::from_secs(5);

fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty())
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "can't reach the service manager");
    }
}

/// Says that the daemon is ready once it is, then how it goes and that it lives, for as long as it is polled.
pub(super) async fn keep_informed(health: Health, connections: TaskTracker) {
    if !is_there() {
        return;
    }
    let watchdog = sd_notify::watchdog_enabled();
    // It barks after a full period; half of it leaves room for one answer that comes late.
    let check_every = watchdog.map_or(CHECK_EVERY, |period| period / 2);
    first_check(&health, check_every).await;
    tell(&[NotifyState::Ready]);

    let (mut checks, mut looks) = (ticks(check_every), ticks(STATUS_EVERY));
    let mut told = String::new();
    let mut well = Ok(());
    loop {
        tokio::select! {
            _ = checks.tick() => {
                well = health.check(check_every).await;
                match &well {
                    Ok(()) if watchdog.is_some() => tell(&[NotifyState::Watchdog]),
                    Ok(()) => {}
                    Err(unwell) => tracing::error!("not serving: {unwell}"),
                }
            }
            _ = looks.tick() => {}
        }
        let status = match &well {
            Ok(()) => status(&health, &connections).await,
            Err(unwell) => format!("Not serving: {unwell}"),
        };
        if status != told {
            tell(&[NotifyState::Status(&status)]);
            told = status;
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits until the daemon serves.
async fn first_check(health: &Health, limit: Duration) {
    while let Err(unwell) = health.check(limit).await {
        tracing::error!("not ready: {unwell}");
        sleep(Duration::from_secs(1)).await;
    }
}

/// The daemon has begun to take over new settings.
pub(super) fn say_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "can't read the clock that the service manager reads"),
    }
}

/// It has taken them over, or refused them: it serves on in any case.
pub(super) fn say_reloaded() {
    tell(&[NotifyState::Ready]);
}

/// The daemon has begun to stop.
pub(super) fn say_stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("Stopping: waiting for running requests")]);
}

/// Asks for time to stop in, for as long as it is polled: how long that may take is said by --shutdown-timeout, not by the
/// unit's TimeoutStopSec=.
pub(super) async fn ask_for_time() {
    if !is_there() {
        return std::future::pending().await;
    }
    let mut ticks = ticks(ASK_EVERY);
    loop {
        ticks.tick().await;
        let micros = u32::try_from(MORE_TIME.as_micros()).unwrap_or(u32::MAX);
        // Draining is serving too.
        tell(&[NotifyState::ExtendTimeoutUsec(micros), NotifyState::Watchdog]);
    }
}

async fn status(health: &Health, connections: &TaskTracker) -> String {
    let free = match tokio::time::timeout(STATUS_EVERY, health.disk.probe()).await {
        Ok(Ok(free)) => format!("{} free", Size(free)),
        // Whether that matters is for the check to say.
        Ok(Err(_)) | Err(_) => "the disk does not answer".to_owned(),
    };
    format!(
        "Serving: {} uploads under way, {} connections, {free}",
        health.current.app().uploads.busy(),
        connections.len()
    )
}

/// Bytes as people read them.
struct Size(u64);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut tenths = u128::from(self.0) * 10 / 1024;
        for unit in UNITS {
            if tenths < 10_240 || unit == "PiB" {
                return write!(f, "{}.{} {unit}", tenths / 10, tenths % 10);
            }
            tenths /= 1024;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        for (bytes, text) in [
            (0, "0.0 KiB"),
            (1023 * 1024, "1023.0 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 30) + (1 << 29), "1.5 GiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
