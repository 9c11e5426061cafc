//! The nine parameters, in each relative's spelling.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::errors::bad;
use crate::http::Problem;
use crate::upload::{Algorithm, Checksum, Chunks};

/// Resumable.js, Flow.js, simple-uploader.
const PREFIXES: [&str; 3] = ["resumable", "flow", ""];

/// Parameters under their names without a prefix, first letter small: `chunkNumber`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Params {
    values: HashMap<&'static str, String>,
    prefix: Option<String>,
}

/// Their names behind the prefix.
const NAMES: [&str; 11] = [
    "ChunkNumber",
    "ChunkSize",
    "CurrentChunkSize",
    "TotalSize",
    "Type",
    "Identifier",
    "Filename",
    "RelativePath",
    "TotalChunks",
    "Digest",
    "ChunkFormat",
];

impl Params {
    /// Reads a query string. What is not a parameter is left alone.
    pub(super) fn read(query: &str, prefix: Option<&str>) -> Self {
        let mut params = Self { prefix: prefix.map(str::to_owned), ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            params.set(&name, value.into_owned());
        }
        params
    }

    /// Takes a field in if it is a parameter. The first value of a name stands: a form repeats the query's.
    pub(super) fn set(&mut self, name: &str, value: String) {
        if let Some(known) = self.known(name) {
            self.values.entry(known).or_insert(value);
        }
    }

    fn known(&self, name: &str) -> Option<&'static str> {
        let prefixes = self.prefix.as_deref().into_iter().chain(PREFIXES);
        prefixes.filter_map(|prefix| name.strip_prefix(prefix)).find_map(|rest| {
            NAMES
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(rest) && has_right_case(rest, known, name))
        })
    }

    fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &'static str) -> Result<u64, Problem> {
        let text = self.text(name);
        if text.is_empty() {
            return Err(bad(format!("the parameter resumable{name} is missing")));
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.ok_or_else(|| bad(format!("the parameter resumable{name} is not a number")))
    }

    pub(super) fn has_chunk_number(&self) -> bool {
        self.values.contains_key("ChunkNumber")
    }

    pub(super) fn chunk_number(&self) -> Result<u64, Problem> {
        self.number("ChunkNumber")
    }

    pub(super) fn chunks(&self) -> Result<Chunks, Problem> {
        let (total, size) = (self.number("TotalSize")?, self.number("ChunkSize")?);
        // A page may drop it; then the larger last chunk is what these clients do by themselves.
        let count = match self.text("TotalChunks") {
            "" => (total / size.max(1)).max(1),
            _ => self.number("TotalChunks")?,
        };
        Chunks::new(total, size, count).map_err(|error| bad(error.to_string()))
    }

    pub(super) fn current_chunk_size(&self) -> Result<Option<u64>, Problem> {
        let told = !self.text("CurrentChunkSize").is_empty();
        told.then(|| self.number("CurrentChunkSize")).transpose()
    }

    pub(super) fn identifier(&self) -> &str {
        self.text("Identifier")
    }

    pub(super) fn file_name(&self) -> &str {
        self.text("Filename")
    }

    pub(super) fn relative_path(&self) -> &str {
        self.text("RelativePath")
    }

    pub(super) fn media_type(&self) -> &str {
        self.text("Type")
    }

    pub(super) fn total_size_text(&self) -> &str {
        self.text("TotalSize")
    }

    pub(super) fn is_base64(&self) -> bool {
        self.text("ChunkFormat").eq_ignore_ascii_case("base64")
    }

    /// `resumableDigest=sha256:BASE64`: what the whole file sums to.
    pub(super) fn digest(&self) -> Result<Option<Checksum>, Problem> {
        let text = self.text("Digest");
        if text.is_empty() {
            return Ok(None);
        }
        let wrong =
            || bad("resumableDigest must be an algorithm, a colon and a Base64 value, such as sha256:…");
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        let algorithm = Algorithm::by_name(name).ok_or_else(wrong)?;
        let value = STANDARD.decode(value).map_err(|_| wrong())?;
        Checksum::new(algorithm, value).map(Some).ok_or_else(wrong)
    }
}

/// `resumableType`, `type`; not `resumabletype`, nor `Type`.
fn has_right_case(rest: &str, known: &str, name: &str) -> bool {
    match (rest.len() == name.len(), rest.chars().next(), known.chars().next()) {
        (true, Some(first), Some(_)) => first.is_ascii_lowercase() && rest.get(1..) == known.get(1..),
        _ => rest == known,
    }
}

/// A parameter of somebody else's.
pub(super) fn query_value(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relative_is_understood() {
        let table = [
            ("resumableChunkNumber=2&resumableFilename=%C3%BC+b", None),
            ("flowChunkNumber=2&flowFilename=%C3%BC%20b", None),
            ("chunkNumber=2&filename=%C3%BC%20b", None),
            ("up_ChunkNumber=2&up_Filename=%C3%BC%20b", Some("up_")),
        ];
        for (query, prefix) in table {
            let params = Params::read(query, prefix);
            assert_eq!((params.chunk_number().unwrap(), params.file_name()), (2, "ü b"), "{query}");
        }
        assert!(
            !Params::read("resumablechunknumber=1&ChunkNumber=1&xChunkNumber=1", None).has_chunk_number()
        );
    }

    #[test]
    fn what_is_missing_or_no_number_is_named() {
        let read = |query| Params::read(query, None).chunks().unwrap_err().message;
        assert!(read("resumableChunkSize=1").contains("resumableTotalSize is missing"));
        assert!(
            read("resumableChunkSize=1&resumableTotalSize=-1").contains("resumableTotalSize is not a number")
        );
        assert!(read("resumableChunkSize=0&resumableTotalSize=1").contains("at least 1"));
    }
}
