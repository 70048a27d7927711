//! Records: typed trace events, streamed to observers as they happen.
//!
//! Everything downstream of a run reads records and never the world: metrics, histories, digests,
//! drawings, exports. Nothing is recorded that no observer asked for.

use crate::fault::Fault;
use crate::network::Address;
use crate::node::NodeId;
use crate::process::{AnyValue, Outcome};
use crate::time::Time;
use std::any::Any;
use std::fmt::{self, Debug, Write};
use std::hash::{Hash, Hasher};

/// Something that happened, and when.
#[derive(Debug)]
pub struct Record<'a, M> {
    /// When.
    pub time: Time,
    /// What.
    pub what: What<'a, M>,
}

/// What happened. `copy` marks the duplicate of a message, which may arrive before it.
#[derive(Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named by what they are")]
pub enum What<'a, M> {
    /// A node is part of the simulation. An observer that is attached later hears of the nodes there are.
    Added { node: NodeId, name: &'a str, client: bool },
    /// A node has started.
    Started { node: NodeId },
    /// A message was sent.
    Sent { address: Address, message: &'a M },
    /// The network will deliver a message twice.
    Duplicated { address: Address },
    /// A message will not arrive.
    Dropped { address: Address, copy: bool, message: &'a M, reason: DropReason },
    /// A message, or its copy, has arrived.
    Delivered { address: Address, copy: bool, message: &'a M },
    /// A timer went off.
    Fired { node: NodeId, timer: &'a dyn AnyValue },
    /// A node waits until this many writes are durable.
    Syncing { node: NodeId, writes: usize },
    /// The writes a node waited for are durable.
    Synced { node: NodeId },
    /// A fault was applied; a crash lost this many writes, and perhaps a process that was not as it is added
    /// (`lost_state`, which no digest has: it follows from the rest).
    Fault { fault: &'a Fault, lost_writes: usize, lost_state: bool },
    /// A process said something.
    Noted { node: NodeId, text: &'a str },
    /// A client invoked an operation.
    Invoked { client: NodeId, operation: u64, value: &'a dyn AnyValue },
    /// A client knows what became of its operation.
    Responded { client: NodeId, operation: u64, outcome: Outcome, value: &'a dyn AnyValue },
    /// Something came for a paused node, and waits. It is in no digest: it follows from the rest.
    Waits { node: NodeId },
    /// A process said what something that it counts is now. It is in no digest: it follows from the rest.
    Gauge { node: NodeId, name: &'static str, value: u64 },
    /// A node has read a wall clock that is wrong, or one of its timers runs by a clock that drifts. It is in no
    /// digest.
    Misled { node: NodeId, by_timer: bool },
    /// A message takes longer because its link is slow. It is in no digest.
    Slowed { address: Address },
}

impl<M> What<'_, M> {
    /// Whether it only says how other records come about, so that it is in no digest.
    pub(crate) fn only_explains(&self) -> bool {
        matches!(self, What::Waits { .. } | What::Gauge { .. } | What::Misled { .. } | What::Slowed { .. })
    }
}

/// Why a message does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The link lost it.
    Loss,
    /// A partition cut the link when it was sent or when it was to arrive.
    Partition,
    /// The receiver was crashed.
    Crash,
    /// An edit lost it.
    Edit,
}

impl<M> Clone for Record<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M> Copy for Record<'_, M> {}
impl<M> Clone for What<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M> Copy for What<'_, M> {}

/// Canonical: what a digest is made of.
impl<M: Hash> Hash for Record<'_, M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.time.hash(state);
        std::mem::discriminant(&self.what).hash(state);
        match self.what {
            What::Added { node, name, client } => (node, name, client).hash(state),
            What::Started { node } | What::Synced { node } | What::Waits { node } => node.hash(state),
            What::Sent { address, message } => (address, message).hash(state),
            What::Duplicated { address } | What::Slowed { address } => address.hash(state),
            What::Dropped { address, copy, message, reason } => {
                (address, copy, message, reason).hash(state);
            }
            What::Delivered { address, copy, message } => (address, copy, message).hash(state),
            What::Fired { node, timer } => (node, timer.fingerprint()).hash(state),
            What::Syncing { node, writes } => (node, writes).hash(state),
            What::Fault { fault, lost_writes, .. } => (fault, lost_writes).hash(state),
            What::Misled { node, by_timer } => (node, by_timer).hash(state),
            What::Noted { node, text } => (node, text).hash(state),
            What::Invoked { client, operation, value } => {
                (client, operation, value.fingerprint()).hash(state);
            }
            What::Responded { client, operation, outcome, value } => {
                (client, operation, outcome, value.fingerprint()).hash(state);
            }
            What::Gauge { node, name, value } => (node, name, value).hash(state),
        }
    }
}

/// Reads the records of a run, each once, in order.
pub trait Observer<M>: Any {
    /// Reads one record.
    fn observe(&mut self, record: Record<'_, M>);
}

/// Which client, of those that do one operation at a time, an operation belongs to: the numbering that
/// Jepsen calls processes. Each node has its own numbers, from zero. An operation takes the lowest number that
/// is free, an outcome ok or failed frees it, and an unknown outcome retires it.
///
/// It is fed the records in their order: [`invoked`](Self::invoked) and [`responded`](Self::responded).
#[derive(Clone, Debug, Default)]
pub struct ClientNumbers {
    /// By node.
    numbers: Vec<Vec<Number>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Free,
    /// By this operation.
    Taken(u64),
    Retired,
}

impl ClientNumbers {
    /// The client number of an operation that is invoked now.
    pub fn invoked(&mut self, node: NodeId, operation: u64) -> u32 {
        self.numbers.resize(self.numbers.len().max(node.index() + 1), Vec::new());
        let numbers = &mut self.numbers[node.index()];
        let lowest = numbers.iter().position(|number| *number == Number::Free).unwrap_or(numbers.len());
        numbers.resize(numbers.len().max(lowest + 1), Number::Free);
        numbers[lowest] = Number::Taken(operation);
        lowest as u32
    }

    /// What became of it. A late response changes nothing.
    pub fn responded(&mut self, node: NodeId, operation: u64, outcome: Outcome) {
        let Some(numbers) = self.numbers.get_mut(node.index()) else { return };
        if let Some(number) = numbers.iter_mut().find(|number| **number == Number::Taken(operation)) {
            *number = match outcome {
                Outcome::Ok | Outcome::Failed => Number::Free,
                Outcome::Unknown => Number::Retired,
            };
        }
    }
}

/// The kind of a message: the first word of its `Debug`, without formatting the rest.
pub fn kind_of(message: &impl Debug) -> String {
    let mut kind = String::new();
    write_kind(message, &mut kind);
    kind
}

/// Writes the [kind](kind_of) of a message to the end of `kind`.
pub(crate) fn write_kind(message: &impl Debug, kind: &mut String) {
    struct FirstWord<'a>(&'a mut String);
    impl Write for FirstWord<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
            self.0.push_str(&text[..end]);
            if end < text.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    // The error is how it stops.
    let _ = write!(FirstWord(kind), "{message:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_message_is_the_first_word_of_its_debug() {
        #[derive(Debug)]
        #[allow(dead_code)]
        enum Message {
            Prepare { ballot: u8 },
            Accepted(u8),
            Stop,
        }
        let kinds =
            [Message::Prepare { ballot: 1 }, Message::Accepted(1), Message::Stop].map(|m| kind_of(&m));
        assert_eq!(kinds, ["Prepare", "Accepted", "Stop"]);
    }

    #[test]
    fn an_unknown_outcome_retires_its_client_number() {
        let (mut numbers, node) = (ClientNumbers::default(), NodeId::new(4));
        assert_eq!([1, 2, 3].map(|operation| numbers.invoked(node, operation)), [0, 1, 2]);
        numbers.responded(node, 2, Outcome::Unknown);
        numbers.responded(node, 1, Outcome::Ok);
        // A late response to the second changes nothing.
        numbers.responded(node, 2, Outcome::Ok);
        assert_eq!([4, 5].map(|operation| numbers.invoked(node, operation)), [0, 3]);
        assert_eq!(numbers.invoked(NodeId::new(5), 1), 0);
    }
}
