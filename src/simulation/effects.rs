//! What a handler asks for, and what becomes of it: numbers are drawn, timers are scheduled, messages meet their
//! fate.

use super::Simulation;
use super::driver::{Delivery, Pending};
use crate::clock::Clock;
use crate::distribution::Distribution;
use crate::fault::Change;
use crate::network::{Address, Block, Fate, drawn};
use crate::node::{NodeId, NodeKey};
use crate::process::{Alarm, Effect, Environment, Other, Value};
use crate::random::{Domain, Random, scale};
use crate::record::{DropReason, Record, What, kind_of};
use crate::time::{Time, nanoseconds_of};
use crate::world::{Event, World};
use std::cell::Cell;
use std::time::Duration;

/// What a handler sees of the driver.
pub(super) struct Live<'a> {
    now: Time,
    /// What the wall clock of the node shows.
    shown: Time,
    /// Whether the process has read a wall clock that is wrong.
    pub(super) misled: Cell<bool>,
    random: &'a Random,
    key: NodeKey,
    /// How many numbers the node has drawn.
    pub(super) draws: u64,
    /// What it has drawn last, or draws next.
    pub(super) ahead: Ahead,
    observed: bool,
}

/// A number that a node draws. It is a function of its address alone, and so it is drawn before it is asked for: to wait
/// for it was a twelfth of the time of a message among few nodes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ahead {
    /// Which of the node's draws it is, counted from one.
    count: u64,
    number: u64,
}

impl<'a> Live<'a> {
    #[inline(always)]
    pub(super) fn new<M: Value>(
        node: NodeId,
        now: Time,
        world: &World<M>,
        random: &'a Random,
        ahead: Ahead,
        observed: bool,
    ) -> Self {
        let (shown, key, draws) = (world.wall_clock(node, now), world.own_key(node), world.tally(node).draws);
        Live { now, shown, misled: Cell::new(false), random, key, draws, ahead, observed }
    }

    #[inline]
    fn draw(&mut self) -> u64 {
        self.draws += 1;
        if self.ahead.count != self.draws {
            self.ahead.count = self.draws;
            self.ahead.number = self.random.at(Domain::Process, self.key.place(), self.draws)[0];
        }
        self.ahead.number
    }
}

impl Environment for Live<'_> {
    fn now(&self) -> Option<Time> {
        self.misled.set(self.misled.get() || self.shown != self.now);
        Some(self.shown)
    }
    fn choose(&mut self, bound: u32) -> u32 {
        if bound == 1 {
            self.draws += 1;
            return 0;
        }
        scale(self.draw(), u64::from(bound)) as u32
    }
    fn chance(&mut self, numerator: u32, denominator: u32) -> bool {
        self.choose(denominator) < numerator
    }
    fn sample(&mut self, distribution: &Distribution) -> Duration {
        distribution.sample(self.draw())
    }
    fn client_number(&mut self, address: u64) -> Option<u64> {
        Some(self.random.of_client(self.key.place(), address))
    }
    fn observed(&self) -> bool {
        self.observed
    }
}

/// Why there is a message to be sent.
const SENT_ONCE: &str = "a message is sent once";

impl<M: Value> Simulation<M> {
    /// Applies an event, and lets the effects of its node take place. Links have no effects.
    pub(super) fn transition(&mut self, event: Event<M>) {
        let Some(node) = event.node() else {
            let (misled, key, draws) = (Cell::new(false), NodeKey::default(), 0);
            let (now, shown, random) = (self.now, self.now, &self.random);
            let ahead = Ahead::default();
            let mut nobody = Live { now, shown, misled, random, key, draws, ahead, observed: false };
            return self.world.apply(event, &mut nobody, &mut self.effects);
        };
        let ahead = self.agendas.ahead(node);
        let mut live =
            Live::new(node, self.now, &self.world, &self.random, ahead, !self.observers.is_empty());
        self.world.apply(event, &mut live, &mut self.effects);
        let Live { misled, draws, ahead, .. } = live;
        self.take_effect(node, misled.get(), draws, ahead);
    }

    /// Lets what the handler of a node asked for take place. It may have been misled by its clock, and by now the node
    /// has drawn so many numbers.
    #[inline(always)]
    pub(super) fn take_effect(&mut self, node: NodeId, misled: bool, draws: u64, ahead: Ahead) {
        self.world.tally_mut(node).draws = draws;
        // It has drawn a number, and will again.
        if ahead.count == draws
            && draws > 0
            && let Some(ahead) = self.agendas.ahead_mut(node)
        {
            let place = self.world.own_key(node).place();
            let count = draws + 1;
            *ahead = Ahead { count, number: self.random.at(Domain::Process, place, count)[0] };
        }
        if misled {
            self.record(What::Misled { node, by_timer: false });
        }
        // Most often it is one message. It is moved as such, and not as an effect: the processor waits where what was
        // stored in parts is read as a whole, and the other way round.
        if let [Effect::Send { to, message }] = &mut self.effects[..] {
            let (to, message) = (*to, message.take().expect(SENT_ONCE));
            // Nothing is left of it that has to be dropped.
            std::mem::forget(self.effects.pop());
            self.transmit(node, to, message);
        } else if !self.effects.is_empty() {
            self.take_effect_in_turn(node);
        }
    }

    /// Nothing that takes place here lets a handler run, so there will be no more of them. (Not inlined: in a loop, the
    /// compiler keeps at hand what only rare effects need, and for a single message that was a twentieth more to do.)
    #[inline(never)]
    fn take_effect_in_turn(&mut self, node: NodeId) {
        for at in 0..self.effects.len() {
            match &mut self.effects[at] {
                Effect::Send { to, message } => {
                    let (to, message) = (*to, message.take().expect(SENT_ONCE));
                    self.transmit(node, to, message);
                }
                Effect::SetTimer { slot, after } => {
                    let (slot, after) = (*slot, *after);
                    self.set_timer(node, slot, after);
                }
                other => {
                    let other = std::mem::replace(other, Effect::Sync { writes: 0 });
                    self.perform(node, other);
                }
            }
        }
        self.effects.clear();
    }

    fn perform(&mut self, node: NodeId, effect: Effect<M>) {
        match effect {
            Effect::Send { .. } | Effect::SetTimer { .. } => unreachable!("it has taken place"),
            Effect::CancelTimer { slot } => self.cancel_timer(node, slot),
            Effect::Sync { writes: 0 } => {}
            Effect::Sync { writes } => {
                self.record(What::Syncing { node, writes });
                let syncs = &mut self.agendas.line(node).syncs;
                *syncs += 1;
                let count = *syncs;
                let number = self.random.at(Domain::Sync, self.world.key(node).place(), count)[0];
                let end = self.now + self.sync_latency.sample(number);
                *self.agendas.awaited(node) = Some(self.scheduler.schedule(end, Pending::Synced(node)));
            }
            Effect::Other(other) => match *other {
                Other::Write(_) => {}
                Other::Note(text) => self.record(What::Noted { node, text: &text }),
                Other::Gauge { name, value } => self.record(What::Gauge { node, name, value }),
                Other::Invoke { operation, value } => {
                    self.record(What::Invoked { client: node, operation, value: &*value });
                }
                Other::Respond { operation, outcome, value } => {
                    self.record(What::Responded { client: node, operation, outcome, value: &*value });
                }
            },
        }
    }

    fn set_timer(&mut self, node: NodeId, slot: usize, after: Duration) {
        let mut due = self.now + after;
        let mut instant = due;
        if self.world.has_wrong_clocks() {
            let clock = self.world.clock(node);
            due = clock.monotonic(self.now) + after;
            instant = clock.instant(due);
            if clock.drifts() {
                self.record(What::Misled { node, by_timer: true });
            }
        }
        let handle = Some(self.scheduler.schedule(instant, Pending::Fire { node, slot }));
        self.timers_set += 1;
        let alarm = Alarm { handle, due, order: self.timers_set };
        if let Some(before) = self.world.alarm(node, slot).replace(alarm) {
            self.disarm(node, slot, before);
        }
    }

    /// A timer that is overdue waits with its node; one that is not is scheduled.
    fn cancel_timer(&mut self, node: NodeId, slot: usize) {
        if let Some(alarm) = self.world.alarm(node, slot).take() {
            self.disarm(node, slot, alarm);
        }
    }

    #[inline]
    fn disarm(&mut self, node: NodeId, slot: usize, alarm: Alarm) {
        match alarm.handle {
            Some(handle) => {
                self.scheduler.cancel(handle);
            }
            None => {
                let stays = |pending: &Pending<M>| match pending {
                    Pending::Fire { node: other, slot: fires } => (*other, *fires) != (node, slot),
                    _ => true,
                };
                self.agendas.line(node).waiting.retain(stays);
                self.ready.retain(stays);
            }
        }
    }

    /// Lets the timers of `node` run on by its clock, which was `before` and has changed.
    pub(super) fn set_timers_anew(&mut self, node: NodeId, before: Clock) {
        let clock = self.world.clock(node);
        if clock.drift() == before.drift() {
            return;
        }
        let mut running: Vec<&mut Alarm> =
            self.world.alarms(node).into_iter().filter_map(Option::as_mut).collect();
        // Those that are due at once stay in the order in which they were set.
        running.sort_by_key(|alarm| alarm.order);
        let mut misled = false;
        for alarm in running {
            alarm.due = self.now + (alarm.due - before.monotonic(self.now));
            // One that is overdue waits with its node, and has left the scheduler.
            if let Some(handle) = alarm.handle {
                let event = self.scheduler.cancel(handle);
                alarm.handle = Some(self.scheduler.schedule(clock.instant(alarm.due), event));
                misled = clock.drifts();
            }
        }
        if misled {
            self.record(What::Misled { node, by_timer: true });
        }
    }

    /// The number of the next message, the place of its link among addresses, and what it draws first.
    #[inline(always)]
    pub(super) fn number(&mut self, from: NodeId, to: NodeId) -> (u64, u64, [u64; 2]) {
        let link = self.world.own_key(from).link(self.world.key(to));
        let sent = &mut self.world.tally_mut(from).sent;
        let (number, first) = self.counters.next(from, to, sent, &self.random, link);
        (number, link, first)
    }

    /// Gives a message its address and its fate, and takes it.
    ///
    /// (The address is put together where somebody asks for it: who reads both nodes at once just after each was
    /// written has to wait.)
    #[inline(always)]
    pub(super) fn transmit(&mut self, from: NodeId, to: NodeId, message: M) {
        let (number, link, first) = self.number(from, to);
        if !self.observers.is_empty() {
            let address = Address { from, to, number };
            let what = What::Sent { address, message: &message };
            Self::tell(&mut self.observers, Record { time: self.now, what });
        }
        if !self.world.connected(from, to) {
            let address = Address { from, to, number };
            return self.lose(address, &message, DropReason::Partition);
        }
        match self.network.plain_delay(first) {
            Some(after) if !self.world.has_slow_links() && self.edits.is_empty() => {
                let delivery = Delivery::new(Address { from, to, number }, false, Some(message));
                self.scheduler.schedule(self.now.after(after), Pending::Message(delivery));
            }
            _ => self.transmit_otherwise(Address { from, to, number }, message, link, first),
        }
    }

    /// The same for a message that is lost or may be doubled, or whose link is not like others.
    #[inline(never)]
    fn transmit_otherwise(&mut self, address: Address, message: M, link: u64, first: [u64; 2]) {
        let Address { from, to, number } = address;
        let drawn = self.network.fate(from, to, first, || drawn(&self.random, link, number, Block::Second));
        let drawn = self.slowed(address, drawn);
        let (fate, reason) = self.edited(address, &message, drawn);
        self.launch(address, message, fate, reason);
    }

    fn launch(&mut self, address: Address, message: M, fate: Fate, reason: DropReason) {
        let Fate::Arrives { after, copy_after } = fate else { return self.lose(address, &message, reason) };
        if let Some(copy_after) = copy_after {
            self.record(What::Duplicated { address });
            let copy = Delivery::new(address, true, Some(message.clone()));
            self.scheduler.schedule(self.now.after(copy_after), Pending::Message(copy));
        }
        let original = Delivery::new(address, false, Some(message));
        self.scheduler.schedule(self.now.after(after), Pending::Message(original));
    }

    fn lose(&mut self, address: Address, message: &M, reason: DropReason) {
        self.record(What::Dropped { address, copy: false, message, reason });
    }

    /// The fate of a message on a link that may be slow.
    fn slowed(&mut self, address: Address, drawn: Fate) -> Fate {
        let by = self.world.slowdown(address.from, address.to);
        match drawn {
            Fate::Arrives { after, copy_after } if !by.is_zero() => {
                self.record(What::Slowed { address });
                let later = |after: u64| after.saturating_add(nanoseconds_of(by));
                Fate::Arrives { after: later(after), copy_after: copy_after.map(later) }
            }
            _ => drawn,
        }
    }

    /// The fate of a message after its edit, if it has one that is not stale.
    fn edited(&mut self, address: Address, message: &M, drawn: Fate) -> (Fate, DropReason) {
        let Some(edit) = self.edits.remove(&address) else { return (drawn, DropReason::Loss) };
        let stale = edit.kind.as_ref().is_some_and(|kind| *kind != kind_of(message));
        if stale || edit.change == Change::Drop && drawn == Fate::Lost {
            self.inert_edits.push(edit);
            return (drawn, DropReason::Loss);
        }
        let fate = match (edit.change, drawn) {
            (Change::Drop, _) => Fate::Lost,
            (Change::Delay(after), Fate::Arrives { copy_after, .. }) => {
                Fate::Arrives { after: nanoseconds_of(after), copy_after }
            }
            (Change::Duplicate(copy), Fate::Arrives { after, .. }) => {
                Fate::Arrives { after, copy_after: Some(nanoseconds_of(copy)) }
            }
            (Change::Delay(after) | Change::Duplicate(after), Fate::Lost) => {
                Fate::Arrives { after: nanoseconds_of(after), copy_after: None }
            }
        };
        (fate, DropReason::Edit)
    }
}
