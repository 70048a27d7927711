//! A state as a few numbers, and the steps that lead on from it.
//!
//! A state is a slice: the number of each node's state, a header of counts and of what is no node's, and the
//! numbers of the messages in flight: sorted, or in the order of sending where links keep it. Its fingerprint is
//! the sum of those of its pieces, so that a step adds and subtracts what it changes.

use super::catalogue::{Catalogue, Missing, Own, Transition};
use super::{MOST_SPLIT, Messages, Rules};
use crate::fingerprint::fingerprint;
use crate::links::Links;
use crate::node::NodeId;
use crate::process::Value;

/// What stands in the header.
pub(super) const DROPS: usize = 0;
pub(super) const DUPLICATES: usize = 1;
pub(super) const CRASHES: usize = 2;
pub(super) const TIMERS: usize = 3;
pub(super) const PARTITIONS: usize = 4;
/// The number of the partition in force, from one on.
pub(super) const SPLIT: usize = 5;
pub(super) const HISTORY: usize = 6;
pub(super) const HEADER: usize = 7;

/// A step that needs no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Deliver(u32),
    /// A partition cuts the message's link while it arrives.
    Cut(u32),
    Drop(u32),
    Duplicate(u32),
    Own {
        node: u32,
        index: u32,
    },
    Partition(u32),
    Heal,
}

/// What stands for no outcome: no handler runs.
pub(super) const NOTHING: u32 = u32::MAX;

/// A state one step on, not yet written down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Successor {
    pub(super) print: u128,
    pub(super) action: Action,
    pub(super) outcome: u32,
    pub(super) history: u32,
}

/// Finds the steps from states.
pub(super) struct Stepper<'c, M: 'static> {
    pub(super) catalogue: &'c Catalogue<M>,
    pub(super) rules: &'c Rules,
    pub(super) map: &'c Map,
}

/// What a stepper reads, for many threads to have at once.
pub(super) struct Shared<M: 'static> {
    pub(super) catalogue: Catalogue<M>,
    pub(super) rules: Rules,
    pub(super) map: Map,
}

impl<M> Shared<M> {
    pub(super) fn stepper(&self) -> Stepper<'_, M> {
        Stepper { catalogue: &self.catalogue, rules: &self.rules, map: &self.map }
    }
}

/// What the links are.
pub(super) struct Map {
    pub(super) nodes: usize,
    /// The partitions that may come.
    pub(super) splits: Vec<Links>,
    /// For each of them, and before them for none, whether it cuts the link from one to another.
    cut: Vec<Vec<bool>>,
    /// Whether the world that the search begins with cuts it.
    cut_before: Vec<bool>,
    any_cut_before: bool,
}

impl Map {
    pub(super) fn new<M: Value>(world: &crate::world::World<M>, rules: &Rules) -> Map {
        let nodes = world.count();
        let servers: Vec<NodeId> = world.ids().filter(|&node| !world.is_client(node)).collect();
        let mut splits = Vec::new();
        if rules.partitions > 0 && servers.len() > 1 {
            let count = servers.len();
            assert!(
                count <= MOST_SPLIT,
                "explore: partitions of {count} nodes, at most {MOST_SPLIT} can be split"
            );
            // The first server's side has every subset of the others but all of them.
            for others in 0..(1u32 << (servers.len() - 1)) - 1 {
                let with_first = |at: usize| at == 0 || others & 1 << (at - 1) != 0;
                let side = |is: bool| -> Vec<NodeId> {
                    let at = (0..servers.len()).filter(|&at| with_first(at) == is);
                    at.map(|at| servers[at]).collect()
                };
                splits.push(Links::between(side(true), side(false)));
            }
        }
        let links = |cuts: &dyn Fn(NodeId, NodeId) -> bool| -> Vec<bool> {
            let pairs = (0..nodes * nodes).map(|at| (NodeId::new(at / nodes), NodeId::new(at % nodes)));
            pairs.map(|(from, to)| cuts(from, to)).collect()
        };
        let cut_before = links(&|from, to| !world.connected(from, to));
        let cut = splits.iter().map(|split| links(&|from, to| split.contains(from, to))).collect();
        Map { nodes, splits, cut, any_cut_before: cut_before.contains(&true), cut_before }
    }

    /// Whether partition number `split` cuts the link.
    #[inline]
    fn cuts(&self, split: u32, from: usize, to: usize) -> bool {
        split != 0 && self.cut[split as usize - 1][from * self.nodes + to]
    }

    #[inline]
    fn cuts_for_ever(&self, from: usize, to: usize) -> bool {
        self.any_cut_before && self.cut_before[from * self.nodes + to]
    }
}

/// What the `place`th word of the header adds to the fingerprint.
fn header_print(place: usize, value: u32) -> u128 {
    if value == 0 { 0 } else { fingerprint(&(place, value)) }
}

/// What the message at `place` of its link's queue adds to it.
pub(super) fn queued_print(print: u128, place: usize) -> u128 {
    print.wrapping_mul((place as u128) << 1 | 1)
}

impl<M: Value> Stepper<'_, M> {
    fn header<'s>(&self, state: &'s [u32]) -> &'s [u32] {
        &state[self.map.nodes..self.map.nodes + HEADER]
    }

    pub(super) fn in_flight<'s>(&self, state: &'s [u32]) -> &'s [u32] {
        &state[self.map.nodes + HEADER..]
    }

    pub(super) fn word(&self, state: &[u32], place: usize) -> u32 {
        state[self.map.nodes + place]
    }

    /// The fingerprint from nothing.
    pub(super) fn print(&self, state: &[u32]) -> u128 {
        let parts = state[..self.map.nodes].iter().map(|part| self.catalogue.parts[*part as usize].print);
        let mut sum = parts.fold(0, u128::wrapping_add);
        for (place, value) in self.header(state).iter().enumerate() {
            sum = sum.wrapping_add(match place {
                HISTORY => self.catalogue.history_print(*value),
                _ => header_print(place, *value),
            });
        }
        sum.wrapping_add(self.flight_print(self.in_flight(state)))
    }

    fn flight_print(&self, in_flight: &[u32]) -> u128 {
        let mut sum = 0u128;
        for (at, number) in in_flight.iter().enumerate() {
            let envelope = &self.catalogue.envelopes[*number as usize];
            sum = sum.wrapping_add(match self.rules.messages {
                Messages::Ordered => {
                    let before =
                        in_flight[..at].iter().filter(|other| self.link(**other) == self.link(*number));
                    queued_print(envelope.print, before.count())
                }
                _ => envelope.print,
            });
        }
        sum
    }

    fn link(&self, envelope: u32) -> (usize, usize) {
        let envelope = &self.catalogue.envelopes[envelope as usize];
        (envelope.from, envelope.to)
    }

    /// Appends the steps from `state`, in a fixed order, and what was missing to know them all. With something
    /// missing, the steps are not all there. The error is a panic of a handler, and the step that it was in.
    pub(super) fn successors(
        &self,
        state: &[u32],
        print: u128,
        into: &mut Vec<Successor>,
        missing: &mut Vec<Missing>,
    ) -> Result<(), (Action, String)> {
        let (header, in_flight) = (self.header(state), self.in_flight(state));
        let (Rules { messages, drops, duplicates, .. }, split) = (*self.rules, header[SPLIT]);
        let mut previous = u32::MAX;
        for (at, &number) in in_flight.iter().enumerate() {
            let is_next = match messages {
                Messages::Ordered => {
                    let link = self.link(number);
                    !in_flight[..at].iter().any(|other| self.link(*other) == link)
                }
                _ => number != previous,
            };
            previous = number;
            if !is_next {
                continue;
            }
            let envelope = &self.catalogue.envelopes[number as usize];
            let (from, to) = (envelope.from, envelope.to);
            let consumed = messages != Messages::Set;
            let taken = |into: &mut Vec<Successor>, action, place: Option<usize>| {
                let mut gone = print.wrapping_sub(match messages {
                    Messages::Ordered => self.flight_print(in_flight),
                    _ => envelope.print,
                });
                if messages == Messages::Ordered {
                    let rest: Vec<u32> = without(in_flight, at).collect();
                    gone = gone.wrapping_add(self.flight_print(&rest));
                }
                if let Some(place) = place {
                    gone = gone
                        .wrapping_sub(header_print(place, header[place]))
                        .wrapping_add(header_print(place, header[place] + 1));
                }
                into.push(Successor { print: gone, action, outcome: NOTHING, history: header[HISTORY] });
            };
            if self.map.cuts(split, from, to) {
                if consumed {
                    taken(into, Action::Cut(number), None);
                }
            } else if !self.map.cuts_for_ever(from, to) {
                let part = state[to];
                let known = &self.catalogue.parts[part as usize];
                if known.is_ready {
                    let transition = self.catalogue.arrival(part, number);
                    self.follow(state, print, Action::Deliver(number), transition, into, missing)?;
                } else if !known.is_up && self.rules.idle {
                    match consumed {
                        true => taken(into, Action::Deliver(number), None),
                        false => into.push(Successor {
                            print,
                            action: Action::Deliver(number),
                            outcome: NOTHING,
                            history: header[HISTORY],
                        }),
                    }
                }
            }
            if consumed && header[DROPS] < drops {
                taken(into, Action::Drop(number), Some(DROPS));
            }
            if consumed && header[DUPLICATES] < duplicates {
                let action = Action::Duplicate(number);
                let mut flight = Vec::new();
                self.write_flight(state, action, NOTHING, &mut flight);
                let next = print
                    .wrapping_sub(self.flight_print(in_flight))
                    .wrapping_add(self.flight_print(&flight))
                    .wrapping_sub(header_print(DUPLICATES, header[DUPLICATES]))
                    .wrapping_add(header_print(DUPLICATES, header[DUPLICATES] + 1));
                into.push(Successor { print: next, action, outcome: NOTHING, history: header[HISTORY] });
            }
        }
        for node in 0..self.map.nodes {
            let part = state[node];
            for (index, own) in self.catalogue.parts[part as usize].own.iter().enumerate() {
                let is_allowed = match own {
                    Own::Fire(_) => self.rules.timers.is_none_or(|budget| header[TIMERS] < budget),
                    Own::Crash(..) => header[CRASHES] < self.rules.crashes,
                    Own::Sync | Own::Restart => true,
                };
                if is_allowed {
                    let transition = self.catalogue.own_step(part, index);
                    let action = Action::Own { node: node as u32, index: index as u32 };
                    self.follow(state, print, action, transition, into, missing)?;
                }
            }
        }
        let change =
            |place, value| header_print(place, value).wrapping_sub(header_print(place, header[place]));
        if split != 0 {
            let next = print.wrapping_add(change(SPLIT, 0));
            let action = Action::Heal;
            into.push(Successor { print: next, action, outcome: NOTHING, history: header[HISTORY] });
        } else if header[PARTITIONS] < self.rules.partitions {
            let counted = print.wrapping_add(change(PARTITIONS, header[PARTITIONS] + 1));
            for number in 1..=self.map.splits.len() as u32 {
                let next = counted.wrapping_add(change(SPLIT, number));
                let action = Action::Partition(number);
                into.push(Successor { print: next, action, outcome: NOTHING, history: header[HISTORY] });
            }
        }
        Ok(())
    }

    /// The steps that a handler can take.
    #[inline]
    fn follow(
        &self,
        state: &[u32],
        print: u128,
        action: Action,
        transition: Result<&Transition, Missing>,
        into: &mut Vec<Successor>,
        missing: &mut Vec<Missing>,
    ) -> Result<(), (Action, String)> {
        let (first, count) = match transition {
            Ok(Transition::Outcomes(first, count)) => (*first, *count),
            Ok(Transition::Panics(panic)) => return Err((action, panic.clone())),
            Err(what) => {
                missing.push(what);
                return Ok(());
            }
        };
        for number in first..first + count {
            let outcome = &self.catalogue.outcomes[number as usize];
            let is_delivery = matches!(action, Action::Deliver(_));
            if is_delivery && !self.rules.idle && !outcome.does_something {
                continue;
            }
            let before = self.word(state, HISTORY);
            let history = match self.catalogue.told(before, number) {
                Ok(history) => history,
                Err(what) => {
                    missing.push(what);
                    continue;
                }
            };
            let header = self.header(state);
            let mut next = print;
            if self.rules.messages == Messages::Multiset && header[SPLIT] == 0 {
                next = next.wrapping_add(outcome.delta);
                if let Action::Deliver(envelope) = action {
                    next = next.wrapping_sub(self.catalogue.envelopes[envelope as usize].print);
                }
            } else {
                next = next.wrapping_add(self.slow_delta(state, action, number));
            }
            if history != before {
                next = next.wrapping_add(self.catalogue.history_print(history));
                next = next.wrapping_sub(self.catalogue.history_print(before));
            }
            if let Some(place) = self.counted(action, state) {
                next = next.wrapping_add(header_print(place, header[place] + 1));
                next = next.wrapping_sub(header_print(place, header[place]));
            }
            into.push(Successor { print: next, action, outcome: number, history });
        }
        Ok(())
    }

    /// How the fingerprint of nodes and messages changes where not every message sent is another one in flight.
    fn slow_delta(&self, state: &[u32], action: Action, outcome: u32) -> u128 {
        let result = &self.catalogue.outcomes[outcome as usize];
        let (after, in_flight) = (&self.catalogue.parts[result.part as usize], self.in_flight(state));
        let before = &self.catalogue.parts[state[after.node] as usize];
        let mut delta = after.print.wrapping_sub(before.print);
        if self.rules.messages == Messages::Set {
            for (at, send) in result.sends.iter().enumerate() {
                let is_new = in_flight.binary_search(send).is_err() && !result.sends[..at].contains(send);
                if is_new && !self.is_cut(state, *send) {
                    delta = delta.wrapping_add(self.catalogue.envelopes[*send as usize].print);
                }
            }
            return delta;
        }
        let mut flight = Vec::new();
        self.write_flight(state, action, outcome, &mut flight);
        delta.wrapping_add(self.flight_print(&flight)).wrapping_sub(self.flight_print(in_flight))
    }

    fn is_cut(&self, state: &[u32], envelope: u32) -> bool {
        let split = self.word(state, SPLIT);
        split != 0 && {
            let (from, to) = self.link(envelope);
            self.map.cuts(split, from, to)
        }
    }

    /// The count that an action takes from a budget.
    fn counted(&self, action: Action, state: &[u32]) -> Option<usize> {
        match action {
            Action::Drop(_) => Some(DROPS),
            Action::Duplicate(_) => Some(DUPLICATES),
            Action::Partition(_) => Some(PARTITIONS),
            Action::Own { node, index } => {
                let known = &self.catalogue.parts[state[node as usize] as usize];
                match known.own.get(index as usize)? {
                    // Only a budget makes the count part of the state.
                    Own::Fire(_) => self.rules.timers.map(|_| TIMERS),
                    Own::Crash(..) => Some(CRASHES),
                    Own::Sync | Own::Restart => None,
                }
            }
            _ => None,
        }
    }

    /// Appends the messages in flight after a step.
    fn write_flight(&self, state: &[u32], action: Action, outcome: u32, into: &mut Vec<u32>) {
        let (in_flight, first) = (self.in_flight(state), into.len());
        let gone = match action {
            Action::Deliver(envelope) | Action::Cut(envelope) | Action::Drop(envelope)
                if self.rules.messages != Messages::Set =>
            {
                in_flight.iter().position(|other| *other == envelope)
            }
            _ => None,
        };
        match gone {
            Some(at) => into.extend(without(in_flight, at)),
            None => into.extend(in_flight),
        }
        if let Action::Duplicate(envelope) = action
            && let Some(at) = in_flight.iter().position(|other| *other == envelope)
        {
            // Right behind the other one, also where the order counts.
            into.insert(first + at, envelope);
        }
        if outcome != NOTHING {
            for send in &self.catalogue.outcomes[outcome as usize].sends {
                if !self.is_cut(state, *send) {
                    self.launch(&mut *into, first, *send);
                }
            }
        }
    }

    /// Puts a message to those in flight, which begin at `first`.
    pub(super) fn launch(&self, into: &mut Vec<u32>, first: usize, number: u32) {
        let in_flight = &into[first..];
        let at = match self.rules.messages {
            // Behind the last of its link; links stand in their order.
            Messages::Ordered => in_flight.partition_point(|other| self.link(*other) <= self.link(number)),
            Messages::Multiset => in_flight.partition_point(|other| *other <= number),
            Messages::Set => match in_flight.binary_search(&number) {
                Ok(_) => return,
                Err(at) => at,
            },
        };
        into.insert(first + at, number);
    }

    /// Appends the state after a step from `state`.
    pub(super) fn write(&self, state: &[u32], successor: &Successor, into: &mut Vec<u32>) {
        let Successor { action, outcome, history, .. } = *successor;
        let first = into.len();
        into.extend_from_slice(&state[..self.map.nodes + HEADER]);
        self.write_flight(state, action, outcome, into);
        if outcome != NOTHING {
            let part = self.catalogue.outcomes[outcome as usize].part;
            into[first + self.catalogue.parts[part as usize].node] = part;
        }
        let header = first + self.map.nodes;
        into[header + HISTORY] = history;
        if let Some(place) = self.counted(action, state) {
            into[header + place] += 1;
        }
        match action {
            Action::Partition(split) => into[header + SPLIT] = split,
            Action::Heal => into[header + SPLIT] = 0,
            _ => {}
        }
    }
}

fn without(in_flight: &[u32], at: usize) -> impl Iterator<Item = u32> {
    in_flight[..at].iter().chain(&in_flight[at + 1..]).copied()
}
