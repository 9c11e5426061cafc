//! What browsers and the clients in the field need: X1 to X6.

use crate::case::Case;

pub(super) fn cases() -> Vec<Case> {
    Vec::new()
}
