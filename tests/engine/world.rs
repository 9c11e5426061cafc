//! One run: an engine, its store, clients whose bodies are fed step by step, and a transcript of all of it.
//!
//! Everything runs on one thread with a paused clock: between two steps each task goes as far as it can. So with the store in
//! memory the same plan is always the same run.

mod events;
mod requests;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use resumed::upload::progress::Progress;
use resumed::upload::{ClientLimits, Rules, Upload, UploadError, Uploads};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::bench::Bench;
use crate::model::{Feeding, Gone, Slot};
use crate::plan::{Body, Step, Sum, Which};
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
