//! The learner in a replica: which command is chosen for each slot, and the state machine they drive.
//!
//! The state machine is a store of keys and values. A request can be chosen for two slots, when its client
//! tried again and a new leader did not know; it is applied at the first of them only.

use super::{Command, Slot};
use netsplit::client::{KeyValueOperation, KeyValueResponse, RequestId};
use netsplit::fingerprint::fingerprint;
use std::collections::BTreeMap;

/// How many commands one answer to a replica that lags holds at most.
const BATCH: usize = 100;

/// The log as far as it is known to be chosen, and what has come of it.
#[derive(Clone, Debug, Hash, Default)]
pub(super) struct Learner {
    chosen: BTreeMap<Slot, Command>,
    /// The first slot that is not known to be chosen; all below it are applied.
    next: Slot,
    /// For each slot below `next`, a fingerprint of the log up to it: two logs are compared by one entry.
    chain: Vec<u128>,
    applied: Vec<RequestId>,
    /// The slot that was learned last, for [`agrees`](Learner::agrees).
    last: Option<Slot>,
    store: BTreeMap<u64, RequestId>,
    /// What came of each request that is applied.
    responses: BTreeMap<RequestId, KeyValueResponse>,
    applies_retries: bool,
}

impl Learner {
    /// A learner that knows nothing yet, and perhaps makes the mistake to apply a request again.
    pub(super) fn new(applies_retries: bool) -> Self {
        Learner { applies_retries, ..Learner::default() }
    }

    /// What is stored under `key`.
    pub(super) fn stored(&self, key: u64) -> Option<RequestId> {
        self.store.get(&key).copied()
    }

    /// What is known to be chosen.
    pub(super) fn chosen(&self) -> &BTreeMap<Slot, Command> {
        &self.chosen
    }

    /// The first slot that is not known to be chosen.
    pub(super) fn next(&self) -> Slot {
        self.next
    }

    /// The first slot after all that are known to be chosen.
    pub(super) fn end(&self) -> Slot {
        self.chosen.last_key_value().map_or(0, |(slot, _)| slot + 1)
    }

    /// The requests applied, in their order.
    pub(super) fn applied(&self) -> &[RequestId] {
        &self.applied
    }

    /// What came of `request`, if it is applied.
    pub(super) fn response(&self, request: RequestId) -> Option<KeyValueResponse> {
        self.responses.get(&request).copied()
    }

    /// How many different requests are applied.
    pub(super) fn distinct(&self) -> usize {
        self.responses.len()
    }

    /// Whether no slot is known to be chosen for different commands here and there: among those that both
    /// have applied, whose fingerprints are chained, and the last that either has learned. One that lies
    /// beyond a gap is compared when it is learned, and again when the gap is closed; so this costs the same
    /// however long the log is.
    pub(super) fn agrees(&self, other: &Learner) -> bool {
        let last = self.next.min(other.next).checked_sub(1).map(|slot| slot as usize);
        let agree_on = |slot: Slot| match (self.chosen.get(&slot), other.chosen.get(&slot)) {
            (Some(here), Some(there)) => here == there,
            _ => true,
        };
        last.is_none_or(|last| self.chain[last] == other.chain[last])
            && [self.last, other.last].into_iter().flatten().all(agree_on)
    }

    /// Learns that `command` is chosen for `slot`, and applies what is chosen without a gap. Returns the
    /// requests among that.
    ///
    /// # Panics
    /// If another command is known to be chosen for `slot`: Paxos promises that this cannot be.
    pub(super) fn learn(&mut self, slot: Slot, command: Command) -> Vec<RequestId> {
        let known = *self.chosen.entry(slot).or_insert(command);
        self.last = Some(slot);
        assert_eq!(known, command, "two commands are chosen for slot {slot}");
        let mut requests = Vec::new();
        while let Some(&command) = self.chosen.get(&self.next) {
            self.next += 1;
            self.chain.push(fingerprint(&(self.chain.last(), command)));
            if let Command::Apply(request, operation) = command {
                self.apply(request, operation);
                requests.push(request);
            }
        }
        requests
    }

    fn apply(&mut self, request: RequestId, operation: KeyValueOperation) {
        if self.responses.contains_key(&request) && !self.applies_retries {
            return;
        }
        let response = match operation {
            KeyValueOperation::Read { key } => KeyValueResponse::Read(self.store.get(&key).copied()),
            KeyValueOperation::Write { key, value } => {
                self.store.insert(key, value);
                KeyValueResponse::Written
            }
        };
        self.responses.insert(request, response);
        self.applied.push(request);
    }

    /// Some commands chosen from `first` on, without a gap.
    pub(super) fn batch(&self, first: Slot) -> Vec<Command> {
        let up_to_gap = first..self.next.max(first);
        self.chosen.range(up_to_gap).take(BATCH).map(|(_, &command)| command).collect()
    }
}
