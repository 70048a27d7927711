//! What goes wrong by a scenario file: the faults that are written in it, and the nemesis that draws more.

use super::scenario::Scenario;
use super::written::{FaultEntry, Written};
use crate::fault::FaultPlan;
use crate::impact::Impact;
use crate::nemesis::{Drawn, Kind, Nemesis};
use crate::node::NodeId;
use crate::process::Value;
use crate::random::Random;
use crate::simulation::{Simulation, Target};
use crate::time::{Duration, Time};
use crate::world::World;
use anyhow::Result;
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer};
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// Faults drawn for each seed, in addition to those written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NemesisEntry {
    kinds: Vec<Spanned<DrawnKind>>,
    until: Spanned<String>,
}

/// `crashes`, or `crashes@leader`.
#[derive(Clone, PartialEq, Eq)]
struct DrawnKind {
    kind: Kind,
    target: Option<String>,
}

impl<'de> Deserialize<'de> for DrawnKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (kind, target) = match text.split_once('@') {
            Some((kind, target)) => (kind, Some(target.to_string())),
            None => (text.as_str(), None),
        };
        let kind = Kind::deserialize(kind.into_deserializer())
            .map_err(|error: de::value::Error| de::Error::custom(error.to_string()))?;
        if target.is_some() && !kind.hits_one_node() {
            return Err(de::Error::custom(format!(
                "`{text}`: expected no target, for they do not hit one node"
            )));
        }
        Ok(DrawnKind { kind, target })
    }
}

impl DrawnKind {
    fn nemesis(&self) -> Nemesis {
        match &self.target {
            Some(target) => Nemesis::of(self.kind).at(target),
            None => Nemesis::of(self.kind),
        }
    }
}

/// What is to go wrong in one run.
pub(super) struct Faults<M> {
    /// The written faults, entry by entry.
    pub(super) written: Vec<Written<M>>,
    drawn: Drawn,
    targets: Vec<(String, Target<M>)>,
}

impl<M: Value> Faults<M> {
    /// The faults of which the nodes are known, written and drawn.
    pub(super) fn plan(&self) -> FaultPlan {
        let mut plan = FaultPlan::default();
        self.written.iter().for_each(|entry| entry.add_to(&mut plan));
        plan.extend(&self.drawn.plan);
        plan
    }

    /// Schedules everything.
    pub(super) fn schedule(&self, sim: &mut Simulation<M>) {
        sim.schedule_plan(&self.plan());
        self.written.iter().for_each(|entry| entry.schedule_aimed(sim));
        sim.schedule_at_targets(&self.drawn.aimed, &self.targets);
    }

    /// Of each kind, written and drawn, by its name: whether a fault of it took place in a run, and whether one
    /// touched something.
    pub(super) fn impact(&self, plan: &FaultPlan, impact: &Impact) -> BTreeMap<String, (bool, bool)> {
        let mut kinds: BTreeMap<String, (bool, bool)> = BTreeMap::new();
        let mut add = |name: String, (took_place, touched): (bool, bool)| {
            let kind = kinds.entry(name).or_default();
            *kind = (kind.0 | took_place, kind.1 | touched);
        };
        for origin in &self.drawn.origins {
            add(origin.name.clone(), impact.of_drawn(origin));
        }
        for planned in plan.iter() {
            let Some(kind) = planned.fault.kind() else { continue };
            if self.written.iter().any(|entry| entry.goes_wrong(planned)) {
                let (at, fault) = (planned.at, &planned.fault);
                add(kind.to_string(), (impact.took_place(at, fault), impact.touched(at, fault)));
            }
        }
        kinds
    }

    /// When the last fault or repair takes place that is not in the plan.
    pub(super) fn last_aimed(&self) -> Time {
        let written = self.written.iter().filter(|entry| entry.is_aimed()).map(Written::end);
        let drawn = self.drawn.aimed.iter().map(|fault| fault.until);
        written.chain(drawn).max().unwrap_or(Time::ZERO)
    }
}

impl Scenario {
    /// The kinds of fault that a sweep expects to touch something: written ones (`crash`) and drawn ones
    /// (`crashes`, `crashes@leader`).
    pub(super) fn kinds(&self) -> BTreeSet<String> {
        let faults = self.content.faults.iter().map(Spanned::get_ref);
        let written = faults.filter(|fault| !fault.may_be_inert()).filter_map(FaultEntry::kind);
        let written = written.map(|kind| kind.to_string());
        let nemesis = self.content.nemesis.as_ref().map(Spanned::get_ref);
        let drawn = nemesis.into_iter().flat_map(|nemesis| nemesis.kinds.iter());
        written.chain(drawn.flat_map(|kind| kind.get_ref().nemesis().kinds())).collect()
    }

    /// What goes wrong under `seed`, with names resolved to nodes or to `targets`.
    pub(super) fn faults<M: Value>(
        &self,
        world: &World<M>,
        targets: &[(&'static str, Target<M>)],
        seed: u64,
    ) -> Result<Faults<M>> {
        let mut drawn = Drawn::default();
        if let Some(nemesis) = self.nemesis(targets)? {
            let nodes: Vec<NodeId> = world.ids().filter(|id| !world.is_client(*id)).collect();
            drawn = nemesis.draw(&Random::new(seed), &nodes);
        }
        let written = self.written(world, targets)?;
        let targets = targets.iter().map(|(name, find)| (name.to_string(), *find)).collect();
        Ok(Faults { written, drawn, targets })
    }

    fn nemesis<M>(&self, targets: &[(&'static str, Target<M>)]) -> Result<Option<Nemesis>> {
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
            if let Some(target) = &kind.get_ref().target {
                find_target(target, targets).map_err(|problem| self.error(kind.span(), problem))?;
            }
            let drawn = kind.get_ref().nemesis().until(end);
            nemesis = Some(match nemesis {
                Some(others) => others.and(drawn),
                None => drawn,
            });
        }
        match nemesis {
            Some(nemesis) => Ok(Some(nemesis)),
            None => {
                Err(self
                    .error(at, "kinds: expected some of \"partitions\", \"crashes\", \"pauses\" and others"))
            }
        }
    }

    pub(super) fn span(&self, text: &Spanned<String>) -> Result<Duration> {
        crate::time::parse_span(text.get_ref()).map_err(|error| self.error(text.span(), error))
    }
}

/// The target called `name`.
pub(super) fn find_target<M>(
    name: &str,
    targets: &[(&'static str, Target<M>)],
) -> std::result::Result<Target<M>, String> {
    let found = targets.iter().find(|(known, _)| *known == name).map(|(_, find)| *find);
    found.ok_or_else(|| {
        let known: Vec<String> = targets.iter().map(|(name, _)| format!("@{name}")).collect();
        match known.is_empty() {
            true => format!("there is no target `@{name}`: this model has no targets"),
            false => {
                format!("there is no target `@{name}`: expected one of the model's: {}", known.join(", "))
            }
        }
    })
}
