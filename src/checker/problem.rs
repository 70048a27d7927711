//! From a history to what a search works on: numbers.

use super::intern::{Interner, Pairs};
use super::{Entry, Specification};
use crate::history::History;
use crate::process::Outcome;
use std::collections::BTreeMap;

/// The operations on one object that can matter, in the order of invocation.
pub(super) struct Part<'a, S: Specification> {
    pub entries: Vec<Entry<'a, S::Operation, S::Response>>,
}

/// The entries of a history: without what failed, and without what nobody heard of and changed nothing.
pub(super) fn entries<'a, S: Specification>(
    specification: &S,
    history: &'a History<S::Operation, S::Response>,
) -> Vec<Entry<'a, S::Operation, S::Response>> {
    let operations = (0..).zip(history.operations());
    let entries = operations.filter(|(_, operation)| operation.outcome != Outcome::Failed);
    let entries = entries.map(|(index, operation)| Entry {
        operation: &operation.operation,
        response: operation.response.as_ref(),
        invoked: operation.invoked.order,
        responded: operation.responded.map(|moment| moment.order),
        index,
        client: operation.client,
        began: operation.invoked,
        ended: operation.responded,
    });
    entries
        .filter(|entry| entry.responded.is_some() || !specification.reads(entry.operation, entry.response))
        .collect()
}

/// The objects of a history; one if not every operation has a key.
pub(super) fn parts<'a, S: Specification>(
    specification: &S,
    history: &'a History<S::Operation, S::Response>,
) -> Vec<Part<'a, S>> {
    let entries = entries(specification, history);
    let keys: Option<Vec<String>> = entries.iter().map(|entry| specification.key(entry.operation)).collect();
    let Some(keys) = keys else { return vec![Part { entries }] };
    let mut parts: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (key, entry) in keys.into_iter().zip(entries) {
        parts.entry(key).or_default().push(entry);
    }
    parts.into_values().map(|entries| Part { entries }).collect()
}

/// That a step is not possible.
pub(super) const REFUSED: u32 = u32::MAX;

/// States and kinds of operations as numbers, and what each kind does in each state.
pub(super) struct Machine<'a, S: Specification> {
    specification: &'a S,
    states: Interner<S::State>,
    /// Of each kind one operation.
    kinds: Vec<Entry<'a, S::Operation, S::Response>>,
    steps: Pairs,
    past: Pairs,
    /// Of each kind, whether it changes no state.
    reads: Vec<bool>,
    /// Of each kind, whether a state has refused it.
    fussy: Vec<bool>,
    bytes: usize,
}

impl<'a, S: Specification> Machine<'a, S> {
    /// The machine, in its initial state 0, and the kind of each entry.
    pub fn new(specification: &'a S, entries: &[Entry<'a, S::Operation, S::Response>]) -> (Self, Vec<u32>) {
        let mut numbers = Interner::new();
        let mut kinds = Vec::new();
        let mut kind = |entry: &Entry<'a, S::Operation, S::Response>| {
            let (number, new) = numbers.number((entry.operation, entry.response));
            if new {
                kinds.push(*entry);
            }
            number
        };
        let of_entries = entries.iter().map(&mut kind).collect();
        let mut states = Interner::new();
        states.number(specification.initial());
        let (steps, past, fussy) = (Pairs::new(), Pairs::new(), vec![false; kinds.len()]);
        let reads_only = |entry: &Entry<'_, _, _>| specification.reads(entry.operation, entry.response);
        let reads = kinds.iter().map(reads_only).collect();
        (Machine { specification, states, kinds, steps, past, reads, fussy, bytes: 0 }, of_entries)
    }

    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// Whether operations of this kind change no state.
    pub fn reads(&self, kind: u32) -> bool {
        self.reads[kind as usize]
    }

    /// The state after an operation of `kind` in `state`, or [`REFUSED`].
    pub fn step(&mut self, state: u32, kind: u32) -> u32 {
        if let Some(known) = self.steps.get(state, kind) {
            return known;
        }
        let entry = &self.kinds[kind as usize];
        let next = self.specification.step(self.states.get(state), entry.operation, entry.response);
        let next = next.map_or(REFUSED, |next| {
            if self.reads[kind as usize] {
                return state;
            }
            let bytes = self.specification.bytes(&next);
            let (number, new) = self.states.number(next);
            self.bytes += if new { bytes } else { 0 };
            number
        });
        self.steps.insert(state, kind, next);
        self.fussy[kind as usize] |= next == REFUSED;
        next
    }

    /// Whether some state has refused operations of this kind.
    pub fn is_fussy(&self, kind: u32) -> bool {
        self.fussy[kind as usize]
    }

    /// Whether an operation of `kind` can never take effect again once the object is in `state`.
    pub fn is_past(&mut self, state: u32, kind: u32) -> bool {
        if let Some(known) = self.past.get(state, kind) {
            return known == 1;
        }
        let entry = &self.kinds[kind as usize];
        let past = entry.response.is_some_and(|response| {
            self.specification.is_past(self.states.get(state), entry.operation, response)
        });
        self.past.insert(state, kind, u32::from(past));
        past
    }

    pub fn bytes(&self) -> usize {
        self.bytes + self.states.bytes() + self.steps.bytes() + self.past.bytes()
    }
}
