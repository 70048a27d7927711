//! Between two calls of a scenario: events leave the scheduler, the world changes, effects are scheduled.

use super::{Alarm, Simulation};
use crate::clock::Clock;
use crate::distribution::Distribution;
use crate::fault::{Change, Fault};
use crate::network::{Address, Fate, Numbers};
use crate::node::{NodeId, NodeKey};
use crate::process::{Effect, Environment, Value};
use crate::random::{Domain, Random, scale};
use crate::record::{DropReason, Record, What, kind_of};
use crate::time::Time;
use crate::world::Event;
use std::cell::Cell;
use std::time::Duration;

/// How many events may happen at one instant, beside some for each node, before the run is taken for one that
/// never ends.
const AT_ONCE_LIMIT: u64 = 1_000_000;
const AT_ONCE_LIMIT_PER_NODE: u64 = 100;

/// A message under way.
#[derive(Debug)]
pub(super) struct Delivery<M> {
    pub(super) address: Address,
    pub(super) copy: bool,
    pub(super) message: M,
}

/// What the scheduler holds.
#[derive(Debug)]
pub(super) enum Pending<M> {
    Start(NodeId),
    /// A message reaches its node.
    Arrive(Delivery<M>),
    /// A message that has arrived is handled.
    Handle(Delivery<M>),
    Fire {
        node: NodeId,
        slot: usize,
    },
    Synced(NodeId),
    /// The message that the node is busy with is handled.
    Processed(NodeId),
    Fault(Fault),
    /// What an aimed fault is to hit shows, or is repaired: by its number.
    Aim(usize),
}

impl<M> Pending<M> {
    /// The node that must be ready for it; a message arrives and a fault happens whether a node is or not.
    pub(super) fn node(&self) -> Option<NodeId> {
        match self {
            Pending::Start(node) | Pending::Fire { node, .. } => Some(*node),
            Pending::Synced(node) | Pending::Processed(node) => Some(*node),
            Pending::Handle(delivery) => Some(delivery.address.to),
            Pending::Arrive(_) | Pending::Fault(_) | Pending::Aim(_) => None,
        }
    }
}

/// What a handler sees of the driver.
struct Live<'a> {
    now: Time,
    clock: Clock,
    /// Whether the process has read a wall clock that is wrong.
    misled: Cell<bool>,
    random: &'a Random,
    key: NodeKey,
    draws: &'a mut u64,
    observed: bool,
}

impl Live<'_> {
    fn draw(&mut self) -> u64 {
        *self.draws += 1;
        self.random.at(Domain::Process, self.key.place(), *self.draws)[0]
    }
}

impl Environment for Live<'_> {
    fn now(&self) -> Option<Time> {
        let shown = self.clock.wall(self.now);
        self.misled.set(self.misled.get() || shown != self.now);
        Some(shown)
    }
    fn choose(&mut self, bound: u32) -> u32 {
        scale(self.draw(), u64::from(bound)) as u32
    }
    fn chance(&mut self, numerator: u32, denominator: u32) -> bool {
        self.choose(denominator) < numerator
    }
    fn sample(&mut self, distribution: &Distribution) -> Duration {
        distribution.sample(self.draw())
    }
    fn client_number(&mut self, address: u64) -> Option<u64> {
        Some(self.random.at(Domain::Client, self.key.place(), address)[0])
    }
    fn observed(&self) -> bool {
        self.observed
    }
}

struct MessageNumbers<'a> {
    random: &'a Random,
    link: u64,
    number: u64,
}

impl Numbers for MessageNumbers<'_> {
    fn block(&self, block: u64) -> [u64; 2] {
        self.random.at(Domain::Message, self.link, self.number << 2 | block)
    }
}

impl<M: Value> Simulation<M> {
    /// Lets the next event happen if it is due at `end` or before. False if there is none.
    pub(crate) fn step_before(&mut self, end: Time) -> bool {
        if !self.stepped {
            self.stepped = true;
            self.sent_before = Vec::new();
        }
        let pending = match self.ready.pop_front() {
            Some(pending) => pending,
            None => match self.scheduler.next_time() {
                Some(time) if time <= end => {
                    let (time, pending) = self.scheduler.pop().expect("the next event is there");
                    if time > self.now {
                        self.at_once = 0;
                    }
                    self.now = time;
                    pending
                }
                _ => return false,
            },
        };
        self.at_once += 1;
        assert!(
            self.at_once <= AT_ONCE_LIMIT + AT_ONCE_LIMIT_PER_NODE * self.agendas.len() as u64,
            "{} events at {}: time stands still; pending: {}",
            self.at_once,
            self.now,
            self.pending()
        );
        self.happen(pending);
        if !self.awaited.is_empty() {
            self.look_for_moments();
        }
        true
    }

    fn happen(&mut self, pending: Pending<M>) {
        if let Some(node) = pending.node()
            && self.must_wait(node, &pending)
        {
            if self.world.is_paused(node) {
                self.record(What::Waits { node });
            }
            let waiting = &mut self.agendas[node.index()].waiting;
            match pending {
                // What the handler held back comes before what arrived since.
                Pending::Synced(_) | Pending::Processed(_) => waiting.push_front(pending),
                _ => waiting.push_back(pending),
            }
            return;
        }
        match pending {
            Pending::Start(node) => {
                self.agendas[node.index()].awaited = None;
                self.record(What::Started { node });
                self.transition(Event::Start(node));
            }
            Pending::Arrive(delivery) => {
                if let Some(delivery) = self.arrive(delivery) {
                    self.happen(Pending::Handle(delivery));
                }
            }
            Pending::Handle(delivery) => match self.processing_time(delivery.address.to) {
                Some(span) => {
                    let node = delivery.address.to;
                    let handle = self.scheduler.schedule(self.now + span, Pending::Processed(node));
                    let agenda = &mut self.agendas[node.index()];
                    (agenda.in_process, agenda.awaited) = (Some(delivery), Some(handle));
                }
                None => self.deliver(delivery),
            },
            Pending::Processed(node) => {
                let agenda = &mut self.agendas[node.index()];
                agenda.awaited = None;
                let delivery = agenda.in_process.take().expect("a message is in process");
                self.deliver(delivery);
                self.wake(node);
            }
            Pending::Fire { node, slot } => {
                self.agendas[node.index()].timers[slot] = None;
                let timer = self.world.timer(node, slot).expect("a scheduled timer is set");
                Self::tell(&mut self.observers, Record { time: self.now, what: What::Fired { node, timer } });
                self.transition(Event::Fire { node, slot });
            }
            Pending::Synced(node) => {
                self.agendas[node.index()].awaited = None;
                self.record(What::Synced { node });
                self.transition(Event::Synced(node));
                self.wake(node);
            }
            Pending::Fault(fault) => self.apply(&fault),
            Pending::Aim(number) => self.take_aim(number),
        }
    }

    fn deliver(&mut self, Delivery { address, copy, message }: Delivery<M>) {
        self.record(What::Delivered { address, copy, message: &message });
        self.transition(Event::Deliver { from: address.from, to: address.to, message });
    }

    /// How long the next message occupies its node before it is handled.
    fn processing_time(&mut self, node: NodeId) -> Option<Duration> {
        let agenda = &mut self.agendas[node.index()];
        let distribution = agenda.processing.as_ref()?;
        agenda.processed += 1;
        let place = self.world.key(node).place();
        Some(distribution.sample(self.random.at(Domain::Processing, place, agenda.processed)[0]))
    }

    /// A message passes no partition and reaches no node that is down.
    fn arrive(&mut self, delivery: Delivery<M>) -> Option<Delivery<M>> {
        let Delivery { address, copy, ref message } = delivery;
        let reason = if !self.world.connected(address.from, address.to) {
            DropReason::Partition
        } else if !self.world.is_up(address.to) {
            DropReason::Crash
        } else {
            return Some(delivery);
        };
        self.record(What::Dropped { address, copy, message, reason });
        None
    }

    /// Whether a node is not ready for what is pending: it is paused, waits for a sync, or is busy.
    fn must_wait(&self, node: NodeId, pending: &Pending<M>) -> bool {
        match pending {
            Pending::Synced(_) | Pending::Processed(_) => self.world.is_paused(node),
            _ => !self.world.is_ready(node) || self.agendas[node.index()].in_process.is_some(),
        }
    }

    /// Applies an event, and lets the effects of its node take place. Links have no effects.
    pub(super) fn transition(&mut self, event: Event<M>) {
        let node = event.node();
        let mut no_draws = 0;
        let (key, draws) = match node {
            Some(node) => (self.world.key(node), &mut self.agendas[node.index()].draws),
            None => (NodeKey::default(), &mut no_draws),
        };
        let observed = !self.observers.is_empty();
        let clock = node.map(|node| self.world.clock(node)).unwrap_or_default();
        let (now, misled) = (self.now, Cell::new(false));
        let mut environment = Live { now, clock, misled, random: &self.random, key, draws, observed };
        self.world.apply(event, &mut environment, &mut self.effects);
        if let (true, Some(node)) = (environment.misled.get(), node) {
            self.record(What::Misled { node, by_timer: false });
        }
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            self.perform(node.expect("only a node has effects"), effect);
        }
        self.effects = effects;
    }

    fn perform(&mut self, node: NodeId, effect: Effect<M>) {
        match effect {
            Effect::Send { to, message } => self.transmit(node, to, message),
            Effect::SetTimer { slot, after } => {
                self.cancel_timer(node, slot);
                let clock = self.world.clock(node);
                let due = clock.monotonic(self.now) + after;
                let handle = self.scheduler.schedule(clock.instant(due), Pending::Fire { node, slot });
                if clock.drifts() {
                    self.record(What::Misled { node, by_timer: true });
                }
                let timers = &mut self.agendas[node.index()].timers;
                if timers.len() <= slot {
                    timers.resize(slot + 1, None);
                }
                timers[slot] = Some(Alarm { handle, due });
            }
            Effect::CancelTimer { slot } => self.cancel_timer(node, slot),
            Effect::Write(_) | Effect::Sync { writes: 0 } => {}
            Effect::Sync { writes } => {
                self.record(What::Syncing { node, writes });
                let agenda = &mut self.agendas[node.index()];
                agenda.syncs += 1;
                let number = self.random.at(Domain::Sync, self.world.key(node).place(), agenda.syncs)[0];
                let end = self.now + self.sync_latency.sample(number);
                let handle = self.scheduler.schedule(end, Pending::Synced(node));
                self.agendas[node.index()].awaited = Some(handle);
            }
            Effect::Note(text) => self.record(What::Noted { node, text: &text }),
            Effect::Gauge { name, value } => self.record(What::Gauge { node, name, value }),
            Effect::Invoke { operation, value } => {
                self.record(What::Invoked { client: node, operation, value: &*value });
            }
            Effect::Respond { operation, outcome, value } => {
                self.record(What::Responded { client: node, operation, outcome, value: &*value });
            }
        }
    }

    /// A timer that is overdue waits with its node; one that is not is scheduled.
    fn cancel_timer(&mut self, node: NodeId, slot: usize) {
        let agenda = &mut self.agendas[node.index()];
        if let Some(Alarm { handle, .. }) = agenda.timers.get_mut(slot).and_then(Option::take) {
            self.scheduler.cancel(handle);
            let stays = |pending: &Pending<M>| match pending {
                Pending::Fire { node: other, slot: fires } => (*other, *fires) != (node, slot),
                _ => true,
            };
            agenda.waiting.retain(stays);
            self.ready.retain(stays);
        }
    }

    /// Lets the timers of `node` run on by its clock, which was `before` and has changed.
    pub(super) fn set_timers_anew(&mut self, node: NodeId, before: Clock) {
        let clock = self.world.clock(node);
        if clock.drift() == before.drift() {
            return;
        }
        let timers = &mut self.agendas[node.index()].timers;
        let mut running: Vec<&mut Alarm> = timers.iter_mut().flatten().collect();
        // Those that are due at once stay in the order in which they were set.
        running.sort_by_key(|alarm| alarm.handle);
        let mut misled = false;
        for alarm in running {
            alarm.due = self.now + (alarm.due - before.monotonic(self.now));
            // One that is overdue waits with its node, and has left the scheduler.
            if let Some(event) = self.scheduler.cancel(alarm.handle) {
                alarm.handle = self.scheduler.schedule(clock.instant(alarm.due), event);
                misled = clock.drifts();
            }
        }
        if misled {
            self.record(What::Misled { node, by_timer: true });
        }
    }

    /// Gives a message its address and its fate.
    pub(super) fn transmit(&mut self, from: NodeId, to: NodeId, message: M) {
        let number = self.agendas[from.index()].counters.next(to);
        let address = Address { from, to, number };
        self.record(What::Sent { address, message: &message });
        if !self.world.connected(from, to) {
            self.record(What::Dropped {
                address,
                copy: false,
                message: &message,
                reason: DropReason::Partition,
            });
            return;
        }
        let link = self.world.key(from).link(self.world.key(to));
        let numbers = MessageNumbers { random: &self.random, link, number };
        let drawn = self.network.fate(from, to, &numbers);
        let drawn = self.slowed(address, drawn);
        let (fate, reason) = self.edited(address, &message, drawn);
        match fate {
            Fate::Lost => self.record(What::Dropped { address, copy: false, message: &message, reason }),
            Fate::Arrives { after, copy_after } => {
                if let Some(copy_after) = copy_after {
                    self.record(What::Duplicated { address });
                    let copy = Delivery { address, copy: true, message: message.clone() };
                    self.scheduler.schedule(self.now + copy_after, Pending::Arrive(copy));
                }
                let original = Delivery { address, copy: false, message };
                self.scheduler.schedule(self.now + after, Pending::Arrive(original));
            }
        }
    }

    /// The fate of a message on a link that may be slow.
    fn slowed(&mut self, address: Address, drawn: Fate) -> Fate {
        let by = self.world.slowdown(address.from, address.to);
        match drawn {
            Fate::Arrives { after, copy_after } if !by.is_zero() => {
                self.record(What::Slowed { address });
                let later = |after: Duration| after.saturating_add(by);
                Fate::Arrives { after: later(after), copy_after: copy_after.map(later) }
            }
            _ => drawn,
        }
    }

    /// The fate of a message after its edit, if it has one that is not stale.
    fn edited(&mut self, address: Address, message: &M, drawn: Fate) -> (Fate, DropReason) {
        if self.edits.is_empty() {
            return (drawn, DropReason::Loss);
        }
        let Some(edit) = self.edits.remove(&address) else { return (drawn, DropReason::Loss) };
        let stale = edit.kind.as_ref().is_some_and(|kind| *kind != kind_of(message));
        if stale || edit.change == Change::Drop && drawn == Fate::Lost {
            self.inert_edits.push(edit);
            return (drawn, DropReason::Loss);
        }
        let fate = match (edit.change, drawn) {
            (Change::Drop, _) => Fate::Lost,
            (Change::Delay(after), Fate::Arrives { copy_after, .. }) => Fate::Arrives { after, copy_after },
            (Change::Delay(after), Fate::Lost) => Fate::Arrives { after, copy_after: None },
            (Change::Duplicate(copy), Fate::Arrives { after, .. }) => {
                Fate::Arrives { after, copy_after: Some(copy) }
            }
            (Change::Duplicate(after), Fate::Lost) => Fate::Arrives { after, copy_after: None },
        };
        (fate, DropReason::Edit)
    }

    /// What has waited for `node` is due now, before anything else.
    pub(super) fn wake(&mut self, node: NodeId) {
        let waiting = &mut self.agendas[node.index()].waiting;
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
