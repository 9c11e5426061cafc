//! Uploads that expire: E1 and E2.

use crate::case::Case;

pub(super) fn cases() -> Vec<Case> {
    Vec::new()
}
