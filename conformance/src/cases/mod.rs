//! The cases, one file per extension (or half of one). A case's name starts with the number of its statement.

mod browser;
mod checksum;
mod checksum_cut;
mod checksum_trailer;
mod concatenation;
mod concatenation_final;
mod concatenation_refusals;
mod concatenation_unfinished;
mod concurrency;
mod core;
mod creation;
mod expiration;
mod http2;
mod steps;
mod takeover;
mod termination;
mod upload;

use crate::case::Case;

/// Every case, in the order in which it is reported.
pub(crate) fn all() -> Vec<Case> {
    let groups = [
        ("core", core::cases()),
        ("creation", creation::cases()),
        ("upload", upload::cases()),
        ("expiration", expiration::cases()),
        ("checksum", checksum::cases()),
        ("checksum", checksum_cut::cases()),
        ("checksum trailer", checksum_trailer::cases()),
        ("termination", termination::cases()),
        ("concatenation", concatenation::cases()),
        ("concatenation", concatenation_final::cases()),
        ("concatenation", concatenation_refusals::cases()),
        ("concatenation", concatenation_unfinished::cases()),
        ("takeover", takeover::cases()),
        ("concurrency", concurrency::cases()),
        ("http2", http2::cases()),
        ("browser", browser::cases()),
    ];
    groups
        .into_iter()
        .flat_map(|(group, cases)| cases.into_iter().map(move |case| Case { group, ..case }))
        .collect()
}
