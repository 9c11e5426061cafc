//! Sixteen bytes as text.

use std::fmt;

/// Writes 32 lower-case hexadecimal digits, all at once: names and paths are made several times for each request.
pub(super) fn write(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    }
}
