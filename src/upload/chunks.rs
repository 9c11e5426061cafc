//! Chunks: an upload cut into numbered pieces of one size, which may come in any order.

use std::fmt;
use std::ops::Range;

use digest::Digest as _;
use serde::{Deserialize, Serialize};

use super::checksum::Checksum;
use super::hex;

/// A client's own name for an upload, with whatever else tells one client's from another's: hashed, because what a
/// client chose is never a path and never a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey([u8; 16]);

impl ClientKey {
    /// Makes the key of several texts; no two different lists give the same one.
    #[must_use]
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut hasher = sha2::Sha256::new();
        for text in texts {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        let mut key = [0; 16];
        key.iter_mut().zip(hasher.finalize()).for_each(|(ours, byte)| *ours = byte);
        Self(key)
    }

    /// Reads a key as it is written: 32 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits)?;
        Some(Self(number.to_be_bytes()))
    }

    /// Spreads keys evenly over 256 places.
    #[must_use]
    pub fn shard(self) -> u8 {
        let [first, ..] = self.0;
        first
    }
}

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ClientKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClientKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a key is 32 hexadecimal digits"))
    }
}

/// What a request says contradicts itself, or what the first request of its upload said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// Chunks of no bytes.
    #[error("the chunk size must be at least 1")]
    NoChunkSize,
    /// The number of chunks does not follow from the sizes.
    #[error("{total} bytes in chunks of {size} are {floor} or {ceil} chunks, not {given}")]
    ChunkCount {
        /// Bytes in the upload.
        total: u64,
        /// Bytes in a chunk.
        size: u64,
        /// With a larger last chunk.
        floor: u64,
        /// With a smaller last chunk.
        ceil: u64,
        /// As given.
        given: u64,
    },
    /// No such chunk.
    #[error("there is no chunk {given}: they are numbered from 1 to {count}")]
    ChunkNumber {
        /// As given.
        given: u64,
        /// How many there are.
        count: u64,
    },
    /// Another cut than the first request's.
    #[error("this upload began with {what} {known}, and now it is {given}")]
    Changed {
        /// What has changed.
        what: &'static str,
        /// At first.
        known: u64,
        /// Now.
        given: u64,
    },
    /// Another digest than an earlier request's.
    #[error("this upload began with another digest")]
    Digest,
    /// The body is not as long as the chunk.
    #[error("chunk {number} has {expected} bytes, and the body has {given}")]
    BodySize {
        /// The chunk.
        number: u64,
        /// Its length.
        expected: u64,
        /// The body's, or how the client says it is.
        given: u64,
    },
}

/// How many runs of chunks there may be, with gaps between them. Each record of an upload has them all, so that whoever sends
/// every other byte as a chunk has the server write the square of it. Clients who send their chunks in order, a few at a time,
/// make a handful; ten thousand chunks in an order that is drawn by lot make a quarter of that, and at this bound those that
/// fill a gap are taken still.
const RUNS: usize = 4096;

/// How an upload is cut into chunks, and which of them are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunks {
    /// Bytes in the upload.
    total: u64,
    /// Bytes in each chunk but the last.
    size: u64,
    /// How many there are.
    count: u64,
    /// Those that are there: first and last of each run, in order, no two runs touching.
    present: Vec<(u64, u64)>,
    /// Up to here all bytes are there, although the chunk that this is in is not: they were appended. They stay, because
    /// somebody was told of them; the chunk comes whole all the same, and brings them again.
    #[serde(default, skip_serializing_if = "is_zero")]
    appended: u64,
    /// What the whole sums to, if the client has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Checksum>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Chunks {
    /// A cut of `total` bytes into `count` chunks of `size`, none of which is there. The last chunk may be the smaller
    /// rest, or (Resumable.js's usual way) the rest together with a whole chunk.
    ///
    /// # Errors
    /// The numbers contradict each other.
    pub fn new(total: u64, size: u64, count: u64) -> Result<Self, Contradiction> {
        if size == 0 {
            return Err(Contradiction::NoChunkSize);
        }
        let (floor, ceil) = ((total / size).max(1), total.div_ceil(size).max(1));
        if count != floor && count != ceil {
            return Err(Contradiction::ChunkCount { total, size, floor, ceil, given: count });
        }
        Ok(Self { total, size, count, present: Vec::new(), appended: 0, digest: None })
    }

    /// What is said of the cut and of the chunks that are there can be true.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        // In order, apart, and none beyond the last.
        let mut next = 1;
        let in_order = self.present.iter().all(|(first, last)| {
            let fits = next <= *first && first <= last && *last <= self.count;
            next = last.saturating_add(2);
            fits
        });
        let is_in_first_missing = self.appended == 0 || self.appended < self.end_of_first_missing();
        in_order && is_in_first_missing && Self::new(self.total, self.size, self.count).is_ok()
    }

    /// The bytes of a chunk; chunks are numbered from 1.
    ///
    /// # Errors
    /// There is no such chunk.
    pub fn range(&self, number: u64) -> Result<Range<u64>, Contradiction> {
        if number == 0 || number > self.count {
            return Err(Contradiction::ChunkNumber { given: number, count: self.count });
        }
        let start = (number - 1) * self.size;
        Ok(start..if number == self.count { self.total } else { number * self.size })
    }

    /// Refuses a cut other than this one.
    ///
    /// # Errors
    /// What has changed.
    pub fn check_same(&self, other: &Self) -> Result<(), Contradiction> {
        let pairs = [
            ("the total size", self.total, other.total),
            ("the chunk size", self.size, other.size),
            ("the number of chunks", self.count, other.count),
        ];
        match pairs.into_iter().find(|(_, known, given)| known != given) {
            Some((what, known, given)) => Err(Contradiction::Changed { what, known, given }),
            None => Ok(()),
        }
    }

    /// What the whole sums to, if the client has said so.
    #[must_use]
    pub fn digest(&self) -> Option<&Checksum> {
        self.digest.as_ref()
    }

    /// Notes what the whole sums to. What was said first stands.
    pub fn note_digest(&mut self, digest: Option<Checksum>) {
        if self.digest.is_none() {
            self.digest = digest;
        }
    }

    /// Refuses another digest than the one that was said first.
    ///
    /// # Errors
    /// It is another one.
    pub fn check_digest(&self, given: Option<&Checksum>) -> Result<(), Contradiction> {
        match (&self.digest, given) {
            (Some(known), Some(given)) if known != given => Err(Contradiction::Digest),
            _ => Ok(()),
        }
    }

    /// Bytes in the upload.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// A chunk is there.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.present.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// Those that are there: first and last of each run, in order.
    #[must_use]
    pub fn runs(&self) -> &[(u64, u64)] {
        &self.present
    }

    /// How many are there.
    #[must_use]
    pub fn present(&self) -> u64 {
        self.present.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// How many bytes are there, with those of a chunk that is there in part.
    #[must_use]
    pub fn present_bytes(&self) -> u64 {
        let bytes = |(first, last): &(u64, u64)| {
            let start = self.range(*first).map_or(0, |range| range.start);
            self.range(*last).map_or(0, |range| range.end).saturating_sub(start)
        };
        self.present.iter().map(bytes).sum::<u64>() + self.appended.saturating_sub(self.end_of_first())
    }

    /// All are there.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        self.present == [(1, self.count)]
    }

    /// Where the first missing byte is.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.end_of_first().max(self.appended)
    }

    /// Where the first missing chunk begins.
    fn end_of_first(&self) -> u64 {
        match self.present.first() {
            Some((1, last)) => self.range(*last).map_or(0, |range| range.end),
            _ => 0,
        }
    }

    fn end_of_first_missing(&self) -> u64 {
        let first = match self.present.first() {
            Some((1, last)) => last.saturating_add(1),
            _ => 1,
        };
        self.range(first).map_or(self.total, |range| range.end)
    }

    /// Where the last byte that is there ends.
    #[must_use]
    pub fn end_of_last(&self) -> u64 {
        let last = self.present.last().and_then(|(_, last)| self.range(*last).ok());
        last.map_or(0, |range| range.end).max(self.appended)
    }

    /// Where the first chunk begins that is there behind the first gap, if one is.
    #[must_use]
    pub fn end_of_gap(&self) -> Option<u64> {
        let starts =
            self.present.iter().filter_map(|(first, _)| self.range(*first).ok()).map(|range| range.start);
        starts.into_iter().find(|start| *start > self.offset())
    }

    /// There are so many gaps that a chunk is not taken which makes another one.
    #[must_use]
    pub fn would_scatter(&self, number: u64) -> bool {
        let next_to = |(first, last): &(u64, u64)| {
            number.saturating_add(1) >= *first && number <= last.saturating_add(1)
        };
        self.present.len() >= RUNS && !self.present.iter().any(next_to)
    }

    /// A chunk has come.
    pub fn insert(&mut self, number: u64) {
        self.insert_run(number, number);
    }

    fn insert_run(&mut self, mut first: u64, mut last: u64) {
        // With those that it overlaps or touches it becomes one.
        self.present.retain(|(begin, end)| {
            let is_apart = end.saturating_add(1) < first || last.saturating_add(1) < *begin;
            if !is_apart {
                (first, last) = (first.min(*begin), last.max(*end));
            }
            is_apart
        });
        let at = self.present.partition_point(|(begin, _)| *begin < first);
        self.present.insert(at, (first, last));
        self.note_appended(self.appended);
    }

    /// All bytes before `offset` are there; that is worth noting where no whole chunk says it.
    fn note_appended(&mut self, offset: u64) {
        self.appended = if offset > self.end_of_first() { offset } else { 0 };
    }

    /// How many chunks lie wholly before `offset`.
    fn whole_before(&self, offset: u64) -> u64 {
        if offset >= self.total { self.count } else { (offset / self.size).min(self.count - 1) }
    }

    /// Forgets what is not wholly before `offset`.
    pub fn forget_beyond(&mut self, offset: u64) {
        let (kept, whole) = (self.offset().min(offset), self.whole_before(offset));
        self.present.retain(|(first, _)| *first <= whole);
        if let Some((_, last)) = self.present.last_mut() {
            *last = (*last).min(whole);
        }
        self.note_appended(kept);
    }

    /// All bytes before `offset` have come, whatever chunks they belong to.
    pub fn reach(&mut self, offset: u64) {
        if offset == 0 {
            return;
        }
        let reached = self.offset().max(offset.min(self.total));
        match self.whole_before(offset) {
            0 => {}
            whole => self.insert_run(1, whole),
        }
        self.note_appended(reached);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_chunk_is_larger_or_smaller_as_the_client_cuts() {
        let larger = Chunks::new(25, 10, 2).unwrap();
        assert_eq!((larger.range(1), larger.range(2)), (Ok(0..10), Ok(10..25)));
        let smaller = Chunks::new(25, 10, 3).unwrap();
        assert_eq!((smaller.range(2), smaller.range(3)), (Ok(10..20), Ok(20..25)));
        assert_eq!(Chunks::new(0, 10, 1).unwrap().range(1), Ok(0..0));
        assert_eq!(Chunks::new(3, 10, 1).unwrap().range(1), Ok(0..3));
        for (total, size, count) in [(25, 10, 1), (25, 10, 4), (25, 0, 1), (0, 10, 0), (20, 10, 1)] {
            assert!(Chunks::new(total, size, count).is_err(), "{total} {size} {count}");
        }
        assert!(smaller.range(0).is_err() && smaller.range(4).is_err());
    }

    #[test]
    fn different_texts_are_different_keys() {
        assert_ne!(ClientKey::new(["ab", "c"]), ClientKey::new(["a", "bc"]));
        let key = ClientKey::new(["x"]);
        assert_eq!(serde_json::from_str::<ClientKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
    }

    #[test]
    fn gaps_are_bounded_and_can_always_be_filled() {
        let mut chunks = Chunks::new(20_000, 1, 20_000).unwrap();
        let scattered = (1..=20_000).step_by(2).find(|number| {
            let refused = chunks.would_scatter(*number);
            if !refused {
                chunks.insert(*number);
            }
            refused
        });
        assert_eq!(scattered, Some(2 * RUNS as u64 + 1));
        assert!(serde_json::to_string(&chunks).unwrap().len() < 128 * 1024, "a record stays small");
        // Whoever fills gaps goes on, to the end.
        for number in 1..=20_000 {
            assert!(!chunks.would_scatter(number), "{number}");
            chunks.insert(number);
        }
        assert!(chunks.are_complete());
    }

    #[test]
    fn a_client_with_several_chunks_on_their_way_is_far_from_the_bound() {
        // 40 GB by the megabyte, four at a time, each of which may be the last of them to come.
        let (total, size) = (40_000_000_000_u64, 1 << 20);
        let count = total / size;
        let mut chunks = Chunks::new(total, size, count).unwrap();
        let (mut on_their_way, mut next, mut most) = (Vec::new(), 1, 0);
        let mut rng = 7_u64;
        while !chunks.are_complete() {
            while on_their_way.len() < 4 && next <= count {
                on_their_way.push(next);
                next += 1;
            }
            rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // The oldest of them comes seldom: its line is slow.
            let slow = rng >> 33 & 63 != 0 && on_their_way.len() > 1;
            let at = usize::from(slow) + (rng >> 40) as usize % (on_their_way.len() - usize::from(slow));
            let number = on_their_way.remove(at);
            assert!(!chunks.would_scatter(number));
            chunks.insert(number);
            most = most.max(chunks.present.len());
        }
        assert!(most <= 5, "{most}");
    }

    proptest! {
        #[test]
        fn chunks_in_any_order_are_what_a_set_says(numbers in proptest::collection::vec(1_u64..=20, 0..40), cut in 0_u64..=200) {
            let mut chunks = Chunks::new(195, 10, 20).unwrap();
            let mut set = std::collections::BTreeSet::new();
            for number in numbers {
                chunks.insert(number);
                set.insert(number);
            }
            let agrees = |chunks: &Chunks, set: &std::collections::BTreeSet<u64>| {
                let missing = (1..=20).find(|n| !set.contains(n));
                chunks.present() == set.len() as u64
                    && (1..=20).all(|n| chunks.contains(n) == set.contains(&n))
                    && chunks.are_complete() == (set.len() == 20)
                    && chunks.end_of_first() == missing.map_or(195, |n| (n - 1) * 10)
            };
            prop_assert!(agrees(&chunks, &set) && chunks.is_sound());
            let mut appended = chunks.clone();
            let offset = chunks.offset();
            chunks.forget_beyond(cut);
            let whole = |n: &u64| if *n == 20 { 195 <= cut } else { n * 10 <= cut };
            // As if all bytes up to there had been appended.
            appended.reach(cut);
            let with_whole: std::collections::BTreeSet<u64> = set.iter().copied().chain((1..=20).filter(whole)).collect();
            let first_gap = (1..=20).find(|n| !with_whole.contains(n)).map_or(195, |n| (n - 1) * 10);
            prop_assert_eq!(appended.offset(), first_gap.max(cut.min(195)));
            prop_assert!(appended.is_sound() && (1..=20).all(|n| appended.contains(n) == with_whole.contains(&n)));
            let next = with_whole.iter().map(|n| (n - 1) * 10).find(|start| *start > appended.offset());
            prop_assert_eq!(appended.end_of_gap(), next);
            appended.forget_beyond(cut);
            prop_assert!(appended.offset() <= cut && appended.is_sound());
            set.retain(whole);
            prop_assert!(agrees(&chunks, &set) && chunks.is_sound());
            prop_assert_eq!(chunks.offset(), offset.min(cut), "what was told stays");
        }

        #[test]
        fn bytes_that_were_appended_stay_told(offset in 0_u64..=195, numbers in proptest::collection::vec(1_u64..=20, 0..40)) {
            let mut chunks = Chunks::new(195, 10, 20).unwrap();
            chunks.reach(offset);
            prop_assert_eq!(chunks.offset(), offset);
            prop_assert_eq!(chunks.present_bytes(), offset);
            prop_assert_eq!(chunks.end_of_last(), offset);
            let mut told = offset;
            for number in numbers {
                chunks.insert(number);
                prop_assert!(chunks.offset() >= told && chunks.is_sound());
                prop_assert!(chunks.present_bytes() <= 195);
                told = chunks.offset();
            }
            let json = serde_json::to_string(&chunks).unwrap();
            prop_assert_eq!(serde_json::from_str::<Chunks>(&json).unwrap(), chunks);
        }
    }
}
