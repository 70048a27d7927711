//! What goes wrong by a scenario file: the faults that are written in it, and the nemesis that draws more.

use super::scenario::{Scenario, nodes};
use crate::fault::{Fault, FaultKind, FaultPlan};
use crate::nemesis::{self, Nemesis};
use crate::node::NodeId;
use crate::partition::Partition;
use crate::process::Value;
use crate::random::Random;
use crate::time::Time;
use crate::world::World;
use anyhow::Result;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use toml::Spanned;

/// One fault: a time, one thing that goes wrong, and perhaps for how long.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultEntry {
    at: Spanned<String>,
    /// After this the fault is repaired.
    r#for: Option<Spanned<String>>,
    crash: Option<Names>,
    restart: Option<Names>,
    pause: Option<Names>,
    resume: Option<Names>,
    isolate: Option<Names>,
    partition: Option<[Names; 2]>,
    /// The partition cuts only the links from its first side to its second.
    #[serde(default)]
    one_way: bool,
    #[serde(default)]
    heal: bool,
    /// `"allowed"`: it may touch nothing.
    inert: Option<Inert>,
}

#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Inert {
    Allowed,
}

/// Faults drawn for each seed, in addition to those written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NemesisEntry {
    kinds: Vec<Spanned<DrawnKind>>,
    until: Spanned<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum DrawnKind {
    Partitions,
    Crashes,
    Pauses,
}

/// What is to go wrong in one run.
pub(super) struct Faults {
    /// The written faults and the drawn ones.
    pub(super) plan: FaultPlan,
    /// The written faults, entry by entry.
    pub(super) written: Vec<Written>,
}

/// One entry of the file: what goes wrong by it, without the repairs.
pub(super) struct Written {
    pub(super) label: String,
    pub(super) faults: Vec<(Time, Fault)>,
    pub(super) may_be_inert: bool,
}

/// Node names or roles, and where they stand in the file.
type Names = Spanned<NameList>;

/// One name, or a list of them.
struct NameList(Vec<String>);

impl<'de> Deserialize<'de> for NameList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = NameList;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a node or a role, or a list of names")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> std::result::Result<NameList, E> {
                Ok(NameList(vec![name.to_string()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> std::result::Result<NameList, A::Error> {
                let mut list = Vec::new();
                while let Some(name) = names.next_element()? {
                    list.push(name);
                }
                Ok(NameList(list))
            }
        }
        deserializer.deserialize_any(NameVisitor)
    }
}

impl FaultEntry {
    /// The kind of what goes wrong; none if the entry puts something right.
    fn kind(&self) -> Option<FaultKind> {
        if self.crash.is_some() {
            Some(FaultKind::Crash)
        } else if self.pause.is_some() {
            Some(FaultKind::Pause)
        } else if self.isolate.is_some() || self.partition.is_some() {
            Some(FaultKind::Partition)
        } else {
            None
        }
    }

    /// For a person: `crash coordinator at 8s`.
    fn label(&self) -> String {
        let kind = self.kind().map(|kind| kind.to_string()).unwrap_or_default();
        let names = [&self.crash, &self.pause, &self.isolate].into_iter().flatten();
        let names: String = names.map(|names| format!(" {}", names.get_ref().0.join(" "))).collect();
        format!("{kind}{names} at {}", self.at.get_ref())
    }
}

impl DrawnKind {
    fn kind(self) -> FaultKind {
        match self {
            DrawnKind::Partitions => FaultKind::Partition,
            DrawnKind::Crashes => FaultKind::Crash,
            DrawnKind::Pauses => FaultKind::Pause,
        }
    }

    fn nemesis(self) -> Nemesis {
        match self {
            DrawnKind::Partitions => nemesis::partitions(),
            DrawnKind::Crashes => nemesis::crashes(),
            DrawnKind::Pauses => nemesis::pauses(),
        }
    }
}

impl Scenario {
    /// The kinds of fault that a sweep expects to touch something.
    pub(super) fn kinds(&self) -> BTreeSet<FaultKind> {
        let faults = self.content.faults.iter().map(Spanned::get_ref);
        let written = faults.filter(|fault| fault.inert.is_none()).filter_map(FaultEntry::kind);
        let nemesis = self.content.nemesis.as_ref().map(Spanned::get_ref);
        let drawn = nemesis.into_iter().flat_map(|nemesis| nemesis.kinds.iter());
        written.chain(drawn.map(|kind| kind.get_ref().kind())).collect()
    }

    /// What goes wrong under `seed`, with names resolved to nodes.
    pub(super) fn faults<M: Value>(&self, world: &World<M>, seed: u64) -> Result<Faults> {
        let mut plan = FaultPlan::default();
        let written = self.written(world, &mut plan)?;
        if let Some(nemesis) = self.nemesis()? {
            let targets: Vec<NodeId> = world.ids().filter(|id| !world.is_client(*id)).collect();
            for planned in nemesis.draw(&Random::new(seed), &targets).iter() {
                plan.add(planned.at, planned.fault.clone());
            }
        }
        Ok(Faults { plan, written })
    }

    fn nemesis(&self) -> Result<Option<Nemesis>> {
        let Some(entry) = &self.content.nemesis else { return Ok(None) };
        let (at, NemesisEntry { kinds, until }) = (entry.span(), entry.get_ref());
        let end = self.span(until)?;
        if end.is_zero() || end > self.content.duration {
            let problem = "the nemesis ends at the end of the run or before, and after 0s";
            return Err(self.error(until.span(), problem));
        }
        let mut nemesis: Option<Nemesis> = None;
        for (place, kind) in kinds.iter().enumerate() {
            if kinds[..place].iter().any(|earlier| earlier.get_ref() == kind.get_ref()) {
                return Err(self.error(kind.span(), "this kind is in the list already"));
            }
            let drawn = kind.get_ref().nemesis().until(end);
            nemesis = Some(match nemesis {
                Some(others) => others.and(drawn),
                None => drawn,
            });
        }
        match nemesis {
            Some(nemesis) => Ok(Some(nemesis)),
            None => Err(self.error(at, "kinds: expected some of \"partitions\", \"crashes\", \"pauses\"")),
        }
    }

    /// Adds the faults of the file to `plan`.
    fn written<M: Value>(&self, world: &World<M>, plan: &mut FaultPlan) -> Result<Vec<Written>> {
        let mut all = Vec::new();
        for entry in &self.content.faults {
            let fault = entry.get_ref();
            let at = Time::ZERO + self.span(&fault.at)?;
            let end = Time::ZERO + self.content.duration;
            if at > end {
                return Err(self.error(fault.at.span(), format!("the fault comes after the end, at {end}")));
            }
            let until = match &fault.r#for {
                Some(span) => Some(at + self.span(span)?),
                None => None,
            };
            if let (Some(until), Some(span)) = (until, &fault.r#for)
                && until > end
            {
                return Err(self.error(span.span(), format!("the repair comes after the end, at {end}")));
            }
            let mut faults = Vec::new();
            for (fault, repair) in self.of_entry(entry, world)? {
                plan.add(at, fault.clone());
                if fault.kind().is_some() {
                    faults.push((at, fault));
                }
                match (until, repair) {
                    (Some(until), Some(repair)) => plan.add(until, repair),
                    (Some(_), None) => {
                        let problem = "`for` goes with crash, pause, isolate or partition";
                        return Err(self.error(entry.span(), problem));
                    }
                    (None, _) => {}
                }
            }
            if fault.inert.is_some() && fault.kind().is_none() {
                let problem = "`inert` goes with crash, pause, isolate or partition";
                return Err(self.error(entry.span(), problem));
            }
            if !faults.is_empty() {
                let may_be_inert = fault.inert == Some(Inert::Allowed);
                all.push(Written { label: fault.label(), faults, may_be_inert });
            }
        }
        Ok(all)
    }

    /// The faults of one entry, each with what repairs it.
    fn of_entry<M: Value>(
        &self,
        entry: &Spanned<FaultEntry>,
        world: &World<M>,
    ) -> Result<Vec<(Fault, Option<Fault>)>> {
        let FaultEntry { crash, restart, pause, resume, isolate, partition, one_way, heal, .. } =
            entry.get_ref();
        let kinds = [crash, restart, pause, resume, isolate].iter().filter(|kind| kind.is_some()).count()
            + usize::from(partition.is_some())
            + usize::from(*heal);
        if kinds != 1 {
            let expected = "expected one of crash, restart, pause, resume, isolate, partition or heal = true";
            return Err(self.error(entry.span(), format!("{kinds} kinds of fault in one entry: {expected}")));
        }
        if *one_way && partition.is_none() {
            return Err(self.error(entry.span(), "`one_way` goes with a partition"));
        }
        let each = |names: &Names, make: fn(NodeId) -> Fault, repair: Option<fn(NodeId) -> Fault>| {
            let nodes = self.resolve(names, world)?;
            Ok(nodes.into_iter().map(|node| (make(node), repair.map(|repair| repair(node)))).collect())
        };
        let cut = |from: Vec<NodeId>, to: Vec<NodeId>| {
            let partition = Partition { from, to, one_way: *one_way };
            if let Some(both) = partition.on_both_sides() {
                return Err(self.error(entry.span(), format!("{} is on both sides", world.name(both))));
            }
            Ok(vec![(Fault::Partition(partition.clone()), Some(Fault::HealPartition(partition)))])
        };
        match (crash, restart, pause, resume, isolate, partition) {
            (Some(names), ..) => each(names, Fault::Crash, Some(Fault::Restart)),
            (_, Some(names), ..) => each(names, Fault::Restart, None),
            (_, _, Some(names), ..) => each(names, Fault::Pause, Some(Fault::Resume)),
            (_, _, _, Some(names), ..) => each(names, Fault::Resume, None),
            (_, _, _, _, Some(names), _) => {
                let inside = self.resolve(names, world)?;
                let outside = world.ids().filter(|node| !inside.contains(node)).collect();
                cut(inside, outside)
            }
            (.., Some([from, to])) => cut(self.resolve(from, world)?, self.resolve(to, world)?),
            _ => Ok(vec![(Fault::Heal, None)]),
        }
    }

    fn resolve<M: Value>(&self, names: &Names, world: &World<M>) -> Result<Vec<NodeId>> {
        let mut found = Vec::new();
        if names.get_ref().0.is_empty() {
            return Err(self.error(names.span(), format!("no node is named: {}", nodes(world))));
        }
        for name in &names.get_ref().0 {
            let of_role: Vec<NodeId> = world.role(name).collect();
            match world.find(name) {
                _ if !of_role.is_empty() => found.extend(of_role),
                Some(node) => found.push(node),
                None => {
                    let problem = format!("there is no node `{name}`: {}", nodes(world));
                    return Err(self.error(names.span(), problem));
                }
            }
        }
        Ok(found)
    }

    fn span(&self, text: &Spanned<String>) -> Result<Duration> {
        crate::time::parse_span(text.get_ref()).map_err(|error| self.error(text.span(), error))
    }
}
