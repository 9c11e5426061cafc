//! Checksums over the body of one append, computed while it streams.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use digest::Digest;
use serde::{Deserialize, Serialize};

/// A checksum algorithm that clients may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-1; the one that the tus specification demands.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// MD5: finds broken lines, not forgers.
    Md5,
    /// CRC-32 (ISO-HDLC, the one of zip), four bytes, the highest first.
    Crc32,
    /// CRC-32C (Castagnoli), four bytes, the highest first.
    Crc32c,
}

impl Algorithm {
    /// Every algorithm, in the order in which they are offered.
    pub const ALL: [Self; 6] = [Self::Sha1, Self::Sha256, Self::Sha512, Self::Md5, Self::Crc32, Self::Crc32c];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Md5 => "md5",
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
        }
    }

    /// Finds an algorithm by its name on the wire.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Bytes in its value.
    #[must_use]
    pub fn value_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Md5 => 16,
            Self::Crc32 | Self::Crc32c => 4,
        }
    }

    /// Starts computing.
    #[must_use]
    pub fn hasher(self) -> Hasher {
        match self {
            Self::Sha1 => Hasher::Sha1(sha1::Sha1::new()),
            Self::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Self::Sha512 => Hasher::Sha512(Box::new(sha2::Sha512::new())),
            Self::Md5 => Hasher::Md5(md5::Md5::new()),
            Self::Crc32 => Hasher::Crc32(crc32fast::Hasher::new()),
            Self::Crc32c => Hasher::Crc32c(0),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a client says its body sums to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    algorithm: Algorithm,
    value: Vec<u8>,
}

impl Checksum {
    /// Pairs an algorithm with a value; `None` when the value has not the algorithm's number of bytes.
    #[must_use]
    pub fn new(algorithm: Algorithm, value: Vec<u8>) -> Option<Self> {
        (value.len() == algorithm.value_len()).then_some(Self { algorithm, value })
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The finished computation agrees with it.
    #[must_use]
    pub fn matches(&self, hasher: Hasher) -> bool {
        hasher.finish() == self.value
    }
}

/// `sha1:BASE64`, as clients write a digest.
impl Serialize for Checksum {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:{}", self.algorithm, STANDARD.encode(&self.value)))
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        let checksum = text
            .split_once(':')
            .and_then(|(name, value)| Self::new(Algorithm::by_name(name)?, STANDARD.decode(value).ok()?));
        checksum
            .ok_or_else(|| serde::de::Error::custom("a digest is an algorithm, a colon and a Base64 value"))
    }
}

/// A checksum being computed.
pub enum Hasher {
    /// SHA-1.
    Sha1(sha1::Sha1),
    /// SHA-256.
    Sha256(sha2::Sha256),
    /// SHA-512; boxed, being several times the size of the others.
    Sha512(Box<sha2::Sha512>),
    /// MD5.
    Md5(md5::Md5),
    /// CRC-32.
    Crc32(crc32fast::Hasher),
    /// CRC-32C.
    Crc32c(u32),
}

impl Hasher {
    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(state) => state.update(bytes),
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
            Self::Md5(state) => state.update(bytes),
            Self::Crc32(state) => state.update(bytes),
            Self::Crc32c(state) => *state = crc32c::crc32c_append(*state, bytes),
        }
    }

    /// The value of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(state) => state.finalize().to_vec(),
            Self::Sha256(state) => state.finalize().to_vec(),
            Self::Sha512(state) => state.finalize().to_vec(),
            Self::Md5(state) => state.finalize().to_vec(),
            Self::Crc32(state) => state.finalize().to_be_bytes().to_vec(),
            Self::Crc32c(state) => state.to_be_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn each_algorithm_gives_its_published_value_for_123456789() {
        let table = [
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
            (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
        ];
        for (algorithm, value) in table {
            let mut hasher = algorithm.hasher();
            hasher.update(b"1234");
            hasher.update(b"");
            hasher.update(b"56789");
            assert_eq!(hex(&hasher.finish()), value, "{algorithm}");
        }
        let mut hasher = Algorithm::Sha512.hasher();
        hasher.update(b"123456789");
        assert!(
            hex(&hasher.finish())
                .starts_with("d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a")
        );
    }

    #[test]
    fn names_and_sizes_agree_with_the_algorithms() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::by_name(algorithm.name()), Some(algorithm));
            assert_eq!(algorithm.hasher().finish().len(), algorithm.value_len());
            assert!(Checksum::new(algorithm, vec![0; algorithm.value_len() + 1]).is_none());
        }
        assert_eq!(Algorithm::by_name("SHA1"), None);
    }
}
