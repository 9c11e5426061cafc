//! What lies in the data directory, as an administrator would find it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::contents::Contents;
use crate::support::daemon::id;
use crate::support::data_dir::DataDir;

/// Everything below the data directory but the bytes.
pub(crate) struct Remains {
    path: PathBuf,
    sidecars: BTreeMap<String, Sidecar>,
    /// Sizes of data files, by identifier.
    data: HashMap<String, u64>,
    /// Sizes of finished files, by name.
    files: BTreeMap<String, u64>,
    problems: Vec<String>,
}

struct Sidecar {
    json: Value,
    /// The number that the client gave it.
    number: Option<u64>,
}

impl Sidecar {
    fn state(&self) -> &str {
        self.json["state"]["type"].as_str().unwrap_or_default()
    }

    fn offset(&self) -> u64 {
        self.json["offset"].as_u64().unwrap_or_default()
    }

    /// The name of the finished file.
    fn file(&self) -> Option<&str> {
        self.json["state"]["file"].as_str()
    }
}

/// The number in an upload's metadata.
fn number_of(sidecar: &Value) -> Option<u64> {
    use base64::Engine as _;
    let metadata = sidecar["metadata"].as_str()?;
    let number = metadata
        .split(',')
        .find_map(|pair| pair.strip_prefix("number ").or_else(|| pair.strip_prefix("relativePath ")))?;
    let number = base64::engine::general_purpose::STANDARD.decode(number).ok()?;
    String::from_utf8(number).ok()?.parse().ok()
}

/// What took the process away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The page cache is as it was: all that arrived is kept.
    Killed,
    /// What was not synced is not to be trusted.
    PowerCut,
}

impl Remains {
    pub(crate) fn of(data: &DataDir) -> Self {
        let path = data.path();
        let mut remains = Self {
            path: path.clone(),
            sidecars: BTreeMap::new(),
            data: HashMap::new(),
            files: BTreeMap::new(),
            problems: Vec::new(),
        };
        for shard in list(&path.join("uploads")) {
            for entry in list(&shard) {
                remains.take(&entry);
            }
        }
        remains.forget_unbound();
        for file in list(&path.join("files")) {
            remains.files.insert(name_of(&file), len_of(&file));
        }
        remains
    }

    /// A chunked upload that was cut off between its creation and the note of its client's name for it: nobody was told
    /// of it, the client's next chunk begins another one, and it expires. It has nothing in it.
    fn forget_unbound(&mut self) {
        let keys = self.path.join("keys");
        let is_bound = |id: &String, sidecar: &mut Sidecar| {
            let Some(key) = sidecar.json["key"].as_str() else { return true };
            let leads_to = fs::read_to_string(keys.join(&key[..2]).join(key)).unwrap_or_default();
            leads_to.trim() == id || sidecar.json["state"]["present"] != serde_json::json!([])
        };
        self.sidecars.retain(is_bound);
    }

    fn take(&mut self, path: &Path) {
        let name = name_of(path);
        match name.split_once('.') {
            Some((id, "data")) => drop(self.data.insert(id.to_owned(), len_of(path))),
            Some((id, "json")) => match serde_json::from_slice(&fs::read(path).unwrap()) {
                Ok(json) => {
                    let number = number_of(&json);
                    self.sidecars.insert(id.to_owned(), Sidecar { json, number });
                }
                Err(error) => {
                    let len = len_of(path);
                    self.problems.push(format!("the sidecar {name}, {len} bytes, is not whole: {error}"));
                }
            },
            // A sidecar that has not got its name yet.
            Some((_, "json.new")) => {}
            _ => self.problems.push(format!("nobody knows the file uploads/…/{name}")),
        }
    }

    /// The offset that the daemon has to tell of this upload when it is started again, by the table in
    /// `docs/durability.md`. `None`: it has no offset of this sort.
    pub(crate) fn offset_after(&self, upload: &str, cause: Cause) -> Option<u64> {
        let (sidecar, stored) = (self.sidecars.get(id(upload))?, *self.data.get(id(upload))?);
        let length = sidecar.json["length"].as_u64().unwrap_or(u64::MAX);
        // Before Linux 6.8 nothing tells whether it is still the same mount.
        let is_trusted = cause == Cause::Killed && sidecar.json["epoch"] != "";
        match sidecar.state() {
            "receiving" if is_trusted => Some(stored.min(length)),
            "receiving" | "verifying" => Some(sidecar.offset().min(stored)),
            _ => None,
        }
    }

    /// The bytes of an upload, wherever they are: what is wrong with those that count. Chunks by their ranges.
    pub(crate) fn check_bytes(&self, number: u64, contents: &Contents) -> Result<(), String> {
        let Some((id, sidecar)) = self.sidecars.iter().find(|(_, sidecar)| sidecar.number == Some(number))
        else {
            return Err("it has no sidecar".to_owned());
        };
        let own = self.path.join("uploads").join(&id[..2]).join(format!("{id}.data"));
        let path = match sidecar.file() {
            Some(name) if !self.data.contains_key(id) => self.path.join("files").join(name),
            _ => own,
        };
        let file = fs::File::open(&path).map_err(|error| format!("its bytes are gone: {error}"))?;
        for (from, to) in counted(sidecar) {
            let mut found = vec![0; usize::try_from(to - from).unwrap()];
            let read = file.read_exact_at(&mut found, from);
            read.map_err(|error| format!("{from}..{to} can't be read: {error}"))?;
            if let Some(place) = contents.first_difference(from, &found) {
                return Err(format!("the bytes from {place} on, in {from}..{to}, are wrong"));
            }
        }
        if sidecar.state() == "complete" && len_of(&path) != contents.len() {
            return Err(format!("the file has {} bytes and not {}", len_of(&path), contents.len()));
        }
        Ok(())
    }

    /// An upload's sidecar, for people.
    pub(crate) fn sidecar(&self, number: u64) -> String {
        let sidecar = self.sidecars.values().find(|sidecar| sidecar.number == Some(number));
        sidecar.map_or_else(|| "none".to_owned(), |sidecar| sidecar.json.to_string())
    }

    /// Whether an upload is there that a client gave this number.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.sidecars.values().any(|sidecar| sidecar.number == Some(number))
    }

    /// What contradicts itself, and the finished files that no upload leads to. `known` says of a number whether some
    /// client began an upload with it.
    pub(crate) fn audit(&self, known: impl Fn(u64) -> bool) -> (Vec<String>, Vec<PathBuf>) {
        let mut problems = self.problems.clone();
        let mut numbers = BTreeSet::new();
        let mut names = BTreeSet::new();
        for (id, sidecar) in &self.sidecars {
            let number = sidecar.number;
            if !number.is_some_and(&known) || sidecar.json["id"] != id.as_str() {
                problems.push(format!("nobody asked for the upload {id}: {}", sidecar.json));
            }
            if number.is_some_and(|number| !numbers.insert(number)) {
                problems.push(format!("one upload is there twice: {}", sidecar.json));
            }
            let has_data = self.data.contains_key(id);
            match sidecar.file() {
                Some(name) if !names.insert(name) => {
                    problems.push(format!("two uploads have the file {name}"));
                }
                Some(name) if !has_data && !self.files.contains_key(name) => {
                    problems.push(format!("the file {name} of upload {id} is gone"));
                }
                None if !has_data => {
                    problems.push(format!("the data of upload {id} are gone: {}", sidecar.json));
                }
                _ => {}
            }
        }
        let lost = self.files.keys().filter(|name| !names.contains(name.as_str()));
        (problems, lost.map(|name| self.path.join("files").join(name)).collect())
    }
}

/// The ranges of bytes that a sidecar says are there.
fn counted(sidecar: &Sidecar) -> Vec<(u64, u64)> {
    let state = &sidecar.json["state"];
    if state["type"] != "filling" {
        return vec![(0, sidecar.offset())];
    }
    let field = |name: &str| state[name].as_u64().unwrap();
    let (total, size, count) = (field("total"), field("size"), field("count"));
    let runs = state["present"].as_array().unwrap().iter();
    runs.map(|run| {
        let (first, last) = (run[0].as_u64().unwrap(), run[1].as_u64().unwrap());
        ((first - 1) * size, if last == count { total } else { last * size })
    })
    .collect()
}

fn list(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn len_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
