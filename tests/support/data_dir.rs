//! A data directory: what is in it, and what a crash may have left in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A data directory that goes with the test. It lies beside the build, because a temporary directory may be in memory,
/// where nothing is like on a disk.
pub(crate) struct DataDir {
    dir: PathBuf,
    /// `None`: it lies in a directory of somebody else's.
    _removed_with_it: Option<tempfile::TempDir>,
}

impl DataDir {
    /// A directory in which another daemon has been: a new one syncs hundreds of directories, which takes its time.
    pub(crate) fn new() -> Self {
        let this = Self::missing();
        for shard in 0..=u8::MAX {
            fs::create_dir_all(this.path().join(format!("uploads/{shard:02x}"))).unwrap();
        }
        fs::create_dir(this.path().join("files")).unwrap();
        this
    }

    /// The same in memory, if the machine has such a place: for thousands of files, where a disk would only be slow.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let this = if memory.is_dir() {
            Self { dir: tempfile::tempdir_in(memory).unwrap() }
        } else {
            Self::missing()
        };
        fs::create_dir(this.path()).unwrap();
        this
    }

    /// A directory that the daemon has to make.
    pub(crate) fn missing() -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self { dir: dir.path().to_owned(), _removed_with_it: Some(dir) }
    }

    /// The data directory in a directory that is there and stays there, on a file system of the test's choice.
    pub(crate) fn inside(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), _removed_with_it: None }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A place beside the data directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn upload_path(&self, id: &str, extension: &str) -> PathBuf {
        self.path().join("uploads").join(&id[..2]).join(format!("{id}.{extension}"))
    }

    pub(crate) fn data_path(&self, id: &str) -> PathBuf {
        self.upload_path(id, "data")
    }

    pub(crate) fn sidecar_path(&self, id: &str) -> PathBuf {
        self.upload_path(id, "json")
    }

    /// The bytes of an unfinished upload; `None`: there is no such file.
    pub(crate) fn data(&self, id: &str) -> Option<Vec<u8>> {
        fs::read(self.data_path(id)).ok()
    }

    /// How many bytes of an unfinished upload the system has.
    pub(crate) fn data_len(&self, id: &str) -> u64 {
        fs::metadata(self.data_path(id)).map_or(0, |data| data.len())
    }

    pub(crate) fn sidecar_text(&self, id: &str) -> String {
        fs::read_to_string(self.sidecar_path(id)).unwrap()
    }

    pub(crate) fn sidecar(&self, id: &str) -> Value {
        serde_json::from_str(&self.sidecar_text(id)).unwrap()
    }

    /// The finished files by their path below `files/`.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.below("files")
    }

    /// The data files and sidecars by their path below `uploads/`.
    pub(crate) fn uploads(&self) -> BTreeMap<String, Vec<u8>> {
        self.below("uploads")
    }

    /// Every file of the test, by its path beside the data directory.
    pub(crate) fn everything(&self) -> Vec<String> {
        let mut found = BTreeMap::new();
        collect(&self.dir, &self.dir, &mut found);
        found.into_keys().collect()
    }

    fn below(&self, what: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let base = self.path().join(what);
        collect(&base, &base, &mut found);
        found
    }

    /// Writes an upload as a process that died may have left it: `changes` replace fields of the sidecar of a plain
    /// upload that receives `hello world` under the name `a.txt`.
    pub(crate) fn leave(&self, id: &str, changes: Value, data: Option<&[u8]>) {
        let mut sidecar = json!({
            "version": 1,
            "id": id,
            "filename": "a.txt",
            "kind": { "type": "whole" },
            "state": { "type": "receiving" },
            "offset": 0,
            "length": 11,
            "metadata": "filename YS50eHQ=",
            "created": "2026-01-02T03:04:05Z",
            "modified": "2026-01-02T03:04:05Z",
            "expires": null,
            "epoch": "another boot",
        });
        for (key, value) in changes.as_object().unwrap() {
            assert!(sidecar.get(key).is_some(), "{key} is no field of a sidecar");
            sidecar[key] = value.clone();
        }
        self.leave_sidecar(id, &sidecar.to_string());
        if let Some(data) = data {
            fs::write(self.data_path(id), data).unwrap();
        }
    }

    pub(crate) fn leave_sidecar(&self, id: &str, text: &str) {
        let path = self.sidecar_path(id);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Puts a finished file there, as another upload or a person may have done.
    pub(crate) fn leave_file(&self, name: &str, contents: &[u8]) {
        let path = self.path().join("files").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
}

fn collect(base: &Path, dir: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(base, &path, found);
        } else if let Ok(contents) = fs::read(&path) {
            // A file may go while we look.
            found.insert(path.strip_prefix(base).unwrap().to_str().unwrap().to_owned(), contents);
        }
    }
}
