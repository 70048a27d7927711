//! The timed driver: one seed, one run.
//!
//! This file and `faults.rs` are what a scenario's author calls; `driver.rs` is what happens between two
//! calls.

mod agenda;
mod aims;
mod driver;
mod effects;
mod explicit;
mod faults;
mod observers;

pub use aims::Target;
pub use observers::Observed;

use agenda::Agendas;
use aims::{Aim, Awaited};

use crate::distribution::{Distribution, constant};
use crate::fault::{Edit, Fault};
use crate::network::{Address, Counters, Link, Network, Probability};
use crate::node::{Handle, NodeId, Nodes};
use crate::process::{Context, Effect, Process, Value};
use crate::random::Random;
use crate::scheduler::Scheduler;
use crate::story::Story;
use crate::time::{Time, milliseconds};
use crate::world::World;
use driver::Pending;
use observers::AnyObserver;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Index;
use std::time::Duration;

/// A run in the making: nodes, network, faults and the clock.
///
/// A run is a function of what the scenario does and of the seed. See the
/// [crate documentation](crate) for a first example.
pub struct Simulation<M: Value> {
    random: Random,
    world: World<M>,
    network: Network,
    sync_latency: Distribution,
    scheduler: Scheduler<Pending<M>>,
    /// Events of nodes that became ready, due now, before anything in the scheduler.
    ready: VecDeque<Pending<M>>,
    agendas: Agendas<M>,
    counters: Counters,
    /// How many timers have been set.
    timers_set: u64,
    edits: BTreeMap<Address, Edit>,
    /// Those that came too late or for another kind of message.
    inert_edits: Vec<Edit>,
    /// Every fault that was ever planned.
    planned: Vec<Fault>,
    aims: Vec<Aim<M>>,
    awaited: Vec<Awaited<M>>,
    /// How long a message occupies the nodes of a role that are yet to be added.
    processing: BTreeMap<String, Distribution>,
    /// What the scenario sent before the first step.
    sent_before: Vec<(NodeId, NodeId, M)>,
    now: Time,
    /// How many events have happened at this instant.
    at_once: u64,
    stepped: bool,
    step_limit: u64,
    observers: Vec<Box<dyn AnyObserver<M>>>,
    effects: Vec<Effect<M>>,
    /// The nodes that the next events are about, if they are worth a look ahead.
    coming: Vec<NodeId>,
}

/// The process of a client that the scenario speaks for: it keeps what it receives.
#[derive(Clone, Debug, Hash)]
pub struct Mailbox<M> {
    received: Vec<M>,
}

impl<M> Mailbox<M> {
    /// What it has received, oldest first.
    pub fn received(&self) -> &[M] {
        &self.received
    }
}

impl<M: Value> Process for Mailbox<M> {
    type Message = M;
    type Timer = ();
    fn on_message(&mut self, _: NodeId, message: M, _: &mut Context<Self>) {
        self.received.push(message);
    }
}

/// How many events [`Simulation::run`] handles before it gives up.
const STEP_LIMIT: u64 = 10_000_000;

impl<M: Value> Simulation<M> {
    /// An empty simulation whose every random number belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        let mut sim = Simulation {
            random: Random::new(seed),
            world: World::new(),
            network: Network::default(),
            sync_latency: constant(milliseconds(1)),
            scheduler: Scheduler::new(),
            ready: VecDeque::new(),
            agendas: Agendas::new(),
            counters: Counters::default(),
            timers_set: 0,
            edits: BTreeMap::new(),
            inert_edits: Vec::new(),
            planned: Vec::new(),
            aims: Vec::new(),
            awaited: Vec::new(),
            processing: BTreeMap::new(),
            sent_before: Vec::new(),
            now: Time::ZERO,
            at_once: 0,
            stepped: false,
            step_limit: STEP_LIMIT,
            observers: Vec::new(),
            effects: Vec::new(),
            coming: Vec::new(),
        };
        // The first observer tells the story of a test that fails.
        sim.observe(Story::default());
        sim
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.random.seed()
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The state of all nodes.
    pub fn world(&self) -> &World<M> {
        &self.world
    }

    // ---- Nodes ----

    /// Adds a node that runs `process`. It starts when the simulation next runs.
    pub fn add<P: Process<Message = M>>(&mut self, name: &str, process: P) -> Handle<P> {
        self.add_single(name, false, process)
    }

    /// Adds `count` nodes `role-0`, `role-1`, ... Each is made by `make` from its own id and the ids of
    /// all of them.
    pub fn add_group<P: Process<Message = M>>(
        &mut self,
        role: &str,
        count: usize,
        make: impl FnMut(NodeId, &[NodeId]) -> P,
    ) -> Vec<Handle<P>> {
        self.add_nodes(role, count, false, make)
    }

    /// Adds a client: a node outside of the system under test, whose part the scenario plays with
    /// [`send`](Simulation::send) and [`received`](Simulation::received).
    pub fn add_client(&mut self, name: &str) -> Handle<Mailbox<M>> {
        self.add_single(name, true, Mailbox { received: Vec::new() })
    }

    /// Adds a group of clients that run a process of their own. No nemesis touches them.
    pub fn add_clients<P: Process<Message = M>>(
        &mut self,
        role: &str,
        count: usize,
        make: impl FnMut(NodeId, &[NodeId]) -> P,
    ) -> Vec<Handle<P>> {
        self.add_nodes(role, count, true, make)
    }

    fn add_nodes<P: Process<Message = M>>(
        &mut self,
        role: &str,
        count: usize,
        client: bool,
        mut make: impl FnMut(NodeId, &[NodeId]) -> P,
    ) -> Vec<Handle<P>> {
        let first = self.world.count();
        let all: Vec<NodeId> = (first..first + count).map(NodeId::new).collect();
        let processes = all.iter().map(|&id| make(id, &all)).collect();
        self.admit(role, client, false, processes);
        all.into_iter().map(Handle::new).collect()
    }

    /// A node that is alone in its role has the role's name.
    fn add_single<P: Process<Message = M>>(&mut self, role: &str, client: bool, process: P) -> Handle<P> {
        let id = NodeId::new(self.world.count());
        self.admit(role, client, true, vec![process]);
        Handle::new(id)
    }

    fn admit<P: Process<Message = M>>(&mut self, role: &str, client: bool, single: bool, processes: Vec<P>) {
        let before = self.world.count_of(role);
        self.scheduler.reserve(processes.len());
        self.agendas.reserve(processes.len());
        for (index, id) in (before..).zip(self.world.add(role, client, single, processes)) {
            self.network.add(id, role, index);
            self.counters.add();
            let start = self.scheduler.schedule(self.now, Pending::Start(id));
            self.agendas.add(start);
            if let Some(processing) = self.processing.get(role) {
                self.agendas.line(id).processing = Some(processing.clone());
            }
            if !self.observers.is_empty() {
                let record = Self::added(self.now, &self.world, id);
                Self::tell(&mut self.observers, record);
            }
        }
    }

    // ---- Network and storage ----

    /// The network, to change it.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Delays every message on links that have no setting of their own.
    pub fn set_delay(&mut self, delay: impl Into<Distribution>) {
        self.network.default_link_mut().delay = delay.into();
    }

    /// Loses each message with this probability, on links that have no setting of their own.
    ///
    /// # Panics
    /// If it is not between 0 and 1.
    #[track_caller]
    pub fn set_loss(&mut self, probability: f64) {
        self.network.default_link_mut().loss_probability = checked(probability);
    }

    /// Duplicates each message with this probability, on links that have no setting of their own.
    ///
    /// # Panics
    /// If it is not between 0 and 1.
    #[track_caller]
    pub fn set_duplication(&mut self, probability: f64) {
        self.network.default_link_mut().duplication_probability = checked(probability);
    }

    /// Sets the links from each of `from` to each of `to`, in that direction.
    pub fn set_links(&mut self, from: impl Nodes, to: impl Nodes, link: &Link) {
        for from in from.ids() {
            for to in to.ids() {
                self.network.set_link(from, to, link.clone());
            }
        }
    }

    /// How long a sync takes. One millisecond unless set.
    pub fn set_sync_latency(&mut self, latency: impl Into<Distribution>) {
        self.sync_latency = latency.into();
    }

    /// Lets every sync do nothing: it takes no time, and no write is ever durable. Some disks are so, that say
    /// "written" and mean their cache; and what holds of a protocol under crashes and does not hold like this,
    /// owes it to its syncs.
    pub fn ignore_syncs(&mut self) {
        self.world.ignore_syncs();
    }

    /// Lets each message occupy its node for a span before it is handled. Meanwhile whatever else comes for
    /// the node waits in line, so that load shows as latency. No time unless set.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn set_processing_time(&mut self, nodes: impl Nodes, time: impl Into<Distribution>) {
        let time = time.into();
        for id in nodes.ids() {
            self.expect(id);
            self.agendas.line(id).processing = Some(time.clone());
        }
    }

    /// The same for the nodes of `role` that are added from now on.
    pub fn set_processing_time_of_role(&mut self, role: &str, time: impl Into<Distribution>) {
        self.processing.insert(role.to_string(), time.into());
    }

    // ---- Messages ----

    /// Sends a message from `from`, now.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn send(&mut self, from: impl Into<NodeId>, to: impl Into<NodeId>, message: M) {
        let (from, to) = (from.into(), to.into());
        self.expect(from);
        self.expect(to);
        if !self.stepped {
            self.sent_before.push((from, to, message.clone()));
        }
        self.transmit(from, to, message);
    }

    /// What a client has received, oldest first.
    pub fn received(&self, client: Handle<Mailbox<M>>) -> &[M] {
        &self[client].received
    }

    /// Overrides the fate of one message that is yet to be sent.
    ///
    /// # Panics
    /// If there is an edit of that message already.
    #[track_caller]
    pub fn edit(&mut self, edit: Edit) {
        let address = edit.address;
        assert!(self.edits.insert(address, edit).is_none(), "there is an edit of {address} already");
    }

    /// Edits that touched nothing: their message was of another kind, was lost or cut anyway, or has not
    /// been sent.
    pub fn inert_edits(&self) -> impl Iterator<Item = &Edit> {
        self.inert_edits.iter().chain(self.edits.values())
    }

    // ---- Running ----

    /// Lets the next event happen. False if nothing is pending.
    pub fn step(&mut self) -> bool {
        self.step_before(Time::from_nanoseconds(u64::MAX))
    }

    /// Runs until nothing is pending.
    ///
    /// # Panics
    /// If that takes more than ten million events, naming what is still pending: processes that set their
    /// timers again and again never come to rest.
    #[track_caller]
    pub fn run(&mut self) {
        for _ in 0..self.step_limit {
            if !self.step() {
                return;
            }
        }
        panic!(
            "run() handled {} events, to {}, and does not come to rest; pending: {}. Use run_for or \
             run_until for processes that always set a timer again.",
            self.step_limit,
            self.now,
            self.pending()
        );
    }

    /// Runs for `span` of virtual time, up to and with what is due at its end.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step_before(end) {}
        self.now = end;
    }

    /// Runs until `condition` holds, which is asked before the first and after each event.
    ///
    /// # Panics
    /// If nothing is pending and it does not hold, or after ten million events.
    #[track_caller]
    pub fn run_until(&mut self, condition: impl Fn(&World<M>) -> bool) {
        for _ in 0..self.step_limit {
            if condition(&self.world) {
                return;
            }
            if !self.step() {
                panic!("run_until: nothing is pending at {}, and the condition does not hold", self.now);
            }
        }
        panic!(
            "run_until: the condition does not hold after {} events, at {}; pending: {}",
            self.step_limit,
            self.now,
            self.pending()
        );
    }

    /// Changes how many events [`run`](Self::run) and [`run_until`](Self::run_until) handle at most.
    pub fn set_step_limit(&mut self, limit: u64) {
        self.step_limit = limit;
    }

    /// How many events are scheduled: messages on their way, timers that are set, faults to come.
    pub fn pending_events(&self) -> usize {
        self.ready.len() + self.scheduler.len()
    }

    /// Whether nothing is pending.
    pub fn is_at_rest(&self) -> bool {
        self.pending_events() == 0
    }

    /// The world before the first step, and the messages that the scenario has sent, whatever the network
    /// would have made of them: where an exhaustive search begins.
    ///
    /// # Panics
    /// If the simulation has run, a node is down or paused, or faults are scheduled.
    #[track_caller]
    pub(crate) fn not_yet_run(&self) -> (&World<M>, &[(NodeId, NodeId, M)]) {
        assert!(!self.stepped, "explore: the simulation has run already");
        assert!(self.awaited.is_empty(), "explore: faults wait for a moment; set a budget instead");
        for pending in self.scheduler.pending() {
            match pending {
                Pending::Fault(number) => {
                    let fault = &self.planned[*number];
                    panic!("explore: `{fault}` is scheduled; set a budget instead");
                }
                Pending::Aim(_) => panic!("explore: an aimed fault is scheduled; set a budget instead"),
                _ => {}
            }
        }
        for id in self.world.ids() {
            let name = self.world.name(id);
            assert!(
                self.world.is_up(id) && !self.world.is_paused(id),
                "explore: {id} ({name}) is down or paused"
            );
        }
        (&self.world, &self.sent_before)
    }

    #[track_caller]
    fn expect(&self, id: NodeId) {
        let _ = self.world.is_client(id);
    }
}

#[track_caller]
fn checked(probability: f64) -> Probability {
    Probability::try_from(probability).unwrap_or_else(|error| panic!("{error}"))
}

/// The process on a node that is up.
///
/// # Panics
/// If the node is crashed: its process is gone until it restarts.
impl<P: Process> Index<Handle<P>> for Simulation<P::Message> {
    type Output = P;
    #[track_caller]
    fn index(&self, handle: Handle<P>) -> &P {
        &self.world[handle]
    }
}

/// A simulation that is dropped while a test panics says where it was.
impl<M: Value> Drop for Simulation<M> {
    fn drop(&mut self) {
        if std::thread::panicking() && !crate::caught::is_catching() {
            eprintln!(
                "netsplit: the simulation with seed {} was at {} (engine {})\n{}",
                self.seed(),
                self.now,
                crate::ENGINE,
                self.story()
            );
        }
    }
}
