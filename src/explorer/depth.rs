//! Depth first, with or without a limit that grows: on one thread, with only the states of one path in full.

use super::path::{Path, Printed};
use super::search::Search;
use super::successors::{Action, Successor};
use super::{Bound, Counterexample, Explored, Progress, Verdict};
use crate::process::Value;
use std::collections::BTreeMap;

/// How often somebody who watches is told.
const TOLD_EVERY: usize = 1 << 14;

/// A state of the path, and the steps from it that are still to be taken.
struct Open {
    state: Vec<u32>,
    steps: Vec<Successor>,
    next: usize,
}

/// How a descent ended.
enum Descent {
    /// It has seen everything above its limit; whether there is more below.
    Done(bool),
    Ended(Verdict, Option<Bound>),
}

impl<M: Value> Search<'_, '_, M> {
    pub(super) fn depth_first(mut self, states: &[Printed]) -> Explored {
        let mut depths = BTreeMap::new();
        let mut deepest = 0;
        match self.descend(states, self.options.max_depth, &mut depths, &mut deepest) {
            Descent::Done(false) => self.concluded(deepest, states),
            Descent::Done(true) => self.explored(deepest, Verdict::Unknown, Some(Bound::Depth)),
            Descent::Ended(verdict, bound) => self.explored(deepest, verdict, bound),
        }
    }

    pub(super) fn deepening(mut self, states: &[Printed]) -> Explored {
        for limit in 1.. {
            let mut depths = BTreeMap::new();
            let mut deepest = 0;
            self.parents.clear();
            match self.descend(states, limit, &mut depths, &mut deepest) {
                Descent::Done(false) => return self.concluded(deepest, states),
                Descent::Done(true) if limit < self.options.max_depth => {}
                Descent::Done(true) => return self.explored(deepest, Verdict::Unknown, Some(Bound::Depth)),
                Descent::Ended(verdict, bound) => return self.explored(deepest, verdict, bound),
            }
        }
        unreachable!("a limit grows until everything is above it")
    }

    /// Goes on from each state to the first that is new, down to depth `limit`. A state that is found again on a
    /// shorter path is gone on from again, if there is a limit.
    fn descend(
        &mut self,
        states: &[Printed],
        limit: usize,
        depths: &mut BTreeMap<u128, usize>,
        deepest: &mut usize,
    ) -> Descent {
        let has_limit = limit != usize::MAX;
        let mut is_cut = false;
        for start in states {
            self.generated += 1;
            let mut open: Vec<Open> = Vec::new();
            let mut arrived = Some((start.0.clone(), start.1));
            loop {
                if let Some((state, print)) = arrived.take() {
                    let depth = open.len() + 1;
                    let known = depths.get(&print).copied();
                    let is_better = known.is_none_or(|known| has_limit && depth < known);
                    if is_better && known.is_none() && depths.len() == self.options.max_states {
                        return Descent::Ended(Verdict::Unknown, Some(Bound::States));
                    }
                    if is_better {
                        depths.insert(print, depth);
                        *deepest = depth.max(*deepest);
                    }
                    if is_better && known.is_none() {
                        self.parents.push_initial(0);
                        if let Some(property) = self.judge_one(&state) {
                            let path = self.path_of(start, &open, None, property);
                            return Descent::Ended(Verdict::Violated(path), None);
                        }
                        if let Some(bound) = self.is_stopped(depth, open.len()) {
                            return Descent::Ended(Verdict::Unknown, Some(bound));
                        }
                    }
                    if is_better {
                        let mut steps = Vec::new();
                        if let Err((action, panic)) = self.steps(&state, print, &mut steps) {
                            open.push(Open { state, steps, next: 0 });
                            let path = self.path_of(start, &open, Some(action), panic);
                            return Descent::Ended(Verdict::Violated(path), None);
                        }
                        if depth < limit {
                            open.push(Open { state, steps, next: 0 });
                        } else {
                            is_cut |= steps.iter().any(|step| !depths.contains_key(&step.print));
                        }
                    }
                }
                let Some(last) = open.last_mut() else { break };
                match last.steps.get(last.next).copied() {
                    Some(step) => {
                        last.next += 1;
                        self.generated += 1;
                        let mut next = Vec::new();
                        let open = open.last().expect("it was there");
                        self.shared.stepper().write(&open.state, &step, &mut next);
                        arrived = Some((next, step.print));
                    }
                    None => drop(open.pop()),
                }
            }
        }
        Descent::Done(is_cut)
    }

    fn is_stopped(&mut self, depth: usize, open: usize) -> Option<Bound> {
        // A node of an ordered map takes about 64 bytes for each entry.
        self.bytes = self.parents.len() * 72 + open * 512 + self.shared.catalogue.bytes();
        if self.bytes > self.options.max_memory {
            return Some(Bound::Memory);
        }
        let (distinct, generated, bytes) = (self.parents.len(), self.generated, self.bytes);
        if !distinct.is_multiple_of(TOLD_EVERY) {
            return None;
        }
        let progress = Progress { distinct, generated, depth, frontier: open, bytes };
        let goes_on = self.options.watch.as_ref().is_none_or(|watch| watch(&progress));
        (!goes_on).then_some(Bound::Interrupted)
    }

    fn path_of(
        &self,
        start: &Printed,
        open: &[Open],
        last: Option<Action>,
        property: String,
    ) -> Counterexample {
        let stepper = self.shared.stepper();
        let mut path = Path::new(&stepper, start);
        // Of the last one, no step was taken if it is where something panicked.
        open.iter().filter(|open| open.next > 0).for_each(|open| path.step(open.next as u32 - 1));
        path.end(last, property)
    }
}
