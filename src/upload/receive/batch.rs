//! What bodies have in memory: each its batch, and all of them together no more than a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};

/// A batch of this size is written as soon as the writing thread is free.
pub(super) const BATCH: usize = 1024 * 1024;

/// While the writing thread is busy, this much is gathered; then the socket has to wait, and the client with it.
const BATCH_MAX: usize = 2 * 1024 * 1024;

/// What all bodies together may gather: a large batch saves hops to the writing threads, and beyond this there are
/// enough bodies to keep those busy with smaller ones.
const GATHERED: usize = 16 * 1024 * 1024;

/// What each body may gather all the same, so that none waits for another one's disk.
const SURE: usize = 64 * 1024;

/// Pieces smaller than this are copied together: each one kept would keep a whole read buffer alive.
const SMALL_PIECE: usize = 4096;

/// How many bytes all bodies have in memory at the moment, gathered or being written. Clones count together.
#[derive(Clone, Default)]
pub(in crate::upload) struct InHand(Arc<AtomicUsize>);

/// The next bytes of a body to be written, and how many more of it are in memory.
pub(super) struct Batch {
    pieces: Vec<Bytes>,
    /// Small pieces, copied together.
    tail: BytesMut,
    len: usize,
    /// Bytes that are being written.
    leaving: usize,
    in_hand: InHand,
}

impl Batch {
    pub(super) fn new(in_hand: InHand) -> Self {
        Self { pieces: Vec::new(), tail: BytesMut::new(), len: 0, leaving: 0, in_hand }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// It takes another piece.
    pub(super) fn has_room(&self) -> bool {
        self.len < SURE || (self.len < BATCH_MAX && self.in_hand.0.load(Ordering::Relaxed) < GATHERED)
    }

    /// It is worth a hop to a writing thread.
    pub(super) fn is_due(&self) -> bool {
        self.len >= BATCH || !self.has_room()
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        self.len += piece.len();
        self.in_hand.0.fetch_add(piece.len(), Ordering::Relaxed);
        if piece.len() < SMALL_PIECE {
            self.tail.extend_from_slice(&piece);
        } else {
            self.close_tail();
            self.pieces.push(piece);
        }
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push(self.tail.split().freeze());
        }
    }

    /// Gives the bytes away to be written. They stay in memory until [`has_left`](Self::has_left) is told.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.close_tail();
        self.leaving += std::mem::take(&mut self.len);
        std::mem::take(&mut self.pieces)
    }

    /// What was given away is written.
    pub(super) fn has_left(&mut self) {
        self.in_hand.0.fetch_sub(std::mem::take(&mut self.leaving), Ordering::Relaxed);
    }

    /// Forgets what is not written.
    pub(super) fn clear(&mut self) {
        self.in_hand.0.fetch_sub(std::mem::take(&mut self.len), Ordering::Relaxed);
        self.pieces.clear();
        self.tail.clear();
    }

    /// The bytes that were not given away yet.
    pub(super) fn bytes(&mut self) -> &[Bytes] {
        self.close_tail();
        &self.pieces
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
        self.has_left();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 32 * 1024;

    fn fill(batch: &mut Batch) -> usize {
        while batch.has_room() {
            batch.push(Bytes::from_static(&[0; PIECE]));
        }
        batch.len()
    }

    #[test]
    fn one_body_gathers_its_most_and_many_share_a_bound() {
        let in_hand = InHand::default();
        let mut batches: Vec<Batch> = (0..100).map(|_| Batch::new(in_hand.clone())).collect();
        let gathered: Vec<usize> = batches.iter_mut().map(fill).collect();
        assert_eq!(gathered[..8], [BATCH_MAX; 8], "the first ones fill the bound");
        assert_eq!(gathered[8..], [SURE; 92], "and none of the others is left without");
        assert!(batches.iter().all(Batch::is_due), "who has no room writes");
    }

    #[test]
    fn what_is_being_written_is_in_memory_still() {
        let in_hand = InHand::default();
        let mut batches: Vec<Batch> = (0..8).map(|_| Batch::new(in_hand.clone())).collect();
        let mut late = Batch::new(in_hand.clone());
        batches.iter_mut().for_each(|batch| drop((fill(batch), batch.take())));
        assert_eq!(fill(&mut late), SURE);
        batches[0].has_left();
        assert_eq!(fill(&mut late), BATCH_MAX);
        late.clear();
        drop(late);
        drop(batches);
        assert_eq!(in_hand.0.load(Ordering::Relaxed), 0, "all of it is counted off");
    }
}
