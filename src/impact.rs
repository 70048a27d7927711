//! What each fault of a run touched, made from its records: a fault that touched nothing tested nothing.
//!
//! A partition touches the messages that it cuts. A crash touches the writes and the messages it loses, and
//! the process if that is no longer as it was added or has a timer set. A pause touches what waits for the
//! node. What puts something right (heal, restart, resume) is no fault here.

use crate::fault::{Fault, FaultKind};
use crate::node::NodeId;
use crate::partition::Partition;
use crate::record::{DropReason, Observer, Record, What};
use crate::time::Time;
use std::collections::BTreeMap;

/// A fault that took place. One that had nothing to do, such as a crash of a crashed node, did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// When.
    pub at: Time,
    /// What.
    pub fault: Fault,
    /// Whether it made a difference.
    pub touched: bool,
}

/// An observer that keeps the faults of a run, and whether each made a difference.
#[derive(Clone, Debug, Default)]
pub struct Impact {
    applied: Vec<Applied>,
    /// The partitions in force, with their places in `applied`.
    partitions: Vec<(Partition, usize)>,
    crashed: BTreeMap<NodeId, usize>,
    paused: BTreeMap<NodeId, usize>,
}

impl Impact {
    /// The faults that took place, in the order of time.
    pub fn applied(&self) -> &[Applied] {
        &self.applied
    }

    /// Whether `fault` took place at `at` and made a difference.
    pub fn touched(&self, at: Time, fault: &Fault) -> bool {
        self.applied.iter().any(|applied| applied.touched && applied.at == at && applied.fault == *fault)
    }

    /// Whether some fault of this kind made a difference.
    pub fn kind_touched(&self, kind: FaultKind) -> bool {
        self.applied.iter().any(|applied| applied.touched && applied.fault.kind() == Some(kind))
    }

    fn fault(&mut self, at: Time, fault: &Fault, lost: bool) {
        let place = self.applied.len();
        let mut touched = false;
        match fault {
            Fault::Partition(partition) => self.partitions.push((partition.clone().normalized(), place)),
            Fault::Crash(node) => {
                touched = lost;
                self.crashed.insert(*node, place);
                self.paused.remove(node);
            }
            Fault::Pause(node) => {
                self.paused.insert(*node, place);
            }
            Fault::Heal => self.partitions.clear(),
            Fault::HealPartition(partition) => {
                let healed = partition.clone().normalized();
                let place = self.partitions.iter().position(|(cut, _)| *cut == healed);
                place.map(|place| self.partitions.remove(place));
            }
            Fault::Restart(node) => {
                self.crashed.remove(node);
            }
            Fault::Resume(node) => {
                self.paused.remove(node);
            }
        }
        if fault.kind().is_some() {
            self.applied.push(Applied { at, fault: fault.clone(), touched });
        }
    }
}

impl<M> Observer<M> for Impact {
    fn observe(&mut self, record: Record<'_, M>) {
        match record.what {
            What::Fault { fault, lost_writes, lost_state } => {
                self.fault(record.time, fault, lost_writes > 0 || lost_state);
            }
            What::Dropped { address, reason: DropReason::Partition, .. } => {
                for (partition, place) in &self.partitions {
                    if partition.cuts(address.from, address.to) {
                        self.applied[*place].touched = true;
                    }
                }
            }
            What::Dropped { address, reason: DropReason::Crash, .. } => {
                if let Some(place) = self.crashed.get(&address.to) {
                    self.applied[*place].touched = true;
                }
            }
            What::Waits { node } => {
                if let Some(place) = self.paused.get(&node) {
                    self.applied[*place].touched = true;
                }
            }
            _ => {}
        }
    }
}
