//! One node as the world keeps it: what runs on it, what it has stored, and whether it can go on.

use super::cell::Owned;
use crate::process::{Effect, Other};
use crate::storage::Storage;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Node<M> {
    /// None while crashed.
    pub(super) cell: Option<Owned<M>>,
    pub(super) storage: Arc<Storage>,
    pub(super) paused: bool,
    /// What the handler asked for after its sync; the node waits for the sync while this is there.
    pub(super) held: Option<Arc<Vec<Effect<M>>>>,
}

impl<M: 'static> Clone for Node<M> {
    fn clone(&self) -> Self {
        Node {
            cell: self.cell.clone(),
            storage: self.storage.clone(),
            paused: self.paused,
            held: self.held.clone(),
        }
    }
}

impl<M> Node<M> {
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
                    self.held = Some(Arc::new(effects.split_off(at + 1)));
                    return;
                }
                _ => {}
            }
        }
    }
}
