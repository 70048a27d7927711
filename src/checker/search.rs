//! The search for an order that explains a history of one object; see [the module above](super#search).
//!
//! It goes from response to response. A configuration is the next response that is not explained, the state, which
//! operations that are open there have taken effect (a bit for each *slot*: an open operation has a slot, which
//! is free again behind its response), and how many of each kind of unknown outcome have.

use super::intern::Memory;
use super::plan::{Plan, Unknown};
use super::problem::{Machine, REFUSED};
use super::{Budget, Entry, Found, Progress, Specification, Spent};

/// How often the caller's patience is asked for, in steps.
const PATIENCE: u64 = 1024;
/// How many steps for each entry the first attempt takes.
const HASTY: u64 = 40;
const NONE: u32 = u32::MAX;
/// Marks a choice as a kind of unknown outcome.
const UNKNOWN: u32 = 1 << 31;
/// How many later operations are looked at, whether they are lost.
const LATER: usize = 8;

/// How far a search came: an order of entries that explains the first responses.
#[derive(Clone, Debug, Default)]
pub(super) struct Best {
    pub explained: usize,
    pub order: Vec<u32>,
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
    /// Where its choices begin.
    choices: usize,
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
    /// For each frame, what to try in which order, if it looks ahead.
    choices: Option<Vec<u32>>,
    scores: Vec<(u64, u32)>,
    keep: Option<&'b mut Best>,
    kept: bool,
}

/// Searches, and says how many steps it took. In `best` it keeps the order that explains most.
///
/// Most histories are decided by trying what is due first. Where that takes long, it begins again and looks a step
/// ahead: each step costs more, and fewer are wrong.
pub(super) fn run<S: Specification>(
    specification: &S,
    entries: &[Entry<'_, S::Operation, S::Response>],
    budget: &Budget<'_>,
    mut best: Option<&mut Best>,
) -> (Found, u64) {
    let hasty = Budget { steps: budget.steps.min(HASTY * (entries.len() as u64 + 10)), ..*budget };
    match run_once(specification, entries, &hasty, best.as_deref_mut(), false) {
        (Found::Unknown(Progress { spent: Spent::Steps, .. }), steps) if steps < budget.steps => {
            let left = Budget { steps: budget.steps - steps, ..*budget };
            let (found, more) = run_once(specification, entries, &left, best, true);
            (found, steps + more)
        }
        decided => decided,
    }
}

fn run_once<S: Specification>(
    specification: &S,
    entries: &[Entry<'_, S::Operation, S::Response>],
    budget: &Budget<'_>,
    best: Option<&mut Best>,
    looks_ahead: bool,
) -> (Found, u64) {
    let (machine, kinds) = Machine::new(specification, entries);
    let plan = Plan::new(specification, &machine, entries, kinds);
    let memory = Memory::new(1 + plan.words, plan.unknown.len());
    let choices = looks_ahead.then(Vec::new);
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
        choices,
        scores: Vec::new(),
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
        if self.enter(Frame { place: 0, state: 0, next: 0, order: 0, without: NONE, choices: 0 }) {
            return (Found::Holds, 1);
        }
        while let Some(frame) = self.frames.last().copied() {
            let Some((next, entry, state, unknown)) = self.successor(&frame) else {
                self.keep();
                self.frames.pop();
                if let Some(choices) = &mut self.choices {
                    choices.truncate(frame.choices);
                }
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
            if self.enter(Frame { place: frame.place, state, next: 0, order: 0, without, choices: 0 }) {
                self.kept = false;
                self.keep();
                return (Found::Holds, steps);
            }
        }
        // Where states only grow it may have turned back because of what comes later.
        (Found::Violated(Some(self.furthest).filter(|_| !self.plan.grows)), steps)
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
            if !self.is_lost(&frame) {
                if self.choices.is_some() {
                    self.look_ahead(&mut frame);
                }
                self.frames.push(frame);
                return false;
            }
        }
        self.bits.truncate(self.bits.len() - words);
        self.counts.truncate(self.counts.len() - kinds);
        false
    }

    /// Whether what has to be read cannot be read any more.
    fn is_lost(&mut self, frame: &Frame) -> bool {
        if !self.plan.grows {
            return false;
        }
        let count = self.plan.open(frame.place).len();
        let is_past = |search: &mut Self, entry: u32| {
            search.machine.is_past(frame.state, search.plan.kinds[entry as usize])
        };
        for at in 0..count {
            let entry = self.plan.open(frame.place)[at];
            if !self.is_marked(entry) && is_past(self, entry) {
                return true;
            }
        }
        // What is invoked later has not been read, either.
        let later = self.plan.later[frame.place];
        (later..(later + LATER).min(self.plan.by_invocation.len()))
            .any(|at| is_past(self, self.plan.by_invocation[at]))
    }

    /// Puts the choices of a frame into an order: first what is fussy (some state has refused it) and can take effect
    /// now, then what lets most of the fussy take effect next, those with an early response above all.
    fn look_ahead(&mut self, frame: &mut Frame) {
        let open = self.plan.open(frame.place).to_vec();
        let kind = |search: &Self, entry: u32| search.plan.kinds[entry as usize];
        let mut waiting = Vec::new();
        for &entry in &open {
            if !self.is_marked(entry) && self.machine.step(frame.state, kind(self, entry)) == REFUSED {
                waiting.push(entry);
            }
        }
        let mut scores = std::mem::take(&mut self.scores);
        scores.clear();
        let unknown = (0..self.plan.unknown_ends[frame.place] as u32).map(|place| place | UNKNOWN);
        for (place, choice) in open.iter().copied().chain(unknown).enumerate() {
            let is_unknown = choice & UNKNOWN != 0;
            if !is_unknown && (self.plan.reads[choice as usize] || self.is_marked(choice)) {
                continue;
            }
            let kind_of = match is_unknown {
                true => self.plan.unknown[(choice & !UNKNOWN) as usize].kind,
                false => kind(self, choice),
            };
            let to = self.machine.step(frame.state, kind_of);
            if to == REFUSED {
                continue;
            }
            // The first of those that wait counts for more than all others.
            let mut score = 0;
            for (place, &other) in waiting.iter().enumerate() {
                if self.machine.step(to, kind(self, other)) != REFUSED {
                    score += if place == 0 { 1 << 20 } else { 1 << 8 };
                }
            }
            let fussy = !is_unknown && self.machine.is_fussy(kind_of);
            let class = if is_unknown { 2 } else { u64::from(!fussy) };
            scores.push((class << 60 | ((1 << 40) - score) << 12 | place as u64, choice));
        }
        scores.sort_unstable();
        let Some(choices) = &mut self.choices else { return };
        frame.choices = choices.len();
        choices.extend(scores.iter().map(|(_, choice)| *choice));
        self.scores = scores;
    }

    /// The next successor of the frame on top: where to go on, the entry, the state, and the place of its
    /// kind if its outcome is unknown.
    fn successor(&mut self, frame: &Frame) -> Option<(usize, u32, u32, Option<usize>)> {
        let count = self.plan.open(frame.place).len();
        let end = match &self.choices {
            Some(choices) => choices.len() - frame.choices,
            None => count + self.plan.unknown_ends[frame.place],
        };
        for at in frame.next..end {
            let choice = match &self.choices {
                Some(choices) => choices[frame.choices + at],
                None if at < count => self.plan.open(frame.place)[at],
                None => (at - count) as u32 | UNKNOWN,
            };
            let found = match choice & UNKNOWN {
                0 => self.known(frame, choice).map(|state| (choice, state, None)),
                _ => self.unknown(frame, (choice & !UNKNOWN) as usize),
            };
            if let Some((entry, state, unknown)) = found {
                return Some((at + 1, entry, state, unknown));
            }
        }
        None
    }

    /// The state after an open operation, if it is to be tried.
    fn known(&mut self, frame: &Frame, entry: u32) -> Option<u32> {
        let kind = self.plan.kinds[entry as usize];
        if self.plan.reads[entry as usize] || self.is_marked(entry) {
            return None;
        }
        let state = self.machine.step(frame.state, kind);
        if state == REFUSED || self.is_behind_a_twin(frame.place, entry) {
            return None;
        }
        let is_as_good = frame.without != NONE && self.machine.step(frame.without, kind) == state;
        (!is_as_good).then_some(state)
    }

    /// The next operation of a kind of unknown outcome, if it is to be tried, and the state after it.
    fn unknown(&mut self, frame: &Frame, place: usize) -> Option<(u32, u32, Option<usize>)> {
        let Unknown { kind, from } = &self.plan.unknown[place];
        let used = self.counts[self.counts.len() - self.plan.unknown.len() + place];
        let &(_, entry) = from.get(used as usize).filter(|(from, _)| *from <= frame.place)?;
        let kind = *kind;
        let state = self.machine.step(frame.state, kind);
        if state == REFUSED || state == frame.state {
            return None;
        }
        let is_as_good = frame.without != NONE && self.machine.step(frame.without, kind) == state;
        (!is_as_good).then_some((entry, state, Some(place)))
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
