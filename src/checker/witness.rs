//! Why a history is not consistent: the smallest part of it that still is not.
//!
//! **What may be left out.** To leave out a write and then wonder about a read of it would prove nothing. So an
//! operation is left out only if the history is still violated when that operation may take effect at any time, or
//! never: it then cannot be what others wait for; or if an equal one that is later stays. And what is left must
//! have an order up to its last response, so that
//! all of it is there to show why that one does not fit.

use super::problem::Part;
use super::{Budget, Entry, Found, Specification, search, sequential};
use crate::history::{ClientId, History, Moment, Operation};
use crate::process::Outcome;
use std::ops::Range;

/// What looking for a small witness may cost: steps in all, and for one attempt.
const STEPS: u64 = 2_000_000;
const ATTEMPT: u64 = 20_000;

/// Why a history is not consistent. Its `Display` is the sentence and a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// A sentence that says what does not fit.
    pub sentence: String,
    /// The operations of a part of the history that is violated, in the order of invocation: their indices in it.
    pub operations: Vec<usize>,
    /// The one that does not fit behind the others, as an index in the history.
    pub impossible: usize,
    /// An order of the others that the specification allows, as indices in the history. What is of unknown outcome
    /// is in it if it took effect.
    pub order: Vec<usize>,
    /// The longest prefix that is consistent: how many responses it has, of the object that is violated. None
    /// where prefixes mean nothing.
    pub prefix: Option<usize>,
    /// How many responses the object has.
    pub responses: usize,
    /// What is drawn, in the order of `operations`.
    pub bars: Vec<Bar>,
}

/// An operation as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Whose.
    pub client: ClientId,
    /// In words.
    pub label: String,
    /// Its invocation.
    pub invoked: Moment,
    /// Its response; none if the outcome is unknown.
    pub responded: Option<Moment>,
    /// Its place in the order that explains the others, from one.
    pub place: Option<usize>,
    /// Whether it is what does not fit.
    pub impossible: bool,
}

type Entries<'a, S> = Vec<Entry<'a, <S as Specification>::Operation, <S as Specification>::Response>>;

/// Which order is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Linearizable,
    Sequential,
}

/// The witness of a part that has no such order. So many responses are `explained`, if that is known.
pub(super) fn find<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    part: &Part<'_, S>,
    explained: Option<usize>,
    kind: Order,
    budget: &Budget<'_>,
) -> Witness {
    let mut responses: Vec<u64> = part.entries.iter().filter_map(|entry| entry.responded).collect();
    responses.sort_unstable();
    let judge = |entries: &Entries<'_, S>, attempt: &Budget<'_>| match specification.decide(entries) {
        _ if kind == Order::Sequential => sequential::run(specification, entries, attempt, None),
        Some(true) => (Found::Holds, 1),
        Some(false) => (Found::Violated(None), 1),
        None => search::run(specification, entries, attempt, None),
    };
    let explained = explained.unwrap_or_else(|| {
        // Prefixes of what is linearizable are.
        let (mut holds, mut violated) = (0, responses.len());
        while violated - holds > 1 {
            let middle = (holds + violated) / 2;
            let prefix = prefix(specification, &part.entries, responses[middle - 1], kind);
            match judge(&prefix, budget).0 {
                Found::Violated(_) => violated = middle,
                _ => holds = middle,
            }
        }
        holds
    });
    let end = responses.get(explained).copied().unwrap_or(u64::MAX);
    let mut smallest = prefix(specification, &part.entries, end, kind);
    smaller(specification, &mut smallest, end, budget, judge);
    let impossible = smallest.iter().position(|entry| entry.responded == Some(end)).unwrap_or(0);
    let mut best = search::Best::default();
    let others: Entries<'_, S> = smallest
        .iter()
        .map(|entry| Entry { responded: entry.responded.filter(|responded| *responded != end), ..*entry })
        .filter(|entry| entry.index != smallest[impossible].index)
        .collect();
    let attempt = Budget { steps: STEPS, ..*budget };
    let _ = match kind {
        Order::Linearizable => search::run(specification, &others, &attempt, Some(&mut best)),
        Order::Sequential => sequential::run(specification, &others, &attempt, Some(&mut best.order)),
    };
    let order: Vec<usize> = best.order.iter().map(|&entry| others[entry as usize].index).collect();
    let operations: Vec<usize> = smallest.iter().map(|entry| entry.index).collect();
    let impossible_index = smallest[impossible].index;
    let bars = bars(specification, history, &operations, &order, Some(impossible_index));
    let usual = || usual(specification, &history.operations()[impossible_index]);
    let sentence = match kind {
        Order::Linearizable => specification.explain(&smallest, impossible).unwrap_or_else(usual),
        Order::Sequential => format!("{} that keeps the order of each client", usual()),
    };
    Witness {
        sentence,
        operations,
        impossible: impossible_index,
        order,
        prefix: Some(explained),
        responses: responses.len(),
        bars,
    }
}

/// The bars of these operations.
pub(super) fn bars<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    operations: &[usize],
    order: &[usize],
    impossible: Option<usize>,
) -> Vec<Bar> {
    let bar = |&index: &usize| {
        let Operation { client, operation, response, invoked, responded, outcome } =
            &history.operations()[index];
        Bar {
            client: *client,
            label: specification.describe(operation, response.as_ref()),
            invoked: *invoked,
            responded: responded.filter(|_| *outcome == Outcome::Ok),
            place: order.iter().position(|other| *other == index).map(|place| place + 1),
            impossible: Some(index) == impossible,
        }
    };
    operations.iter().map(bar).collect()
}

fn usual<S: Specification>(specification: &S, operation: &Operation<S::Operation, S::Response>) -> String {
    let what = specification.describe(&operation.operation, operation.response.as_ref());
    let when = operation.responded.map(|moment| format!(" at {moment}")).unwrap_or_default();
    format!("client {}: {what}{when}, which fits no order of what was done", operation.client)
}

/// What was invoked before the event `end`, as it was known then and at it. Where only the order of each client counts,
/// a client may read what another writes later, so that what was invoked later is there as well.
fn prefix<'a, S: Specification>(
    specification: &S,
    entries: &[Entry<'a, S::Operation, S::Response>],
    end: u64,
    kind: Order,
) -> Entries<'a, S> {
    let cut = |entry: &Entry<'a, S::Operation, S::Response>| match entry.responded {
        Some(responded) if responded <= end => *entry,
        // What its client does before it is cut as well, and may have no effect: it must not wait for that.
        Some(_) if kind == Order::Sequential => {
            Entry { invoked: 0, responded: None, response: None, ..*entry }
        }
        _ => Entry { responded: None, response: None, ..*entry },
    };
    let is_there = |entry: &&Entry<'_, _, _>| kind == Order::Sequential || entry.invoked < end;
    let known = entries.iter().filter(is_there).map(cut);
    known
        .filter(|entry| entry.responded.is_some() || !specification.reads(entry.operation, entry.response))
        .collect()
}

/// Leaves out what can be, in ever smaller pieces, but not what responds at `end`.
fn smaller<'a, S: Specification>(
    specification: &S,
    entries: &mut Entries<'a, S>,
    end: u64,
    budget: &Budget<'_>,
    judge: impl Fn(&Entries<'a, S>, &Budget<'_>) -> (Found, u64),
) {
    let mut left = STEPS;
    let mut size = entries.len().div_ceil(2);
    while size > 0 && left > 0 {
        let mut start = 0;
        let mut changed = false;
        while start < entries.len() && left > 0 {
            let piece = start..(start + size).min(entries.len());
            let fixed = |entry: &Entry<'_, _, _>| entry.responded == Some(end);
            if entries[piece.clone()].iter().any(fixed) {
                start += size;
                continue;
            }
            let mut others = entries.clone();
            others.drain(piece.clone());
            let is_spare = size == 1 && has_a_later_twin(entries, piece.start);
            let freed = if is_spare { others.clone() } else { loosened(specification, entries, &piece) };
            let attempt = Budget { steps: ATTEMPT.min(left), ..*budget };
            let (found, steps) = judge(&freed, &attempt);
            left = left.saturating_sub(steps + freed.len() as u64);
            let mut without = matches!(found, Found::Violated(_));
            if without {
                // The others must have an order: what does not fit is to be the last response, and no other.
                let last = others.iter().position(|entry| entry.responded == Some(end)).unwrap_or(0);
                others = loosened_at(specification, &others, last);
                let (found, steps) = judge(&others, &attempt);
                left = left.saturating_sub(steps + others.len() as u64);
                without = matches!(found, Found::Holds);
            }
            if without {
                entries.drain(piece);
                changed = true;
            } else {
                start += size;
            }
        }
        // Once no single one can be left out, that is all.
        size = if size == 1 && changed { 1 } else { size / 2 };
    }
}

/// Whether an equal operation began and ended later: it can do what this one can for whatever comes in the end.
fn has_a_later_twin<O: PartialEq, R: PartialEq>(entries: &[Entry<'_, O, R>], place: usize) -> bool {
    let one = &entries[place];
    entries.iter().any(|other| {
        (other.operation, other.response) == (one.operation, one.response)
            && other.invoked > one.invoked
            && other.responded > one.responded
            && one.responded.is_some()
    })
}

/// The entries, those of `piece` free to take effect at any time, or never.
fn loosened<'a, S: Specification>(
    specification: &S,
    entries: &Entries<'a, S>,
    piece: &Range<usize>,
) -> Entries<'a, S> {
    let loosened = |(at, entry): (usize, &Entry<'a, S::Operation, S::Response>)| match piece.contains(&at) {
        true => Entry { invoked: 0, responded: None, response: None, ..*entry },
        false => *entry,
    };
    let all = entries.iter().enumerate().map(loosened);
    all.filter(|entry| entry.responded.is_some() || !specification.reads(entry.operation, entry.response))
        .collect()
}

/// The entries, one of them of unknown outcome.
fn loosened_at<'a, S: Specification>(
    specification: &S,
    entries: &Entries<'a, S>,
    place: usize,
) -> Entries<'a, S> {
    let mut entries = entries.clone();
    entries[place] = Entry { responded: None, response: None, ..entries[place] };
    entries
        .retain(|entry| entry.responded.is_some() || !specification.reads(entry.operation, entry.response));
    entries
}
