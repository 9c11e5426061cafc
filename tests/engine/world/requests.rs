//! What clients ask for.

use std::collections::BTreeSet;

use resumed::upload::{
    self, Chunk, Chunks, ClientKey, Concatenation, Filling, Kind, Length, Metadata, NewUpload, UploadId,
};

use super::{Answer, What, World, described};
use crate::bench::Bench;
use crate::body::{checksum, content};
use crate::model::{Fill, Gone, OTHER, Slot};
use crate::plan::{Append, At, Body, ChunkOf, Declare, New, Sum, Which};

impl<B: Bench> World<B> {
    pub(super) fn create(&mut self, new: &New) {
        let number = self.slots.len();
        let mut slot = Slot::new(number, new.length);
        (slot.partial, slot.deferred) = (new.partial, new.deferred);
        self.slots.push(slot);
        let name = if new.common_name { "same.bin".to_owned() } else { format!("s{number}.bin") };
        let length = (!new.deferred).then_some(new.length);
        let upload = NewUpload {
            kind: if new.partial { Kind::Partial } else { Kind::Whole },
            length: length.map_or(Length::Deferred, Length::Known),
            metadata: Metadata::from_pairs([("filename", name.as_str())]),
        };
        let (feeding, body) = match &new.body {
            None => (None, None),
            Some(plan) => {
                let (feeding, fed) = self.body(number, 0..new.length, plan);
                let body = upload::Body { pieces: fed, len: feeding.len, checksum: feeding.checksum_plan() };
                (Some(feeding), Some(body))
            }
        };
        let how = format!(
            "create {}{} {}",
            if new.partial { "partial " } else { "" },
            length.map_or("?".into(), |length| length.to_string()),
            described(feeding.as_ref())
        );
        let engine = self.engine();
        self.ask(number, What::Create { length }, feeding, how, async move {
            Answer::Upload(engine.create(upload, body).await)
        });
    }

    pub(super) fn append(&mut self, which: Which, append: &Append) {
        if let Some(index) = self.pick(which) {
            self.append_to(index, append);
        }
    }

    pub(crate) fn append_to(&mut self, index: usize, append: &Append) {
        let slot = &self.slots[index];
        let (number, id, end) = (slot.number, slot.id.unwrap(), slot.fed_up_to());
        let at = match append.at {
            At::Told => slot.told,
            At::Sent => slot.known.map_or(slot.sent, |known| known.offset),
            At::Off(offset) => offset,
        };
        let declared = append.declare.map(|declare| match declare {
            Declare::Right => end,
            Declare::Other => slot.length + OTHER,
        });
        // A final upload has no bytes of its own.
        let end = if slot.parts.is_empty() { end } else { 0 };
        let (feeding, fed) = self.body(number, at..end.max(at), &append.body);
        let body = upload::Body { pieces: fed, len: feeding.len, checksum: feeding.checksum_plan() };
        let declares = declared.map_or(String::new(), |length| format!(" declaring {length}"));
        let how = format!("append at {at}{declares} {}", described(Some(&feeding)));
        let engine = self.engine();
        let request = upload::Append { id, offset: at, length: declared, body };
        self.ask(index, What::Append { at, declared }, Some(feeding), how, async move {
            Answer::Upload(engine.append(request).await)
        });
    }

    pub(super) fn inspect(&mut self, which: Which) {
        let files: Vec<usize> = self.files.iter().flatten().copied().collect();
        if which < files.len() {
            let index = files[which];
            let (engine, key) = (self.engine(), self.slots[index].fill.as_ref().unwrap().key);
            self.ask(
                index,
                What::Find,
                None,
                "find".into(),
                async move { Answer::Found(engine.find(key).await) },
            );
        } else if let Some(index) = self.pick(which) {
            self.inspect_slot(index);
        }
    }

    pub(crate) fn inspect_slot(&mut self, index: usize) {
        let (engine, id) = (self.engine(), self.slots[index].id.unwrap());
        self.ask(index, What::Inspect, None, "inspect".into(), async move {
            Answer::Upload(engine.inspect(id).await)
        });
    }

    pub(super) fn terminate(&mut self, which: Which) {
        let Some(index) = self.pick(which) else { return };
        let (engine, id) = (self.engine(), self.slots[index].id.unwrap());
        self.ask(index, What::Terminate, None, "terminate".into(), async move {
            Answer::Done(engine.terminate(id).await)
        });
        self.slots[index].doubts += 1;
        if self.slots[index].gone == Gone::No {
            self.slots[index].gone = Gone::Perhaps;
        }
        self.doubt_finals_of(index);
    }

    /// A final upload goes with a part that it still needs.
    pub(super) fn doubt_finals_of(&mut self, part: usize) {
        for slot in self.slots.iter_mut().filter(|slot| slot.parts.contains(&part)) {
            slot.doubts += 1;
            if slot.gone == Gone::No && !slot.told_complete {
                slot.gone = Gone::Perhaps;
            }
        }
    }

    pub(super) fn concatenate(&mut self, which: &[Which]) {
        let parts: Vec<usize> = which.iter().filter_map(|which| self.pick(*which)).collect();
        if parts.is_empty() {
            return;
        }
        let of = |part: &usize| &self.slots[*part];
        let twice = (1..parts.len()).any(|at| parts[..at].contains(&parts[at]));
        let refused = twice || parts.iter().map(of).any(|part| !part.partial || part.gone == Gone::Yes);
        // Whether a part is there is not sure while somebody may remove it.
        let sure = refused || parts.iter().map(of).all(|part| part.gone == Gone::No);
        let length = parts.iter().map(|part| of(part).fed_up_to()).sum();
        let number = self.slots.len();
        let ids: Vec<UploadId> = parts.iter().map(|part| of(part).id.unwrap()).collect();
        let mut slot = Slot::new(number, length);
        if !sure {
            slot.gone = Gone::Perhaps;
        }
        slot.parts = parts.clone();
        self.slots.push(slot);
        let name = format!("s{number}.bin");
        let metadata = Metadata::from_pairs([("filename", name.as_str())]);
        let request = Concatenation { parts: ids, as_given: "final;…".into(), metadata };
        let engine = self.engine();
        let what = What::Concatenate { refused, sure };
        self.ask(number, what, None, format!("concatenate {parts:?}"), async move {
            Answer::Upload(engine.concatenate(request).await)
        });
    }

    /// The upload of one of a few files, which its first chunk makes.
    fn file(&mut self, file: usize) -> usize {
        if let Some(index) = self.files[file] {
            return index;
        }
        let number = self.slots.len();
        let total = 1 + (number as u64 * 37 + file as u64 * 11) % 97;
        let size = 1 + (total / (2 + file as u64)).min(40);
        let count = if file == 1 { total.div_ceil(size) } else { (total / size).max(1) };
        let mut slot = Slot::new(number, total);
        let whole = content(number, 0..total);
        slot.fill = Some(Fill {
            key: ClientKey::new([format!("file {file} of {number}").as_str()]),
            chunks: Chunks::new(total, size, count).unwrap(),
            count,
            digest: match number % 4 {
                0 => Some(checksum(&whole)),
                1 => Some(checksum(&whole[1..])),
                _ => None,
            },
            digest_is_wrong: number % 4 == 1,
            told: BTreeSet::new(),
            sent: BTreeSet::new(),
            is_forgotten: false,
        });
        self.slots.push(slot);
        self.files[file] = Some(number);
        number
    }

    pub(super) fn chunk(&mut self, chunk: &ChunkOf) {
        let index = self.file(chunk.file);
        let slot = &self.slots[index];
        let fill = slot.fill.as_ref().unwrap();
        let number = 1 + chunk.number % (fill.count + u64::from(chunk.number == 5));
        let range = fill.chunks.range(number).unwrap_or(0..slot.length);
        let plan = Body { checksum: Sum::None, ..chunk.body.clone() };
        self.send_chunk(index, number, range, &plan);
    }

    pub(crate) fn send_chunk(&mut self, index: usize, number: u64, range: std::ops::Range<u64>, plan: &Body) {
        let slot = &self.slots[index];
        let fill = slot.fill.as_ref().unwrap();
        let name = format!("f{}.bin", slot.number);
        let filling = Filling {
            key: fill.key,
            chunks: fill.chunks.clone(),
            metadata: Metadata::from_pairs([("filename", name.as_str())]),
            digest: fill.digest.clone(),
        };
        let (feeding, fed) = self.body(self.slots[index].number, range.clone(), plan);
        let body = upload::Body { pieces: fed, len: feeding.len, checksum: feeding.checksum_plan() };
        let how = format!("chunk {number} ({range:?}) {}", described(Some(&feeding)));
        let engine = self.engine();
        self.ask(index, What::Chunk { number }, Some(feeding), how, async move {
            Answer::Upload(engine.write_chunk(filling, Chunk { number, body }).await)
        });
    }
}
