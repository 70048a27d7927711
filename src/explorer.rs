//! The untimed driver: every order of events, within budgets, breadth first.
//!
//! Messages in flight are a set or a multiset from which the search chooses; timers that are set may fire
//! at any moment; a node may crash, also before its sync is complete, with any prefix of its unsynced writes
//! and the next one torn. It does not duplicate (but see [`Messages::Set`]), pause or partition. A state is
//! known by the fingerprint of its world, its messages in flight and the budgets used up; what clients
//! invoked is not part of it. There is no time. It drives the same [`World`] as the simulation does.

mod search;
mod state;

use crate::process::Value;
use crate::property::Property;
use crate::simulation::Simulation;
use crate::world::World;
use search::Search;
use std::collections::BTreeMap;
use std::fmt;

/// What becomes of a message that is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Messages {
    /// It is gone; sent twice, it is there twice.
    #[default]
    Multiset,
    /// It stays and can be delivered again: the ever-growing set of many TLA+ specifications. A process that
    /// counts or keeps what it receives, as a [`Mailbox`](crate::simulation::Mailbox) does, then has no end
    /// of states.
    Set,
}

/// A search in the making; see [`explore`].
pub struct Exploration<'a, M: Value> {
    start: Simulation<M>,
    messages: Messages,
    drops: u32,
    crashes: u32,
    timers: Option<u32>,
    max_states: usize,
    properties: Vec<Property<'a, M>>,
}

/// Searches every run of the simulation that `scenario` makes (with seed 0, which means nothing here).
///
/// Without budgets nothing is dropped and nobody crashes; timers fire as often as they are set.
pub fn explore<'a, M: Value>(scenario: impl FnOnce(u64) -> Simulation<M>) -> Exploration<'a, M> {
    Exploration {
        start: scenario(0),
        messages: Messages::default(),
        drops: 0,
        crashes: 0,
        timers: None,
        max_states: 1_000_000,
        properties: Vec::new(),
    }
}

/// Whether a property holds in every run within the bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every state was searched, and all properties hold.
    Holds,
    /// A shortest path to a state that violates a property.
    Violated(Counterexample),
    /// The bound on states was reached before the end.
    Unknown,
}

/// A shortest path to a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The property, or the panic.
    pub property: String,
    /// The steps from the initial state, in words.
    pub steps: Vec<String>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "`{}` is violated after {} steps:", self.property, self.steps.len())?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {:>3}  {step}", number + 1)?;
        }
        Ok(())
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Explored {
    /// How many different states there are.
    pub distinct: usize,
    /// How many states were made, the initial ones and those seen before included.
    pub generated: usize,
    /// The longest shortest path, counted in states: the initial state is at depth 1.
    pub depth: usize,
    /// Whether the properties hold.
    pub verdict: Verdict,
    /// The reachable properties that no state satisfies.
    pub unreached: Vec<String>,
}

impl Explored {
    /// Passes if everything holds and everything reachable was reached.
    ///
    /// # Panics
    /// Otherwise, with the shortest path to the violation.
    #[track_caller]
    pub fn assert_holds(&self) {
        match &self.verdict {
            Verdict::Holds => {}
            Verdict::Violated(path) => panic!("{path}"),
            Verdict::Unknown => panic!("the bound on states was reached after {} states", self.distinct),
        }
        assert!(self.unreached.is_empty(), "no state reaches {:?}", self.unreached);
    }
}

impl<'a, M: Value> Exploration<'a, M> {
    /// What becomes of a delivered message; gone unless set.
    #[must_use]
    pub fn messages(mut self, messages: Messages) -> Self {
        self.messages = messages;
        self
    }

    /// How many messages may be lost in one run. None of a set: there, not delivering is losing.
    #[must_use]
    pub fn drops(mut self, budget: u32) -> Self {
        self.drops = budget;
        self
    }

    /// How many crashes may happen in one run. A crashed node may restart at any later moment.
    #[must_use]
    pub fn crashes(mut self, budget: u32) -> Self {
        self.crashes = budget;
        self
    }

    /// How many timers may fire in one run.
    #[must_use]
    pub fn timers(mut self, budget: u32) -> Self {
        self.timers = Some(budget);
        self
    }

    /// How many states may be found before the search gives up; a million unless set.
    #[must_use]
    pub fn max_states(mut self, bound: usize) -> Self {
        self.max_states = bound;
        self
    }

    /// Holds in every state.
    #[must_use]
    pub fn always(self, name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        self.properties([Property::always(name, holds)])
    }

    /// Holds in some state.
    #[must_use]
    pub fn reachable(self, name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        self.properties([Property::reachable(name, holds)])
    }

    /// All of these hold. What must hold eventually is left out: without time there is no telling when.
    #[must_use]
    pub fn properties(mut self, properties: impl IntoIterator<Item = Property<'a, M>>) -> Self {
        self.properties.extend(properties);
        self
    }

    /// Searches.
    ///
    /// # Panics
    /// If the scenario has scheduled faults or run already: budgets say what may go wrong here.
    #[track_caller]
    pub fn run(self) -> Explored {
        let mut search =
            Search { options: &self, parents: BTreeMap::new(), generated: 0, reached: Vec::new() };
        search.run()
    }
}
