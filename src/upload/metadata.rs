//! What a client says of its upload: names and values.
//!
//! The notation is tus's `Upload-Metadata`, because it loses nothing: values are any bytes, and it is echoed as it
//! was given. Other protocols build the same thing with [`Metadata::from_pairs`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Names and values of an upload, with the text they were given in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Metadata {
    as_given: String,
    pairs: Vec<(String, Vec<u8>)>,
}

/// The text is not metadata; each sentence says what is wrong in words for the client's author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// An empty key, or two commas in a row.
    #[error("pair {0} has an empty key")]
    EmptyKey(usize),
    /// More than one space in a pair.
    #[error("pair {0} has more than a key, one space and a value")]
    TooManyWords(usize),
    /// Keys are printable ASCII.
    #[error("the key of pair {0} has a character that is not printable ASCII")]
    BadKey(usize),
    /// The same key twice.
    #[error("the key {0:?} stands in it twice")]
    Duplicate(String),
    /// The value is not Base64.
    #[error("the value of {0:?} is not valid Base64")]
    BadValue(String),
}

impl Metadata {
    /// Reads `key base64,key base64,…`. Keys are unique, non-empty, printable ASCII without space and comma; the
    /// value, and its space too, may be missing. The empty text is no metadata (tuspy sends it).
    ///
    /// # Errors
    /// Anything else, by what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, MetadataError> {
        let mut pairs: Vec<(String, Vec<u8>)> = Vec::new();
        if text.trim_matches(' ').is_empty() {
            return Ok(Self::default());
        }
        for (index, pair) in text.split(',').enumerate() {
            let number = index + 1;
            // White space around the comma of a list is tolerated everywhere in HTTP; inside a pair it is not.
            let pair = pair.strip_prefix(' ').unwrap_or(pair);
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            if key.is_empty() {
                return Err(MetadataError::EmptyKey(number));
            }
            if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(MetadataError::BadKey(number));
            }
            if value.contains(' ') {
                return Err(MetadataError::TooManyWords(number));
            }
            if pairs.iter().any(|(known, _)| known == key) {
                return Err(MetadataError::Duplicate(key.to_owned()));
            }
            let value = STANDARD.decode(value).map_err(|_| MetadataError::BadValue(key.to_owned()))?;
            pairs.push((key.to_owned(), value));
        }
        Ok(Self { as_given: text.to_owned(), pairs })
    }

    /// Builds metadata from names and values that another protocol brought. Pairs with an empty value are left out;
    /// the keys are the caller's own words and must be printable ASCII.
    #[must_use]
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let pairs: Vec<(String, Vec<u8>)> = pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
            .collect();
        let words: Vec<String> =
            pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect();
        Self { as_given: words.join(","), pairs }
    }

    /// The text as the client gave it; empty when there is none.
    #[must_use]
    pub fn as_given(&self) -> &str {
        &self.as_given
    }

    /// The value of a key when it is there and is UTF-8.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(known, _)| known == key)?;
        std::str::from_utf8(value).ok()
    }

    /// The name of the file, as the clients in use call it: `filename` (Uppy, tus-js-client's examples) or `name`
    /// (older ones). Any text: it must be made safe before it names anything.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        ["filename", "name"].iter().find_map(|key| self.text(key)).filter(|name| !name.is_empty())
    }

    /// The media type of the file, from `filetype` (Uppy) or `type`.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        ["filetype", "type"].iter().find_map(|key| self.text(key)).filter(|name| !name.is_empty())
    }
}

impl TryFrom<String> for Metadata {
    type Error = MetadataError;
    fn try_from(text: String) -> Result<Self, MetadataError> {
        Self::parse(&text)
    }
}

impl From<Metadata> for String {
    fn from(metadata: Metadata) -> Self {
        metadata.as_given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_metadata_is_read_and_echoed_as_given() {
        for text in
            ["filename d29ybGQudHh0,is_confidential", "a ,b", "a,b Yg==", "k AAECAw==", "a YQ==, b Yg=="]
        {
            let metadata = Metadata::parse(text).unwrap();
            assert_eq!(metadata.as_given(), text);
            assert_eq!(Metadata::try_from(String::from(metadata.clone())), Ok(metadata));
        }
        assert_eq!(Metadata::parse("filename d29ybGQudHh0,x").unwrap().file_name(), Some("world.txt"));
    }

    #[test]
    fn bad_metadata_is_named_by_what_is_wrong() {
        let table = [
            (",", MetadataError::EmptyKey(1)),
            ("a YQ==,", MetadataError::EmptyKey(2)),
            (",a YQ==", MetadataError::EmptyKey(1)),
            ("a YQ==,a Yg==", MetadataError::Duplicate("a".into())),
            ("a YQ", MetadataError::BadValue("a".into())),
            ("a !!!!", MetadataError::BadValue("a".into())),
            ("a YQ== YQ==", MetadataError::TooManyWords(1)),
            ("ä YQ==", MetadataError::BadKey(1)),
            ("a\t YQ==", MetadataError::BadKey(1)),
        ];
        for (text, error) in table {
            assert_eq!(Metadata::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn pairs_of_another_protocol_become_the_same_thing() {
        let metadata = Metadata::from_pairs([("filename", "ä.txt"), ("filetype", "")]);
        assert_eq!(Metadata::parse(metadata.as_given()), Ok(metadata.clone()));
        assert_eq!((metadata.file_name(), metadata.media_type()), (Some("ä.txt"), None));
    }
}
