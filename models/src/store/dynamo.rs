//! The available store as the command sees it.

use super::{
    AfterRead, Contact, Message, Mistake, Numbers, Options, Replica, Requests, are_stored, converged,
};
use crate::key_value;
use netsplit::client::{ClientOptions, KeyValueOptions};
use netsplit::model::{Model, Setup};
use netsplit::prelude::*;
use netsplit::promise::Promise;
use netsplit::property::Property;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A store that answers as soon as some replicas have; see the [module](super).
#[derive(Clone, Copy, Debug)]
pub struct Dynamo;

/// The parameters of [`Dynamo`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each is explained where a user can read it: in the model's help")]
pub struct DynamoParameters {
    pub replicas: usize,
    pub clients: usize,
    pub client: ClientOptions,
    pub workload: KeyValueOptions,
    pub read_quorum: usize,
    pub write_quorum: usize,
    pub read_repair: bool,
    pub contact: Contact,
    pub coordinators: usize,
    pub durable: bool,
    #[serde(with = "netsplit::time::span")]
    pub resend_interval: Duration,
    pub mistake: Mistake,
}

impl Default for DynamoParameters {
    fn default() -> Self {
        DynamoParameters {
            replicas: 3,
            clients: 3,
            client: ClientOptions::default(),
            workload: KeyValueOptions::default(),
            read_quorum: 1,
            write_quorum: 1,
            read_repair: true,
            contact: Contact::All,
            coordinators: 0,
            durable: true,
            resend_interval: milliseconds(50),
            mistake: Mistake::None,
        }
    }
}

impl DynamoParameters {
    fn validate(&self) -> Result<(), String> {
        let &DynamoParameters { replicas, read_quorum, write_quorum, coordinators, .. } = self;
        super::validate(replicas, self.resend_interval, &self.client)?;
        for (name, quorum) in [("read_quorum", read_quorum), ("write_quorum", write_quorum)] {
            if !(1..=replicas).contains(&quorum) {
                return Err(format!("{name} is {quorum}: expected 1 to {replicas}, the number of replicas"));
            }
        }
        if coordinators > 1000 {
            return Err(format!("coordinators is {coordinators}: expected 0 to 1000"));
        }
        key_value::validate(self.clients, &self.client, &self.workload)
    }

    /// How a store with these parameters works.
    pub fn options(&self) -> Options {
        Options {
            read_quorum: self.read_quorum,
            write_quorum: self.write_quorum,
            numbers: Numbers::Clock,
            after_read: if self.read_repair { AfterRead::Repair } else { AfterRead::Nothing },
            contact: self.contact,
            durable: self.durable,
            resend_interval: self.resend_interval,
            give_up: self.client.timeout,
            mistake: self.mistake,
        }
    }
}

impl Model for Dynamo {
    type Message = Message;
    type Parameters = DynamoParameters;

    fn name(&self) -> &'static str {
        "dynamo"
    }

    fn path(&self) -> String {
        "netsplit_models::store::Dynamo".to_string()
    }

    fn about(&self) -> &'static str {
        "an available store: N/R/W quorums, the last writer wins, read repair"
    }

    fn help(&self) -> &'static [(&'static str, &'static str)] {
        &[
            key_value::REPLICAS,
            key_value::CLIENTS,
            key_value::CLIENT,
            key_value::WORKLOAD,
            ("read_quorum", "R: how many replicas a read waits for"),
            ("write_quorum", "W: how many replicas a write waits for"),
            ("read_repair", "whether a read brings replicas that are behind up to date"),
            ("contact", "whom a coordinator asks: \"all\" replicas, or only a \"quorum\", drawn each time"),
            ("coordinators", "how many nodes coordinate and store nothing; 0: the replicas do it themselves"),
            ("durable", "whether a replica stores a value through crashes, before it says so"),
            ("resend_interval", "how long a coordinator waits before it asks again"),
            ("mistake", "a known mistake, to be studied: see `netsplit zoo`"),
        ]
    }

    fn simulation(
        &self,
        parameters: &DynamoParameters,
        setup: &Setup,
        seed: u64,
    ) -> Result<Simulation<Message>, String> {
        parameters.validate()?;
        let DynamoParameters { replicas, clients, client, workload, coordinators, .. } = parameters;
        let options = parameters.options();
        let mut sim = setup.simulation(seed);
        let replicas = super::add_replicas(&mut sim, *replicas, &options);
        let coordinators: Vec<NodeId> = sim
            .add_group("coordinator", *coordinators, |id, _| Replica::new(id, &replicas, options.clone()))
            .into_iter()
            .map(NodeId::from)
            .collect();
        let servers = if coordinators.is_empty() { replicas } else { coordinators };
        key_value::add_clients(&mut sim, &Requests, &servers, *clients, client, workload);
        Ok(sim)
    }

    /// Not more: a client may read what is older than what it has written or read.
    fn promises(&self) -> Vec<Promise<'static, Message>> {
        vec![Promise::converges()]
    }

    fn properties(&self) -> Vec<Property<'static, Message>> {
        vec![
            Property::always("W replicas have what a client was told is written", |world| {
                are_stored(world, Replica::written)
            }),
            Property::eventually_after_heal("clients are served", key_value::serves::<Requests>),
            Property::eventually_after_heal("all replicas store the same", |world| {
                let repairs = |node: &Replica| node.options().after_read == AfterRead::Repair;
                !world.each::<Replica>().any(repairs) || converged(world)
            }),
        ]
    }
}
