//! Equal nodes: states that differ only in which of them is which are searched once.
//!
//! A renaming swaps nodes of one role, in all that mentions them. Of the states that renamings make of each other the
//! table keeps one fingerprint: the least of their renamed ones (Ip and Dill, "Better verification through symmetry",
//! 1996). Nodes are first sorted by what is true of each whatever the others are called; only among those that this
//! does not tell apart, every order is tried. So it is exact: one fingerprint for each orbit.
//!
//! It is sound if handlers and properties treat the nodes alike. That they begin alike is checked.

use super::Messages;
use super::path::Printed;
use super::successors::{HEADER, HISTORY, Stepper, Successor, queued_print};
use super::table::Pairs;
use crate::fingerprint::fingerprint;
use crate::node::NodeId;
use crate::process::{Process, Value};
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};

/// Which node is called what.
#[derive(Clone, Debug)]
pub struct Renaming(Vec<u32>);

impl Renaming {
    /// What `node` is called.
    pub fn of(&self, node: NodeId) -> NodeId {
        NodeId::new(self.0[node.index()] as usize)
    }
}

/// A value in which nodes can be called otherwise.
///
/// What is a set, in whatever type it is kept, must come out the same for the same nodes: a list of all nodes of a role
/// whose order means nothing stays as it is, or is sorted.
pub trait Rename {
    /// The value with every node in it renamed.
    #[must_use]
    fn rename(&self, renaming: &Renaming) -> Self;
}

impl Rename for NodeId {
    fn rename(&self, renaming: &Renaming) -> Self {
        renaming.of(*self)
    }
}

macro_rules! mentions_no_nodes {
    ($($name:ty)+) => {
        $(impl Rename for $name {
            fn rename(&self, _: &Renaming) -> Self {
                self.clone()
            }
        })+
    };
}
mentions_no_nodes!(() bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize String &'static str);

impl<T: Rename> Rename for Option<T> {
    fn rename(&self, renaming: &Renaming) -> Self {
        self.as_ref().map(|value| value.rename(renaming))
    }
}

impl<T: Rename> Rename for Vec<T> {
    fn rename(&self, renaming: &Renaming) -> Self {
        self.iter().map(|value| value.rename(renaming)).collect()
    }
}

impl<T: Rename + Ord> Rename for BTreeSet<T> {
    fn rename(&self, renaming: &Renaming) -> Self {
        self.iter().map(|value| value.rename(renaming)).collect()
    }
}

impl<K: Rename + Ord, V: Rename> Rename for BTreeMap<K, V> {
    fn rename(&self, renaming: &Renaming) -> Self {
        self.iter().map(|(key, value)| (key.rename(renaming), value.rename(renaming))).collect()
    }
}

impl<A: Rename, B: Rename> Rename for (A, B) {
    fn rename(&self, renaming: &Renaming) -> Self {
        (self.0.rename(renaming), self.1.rename(renaming))
    }
}

type OfProcess<M> = fn(&World<M>, NodeId, &Renaming) -> Option<u128>;

/// How nodes are renamed, and which.
pub(super) struct Symmetry<M> {
    pub(super) role: String,
    pub(super) of_message: fn(&M, &Renaming) -> u128,
    pub(super) of_processes: Vec<OfProcess<M>>,
}

/// The fingerprint of a renamed message.
pub(super) fn message_print<M: Value + Rename>(message: &M, renaming: &Renaming) -> u128 {
    fingerprint(&message.rename(renaming))
}

/// The fingerprint of a renamed process of this kind with its timers.
pub(super) fn process_print<P>(world: &World<P::Message>, node: NodeId, renaming: &Renaming) -> Option<u128>
where
    P: Process + Rename,
    P::Timer: Rename,
{
    let process = world.get::<P>(node)?;
    let timer = |slot| world.timer(node, slot).and_then(|timer| timer.as_any().downcast_ref::<P::Timer>());
    let timers = world.timers(node).into_iter().filter_map(timer);
    let timers = timers.map(|timer: &P::Timer| fingerprint(&timer.rename(renaming)));
    Some(fingerprint(&(process.rename(renaming), timers.fold(0, u128::wrapping_add))))
}

/// Finds the fingerprint that stands for a state and all its renamings. One for each thread.
pub(super) struct Orbits<'s, M> {
    symmetry: &'s Symmetry<M>,
    group: Vec<usize>,
    /// By number: orders of the group, and after them for each member the one that only tells it from the others.
    renamings: Vec<Renaming>,
    known: Pairs,
    prints: Vec<u128>,
}

/// The greatest group: 8! orders.
const LARGEST: usize = 8;
/// What marks a message among the numbers of nodes' states.
const MESSAGE: u32 = 1 << 31;

impl<'s, M: Value> Orbits<'s, M> {
    /// None if the group is too large.
    #[track_caller]
    pub(super) fn new(symmetry: &'s Symmetry<M>, world: &World<M>) -> Option<Self> {
        let group: Vec<usize> = world.role(&symmetry.role).map(NodeId::index).collect();
        let count = group.len();
        let role = &symmetry.role;
        assert!(count > 0, "symmetric: no node has the role `{role}`");
        if count > LARGEST {
            return None;
        }
        let same: Vec<u32> = (0..world.count() as u32).collect();
        let mut renamings = Vec::new();
        for number in 0..(1..=count).product() {
            let mut renaming = same.clone();
            for (place, member) in order(number, count).into_iter().enumerate() {
                renaming[group[member]] = group[place] as u32;
            }
            renamings.push(Renaming(renaming));
        }
        for marked in 0..count {
            let mut renaming = same.clone();
            for member in 0..count {
                renaming[group[member]] = group[usize::from(member != marked && count > 1)] as u32;
            }
            renamings.push(Renaming(renaming));
        }
        Some(Orbits { symmetry, group, renamings, known: Pairs::default(), prints: Vec::new() })
    }

    /// The fingerprint of one piece of a state, renamed.
    fn piece(&mut self, stepper: &Stepper<'_, M>, piece: u32, renaming: u32) -> u128 {
        if let Some(known) = self.known.get(piece, renaming) {
            return self.prints[known as usize];
        }
        let renamed = &self.renamings[renaming as usize];
        let print = if piece & MESSAGE != 0 {
            let envelope = &stepper.catalogue.envelopes[(piece & !MESSAGE) as usize];
            let message = (self.symmetry.of_message)(&envelope.message, renamed);
            fingerprint(&(renamed.0[envelope.from], renamed.0[envelope.to], message))
        } else {
            let known = &stepper.catalogue.parts[piece as usize];
            let (world, node) = (stepper.catalogue.world_of(piece), NodeId::new(known.node));
            let name = world.name(node);
            let is_plain = world.storage(node).is_empty() && !world.is_syncing(node);
            assert!(is_plain, "symmetric: {node} ({name}) has stored something, which nobody can rename");
            let process = self.symmetry.of_processes.iter().find_map(|of| of(&world, node, renamed));
            assert!(
                process.is_some() || !known.is_up,
                "symmetric: nobody says how the process of {node} ({name}) is renamed"
            );
            fingerprint(&(renamed.0[known.node], process))
        };
        self.prints.push(print);
        self.known.insert(piece, renaming, self.prints.len() as u32 - 1);
        print
    }

    fn print(&mut self, stepper: &Stepper<'_, M>, state: &[u32], renaming: usize) -> u128 {
        let nodes = stepper.map.nodes;
        let mut sum = 0u128;
        for part in &state[..nodes] {
            sum = sum.wrapping_add(self.piece(stepper, *part, renaming as u32));
        }
        let in_flight = &state[nodes + HEADER..];
        for (at, envelope) in in_flight.iter().enumerate() {
            let print = self.piece(stepper, *envelope | MESSAGE, renaming as u32);
            sum = sum.wrapping_add(match stepper.rules.messages {
                Messages::Ordered => {
                    let link = |number: u32| {
                        let envelope = &stepper.catalogue.envelopes[number as usize];
                        (envelope.from, envelope.to)
                    };
                    let before = in_flight[..at].iter().filter(|other| link(**other) == link(*envelope));
                    queued_print(print, before.count())
                }
                _ => print,
            });
        }
        sum
    }

    /// The fingerprint of the orbit that a step leads to.
    pub(super) fn of(&mut self, stepper: &Stepper<'_, M>, state: &[u32], step: &Successor) -> u128 {
        let mut next = Vec::new();
        stepper.write(state, step, &mut next);
        self.least(stepper, &next)
    }

    /// The fingerprint of the orbit.
    pub(super) fn least(&mut self, stepper: &Stepper<'_, M>, state: &[u32]) -> u128 {
        let count = self.group.len();
        let orders = self.renamings.len() - count;
        let mut members: Vec<(u128, usize)> =
            (0..count).map(|member| (self.print(stepper, state, orders + member), member)).collect();
        members.sort_unstable();
        let header = fingerprint(&state[stepper.map.nodes..stepper.map.nodes + HISTORY]);
        let mut classes: Vec<Vec<usize>> = Vec::new();
        for (at, (mark, member)) in members.iter().enumerate() {
            match classes.last_mut() {
                Some(class) if members[at - 1].0 == *mark => class.push(*member),
                _ => classes.push(vec![*member]),
            }
        }
        // Those that can be swapped without a difference need not be.
        let plain = self.print(stepper, state, 0);
        let mut is_free = Vec::new();
        for class in &classes {
            let mut same = true;
            for pair in class.windows(2) {
                let mut swapped: Vec<usize> = (0..count).collect();
                swapped.swap(pair[0], pair[1]);
                same = same && self.print(stepper, state, number(&swapped)) == plain;
            }
            is_free.push(same);
        }
        let mut least = u128::MAX;
        let mut tried = vec![Vec::new()];
        for (class, same) in classes.iter().zip(is_free) {
            let orders: Vec<Vec<usize>> = match same {
                true => vec![class.clone()],
                false => (0..(1..=class.len()).product())
                    .map(|number| order(number, class.len()).into_iter().map(|at| class[at]).collect())
                    .collect(),
            };
            tried = tried
                .iter()
                .flat_map(|begun: &Vec<usize>| orders.iter().map(|order| [&begun[..], order].concat()))
                .collect();
        }
        for order in tried {
            least = least.min(self.print(stepper, state, number(&order)));
        }
        least.wrapping_add(header)
    }

    /// Whether swapping members makes each of the initial states one of them.
    pub(super) fn begin_alike(&mut self, stepper: &Stepper<'_, M>, states: &[Printed]) -> bool {
        let plain: BTreeSet<u128> = states.iter().map(|(state, _)| self.print(stepper, state, 0)).collect();
        let count = self.group.len();
        (1..count).all(|member| {
            let mut swapped: Vec<usize> = (0..count).collect();
            swapped.swap(member - 1, member);
            states.iter().all(|(state, _)| plain.contains(&self.print(stepper, state, number(&swapped))))
        })
    }
}

/// The `number`th order of so many, in the order of dictionaries.
fn order(mut number: usize, count: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..count).collect();
    let place = |rest: usize| {
        let following: usize = (1..rest).product();
        let taken = left.remove(number / following);
        number %= following;
        taken
    };
    (1..=count).rev().map(place).collect()
}

/// The other way round.
fn number(order: &[usize]) -> usize {
    let place = |at: usize| {
        let smaller = order[at + 1..].iter().filter(|other| **other < order[at]).count();
        smaller * (1..order.len() - at).product::<usize>()
    };
    (0..order.len()).map(place).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_numbered_both_ways() {
        let all: BTreeSet<Vec<usize>> = (0..120).map(|number| order(number, 5)).collect();
        assert_eq!(all.len(), 120);
        assert!((0..120).all(|at| number(&order(at, 5)) == at));
        assert_eq!((order(0, 3), order(5, 3)), (vec![0, 1, 2], vec![2, 1, 0]));
    }
}
