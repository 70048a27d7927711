//! Sequential consistency: one order of all operations in which those of each client are in its own order.
//!
//! It is searched like [linearizability](super::search), with the operations that each client has done in the place of
//! time: a read takes effect as soon as it fits, and what leads nowhere is remembered. It is harder: nothing ever
//! has to be explained first, and objects are not independent. But each object by itself must be consistent, so these
//! are looked at first.

use super::intern::Memory;
use super::problem::{self, Machine, Part, REFUSED};
use super::{Budget, Entry, Found, Progress, Specification, Spent, Verdict, witness};
use crate::history::{ClientId, History};
use std::collections::BTreeMap;

const NONE: u32 = u32::MAX;
const PATIENCE: u64 = 1024;

pub(super) fn check<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    budget: &Budget<'_>,
) -> Verdict {
    let mut parts = problem::parts(specification, history);
    parts.sort_by_key(|part| part.entries.len());
    if parts.len() > 1 {
        // All together need what is left.
        let share = Budget { steps: budget.steps / 2 / parts.len() as u64 + 1, ..*budget };
        for part in &parts {
            if let (Found::Violated(_), _) = run(specification, &part.entries, &share, None) {
                return violated(specification, history, part, budget);
            }
        }
    }
    let whole = Part { entries: problem::entries(specification, history) };
    match run(specification, &whole.entries, budget, None).0 {
        Found::Holds => Verdict::Holds,
        Found::Violated(_) => violated(specification, history, &whole, budget),
        Found::Unknown(progress) => Verdict::Unknown(progress),
    }
}

fn violated<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    part: &Part<'_, S>,
    budget: &Budget<'_>,
) -> Verdict {
    Verdict::Violated(Box::new(witness::find(
        specification,
        history,
        part,
        None,
        witness::Order::Sequential,
        budget,
    )))
}

struct Frame {
    state: u32,
    next: usize,
    order: usize,
    done: usize,
    without: u32,
}

struct Search<'a, 'e, S: Specification> {
    machine: Machine<'a, S>,
    entries: &'e [Entry<'a, S::Operation, S::Response>],
    kinds: Vec<u32>,
    reads: Vec<bool>,
    /// What each client does, in its order.
    clients: Vec<Vec<u32>>,
    /// How many have a response.
    responses: usize,
    memory: Memory,
    frames: Vec<Frame>,
    /// For each frame, how far each client is.
    places: Vec<u32>,
    order: Vec<u32>,
    key: Vec<u64>,
    furthest: usize,
}

/// Searches, and says how many steps it took. An order that explains all goes to `order`.
pub(super) fn run<S: Specification>(
    specification: &S,
    entries: &[Entry<'_, S::Operation, S::Response>],
    budget: &Budget<'_>,
    order: Option<&mut Vec<u32>>,
) -> (Found, u64) {
    let (machine, kinds) = Machine::new(specification, entries);
    let mut clients: BTreeMap<(ClientId, u64), Vec<u32>> = BTreeMap::new();
    for (number, entry) in (0..).zip(entries) {
        // What may take effect at any time is of a client of its own.
        let own = if entry.invoked == 0 { entry.index as u64 + 1 } else { 0 };
        clients.entry((entry.client, own)).or_default().push(number);
    }
    let mut search = Search {
        reads: kinds.iter().map(|&kind| machine.reads(kind)).collect(),
        memory: Memory::new(1 + clients.len().div_ceil(2), 0),
        responses: entries.iter().filter(|entry| entry.responded.is_some()).count(),
        places: vec![0; clients.len()],
        clients: clients.into_values().collect(),
        machine,
        entries,
        kinds,
        frames: Vec::new(),
        order: Vec::new(),
        key: Vec::new(),
        furthest: 0,
    };
    let found = search.run(budget);
    if let (Found::Holds, Some(order)) = (&found.0, order) {
        order.clone_from(&search.order);
    }
    found
}

impl<S: Specification> Search<'_, '_, S> {
    fn run(&mut self, budget: &Budget<'_>) -> (Found, u64) {
        let clients = self.clients.len();
        let mut steps = 0;
        if self.enter(Frame { state: 0, next: 0, order: 0, done: 0, without: NONE }) {
            return (Found::Holds, 1);
        }
        while let Some(&Frame { next, state, order, done, without }) = self.frames.last() {
            let Some((client, entry, to)) = self.successor(next, state, without) else {
                self.frames.pop();
                self.places.truncate(self.frames.len() * clients);
                continue;
            };
            self.frames.last_mut().expect("a frame").next = client + 1;
            steps += 1;
            let bytes = || self.memory.bytes() + self.machine.bytes() + self.places.len() * 4;
            let spent = if steps >= budget.steps {
                Some(Spent::Steps)
            } else if steps % PATIENCE == 0 && bytes() > budget.bytes {
                Some(Spent::Memory)
            } else if steps % PATIENCE == 0 && budget.stop.is_some_and(|stop| stop()) {
                Some(Spent::Patience)
            } else {
                None
            };
            if let Some(spent) = spent {
                let (explained, responses) = (self.furthest, self.responses);
                return (Found::Unknown(Progress { explained, responses, spent }), steps);
            }
            self.order.truncate(order);
            self.order.push(entry);
            self.places.extend_from_within((self.frames.len() - 1) * clients..);
            *self.place(client) += 1;
            let known = self.entries[entry as usize].responded.is_some();
            let frame = Frame {
                state: to,
                next: 0,
                order: 0,
                done: done + usize::from(known),
                without: if known { NONE } else { state },
            };
            if self.enter(frame) {
                return (Found::Holds, steps);
            }
        }
        (Found::Violated(Some(self.furthest)), steps)
    }

    /// How far a client is, by the places on top.
    fn place(&mut self, client: usize) -> &mut u32 {
        let at = self.places.len() - self.clients.len() + client;
        &mut self.places[at]
    }

    fn next_of(&self, client: usize) -> Option<u32> {
        let place = self.places[self.places.len() - self.clients.len() + client];
        self.clients[client].get(place as usize).copied()
    }

    fn enter(&mut self, mut frame: Frame) -> bool {
        let mut moved = true;
        while moved {
            moved = false;
            for client in 0..self.clients.len() {
                while let Some(entry) = self.next_of(client).filter(|&entry| self.reads[entry as usize]) {
                    if self.machine.step(frame.state, self.kinds[entry as usize]) != frame.state {
                        break;
                    }
                    *self.place(client) += 1;
                    self.order.push(entry);
                    frame.done += usize::from(self.entries[entry as usize].responded.is_some());
                    frame.without = NONE;
                    moved = true;
                }
            }
        }
        self.furthest = self.furthest.max(frame.done);
        if frame.done == self.responses {
            return true;
        }
        let places = &self.places[self.places.len() - self.clients.len()..];
        self.key.clear();
        self.key.push(u64::from(frame.state));
        let pair = |pair: &[u32]| u64::from(pair[0]) << 32 | u64::from(*pair.get(1).unwrap_or(&0));
        self.key.extend(places.chunks(2).map(pair));
        if self.memory.insert(&self.key, &[]) {
            frame.order = self.order.len();
            self.frames.push(frame);
        } else {
            self.places.truncate(self.places.len() - self.clients.len());
        }
        false
    }

    /// The next client that can go on, what it does, and the state.
    fn successor(&mut self, from: usize, state: u32, without: u32) -> Option<(usize, u32, u32)> {
        for client in from..self.clients.len() {
            let Some(entry) = self.next_of(client).filter(|&entry| !self.reads[entry as usize]) else {
                continue;
            };
            let kind = self.kinds[entry as usize];
            let to = self.machine.step(state, kind);
            let known = self.entries[entry as usize].responded.is_some();
            if to == REFUSED
                || (!known && to == state)
                || (without != NONE && self.machine.step(without, kind) == to)
            {
                continue;
            }
            return Some((client, entry, to));
        }
        None
    }
}
