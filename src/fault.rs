//! Faults as data, so that a plan can be drawn, stored, shown and applied; and edits of single messages.

use crate::network::Address;
use crate::node::NodeId;
use crate::partition::Partition;
use crate::time::Time;
use std::fmt;
use std::time::Duration;

/// Something that goes wrong, or is put right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Fault {
    /// Some links carry nothing until the next heal.
    Partition(Partition),
    /// All partitions end.
    Heal,
    /// This partition ends, and no other.
    HealPartition(Partition),
    /// The node loses its process and perhaps its unsynced writes.
    Crash(NodeId),
    /// A crashed node starts again from storage.
    Restart(NodeId),
    /// The node handles nothing; messages and timers wait.
    Pause(NodeId),
    /// A paused node goes on with what has waited.
    Resume(NodeId),
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
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultKind::Partition => "partition",
            FaultKind::Crash => "crash",
            FaultKind::Pause => "pause",
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
            Fault::Heal | Fault::HealPartition(_) | Fault::Restart(_) | Fault::Resume(_) => None,
        }
    }

    /// The partition that it makes or ends.
    pub(crate) fn partition(&self) -> Option<&Partition> {
        match self {
            Fault::Partition(partition) | Fault::HealPartition(partition) => Some(partition),
            _ => None,
        }
    }

    /// The nodes that it names.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        match self {
            Fault::Partition(Partition { from, to, .. })
            | Fault::HealPartition(Partition { from, to, .. }) => [&from[..], &to[..]].concat(),
            Fault::Heal => Vec::new(),
            Fault::Crash(node) | Fault::Restart(node) | Fault::Pause(node) | Fault::Resume(node) => {
                vec![*node]
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |nodes: &[NodeId]| {
            let names: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
            format!("{{{}}}", names.join(" "))
        };
        let sides = |Partition { from, to, one_way }: &Partition| {
            format!("{} {} {}", side(from), if *one_way { ">" } else { "|" }, side(to))
        };
        match self {
            Fault::Partition(partition) => write!(f, "partition {}", sides(partition)),
            Fault::HealPartition(partition) => write!(f, "heal {}", sides(partition)),
            Fault::Heal => f.write_str("heal"),
            Fault::Crash(node) => write!(f, "crash {node}"),
            Fault::Restart(node) => write!(f, "restart {node}"),
            Fault::Pause(node) => write!(f, "pause {node}"),
            Fault::Resume(node) => write!(f, "resume {node}"),
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
        let cut = Partition { from: vec![a], to: vec![b], one_way: false };
        plan.add(Time::ZERO + seconds(1), Fault::Partition(cut));
        plan.add(Time::ZERO + seconds(2), Fault::Crash(b));
        assert_eq!(plan.to_string(), "partition {n0} | {n1} at 1s; heal at 2s; crash n1 at 2s");
    }
}
