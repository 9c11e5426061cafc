//! The model: what is known of each upload, and what a request must hear that has its upload for itself.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;
use resumed::upload::{
    Checksum, ChecksumPlan, Chunks, ClientKey, Hasher, Interruption, Piece, Upload, UploadError, UploadId,
};

use crate::body::{self, Event, Feed};
use crate::plan::{Amount, Body, End, Sum, Trailer};

/// Whether an upload was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    No,
    Perhaps,
    Yes,
}

/// What is sure of an upload that nobody is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) offset: u64,
    pub(crate) length: Option<u64>,
    pub(crate) complete: bool,
}

/// One upload.
pub(crate) struct Slot {
    pub(crate) number: usize,
    pub(crate) id: Option<UploadId>,
    pub(crate) partial: bool,
    /// It is made of these.
    pub(crate) parts: Vec<usize>,
    pub(crate) fill: Option<Fill>,
    /// How long it is going to be; if the length is deferred, until another one was declared.
    pub(crate) length: u64,
    pub(crate) deferred: bool,
    /// The length that somebody was told, which never changes.
    pub(crate) told_length: Option<u64>,
    /// The greatest offset that somebody was told.
    pub(crate) told: u64,
    /// Somebody was told that it is complete.
    pub(crate) told_complete: bool,
    /// The offset that it has if all is kept that may be kept.
    pub(crate) sent: u64,
    pub(crate) known: Option<Known>,
    pub(crate) gone: Gone,
    /// How often that was doubted.
    pub(crate) doubts: usize,
    /// A client went away whose request may still be at it.
    pub(crate) haunted: bool,
}

/// An upload that is filled by chunks.
pub(crate) struct Fill {
    pub(crate) key: ClientKey,
    pub(crate) chunks: Chunks,
    pub(crate) count: u64,
    pub(crate) digest: Option<Checksum>,
    /// The digest is another file's.
    pub(crate) digest_is_wrong: bool,
    /// Those that somebody was told of.
    pub(crate) told: BTreeSet<u64>,
    /// Those all of whose bytes were sent.
    pub(crate) sent: BTreeSet<u64>,
    /// Its name may lead to nothing any more.
    pub(crate) is_forgotten: bool,
}

/// What a declared length that is not the planned one differs by.
pub(crate) const OTHER: u64 = 5;

impl Slot {
    pub(crate) fn new(number: usize, length: u64) -> Self {
        Self {
            number,
            id: None,
            partial: false,
            parts: Vec::new(),
            fill: None,
            length,
            deferred: false,
            told_length: None,
            told: 0,
            told_complete: false,
            sent: 0,
            known: None,
            gone: Gone::No,
            doubts: 0,
            haunted: false,
        }
    }

    /// The lengths that it may have.
    pub(crate) fn lengths(&self) -> Vec<u64> {
        match (self.told_length, self.deferred) {
            (Some(told), _) => vec![told],
            (None, true) => vec![self.length, self.length + OTHER],
            (None, false) => vec![self.length],
        }
    }

    pub(crate) fn fed_up_to(&self) -> u64 {
        self.told_length.unwrap_or(self.length)
    }
}

/// A body on its way.
pub(crate) struct Feeding {
    feed: Feed,
    number: usize,
    pub(crate) sum: Sum,
    pub(crate) len: Option<u64>,
    /// The bytes that it is going to bring.
    pub(crate) range: Range<u64>,
    pub(crate) fed: u64,
    /// The upload's length is not declared yet, so that nothing is beyond it.
    pub(crate) is_open: bool,
    pub(crate) ended: Option<End>,
    given: Option<Checksum>,
    /// Of what was sent.
    hasher: Option<Hasher>,
    /// Of what would have been right.
    right: Option<Hasher>,
}

impl Feeding {
    pub(crate) fn new(number: usize, range: Range<u64>, plan: &Body) -> (Self, body::Fed) {
        let (feed, fed) = body::body();
        let len = plan.len;
        let planned = range.start..range.start + len.unwrap_or(range.end - range.start);
        let given = match plan.checksum {
            Sum::Given { .. } => Some(body::checksum(&body::content(number, planned))),
            _ => None,
        };
        let hasher = || Some(resumed::upload::Algorithm::Crc32.hasher());
        let (hasher, right) = (hasher(), hasher());
        let feeding = Self {
            feed,
            number,
            sum: plan.checksum,
            len,
            range,
            fed: 0,
            is_open: false,
            ended: None,
            given,
            hasher,
            right,
        };
        (feeding, fed)
    }

    pub(crate) fn checksum_plan(&self) -> ChecksumPlan {
        match (self.sum, &self.given) {
            (Sum::Given { .. }, Some(given)) => ChecksumPlan::Given(given.clone()),
            (Sum::Trailer(_), _) => ChecksumPlan::Trailer,
            _ => ChecksumPlan::None,
        }
    }

    fn lies(&self) -> bool {
        !matches!(self.sum, Sum::None | Sum::Given { right: true } | Sum::Trailer(Trailer::Right))
    }

    /// Sends some more. Answers how much.
    pub(crate) fn bring(&mut self, amount: Amount) -> u64 {
        let at = self.range.start + self.fed;
        let rest = self.range.end.saturating_sub(at);
        let wanted = match amount {
            Amount::Bytes(bytes) => bytes.min(rest),
            Amount::Rest => rest,
            Amount::More => rest + if self.is_open { 0 } else { 7 },
        };
        // HTTP lets no body be longer than it says.
        let bytes = wanted.min(self.len.map_or(u64::MAX, |len| len - self.fed));
        if bytes == 0 || self.ended.is_some() {
            return 0;
        }
        let range = at..at + bytes;
        let right = body::content(self.number, range.clone());
        let sent: Bytes = if self.lies() { body::wrong(self.number, range) } else { right.clone() };
        self.hasher.as_mut().unwrap().update(&sent);
        self.right.as_mut().unwrap().update(&right);
        self.fed += bytes;
        let _ = self.feed.send(Event::Piece(Piece::Bytes(sent)));
        bytes
    }

    /// Ends it.
    pub(crate) fn end(&mut self, end: End) {
        if self.ended.is_some() {
            return;
        }
        // Nor lets HTTP a body end well that is shorter than it says.
        let short = self.len.is_some_and(|len| self.fed < len);
        let end =
            if short && matches!(end, End::Good) { End::Cut(resumed::upload::BodyCut::Gone) } else { end };
        self.ended = Some(end);
        if let End::Cut(cut) = end {
            let _ = self.feed.send(Event::Cut(cut));
            return;
        }
        let trailer = match self.sum {
            Sum::Trailer(Trailer::Right | Trailer::Wrong) => {
                let value = self.right.take().unwrap().finish();
                Some(Ok(Checksum::new(resumed::upload::Algorithm::Crc32, value).unwrap()))
            }
            Sum::Trailer(Trailer::NoChecksum) => Some(Err("it is none".to_owned())),
            _ => None,
        };
        if let Some(trailer) = trailer {
            let _ = self.feed.send(Event::Piece(Piece::Checksum(trailer)));
        }
        let _ = self.feed.send(Event::End);
    }

    /// Whether it sums up, after its end; otherwise what its sender hears.
    pub(crate) fn verdict(&self) -> Result<(), &'static str> {
        match self.sum {
            Sum::None => Ok(()),
            Sum::Trailer(Trailer::Right) => Ok(()),
            Sum::Trailer(Trailer::NotThere | Trailer::NoChecksum) => Err("BadTrailer"),
            Sum::Trailer(Trailer::Wrong) if self.fed == 0 => Ok(()),
            Sum::Trailer(Trailer::Wrong) => Err("ChecksumMismatch"),
            Sum::Given { .. } => {
                let planned = self.len.unwrap_or(self.range.end - self.range.start);
                let is_right = self.fed == planned && (self.fed == 0 || !self.lies());
                if is_right { Ok(()) } else { Err("ChecksumMismatch") }
            }
        }
    }

    /// How far the upload may come by what was sent up to now.
    pub(crate) fn may_reach(&self) -> u64 {
        let counts = match (self.sum, self.ended) {
            (Sum::None, _) => true,
            (_, Some(End::Good)) => self.verdict().is_ok(),
            _ => false,
        };
        if counts { self.range.start + self.fed } else { 0 }
    }

    fn interruption(&self) -> Option<Interruption> {
        match self.ended {
            Some(End::Cut(cut)) => Some(cut.into()),
            _ => None,
        }
    }
}

/// An answer in words.
pub(crate) fn said(answer: &Result<Upload, UploadError>) -> String {
    match answer {
        Ok(upload) => told(upload.offset, upload.length.known(), upload.is_complete()),
        Err(UploadError::OffsetMismatch { current, .. }) => format!("OffsetMismatch at {current}"),
        Err(UploadError::Interrupted { cause, offset }) => format!("Interrupted by {cause:?} at {offset}"),
        Err(UploadError::Unverified(cause)) => format!("Unverified, {cause:?}"),
        Err(error) => variant(error),
    }
}

/// The name of an error.
pub(crate) fn variant(error: &UploadError) -> String {
    format!("{error:?}").split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn told(offset: u64, length: Option<u64>, complete: bool) -> String {
    let length = length.map_or("?".to_owned(), |length| length.to_string());
    format!("{offset}/{length}{}", if complete { ", complete" } else { "" })
}

impl Known {
    pub(crate) fn said(&self) -> String {
        told(self.offset, self.length, self.complete)
    }

    fn at(&self, offset: u64) -> Self {
        Self { offset, complete: self.length == Some(offset), ..*self }
    }

    /// What an append must hear that nobody disturbed, and what is known then.
    pub(crate) fn append(&self, given: u64, declared: Option<u64>, body: &Feeding) -> (String, Self) {
        let refused = |what: &str| (what.to_owned(), *self);
        if given != self.offset {
            return refused(&format!("OffsetMismatch at {}", self.offset));
        }
        match (declared, self.length) {
            (Some(declared), Some(length)) if declared != length => return refused("LengthChanged"),
            (Some(declared), None) if declared < self.offset => return refused("LengthBelowOffset"),
            _ => {}
        }
        let now = Self { length: self.length.or(declared), ..*self };
        if now.length.zip(body.len).is_some_and(|(length, len)| given + len > length) {
            return refused("BeyondLength");
        }
        if self.complete {
            return if body.fed > 0 { refused("BeyondLength") } else { (self.said(), *self) };
        }
        if now.length.is_some_and(|length| given + body.fed > length) {
            return ("BeyondLength".to_owned(), now.at(given));
        }
        let end = now.at(given + body.fed);
        // If it had all its bytes before, whoever asks next finds it complete.
        let now = now.at(given);
        match (body.interruption(), body.sum) {
            (None, _) => match body.verdict() {
                Ok(()) => (end.said(), end),
                Err(wrong) => (wrong.to_owned(), now),
            },
            (Some(cause), Sum::None) if !end.complete => {
                (format!("Interrupted by {cause:?} at {}", end.offset), end)
            }
            (Some(_), Sum::None) => (end.said(), end),
            (Some(cause), _) => (format!("Unverified, {cause:?}"), now),
        }
    }

    /// The same for a creation; `None`: nothing is left of it.
    pub(crate) fn create(length: Option<u64>, body: Option<&Feeding>) -> (String, Option<Self>) {
        let empty = Self { offset: 0, length, complete: false };
        let Some(body) = body else { return (empty.at(0).said(), Some(empty.at(0))) };
        if length.zip(body.len).is_some_and(|(length, len)| len > length) {
            return ("BeyondLength".to_owned(), None);
        }
        if body.len.is_some_and(|len| len <= 32 * 1024) {
            return match (body.interruption(), body.verdict()) {
                (Some(cause), _) => (format!("Unverified, {cause:?}"), None),
                (None, Err(wrong)) => (wrong.to_owned(), None),
                (None, Ok(())) => (empty.at(body.fed).said(), Some(empty.at(body.fed))),
            };
        }
        let (said, after) = empty.at(0).append(0, None, body);
        let is_error = said.starts_with(|c: char| c.is_ascii_uppercase());
        match body.interruption() {
            // Whoever was too slow is there to read where to go on.
            Some(Interruption::Idle | Interruption::TooSlow) if said.starts_with("Interrupted") => {
                (after.said(), Some(after))
            }
            _ if is_error => (said, None),
            _ => (said, Some(after)),
        }
    }
}

impl Fill {
    /// What a chunk must hear that nobody disturbed. `None`: that can't be told.
    pub(crate) fn chunk(&self, number: u64, body: &Feeding) -> Option<String> {
        let is_sure = self.told == self.sent;
        let expected = body.range.end - body.range.start;
        if number > self.count || body.len.is_some_and(|len| len != expected) {
            return Some("Contradiction".to_owned());
        }
        if self.digest_is_wrong || (!is_sure && !self.told.contains(&number)) {
            return None;
        }
        Some(match body.interruption() {
            _ if self.told.contains(&number) => "Ok".to_owned(),
            _ if body.fed > expected => "Contradiction".to_owned(),
            Some(cause) => format!("Unverified, {cause:?}"),
            None if body.fed == expected => "Ok".to_owned(),
            None => "Contradiction".to_owned(),
        })
    }
}
