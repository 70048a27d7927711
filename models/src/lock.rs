//! A lock with leases, and a store that only its holder may write to.
//!
//! A *worker* asks the lock service for the lock. Who gets it has it for a *lease*, and until the lease is over
//! nobody else does: so the lock comes free again when its holder is gone (Gray and Cheriton, "Leases: An Efficient
//! Fault-Tolerant Mechanism for Distributed File Cache Consistency", SOSP 1989). A worker counts its lease from when
//! it *asked*, on its own timer, and so gives the lock up before the service does, however long the answer took.
//! The two clocks must run at the same rate; what they show does not matter.
//!
//! That is not enough. A worker may be paused while it holds the lock and write when it goes on, and what it wrote
//! in time may arrive late. So every grant has a *token*, greater than all before, and the store refuses what is
//! written under a lower token than it has seen (Kleppmann, "How to do distributed locking", 2016; Burrows, "The
//! Chubby lock service", OSDI 2006, calls it a sequencer).
//!
//! ```text
//! worker           lock             store
//!   | Acquire        |                |
//!   |--------------->| (token is durable)
//!   |        Granted |                |
//!   |<---------------|                |
//!   | Write          |                |
//!   |-------------------------------->| unless a higher token was seen
//! ```
//!
//! The service keeps its last token in stable storage, and after a crash it grants nothing for a lease, since it
//! has forgotten who holds the lock.

use netsplit::model::{Model, Setup};
use netsplit::prelude::*;
use netsplit::property::Property;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A known mistake, to be studied. See [`zoo`](crate::zoo).
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mistake {
    /// None.
    #[default]
    None,
    /// The store looks at no token.
    NoFencing,
    /// The lease ends at a time of day, and the worker looks at its own clock.
    TrustsClock,
}

/// What workers, lock and store say to each other.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named by what they are")]
pub enum Message {
    /// To the lock: the worker's request of this number.
    Acquire { request: u64 },
    /// The worker holds the lock. On the clock of the lock, until then.
    Granted { request: u64, token: u64, until: u64 },
    /// To the store, by the holder of this token.
    Write { token: u64 },
}

/// What wakes a worker, or the lock.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Timer {
    /// The lease is over.
    LeaseOver,
    /// It is time to ask for the lock.
    Ask,
    /// It is time to write.
    Write,
}

/// The record that holds the last token.
const TOKEN: &str = "token";

/// The lock service.
#[derive(Clone, Debug, Hash)]
pub struct Lock {
    lease: Duration,
    token: u64,
    is_held: bool,
}

impl Process for Lock {
    type Message = Message;
    type Timer = Timer;

    /// Enabled while the lock is free. The token is durable before anybody has it.
    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        let Message::Acquire { request } = message else { return };
        if self.is_held {
            return;
        }
        self.is_held = true;
        self.token += 1;
        ctx.write(TOKEN, &self.token);
        ctx.sync();
        ctx.set_timer(Timer::LeaseOver, self.lease);
        let until = ctx.now().as_nanoseconds() + self.lease.as_nanos() as u64;
        ctx.send(from, Message::Granted { request, token: self.token, until });
    }

    fn on_timer(&mut self, _: Timer, _: &mut Context<Self>) {
        self.is_held = false;
    }

    /// Somebody may hold the lock.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.token = ctx.read(TOKEN).expect("the token was written as a number").unwrap_or(0);
        self.is_held = true;
        ctx.set_timer(Timer::LeaseOver, self.lease);
    }
}

/// A worker: asks for the lock, and writes while it holds it.
#[derive(Clone, Debug, Hash)]
pub struct Worker {
    lock: NodeId,
    store: NodeId,
    lease: Duration,
    write_interval: Duration,
    mistake: Mistake,
    request: u64,
    token: Option<u64>,
}

impl Worker {
    /// Whether it believes that it holds the lock.
    pub fn holds(&self) -> bool {
        self.token.is_some()
    }

    fn ask(&mut self, ctx: &mut Context<Self>) {
        self.request += 1;
        self.token = None;
        ctx.cancel_timer(&Timer::Write);
        ctx.send(self.lock, Message::Acquire { request: self.request });
        // The lease, if it is granted, is counted from here.
        ctx.set_timer(Timer::LeaseOver, self.lease);
    }

    /// Enabled while it holds the lock.
    fn write(&mut self, ctx: &mut Context<Self>) {
        if let Some(token) = self.token {
            ctx.send(self.store, Message::Write { token });
            ctx.set_timer(Timer::Write, self.write_interval);
        }
    }
}

impl Process for Worker {
    type Message = Message;
    type Timer = Timer;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        let wait = ctx.span_between(milliseconds(1), self.lease);
        ctx.set_timer(Timer::Ask, wait);
    }

    /// Enabled for the request that it waits for: an answer to an earlier one is a lease that is over.
    fn on_message(&mut self, _: NodeId, message: Message, ctx: &mut Context<Self>) {
        let Message::Granted { request, token, until } = message else { return };
        if request != self.request || self.token.is_some() {
            return;
        }
        self.token = Some(token);
        if self.mistake == Mistake::TrustsClock {
            let left = until.saturating_sub(ctx.now().as_nanoseconds());
            ctx.set_timer(Timer::LeaseOver, Duration::from_nanos(left));
        }
        self.write(ctx);
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        match timer {
            Timer::Write => self.write(ctx),
            Timer::Ask => self.ask(ctx),
            Timer::LeaseOver => {
                self.token = None;
                // A grant that comes now is of a lease that is over.
                self.request += 1;
                ctx.cancel_timer(&Timer::Write);
                let wait = ctx.span_between(milliseconds(1), self.lease);
                ctx.set_timer(Timer::Ask, wait);
            }
        }
    }

    /// Its requests get numbers that it has not used: what is granted to an earlier life is not for this one.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.request = ctx.now().as_nanoseconds();
        self.on_start(ctx);
    }
}

/// What only the holder of the lock may write to.
#[derive(Clone, Debug, Hash)]
pub struct Store {
    mistake: Mistake,
    seen: u64,
    written: u64,
    went_back: bool,
}

impl Store {
    /// How many writes it has taken.
    pub fn written(&self) -> u64 {
        self.written
    }
}

impl Process for Store {
    type Message = Message;
    type Timer = ();

    /// Enabled unless a higher token has been seen.
    fn on_message(&mut self, _: NodeId, message: Message, ctx: &mut Context<Self>) {
        let Message::Write { token } = message else { return };
        if token < self.seen && self.mistake != Mistake::NoFencing {
            return;
        }
        self.went_back |= token < self.seen;
        self.seen = token.max(self.seen);
        self.written += 1;
        ctx.write(TOKEN, &self.seen);
        ctx.sync();
    }

    /// A write that was lost was told to nobody.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.seen = ctx.read(TOKEN).expect("the token was written as a number").unwrap_or(0);
    }
}

/// The model; see the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct LockService;

/// The parameters of [`LockService`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each is explained where a user can read it: in the model's help")]
pub struct Parameters {
    pub workers: usize,
    #[serde(with = "netsplit::time::span")]
    pub lease: Duration,
    #[serde(with = "netsplit::time::span")]
    pub write_interval: Duration,
    pub mistake: Mistake,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            workers: 2,
            lease: milliseconds(500),
            write_interval: milliseconds(100),
            mistake: Mistake::None,
        }
    }
}

impl Model for LockService {
    type Message = Message;
    type Parameters = Parameters;

    fn name(&self) -> &'static str {
        "lock"
    }

    fn path(&self) -> String {
        "netsplit_models::lock::LockService".to_string()
    }

    fn about(&self) -> &'static str {
        "a lock with leases and fencing tokens, and a store that its holder writes to"
    }

    fn help(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("workers", "how many workers want the lock"),
            ("lease", "how long the lock is granted for"),
            ("write_interval", "how often the holder of the lock writes"),
            ("mistake", "a known mistake, to be studied: see `netsplit zoo`"),
        ]
    }

    fn simulation(
        &self,
        parameters: &Parameters,
        setup: &Setup,
        seed: u64,
    ) -> Result<Simulation<Message>, String> {
        let &Parameters { workers, lease, write_interval, mistake } = parameters;
        if !(1..=1000).contains(&workers) {
            return Err(format!("workers is {workers}: expected 1 to 1000"));
        }
        for (name, span) in [("lease", lease), ("write_interval", write_interval)] {
            if span < milliseconds(1) {
                return Err(format!("{name} is {span:?}: expected 1ms or more"));
            }
        }
        let mut sim = setup.simulation(seed);
        let lock = sim.add("lock", Lock { lease, token: 0, is_held: false }).id();
        let store = sim.add("store", Store { mistake, seen: 0, written: 0, went_back: false }).id();
        sim.add_group("worker", workers, |_, _| Worker {
            lock,
            store,
            lease,
            write_interval,
            mistake,
            request: 0,
            token: None,
        });
        Ok(sim)
    }

    /// The second holds while no worker pauses and all clocks run at the same rate.
    fn properties(&self) -> Vec<Property<'static, Message>> {
        vec![
            Property::always("nothing is written under an older token than before", |world| {
                world.each::<Store>().all(|store| !store.went_back)
            }),
            Property::always("no two workers hold the lock at once", |world| {
                world.each::<Worker>().filter(|worker| worker.holds()).count() <= 1
            }),
            Property::eventually_after_heal("somebody writes", |world| {
                world.each::<Store>().all(|store| store.written() > 0)
            }),
        ]
    }
}
