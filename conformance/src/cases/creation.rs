//! Creating uploads and their metadata: N1 to N5.

use crate::case::Case;

pub(super) fn cases() -> Vec<Case> {
    Vec::new()
}
