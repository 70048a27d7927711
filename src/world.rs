//! All state, and the one transition function.
//!
//! `World::apply` changes nodes, storage and link state, and appends the effects that follow. It draws
//! nothing, schedules nothing and holds no queue: time, randomness and messages in flight belong to the
//! driver. A world is a value; nodes are shared between copies and cloned when they change.

mod cell;
mod node;
mod part;
mod roster;

use crate::clock::Clock;
use crate::links::Links;
use crate::node::{Handle, NodeId, NodeKey};
use crate::process::{Alarm, AnyValue, Core, Effect, Environment, Process, Value};
use crate::storage::Storage;
use crate::time::Time;
use cell::{Cell, Owned};
use node::{Node, Tally};
pub(crate) use part::Part;
use roster::Roster;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::ops::Index;
use std::sync::Arc;
use std::time::Duration;

/// What can happen to a world.
#[derive(Clone, Debug)]
pub(crate) enum Event<M> {
    Start(NodeId),
    Deliver {
        from: NodeId,
        to: NodeId,
        message: M,
    },
    Fire {
        node: NodeId,
        slot: usize,
    },
    /// The sync that the node waits for is complete.
    Synced(NodeId),
    /// The first `kept` unsynced writes survive; the next may be torn.
    Crash {
        node: NodeId,
        kept: usize,
        torn: bool,
    },
    Restart(NodeId),
    Pause(NodeId),
    Resume(NodeId),
    /// A node's clocks go on in this way, or are set right.
    Clock {
        node: NodeId,
        clock: Option<Clock>,
    },
    Partition(Links),
    Slow(Links, Duration),
    /// All links are right.
    Heal,
    HealPartition(Links),
    HealSlow(Links, Duration),
}

impl<M> Event<M> {
    /// The node whose process may act; none if only links or clocks change.
    pub(crate) fn node(&self) -> Option<NodeId> {
        match self {
            Event::Start(node) | Event::Synced(node) | Event::Restart(node) => Some(*node),
            Event::Pause(node) | Event::Resume(node) => Some(*node),
            Event::Fire { node, .. } | Event::Crash { node, .. } | Event::Deliver { to: node, .. } => {
                Some(*node)
            }
            Event::Clock { .. } | Event::Partition(_) | Event::Slow(..) => None,
            Event::Heal | Event::HealPartition(_) | Event::HealSlow(..) => None,
        }
    }
}

/// The state of all nodes and links.
#[derive(Debug)]
pub struct World<M> {
    roster: Arc<Roster<M>>,
    nodes: Vec<Node<M>>,
    /// What a node has stored that has stored nothing.
    empty: Arc<Storage>,
    ignores_syncs: bool,
    partitions: Vec<Links>,
    slow: Vec<(Links, Duration)>,
    /// Those that were changed and not set right. Where there is no time, none is.
    clocks: BTreeMap<NodeId, Clock>,
}

impl<M: 'static> Clone for World<M> {
    fn clone(&self) -> Self {
        World {
            roster: self.roster.clone(),
            nodes: self.nodes.clone(),
            empty: self.empty.clone(),
            ignores_syncs: self.ignores_syncs,
            partitions: self.partitions.clone(),
            slow: self.slow.clone(),
            clocks: self.clocks.clone(),
        }
    }
}

impl<M: Value> World<M> {
    pub(crate) fn new() -> Self {
        World {
            roster: Arc::new(Roster::new()),
            nodes: Vec::new(),
            empty: Arc::default(),
            ignores_syncs: false,
            partitions: Vec::new(),
            slow: Vec::new(),
            clocks: BTreeMap::new(),
        }
    }

    /// The processes of kind `P` on nodes that are up, in the order of adding.
    pub fn each<P: Process<Message = M>>(&self) -> impl Iterator<Item = &P> {
        self.ids().filter_map(|id| self.get::<P>(id))
    }

    /// The nodes of kind `P`, up or crashed, in the order of adding.
    pub fn nodes_of<P: Process<Message = M>>(&self) -> impl Iterator<Item = Handle<P>> {
        self.ids().filter(|&id| self.roster.runs::<P>(id.index())).map(Handle::new)
    }

    /// The process of kind `P` on `node`; none if the node is crashed or of another kind.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn get<P: Process<Message = M>>(&self, node: impl Into<NodeId>) -> Option<&P> {
        self.node(node.into()).cell.as_ref()?.get().process::<P>()
    }

    /// All nodes, in the order of adding.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<M> {
        (0..self.nodes.len()).map(NodeId::new)
    }

    /// The node's name: its role, and its index if the role has several.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn name(&self, node: impl Into<NodeId>) -> &str {
        self.roster.name(self.known(node.into()))
    }

    /// The node called `name`: as it was added (`replica-0`), or by its number (`n0`).
    pub fn find(&self, name: &str) -> Option<NodeId> {
        let named = self.ids().find(|&id| self.name(id) == name);
        named.or_else(|| name.parse().ok().filter(|id: &NodeId| id.index() < self.nodes.len()))
    }

    /// The nodes of a role, in the order of adding.
    pub fn role(&self, role: &str) -> impl Iterator<Item = NodeId> {
        self.roster.role(role)
    }

    /// Whether the node is a client: outside of the system, so that no nemesis touches it.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn is_client(&self, node: impl Into<NodeId>) -> bool {
        self.roster.is_client(self.known(node.into()))
    }

    /// Whether the node is not crashed. A paused node is up.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn is_up(&self, node: impl Into<NodeId>) -> bool {
        self.node(node.into()).cell.is_some()
    }

    /// Whether the node is paused.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn is_paused(&self, node: impl Into<NodeId>) -> bool {
        self.node(node.into()).is_paused()
    }

    /// Whether the node waits for a sync.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn is_syncing(&self, node: impl Into<NodeId>) -> bool {
        self.node(node.into()).held().is_some()
    }

    /// Whether a message from `from` can reach `to`: no partition cuts that link.
    #[inline]
    pub fn connected(&self, from: impl Into<NodeId>, to: impl Into<NodeId>) -> bool {
        let (from, to) = (from.into(), to.into());
        self.partitions.is_empty() || !self.partitions.iter().any(|partition| partition.contains(from, to))
    }

    /// Whether nothing is broken: no link is cut or slow, no node is crashed or paused, and every clock is right.
    pub fn is_whole(&self) -> bool {
        self.partitions.is_empty()
            && self.slow.is_empty()
            && self.clocks.is_empty()
            && self.nodes.iter().all(|node| node.cell.is_some() && !node.is_paused())
    }

    /// What the node has stored.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn storage(&self, node: impl Into<NodeId>) -> &Storage {
        &self.node(node.into()).storage
    }

    /// Adds a node for each of `processes`, `role-0`, `role-1` and so on; if `is_single`, the first of its role is
    /// called by the role alone.
    pub(crate) fn add<P: Process<Message = M>>(
        &mut self,
        role: &str,
        client: bool,
        is_single: bool,
        processes: Vec<P>,
    ) -> impl Iterator<Item = NodeId> + use<M, P> {
        let roster = Arc::make_mut(&mut self.roster);
        let added = roster.add(role, client, is_single, processes);
        self.nodes.extend(
            added
                .clone()
                .map(|at| Node::new(Owned::Alone(roster.cell(at)), self.empty.clone(), roster.key(at))),
        );
        added.map(NodeId::new)
    }

    /// How many nodes there are, and of a role.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn count_of(&self, role: &str) -> usize {
        self.roster.count(role)
    }

    /// On all nodes, those that are added later included.
    pub(crate) fn ignore_syncs(&mut self) {
        self.ignores_syncs = true;
    }

    #[inline(always)]
    pub(crate) fn has_slow_links(&self) -> bool {
        !self.slow.is_empty()
    }

    /// How much longer a message from `from` to `to` takes because that link is slow.
    pub(crate) fn slowdown(&self, from: NodeId, to: NodeId) -> Duration {
        let slow = self.slow.iter().filter(|(links, _)| links.contains(from, to));
        slow.fold(Duration::ZERO, |sum, (_, by)| sum.saturating_add(*by))
    }

    /// What the wall clock of `node` shows.
    #[inline(always)]
    pub(crate) fn wall_clock(&self, node: NodeId, now: Time) -> Time {
        if self.clocks.is_empty() { now } else { self.clock(node).wall(now) }
    }

    pub(crate) fn clock(&self, node: NodeId) -> Clock {
        self.clocks.get(&node).copied().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn has_wrong_clocks(&self) -> bool {
        !self.clocks.is_empty()
    }

    /// The nodes whose clocks have been changed and not set right, which by chance may show the time.
    pub(crate) fn wrong_clocks(&self) -> impl Iterator<Item = NodeId> {
        self.clocks.keys().copied()
    }

    #[inline(always)]
    pub(crate) fn key(&self, node: NodeId) -> NodeKey {
        self.roster.key(node.index())
    }

    /// The same, of a node that is asked for more.
    #[inline(always)]
    pub(crate) fn own_key(&self, node: NodeId) -> NodeKey {
        self.nodes[node.index()].key
    }

    /// What the driver counts of `node`.
    #[inline(always)]
    pub(crate) fn tally(&self, node: NodeId) -> Tally {
        self.nodes[node.index()].tally
    }

    #[inline(always)]
    pub(crate) fn tally_mut(&mut self, node: NodeId) -> &mut Tally {
        &mut self.nodes[node.index()].tally
    }

    /// Whether the node can handle an event now: neither crashed, nor paused, nor waiting for a sync.
    #[inline(always)]
    pub(crate) fn is_ready(&self, node: NodeId) -> bool {
        self.nodes[node.index()].is_ready()
    }

    /// Whether a crash would lose more of the node than its storage says: the process is not as it was added,
    /// a timer is set, or a handler waits for its sync.
    pub(crate) fn has_state(&self, node: NodeId) -> bool {
        let node_now = &self.nodes[node.index()];
        let initial = self.roster.cell(node.index());
        let changed = |cell: &Owned<M>| cell.get().fingerprint() != initial.fingerprint();
        node_now.held().is_some() || node_now.cell.as_ref().is_some_and(changed)
    }

    pub(crate) fn timer(&self, node: NodeId, slot: usize) -> Option<&dyn AnyValue> {
        self.nodes[node.index()].cell.as_ref()?.get().timer(slot)
    }

    /// The slots of the timers that are set on `node`.
    pub(crate) fn timers(&self, node: NodeId) -> Vec<usize> {
        let cell = self.nodes[node.index()].cell.as_ref();
        cell.map_or_else(Vec::new, |cell| cell.get().timers())
    }

    /// What the driver keeps beside the timer in `slot` of `node`, which is up.
    #[inline]
    pub(crate) fn alarm(&mut self, node: NodeId, slot: usize) -> &mut Option<Alarm> {
        let cell = self.nodes[node.index()].cell.as_mut();
        cell.expect("only a node that is up has alarms").get_mut().alarm(slot)
    }

    pub(crate) fn alarms(&mut self, node: NodeId) -> Vec<&mut Option<Alarm>> {
        let cell = self.nodes[node.index()].cell.as_mut();
        cell.map_or_else(Vec::new, |cell| cell.get_mut().alarms())
    }

    /// Reads these nodes, to have them near when they are asked for; each step for all of them, so that what is
    /// far away is fetched at the same time.
    pub(crate) fn touch(&self, nodes: &[NodeId]) {
        let near: usize = nodes.iter().map(|node| usize::from(self.nodes[node.index()].is_ready())).sum();
        let cells = || nodes.iter().filter_map(|node| self.nodes[node.index()].cell.as_ref());
        if black_box(cells().fold(near, |sum, cell| sum + cell.get().touch())) > near {
            black_box(cells().fold(0, |sum, cell| sum + cell.get().touch_timers()));
        }
    }

    /// The transition function. Appends to `effects` what the node of this event asks for.
    pub(crate) fn apply(
        &mut self,
        event: Event<M>,
        environment: &mut dyn Environment,
        effects: &mut Vec<Effect<M>>,
    ) {
        match event {
            Event::Start(id) => self.handle(id, environment, effects, |cell, core| cell.start(core)),
            Event::Deliver { from, to, message } => {
                self.deliver(from, to, &mut Some(message), environment, effects);
            }
            Event::Fire { node, slot } => self.fire(node, slot, environment, effects),
            Event::Synced(id) => {
                let node = &mut self.nodes[id.index()];
                Arc::make_mut(&mut node.storage).sync();
                let held = node.synced().expect("a sync completes on a node that waits for it");
                let first = effects.len();
                effects.extend(held);
                node.take_place(effects, first, self.ignores_syncs);
            }
            Event::Crash { node: id, kept, torn } => {
                let node = &mut self.nodes[id.index()];
                Arc::make_mut(&mut node.storage).crash(kept, torn);
                node.crash();
            }
            Event::Restart(id) => {
                self.nodes[id.index()].cell = Some(Owned::Alone(self.roster.cell(id.index())));
                self.handle(id, environment, effects, |cell, core| cell.restart(core));
            }
            Event::Pause(id) => self.nodes[id.index()].set_paused(true),
            Event::Resume(id) => self.nodes[id.index()].set_paused(false),
            Event::Clock { node, clock: Some(clock) } => {
                self.clocks.insert(node, clock);
            }
            Event::Clock { node, clock: None } => {
                self.clocks.remove(&node);
            }
            Event::Partition(links) => self.partitions.push(links),
            Event::Slow(links, by) => self.slow.push((links, by)),
            Event::Heal => {
                self.partitions.clear();
                self.slow.clear();
            }
            Event::HealPartition(links) => {
                let place = self.partitions.iter().position(|other| *other == links);
                place.map(|place| self.partitions.swap_remove(place));
            }
            Event::HealSlow(links, by) => {
                let place = self.slow.iter().position(|other| *other == (links.clone(), by));
                place.map(|place| self.slow.swap_remove(place));
            }
        }
    }

    /// `apply` for a message, which is taken from where it is: an event around it would be moved several times.
    #[inline(always)]
    pub(crate) fn deliver(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: &mut Option<M>,
        environment: &mut dyn Environment,
        effects: &mut Vec<Effect<M>>,
    ) {
        self.handle(to, environment, effects, |cell, core| cell.deliver(from, message, core));
    }

    /// The same for a timer.
    #[inline(always)]
    pub(crate) fn fire(
        &mut self,
        node: NodeId,
        slot: usize,
        environment: &mut dyn Environment,
        effects: &mut Vec<Effect<M>>,
    ) {
        self.handle(node, environment, effects, |cell, core| cell.fire(slot, core));
    }

    #[inline(always)]
    fn handle(
        &mut self,
        id: NodeId,
        environment: &mut dyn Environment,
        effects: &mut Vec<Effect<M>>,
        handler: impl for<'a> FnOnce(&'a mut dyn Cell<M>, &'a mut Core<'a, M>),
    ) {
        let count = self.nodes.len();
        let node = &mut self.nodes[id.index()];
        let cell = node.cell.as_mut().expect("only a node that is up handles an event");
        let first = effects.len();
        let storage = &mut node.storage;
        let stores = &std::cell::Cell::new(false);
        handler(
            cell.get_mut(),
            &mut Core { id, environment, storage, effects: &mut *effects, count, stores },
        );
        if stores.get() {
            node.take_place(effects, first, self.ignores_syncs);
        }
    }

    #[track_caller]
    fn node(&self, id: NodeId) -> &Node<M> {
        &self.nodes[self.known(id)]
    }

    /// The place of a node.
    #[track_caller]
    fn known(&self, id: NodeId) -> usize {
        let count = self.nodes.len();
        assert!(id.index() < count, "there is no node {id}: there are {count}");
        id.index()
    }
}

/// The process on a node that is up.
///
/// # Panics
/// If the node is crashed: its process is gone until it restarts.
impl<P: Process> Index<Handle<P>> for World<P::Message> {
    type Output = P;
    #[track_caller]
    fn index(&self, handle: Handle<P>) -> &P {
        let Some(process) = self.get::<P>(handle) else {
            panic!("{handle:?} ({}) is crashed: it has no process until it restarts", self.name(handle))
        };
        process
    }
}
