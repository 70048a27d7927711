//! What each fault of a run touched, made from its records: a fault that touched nothing tested nothing.
//!
//! A partition touches the messages that it cuts. A crash touches the writes and the messages it loses, and
//! the process if that is no longer as it was added or has a timer set. A pause touches what waits for the
//! node. A wrong clock touches the node that reads it; one that drifts also touches the timers that run
//! meanwhile. Slow links touch the messages that they delay. What puts something right (heal, restart, resume)
//! is no fault here.

use crate::fault::{Fault, FaultKind, InForce};
use crate::nemesis::Origin;
use crate::record::{DropReason, Observer, Record, What};
use crate::time::Time;

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
    /// With their places in `applied`.
    in_force: InForce<usize>,
}

impl Impact {
    /// The faults that took place, in the order of time.
    pub fn applied(&self) -> &[Applied] {
        &self.applied
    }

    /// Whether `fault` took place at `at`: one that had nothing to do did not.
    pub fn took_place(&self, at: Time, fault: &Fault) -> bool {
        self.applied.iter().any(|applied| applied.at == at && applied.fault == *fault)
    }

    /// Whether `fault` took place at `at` and made a difference.
    pub fn touched(&self, at: Time, fault: &Fault) -> bool {
        self.applied.iter().any(|applied| applied.touched && applied.at == at && applied.fault == *fault)
    }

    /// Whether a fault that was drawn so took place, and whether it made a difference.
    pub(crate) fn of_drawn(&self, Origin { at, kind, fault, .. }: &Origin) -> (bool, bool) {
        let is_it = |applied: &&Applied| {
            let same = fault.as_ref().is_none_or(|fault| applied.fault == *fault);
            applied.at == *at && same && applied.fault.kind() == Some(*kind)
        };
        let (mut took_place, mut touched) = (false, false);
        for applied in self.applied.iter().filter(is_it) {
            (took_place, touched) = (true, touched | applied.touched);
        }
        (took_place, touched)
    }

    /// Whether some fault of this kind made a difference.
    pub fn kind_touched(&self, kind: FaultKind) -> bool {
        self.applied.iter().any(|applied| applied.touched && applied.fault.kind() == Some(kind))
    }

    fn fault(&mut self, at: Time, fault: &Fault, touched: bool) {
        self.in_force.happen(fault, self.applied.len());
        if fault.kind().is_some() {
            self.applied.push(Applied { at, fault: fault.clone(), touched });
        }
    }

    /// Those of the faults in force that are `such` made a difference.
    fn touch(&mut self, such: impl Fn(&Fault) -> bool) {
        for (_, place) in self.in_force.iter().filter(|(fault, _)| such(fault)) {
            self.applied[*place].touched = true;
        }
    }
}

impl<M> Observer<M> for Impact {
    fn observe(&mut self, record: Record<'_, M>) {
        match record.what {
            What::Fault { fault, lost_writes, lost_state } => {
                // Only a crash loses anything.
                self.fault(record.time, fault, lost_writes > 0 || lost_state);
            }
            What::Dropped { address, reason: DropReason::Partition, .. } => {
                self.touch(|fault| {
                    matches!(fault, Fault::Partition(links) if links.contains(address.from, address.to))
                });
            }
            What::Dropped { address, reason: DropReason::Crash, .. } => {
                self.touch(|fault| *fault == Fault::Crash(address.to));
            }
            What::Waits { node } => self.touch(|fault| *fault == Fault::Pause(node)),
            What::Misled { node, by_timer } => self.touch(|fault| match fault {
                Fault::JumpClock { node: wrong, .. } => *wrong == node && !by_timer,
                Fault::DriftClock { node: wrong, .. } => *wrong == node,
                _ => false,
            }),
            What::Slowed { address } => self.touch(|fault| {
                matches!(fault, Fault::SlowLinks { links, .. } if links.contains(address.from, address.to))
            }),
            _ => {}
        }
    }
}
