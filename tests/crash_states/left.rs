//! What a crash left, as files in a data directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use resumed::upload::ClientKey;
use serde_json::{Value, json};

use super::client::Chunks;
use super::image::{Crash, Name, State};
use super::judge::Touch;
use super::support::base64;
use super::support::data_dir::DataDir;
use super::world::{ANOTHER, PARTS, PIECE, WHOLE, World};

/// What lies where an upload wants to be published, if somebody was quicker. As long as the upload, so that nothing
/// but its place and its age tells the two apart.
pub(crate) const SOMEBODY_ELSES: &[u8] = b"somebody else's";

/// A state with a name, as an upload of a data directory.
pub(crate) struct Left {
    pub(crate) id: String,
    /// Of the finished file; no other upload's begins with it.
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) touch: Touch,
    moment: SystemTime,
    epoch: String,
}

impl Left {
    pub(crate) fn new(number: usize, state: State, touch: Touch, world: &World) -> Self {
        let moment: Timestamp = world.moment.parse().unwrap();
        let epoch = match state.crash {
            Crash::ProcessDied => world.epoch.clone(),
            Crash::PowerFailed => ANOTHER.to_owned(),
        };
        let id =
            format!("{:032x}", (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        Self { id, name: format!("left-{number:05}"), state, touch, moment: moment.into(), epoch }
    }

    pub(crate) fn url(&self) -> String {
        format!("/files/{}", self.id)
    }

    /// The upload as its client cuts it.
    pub(crate) fn chunks(&self) -> Chunks<'_> {
        Chunks { identifier: &self.id, file_name: &self.name, bytes: WHOLE, size: PIECE }
    }

    /// For the message of a test that fails.
    pub(crate) fn title(&self) -> String {
        let State { operation, crash, told, how, .. } = &self.state;
        format!(
            "{operation}, {crash:?}, told {told:?}, first touch {:?}; {} after\n{how}",
            self.touch, self.id
        )
    }

    /// What the daemon makes of what such a client says of its file. Were this to change, an upgrade would forget what is
    /// under way.
    fn key(&self) -> String {
        let (total, folder) = (WHOLE.len().to_string(), "");
        ClientKey::new(["", &total, &self.id, folder, &self.name]).to_string()
    }

    fn path(&self, data: &DataDir, name: Name) -> PathBuf {
        let files = data.path().join("files");
        let key = self.key();
        let keys = data.path().join("keys").join(&key[..2]);
        match name {
            Name::Data => data.data_path(&self.id),
            Name::Sidecar => data.sidecar_path(&self.id),
            Name::Staged => data.sidecar_path(&self.id).with_extension("json.new"),
            Name::File => files.join(&self.name),
            Name::SecondFile => files.join(format!("{} (2)", self.name)),
            Name::Key => keys.join(key),
            Name::StagedKey => keys.join(key + ".json.new"),
        }
    }

    /// What was left open in the contents for this upload, filled in.
    fn fill_in(&self, contents: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(contents) else { return contents.to_vec() };
        let key = self.key();
        let filled = text
            .replace("$ID", &self.id)
            .replace("$NAME", &self.name)
            .replace("$BASE64", &base64(&self.name))
            .replace("$KEY", &key)
            .replace("$EPOCH", &self.epoch);
        filled.into_bytes()
    }

    /// Puts the files there.
    pub(crate) fn write(&self, data: &DataDir) {
        let mut written: BTreeMap<usize, PathBuf> = BTreeMap::new();
        for (name, number) in &self.state.image.names {
            let path = self.path(data, *name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match written.get(number) {
                Some(first) => fs::hard_link(first, &path).unwrap(),
                None => {
                    fs::write(&path, self.fill_in(&self.state.image.contents[number])).unwrap();
                    set_moment(&path, self.moment);
                }
            }
            written.insert(*number, path);
        }
        if self.state.name_is_taken {
            let path = self.path(data, Name::File);
            fs::write(&path, SOMEBODY_ELSES).unwrap();
            set_moment(&path, self.moment);
        }
    }

    /// From now on what is in the page cache only is not to be trusted any more.
    pub(crate) fn cut_the_power(&self, data: &DataDir) {
        let path = self.path(data, Name::Sidecar);
        let Ok(text) = fs::read(&path) else { return };
        if let Ok(mut sidecar) = serde_json::from_slice::<Value>(&text) {
            sidecar["epoch"] = json!(ANOTHER);
            fs::write(path, sidecar.to_string()).unwrap();
        }
    }
}

fn set_moment(path: &Path, moment: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(moment).unwrap();
}

/// The parts of all final uploads: complete, and kept.
pub(crate) fn leave_parts(data: &DataDir, world: &World) {
    for (id, piece) in PARTS.iter().zip(WHOLE.chunks(PIECE)) {
        let fields = json!({
            "kind": { "type": "partial" },
            "state": { "type": "complete", "file": null },
            "offset": PIECE,
            "length": PIECE,
            "metadata": "",
            "epoch": world.epoch,
        });
        let sidecar = String::from_utf8(world.sidecar(fields)).unwrap();
        data.leave_sidecar(id, &sidecar.replace("$ID", id));
        fs::write(data.data_path(id), piece).unwrap();
    }
}
