//! Steps on files, and what a crash leaves of them.

use std::collections::{BTreeMap, BTreeSet};

/// The files of one upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// `uploads/3f/3f0c….data`
    Data,
    /// `uploads/3f/3f0c….json`
    Sidecar,
    /// `uploads/3f/3f0c….json.new`
    Staged,
    /// `files/NAME`
    File,
    /// `files/NAME (2)`: somebody had the name.
    SecondFile,
    /// `keys/9c/9c41…`
    Key,
    /// `keys/9c/9c41….json.new`
    StagedKey,
}

/// Directories; a sync makes the names in one of them durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dir {
    Shard,
    Files,
    Keys,
}

impl Name {
    fn dir(self) -> Dir {
        match self {
            Self::Data | Self::Sidecar | Self::Staged => Dir::Shard,
            Self::File | Self::SecondFile => Dir::Files,
            Self::Key | Self::StagedKey => Dir::Keys,
        }
    }
}

/// What a client knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// Not even the upload's name.
    Nothing,
    /// The upload goes on at this offset.
    Offset(usize),
    /// These chunks are there.
    Chunks(Vec<usize>),
    /// The final upload waits for its parts.
    Made,
    /// All bytes are there.
    Complete,
    /// It has asked for the deletion and not heard of it yet.
    Deleting,
    /// It is deleted.
    Deleted,
}

/// One thing that the daemon does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Create(Name),
    Write(Name, usize, Vec<u8>),
    Cut(Name, usize),
    Sync(Name),
    Rename(Name, Name),
    Remove(Name),
    SyncDir(Dir),
    /// From here on the client knows.
    Tell(Told),
}

/// How a client brings its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Door {
    /// PATCH.
    Tus,
    /// Chunks.
    Resumable,
    /// Not at all: its parts do.
    Final,
}

/// Something that takes several steps.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) door: Door,
    /// Somebody else has `files/NAME`.
    pub(crate) name_is_taken: bool,
    /// What was done before, all of it durable.
    pub(crate) before: Vec<Step>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Crash {
    /// The system goes on, and has all that was written.
    ProcessDied,
    /// What was not synced is anything.
    PowerFailed,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    Missing,
    Half,
    Zeros,
    Rubbish,
    /// Of a rename: the file has its new name and still the old one.
    BothNames,
}

/// Files with their contents. Names with the same number are the same file.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Image {
    pub(crate) names: BTreeMap<Name, usize>,
    pub(crate) contents: BTreeMap<usize, Vec<u8>>,
}

/// What a crash left.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) operation: &'static str,
    pub(crate) door: Door,
    pub(crate) name_is_taken: bool,
    pub(crate) crash: Crash,
    pub(crate) told: Told,
    pub(crate) image: Image,
    /// Which steps were taken and what became of them, for the message of a test that fails.
    pub(crate) how: String,
}

impl Image {
    pub(crate) fn get(&self, name: Name) -> Option<&[u8]> {
        self.contents.get(self.names.get(&name)?).map(Vec::as_slice)
    }

    /// Plays steps. `known` are the names as the running daemon sees them; what it does later it does to those.
    fn play(&mut self, known: &mut BTreeMap<Name, usize>, step: &Step, fate: Fate) {
        let is_there = fate != Fate::Missing;
        match step {
            Step::Create(name) => {
                let number = self.contents.len();
                self.contents.insert(number, Vec::new());
                known.insert(*name, number);
                if is_there {
                    self.names.insert(*name, number);
                }
            }
            Step::Write(name, at, bytes) => {
                let contents = self.contents.get_mut(&known[name]).unwrap();
                let bytes = match fate {
                    Fate::Missing => return,
                    Fate::Half => bytes[..bytes.len() / 2].to_vec(),
                    Fate::Zeros => vec![0; bytes.len()],
                    Fate::Rubbish => bytes.iter().map(|byte| byte ^ 0x15).collect(),
                    Fate::Whole | Fate::BothNames => bytes.clone(),
                };
                if contents.len() < at + bytes.len() {
                    contents.resize(at + bytes.len(), 0);
                }
                contents[*at..at + bytes.len()].copy_from_slice(&bytes);
            }
            Step::Cut(name, len) if is_there => self.contents.get_mut(&known[name]).unwrap().truncate(*len),
            Step::Rename(from, to) => {
                let number = known.remove(from).unwrap();
                known.insert(*to, number);
                if is_there {
                    self.names.remove(from);
                    self.names.insert(*to, number);
                }
                if fate == Fate::BothNames {
                    self.names.insert(*from, number);
                }
            }
            Step::Remove(name) => {
                known.remove(name);
                if is_there {
                    self.names.remove(name);
                }
            }
            Step::Cut(..) | Step::Sync(_) | Step::SyncDir(_) | Step::Tell(_) => {}
        }
    }

    /// Files without a name are nothing, and their numbers say nothing.
    fn tidy(&mut self) {
        let mut tidy = Self::default();
        let mut numbers = BTreeMap::new();
        for (name, number) in &self.names {
            let next = numbers.len();
            let renumbered = *numbers.entry(*number).or_insert(next);
            tidy.names.insert(*name, renumbered);
            tidy.contents.insert(renumbered, self.contents[number].clone());
        }
        *self = tidy;
    }
}

impl Operation {
    /// Every state that a crash can leave, each once.
    pub(crate) fn states(&self) -> Vec<State> {
        let mut states = Vec::new();
        let mut seen = BTreeSet::new();
        for done in 0..=self.steps.len() {
            let taken = &self.steps[..done];
            for (crash, fates) in [
                (Crash::ProcessDied, fates_when_the_process_died(taken)),
                (Crash::PowerFailed, fates_when_the_power_failed(taken)),
            ] {
                for fates in fates {
                    let state = self.state(crash, taken, &fates);
                    if seen.insert((crash, state.told.clone(), state.image.clone())) {
                        states.push(state);
                    }
                }
            }
        }
        states
    }

    fn state(&self, crash: Crash, taken: &[Step], fates: &[Fate]) -> State {
        let (mut image, mut known) = (Image::default(), BTreeMap::new());
        let mut told = Told::Nothing;
        let mut how = String::new();
        let before = self.before.iter().map(|step| (step, Fate::Whole, true));
        let taken = taken.iter().zip(fates).map(|(step, fate)| (step, *fate, false));
        for (step, fate, is_history) in before.chain(taken) {
            image.play(&mut known, step, fate);
            if let Step::Tell(now) = step {
                told = now.clone();
            }
            if !is_history {
                how.push_str(&format!("  {}\n", describe(step, fate)));
            }
        }
        image.tidy();
        let Self { name: operation, door, name_is_taken, .. } = *self;
        State { operation, door, name_is_taken, crash, told, image, how }
    }
}

/// All that was done is there; the last thing may be half done. (Where the system knows no rename that spares other
/// files, it is a link and the removal of the old name.)
fn fates_when_the_process_died(taken: &[Step]) -> Vec<Vec<Fate>> {
    let half_done = match taken.last() {
        Some(Step::Write(..)) => Some(Fate::Half),
        Some(Step::Rename(from, to)) if from.dir() != to.dir() => Some(Fate::BothNames),
        _ => None,
    };
    let all = [half_done, Some(Fate::Whole)].into_iter().flatten();
    all.map(|last| {
        let mut fates = vec![Fate::Whole; taken.len()];
        if let Some(fate) = fates.last_mut() {
            *fate = last;
        }
        fates
    })
    .collect()
}

/// What a sync covers is there, and of the rest any selection.
fn fates_when_the_power_failed(taken: &[Step]) -> Vec<Vec<Fate>> {
    let mut selections = vec![Vec::new()];
    for index in 0..taken.len() {
        let fates = possible_fates(taken, index);
        let with = |selection: &Vec<Fate>, fate| selection.iter().copied().chain([fate]).collect();
        selections =
            selections.iter().flat_map(|selection| fates.iter().map(|fate| with(selection, *fate))).collect();
    }
    selections
}

fn possible_fates(taken: &[Step], index: usize) -> Vec<Fate> {
    use Fate::{BothNames, Half, Missing, Rubbish, Whole, Zeros};
    let later = &taken[index + 1..];
    let is_synced = |dirs: &[Dir]| {
        later.iter().any(|step| matches!(step, Step::SyncDir(synced) if dirs.contains(synced)))
    };
    match &taken[index] {
        Step::Write(name, ..) | Step::Cut(name, _) if is_file_synced(*name, later) => vec![Whole],
        Step::Write(..) => vec![Missing, Half, Zeros, Rubbish, Whole],
        Step::Cut(..) => vec![Missing, Whole],
        Step::Create(name) | Step::Remove(name) if is_synced(&[name.dir()]) => vec![Whole],
        // ext4 and XFS rename at once also between two directories, so either sync makes all of it durable.
        Step::Rename(from, to) if is_synced(&[from.dir(), to.dir()]) => vec![Whole],
        Step::Rename(from, to) if from.dir() != to.dir() => vec![Missing, BothNames, Whole],
        Step::Create(_) | Step::Remove(_) | Step::Rename(..) => vec![Missing, Whole],
        Step::Sync(_) | Step::SyncDir(_) | Step::Tell(_) => vec![Whole],
    }
}

/// Whether the contents of a file are synced by one of these steps, under whatever name it has then.
fn is_file_synced(mut name: Name, later: &[Step]) -> bool {
    for step in later {
        match step {
            Step::Sync(synced) if *synced == name => return true,
            Step::Rename(from, to) if *from == name => name = *to,
            // Another file has the name from here on.
            Step::Rename(_, to) if *to == name => return false,
            _ => {}
        }
    }
    false
}

fn describe(step: &Step, fate: Fate) -> String {
    let step = match step {
        Step::Write(name, at, bytes) => {
            format!("Write({name:?}, {at}, {:?})", String::from_utf8_lossy(bytes))
        }
        step => format!("{step:?}"),
    };
    match fate {
        Fate::Whole => step,
        fate => format!("{step}: {fate:?}"),
    }
}

impl State {
    /// Nobody was told of it, or its client wanted it gone.
    fn is_missed_by_nobody(&self) -> bool {
        matches!(self.told, Told::Nothing | Told::Deleting)
    }

    /// A record without its bytes is left where a file system reorders changes in one directory: nobody misses them.
    pub(crate) fn may_lack_its_bytes(&self) -> bool {
        self.is_missed_by_nobody() && !self.has_bytes()
    }

    pub(crate) fn has_bytes(&self) -> bool {
        [Name::Data, Name::File, Name::SecondFile].iter().any(|name| self.image.get(*name).is_some())
    }
}
