//! A message queue: producers publish to a broker, which queues for consumers.
//!
//! **As a queue.** Messages are customers. They arrive at a *rate* (the reciprocal of the mean of `arrivals`,
//! times the number of producers), wait in line at the broker, and are *served* by one of c consumers. The
//! *load* per consumer is rate x mean service / c; below 1 the line comes to rest. *Sojourn* is the time from
//! a message's arrival to the end of its service, *wait* the part before its service begins. Kendall (Annals
//! of Mathematical Statistics, 1953) writes such a system A/S/c/K: the distribution between arrivals (M for
//! the memoryless exponential, D for a constant, G for any), that of the service, the consumers, and how many
//! messages the system holds at most (`capacity`). Erlang (1917) gave the probability of having to wait in
//! M/M/c; Little (Operations Research, 1961) proved L = rate x W, for any distributions: the mean number in
//! the system is the rate of arrival times the mean sojourn. `tests/queues.rs` measures all of these.
//!
//! **As a protocol.** A broker hands a message out and waits for the consumer's *acknowledgement*; at most
//! `prefetch` messages of a consumer are unacknowledged at a time (AMQP 0-9-1, `basic.qos`). One that is not
//! acknowledged within the *visibility time-out* is handed out again (Amazon SQS; AMQP does so when the
//! consumer's connection closes). A producer, too, waits for its message to be *confirmed*, and publishes it
//! again after a time-out, up to `retries` times.
//!
//! ```text
//! producer          broker                consumer
//!    | Publish        |                      |
//!    |--------------->| log Accepted         |
//!    |      Confirmed |                      |
//!    |<---------------|                      |
//!    |                | Deliver              |
//!    |                |--------------------->| (service) log the effect
//!    |                |          Acknowledge |
//!    |                |<---------------------|
//! ```
//!
//! Whoever waits for an answer that may be lost can give up or repeat. That is all there is to the three
//! guarantees:
//!
//! - **At most once**: nothing is repeated. The producer publishes once, and the broker forgets a message
//!   before it hands it out. What a crashed consumer held is lost.
//! - **At least once**: both repeat, and a repetition is a message like any other. The broker forgets a
//!   message when it is acknowledged, the consumer acknowledges when it has processed. A consumer that dies
//!   in between, or is only slow, makes it processed twice.
//! - **Exactly once**: both repeat, and *a repetition keeps its number*, by which the receiver knows it. It
//!   is delivered at least twice and takes effect once. For this the receiver's memory of numbers must be as
//!   stable as the effect: the consumer writes both as one entry of its log, and the broker writes who was
//!   handed a message before it hands it out, because only that consumer knows whether it has processed it.
//!   So a message waits for its consumer for as long as that one is down; the others cannot help. This is
//!   the blocking of two-phase commit again. (A database that all consumers share does instead of their
//!   logs, and is then what everybody waits for.)
//!
//! Copies that the *network* makes are discarded by number in all three cases, as TCP does. Numbers are
//! remembered as long as the sender says that they are open (Lee et al., "Implementing Linearizability at
//! Large Scale and Low Latency", SOSP 2015, call that RIFL); see [`Window`]. What a receiver has lost in a
//! crash is replaced by a number for its life, the broker's *incarnation* and the consumer's *session*: it
//! refuses what was meant for an earlier one. Both are stable in every mode. The history that breaks a broker
//! without: a message is published, handed out and processed; the broker crashes and forgets; a slow copy of
//! the publication arrives, and is new.
//!
//! **Durability.** A durable broker has a message in stable storage before it confirms it. A volatile one
//! keeps nothing through a crash but its incarnation, and confirmed messages are lost. Exactly once needs a
//! durable broker.
//!
//! No process reads a clock, so exhaustive search applies: of one message and few timers and crashes, for the
//! states multiply.
//!
//! It leaves out: priorities, time to live, dead letters for what no consumer can process, negative
//! acknowledgement, topics and routing, replication of the broker, the truncation of its log, and group commit
//! (a durable broker syncs for each publication, so the latency of a sync bounds its throughput). Messages are
//! handed out in the order in which the broker accepts them; one that comes back goes to the front. A consumer
//! that dies is not noticed until it comes back under a new session: until then each visibility time-out
//! costs the messages that are tried on it. An acknowledgement that comes after the visibility time-out does
//! not count (as in SQS, where it needs the last delivery's receipt), so under at least once a time-out
//! shorter than the service starves the line. Producers do not crash; one that a scenario crashes publishes no
//! more.

mod broker;
mod consumer;
mod parameters;
mod producer;
mod window;

pub use broker::{Broker, BrokerOptions, HANDED_OUT, LINE, VisibilityOver, processed_in_order};
pub use consumer::{Consumer, ConsumerOptions, ConsumerTimer};
pub use parameters::{Cluster, Parameters, Queue, add_cluster};
pub use producer::{Producer, ProducerOptions, ProducerTimer};
pub use window::{Known, Window};

use netsplit::client::RequestId;
use netsplit::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a message, however often it is published and delivered: the producer's publication number
/// `operation`.
pub type MessageId = RequestId;

/// How often a message may take effect.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::enum_variant_names, reason = "these are their names")]
pub enum Guarantee {
    /// Never twice, perhaps never.
    AtMostOnce,
    /// Not lost once it is confirmed by a durable broker, perhaps twice.
    AtLeastOnce,
    /// Both.
    ExactlyOnce,
}

/// What the broker keeps through a crash.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Nothing but its incarnation.
    Volatile,
    /// Every message that it has confirmed.
    Durable,
}

/// When the broker confirms a message to its producer.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// When it has taken charge of it.
    Accepted,
    /// When a consumer has acknowledged it: the operation lasts as long as the message's sojourn.
    Processed,
}

/// A known mistake, to be studied. See [`zoo`](crate::zoo).
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mistake {
    /// None.
    #[default]
    None,
    /// A consumer acknowledges a message before it has processed it.
    AcknowledgesFirst,
    /// A consumer comes back from a crash without the numbers of what it has processed.
    ForgetsProcessed,
    /// The broker puts a message that comes back behind all others.
    RedeliversLast,
}

/// A delivery's number: unique, and greater than all earlier ones of this broker. Written `2#7`.
#[derive(Clone, Copy, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// The broker's incarnation; compared first.
    pub incarnation: u64,
    /// Counted from one in each incarnation.
    pub number: u64,
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.incarnation, self.number)
    }
}

/// What producers, broker and consumers say to each other.
#[derive(Clone, Debug, Hash, PartialEq)]
pub enum Message {
    /// A producer publishes a message, for the first time or again.
    Publish {
        /// The message.
        id: MessageId,
        /// The publication: a repetition has the same number only where it must be known as one.
        number: u64,
        /// The producer waits for no publication below this one any more.
        first_open: u64,
        /// The life of the broker that this is meant for.
        incarnation: u64,
    },
    /// The broker has the message, or a consumer has processed it; see [`Confirm`].
    Confirmed(MessageId),
    /// The broker is full, and has not taken this publication of the message.
    Rejected(MessageId),
    /// The broker is in this incarnation, and refuses what was meant for another.
    Restarted(u64),
    /// A consumer in this session wants messages. It says so again and again.
    Subscribe(u64),
    /// The broker hands a message out.
    Deliver {
        /// The message.
        id: MessageId,
        /// The delivery: a repetition has the same tag only where it must be known as one.
        tag: Tag,
        /// The broker waits for no delivery to this consumer below this one any more.
        first_open: Tag,
        /// The life of the consumer that this is meant for.
        session: u64,
    },
    /// The consumer has processed this delivery, now or earlier.
    Acknowledge(Tag),
}

/// Whether no message has taken effect twice, as far as consumers that are up know.
///
/// It is asked after every event, so it looks at what is new: at the last message that a consumer processed,
/// and at all that it has processed if it has just restarted.
pub fn nothing_is_processed_twice(world: &World<Message>) -> bool {
    let times = |id| world.each::<Consumer>().map(|consumer| consumer.times_processed(id)).sum::<u64>();
    world.each::<Consumer>().all(|consumer| match consumer.last_processed() {
        Some(id) => times(id) <= 1,
        None => consumer.processed().all(|(id, _)| times(id) <= 1),
    })
}

/// Whether every message that a producer knows to be confirmed has taken effect, as far as consumers that are
/// up know.
pub fn all_confirmed_are_processed(world: &World<Message>) -> bool {
    lost(world).next().is_none()
}

/// The messages that a producer knows to be confirmed, and that no consumer which is up has processed (yet),
/// the last one of each producer first.
pub fn lost(world: &World<Message>) -> impl Iterator<Item = MessageId> {
    let confirmed = world.nodes_of::<Producer>().flat_map(|producer| {
        let of = move |&operation: &u64| MessageId { client: producer.id(), operation };
        world.get::<Producer>(producer).into_iter().flat_map(Producer::confirmed).rev().map(of)
    });
    confirmed.filter(|&id| world.each::<Consumer>().all(|consumer| consumer.times_processed(id) == 0))
}
