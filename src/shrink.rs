//! Failures made small: a failing run is written down as a [`Case`], and whatever it does not need is left out.
//!
//! A run is first made *explicit*. Every message that was lost or doubled becomes an [`Edit`], and if need be every
//! delay; every fault of the plan an entry with its repair, a [`Spell`]; the workload a list of operations with
//! their times. What is left of the network is a [`Base`], at best a constant delay. Then faults, edits, clients,
//! operations and nodes are left out by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
//! Failure-Inducing Input", TSE 2002), and times and delays are made round, as long as the run fails *in the same
//! way*: by the same property, or by a panic at the same place. In the end no single thing can be left out, and where
//! more than a few faults and edits are left, small choices of all that there were are tried, too.
//!
//! Since randomness is addressed, to leave one thing out re-draws nothing else. What stays drawn by the seed is
//! what processes draw for themselves, how long syncs and processing take, and what a crash leaves of unsynced
//! writes.
//!
//! Nothing here knows how a run is judged: whoever shrinks says so, as a check and the command do.

mod candidates;
mod heard;
mod minimize;
mod outcome;
mod rust;
mod text;

pub(crate) use heard::{Heard, Listener};
pub(crate) use minimize::{Subject, shrink};
pub use outcome::{Options, Progress, Shrunk, Size};
pub(crate) use rust::{commands, span, test};
pub use text::ParseCaseError;

use crate::distribution::constant;
use crate::fault::{Edit, Fault, FaultPlan};
use crate::network::Network;
use crate::node::NodeId;
use crate::process::Value;
use crate::simulation::Simulation;
use crate::time::Time;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A run, written down: what is done to a scenario under a seed.
///
/// As text it is a line for each thing, which [`FromStr`](std::str::FromStr) reads again:
///
/// ```text
/// seed 17
/// delay of all 5ms
/// crash n2 at 1.204s until 1.5s
/// drop n3>n1#4 (Accept)
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// The seed, for whatever is not written here.
    pub seed: u64,
    /// What the network does to a message that no edit names.
    pub base: Base,
    /// What goes wrong, with its repairs.
    pub faults: Vec<Spell>,
    /// Messages that are lost, late or doubled.
    pub edits: Vec<Edit>,
    /// Nodes that take no part: they are down from the start.
    pub absent: BTreeSet<NodeId>,
    /// Clients that invoke these operations only, each at its time.
    pub operations: BTreeMap<NodeId, Vec<(u64, Time)>>,
}

/// What a network does to messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// What the scenario says, by the seed.
    #[default]
    Drawn,
    /// The same delays, and nothing is lost or doubled.
    Lossless,
    /// It delays every message by the same span.
    Constant(Duration),
}

/// A fault from when it begins until it is repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spell {
    /// When it begins.
    pub at: Time,
    /// When it is repaired; none if it stays.
    pub until: Option<Time>,
    /// What goes wrong.
    pub fault: Fault,
}

/// How a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The property, or the panic.
    pub property: String,
    /// How it was violated.
    pub how: String,
    /// When that was known.
    pub time: Time,
}

impl Failure {
    /// Whether two runs failed by the same property, and if something panicked, at the same place.
    pub fn is_like(&self, other: &Failure) -> bool {
        self.property == other.property && place(&self.how) == place(&other.how)
    }
}

/// The place that the text of a caught panic ends with: a file, a line and a column.
fn place(how: &str) -> Option<&str> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut words = how.split_whitespace().map(|word| word.trim_end_matches(','));
    words.rfind(|word| {
        let mut parts = word.rsplitn(3, ':');
        let (column, line) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        is_number(column) && is_number(line) && parts.next().is_some()
    })
}

impl Spell {
    /// The faults of a plan, each with its repair, in the order of the repairs: many of them may be due at once, and
    /// happen in their order. A repair of nothing is left out.
    pub fn of(plan: &FaultPlan) -> Vec<Spell> {
        let (mut spells, mut open): (Vec<Spell>, Vec<Spell>) = (Vec::new(), Vec::new());
        for planned in plan.iter() {
            let (at, fault) = (planned.at, planned.fault.normalized());
            if fault.kind().is_some() {
                open.push(Spell { at, until: None, fault });
                continue;
            }
            let ends = |spell: &mut Spell| {
                let links = matches!(spell.fault, Fault::Partition(_) | Fault::SlowLinks { .. });
                spell.fault.repair().as_ref() == Some(&fault) || fault == Fault::Heal && links
            };
            let all = matches!(fault, Fault::Heal | Fault::SetClock(_));
            let ended = open.extract_if(.., ends).take(if all { usize::MAX } else { 1 });
            spells.extend(ended.map(|spell| Spell { until: Some(at), ..spell }));
        }
        spells.extend(open);
        spells
    }
}

impl Case {
    /// The run of `seed` with these faults and edits, and everything else as the seed has it.
    pub fn new(seed: u64, plan: &FaultPlan, edits: &[Edit]) -> Case {
        Case { seed, faults: Spell::of(plan), edits: edits.to_vec(), ..Case::default() }
    }

    /// Its faults and their repairs.
    pub fn plan(&self) -> FaultPlan {
        let mut plan = FaultPlan::default();
        for Spell { at, until, fault } in &self.faults {
            plan.add(*at, fault.clone());
            if let (Some(until), Some(repair)) = (until, fault.repair()) {
                plan.add(*until, repair);
            }
        }
        plan
    }

    /// The same with its faults in the order in which they begin.
    fn in_order(mut self) -> Case {
        self.faults.sort_by_key(|spell| spell.at);
        self
    }

    /// How many faults and edits it has: what one would have to explain.
    pub fn items(&self) -> usize {
        self.faults.len() + self.edits.len()
    }

    /// Does all of it to a simulation that has not run yet.
    ///
    /// # Errors
    /// If it names a node that does not exist, or something that is no fault; the simulation is as it was.
    pub fn apply<M: Value>(&self, sim: &mut Simulation<M>) -> Result<(), String> {
        self.check(sim.world())?;
        match self.base {
            Base::Drawn => {}
            Base::Lossless => sim.network_mut().lose_nothing(),
            Base::Constant(delay) => {
                *sim.network_mut() = Network::default();
                sim.set_delay(constant(delay));
            }
        }
        for &node in &self.absent {
            sim.schedule(Duration::ZERO, Fault::Crash(node));
        }
        sim.schedule_plan(&self.plan());
        self.edits.iter().for_each(|edit| sim.edit(edit.clone()));
        for (&client, operations) in &self.operations {
            let spans: Vec<(u64, Duration)> =
                operations.iter().map(|&(number, at)| (number, at.since(Time::ZERO))).collect();
            sim.only_operations(client, &spans);
        }
        Ok(())
    }

    /// Whether it can be done to this world.
    fn check<M: Value>(&self, world: &World<M>) -> Result<(), String> {
        let count = world.ids().count();
        let exists = |node: NodeId, what: &dyn std::fmt::Display| match node.index() < count {
            true => Ok(()),
            false => Err(format!("`{what}`: there is no {node} among {count} nodes")),
        };
        for spell in &self.faults {
            spell.fault.nodes().into_iter().try_for_each(|node| exists(node, spell))?;
            if let Some(flaw) = spell.fault.flaw() {
                return Err(format!("`{spell}`: {flaw}"));
            }
        }
        let mut seen = BTreeSet::new();
        for edit in &self.edits {
            [edit.address.from, edit.address.to].into_iter().try_for_each(|node| exists(node, edit))?;
            if !seen.insert(edit.address) {
                return Err(format!("`{edit}`: there is an edit of {} already", edit.address));
            }
        }
        self.absent.iter().try_for_each(|node| exists(*node, &format!("without {node}")))?;
        self.operations.keys().try_for_each(|node| exists(*node, &format!("operations of {node}")))
    }
}

#[cfg(test)]
mod tests;
