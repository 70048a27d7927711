//! How each state was first found.

use super::level::Origin;

/// From which state each was first found, and by which of its steps; of an initial state, its number. They lie where
/// threads have written them: to gather millions of them would be left to one.
#[derive(Default)]
pub(super) struct Parents {
    pieces: Vec<Piece>,
    len: usize,
}

struct Piece {
    /// The number of its first state.
    start: usize,
    /// The number of the first state of the level that they were found from.
    base: u32,
    origins: Vec<Origin>,
}

impl Parents {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.len * size_of::<Origin>()
    }

    pub(super) fn clear(&mut self) {
        *self = Parents::default();
    }

    /// An initial state, or one of which it does not matter.
    pub(super) fn push_initial(&mut self, number: u32) {
        match self.pieces.last_mut() {
            Some(last) => last.origins.push((u32::MAX, number)),
            None => self.pieces.push(Piece { start: 0, base: 0, origins: vec![(u32::MAX, number)] }),
        }
        self.len += 1;
    }

    /// More states, found from those of the level that begins with state `base`.
    pub(super) fn append(&mut self, base: u32, origins: Vec<Origin>) {
        let start = self.len;
        self.len += origins.len();
        self.pieces.push(Piece { start, base, origins });
    }

    /// The state that this one was found from, and by which of its steps; or the number of an initial state.
    pub(super) fn of(&self, state: u32) -> Result<Origin, u32> {
        let piece = self.pieces.partition_point(|piece| piece.start <= state as usize) - 1;
        let Piece { start, base, origins } = &self.pieces[piece];
        match origins[state as usize - start] {
            (u32::MAX, number) => Err(number),
            (place, ordinal) => Ok((base + place, ordinal)),
        }
    }
}
