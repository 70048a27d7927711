//! One node as the world keeps it: what runs on it, what it has stored, and whether it can go on.

use super::cell::Owned;
use crate::node::NodeKey;
use crate::process::{Effect, Other};
use crate::storage::Storage;
use std::sync::Arc;

/// All of it that a message asks for is one cache line: with many nodes, most of the time goes into fetching them.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Node<M> {
    /// None while crashed.
    pub(super) cell: Option<Owned<M>>,
    pub(super) storage: Arc<Storage>,
    /// None if the node can handle an event, unless it is crashed.
    blocked: Option<Arc<Blocked<M>>>,
    pub(super) key: NodeKey,
    pub(super) tally: Tally,
}

/// Why a node that is up handles nothing now.
#[derive(Debug)]
struct Blocked<M> {
    paused: bool,
    /// What the handler asked for after its sync; the node waits for the sync while this is there.
    held: Option<Vec<Effect<M>>>,
}

/// What a driver that has time counts of a node, and gives numbers by; where there is no time it means nothing. It
/// survives a crash.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// How many numbers the node has drawn.
    pub(crate) draws: u64,
    /// How many messages it has sent.
    pub(crate) sent: u64,
}

impl<M: Clone> Clone for Blocked<M> {
    fn clone(&self) -> Self {
        Blocked { paused: self.paused, held: self.held.clone() }
    }
}

impl<M: 'static> Clone for Node<M> {
    fn clone(&self) -> Self {
        Node {
            cell: self.cell.clone(),
            storage: self.storage.clone(),
            blocked: self.blocked.clone(),
            key: self.key,
            tally: self.tally,
        }
    }
}

impl<M> Node<M> {
    pub(super) fn new(cell: Owned<M>, storage: Arc<Storage>, key: NodeKey) -> Self {
        Node { cell: Some(cell), storage, blocked: None, key, tally: Tally::default() }
    }

    /// Neither crashed, nor paused, nor waiting for a sync.
    #[inline(always)]
    pub(super) fn is_ready(&self) -> bool {
        self.cell.is_some() && self.blocked.is_none()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.blocked.as_ref().is_some_and(|blocked| blocked.paused)
    }

    /// What waits for its sync.
    pub(super) fn held(&self) -> Option<&Vec<Effect<M>>> {
        self.blocked.as_ref()?.held.as_ref()
    }

    pub(super) fn crash(&mut self) {
        (self.cell, self.blocked) = (None, None);
    }
}

impl<M: Clone> Node<M> {
    pub(super) fn set_paused(&mut self, paused: bool) {
        let held = self.release();
        self.block(paused, held);
    }

    /// The sync is complete: what waited for it, if something did.
    pub(super) fn synced(&mut self) -> Option<Vec<Effect<M>>> {
        let paused = self.is_paused();
        let held = self.release();
        self.block(paused, None);
        held
    }

    fn release(&mut self) -> Option<Vec<Effect<M>>> {
        Arc::unwrap_or_clone(self.blocked.take()?).held
    }

    fn block(&mut self, paused: bool, held: Option<Vec<Effect<M>>>) {
        self.blocked = (paused || held.is_some()).then(|| Arc::new(Blocked { paused, held }));
    }

    /// Lets the effects from `first` on take place in order, up to a sync that has something to wait
    /// for; the rest is held.
    pub(super) fn take_place(&mut self, effects: &mut Vec<Effect<M>>, first: usize, ignores_syncs: bool) {
        for at in first..effects.len() {
            match &mut effects[at] {
                Effect::Other(other) => {
                    if let Other::Write(write) = &**other {
                        Arc::make_mut(&mut self.storage).issue(write.clone());
                    }
                }
                Effect::Sync { writes } if !ignores_syncs && self.storage.unsynced() > 0 => {
                    *writes = self.storage.unsynced();
                    self.block(self.is_paused(), Some(effects.split_off(at + 1)));
                    return;
                }
                _ => {}
            }
        }
    }
}
