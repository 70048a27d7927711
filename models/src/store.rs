//! A replicated store of keys and values, at two ends of one trade: consistent, or available.
//!
//! Gilbert and Lynch ("Brewer's Conjecture and the Feasibility of Consistent, Available, Partition-Tolerant Web
//! Services", SIGACT News 2002) proved that a store cannot both answer on each side of a partition and let
//! every read see the last write. Both stores here are one process, [`Replica`], under two settings of four
//! knobs:
//!
//! | | [`Abd`]: consistent | [`Dynamo`]: available |
//! |---|---|---|
//! | whom a write or a read waits for | a majority | W or R replicas, of N |
//! | where a write's number comes from | one more than the highest that a majority has | the clock: the last writer wins |
//! | before a read answers | it writes what it has read to a majority | |
//! | after a read has answered | | it repairs the replicas that are behind |
//!
//! The first is the register of Attiya, Bar-Noy and Dolev ("Sharing Memory Robustly in Message-Passing Systems",
//! JACM 1995) with many writers (Lynch and Shvartsman, FTCS 1997). The second is the store of DeCandia et al.
//! ("Dynamo: Amazon's Highly Available Key-value Store", SOSP 2007) without hinted hand-off, anti-entropy,
//! vector clocks and a ring: every replica holds every key. With R + W > N a read sees what was written before
//! it began, and yet the store is not linearizable: of two reads that overlap a write, the first may see it and
//! the second not. The history that breaks a majority register whose reads write nothing back: a write of 1 has
//! reached one replica of three; a read asks that one and another, and returns 1; then a read asks the two
//! others, and returns what was before.
//!
//! ```text
//! client          replica (coordinates)      other replicas
//!   | Request          |                          |
//!   |----------------->| Get                      |
//!   |                  |------------------------->|    a read, and a write that needs a number
//!   |                  |                      Got |
//!   |                  |<-------------------------|
//!   |                  | Put                      |    a write, and a read that writes back
//!   |                  |------------------------->| (durable before it says so)
//!   |                  |                   Stored |
//!   |             Done |<-------------------------|
//!   |<-----------------|                          |
//! ```
//!
//! Whichever replica a client asks coordinates the operation; a node that is no replica can coordinate, too.
//! What was lost is asked for again until the coordinator gives up. Replicas have a value in stable storage
//! before they say so, and it survives a crash; a coordinator that crashes forgets its operations.
//!
//! Assumed: no copy of a client's request comes later than a crash and restart of its coordinator, which would
//! take it for a new one. For the same reason a client tries an operation only once: a write that is tried
//! again through another replica may take effect twice. Numbers in [`Abd`] come from replicas, so exhaustive
//! search applies to it; [`Dynamo`] reads the clock, so it does not apply there.

mod abd;
mod dynamo;
mod replica;

pub use abd::{Abd, AbdParameters};
pub use dynamo::{Dynamo, DynamoParameters};
pub use replica::{AfterRead, Contact, Mistake, Numbers, Options, Replica, Timer};

use netsplit::client::{ClientOptions, KeyValueOperation, KeyValueResponse, Protocol, Reply, RequestId};
use netsplit::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A value and the number by which replicas know which of two is newer. Values differ, so they break ties.
#[derive(Clone, Copy, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Numbered {
    /// Compared first.
    pub number: u64,
    /// The write that stored it.
    pub value: RequestId,
}

/// Short, for stories: `n5/3@2` is what n5 wrote in its third operation, as number 2.
impl fmt::Debug for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}", self.value, self.number)
    }
}

/// What clients, coordinators and replicas say to each other.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named by what they are")]
pub enum Message {
    /// From a client.
    Request { id: RequestId, operation: KeyValueOperation },
    /// To a client: it took place.
    Done { id: RequestId, response: KeyValueResponse },
    /// To a replica, for operation `id`: what is stored there?
    Get { id: RequestId, key: u64 },
    /// This.
    Got { id: RequestId, stored: Option<Numbered> },
    /// To a replica: store this, unless you have newer.
    Put { id: RequestId, key: u64, value: Numbered },
    /// It is stored, or newer is.
    Stored { id: RequestId },
}

/// How clients speak to the store.
#[derive(Clone, Debug, Hash)]
pub struct Requests;

impl Protocol for Requests {
    type Message = Message;
    type Operation = KeyValueOperation;
    type Response = KeyValueResponse;

    fn request(&self, id: RequestId, operation: &KeyValueOperation) -> Message {
        Message::Request { id, operation: *operation }
    }

    fn reply(message: &Message) -> Option<(RequestId, Reply<KeyValueResponse>)> {
        match message {
            Message::Done { id, response } => Some((*id, Reply::Done(*response))),
            _ => None,
        }
    }
}

/// Adds the replicas of a store.
pub fn add_replicas(sim: &mut Simulation<Message>, count: usize, options: &Options) -> Vec<NodeId> {
    let replicas = sim.add_group("replica", count, |id, all| Replica::new(id, all, options.clone()));
    replicas.into_iter().map(NodeId::from).collect()
}

/// What both stores demand of their parameters.
fn validate(replicas: usize, resend_interval: Duration, client: &ClientOptions) -> Result<(), String> {
    if !(1..=1000).contains(&replicas) {
        return Err(format!("replicas is {replicas}: expected 1 to 1000"));
    }
    if resend_interval.is_zero() {
        return Err("resend_interval is zero: expected a span of time".to_string());
    }
    match client.attempts {
        1 => Ok(()),
        tries => Err(format!("client.attempts is {tries}: expected 1, for a write may not be tried twice")),
    }
}

/// Whether each value that a coordinator has `told` a client of is stored at a write quorum of replicas, or newer
/// is. A replica that is down counts as having it: it comes back with what is in its storage.
///
/// It is asked after every event, so it looks at what is new: at the key that each coordinator has told somebody
/// of last, and at all keys if a replica has just restarted.
fn are_stored(world: &World<Message>, told: fn(&Replica) -> &BTreeMap<u64, Numbered>) -> bool {
    let has =
        |node: Option<&Replica>, key, value| node.is_none_or(|replica| replica.stored(key) >= Some(value));
    let everything = world.each::<Replica>().any(Replica::has_just_restarted);
    world.each::<Replica>().all(|coordinator| {
        let is_stored = |key, value| {
            let replicas = coordinator.replicas().iter().map(|&node| world.get(node));
            replicas.filter(|&node| has(node, key, value)).count() >= coordinator.options().write_quorum
        };
        let told = told(coordinator);
        match coordinator.last_told() {
            _ if everything => told.iter().all(|(&key, &value)| is_stored(key, value)),
            Some(key) => told.get(&key).is_none_or(|&value| is_stored(key, value)),
            None => true,
        }
    })
}

/// Whether all replicas that are up store the same.
pub fn converged(world: &World<Message>) -> bool {
    let mut replicas = world.each::<Replica>().filter(|replica| replica.is_member());
    let Some(first) = replicas.next() else { return true };
    replicas.all(|replica| replica.all_stored() == first.all_stored())
}
