//! Paxos as the command sees it: its parameters, how a cluster is set up, and what must hold of it.

use super::{Acceptor, Backoff, Consensus, Message, Mistake, Proposer, Value, chosen};
use netsplit::model::{Model, Setup};
use netsplit::prelude::*;
use netsplit::promise::Promise;
use netsplit::property::Property;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// The model; see the [module](super).
#[derive(Clone, Copy, Debug)]
pub struct Paxos;

/// The parameters of [`Paxos`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// How many acceptors.
    pub acceptors: usize,
    /// How many proposers.
    pub proposers: usize,
    /// The shortest back-off.
    #[serde(with = "netsplit::time::span")]
    pub backoff_low: Duration,
    /// The longest back-off.
    #[serde(with = "netsplit::time::span")]
    pub backoff_high: Duration,
    /// How long a ballot may take.
    #[serde(with = "netsplit::time::span")]
    pub timeout: Duration,
    /// How much later than the one before it each proposer begins.
    #[serde(with = "netsplit::time::span")]
    pub stagger: Duration,
    /// A mistake to study.
    pub mistake: Mistake,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            acceptors: 3,
            proposers: 2,
            backoff_low: milliseconds(5),
            backoff_high: milliseconds(100),
            timeout: milliseconds(200),
            stagger: milliseconds(10),
            mistake: Mistake::None,
        }
    }
}

impl Model for Paxos {
    type Message = Message;
    type Parameters = Parameters;

    fn name(&self) -> &'static str {
        "paxos"
    }

    fn path(&self) -> String {
        "netsplit_models::paxos::Paxos".to_string()
    }

    fn about(&self) -> &'static str {
        "single-decree Paxos: proposers and acceptors choose one value"
    }

    fn help(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("acceptors", "how many acceptors; a majority chooses"),
            ("proposers", "how many proposers, each of which proposes itself"),
            ("backoff_low", "the shortest wait of a proposer before its next ballot"),
            ("backoff_high", "the longest such wait; the same as backoff_low for no randomness"),
            ("timeout", "how long a proposer waits for a ballot to succeed"),
            ("stagger", "how much later than the one before it each proposer begins"),
            ("mistake", "a known mistake, to be studied: see `netsplit zoo`"),
        ]
    }

    fn simulation(
        &self,
        parameters: &Parameters,
        setup: &Setup,
        seed: u64,
    ) -> Result<Simulation<Message>, String> {
        let &Parameters { acceptors, proposers, backoff_low, backoff_high, timeout, stagger, mistake } =
            parameters;
        for (name, count) in [("acceptors", acceptors), ("proposers", proposers)] {
            if !(1..=1000).contains(&count) {
                return Err(format!("{name} is {count}: expected 1 to 1000"));
            }
        }
        if backoff_low > backoff_high {
            return Err(format!(
                "backoff_low is {backoff_low:?}: expected at most backoff_high, {backoff_high:?}"
            ));
        }
        if timeout.is_zero() {
            return Err("timeout is zero: expected a longer span".to_string());
        }
        let backoff = match backoff_low == backoff_high {
            true => Backoff::Equal(backoff_low),
            false => Backoff::Random(backoff_low, backoff_high),
        };
        let mut sim = setup.simulation(seed);
        let acceptors = sim.add_group("acceptor", acceptors, |_, _| Acceptor::default().with(mistake));
        let mut begin = Duration::ZERO;
        sim.add_group("proposer", proposers, |_, _| {
            let proposer = Proposer::new(&acceptors, timeout, backoff.clone()).beginning_after(begin);
            begin += stagger;
            proposer.with(mistake)
        });
        Ok(sim)
    }

    fn promises(&self) -> Vec<Promise<'static, Message>> {
        vec![Promise::linearizable(Consensus)]
    }

    fn properties(&self) -> Vec<Property<'static, Message>> {
        vec![
            Property::always("at most one value is chosen", |world| chosen(world).len() <= 1),
            Property::always("only a proposed value is chosen", |world| {
                let proposed: BTreeSet<Value> = world.nodes_of::<Proposer>().map(NodeId::from).collect();
                chosen(world).is_subset(&proposed)
            }),
            Property::always("no two proposers learn different values", |world| {
                world.each().filter_map(Proposer::decided).collect::<BTreeSet<Value>>().len() <= 1
            }),
            Property::always("what a proposer has learned is chosen", |world| {
                let learned: BTreeSet<Value> = world.each().filter_map(Proposer::decided).collect();
                learned.is_empty() || learned.is_subset(&chosen(world))
            }),
            Property::eventually_after_heal(
                "a value is chosen, and every proposer that is up knows it",
                |world| {
                    let known: BTreeSet<Option<Value>> = world.each().map(Proposer::decided).collect();
                    !known.is_empty() && known == chosen(world).into_iter().map(Some).collect()
                },
            ),
        ]
    }
}
