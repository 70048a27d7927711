//! The search for an order that explains a history of one object; see [the module above](super#search).
//!
//! It goes from response to response. A configuration is the next response that is not explained, the state, which
//! operations that are open there have taken effect (a bit for each *slot*: an open operation has a slot, which
//! is free again behind its response), and how many of each kind of unknown outcome have.

use super::intern::Memory;
use super::problem::{Machine, REFUSED};
use super::{Budget, Entry, Found, Progress, Specification, Spent};

/// How often the caller's patience is asked for, in steps.
const PATIENCE: u64 = 1024;
const NONE: u32 = u32::MAX;

/// How far a search came: an order of entries that explains the first responses.
#[derive(Clone, Debug, Default)]
pub(super) struct Best {
    pub explained: usize,
    pub order: Vec<u32>,
}

/// The entries of a history as they are open at each response.
struct Plan {
    /// The entries with a response, in the order of responses.
    responses: Vec<u32>,
    slots: Vec<u32>,
    kinds: Vec<u32>,
    reads: Vec<bool>,
    /// Whether another entry is of the same kind.
    twins: Vec<bool>,
    rank: Vec<u64>,
    responded: Vec<u64>,
    /// For each response, the entries that are open there, in the order in which they are tried.
    open: Vec<u32>,
    open_ends: Vec<usize>,
    /// For each response, how many kinds of unknown outcome there are by then; the kinds are in the order of
    /// their first invocation.
    unknown_ends: Vec<usize>,
    unknown: Vec<Unknown>,
    words: usize,
}

/// The operations of one kind whose outcome is unknown.
struct Unknown {
    kind: u32,
    /// For each, how many responses precede its invocation; and the entry.
    from: Vec<(usize, u32)>,
}

impl Plan {
    fn new<S: Specification>(
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
            open.retain(|&entry| entry != response);
            free.push(self.slots[response as usize]);
        }
        self.words = (slots as usize).div_ceil(64).max(1);
    }

    fn open(&self, place: usize) -> &[u32] {
        let start = if place == 0 { 0 } else { self.open_ends[place - 1] };
        &self.open[start..self.open_ends[place]]
    }

    fn bytes(&self) -> usize {
        self.open.len() * 4 + self.kinds.len() * 64
    }
}

/// A configuration on the way, and which of its successors is next.
#[derive(Clone, Copy)]
struct Frame {
    place: usize,
    state: u32,
    next: usize,
    order: usize,
    /// The state before, if an operation of unknown outcome led here.
    without: u32,
}

struct Search<'a, 'b, S: Specification> {
    machine: Machine<'a, S>,
    plan: Plan,
    memory: Memory,
    frames: Vec<Frame>,
    /// For each frame, its bits and its counts.
    bits: Vec<u64>,
    counts: Vec<u16>,
    key: Vec<u64>,
    order: Vec<u32>,
    furthest: usize,
    keep: Option<&'b mut Best>,
    kept: bool,
}

/// Searches, and says how many steps it took. In `best` it keeps the order that explains most.
pub(super) fn run<S: Specification>(
    specification: &S,
    entries: &[Entry<'_, S::Operation, S::Response>],
    budget: &Budget<'_>,
    best: Option<&mut Best>,
) -> (Found, u64) {
    let (machine, kinds) = Machine::new(specification, entries);
    let plan = Plan::new(specification, &machine, entries, kinds);
    let memory = Memory::new(1 + plan.words, plan.unknown.len());
    let mut search = Search {
        machine,
        plan,
        memory,
        frames: Vec::new(),
        bits: Vec::new(),
        counts: Vec::new(),
        key: Vec::new(),
        order: Vec::new(),
        furthest: 0,
        keep: best,
        kept: true,
    };
    search.run(budget)
}

impl<S: Specification> Search<'_, '_, S> {
    fn run(&mut self, budget: &Budget<'_>) -> (Found, u64) {
        let (words, kinds) = (self.plan.words, self.plan.unknown.len());
        self.bits.resize(words, 0);
        self.counts.resize(kinds, 0);
        let (mut steps, responses) = (0, self.plan.responses.len());
        if self.enter(Frame { place: 0, state: 0, next: 0, order: 0, without: NONE }) {
            return (Found::Holds, 1);
        }
        while let Some(frame) = self.frames.last().copied() {
            let Some((next, entry, state, unknown)) = self.successor(&frame) else {
                self.keep();
                self.frames.pop();
                self.bits.truncate(self.frames.len() * words);
                self.counts.truncate(self.frames.len() * kinds);
                continue;
            };
            self.frames.last_mut().expect("a frame").next = next;
            steps += 1;
            let spent = if steps >= budget.steps {
                Some(Spent::Steps)
            } else if steps % PATIENCE == 0 && self.bytes() > budget.bytes {
                Some(Spent::Memory)
            } else if steps % PATIENCE == 0 && budget.stop.is_some_and(|stop| stop()) {
                Some(Spent::Patience)
            } else {
                None
            };
            if let Some(spent) = spent {
                self.keep();
                return (Found::Unknown(Progress { explained: self.furthest, responses, spent }), steps);
            }
            if self.order.len() > frame.order {
                self.keep();
                self.order.truncate(frame.order);
            }
            self.order.push(entry);
            let depth = self.frames.len() - 1;
            self.bits.extend_from_within(depth * words..);
            self.counts.extend_from_within(depth * kinds..);
            let without = match unknown {
                Some(place) => {
                    self.counts[(depth + 1) * kinds + place] += 1;
                    frame.state
                }
                None => {
                    self.mark(entry);
                    NONE
                }
            };
            if self.enter(Frame { place: frame.place, state, next: 0, order: 0, without }) {
                self.kept = false;
                self.keep();
                return (Found::Holds, steps);
            }
        }
        (Found::Violated(Some(self.furthest)), steps)
    }

    fn bytes(&self) -> usize {
        let stack = self.frames.len() * size_of::<Frame>() + self.bits.len() * 8 + self.counts.len() * 2;
        self.memory.bytes() + self.machine.bytes() + self.plan.bytes() + stack
    }

    /// Keeps the order, if it explains more than any before.
    fn keep(&mut self) {
        if let (false, Some(best)) = (self.kept, &mut self.keep) {
            best.explained = self.furthest;
            best.order.clone_from(&self.order);
        }
        self.kept = true;
    }

    /// Whether an entry has taken effect, by the bits on top.
    fn is_marked(&self, entry: u32) -> bool {
        let slot = self.plan.slots[entry as usize] as usize;
        self.bits[self.bits.len() - self.plan.words + slot / 64] >> (slot % 64) & 1 == 1
    }

    fn mark(&mut self, entry: u32) {
        let slot = self.plan.slots[entry as usize] as usize;
        let at = self.bits.len() - self.plan.words + slot / 64;
        self.bits[at] |= 1 << (slot % 64);
    }

    /// Enters a configuration whose bits and counts are on top: reads what fits, and goes on to the next response
    /// that is not explained. Whether all are; if not, and if it is known to lead nowhere, it is left.
    fn enter(&mut self, mut frame: Frame) -> bool {
        loop {
            if frame.place == self.plan.responses.len() {
                self.furthest = frame.place;
                return true;
            }
            for at in 0..self.plan.open(frame.place).len() {
                let entry = self.plan.open(frame.place)[at];
                if self.plan.reads[entry as usize]
                    && !self.is_marked(entry)
                    && self.machine.step(frame.state, self.plan.kinds[entry as usize]) == frame.state
                {
                    self.mark(entry);
                    self.order.push(entry);
                    // What was of unknown outcome was of use.
                    frame.without = NONE;
                }
            }
            let mut moved = false;
            while frame.place < self.plan.responses.len() {
                let response = self.plan.responses[frame.place];
                if !self.is_marked(response) {
                    break;
                }
                let slot = self.plan.slots[response as usize] as usize;
                let at = self.bits.len() - self.plan.words + slot / 64;
                self.bits[at] &= !(1 << (slot % 64));
                frame.place += 1;
                moved = true;
            }
            if !moved {
                break;
            }
        }
        if frame.place > self.furthest {
            self.furthest = frame.place;
            self.kept = false;
        }
        let (words, kinds) = (self.plan.words, self.plan.unknown.len());
        self.key.clear();
        self.key.push((frame.place as u64) << 32 | u64::from(frame.state));
        self.key.extend_from_slice(&self.bits[self.bits.len() - words..]);
        if self.memory.insert(&self.key, &self.counts[self.counts.len() - kinds..]) {
            frame.order = self.order.len();
            self.frames.push(frame);
        } else {
            self.bits.truncate(self.bits.len() - words);
            self.counts.truncate(self.counts.len() - kinds);
        }
        false
    }

    /// The next successor of the frame on top: where to go on, the entry, the state, and the place of its
    /// kind if its outcome is unknown.
    fn successor(&mut self, frame: &Frame) -> Option<(usize, u32, u32, Option<usize>)> {
        let count = self.plan.open(frame.place).len();
        for at in frame.next..count {
            let entry = self.plan.open(frame.place)[at];
            let kind = self.plan.kinds[entry as usize];
            if self.plan.reads[entry as usize] || self.is_marked(entry) {
                continue;
            }
            let state = self.machine.step(frame.state, kind);
            if state == REFUSED || self.is_behind_a_twin(frame.place, entry) {
                continue;
            }
            if frame.without != NONE && self.machine.step(frame.without, kind) == state {
                continue;
            }
            return Some((at + 1, entry, state, None));
        }
        for at in frame.next.max(count)..count + self.plan.unknown_ends[frame.place] {
            let place = at - count;
            let Unknown { kind, from } = &self.plan.unknown[place];
            let used = self.counts[self.counts.len() - self.plan.unknown.len() + place];
            let Some(&(_, entry)) = from.get(used as usize).filter(|(from, _)| *from <= frame.place) else {
                continue;
            };
            let kind = *kind;
            let state = self.machine.step(frame.state, kind);
            if state == REFUSED || state == frame.state {
                continue;
            }
            if frame.without != NONE && self.machine.step(frame.without, kind) == state {
                continue;
            }
            return Some((at + 1, entry, state, Some(place)));
        }
        None
    }

    /// Whether an equal operation that is open here has its response sooner.
    fn is_behind_a_twin(&self, place: usize, entry: u32) -> bool {
        let of = |entry: u32| (self.plan.kinds[entry as usize], self.plan.responded[entry as usize]);
        let (kind, responded) = of(entry);
        self.plan.twins[entry as usize]
            && self.plan.open(place).iter().any(|&other| {
                let (other_kind, other_responded) = of(other);
                other_kind == kind && other_responded < responded && !self.is_marked(other)
            })
    }
}
