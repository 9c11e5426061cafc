//! The cases, one file per extension (or part of one). A case's name starts with the number of its statement.

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
mod defer;
mod expiration;
mod habits;
mod head;
mod http2;
mod interrupted;
mod location;
mod metadata;
mod offset;
mod resumable;
mod retries;
mod steps;
mod takeover;
mod termination;
mod upload;
mod with_upload;

use crate::case::{Case, Protocol};

/// Every case, in the order in which it is reported.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = grouped(Protocol::Tus, tus());
    cases.extend(grouped(Protocol::ResumableJs, resumable::groups()));
    cases
}

type Groups = Vec<(&'static str, Vec<Case>)>;

fn grouped(protocol: Protocol, groups: Groups) -> Vec<Case> {
    groups
        .into_iter()
        .flat_map(|(group, cases)| cases.into_iter().map(move |case| Case { protocol, group, ..case }))
        .collect()
}

fn tus() -> Groups {
    vec![
        ("core", core::cases()),
        ("head", head::cases()),
        ("upload", upload::cases()),
        ("offset", offset::cases()),
        ("interruption", interrupted::cases()),
        ("creation", creation::cases()),
        ("metadata", metadata::cases()),
        ("deferred length", defer::cases()),
        ("creation with upload", with_upload::cases()),
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
        ("HTTP/2", http2::cases()),
        ("browsers", browser::cases()),
        ("location", location::cases()),
        ("retries", retries::cases()),
        ("habits", habits::cases()),
    ]
}
