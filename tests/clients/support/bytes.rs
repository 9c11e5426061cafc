//! Files of bytes that don't repeat, made faster than a disk takes them, and their comparison.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

const PIECE: usize = 1 << 20;

/// Writes a file of `length` bytes that look like noise and are the same in every run. No two places in it are alike,
/// so that a piece that is lost, doubled or moved shows.
pub(crate) fn write_noise(path: &Path, length: u64) {
    let mut file = File::create(path).unwrap();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < length {
        fill(&mut piece, at);
        let count = usize::try_from((length - at).min(PIECE as u64)).unwrap();
        file.write_all(&piece[..count]).unwrap();
        at += count as u64;
    }
}

/// The noise from `at` on, a multiple of 8.
fn fill(piece: &mut [u8], at: u64) {
    for (word, index) in piece.chunks_exact_mut(8).zip(at / 8..) {
        word.copy_from_slice(&mix(index).to_le_bytes());
    }
}

/// splitmix64: one word of noise for every index, without the ones before.
fn mix(index: u64) -> u64 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Compares two files byte by byte.
pub(crate) fn assert_same(expected: &Path, found: &Path) {
    let length = |path: &Path| path.metadata().unwrap().len();
    assert_eq!(length(found), length(expected), "the length of {}", found.display());
    let open = |path: &Path| BufReader::with_capacity(PIECE, File::open(path).unwrap());
    let (mut expected, mut found) = (open(expected), open(found));
    let (mut ours, mut theirs) = (vec![0; PIECE], vec![0; PIECE]);
    let mut left = usize::try_from(expected.get_ref().metadata().unwrap().len()).unwrap();
    let mut at = 0;
    while left > 0 {
        let count = left.min(PIECE);
        expected.read_exact(&mut ours[..count]).unwrap();
        found.read_exact(&mut theirs[..count]).unwrap();
        if ours[..count] != theirs[..count] {
            let differs = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs).unwrap();
            panic!("the files differ from byte {} on", at + differs);
        }
        (at, left) = (at + count, left - count);
    }
}
