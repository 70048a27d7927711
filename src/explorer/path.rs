//! A path of the search in words and as a drawing; and the states that paths begin at.

use super::catalogue::{Catalogue, Judge, Own, Transition};
use super::successors::{Action, HEADER, HISTORY, Map, NOTHING, Stepper, Successor};
use super::{Act, Counterexample, Rules, Step, Trail};
use crate::node::NodeId;
use crate::process::Value;
use crate::record::kind_of;
use crate::world::Event;
use std::collections::BTreeSet;

/// A state with its fingerprint.
pub(super) type Printed = (Vec<u32>, u128);

/// The states in which every node has started, in the order of adding. The error is a panic.
pub(super) fn initial<M: Value>(
    catalogue: &mut Catalogue<M>,
    rules: &Rules,
    map: &Map,
    sent: &[(NodeId, NodeId, M)],
    judge: Judge<'_>,
) -> Result<Vec<Printed>, String> {
    let mut state = catalogue.first_parts();
    state.extend([0; HEADER]);
    let sent: Vec<u32> = sent
        .iter()
        .map(|(from, to, message)| catalogue.envelope(from.index(), to.index(), message.clone()))
        .collect();
    for envelope in sent {
        Stepper { catalogue, rules, map }.launch(&mut state, map.nodes + HEADER, envelope);
    }
    let mut states = vec![state];
    for node in 0..map.nodes {
        let mut started = Vec::new();
        for state in states {
            let event = Event::Start(NodeId::new(node));
            let (first, count) = match catalogue.run(state[node], &event) {
                Transition::Outcomes(first, count) => (first, count),
                Transition::Panics(panic) => return Err(panic),
            };
            for outcome in first..first + count {
                let before = state[map.nodes + HISTORY];
                let history = match catalogue.told(before, outcome) {
                    Ok(history) => history,
                    Err(missing) => {
                        catalogue.find_out(missing, judge);
                        catalogue.told(before, outcome).unwrap_or(before)
                    }
                };
                let stepper = Stepper { catalogue, rules, map };
                let action = Action::Own { node: node as u32, index: u32::MAX };
                let step = Successor { print: 0, action, outcome, history };
                let mut next = Vec::new();
                stepper.write(&state, &step, &mut next);
                started.push(next);
            }
        }
        states = started;
    }
    let stepper = Stepper { catalogue, rules, map };
    Ok(states.into_iter().map(|state| (stepper.print(&state), state)).map(|(p, s)| (s, p)).collect())
}

/// One step in words, and where it belongs in a drawing.
struct Told {
    text: String,
    from: Option<usize>,
    at: Option<usize>,
    label: String,
    is_lost: bool,
}

/// A path that is walked forward.
pub(super) struct Path<'p, M: 'static> {
    stepper: &'p Stepper<'p, M>,
    state: Vec<u32>,
    print: u128,
    told: Vec<Told>,
    trail: Trail,
}

impl Path<'_, ()> {
    /// The counterexample of what is wrong from the start.
    pub(super) fn empty(property: String) -> Counterexample {
        let (steps, drawing, trail) = (Vec::new(), String::new(), Trail::default());
        Counterexample { property, steps, cycle: None, drawing, trail }
    }
}

impl<'p, M: Value> Path<'p, M> {
    pub(super) fn new(stepper: &'p Stepper<'p, M>, start: &Printed) -> Self {
        let parts = &start.0[..stepper.map.nodes];
        let started = parts.iter().map(|part| stepper.catalogue.parts[*part as usize].print).collect();
        let trail = Trail { started, steps: Vec::new() };
        Path { stepper, state: start.0.clone(), print: start.1, told: Vec::new(), trail }
    }

    /// Takes the step of this number.
    pub(super) fn step(&mut self, ordinal: u32) {
        let mut steps = Vec::new();
        // A panic comes after the steps that were taken.
        let _ = self.stepper.successors(&self.state, self.print, &mut steps, &mut Vec::new());
        let step = steps[ordinal as usize];
        let mut told = self.tell(step.action);
        if step.outcome != NOTHING {
            let choices = &self.stepper.catalogue.outcomes[step.outcome as usize].choices;
            let chosen: Vec<String> = choices.iter().map(u32::to_string).collect();
            if !chosen.is_empty() {
                told.text.push_str(&format!(", choosing {}", chosen.join(", ")));
            }
        }
        self.told.push(told);
        let after = (step.outcome != NOTHING).then(|| {
            let outcome = &self.stepper.catalogue.outcomes[step.outcome as usize];
            self.stepper.catalogue.parts[outcome.part as usize].print
        });
        self.trail.steps.push(Step { act: self.act(step.action), after });
        let mut next = Vec::new();
        self.stepper.write(&self.state, &step, &mut next);
        (self.state, self.print) = (next, step.print);
    }

    /// The counterexample of what never happens: from some step on, the rest is repeated for ever, unless the path
    /// ends where nothing has to happen any more.
    pub(super) fn never(self, cycle: Option<usize>, property: String) -> Counterexample {
        Counterexample { cycle, ..self.end(None, property) }
    }

    /// The counterexample: `last` is a step that did not end.
    pub(super) fn end(mut self, last: Option<Action>, property: String) -> Counterexample {
        if let Some(action) = last {
            self.told.push(self.tell(action));
            self.trail.steps.push(Step { act: self.act(action), after: None });
        }
        let drawing = self.draw();
        let steps = self.told.into_iter().map(|told| told.text).collect();
        Counterexample { property, steps, cycle: None, drawing, trail: self.trail }
    }

    fn act(&self, action: Action) -> Act {
        let catalogue = self.stepper.catalogue;
        let print = |envelope: u32| catalogue.envelopes[envelope as usize].print;
        match action {
            Action::Deliver(envelope) => Act::Deliver(print(envelope)),
            Action::Cut(envelope) | Action::Drop(envelope) => Act::Lose(print(envelope)),
            Action::Duplicate(_) => Act::Duplicate,
            Action::Partition(split) => Act::Partition(self.stepper.map.splits[split as usize - 1].clone()),
            Action::Heal => Act::Heal,
            Action::Own { node, index } => {
                let (part, id) = (self.state[node as usize], NodeId::new(node as usize));
                match catalogue.parts[part as usize].own[index as usize] {
                    Own::Fire(slot) => {
                        let world = catalogue.world_of(part);
                        Act::Fire(id, world.timer(id, slot).expect("the timer is set").fingerprint())
                    }
                    Own::Sync => Act::Sync(id),
                    Own::Crash(..) => Act::Crash(id),
                    Own::Restart => Act::Restart(id),
                }
            }
        }
    }

    fn name(&self, node: usize) -> &str {
        self.stepper.catalogue.world().name(NodeId::new(node))
    }

    fn tell(&self, action: Action) -> Told {
        let catalogue = self.stepper.catalogue;
        let message = |envelope: u32, is_lost: bool, text: &dyn Fn(&str, &str, &M) -> String| {
            let envelope = &catalogue.envelopes[envelope as usize];
            let (from, to) = (self.name(envelope.from), self.name(envelope.to));
            Told {
                text: text(from, to, &envelope.message),
                from: Some(envelope.from),
                at: Some(envelope.to),
                label: kind_of(&envelope.message).to_string(),
                is_lost,
            }
        };
        let links = |text: String| Told { label: text.clone(), text, from: None, at: None, is_lost: false };
        match action {
            Action::Deliver(envelope) => message(envelope, false, &|from, to, message| {
                format!("{to} receives {message:?} from {from}")
            }),
            Action::Cut(envelope) => message(envelope, true, &|from, to, message| {
                format!("{message:?} from {from} to {to} is cut by the partition")
            }),
            Action::Drop(envelope) => message(envelope, true, &|from, to, message| {
                format!("{message:?} from {from} to {to} is lost")
            }),
            Action::Duplicate(envelope) => message(envelope, false, &|from, to, message| {
                format!("{message:?} from {from} to {to} is duplicated")
            }),
            Action::Partition(split) => {
                let split = &self.stepper.map.splits[split as usize - 1];
                links(format!("the network splits: {split}"))
            }
            Action::Heal => links("the network heals".to_string()),
            Action::Own { node, index } => self.tell_own(node as usize, index as usize),
        }
    }

    fn tell_own(&self, node: usize, index: usize) -> Told {
        let known = &self.stepper.catalogue.parts[self.state[node] as usize];
        let name = self.name(node);
        let world = self.stepper.catalogue.world_of(self.state[node]);
        let (text, label) = match known.own[index] {
            Own::Fire(slot) => {
                let timer = world.timer(NodeId::new(node), slot).expect("the timer is set");
                (format!("timer {timer:?} of {name} fires"), format!("timer {timer:?}"))
            }
            Own::Sync => (format!("the writes of {name} are durable"), "durable".to_string()),
            Own::Crash(kept, torn) => {
                let lost = world.storage(NodeId::new(node)).unsynced() - kept;
                let torn = if torn { ", the first of them torn" } else { "" };
                (format!("{name} crashes and loses {lost} unsynced writes{torn}"), "crashes".to_string())
            }
            Own::Restart => (format!("{name} restarts"), "restarts".to_string()),
        };
        Told { text, from: None, at: Some(node), label, is_lost: false }
    }

    /// A column for each node that takes part, a row for each step.
    fn draw(&self) -> String {
        const WIDTH: usize = 16;
        let nodes: BTreeSet<usize> =
            self.told.iter().flat_map(|told| [told.from, told.at]).flatten().collect();
        let nodes: Vec<usize> = nodes.into_iter().collect();
        let column = |node: usize| 5 + WIDTH * nodes.iter().position(|other| *other == node).unwrap_or(0);
        let mut text = " ".repeat(5);
        for node in &nodes {
            let name: String = self.name(*node).chars().take(WIDTH - 1).collect();
            text.push_str(&format!("{name:<WIDTH$}"));
        }
        for (number, told) in self.told.iter().enumerate() {
            let mut row = vec![' '; 5 + WIDTH * nodes.len()];
            let put = |row: &mut Vec<char>, at: usize, what: &str| {
                for (offset, character) in what.chars().enumerate().take(row.len().saturating_sub(at)) {
                    row[at + offset] = character;
                }
            };
            put(&mut row, 0, &format!("{:>3}", number + 1));
            nodes.iter().for_each(|node| row[column(*node)] = '|');
            let label: String = told.label.chars().take(WIDTH - 4).collect();
            match (told.from, told.at) {
                (Some(from), Some(to)) if from != to => {
                    let (from, to) = (column(from), column(to));
                    (from.min(to) + 1..from.max(to)).for_each(|at| row[at] = '-');
                    let at = if from < to { from + 2 } else { from - 1 - label.chars().count() };
                    put(&mut row, at, &label);
                    let head = if told.is_lost {
                        "x"
                    } else if from < to {
                        ">"
                    } else {
                        "<"
                    };
                    put(&mut row, if from < to { to - 1 } else { to + 1 }, head);
                }
                (_, Some(node)) => put(&mut row, column(node), &format!("* {label}")),
                _ => put(&mut row, 5, &told.label),
            }
            text = text.trim_end().to_string();
            text.push('\n');
            text.extend(row);
        }
        text.trim_end().to_string()
    }
}
