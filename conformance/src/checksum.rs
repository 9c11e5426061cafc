//! The checksum algorithms that the suite can compute, and how tus writes their values.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use digest::Digest as _;

/// The algorithms that have cases of their own, `sha1` (the one that every server has) first.
pub(crate) const KNOWN: [&str; 7] = ["sha1", "sha256", "sha384", "sha512", "md5", "crc32", "crc32c"];

/// The raw checksum. The two CRCs are their 4 bytes, big-endian; an unknown name gives nothing.
pub(crate) fn raw(algorithm: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    Some(match algorithm {
        "sha1" => sha1::Sha1::digest(bytes).to_vec(),
        "sha256" => sha2::Sha256::digest(bytes).to_vec(),
        "sha384" => sha2::Sha384::digest(bytes).to_vec(),
        "sha512" => sha2::Sha512::digest(bytes).to_vec(),
        "md5" => md5::Md5::digest(bytes).to_vec(),
        "crc32" => crc32fast::hash(bytes).to_be_bytes().to_vec(),
        "crc32c" => crc32c::crc32c(bytes).to_be_bytes().to_vec(),
        _ => return None,
    })
}

/// The value of `Upload-Checksum` for these bytes.
pub(crate) fn header(algorithm: &str, bytes: &[u8]) -> String {
    let sum = raw(algorithm, bytes).unwrap_or_default();
    format!("{algorithm} {}", STANDARD.encode(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_known_values() {
        assert_eq!(header("sha1", b"hello world"), "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
        // The check values of the two CRCs (over "123456789") are 0xCBF43926 and 0xE3069283.
        assert_eq!(raw("crc32", b"123456789").unwrap(), [0xCB, 0xF4, 0x39, 0x26]);
        assert_eq!(raw("crc32c", b"123456789").unwrap(), [0xE3, 0x06, 0x92, 0x83]);
        assert_eq!(raw("crc32", b"").unwrap(), [0; 4]);
    }

    #[test]
    fn knows_what_it_says_it_knows() {
        let lengths = KNOWN.map(|name| raw(name, b"x").unwrap().len());
        assert_eq!(lengths, [20, 32, 48, 64, 16, 4, 4]);
        assert!(raw("rot13", b"x").is_none());
    }
}
