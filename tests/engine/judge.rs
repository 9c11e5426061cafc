//! What must hold of each answer, at each moment, and at the end.

use std::future::poll_fn;

use resumed::upload::{Interruption, State, Upload, UploadError};

use crate::bench::Bench;
use crate::model::{Gone, Known, Slot, said, variant};
use crate::plan::{Amount, Append, At, Body, Declare, End, Sum};
use crate::world::{Answer, Checked, Client, What, World};

/// To look at all files after every step is for small ones only.
const SMALL: u64 = 200_000;

macro_rules! ensure {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}

impl<B: Bench> World<B> {
    /// Hears all who were answered, and looks at what everybody can see.
    pub(crate) fn judge(&mut self) -> Checked {
        if let Some(violation) = self.hand.violations().first() {
            return Err(violation.clone());
        }
        let faults = self.hand.faults_met();
        for client in &mut self.clients {
            client.alone &= client.faults_before == faults;
        }
        self.doubt_what_is_swept();
        while let Some(at) = self.clients.iter().position(|client| client.task.is_finished()) {
            let mut client = self.clients.remove(at);
            let answer = self.block_on(&mut client.task).map_err(|error| format!("it panicked: {error}"))?;
            self.hear(&client, answer).map_err(|wrong| format!("client {}: {wrong}", client.name))?;
        }
        self.lay_ghosts();
        let total: u64 = self.slots.iter().map(|slot| slot.length).sum();
        if total < SMALL { self.files_are_whole() } else { Ok(()) }
    }

    fn hear(&mut self, client: &Client, answer: Answer) -> Checked {
        match answer {
            Answer::Upload(answer) => {
                self.note(format!("client {} ← {}", client.name, said(&answer)));
                self.hear_upload(client, &answer)
            }
            Answer::Found(answer) => {
                let words = answer.as_ref().map(|found| found.as_ref().map(|upload| upload.state.clone()));
                self.note(format!("client {} ← {words:?}", client.name));
                self.hear_found(client, answer)
            }
            Answer::Done(answer) => {
                let words = answer.as_ref().map_err(variant);
                self.note(format!("client {} ← {words:?}", client.name));
                self.hear_terminated(client, &answer)
            }
        }
    }

    fn hear_upload(&mut self, client: &Client, answer: &Result<Upload, UploadError>) -> Checked {
        let exact = self.expected(client);
        match answer {
            Ok(upload) => self.check_upload(client, upload)?,
            Err(error) => self.check_error(client, error)?,
        }
        let slot = &mut self.slots[client.slot];
        let Some((wanted, known)) = exact else {
            slot.known = None;
            return self.learn(client, answer);
        };
        let heard = match answer {
            Ok(_) if slot.fill.is_some() || !slot.parts.is_empty() => "Ok".to_owned(),
            answer => said(answer),
        };
        let is_gone = slot.gone != Gone::No && ["NotFound", "Expired", "BadPart"].contains(&heard.as_str());
        ensure!(heard == wanted || is_gone, "heard {heard}, and not {wanted}");
        slot.known = known;
        self.learn(client, answer)
    }

    /// What a request must hear that had its upload for itself, and what is known then. `None`: it can't be told.
    fn expected(&self, client: &Client) -> Option<(String, Option<Known>)> {
        let slot = &self.slots[client.slot];
        if !client.alone || self.closing {
            return None;
        }
        match (&client.what, &client.body) {
            (What::Create { length }, body) => Some(Known::create(*length, body.as_ref())),
            (What::Append { .. }, _) if !slot.parts.is_empty() => Some(("FinalIsReadOnly".to_owned(), None)),
            (What::Append { at, declared }, Some(body)) => {
                let (wanted, known) = slot.known?.append(*at, *declared, body);
                Some((wanted, Some(known)))
            }
            (What::Inspect, _) => slot.known.map(|known| (known.said(), Some(known))),
            (What::Concatenate { refused: true, .. }, _) => Some(("BadPart".to_owned(), None)),
            (What::Concatenate { sure: true, .. }, _) => Some(("Ok".to_owned(), None)),
            (What::Chunk { number }, Some(body)) if !self.may_count_on_gone(slot) => {
                slot.fill.as_ref()?.chunk(*number, body).map(|wanted| (wanted, None))
            }
            _ => None,
        }
    }

    /// The same name led to another upload before, and some of its chunks are gone: others are refused until one of those
    /// comes.
    fn may_count_on_gone(&self, slot: &Slot) -> bool {
        let key = slot.fill.as_ref().map(|fill| fill.key);
        let mut fills = self.slots.iter().filter_map(|slot| slot.fill.as_ref());
        fills.any(|fill| fill.is_forgotten && Some(fill.key) == key)
    }

    /// Takes down what was told.
    fn learn(&mut self, client: &Client, answer: &Result<Upload, UploadError>) -> Checked {
        let slot = &mut self.slots[client.slot];
        match answer {
            Ok(upload) => {
                slot.id = Some(upload.id);
                slot.told = slot.told.max(upload.offset);
                slot.told_length = upload.length.known().or(slot.told_length);
                slot.told_complete |= upload.is_complete();
                let is_sure = client.alone && client.doubts == slot.doubts && !client.is_threatened;
                if slot.gone == Gone::Perhaps && is_sure && client.what == What::Inspect {
                    slot.gone = Gone::No;
                }
                if client.what == What::Inspect && client.alone && slot.parts.is_empty() {
                    let (offset, length) = (upload.offset, upload.length.known());
                    slot.known = Some(Known { offset, length, complete: upload.is_complete() });
                }
                if let (What::Chunk { number }, Some(fill)) = (&client.what, &mut slot.fill) {
                    fill.told.insert(*number);
                }
            }
            Err(
                UploadError::Interrupted { offset, .. } | UploadError::OffsetMismatch { current: offset, .. },
            ) => {
                slot.told = slot.told.max(*offset);
            }
            // (A part that a final upload waits for is there as long as that one.)
            Err(UploadError::Expired) if slot.partial => slot.gone = Gone::Perhaps,
            Err(UploadError::NotFound | UploadError::Expired) if slot.fill.is_none() => slot.gone = Gone::Yes,
            Err(_) => {}
        }
        Ok(())
    }

    fn check_upload(&self, client: &Client, upload: &Upload) -> Checked {
        let slot = &self.slots[client.slot];
        let (offset, length) = (upload.offset, upload.length.known());
        ensure!(!client.was_gone, "it was removed, and is there again");
        ensure!(slot.id.is_none_or(|id| id == upload.id) || slot.fill.is_some(), "it is another upload");
        if let Some(length) = length {
            let is_sum = !slot.parts.is_empty();
            ensure!(is_sum || slot.lengths().contains(&length), "its length can't be {length}");
        }
        ensure!(!upload.is_complete() || length == Some(offset), "it is complete with {offset} bytes");
        ensure!(!slot.told_complete || upload.is_complete(), "it was complete, and is not any more");
        if let Some(fill) = &slot.fill {
            let all = fill.sent.len() as u64 == fill.count;
            ensure!(!upload.is_complete() || all, "it is complete without all its chunks");
            ensure!(!upload.is_complete() || !fill.digest_is_wrong, "it is complete, and does not sum up");
            return Ok(());
        }
        self.check_offset(client, offset)
    }

    fn check_offset(&self, client: &Client, offset: u64) -> Checked {
        let slot = &self.slots[client.slot];
        ensure!(offset >= client.told, "{} bytes were told before, and now {offset}", client.told);
        let is_sum = !slot.parts.is_empty();
        ensure!(
            is_sum || offset <= slot.sent,
            "{} bytes were sent at most, and {offset} are told",
            slot.sent
        );
        Ok(())
    }

    fn check_error(&self, client: &Client, error: &UploadError) -> Checked {
        let slot = &self.slots[client.slot];
        let crowded = !client.alone || slot.haunted;
        let by = |cause: &Interruption| match cause {
            Interruption::TakenOver => crowded,
            Interruption::Shutdown => self.closing,
            _ => true,
        };
        let may_be = match error {
            UploadError::NotFound | UploadError::Expired => slot.gone != Gone::No,
            UploadError::OffsetMismatch { current, .. } => {
                return self.check_offset(client, *current);
            }
            UploadError::Interrupted { cause, offset } => {
                self.check_offset(client, *offset)?;
                by(cause)
            }
            UploadError::Unverified(cause) => by(cause),
            UploadError::Busy | UploadError::Overtaken { .. } => crowded || self.closing,
            UploadError::Closing => self.closing,
            UploadError::NoSpace | UploadError::Storage(_) => {
                // (A sweep that is far ahead of its time takes it between its creation and its first chunk.)
                let is_swept = slot.fill.as_ref().is_some_and(|fill| fill.is_forgotten);
                self.hand.faults_met() != client.faults_before || is_swept
            }
            UploadError::ChecksumMismatch { .. } | UploadError::BadTrailer(_) => {
                let fails = client.body.as_ref().is_some_and(|body| body.verdict() == Err(&variant(error)));
                fails || slot.fill.as_ref().is_some_and(|fill| fill.digest_is_wrong)
            }
            UploadError::BeyondLength { .. } => client.body.as_ref().is_some_and(|body| {
                let end = body.range.start + body.len.unwrap_or(0).max(body.fed);
                slot.lengths().iter().any(|length| end > *length)
            }),
            UploadError::LengthChanged { .. } | UploadError::LengthBelowOffset { .. } => {
                matches!(client.what, What::Append { declared: Some(_), .. })
            }
            UploadError::FinalIsReadOnly => !slot.parts.is_empty(),
            UploadError::BadPart { .. } => {
                matches!(client.what, What::Concatenate { refused, sure } if refused || !sure || slot.gone != Gone::No)
            }
            UploadError::Contradiction(_) => matches!(client.what, What::Chunk { .. }),
            // The same name led to another upload before, and some of its chunks are gone.
            UploadError::ChunksGone => self.may_count_on_gone(slot),
            _ => false,
        };
        ensure!(may_be, "nothing explains {error:?}");
        Ok(())
    }

    fn hear_found(&mut self, client: &Client, answer: Result<Option<Upload>, UploadError>) -> Checked {
        let found = answer.map_err(|error| format!("nothing explains {error:?}"))?;
        let fill = self.slots[client.slot].fill.as_ref().unwrap();
        // What was told may be gone by now: expired, or all of it because it did not sum up.
        let told: Vec<u64> = client.told_chunks.intersection(&fill.told).copied().collect();
        let is_kept = !fill.digest_is_wrong;
        let Some(upload) = found else {
            ensure!(told.is_empty() || !is_kept, "chunks {told:?} were told of, and there is nothing");
            return Ok(());
        };
        match &upload.state {
            State::Filling(chunks) => {
                let lost = told.iter().find(|number| is_kept && !chunks.contains(**number));
                ensure!(lost.is_none(), "chunk {lost:?} was told of, and is not there");
                let half = (1..=fill.count).find(|n| chunks.contains(*n) && !fill.sent.contains(n));
                ensure!(half.is_none(), "chunk {half:?} is there, and was never sent whole");
            }
            _ => self.check_upload(client, &upload)?,
        }
        Ok(())
    }

    fn hear_terminated(&mut self, client: &Client, answer: &Result<(), UploadError>) -> Checked {
        let slot = &mut self.slots[client.slot];
        slot.known = None;
        match answer {
            Ok(()) => {
                ensure!(!client.was_gone, "it was removed before");
                slot.gone = Gone::Yes;
                Ok(())
            }
            Err(error) => {
                if matches!(error, UploadError::NotFound | UploadError::Expired) {
                    // (It is asked to go, so it was doubted already; what was doubtful before may be gone.)
                    ensure!(slot.gone != Gone::No, "it is there");
                    if !(slot.partial && matches!(error, UploadError::Expired)) {
                        slot.gone = Gone::Yes;
                    }
                    return Ok(());
                }
                self.check_error(client, error)
            }
        }
    }

    /// Every finished file is one upload's, whole, and no upload has two.
    fn files_are_whole(&self) -> Checked {
        let mut found = vec![0; self.slots.len()];
        for (name, data) in self.bench.files() {
            let len = data.len() as u64;
            let owners: Vec<usize> = (0..self.slots.len())
                .filter(|index| {
                    let slot = &self.slots[*index];
                    let sum = |part: &usize| self.slots[*part].fed_up_to();
                    let is_long = match slot.parts.len() {
                        0 => slot.lengths().contains(&len),
                        _ => slot.parts.iter().map(sum).sum::<u64>() == len,
                    };
                    let may_be = !slot.partial && is_long;
                    may_be && self.content_of(*index, len) == data
                })
                .collect();
            ensure!(!owners.is_empty(), "{name:?} with {len} bytes is nobody's file");
            // Two short ones may be equal, and two final uploads of the same parts are.
            if let [owner] = owners[..] {
                found[owner] += 1;
                ensure!(found[owner] == 1, "upload {owner} is published twice");
                let fill = self.slots[owner].fill.as_ref();
                ensure!(fill.is_none_or(|fill| !fill.digest_is_wrong), "{name:?} does not sum up");
            }
        }
        Ok(())
    }

    /// Asks for every upload.
    fn look_at_all(&mut self) -> Checked {
        for index in 0..self.slots.len() {
            if self.slots[index].id.is_some() && self.slots[index].fill.is_none() {
                self.inspect_slot(index);
                self.settle(1);
                self.judge()?;
            }
        }
        Ok(())
    }

    /// All can be brought to their end, and then are what was sent: before and after the power was cut.
    pub(crate) fn finish(&mut self) -> Checked {
        self.calm_down()?;
        self.look_at_all()?;
        self.power_cut()?;
        self.look_at_all()?;
        let rest = |checksum| Body { checksum, len: None, first: Amount::Rest, end: Some(End::Good) };
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            if slot.gone == Gone::Yes || !slot.parts.is_empty() {
                continue;
            }
            if let Some(fill) = &slot.fill {
                for number in (1..=fill.count).filter(|_| !fill.is_forgotten).collect::<Vec<_>>() {
                    let range = self.slots[index].fill.as_ref().unwrap().chunks.range(number).unwrap();
                    self.send_chunk(index, number, range, &rest(Sum::None));
                    self.settle(50);
                    self.judge()?;
                }
                continue;
            }
            let Some(known) = slot.known else { continue };
            if !known.complete {
                let declare = known.length.is_none().then_some(Declare::Right);
                let append = Append { at: At::Sent, declare, body: rest(Sum::None) };
                self.append_to(index, &append);
                self.settle(50);
                self.judge()?;
                let known = self.slots[index].known;
                ensure!(
                    known.is_some_and(|known| known.complete),
                    "upload {index} can't be brought to its end"
                );
            }
        }
        self.calm_down()?;
        self.look_at_all()?;
        for _ in 0..2 {
            for index in 0..self.slots.len() {
                self.read_back(index)?;
            }
            self.files_are_whole()?;
            self.power_cut()?;
        }
        Ok(())
    }

    fn read_back(&self, index: usize) -> Checked {
        let slot = &self.slots[index];
        let (Some(id), Gone::No) = (slot.id, slot.gone) else { return Ok(()) };
        let does_not_sum_up = slot.fill.as_ref().is_some_and(|fill| fill.digest_is_wrong);
        let waits = slot.parts.iter().any(|part| self.slots[*part].gone != Gone::No);
        if does_not_sum_up || (waits && !slot.told_complete) {
            return Ok(());
        }
        let engine = self.engine();
        let read = self.block_on(async {
            let upload = engine.readable(id).await?;
            let mut stream = engine.read(&upload, 0..upload.offset).await?;
            let mut data = Vec::new();
            while let Some(piece) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                data.extend_from_slice(&piece.map_err(|_| UploadError::FileGone)?);
            }
            Ok::<_, UploadError>(data)
        });
        let data = read.map_err(|error| format!("upload {index} can't be read: {error:?}"))?;
        let length = data.len() as u64;
        let is_sum = !slot.parts.is_empty();
        ensure!(is_sum || slot.lengths().contains(&length), "upload {index} has {length} bytes");
        ensure!(data == self.content_of(index, length), "upload {index} is not what was sent");
        Ok(())
    }
}
