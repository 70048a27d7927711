//! The days of the calendar, in a ring: what is due in each, as it came.
//!
//! The entries of a day lie in pieces of two cache lines. Those of a day that is over are the next to be used, so that
//! what is written is near: a row for each day was a sixteenth slower with 100,000 nodes, and a fifth with a million.

use super::slots::NONE;

/// An event in its day: how long after the day's beginning, and its slot, or `NONE` if it was cancelled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) offset: u32,
    pub(super) slot: u32,
}

/// How many entries a piece has.
const PIECE: usize = 16;

/// How many entries a day has, and its last piece, if there are any.
#[derive(Clone, Copy, Debug)]
struct Day {
    len: u32,
    last: u32,
}

const EMPTY: Day = Day { len: 0, last: NONE };

#[derive(Debug)]
pub(super) struct Days {
    ring: Vec<Day>,
    /// How many entries they have.
    len: usize,
    /// Of all pieces, one after the other.
    entries: Vec<Entry>,
    /// Of each piece, the one before it in its day; or, if it is free, among those that are.
    before: Vec<u32>,
    /// The piece that was given back last.
    free: u32,
}

impl Days {
    pub(super) fn none() -> Self {
        Days { ring: Vec::new(), len: 0, entries: Vec::new(), before: Vec::new(), free: NONE }
    }

    /// How many days there are.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.ring.len()
    }

    /// How many entries they have.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Lets there be so many days, a power of two. All of them must be empty.
    pub(super) fn set_count(&mut self, days: usize) {
        self.ring.clear();
        self.ring.resize(days, EMPTY);
    }

    #[inline]
    pub(super) fn is_empty(&self, day: u64) -> bool {
        self.ring[self.index(day)].len == 0
    }

    /// Puts an entry behind the others of its day. Its place is where to find it.
    #[inline(always)]
    pub(super) fn push(&mut self, day: u64, entry: Entry) -> u32 {
        let at = self.index(day);
        let Day { len, last } = self.ring[at];
        let within = len as usize % PIECE;
        let piece = if within == 0 { self.add_piece(last) } else { last };
        let place = piece as usize * PIECE + within;
        self.entries[place] = entry;
        self.ring[at] = Day { len: len + 1, last: piece };
        self.len += 1;
        place as u32
    }

    pub(super) fn cancel(&mut self, place: u32) {
        self.entries[place as usize].slot = NONE;
    }

    /// Moves the entries of a day to the end of `into`, in their order.
    pub(super) fn take(&mut self, day: u64, into: &mut Vec<Entry>) {
        let at = self.index(day);
        let Day { len, last } = std::mem::replace(&mut self.ring[at], EMPTY);
        let (begin, mut end, mut piece) = (into.len(), len as usize, last);
        into.resize(begin + end, Entry { offset: 0, slot: NONE });
        self.len -= end;
        while end > 0 {
            let first = (end - 1) / PIECE * PIECE;
            let entries = &self.entries[piece as usize * PIECE..][..end - first];
            into[begin + first..begin + end].copy_from_slice(entries);
            let before = std::mem::replace(&mut self.before[piece as usize], self.free);
            (self.free, piece, end) = (piece, before, first);
        }
    }

    #[inline(always)]
    fn index(&self, day: u64) -> usize {
        day as usize & (self.ring.len() - 1)
    }

    /// A piece that comes after the piece `before` in its day.
    fn add_piece(&mut self, before: u32) -> u32 {
        if self.free == NONE {
            self.free = self.before.len() as u32;
            self.before.push(NONE);
            let entries = self.entries.len() + PIECE;
            assert!(entries <= NONE as usize, "fewer than 2^32 entries");
            self.entries.resize(entries, Entry { offset: 0, slot: NONE });
        }
        let piece = self.free;
        self.free = std::mem::replace(&mut self.before[piece as usize], before);
        piece
    }
}
