//! Partial and final uploads: P1 to P6.

use crate::case::Case;

pub(super) fn cases() -> Vec<Case> {
    Vec::new()
}
