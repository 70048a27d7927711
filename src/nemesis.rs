//! A nemesis draws a fault plan before the run, from the seed.
//!
//! Each kind of fault has numbers of its own, so that adding a kind leaves the plans of the others as
//! they were. What it breaks it repairs, before its end or at it. Most shapes of partitions are those of
//! Jepsen's nemesis.

mod kind;

pub(crate) use kind::Kind;

use crate::fault::{Fault, FaultKind, FaultPlan};
use crate::node::NodeId;
use crate::random::{Domain, Random, Stream};
use crate::time::{Time, nanoseconds_of, seconds};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// Draws fault plans. Clients are never touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nemesis {
    kinds: Vec<Aimed>,
    until: Duration,
}

/// A kind of fault, and the name of what it is aimed at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Aimed {
    kind: Kind,
    target: Option<String>,
}

/// Cuts the nodes into two groups, or isolates one node, or cuts one direction; then heals; again and
/// again. Links to clients are not cut, so a single node with clients is never partitioned.
pub fn partitions() -> Nemesis {
    Nemesis::of(Kind::Partitions)
}

/// Crashes a node and restarts it, then another one. Two such nemeses may choose the same node; what has
/// nothing to do then does nothing.
pub fn crashes() -> Nemesis {
    Nemesis::of(Kind::Crashes)
}

/// Pauses one node at a time and resumes it.
pub fn pauses() -> Nemesis {
    Nemesis::of(Kind::Pauses)
}

/// Cuts the nodes into two halves; of an odd number, one has a node more.
pub fn halves() -> Nemesis {
    Nemesis::of(Kind::Halves)
}

/// Isolates one node at a time from all others.
pub fn isolations() -> Nemesis {
    Nemesis::of(Kind::Isolations)
}

/// Cuts one direction between two halves: one hears nothing of the other.
pub fn one_way_partitions() -> Nemesis {
    Nemesis::of(Kind::OneWayPartitions)
}

/// Jepsen's majorities ring: each node hears a majority, itself included, and no two hear the same one. Fewer
/// than three nodes are left alone.
pub fn majorities_ring() -> Nemesis {
    Nemesis::of(Kind::MajoritiesRing)
}

/// Jepsen's bridge: two halves that cannot reach each other, and one node between that reaches both. Fewer than
/// three nodes are left alone.
pub fn bridges() -> Nemesis {
    Nemesis::of(Kind::Bridges)
}

/// Cuts the nodes into two halves and heals them, many times in short succession, always at the same place; then
/// at another.
pub fn flapping() -> Nemesis {
    Nemesis::of(Kind::Flapping)
}

/// Lets the wall clock of one node at a time jump ahead or back, by a millisecond to four minutes, and sets it
/// right again.
pub fn clock_jumps() -> Nemesis {
    Nemesis::of(Kind::ClockJumps)
}

/// Lets the clocks of one node at a time run fast or slow, by a hundred parts per million to forty per cent, and
/// sets them right again.
pub fn clock_drifts() -> Nemesis {
    Nemesis::of(Kind::ClockDrifts)
}

/// Slows the links of one node at a time, by a millisecond to half a second each way.
pub fn slow_links() -> Nemesis {
    Nemesis::of(Kind::SlowLinks)
}

/// What a nemesis has drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) plan: FaultPlan,
    pub(crate) aimed: Vec<AimedFault>,
    pub(crate) origins: Vec<Origin>,
}

/// What a drawn fault was drawn as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// One of [`Nemesis::kinds`].
    pub(crate) name: String,
    pub(crate) at: Time,
    pub(crate) kind: FaultKind,
    /// None if it is aimed.
    pub(crate) fault: Option<Fault>,
}

/// A fault with its repair, of which the node shows only when it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AimedFault {
    pub(crate) at: Time,
    pub(crate) until: Time,
    /// The name of what it is aimed at.
    pub(crate) target: String,
    /// As it would be for the node that was drawn.
    fault: Fault,
    drawn: NodeId,
}

impl AimedFault {
    /// The fault, with `node` in the place of the one that was drawn.
    pub(crate) fn hitting(&self, node: NodeId) -> Fault {
        self.fault.exchanged(self.drawn, node)
    }
}

impl fmt::Display for Aimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Aimed { kind, target } = self;
        match target {
            Some(target) => write!(f, "{kind}@{target}"),
            None => write!(f, "{kind}"),
        }
    }
}

impl Nemesis {
    pub(crate) fn of(kind: Kind) -> Self {
        Nemesis { kinds: vec![Aimed { kind, target: None }], until: seconds(10) }
    }

    /// Also does what `other` does, at the same time. The later end counts.
    #[must_use]
    pub fn and(mut self, other: Nemesis) -> Self {
        self.kinds.extend(other.kinds);
        self.until = self.until.max(other.until);
        self
    }

    /// Ends after `span`; ten seconds unless set.
    #[must_use]
    pub fn until(mut self, span: Duration) -> Self {
        self.until = span;
        self
    }

    /// Hits whatever node is the target called so when the time has come, such as the leader; nothing happens
    /// if there is none. A sweep gives targets their names with `Check::target`, and a model with
    /// `Model::targets`.
    ///
    /// # Panics
    /// If one of its kinds does not hit one node at a time.
    #[must_use]
    #[track_caller]
    pub fn at(mut self, target: &str) -> Self {
        for Aimed { kind, target: aim } in &mut self.kinds {
            assert!(kind.hits_one_node(), "{kind:?} cannot be aimed: they do not hit one node");
            *aim = Some(target.to_string());
        }
        self
    }

    /// The names of what it draws, as in a scenario: `crashes`, `crashes@leader`.
    pub fn kinds(&self) -> BTreeSet<String> {
        let mut kinds = BTreeSet::new();
        for aimed in &self.kinds {
            kinds.insert(aimed.to_string());
        }
        kinds
    }

    /// The names of what it is aimed at.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().filter_map(|aimed| aimed.target.as_deref())
    }

    pub(crate) fn end(&self) -> Duration {
        self.until
    }

    /// The plan for `nodes` that belongs to the seed of `random`.
    pub(crate) fn draw(&self, random: &Random, nodes: &[NodeId]) -> Drawn {
        let mut drawn = Drawn::default();
        let whole = nanoseconds_of(self.until);
        let (shortest, longest) = (whole / 50, whole / 7);
        for (at, aimed) in self.kinds.iter().enumerate() {
            let kind = &aimed.kind;
            let earlier = self.kinds[..at].iter().filter(|other| other.kind == *kind).count();
            let mut stream = Stream::new(random, Domain::Nemesis, (*kind as u64) << 32 | earlier as u64);
            let mut time = 0;
            while shortest > 0 && !nodes.is_empty() {
                // Right for a while, then wrong for a while: a fiftieth to a seventh of the whole.
                time += stream.between(shortest, longest);
                let end = (time + stream.between(shortest, longest)).min(whole);
                if time >= end {
                    break;
                }
                let faults = kind.draw(&mut stream, nodes);
                if faults.is_empty() {
                    break;
                }
                for (from, to) in kind.phases(&mut stream, time, end) {
                    let (from, to) = (Time::from_nanoseconds(from), Time::from_nanoseconds(to));
                    faults.iter().for_each(|fault| drawn.add(from, to, fault, aimed));
                }
                time = end;
            }
        }
        drawn
    }
}

impl Drawn {
    fn add(&mut self, at: Time, until: Time, fault: &Fault, aimed: &Aimed) {
        let (name, kind, is_aimed) = (aimed.to_string(), aimed.kind.fault(), aimed.target.is_some());
        self.origins.push(Origin { name, at, kind, fault: (!is_aimed).then(|| fault.clone()) });
        match &aimed.target {
            Some(target) => {
                let (target, fault, drawn) = (target.clone(), fault.clone(), fault.nodes()[0]);
                self.aimed.push(AimedFault { at, until, target, fault, drawn });
            }
            None => {
                self.plan.add(at, fault.clone());
                self.plan.add(until, fault.repair().expect("a nemesis draws what goes wrong"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
