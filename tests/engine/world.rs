//! One run: an engine, its store, clients whose bodies are fed step by step, and a transcript of all of it.
//!
//! Everything runs on one thread with a paused clock: between two steps each task goes as far as it can. So with the store in
//! memory the same plan is always the same run.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use resumed::upload::progress::Progress;
use resumed::upload::{
    self, Chunk, Chunks, ClientKey, ClientLimits, Concatenation, Filling, Kind, Length, Metadata, NewUpload,
    Rules, Upload, UploadError, UploadId, Uploads,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::bench::Bench;
use crate::body::{checksum, content};
use crate::model::{Feeding, Fill, Gone, OTHER, Slot};
use crate::plan::{Amount, Append, At, Body, ChunkOf, Declare, End, New, Restart, Step, Sum, Which};
use crate::watched::{Hand, Watched};

const HOUR: Duration = Duration::from_secs(3600);

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Create { length: Option<u64> },
    Append { at: u64, declared: Option<u64> },
    Inspect,
    Terminate,
    Concatenate { refused: bool, sure: bool },
    Chunk { number: u64 },
    Find,
}

/// What was answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Upload(Result<Upload, UploadError>),
    Found(Result<Option<Upload>, UploadError>),
    Done(Result<(), UploadError>),
}

/// A request under way.
pub(crate) struct Client {
    pub(crate) name: usize,
    pub(crate) slot: usize,
    pub(crate) what: What,
    pub(crate) body: Option<Feeding>,
    pub(crate) task: JoinHandle<Answer>,
    /// What was told before it asked.
    pub(crate) told: u64,
    pub(crate) told_chunks: BTreeSet<u64>,
    pub(crate) was_gone: bool,
    /// How often it was doubted that the upload is there, before it asked.
    pub(crate) doubts: usize,
    /// Somebody was about to remove it, or a part of it.
    pub(crate) is_threatened: bool,
    /// Nobody else was at the upload all the time.
    pub(crate) alone: bool,
    pub(crate) faults_before: usize,
}

pub(crate) struct World<B: Bench> {
    pub(crate) bench: B,
    /// `None` only while the process is dead.
    life: Option<Life<B>>,
    pub(crate) hand: Hand,
    pub(crate) slots: Vec<Slot>,
    pub(crate) clients: Vec<Client>,
    files: [Option<usize>; 3],
    names: usize,
    pub(crate) closing: bool,
    /// One that has not come to its end.
    sweep: Option<JoinHandle<Answer>>,
    sweeps: u32,
    pub(crate) transcript: Vec<String>,
}

struct Life<B: Bench> {
    // In this order they go.
    engine: Uploads<Watched<B::Store>>,
    runtime: Runtime,
}

/// What went wrong, for people.
pub(crate) type Checked = Result<(), String>;

fn rules() -> Rules {
    Rules {
        max_size: None,
        expire_after: Some(HOUR),
        fill_expire_after: Some(HOUR),
        verify: true,
        clients: ClientLimits::default(),
        // Within reach of the small uploads here.
        checkpoint: 50,
    }
}

impl<B: Bench> World<B> {
    pub(crate) fn new() -> Self {
        // The engine counts its time from the first of these; it must not be one whose clock has run ahead.
        let _ = Progress::new(0);
        let mut world = Self {
            bench: B::new(),
            life: None,
            hand: Hand::default(),
            slots: Vec::new(),
            clients: Vec::new(),
            files: [None; 3],
            names: 0,
            closing: false,
            sweep: None,
            sweeps: 0,
            transcript: Vec::new(),
        };
        world.begin_life();
        world
    }

    fn begin_life(&mut self) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        self.hand = Hand::default();
        let store = self.bench.open();
        let engine = Uploads::new(Watched::new(store, self.hand.clone(), B::THREADS), rules());
        runtime.block_on(engine.take_stock());
        self.life = Some(Life { engine, runtime });
        self.closing = false;
        self.settle(1);
    }

    pub(crate) fn engine(&self) -> Uploads<Watched<B::Store>> {
        self.life.as_ref().unwrap().engine.clone()
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.life.as_ref().unwrap().runtime.block_on(work)
    }

    fn spawn(&self, work: impl Future<Output = Answer> + Send + 'static) -> JoinHandle<Answer> {
        self.life.as_ref().unwrap().runtime.spawn(work)
    }

    /// Everybody goes as far as he can in this many milliseconds.
    pub(crate) fn settle(&self, millis: u64) {
        self.block_on(async { tokio::time::sleep(Duration::from_millis(millis)).await });
    }

    pub(crate) fn note(&mut self, line: String) {
        self.transcript.push(line);
    }

    /// Takes one step, and looks at everything.
    pub(crate) fn step(&mut self, step: &Step) -> Checked {
        match step {
            Step::Create(new) => self.create(new),
            Step::Append(which, append) => self.append(*which, append),
            Step::Inspect(which) => self.inspect(*which),
            Step::Terminate(which) => self.terminate(*which),
            Step::Concatenate(parts) => self.concatenate(parts),
            Step::Chunk(chunk) => self.chunk(chunk),
            Step::Feed(which, amount) => self.feed(*which, *amount),
            Step::End(which, end) => self.end(*which, *end),
            Step::HangUp(which) => self.hang_up(*which),
            Step::Hold => {
                self.note("the store's calls wait".into());
                self.hand.hold();
            }
            Step::LetOneGo(which) => {
                if let Some(what) = self.hand.let_one_go(*which) {
                    self.note(format!("one goes on: {what}"));
                }
            }
            Step::LetAllGo => {
                self.note("the store's calls go on".into());
                self.hand.let_all_go();
            }
            Step::Fail(fault) => {
                self.note(format!("the next call to the store meets {fault:?}"));
                self.hand.fail_next(Some(*fault));
            }
            Step::Wait(millis) => {
                self.note(format!("{millis} ms pass"));
                self.settle(*millis);
            }
            Step::Sweep => self.sweep()?,
            Step::Restart(how) => self.restart(*how)?,
        }
        self.settle(1);
        self.judge()
    }

    /// Slots that can be asked for, without those that are filled by chunks if a tus request is to be sent.
    fn pick(&self, which: Which) -> Option<usize> {
        let there: Vec<usize> = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.id.is_some() && slot.fill.is_none())
            .map(|(index, _)| index)
            .collect();
        // The newest ones first: they are the ones that something is going on with.
        there.iter().rev().nth(which % there.len().max(1)).copied()
    }

    fn ask(
        &mut self,
        slot: usize,
        what: What,
        body: Option<Feeding>,
        how: String,
        work: impl Future<Output = Answer> + Send + 'static,
    ) {
        let name = self.names;
        self.names += 1;
        self.note(format!("client {name} → upload {slot}: {how}"));
        let mut alone = !self.slots[slot].haunted;
        // A look at what is recorded disturbs nobody.
        if what != What::Find {
            for other in
                self.clients.iter_mut().filter(|other| other.slot == slot && other.what != What::Find)
            {
                other.alone = false;
                alone = false;
            }
        }
        let task = self.spawn(work);
        let now = &self.slots[slot];
        let concerns = |other: usize| other == slot || now.parts.contains(&other);
        let removes = |other: &Client| other.what == What::Terminate && concerns(other.slot);
        let is_haunted = (0..self.slots.len()).any(|other| concerns(other) && self.slots[other].haunted);
        let is_threatened = is_haunted || self.clients.iter().any(removes);
        let client = Client {
            name,
            slot,
            what,
            body,
            task,
            told: now.told,
            told_chunks: now.fill.as_ref().map(|fill| fill.told.clone()).unwrap_or_default(),
            was_gone: now.gone == Gone::Yes,
            doubts: now.doubts,
            is_threatened,
            alone,
            faults_before: self.hand.faults_met(),
        };
        self.clients.push(client);
        self.note_sent(slot);
    }

    /// Makes a body, and brings what comes with the head.
    fn body(
        &mut self,
        number: usize,
        range: std::ops::Range<u64>,
        plan: &Body,
    ) -> (Feeding, crate::body::Fed) {
        let (mut feeding, fed) = Feeding::new(number, range, plan);
        let slot = &self.slots[number];
        feeding.is_open = slot.deferred && slot.told_length.is_none();
        feeding.bring(plan.first);
        if let Some(end) = plan.end {
            feeding.end(end);
        }
        (feeding, fed)
    }

    fn create(&mut self, new: &New) {
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

    fn append(&mut self, which: Which, append: &Append) {
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

    fn inspect(&mut self, which: Which) {
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

    fn terminate(&mut self, which: Which) {
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
    fn doubt_finals_of(&mut self, part: usize) {
        for slot in self.slots.iter_mut().filter(|slot| slot.parts.contains(&part)) {
            slot.doubts += 1;
            if slot.gone == Gone::No && !slot.told_complete {
                slot.gone = Gone::Perhaps;
            }
        }
    }

    fn concatenate(&mut self, which: &[Which]) {
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

    fn chunk(&mut self, chunk: &ChunkOf) {
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

    fn open_body(&mut self, which: Which) -> Option<&mut Client> {
        let open = self.clients.iter_mut().filter(|client| {
            client.body.as_ref().is_some_and(|body| body.ended.is_none()) && !client.task.is_finished()
        });
        let mut open: Vec<&mut Client> = open.collect();
        let count = open.len();
        (count > 0).then(|| open.swap_remove(which % count))
    }

    fn feed(&mut self, which: Which, amount: Amount) {
        let Some(client) = self.open_body(which) else { return };
        let (name, slot) = (client.name, client.slot);
        let bytes = client.body.as_mut().unwrap().bring(amount);
        self.note(format!("client {name} brings {bytes} bytes"));
        self.note_sent(slot);
    }

    fn end(&mut self, which: Which, end: End) {
        let Some(client) = self.open_body(which) else { return };
        let (name, slot) = (client.name, client.slot);
        let body = client.body.as_mut().unwrap();
        body.end(end);
        let ended = body.ended.unwrap();
        self.note(format!("client {name}'s body ends: {ended:?}"));
        self.note_sent(slot);
    }

    /// What may be kept of what was sent.
    fn note_sent(&mut self, index: usize) {
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

    fn hang_up(&mut self, which: Which) {
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
    fn sweep(&mut self) -> Checked {
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

    fn restart(&mut self, how: Restart) -> Checked {
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

fn described(body: Option<&Feeding>) -> String {
    let Some(body) = body else { return String::new() };
    let sum = if body.sum == Sum::None { String::new() } else { format!(", {:?}", body.sum) };
    let len = body.len.map_or(String::new(), |len| format!(" of {len}"));
    let end = body.ended.map_or(String::new(), |end| format!(", {end:?}"));
    format!("with {} bytes{len}{sum}{end}", body.fed)
}

/// A plan's whole run. What went wrong comes with the transcript.
pub(crate) fn run<B: Bench>(plan: &[Step]) -> Checked {
    let mut world = World::<B>::new();
    let steps = || plan.iter().try_for_each(|step| world.step(step)).and_then(|()| world.finish());
    let ran = catch_unwind(AssertUnwindSafe(steps)).unwrap_or_else(|_| Err("a panic".to_owned()));
    ran.map_err(|wrong| {
        let transcript: Vec<String> =
            world.transcript.iter().enumerate().map(|(n, line)| format!("{n:4}  {line}")).collect();
        format!("{wrong}\n\n{}\n\n  here: {wrong}\n", transcript.join("\n"))
    })
}
