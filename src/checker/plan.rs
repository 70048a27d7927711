//! A history of one object as the [search](super::search) goes through it: response by response, with what is open there.

use super::problem::Machine;
use super::{Entry, Specification};

const NONE: u32 = u32::MAX;

/// The entries of a history as they are open at each response.
pub(super) struct Plan {
    /// The entries with a response, in the order of responses.
    pub responses: Vec<u32>,
    pub slots: Vec<u32>,
    pub kinds: Vec<u32>,
    pub reads: Vec<bool>,
    /// Whether another entry is of the same kind.
    pub twins: Vec<bool>,
    pub rank: Vec<u64>,
    pub responded: Vec<u64>,
    /// For each response, the entries that are open there, in the order in which they are tried.
    pub open: Vec<u32>,
    pub open_ends: Vec<usize>,
    /// For each response, how many kinds of unknown outcome there are by then; the kinds are in the order of
    /// their first invocation.
    pub unknown_ends: Vec<usize>,
    pub unknown: Vec<Unknown>,
    pub words: usize,
    /// Whether states only grow; see [`Specification::grows`].
    pub grows: bool,
    /// The entries with a response in the order of invocation; and for each response, which of them is the first
    /// that is not open yet.
    pub by_invocation: Vec<u32>,
    pub later: Vec<usize>,
}

/// The operations of one kind whose outcome is unknown.
pub(super) struct Unknown {
    pub kind: u32,
    /// For each, how many responses precede its invocation; and the entry.
    pub from: Vec<(usize, u32)>,
}

impl Plan {
    pub fn new<S: Specification>(
        specification: &S,
        machine: &Machine<'_, S>,
        entries: &[Entry<'_, S::Operation, S::Response>],
        kinds: Vec<u32>,
    ) -> Plan {
        let mut responses: Vec<u32> =
            (0..entries.len() as u32).filter(|&entry| entries[entry as usize].responded.is_some()).collect();
        let responded: Vec<u64> = entries.iter().map(|entry| entry.responded.unwrap_or(u64::MAX)).collect();
        responses.sort_unstable_by_key(|&entry| responded[entry as usize]);
        let mut seen = vec![0_u32; machine.kinds()];
        for &entry in &responses {
            seen[kinds[entry as usize] as usize] += 1;
        }
        let mut plan = Plan {
            slots: vec![0; entries.len()],
            reads: kinds.iter().map(|&kind| machine.reads(kind)).collect(),
            twins: kinds.iter().map(|&kind| seen[kind as usize] > 1).collect(),
            rank: specification.order(entries).unwrap_or_else(|| responded.clone()),
            open: Vec::new(),
            open_ends: Vec::with_capacity(responses.len()),
            unknown_ends: Vec::with_capacity(responses.len()),
            unknown: Vec::new(),
            words: 1,
            grows: specification.grows(entries),
            by_invocation: Vec::new(),
            later: Vec::new(),
            kinds,
            responded,
            responses,
        };
        plan.lay_out(entries);
        plan
    }

    fn lay_out<O, R>(&mut self, entries: &[Entry<'_, O, R>]) {
        // Entries come in the order of invocation; a free slot is the one that was free last.
        let mut by_invocation: Vec<u32> = (0..entries.len() as u32).collect();
        by_invocation.sort_by_key(|&entry| entries[entry as usize].invoked);
        let known = by_invocation.iter().copied();
        self.by_invocation = known.filter(|&entry| self.responded[entry as usize] != u64::MAX).collect();
        let mut invoked = 0;
        let mut next = by_invocation.into_iter().peekable();
        let (mut open, mut free, mut slots): (Vec<u32>, Vec<u32>, u32) = (Vec::new(), Vec::new(), 0);
        let mut place_of_kind = vec![NONE; self.kinds.iter().max().map_or(0, |kind| *kind as usize + 1)];
        for (place, &response) in self.responses.iter().enumerate() {
            let before = self.responded[response as usize];
            while let Some(entry) = next.next_if(|&entry| entries[entry as usize].invoked < before) {
                if self.responded[entry as usize] == u64::MAX {
                    let known = &mut place_of_kind[self.kinds[entry as usize] as usize];
                    if *known == NONE {
                        *known = self.unknown.len() as u32;
                        self.unknown.push(Unknown { kind: self.kinds[entry as usize], from: Vec::new() });
                    }
                    self.unknown[*known as usize].from.push((place, entry));
                    continue;
                }
                invoked += 1;
                self.slots[entry as usize] = free.pop().unwrap_or_else(|| {
                    slots += 1;
                    slots - 1
                });
                let rank = (self.rank[entry as usize], self.responded[entry as usize]);
                let at = open.partition_point(|&other| {
                    (self.rank[other as usize], self.responded[other as usize]) < rank
                });
                open.insert(at, entry);
            }
            self.open.extend_from_slice(&open);
            self.open_ends.push(self.open.len());
            self.unknown_ends.push(self.unknown.len());
            self.later.push(invoked);
            open.retain(|&entry| entry != response);
            free.push(self.slots[response as usize]);
        }
        self.words = (slots as usize).div_ceil(64).max(1);
    }

    pub fn open(&self, place: usize) -> &[u32] {
        let start = if place == 0 { 0 } else { self.open_ends[place - 1] };
        &self.open[start..self.open_ends[place]]
    }

    pub fn bytes(&self) -> usize {
        self.open.len() * 4 + self.kinds.len() * 64
    }
}
