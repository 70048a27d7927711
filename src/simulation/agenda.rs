//! What the driver keeps for each node: little for most of them, so that there can be many.

use super::driver::{Delivery, Pending};
use super::effects::Ahead;
use crate::distribution::Distribution;
use crate::node::NodeId;
use crate::scheduler::Handle;
use std::collections::VecDeque;

/// What the driver keeps for all nodes.
pub(super) struct Agendas<M> {
    all: Vec<Agenda<M>>,
    /// Whether there is a line: in many simulations there is none, and nothing is looked up.
    has_lines: bool,
    /// Of the first [`FEW`] nodes.
    ahead: Vec<Ahead>,
}

/// Of so many nodes it is kept what they draw next. Of more it would be further away than drawing takes.
const FEW: usize = 4_096;

struct Agenda<M> {
    awaited: Option<Handle>,
    line: Option<Box<Line<M>>>,
}

/// What waits for a node that is not ready, and why.
pub(super) struct Line<M> {
    /// Events that came while the node was paused or waited for a sync, oldest first.
    pub(super) waiting: VecDeque<Pending<M>>,
    /// How long a message occupies the node, and the one that does.
    pub(super) processing: Option<Distribution>,
    pub(super) in_process: Option<Delivery<M>>,
    pub(super) processed: u64,
    pub(super) syncs: u64,
    pub(super) crashes: u64,
}

impl<M> Default for Line<M> {
    fn default() -> Self {
        Line {
            waiting: VecDeque::new(),
            processing: None,
            in_process: None,
            processed: 0,
            syncs: 0,
            crashes: 0,
        }
    }
}

impl<M> Agendas<M> {
    pub(super) fn new() -> Self {
        Agendas { all: Vec::new(), has_lines: false, ahead: Vec::new() }
    }

    /// There will be so many nodes more.
    pub(super) fn reserve(&mut self, nodes: usize) {
        self.all.reserve(nodes);
    }

    /// One more node, and its start.
    pub(super) fn add(&mut self, start: Handle) {
        self.all.push(Agenda { awaited: Some(start), line: None });
        if self.ahead.len() < FEW {
            self.ahead.push(Ahead::default());
        }
    }

    /// What the node draws next, if that is known.
    #[inline(always)]
    pub(super) fn ahead(&self, node: NodeId) -> Ahead {
        self.ahead.get(node.index()).copied().unwrap_or_default()
    }

    /// The same, if it is kept.
    #[inline(always)]
    pub(super) fn ahead_mut(&mut self, node: NodeId) -> Option<&mut Ahead> {
        self.ahead.get_mut(node.index())
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The start, the sync or the end of the processing that the node waits for.
    pub(super) fn awaited(&mut self, node: NodeId) -> &mut Option<Handle> {
        &mut self.all[node.index()].awaited
    }

    /// What most nodes do without, if `node` has it.
    #[inline(always)]
    pub(super) fn existing_line(&self, node: NodeId) -> Option<&Line<M>> {
        if self.has_lines { self.all[node.index()].line.as_deref() } else { None }
    }

    /// The same. From now on the node has it.
    pub(super) fn line(&mut self, node: NodeId) -> &mut Line<M> {
        self.has_lines = true;
        self.all[node.index()].line.get_or_insert_default()
    }

    /// Whether messages occupy the node for a while.
    #[inline]
    pub(super) fn takes_time(&self, node: NodeId) -> bool {
        self.existing_line(node).is_some_and(|line| line.processing.is_some())
    }

    /// Whether a message occupies the node.
    #[inline]
    pub(super) fn is_busy(&self, node: NodeId) -> bool {
        self.existing_line(node).is_some_and(|line| line.in_process.is_some())
    }
}
