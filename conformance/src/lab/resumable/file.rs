//! A file as Resumable.js and its relatives see it: its parameters, and how it is cut into chunks.

use std::{ops::Range, sync::Arc};

use crate::lab::size;

/// Whose names the parameters have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Resumable.js: `resumableChunkNumber`.
    Resumable,
    /// Flow.js: `flowChunkNumber`.
    Flow,
    /// simple-uploader: `chunkNumber`.
    Simple,
}

impl Dialect {
    /// The parameter's name on the wire.
    pub(crate) fn spell(self, name: &str) -> String {
        match self {
            Self::Resumable => format!("resumable{name}"),
            Self::Flow => format!("flow{name}"),
            Self::Simple => {
                let (first, rest) = name.split_at(name.len().min(1));
                format!("{}{rest}", first.to_ascii_lowercase())
            }
        }
    }
}

/// Parameters by their names without a prefix, in the order in which they are sent. Values are bytes: a case may send
/// what is no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, Vec<u8>)>);

impl Params {
    /// Gives the parameter this value, in its place when it is there and at the end otherwise.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, present)) => *present = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// The same without this parameter.
    pub(crate) fn drop(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// The last first.
    pub(crate) fn reverse(&mut self) {
        self.0.reverse();
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

/// A file that a case uploads.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) identifier: Vec<u8>,
    pub(crate) name: Vec<u8>,
    pub(crate) relative_path: Vec<u8>,
    pub(crate) media_type: String,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) chunk: u64,
    forced: bool,
    pub(crate) dialect: Dialect,
}

impl File {
    /// A file as the stock client describes it: identifier from size and name, no folder, no type.
    pub(crate) fn new(name: &str, bytes: Vec<u8>, chunk: u64) -> Self {
        let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
        Self {
            identifier: format!("{}-{plain}", bytes.len()).into(),
            name: name.into(),
            relative_path: name.into(),
            media_type: String::new(),
            bytes: bytes.into(),
            chunk,
            forced: false,
            dialect: Dialect::Resumable,
        }
    }

    /// Cut as with `forceChunkSize`: the last chunk is the smaller one.
    pub(crate) fn forced(self) -> Self {
        Self { forced: true, ..self }
    }

    pub(crate) fn in_chunks_of(self, chunk: u64) -> Self {
        Self { chunk, ..self }
    }

    pub(crate) fn identified(self, identifier: impl Into<Vec<u8>>) -> Self {
        Self { identifier: identifier.into(), ..self }
    }

    /// Another name; the identifier stays.
    pub(crate) fn named(self, name: impl Into<Vec<u8>>) -> Self {
        let name = name.into();
        Self { relative_path: name.clone(), name, ..self }
    }

    /// The same file from inside a folder.
    pub(crate) fn at(self, relative_path: impl Into<Vec<u8>>) -> Self {
        Self { relative_path: relative_path.into(), ..self }
    }

    pub(crate) fn typed(self, media_type: &str) -> Self {
        Self { media_type: media_type.into(), ..self }
    }

    pub(crate) fn speaking(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    pub(crate) fn holding(self, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { bytes: bytes.into(), ..self }
    }

    pub(crate) fn total(&self) -> u64 {
        size(&self.bytes)
    }

    /// How many chunks there are: without `forceChunkSize` the rest belongs to the last whole chunk.
    pub(crate) fn count(&self) -> u64 {
        let whole = if self.forced { self.total().div_ceil(self.chunk) } else { self.total() / self.chunk };
        whole.max(1)
    }

    /// The numbers of all chunks.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        (1..=self.count()).collect()
    }

    fn range(&self, number: u64) -> Range<u64> {
        let start = number.saturating_sub(1) * self.chunk;
        start..if number >= self.count() { self.total() } else { number * self.chunk }
    }

    /// The bytes of one chunk.
    pub(crate) fn part(&self, number: u64) -> &[u8] {
        let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let range = self.range(number);
        self.bytes.get(place(range.start)..place(range.end)).unwrap_or_default()
    }

    /// The nine parameters of a chunk.
    pub(crate) fn params(&self, number: u64) -> Params {
        let mut params = Params::default();
        params.set("ChunkNumber", number.to_string());
        params.set("ChunkSize", self.chunk.to_string());
        params.set("CurrentChunkSize", self.part(number).len().to_string());
        params.set("TotalSize", self.total().to_string());
        if self.dialect == Dialect::Resumable {
            params.set("Type", self.media_type.as_str());
        }
        params.set("Identifier", self.identifier.clone());
        params.set("Filename", self.name.clone());
        params.set("RelativePath", self.relative_path.clone());
        params.set("TotalChunks", self.count().to_string());
        params
    }

    /// What is asked of the whole upload: no chunk is named.
    pub(crate) fn question(&self) -> Params {
        let mut params = self.params(1);
        params.drop("ChunkNumber");
        params.drop("CurrentChunkSize");
        params
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_belongs_to_the_last_chunk_unless_forced() {
        let file = File::new("a b.txt", (0..25).collect(), 10);
        assert_eq!((file.count(), file.part(1).len(), file.part(2).len()), (2, 10, 15));
        assert_eq!(file.identifier, b"25-abtxt");
        let forced = file.forced();
        assert_eq!((forced.count(), forced.part(3)), (3, &[20, 21, 22, 23, 24][..]));
        let empty = File::new("e", Vec::new(), 10);
        assert_eq!((empty.count(), empty.part(1).len(), empty.forced().count()), (1, 0, 1));
        assert_eq!(File::new("s", vec![1; 19], 10).count(), 1);
    }

    #[test]
    fn names_are_spelled_as_each_relative_does() {
        let spelled = [Dialect::Resumable, Dialect::Flow, Dialect::Simple].map(|d| d.spell("ChunkNumber"));
        assert_eq!(spelled, ["resumableChunkNumber", "flowChunkNumber", "chunkNumber"]);
    }

    #[test]
    fn the_last_value_that_was_set_stands() {
        let mut params = File::new("a", vec![0; 5], 10).params(1);
        params.set("ChunkNumber", "7");
        params.drop("Type");
        let first = params.pairs().next().map(|(name, value)| (name.to_owned(), value.to_vec()));
        assert_eq!(first, Some(("ChunkNumber".into(), b"7".to_vec())));
        assert_eq!(params.pairs().count(), 8);
    }
}
