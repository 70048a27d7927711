//! Breadth first: level by level, each state once.

use super::state::{Action, Choices, State, Step};
use super::{Counterexample, Exploration, Explored, Messages, Verdict};
use crate::caught::caught;
use crate::process::Value;
use crate::property::When;
use std::collections::BTreeMap;

impl<M: Value> Exploration<'_, M> {
    /// The initial states: every node has started, in the order of adding.
    #[track_caller]
    fn initial(&self) -> Result<Vec<State<M>>, String> {
        let (world, sent) = self.start.not_yet_run();
        let mut first =
            State { world: world.clone(), in_flight: BTreeMap::new(), drops: 0, crashes: 0, timers: 0 };
        first.world.share();
        for (from, to, message) in sent {
            first.launch(*from, *to, message.clone(), self.messages);
        }
        let mut states = vec![first];
        for node in world.ids() {
            let mut started = Vec::new();
            for state in &states {
                let successors = self.successors(state, Action::Start(node))?;
                started.extend(successors.into_iter().map(|(_, successor)| successor));
            }
            states = started;
        }
        Ok(states)
    }

    fn actions(&self, state: &State<M>) -> Vec<Action> {
        let world = &state.world;
        let mut actions = Vec::new();
        for &flying in state.in_flight.keys() {
            let (from, to, _) = flying;
            if world.connected(from, to) && (world.is_ready(to) || !world.is_up(to)) {
                actions.push(Action::Deliver(flying));
            }
            if state.drops < self.drops && self.messages == Messages::Multiset {
                actions.push(Action::Drop(flying));
            }
        }
        for node in world.ids() {
            if !world.is_up(node) {
                actions.push(Action::Restart(node));
                continue;
            }
            if world.is_ready(node) && self.timers.is_none_or(|budget| state.timers < budget) {
                actions.extend(world.timers(node).into_iter().map(|slot| Action::Fire(node, slot)));
            }
            if world.is_syncing(node) {
                actions.push(Action::Sync(node));
            }
            if state.crashes < self.crashes && !world.is_client(node) {
                let unsynced = world.storage(node).unsynced();
                for kept in 0..=unsynced {
                    actions.push(Action::Crash(node, kept, false));
                    if world.storage(node).can_tear(kept) {
                        actions.push(Action::Crash(node, kept, true));
                    }
                }
            }
        }
        actions
    }

    /// What can become of `state` by `action`: one state for each way its handler can choose.
    fn successors(&self, state: &State<M>, action: Action) -> Result<Vec<(Step, State<M>)>, String> {
        let mut successors = Vec::new();
        let mut script = Some(Vec::new());
        while let Some(current) = script {
            let mut choices = Choices { script: current, bounds: Vec::new() };
            let mut successor = state.clone();
            caught(|| successor.take(action, &mut choices, self))?;
            successors.push((Step { action, choices: choices.script.clone() }, successor));
            script = choices.next();
        }
        Ok(successors)
    }
}

pub(super) struct Search<'s, 'a, M: Value> {
    pub(super) options: &'s Exploration<'a, M>,
    /// How each state was first found: from which one, and by which step. Initial states have none.
    pub(super) parents: BTreeMap<u128, Option<(u128, Step)>>,
    pub(super) generated: usize,
    pub(super) reached: Vec<usize>,
}

impl<M: Value> Search<'_, '_, M> {
    #[track_caller]
    pub(super) fn run(&mut self) -> Explored {
        let initial = match self.options.initial() {
            Ok(initial) => initial,
            Err(panic) => {
                let verdict = Verdict::Violated(Counterexample { property: panic, steps: Vec::new() });
                return self.explored(0, verdict);
            }
        };
        let mut level = Vec::new();
        for state in &initial {
            if let Some(verdict) = self.visit(state.clone(), None, &mut level, &initial) {
                return self.explored(1, verdict);
            }
        }
        let mut depth = 0;
        while !level.is_empty() {
            depth += 1;
            for (print, state) in std::mem::take(&mut level) {
                for action in self.options.actions(&state) {
                    let successors = match self.options.successors(&state, action) {
                        Ok(successors) => successors,
                        Err(panic) => {
                            let last = state.describe(action);
                            let path = self.counterexample(print, panic, &initial, Some(last));
                            return self.explored(depth, Verdict::Violated(path));
                        }
                    };
                    for (step, successor) in successors {
                        let parent = Some((print, step));
                        if let Some(verdict) = self.visit(successor, parent, &mut level, &initial) {
                            return self.explored(depth + 1, verdict);
                        }
                    }
                }
            }
        }
        self.explored(depth, Verdict::Holds)
    }

    /// Takes note of a state. If it is new it is judged, and put on the next level.
    fn visit(
        &mut self,
        state: State<M>,
        parent: Option<(u128, Step)>,
        level: &mut Vec<(u128, State<M>)>,
        initial: &[State<M>],
    ) -> Option<Verdict> {
        self.generated += 1;
        let print = state.fingerprint();
        if self.parents.contains_key(&print) {
            return None;
        }
        if self.parents.len() == self.options.max_states {
            return Some(Verdict::Unknown);
        }
        self.parents.insert(print, parent);
        for (index, property) in self.options.properties.iter().enumerate() {
            let awaited = match property.when {
                When::Always => true,
                When::Reachable if !self.reached.contains(&index) => false,
                When::Reachable | When::EventuallyAfterHeal => continue,
            };
            let broken = match caught(|| property.holds(&state.world)) {
                Ok(holds) if holds == awaited => continue,
                Ok(_) if property.when == When::Reachable => {
                    self.reached.push(index);
                    continue;
                }
                Ok(_) => property.name.clone(),
                Err(panic) => format!("{} (which panics: {panic})", property.name),
            };
            return Some(Verdict::Violated(self.counterexample(print, broken, initial, None)));
        }
        level.push((print, state));
        None
    }

    /// Walks back to an initial state, and then forward again to put the steps into words.
    fn counterexample(
        &self,
        mut print: u128,
        property: String,
        initial: &[State<M>],
        last: Option<String>,
    ) -> Counterexample {
        let mut path = Vec::new();
        while let Some((parent, step)) = &self.parents[&print] {
            path.push(step);
            print = *parent;
        }
        let start = initial.iter().find(|state| state.fingerprint() == print);
        let mut state = start.expect("a path begins at an initial state").clone();
        let mut steps = Vec::new();
        for step in path.into_iter().rev() {
            steps.push(state.describe(step.action));
            let mut choices = Choices { script: step.choices.clone(), bounds: Vec::new() };
            state.take(step.action, &mut choices, self.options);
        }
        steps.extend(last);
        Counterexample { property, steps }
    }

    fn explored(&self, depth: usize, verdict: Verdict) -> Explored {
        let unreached =
            self.options.properties.iter().enumerate().filter(|(index, property)| {
                property.when == When::Reachable && !self.reached.contains(index)
            });
        Explored {
            distinct: self.parents.len(),
            generated: self.generated,
            depth,
            verdict,
            unreached: unreached.map(|(_, property)| property.name.clone()).collect(),
        }
    }
}
