//! A black-box conformance suite for servers of the tus resumable upload protocol, version 1.0.
//!
//! Nothing is known about the server but the URL of its creation endpoint: every case speaks to it over the wire, makes
//! its own uploads and removes them again. What OPTIONS does not offer is skipped, with the reason.
//!
//! ```no_run
//! # async fn example() -> Result<(), resumed_conformance::Error> {
//! use resumed_conformance::{Level, Options};
//!
//! let report = resumed_conformance::run(&Options::new("http://127.0.0.1:8080/files/")).await?;
//! assert_eq!(report.totals().of(Level::Must).failed, 0, "{}", report.to_human(false));
//! # Ok(())
//! # }
//! ```

mod case;
mod cases;
mod checksum;
mod client;
mod lab;
mod offers;
mod report;
mod runner;

pub use case::Level;
pub use offers::Offers;
pub use report::{Count, Outcome, Report, Tested, Totals};
pub use runner::{CaseInfo, Error, Options, list, run};
