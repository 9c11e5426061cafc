//! What happens to bodies, to uploads and to the daemon between the requests.

use jiff::{SignedDuration, Timestamp};

use super::{Answer, Checked, Client, HOUR, Life, What, World};
use crate::bench::Bench;
use crate::body::content;
use crate::model::Gone;
use crate::plan::{Amount, End, Restart, Which};

impl<B: Bench> World<B> {
    fn open_body(&mut self, which: Which) -> Option<&mut Client> {
        let open = self.clients.iter_mut().filter(|client| {
            client.body.as_ref().is_some_and(|body| body.ended.is_none()) && !client.task.is_finished()
        });
        let mut open: Vec<&mut Client> = open.collect();
        let count = open.len();
        (count > 0).then(|| open.swap_remove(which % count))
    }

    pub(super) fn feed(&mut self, which: Which, amount: Amount) {
        let Some(client) = self.open_body(which) else { return };
        let (name, slot) = (client.name, client.slot);
        let bytes = client.body.as_mut().unwrap().bring(amount);
        self.note(format!("client {name} brings {bytes} bytes"));
        self.note_sent(slot);
    }

    pub(super) fn end(&mut self, which: Which, end: End) {
        let Some(client) = self.open_body(which) else { return };
        let (name, slot) = (client.name, client.slot);
        let body = client.body.as_mut().unwrap();
        body.end(end);
        let ended = body.ended.unwrap();
        self.note(format!("client {name}'s body ends: {ended:?}"));
        self.note_sent(slot);
    }

    /// What may be kept of what was sent.
    pub(super) fn note_sent(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        for client in self.clients.iter().filter(|client| client.slot == index) {
            let Some(body) = &client.body else { continue };
            match (&client.what, &mut slot.fill) {
                (What::Chunk { number }, Some(fill)) => {
                    let is_whole = body.range.start + body.fed == body.range.end;
                    if is_whole && matches!(body.ended, Some(End::Good)) && *number <= fill.count {
                        fill.sent.insert(*number);
                    }
                }
                _ if body.range.start <= slot.sent => slot.sent = slot.sent.max(body.may_reach()),
                _ => {}
            }
        }
    }

    pub(super) fn hang_up(&mut self, which: Which) {
        if self.clients.is_empty() {
            return;
        }
        let mut client = self.clients.remove(which % self.clients.len());
        self.note(format!("client {} goes away", client.name));
        if let Some(body) = &mut client.body {
            body.end(End::Cut(resumed::upload::BodyCut::Gone));
        }
        client.task.abort();
        let slot = &mut self.slots[client.slot];
        slot.known = None;
        slot.haunted = true;
        for other in self.clients.iter_mut().filter(|other| other.slot == client.slot) {
            other.alone = false;
        }
    }

    /// Nobody may expire who is in use or finished.
    pub(super) fn sweep(&mut self) -> Checked {
        self.note("two hours later there is a sweep".into());
        let engine = self.engine();
        // Each is later than the one before, which may have put something off.
        self.sweeps += 1;
        let now = Timestamp::now().checked_add(2 * HOUR * self.sweeps).unwrap();
        let mut due = Vec::new();
        for index in 0..self.slots.len() {
            let in_use: Vec<&Client> = self.clients.iter().filter(|client| client.slot == index).collect();
            let slot = &self.slots[index];
            let appends = |client: &&Client| {
                let known = slot.known;
                matches!(client.what, What::Append { at, .. } if known.is_some_and(|known| known.offset == at && !known.complete))
                    && client.alone
                    && client.body.as_ref().is_some_and(|body| body.ended.is_none())
            };
            if in_use.iter().any(appends) && !self.hand.holds() {
                continue;
            }
            let is_idle = in_use.is_empty() && !slot.haunted && slot.fill.is_none() && slot.parts.is_empty();
            if is_idle && !slot.partial && slot.known.is_some_and(|known| !known.complete) {
                due.push(index);
            }
            self.doubt(index);
            // It may take a call to the store that waits.
            self.slots[index].haunted |= self.hand.holds();
        }
        let (faults, is_held) = (self.hand.faults_met(), self.hand.holds());
        let sweep = self.spawn(async move {
            engine.sweep(now).await;
            Answer::Done(Ok(()))
        });
        self.settle(1);
        let ended = sweep.is_finished();
        if !ended {
            self.sweep = Some(sweep);
        }
        if !is_held && ended && self.hand.faults_met() == faults {
            for index in due {
                let (engine, id) = (self.engine(), self.slots[index].id.unwrap());
                if self.slots[index].gone != Gone::Yes && self.block_on(engine.inspect(id)).is_ok() {
                    return Err(format!("upload {index} has expired, and is still there"));
                }
                self.slots[index].gone = Gone::Yes;
            }
        }
        Ok(())
    }

    /// What has come while a sweep was held up may have fallen to it.
    pub(crate) fn doubt_what_is_swept(&mut self) {
        let Some(sweep) = &self.sweep else { return };
        if sweep.is_finished() {
            self.sweep = None;
        }
        for index in 0..self.slots.len() {
            self.doubt(index);
            self.slots[index].haunted = true;
        }
    }

    /// It may have expired.
    fn doubt(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.doubts += 1;
        let stays = slot.told_complete && !slot.partial;
        if slot.gone == Gone::No && !stays {
            slot.gone = Gone::Perhaps;
            slot.known = None;
        }
        if let Some(fill) = &mut slot.fill {
            fill.told.clear();
            self.clients
                .iter_mut()
                .filter(|client| client.slot == index)
                .for_each(|client| client.alone = false);
            // Its name may lead nowhere now, and then the same file is a new upload.
            fill.is_forgotten = true;
            self.files.iter_mut().filter(|file| **file == Some(index)).for_each(|file| *file = None);
        }
        self.doubt_finals_of(index);
    }

    pub(super) fn restart(&mut self, how: Restart) -> Checked {
        if matches!(how, Restart::Graceful) {
            self.close()?;
        }
        self.note(format!("restart: {how:?}"));
        self.doubt_what_is_swept();
        self.sweep = None;
        self.clients.clear();
        let violations = self.hand.violations();
        let Life { engine, runtime } = self.life.take().unwrap();
        drop(runtime);
        drop(engine);
        if matches!(how, Restart::PowerCut) {
            self.bench.cut_power();
        }
        if matches!(how, Restart::Away) && self.bench.age(SignedDuration::from_hours(2)) {
            (0..self.slots.len()).for_each(|index| self.doubt(index));
        }
        for slot in &mut self.slots {
            (slot.known, slot.haunted) = (None, false);
        }
        self.begin_life();
        violations.first().map_or(Ok(()), |violation| Err(violation.clone()))
    }

    /// Going down: every body ends, and who sent it hears where to go on.
    fn close(&mut self) -> Checked {
        self.note("the engine is closed".into());
        self.hand.let_all_go();
        self.closing = true;
        for client in &mut self.clients {
            client.alone = false;
        }
        self.engine().close();
        self.settle(100);
        let stays = |client: &&Client| client.body.is_some() && !client.task.is_finished();
        if let Some(client) = self.clients.iter().find(|client| stays(client)) {
            return Err(format!("client {} still waits after the engine was closed", client.name));
        }
        self.judge()
    }

    /// Ends everything that is under way.
    pub(crate) fn calm_down(&mut self) -> Checked {
        self.note("all that is under way ends".into());
        self.hand.fail_next(None);
        self.hand.let_all_go();
        for client in &mut self.clients {
            if let Some(body) = &mut client.body {
                body.end(End::Cut(resumed::upload::BodyCut::Gone));
            }
        }
        // Longer than anybody waits for anything.
        self.settle(200_000);
        self.judge()?;
        if let Some(client) = self.clients.first() {
            return Err(format!("client {} never hears anything", client.name));
        }
        match self.engine().busy() {
            0 => Ok(()),
            busy => Err(format!("{busy} uploads are still held by nobody")),
        }
    }

    /// Once nobody is at an upload, nobody haunts it.
    pub(crate) fn lay_ghosts(&mut self) {
        if self.engine().busy() == 0 && !self.hand.holds() {
            self.slots.iter_mut().for_each(|slot| slot.haunted = false);
        }
    }

    pub(crate) fn power_cut(&mut self) -> Checked {
        self.restart(Restart::PowerCut)
    }

    /// The one content that an upload has.
    pub(crate) fn content_of(&self, index: usize, length: u64) -> Vec<u8> {
        let slot = &self.slots[index];
        if slot.parts.is_empty() {
            return content(slot.number, 0..length).to_vec();
        }
        let parts = slot.parts.iter();
        parts.map(|part| self.content_of(*part, self.slots[*part].fed_up_to())).collect::<Vec<_>>().concat()
    }
}
