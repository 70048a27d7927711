//! A path of exhaustive search as a run of the timed simulation: a [`Case`], with a time for each step.
//!
//! The search knows no time and takes every choice; the simulation has spans for timers and syncs, and draws what
//! processes choose. So the path is walked once more under one seed after the other, with what that seed draws
//! (`walk.rs`), until a walk passes the same states of nodes. Then times are looked for (`times.rs`): messages may take
//! as long as they like, a timer fires when its span is over, and what does not happen on the path is not due before its
//! end. What the times come to is written as edits ("this message is late") and faults over a constant delay.
//!
//! Not every path has such a run: timers may fire against their spans, and a message may come more than twice. And
//! nothing is claimed that was not tried: whoever asks says whether a case is violated.

mod times;
mod walk;

use crate::explorer::Counterexample;
use crate::fault::{Change, Edit};
use crate::process::Value;
use crate::shrink::{Base, Case, Spell};
use crate::simulation::Simulation;
use crate::time::Time;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use times::Order;
use walk::{Letter, Walk};

/// How many seeds are walked.
const SEEDS: u64 = 20_000;
/// How many of those that draw what the path chooses are tried.
const TRIES: usize = 100;
/// The least time between two steps, in nanoseconds: the first that allows the path is taken.
const GAPS: [i64; 4] = [1_000_000, 100_000, 10_000, 1_000];
/// The delays of messages that come twice, as a multiple of that time: an edit gives a time to the copy alone.
const DELAYS: [i64; 6] = [1, 2, 4, 8, 16, 32];

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
        tried += 1;
        match timed(&walk) {
            None => nearest = nearest.max(Obstacle::Spans),
            Some(case) => {
                let case = Case { seed, ..case };
                if violates(&case) {
                    return Ok(case);
                }
                nearest = Obstacle::Otherwise;
            }
        }
        if tried == TRIES {
            break;
        }
    }
    Err(nearest)
}

/// With the steps in the order of the path, or if need be only those that depend on each other.
fn timed<M: Value>(walk: &Walk<M>) -> Option<Case> {
    let doubled = walk.letters.iter().any(|letter| letter.arrivals.len() == 2);
    let delays = if doubled { &DELAYS[..] } else { &DELAYS[..1] };
    [Order::Whole, Order::Causal].into_iter().find_map(|order| {
        GAPS.into_iter().find_map(|gap| {
            delays.iter().find_map(|times| {
                let delay = gap * times;
                let copies = |letter: &&Letter| letter.arrivals.len() == 2;
                let copied = walk.letters.iter().filter(copies).map(|it| (it.sent, it.arrivals[0]));
                let solved = walk.times.solve(order, gap, delay, copied)?;
                Some(written(walk, &solved, doubled.then_some(delay)))
            })
        })
    })
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
