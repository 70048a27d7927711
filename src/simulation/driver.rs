//! Between two calls of a scenario: events leave the scheduler, the world changes, effects are scheduled.

use super::Simulation;
use super::effects::Live;
use crate::network::Address;
use crate::node::NodeId;
use crate::process::Value;
use crate::random::Domain;
use crate::record::{DropReason, Record, What};
use crate::scheduler::Due;
use crate::time::Time;
use crate::world::Event;

/// How many events may happen at one instant, beside some for each node, before the run is taken for one that
/// never ends.
const AT_ONCE_LIMIT: u64 = 1_000_000;
const AT_ONCE_LIMIT_PER_NODE: u64 = 100;

/// A message under way.
#[derive(Debug)]
pub(super) struct Delivery<M> {
    from: NodeId,
    to: NodeId,
    label: Label,
    /// None once it has been taken.
    message: Option<M>,
}

impl<M> Delivery<M> {
    #[inline(always)]
    pub(super) fn new(Address { from, to, number }: Address, is_copy: bool, message: Option<M>) -> Self {
        Delivery { from, to, label: Label(number << 2 | u64::from(is_copy)), message }
    }

    /// It has reached its node, which is not ready for it.
    fn arrived(self) -> Self {
        Delivery { label: Label(self.label.0 | Label::HAS_ARRIVED), ..self }
    }
}

/// A message's number, whether it has arrived, and whether it is a copy: in one word, so that an event is as long as
/// a cache line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(u64);

impl Label {
    const HAS_ARRIVED: u64 = 2;

    fn number(self) -> u64 {
        self.0 >> 2
    }

    fn has_arrived(self) -> bool {
        self.0 & Label::HAS_ARRIVED != 0
    }

    fn is_copy(self) -> bool {
        self.0 & 1 != 0
    }
}

/// Why a delivery has its message.
const ON_ITS_WAY: &str = "a message that has not arrived is on its way";

/// What the scheduler holds.
#[derive(Debug)]
pub(super) enum Pending<M> {
    Start(NodeId),
    /// A message reaches its node, or is handled if it has.
    Message(Delivery<M>),
    Fire {
        node: NodeId,
        slot: usize,
    },
    Synced(NodeId),
    /// The message that the node is busy with is handled.
    Processed(NodeId),
    /// By its number among those that were planned.
    Fault(usize),
    /// What an aimed fault is to hit shows, or is repaired: by its number.
    Aim(usize),
}

impl<M> Pending<M> {
    /// The node that must be ready for it; a message arrives and a fault happens whether a node is or not.
    pub(super) fn node(&self) -> Option<NodeId> {
        match self {
            Pending::Start(node) | Pending::Fire { node, .. } => Some(*node),
            Pending::Synced(node) | Pending::Processed(node) => Some(*node),
            Pending::Message(delivery) => delivery.label.has_arrived().then_some(delivery.to),
            Pending::Fault(_) | Pending::Aim(_) => None,
        }
    }

    /// The node that it is about.
    fn about(&self) -> Option<NodeId> {
        match self {
            Pending::Message(delivery) => Some(delivery.to),
            _ => self.node(),
        }
    }
}

impl<M: Value> Simulation<M> {
    /// Lets the next event happen if it is due at `end` or before. False if there is none.
    pub(crate) fn step_before(&mut self, end: Time) -> bool {
        if !self.stepped {
            self.stepped = true;
            self.sent_before = Vec::new();
        }
        if self.ready.is_empty() {
            let Some((time, due)) = self.scheduler.next_until(end) else { return false };
            if time > self.now {
                self.at_once = 0;
            }
            self.now = time;
            if self.scheduler.knows_more() {
                self.look_ahead();
            }
            self.happen_now(due);
        } else if let Some(pending) = self.ready.pop_front() {
            self.happen(pending);
        }
        self.at_once += 1;
        if self.at_once > AT_ONCE_LIMIT {
            self.expect_progress();
        }
        if !self.awaited.is_empty() {
            self.look_for_moments();
        }
        true
    }

    /// Reads what the next events are about, all of it at the same time: with many nodes it is far away.
    #[cold]
    fn look_ahead(&mut self) {
        self.coming.clear();
        self.coming.extend(self.scheduler.coming().filter_map(Pending::about));
        self.world.touch(&self.coming);
    }

    #[cold]
    fn expect_progress(&self) {
        assert!(
            self.at_once <= AT_ONCE_LIMIT + AT_ONCE_LIMIT_PER_NODE * self.agendas.len() as u64,
            "{} events at {}: time stands still; pending: {}",
            self.at_once,
            self.now,
            self.pending()
        );
    }

    /// Most events are timers, and messages for nodes that have nothing else to do. They are taken from where they lie:
    /// to move a message's event as a whole, again and again, took a third of the time.
    #[inline(always)]
    fn happen_now(&mut self, due: Due) {
        let event = self.scheduler.event_mut(&due);
        if let Pending::Message(Delivery { from, to, label, message }) = event {
            let (from, to) = (*from, *to);
            let is_plain = self.agendas.existing_line(to).is_none();
            if is_plain && self.world.is_ready(to) && self.world.connected(from, to) {
                let observed = !self.observers.is_empty();
                if observed {
                    let address = Address { from, to, number: label.number() };
                    let message = message.as_ref().expect(ON_ITS_WAY);
                    let what = What::Delivered { address, copy: label.is_copy(), message };
                    Self::tell(&mut self.observers, Record { time: self.now, what });
                }
                let ahead = self.agendas.ahead(to);
                let mut live = Live::new(to, self.now, &self.world, &self.random, ahead, observed);
                self.world.deliver(from, to, message, &mut live, &mut self.effects);
                let Live { misled, draws, ahead, .. } = live;
                self.scheduler.take(due);
                return self.take_effect(to, misled.get(), draws, ahead);
            }
        } else if let Pending::Fire { node, slot } = event {
            let (node, slot) = (*node, *slot);
            self.scheduler.take(due);
            return self.fire(node, slot);
        }
        let pending = self.scheduler.take(due);
        self.happen(pending);
    }

    fn happen(&mut self, pending: Pending<M>) {
        match pending {
            Pending::Message(delivery) if delivery.label.has_arrived() => self.take_in(delivery),
            Pending::Message(delivery) => self.arrive(delivery),
            Pending::Fire { node, slot } => self.fire(node, slot),
            Pending::Fault(number) => {
                let fault = self.planned[number].clone();
                self.apply(&fault);
            }
            Pending::Aim(number) => self.take_aim(number),
            Pending::Start(node) | Pending::Synced(node) | Pending::Processed(node) => {
                *self.agendas.awaited(node) = None;
                self.go_on(node, pending);
            }
        }
    }

    fn fire(&mut self, node: NodeId, slot: usize) {
        if self.must_wait(node) {
            if let Some(alarm) = self.world.alarm(node, slot) {
                alarm.handle = None;
            }
            return self.wait(node, Pending::Fire { node, slot });
        }
        *self.world.alarm(node, slot) = None;
        if !self.observers.is_empty() {
            let timer = self.world.timer(node, slot).expect("a scheduled timer is set");
            Self::tell(&mut self.observers, Record { time: self.now, what: What::Fired { node, timer } });
        }
        let ahead = self.agendas.ahead(node);
        let mut live =
            Live::new(node, self.now, &self.world, &self.random, ahead, !self.observers.is_empty());
        self.world.fire(node, slot, &mut live, &mut self.effects);
        let Live { misled, draws, ahead, .. } = live;
        self.take_effect(node, misled.get(), draws, ahead);
    }

    /// What a node has waited for: its start, its sync, or the end of its work on a message.
    fn go_on(&mut self, node: NodeId, pending: Pending<M>) {
        let must_wait = match pending {
            Pending::Start(_) => self.must_wait(node),
            _ => self.world.is_paused(node),
        };
        if must_wait {
            return self.wait(node, pending);
        }
        match pending {
            Pending::Start(_) => {
                self.record(What::Started { node });
                self.transition(Event::Start(node));
            }
            Pending::Synced(_) => {
                self.record(What::Synced { node });
                self.transition(Event::Synced(node));
                self.wake(node);
            }
            _ => {
                let delivery = self.agendas.line(node).in_process.take();
                self.deliver(delivery.expect("a message is in process"));
                self.wake(node);
            }
        }
    }

    /// Lets something wait until its node is ready.
    fn wait(&mut self, node: NodeId, pending: Pending<M>) {
        if self.world.is_paused(node) {
            self.record(What::Waits { node });
        }
        let waiting = &mut self.agendas.line(node).waiting;
        match pending {
            // What the handler held back comes before what arrived since.
            Pending::Synced(_) | Pending::Processed(_) => waiting.push_front(pending),
            _ => waiting.push_back(pending),
        }
    }

    /// A message passes no partition and reaches no node that is down.
    fn arrive(&mut self, delivery: Delivery<M>) {
        let Delivery { from, to, .. } = delivery;
        if !self.world.connected(from, to) {
            self.drop_delivery(&delivery, DropReason::Partition);
        } else if !self.world.is_up(to) {
            self.drop_delivery(&delivery, DropReason::Crash);
        } else {
            self.take_in(delivery);
        }
    }

    /// Lets a node handle a message that has arrived, or begin with it, when it is ready.
    fn take_in(&mut self, delivery: Delivery<M>) {
        let node = delivery.to;
        if self.must_wait(node) {
            self.wait(node, Pending::Message(delivery.arrived()));
        } else if self.agendas.takes_time(node) {
            self.process(delivery);
        } else {
            self.deliver(delivery);
        }
    }

    fn deliver(&mut self, Delivery { from, to, label, message }: Delivery<M>) {
        let message = message.expect(ON_ITS_WAY);
        let address = Address { from, to, number: label.number() };
        self.record(What::Delivered { address, copy: label.is_copy(), message: &message });
        self.transition(Event::Deliver { from, to, message });
    }

    /// A message occupies its node for a while before it is handled.
    fn process(&mut self, delivery: Delivery<M>) {
        let node = delivery.to;
        let key = self.world.key(node);
        let line = self.agendas.line(node);
        line.processed += 1;
        let number = self.random.at(Domain::Processing, key.place(), line.processed)[0];
        let span = line.processing.as_ref().map_or(0, |time| time.nanoseconds(number));
        line.in_process = Some(delivery);
        *self.agendas.awaited(node) =
            Some(self.scheduler.schedule(self.now.after(span), Pending::Processed(node)));
    }

    pub(super) fn drop_delivery(&mut self, delivery: &Delivery<M>, reason: DropReason) {
        let Delivery { from, to, label, message } = delivery;
        let address = Address { from: *from, to: *to, number: label.number() };
        let message = message.as_ref().expect(ON_ITS_WAY);
        self.record(What::Dropped { address, copy: label.is_copy(), message, reason });
    }

    /// Whether a node is not ready for what comes: it is paused, waits for a sync, or is busy.
    #[inline(always)]
    fn must_wait(&self, node: NodeId) -> bool {
        !self.world.is_ready(node) || self.agendas.is_busy(node)
    }

    /// What has waited for `node` is due now, before anything else.
    pub(super) fn wake(&mut self, node: NodeId) {
        if self.agendas.existing_line(node).is_none() {
            return;
        }
        let waiting = &mut self.agendas.line(node).waiting;
        let resumes = matches!(waiting.front(), Some(Pending::Synced(_) | Pending::Processed(_)));
        if self.world.is_ready(node) || resumes && !self.world.is_paused(node) {
            // Before what came for this node since, and after what other nodes have ready.
            let of_node = |pending: &Pending<M>| pending.node() == Some(node);
            let place = self.ready.iter().position(of_node).unwrap_or(self.ready.len());
            let later = self.ready.split_off(place);
            self.ready.append(waiting);
            self.ready.extend(later);
        }
    }

    #[inline]
    pub(super) fn record(&mut self, what: What<'_, M>) {
        if !self.observers.is_empty() {
            Self::tell(&mut self.observers, Record { time: self.now, what });
        }
    }

    /// What is pending, for a person: the timers that are set and the number of messages.
    pub(super) fn pending(&self) -> String {
        let mut messages = 0;
        let mut timers: Vec<String> = Vec::new();
        for pending in self.scheduler.pending() {
            match pending {
                Pending::Fire { node, slot } => {
                    // None if the node has cancelled it and a sync holds the cancellation back.
                    if let Some(timer) = self.world.timer(*node, *slot) {
                        timers.push(format!("{timer:?} of {} ({node})", self.world.name(*node)));
                    }
                }
                _ => messages += 1,
            }
        }
        timers.sort();
        timers.truncate(8);
        format!("timers {}; {messages} messages and other events", timers.join(", "))
    }
}
