//! A consumer: serves one message after the other, and acknowledges what it has processed.
//!
//! To process a message is to append its effect to the log. In a run too long for that (see `audit`) the
//! service is all there is.

use super::{Guarantee, Known, Message, MessageId, Mistake, Tag, Window};
use netsplit::distribution::Distribution;
use netsplit::prelude::*;
use netsplit::storage::StorageError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How a consumer works.
#[derive(Clone, Debug, Hash)]
pub struct ConsumerOptions {
    /// How long a message is served.
    pub service: Distribution,
    /// How often it tells the broker that it is there.
    pub heartbeat_interval: Duration,
    /// Exactly once reads the log at a restart, so as to know what it has processed.
    pub guarantee: Guarantee,
    /// Whether effects are written to the log. Exactly once always does.
    pub audit: bool,
    /// A mistake to study.
    pub mistake: Mistake,
}

/// What wakes a consumer.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum ConsumerTimer {
    /// The service is over.
    Served,
    /// It is time to tell the broker that it is there.
    Heartbeat,
}

/// An entry in a consumer's log: a message took effect, in this delivery.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Effect {
    tag: Tag,
    id: MessageId,
}

/// What has become of a delivery that has arrived.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Stage {
    /// It is served, or waits for it.
    InHand,
    Processed,
}

/// The effects in a consumer's log, counted.
#[derive(Clone, Debug, Default, Hash)]
struct Effects {
    times: BTreeMap<MessageId, u64>,
    /// The last one; none if the log has just been read.
    last: Option<MessageId>,
    /// How many repetitions were known as such.
    recognised: u64,
}

/// The record that holds the session.
const SESSION: &str = "session";

/// A consumer.
#[derive(Clone, Debug, Hash)]
pub struct Consumer {
    broker: NodeId,
    options: ConsumerOptions,
    session: u64,
    deliveries: Window<Tag, Stage>,
    /// What it has been handed; the first is served.
    in_hand: VecDeque<(Tag, MessageId)>,
    effects: Effects,
}

impl Consumer {
    /// A consumer of `broker`.
    pub fn new(broker: NodeId, options: ConsumerOptions) -> Self {
        Consumer {
            broker,
            options,
            session: 0,
            deliveries: Window::default(),
            in_hand: VecDeque::new(),
            effects: Effects::default(),
        }
    }

    /// The messages it has been handed and has not processed; the first is served.
    pub fn in_hand(&self) -> impl Iterator<Item = MessageId> {
        self.in_hand.iter().map(|&(_, id)| id)
    }

    /// How often this message has taken effect here.
    pub fn times_processed(&self, id: MessageId) -> u64 {
        self.effects.times.get(&id).copied().unwrap_or(0)
    }

    /// What has taken effect here, and how often.
    pub fn processed(&self) -> impl Iterator<Item = (MessageId, u64)> {
        self.effects.times.iter().map(|(&id, &times)| (id, times))
    }

    /// The last message that took effect here; none since a restart.
    pub fn last_processed(&self) -> Option<MessageId> {
        self.effects.last
    }

    /// How many deliveries it has known as repetitions of processed ones.
    pub fn recognised(&self) -> u64 {
        self.effects.recognised
    }

    /// Enabled in the session that the delivery is meant for. A repetition of what is processed is
    /// acknowledged again, for the first acknowledgement may be lost.
    fn on_deliver(&mut self, tag: Tag, id: MessageId, ctx: &mut Context<Self>) {
        match self.deliveries.get(tag) {
            Known::New => {
                self.deliveries.set(tag, Stage::InHand);
                self.in_hand.push_back((tag, id));
                if self.options.mistake == Mistake::AcknowledgesFirst {
                    ctx.send(self.broker, Message::Acknowledge(tag));
                }
                if self.in_hand.len() == 1 {
                    self.serve(ctx);
                }
            }
            Known::Met(Stage::InHand) => {}
            Known::Met(Stage::Processed) | Known::Settled => {
                self.effects.recognised += 1;
                ctx.send(self.broker, Message::Acknowledge(tag));
            }
        }
    }

    /// Enabled when there is something in hand and no service under way.
    fn serve(&mut self, ctx: &mut Context<Self>) {
        if !self.in_hand.is_empty() {
            let span = ctx.sample(&self.options.service);
            ctx.set_timer(ConsumerTimer::Served, span);
        }
    }

    /// Enabled when a service is over. The effect is stable before anybody hears of it, and it is one entry
    /// with the number it is known by: a crash leaves both or neither.
    fn process(&mut self, ctx: &mut Context<Self>) {
        let (tag, id) = self.in_hand.pop_front().expect("what is served is in hand");
        self.deliveries.set(tag, Stage::Processed);
        if self.options.audit || self.options.guarantee == Guarantee::ExactlyOnce {
            ctx.append(&Effect { tag, id });
            self.effects.enter(id);
            ctx.sync();
        }
        ctx.send(self.broker, Message::Acknowledge(tag));
        self.serve(ctx);
    }

    fn subscribe(&mut self, ctx: &mut Context<Self>) {
        ctx.send(self.broker, Message::Subscribe(self.session));
        ctx.set_timer(ConsumerTimer::Heartbeat, self.options.heartbeat_interval);
    }
}

impl Effects {
    fn enter(&mut self, id: MessageId) {
        *self.times.entry(id).or_default() += 1;
        self.last = Some(id);
    }
}

impl Process for Consumer {
    type Message = Message;
    type Timer = ConsumerTimer;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        self.subscribe(ctx);
    }

    fn on_message(&mut self, _: NodeId, message: Message, ctx: &mut Context<Self>) {
        if let Message::Deliver { id, tag, first_open, session } = message
            && session == self.session
        {
            self.deliveries.settle_below(first_open);
            self.on_deliver(tag, id, ctx);
        }
    }

    fn on_timer(&mut self, timer: ConsumerTimer, ctx: &mut Context<Self>) {
        match timer {
            ConsumerTimer::Served => self.process(ctx),
            ConsumerTimer::Heartbeat => self.subscribe(ctx),
        }
    }

    /// What was in hand is gone. What was meant for the session before is refused from here on; the new one
    /// is stable before the broker hears of it.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        let last: Option<u64> = ctx.read(SESSION).expect("the session was written as a number");
        self.session = last.unwrap_or(0) + 1;
        let effects: Vec<Result<Effect, StorageError>> = ctx.log().collect();
        // An effect that a crash has torn was never acknowledged.
        for Effect { tag, id } in effects.into_iter().flatten() {
            self.effects.enter(id);
            let forgets = self.options.mistake == Mistake::ForgetsProcessed;
            if self.options.guarantee == Guarantee::ExactlyOnce && !forgets {
                self.deliveries.set(tag, Stage::Processed);
            }
        }
        self.effects.last = None;
        ctx.write(SESSION, &self.session);
        ctx.sync();
        self.subscribe(ctx);
    }
}
