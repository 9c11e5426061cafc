//! How long an upload lives that is not finished: counted from its last byte, told in whole seconds.

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::{ClientKey, Rules, Upload};

/// A running append is recorded anew when this part of a lifetime has passed since it was last: so a crash takes no more
/// than that from an upload that was growing, and the cost is a handful of small writes in a whole lifetime.
const PARTS: i32 = 8;

/// The time that an upload has after its last byte; `None`: it never expires.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime(Option<SignedDuration>);

impl Lifetime {
    /// What the rules give an upload; those that are filled by chunks, which have a client's name, get their own.
    pub(super) fn of(rules: &Rules, key: Option<ClientKey>) -> Self {
        let after = if key.is_some() { rules.fill_expire_after } else { rules.expire_after };
        Self(after.and_then(|after| SignedDuration::try_from(after).ok()))
    }

    /// When an upload expires whose last byte comes now: a whole second, because that is what HTTP can tell, and nobody is
    /// told less than he gets.
    pub(super) fn end(self, now: Timestamp) -> Option<Timestamp> {
        let moment = now.checked_add(self.0?).ok()?;
        moment.round(TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Ceil)).ok()
    }

    /// Notes that bytes came just now.
    pub(super) fn renew(self, upload: &mut Upload) {
        let now = Timestamp::now();
        (upload.modified, upload.expires) = (now, self.end(now));
    }

    /// What is recorded of an upload that bytes come for is so old that it should be recorded anew.
    pub(super) fn is_running_out(self, upload: &Upload, now: Timestamp) -> bool {
        self.0.is_some_and(|after| now.duration_since(upload.modified) >= after / PARTS)
    }
}
