//! The models that the command knows, with their types erased.

use super::execution::{Finished, Run, checks_of, names};
use super::explore::{Search, Searched};
use super::scenario::Scenario;
use crate::model::{Model, Setup};
use crate::simulation::Simulation;
use anyhow::Result;

/// Models for the command: `Models::default().with(Paxos).with(TwoPhaseCommit)`.
#[derive(Default)]
pub struct Models(Vec<Box<dyn AnyModel>>, &'static [KnownBug]);

/// A broken variant of a model, kept so that tools and students can find it again: see `netsplit zoo`.
#[derive(Clone, Copy, Debug)]
pub struct KnownBug {
    /// The name of its scenario.
    pub name: &'static str,
    /// The scenario: the model with its mistake, under the model's ordinary nemesis, and the check that sees it. With
    /// another value of the parameter `correct` it is the correct model.
    pub scenario: &'static str,
    /// `parameter=value`: what makes the model correct.
    pub correct: &'static str,
    /// Within which bounds exhaustive search looks for it, as flags of `netsplit explore`: `--timers 2 --crashes 1`.
    pub search: &'static str,
    /// The paper or the incident that it comes from.
    pub source: &'static str,
    /// The least that brings it about, as far as is known: faults and lost, late or doubled messages.
    pub cause: &'static [&'static str],
    /// What it asks a student.
    pub question: &'static str,
}

/// A parameter, for a person.
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) default: String,
    pub(super) help: &'static str,
}

/// A model whose message type is not known here.
pub(super) trait AnyModel: Send + Sync {
    fn name(&self) -> &'static str;
    fn about(&self) -> &'static str;
    /// What Rust code calls it.
    fn path(&self) -> String;
    fn parameters(&self) -> Vec<Parameter>;
    /// What faults can be aimed at.
    fn targets(&self) -> Vec<&'static str>;
    /// The names of its nodes, with its default parameters.
    fn nodes(&self) -> Vec<String>;
    /// What is checked of it, by name and when it must hold.
    fn properties(&self) -> Vec<(String, &'static str)>;
    /// Whether the scenario can be run: its checks, by name and when they must hold.
    fn checks(&self, scenario: &Scenario, seed: u64) -> Result<Vec<(String, &'static str)>>;
    fn run(&self, scenario: &Scenario, run: &Run) -> Result<Finished>;
    /// Searches every run.
    fn explore(&self, scenario: &Scenario, search: &Search) -> Result<Searched>;
}

impl Models {
    /// Adds a model.
    ///
    /// # Panics
    /// If there is one of the same name, or its help does not name every parameter once, in order.
    #[must_use]
    #[track_caller]
    pub fn with(mut self, model: impl Model) -> Self {
        let name = model.name();
        assert!(self.find(name).is_none(), "there are two models called `{name}`");
        let helped: Vec<&str> = model.help().iter().map(|(parameter, _)| *parameter).collect();
        let actual: Vec<String> = defaults(&model).into_iter().map(|(parameter, _)| parameter).collect();
        assert!(actual == helped, "{name}: parameters {actual:?}, but help for {helped:?}");
        self.0.push(Box::new(model));
        self
    }

    /// Adds known bugs of these models.
    #[must_use]
    pub fn with_zoo(mut self, zoo: &'static [KnownBug]) -> Self {
        self.1 = zoo;
        self
    }

    pub(super) fn zoo(&self) -> &'static [KnownBug] {
        self.1
    }

    pub(super) fn find(&self, name: &str) -> Option<&dyn AnyModel> {
        self.iter().find(|model| model.name() == name)
    }

    /// The model that a scenario names.
    pub(super) fn of(&self, scenario: &Scenario) -> Result<&dyn AnyModel> {
        let name = &scenario.content.model;
        self.find(name.get_ref()).ok_or_else(|| {
            let known: Vec<&str> = self.iter().map(AnyModel::name).collect();
            let expected = format!("expected one of {}", known.join(", "));
            scenario.error(name.span(), format!("there is no model `{}`: {expected}", name.get_ref()))
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn AnyModel> {
        self.0.iter().map(|model| &**model)
    }
}

/// The parameters in the order of their declaration, with their defaults.
fn defaults<M: Model>(_: &M) -> Vec<(String, String)> {
    match serde_json::to_value(M::Parameters::default()) {
        Ok(serde_json::Value::Object(fields)) => {
            fields.into_iter().map(|(name, value)| (name, as_toml(&value))).collect()
        }
        _ => Vec::new(),
    }
}

/// As it is written in a scenario.
fn as_toml(value: &serde_json::Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| value.to_string(), |value| value.to_string())
}

impl<M: Model> AnyModel for M {
    fn name(&self) -> &'static str {
        Model::name(self)
    }

    fn about(&self) -> &'static str {
        Model::about(self)
    }

    fn path(&self) -> String {
        Model::path(self)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let helps = self.help().iter().map(|(_, help)| *help);
        let parameter = |((name, default), help)| Parameter { name, default, help };
        defaults(self).into_iter().zip(helps).map(parameter).collect()
    }

    fn nodes(&self) -> Vec<String> {
        let sim = self.simulation(&M::Parameters::default(), &Setup::default(), 0);
        let names = |sim: Simulation<M::Message>| {
            let world = sim.world();
            world.ids().map(|id| world.name(id).to_string()).collect()
        };
        sim.map(names).unwrap_or_default()
    }

    fn properties(&self) -> Vec<(String, &'static str)> {
        names(&Model::properties(self), &Model::promises(self), false)
    }

    fn targets(&self) -> Vec<&'static str> {
        Model::targets(self).into_iter().map(|(name, _)| name).collect()
    }

    fn checks(&self, scenario: &Scenario, seed: u64) -> Result<Vec<(String, &'static str)>> {
        checks_of(self, scenario, seed)
    }

    fn run(&self, scenario: &Scenario, run: &Run) -> Result<Finished> {
        run.model(self, scenario)
    }

    fn explore(&self, scenario: &Scenario, search: &Search) -> Result<Searched> {
        search.model(self, scenario)
    }
}
