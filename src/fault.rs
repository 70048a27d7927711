//! Faults as data, so that a plan can be drawn, stored, shown and applied; and edits of single messages.

mod in_force;

pub(crate) use in_force::InForce;

use crate::clock::{LOWEST_DRIFT, Offset};
use crate::links::Links;
use crate::network::Address;
use crate::node::NodeId;
use crate::time::{Time, format_span};
use std::fmt;
use std::time::Duration;

/// Something that goes wrong, or is put right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Fault {
    /// Some links carry nothing until they heal.
    Partition(Links),
    /// All links are right: no partition, and none is slow.
    Heal,
    /// This partition ends, and no other.
    HealPartition(Links),
    /// The node loses its process and perhaps its unsynced writes.
    Crash(NodeId),
    /// A crashed node starts again from storage.
    Restart(NodeId),
    /// The node handles nothing; messages and timers wait.
    Pause(NodeId),
    /// A paused node goes on with what has waited.
    Resume(NodeId),
    /// The node's wall clock jumps; its timers do not notice. At the start of a run this is skew.
    #[allow(missing_docs, reason = "the fields are named by what they are")]
    JumpClock { node: NodeId, by: Offset },
    /// From now on the node's clocks run fast, or slow if this is negative, and with them its timers, those that
    /// are set already included. It is not zero, and more than minus a million.
    #[allow(missing_docs, reason = "the fields are named by what they are")]
    DriftClock { node: NodeId, parts_per_million: i32 },
    /// The node's wall clock shows the true time again, and its clocks run at the true rate.
    SetClock(NodeId),
    /// On some links every message that is sent takes longer by a span, until they heal.
    #[allow(missing_docs, reason = "the fields are named by what they are")]
    SlowLinks {
        links: Links,
        #[cfg_attr(feature = "data", serde(with = "crate::time::span"))]
        by: Duration,
    },
    /// These links are no longer slow by this, whatever else makes them slow.
    #[allow(missing_docs, reason = "the fields are named by what they are")]
    HealSlowLinks {
        links: Links,
        #[cfg_attr(feature = "data", serde(with = "crate::time::span"))]
        by: Duration,
    },
}

/// What goes wrong, whichever nodes it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// Links are cut.
    Partition,
    /// A node crashes.
    Crash,
    /// A node pauses.
    Pause,
    /// A node's clock is wrong.
    Clock,
    /// Links are slow.
    SlowLinks,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultKind::Partition => "partition",
            FaultKind::Crash => "crash",
            FaultKind::Pause => "pause",
            FaultKind::Clock => "clock",
            FaultKind::SlowLinks => "slow",
        })
    }
}

impl Fault {
    /// The kind of what goes wrong; none if this puts something right.
    pub fn kind(&self) -> Option<FaultKind> {
        match self {
            Fault::Partition(_) => Some(FaultKind::Partition),
            Fault::Crash(_) => Some(FaultKind::Crash),
            Fault::Pause(_) => Some(FaultKind::Pause),
            Fault::JumpClock { .. } | Fault::DriftClock { .. } => Some(FaultKind::Clock),
            Fault::SlowLinks { .. } => Some(FaultKind::SlowLinks),
            Fault::Heal | Fault::HealPartition(_) | Fault::HealSlowLinks { .. } => None,
            Fault::Restart(_) | Fault::Resume(_) | Fault::SetClock(_) => None,
        }
    }

    /// What ends it; none if this puts something right. A clock is set right whatever has made it wrong.
    pub fn repair(&self) -> Option<Fault> {
        match self {
            Fault::Partition(links) => Some(Fault::HealPartition(links.clone())),
            Fault::Crash(node) => Some(Fault::Restart(*node)),
            Fault::Pause(node) => Some(Fault::Resume(*node)),
            Fault::JumpClock { node, .. } => Some(Fault::SetClock(*node)),
            Fault::DriftClock { node, .. } => Some(Fault::SetClock(*node)),
            Fault::SlowLinks { links, by } => Some(Fault::HealSlowLinks { links: links.clone(), by: *by }),
            Fault::Heal | Fault::HealPartition(_) | Fault::HealSlowLinks { .. } => None,
            Fault::Restart(_) | Fault::Resume(_) | Fault::SetClock(_) => None,
        }
    }

    /// The links that it concerns, if it is about links.
    fn links_mut(&mut self) -> Option<&mut Links> {
        match self {
            Fault::Partition(links) | Fault::HealPartition(links) => Some(links),
            Fault::SlowLinks { links, .. } | Fault::HealSlowLinks { links, .. } => Some(links),
            _ => None,
        }
    }

    fn nodes_mut(&mut self) -> Vec<&mut NodeId> {
        match self {
            Fault::Partition(links) | Fault::HealPartition(links) => links.nodes_mut(),
            Fault::SlowLinks { links, .. } | Fault::HealSlowLinks { links, .. } => links.nodes_mut(),
            Fault::Heal => Vec::new(),
            Fault::Crash(node) | Fault::Restart(node) | Fault::Pause(node) | Fault::Resume(node) => {
                vec![node]
            }
            Fault::JumpClock { node, .. } | Fault::DriftClock { node, .. } | Fault::SetClock(node) => {
                vec![node]
            }
        }
    }

    /// The nodes that it names.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.clone().nodes_mut().into_iter().map(|node| *node).collect()
    }

    /// The same fault, with two nodes in each other's place.
    pub(crate) fn exchanged(&self, one: NodeId, other: NodeId) -> Fault {
        let mut exchanged = self.clone();
        for node in exchanged.nodes_mut() {
            *node = match *node {
                node if node == one => other,
                node if node == other => one,
                node => node,
            };
        }
        exchanged.normalized()
    }

    /// What is wrong with it, whatever nodes there are.
    pub(crate) fn flaw(&self) -> Option<String> {
        match self {
            Fault::DriftClock { parts_per_million: 0, .. } => Some("a drift is not zero".to_string()),
            Fault::DriftClock { parts_per_million, .. } if *parts_per_million < LOWEST_DRIFT => {
                Some(format!("a clock drifts by {LOWEST_DRIFT} parts per million or more"))
            }
            _ => {
                let both = self.clone().links_mut()?.on_both_sides()?;
                Some(format!("{both} is on both sides"))
            }
        }
    }

    /// The same fault, with the sides of links in order.
    pub(crate) fn normalized(&self) -> Fault {
        let mut same = self.clone();
        if let Some(links) = same.links_mut() {
            *links = links.clone().normalized();
        }
        same
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Partition(links) => write!(f, "partition {links}"),
            Fault::HealPartition(links) => write!(f, "heal {links}"),
            Fault::Heal => f.write_str("heal"),
            Fault::Crash(node) => write!(f, "crash {node}"),
            Fault::Restart(node) => write!(f, "restart {node}"),
            Fault::Pause(node) => write!(f, "pause {node}"),
            Fault::Resume(node) => write!(f, "resume {node}"),
            Fault::JumpClock { node, by } => write!(f, "clock {node} {by}"),
            Fault::DriftClock { node, parts_per_million } => {
                write!(f, "clock {node} {parts_per_million:+}ppm")
            }
            Fault::SetClock(node) => write!(f, "set clock {node}"),
            Fault::SlowLinks { links, by } => write!(f, "slow {links} +{}", format_span(*by)),
            Fault::HealSlowLinks { links, by } => write!(f, "heal slow {links} +{}", format_span(*by)),
        }
    }
}

/// A fault and when it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
pub struct PlannedFault {
    /// When, as a span since the start.
    #[cfg_attr(feature = "data", serde(with = "instant"))]
    pub at: Time,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for PlannedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.fault, self.at)
    }
}

/// Faults with the times at which they happen, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
pub struct FaultPlan {
    faults: Vec<PlannedFault>,
}

impl FaultPlan {
    /// Adds `fault` at `time`, after what is there for the same time.
    pub fn add(&mut self, at: Time, fault: Fault) {
        let place = self.faults.partition_point(|earlier| earlier.at <= at);
        self.faults.insert(place, PlannedFault { at, fault });
    }

    /// Adds every fault of `other`.
    pub fn extend(&mut self, other: &FaultPlan) {
        other.iter().for_each(|planned| self.add(planned.at, planned.fault.clone()));
    }

    /// The faults in the order of time.
    pub fn iter(&self) -> impl Iterator<Item = &PlannedFault> {
        self.faults.iter()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.iter().map(PlannedFault::to_string).collect();
        f.write_str(&lines.join("; "))
    }
}

/// What an edit does to its message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The message is lost.
    Drop,
    /// The message arrives after this delay.
    Delay(Duration),
    /// A copy arrives after this delay, too.
    Duplicate(Duration),
}

/// "The same run, but this message is lost": overrides the fate of one message and leaves all other
/// numbers as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The message.
    pub address: Address,
    /// The kind it had when the edit was made; if the address now holds another kind, the edit is stale
    /// and is not applied. None applies to any kind.
    pub kind: Option<String>,
    /// What happens to it.
    pub change: Change,
}

impl Edit {
    /// Loses the message at `address`, such as `n3>n1#4`.
    ///
    /// # Panics
    /// If that is no address.
    #[track_caller]
    pub fn drop(address: &str) -> Edit {
        Edit::new(address, Change::Drop)
    }

    /// Delays the message at `address` by exactly `delay`.
    ///
    /// # Panics
    /// If that is no address.
    #[track_caller]
    pub fn delay(address: &str, delay: Duration) -> Edit {
        Edit::new(address, Change::Delay(delay))
    }

    /// Lets a copy of the message at `address` arrive after `delay`.
    ///
    /// # Panics
    /// If that is no address.
    #[track_caller]
    pub fn duplicate(address: &str, delay: Duration) -> Edit {
        Edit::new(address, Change::Duplicate(delay))
    }

    /// Applies only if the message is of this kind.
    #[must_use]
    pub fn of_kind(mut self, kind: &str) -> Edit {
        self.kind = Some(kind.to_string());
        self
    }

    #[track_caller]
    fn new(address: &str, change: Change) -> Edit {
        match address.parse() {
            Ok(address) => Edit { address, kind: None, change },
            Err(error) => panic!("{error}"),
        }
    }
}

#[cfg(feature = "data")]
mod instant {
    use crate::time::{Time, span};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        span::serialize(&time.since(Time::ZERO), serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        Ok(Time::ZERO + span::deserialize(deserializer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::seconds;

    #[test]
    fn a_plan_is_kept_and_printed_in_the_order_of_time() {
        let (a, b) = (NodeId::new(0), NodeId::new(1));
        let mut plan = FaultPlan::default();
        plan.add(Time::ZERO + seconds(2), Fault::Heal);
        plan.add(Time::ZERO + seconds(1), Fault::Partition(Links::between(vec![a], vec![b])));
        plan.add(Time::ZERO + seconds(2), Fault::Crash(b));
        assert_eq!(plan.to_string(), "partition {n0} | {n1} at 1s; heal at 2s; crash n1 at 2s");
    }

    #[cfg(feature = "data")]
    #[test]
    fn a_plan_is_read_as_it_is_written() {
        let node = NodeId::new(1);
        let links = Links { from: vec![node], to: vec![NodeId::new(0)], one_way: true };
        let wrong = [
            Fault::Partition(links.clone()),
            Fault::Crash(node),
            Fault::Pause(node),
            Fault::JumpClock { node, by: Offset::behind(seconds(2)) },
            Fault::DriftClock { node, parts_per_million: -200 },
            Fault::SlowLinks { links, by: seconds(1) },
        ];
        let mut plan = FaultPlan::default();
        for fault in wrong {
            let repair = fault.repair().expect("it can be put right");
            assert!(fault.kind().is_some() && repair.kind().is_none() && repair.repair().is_none());
            plan.add(Time::ZERO, fault);
            plan.add(Time::ZERO, repair);
        }
        plan.add(Time::ZERO, Fault::Heal);
        let text = toml::to_string(&plan).expect("a plan is data");
        assert_eq!(toml::from_str(&text), Ok(plan), "{text}");
    }
}
