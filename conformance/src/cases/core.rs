//! Versions, OPTIONS and method override: C1 to C4.

use crate::case::{Case, must};

pub(super) fn cases() -> Vec<Case> {
    vec![must("C3-status", "OPTIONS is answered 200 or 204.", |lab| async move {
        lab.send(lab.request("OPTIONS", &lab.endpoint().path)).await?.status(&[200, 204])?;
        Ok(())
    })]
}
