//! The broker: keeps messages in line, hands them out, and waits for acknowledgements.
//!
//! What is stable before what is said makes the difference between the guarantees. A durable broker writes a
//! message before it confirms it. Then at most once writes that it forgets a message before it hands it out;
//! exactly once writes whom it hands a message before it does; at least once writes nothing for that, and
//! after a crash everything that is not acknowledged is in line again.
//!
//! Its gauges are [`LINE`] and [`HANDED_OUT`]. While a volatile broker is down they stand as they were: what it
//! has lost is known when it is back.

use super::{Confirm, Consumer, Durability, Guarantee, Known, Message, MessageId, Mistake, Tag, Window};
use netsplit::prelude::*;
use netsplit::storage::StorageError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How a broker works.
#[derive(Clone, Debug, Hash)]
pub struct BrokerOptions {
    /// How often a message may take effect.
    pub guarantee: Guarantee,
    /// What it keeps through a crash.
    pub durability: Durability,
    /// When it confirms a message.
    pub confirm: Confirm,
    /// How many messages it holds, those handed out and not acknowledged included; zero for no bound.
    pub capacity: usize,
    /// How many unacknowledged messages a consumer holds.
    pub prefetch: usize,
    /// How long a message that is handed out may stay unacknowledged.
    pub visibility_timeout: Duration,
    /// A mistake to study.
    pub mistake: Mistake,
}

/// This delivery has not been acknowledged in time.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct VisibilityOver(pub Tag);

/// A publication of a message that was accepted. One that the broker cannot know as a repetition is another.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Item {
    id: MessageId,
    number: u64,
}

/// An entry in the log of a durable broker.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum LogEntry {
    /// It is in line.
    Accepted(Item),
    /// It belongs to this consumer, under this tag. Only exactly once writes it.
    HandedOut(Item, Tag, NodeId),
    /// It is done with.
    Forgotten(Item),
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Verdict {
    Rejected,
    Accepted,
    /// Accepted, and done with.
    Done,
}

#[derive(Clone, Debug, Hash)]
struct Delivery {
    item: Item,
    consumer: NodeId,
}

/// A consumer that has said that it is there.
#[derive(Clone, Debug, Hash)]
struct Subscription {
    session: u64,
    unacknowledged: BTreeSet<Tag>,
}

/// The gauge of how many messages wait in line.
pub const LINE: &str = "line";

/// The gauge of how many messages are handed out and not acknowledged.
pub const HANDED_OUT: &str = "handed out";

/// The record that holds the incarnation.
const INCARNATION: &str = "incarnation";

/// The broker.
#[derive(Clone, Debug, Hash)]
pub struct Broker {
    options: BrokerOptions,
    incarnation: u64,
    /// How many tags this incarnation has used.
    tags: u64,
    line: VecDeque<Item>,
    handed_out: BTreeMap<Tag, Delivery>,
    consumers: BTreeMap<NodeId, Subscription>,
    last_served: Option<NodeId>,
    publications: BTreeMap<NodeId, Window<u64, Verdict>>,
    repeated: u64,
    dropped: u64,
}

impl Broker {
    /// A broker that works so.
    pub fn new(options: BrokerOptions) -> Self {
        Broker {
            options,
            incarnation: 0,
            tags: 0,
            line: VecDeque::new(),
            handed_out: BTreeMap::new(),
            consumers: BTreeMap::new(),
            last_served: None,
            publications: BTreeMap::new(),
            repeated: 0,
            dropped: 0,
        }
    }

    /// How it works.
    pub fn options(&self) -> &BrokerOptions {
        &self.options
    }

    /// The messages that wait in line, the next one first.
    pub fn line(&self) -> impl ExactSizeIterator<Item = MessageId> {
        self.line.iter().map(|item| item.id)
    }

    /// The messages that are handed out and not acknowledged, and to whom.
    pub fn handed_out(&self) -> impl ExactSizeIterator<Item = (MessageId, NodeId)> {
        self.handed_out.values().map(|delivery| (delivery.item.id, delivery.consumer))
    }

    /// How often since its start it has handed a message out again, or put it in line again for that.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// How many messages it has given up since its start: handed out at most once, and not acknowledged.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn is_full(&self) -> bool {
        let held = self.line.len() + self.handed_out.len();
        self.options.capacity > 0 && held >= self.options.capacity
    }

    /// Writes what a durable broker keeps. It is stable after the next sync.
    fn log(&self, entry: LogEntry, ctx: &mut Context<Self>) {
        if self.options.durability == Durability::Durable {
            ctx.append(&entry);
        }
    }

    /// Enabled in the incarnation that the publication is meant for. A repetition changes nothing, and is
    /// given the same answer, for the first may be lost.
    fn on_publish(&mut self, item: Item, first_open: u64, ctx: &mut Context<Self>) {
        let Item { id, number } = item;
        let full = self.is_full();
        let publications = self.publications.entry(id.client).or_default();
        publications.settle_below(first_open);
        let mut assigned = Vec::new();
        let verdict = match publications.get(number) {
            Known::Settled => return,
            Known::Met(verdict) => verdict,
            Known::New if full => {
                publications.set(number, Verdict::Rejected);
                Verdict::Rejected
            }
            Known::New => {
                publications.set(number, Verdict::Accepted);
                self.line.push_back(item);
                self.log(LogEntry::Accepted(item), ctx);
                assigned = self.assign(ctx);
                ctx.sync();
                Verdict::Accepted
            }
        };
        match (verdict, self.options.confirm) {
            (Verdict::Rejected, _) => ctx.send(id.client, Message::Rejected(id)),
            (Verdict::Accepted, Confirm::Processed) => {}
            (Verdict::Accepted, Confirm::Accepted) | (Verdict::Done, _) => {
                ctx.send(id.client, Message::Confirmed(id));
            }
        }
        self.deliver(assigned, ctx);
    }

    /// Enabled when the session is new. What an earlier one held is gone with it, or is for this consumer
    /// again if only it knows whether it was processed.
    fn on_subscribe(&mut self, consumer: NodeId, session: u64, ctx: &mut Context<Self>) {
        if self.consumers.get(&consumer).map(|known| known.session) >= Some(session) {
            return;
        }
        let of_this = |(&tag, delivery): (&Tag, &Delivery)| (delivery.consumer == consumer).then_some(tag);
        let tags: Vec<Tag> = self.handed_out.iter().filter_map(of_this).collect();
        let unacknowledged = tags.iter().copied().collect();
        self.consumers.insert(consumer, Subscription { session, unacknowledged });
        if self.options.guarantee == Guarantee::ExactlyOnce {
            self.repeated += tags.len() as u64;
            self.deliver(tags, ctx);
        } else {
            for tag in tags.into_iter().rev() {
                self.take_back(tag, ctx);
            }
        }
        self.hand_out(ctx);
    }

    /// Enabled while the delivery is not acknowledged. What was handed out at most once has been forgotten
    /// already. That it is forgotten need not be stable: after a crash it is delivered again, as it may be.
    fn on_acknowledge(&mut self, tag: Tag, ctx: &mut Context<Self>) {
        let Some(Delivery { item, .. }) = self.release(tag, ctx) else { return };
        if self.options.guarantee != Guarantee::AtMostOnce {
            self.log(LogEntry::Forgotten(item), ctx);
        }
        if self.options.confirm == Confirm::Processed {
            let Item { id, number } = item;
            self.publications.entry(id.client).or_default().set(number, Verdict::Done);
            ctx.send(id.client, Message::Confirmed(id));
        }
        self.hand_out(ctx);
    }

    /// Enabled while the delivery is not acknowledged: gives it up, or puts the message at the front.
    fn take_back(&mut self, tag: Tag, ctx: &mut Context<Self>) {
        let Some(Delivery { item, .. }) = self.release(tag, ctx) else { return };
        match self.options.guarantee {
            Guarantee::AtMostOnce => self.dropped += 1,
            Guarantee::AtLeastOnce | Guarantee::ExactlyOnce => {
                self.repeated += 1;
                match self.options.mistake {
                    Mistake::RedeliversLast => self.line.push_back(item),
                    _ => self.line.push_front(item),
                }
            }
        }
    }

    fn release(&mut self, tag: Tag, ctx: &mut Context<Self>) -> Option<Delivery> {
        let delivery = self.handed_out.remove(&tag)?;
        ctx.cancel_timer(&VisibilityOver(tag));
        if let Some(subscription) = self.consumers.get_mut(&delivery.consumer) {
            subscription.unacknowledged.remove(&tag);
        }
        Some(delivery)
    }

    fn hand_out(&mut self, ctx: &mut Context<Self>) {
        let assigned = self.assign(ctx);
        if !assigned.is_empty() && self.options.guarantee != Guarantee::AtLeastOnce {
            ctx.sync();
        }
        self.deliver(assigned, ctx);
    }

    /// Enabled while there is a message in line and a consumer with credit: gives the first such message to
    /// the consumer that holds the fewest, to each in turn if several do. The log has it after the next sync.
    fn assign(&mut self, ctx: &mut Context<Self>) -> Vec<Tag> {
        let mut assigned = Vec::new();
        while !self.line.is_empty()
            && let Some(consumer) = self.next_consumer()
            && let Some(item) = self.line.pop_front()
        {
            self.tags += 1;
            self.last_served = Some(consumer);
            let tag = Tag { incarnation: self.incarnation, number: self.tags };
            let subscription = self.consumers.get_mut(&consumer).expect("only a known consumer has credit");
            subscription.unacknowledged.insert(tag);
            self.handed_out.insert(tag, Delivery { item, consumer });
            match self.options.guarantee {
                Guarantee::AtMostOnce => self.log(LogEntry::Forgotten(item), ctx),
                Guarantee::AtLeastOnce => {}
                Guarantee::ExactlyOnce => self.log(LogEntry::HandedOut(item, tag, consumer), ctx),
            }
            assigned.push(tag);
        }
        self.count(ctx);
        assigned
    }

    fn count(&self, ctx: &mut Context<Self>) {
        ctx.gauge(LINE, self.line.len() as u64);
        ctx.gauge(HANDED_OUT, self.handed_out.len() as u64);
    }

    fn next_consumer(&self) -> Option<NodeId> {
        let with_credit =
            self.consumers.iter().filter(|(_, s)| s.unacknowledged.len() < self.options.prefetch);
        let next = with_credit.min_by_key(|&(&id, s)| (s.unacknowledged.len(), Some(id) <= self.last_served));
        next.map(|(&id, _)| id)
    }

    /// Sends what is handed out. A consumer that has not subscribed since a restart of the broker gets it
    /// when it does.
    fn deliver(&self, tags: Vec<Tag>, ctx: &mut Context<Self>) {
        for tag in tags {
            let Delivery { item, consumer } = self.handed_out[&tag];
            let Some(Subscription { session, unacknowledged }) = self.consumers.get(&consumer) else {
                continue;
            };
            let first_open = *unacknowledged.first().expect("this one is not acknowledged");
            ctx.send(consumer, Message::Deliver { id: item.id, tag, first_open, session: *session });
            ctx.set_timer(VisibilityOver(tag), self.options.visibility_timeout);
        }
    }

    /// Reads the log. A torn entry was never synced, so nobody was told of it.
    ///
    /// # Panics
    /// If the log holds anything else.
    fn recover(&mut self, log: Vec<Result<LogEntry, StorageError>>) {
        let mut order = Vec::new();
        let mut pending: BTreeMap<Item, Option<(Tag, NodeId)>> = BTreeMap::new();
        for entry in log {
            let (item, verdict) = match entry {
                Ok(LogEntry::Accepted(item)) => {
                    order.push(item);
                    pending.insert(item, None);
                    (item, Verdict::Accepted)
                }
                Ok(LogEntry::HandedOut(item, tag, consumer)) => {
                    pending.insert(item, Some((tag, consumer)));
                    (item, Verdict::Accepted)
                }
                Ok(LogEntry::Forgotten(item)) => {
                    pending.remove(&item);
                    (item, Verdict::Done)
                }
                Err(StorageError::Torn) => continue,
                Err(error) => panic!("the log of a broker: {error}"),
            };
            self.publications.entry(item.id.client).or_default().set(item.number, verdict);
        }
        for item in order {
            match pending.remove(&item) {
                Some(None) => self.line.push_back(item),
                Some(Some((tag, consumer))) => {
                    self.handed_out.insert(tag, Delivery { item, consumer });
                }
                None => {}
            }
        }
    }
}

/// Whether messages took effect in the order in which the broker accepted them, where one consumer takes one at a
/// time: nothing that was accepted before what the consumer has processed last is still to be processed.
///
/// It reads the log of a durable broker.
pub fn processed_in_order(world: &World<Message>) -> bool {
    let Some(broker) = world.nodes_of::<Broker>().next() else { return true };
    let mut consumers = world.each::<Consumer>();
    let (Some(consumer), None) = (consumers.next(), consumers.next()) else { return true };
    let one_at_a_time = |broker: &Broker| broker.options.prefetch == 1;
    if world.nodes_of::<Consumer>().count() != 1 || !world.get::<Broker>(broker).is_none_or(one_at_a_time) {
        return true;
    }
    let Some(last) = consumer.last_processed().filter(|last| consumer.times_processed(*last) == 1) else {
        return true;
    };
    let entries = world.storage(broker).log::<LogEntry>();
    let accepted = entries.filter_map(|entry| match entry {
        Ok(LogEntry::Accepted(item)) => Some(item.id),
        _ => None,
    });
    accepted.take_while(|id| *id != last).all(|id| consumer.times_processed(id) > 0)
}

impl Process for Broker {
    type Message = Message;
    type Timer = VisibilityOver;

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Publish { incarnation, .. } if incarnation != self.incarnation => {
                ctx.send(from, Message::Restarted(self.incarnation));
            }
            Message::Publish { id, number, first_open, .. } => {
                self.on_publish(Item { id, number }, first_open, ctx);
            }
            Message::Subscribe(session) => self.on_subscribe(from, session, ctx),
            Message::Acknowledge(tag) => self.on_acknowledge(tag, ctx),
            _ => {}
        }
    }

    /// Enabled while the delivery is not acknowledged.
    fn on_timer(&mut self, VisibilityOver(tag): VisibilityOver, ctx: &mut Context<Self>) {
        if self.options.guarantee == Guarantee::ExactlyOnce {
            self.repeated += 1;
            self.deliver(vec![tag], ctx);
        } else {
            self.take_back(tag, ctx);
            self.hand_out(ctx);
        }
    }

    /// The new incarnation is stable before anybody hears of it. Who is there to consume, it hears from them.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        let last: Option<u64> = ctx.read(INCARNATION).expect("the incarnation was written as a number");
        self.incarnation = last.unwrap_or(0) + 1;
        self.recover(ctx.log().collect());
        self.count(ctx);
        ctx.write(INCARNATION, &self.incarnation);
        ctx.sync();
    }
}
