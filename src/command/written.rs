//! The faults that are written in a scenario file, one entry each: what goes wrong, when, and for how long.

use super::faults::find_target;
use super::scenario::{Scenario, nodes};
use crate::clock::Offset;
use crate::fault::{Fault, FaultKind, FaultPlan, PlannedFault};
use crate::links::Links;
use crate::node::NodeId;
use crate::process::Value;
use crate::simulation::{Simulation, Target};
use crate::time::Time;
use crate::world::World;
use anyhow::Result;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::rc::Rc;
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
    #[serde(default, deserialize_with = "two_sides")]
    partition: Option<[Names; 2]>,
    clock: Option<ClockEntry>,
    set_clock: Option<Names>,
    slow: Option<SlowEntry>,
    /// The partition cuts only the links from its first side to its second, or only those are slow.
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

/// A wrong clock: a jump, a drift, or both.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockEntry {
    node: Names,
    jump: Option<Offset>,
    /// In parts per million.
    drift: Option<Spanned<i32>>,
}

/// Links that are slow: between a node and all others, or between two sides.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowEntry {
    node: Option<Names>,
    #[serde(default, deserialize_with = "two_sides")]
    between: Option<[Names; 2]>,
    by: Spanned<String>,
}

/// Names of nodes, roles or targets, and where they stand in the file.
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

/// Two of them; an array would leave out what is too much.
fn two_sides<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<[Names; 2]>, D::Error> {
    let sides = Vec::<Names>::deserialize(deserializer)?;
    let two = <[Names; 2]>::try_from(sides);
    two.map(Some).map_err(|sides| {
        de::Error::custom(format!(
            "{} sides: expected two; further cuts are faults of their own",
            sides.len()
        ))
    })
}

impl FaultEntry {
    pub(super) fn may_be_inert(&self) -> bool {
        self.inert == Some(Inert::Allowed)
    }

    /// The kind of what goes wrong; none if the entry puts something right.
    pub(super) fn kind(&self) -> Option<FaultKind> {
        let kinds = [
            (self.crash.is_some(), FaultKind::Crash),
            (self.pause.is_some(), FaultKind::Pause),
            (self.isolate.is_some() || self.partition.is_some(), FaultKind::Partition),
            (self.clock.is_some(), FaultKind::Clock),
            (self.slow.is_some(), FaultKind::SlowLinks),
        ];
        kinds.into_iter().find(|(is_there, _)| *is_there).map(|(_, kind)| kind)
    }

    /// What it names, but for the sides of links.
    fn names(&self) -> impl Iterator<Item = &str> {
        let clock = self.clock.as_ref().map(|clock| &clock.node);
        let slow = self.slow.as_ref().and_then(|slow| slow.node.as_ref());
        let names = [self.crash.as_ref(), self.pause.as_ref(), self.isolate.as_ref(), clock, slow];
        names.into_iter().flatten().flat_map(|names| names.get_ref().0.iter().map(String::as_str))
    }

    /// For a person: `crash coordinator at 8s`.
    fn label(&self) -> String {
        let kind = self.kind().map(|kind| kind.to_string()).unwrap_or_default();
        let names: String = self.names().map(|name| format!(" {name}")).collect();
        format!("{kind}{names} at {}", self.at.get_ref())
    }
}

/// Finds the nodes that are named; none if a target is not there.
type Found<M> = Box<dyn Fn(&World<M>) -> Option<Vec<NodeId>>>;

/// What an entry does in a world.
type Act<M> = Rc<dyn Fn(&World<M>) -> Vec<Fault>>;

/// One entry of the file.
pub(super) struct Written<M> {
    pub(super) label: String,
    /// None if it puts something right.
    kind: Option<FaultKind>,
    pub(super) may_be_inert: bool,
    at: Time,
    until: Option<Time>,
    /// If it is not aimed.
    faults: Vec<Fault>,
    /// If it is: what finds the faults at that time.
    act: Option<Act<M>>,
}

impl<M: Value> Written<M> {
    pub(super) fn is_aimed(&self) -> bool {
        self.act.is_some()
    }

    /// When the last of it takes place.
    pub(super) fn end(&self) -> Time {
        self.until.unwrap_or(self.at)
    }

    /// Adds its faults and their repairs, if it is not aimed.
    pub(super) fn add_to(&self, plan: &mut FaultPlan) {
        for fault in &self.faults {
            plan.add(self.at, fault.clone());
            if let (Some(until), Some(repair)) = (self.until, fault.repair()) {
                plan.add(until, repair);
            }
        }
    }

    /// Schedules it, if it is aimed.
    pub(super) fn schedule_aimed(&self, sim: &mut Simulation<M>) {
        if let Some(act) = self.act.clone() {
            let lasting = self.until.map(|until| until - self.at);
            sim.schedule_aimed(self.at - Time::ZERO, lasting, move |world| act(world));
        }
    }

    /// Whether something goes wrong by it, and this is it.
    pub(super) fn goes_wrong(&self, planned: &PlannedFault) -> bool {
        let PlannedFault { at, fault } = planned;
        let of_kind = self.kind.is_some() && fault.kind() == self.kind && *at == self.at;
        of_kind && (self.is_aimed() || self.faults.contains(fault))
    }
}

impl Scenario {
    /// The faults of the file.
    pub(super) fn written<M: Value>(
        &self,
        world: &World<M>,
        targets: &[(&'static str, Target<M>)],
    ) -> Result<Vec<Written<M>>> {
        self.content.faults.iter().map(|entry| self.of_entry(entry, world, targets)).collect()
    }

    fn of_entry<M: Value>(
        &self,
        entry: &Spanned<FaultEntry>,
        world: &World<M>,
        targets: &[(&'static str, Target<M>)],
    ) -> Result<Written<M>> {
        let fault = entry.get_ref();
        let at = Time::ZERO + self.span(&fault.at)?;
        let end = Time::ZERO + self.content.duration;
        if at > end {
            return Err(self.error(fault.at.span(), format!("the fault comes after the end, at {end}")));
        }
        let mut until = None;
        if let Some(span) = &fault.r#for {
            until = Some(at + self.span(span)?);
            if until > Some(end) {
                return Err(self.error(span.span(), format!("the repair comes after the end, at {end}")));
            }
        }
        let kind = fault.kind();
        for (word, is_there) in [("for", until.is_some()), ("inert", fault.inert.is_some())] {
            if is_there && kind.is_none() {
                let problem = format!("`{word}` goes with crash, pause, isolate, partition, clock or slow");
                return Err(self.error(entry.span(), problem));
            }
        }
        let (act, is_aimed) = self.act(entry, world, targets)?;
        let (label, may_be_inert) = (fault.label(), fault.may_be_inert() || kind.is_none());
        let mut written = Written { label, kind, may_be_inert, at, until, faults: Vec::new(), act: None };
        if is_aimed {
            // What the target makes meaningless does not happen: the leader, cut off from itself.
            let meant = |fault: &Fault| fault.flaw().is_none();
            written.act = Some(Rc::new(move |world| act(world).into_iter().filter(meant).collect()));
            return Ok(written);
        }
        written.faults = act(world);
        match written.faults.iter().find_map(|fault| Some((fault, fault.flaw()?))) {
            Some((fault, flaw)) => {
                Err(self.error(entry.span(), format!("{fault}: {flaw}; {}", nodes(world))))
            }
            None => Ok(written),
        }
    }

    /// An entry has one kind of fault.
    fn check_entry(&self, entry: &Spanned<FaultEntry>) -> Result<()> {
        let FaultEntry { crash, restart, pause, resume, isolate, partition, clock, .. } = entry.get_ref();
        let FaultEntry { set_clock, slow, one_way, heal, .. } = entry.get_ref();
        let of_nodes = [crash, restart, pause, resume, isolate, set_clock].map(Option::is_some);
        let others = [partition.is_some(), clock.is_some(), slow.is_some(), *heal];
        let kinds = of_nodes.into_iter().chain(others).filter(|is_there| *is_there).count();
        if kinds != 1 {
            let expected = "expected one of crash, restart, pause, resume, isolate, partition, clock, set_clock, \
                            slow or heal = true";
            return Err(self.error(entry.span(), format!("{kinds} kinds of fault in one entry: {expected}")));
        }
        if *one_way && partition.is_none() && slow.as_ref().is_none_or(|slow| slow.between.is_none()) {
            let problem = "`one_way` goes with a partition, or with slow and `between`";
            return Err(self.error(entry.span(), problem));
        }
        Ok(())
    }

    /// What an entry does, and whether it is aimed.
    fn act<M: Value>(
        &self,
        entry: &Spanned<FaultEntry>,
        world: &World<M>,
        targets: &[(&'static str, Target<M>)],
    ) -> Result<(Act<M>, bool)> {
        self.check_entry(entry)?;
        let FaultEntry { crash, restart, pause, resume, isolate, partition, clock, .. } = entry.get_ref();
        let &FaultEntry { ref set_clock, ref slow, one_way, .. } = entry.get_ref();
        let mut is_aimed = false;
        let mut find = |names: &Names| {
            is_aimed |= names.get_ref().0.iter().any(|name| name.starts_with('@'));
            self.found(names, world, targets)
        };
        let named = [crash, restart, pause, resume, set_clock];
        let makes = [Fault::Crash, Fault::Restart, Fault::Pause, Fault::Resume, Fault::SetClock];
        let mut named = named.into_iter().zip(makes);
        let named = named.find_map(|(names, make)| Some((names.as_ref()?, make)));
        let act = match (named, isolate, partition, clock, slow) {
            (Some((names, make)), ..) => each(find(names)?, move |node| vec![make(node)]),
            (_, Some(names), ..) => between(find(names)?, None, false, Fault::Partition),
            (_, _, Some([from, to]), ..) => between(find(from)?, Some(find(to)?), one_way, Fault::Partition),
            (.., Some(clock), _) => each(find(&clock.node)?, self.wrong_clock(clock)?),
            (.., Some(SlowEntry { node, between: sides, by })) => {
                let span = self.span(by)?;
                let make = move |links| Fault::SlowLinks { links, by: span };
                match (node, sides) {
                    (Some(names), None) => between(find(names)?, None, false, make),
                    (None, Some([from, to])) => between(find(from)?, Some(find(to)?), one_way, make),
                    _ => return Err(self.error(by.span(), "slow: expected one of `node` and `between`")),
                }
            }
            _ => Rc::new(|_: &World<M>| vec![Fault::Heal]),
        };
        Ok((act, is_aimed))
    }

    /// What is wrong with the clock of a node.
    fn wrong_clock(&self, entry: &ClockEntry) -> Result<impl Fn(NodeId) -> Vec<Fault> + 'static> {
        let ClockEntry { node, jump, drift } = entry;
        if jump.is_none() && drift.is_none() {
            return Err(self.error(node.span(), "clock: expected a `jump`, a `drift`, or both"));
        }
        let drifts = |node, parts_per_million| Fault::DriftClock { node, parts_per_million };
        if let Some(drift) = drift
            && let Some(flaw) = drifts(NodeId::new(0), *drift.get_ref()).flaw()
        {
            return Err(self.error(drift.span(), flaw));
        }
        let (jump, drift) = (*jump, drift.as_ref().map(|drift| *drift.get_ref()));
        Ok(move |node| {
            let jump = jump.map(|by| Fault::JumpClock { node, by });
            jump.into_iter().chain(drift.map(|drift| drifts(node, drift))).collect()
        })
    }

    /// Finds the nodes that `names` names: nodes, roles, and targets after an `@`.
    fn found<M: Value>(
        &self,
        names: &Names,
        world: &World<M>,
        targets: &[(&'static str, Target<M>)],
    ) -> Result<Found<M>> {
        let mut fixed = Vec::new();
        let mut aimed: Vec<Target<M>> = Vec::new();
        if names.get_ref().0.is_empty() {
            return Err(self.error(names.span(), format!("no node is named: {}", nodes(world))));
        }
        for name in &names.get_ref().0 {
            if let Some(target) = name.strip_prefix('@') {
                let find = find_target(target, targets);
                aimed.push(find.map_err(|problem| self.error(names.span(), problem))?);
                continue;
            }
            let of_role: Vec<NodeId> = world.role(name).collect();
            match world.find(name) {
                _ if !of_role.is_empty() => fixed.extend(of_role),
                Some(node) => fixed.push(node),
                None => {
                    let problem = format!("there is no node `{name}`: {}", nodes(world));
                    return Err(self.error(names.span(), problem));
                }
            }
        }
        Ok(Box::new(move |world| {
            let targets: Option<Vec<NodeId>> = aimed.iter().map(|find| find(world)).collect();
            Some([&fixed[..], &targets?].concat())
        }))
    }
}

/// The faults of each node.
fn each<M: Value>(nodes: Found<M>, make: impl Fn(NodeId) -> Vec<Fault> + 'static) -> Act<M> {
    Rc::new(move |world| nodes(world).into_iter().flatten().flat_map(&make).collect())
}

/// A fault of the links between two sides, or between one side and all others.
fn between<M: Value>(
    from: Found<M>,
    to: Option<Found<M>>,
    one_way: bool,
    make: impl Fn(Links) -> Fault + 'static,
) -> Act<M> {
    let fault = move |world: &World<M>| {
        let from = from(world)?;
        let to = match &to {
            Some(to) => to(world)?,
            None => world.ids().filter(|node| !from.contains(node)).collect(),
        };
        Some(make(Links { from, to, one_way }))
    };
    Rc::new(move |world| fault(world).into_iter().collect())
}
