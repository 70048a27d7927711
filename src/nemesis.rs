//! A nemesis draws a fault plan before the run, from the seed.
//!
//! Each kind of fault has numbers of its own, so that adding a kind leaves the plans of the others as
//! they were. What it breaks it repairs, before its end or at it.

use crate::fault::{Fault, FaultPlan};
use crate::node::NodeId;
use crate::partition::Partition;
use crate::random::{Domain, Random, Stream};
use crate::time::{Time, nanoseconds_of, seconds};
use std::time::Duration;

/// Draws fault plans. Clients are never touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nemesis {
    kinds: Vec<Kind>,
    until: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Partitions,
    Crashes,
    Pauses,
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

impl Nemesis {
    fn of(kind: Kind) -> Self {
        Nemesis { kinds: vec![kind], until: seconds(10) }
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

    pub(crate) fn end(&self) -> Duration {
        self.until
    }

    /// The plan for `nodes` that belongs to the seed of `random`.
    pub(crate) fn draw(&self, random: &Random, nodes: &[NodeId]) -> FaultPlan {
        let mut plan = FaultPlan::default();
        let whole = nanoseconds_of(self.until);
        let (shortest, longest) = (whole / 50, whole / 7);
        for (at, kind) in self.kinds.iter().enumerate() {
            let earlier = self.kinds[..at].iter().filter(|other| *other == kind).count();
            let mut stream = Stream::new(random, Domain::Nemesis, (*kind as u64) << 32 | earlier as u64);
            let mut time = 0;
            while shortest > 0 && !nodes.is_empty() {
                // Right for a while, then wrong for a while: a fiftieth to a seventh of the whole.
                time += stream.between(shortest, longest);
                let end = (time + stream.between(shortest, longest)).min(whole);
                if time >= end {
                    break;
                }
                let Some((fault, repair)) = kind.draw(&mut stream, nodes) else { break };
                plan.add(Time::from_nanoseconds(time), fault);
                plan.add(Time::from_nanoseconds(end), repair);
                time = end;
            }
        }
        plan
    }
}

impl Kind {
    /// A fault and its repair; none if there are too few nodes for it.
    fn draw(self, stream: &mut Stream<'_>, nodes: &[NodeId]) -> Option<(Fault, Fault)> {
        let victim = stream.below(nodes.len() as u64) as usize;
        let node = nodes[victim];
        Some(match self {
            Kind::Crashes => (Fault::Crash(node), Fault::Restart(node)),
            Kind::Pauses => (Fault::Pause(node), Fault::Resume(node)),
            Kind::Partitions if nodes.len() < 2 => return None,
            Kind::Partitions => {
                let alone = stream.below(2) == 0;
                let cut = 1 + stream.below(nodes.len() as u64 - 1) as usize;
                let mut order = nodes.to_vec();
                shuffle(&mut order, stream);
                let (from, to) = match alone {
                    true => (vec![node], nodes.iter().copied().filter(|&n| n != node).collect()),
                    false => (order[..cut].to_vec(), order[cut..].to_vec()),
                };
                let one_way = stream.below(4) == 0;
                let partition = Partition { from, to, one_way }.normalized();
                (Fault::Partition(partition.clone()), Fault::HealPartition(partition))
            }
        })
    }
}

/// Fisher and Yates.
fn shuffle(nodes: &mut [NodeId], stream: &mut Stream<'_>) {
    for last in (1..nodes.len()).rev() {
        nodes.swap(last, stream.below(last as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Vec<NodeId> {
        (0..5).map(NodeId::new).collect()
    }

    #[test]
    fn every_fault_is_repaired_before_the_end_and_the_plan_belongs_to_the_seed() {
        let nemesis = partitions().and(crashes()).and(pauses()).until(seconds(10));
        for seed in 0..100 {
            let plan = nemesis.draw(&Random::new(seed), &nodes());
            assert_eq!(plan, nemesis.draw(&Random::new(seed), &nodes()));
            let mut wrong = 0;
            for planned in plan.iter() {
                assert!(planned.at <= Time::ZERO + seconds(10));
                match planned.fault {
                    Fault::Crash(_) | Fault::Pause(_) | Fault::Partition(_) => wrong += 1,
                    Fault::Restart(_) | Fault::Resume(_) => wrong -= 1,
                    Fault::Heal | Fault::HealPartition(_) => wrong -= 1,
                }
            }
            assert_eq!(wrong, 0);
        }
        assert_ne!(nemesis.draw(&Random::new(0), &nodes()), nemesis.draw(&Random::new(1), &nodes()));
    }

    #[test]
    fn adding_a_kind_leaves_the_plans_of_the_others() {
        let random = Random::new(1);
        let alone = partitions().draw(&random, &nodes());
        for both in [partitions().and(crashes()), crashes().and(partitions())] {
            let both = both.draw(&random, &nodes());
            assert!(alone.iter().all(|fault| both.iter().any(|other| other == fault)));
        }
    }
}
