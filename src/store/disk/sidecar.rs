//! The sidecar: the small JSON document beside an upload's data. Its fields are documented for administrators in
//! `docs/sidecar.md`; `jq . uploads/3f/3f….json` reads it.

use std::path::{Component, Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::upload::{ClientKey, Kind, Length, Metadata, Owner, State, Upload, UploadId};

/// The version this program writes. A reader that finds a greater one must not guess.
pub(super) const VERSION: u32 = 1;

/// The document.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sidecar {
    version: u32,
    id: UploadId,
    /// For people who look at the file; the truth is in `metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    kind: Kind,
    state: State,
    offset: u64,
    /// `null`: the client has not told it yet.
    length: Option<u64>,
    /// In tus's notation, because that loses nothing.
    metadata: Metadata,
    /// The client's own name for it, hashed; see `keys/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<ClientKey>,
    /// Who may go on with it, if it is anybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Owner>,
    created: Timestamp,
    modified: Timestamp,
    /// `null`: never.
    expires: Option<Timestamp>,
    /// While the file system stays mounted, bytes beyond `offset` that a dead process left can be trusted; see
    /// [`super::epoch`].
    epoch: String,
}

impl Sidecar {
    pub(super) fn new(upload: &Upload, epoch: &str) -> Self {
        Self {
            version: VERSION,
            id: upload.id,
            filename: upload.metadata.file_name().map(str::to_owned),
            kind: upload.kind.clone(),
            state: upload.state.clone(),
            offset: upload.offset,
            length: upload.length.known(),
            metadata: upload.metadata.clone(),
            key: upload.key,
            owner: upload.owner.clone(),
            created: upload.created,
            modified: upload.modified,
            expires: upload.expires,
            epoch: epoch.to_owned(),
        }
    }

    /// The document as it is written: one line, so that `jq` and `grep` both like it.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = serde_json::to_vec(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads a document.
    ///
    /// # Errors
    /// A sentence for the log: it is torn, of a later version, for another upload, or contradicts itself.
    pub(super) fn from_json(json: &[u8], id: UploadId) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } =
            serde_json::from_slice(json).map_err(|error| format!("the sidecar can't be read: {error}"))?;
        if version != VERSION {
            return Err(format!("the sidecar has version {version}; this program knows version {VERSION}"));
        }
        let sidecar: Self =
            serde_json::from_slice(json).map_err(|error| format!("the sidecar can't be read: {error}"))?;
        if sidecar.id != id {
            return Err(format!("the sidecar belongs to upload {}", sidecar.id));
        }
        if sidecar.length.is_some_and(|length| length < sidecar.offset) {
            return Err("the sidecar's offset is beyond its length".to_owned());
        }
        match &sidecar.state {
            State::Filling(chunks) if !chunks.is_sound() || sidecar.length != Some(chunks.total()) => {
                return Err("the sidecar's chunks contradict each other".to_owned());
            }
            State::Complete { file: Some(file), .. } if !is_inside(file) => {
                return Err("the sidecar's file is not among the finished files".to_owned());
            }
            _ => {}
        }
        Ok(sidecar)
    }

    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    pub(super) fn into_upload(self) -> Upload {
        Upload {
            id: self.id,
            kind: self.kind,
            state: self.state,
            offset: self.offset,
            length: self.length.map_or(Length::Deferred, Length::Known),
            metadata: self.metadata,
            key: self.key,
            owner: self.owner,
            created: self.created,
            modified: self.modified,
            expires: self.expires,
        }
    }
}

/// The name leads to a place below the directory that it is relative to.
fn is_inside(name: &str) -> bool {
    !name.is_empty()
        && Path::new(name).components().all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload() -> Upload {
        Upload {
            id: UploadId::random().unwrap(),
            kind: Kind::Final { parts: vec![UploadId::random().unwrap()], as_given: "final;/files/x".into() },
            state: State::Complete { file: Some("a/b.txt".into()), changed: Some(Timestamp::UNIX_EPOCH) },
            offset: 5,
            length: Length::Known(5),
            metadata: Metadata::from_pairs([("filename", "b.txt")]),
            key: None,
            owner: Some(Owner::new("alice")),
            created: Timestamp::UNIX_EPOCH,
            modified: Timestamp::UNIX_EPOCH,
            expires: None,
        }
    }

    #[test]
    fn an_upload_reads_back_as_it_was_written() {
        let upload = upload();
        let json = Sidecar::new(&upload, "e").to_json().unwrap();
        assert_eq!(Sidecar::from_json(&json, upload.id).unwrap().into_upload(), upload);
    }

    #[test]
    fn a_damaged_sidecar_is_named_and_never_guessed_at() {
        let upload = upload();
        let json = String::from_utf8(Sidecar::new(&upload, "e").to_json().unwrap()).unwrap();
        let other = UploadId::random().unwrap();
        let table = [
            (String::new(), upload.id, "can't be read"),
            (json[..json.len() / 2].to_owned(), upload.id, "can't be read"),
            (json.replace("\"version\":1", "\"version\":2"), upload.id, "version 2"),
            (json.clone(), other, "belongs to upload"),
            (json.replace("\"offset\":5", "\"offset\":6"), upload.id, "beyond its length"),
            (json.replace("\"offset\":5", "\"offset\":-5"), upload.id, "can't be read"),
            (json.replace("a/b.txt", "../b.txt"), upload.id, "not among the finished files"),
            (json.replace("a/b.txt", "/b.txt"), upload.id, "not among the finished files"),
            (json.replace("a/b.txt", ""), upload.id, "not among the finished files"),
        ];
        for (json, id, says) in table {
            let error = Sidecar::from_json(json.as_bytes(), id).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
