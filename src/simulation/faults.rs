//! What goes wrong in a timed run, at once or at a time, by hand or by plan.

use super::driver::{Delivery, Pending};
use super::{Agenda, Simulation};
use crate::fault::{Fault, FaultPlan};
use crate::node::{NodeId, Nodes};
use crate::partition::Partition;
use crate::process::Value;
use crate::random::{Domain, scale};
use crate::record::{DropReason, What};
use crate::world::Event;
use std::collections::VecDeque;
use std::time::Duration;

impl<M: Value> Simulation<M> {
    /// Cuts all links between the nodes of `a` and the nodes of `b`, both ways, until [`heal`](Self::heal).
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn partition(&mut self, a: impl Nodes, b: impl Nodes) {
        self.apply(&Fault::Partition(Partition { from: a.ids(), to: b.ids(), one_way: false }));
    }

    /// Cuts the links from `from` to `to`, and leaves those back, until [`heal`](Self::heal).
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn partition_one_way(&mut self, from: impl Nodes, to: impl Nodes) {
        self.apply(&Fault::Partition(Partition { from: from.ids(), to: to.ids(), one_way: true }));
    }

    /// Cuts all links between `nodes` and every other node there is now, until [`heal`](Self::heal).
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn isolate(&mut self, nodes: impl Nodes) {
        let inside = nodes.ids();
        let outside: Vec<NodeId> = self.world.ids().filter(|id| !inside.contains(id)).collect();
        self.partition(inside, outside);
    }

    /// Ends all partitions.
    pub fn heal(&mut self) {
        self.apply(&Fault::Heal);
    }

    /// Crashes each of `nodes`: its process is gone, and perhaps its unsynced writes.
    ///
    /// # Panics
    /// If there is no such node, or it is crashed already.
    #[track_caller]
    pub fn crash(&mut self, nodes: impl Nodes) {
        self.apply_to_each(nodes, "crashed already", |sim, id| sim.world.is_up(id), Fault::Crash);
    }

    /// Restarts each of `nodes` from what it has stored.
    ///
    /// # Panics
    /// If there is no such node, or it is not crashed.
    #[track_caller]
    pub fn restart(&mut self, nodes: impl Nodes) {
        self.apply_to_each(nodes, "not crashed", |sim, id| !sim.world.is_up(id), Fault::Restart);
    }

    /// Pauses each of `nodes`: what comes for it waits.
    ///
    /// # Panics
    /// If there is no such node, or it is crashed or paused already.
    #[track_caller]
    pub fn pause(&mut self, nodes: impl Nodes) {
        let can = |sim: &Self, id| sim.world.is_up(id) && !sim.world.is_paused(id);
        self.apply_to_each(nodes, "crashed, or paused already", can, Fault::Pause);
    }

    /// Lets each of `nodes` go on: what has waited is handled first, in order.
    ///
    /// # Panics
    /// If there is no such node, or it is not paused.
    #[track_caller]
    pub fn resume(&mut self, nodes: impl Nodes) {
        self.apply_to_each(nodes, "not paused", |sim, id| sim.world.is_paused(id), Fault::Resume);
    }

    #[track_caller]
    fn apply_to_each(
        &mut self,
        nodes: impl Nodes,
        otherwise: &str,
        can: impl Fn(&Self, NodeId) -> bool,
        fault: impl Fn(NodeId) -> Fault,
    ) {
        for id in nodes.ids() {
            self.expect(id);
            assert!(can(self, id), "{}: {id} ({}) is {otherwise}", fault(id), self.world.name(id));
            self.apply(&fault(id));
        }
    }

    /// Lets `fault` happen `after` from now. A fault that has nothing to do by then (a crash of a node
    /// that is crashed) does nothing.
    ///
    /// # Panics
    /// If it names a node that does not exist.
    #[track_caller]
    pub fn schedule(&mut self, after: Duration, fault: Fault) {
        self.check_nodes(&fault);
        self.scheduler.schedule(self.now + after, Pending::Fault(fault));
    }

    /// Schedules every fault of `plan`.
    ///
    /// # Panics
    /// If one is in the past or names a node that does not exist.
    #[track_caller]
    pub fn schedule_plan(&mut self, plan: &FaultPlan) {
        for planned in plan.iter() {
            assert!(planned.at >= self.now, "{planned}: it is {} already", self.now);
            self.schedule(planned.at - self.now, planned.fault.clone());
        }
    }

    /// Applies a fault now. One that has nothing to do (a crash of a crashed node) does nothing.
    ///
    /// # Panics
    /// If it names a node that does not exist.
    #[track_caller]
    pub fn apply(&mut self, fault: &Fault) {
        self.check_nodes(fault);
        let (mut lost_writes, mut lost_state) = (0, false);
        let event = match fault.clone() {
            Fault::Partition(partition) => Event::Partition(Partition::normalized(partition)),
            Fault::Heal => Event::Heal(None),
            Fault::HealPartition(partition) => Event::Heal(Some(Partition::normalized(partition))),
            Fault::Crash(node) if self.world.is_up(node) => {
                let (kept, torn) = self.draw_crash(node);
                lost_writes = self.world.storage(node).unsynced() - kept;
                lost_state = !self.observers.is_empty() && self.world.has_state(node);
                Event::Crash { node, kept, torn }
            }
            Fault::Restart(node) if !self.world.is_up(node) => Event::Restart(node),
            Fault::Pause(node) if self.world.is_up(node) && !self.world.is_paused(node) => Event::Pause(node),
            Fault::Resume(node) if self.world.is_paused(node) => Event::Resume(node),
            Fault::Crash(_) | Fault::Restart(_) | Fault::Pause(_) | Fault::Resume(_) => return,
        };
        self.record(What::Fault { fault, lost_writes, lost_state });
        if let Event::Crash { node, .. } = event {
            self.forget(node);
        }
        self.transition(event);
        if let Fault::Resume(node) = fault {
            self.wake(*node);
        }
    }

    /// Schedules, for now, whatever puts everything right: links and nodes. The network's base loss stays.
    pub(crate) fn schedule_repairs(&mut self) {
        self.schedule(Duration::ZERO, Fault::Heal);
        for node in self.world.ids() {
            if !self.world.is_up(node) {
                self.schedule(Duration::ZERO, Fault::Restart(node));
            } else if self.world.is_paused(node) {
                self.schedule(Duration::ZERO, Fault::Resume(node));
            }
        }
    }

    /// How many unsynced writes survive a crash, each number equally likely, and whether the next is torn.
    fn draw_crash(&mut self, node: NodeId) -> (usize, bool) {
        let unsynced = self.world.storage(node).unsynced();
        let agenda = &mut self.agendas[node.index()];
        // A pause stops the process and not the disk: its sync may be complete, and only waits to be heard of.
        if unsynced == 0 || matches!(agenda.waiting.front(), Some(Pending::Synced(_))) {
            return (unsynced, false);
        }
        agenda.crashes += 1;
        let number = self.random.at(Domain::Crash, self.world.key(node).place(), agenda.crashes)[0];
        (scale(number, unsynced as u64 + 1) as usize, number & 1 == 1)
    }

    /// A crash cancels the node's timers and its sync; what waited for it is lost with it.
    fn forget(&mut self, node: NodeId) {
        let Agenda { timers, awaited, in_process, waiting, .. } = &mut self.agendas[node.index()];
        for handle in timers.drain(..).flatten().chain(awaited.take()) {
            self.scheduler.cancel(handle);
        }
        let of_node = |pending: &Pending<M>| pending.node() == Some(node);
        let (own, others): (VecDeque<_>, _) = self.ready.drain(..).partition(of_node);
        self.ready = others;
        let in_process = in_process.take().map(Pending::Handle);
        let lost: Vec<Pending<M>> = in_process.into_iter().chain(waiting.drain(..)).chain(own).collect();
        for pending in lost {
            if let Pending::Handle(Delivery { address, copy, message }) = pending {
                self.record(What::Dropped { address, copy, message: &message, reason: DropReason::Crash });
            }
        }
    }

    #[track_caller]
    fn check_nodes(&self, fault: &Fault) {
        fault.nodes().into_iter().for_each(|node| self.expect(node));
        if let Some(both) = fault.partition().and_then(Partition::on_both_sides) {
            panic!("{fault}: {both} is on both sides");
        }
    }
}
