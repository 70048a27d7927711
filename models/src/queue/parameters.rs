//! The queue as the command sees it: its parameters, how it is set up, and what must hold of it. Nothing here
//! is part of the protocol.

use super::{
    Broker, BrokerOptions, Confirm, Consumer, ConsumerOptions, Durability, Guarantee, Message, Mistake,
    Producer, ProducerOptions, all_confirmed_are_processed, nothing_is_processed_twice, processed_in_order,
};
use netsplit::client::Arrivals;
use netsplit::distribution::{Distribution, constant, exponential};
use netsplit::model::{Model, Setup};
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::property::Property;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The parameters of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each is explained where a user can read it: in the model's help")]
pub struct Parameters {
    pub producers: usize,
    pub arrivals: Distribution,
    pub on: Distribution,
    pub off: Distribution,
    pub messages: u64,
    #[serde(with = "netsplit::time::span")]
    pub publish_timeout: Duration,
    pub retries: u32,
    pub consumers: usize,
    pub service: Distribution,
    pub prefetch: usize,
    #[serde(with = "netsplit::time::span")]
    pub heartbeat_interval: Duration,
    pub capacity: usize,
    pub guarantee: Guarantee,
    pub durability: Durability,
    pub confirm: Confirm,
    #[serde(with = "netsplit::time::span")]
    pub visibility_timeout: Duration,
    pub audit: bool,
    pub mistake: Mistake,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            producers: 2,
            arrivals: exponential(milliseconds(50)),
            on: constant(seconds(1)),
            off: constant(Duration::ZERO),
            messages: 0,
            publish_timeout: milliseconds(500),
            retries: 3,
            consumers: 3,
            service: exponential(milliseconds(40)),
            prefetch: 1,
            heartbeat_interval: milliseconds(100),
            capacity: 0,
            guarantee: Guarantee::AtLeastOnce,
            durability: Durability::Durable,
            confirm: Confirm::Accepted,
            visibility_timeout: seconds(1),
            audit: true,
            mistake: Mistake::None,
        }
    }
}

const HELP: [(&str, &str); 18] = [
    ("producers", "how many producers publish, each on its own"),
    ("arrivals", "the distribution of the time from one message of a producer to its next"),
    ("on", "the distribution of how long a producer publishes like this, before it is off"),
    ("off", "the distribution of how long it then publishes nothing; 0s: it is always on"),
    ("messages", "how many messages each producer publishes; 0 for no end"),
    ("publish_timeout", "how long a producer waits to be confirmed before it publishes again"),
    ("retries", "how often a producer publishes a message again; at_most_once never does"),
    ("consumers", "how many consumers serve messages, one at a time each"),
    ("service", "the distribution of the time that a consumer needs for a message"),
    ("prefetch", "how many unacknowledged messages a consumer holds, the one it serves included"),
    ("heartbeat_interval", "how often a consumer tells the broker that it is there"),
    (
        "capacity",
        "how many messages the broker holds before it rejects, those in service included; 0: no bound",
    ),
    ("guarantee", "how often a message may take effect: at_most_once, at_least_once or exactly_once"),
    ("durability", "what the broker keeps through a crash: volatile or durable; exactly_once needs durable"),
    ("confirm", "when a message is confirmed to its producer: accepted or processed"),
    ("visibility_timeout", "how long a message may be unacknowledged before the broker acts"),
    ("audit", "whether all that is confirmed and processed is kept and checked; false bounds the memory"),
    ("mistake", "a known mistake, to be studied: see `netsplit zoo`"),
];

impl Parameters {
    /// How the broker works.
    pub fn broker(&self) -> BrokerOptions {
        let &Parameters { guarantee, durability, confirm, capacity, prefetch, .. } = self;
        let &Parameters { visibility_timeout, mistake, .. } = self;
        BrokerOptions { guarantee, durability, confirm, capacity, prefetch, visibility_timeout, mistake }
    }

    /// How each consumer works.
    pub fn consumer(&self) -> ConsumerOptions {
        let &Parameters { heartbeat_interval, guarantee, audit, mistake, .. } = self;
        ConsumerOptions { service: self.service.clone(), heartbeat_interval, guarantee, audit, mistake }
    }

    /// How each producer works.
    pub fn producer(&self) -> ProducerOptions {
        let &Parameters { messages, publish_timeout: timeout, retries, guarantee, audit, .. } = self;
        let (interval, on, off) = (self.arrivals.clone(), self.on.clone(), self.off.clone());
        let arrivals = match off.mean().is_zero() {
            true => Arrivals::Open(interval),
            false => Arrivals::Bursty { interval, on, off },
        };
        ProducerOptions { arrivals, messages, timeout, retries, guarantee, audit }
    }

    fn validate(&self) -> Result<(), String> {
        for (name, count) in [("producers", self.producers), ("consumers", self.consumers)] {
            if !(1..=1000).contains(&count) {
                return Err(format!("{name} is {count}: expected 1 to 1000"));
            }
        }
        if self.prefetch == 0 {
            return Err("prefetch is 0: expected at least 1".to_string());
        }
        if self.arrivals.mean().is_zero() {
            return Err("arrivals have no time between them: expected a mean of more than 0s".to_string());
        }
        if self.on.mean().is_zero() {
            return Err("on is zero: expected a mean of more than 0s".to_string());
        }
        for (name, span) in [
            ("publish_timeout", self.publish_timeout),
            ("heartbeat_interval", self.heartbeat_interval),
            ("visibility_timeout", self.visibility_timeout),
        ] {
            if span.is_zero() {
                return Err(format!("{name} is zero: expected a span of time"));
            }
        }
        if self.guarantee == Guarantee::ExactlyOnce && self.durability == Durability::Volatile {
            return Err("guarantee is exactly_once: expected durability = \"durable\"".to_string());
        }
        Ok(())
    }
}

/// The nodes of one queue.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The broker.
    pub broker: Handle<Broker>,
    /// The consumers.
    pub consumers: Vec<Handle<Consumer>>,
    /// The producers, who are clients.
    pub producers: Vec<Handle<Producer>>,
}

/// Adds a broker, its consumers and its producers to `sim`, in this order: in an empty simulation the broker
/// is n0 and the consumers are n1, n2, ...
pub fn add_cluster(sim: &mut Simulation<Message>, parameters: &Parameters) -> Cluster {
    let (consumer, producer) = (parameters.consumer(), parameters.producer());
    let broker = sim.add("broker", Broker::new(parameters.broker()));
    let consumers =
        sim.add_group("consumer", parameters.consumers, |_, _| Consumer::new(broker.id(), consumer.clone()));
    let producers = sim
        .add_clients("producer", parameters.producers, |_, _| Producer::new(broker.id(), producer.clone()));
    Cluster { broker, consumers, producers }
}

/// The queue as a model of the command.
#[derive(Clone, Copy, Debug)]
pub struct Queue;

impl Model for Queue {
    type Message = Message;
    type Parameters = Parameters;

    fn name(&self) -> &'static str {
        "queue"
    }

    fn path(&self) -> String {
        "netsplit_models::queue::Queue".to_string()
    }

    fn about(&self) -> &'static str {
        "a message queue: producers, a broker, and consumers that acknowledge"
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
        add_cluster(&mut sim, parameters);
        Ok(sim)
    }

    /// What is claimed depends on the guarantee and on the broker.
    fn properties(&self) -> Vec<Property<'static, Message>> {
        let may_repeat = |world: &World<Message>| {
            let mut producers = world.each::<Producer>();
            producers.any(|producer| producer.options().guarantee == Guarantee::AtLeastOnce)
        };
        let may_lose = |world: &World<Message>| {
            world.each::<Broker>().map(Broker::options).any(|options| {
                options.guarantee == Guarantee::AtMostOnce || options.durability == Durability::Volatile
            })
        };
        vec![
            Property::always("no message is processed twice, unless it may be", move |world| {
                may_repeat(world) || nothing_is_processed_twice(world)
            }),
            Property::always("one consumer processes in the order of acceptance", processed_in_order),
            Property::eventually_after_heal(
                "every confirmed message is processed, unless it may be lost",
                move |world| may_lose(world) || all_confirmed_are_processed(world),
            ),
        ]
    }
}
