//! After a restart: does everything hold that a client was told?

use crate::ledger::{Kind, Stage};
use crate::remains::{Cause, Remains};
use crate::session::{Gone, Session};
use crate::support::eventually;

/// How many cuts a terminated upload has to stay away for.
const CUTS_AFTER_END: u32 = 2;

impl Session<'_> {
    /// Compares every upload of this client with what it was told of it. `remains` is what lay on the disk before the
    /// daemon was started again.
    pub(crate) fn check(&mut self, remains: &Remains, cause: Cause) {
        for index in 0..self.client.uploads.len() {
            // What was wrong has been noted.
            let upload = self.upload(index);
            let _ = match &upload.kind {
                Kind::Chunked(_) if upload.path.is_none() => self.check_chunked(index),
                Kind::Final { .. } => Ok(()),
                _ => self.check_tus(index, remains, cause),
            };
        }
        // They are whole when their parts are.
        for index in self.indices(|upload| matches!(upload.kind, Kind::Final { .. })) {
            let _ = self.check_tus(index, remains, cause).and_then(|()| self.await_assembly(index));
        }
        for upload in &mut self.client.uploads {
            upload.cuts_since_end += u32::from(upload.stage == Stage::Terminated);
        }
        self.client.uploads.retain(|upload| upload.cuts_since_end <= CUTS_AFTER_END);
    }

    fn check_tus(&mut self, index: usize, remains: &Remains, cause: Cause) -> Result<(), Gone> {
        self.upload(index).note("CUT");
        let Some(path) = self.upload(index).path.clone() else { return Ok(()) };
        let answer = self.ask("HEAD", &path, "", b"")?;
        match self.upload(index).stage {
            Stage::Terminated => {
                self.expect(index, answer, &[404, 410])?;
                self.client.held.terminated += 1;
                return Ok(());
            }
            Stage::Terminating => {
                let answer = self.expect(index, answer, &[200, 404, 410])?;
                if answer.status == 200 {
                    return self.terminate(index);
                }
                self.upload(index).stage = Stage::Terminated;
                return Ok(());
            }
            Stage::Open | Stage::Complete => {}
        }
        let answer = self.expect(index, answer, &[200])?;
        let was_complete = self.upload(index).stage == Stage::Complete;
        let told = self.upload(index).told;
        let expected = remains.offset_after(&path, cause);
        self.take_head(index, &answer)?;
        if let (Some(offset), Some(expected)) = (answer.offset(), expected)
            && offset != expected
        {
            self.accuse(index, format!("{cause:?}: HEAD tells {offset}, and {expected} lie on the disk"));
        }
        if let Some(offset) = answer.offset() {
            self.upload(index).settle_after_restart(offset);
        }
        let is_final = matches!(self.upload(index).kind, Kind::Final { .. });
        let held = &mut self.client.held;
        held.created += 1;
        held.offsets += u64::from(told > 0);
        held.complete += u64::from(was_complete);
        held.concatenated += u64::from(was_complete && is_final);
        Ok(())
    }

    fn check_chunked(&mut self, index: usize) -> Result<(), Gone> {
        self.upload(index).note("CUT");
        let was_complete = self.upload(index).stage == Stage::Complete;
        self.check_chunks(index)?;
        self.client.held.complete += u64::from(was_complete);
        Ok(())
    }

    /// A final upload whose parts are complete is put together without being asked for.
    fn await_assembly(&mut self, index: usize) -> Result<(), Gone> {
        let Kind::Final { parts, .. } = &self.client.uploads[index].kind else { return Ok(()) };
        let mut all = parts.iter().map(|part| self.client.uploads.iter().find(|one| one.number == *part));
        let is_ready = all.all(|part| part.is_some_and(|part| part.stage == Stage::Complete));
        if !is_ready || self.upload(index).stage != Stage::Open || self.upload(index).path.is_none() {
            return Ok(());
        }
        let mut result = Ok(());
        eventually("a final upload is put together", || {
            result = self.head(index).map(drop);
            result.is_err() || self.upload(index).stage == Stage::Complete
        });
        result
    }

    /// Brings uploads to their end, each with this chance, and reads them back: what a cut interrupted can be finished.
    pub(crate) fn finish(&mut self, chance: f64) {
        for index in 0..self.client.uploads.len() {
            if self.client.rng.f64() < chance {
                let _ = self.finish_one(index);
            }
        }
        for index in self.indices(|upload| matches!(upload.kind, Kind::Final { .. })) {
            let _ = self.await_assembly(index);
        }
    }

    fn finish_one(&mut self, index: usize) -> Result<(), Gone> {
        let is_chunked = matches!(self.upload(index).kind, Kind::Chunked(_));
        if self.upload(index).stage != Stage::Open {
            return Ok(());
        }
        match (is_chunked, self.upload(index).path.is_some()) {
            (true, _) => {
                while self.upload(index).stage == Stage::Open {
                    self.put_chunks(index)?;
                }
            }
            (false, true) if !matches!(self.upload(index).kind, Kind::Final { .. }) => {
                while self.upload(index).stage == Stage::Open {
                    // Conflicts are none of its own making.
                    if self.upload(index).is_uncertain {
                        self.head(index)?;
                    }
                    self.patch_the_rest(index)?;
                }
            }
            _ => return Ok(()),
        }
        self.get(index)
    }

    /// Reads everything back that is complete, and removes it.
    pub(crate) fn clear(&mut self) {
        // Final uploads first: their parts are not needed any more then.
        for is_final in [true, false] {
            for index in self.indices(|upload| upload.stage == Stage::Complete && upload.path.is_some()) {
                if matches!(self.upload(index).kind, Kind::Final { .. }) == is_final {
                    let _ = self.get(index).and_then(|()| self.terminate(index));
                }
            }
        }
    }
}
