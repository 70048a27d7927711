//! What a run has to say so that it can be made explicit: its messages with their fates, and its operations.

use super::Case;
use crate::fault::{Change, Edit};
use crate::network::{Address, Fate};
use crate::node::NodeId;
use crate::process::Value;
use crate::record::{DropReason, Observer, Record, What, kind_of};
use crate::simulation::Simulation;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An observer that keeps what messages there were and what became of them. It is to be attached before the first
/// step: what the scenario has sent by then has its fate already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listener {
    sent: Vec<(Address, String)>,
    lost: BTreeSet<Address>,
    doubled: BTreeSet<Address>,
    slowed: BTreeSet<Address>,
    operations: BTreeMap<NodeId, Vec<(u64, Time)>>,
    clients: Vec<NodeId>,
    nodes: Vec<NodeId>,
}

/// What was heard of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// The messages that were lost or doubled, as edits.
    pub(crate) unusual: Vec<Edit>,
    /// The delay of every other message, as an edit.
    pub(crate) delays: Vec<Edit>,
    /// What each client has invoked, and when.
    pub(crate) operations: BTreeMap<NodeId, Vec<(u64, Time)>>,
    pub(crate) clients: Vec<NodeId>,
    pub(crate) nodes: Vec<NodeId>,
}

impl<M: Value> Observer<M> for Listener {
    fn observe(&mut self, record: Record<'_, M>) {
        match record.what {
            What::Added { node, client, .. } => match client {
                true => self.clients.push(node),
                false => self.nodes.push(node),
            },
            What::Sent { address, message } => self.sent.push((address, kind_of(message))),
            What::Dropped { address, reason: DropReason::Loss, .. } => {
                self.lost.insert(address);
            }
            What::Duplicated { address } => {
                self.doubled.insert(address);
            }
            What::Slowed { address } => {
                self.slowed.insert(address);
            }
            What::Invoked { client, operation, .. } => {
                self.operations.entry(client).or_default().push((operation, record.time));
            }
            _ => {}
        }
    }
}

impl Listener {
    /// What was heard of the run of `sim`, whose network is still as it was.
    pub(crate) fn heard<M: Value>(&self, sim: &Simulation<M>) -> Heard {
        let mut heard = Heard {
            operations: self.operations.clone(),
            clients: self.clients.clone(),
            nodes: self.nodes.clone(),
            ..Heard::default()
        };
        for (address, kind) in &self.sent {
            let edit = |change| Edit { address: *address, kind: Some(kind.clone()), change };
            if self.lost.contains(address) {
                heard.unusual.push(edit(Change::Drop));
                continue;
            }
            let Fate::Arrives { after, copy_after } = sim.drawn_fate(*address) else { continue };
            match copy_after.filter(|_| self.doubled.contains(address)) {
                Some(copy) => heard.unusual.push(edit(Change::Duplicate(Duration::from_nanos(copy)))),
                // What is late because its link is slow is late by that fault.
                None if self.slowed.contains(address) => {}
                None => heard.delays.push(edit(Change::Delay(Duration::from_nanos(after)))),
            }
        }
        heard
    }
}

impl Heard {
    /// The case with each of its edits that are stale moved to the message of its kind that is nearest to it on its
    /// link: where one more heartbeat has come before it, its number is one more. None if there is no such message.
    pub(crate) fn follow(&self, case: &Case, stale: &[Edit]) -> Option<Case> {
        let mut moved = case.clone();
        for edit in case.edits.iter().filter(|edit| stale.contains(edit)) {
            let is_taken = |address| moved.edits.iter().any(|other| other.address == address);
            let link = |address: Address| (address.from, address.to);
            let distance = |address: Address| address.number.abs_diff(edit.address.number);
            let mut nearest: Option<Address> = None;
            for Edit { address, kind, .. } in self.unusual.iter().chain(&self.delays) {
                if link(*address) == link(edit.address)
                    && *kind == edit.kind
                    && !is_taken(*address)
                    && nearest.is_none_or(|nearest| distance(*address) < distance(nearest))
                {
                    nearest = Some(*address);
                }
            }
            let place = moved.edits.iter().position(|other| other == edit);
            if let (Some(address), Some(place)) = (nearest, place) {
                moved.edits[place].address = address;
            }
        }
        (moved != *case).then_some(moved)
    }
}
