//! The untimed driver: every order of events, within budgets, breadth first.
//!
//! Messages in flight are a set or a multiset from which the search chooses; timers that are set may fire
//! at any moment; a state is known by the fingerprint of its world, its messages in flight and the budgets
//! used up. There is no time. It drives the same [`World`] as the simulation does.

use crate::caught::caught;
use crate::fingerprint::{Fingerprinter, fingerprint};
use crate::node::NodeId;
use crate::process::{Effect, Environment, Value};
use crate::property::{Property, When};
use crate::simulation::Simulation;
use crate::time::Time;
use crate::world::{Event, World};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

/// What becomes of a message that is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Messages {
    /// It is gone; sent twice, it is there twice.
    #[default]
    Multiset,
    /// It stays and can be delivered again: the ever-growing set of many TLA+ specifications.
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

/// A message in flight, known by its link and its fingerprint.
type Flying = (NodeId, NodeId, u128);

#[derive(Clone)]
struct State<M> {
    world: World<M>,
    in_flight: BTreeMap<Flying, (M, u32)>,
    drops: u32,
    crashes: u32,
    timers: u32,
}

/// One step of the search. `Start` comes only before the first state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Start(NodeId),
    Deliver(Flying),
    Drop(Flying),
    Fire(NodeId, usize),
    Sync(NodeId),
    Crash(NodeId, usize),
    Restart(NodeId),
}

/// An action and what its handler chose.
#[derive(Clone, Debug)]
struct Step {
    action: Action,
    choices: Vec<u32>,
}

/// Answers `choose` from a script, and with zero beyond its end, and remembers the bounds.
struct Choices {
    script: Vec<u32>,
    bounds: Vec<u32>,
}

impl Environment for Choices {
    fn now(&self) -> Option<Time> {
        None
    }
    fn choose(&mut self, bound: u32) -> u32 {
        self.bounds.push(bound);
        if self.script.len() < self.bounds.len() {
            self.script.push(0);
        }
        self.script[self.bounds.len() - 1]
    }
    fn chance(&mut self, _: u32, _: u32) -> bool {
        self.choose(2) == 1
    }
    fn span_between(&mut self, low: Duration, _: Duration) -> Duration {
        low
    }
    fn observed(&self) -> bool {
        false
    }
}

impl Choices {
    /// The next script in the order of an odometer; none after the last.
    fn next(mut self) -> Option<Vec<u32>> {
        while let Some(last) = self.script.pop() {
            if last + 1 < self.bounds[self.script.len()] {
                self.script.push(last + 1);
                return Some(self.script);
            }
        }
        None
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

    /// The initial states: every node has started, in the order of adding.
    #[track_caller]
    fn initial(&self) -> Result<Vec<State<M>>, String> {
        let (world, sent) = self.start.not_yet_run();
        let mut first =
            State { world: world.clone(), in_flight: BTreeMap::new(), drops: 0, crashes: 0, timers: 0 };
        for (from, to, message) in sent {
            first.launch(from, to, message.clone(), self.messages);
        }
        let mut states = vec![first];
        for node in world.ids() {
            let mut started = Vec::new();
            for state in &states {
                let successors = self.successors(state, Action::Start(node))?;
                started.extend(successors.into_iter().map(|(_, successor)| successor));
            }
            states = started;
        }
        Ok(states)
    }

    fn actions(&self, state: &State<M>) -> Vec<Action> {
        let world = &state.world;
        let mut actions = Vec::new();
        for &flying in state.in_flight.keys() {
            let (from, to, _) = flying;
            if world.connected(from, to) && (world.is_ready(to) || !world.is_up(to)) {
                actions.push(Action::Deliver(flying));
            }
            if state.drops < self.drops && self.messages == Messages::Multiset {
                actions.push(Action::Drop(flying));
            }
        }
        for node in world.ids() {
            if !world.is_up(node) {
                actions.push(Action::Restart(node));
                continue;
            }
            if world.is_ready(node) && self.timers.is_none_or(|budget| state.timers < budget) {
                actions.extend(world.timers(node).into_iter().map(|slot| Action::Fire(node, slot)));
            }
            if world.is_syncing(node) {
                actions.push(Action::Sync(node));
            }
            if state.crashes < self.crashes && !world.is_client(node) {
                let unsynced = world.storage(node).unsynced();
                actions.extend((0..=unsynced).map(|kept| Action::Crash(node, kept)));
            }
        }
        actions
    }

    /// What can become of `state` by `action`: one state for each way its handler can choose.
    fn successors(&self, state: &State<M>, action: Action) -> Result<Vec<(Step, State<M>)>, String> {
        let mut successors = Vec::new();
        let mut script = Some(Vec::new());
        while let Some(current) = script {
            let mut choices = Choices { script: current, bounds: Vec::new() };
            let mut successor = state.clone();
            caught(|| successor.take(action, &mut choices, self))?;
            successors.push((Step { action, choices: choices.script.clone() }, successor));
            script = choices.next();
        }
        Ok(successors)
    }
}

impl<M: Value> State<M> {
    fn launch(&mut self, from: NodeId, to: NodeId, message: M, messages: Messages) {
        let flying = (from, to, fingerprint(&message));
        let (_, count) = self.in_flight.entry(flying).or_insert((message, 0));
        *count = match messages {
            Messages::Multiset => *count + 1,
            Messages::Set => 1,
        };
    }

    /// Takes one of these messages out of the air.
    fn land(&mut self, flying: &Flying, stays: bool) -> M {
        let (message, count) = self.in_flight.get_mut(flying).expect("the message is in flight");
        let message = message.clone();
        *count -= u32::from(!stays);
        if *count == 0 {
            self.in_flight.remove(flying);
        }
        message
    }

    fn take(&mut self, action: Action, choices: &mut Choices, options: &Exploration<'_, M>) {
        let event = match action {
            Action::Start(node) => Event::Start(node),
            Action::Deliver(flying) => {
                let (from, to, _) = flying;
                let message = self.land(&flying, options.messages == Messages::Set);
                if !self.world.is_up(to) {
                    return;
                }
                Event::Deliver { from, to, message }
            }
            Action::Drop(flying) => {
                self.drops += 1;
                self.land(&flying, false);
                return;
            }
            Action::Fire(node, slot) => {
                // Only a budget makes the count part of the state.
                self.timers += u32::from(options.timers.is_some());
                Event::Fire { node, slot }
            }
            Action::Sync(node) => Event::Synced(node),
            Action::Crash(node, kept) => {
                self.crashes += 1;
                Event::Crash { node, kept, torn: false }
            }
            Action::Restart(node) => Event::Restart(node),
        };
        let node = event.node().expect("links change in no action");
        let mut effects = Vec::new();
        self.world.apply(event, choices, &mut effects);
        for effect in effects {
            if let Effect::Send { to, message } = effect {
                self.launch(node, to, message, options.messages);
            }
        }
    }

    fn fingerprint(&self) -> u128 {
        let mut hasher = Fingerprinter::new();
        self.world.fingerprint().hash(&mut hasher);
        for (flying, (_, count)) in &self.in_flight {
            (flying, count).hash(&mut hasher);
        }
        (self.drops, self.crashes, self.timers).hash(&mut hasher);
        hasher.finish128()
    }

    fn describe(&self, action: Action) -> String {
        let name = |node: NodeId| self.world.name(node);
        match action {
            Action::Start(node) => format!("{} starts", name(node)),
            Action::Deliver(flying) => {
                let (from, to, _) = flying;
                format!("{} receives {:?} from {}", name(to), self.in_flight[&flying].0, name(from))
            }
            Action::Drop(flying) => {
                let (from, to, _) = flying;
                format!("{:?} from {} to {} is lost", self.in_flight[&flying].0, name(from), name(to))
            }
            Action::Fire(node, slot) => {
                let timer = self.world.timer(node, slot).expect("the timer is set");
                format!("timer {timer:?} of {} fires", name(node))
            }
            Action::Sync(node) => format!("the writes of {} are durable", name(node)),
            Action::Crash(node, kept) => {
                let lost = self.world.storage(node).unsynced() - kept;
                format!("{} crashes and loses {lost} unsynced writes", name(node))
            }
            Action::Restart(node) => format!("{} restarts", name(node)),
        }
    }
}

struct Search<'s, 'a, M: Value> {
    options: &'s Exploration<'a, M>,
    /// How each state was first found: from which one, and by which step. Initial states have none.
    parents: BTreeMap<u128, Option<(u128, Step)>>,
    generated: usize,
    reached: Vec<usize>,
}

impl<M: Value> Search<'_, '_, M> {
    #[track_caller]
    fn run(&mut self) -> Explored {
        let initial = match self.options.initial() {
            Ok(initial) => initial,
            Err(panic) => {
                let verdict = Verdict::Violated(Counterexample { property: panic, steps: Vec::new() });
                return self.explored(0, verdict);
            }
        };
        let mut level = Vec::new();
        for state in &initial {
            if let Some(verdict) = self.visit(state, None, &mut level, &initial) {
                return self.explored(1, verdict);
            }
        }
        let mut depth = 0;
        while !level.is_empty() {
            depth += 1;
            for (print, state) in std::mem::take(&mut level) {
                for action in self.options.actions(&state) {
                    let successors = match self.options.successors(&state, action) {
                        Ok(successors) => successors,
                        Err(panic) => {
                            let last = state.describe(action);
                            let path = self.counterexample(print, panic, &initial, Some(last));
                            return self.explored(depth, Verdict::Violated(path));
                        }
                    };
                    for (step, successor) in successors {
                        let parent = Some((print, step));
                        if let Some(verdict) = self.visit(&successor, parent, &mut level, &initial) {
                            return self.explored(depth + 1, verdict);
                        }
                    }
                }
            }
        }
        self.explored(depth, Verdict::Holds)
    }

    /// Takes note of a state. If it is new it is judged, and put on the next level.
    fn visit(
        &mut self,
        state: &State<M>,
        parent: Option<(u128, Step)>,
        level: &mut Vec<(u128, State<M>)>,
        initial: &[State<M>],
    ) -> Option<Verdict> {
        self.generated += 1;
        let print = state.fingerprint();
        if self.parents.contains_key(&print) {
            return None;
        }
        if self.parents.len() == self.options.max_states {
            return Some(Verdict::Unknown);
        }
        self.parents.insert(print, parent);
        for (index, property) in self.options.properties.iter().enumerate() {
            match property.when {
                When::Always if !property.holds(&state.world) => {
                    let path = self.counterexample(print, property.name.clone(), initial, None);
                    return Some(Verdict::Violated(path));
                }
                When::Reachable if !self.reached.contains(&index) && property.holds(&state.world) => {
                    self.reached.push(index);
                }
                _ => {}
            }
        }
        level.push((print, state.clone()));
        None
    }

    /// Walks back to an initial state, and then forward again to put the steps into words.
    fn counterexample(
        &self,
        mut print: u128,
        property: String,
        initial: &[State<M>],
        last: Option<String>,
    ) -> Counterexample {
        let mut path = Vec::new();
        while let Some((parent, step)) = &self.parents[&print] {
            path.push(step);
            print = *parent;
        }
        let start = initial.iter().find(|state| state.fingerprint() == print);
        let mut state = start.expect("a path begins at an initial state").clone();
        let mut steps = Vec::new();
        for step in path.into_iter().rev() {
            steps.push(state.describe(step.action));
            let mut choices = Choices { script: step.choices.clone(), bounds: Vec::new() };
            state.take(step.action, &mut choices, self.options);
        }
        steps.extend(last);
        Counterexample { property, steps }
    }

    fn explored(&self, depth: usize, verdict: Verdict) -> Explored {
        let unreached =
            self.options.properties.iter().enumerate().filter(|(index, property)| {
                property.when == When::Reachable && !self.reached.contains(index)
            });
        Explored {
            distinct: self.parents.len(),
            generated: self.generated,
            depth,
            verdict,
            unreached: unreached.map(|(_, property)| property.name.clone()).collect(),
        }
    }
}
