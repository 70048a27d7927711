//! A queue: first in, first out. Its operations are also those of a [`Stack`](super::Stack) and of a
//! [`PriorityQueue`](super::PriorityQueue).

use super::Content;
use crate::checker::intern::Interner;
use crate::checker::{Entry, Specification};
use std::collections::VecDeque;
use std::marker::PhantomData;

/// A first-in-first-out queue, empty at first.
#[derive(Clone, Debug)]
pub struct Queue<V>(PhantomData<V>);

impl<V> Default for Queue<V> {
    fn default() -> Self {
        Queue(PhantomData)
    }
}

/// What is asked of a queue, a stack or a priority queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum QueueOperation<V> {
    /// Put this in.
    Put(V),
    /// Take what is next.
    Take,
}

/// What a queue, a stack or a priority queue answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum QueueResponse<V> {
    /// It is in.
    Done,
    /// This was next.
    Value(V),
    /// There is nothing.
    Empty,
}

use QueueOperation::{Put, Take};
use QueueResponse::{Empty, Value};

/// What a taking does: the rest, if it may answer so. What nobody has the answer of takes nothing from what is empty.
pub(super) fn take<S: Clone, V: PartialEq>(
    state: &S,
    next: Option<(&V, impl FnOnce() -> S)>,
    response: Option<&QueueResponse<V>>,
) -> Option<S> {
    match (next, response) {
        (None, None | Some(Empty)) => Some(state.clone()),
        (Some((next, rest)), Some(Value(value))) if value == next => Some(rest()),
        (Some((_, rest)), None) => Some(rest()),
        _ => None,
    }
}

/// An operation in words.
pub(super) fn describe<V: Content>(
    [put, taken]: [&str; 2],
    operation: &QueueOperation<V>,
    response: Option<&QueueResponse<V>>,
) -> String {
    match (operation, response) {
        (Put(value), _) => format!("{put} {value:?}"),
        (Take, Some(Value(value))) => format!("{taken} {value:?}"),
        (Take, Some(Empty)) => format!("{taken}: empty"),
        (Take, _) => taken.to_string(),
    }
}

/// What is put should go in the order in which it is taken: the number of the response that takes it.
pub(super) fn by_taking<V: Content>(
    history: &[Entry<'_, QueueOperation<V>, QueueResponse<V>>],
) -> Vec<Option<u64>> {
    let mut values = Interner::new();
    let mut taken: Vec<Vec<u64>> = Vec::new();
    for entry in history {
        if let (Take, Some(Value(value))) = (entry.operation, entry.response) {
            let (number, new) = values.number(value);
            if new {
                taken.push(Vec::new());
            }
            taken[number as usize].push(entry.responded.unwrap_or(u64::MAX));
        }
    }
    let known = taken.len();
    taken.iter_mut().for_each(|times| times.sort_unstable_by(|a, b| b.cmp(a)));
    let mut of = Vec::with_capacity(history.len());
    for entry in history {
        of.push(match entry.operation {
            Put(value) => {
                let number = values.number(value).0 as usize;
                if number < known { taken[number].pop() } else { None }
            }
            Take => None,
        });
    }
    of
}

impl<V: Content> Specification for Queue<V> {
    type State = VecDeque<V>;
    type Operation = QueueOperation<V>;
    type Response = QueueResponse<V>;

    fn initial(&self) -> VecDeque<V> {
        VecDeque::new()
    }

    fn step(
        &self,
        state: &VecDeque<V>,
        operation: &QueueOperation<V>,
        response: Option<&QueueResponse<V>>,
    ) -> Option<VecDeque<V>> {
        match operation {
            Put(value) => Some(state.iter().chain([value]).cloned().collect()),
            Take => {
                let rest = || state.iter().skip(1).cloned().collect();
                take(state, state.front().map(|next| (next, rest)), response)
            }
        }
    }

    fn reads(&self, operation: &QueueOperation<V>, response: Option<&QueueResponse<V>>) -> bool {
        matches!((operation, response), (Take, Some(Empty)))
    }

    fn describe(&self, operation: &QueueOperation<V>, response: Option<&QueueResponse<V>>) -> String {
        describe(["enqueue", "dequeue"], operation, response)
    }

    /// Henzinger, Sezgin and Vafeiadis ("Aspect-Oriented Linearizability Proofs", CONCUR 2013): if no two values are
    /// the same and every dequeue has an answer, a history is linearizable unless a value is dequeued that is not
    /// enqueued by then, or twice; or of two values the one that was enqueued first, one after the other, is dequeued
    /// second, one after the other, or never; or a dequeue finds nothing though at each moment of it some value is
    /// surely there. What was enqueued with an unknown outcome and was never dequeued is left out: it need not have
    /// taken place, and another value can only be in the way.
    ///
    /// A dequeue of unknown outcome may have taken what nobody else has. A value must be taken by the time when one that
    /// was enqueued after it has been; so those that must be taken first get the dequeues that were invoked first. That
    /// it never returns demands nothing of the others. Only where a dequeue finds nothing another choice may be better.
    fn decide(&self, history: &[Entry<'_, QueueOperation<V>, QueueResponse<V>>]) -> Option<bool> {
        let mut numbers = Interner::new();
        let mut values: Vec<Span> = Vec::new();
        let (mut empties, mut unknown) = (Vec::new(), Vec::new());
        let mut span = |value, values: &mut Vec<Span>| {
            let (number, new) = numbers.number(value);
            if new {
                values.push(Span::default());
            }
            number as usize
        };
        for entry in history {
            let times = (entry.invoked, entry.responded.unwrap_or(u64::MAX));
            match (entry.operation, entry.response) {
                (Put(value), _) => {
                    let place = span(value, &mut values);
                    if values[place].put.replace(times).is_some() {
                        return None;
                    }
                }
                (Take, Some(Value(value))) => {
                    let place = span(value, &mut values);
                    if values[place].taken.replace(times).is_some() {
                        values[place].twice = true;
                    }
                }
                (Take, Some(Empty)) => empties.push(times),
                (Take, None) if entry.responded.is_none() => unknown.push(entry.invoked),
                (Take, _) => return None,
            }
        }
        let can_be_taken = take_what_must_be(&mut values, &mut unknown);
        match can_be_taken && is_first_in_first_out(&values, &empties) {
            false if can_be_taken && !unknown.is_empty() && !empties.is_empty() => None,
            decided => Some(decided),
        }
    }

    fn order(&self, history: &[Entry<'_, Self::Operation, Self::Response>]) -> Option<Vec<u64>> {
        let own = |(entry, taken): (&Entry<'_, _, _>, Option<u64>)| {
            taken.unwrap_or(entry.responded.unwrap_or(u64::MAX))
        };
        Some(history.iter().zip(by_taking(history)).map(own).collect())
    }

    fn bytes(&self, state: &VecDeque<V>) -> usize {
        size_of::<VecDeque<V>>() + state.capacity() * size_of::<V>()
    }
}

/// When a value was put and taken: invocation and response.
#[derive(Clone, Copy, Default)]
struct Span {
    put: Option<(u64, u64)>,
    taken: Option<(u64, u64)>,
    twice: bool,
}

/// Lets dequeues of unknown outcome, given by their invocations, take what must be taken, and then the rest. Whether
/// there are enough of them.
fn take_what_must_be(values: &mut [Span], unknown: &mut [u64]) -> bool {
    if unknown.is_empty() {
        return true;
    }
    unknown.sort_unstable();
    // The ends of takings by the beginning of their putting; from there on, the earliest of them.
    let mut ends: Vec<(u64, u64)> =
        values.iter().filter_map(|value| Some((value.put?.0, value.taken?.1))).collect();
    ends.sort_unstable();
    for place in (1..ends.len()).rev() {
        ends[place - 1].1 = ends[place - 1].1.min(ends[place].1);
    }
    let limit = |put_end: u64| {
        let later = ends.partition_point(|(put, _)| *put <= put_end);
        ends.get(later).map_or(u64::MAX, |(_, end)| *end)
    };
    let mut left: Vec<(u64, u64, usize)> = (0..)
        .zip(values.iter())
        .filter(|(_, value)| value.taken.is_none())
        .filter_map(|(place, value)| Some((value.put?.1, place)))
        .filter(|(put_end, _)| *put_end < u64::MAX)
        .map(|(put_end, place)| (limit(put_end), put_end, place))
        .collect();
    left.sort_unstable();
    for (number, (limit, _, place)) in left.into_iter().enumerate() {
        match unknown.get(number) {
            Some(&invoked) if invoked < limit => values[place].taken = Some((invoked, u64::MAX)),
            _ if limit < u64::MAX => return false,
            _ => break,
        }
    }
    true
}

fn is_first_in_first_out(values: &[Span], empties: &[(u64, u64)]) -> bool {
    let mut there = Vec::new();
    for Span { put, taken, twice } in values {
        let fresh = match (put, taken) {
            (None, _) => false,
            (Some(put), Some(taken)) => taken.1 > put.0,
            (Some(_), None) => true,
        };
        if !fresh || *twice {
            return false;
        }
        let &Some((put, put_end)) = put else { continue };
        // What nobody knows to be put, and nobody takes, is left out.
        if put_end < u64::MAX || taken.is_some() {
            there.push((put, put_end, taken.unwrap_or((u64::MAX, u64::MAX))));
        }
    }
    // Those that are put first and the latest beginning of a taking among them, as both advance.
    let mut by_end = there.clone();
    by_end.sort_unstable_by_key(|value| value.1);
    there.sort_unstable_by_key(|value| value.0);
    let (mut before, mut latest) = (0, 0);
    for (put, _, (_, taken_end)) in &there {
        while before < by_end.len() && by_end[before].1 < *put {
            latest = latest.max(by_end[before].2.0);
            before += 1;
        }
        if *taken_end < latest {
            return false;
        }
    }
    // From the end of its putting to the beginning of its taking a value is surely there.
    let mut sure: Vec<(u64, u64)> =
        there.iter().map(|value| (value.1, value.2.0)).filter(|(from, to)| from < to).collect();
    sure.sort_unstable();
    let mut covered: Vec<(u64, u64)> = Vec::new();
    for (from, to) in sure {
        match covered.last_mut() {
            Some(last) if from < last.1 => last.1 = last.1.max(to),
            _ => covered.push((from, to)),
        }
    }
    empties.iter().all(|&(from, to)| {
        let place = covered.partition_point(|span| span.0 < from);
        place == 0 || covered[place - 1].1 < to
    })
}
