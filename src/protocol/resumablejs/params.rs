//! The nine parameters, in each relative's spelling.

use std::collections::{HashMap, HashSet};

use super::digest;
use super::errors::bad;
use crate::http::Problem;
use crate::upload::{Checksum, Chunks};

/// Resumable.js.
const STOCK: &str = "resumable";

/// Resumable.js, Flow.js, simple-uploader.
const PREFIXES: [&str; 3] = [STOCK, "flow", ""];

/// The one name that no client has.
const DIGEST: &str = "Digest";

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
    DIGEST,
    "ChunkFormat",
];

/// What a request says of its chunk, in the query and in the form.
///
/// Pages send parameters of their own along, and `type` or `filename` among them mean something to simple-uploader. So
/// each spelling is kept apart, and one of them speaks for the request.
#[derive(Debug, Clone)]
pub(super) struct Params {
    spellings: Vec<Spelling>,
    /// Everything that the query names, whosever it is.
    in_query: HashSet<String>,
    /// The page's own prefix.
    own: String,
}

#[derive(Debug, Clone)]
struct Spelling {
    prefix: String,
    values: HashMap<&'static str, String>,
    /// Names that were said twice, and differently.
    contradicted: Vec<&'static str>,
}

impl Spelling {
    fn new(prefix: String) -> Self {
        Self { prefix, values: HashMap::new(), contradicted: Vec::new() }
    }

    fn knows(&self, name: &str) -> Option<&'static str> {
        let rest = name.strip_prefix(self.prefix.as_str())?;
        NAMES
            .into_iter()
            .find(|known| if self.prefix.is_empty() { is_bare(rest, known) } else { rest == *known })
    }

    /// As the page writes it.
    fn spell(&self, name: &str) -> String {
        let (first, rest) = name.split_at(name.len().min(1));
        let first = if self.prefix.is_empty() { first.to_ascii_lowercase() } else { first.to_owned() };
        format!("{}{first}{rest}", self.prefix)
    }
}

/// `chunkNumber`; not `ChunkNumber`.
fn is_bare(name: &str, known: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.eq_ignore_ascii_case(known)
        && name.get(1..) == known.get(1..)
}

impl Params {
    /// Reads a query string. What is no parameter is left alone. The first value of a name stands: the client writes
    /// what its page wants to have said (`query`) before what it says itself.
    ///
    /// `own` is a prefix of the page's: in place of the known ones, or (as `parameterNamespace`) in front of them.
    pub(super) fn read(query: &str, own: Option<&str>) -> Self {
        let namespaced = own.into_iter().flat_map(|own| PREFIXES.map(|prefix| format!("{own}{prefix}")));
        let prefixes = namespaced.chain(PREFIXES.map(str::to_owned));
        let mut params = Self {
            spellings: prefixes.map(Spelling::new).collect(),
            in_query: HashSet::new(),
            own: own.unwrap_or_default().to_owned(),
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            for spelling in &mut params.spellings {
                if let Some(known) = spelling.knows(&name) {
                    spelling.values.entry(known).or_insert_with(|| line_ends(&value));
                }
            }
            params.in_query.insert(name.into_owned());
        }
        params
    }

    /// Takes a form's field in if it is a parameter. A form repeats the query's.
    pub(super) fn take_field(&mut self, name: &str, value: &str) {
        let value = line_ends(value);
        for spelling in &mut self.spellings {
            let Some(known) = spelling.knows(name) else { continue };
            if *spelling.values.entry(known).or_insert_with(|| value.clone()) != value {
                spelling.contradicted.push(known);
            }
        }
    }

    /// The spelling that speaks: the first one that says whose chunk it is, or anything at all.
    fn spoken(&self) -> Option<&Spelling> {
        let mut identified =
            self.spellings.iter().filter(|spelling| spelling.values.contains_key("Identifier"));
        identified.next().or_else(|| self.spellings.iter().find(|spelling| !spelling.values.is_empty()))
    }

    /// # Errors
    /// The form says something else than the query.
    pub(super) fn check_one_voice(&self) -> Result<(), Problem> {
        let spoken = self.spoken().and_then(|spoken| Some(spoken.spell(spoken.contradicted.first()?)));
        let mut digests = self.digest_spellings().filter(|spelling| spelling.contradicted.contains(&DIGEST));
        match spoken.or_else(|| digests.next().map(|spelling| spelling.spell(DIGEST))) {
            Some(name) => Err(bad(twice(&name))),
            None => Ok(()),
        }
    }

    /// A field behind the file may repeat what was said before, and nothing else: the chunk is on its way already.
    ///
    /// # Errors
    /// In words.
    pub(super) fn check_behind(&self, name: &str, value: &str) -> Result<(), String> {
        let value = line_ends(value);
        for (n, spelling) in self.digest_spellings().enumerate() {
            let speaks = n == 0 && self.spoken().is_some();
            let Some(known) = spelling.knows(name).filter(|known| speaks || *known == DIGEST) else {
                continue;
            };
            match spelling.values.get(known) {
                Some(said) if *said == value => {}
                Some(_) => return Err(twice(name)),
                None if value.is_empty() => {}
                None => {
                    return Err(format!(
                        "the parameter {name} stands behind the file (fields must stand before it, or in the query)"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether it is one, in any spelling.
    pub(super) fn is_parameter(&self, name: &str) -> bool {
        self.spellings.iter().any(|spelling| spelling.knows(name).is_some())
    }

    /// Whether a text field is, by its name, the chunk as a data URL: `file`, or with `fileParameterName` one that is
    /// no parameter and, unlike everything else that the page sends, not in the query either.
    pub(super) fn is_file_name(&self, name: &str) -> Certainty {
        if name.strip_prefix(self.own.as_str()) == Some("file") || name == "file" {
            return Certainty::Yes;
        }
        let says_all =
            self.spoken().is_some_and(|spoken| self.in_query.contains(&spoken.spell("Identifier")));
        if !self.is_parameter(name) && says_all && !self.in_query.contains(name) {
            Certainty::Perhaps
        } else {
            Certainty::No
        }
    }

    fn text(&self, name: &str) -> &str {
        self.spoken().and_then(|spoken| spoken.values.get(name)).map_or("", String::as_str)
    }

    fn number(&self, name: &'static str) -> Result<u64, Problem> {
        let text = self.text(name);
        if text.is_empty() {
            return Err(bad(format!(
                "the parameter {} is missing (fields must stand before the file, or in the query)",
                self.spell(name)
            )));
        }
        let wrong = || bad(format!("the parameter {} is not a whole number below 2^64", self.spell(name)));
        whole(text).ok_or_else(wrong)
    }

    /// A parameter's name, as the page writes it.
    pub(super) fn spell(&self, name: &str) -> String {
        self.spoken().map_or_else(|| format!("resumable{name}"), |spoken| spoken.spell(name))
    }

    pub(super) fn has_chunk_number(&self) -> bool {
        self.spoken().is_some_and(|spoken| spoken.values.contains_key("ChunkNumber"))
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

    /// The folder in the relative path, which is the name alone for a file that was chosen by itself.
    pub(super) fn folder(&self) -> &str {
        let path = self.relative_path();
        path.strip_suffix(self.file_name()).unwrap_or(path)
    }

    pub(super) fn media_type(&self) -> &str {
        self.text("Type")
    }

    /// For telling files apart: a number has one spelling. What is none is refused elsewhere.
    pub(super) fn total_size(&self) -> String {
        let text = self.text("TotalSize");
        whole(text).map_or_else(|| text.to_owned(), |number| number.to_string())
    }

    pub(super) fn is_base64(&self) -> bool {
        self.text("ChunkFormat").eq_ignore_ascii_case("base64")
    }

    /// What the whole file sums to: `resumableDigest=sha256:BASE64`. No client sends it by itself, so pages add it, and
    /// those of the relatives know it by its name here or make it one of their own parameters.
    pub(super) fn digest(&self) -> Result<Option<Checksum>, Problem> {
        let mut said = None;
        for spelling in self.digest_spellings() {
            let text = spelling.values.get(DIGEST).map_or("", String::as_str);
            if text.is_empty() {
                continue;
            }
            let name = spelling.spell(DIGEST);
            let digest = digest::read(text).map_err(|wrong| bad(format!("{name}{wrong}")))?;
            match &said {
                Some((other, earlier)) if *earlier != digest => {
                    return Err(bad(format!("the parameters {other} and {name} say different things")));
                }
                _ => said = Some((name, digest)),
            }
        }
        Ok(said.map(|(_, digest)| digest))
    }

    /// The spelling that speaks, and each in which the digest is called as Resumable.js would.
    fn digest_spellings(&self) -> impl Iterator<Item = &Spelling> {
        let spoken = self.spoken();
        let others = self.spellings.iter().filter(move |spelling| {
            spelling.prefix.ends_with(STOCK) && spoken.is_none_or(|spoken| spoken.prefix != spelling.prefix)
        });
        spoken.into_iter().chain(others)
    }
}

fn twice(name: &str) -> String {
    format!("the parameter {name} is given twice, with two values")
}

/// A number in digits and nothing else.
fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// How sure it is that a field is the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    Yes,
    /// If it looks like a data URL.
    Perhaps,
    No,
}

/// A form writes every line end as CR LF (WHATWG HTML, "multipart/form-data encoding algorithm"), a query as it is: a
/// name with a line end has to be the same in both.
fn line_ends(value: &str) -> String {
    if value.contains('\r') { value.replace("\r\n", "\n").replace('\r', "\n") } else { value.to_owned() }
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
            ("up_resumableChunkNumber=2&up_resumableFilename=%C3%BC%20b", Some("up_")),
            ("resumableChunkNumber=2&resumableFilename=%C3%BC%20b", Some("up_")),
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
    fn one_spelling_speaks_and_what_the_page_adds_does_not() {
        let own = "type=invoice&identifier=7&filename=x.pdf&chunkNumber=9";
        let read = |query: String| Params::read(&query, None);
        let stock = read(format!("{own}&resumableIdentifier=1-a&resumableChunkNumber=2"));
        assert_eq!((stock.identifier(), stock.chunk_number().unwrap()), ("1-a", 2));
        assert_eq!((stock.media_type(), stock.file_name()), ("", ""));
        let mut flow = read(own.into());
        flow.take_field("flowIdentifier", "1-b");
        assert_eq!((flow.identifier(), flow.has_chunk_number()), ("1-b", false));
        assert_eq!(read(own.into()).identifier(), "7");
    }

    #[test]
    fn a_form_may_repeat_the_query_but_not_contradict_it() {
        let says = |value: &str| {
            let mut params = Params::read("resumableIdentifier=1&resumableFilename=Icon%0D", None);
            params.take_field("type", "a");
            params.take_field("type", "b");
            params.take_field("resumableFilename", value);
            params.check_one_voice().map_err(|problem| problem.message)
        };
        assert_eq!(says("Icon\r\n"), Ok(()));
        assert!(says("Icon").unwrap_err().contains("resumableFilename is given twice"));
    }

    #[test]
    fn the_file_s_field_is_known_by_its_name() {
        let params = Params::read("up_resumableIdentifier=1&up_avatar=data:x", Some("up_"));
        for (name, certainty) in [
            ("file", Certainty::Yes),
            ("up_file", Certainty::Yes),
            ("up_upload", Certainty::Perhaps),
            ("up_avatar", Certainty::No),
            ("up_resumableType", Certainty::No),
        ] {
            assert_eq!(params.is_file_name(name), certainty, "{name}");
        }
        assert_eq!(Params::read("", None).is_file_name("upload"), Certainty::No);
    }

    #[test]
    fn what_is_missing_or_no_number_is_named() {
        let read = |query: &str| Params::read(query, None).chunks().unwrap_err().message;
        assert!(read("resumableChunkSize=1").contains("resumableTotalSize is missing"));
        assert!(read("flowChunkSize=1").contains("flowTotalSize is missing"));
        for odd in ["-1", "1e4", " 1", "99999999999999999999999", "18446744073709551616"] {
            let query = format!("resumableChunkSize=1&resumableTotalSize={odd}");
            assert!(read(&query).contains("resumableTotalSize is not a whole number below 2^64"), "{odd}");
        }
        assert!(read("resumableChunkSize=0&resumableTotalSize=1").contains("at least 1"));
    }

    #[test]
    fn a_folder_is_what_stands_before_the_name() {
        let folder = |path: &str| {
            let query = format!("resumableIdentifier=1&resumableFilename=a.txt&resumableRelativePath={path}");
            Params::read(&query, None).folder().to_owned()
        };
        assert_eq!(["", "a.txt", "x/y/a.txt", "x/y"].map(folder), ["", "", "x/y/", "x/y"]);
    }
}
