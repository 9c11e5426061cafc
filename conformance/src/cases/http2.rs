//! The same protocol over HTTP/2.

use crate::case::Case;

pub(super) fn cases() -> Vec<Case> {
    Vec::new()
}
