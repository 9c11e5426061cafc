//! What is recorded of an upload, and the sequences of steps that operations have in common.

use serde_json::{Value, json};

use super::image::Step::{Create, Cut, Rename, Sync, SyncDir, Tell, Write};
use super::image::{
    Dir::{Files, Keys, Shard},
    Name::{Data, File, Key, Sidecar, Staged, StagedKey},
    Step, Told,
};

/// What every client here uploads: three pieces, or chunks, of five bytes.
pub(crate) const WHOLE: &[u8] = b"hello big world";
pub(crate) const PIECE: usize = 5;

/// The parts of every final upload, a piece each.
pub(crate) const PARTS: [&str; 3] = [
    "a0000000000000000000000000000000",
    "b0000000000000000000000000000000",
    "c0000000000000000000000000000000",
];

/// The epoch of what was written before the power failed.
pub(crate) const ANOTHER: &str = "another boot";

/// What the records of all uploads have in common.
pub(crate) struct World {
    /// This boot and this mount.
    pub(crate) epoch: String,
    pub(crate) moment: String,
}

pub(crate) type Steps = Vec<Step>;

pub(crate) fn write(at: usize, bytes: &[u8]) -> Step {
    Write(Data, at, bytes.to_vec())
}

pub(crate) fn all_of(steps: &[&[Step]]) -> Steps {
    steps.concat()
}

impl World {
    /// A sidecar. What starts with `$` is filled in for each upload.
    pub(crate) fn sidecar(&self, changes: Value) -> Vec<u8> {
        let mut sidecar = json!({
            "version": 1,
            "id": "$ID",
            "filename": "$NAME",
            "kind": { "type": "whole" },
            "state": { "type": "receiving" },
            "offset": 0,
            "length": WHOLE.len(),
            "metadata": "filename $BASE64",
            "created": self.moment,
            "modified": self.moment,
            "expires": null,
            "epoch": "$EPOCH",
        });
        for (key, value) in changes.as_object().unwrap() {
            sidecar[key] = value.clone();
        }
        format!("{sidecar}\n").into_bytes()
    }

    /// A sidecar is written beside the old one and takes its place. Only a sync of the directory makes that durable.
    pub(crate) fn record(&self, changes: Value) -> Steps {
        vec![Create(Staged), Write(Staged, 0, self.sidecar(changes)), Sync(Staged), Rename(Staged, Sidecar)]
    }

    pub(crate) fn receiving(&self, offset: usize) -> Steps {
        self.record(json!({ "offset": offset }))
    }

    pub(crate) fn verifying(&self, offset: usize) -> Steps {
        self.record(json!({ "offset": offset, "state": { "type": "verifying" } }))
    }

    pub(crate) fn filling(&self, present: Value, offset: usize) -> Steps {
        let state =
            json!({ "type": "filling", "total": WHOLE.len(), "size": PIECE, "count": 3, "present": present });
        self.record(json!({ "offset": offset, "state": state, "key": "$KEY" }))
    }

    pub(crate) fn complete(&self, file: &str) -> Steps {
        self.complete_as(file, json!({}))
    }

    pub(crate) fn complete_as(&self, file: &str, more: Value) -> Steps {
        let mut fields = more;
        fields["state"] = json!({ "type": "complete", "file": file, "changed": self.moment });
        fields["offset"] = json!(WHOLE.len());
        self.record(fields)
    }

    /// Publication of an upload that its client knows: the sidecar that leads to the new name is durable before.
    pub(crate) fn publish(&self, more: Value) -> Steps {
        all_of(&[
            &self.complete_as("$NAME", more),
            &[SyncDir(Shard), Rename(Data, File), SyncDir(Shard), SyncDir(Files), Tell(Told::Complete)],
        ])
    }

    pub(crate) fn created_with(&self, bytes: &[u8]) -> Steps {
        all_of(&[
            &[Create(Data), write(0, bytes), Sync(Data)],
            &self.receiving(bytes.len()),
            &[SyncDir(Shard)],
        ])
    }

    /// An upload whose client knows that five bytes of it are there.
    pub(crate) fn five_bytes(&self) -> Steps {
        all_of(&[&self.created_with(&WHOLE[..5]), &[Tell(Told::Offset(5))]])
    }

    pub(crate) fn published(&self) -> Steps {
        all_of(&[&[Create(Data), write(0, WHOLE), Sync(Data)], &self.publish(json!({}))])
    }

    pub(crate) fn bound_key(&self) -> Steps {
        vec![
            Create(StagedKey),
            Write(StagedKey, 0, b"$ID\n".to_vec()),
            Sync(StagedKey),
            Rename(StagedKey, Key),
            SyncDir(Keys),
        ]
    }

    /// The first and the third chunk of three are there, and the client knows.
    pub(crate) fn two_chunks(&self) -> Steps {
        all_of(&[
            &[Create(Data), write(0, &WHOLE[..5]), write(10, &WHOLE[10..])],
            &self.filling(json!([[1, 1], [3, 3]]), 5),
            &self.bound_key(),
            &[Tell(Told::Chunks(vec![1, 3]))],
        ])
    }

    pub(crate) fn final_kind(&self) -> Value {
        let as_given = format!("final;/files/{} /files/{} /files/{}", PARTS[0], PARTS[1], PARTS[2]);
        json!({ "type": "final", "parts": PARTS, "as_given": as_given })
    }

    pub(crate) fn assembling(&self) -> Steps {
        let fields = json!({ "kind": self.final_kind(), "state": { "type": "assembling" } });
        all_of(&[&[Create(Data)], &self.record(fields), &[SyncDir(Shard)]])
    }

    pub(crate) fn assembly(&self) -> Steps {
        all_of(&[
            &[Cut(Data, 0), write(0, &WHOLE[..8]), write(8, &WHOLE[8..])],
            &[Sync(Data)],
            &self.publish(json!({ "kind": self.final_kind() })),
        ])
    }
}
