//! What clients invoked and were answered, as part of a state: no times, only what came before what.
//!
//! Of each operation it keeps how many operations every other client had completed when it was invoked (as
//! Stateright's `LinearizabilityTester` does). That is all of the real-time order that linearizability asks for,
//! and histories that differ in nothing else are one.

use crate::checker::{Budget, Specification, is_linearizable};
use crate::fingerprint::fingerprint;
use crate::history as checked;
use crate::node::NodeId;
use crate::process::{AnyValue, Outcome, Value};
use crate::record::{Observer, Record, What};
use crate::time::Time;
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

    /// Whether they are linearizable, by the [checker](crate::checker): operations that are of another type than the
    /// specification's are left out. What cannot be decided within the usual budget is not.
    pub fn is_linearizable<S>(&self, specification: &S) -> bool
    where
        S: Specification<Operation: Value, Response: Value>,
    {
        let mut history = checked::History::<S::Operation, S::Response>::new();
        self.tell::<()>(&mut history);
        is_linearizable(specification, &history, &Budget::default()) == Some(true)
    }

    /// Tells an observer of all events in an order in which they can have come, at no time: each operation is invoked
    /// when as many of the others' are complete as it knows of, and no more. That is for clients that do one operation
    /// at a time; where one does several, they overlap at least as much as they did.
    pub(crate) fn tell<M: 'static>(&self, observer: &mut dyn Observer<M>) {
        let mut told: BTreeMap<NodeId, Told> = self.0.keys().map(|id| (*id, Told::default())).collect();
        while let Some((client, is_response)) = self.next(&told) {
            let operations = &self.0[&client];
            let so_far = told.entry(client).or_default();
            let what = if is_response {
                let Operation { number, response, .. } = &operations[so_far.responded];
                so_far.responded += 1;
                let (outcome, value) = response.as_ref().expect("it was asked for");
                What::Responded { client, operation: *number, outcome: *outcome, value: &**value }
            } else {
                let Operation { number, invocation, .. } = &operations[so_far.invoked];
                so_far.invoked += 1;
                What::Invoked { client, operation: *number, value: &**invocation }
            };
            observer.observe(Record { time: Time::ZERO, what });
        }
    }

    /// Whose event is next, and whether it is a response.
    fn next(&self, told: &BTreeMap<NodeId, Told>) -> Option<(NodeId, bool)> {
        let is_free = |client: &NodeId, operations: &[Operation]| {
            let Told { invoked, responded } = told[client];
            invoked == responded || operations[invoked - 1].response.is_none()
        };
        let invocations = || {
            let clients = self.clients().filter(|(client, operations)| is_free(client, operations));
            clients.filter_map(|(client, operations)| Some((client, operations.get(told[&client].invoked)?)))
        };
        let knows = |operation: &Operation, other: NodeId| {
            operation.before.iter().find(|(known, _)| *known == other).map_or(0, |(_, count)| *count)
        };
        let is_due = |operation: &Operation| {
            operation.before.iter().all(|(other, count)| told[other].responded >= *count)
        };
        let invoked = invocations().find(|(_, operation)| is_due(operation)).map(|(client, _)| client);
        // Nobody who is invoked later knows less than was complete by then.
        let mut responses = self.clients().filter(|(client, operations)| {
            let Told { invoked, responded } = told[client];
            let has_come = responded < invoked && operations[responded].response.is_some();
            has_come
                && self.clients().all(|(other, operations)| {
                    let later = operations.get(told[&other].invoked);
                    other == *client || later.is_none_or(|later| knows(later, *client) > responded)
                })
        });
        let first = invoked.map(|client| (client, false));
        let then = || responses.next().map(|(client, _)| (client, true));
        first.or_else(then).or_else(|| invocations().next().map(|(client, _)| (client, false)))
    }
}

/// How much of a client has been told.
#[derive(Clone, Copy, Default)]
struct Told {
    invoked: usize,
    responded: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::fingerprint;

    /// Keeps what it is told as the explorer does, from invocations and responses in some order.
    struct Again(History);

    impl Observer<()> for Again {
        fn observe(&mut self, record: Record<'_, ()>) {
            let (client, said) = match record.what {
                What::Invoked { client, operation, .. } => (client, Said::Invoke(operation, Arc::new(()))),
                What::Responded { client, operation, outcome, .. } => {
                    (client, Said::Respond(operation, outcome, Arc::new(())))
                }
                _ => return,
            };
            self.0.append(client, &said);
        }
    }

    #[test]
    fn what_is_told_in_the_order_that_is_found_is_the_same_history() {
        for seed in 0..500u64 {
            let (mut history, mut open) = (History::default(), [None::<u64>; 3]);
            for event in 0..16u64 {
                let client = fingerprint(&(seed, event)) as usize % 3;
                let said = match open[client].take() {
                    Some(number) => Said::Respond(number, Outcome::Ok, Arc::new(())),
                    None => {
                        open[client] = Some(event);
                        Said::Invoke(event, Arc::new(()))
                    }
                };
                history.append(NodeId::new(client), &said);
            }
            let mut again = Again(History::default());
            history.tell(&mut again);
            assert_eq!(again.0.print(), history.print(), "seed {seed}: {history:?} {:?}", again.0);
        }
    }
}
