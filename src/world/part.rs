//! A node apart from its world, for a driver that keeps many states and
//! stores each node's once.

use super::World;
use super::cell::Owned;
use super::node::Node;
use crate::fingerprint::Fingerprinter;
use crate::node::NodeId;
use crate::process::Value;
use std::hash::Hash;

/// A node's process, timers, storage, and what waits for its sync.
#[derive(Debug)]
pub(crate) struct Part<M>(Node<M>);

impl<M: Value> World<M> {
    /// What `node` is now.
    pub(crate) fn part(&mut self, node: NodeId) -> Part<M> {
        let node = &mut self.nodes[node.index()];
        node.cell.iter_mut().for_each(Owned::share);
        Part(node.clone())
    }

    /// Makes `node` what it was when `part` was taken.
    pub(crate) fn set_part(&mut self, node: NodeId, part: &Part<M>) {
        self.nodes[node.index()].clone_from(&part.0);
    }

    /// Two nodes in the same place with the same one behave the same from here on, where there is no time.
    pub(crate) fn part_fingerprint(&self, node: NodeId) -> u128 {
        let mut hasher = Fingerprinter::new();
        node.hash(&mut hasher);
        let node = &self.nodes[node.index()];
        let cell = node.cell.as_ref().map(|cell| cell.get().fingerprint());
        (cell, &node.storage, node.is_paused()).hash(&mut hasher);
        node.held().hash(&mut hasher);
        hasher.finish128()
    }

    /// A fingerprint of all nodes and partitions, from nothing.
    #[cfg(test)]
    pub(crate) fn fingerprint(&self) -> u128 {
        let parts: Vec<u128> = self.ids().map(|node| self.part_fingerprint(node)).collect();
        crate::fingerprint::fingerprint(&(parts, &self.partitions))
    }
}
