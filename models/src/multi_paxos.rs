//! Multi-Paxos: replicas agree on a log of commands by one instance of Paxos for each slot, under a stable
//! leader. The commands read and write a store of keys and values, which each replica builds from the log.
//!
//! Lamport, "The Part-Time Parliament", TOCS 1998, and "Paxos Made Simple", 2001, section 3; the messages
//! follow van Renesse and Altinbuken, "Paxos Made Moderately Complex", 2015. For one instance see
//! [`paxos`](crate::paxos), whose rules and ballots are used here unchanged.
//!
//! Every replica is proposer, acceptor and learner. One of them *leads*: it has completed phase 1 once, for
//! all slots that are not chosen yet, so that each command of a client costs only phase 2, one round trip to
//! the nearest majority. It tells the others what is chosen, and with heartbeats that it is there. A replica
//! that hears of no leader for a random span *campaigns*: it runs phase 1 in a higher ballot, proposes again
//! whatever the promises report, fills the gaps with commands that do nothing, and leads.
//!
//! Assumed: messages may be lost, delayed, duplicated and reordered, not forged; nodes crash and restart
//! with their promise and their votes, which are durable before anybody is told. What is chosen is not
//! stored: a replica that was down, or has missed an announcement, learns it from the leader. Two replicas
//! may believe that they lead; the ballots see to it that they choose no two commands for one slot. Clients
//! ask one replica after another until the leader answers; a request that was sent twice is applied once, at the
//! first slot that it is chosen for.
//!
//! Left out: snapshots (the log and the votes grow for ever), changes of membership, and reads that do not go
//! through the log.

mod acceptor;
mod learner;
mod replica;

pub use acceptor::Vote;
pub use replica::{Mistake, Options, Replica, Timer};

use crate::key_value;
use crate::paxos::Ballot;
use netsplit::checker::specifications::Store;
use netsplit::client::{
    ClientOptions, KeyValueOperation, KeyValueOptions, KeyValueResponse, Protocol, Reply, RequestId,
};
use netsplit::model::{Model, Setup};
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::promise::Promise;
use netsplit::property::Property;
use netsplit::simulation::Target;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A place in the log, counted from zero.
pub type Slot = u64;

/// What is chosen for a slot.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Command {
    /// Do nothing: fills a gap.
    Nothing,
    /// Apply a client's request. Reads go through the log, too, and so see every write before them.
    Apply(RequestId, KeyValueOperation),
}

/// What replicas and clients say to each other.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named by what they are")]
pub enum Message {
    /// From a client.
    Request { request: RequestId, operation: KeyValueOperation },
    /// To a client: it is applied, with this result.
    Done { request: RequestId, response: KeyValueResponse },
    /// To a client: ask this replica.
    Redirect { request: RequestId, leader: NodeId },
    /// Phase 1a: will you take part in this ballot, for all slots from `first` on?
    Prepare { ballot: Ballot, first: Slot },
    /// Phase 1b: yes, and in no lower one; and these are the votes for those slots.
    Promise { ballot: Ballot, votes: BTreeMap<Slot, Vote> },
    /// Phase 2a: vote for this.
    Accept { slot: Slot, vote: Vote },
    /// Phase 2b: voted.
    Accepted { ballot: Ballot, slot: Slot },
    /// None of these: `ballot` is refused because of a promise to `promised`.
    Rejected { ballot: Ballot, promised: Ballot },
    /// These are chosen, for `first` and the slots after it.
    Chosen { first: Slot, commands: Vec<Command> },
    /// The leader is there, and all slots below `chosen` are chosen.
    Heartbeat { ballot: Ballot, chosen: Slot },
    /// To the leader: what is chosen from `first` on?
    CatchUp { first: Slot },
}

impl Message {
    /// The ballot in which the message asks for something, and because of which it can be refused.
    fn asks_in(&self) -> Option<Ballot> {
        match self {
            Message::Prepare { ballot, .. } | Message::Heartbeat { ballot, .. } => Some(*ballot),
            Message::Accept { vote, .. } => Some(vote.ballot),
            _ => None,
        }
    }
}

/// How clients speak to replicas.
#[derive(Clone, Debug, Hash)]
pub struct Requests;

impl Protocol for Requests {
    type Message = Message;
    type Operation = KeyValueOperation;
    type Response = KeyValueResponse;

    fn request(&self, request: RequestId, operation: &KeyValueOperation) -> Message {
        Message::Request { request, operation: *operation }
    }

    fn reply(message: &Message) -> Option<(RequestId, Reply<KeyValueResponse>)> {
        match message {
            Message::Done { request, response } => Some((*request, Reply::Done(*response))),
            Message::Redirect { request, leader } => Some((*request, Reply::Redirect(*leader))),
            _ => None,
        }
    }
}

/// Whether no two replicas that are up know different commands to be chosen for one slot.
pub fn agree(world: &World<Message>) -> bool {
    let replicas: Vec<&Replica> = world.each().collect();
    let before = |at: usize| &replicas[..at];
    replicas.iter().enumerate().all(|(at, one)| before(at).iter().all(|other| one.agrees(other)))
}

/// The replica that leads and that all others which are up follow, if there is one.
pub fn leader(world: &World<Message>) -> Option<NodeId> {
    let replicas = || world.nodes_of::<Replica>().filter_map(|node| Some((node.id(), world.get(node)?)));
    let leads = |(_, replica): &(NodeId, &Replica)| replica.leads().is_some();
    let (leader, _) = replicas().find(leads)?;
    replicas().all(|(id, replica)| id == leader || replica.follows() == Some(leader)).then_some(leader)
}

/// The replica that leads in the highest ballot, whether others follow it or not.
pub fn latest_leader(world: &World<Message>) -> Option<NodeId> {
    let leads = |node: Handle<Replica>| Some((world.get::<Replica>(node)?.leads()?, node.id()));
    world.nodes_of::<Replica>().filter_map(leads).max().map(|(_, node)| node)
}

/// Whether the system works: all follow one leader and know whatever it has announced to be chosen, and it
/// serves clients.
pub fn works(world: &World<Message>) -> bool {
    let Some(leader) = leader(world).and_then(|id| world.get::<Replica>(id)) else { return false };
    world.each::<Replica>().all(|replica| Some(replica.next()) >= leader.announced())
        && key_value::serves::<Requests>(world)
}

/// The model; see the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct MultiPaxos;

/// The parameters of [`MultiPaxos`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// How many replicas.
    pub replicas: usize,
    /// How many clients.
    pub clients: usize,
    /// How each client works.
    pub client: ClientOptions,
    /// What it asks for.
    pub workload: KeyValueOptions,
    /// Which replica campaigns at the start.
    pub leader: usize,
    /// How often the leader lets the others hear of it.
    #[serde(with = "netsplit::time::span")]
    pub heartbeat_interval: Duration,
    /// How long a replica that hears of no leader waits before it campaigns, up to twice as long.
    #[serde(with = "netsplit::time::span")]
    pub election_timeout: Duration,
    /// A mistake to study.
    pub mistake: Mistake,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            replicas: 3,
            clients: 3,
            client: ClientOptions::default(),
            workload: KeyValueOptions::default(),
            leader: 0,
            heartbeat_interval: milliseconds(50),
            election_timeout: milliseconds(200),
            mistake: Mistake::None,
        }
    }
}

impl Parameters {
    fn validate(&self) -> Result<(), String> {
        let &Parameters { replicas, leader, heartbeat_interval, election_timeout, .. } = self;
        if !(1..=1000).contains(&replicas) {
            return Err(format!("replicas is {replicas}: expected 1 to 1000"));
        }
        if leader >= replicas {
            return Err(format!("leader is {leader}: expected a replica, 0 to {}", replicas - 1));
        }
        if heartbeat_interval.is_zero() {
            return Err("heartbeat_interval is zero: expected more".to_string());
        }
        if election_timeout <= heartbeat_interval {
            return Err(format!(
                "election_timeout is {election_timeout:?}: expected more than heartbeat_interval, \
                 {heartbeat_interval:?}"
            ));
        }
        key_value::validate(self.clients, &self.client, &self.workload)
    }
}

impl Model for MultiPaxos {
    type Message = Message;
    type Parameters = Parameters;

    fn name(&self) -> &'static str {
        "multi-paxos"
    }

    fn path(&self) -> String {
        "netsplit_models::multi_paxos::MultiPaxos".to_string()
    }

    fn about(&self) -> &'static str {
        "Multi-Paxos: a replicated log under a stable leader"
    }

    fn help(&self) -> &'static [(&'static str, &'static str)] {
        &[
            key_value::REPLICAS,
            key_value::CLIENTS,
            key_value::CLIENT,
            key_value::WORKLOAD,
            ("leader", "which replica campaigns at the start, counted from 0"),
            ("heartbeat_interval", "how often the leader lets the others hear of it"),
            ("election_timeout", "how long a replica that hears of no leader waits, up to twice as long"),
            ("mistake", "a known mistake, to be studied: see `netsplit zoo`"),
        ]
    }

    fn simulation(
        &self,
        parameters: &Parameters,
        setup: &Setup,
        seed: u64,
    ) -> Result<Simulation<Message>, String> {
        parameters.validate()?;
        let mut sim = setup.simulation(seed);
        let first = NodeId::new(parameters.leader);
        let replicas = sim.add_group("replica", parameters.replicas, |id, all| {
            let options = Options {
                campaigns_at_start: id == first,
                heartbeat_interval: parameters.heartbeat_interval,
                election_timeout: parameters.election_timeout,
                mistake: parameters.mistake,
            };
            Replica::new(all.to_vec(), options)
        });
        let replicas: Vec<NodeId> = replicas.into_iter().map(NodeId::from).collect();
        let Parameters { clients, client, workload, .. } = parameters;
        key_value::add_clients(&mut sim, &Requests, &replicas, *clients, client, workload);
        Ok(sim)
    }

    fn promises(&self) -> Vec<Promise<'static, Message>> {
        vec![Promise::linearizable(Store)]
    }

    fn properties(&self) -> Vec<Property<'static, Message>> {
        vec![
            Property::always("no two replicas choose different commands for one slot", agree),
            Property::always("no request is applied twice", |world| {
                world.each::<Replica>().all(|replica| replica.distinct() == replica.applied().len())
            }),
            Property::eventually_after_heal("all follow a leader that serves clients, and none lags", works),
        ]
    }

    fn targets(&self) -> Vec<(&'static str, Target<Message>)> {
        vec![("leader", latest_leader)]
    }
}
