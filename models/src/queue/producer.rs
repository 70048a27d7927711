//! A producer: publishes at random times, waits for each message to be confirmed, and publishes it again.
//!
//! It is an open loop: the next message does not wait for the last. Each message is an operation, from its
//! first publication to its confirmation.

use super::{Guarantee, Message, MessageId};
use netsplit::client::{Arrivals, Burst, Written};
use netsplit::prelude::*;
use netsplit::process::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How a producer works.
#[derive(Clone, Debug, Hash)]
pub struct ProducerOptions {
    /// When it publishes messages, whether the earlier ones are confirmed or not.
    pub arrivals: Arrivals,
    /// How many messages; zero for no end.
    pub messages: u64,
    /// How long a publication waits to be confirmed.
    pub timeout: Duration,
    /// How often a message is published again.
    pub retries: u32,
    /// At most once publishes nothing again; exactly once under the same number.
    pub guarantee: Guarantee,
    /// Whether it keeps what was confirmed, for properties to read.
    pub audit: bool,
}

/// What wakes a producer.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum ProducerTimer {
    /// The next message is due.
    Next,
    /// The publication of this message was not confirmed in time.
    TimeOut(u64),
}

/// A message that is neither confirmed nor given up.
#[derive(Clone, Debug, Hash)]
struct Open {
    number: u64,
    publications: u32,
}

/// A producer.
#[derive(Clone, Debug, Hash)]
pub struct Producer {
    broker: NodeId,
    options: ProducerOptions,
    burst: Burst,
    /// The last message, and the last publication.
    sequence: u64,
    number: u64,
    /// Whether no message is left of those that are written down.
    is_over: bool,
    /// The broker's incarnation, as far as is known.
    incarnation: u64,
    open: BTreeMap<u64, Open>,
    open_numbers: BTreeSet<u64>,
    confirmed: BTreeSet<u64>,
}

impl Producer {
    /// A producer for `broker`.
    pub fn new(broker: NodeId, options: ProducerOptions) -> Self {
        Producer {
            broker,
            options,
            burst: Burst::default(),
            sequence: 0,
            number: 0,
            is_over: false,
            incarnation: 0,
            open: BTreeMap::new(),
            open_numbers: BTreeSet::new(),
            confirmed: BTreeSet::new(),
        }
    }

    /// How it works.
    pub fn options(&self) -> &ProducerOptions {
        &self.options
    }

    /// How many messages it has published.
    pub fn published(&self) -> u64 {
        self.sequence
    }

    /// The messages that were confirmed to it in time, by their numbers, if it keeps them.
    pub fn confirmed(&self) -> impl DoubleEndedIterator<Item = &u64> {
        self.confirmed.iter()
    }

    /// Whether it has published all its messages and waits for none.
    pub fn is_done(&self) -> bool {
        (self.is_over || self.sequence == self.options.messages) && self.open.is_empty()
    }

    fn wait_for_next(&mut self, ctx: &mut Context<Self>) {
        let span = match Written::from(self.sequence + 1, ctx) {
            Written::Nothing => self.options.arrivals.wait(&mut self.burst, |spans| ctx.sample(spans)),
            Written::End => {
                self.is_over = true;
                return;
            }
            Written::Operation(message, after) => {
                self.sequence = message - 1;
                after
            }
        };
        ctx.set_timer(ProducerTimer::Next, span);
    }

    /// Enabled while the message is open. A repetition is known as one by its number, or is not.
    fn publish(&mut self, sequence: u64, ctx: &mut Context<Self>) {
        let open = self.open.get_mut(&sequence).expect("only an open message is published");
        open.publications += 1;
        if open.publications == 1 || self.options.guarantee != Guarantee::ExactlyOnce {
            self.open_numbers.remove(&open.number);
            self.number += 1;
            open.number = self.number;
            self.open_numbers.insert(open.number);
        }
        let number = open.number;
        let first_open = *self.open_numbers.first().expect("this one is open");
        let id = MessageId { client: ctx.id(), operation: sequence };
        let incarnation = self.incarnation;
        ctx.send(self.broker, Message::Publish { id, number, first_open, incarnation });
        ctx.set_timer(ProducerTimer::TimeOut(sequence), self.options.timeout);
    }

    /// Enabled while the message is open.
    fn close(&mut self, sequence: u64, outcome: Outcome, ctx: &mut Context<Self>) {
        let Some(open) = self.open.remove(&sequence) else { return };
        self.open_numbers.remove(&open.number);
        ctx.cancel_timer(&ProducerTimer::TimeOut(sequence));
        if outcome == Outcome::Ok && self.options.audit {
            self.confirmed.insert(sequence);
        }
        ctx.respond(sequence, outcome, ());
    }

    /// Whether the message that is refused may have been taken at another time it was published.
    fn refusal(&self, sequence: u64) -> Outcome {
        let once = self.open.get(&sequence).is_some_and(|open| open.publications == 1);
        match once || self.options.guarantee == Guarantee::ExactlyOnce {
            true => Outcome::Failed,
            false => Outcome::Unknown,
        }
    }
}

impl Process for Producer {
    type Message = Message;
    type Timer = ProducerTimer;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        self.wait_for_next(ctx);
    }

    fn on_message(&mut self, _: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Confirmed(id) => self.close(id.operation, Outcome::Ok, ctx),
            Message::Rejected(id) => self.close(id.operation, self.refusal(id.operation), ctx),
            Message::Restarted(incarnation) => self.incarnation = self.incarnation.max(incarnation),
            _ => {}
        }
    }

    fn on_timer(&mut self, timer: ProducerTimer, ctx: &mut Context<Self>) {
        match timer {
            ProducerTimer::Next => {
                self.sequence += 1;
                self.open.insert(self.sequence, Open { number: 0, publications: 0 });
                ctx.invoke(self.sequence, ());
                self.publish(self.sequence, ctx);
                if self.sequence != self.options.messages {
                    self.wait_for_next(ctx);
                }
            }
            ProducerTimer::TimeOut(sequence) => {
                let publications = self.open.get(&sequence).map_or(0, |open| open.publications);
                let repeats = self.options.guarantee != Guarantee::AtMostOnce;
                match repeats && publications <= self.options.retries {
                    true => self.publish(sequence, ctx),
                    false => self.close(sequence, Outcome::Unknown, ctx),
                }
            }
        }
    }

    /// Its numbers are gone, and to use them again would name other messages by them.
    fn on_restart(&mut self, _: &mut Context<Self>) {}
}
