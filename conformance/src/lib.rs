//! A black-box conformance suite for servers of resumable uploads: tus 1.0, and what Resumable.js 1.1 and its relatives
//! speak.
//!
//! Nothing is known about the server but the URL that takes uploads: every case speaks to it over the wire and makes its
//! own uploads. What a server does not offer is skipped, with the reason.
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

pub use case::{Level, Protocol};
pub use offers::{Offers, ResumableOffers};
pub use report::{Count, Outcome, Receiver, Report, Tested, Totals};
pub use runner::{CaseInfo, Error, Options, ResumableOptions, list, run};
