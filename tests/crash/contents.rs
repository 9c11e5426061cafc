//! Bytes that follow from the run's seed, the upload and the place: none of them is remembered, and every one can be
//! checked, wherever it turns up.

use std::ops::Range;
use std::sync::LazyLock;

/// What an upload shall hold in the end.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    /// One for an upload of its own, several for one that is put together from parts.
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
struct Segment {
    key: u64,
    len: u64,
}

impl Contents {
    pub(crate) fn new(seed: u64, number: u64, len: u64) -> Self {
        Self { segments: vec![Segment { key: mixed(seed ^ mixed(number)), len }] }
    }

    pub(crate) fn joined<'c>(parts: impl IntoIterator<Item = &'c Self>) -> Self {
        Self { segments: parts.into_iter().flat_map(|part| part.segments.clone()).collect() }
    }

    pub(crate) fn len(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// The bytes of a range, which does not go beyond the end.
    pub(crate) fn bytes(&self, range: Range<u64>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(range.end - range.start).unwrap());
        let mut begin = 0;
        for segment in &self.segments {
            let end = begin + segment.len;
            let (from, to) = (range.start.max(begin), range.end.min(end));
            if from < to {
                segment.append(from - begin..to - begin, &mut bytes);
            }
            begin = end;
        }
        assert_eq!(bytes.len() as u64, range.end - range.start, "the range goes beyond the end");
        bytes
    }

    /// Where bytes that were found at a place differ from what belongs there; `None`: nowhere.
    pub(crate) fn first_difference(&self, at: u64, found: &[u8]) -> Option<u64> {
        let end = at + found.len() as u64;
        if end > self.len() {
            return Some(self.len().max(at));
        }
        let right = self.bytes(at..end);
        if right == found {
            return None;
        }
        right.iter().zip(found).position(|(right, found)| right != found).map(|place| at + place as u64)
    }
}

impl Segment {
    fn append(&self, range: Range<u64>, bytes: &mut Vec<u8>) {
        let end = bytes.len() + usize::try_from(range.end - range.start).unwrap();
        let mut skipped = usize::try_from(range.start % BLOCK).unwrap();
        for block in range.start / BLOCK..range.end.div_ceil(BLOCK) {
            let label = mixed(self.key.wrapping_add(block));
            let text = usize::try_from(label % (TEXT.len() as u64 - BLOCK)).unwrap();
            let text = &TEXT[text..text + usize::try_from(BLOCK).unwrap()];
            let label = label.to_le_bytes();
            bytes.extend_from_slice(&label[skipped.min(label.len())..]);
            bytes.extend_from_slice(&text[skipped.max(label.len())..]);
            skipped = 0;
        }
        bytes.truncate(end);
    }
}

/// A block begins with a label that no other one has, and goes on with some of a common text, which is copied faster
/// than it could be made.
const BLOCK: u64 = 512;

static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| (0..8192).flat_map(|n| mixed(n).to_le_bytes()).collect());

/// Spreads a number over all 64 bits (the finalizer of SplitMix64), so that neighbours have nothing in common.
pub(crate) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
