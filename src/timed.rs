//! A path of exhaustive search as a run of the timed simulation: a [`Case`], with a time for each step.
//!
//! The search knows no time and takes every choice; the simulation has spans for timers and syncs, and draws what
//! processes choose. So the path is walked once more under one seed after the other, with what that seed draws
//! (`walk.rs`), until a walk passes the same states of nodes. Then times are looked for (`times.rs`): messages may take
//! as long as they like, a timer fires when its span is over, and what does not happen on the path is not due before its
//! end. If that cannot be, one clock may be slow. What the times come to is written as edits ("this message is late") and
//! faults over a constant delay.
//!
//! Not every path has such a run: timers may fire against their spans, and a message may come more than twice. And
//! nothing is claimed that was not tried: whoever asks says whether a case is violated.

mod times;
mod walk;

use crate::explorer::Counterexample;
use crate::fault::{Change, Edit, Fault};
use crate::node::NodeId;
use crate::process::Value;
use crate::shrink::{Base, Case, Spell};
use crate::simulation::Simulation;
use crate::time::Time;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use times::{Order, SLOWER};
use walk::{Letter, Walk};

/// How many seeds are walked.
const SEEDS: u64 = 20_000;
/// How many of those that draw what the path chooses are tried.
const TRIES: usize = 20;
/// The least time between two steps, in nanoseconds: the first that allows the path is taken.
const GAPS: [i64; 4] = [1_000_000, 100_000, 10_000, 1_000];
/// The delays of messages that come twice, as a multiple of that time: an edit gives a time to the copy alone.
const DELAYS: [i64; 6] = [1, 2, 4, 8, 16, 32];
/// A slow clock, as a fault has it.
const SLOW: i32 = -1_000_000 + 1_000_000 / SLOWER as i32;
/// A delay longer than runs are, in nanoseconds: an hour.
const NEVER: i64 = 3_600_000_000_000;

/// Why a path is no run of the timed simulation, the obstacle that was met last on the way there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// It goes round for ever.
    Endless,
    /// The scenario has sent messages itself, whose fate was decided then.
    SentBefore,
    /// No seed draws what is chosen on it.
    Choices,
    /// A message arrives more than twice.
    Repetition,
    /// Timers and syncs take as long as they take.
    Spans,
    /// The run is not violated.
    Otherwise,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Obstacle::Endless => "it goes round for ever",
            Obstacle::SentBefore => "the scenario sends messages before it begins",
            Obstacle::Choices => "no seed was found that draws what is chosen on it",
            Obstacle::Repetition => "a message arrives more than twice",
            Obstacle::Spans => "timers and syncs do not end in this order",
            Obstacle::Otherwise => "with times, the same steps do not come about",
        })
    }
}

impl std::error::Error for Obstacle {}

/// The first case found that takes the steps of `path` in simulations that `scenario` makes of a seed, and that
/// `violates`.
///
/// # Errors
/// What stands in the way, if there is none.
pub fn case<M: Value>(
    path: &Counterexample,
    scenario: impl Fn(u64) -> Simulation<M>,
    mut violates: impl FnMut(&Case) -> bool,
) -> Result<Case, Obstacle> {
    if path.cycle.is_some() {
        return Err(Obstacle::Endless);
    }
    let (mut nearest, mut tried) = (Obstacle::Choices, 0);
    for seed in 0..SEEDS {
        let walk = match Walk::along(&path.trail, scenario(seed)) {
            Ok(walk) => walk,
            Err(Obstacle::Choices) => continue,
            Err(obstacle) => return Err(obstacle),
        };
        nearest = nearest.max(Obstacle::Spans);
        for case in timed(&walk) {
            let case = Case { seed, ..case };
            if violates(&case) {
                return Ok(case);
            }
            nearest = Obstacle::Otherwise;
        }
        tried += 1;
        if tried == TRIES {
            break;
        }
    }
    Err(nearest)
}

/// With the steps in the order of the path; only with those in order that depend on each other; with nodes that go on
/// when they have done their part, at last so that nobody hears of it; and all this with one clock that is slow.
fn timed<M: Value>(walk: &Walk<M>) -> impl Iterator<Item = Case> {
    let slow = [None].into_iter().chain(walk.times.clocks().into_iter().map(Some));
    let orders = [Order::Whole, Order::Causal, Order::Loose];
    let ways = slow.flat_map(move |slow| orders.map(|order| (order, slow)));
    ways.flat_map(|(order, slow)| {
        let solved = GAPS.into_iter().find_map(|gap| solved(walk, (order, slow), gap));
        let Some((times, delay)) = solved else { return Vec::new() };
        let mut cases = vec![written(walk, &times, delay)];
        if order == Order::Loose && delay.is_none() {
            cases.push(written(walk, &times, Some(NEVER)));
        }
        let drift = |node| Fault::DriftClock { node, parts_per_million: SLOW };
        for (case, node) in cases.iter_mut().flat_map(|case| slow.map(|node| (case, node))) {
            case.faults.insert(0, Spell { at: Time::ZERO, until: None, fault: drift(node) });
        }
        cases
    })
}

/// Times with so much between two steps, and the delay of all messages where one comes twice.
fn solved<M: Value>(
    walk: &Walk<M>,
    order: (Order, Option<NodeId>),
    gap: i64,
) -> Option<(Vec<i64>, Option<i64>)> {
    let copies = |letter: &&Letter| letter.arrivals.len() == 2;
    let copied = || walk.letters.iter().filter(copies).map(|letter| (letter.sent, letter.arrivals[0]));
    if copied().next().is_none() {
        return walk.times.solve(order, gap, 0, copied()).map(|times| (times, None));
    }
    DELAYS
        .into_iter()
        .map(|times| gap * times)
        .find_map(|delay| walk.times.solve(order, gap, delay, copied()).map(|times| (times, Some(delay))))
}

/// The walk at these times, in nanoseconds; with this delay unless another makes fewer edits.
fn written<M: Value>(walk: &Walk<M>, times: &[i64], delay: Option<i64>) -> Case {
    let span = |nanoseconds: i64| Duration::from_nanos(nanoseconds.unsigned_abs());
    let at = |moment: usize| Time::ZERO + span(times[moment]);
    let takes = |letter: &Letter| letter.arrivals.first().map(|arrival| times[*arrival] - times[letter.sent]);
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    walk.letters.iter().filter_map(takes).for_each(|delay| *counts.entry(delay).or_default() += 1);
    let usual = counts.iter().max_by_key(|(delay, count)| (**count, -**delay));
    let usual = delay.or(usual.map(|(delay, _)| *delay)).unwrap_or(GAPS[0]);
    let end = times.iter().copied().max().unwrap_or(0);
    let change = |letter: &Letter| match letter.arrivals[..] {
        [] if letter.lost => Some(Change::Drop),
        [] if times[letter.sent] + usual > end => None,
        [] => Some(Change::Delay(span(end - times[letter.sent]) + Duration::from_secs(1))),
        [_, copy] => Some(Change::Duplicate(span(times[copy] - times[letter.sent]))),
        [arrival, ..] => {
            let delay = times[arrival] - times[letter.sent];
            (delay != usual).then(|| Change::Delay(span(delay)))
        }
    };
    let edit = |letter: &Letter| {
        let (address, kind) = (letter.address, Some(letter.kind.clone()));
        change(letter).map(|change| Edit { address, kind, change })
    };
    let spell = |(from, until, fault): &(usize, Option<usize>, _)| {
        let fault = Clone::clone(fault);
        Spell { at: at(*from), until: until.map(at), fault }
    };
    Case {
        base: Base::Constant(span(usual)),
        faults: walk.spells.iter().map(spell).collect(),
        edits: walk.letters.iter().filter_map(edit).collect(),
        ..Case::default()
    }
}
