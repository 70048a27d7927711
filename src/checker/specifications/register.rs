//! A register: read, write, compare and set.

use super::{Content, at, by};
use crate::checker::intern::Interner;
use crate::checker::{Entry, Specification};
use std::fmt::Debug;
use std::hash::Hash;

/// A register that holds one value.
#[derive(Clone, Debug, Default)]
pub struct Register<V> {
    /// The value before the first write.
    pub initial: V,
}

/// What a [`Register`] is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RegisterOperation<V> {
    /// What does it hold?
    Read,
    /// Hold this.
    Write(V),
    /// If it holds the first, hold the second.
    CompareAndSet(V, V),
}

/// What a [`Register`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RegisterResponse<V> {
    /// It holds this.
    Value(V),
    /// Done.
    Done,
    /// It holds something else: nothing was set.
    Mismatch,
}

use RegisterOperation::{CompareAndSet, Read, Write};
use RegisterResponse::{Mismatch, Value};

impl<V: Content> Specification for Register<V> {
    type State = V;
    type Operation = RegisterOperation<V>;
    type Response = RegisterResponse<V>;

    fn initial(&self) -> V {
        self.initial.clone()
    }

    fn step(&self, state: &V, operation: &Self::Operation, response: Option<&Self::Response>) -> Option<V> {
        match (operation, response) {
            (Read, Some(Value(value))) => (value == state).then(|| state.clone()),
            (Read, _) => Some(state.clone()),
            (Write(value), _) => Some(value.clone()),
            (CompareAndSet(from, _), Some(Mismatch)) => (from != state).then(|| state.clone()),
            (CompareAndSet(from, to), _) if from == state => Some(to.clone()),
            (CompareAndSet(..), Some(_)) => None,
            (CompareAndSet(..), None) => Some(state.clone()),
        }
    }

    fn reads(&self, operation: &Self::Operation, response: Option<&Self::Response>) -> bool {
        match operation {
            Read => true,
            Write(_) => false,
            CompareAndSet(from, to) => response == Some(&Mismatch) || from == to,
        }
    }

    fn describe(&self, operation: &Self::Operation, response: Option<&Self::Response>) -> String {
        match (operation, response) {
            (Read, Some(Value(value))) => format!("read {value:?}"),
            (Read, _) => "read".to_string(),
            (Write(value), _) => format!("write {value:?}"),
            (CompareAndSet(from, to), Some(Mismatch)) => format!("cas {from:?} to {to:?}: no"),
            (CompareAndSet(from, to), _) => format!("cas {from:?} to {to:?}"),
        }
    }

    fn decide(&self, history: &[Entry<'_, Self::Operation, Self::Response>]) -> Option<bool> {
        let access = |entry: &Entry<'_, Self::Operation, Self::Response>| {
            let access = match (entry.operation, entry.response) {
                (Read, Some(Value(value))) => Access::Read(value.clone()),
                (Read, _) => Access::Nothing,
                (Write(value), _) => Access::Write(value.clone()),
                (CompareAndSet(..), _) => return None,
            };
            Some((access, entry.invoked, entry.responded.unwrap_or(u64::MAX)))
        };
        // Most histories of a register that is compared say so early.
        let accesses: Option<Vec<_>> = history.iter().map(access).collect();
        unique_writes_are_linearizable(&self.initial, accesses?)
    }

    fn explain(
        &self,
        history: &[Entry<'_, Self::Operation, Self::Response>],
        impossible: usize,
    ) -> Option<String> {
        let entry = &history[impossible];
        let (Read, Some(Value(value))) = (entry.operation, entry.response) else { return None };
        let sets = |entry: &Entry<'_, Self::Operation, Self::Response>| match entry.operation {
            Write(value) => Some(value.clone()),
            CompareAndSet(_, value) if entry.response != Some(&Mismatch) => Some(value.clone()),
            Read | CompareAndSet(..) => None,
        };
        let finds_another = |entry: &Entry<'_, Self::Operation, Self::Response>| match entry.operation {
            Read => matches!(entry.response, Some(Value(other)) if other != value),
            CompareAndSet(from, _) if from == value => entry.response == Some(&Mismatch),
            CompareAndSet(from, _) => {
                entry.responded.is_some() && entry.response != Some(&Mismatch) && from != value
            }
            Write(_) => false,
        };
        explain_read(&self.initial, value, history, impossible, sets).or_else(|| {
            let found = |entry: &Entry<'_, _, _>| self.describe(entry.operation, entry.response);
            explain_finding(value, history, impossible, sets, finds_another, found)
        })
    }
}

/// Why a read of `value` does not fit, where that is a matter of one other write.
pub(super) fn explain_read<V: Eq + Debug, O, R>(
    initial: &V,
    value: &V,
    history: &[Entry<'_, O, R>],
    impossible: usize,
    sets: impl Fn(&Entry<'_, O, R>) -> Option<V>,
) -> Option<String> {
    let read = &history[impossible];
    let said = format!("client {} read {value:?}{}, but", read.client, at(read));
    let sources: Vec<_> = history.iter().filter(|entry| sets(entry).as_ref() == Some(value)).collect();
    if sources.is_empty() && value != initial {
        return Some(format!("{said} nobody had written it"));
    }
    let known = |entry: &&Entry<'_, O, R>| entry.responded.is_some_and(|responded| responded < read.invoked);
    // What was written for certain after every write of the value had returned, and before the read began.
    let newer = history.iter().filter(known).find(|entry| {
        let other = sets(entry).is_some_and(|set| set != *value);
        let after =
            |source: &&Entry<'_, O, R>| source.responded.is_some_and(|responded| responded < entry.invoked);
        other && sources.iter().all(after)
    })?;
    let set = sets(newer)?;
    Some(format!("{said} {set:?} had been written and acknowledged {}", by(newer)))
}

/// Why a read of `value` does not fit, where another client had found something else by then.
fn explain_finding<V: Eq + Debug, O, R>(
    value: &V,
    history: &[Entry<'_, O, R>],
    impossible: usize,
    sets: impl Fn(&Entry<'_, O, R>) -> Option<V>,
    finds_another: impl Fn(&Entry<'_, O, R>) -> bool,
    describe: impl Fn(&Entry<'_, O, R>) -> String,
) -> Option<String> {
    let read = &history[impossible];
    let found = history.iter().filter(|entry| finds_another(entry)).find(|entry| {
        let over = entry.responded.is_some_and(|responded| responded < read.invoked);
        let sources = history.iter().filter(|other| sets(other).as_ref() == Some(value));
        over && sources.clone().all(|source| source.responded.is_some_and(|ended| ended < entry.invoked))
    })?;
    Some(format!(
        "client {} read {value:?}{}, but client {} had found something else {} ({}), and nobody has written {value:?} since",
        read.client,
        at(read),
        found.client,
        by(found),
        describe(found)
    ))
}

/// What an operation does to a register.
pub(super) enum Access<V> {
    Read(V),
    Write(V),
    /// It may be anything, and changes nothing.
    Nothing,
}

/// All operations on one value: where the first of them ends and where the last begins.
struct Cluster {
    first_end: u64,
    last_begin: u64,
    /// The invocation of its write; none if nobody has written it.
    written: Option<u64>,
    acknowledged: bool,
    /// When the first read ends; the latest time if nobody reads it.
    read: u64,
}

/// Whether a history of reads and writes is linearizable, if no two writes are of the same value and none is of the
/// initial one; none otherwise. Each access has its invocation and its response (the latest number if there is none).
///
/// Gibbons and Korach ("Testing Shared Memories", SIAM J. Comput. 1997): between the first end and the last begin
/// of its operations a register must hold a value, if they are in this order (a *forward* zone). Two such zones may not
/// overlap. The operations on a value whose zone is backward have a moment in common, which may lie anywhere in
/// the zone; so it may not lie within a forward zone of another value. In time of sorting.
///
/// A write of unknown outcome that nobody has read need not have taken place, so it is left out: it can make
/// no order possible that is not possible without it.
pub(super) fn unique_writes_are_linearizable<V: Eq + Hash>(
    initial: &V,
    accesses: Vec<(Access<V>, u64, u64)>,
) -> Option<bool> {
    let mut numbers = Interner::new();
    numbers.number(None);
    let new =
        || Cluster { first_end: u64::MAX, last_begin: 0, written: None, acknowledged: false, read: u64::MAX };
    // The initial value is written before everything.
    let mut clusters = vec![Cluster { first_end: 0, written: Some(0), acknowledged: true, ..new() }];
    let mut cluster_of = |value: V, clusters: &mut Vec<Cluster>| {
        let value = if value == *initial { None } else { Some(value) };
        let (number, is_new) = numbers.number(value);
        if is_new {
            clusters.push(new());
        }
        number as usize
    };
    for (access, invoked, responded) in accesses {
        let place = match access {
            Access::Read(value) => {
                let place = cluster_of(value, &mut clusters);
                clusters[place].read = clusters[place].read.min(responded);
                place
            }
            Access::Write(value) => {
                let place = cluster_of(value, &mut clusters);
                let cluster = &mut clusters[place];
                if cluster.written.is_some() {
                    return None;
                }
                cluster.written = Some(invoked);
                cluster.acknowledged = responded < u64::MAX;
                place
            }
            Access::Nothing => continue,
        };
        let cluster = &mut clusters[place];
        cluster.first_end = cluster.first_end.min(responded);
        cluster.last_begin = cluster.last_begin.max(invoked);
    }
    let (mut forward, mut backward) = (Vec::new(), Vec::new());
    for cluster in &clusters {
        let is_read = cluster.read < u64::MAX;
        let Some(written) = cluster.written else { return Some(false) };
        if cluster.read < written {
            return Some(false);
        }
        if !is_read && !cluster.acknowledged {
            continue;
        }
        match cluster.first_end < cluster.last_begin {
            true => forward.push((cluster.first_end, cluster.last_begin)),
            false => backward.push((cluster.last_begin, cluster.first_end)),
        }
    }
    forward.sort_unstable();
    let disjoint = forward.windows(2).all(|pair| pair[0].1 < pair[1].0);
    let within = |&(begin, end): &(u64, u64)| {
        let place = forward.partition_point(|zone| zone.0 < begin);
        place > 0 && end < forward[place - 1].1
    };
    Some(disjoint && !backward.iter().any(within))
}
