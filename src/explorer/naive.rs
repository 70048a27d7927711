//! The same search without any cleverness, to compare with: whole worlds, ordered maps, one thread, one state after
//! the other, every handler run at every step.

use super::choices::Choices;
use super::{Exploration, Messages};
use crate::fingerprint::fingerprint;
use crate::links::Links;
use crate::node::NodeId;
use crate::process::{Effect, Value};
use crate::world::{Event, World};
use std::collections::{BTreeSet, VecDeque};

/// Everything that is part of a state, as it is.
#[derive(Clone)]
struct State<M: 'static> {
    world: World<M>,
    /// In the order of sending.
    in_flight: Vec<(NodeId, NodeId, M)>,
    split: Option<Links>,
    drops: u32,
    duplicates: u32,
    crashes: u32,
    timers: u32,
    partitions: u32,
}

type Key = (u128, Vec<(NodeId, NodeId, u128)>, Option<(Vec<NodeId>, Vec<NodeId>)>, [u32; 5]);

impl<M: Value> State<M> {
    fn key(&self, messages: Messages) -> Key {
        let envelope = |(from, to, message): &(NodeId, NodeId, M)| (*from, *to, fingerprint(message));
        let mut flight: Vec<_> = self.in_flight.iter().map(envelope).collect();
        match messages {
            // A stable sort: within a link the order stays.
            Messages::Ordered => flight.sort_by_key(|(from, to, _)| (*from, *to)),
            _ => flight.sort(),
        }
        let split = self.split.as_ref().map(|links| (links.from.clone(), links.to.clone()));
        let counts = [self.drops, self.duplicates, self.crashes, self.timers, self.partitions];
        (self.world.fingerprint(), flight, split, counts)
    }

    fn launch(&mut self, messages: Messages, envelope: (NodeId, NodeId, M)) {
        let (from, to, message) = &envelope;
        let print = fingerprint(message);
        let same =
            |other: &(NodeId, NodeId, M)| (other.0, other.1, fingerprint(&other.2)) == (*from, *to, print);
        let is_there = messages == Messages::Set && self.in_flight.iter().any(same);
        let is_cut = self.split.as_ref().is_some_and(|split| split.contains(*from, *to));
        if !is_there && !is_cut {
            self.in_flight.push(envelope);
        }
    }

    /// All that can become of it when `event` happens at `node`.
    fn after(&self, node: NodeId, event: &Event<M>, messages: Messages) -> Vec<State<M>> {
        let mut all = Vec::new();
        let mut script = Some(Vec::new());
        while let Some(current) = script {
            let (mut choices, mut effects, mut next) = (Choices::of(current), Vec::new(), self.clone());
            next.world.apply(event.clone(), &mut choices, &mut effects);
            for effect in effects {
                if let Effect::Send { to, message: Some(message) } = effect {
                    next.launch(messages, (node, to, message));
                }
            }
            all.push(next);
            script = choices.next();
        }
        all
    }
}

/// Distinct and generated states, and the depth.
pub(super) fn count<M: Value>(options: &Exploration<'_, M>) -> (usize, usize, usize) {
    let (world, sent) = options.start.not_yet_run();
    let messages = options.rules.messages;
    let mut first = State {
        world: world.clone(),
        in_flight: Vec::new(),
        split: None,
        drops: 0,
        duplicates: 0,
        crashes: 0,
        timers: 0,
        partitions: 0,
    };
    sent.iter().for_each(|envelope| first.launch(messages, envelope.clone()));
    let mut states = vec![first];
    for node in world.ids() {
        let start = |state: State<M>| state.after(node, &Event::Start(node), messages);
        states = states.into_iter().flat_map(start).collect();
    }
    let (mut seen, mut queue, mut generated, mut depth) = (BTreeSet::new(), VecDeque::new(), 0, 0);
    let mut visit = |state: State<M>, depth: usize, queue: &mut VecDeque<(State<M>, usize)>| {
        generated += 1;
        if seen.insert(state.key(messages)) {
            queue.push_back((state, depth));
        }
    };
    states.into_iter().for_each(|state| visit(state, 1, &mut queue));
    while let Some((state, at)) = queue.pop_front() {
        depth = at;
        for next in successors(options, &state) {
            visit(next, at + 1, &mut queue);
        }
    }
    (seen.len(), generated, depth)
}

fn successors<M: Value>(options: &Exploration<'_, M>, state: &State<M>) -> Vec<State<M>> {
    let (rules, world) = (&options.rules, &state.world);
    let mut all = Vec::new();
    let consumed = rules.messages != Messages::Set;
    let mut done = BTreeSet::new();
    for (at, (from, to, message)) in state.in_flight.iter().enumerate() {
        let class = match rules.messages {
            Messages::Ordered => 0,
            _ => fingerprint(message),
        };
        if !done.insert((*from, *to, class)) {
            continue;
        }
        let mut without = state.clone();
        if consumed {
            without.in_flight.remove(at);
        }
        if state.split.as_ref().is_some_and(|split| split.contains(*from, *to)) {
            all.extend(consumed.then(|| without.clone()));
        } else if world.connected(*from, *to) {
            if world.is_ready(*to) {
                let event = Event::Deliver { from: *from, to: *to, message: message.clone() };
                for next in without.after(*to, &event, rules.messages) {
                    let mut stays = next.clone();
                    stays.in_flight = state.in_flight.clone();
                    let quiet = next.in_flight.len() == without.in_flight.len();
                    let is_idle = quiet && stays.key(rules.messages) == state.key(rules.messages);
                    if rules.idle || !is_idle {
                        all.push(next);
                    }
                }
            } else if !world.is_up(*to) && rules.idle {
                all.push(without.clone());
            }
        }
        if consumed && state.drops < rules.drops {
            all.push(State { drops: state.drops + 1, ..without.clone() });
        }
        if consumed && state.duplicates < rules.duplicates {
            let mut next = State { duplicates: state.duplicates + 1, ..state.clone() };
            next.in_flight.insert(at, (*from, *to, message.clone()));
            all.push(next);
        }
    }
    for node in world.ids() {
        let mut events = Vec::new();
        if !world.is_up(node) {
            events.push((Event::Restart(node), 0, 0));
        } else {
            if world.is_ready(node) && rules.timers.is_none_or(|budget| state.timers < budget) {
                let counted = u32::from(rules.timers.is_some());
                events.extend(
                    world.timers(node).into_iter().map(|slot| (Event::Fire { node, slot }, counted, 0)),
                );
            }
            if world.is_syncing(node) {
                events.push((Event::Synced(node), 0, 0));
            }
            if state.crashes < rules.crashes && !world.is_client(node) {
                for kept in 0..=world.storage(node).unsynced() {
                    events.push((Event::Crash { node, kept, torn: false }, 0, 1));
                    if world.storage(node).can_tear(kept) {
                        events.push((Event::Crash { node, kept, torn: true }, 0, 1));
                    }
                }
            }
        }
        for (event, timers, crashes) in events {
            for mut next in state.after(node, &event, rules.messages) {
                next.timers += timers;
                next.crashes += crashes;
                all.push(next);
            }
        }
    }
    if state.split.is_some() {
        all.push(State { split: None, ..state.clone() });
    } else if state.partitions < rules.partitions {
        let servers: Vec<NodeId> = world.ids().filter(|node| !world.is_client(*node)).collect();
        for subset in 1..(1u32 << servers.len()) - 1 {
            let side = |is: bool| {
                let at = (0..servers.len()).filter(|at| (subset & 1 << at != 0) == is);
                at.map(|at| servers[at]).collect::<Vec<NodeId>>()
            };
            // Each split once: the first node is on the first side.
            if subset & 1 == 1 {
                let split = Some(Links::between(side(true), side(false)));
                all.push(State { split, partitions: state.partitions + 1, ..state.clone() });
            }
        }
    }
    all
}
