//! Scenario files: a model, its surroundings, and what goes wrong, as TOML.

use super::faults::NemesisEntry;
use super::overrides::{Setting, Text};
use super::written::FaultEntry;
use crate::distribution::{Distribution, constant};
use crate::model::Setup;
use crate::network::{Link, Probability};
use crate::process::Value;
use crate::time::{milliseconds, seconds, span};
use crate::topology::Topology;
use crate::world::World;
use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
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
    /// The matrix of round-trip times that it names.
    pub(super) matrix: Option<Matrix>,
    /// The files that were read, which no output may replace.
    pub(super) inputs: Vec<PathBuf>,
    pub(super) text: Text,
}

/// A matrix of round-trip times, as it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Matrix {
    /// The name of its file, for errors.
    pub(super) file: String,
    pub(super) text: String,
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
    /// How long an operation may take to count as available.
    #[serde(default, deserialize_with = "some_span")]
    pub(super) deadline: Option<Duration>,
    /// Read again with the model's own type.
    #[serde(default)]
    #[allow(dead_code, reason = "so that the key is known")]
    parameters: toml::Table,
    #[serde(default)]
    network: Link,
    /// Links between the nodes of two roles.
    #[serde(default)]
    links: Vec<LinksEntry>,
    /// How long a message occupies a node of a role.
    #[serde(default)]
    processing: BTreeMap<Spanned<String>, Distribution>,
    topology: Option<TopologyEntry>,
    #[serde(default)]
    storage: StorageEntry,
    /// Leaves out all faults, written and drawn.
    #[serde(default)]
    no_faults: bool,
    #[serde(default)]
    pub(super) faults: Vec<Spanned<FaultEntry>>,
    pub(super) nemesis: Option<Spanned<NemesisEntry>>,
}

/// What a scenario has at its top: any other key of `--set` is a parameter of the model.
pub(super) const TOP: [&str; 17] = [
    "model",
    "description",
    "seed",
    "duration",
    "checks",
    "plots",
    "availability_window",
    "deadline",
    "no_faults",
    "parameters",
    "network",
    "links",
    "topology",
    "storage",
    "processing",
    "faults",
    "nemesis",
];

fn one() -> u64 {
    1
}

fn one_second() -> Duration {
    seconds(1)
}

fn some_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    span::deserialize(deserializer).map(Some)
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

/// What is not said of these links is as for all others.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct LinksEntry {
    from: Spanned<String>,
    to: Spanned<String>,
    delay: Distribution,
    loss_probability: Option<Probability>,
    duplication_probability: Option<Probability>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StorageEntry {
    sync_latency: Distribution,
    ignore_syncs: bool,
}

impl Default for StorageEntry {
    fn default() -> Self {
        StorageEntry { sync_latency: constant(milliseconds(1)), ignore_syncs: false }
    }
}

impl Scenario {
    /// Reads a scenario, with the changes of `--set` and the like.
    pub(super) fn read(path: &Path, settings: &[Setting]) -> Result<Scenario> {
        let file = path.display().to_string();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let text = read_text(path, "a scenario")?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut inputs = vec![path.to_path_buf()];
        let mut scenario = Scenario::parse(file, name, text, settings, |matrix| {
            let path = folder.join(matrix);
            let text = read_text(&path, "a matrix of round-trip times")?;
            inputs.push(path.clone());
            Ok(Matrix { file: path.display().to_string(), text })
        })?;
        scenario.inputs = inputs;
        Ok(scenario)
    }

    /// Reads a scenario from its `text`; `file` is for errors, and `matrix` finds the matrix that it names.
    pub(super) fn parse(
        file: String,
        name: String,
        text: String,
        settings: &[Setting],
        matrix: impl FnOnce(&str) -> Result<Matrix>,
    ) -> Result<Scenario> {
        if text.trim().is_empty() {
            bail!(
                "{file}:1: the scenario is empty: expected at least `model = \"...\"` and `duration = \"60s\"`"
            );
        }
        let mut text = Text::new(text);
        // The file must be well-formed before anything in it can be changed.
        parse::<toml::Table>(&text, &file)?;
        for setting in settings {
            text.set(setting, &TOP)?;
        }
        let mut content: Content = parse(&text, &file)?;
        if content.no_faults {
            (content.faults, content.nemesis) = (Vec::new(), None);
        }
        let mut scenario =
            Scenario { file, name, content, setup: Setup::default(), matrix: None, inputs: Vec::new(), text };
        if let Some(entry) = &scenario.content.topology {
            let at = entry.round_trip_times.span().start;
            let read = matrix(entry.round_trip_times.get_ref());
            scenario.matrix = Some(read.with_context(|| scenario.text.place(&scenario.file, at))?);
        }
        scenario.setup = scenario.read_setup()?;
        let Content { availability_window, deadline, .. } = scenario.content;
        for (name, span) in [("availability_window", Some(availability_window)), ("deadline", deadline)] {
            if span.is_some_and(|span| span.is_zero()) {
                let problem = format!("{name} is zero: expected a span of time");
                return Err(scenario.setting_error(&[name], &problem));
            }
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

    fn read_setup(&self) -> Result<Setup> {
        let mut setup = Setup {
            link: self.content.network.clone(),
            sync_latency: self.content.storage.sync_latency.clone(),
            ignore_syncs: self.content.storage.ignore_syncs,
            ..Setup::default()
        };
        for (role, time) in &self.content.processing {
            setup.processing.insert(role.get_ref().clone(), time.clone());
        }
        for LinksEntry { from, to, delay, loss_probability, duplication_probability } in &self.content.links {
            let link = Link {
                delay: delay.clone(),
                loss_probability: loss_probability.unwrap_or(setup.link.loss_probability),
                duplication_probability: duplication_probability
                    .unwrap_or(setup.link.duplication_probability),
            };
            let roles = (from.get_ref().clone(), to.get_ref().clone());
            if setup.links.insert(roles, link).is_some() {
                return Err(self.error(from.span(), "the links from this role to that are set already"));
            }
        }
        let (Some(entry), Some(matrix)) = (&self.content.topology, &self.matrix) else { return Ok(setup) };
        let mut topology = Topology::from_csv(&matrix.text)
            .map_err(|error| anyhow!("{}:{}: {}", matrix.file, error.line, error.problem))?;
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

    /// Every role of the surroundings has nodes.
    pub(super) fn check_roles<M: Value>(&self, world: &World<M>) -> Result<()> {
        let Content { topology, processing, links, .. } = &self.content;
        let placed = topology.iter().flat_map(|topology| topology.place.keys());
        let linked = links.iter().flat_map(|links| [&links.from, &links.to]);
        for role in placed.chain(processing.keys()).chain(linked) {
            if world.role(role.get_ref()).next().is_none() {
                let known = nodes(world);
                return Err(
                    self.error(role.span(), format!("no node has the role `{}`: {known}", role.get_ref()))
                );
            }
        }
        Ok(())
    }
}

pub(super) fn nodes<M: Value>(world: &World<M>) -> String {
    let names: Vec<&str> = world.ids().map(|id| world.name(id)).collect();
    format!("the nodes are {}", names.join(", "))
}

pub(super) fn read_text(path: &Path, what: &str) -> Result<String> {
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
        anyhow!("{}: {}", text.place(file, at), in_plain_words(error.message()))
    })
}

/// An error of the parser without the words of the language that it is written in.
fn in_plain_words(message: &str) -> String {
    const WORDS: [(&str, &str); 9] = [
        ("expected a string", "expected text in quotes, such as \"12s\" if it is a span of time"),
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected u32", "expected a whole number, 0 or more"),
        ("expected i64", "expected a whole number"),
        ("expected i32", "expected a whole number"),
        ("expected f64", "expected a number"),
        ("string values must be quoted, expected literal string", "expected a value; text stands in quotes"),
        ("invalid type: sequence", "invalid type: list"),
    ];
    WORDS.iter().fold(message.to_string(), |text, (word, plain)| text.replace(word, plain))
}
