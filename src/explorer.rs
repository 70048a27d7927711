//! The untimed driver: every order of events, within budgets. (Feature `explorer`.)
//!
//! Messages in flight are a multiset, a set, or a queue for each link, from which the search chooses; timers that are
//! set may fire at any moment; messages may be lost and doubled, a partition may come and heal, and a node may crash,
//! also before its sync is complete, with any prefix of its unsynced writes and the next one torn. It does not pause,
//! and clients are not touched: they neither crash nor stand on a side of a partition. A state is known by the 128-bit
//! fingerprint of its nodes, its messages in flight, the partition in force and the budgets used up, and, if asked
//! for, of what clients invoked and were answered. There is no time. It drives the same [`World`] as the simulation.
//!
//! A handler reads its own node and the event, and nothing else. So each state of a node, each message and each
//! step of a node is found once and kept (`catalogue.rs`), a state of the search is a few numbers (`successors.rs`),
//! and of the states that were left behind there is a fingerprint, and how they were found (`search.rs`).

mod catalogue;
mod choices;
mod crew;
mod depth;
mod history;
mod level;
mod liveness;
#[cfg(test)]
mod naive;
mod outcome;
mod parents;
mod path;
mod reduction;
mod search;
mod successors;
mod symmetry;
mod table;
#[cfg(test)]
mod tests;
mod trail;

pub(crate) use catalogue::envelope_print;
pub use history::{History, Operation};
pub use outcome::{Bound, Counterexample, Explored, Progress, Verdict};
pub use symmetry::{Rename, Renaming};
pub(crate) use trail::{Act, Step, Trail};

use crate::process::Value;
use crate::promise::Promise;
use crate::property::Property;
use crate::simulation::Simulation;
use crate::world::World;
use search::Search;

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
    /// It is gone; messages of one link come in the order in which they were sent.
    Ordered,
}

/// In which order states are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// All of a depth before those of the next, on all cores. The path to a violation is a shortest one.
    #[default]
    BreadthFirst,
    /// On from the latest state, on one core. It remembers few states in full, and is soon deep; the depth that it
    /// reports is that of its longest path.
    DepthFirst,
    /// Depth first, to depth 1, then to depth 2, and so on: few states in full and a shortest path, for more time.
    IterativeDeepening,
}

/// The most nodes, clients not counted, that partitions are searched of.
pub const MOST_SPLIT: usize = 16;

/// What a search takes into account, without what depends on the type of messages.
#[derive(Clone, Copy, Debug)]
struct Rules {
    messages: Messages,
    idle: bool,
    drops: u32,
    duplicates: u32,
    crashes: u32,
    timers: Option<u32>,
    partitions: u32,
    keeps_history: bool,
}

type HistoryProperty<'a> = (String, Box<dyn Fn(&History) -> bool + Send + Sync + 'a>);
type Watch<'a> = Box<dyn Fn(&Progress) -> bool + 'a>;

/// A search in the making; see [`explore`].
pub struct Exploration<'a, M: Value> {
    start: Simulation<M>,
    rules: Rules,
    max_states: usize,
    max_depth: usize,
    max_memory: usize,
    threads: usize,
    order: Order,
    properties: Vec<Property<'a, M>>,
    eventual: Vec<Property<'a, M>>,
    of_histories: Vec<HistoryProperty<'a>>,
    symmetry: Option<symmetry::Symmetry<M>>,
    reduces: bool,
    /// The properties that a reduction keeps, by name.
    kept: Vec<String>,
    watch: Option<Watch<'a>>,
}

/// Searches every run of the simulation that `scenario` makes (with seed 0, which means nothing here).
///
/// Without budgets nothing is dropped and nobody crashes; timers fire as often as they are set.
pub fn explore<'a, M: Value>(scenario: impl FnOnce(u64) -> Simulation<M>) -> Exploration<'a, M> {
    Exploration {
        start: scenario(0),
        rules: Rules {
            messages: Messages::default(),
            idle: true,
            drops: 0,
            duplicates: 0,
            crashes: 0,
            timers: None,
            partitions: 0,
            keeps_history: false,
        },
        max_states: 1_000_000,
        max_depth: usize::MAX,
        max_memory: usize::MAX,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        order: Order::default(),
        properties: Vec::new(),
        eventual: Vec::new(),
        of_histories: Vec::new(),
        symmetry: None,
        reduces: false,
        kept: Vec::new(),
        watch: None,
    }
}

impl<'a, M: Value> Exploration<'a, M> {
    /// What becomes of a delivered message; gone unless set.
    #[must_use]
    pub fn messages(mut self, messages: Messages) -> Self {
        self.rules.messages = messages;
        self
    }

    /// How many messages may be lost in one run. None of a set: there, not delivering is losing.
    #[must_use]
    pub fn drops(mut self, budget: u32) -> Self {
        self.rules.drops = budget;
        self
    }

    /// How many messages may be doubled in one run. None of a set: there, all are delivered again.
    #[must_use]
    pub fn duplicates(mut self, budget: u32) -> Self {
        self.rules.duplicates = budget;
        self
    }

    /// How many crashes may happen in one run. A crashed node may restart at any later moment.
    #[must_use]
    pub fn crashes(mut self, budget: u32) -> Self {
        self.rules.crashes = budget;
        self
    }

    /// How many timers may fire in one run.
    #[must_use]
    pub fn timers(mut self, budget: u32) -> Self {
        self.rules.timers = Some(budget);
        self
    }

    /// How many partitions may happen in one run, one after the other: of the nodes that are no clients into any two
    /// sides, which may heal at any later moment. What is sent on a cut link is lost; what is in flight there is lost,
    /// too, or comes after the partition.
    #[must_use]
    pub fn partitions(mut self, budget: u32) -> Self {
        self.rules.partitions = budget;
        self
    }

    /// Whether a delivery that changes nothing and sends nothing is a step. It is unless set; if not, such a message
    /// stays in flight.
    #[must_use]
    pub fn idle_deliveries(mut self, are_steps: bool) -> Self {
        self.rules.idle = are_steps;
        self
    }

    /// How many states may be found before the search gives up; a million unless set.
    #[must_use]
    pub fn max_states(mut self, bound: usize) -> Self {
        self.max_states = bound;
        self
    }

    /// How deep the search goes, the initial state at depth 1; to the end unless set.
    ///
    /// # Panics
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_depth(mut self, bound: usize) -> Self {
        assert!(bound > 0, "max_depth is 0: the initial state is at depth 1");
        self.max_depth = bound;
        self
    }

    /// How much memory the search may take, in bytes, as it estimates it; any unless set.
    #[must_use]
    pub fn max_memory(mut self, bytes: usize) -> Self {
        self.max_memory = bytes;
        self
    }

    /// On how many threads; all cores unless set. The result does not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// In which order; breadth first unless set.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Tells `watch` now and then how far it has come. The search ends when it answers false.
    #[must_use]
    pub fn watch(mut self, watch: impl Fn(&Progress) -> bool + 'a) -> Self {
        self.watch = Some(Box::new(watch));
        self
    }

    /// Holds in every state.
    #[must_use]
    pub fn always(self, name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        self.properties([Property::always(name, holds)])
    }

    /// Holds of every process of kind `P` by itself, in every state. It reads one node, so a search can be
    /// [`reduced`](Exploration::reduced).
    #[must_use]
    pub fn always_of_each<P>(mut self, name: &str, holds: impl Fn(&P) -> bool + Send + Sync + 'a) -> Self
    where
        P: crate::process::Process<Message = M>,
    {
        self.kept.push(name.to_string());
        self.always(name, move |world| world.each::<P>().all(&holds))
    }

    /// Holds in every state, and a violation stays, whatever happens then; so a search can be
    /// [`reduced`](Exploration::reduced). (That it stays is for you to know.)
    #[must_use]
    pub fn always_stable(mut self, name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        self.kept.push(name.to_string());
        self.always(name, holds)
    }

    /// Leaves out orders of steps that make no difference to what is asked, where nodes can go on without each other.
    /// The verdict is that of all states; the path to a violation need not be a shortest one.
    ///
    /// It is for a search breadth first, and for [`always_of_each`](Exploration::always_of_each) and
    /// [`always_stable`](Exploration::always_stable). With budgets, but `timers(0)`, and with histories there is none.
    #[must_use]
    pub fn reduced(mut self) -> Self {
        self.reduces = true;
        self
    }

    /// Holds of what clients have invoked and were answered, in every state. This makes the history part of the state.
    #[must_use]
    pub fn always_of_history(
        mut self,
        name: &str,
        holds: impl Fn(&History) -> bool + Send + Sync + 'a,
    ) -> Self {
        self.of_histories.push((name.to_string(), Box::new(holds)));
        self.rules.keeps_history = true;
        self
    }

    /// These promises are kept in every state, which makes the history part of the state. One that is about the end of
    /// runs is left out: [convergence](Promise::converges), and those [of your own](Promise::of).
    #[must_use]
    pub fn promises(mut self, promises: impl IntoIterator<Item = Promise<'a, M>>) -> Self {
        for promise in promises.into_iter().filter(Promise::holds_before) {
            let name = promise.name().to_string();
            self = self.always_of_history(&name, move |history| {
                promise.judge_told(&|observer| history.tell(observer)).holds() == Some(true)
            });
        }
        self
    }

    /// Holds at some moment of every fair run.
    ///
    /// A run is fair if what has to happen does not wait for ever: a delivery, a timer, the end of a sync, a restart or
    /// a heal that is possible from some moment on, without a pause, takes place. (This is weak fairness, of each
    /// message and each timer; a lost message is not delivered, and a choice need not come out each way.) Losses,
    /// copies, crashes and partitions never have to happen. So it is violated by a state in which nothing has to
    /// happen, or by a cycle that a fair run can take for ever, if it has not held on the way there. A state that only
    /// the budget of timers keeps from going on is neither.
    ///
    /// It is asked when all else holds, with a search of its own through the states in which it has not held yet,
    /// which are all kept. The bounds on states and memory hold for that search, too, and it is watched: then at depth
    /// zero.
    #[must_use]
    pub fn eventually(mut self, name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        self.eventual.push(Property::reachable(name, holds));
        self
    }

    /// Holds in some state.
    #[must_use]
    pub fn reachable(self, name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        self.properties([Property::reachable(name, holds)])
    }

    /// All of these hold. What must hold eventually after everything has healed is left out: without time there is
    /// no telling when.
    #[must_use]
    pub fn properties(mut self, properties: impl IntoIterator<Item = Property<'a, M>>) -> Self {
        self.properties.extend(properties);
        self
    }

    /// Searches states once that differ only in which node of `role` is which. Follow it with
    /// [`renaming`](Exploration::renaming) for each kind of process in the simulation.
    ///
    /// It is sound if handlers and properties treat these nodes alike: calling them otherwise, in a state and in an
    /// event, calls them otherwise in what comes of it, and nothing else. It is for a search breadth first, and does
    /// not go together with partitions, histories and storage. What must hold eventually is asked of all states. Of more
    /// than eight nodes there are too many renamings, and it makes no difference.
    #[must_use]
    pub fn symmetric(mut self, role: &str) -> Self
    where
        M: Rename,
    {
        let role = role.to_string();
        let of_message = symmetry::message_print::<M>;
        self.symmetry = Some(symmetry::Symmetry { role, of_message, of_processes: Vec::new() });
        self
    }

    /// Says that processes of kind `P` can be renamed.
    ///
    /// # Panics
    /// If nothing is [`symmetric`](Exploration::symmetric).
    #[must_use]
    #[track_caller]
    pub fn renaming<P>(mut self) -> Self
    where
        P: crate::process::Process<Message = M> + Rename,
        P::Timer: Rename,
    {
        let symmetry = self.symmetry.as_mut().expect("renaming: say first which role is symmetric");
        symmetry.of_processes.push(symmetry::process_print::<P>);
        self
    }

    /// Searches.
    ///
    /// # Panics
    /// If the scenario has scheduled faults or run already: budgets say what may go wrong here.
    #[track_caller]
    pub fn run(self) -> Explored {
        if self.reduces {
            let asked = self.properties.iter().chain(&self.eventual).map(|property| &property.name);
            for name in asked {
                assert!(
                    self.kept.contains(name),
                    "reduced: `{name}` is asked of whole states; use always_of_each or always_stable"
                );
            }
        }
        Search::new(&self).run()
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    /// The first property that a history breaks.
    fn judge(&self, history: &History) -> Option<String> {
        self.of_histories.iter().find_map(|(name, holds)| match crate::caught::caught(|| holds(history)) {
            Ok(true) => None,
            Ok(false) => Some(name.clone()),
            Err(panic) => Some(format!("{name} (which panics: {panic})")),
        })
    }
}
