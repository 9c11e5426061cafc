//! The mixed load: what a client does next. Everything is drawn from the seed.

use std::thread;
use std::time::Duration;

use crate::contents::Contents;
use crate::ledger::{Cut, Kind, Length, Stage, Upload};
use crate::moment::Focus;
use crate::session::{Gone, Session};

/// How many uploads a client has going at once.
const OPEN: usize = 3;

/// How many finished ones it leaves lying.
const FINISHED: usize = 2;

impl Session<'_> {
    /// Works until the cut.
    pub(crate) fn work(&mut self) {
        while !self.moment.is_over() {
            if self.step().is_err() && self.moment.has_begun() {
                // While a disk fails one may ask again and again; without power nobody answers.
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn step(&mut self) -> Result<(), Gone> {
        let open = self.indices(|upload| {
            upload.stage == Stage::Open && (upload.path.is_some() || matches!(upload.kind, Kind::Chunked(_)))
        });
        let finished = self.indices(|upload| upload.stage == Stage::Complete && upload.path.is_some());
        if finished.len() > FINISHED {
            let index = self.one_of(&finished);
            return self.use_finished(index);
        }
        let roll = self.client.rng.u8(..100);
        let parts = self.free_parts();
        match () {
            () if roll % 4 == 0 && parts.len() >= 2 => self.join_parts(parts),
            () if open.is_empty() || (open.len() < OPEN && roll < 50) => self.begin(),
            () if roll < 58 && !finished.is_empty() => {
                let index = self.one_of(&finished);
                self.use_finished(index)
            }
            () => {
                let chunked = |index: &&usize| matches!(self.client.uploads[**index].kind, Kind::Chunked(_));
                let favourite = open.iter().find(chunked).filter(|_| self.moment.focus() == Focus::Chunks);
                let index = favourite.copied().unwrap_or_else(|| self.one_of(&open));
                self.go_on(index)
            }
        }
    }

    fn begin(&mut self) -> Result<(), Gone> {
        let number = self.client.next_number();
        let len = self.draw_len();
        let contents = Contents::new(self.client.seed, number, len);
        let rng = &mut self.client.rng;
        let name = if rng.u8(..6) == 0 { "photo.jpg".to_owned() } else { format!("{number}.bin") };
        let roll = match self.moment.focus() {
            Focus::Everything => rng.u8(..100),
            Focus::Chunks => 99,
            Focus::Small => rng.u8(..40),
        };
        let (kind, length) = match roll {
            0..=39 => (Kind::Whole, Length::Told),
            40..=54 => (Kind::Whole, Length::Deferred),
            55..=79 => (Kind::Partial { used: false }, Length::Told),
            _ => {
                let len = len.max(1);
                let size = rng.u64(1..=len).max(len / 12 + 1).min(128 * 1024);
                let count = if rng.bool() { len.div_ceil(size) } else { (len / size).max(1) };
                let cut = Cut { size, count, told: Default::default(), sent: Default::default() };
                let contents = Contents::new(self.client.seed, number, len);
                let upload = Upload::new(number, name, contents, Kind::Chunked(cut), Length::Told);
                self.client.uploads.push(upload);
                return self.put_chunks(self.client.uploads.len() - 1);
            }
        };
        let with_body = rng.u8(..100) < if self.moment.focus() == Focus::Small { 80 } else { 30 };
        self.client.uploads.push(Upload::new(number, name, contents, kind, length));
        let index = self.client.uploads.len() - 1;
        if with_body { self.create_with_body(index) } else { self.create(index) }
    }

    fn go_on(&mut self, index: usize) -> Result<(), Gone> {
        if matches!(self.upload(index).kind, Kind::Chunked(_)) {
            return self.put_chunks(index);
        }
        if self.upload(index).is_uncertain || matches!(self.upload(index).kind, Kind::Final { .. }) {
            return self.head(index).map(drop);
        }
        match self.client.rng.u8(..100) {
            0..=7 => self.head(index).map(drop),
            8..=11 if !self.is_needed(index) => self.terminate(index),
            12..=14 => self.patch_at_a_wrong_offset(index),
            15..=29 => self.patch_and_go_away(index),
            30..=44 => self.patch_with_checksum(index, true),
            45..=52 => self.patch_with_checksum(index, false),
            53..=64 => self.patch_while_looking(index),
            _ => self.patch(index),
        }
    }

    fn use_finished(&mut self, index: usize) -> Result<(), Gone> {
        match self.client.rng.u8(..100) {
            0..=39 => self.get(index),
            40..=54 => self.head(index).map(drop),
            _ if self.is_needed(index) => Ok(()),
            _ => self.terminate(index),
        }
    }

    /// A final upload still has to be made of it.
    pub(crate) fn is_needed(&self, index: usize) -> bool {
        let number = self.client.uploads[index].number;
        self.client.uploads.iter().any(|upload| {
            let is_part = matches!(&upload.kind, Kind::Final { parts, .. } if parts.contains(&number));
            is_part && upload.stage == Stage::Open && upload.path.is_some()
        })
    }

    /// The uploads that this is true of.
    pub(crate) fn indices(&self, is_it: impl Fn(&Upload) -> bool) -> Vec<usize> {
        let uploads = self.client.uploads.iter().enumerate();
        uploads.filter(|(_, upload)| is_it(upload)).map(|(index, _)| index).collect()
    }

    fn one_of(&mut self, indices: &[usize]) -> usize {
        indices[self.client.rng.usize(..indices.len())]
    }

    /// The length of a new upload: mostly small, sometimes nothing at all.
    fn draw_len(&mut self) -> u64 {
        let rng = &mut self.client.rng;
        let roll = if self.moment.focus() == Focus::Small { rng.u8(..50) } else { rng.u8(..100) };
        match roll {
            0..=9 => rng.u64(..=16),
            10..=49 => rng.u64(..=32 * 1024),
            50..=84 => rng.u64(..=256 * 1024),
            85..=96 => rng.u64(..=1024 * 1024),
            _ => rng.u64(..=4 * 1024 * 1024),
        }
    }
}
