//! The kinds of fault that a nemesis draws, and how each is drawn.

use crate::clock::Offset;
use crate::fault::{Fault, FaultKind};
use crate::links::Links;
use crate::node::NodeId;
use crate::random::Stream;
use std::fmt::{self, Write};
use std::time::Duration;

const MILLISECOND: u64 = 1_000_000;

/// What a nemesis does. The order is part of the address of its numbers, so that a new kind comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "data", derive(serde::Deserialize))]
#[cfg_attr(feature = "data", serde(rename_all = "snake_case"))]
pub(crate) enum Kind {
    Partitions,
    Crashes,
    Pauses,
    Halves,
    Isolations,
    OneWayPartitions,
    MajoritiesRing,
    Bridges,
    Flapping,
    ClockJumps,
    ClockDrifts,
    SlowLinks,
}

/// As in a scenario: `majorities_ring`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, letter) in format!("{self:?}").chars().enumerate() {
            if place > 0 && letter.is_uppercase() {
                f.write_char('_')?;
            }
            f.write_char(letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

impl Kind {
    /// What goes wrong by it.
    pub(super) fn fault(self) -> FaultKind {
        match self {
            Kind::Crashes => FaultKind::Crash,
            Kind::Pauses => FaultKind::Pause,
            Kind::ClockJumps | Kind::ClockDrifts => FaultKind::Clock,
            Kind::SlowLinks => FaultKind::SlowLinks,
            Kind::Partitions | Kind::Halves | Kind::Isolations | Kind::OneWayPartitions => {
                FaultKind::Partition
            }
            Kind::MajoritiesRing | Kind::Bridges | Kind::Flapping => FaultKind::Partition,
        }
    }

    /// Whether each of its faults is of one node, which is the first that it names.
    pub(crate) fn hits_one_node(self) -> bool {
        match self {
            Kind::Crashes | Kind::Pauses | Kind::Isolations => true,
            Kind::ClockJumps | Kind::ClockDrifts | Kind::SlowLinks => true,
            Kind::Partitions | Kind::Halves | Kind::OneWayPartitions => false,
            Kind::MajoritiesRing | Kind::Bridges | Kind::Flapping => false,
        }
    }

    /// What goes wrong at once; nothing if there are too few nodes for it.
    pub(super) fn draw(self, stream: &mut Stream<'_>, nodes: &[NodeId]) -> Vec<Fault> {
        let node = nodes[stream.below(nodes.len() as u64) as usize];
        let others = || nodes.iter().copied().filter(|&other| other != node).collect();
        let enough = match self {
            Kind::Crashes | Kind::Pauses | Kind::ClockJumps | Kind::ClockDrifts => 1,
            Kind::MajoritiesRing | Kind::Bridges => 3,
            _ => 2,
        };
        if nodes.len() < enough {
            return Vec::new();
        }
        match self {
            Kind::Crashes => vec![Fault::Crash(node)],
            Kind::Pauses => vec![Fault::Pause(node)],
            Kind::Partitions => {
                let alone = stream.below(2) == 0;
                let cut = 1 + stream.below(nodes.len() as u64 - 1) as usize;
                let order = shuffled(nodes, stream);
                let (from, to) = match alone {
                    true => (vec![node], others()),
                    false => (order[..cut].to_vec(), order[cut..].to_vec()),
                };
                let one_way = stream.below(4) == 0;
                vec![Fault::Partition(Links { from, to, one_way }.normalized())]
            }
            Kind::Isolations => vec![Fault::Partition(Links::between(vec![node], others()))],
            Kind::Halves | Kind::Flapping => {
                vec![Fault::Partition(halves(&shuffled(nodes, stream)))]
            }
            Kind::OneWayPartitions => {
                vec![Fault::Partition(Links { one_way: true, ..halves(&shuffled(nodes, stream)) })]
            }
            Kind::Bridges => vec![Fault::Partition(halves(&shuffled(nodes, stream)[1..]))],
            Kind::MajoritiesRing => majorities(&shuffled(nodes, stream)),
            Kind::ClockJumps => {
                let span = Duration::from_nanos(doubling(stream, MILLISECOND, 18));
                let by = if stream.below(2) == 0 { Offset::ahead(span) } else { Offset::behind(span) };
                vec![Fault::JumpClock { node, by }]
            }
            Kind::ClockDrifts => {
                let size = doubling(stream, 100, 12) as i32;
                let parts_per_million = if stream.below(2) == 0 { size } else { -size };
                vec![Fault::DriftClock { node, parts_per_million }]
            }
            Kind::SlowLinks => {
                let by = Duration::from_nanos(doubling(stream, MILLISECOND, 9));
                vec![Fault::SlowLinks { links: Links::between(vec![node], others()), by }]
            }
        }
    }

    /// When it is wrong between `from` and `end`: all the time, or again and again.
    pub(super) fn phases(self, stream: &mut Stream<'_>, from: u64, end: u64) -> Vec<(u64, u64)> {
        if self != Kind::Flapping {
            return vec![(from, end)];
        }
        let (shortest, longest) = ((end - from) / 40 + 1, (end - from) / 10 + 1);
        let mut phases = Vec::new();
        let mut time = from;
        while time < end {
            let healed = (time + stream.between(shortest, longest)).min(end);
            phases.push((time, healed));
            time = healed + stream.between(shortest, longest);
        }
        phases
    }
}

/// The links between the first half of `nodes` and the second.
fn halves(nodes: &[NodeId]) -> Links {
    let (from, to) = nodes.split_at(nodes.len() / 2);
    Links::between(from.to_vec(), to.to_vec()).normalized()
}

/// Each node hears only the majority that lies around it in the ring of `nodes`.
fn majorities(nodes: &[NodeId]) -> Vec<Fault> {
    let (count, majority) = (nodes.len(), nodes.len() / 2 + 1);
    let mut faults = Vec::new();
    for place in 0..count {
        let first = place + count - majority / 2;
        let mut unheard = Vec::new();
        for place in first + majority..first + count {
            unheard.push(nodes[place % count]);
        }
        let links = Links { from: unheard, to: vec![nodes[place]], one_way: true };
        faults.push(Fault::Partition(links.normalized()));
    }
    faults
}

/// A number from `smallest` on, below `smallest` times two to the power of `doublings`; each doubling is as likely.
fn doubling(stream: &mut Stream<'_>, smallest: u64, doublings: u64) -> u64 {
    let low = smallest << stream.below(doublings);
    stream.between(low, 2 * low - 1)
}

/// Fisher and Yates.
fn shuffled(nodes: &[NodeId], stream: &mut Stream<'_>) -> Vec<NodeId> {
    let mut order = nodes.to_vec();
    for last in (1..order.len()).rev() {
        order.swap(last, stream.below(last as u64 + 1) as usize);
    }
    order
}
