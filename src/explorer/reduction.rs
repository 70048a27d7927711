//! Partial-order reduction: where some nodes can go on without the others, only their steps are taken.
//!
//! Nodes share nothing but messages. Let a set of nodes be such that no node outside of it, and none that those could
//! wake, ever sends to one of them. What happens outside can then neither add to the steps of the set nor take one
//! away, and commutes with them: they are a persistent set (Godefroid, "Partial-Order Methods for the Verification of
//! Concurrent Systems", 1996), and can be taken first. No step is put off for ever: such a set is taken only if one of
//! its steps leads to a state that is not known, hence deeper; else all steps are.
//!
//! It keeps every sequence of states of each single node, in some order with the others, and every state in which
//! nothing can happen. So it keeps the verdict on a property that reads one node, and on one whose violation stays.
//!
//! Who sends to whom is learned: when a handler sends where nobody was known to, the search begins again knowing it.
//! That is enough. Take a shortest run of all to a send that is never learned: before it, all sends are known, so the
//! reduction keeps the steps of that node up to there, and its handler was run.
//!
//! Budgets and histories make steps of different nodes depend on each other; with them there is no reduction.

use super::Rules;
use super::catalogue::Catalogue;
use super::successors::{Action, Successor};
use crate::process::Value;

/// The most nodes that it is made for.
pub(super) const MOST: usize = 64;

/// For each node the nodes that it is known to send to, a bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Talk(pub(super) Vec<u64>);

impl Talk {
    pub(super) fn new(nodes: usize) -> Self {
        Talk(vec![0; nodes])
    }

    /// Nodes that include `first` and can go on without the others; `active` are those that have a step.
    fn independent(&self, first: u64, active: u64) -> u64 {
        let mut set = first;
        loop {
            // All outside that has a step, or can be sent something by one that has.
            let mut awake = active & !set;
            loop {
                let woken = each(awake).fold(awake, |woken, node| woken | self.0[node]) & !set;
                if woken == awake {
                    break;
                }
                awake = woken;
            }
            let senders = each(awake).filter(|node| self.0[*node] & set != 0);
            let grown = senders.fold(set, |set, node| set | 1 << node);
            if grown == set {
                return set;
            }
            set = grown;
        }
    }

    /// The sets of nodes whose steps alone can be taken, those with the fewest steps first.
    pub(super) fn choices<M: Value>(&self, catalogue: &Catalogue<M>, steps: &[Successor]) -> Vec<u64> {
        let nodes: Vec<u64> = steps.iter().map(|step| node_of(catalogue, step.action)).collect();
        let active = nodes.iter().fold(0, |active, node| active | node);
        let mut sets: Vec<u64> = each(active).map(|node| self.independent(1 << node, active)).collect();
        sets.retain(|set| active & !set != 0);
        sets.sort_unstable();
        sets.dedup();
        sets.sort_by_key(|set| nodes.iter().filter(|node| *node & set != 0).count());
        sets
    }
}

/// The node that a step is taken by.
pub(super) fn node_of<M: Value>(catalogue: &Catalogue<M>, action: Action) -> u64 {
    match action {
        Action::Deliver(envelope) => 1 << catalogue.envelopes[envelope as usize].to,
        Action::Own { node, .. } => 1 << node,
        // Budgets and partitions, with which there is no reduction.
        _ => u64::MAX,
    }
}

fn each(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let node = (set != 0).then(|| set.trailing_zeros() as usize);
        set &= set.wrapping_sub(1);
        node
    })
}

/// Whether steps of different nodes depend on each other by messages alone.
pub(super) fn applies(rules: &Rules, nodes: usize) -> bool {
    let Rules { drops, duplicates, crashes, timers, partitions, keeps_history, .. } = *rules;
    let budgets = drops + duplicates + crashes + partitions;
    budgets == 0 && timers.is_none_or(|timers| timers == 0) && !keeps_history && nodes <= MOST
}
