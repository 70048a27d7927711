//! The consistent store as the command sees it.

use super::{AfterRead, Contact, Message, Mistake, Numbers, Options, Replica, Requests, are_stored};
use crate::key_value;
use crate::paxos::majority;
use netsplit::checker::specifications::Store;
use netsplit::client::{ClientOptions, KeyValueOptions};
use netsplit::model::{Model, Setup};
use netsplit::prelude::*;
use netsplit::promise::Promise;
use netsplit::property::Property;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A store whose every read and write is a majority's; see the [module](super).
#[derive(Clone, Copy, Debug)]
pub struct Abd;

/// The parameters of [`Abd`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each is explained where a user can read it: in the model's help")]
pub struct AbdParameters {
    pub replicas: usize,
    pub clients: usize,
    pub client: ClientOptions,
    pub workload: KeyValueOptions,
    pub write_back: bool,
    pub numbers: Numbers,
    pub durable: bool,
    #[serde(with = "netsplit::time::span")]
    pub resend_interval: Duration,
    pub mistake: Mistake,
}

impl Default for AbdParameters {
    fn default() -> Self {
        AbdParameters {
            replicas: 3,
            clients: 3,
            client: ClientOptions::default(),
            workload: KeyValueOptions::default(),
            write_back: true,
            numbers: Numbers::Quorum,
            durable: true,
            resend_interval: milliseconds(50),
            mistake: Mistake::None,
        }
    }
}

impl AbdParameters {
    fn validate(&self) -> Result<(), String> {
        super::validate(self.replicas, self.resend_interval, &self.client)?;
        key_value::validate(self.clients, &self.client, &self.workload)
    }

    /// How a store with these parameters works.
    pub fn options(&self) -> Options {
        Options {
            read_quorum: majority(self.replicas),
            write_quorum: majority(self.replicas),
            numbers: self.numbers,
            after_read: if self.write_back { AfterRead::WriteBack } else { AfterRead::Nothing },
            contact: Contact::All,
            durable: self.durable,
            resend_interval: self.resend_interval,
            give_up: self.client.timeout,
            mistake: self.mistake,
        }
    }
}

impl Model for Abd {
    type Message = Message;
    type Parameters = AbdParameters;

    fn name(&self) -> &'static str {
        "abd"
    }

    fn path(&self) -> String {
        "netsplit_models::store::Abd".to_string()
    }

    fn about(&self) -> &'static str {
        "a consistent store: a register per key, read and written at majorities"
    }

    fn help(&self) -> &'static [(&'static str, &'static str)] {
        &[
            key_value::REPLICAS,
            key_value::CLIENTS,
            key_value::CLIENT,
            key_value::WORKLOAD,
            ("write_back", "whether a read writes what it has read to a majority before it answers"),
            (
                "numbers",
                "where the number of a write comes from: a \"quorum\", or its coordinator's \"clock\"",
            ),
            ("durable", "whether a replica stores a value through crashes, before it says so"),
            ("resend_interval", "how long a coordinator waits before it asks again"),
            ("mistake", "a known mistake, to be studied: see `netsplit zoo`"),
        ]
    }

    fn simulation(
        &self,
        parameters: &AbdParameters,
        setup: &Setup,
        seed: u64,
    ) -> Result<Simulation<Message>, String> {
        parameters.validate()?;
        let AbdParameters { replicas, clients, client, workload, .. } = parameters;
        let mut sim = setup.simulation(seed);
        let replicas = super::add_replicas(&mut sim, *replicas, &parameters.options());
        key_value::add_clients(&mut sim, &Requests, &replicas, *clients, client, workload);
        Ok(sim)
    }

    fn promises(&self) -> Vec<Promise<'static, Message>> {
        vec![Promise::linearizable(Store)]
    }

    fn properties(&self) -> Vec<Property<'static, Message>> {
        vec![
            Property::always("a majority has what a client was told is written", |world| {
                are_stored(world, Replica::written)
            }),
            Property::always("a majority has what a client has read", |world| {
                are_stored(world, Replica::returned)
            }),
            Property::eventually_after_heal("clients are served", key_value::serves::<Requests>),
        ]
    }
}
