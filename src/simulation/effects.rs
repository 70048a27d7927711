//! What a handler asks for, and what becomes of it: numbers are drawn, timers are scheduled, messages meet their
//! fate.

use super::Simulation;
use super::driver::{Delivery, Pending};
use crate::clock::Clock;
use crate::distribution::Distribution;
use crate::fault::Change;
use crate::network::{Address, Fate, Numbers};
use crate::node::{NodeId, NodeKey};
use crate::process::{Alarm, Effect, Environment, Value};
use crate::random::{Domain, Random, scale};
use crate::record::{DropReason, What, kind_of};
use crate::time::{Time, nanoseconds_of};
use crate::world::Event;
use std::cell::Cell;
use std::time::Duration;

/// What a handler sees of the driver.
struct Live<'a> {
    now: Time,
    /// What the wall clock of the node shows.
    shown: Time,
    /// Whether the process has read a wall clock that is wrong.
    misled: Cell<bool>,
    random: &'a Random,
    key: NodeKey,
    draws: u64,
    observed: bool,
}

impl<'a> Live<'a> {
    fn new(now: Time, shown: Time, random: &'a Random) -> Self {
        let (misled, key) = (Cell::new(false), NodeKey::default());
        Live { now, shown, misled, random, key, draws: 0, observed: false }
    }

    #[inline]
    fn draw(&mut self) -> u64 {
        self.draws += 1;
        self.random.at(Domain::Process, self.key.place(), self.draws)[0]
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
    #[inline(always)]
    fn block(&self, block: u64) -> [u64; 2] {
        self.random.at(Domain::Message, self.link, self.number << 2 | block)
    }
}

impl<M: Value> Simulation<M> {
    /// Applies an event, and lets the effects of its node take place. Links have no effects.
    #[inline]
    pub(super) fn transition(&mut self, event: Event<M>) {
        let Some(node) = event.node() else {
            let mut no_handler = Live::new(self.now, self.now, &self.random);
            return self.world.apply(event, &mut no_handler, &mut self.effects);
        };
        let mut environment = Live::new(self.now, self.world.wall_clock(node, self.now), &self.random);
        environment.key = self.world.key(node);
        environment.draws = self.agendas[node.index()].draws;
        environment.observed = !self.observers.is_empty();
        self.world.apply(event, &mut environment, &mut self.effects);
        self.agendas[node.index()].draws = environment.draws;
        if environment.misled.get() {
            self.record(What::Misled { node, by_timer: false });
        }
        // Most handlers ask for one thing.
        if self.effects.len() <= 1 {
            if let Some(effect) = self.effects.pop() {
                self.perform(node, effect);
            }
            return;
        }
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            self.perform(node, effect);
        }
        self.effects = effects;
    }

    #[inline(always)]
    fn perform(&mut self, node: NodeId, effect: Effect<M>) {
        match effect {
            Effect::Send { to, message } => self.transmit(node, to, message),
            Effect::SetTimer { slot, after } => self.set_timer(node, slot, after),
            Effect::CancelTimer { slot } => self.cancel_timer(node, slot),
            other => self.perform_seldom(node, other),
        }
    }

    fn perform_seldom(&mut self, node: NodeId, effect: Effect<M>) {
        match effect {
            Effect::Send { .. } | Effect::SetTimer { .. } | Effect::CancelTimer { .. } => {
                self.perform(node, effect);
            }
            Effect::Write(_) | Effect::Sync { writes: 0 } => {}
            Effect::Sync { writes } => {
                self.record(What::Syncing { node, writes });
                let agenda = &mut self.agendas[node.index()];
                let syncs = &mut agenda.line().syncs;
                *syncs += 1;
                let number = self.random.at(Domain::Sync, self.world.key(node).place(), *syncs)[0];
                let end = self.now + self.sync_latency.sample(number);
                agenda.awaited = Some(self.scheduler.schedule(end, Pending::Synced(node)));
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

    fn set_timer(&mut self, node: NodeId, slot: usize, after: Duration) {
        self.cancel_timer(node, slot);
        let clock = self.world.clock(node);
        let due = clock.monotonic(self.now) + after;
        let handle = Some(self.scheduler.schedule(clock.instant(due), Pending::Fire { node, slot }));
        if clock.drifts() {
            self.record(What::Misled { node, by_timer: true });
        }
        self.timers_set += 1;
        *self.world.alarm(node, slot) = Some(Alarm { handle, due, order: self.timers_set });
    }

    /// A timer that is overdue waits with its node; one that is not is scheduled.
    fn cancel_timer(&mut self, node: NodeId, slot: usize) {
        match self.world.alarm(node, slot).take() {
            Some(Alarm { handle: Some(handle), .. }) => {
                self.scheduler.cancel(handle);
            }
            Some(Alarm { handle: None, .. }) => {
                let stays = |pending: &Pending<M>| match pending {
                    Pending::Fire { node: other, slot: fires } => (*other, *fires) != (node, slot),
                    _ => true,
                };
                self.agendas[node.index()].line().waiting.retain(stays);
                self.ready.retain(stays);
            }
            None => {}
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

    /// Gives a message its address and its fate.
    #[inline]
    pub(super) fn transmit(&mut self, from: NodeId, to: NodeId, message: M) {
        let number = self.counters.next(from, to, &mut self.agendas[from.index()].sent);
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
                    self.scheduler.schedule(self.now.after(copy_after), Pending::Arrive(copy));
                }
                let original = Delivery { address, copy: false, message };
                self.scheduler.schedule(self.now.after(after), Pending::Arrive(original));
            }
        }
    }

    /// The fate of a message on a link that may be slow.
    #[inline]
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
    #[inline]
    fn edited(&mut self, address: Address, message: &M, drawn: Fate) -> (Fate, DropReason) {
        match self.edits.is_empty() {
            true => (drawn, DropReason::Loss),
            false => self.edited_if_asked(address, message, drawn),
        }
    }

    fn edited_if_asked(&mut self, address: Address, message: &M, drawn: Fate) -> (Fate, DropReason) {
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
