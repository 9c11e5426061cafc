//! The fuzz targets of `fuzz/`, for a few seconds, without a fuzzer: seeds of our own, and what becomes of them by random
//! changes.
//!
//! ```text
//! RESUMED_FUZZ_CASES=1000000 cargo test --release --test fuzz
//! RESUMED_FUZZ_SEED=7 cargo test --test fuzz form      # as a failure says
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers fail the test that calls them"
)]

#[path = "../../fuzz/entry/mod.rs"]
mod entry;

use std::path::Path;
use std::{env, fs, panic};

const CASES: u64 = 20_000;

/// What means something to one of the readers.
const WORDS: [&[u8]; 22] = [
    b"\r\n",
    b"--B",
    b"--",
    b"\"",
    b"\\",
    b"; ",
    b"=",
    b",",
    b" ",
    b"/",
    b"..",
    b"\0",
    b"{stem}",
    b"{ext}",
    b"%",
    b"&",
    b"18446744073709551615",
    b"0",
    b"-1",
    b"final;",
    b"[[1,1]]",
    b"\xe2\x80\xae",
];

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|text| text.parse().ok())
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(seeds.len() >= 2, "{dir:?} has too few seeds");
    seeds
}

/// One change of one place.
fn change(rng: &mut fastrand::Rng, data: &mut Vec<u8>, other: &[u8]) {
    let at = rng.usize(..=data.len());
    let end = (at + rng.usize(..8)).min(data.len());
    match rng.u8(..7) {
        0 => drop(data.drain(at..end)),
        1 => data.truncate(at),
        2 => data.splice(at..end, WORDS[rng.usize(..WORDS.len())].iter().copied()).for_each(drop),
        3 => data.splice(at..at, vec![rng.u8(..); rng.usize(1..300)]).for_each(drop),
        4 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.u8(..8)),
        5 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.u8(..)),
        _ => {
            let from = rng.usize(..=other.len());
            let to = (from + rng.usize(..40)).min(other.len());
            data.splice(at..end, other[from..to].iter().copied()).for_each(drop);
        }
    }
}

fn tried(name: &str) {
    let (_, target) = entry::TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let seed = number("RESUMED_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let mut rng = fastrand::Rng::with_seed(seed);
    let seeds = seeds(name);
    let cases = number("RESUMED_FUZZ_CASES").unwrap_or(CASES);
    for case in 0..cases {
        let mut data = seeds[usize::try_from(case).unwrap() % seeds.len()].clone();
        // Each seed is tried as it is.
        let changes = if case < seeds.len() as u64 { 0 } else { rng.u32(1..6) };
        for _ in 0..changes {
            let other = seeds[rng.usize(..seeds.len())].clone();
            change(&mut rng, &mut data, &other);
        }
        if panic::catch_unwind(|| target(&data)).is_err() {
            let shown = data.escape_ascii();
            panic!(
                "{name} fails with b\"{shown}\"\n  to run it again: RESUMED_FUZZ_SEED={seed} cargo test --test fuzz {name}"
            );
        }
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                tried(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_tried_here_and_by_the_fuzzer() {
            let here = [$(stringify!($name)),*];
            assert_eq!(entry::TARGETS.map(|(name, _)| name), here);
            let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml")).unwrap();
            for name in here {
                assert!(manifest.contains(&format!("fuzz_targets/{name}.rs")), "fuzz/Cargo.toml lacks {name}");
            }
        }
    };
}

targets!(metadata checksum concat upload_id path form parameters sidecar);
