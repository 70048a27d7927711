//! What the driver keeps for each node: little for most of them, so that there can be many.

use super::driver::{Delivery, Pending};
use crate::distribution::Distribution;
use crate::scheduler::Handle;
use std::collections::VecDeque;

/// What the driver keeps for one node.
pub(super) struct Agenda<M> {
    /// How many numbers it has drawn, and how many messages it has sent.
    pub(super) draws: u64,
    pub(super) sent: u64,
    /// The start, the sync or the end of the processing that the node waits for.
    pub(super) awaited: Option<Handle>,
    /// What most nodes of a large simulation do without.
    pub(super) line: Option<Box<Line<M>>>,
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

impl<M> Agenda<M> {
    pub(super) fn new(start: Handle) -> Self {
        Agenda { draws: 0, sent: 0, awaited: Some(start), line: None }
    }

    pub(super) fn line(&mut self) -> &mut Line<M> {
        self.line.get_or_insert_with(|| {
            Box::new(Line {
                waiting: VecDeque::new(),
                processing: None,
                in_process: None,
                processed: 0,
                syncs: 0,
                crashes: 0,
            })
        })
    }

    /// Whether nothing is special about the node.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        self.line.is_none()
    }

    /// Whether messages occupy the node for a while.
    #[inline]
    pub(super) fn takes_time(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.processing.is_some())
    }

    /// Whether a message occupies the node.
    #[inline]
    pub(super) fn is_busy(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.in_process.is_some())
    }
}
