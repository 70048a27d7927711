//! The floor: a plain search in the line of Wing, Gong and Lowe, as porcupine's: a linked list of invocations and
//! responses, a bit set of what is linearised, a cache of bit sets and states, one object at a time. (Wing and Gong,
//! "Testing and Verifying Concurrent Objects", 1993; Lowe, "Testing for Linearizability", 2017; Horn and Kroening,
//! "Faster Linearizability Checking via P-Compositionality", 2015.)

use netsplit::checker::Specification;
use netsplit::history::{History, Operation};
use netsplit::process::Outcome;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

/// One with fixed keys.
type Set<T> = std::collections::HashSet<T, BuildHasherDefault<DefaultHasher>>;

const NONE: usize = usize::MAX;

/// A place in the list: an invocation, with the place of its response, or a response.
struct Node {
    operation: usize,
    response: usize,
    next: usize,
    previous: usize,
}

/// Whether a history is linearizable; none after so many steps.
pub fn linearizable<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    mut steps: u64,
) -> Option<bool> {
    let mut parts: BTreeMap<Option<String>, Vec<&Operation<_, _>>> = BTreeMap::new();
    for operation in history.operations().iter().filter(|operation| operation.outcome != Outcome::Failed) {
        parts.entry(specification.key(&operation.operation)).or_default().push(operation);
    }
    for part in parts.values() {
        if !one_object(specification, part, &mut steps)? {
            return Some(false);
        }
    }
    Some(true)
}

fn list<O, R>(part: &[&Operation<O, R>]) -> Vec<Node> {
    let mut events: Vec<(u64, usize, bool)> = Vec::new();
    for (index, operation) in part.iter().enumerate() {
        events.push((operation.invoked.order, index, false));
        // An unknown outcome responds behind everything.
        let responded = operation.responded.map_or(u64::MAX, |moment| moment.order);
        events.push((responded, index, true));
    }
    events.sort_unstable();
    let mut nodes = vec![Node { operation: NONE, response: NONE, next: 1, previous: NONE }];
    let mut invocations = vec![0; part.len()];
    for (_, operation, is_response) in events {
        let place = nodes.len();
        match is_response {
            true => nodes[invocations[operation]].response = place,
            false => invocations[operation] = place,
        }
        nodes.push(Node { operation, response: NONE, next: place + 1, previous: place - 1 });
    }
    nodes.last_mut().expect("a head").next = NONE;
    nodes
}

fn one_object<S: Specification>(
    specification: &S,
    part: &[&Operation<S::Operation, S::Response>],
    steps: &mut u64,
) -> Option<bool> {
    let mut nodes = list(part);
    let mut linearised = vec![0_u64; part.len().div_ceil(64)];
    let mut cache: Set<(Vec<u64>, S::State)> = Set::default();
    let mut calls: Vec<(usize, S::State)> = Vec::new();
    let mut state = specification.initial();
    let mut at = nodes[0].next;
    while nodes[0].next != NONE {
        *steps = steps.checked_sub(1)?;
        if nodes[at].response == NONE {
            // A response that is not explained.
            let Some((place, before)) = calls.pop() else { return Some(false) };
            state = before;
            let operation = nodes[place].operation;
            linearised[operation / 64] &= !(1 << (operation % 64));
            let response = nodes[place].response;
            put_back(&mut nodes, response);
            put_back(&mut nodes, place);
            at = nodes[place].next;
            continue;
        }
        let Operation { operation, response, .. } = part[nodes[at].operation];
        let mut next = specification.step(&state, operation, response.as_ref());
        let of = nodes[at].operation;
        if part[of].responded.is_none() && next.is_none() {
            // It has not taken effect, or had none.
            next = Some(state.clone());
        }
        linearised[of / 64] |= 1 << (of % 64);
        let new = next.filter(|next| cache.insert((linearised.clone(), next.clone())));
        match new {
            Some(next) => {
                calls.push((at, std::mem::replace(&mut state, next)));
                let response = nodes[at].response;
                take_out(&mut nodes, at);
                take_out(&mut nodes, response);
                at = nodes[0].next;
            }
            None => {
                linearised[of / 64] &= !(1 << (of % 64));
                at = nodes[at].next;
            }
        }
    }
    Some(true)
}

fn take_out(nodes: &mut [Node], place: usize) {
    let Node { next, previous, .. } = nodes[place];
    nodes[previous].next = next;
    if next != NONE {
        nodes[next].previous = previous;
    }
}

fn put_back(nodes: &mut [Node], place: usize) {
    let Node { next, previous, .. } = nodes[place];
    nodes[previous].next = place;
    if next != NONE {
        nodes[next].previous = place;
    }
}
