//! What a client says as Resumable.js: chunks in any order, several at once.

use crate::ledger::{Cut, Kind, Stage};
use crate::session::{Gone, Session};
use crate::support::eventually;
use crate::support::wire::Wire;

impl Session<'_> {
    fn cut_of(&mut self, index: usize) -> &mut Cut {
        match &mut self.upload(index).kind {
            Kind::Chunked(cut) => cut,
            other => panic!("{other:?} has no chunks"),
        }
    }

    /// Sends a few of the missing chunks at once, in any order, some twice, and some not to their end.
    pub(crate) fn put_chunks(&mut self, index: usize) -> Result<(), Gone> {
        let mut missing = self.cut_of(index).missing();
        let most = if self.client.rng.u8(..4) == 0 { missing.len() } else { 4 };
        self.client.rng.shuffle(&mut missing);
        missing.truncate(most.clamp(1, 8));
        let mut asked = Vec::new();
        for number in missing {
            let times = if self.client.rng.u8(..10) == 0 { 2 } else { 1 };
            let is_rivalled = times > 1 || self.cut_of(index).sent.contains(&number);
            for _ in 0..times {
                if let Some(wire) = self.send_chunk(index, number)? {
                    asked.push((number, wire, is_rivalled));
                }
            }
        }
        if self.client.rng.bool() {
            let numbers: Vec<u64> = asked.iter().map(|(number, ..)| *number).collect();
            self.ask_for_chunks(index, &numbers)?;
        }
        for (number, mut wire, is_rivalled) in asked {
            let answer = self.answer(&mut wire, "POST")?;
            // Where two requests bring the same chunk, one may be told to come again.
            if is_rivalled && answer.status == 423 {
                self.upload(index).note(format!("told 423 for chunk {number}"));
                continue;
            }
            self.expect(index, answer, &[200])?;
            self.upload(index).note(format!("has chunk {number}"));
            self.take_chunk(index, number);
        }
        self.look_whether_complete(index)
    }

    /// A client that lost count asks before it has heard of what is on its way, again and again. "It is there" is a promise,
    /// whoever hears it.
    fn ask_for_chunks(&mut self, index: usize, numbers: &[u64]) -> Result<(), Gone> {
        for _ in 0..100 {
            let told = &self.cut_of(index).told;
            let Some(number) = numbers.iter().copied().find(|number| !told.contains(number)) else { break };
            let path = self.chunk_path(index, number);
            let answer = self.ask("GET", &path, "", b"")?;
            let answer = self.expect(index, answer, &[200, 204])?;
            if answer.status == 200 {
                self.upload(index).note(format!("has chunk {number}, as GET says"));
                self.take_chunk(index, number);
            }
        }
        Ok(())
    }

    /// Sends a chunk. `None`: not to its end.
    fn send_chunk(&mut self, index: usize, number: u64) -> Result<Option<Wire>, Gone> {
        let total = self.upload(index).len();
        let range = self.cut_of(index).range(number, total);
        let bytes = self.upload(index).contents.bytes(range);
        let path = self.chunk_path(index, number);
        let (headers, body) = match self.client.rng.bool() {
            true => ("Content-Type: application/octet-stream".to_owned(), bytes),
            false => form(&bytes),
        };
        let mut wire = self.connect()?;
        if self.client.rng.u8(..10) == 0 {
            let sent = self.client.rng.usize(..=body.len().saturating_sub(1));
            self.upload(index).note(format!("sends {sent} of {} of chunk {number}", body.len()));
            // Whether it breaks earlier does not matter.
            let _ = wire.try_send_head("POST", &path, &headers, Some(body.len()));
            let _ = wire.try_send(&body[..sent]);
            // A form may have brought all of the chunk before its own end.
            self.cut_of(index).sent.insert(number);
            // Not left hanging: the daemon may see this request after the next one for the same chunk, and whoever
            // sent that would wait for it until it times out.
            if self.client.rng.bool() {
                wire.reset()
            } else {
                drop(wire)
            }
            return Ok(None);
        }
        self.upload(index).note(format!("sends chunk {number}"));
        self.cut_of(index).sent.insert(number);
        let sent = wire.try_send_head("POST", &path, &headers, Some(body.len()));
        match sent.and_then(|()| wire.try_send(&body)) {
            Ok(()) => Ok(Some(wire)),
            Err(error) => Err(self.broken(&format!("chunk {number}: {error}"))),
        }
    }

    fn take_chunk(&mut self, index: usize, number: u64) {
        let cut = self.cut_of(index);
        cut.told.insert(number);
        cut.sent.remove(&number);
        if cut.told.len() as u64 == cut.count {
            self.upload(index).complete();
        }
    }

    /// Asks how the upload is; one that is complete tells where it lives.
    pub(crate) fn look_whether_complete(&mut self, index: usize) -> Result<(), Gone> {
        if self.upload(index).stage != Stage::Complete || self.upload(index).path.is_some() {
            return Ok(());
        }
        let status = self.chunk_status(index)?;
        if status["status"] != "complete" || status["size"] != self.upload(index).len() {
            self.accuse(index, format!("all chunks are there, and the status is {status}"));
            return Err(Gone);
        }
        self.upload(index).path = Some(status["url"].as_str().unwrap().to_owned());
        Ok(())
    }

    pub(crate) fn chunk_status(&mut self, index: usize) -> Result<serde_json::Value, Gone> {
        let path = self.chunk_question(index);
        let answer = self.ask("GET", &path, "", b"")?;
        let answer = self.expect(index, answer, &[200])?;
        Ok(serde_json::from_slice(&answer.body).unwrap())
    }

    /// Looks at every chunk: those that were acknowledged must be there, those that were never sent must not.
    pub(crate) fn check_chunks(&mut self, index: usize) -> Result<(), Gone> {
        for number in 1..=self.cut_of(index).count {
            let path = self.chunk_path(index, number);
            let answer = self.ask("GET", &path, "", b"")?;
            let answer = self.expect(index, answer, &[200, 204])?;
            let is_there = answer.status == 200;
            let cut = self.cut_of(index);
            let (was_told, was_sent) = (cut.told.contains(&number), cut.sent.contains(&number));
            match is_there {
                false if was_told => {
                    self.accuse(index, format!("chunk {number} was acknowledged and is lost"))
                }
                true if !was_told && !was_sent => {
                    self.accuse(index, format!("chunk {number} was never sent and is there"));
                }
                true => {
                    self.client.held.chunks += u64::from(was_told);
                    self.take_chunk(index, number);
                }
                false => {
                    self.cut_of(index).sent.remove(&number);
                }
            }
        }
        // Cut off between its last chunk and its publication, it is published without being asked for.
        if self.upload(index).stage == Stage::Complete {
            let mut result = Ok(());
            eventually("an upload that has all its chunks is published", || {
                let status = self.chunk_status(index);
                let is_complete = status.as_ref().is_ok_and(|status| status["status"] == "complete");
                result = status.map(drop);
                result.is_err() || is_complete
            });
            result?;
        }
        self.look_whether_complete(index)
    }

    fn chunk_question(&mut self, index: usize) -> String {
        let (seed, upload) = (self.client.seed, self.upload(index));
        format!(
            "/resumable_upload?resumableIdentifier={seed:x}-{}&resumableFilename={}&resumableTotalSize={}\
             &resumableRelativePath={}",
            upload.number,
            upload.name,
            upload.len(),
            upload.number,
        )
    }

    fn chunk_path(&mut self, index: usize, number: u64) -> String {
        let question = self.chunk_question(index);
        let cut = self.cut_of(index);
        let (size, count) = (cut.size, cut.count);
        format!(
            "{question}&resumableChunkNumber={number}&resumableChunkSize={size}&resumableTotalChunks={count}"
        )
    }
}

/// The bytes as the one file of a form.
fn form(bytes: &[u8]) -> (String, Vec<u8>) {
    let head = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\n\
                Content-Type: application/octet-stream\r\n\r\n";
    let body = [head.as_bytes(), bytes, b"\r\n--B--\r\n"].concat();
    ("Content-Type: multipart/form-data; boundary=B".to_owned(), body)
}
