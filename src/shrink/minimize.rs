//! The search for a smaller case: what is tried, in which order, and what is kept.
//!
//! Candidates are tried in a fixed order, and of those that run at the same time the first that fails counts, so
//! that the result is the same for any number of threads. Only an interrupt depends on the clock.

use super::candidates::{
    choices, lacking, links_of, merged, only, relink, round, smaller, times_of, usual_delay, ways, without,
    without_operations, without_operations_and_messages,
};
use super::{Base, Case, Failure, Heard, Options, Progress, Shrunk, Size, Spell};
use crate::fault::{Change, Edit};
use crate::node::NodeId;
use crate::time::{Time, nanoseconds_of};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// Whoever runs a case and judges it.
pub(crate) trait Subject: Sync {
    /// How the run of `case` fails, if it does.
    fn run(&self, case: &Case) -> Option<Failure>;
    /// The same, and what there was to hear.
    fn listen(&self, case: &Case) -> (Option<Failure>, Heard);
    /// Whether `property` is only violated by what never happens: then a node that is not there proves nothing.
    fn is_eventual(&self, property: &str) -> bool;
}

struct Search<'a> {
    subject: &'a dyn Subject,
    target: &'a Failure,
    options: Options,
    progress: &'a (dyn Fn(Progress) + Sync),
    interrupted: &'a (dyn Fn() -> bool + Sync),
    runs: u64,
    stopped: bool,
    order: Order,
    best: Case,
    /// The cases that were tried and do not fail in the same way.
    refused: BTreeSet<String>,
}

/// Which end of a list is left out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Back,
    Front,
}

/// Shrinks `case`, which fails. None if it does not.
pub(crate) fn shrink(
    subject: &dyn Subject,
    case: &Case,
    options: Options,
    progress: &(dyn Fn(Progress) + Sync),
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Option<Shrunk> {
    let (failure, heard) = subject.listen(case);
    let target = failure?;
    let (best, refused) = (case.clone(), BTreeSet::new());
    let mut search = Search {
        subject,
        target: &target,
        options,
        progress,
        interrupted,
        runs: 1,
        stopped: false,
        order: Order::Back,
        best,
        refused,
    };
    let operations = search.operations(&heard);
    let mut known = BTreeSet::new();
    let kept: Vec<Edit> = case.edits.clone();
    for edit in &kept {
        known.insert(edit.address);
    }
    let new = |edits: &[Edit]| edits.iter().filter(|edit| !known.contains(&edit.address)).cloned().collect();
    let (unusual, delays): (Vec<Edit>, Vec<Edit>) = (new(&heard.unusual), new(&heard.delays));

    // From the plainest base to the one that is nothing but the run that was given.
    let mut explicit = case.clone();
    explicit.faults.retain(|spell| spell.at <= target.time || subject.is_eventual(&target.property));
    explicit.operations = operations;
    let with = |base: Base, edits: &[&[Edit]]| Case { base, edits: edits.concat(), ..explicit.clone() };
    let usual = usual_delay(&heard.delays);
    let mut starts = Vec::new();
    if case.base == Base::Drawn {
        let rounder = round(usual);
        for delay in rounder.iter().chain(&[usual, 1_000_000, 5_000_000, 10_000_000, 20_000_000]) {
            starts.push(with(Base::Constant(Duration::from_nanos(*delay)), &[&kept, &unusual]));
        }
    } else {
        starts.push(explicit.clone());
    }
    let written = with(Base::Constant(Duration::from_nanos(usual)), &[&kept, &unusual, &delays]);
    let lossless = with(Base::Lossless, &[&kept, &unusual]);
    starts.extend([lossless, explicit.clone(), case.clone()]);
    let found = search.smallest_of(&starts, &written, &heard);
    let (found, is_minimal) = found.unwrap_or_else(|| (case.clone(), false));
    let (failure, small) = subject.listen(&found);
    // A node that is left out for clarity's sake is no cause; one that must be absent is.
    let must_lack = |node: &&NodeId| {
        let mut present = Case { absent: BTreeSet::new(), ..found.clone() };
        present.absent.extend(found.absent.iter().filter(|other| other != node));
        !small.clients.contains(node) && !subject.run(&present).is_some_and(|other| other.is_like(&target))
    };
    let lacking = found.absent.iter().filter(must_lack).count();
    search.runs += found.absent.len() as u64;
    let before =
        Size { faults: explicit.faults.len(), edits: kept.len() + unusual.len(), ..size(&heard, case) };
    Some(Shrunk {
        failure: failure.unwrap_or_else(|| target.clone()),
        before,
        after: Size {
            faults: found.faults.len() + lacking,
            edits: found.edits.len(),
            ..size(&small, &found)
        },
        runs: search.runs,
        is_minimal,
        case: found,
    })
}

/// Nothing plainer is looked for than this many faults and edits,
const PLAIN: usize = 1;
/// and no delays are written down one by one if there are no more than this without.
const ENOUGH: usize = 5;
/// From so many starts, or in so many orders, a case is made small, and the smallest counts.
const MOST_STARTS: usize = 6;

fn size(heard: &Heard, case: &Case) -> Size {
    let present = |nodes: &[NodeId]| nodes.iter().filter(|node| !case.absent.contains(node)).count();
    Size {
        operations: heard.operations.values().map(Vec::len).sum(),
        clients: present(&heard.clients),
        nodes: present(&heard.nodes),
        ..Size::default()
    }
}

impl Search<'_> {
    /// The smallest of what is left of several starts: what can be left out first decides what can be left out later.
    /// Delays that are written down one by one are many, and come last. And whether it is minimal.
    fn smallest_of(&mut self, starts: &[Case], written: &Case, heard: &Heard) -> Option<(Case, bool)> {
        let mut found: Vec<(Case, bool)> = Vec::new();
        let size = |case: &Case| {
            let operations: usize = case.operations.values().map(Vec::len).sum();
            (case.items(), !matches!(case.base, Base::Constant(_)), operations)
        };
        'all: for order in [Order::Back, Order::Front] {
            self.order = order;
            for start in starts.iter().chain([written]) {
                let smallest = found.iter().map(|(case, _)| case.items()).min().unwrap_or(usize::MAX);
                if smallest <= PLAIN || found.len() == MOST_STARTS || self.stopped {
                    break 'all;
                }
                let is_last_resort = start == written || start.base == Base::Drawn;
                if is_last_resort && smallest <= ENOUGH {
                    continue;
                }
                if self.attempt(&[start]).is_some() {
                    self.minimize(heard);
                    found.push((self.best.clone(), !self.stopped));
                }
            }
        }
        let (smallest, mut is_minimal) = found.into_iter().min_by_key(|(case, _)| size(case))?;
        self.best = smallest;
        while self.keep_few(starts) {
            self.minimize(heard);
            is_minimal = !self.stopped;
        }
        Some((self.best.clone(), is_minimal))
    }

    /// A few of the faults and edits, where to leave out any single one is not enough: in what is as good as random,
    /// such as a duel, a few others may do instead: of those that are left, or of all of the two plainest starts with drawn
    /// delays.
    fn keep_few(&mut self, starts: &[Case]) -> bool {
        let best = self.best.clone();
        let mut sources = vec![&best];
        if best.items() > MOST_FEW {
            let drawn = starts.iter().filter(|start| !matches!(start.base, Base::Constant(_)));
            sources.extend(drawn.take(2));
        }
        for from in sources {
            let (mut left, mut few) = (MOST_CHOICES, Vec::new());
            for size in 1..best.items() {
                let Some(rest) = left.checked_sub(ways(from.items(), size)) else { break };
                left = rest;
                few.extend(choices(from.items(), size));
            }
            for chunk in few.chunks(self.options.threads.max(1)) {
                let candidates: Vec<Case> = chunk.iter().map(|places| only(from, places)).collect();
                if self.first(&candidates) {
                    return true;
                }
            }
        }
        false
    }

    /// The operations of those clients that invoke what is written down and nothing else.
    fn operations(&mut self, heard: &Heard) -> BTreeMap<NodeId, Vec<(u64, Time)>> {
        let mut none = heard.operations.clone();
        none.values_mut().for_each(Vec::clear);
        let (_, idle) = self.subject.listen(&Case { operations: none, ..self.best.clone() });
        self.runs += 1;
        let mut operations = heard.operations.clone();
        for client in idle.operations.keys() {
            operations.remove(client);
        }
        operations
    }

    /// Tries cases in their order, and takes the first that fails in the same way.
    fn first(&mut self, candidates: &[Case]) -> bool {
        let fresh: Vec<&Case> = candidates.iter().filter(|case| !self.was_refused(case)).collect();
        for batch in fresh.chunks(self.options.threads.max(1)) {
            if self.attempt(batch).is_some() {
                return true;
            }
        }
        false
    }

    fn was_refused(&self, case: &Case) -> bool {
        case.edits.len() <= FEW && self.refused.contains(&case.to_string())
    }

    /// Runs a few cases at the same time, and takes the first that fails in the same way: its place.
    fn attempt(&mut self, batch: &[&Case]) -> Option<usize> {
        let left = self.options.runs.saturating_sub(self.runs);
        self.stopped |= left == 0 || (self.interrupted)();
        if self.stopped || batch.is_empty() {
            return None;
        }
        let batch = &batch[..batch.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        let fails = |case: &Case| self.subject.run(case).is_some_and(|found| found.is_like(self.target));
        let failing: Vec<bool> = match batch {
            [one] => vec![fails(one)],
            _ => {
                let results = Mutex::new(vec![false; batch.len()]);
                thread::scope(|scope| {
                    for (place, case) in batch.iter().enumerate() {
                        let (results, fails) = (&results, &fails);
                        scope.spawn(move || {
                            let failing = fails(case);
                            if let Ok(mut results) = results.lock() {
                                results[place] = failing;
                            }
                        });
                    }
                });
                results.into_inner().unwrap_or_default()
            }
        };
        let first = failing.iter().position(|failing| *failing);
        // What ran beside the first that fails is no part of the search.
        let tried = first.map_or(batch.len(), |place| place + 1);
        self.runs += tried as u64;
        for (case, failing) in batch[..tried].iter().zip(&failing) {
            if !failing && case.edits.len() <= FEW {
                self.refused.insert(case.to_string());
            }
        }
        if let Some(place) = first {
            self.best = batch[place].clone();
            (self.progress)(Progress { runs: self.runs, items: self.best.items() });
        }
        first
    }

    /// Leaves out as much as it can of a list: first large pieces of it, then single elements.
    fn reduce(&mut self, count: fn(&Case) -> usize, without: fn(&Case, Range<usize>) -> Case) {
        let mut length = count(&self.best);
        while length > 0 {
            let mut left = 0..count(&self.best);
            while !left.is_empty() && !self.stopped {
                let (mut pieces, mut rest) = (Vec::new(), left.clone());
                while !rest.is_empty() && pieces.len() < self.options.threads.max(1) {
                    let piece = match self.order {
                        Order::Back => rest.end.saturating_sub(length).max(rest.start)..rest.end,
                        Order::Front => rest.start..(rest.start + length).min(rest.end),
                    };
                    rest = match self.order {
                        Order::Back => rest.start..piece.start,
                        Order::Front => piece.end..rest.end,
                    };
                    let case = without(&self.best, piece.clone());
                    if !self.was_refused(&case) {
                        pieces.push((piece, case));
                    }
                }
                let cases: Vec<&Case> = pieces.iter().map(|(_, case)| case).collect();
                left = match (self.attempt(&cases).map(|place| pieces[place].0.clone()), self.order) {
                    (None, _) => rest,
                    (Some(piece), Order::Back) => left.start..piece.start,
                    // What comes after it has moved to its place.
                    (Some(piece), Order::Front) => piece.start..left.end - piece.len(),
                };
            }
            length /= 2;
        }
    }

    /// Until no single thing can be left out, and nothing can be rounder.
    fn minimize(&mut self, heard: &Heard) {
        // Nothing becomes larger, but what is round may stop being so when all of it becomes earlier.
        for _ in 0..MOST_ROUNDS {
            let before = self.best.clone();
            self.leave_out_all();
            self.merge(heard);
            self.simplify();
            if self.best == before || self.stopped {
                break;
            }
        }
        self.leave_out_all();
        self.leave_out_nodes(heard);
    }

    fn leave_out_all(&mut self) {
        loop {
            let before = self.best.clone();
            self.leave_out();
            if self.best == before || self.stopped {
                return;
            }
        }
    }

    fn leave_out(&mut self) {
        self.reduce(
            |case| case.faults.len(),
            |case, range| Case { faults: without(&case.faults, range), ..case.clone() },
        );
        self.reduce(
            |case| case.edits.len(),
            |case, range| Case { edits: without(&case.edits, range), ..case.clone() },
        );
        let count = |case: &Case| case.operations.values().map(Vec::len).sum();
        self.reduce(count, without_operations);
        // Fewer operations are fewer messages, and an edit may mean one of the later of them.
        if !self.best.edits.is_empty() {
            self.reduce(count, without_operations_and_messages);
        }
    }

    /// Last of all, so that what is left does not need them to be down. Without some of its nodes, much never happens in
    /// any system, and that proves nothing.
    fn leave_out_nodes(&mut self, heard: &Heard) {
        if self.subject.is_eventual(&self.target.property) {
            return;
        }
        for &node in heard.clients.iter().chain(&heard.nodes) {
            if !self.best.absent.contains(&node) {
                let candidate = lacking(&self.best, node);
                self.first(&[candidate]);
            }
        }
    }

    /// One fault in the place of two, as long as there are such: what no single removal shows.
    fn merge(&mut self, heard: &Heard) {
        let may_stay = !self.subject.is_eventual(&self.target.property);
        'again: while self.best.faults.len() <= MOST_MERGED && !self.stopped {
            let best = self.best.clone();
            for one in 0..best.faults.len() {
                for other in one + 1..best.faults.len() {
                    if self.first(&merged(&best, one, other, &heard.nodes, may_stay)) {
                        continue 'again;
                    }
                }
            }
            return;
        }
    }

    /// Everything earlier, and operations with small numbers.
    fn begin_early(&mut self) {
        let mut candidates = Vec::new();
        for start in [0, 100, 200, 500, 1_000, 2_000].map(Duration::from_millis) {
            let (mut case, start) = (self.best.clone(), Time::ZERO + start);
            let mut times = times_of(&mut case);
            let Some(first) = times.iter().map(|time| **time).min() else { return };
            if start < first {
                let by = first.since(start);
                times.iter_mut().for_each(|time| **time = Time::ZERO + time.since(Time::ZERO + by));
                candidates.push(case);
            }
        }
        self.first(&candidates);
        for client in self.best.operations.keys().copied().collect::<Vec<_>>() {
            let mut case = self.best.clone();
            case.operations.entry(client).and_modify(|list| {
                list.iter_mut().zip(1..).for_each(|((number, _), place)| *number = place);
            });
            if case != self.best {
                self.first(&[case]);
            }
        }
    }

    /// Smaller partitions, faults that stay, round times and delays.
    fn simplify(&mut self) {
        let in_order = self.best.clone().in_order();
        if in_order != self.best {
            self.first(&[in_order]);
        }
        self.begin_early();
        let stays = !self.subject.is_eventual(&self.target.property);
        for place in 0..self.best.faults.len() {
            if stays && self.best.faults[place].until.is_some() {
                let mut case = self.best.clone();
                case.faults[place].until = None;
                self.first(&[case]);
            }
            while let Some(links) = links_of(&self.best.faults[place].fault) {
                let mut candidates = Vec::new();
                for links in smaller(links) {
                    let mut case = self.best.clone();
                    relink(&mut case.faults[place].fault, links);
                    candidates.push(case);
                }
                if !self.first(&candidates) {
                    break;
                }
            }
            let Spell { at, until, .. } = self.best.faults[place];
            let end = until.map_or(u64::MAX, Time::as_nanoseconds);
            self.make_round(at.as_nanoseconds(), 0..end, &|case, at| {
                case.faults[place].at = Time::from_nanoseconds(at);
            });
            if until.is_some() {
                let begin = self.best.faults[place].at.as_nanoseconds();
                self.make_round(end, begin + 1..u64::MAX, &|case, until| {
                    case.faults[place].until = Some(Time::from_nanoseconds(until));
                });
            }
        }
        for place in 0..self.best.edits.len() {
            if let Change::Delay(span) | Change::Duplicate(span) = self.best.edits[place].change {
                self.make_round(nanoseconds_of(span), 0..u64::MAX, &|case, span| {
                    if let Change::Delay(old) | Change::Duplicate(old) = &mut case.edits[place].change {
                        *old = Duration::from_nanos(span);
                    }
                });
            }
        }
        for (client, list) in self.best.operations.clone() {
            for (place, (_, at)) in list.iter().enumerate() {
                self.make_round(at.as_nanoseconds(), 0..u64::MAX, &|case, at| {
                    let at = Time::from_nanoseconds(at);
                    case.operations.entry(client).and_modify(|list| list[place].1 = at);
                });
            }
        }
    }

    /// Tries rounder numbers in the place of `number`, the roundest first, of those that are `within`.
    fn make_round(&mut self, number: u64, within: Range<u64>, change: &dyn Fn(&mut Case, u64)) {
        let mut candidates = Vec::new();
        for rounder in round(number) {
            if within.contains(&rounder) {
                let mut case = self.best.clone();
                change(&mut case, rounder);
                candidates.push(case);
            }
        }
        self.first(&candidates);
    }
}

/// More faults than this are not merged: that is only for what is small already.
const MOST_MERGED: usize = 8;

/// No more choices than this of a few faults and edits are tried, the fewest first,
const MOST_CHOICES: usize = 5_000;
/// and from all of them if there are more than this.
const MOST_FEW: usize = 3;

/// How often times and delays are made round.
const MOST_ROUNDS: usize = 5;

/// Cases with so few edits are remembered, so as not to be tried twice.
const FEW: usize = 50;
