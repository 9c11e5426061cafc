//! The bytes that cases upload, and how two contents are compared.

/// A body's length as tus counts it.
pub(crate) fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Bytes that look random, differ from seed to seed and are the same in every run.
pub(crate) fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = state.to_le_bytes();
        let wanted = (length - bytes.len()).min(word.len());
        bytes.extend(word.into_iter().take(wanted));
    }
    bytes
}

/// Where two contents part, for people.
pub(crate) fn difference(found: &[u8], wanted: &[u8]) -> String {
    let at = found.iter().zip(wanted).position(|(left, right)| left != right);
    match at {
        Some(at) => format!("expected GET to give the bytes that were sent; they differ from byte {at} on"),
        None => format!(
            "expected GET to give the {} bytes that were sent, got {} bytes",
            wanted.len(),
            found.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_repeat_and_differ() {
        assert_eq!(pattern(1, 100), pattern(1, 100));
        assert_ne!(pattern(1, 100), pattern(2, 100));
        assert_eq!(pattern(1, 13).len(), 13);
        assert_eq!(pattern(1, 100).get(..13), Some(&pattern(1, 13)[..]));
    }

    #[test]
    fn differences_are_located() {
        assert!(difference(b"abc", b"abd").contains("byte 2"));
        assert!(difference(b"ab", b"abc").contains("2 bytes"));
    }
}
