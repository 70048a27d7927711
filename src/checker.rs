//! Checkers of histories: was what clients saw consistent, and if not, what is the smallest reason? (Feature
//! `checker`.)
//!
//! A [`Specification`] says what an object does when operations come one at a time. A checker asks whether the
//! operations of a [`History`] can be put into one order that the specification allows:
//!
//! - [`linearizable`]: each operation takes effect at one moment between its invocation and its response (Herlihy
//!   and Wing, "Linearizability", TOPLAS 1990);
//! - [`sequentially_consistent`]: each client's operations are in its own order (Lamport, 1979);
//! - [`sessions`]: the four session guarantees (Terry et al., 1994), for stores whose values name their writes.
//!
//! An operation of unknown outcome may take effect at any time after its invocation, or never. One that failed did
//! not take place. What a checker cannot decide within its [`Budget`] is [`Unknown`](Verdict::Unknown).
//!
//! A specification is written in about twenty lines:
//!
//! ```
//! use netsplit::checker::{Budget, Specification, Verdict, linearizable};
//! use netsplit::history::History;
//! use netsplit::process::Outcome;
//!
//! /// A switch that says how it stood before.
//! struct Switch;
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash)]
//! enum Turn { On, Off }
//!
//! impl Specification for Switch {
//!     type State = bool;
//!     type Operation = Turn;
//!     type Response = bool;
//!     fn initial(&self) -> bool { false }
//!     fn step(&self, on: &bool, turn: &Turn, was: Option<&bool>) -> Option<bool> {
//!         let allowed = was.is_none_or(|was| was == on);
//!         allowed.then_some(*turn == Turn::On)
//!     }
//! }
//!
//! let mut history = History::new();
//! for (client, turn, was) in [(1, Turn::On, false), (2, Turn::Off, true), (1, Turn::On, true)] {
//!     let operation = history.invoke(client, turn, None);
//!     history.respond(operation, Outcome::Ok, Some(was), None);
//! }
//! let Verdict::Violated(witness) = linearizable(&Switch, &history, &Budget::default()) else { panic!() };
//! assert_eq!(witness.impossible, 2); // it stood off by then
//! ```
//!
//! # How it searches
//!
//! Operations on different keys are checked apart: a history is linearizable if and only if it is for each object
//! (Herlihy and Wing's locality). Where none overlaps another there is one order. Registers and queues whose
//! values differ are decided without a search. For the
//! rest see the [search](self#search): depth first, in the order of responses, with memory (Wing and Gong 1993;
//! Lowe, "Testing for Linearizability", 2017).
//!
//! # Search
//!
//! States and operations are numbered, equal ones alike, and what an operation does in a state is looked up. A
//! configuration is the next response, the state, which of the open operations have taken effect, and how many of
//! unknown outcome of each kind have. What is known to lead nowhere is remembered, and so is, by implication, each
//! configuration that has used more operations of unknown outcome and is otherwise the same. Besides:
//!
//! - an operation that only [reads](Specification::reads) takes effect as soon as it fits: it changes nothing, so any
//!   order that has it later is as good with it now;
//! - of equal open operations, the one whose response comes first goes first: they could change places;
//! - one of unknown outcome goes only before what it makes possible or different: else the order without it serves.

pub mod files;
mod intern;
mod plan;
mod problem;
mod search;
mod sequential;
pub mod sessions;
pub mod specifications;
mod svg;
mod text;
mod witness;

pub use witness::{Bar, Witness};

use crate::history::{ClientId, History, Moment};
use problem::Part;
use std::fmt::{self, Debug};
use std::hash::Hash;

/// What an object does when operations come one at a time.
pub trait Specification {
    /// What it remembers. A clone and a comparison should be cheap.
    type State: Clone + Eq + Hash;
    /// What it is asked for.
    type Operation: Clone + Eq + Hash + Debug;
    /// What it answers.
    type Response: Clone + Eq + Hash + Debug;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;

    /// The state after `operation`, if in `state` it may take effect and answer `response`. Where nobody knows the
    /// answer it is none, and any may have been given.
    fn step(
        &self,
        state: &Self::State,
        operation: &Self::Operation,
        response: Option<&Self::Response>,
    ) -> Option<Self::State>;

    /// The object that `operation` is on, if objects are independent of each other. Those of one history must
    /// all have one for any to count.
    fn key(&self, _operation: &Self::Operation) -> Option<String> {
        None
    }

    /// Whether `operation` changes no state when it answers this: a promise that makes checking faster.
    fn reads(&self, _operation: &Self::Operation, _response: Option<&Self::Response>) -> bool {
        false
    }

    /// An operation in words, for witnesses: `read 1`.
    fn describe(&self, operation: &Self::Operation, response: Option<&Self::Response>) -> String {
        match response {
            Some(response) => format!("{operation:?}: {response:?}"),
            None => format!("{operation:?}"),
        }
    }

    /// Decides a history of one object without a search, where theory has a way; none if it does not apply.
    fn decide(&self, _history: &[Entry<'_, Self::Operation, Self::Response>]) -> Option<bool> {
        None
    }

    /// Why `history[impossible]` does not fit, the rest being all that matters; none for the usual sentence.
    fn explain(
        &self,
        _history: &[Entry<'_, Self::Operation, Self::Response>],
        _impossible: usize,
    ) -> Option<String> {
        None
    }

    /// The order in which open operations should be tried, lowest first, with a number for each; none for the
    /// order of responses. Only speed depends on it.
    fn order(&self, _history: &[Entry<'_, Self::Operation, Self::Response>]) -> Option<Vec<u64>> {
        None
    }

    /// Whether, by the operations of this history, states only grow: what [is past](Self::is_past) stays so.
    fn grows(&self, _history: &[Entry<'_, Self::Operation, Self::Response>]) -> bool {
        false
    }

    /// Whether `operation` can never answer this again, in `state` or any later one, if states only grow. It makes
    /// checking faster.
    fn is_past(
        &self,
        _state: &Self::State,
        _operation: &Self::Operation,
        _response: &Self::Response,
    ) -> bool {
        false
    }

    /// How much memory a state takes, in bytes, for the budget.
    fn bytes(&self, _state: &Self::State) -> usize {
        size_of::<Self::State>()
    }
}

/// An operation as a checker sees it: one that took place, or whose outcome is unknown.
#[derive(Debug)]
pub struct Entry<'a, O, R> {
    /// What was asked for.
    pub operation: &'a O,
    /// What came of it, where it is known.
    pub response: Option<&'a R>,
    /// The place of its invocation among all events.
    pub invoked: u64,
    /// The place of its response; none if its outcome is unknown.
    pub responded: Option<u64>,
    /// Its index in the history.
    pub index: usize,
    /// Whose it is.
    pub client: ClientId,
    /// Its invocation and its response as the history has them, to be shown.
    pub began: Moment,
    /// See `began`.
    pub ended: Option<Moment>,
}

impl<O, R> Clone for Entry<'_, O, R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<O, R> Copy for Entry<'_, O, R> {}

/// What a checker found.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The history is consistent.
    Holds,
    /// It is not, and this is why.
    Violated(Box<Witness>),
    /// The budget was spent.
    Unknown(Progress),
}

impl Verdict {
    /// Whether the history is consistent; none if that is not known.
    pub fn holds(&self) -> Option<bool> {
        match self {
            Verdict::Holds => Some(true),
            Verdict::Violated(_) => Some(false),
            Verdict::Unknown(_) => None,
        }
    }
}

/// How far a checker came before its budget was spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many responses, in their order, it could explain at most.
    pub explained: usize,
    /// How many there are, of the object at which it gave up.
    pub responses: usize,
    /// What was spent.
    pub spent: Spent,
}

/// Which part of a [`Budget`] was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// The steps.
    Steps,
    /// The memory.
    Memory,
    /// The caller's patience ([`Budget::stop`]).
    Patience,
}

/// "it explains the first 120 of 500 responses; its steps are spent".
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress { explained, responses, spent } = self;
        let spent = match spent {
            Spent::Steps => "the steps are spent",
            Spent::Memory => "the memory is spent",
            Spent::Patience => "the time is spent",
        };
        write!(f, "the first {explained} of {responses} responses have an order; {spent}")
    }
}

/// What a checker may spend. It knows no clock.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// Configurations to look at.
    pub steps: u64,
    /// Bytes to remember them in.
    pub bytes: usize,
    /// Asked now and then; the checker gives up when it says so. For a caller with a clock.
    pub stop: Option<&'a dyn Fn() -> bool>,
}

impl Default for Budget<'_> {
    /// Twenty million steps and a gibibyte: less than a minute.
    fn default() -> Self {
        Budget { steps: 20_000_000, bytes: 1 << 30, stop: None }
    }
}

/// Whether `history` is linearizable.
pub fn linearizable<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    budget: &Budget<'_>,
) -> Verdict {
    let mut parts = problem::parts(specification, history);
    match judge_all(specification, &mut parts, budget) {
        Judged::Hold => Verdict::Holds,
        Judged::Violated(part, explained) => {
            let kind = witness::Order::Linearizable;
            let witness = witness::find(specification, history, &parts[part], explained, kind, budget);
            Verdict::Violated(Box::new(witness))
        }
        Judged::Unknown(progress) => Verdict::Unknown(progress),
    }
}

/// Whether `history` is linearizable, without looking for a reason; none if that is not known.
pub fn is_linearizable<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    budget: &Budget<'_>,
) -> Option<bool> {
    match judge_all(specification, &mut problem::parts(specification, history), budget) {
        Judged::Hold => Some(true),
        Judged::Violated(..) => Some(false),
        Judged::Unknown(_) => None,
    }
}

/// Whether `history` is sequentially consistent. Keys do not help here: objects that each are need not be together.
pub fn sequentially_consistent<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    budget: &Budget<'_>,
) -> Verdict {
    sequential::check(specification, history, budget)
}

enum Found {
    Holds,
    /// How many responses, in their order, can be explained; none if that is not known.
    Violated(Option<usize>),
    Unknown(Progress),
}

enum Judged {
    Hold,
    /// Which part, and how many of its responses can be explained.
    Violated(usize, Option<usize>),
    Unknown(Progress),
}

fn judge_all<'a, S: Specification>(
    specification: &'a S,
    parts: &mut [Part<'a, S>],
    budget: &Budget<'_>,
) -> Judged {
    // Small ones first: a violation there is found soonest.
    parts.sort_by_key(|part| part.entries.len());
    let (mut left, mut unknown) = (budget.steps, None);
    let count = parts.len();
    for (place, part) in parts.iter().enumerate() {
        let share = Budget { steps: (left / (count - place) as u64).max(1), ..*budget };
        let (found, steps) = judge(specification, part, &share);
        left = left.saturating_sub(steps);
        match found {
            Found::Holds => {}
            Found::Violated(explained) => return Judged::Violated(place, explained),
            Found::Unknown(progress) => unknown = unknown.or(Some(progress)),
        }
    }
    unknown.map_or(Judged::Hold, Judged::Unknown)
}

/// One object, and the steps it took.
fn judge<S: Specification>(specification: &S, part: &Part<'_, S>, budget: &Budget<'_>) -> (Found, u64) {
    if let Some(found) = one_after_the_other(specification, &part.entries) {
        return (found, part.entries.len() as u64);
    }
    match specification.decide(&part.entries) {
        Some(true) => (Found::Holds, 1),
        Some(false) => (Found::Violated(None), 1),
        None => search::run(specification, &part.entries, budget, None),
    }
}

/// Where no operation overlaps another there is one order; none if some do.
fn one_after_the_other<S: Specification>(
    specification: &S,
    entries: &[Entry<'_, S::Operation, S::Response>],
) -> Option<Found> {
    let follows = |pair: &[Entry<'_, _, _>]| pair[0].responded.is_some_and(|end| end < pair[1].invoked);
    if !entries.windows(2).all(follows) || entries.last().is_some_and(|last| last.responded.is_none()) {
        return None;
    }
    let mut state = specification.initial();
    for (place, entry) in entries.iter().enumerate() {
        match specification.step(&state, entry.operation, entry.response) {
            Some(next) => state = next,
            None => return Some(Found::Violated(Some(place))),
        }
    }
    Some(Found::Holds)
}
