//! What a client says in tus, and what it takes from the answers.

use std::thread;
use std::time::Duration;

use crate::contents::Contents;
use crate::ledger::{Kind, Length, Stage, Upload};
use crate::session::{Gone, Session};
use crate::support::sha1;
use crate::support::wire::{Answer, Wire};

const BODY: &str = "Content-Type: application/offset+octet-stream";

/// The largest body with a checksum: hashing is slow where nothing is optimized.
const MOST_HASHED: u64 = 64 * 1024;

impl Session<'_> {
    pub(crate) fn create(&mut self, index: usize) -> Result<(), Gone> {
        let headers = creation(self.upload(index));
        self.upload(index).note("created");
        let base = self.daemon.base().to_owned();
        let answer = self.ask("POST", &base, &headers, b"")?;
        let answer = self.expect(index, answer, &[201])?;
        self.take_location(index, &answer);
        self.note_offset(index, 0)
    }

    /// Creation with upload: all of it, a part of it, and with or without a checksum, or cut off in the middle.
    pub(crate) fn create_with_body(&mut self, index: usize) -> Result<(), Gone> {
        let len = self.upload(index).len();
        let body_len = if self.client.rng.bool() { len } else { self.client.rng.u64(..=len) };
        let body = self.upload(index).contents.bytes(0..body_len);
        let mut headers = format!("{}\n{BODY}", creation(self.upload(index)));
        if body_len <= MOST_HASHED && self.client.rng.bool() {
            headers += &format!("\nUpload-Checksum: {}", sha1(&body));
        }
        let base = self.daemon.base().to_owned();
        self.upload(index).note(format!("created with {body_len} bytes"));
        if self.client.rng.u8(..8) == 0 {
            let mut wire = self.connect()?;
            let sent = usize::try_from(self.client.rng.u64(..=body_len)).unwrap();
            // Whether it breaks earlier does not matter.
            let _ = wire.try_send_head("POST", &base, &headers, Some(body.len()));
            let _ = wire.try_send(&body[..sent]);
            self.upload(index).note(format!("went away after {sent}"));
            self.go_away(wire);
            return Ok(());
        }
        let answer = self.ask("POST", &base, &headers, &body)?;
        let answer = self.expect(index, answer, &[201])?;
        self.take_location(index, &answer);
        self.upload(index).sent = body_len;
        match answer.offset() {
            Some(offset) if offset == body_len => self.note_offset(index, offset),
            other => {
                self.accuse(index, format!("{body_len} bytes came with the creation, and it told {other:?}"));
                Err(Gone)
            }
        }
    }

    fn take_location(&mut self, index: usize, answer: &Answer) {
        let path = answer.header("Location").unwrap().to_owned();
        self.upload(index).path = Some(path);
    }

    /// An offset has been acknowledged, and nothing is on its way.
    fn note_offset(&mut self, index: usize, offset: u64) -> Result<(), Gone> {
        let upload = self.upload(index);
        upload.note(format!("told {offset}"));
        upload.settle(offset);
        if offset == upload.len() && upload.length == Length::Told {
            upload.complete();
        }
        Ok(())
    }

    /// A plain append.
    pub(crate) fn patch(&mut self, index: usize) -> Result<(), Gone> {
        let (headers, body) = self.draw_patch(index, u64::MAX);
        let end = self.sending(index, &body, "plain");
        let path = self.path(index);
        let answer = self.ask("PATCH", &path, &headers, &body)?;
        self.take_patched(index, answer, end)
    }

    /// Appends all that is missing.
    pub(crate) fn patch_the_rest(&mut self, index: usize) -> Result<(), Gone> {
        let upload = self.upload(index);
        let body = upload.contents.bytes(upload.told..upload.len());
        let headers = format!("Upload-Offset: {}\nUpload-Length: {}", upload.told, upload.len());
        let end = self.sending(index, &body, "the rest");
        let path = self.path(index);
        let answer = self.ask("PATCH", &path, &headers, &body)?;
        self.upload(index).length = Length::Told;
        self.take_patched(index, answer, end)
    }

    /// An append whose connection breaks, or hangs, before all of it was sent.
    pub(crate) fn patch_and_go_away(&mut self, index: usize) -> Result<(), Gone> {
        let (mut headers, body) = self.draw_patch(index, u64::MAX);
        let cut = self.client.rng.usize(..=body.len());
        let is_hashed = body.len() as u64 <= MOST_HASHED && self.client.rng.u8(..3) == 0;
        if is_hashed {
            headers += &format!("\nUpload-Checksum: {}", sha1(&body));
        }
        let path = self.path(index);
        let mut wire = self.connect()?;
        let upload = self.upload(index);
        upload.note(format!("sends {cut} of {} at {} (checksum: {is_hashed})", body.len(), upload.told));
        // A body with a checksum counts whole or not at all.
        if !is_hashed || cut == body.len() {
            upload.sent = upload.sent.max(upload.told + cut as u64);
        }
        (upload.is_uncertain, upload.is_shaky) = (true, true);
        let sent = wire.try_send_head("PATCH", &path, &headers, Some(body.len()));
        if let Err(error) = sent.and_then(|()| self.send_slowly(&mut wire, &body[..cut])) {
            return Err(self.broken(&format!("PATCH {path}: {error}")));
        }
        self.go_away(wire);
        Ok(())
    }

    /// An append with a checksum that is right, or one that is wrong: then nothing of it may stay.
    pub(crate) fn patch_with_checksum(&mut self, index: usize, is_right: bool) -> Result<(), Gone> {
        let (headers, mut body) = self.draw_patch(index, MOST_HASHED);
        let headers = format!("{headers}\nUpload-Checksum: {}", sha1(&body));
        if is_right || body.is_empty() {
            let end = self.sending(index, &body, "with its checksum");
            let path = self.path(index);
            let answer = self.ask("PATCH", &path, &headers, &body)?;
            return self.take_patched(index, answer, end);
        }
        // Other bytes than the checksum's, and other ones than the upload's, so that they would be seen.
        body.iter_mut().for_each(|byte| *byte = !*byte);
        let upload = self.upload(index);
        upload.note(format!("sends {} wrong ones at {}", body.len(), upload.told));
        let (at, was_shaky) = (upload.told, upload.is_shaky);
        upload.is_uncertain = true;
        let path = self.path(index);
        let answer = self.ask("PATCH", &path, &headers, &body)?;
        if was_shaky && [409, 423].contains(&answer.status) {
            return Ok(());
        }
        self.expect(index, answer, &[460])?;
        self.upload(index).note("told 460");
        self.upload(index).settle(at);
        Ok(())
    }

    /// An append in the midst of which somebody asks for the offset.
    pub(crate) fn patch_while_looking(&mut self, index: usize) -> Result<(), Gone> {
        let (headers, body) = self.draw_patch(index, u64::MAX);
        let half = self.client.rng.usize(..=body.len());
        let path = self.path(index);
        let mut wire = self.connect()?;
        let end = self.sending(index, &body, "and looks");
        self.upload(index).is_shaky = true;
        let sent = wire.try_send_head("PATCH", &path, &headers, Some(body.len()));
        if let Err(error) = sent.and_then(|()| wire.try_send(&body[..half])) {
            return Err(self.broken(&format!("PATCH {path}: {error}")));
        }
        self.look(index)?;
        if let Err(error) = wire.try_send(&body[half..]) {
            return Err(self.broken(&format!("PATCH {path}: {error}")));
        }
        let answer = self.answer(&mut wire, "PATCH")?;
        self.take_patched(index, answer, end)
    }

    /// The client has lost count: refused, and nothing changes.
    pub(crate) fn patch_at_a_wrong_offset(&mut self, index: usize) -> Result<(), Gone> {
        let path = self.path(index);
        let wrong = self.upload(index).told + 1 + self.client.rng.u64(..1000);
        if wrong <= self.upload(index).sent {
            return Ok(());
        }
        self.upload(index).note(format!("asks for {wrong}"));
        let answer = self.ask("PATCH", &path, &format!("Upload-Offset: {wrong}"), b"")?;
        self.expect(index, answer, &[409]).map(drop)
    }

    /// HEAD while an append may be running: what it tells must hold.
    fn look(&mut self, index: usize) -> Result<(), Gone> {
        let path = self.path(index);
        let answer = self.ask("HEAD", &path, "", b"")?;
        let answer = self.expect(index, answer, &[200])?;
        let offset = answer.offset().unwrap();
        self.upload(index).note(format!("HEAD meanwhile: {offset}"));
        if let Some(why) = self.upload(index).refute(offset) {
            self.accuse(index, why);
        }
        self.upload(index).tell(offset);
        Ok(())
    }

    /// HEAD, by which a client goes on after something broke. The answer is compared with all that is known.
    pub(crate) fn head(&mut self, index: usize) -> Result<Answer, Gone> {
        let path = self.path(index);
        let answer = self.ask("HEAD", &path, "", b"")?;
        let answer = self.expect(index, answer, &[200])?;
        self.take_head(index, &answer)?;
        Ok(answer)
    }

    pub(crate) fn take_head(&mut self, index: usize, answer: &Answer) -> Result<(), Gone> {
        let upload = self.upload(index);
        let Some(offset) = answer.offset() else {
            let is_waiting = matches!(upload.kind, Kind::Final { .. }) && upload.stage == Stage::Open;
            if !is_waiting {
                self.accuse(index, "HEAD told no offset");
                return Err(Gone);
            }
            return Ok(());
        };
        upload.note(format!("HEAD: {offset}"));
        let is_final = matches!(upload.kind, Kind::Final { .. });
        // What the client of a final upload has sent are its parts.
        let len = upload.len();
        let wrong = match is_final {
            true => {
                (offset != len).then(|| format!("a final upload of {len} bytes is told to have {offset}"))
            }
            false => upload.refute(offset),
        };
        let length = answer.header("Upload-Length");
        let told_length = length.map(|length| length.parse::<u64>().unwrap());
        let deferred = answer.header("Upload-Defer-Length");
        let length_is_right = match upload.length {
            Length::Told => told_length == Some(len),
            Length::Deferred => (told_length, deferred) == (None, Some("1")),
            Length::Asked => told_length.is_none_or(|told| told == len),
        };
        let metadata_are_right = answer.header("Upload-Metadata") == Some(&upload.metadata());
        let concat_is_right = answer.header("Upload-Concat") == upload.concat().as_deref();
        if let Some(why) = wrong {
            self.accuse(index, why);
            return Err(Gone);
        }
        if !length_is_right || !metadata_are_right || !concat_is_right {
            self.accuse(index, format!("what was said of it is not what HEAD tells: {:?}", answer.headers));
            return Err(Gone);
        }
        let upload = self.upload(index);
        upload.tell(offset);
        upload.is_uncertain = false;
        if told_length.is_some() {
            upload.length = Length::Told;
        }
        if offset == len && upload.length == Length::Told && upload.stage == Stage::Open {
            upload.complete();
        }
        Ok(())
    }

    /// All bytes, or some of them.
    pub(crate) fn get(&mut self, index: usize) -> Result<(), Gone> {
        if matches!(self.upload(index).kind, Kind::Final { .. }) && self.upload(index).told == 0 {
            return self.head(index).map(drop);
        }
        let path = self.path(index);
        let answer = self.ask("GET", &path, "", b"")?;
        let answer = self.expect(index, answer, &[200])?;
        let upload = self.upload(index);
        let difference = upload.contents.first_difference(0, &answer.body);
        if difference.is_some() || answer.body.len() as u64 != upload.len() {
            let len = answer.body.len();
            self.accuse(index, format!("GET brought {len} bytes, wrong from {difference:?} on"));
        }
        Ok(())
    }

    pub(crate) fn terminate(&mut self, index: usize) -> Result<(), Gone> {
        let path = self.path(index);
        self.upload(index).stage = Stage::Terminating;
        self.upload(index).note("DELETE");
        let answer = self.ask("DELETE", &path, "", b"")?;
        self.expect(index, answer, &[204])?;
        self.upload(index).stage = Stage::Terminated;
        self.upload(index).note("terminated");
        Ok(())
    }

    /// The parts that no final upload is made of.
    pub(crate) fn free_parts(&self) -> Vec<usize> {
        self.indices(|upload| {
            matches!(upload.kind, Kind::Partial { used: false })
                && upload.path.is_some()
                && matches!(upload.stage, Stage::Open | Stage::Complete)
        })
    }

    /// Puts two or three parts together, complete or not.
    pub(crate) fn join_parts(&mut self, mut free: Vec<usize>) -> Result<(), Gone> {
        self.client.rng.shuffle(&mut free);
        free.truncate(self.client.rng.usize(2..=3));
        let paths: Vec<String> = free.iter().map(|index| self.path(*index)).collect();
        let parts: Vec<u64> = free.iter().map(|index| self.client.uploads[*index].number).collect();
        let contents = Contents::joined(free.iter().map(|index| &self.client.uploads[*index].contents));
        for index in free {
            self.upload(index).kind = Kind::Partial { used: true };
        }
        let number = self.client.next_number();
        let as_given = format!("final;{}", paths.join(" "));
        let kind = Kind::Final { parts, as_given: as_given.clone() };
        let mut upload = Upload::new(number, format!("{number}.bin"), contents, kind, Length::Told);
        upload.note("joined");
        let headers = format!("Upload-Concat: {as_given}\nUpload-Metadata: {}", upload.metadata());
        self.client.uploads.push(upload);
        let index = self.client.uploads.len() - 1;
        let base = self.daemon.base().to_owned();
        let answer = self.ask("POST", &base, &headers, b"")?;
        let answer = self.expect(index, answer, &[201])?;
        self.take_location(index, &answer);
        self.upload(index).note("created");
        Ok(())
    }

    /// The headers and the body of an append at the offset that was told last.
    fn draw_patch(&mut self, index: usize, most: u64) -> (String, Vec<u8>) {
        let rng = &mut self.client.rng;
        let upload = &mut self.client.uploads[index];
        let left = upload.len() - upload.told;
        let some = match rng.u8(..8) {
            0 => rng.u64(..=100),
            1 | 2 => rng.u64(..=4096),
            3 | 4 => rng.u64(..=64 * 1024),
            5 => rng.u64(..=512 * 1024),
            _ => left,
        };
        let len = some.min(left).min(most);
        let mut headers = format!("Upload-Offset: {}", upload.told);
        // The length has to be told with the last bytes at the latest, and again as long as nobody has heard it.
        let tells_length = match upload.length {
            Length::Told => false,
            Length::Asked => true,
            Length::Deferred => len == left || rng.u8(..4) == 0,
        };
        if tells_length {
            headers += &format!("\nUpload-Length: {}", upload.len());
            upload.length = Length::Asked;
        }
        (headers, upload.contents.bytes(upload.told..upload.told + len))
    }

    /// A body is about to be sent: from now on its bytes may be there. Answers where it ends.
    fn sending(&mut self, index: usize, body: &[u8], how: &str) -> u64 {
        let upload = self.upload(index);
        let end = upload.told + body.len() as u64;
        upload.note(format!("sends {}..{end} {how}", upload.told));
        upload.sent = upload.sent.max(end);
        upload.is_uncertain = true;
        end
    }

    fn take_patched(&mut self, index: usize, answer: Answer, end: u64) -> Result<(), Gone> {
        // What an earlier request had left on its way came in between.
        if self.upload(index).is_shaky && [409, 423].contains(&answer.status) {
            self.upload(index).note(format!("told {}", answer.status));
            return Ok(());
        }
        let answer = self.expect(index, answer, &[204])?;
        if answer.offset() != Some(end) {
            self.accuse(index, format!("PATCH told {:?} and not {end}", answer.offset()));
            return Err(Gone);
        }
        let upload = self.upload(index);
        if upload.length == Length::Asked {
            upload.length = Length::Told;
        }
        self.note_offset(index, end)
    }

    /// In a few pieces, so that the cut finds the middle of bodies too.
    fn send_slowly(&mut self, wire: &mut Wire, body: &[u8]) -> std::io::Result<()> {
        let pieces = self.client.rng.usize(1..=4);
        for piece in body.chunks(body.len().div_ceil(pieces).max(1)) {
            wire.try_send(piece)?;
            thread::sleep(Duration::from_millis(self.client.rng.u64(..10)));
        }
        Ok(())
    }

    /// Ends a connection in one of the ways in which they end.
    pub(crate) fn go_away(&mut self, wire: Wire) {
        match self.client.rng.u8(..3) {
            0 => wire.reset(),
            1 => drop(wire),
            _ => self.leave_hanging(wire),
        }
    }
}

fn creation(upload: &Upload) -> String {
    let length = match upload.length {
        Length::Told => format!("Upload-Length: {}", upload.len()),
        _ => "Upload-Defer-Length: 1".to_owned(),
    };
    let concat = upload.concat().map(|concat| format!("\nUpload-Concat: {concat}")).unwrap_or_default();
    format!("{length}{concat}\nUpload-Metadata: {}", upload.metadata())
}
