//! Scenario files: a model, its surroundings, and what goes wrong, as TOML.

use super::overrides::Text;
use crate::distribution::{Distribution, constant};
use crate::fault::{Fault, FaultPlan};
use crate::model::Setup;
use crate::network::Link;
use crate::node::NodeId;
use crate::partition::Partition;
use crate::process::Value;
use crate::time::{Time, milliseconds, seconds, span};
use crate::topology::Topology;
use crate::world::World;
use anyhow::{Context, Result, anyhow, bail};
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// A scenario as it was read, with its text for errors.
pub(super) struct Scenario {
    pub(super) file: String,
    pub(super) name: String,
    pub(super) content: Content,
    pub(super) setup: Setup,
    /// The files that were read, which no output may replace.
    pub(super) inputs: Vec<PathBuf>,
    text: Text,
}

/// The top level of a scenario file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    pub(super) model: Spanned<String>,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default = "one")]
    pub(super) seed: u64,
    #[serde(with = "span")]
    pub(super) duration: Duration,
    /// Which of the model's properties to check; all unless set.
    pub(super) checks: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) plots: Vec<Spanned<String>>,
    #[serde(default = "one_second", with = "span")]
    pub(super) availability_window: Duration,
    /// Read again with the model's own type.
    #[serde(default)]
    #[allow(dead_code, reason = "so that the key is known")]
    parameters: toml::Table,
    #[serde(default)]
    network: Link,
    topology: Option<TopologyEntry>,
    #[serde(default)]
    storage: StorageEntry,
    #[serde(default)]
    faults: Vec<Spanned<FaultEntry>>,
}

/// The keys that `--set` takes for the scenario's own rather than the model's.
const TOP: [&str; 7] = ["model", "description", "seed", "duration", "checks", "plots", "availability_window"];

fn one() -> u64 {
    1
}

fn one_second() -> Duration {
    seconds(1)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TopologyEntry {
    /// A file, relative to the scenario's folder.
    round_trip_times: Spanned<String>,
    /// Added to the delay of every message that leaves a region: for all, or by region.
    jitter: Option<Distribution>,
    #[serde(default)]
    jitter_by_region: BTreeMap<Spanned<String>, Distribution>,
    #[serde(default)]
    place: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StorageEntry {
    sync_latency: Distribution,
}

impl Default for StorageEntry {
    fn default() -> Self {
        StorageEntry { sync_latency: constant(milliseconds(1)) }
    }
}

/// One fault: a time, one thing that goes wrong, and perhaps for how long.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultEntry {
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

impl Scenario {
    /// Reads a scenario with the changes of `--set`.
    pub(super) fn read(path: &Path, settings: &[String]) -> Result<Scenario> {
        let file = path.display().to_string();
        let original = read_text(path, "a scenario")?;
        if original.trim().is_empty() {
            bail!(
                "{file}:1: the scenario is empty: expected at least `model = \"...\"` and `duration = \"60s\"`"
            );
        }
        let mut text = Text::new(original);
        // The file must be well-formed before anything in it can be changed.
        parse::<toml::Table>(&text, &file)?;
        for setting in settings {
            text.set(setting, &TOP)?;
        }
        let content: Content = parse(&text, &file)?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let inputs = vec![path.to_path_buf()];
        let mut scenario = Scenario { file, name, content, setup: Setup::default(), inputs, text };
        let folder = path.parent().unwrap_or(Path::new(""));
        scenario.setup = scenario.read_setup(folder)?;
        if let Some(topology) = &scenario.content.topology {
            scenario.inputs.push(folder.join(topology.round_trip_times.get_ref()));
        }
        Ok(scenario)
    }

    /// What a figure of it is called.
    pub(super) fn title(&self) -> &str {
        if self.content.description.is_empty() { &self.name } else { &self.content.description }
    }

    /// The model's parameters.
    pub(super) fn parameters<P: DeserializeOwned + Default>(&self) -> Result<P> {
        #[derive(serde::Deserialize)]
        #[serde(bound = "P: DeserializeOwned + Default")]
        struct OnlyParameters<P> {
            #[serde(default)]
            parameters: P,
        }
        Ok(parse::<OnlyParameters<P>>(&self.text, &self.file)?.parameters)
    }

    /// An error at a place of this scenario.
    pub(super) fn error(&self, span: Range<usize>, problem: impl fmt::Display) -> anyhow::Error {
        anyhow!("{}: {problem}", self.text.place(&self.file, span.start))
    }

    /// An error about the setting at `path`, or else about the first of its tables that is there.
    pub(super) fn setting_error(&self, path: &[&str], problem: &str) -> anyhow::Error {
        let place = (1..=path.len()).rev().find_map(|depth| self.text.find(&path[..depth]));
        self.error(place.unwrap_or(0..0), problem)
    }

    fn read_setup(&self, folder: &Path) -> Result<Setup> {
        let mut setup = Setup {
            link: self.content.network.clone(),
            sync_latency: self.content.storage.sync_latency.clone(),
            ..Setup::default()
        };
        let Some(entry) = &self.content.topology else { return Ok(setup) };
        let path = folder.join(entry.round_trip_times.get_ref());
        let text = read_text(&path, "a matrix of round-trip times")
            .with_context(|| self.text.place(&self.file, entry.round_trip_times.span().start))?;
        let mut topology = Topology::from_csv(&text)
            .map_err(|error| anyhow!("{}:{}: {}", path.display(), error.line, error.problem))?;
        let unknown = |region: &Spanned<String>, topology: &Topology| {
            let known = topology.regions().join(", ");
            self.error(
                region.span(),
                format!("there is no region `{}`: expected one of {known}", region.get_ref()),
            )
        };
        if let Some(jitter) = &entry.jitter {
            for region in topology.regions().to_vec() {
                topology.set_jitter(&region, jitter.clone());
            }
        }
        for (region, jitter) in &entry.jitter_by_region {
            if topology.find(region.get_ref()).is_none() {
                return Err(unknown(region, &topology));
            }
            topology.set_jitter(region.get_ref(), jitter.clone());
        }
        for (role, regions) in &entry.place {
            if regions.is_empty() {
                return Err(self.error(role.span(), format!("`{}` is placed in no region", role.get_ref())));
            }
            if let Some(region) = regions.iter().find(|region| topology.find(region.get_ref()).is_none()) {
                return Err(unknown(region, &topology));
            }
            let regions = regions.iter().map(|region| region.get_ref().clone()).collect();
            setup.placement.insert(role.get_ref().clone(), regions);
        }
        setup.topology = Some(topology);
        Ok(setup)
    }

    /// Every role that is placed has nodes.
    pub(super) fn check_placement<M: Value>(&self, world: &World<M>) -> Result<()> {
        let Some(entry) = &self.content.topology else { return Ok(()) };
        for role in entry.place.keys() {
            if world.role(role.get_ref()).next().is_none() {
                let known = nodes(world);
                return Err(
                    self.error(role.span(), format!("no node has the role `{}`: {known}", role.get_ref()))
                );
            }
        }
        Ok(())
    }

    /// The faults, with names resolved to nodes.
    pub(super) fn plan<M: Value>(&self, world: &World<M>) -> Result<FaultPlan> {
        let mut plan = FaultPlan::default();
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
            for (fault, repair) in self.faults(entry, world)? {
                plan.add(at, fault);
                match (until, repair) {
                    (Some(until), Some(repair)) => plan.add(until, repair),
                    (Some(_), None) => {
                        return Err(
                            self.error(entry.span(), "`for` goes with crash, pause, isolate or partition")
                        );
                    }
                    (None, _) => {}
                }
            }
        }
        Ok(plan)
    }

    /// The faults of one entry, each with what repairs it.
    fn faults<M: Value>(
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
            if let Some(both) = from.iter().find(|node| to.contains(node)) {
                return Err(self.error(entry.span(), format!("{} is on both sides", world.name(*both))));
            }
            let partition = Partition { from, to, one_way: *one_way };
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

fn nodes<M: Value>(world: &World<M>) -> String {
    let names: Vec<&str> = world.ids().map(|id| world.name(id)).collect();
    format!("the nodes are {}", names.join(", "))
}

fn read_text(path: &Path, what: &str) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("{}: expected {what}", path.display()))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
            bail!("{}:{line}: not UTF-8: expected {what}", path.display())
        }
    }
}

fn parse<T: DeserializeOwned>(text: &Text, file: &str) -> Result<T> {
    toml::from_str(&text.text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        anyhow!("{}: {}", text.place(file, at), error.message())
    })
}
