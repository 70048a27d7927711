//! Histories: what clients asked for, what they were told, and when.
//!
//! An [`Operation`] is one invocation and at most one response. It took place between the two, or it is known not
//! to have taken place, or its outcome is unknown: then it may take effect at any time after its invocation, or
//! never. A client does one operation at a time; after an unknown outcome it goes on under a new client number,
//! as in Jepsen. A history says nothing of whether it is consistent; that is what the `checker` is
//! for.
//!
//! It comes from a run, by [observing](Observer) what crosses the boundary of the clients, or from a file
//! ([`recorded`]), or from hand-written [`invoke`](History::invoke) and [`respond`](History::respond).

mod datum;
mod jepsen_log;
mod notation;
pub mod recorded;

pub use datum::Datum;
pub use recorded::{Kind, Recorded, RecordedHistory};

use crate::node::NodeId;
use crate::process::Outcome;
use crate::record::{ClientNumbers, Observer, Record, What};
use crate::time::Time;
use std::collections::BTreeMap;
use std::fmt;

/// Who does one operation at a time: a node and its client number there. In a file, a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    /// The node, or the process of a file.
    pub node: u64,
    /// Zero, until an outcome is unknown or operations overlap.
    pub number: u32,
}

impl From<u64> for ClientId {
    fn from(node: u64) -> Self {
        ClientId { node, number: 0 }
    }
}

/// `3`, or `3.1` for its second client number.
impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => write!(f, "{}", self.node),
            number => write!(f, "{}.{number}", self.node),
        }
    }
}

/// When something happened, in the order of all events of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// The place of the event in the history, from one.
    pub order: u64,
    /// Its time, where times are known.
    pub time: Option<Time>,
}

/// `4.2s`, to the microsecond, or `event 12` where times are not known.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.time {
            Some(time) => {
                write!(f, "{}", Time::from_nanoseconds(time.as_nanoseconds() / 1000 * 1000))
            }
            None => write!(f, "event {}", self.order),
        }
    }
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<O, R> {
    /// Who.
    pub client: ClientId,
    /// What was asked for.
    pub operation: O,
    /// What the client was told, if it took place and somebody said what came of it.
    pub response: Option<R>,
    /// What is known of it; unknown while there is no response.
    pub outcome: Outcome,
    /// When it was asked for.
    pub invoked: Moment,
    /// When the outcome was known; none if it never was.
    pub responded: Option<Moment>,
}

/// What all clients did, in the order of invocation. As an observer of a run it keeps the operations whose
/// values have the types `O` and `R`.
#[derive(Clone, Debug)]
pub struct History<O, R> {
    operations: Vec<Operation<O, R>>,
    events: u64,
    /// Those without an outcome, by node and number on it.
    open: BTreeMap<(NodeId, u64), usize>,
    numbers: ClientNumbers,
}

impl<O, R> Default for History<O, R> {
    fn default() -> Self {
        let numbers = ClientNumbers::default();
        History { operations: Vec::new(), events: 0, open: BTreeMap::new(), numbers }
    }
}

impl<O, R> History<O, R> {
    /// A history without operations.
    pub fn new() -> Self {
        History::default()
    }

    /// The operations, in the order of invocation.
    pub fn operations(&self) -> &[Operation<O, R>] {
        &self.operations
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    fn moment(&mut self, time: Option<Time>) -> Moment {
        self.events += 1;
        Moment { order: self.events, time }
    }

    /// Adds the invocation of `operation` after all events so far; its index, for [`respond`](Self::respond).
    pub fn invoke(&mut self, client: impl Into<ClientId>, operation: O, time: Option<Time>) -> usize {
        let invoked = self.moment(time);
        let (client, outcome) = (client.into(), Outcome::Unknown);
        self.operations.push(Operation {
            client,
            operation,
            response: None,
            outcome,
            invoked,
            responded: None,
        });
        self.operations.len() - 1
    }

    /// Adds the outcome of the operation with this index after all events so far. An unknown one says nothing
    /// and adds no event.
    ///
    /// # Panics
    /// If there is no such operation, or it has an outcome.
    #[track_caller]
    pub fn respond(&mut self, index: usize, outcome: Outcome, response: Option<R>, time: Option<Time>) {
        assert!(index < self.operations.len(), "history: there is no operation {index}");
        assert!(self.operations[index].responded.is_none(), "history: operation {index} has an outcome");
        if outcome == Outcome::Unknown {
            return;
        }
        let moment = self.moment(time);
        let operation = &mut self.operations[index];
        operation.outcome = outcome;
        operation.response = response.filter(|_| outcome == Outcome::Ok);
        operation.responded = Some(moment);
    }

    /// The same history in other words. Where `change` says none, the operation is left out.
    pub fn map<P, S>(
        &self,
        mut change: impl FnMut(&Operation<O, R>) -> Option<(P, Option<S>)>,
    ) -> History<P, S> {
        let mut changed = History { events: self.events, ..History::default() };
        for old in &self.operations {
            let Some((operation, response)) = change(old) else { continue };
            let Operation { client, outcome, invoked, responded, .. } = *old;
            changed.operations.push(Operation { client, operation, response, outcome, invoked, responded });
        }
        changed
    }
}

impl<M, O: Clone + 'static, R: Clone + 'static> Observer<M> for History<O, R> {
    fn observe(&mut self, record: Record<'_, M>) {
        match record.what {
            What::Invoked { client, operation, value } => {
                let Some(value) = value.as_any().downcast_ref::<O>() else { return };
                let number = self.numbers.invoked(client, operation);
                let id = ClientId { node: client.index() as u64, number };
                let index = self.invoke(id, value.clone(), Some(record.time));
                self.open.insert((client, operation), index);
            }
            What::Responded { client, operation, outcome, value } => {
                // The first outcome counts: a late response has no open operation.
                let Some(index) = self.open.remove(&(client, operation)) else { return };
                self.numbers.responded(client, operation, outcome);
                let response = value.as_any().downcast_ref::<R>().cloned();
                self.respond(index, outcome, response, Some(record.time));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(history: &mut History<u8, u16>, at: u64, what: What<'_, ()>) {
        history.observe(Record { time: Time::from_nanoseconds(at), what });
    }

    #[test]
    fn a_history_keeps_the_operations_of_its_types_with_their_first_outcome() {
        let (mut history, client) = (History::<u8, u16>::new(), NodeId::new(4));
        tell(&mut history, 1, What::Invoked { client, operation: 1, value: &7_u8 });
        tell(&mut history, 2, What::Invoked { client: NodeId::new(5), operation: 1, value: &"another" });
        let outcome = Outcome::Unknown;
        tell(&mut history, 3, What::Responded { client, operation: 1, outcome, value: &"no reply" });
        tell(&mut history, 4, What::Invoked { client, operation: 2, value: &8_u8 });
        let outcome = Outcome::Ok;
        tell(&mut history, 5, What::Responded { client, operation: 1, outcome, value: &70_u16 });
        tell(&mut history, 6, What::Responded { client, operation: 2, outcome, value: &80_u16 });
        let [first, second] = history.operations() else { panic!("two operations: {history:?}") };
        assert_eq!((first.operation, first.response, first.outcome), (7, None, Outcome::Unknown));
        assert_eq!((second.operation, second.response, second.outcome), (8, Some(80), Outcome::Ok));
        assert_eq!([first.client, second.client].map(|client| client.to_string()), ["4", "4.1"]);
        assert_eq!(second.responded.map(|moment| moment.to_string()), Some("0s".to_string()));
    }
}
