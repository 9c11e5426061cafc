//! What a client knows of an upload: what it was told, which must hold whatever happens, and what it sent, beyond which
//! nothing can be there.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::contents::Contents;
use crate::support::base64;

/// One upload as its client sees it.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Unique in the run; stands in the upload's metadata, so that its sidecar can be told from others.
    pub(crate) number: u64,
    /// The name that the file shall get. Some share theirs.
    pub(crate) name: String,
    pub(crate) contents: Contents,
    pub(crate) kind: Kind,
    pub(crate) length: Length,
    /// Where it lives; `None`: its creation was not acknowledged.
    pub(crate) path: Option<String>,
    /// The greatest offset that anybody was told.
    pub(crate) told: u64,
    /// No byte from here on has been sent.
    pub(crate) sent: u64,
    pub(crate) stage: Stage,
    /// A request broke off: the offset has to be asked for, because more may have arrived than was told.
    pub(crate) is_uncertain: bool,
    /// What is left of a request that broke off may still be on its way, so a conflict with it is no surprise.
    pub(crate) is_shaky: bool,
    /// How many cuts it has seen since its end.
    pub(crate) cuts_since_end: u32,
    /// For people who read of a failure.
    history: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Whole,
    /// A part, and the final upload that was made of it.
    Partial {
        used: bool,
    },
    /// Made of the uploads with these numbers.
    Final {
        parts: Vec<u64>,
        as_given: String,
    },
    Chunked(Cut),
}

/// Whether the daemon knows the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Told,
    /// It was sent with a request that was not answered.
    Asked,
    Deferred,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    /// All bytes were acknowledged, or the upload said so itself.
    Complete,
    /// Its termination was asked for and not answered.
    Terminating,
    Terminated,
}

/// How a file is cut into the chunks of Resumable.js, and what became of them.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) size: u64,
    pub(crate) count: u64,
    /// Acknowledged.
    pub(crate) told: BTreeSet<u64>,
    /// Sent to the end, and not acknowledged.
    pub(crate) sent: BTreeSet<u64>,
}

impl Cut {
    pub(crate) fn range(&self, number: u64, total: u64) -> Range<u64> {
        let start = (number - 1) * self.size;
        start..if number == self.count { total } else { number * self.size }
    }

    pub(crate) fn missing(&self) -> Vec<u64> {
        (1..=self.count).filter(|number| !self.told.contains(number)).collect()
    }
}

impl Upload {
    pub(crate) fn new(number: u64, name: String, contents: Contents, kind: Kind, length: Length) -> Self {
        Self {
            number,
            name,
            contents,
            kind,
            length,
            path: None,
            told: 0,
            sent: 0,
            stage: Stage::Open,
            is_uncertain: false,
            is_shaky: false,
            cuts_since_end: 0,
            history: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.contents.len()
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.history.push(what.into());
    }

    /// An answer has told this offset.
    pub(crate) fn tell(&mut self, offset: u64) {
        self.told = self.told.max(offset);
        self.sent = self.sent.max(offset);
    }

    /// An answer to an append has told this offset. What an earlier append had left on its way can't come any more once
    /// the upload has moved on.
    pub(crate) fn settle(&mut self, offset: u64) {
        if offset > self.told || !self.is_shaky {
            (self.told, self.sent) = (offset, offset);
            self.is_shaky = false;
        }
        self.is_uncertain = false;
    }

    /// The daemon has been started anew: nothing is on its way, and this is where it goes on.
    pub(crate) fn settle_after_restart(&mut self, offset: u64) {
        self.is_shaky = false;
        self.settle(offset);
    }

    /// Why an offset that HEAD tells can't be right; `None`: it can.
    pub(crate) fn refute(&self, offset: u64) -> Option<String> {
        if offset < self.told {
            return Some(format!("the offset is {offset}, and {} were acknowledged", self.told));
        }
        (offset > self.sent).then(|| format!("the offset is {offset}, and only {} were sent", self.sent))
    }

    pub(crate) fn complete(&mut self) {
        let len = self.len();
        self.settle_after_restart(len);
        self.length = Length::Told;
        self.stage = Stage::Complete;
        self.note("complete");
    }

    /// `Upload-Metadata` as it is given, or as the parameters of chunks are told in tus.
    pub(crate) fn metadata(&self) -> String {
        let key = if matches!(self.kind, Kind::Chunked(_)) { "relativePath" } else { "number" };
        format!("filename {},{key} {}", base64(&self.name), base64(self.number.to_string()))
    }

    /// `Upload-Concat` as it is given.
    pub(crate) fn concat(&self) -> Option<String> {
        match &self.kind {
            Kind::Whole | Kind::Chunked(_) => None,
            Kind::Partial { .. } => Some("partial".to_owned()),
            Kind::Final { as_given, .. } => Some(as_given.clone()),
        }
    }

    /// For the report of a failure.
    pub(crate) fn story(&self) -> String {
        format!(
            "upload {} {:?}, {} bytes, {:?}, {:?}, at {}\n    its story: {}",
            self.number,
            self.name,
            self.len(),
            self.kind,
            self.stage,
            self.path.as_deref().unwrap_or("no path that was told"),
            self.history.join("; ")
        )
    }
}

/// How many acknowledgements were looked at after a cut, by what they had promised.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) created: u64,
    pub(crate) offsets: u64,
    pub(crate) chunks: u64,
    pub(crate) complete: u64,
    pub(crate) concatenated: u64,
    pub(crate) terminated: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.created += other.created;
        self.offsets += other.offsets;
        self.chunks += other.chunks;
        self.complete += other.complete;
        self.concatenated += other.concatenated;
        self.terminated += other.terminated;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { created, offsets, chunks, complete, concatenated, terminated } = self;
        write!(
            f,
            "{created} creations, {offsets} offsets, {chunks} chunks, {complete} completions, \
             {concatenated} concatenations, {terminated} terminations"
        )
    }
}
