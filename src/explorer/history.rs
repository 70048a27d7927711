//! What clients invoked and were answered, as part of a state: no times, only what came before what.
//!
//! Of each operation it keeps how many operations every other client had completed when it was invoked (as
//! Stateright's `LinearizabilityTester` does). That is all of the real-time order that linearizability asks for,
//! and histories that differ in nothing else are one.

use crate::fingerprint::fingerprint;
use crate::node::NodeId;
use crate::process::{AnyValue, Outcome};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The operations of each client, in its order.
#[derive(Clone, Debug, Default)]
pub struct History(BTreeMap<NodeId, Vec<Operation>>);

/// One operation of a client.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its number, as the client has said.
    pub number: u64,
    /// What was asked for.
    pub invocation: Arc<dyn AnyValue>,
    /// How many operations each other client had completed by then; none that had completed none.
    pub before: Vec<(NodeId, usize)>,
    /// What came of it, if anything yet.
    pub response: Option<(Outcome, Arc<dyn AnyValue>)>,
}

impl Hash for Operation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let response = self.response.as_ref().map(|(outcome, value)| (outcome, value.fingerprint()));
        (self.number, self.invocation.fingerprint(), &self.before, response).hash(state);
    }
}

/// What a client said in one step.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Invoke(u64, Arc<dyn AnyValue>),
    Respond(u64, Outcome, Arc<dyn AnyValue>),
}

impl History {
    /// Each client with its operations, in the order of nodes.
    pub fn clients(&self) -> impl Iterator<Item = (NodeId, &[Operation])> {
        self.0.iter().map(|(client, operations)| (*client, operations.as_slice()))
    }

    pub(super) fn print(&self) -> u128 {
        if self.0.is_empty() { 0 } else { fingerprint(&self.0) }
    }

    pub(super) fn append(&mut self, client: NodeId, said: &Said) {
        let completed = |operations: &Vec<Operation>| {
            operations.iter().filter(|operation| operation.response.is_some()).count()
        };
        match said {
            Said::Invoke(number, invocation) => {
                let others = self.0.iter().filter(|(other, _)| **other != client);
                let before = others.map(|(other, operations)| (*other, completed(operations)));
                let before = before.filter(|(_, count)| *count > 0).collect();
                let invocation = invocation.clone();
                let operation = Operation { number: *number, invocation, before, response: None };
                self.0.entry(client).or_default().push(operation);
            }
            Said::Respond(number, outcome, value) => {
                let operations = self.0.entry(client).or_default();
                let open =
                    |operation: &&mut Operation| operation.number == *number && operation.response.is_none();
                if let Some(operation) = operations.iter_mut().find(open) {
                    operation.response = Some((*outcome, value.clone()));
                }
            }
        }
    }

    /// Whether the operations can be put into one order that a single copy could have taken them in, and in which
    /// no operation comes before one that was complete when it was invoked (Herlihy and Wing, 1990). `step` takes
    /// an operation from a state of the copy: none if its response cannot come of it. One without a response may
    /// take effect at any time or never.
    ///
    /// It tries every order, and is for the handful of operations that a state of a search has.
    pub fn is_linearizable<S>(&self, initial: &S, step: &impl Fn(&S, &Operation) -> Option<S>) -> bool {
        let mut taken: BTreeMap<NodeId, usize> = self.0.keys().map(|client| (*client, 0)).collect();
        self.linearizes(initial, step, &mut taken)
    }

    fn linearizes<S>(
        &self,
        state: &S,
        step: &impl Fn(&S, &Operation) -> Option<S>,
        taken: &mut BTreeMap<NodeId, usize>,
    ) -> bool {
        let answered = |operations: &[Operation], from: usize| {
            operations[from..].iter().any(|operation| operation.response.is_some())
        };
        if self.clients().all(|(client, operations)| !answered(operations, taken[&client])) {
            return true;
        }
        for (client, operations) in self.clients() {
            let Some(next) = operations.get(taken[&client]) else { continue };
            if next.before.iter().any(|(other, count)| taken[other] < *count) {
                continue;
            }
            let Some(after) = step(state, next) else { continue };
            *taken.entry(client).or_default() += 1;
            if self.linearizes(&after, step, taken) {
                return true;
            }
            *taken.entry(client).or_default() -= 1;
        }
        false
    }
}
