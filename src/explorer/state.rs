//! A state of the search, the steps that lead on from it, and what a handler chose.

use super::{Exploration, Messages};
use crate::distribution::Distribution;
use crate::fingerprint::{Fingerprinter, fingerprint};
use crate::node::NodeId;
use crate::process::{Effect, Environment, Value};
use crate::time::Time;
use crate::world::{Event, World};
use std::collections::BTreeMap;
use std::hash::Hash;
use std::time::Duration;

/// A message in flight, known by its link and its fingerprint.
pub(super) type Flying = (NodeId, NodeId, u128);

#[derive(Clone)]
pub(super) struct State<M: 'static> {
    pub(super) world: World<M>,
    pub(super) in_flight: BTreeMap<Flying, (M, u32)>,
    pub(super) drops: u32,
    pub(super) crashes: u32,
    pub(super) timers: u32,
}

/// One step of the search. `Start` comes only before the first state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Start(NodeId),
    Deliver(Flying),
    Drop(Flying),
    Fire(NodeId, usize),
    Sync(NodeId),
    /// Keeps so many unsynced writes, and tears the next or not.
    Crash(NodeId, usize, bool),
    Restart(NodeId),
}

/// An action and what its handler chose.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) choices: Vec<u32>,
}

/// Answers `choose` from a script, and with zero beyond its end, and remembers the bounds.
pub(super) struct Choices {
    pub(super) script: Vec<u32>,
    pub(super) bounds: Vec<u32>,
}

impl Environment for Choices {
    fn now(&self) -> Option<Time> {
        None
    }
    fn choose(&mut self, bound: u32) -> u32 {
        self.bounds.push(bound);
        if self.script.len() < self.bounds.len() {
            self.script.push(0);
        }
        self.script[self.bounds.len() - 1]
    }
    fn chance(&mut self, _: u32, _: u32) -> bool {
        self.choose(2) == 1
    }
    fn sample(&mut self, distribution: &Distribution) -> Duration {
        distribution.mean()
    }
    fn client_number(&mut self, _: u64) -> Option<u64> {
        None
    }
    fn observed(&self) -> bool {
        false
    }
}

impl Choices {
    /// The next script in the order of an odometer; none after the last.
    pub(super) fn next(mut self) -> Option<Vec<u32>> {
        while let Some(last) = self.script.pop() {
            if last + 1 < self.bounds[self.script.len()] {
                self.script.push(last + 1);
                return Some(self.script);
            }
        }
        None
    }
}

impl<M: Value> State<M> {
    pub(super) fn launch(&mut self, from: NodeId, to: NodeId, message: M, messages: Messages) {
        let flying = (from, to, fingerprint(&message));
        let (_, count) = self.in_flight.entry(flying).or_insert((message, 0));
        *count = match messages {
            Messages::Multiset => *count + 1,
            Messages::Set => 1,
        };
    }

    /// Takes one of these messages out of the air.
    fn land(&mut self, flying: &Flying, stays: bool) -> M {
        let (message, count) = self.in_flight.get_mut(flying).expect("the message is in flight");
        let message = message.clone();
        *count -= u32::from(!stays);
        if *count == 0 {
            self.in_flight.remove(flying);
        }
        message
    }

    pub(super) fn take(&mut self, action: Action, choices: &mut Choices, options: &Exploration<'_, M>) {
        let event = match action {
            Action::Start(node) => Event::Start(node),
            Action::Deliver(flying) => {
                let (from, to, _) = flying;
                let message = self.land(&flying, options.messages == Messages::Set);
                if !self.world.is_up(to) {
                    return;
                }
                Event::Deliver { from, to, message }
            }
            Action::Drop(flying) => {
                self.drops += 1;
                self.land(&flying, false);
                return;
            }
            Action::Fire(node, slot) => {
                // Only a budget makes the count part of the state.
                self.timers += u32::from(options.timers.is_some());
                Event::Fire { node, slot }
            }
            Action::Sync(node) => Event::Synced(node),
            Action::Crash(node, kept, torn) => {
                self.crashes += 1;
                Event::Crash { node, kept, torn }
            }
            Action::Restart(node) => Event::Restart(node),
        };
        let node = event.node().expect("links change in no action");
        let mut effects = Vec::new();
        self.world.apply(event, choices, &mut effects);
        self.world.share();
        for effect in effects {
            if let Effect::Send { to, message: Some(message) } = effect {
                self.launch(node, to, message, options.messages);
            }
        }
    }

    pub(super) fn fingerprint(&self) -> u128 {
        let mut hasher = Fingerprinter::new();
        self.world.fingerprint().hash(&mut hasher);
        for (flying, (_, count)) in &self.in_flight {
            (flying, count).hash(&mut hasher);
        }
        (self.drops, self.crashes, self.timers).hash(&mut hasher);
        hasher.finish128()
    }

    pub(super) fn describe(&self, action: Action) -> String {
        let name = |node: NodeId| self.world.name(node);
        match action {
            Action::Start(node) => format!("{} starts", name(node)),
            Action::Deliver(flying) => {
                let (from, to, _) = flying;
                format!("{} receives {:?} from {}", name(to), self.in_flight[&flying].0, name(from))
            }
            Action::Drop(flying) => {
                let (from, to, _) = flying;
                format!("{:?} from {} to {} is lost", self.in_flight[&flying].0, name(from), name(to))
            }
            Action::Fire(node, slot) => {
                let timer = self.world.timer(node, slot).expect("the timer is set");
                format!("timer {timer:?} of {} fires", name(node))
            }
            Action::Sync(node) => format!("the writes of {} are durable", name(node)),
            Action::Crash(node, kept, torn) => {
                let lost = self.world.storage(node).unsynced() - kept;
                let torn = if torn { ", the first of them torn" } else { "" };
                format!("{} crashes and loses {lost} unsynced writes{torn}", name(node))
            }
            Action::Restart(node) => format!("{} restarts", name(node)),
        }
    }
}
