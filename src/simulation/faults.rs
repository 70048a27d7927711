//! What goes wrong in a timed run, at once or at a time, by hand or by plan.

use super::Simulation;
use super::driver::Pending;
use crate::clock::Offset;
use crate::fault::{Fault, FaultPlan};
use crate::links::Links;
use crate::node::{NodeId, Nodes};
use crate::process::Value;
use crate::random::{Domain, scale};
use crate::record::{DropReason, What};
use crate::time::Time;
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
        self.apply(&Fault::Partition(Links::between(a.ids(), b.ids())));
    }

    /// Cuts the links from `from` to `to`, and leaves those back, until [`heal`](Self::heal).
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn partition_one_way(&mut self, from: impl Nodes, to: impl Nodes) {
        self.apply(&Fault::Partition(Links { from: from.ids(), to: to.ids(), one_way: true }));
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

    /// Lets every message that is sent between the nodes of `a` and the nodes of `b`, either way, take longer by
    /// `span`, until [`heal`](Self::heal).
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn slow_links(&mut self, a: impl Nodes, b: impl Nodes, span: Duration) {
        self.apply(&Fault::SlowLinks { links: Links::between(a.ids(), b.ids()), by: span });
    }

    /// Puts all links right: no partition is left, and none is slow.
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

    /// What the wall clock of `node` shows.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn clock(&self, node: impl Into<NodeId>) -> Time {
        let node = node.into();
        self.expect(node);
        self.world.clock(node).wall(self.now)
    }

    /// Lets the wall clock of each of `nodes` jump, now. Before the first step this is skew.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn jump_clock(&mut self, nodes: impl Nodes, by: Offset) {
        nodes.ids().into_iter().for_each(|node| self.apply(&Fault::JumpClock { node, by }));
    }

    /// Lets the clocks of each of `nodes`, and its timers with them, run fast by this, or slow if it is
    /// negative.
    ///
    /// # Panics
    /// If there is no such node, or the drift is zero or minus a million or less.
    #[track_caller]
    pub fn drift_clock(&mut self, nodes: impl Nodes, parts_per_million: i32) {
        let drift = |node| Fault::DriftClock { node, parts_per_million };
        nodes.ids().into_iter().for_each(|node| self.apply(&drift(node)));
    }

    /// Sets the clock of each of `nodes` right.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn set_clock(&mut self, nodes: impl Nodes) {
        nodes.ids().into_iter().for_each(|node| self.apply(&Fault::SetClock(node)));
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

    /// Lets `fault` happen `after` from now, before whatever else happens at that instant. A fault that has
    /// nothing to do by then (a crash of a node that is crashed) does nothing.
    ///
    /// # Panics
    /// If it names a node that does not exist, or a drift that no clock has.
    #[track_caller]
    pub fn schedule(&mut self, after: Duration, fault: Fault) {
        self.check_fault(&fault);
        self.scheduler.plan(self.now + after, Pending::Fault(self.planned.len()));
        self.planned.push(fault);
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
    /// If it names a node that does not exist, or a drift that no clock has.
    #[track_caller]
    pub fn apply(&mut self, fault: &Fault) {
        self.check_fault(fault);
        let (mut lost_writes, mut lost_state) = (0, false);
        let clock = |node| self.world.clock(node);
        let event = match fault.normalized() {
            Fault::Partition(links) => Event::Partition(links),
            Fault::SlowLinks { links, by } => Event::Slow(links, by),
            Fault::Heal => Event::Heal,
            Fault::HealPartition(links) => Event::HealPartition(links),
            Fault::HealSlowLinks { links, by } => Event::HealSlow(links, by),
            Fault::JumpClock { node, by } => Event::Clock { node, clock: Some(clock(node).jumped(by)) },
            Fault::DriftClock { node, parts_per_million } => {
                let clock = clock(node).drifting(parts_per_million, self.now);
                Event::Clock { node, clock: Some(clock) }
            }
            Fault::SetClock(node) if !self.world.wrong_clocks().any(|wrong| wrong == node) => return,
            Fault::SetClock(node) => Event::Clock { node, clock: None },
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
        match event {
            Event::Crash { node, .. } => {
                self.forget(node);
                self.transition(event);
            }
            Event::Resume(node) => {
                self.transition(event);
                self.wake(node);
            }
            Event::Clock { node, .. } => {
                let before = self.world.clock(node);
                self.transition(event);
                self.set_timers_anew(node, before);
            }
            _ => self.transition(event),
        }
    }

    /// Schedules, for now, whatever puts everything right: links, clocks and nodes. The network's base loss stays.
    pub(crate) fn schedule_repairs(&mut self) {
        self.schedule(Duration::ZERO, Fault::Heal);
        for node in self.world.wrong_clocks().collect::<Vec<_>>() {
            self.schedule(Duration::ZERO, Fault::SetClock(node));
        }
        for node in self.world.ids() {
            if !self.world.is_up(node) {
                self.schedule(Duration::ZERO, Fault::Restart(node));
            } else if self.world.is_paused(node) {
                self.schedule(Duration::ZERO, Fault::Resume(node));
            }
        }
    }

    /// How many unsynced writes survive a crash, each number equally likely, and whether the next is torn.
    pub(super) fn draw_crash(&mut self, node: NodeId) -> (usize, bool) {
        let unsynced = self.world.storage(node).unsynced();
        let line = self.agendas.line(node);
        // A pause stops the process and not the disk: its sync may be complete, and only waits to be heard of.
        if unsynced == 0 || matches!(line.waiting.front(), Some(Pending::Synced(_))) {
            return (unsynced, false);
        }
        line.crashes += 1;
        let count = line.crashes;
        let number = self.random.at(Domain::Crash, self.world.key(node).place(), count)[0];
        (scale(number, unsynced as u64 + 1) as usize, number & 1 == 1)
    }

    /// A crash cancels the node's timers and its sync; what waited for it is lost with it.
    fn forget(&mut self, node: NodeId) {
        let timers = self.world.alarms(node).into_iter().filter_map(Option::take);
        for handle in timers.filter_map(|alarm| alarm.handle).chain(self.agendas.awaited(node).take()) {
            self.scheduler.cancel(handle);
        }
        let of_node = |pending: &Pending<M>| pending.node() == Some(node);
        let (own, others): (VecDeque<_>, _) = self.ready.drain(..).partition(of_node);
        self.ready = others;
        let line = self.agendas.line(node);
        let in_process = line.in_process.take().map(Pending::Message);
        let lost: Vec<Pending<M>> = in_process.into_iter().chain(line.waiting.drain(..)).chain(own).collect();
        for pending in lost {
            if let Pending::Message(delivery) = pending {
                self.drop_delivery(&delivery, DropReason::Crash);
            }
        }
    }

    #[track_caller]
    fn check_fault(&self, fault: &Fault) {
        fault.nodes().into_iter().for_each(|node| self.expect(node));
        if let Some(flaw) = fault.flaw() {
            panic!("{fault}: {flaw}");
        }
    }
}
