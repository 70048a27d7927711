//! How a two-phase commit is set up: its parameters, its nodes and its clients. Nothing here is part of the
//! protocol.

use super::{Coordinator, Decision, Message, Mistake, Participant, atomic, somebody_is_in_doubt};
use netsplit::client::{Arrivals, Client, ClientOptions, Protocol, Reply, RequestId};
use netsplit::model::{Model, Setup};
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::property::Property;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where a client asks for a transaction.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartAt {
    /// At a participant: each client at another, and the next one if that does not answer.
    Participant,
    /// At the coordinator.
    Coordinator,
}

/// The parameters of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each is explained where a user can read it: in the model's help")]
pub struct Parameters {
    pub participants: usize,
    pub refusal_percent: u32,
    #[serde(with = "netsplit::time::span")]
    pub vote_timeout: Duration,
    #[serde(with = "netsplit::time::span")]
    pub inquiry_interval: Duration,
    pub clients: usize,
    pub start_at: StartAt,
    pub operations: u64,
    #[serde(with = "netsplit::time::span")]
    pub think_time: Duration,
    #[serde(with = "netsplit::time::span")]
    pub client_timeout: Duration,
    pub attempts: u32,
    pub mistake: Mistake,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            participants: 3,
            refusal_percent: 0,
            vote_timeout: milliseconds(100),
            inquiry_interval: milliseconds(200),
            clients: 2,
            start_at: StartAt::Participant,
            operations: 0,
            think_time: milliseconds(50),
            client_timeout: milliseconds(500),
            attempts: 2,
            mistake: Mistake::None,
        }
    }
}

const HELP: [(&str, &str); 11] = [
    ("participants", "how many nodes take part in every transaction"),
    ("refusal_percent", "how likely a participant refuses a transaction, from 0 to 100"),
    ("vote_timeout", "how long the coordinator waits for promises before it aborts"),
    ("inquiry_interval", "how often a participant that is in doubt asks for the outcome"),
    ("clients", "how many clients ask for transactions, one at a time each"),
    ("start_at", "whom a client asks: a participant or the coordinator"),
    ("operations", "how many transactions each client asks for; 0 for no end"),
    ("think_time", "from a client's answer to its next transaction"),
    ("client_timeout", "how long a client waits before it asks again"),
    ("attempts", "how often a client asks before the outcome is unknown to it"),
    ("mistake", "a known mistake, to be studied: see `netsplit zoo`"),
];

impl Parameters {
    fn validate(&self) -> Result<(), String> {
        let at_least_one = |name, value| match value {
            0 => Err(format!("{name} is 0: expected at least 1")),
            _ => Ok(()),
        };
        let not_zero = |name, span: Duration| match span.is_zero() {
            true => Err(format!("{name} is zero: expected a span of time")),
            false => Ok(()),
        };
        at_least_one("participants", self.participants)?;
        at_least_one("attempts", self.attempts as usize)?;
        not_zero("vote_timeout", self.vote_timeout)?;
        not_zero("inquiry_interval", self.inquiry_interval)?;
        not_zero("client_timeout", self.client_timeout)?;
        match self.refusal_percent {
            0..=100 => Ok(()),
            percent => Err(format!("refusal_percent is {percent}: expected 0 to 100")),
        }
    }
}

/// The nodes of one two-phase commit.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The coordinator.
    pub coordinator: Handle<Coordinator>,
    /// The participants.
    pub participants: Vec<Handle<Participant>>,
}

/// Adds a coordinator and its participants to `sim`, in this order: in an empty simulation the coordinator
/// is n0 and the participants are n1, n2, ...
pub fn add_cluster(sim: &mut Simulation<Message>, parameters: &Parameters) -> Cluster {
    let first = sim.world().ids().count();
    let ids = (1..=parameters.participants).map(|index| NodeId::new(first + index)).collect();
    let mistake = parameters.mistake;
    let coordinator = sim.add("coordinator", Coordinator::new(ids, parameters.vote_timeout).with(mistake));
    let participants = sim.add_group("participant", parameters.participants, |id, all| {
        let others = all.iter().copied().filter(|&other| other != id).collect();
        Participant::new(coordinator.id(), others, parameters.inquiry_interval, parameters.refusal_percent)
            .with(mistake)
    });
    Cluster { coordinator, participants }
}

/// How clients ask for transactions, and understand the answer.
#[derive(Clone, Debug, Hash)]
pub struct Transactions;

/// What a client asks for: a transaction, whatever is in it.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Transact;

impl Protocol for Transactions {
    type Message = Message;
    type Operation = Transact;
    type Response = Decision;

    fn request(&self, id: RequestId, _: &Transact) -> Message {
        Message::Begin(id)
    }

    fn reply(message: &Message) -> Option<(RequestId, Reply<Decision>)> {
        match *message {
            Message::Reply(transaction, Decision::Commit) => {
                Some((transaction, Reply::Done(Decision::Commit)))
            }
            Message::Reply(transaction, Decision::Abort) => {
                Some((transaction, Reply::Rejected(Decision::Abort)))
            }
            _ => None,
        }
    }
}

fn add_clients(sim: &mut Simulation<Message>, cluster: &Cluster, parameters: &Parameters) {
    let options = ClientOptions {
        arrivals: Arrivals::Closed(parameters.think_time.into()),
        timeout: parameters.client_timeout,
        attempts: parameters.attempts,
        operations: parameters.operations,
        ..ClientOptions::default()
    };
    let mut servers: Vec<NodeId> = match parameters.start_at {
        StartAt::Participant => cluster.participants.iter().map(|participant| participant.id()).collect(),
        StartAt::Coordinator => vec![cluster.coordinator.id()],
    };
    sim.add_clients("client", parameters.clients, |_, _| {
        let client = Client::new(Transactions, servers.clone(), options.clone());
        servers.rotate_left(1);
        client
    });
}

/// Two-phase commit as a model of the command.
#[derive(Clone, Copy, Debug)]
pub struct TwoPhaseCommit;

impl Model for TwoPhaseCommit {
    type Message = Message;
    type Parameters = Parameters;

    fn name(&self) -> &'static str {
        "two-phase-commit"
    }

    fn path(&self) -> String {
        "netsplit_models::two_phase_commit::TwoPhaseCommit".to_string()
    }

    fn about(&self) -> &'static str {
        "two-phase commit with logs, time-outs, recovery and cooperative termination"
    }

    fn help(&self) -> &'static [(&'static str, &'static str)] {
        &HELP
    }

    fn simulation(
        &self,
        parameters: &Parameters,
        setup: &Setup,
        seed: u64,
    ) -> Result<Simulation<Message>, String> {
        parameters.validate()?;
        let mut sim = setup.simulation(seed);
        let cluster = add_cluster(&mut sim, parameters);
        add_clients(&mut sim, &cluster, parameters);
        Ok(sim)
    }

    fn properties(&self) -> Vec<Property<'static, Message>> {
        vec![
            Property::always("no transaction commits at one node and aborts at another", atomic),
            Property::eventually_after_heal("nobody is in doubt", |world| !somebody_is_in_doubt(world)),
        ]
    }
}
