//! Resumable.js 1.1 and its relatives: R1 to R16. There is no text of a standard; what is demanded is what the clients'
//! sources send and expect.

mod answers;
mod browsers;
mod completion;
mod contradictions;
mod cut;
mod forms;
mod identifiers;
mod kept;
mod names;
mod parameters;
mod sizes;
mod steps;
mod testing;
mod together;
mod values;
mod ways;

use crate::case::Case;

/// The groups in the order in which they are reported.
pub(super) fn groups() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("parameters", parameters::cases()),
        ("test requests", testing::cases()),
        ("ways to send", ways::cases()),
        ("forms", forms::cases()),
        ("answers", answers::cases()),
        ("chunks together", together::cases()),
        ("sizes", sizes::cases()),
        ("identifiers", identifiers::cases()),
        ("chunks that are cut", cut::cases()),
        ("completion", completion::cases()),
        ("contradictions", contradictions::cases()),
        ("contradictions", values::cases()),
        ("names", names::cases()),
        ("expiry and digests", kept::cases()),
        ("pages elsewhere", browsers::cases()),
    ]
}
