//! The name of an upload.

use std::fmt;
use std::str::FromStr;

use super::hex;

/// The identifier of an upload: 128 random bits, written as 32 lower-case hexadecimal digits.
///
/// Who knows it may continue the upload, so it is unguessable; it is safe in a URL and as a file name on every file
/// system, so no code below the border has to escape it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId([u8; 16]);

/// The text is not an [`UploadId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an upload's name; give the 32 hexadecimal digits at the end of its URL")]
pub struct NotAnId;

impl UploadId {
    /// Length of the text form in bytes.
    pub const TEXT_LEN: usize = 32;

    /// Makes a new identifier from the operating system's random source.
    ///
    /// # Errors
    /// When that source fails, which Linux only does before it is seeded at boot.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
        Ok(Self(bytes))
    }

    /// Reads the text form; anything else than exactly 32 lower-case hexadecimal digits is refused, so that every
    /// upload has one spelling only.
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        let digits: &[u8; Self::TEXT_LEN] = text.as_bytes().try_into().map_err(|_| NotAnId)?;
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return Err(NotAnId) };
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(bytes))
    }

    /// The first two hexadecimal digits: identifiers are random, so this spreads them evenly over 256 places.
    #[must_use]
    pub fn shard(self) -> u8 {
        let [first, ..] = self.0;
        first
    }
}

fn nibble(digit: u8) -> Result<u8, NotAnId> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotAnId),
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for UploadId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Self::parse(text)
    }
}

impl serde::Serialize for UploadId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for UploadId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        for _ in 0..100 {
            let id = UploadId::random().unwrap();
            assert_eq!(UploadId::parse(&id.to_string()), Ok(id));
        }
    }

    #[test]
    fn only_one_spelling_is_an_id() {
        let good = "00112233445566778899aabbccddeeff";
        assert!(UploadId::parse(good).is_ok());
        for bad in ["", "..", &good.to_uppercase(), &good[1..], &format!("{good}0"), &good.replace('f', "/")]
        {
            assert_eq!(UploadId::parse(bad), Err(NotAnId), "{bad:?}");
        }
        assert!(UploadId::parse("é112233445566778899aabbccddeeff").is_err());
    }
}
