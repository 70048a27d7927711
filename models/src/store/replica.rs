//! A replica: it stores values, and coordinates the operations that clients ask it for.

use super::{Message, Numbered};
use netsplit::client::{KeyValueOperation, KeyValueResponse, RequestId};
use netsplit::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How a store works.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Options {
    /// How many replicas a query waits for.
    pub read_quorum: usize,
    /// How many replicas a write waits for.
    pub write_quorum: usize,
    /// Where the number of a write comes from.
    pub numbers: Numbers,
    /// What a read does with what it has found out.
    pub after_read: AfterRead,
    /// Whom a coordinator asks.
    pub contact: Contact,
    /// Whether a replica has a value in stable storage before it says that it stores it. One that does not
    /// forgets everything in a crash.
    pub durable: bool,
    /// How long a coordinator waits before it asks again those who have not answered.
    pub resend_interval: Duration,
    /// How long after a request it gives up.
    pub give_up: Duration,
    /// A mistake to study.
    pub mistake: Mistake,
}

/// A known mistake, to be studied. See [`zoo`](crate::zoo).
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mistake {
    /// None.
    #[default]
    None,
    /// A replica says that it stores a value before that is durable.
    AnnouncesFirst,
    /// Read repair stores what it has read as if it were new.
    RepairsAsNew,
}

/// Where the number of a write comes from.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// From a quorum: one more than the highest there.
    Quorum,
    /// From the coordinator's clock, in nanoseconds.
    Clock,
}

/// What a read does with what it has found out.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum AfterRead {
    /// Before it answers, it stores the value at a write quorum.
    WriteBack,
    /// It answers, and then stores the value at every replica that is behind.
    Repair,
    /// It answers.
    Nothing,
}

/// Whom a coordinator asks.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contact {
    /// All replicas; the first ones to answer are the quorum.
    All,
    /// As many as it waits for, drawn for each operation.
    Quorum,
}

/// What wakes a coordinator.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Timer {
    /// Somebody has not answered in this operation.
    Resend(RequestId),
    /// This operation has taken too long.
    GiveUp(RequestId),
}

/// An operation that this node coordinates.
#[derive(Clone, Debug, Hash)]
struct Call {
    operation: KeyValueOperation,
    /// Who was asked in this phase.
    asked: Vec<NodeId>,
    phase: Phase,
}

#[derive(Clone, Debug, Hash)]
enum Phase {
    /// What do they store? The client of a read that goes on for the sake of repair has its answer.
    Query { replies: BTreeMap<NodeId, Option<Numbered>>, answered: bool },
    /// They are to store this. Then the client gets `response`.
    Store { value: Numbered, stored: BTreeSet<NodeId>, response: KeyValueResponse },
}

/// A replica, or, if it is not among its own replicas, a node that only coordinates.
#[derive(Clone, Debug, Hash)]
pub struct Replica {
    replicas: Vec<NodeId>,
    options: Options,
    is_member: bool,
    stored: BTreeMap<u64, Numbered>,
    calls: BTreeMap<RequestId, Call>,
    /// All requests that it has met since it started, so that it knows a copy.
    met: BTreeSet<RequestId>,
    written: BTreeMap<u64, Numbered>,
    returned: BTreeMap<u64, Numbered>,
    last_told: Option<u64>,
    has_just_restarted: bool,
}

fn key_of(operation: KeyValueOperation) -> u64 {
    match operation {
        KeyValueOperation::Read { key } | KeyValueOperation::Write { key, .. } => key,
    }
}

impl Replica {
    /// The node `id` of a store with these `replicas`.
    pub fn new(id: NodeId, replicas: &[NodeId], options: Options) -> Self {
        Replica {
            replicas: replicas.to_vec(),
            options,
            is_member: replicas.contains(&id),
            stored: BTreeMap::new(),
            calls: BTreeMap::new(),
            met: BTreeSet::new(),
            written: BTreeMap::new(),
            returned: BTreeMap::new(),
            last_told: None,
            has_just_restarted: false,
        }
    }

    /// How it works.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Those that store, whom it asks.
    pub fn replicas(&self) -> &[NodeId] {
        &self.replicas
    }

    /// Whether it stores anything, rather than only coordinating.
    pub fn is_member(&self) -> bool {
        self.is_member
    }

    /// What it stores under `key`.
    pub fn stored(&self, key: u64) -> Option<Numbered> {
        self.stored.get(&key).copied()
    }

    /// What it stores, by key.
    pub fn all_stored(&self) -> &BTreeMap<u64, Numbered> {
        &self.stored
    }

    /// The newest value under each key of which it has told a client that it is written.
    pub fn written(&self) -> &BTreeMap<u64, Numbered> {
        &self.written
    }

    /// The newest value under each key that it has returned to a reading client.
    pub fn returned(&self) -> &BTreeMap<u64, Numbered> {
        &self.returned
    }

    /// The key of the value that it has told a client of last.
    pub fn last_told(&self) -> Option<u64> {
        self.last_told
    }

    /// Whether it has restarted and not told any client anything since.
    pub fn has_just_restarted(&self) -> bool {
        self.has_just_restarted
    }

    // ---- Storing ----

    /// Enabled at any time. Only what is newer is stored, and before anything that follows here.
    fn store(&mut self, key: u64, value: Numbered, ctx: &mut Context<Self>) {
        if self.stored(key) < Some(value) {
            self.stored.insert(key, value);
            if self.options.durable {
                ctx.append(&(key, value));
                ctx.sync();
            }
        }
    }

    // ---- Coordinating ----

    /// Enabled once for each request: the network may deliver a copy of it.
    fn on_request(&mut self, id: RequestId, operation: KeyValueOperation, ctx: &mut Context<Self>) {
        if !self.met.insert(id) {
            return;
        }
        ctx.set_timer(Timer::GiveUp(id), self.options.give_up);
        match operation {
            KeyValueOperation::Write { value, .. } if self.options.numbers == Numbers::Clock => {
                let number = ctx.now().as_nanoseconds();
                self.begin_store(id, operation, Numbered { number, value }, KeyValueResponse::Written, ctx);
            }
            _ => self.begin_query(id, operation, ctx),
        }
    }

    fn begin_query(&mut self, id: RequestId, operation: KeyValueOperation, ctx: &mut Context<Self>) {
        let asked = self.whom(self.options.read_quorum, ctx);
        let key = key_of(operation);
        let mut replies = BTreeMap::new();
        if asked.contains(&ctx.id()) {
            replies.insert(ctx.id(), self.stored(key));
        }
        self.calls.insert(id, Call { operation, asked, phase: Phase::Query { replies, answered: false } });
        self.ask(id, ctx);
        self.go_on(id, ctx);
    }

    /// The others store it while this node syncs a copy of its own, which counts at once: what follows here is
    /// held back until the sync is over.
    fn begin_store(
        &mut self,
        id: RequestId,
        operation: KeyValueOperation,
        value: Numbered,
        response: KeyValueResponse,
        ctx: &mut Context<Self>,
    ) {
        let asked = self.whom(self.options.write_quorum, ctx);
        let mut stored = BTreeSet::new();
        let here = asked.contains(&ctx.id());
        if here {
            stored.insert(ctx.id());
        }
        self.calls.insert(id, Call { operation, asked, phase: Phase::Store { value, stored, response } });
        self.ask(id, ctx);
        if here {
            self.store(key_of(operation), value, ctx);
        }
        self.go_on(id, ctx);
    }

    /// The replicas to ask, of which `quorum` must answer.
    fn whom(&self, quorum: usize, ctx: &mut Context<Self>) -> Vec<NodeId> {
        let mut replicas = self.replicas.clone();
        if self.options.contact == Contact::Quorum {
            for place in 0..quorum {
                let chosen = place + ctx.choose((replicas.len() - place) as u32) as usize;
                replicas.swap(place, chosen);
            }
            replicas.truncate(quorum);
        }
        replicas
    }

    /// Asks those who have not answered in this phase, and asks again later. Repair alone is not worth that.
    fn ask(&self, id: RequestId, ctx: &mut Context<Self>) {
        let Some(Call { operation, asked, phase }) = self.calls.get(&id) else { return };
        if let Phase::Query { answered: true, .. } = phase {
            return;
        }
        ctx.set_timer(Timer::Resend(id), self.options.resend_interval);
        let key = key_of(*operation);
        for &replica in asked {
            match phase {
                Phase::Query { replies, .. } if !replies.contains_key(&replica) => {
                    ctx.send(replica, Message::Get { id, key });
                }
                Phase::Store { value, stored, .. } if !stored.contains(&replica) => {
                    ctx.send(replica, Message::Put { id, key, value: *value });
                }
                _ => {}
            }
        }
    }

    /// Enabled when somebody has answered in operation `id`: whatever the answers so far allow.
    fn go_on(&mut self, id: RequestId, ctx: &mut Context<Self>) {
        let Some(Call { operation, asked, phase }) = self.calls.get_mut(&id) else { return };
        let (operation, everybody) = (*operation, asked.len());
        match phase {
            Phase::Store { value, stored, response } if stored.len() >= self.options.write_quorum => {
                let (value, response) = (*value, *response);
                self.answer(id, key_of(operation), Some(value), response, ctx);
                self.end(id, ctx);
            }
            Phase::Query { replies, answered } if replies.len() >= self.options.read_quorum => {
                let newest = replies.values().copied().max().flatten();
                match (operation, newest, self.options.after_read) {
                    (KeyValueOperation::Write { value, .. }, ..) => {
                        let number = newest.map_or(1, |newest| newest.number + 1);
                        let value = Numbered { number, value };
                        self.begin_store(id, operation, value, KeyValueResponse::Written, ctx);
                    }
                    (KeyValueOperation::Read { .. }, Some(value), AfterRead::WriteBack) => {
                        let response = KeyValueResponse::Read(Some(value.value));
                        self.begin_store(id, operation, value, response, ctx);
                    }
                    (KeyValueOperation::Read { key }, newest, after) => {
                        let first = !std::mem::replace(answered, true);
                        let is_over = after != AfterRead::Repair || replies.len() == everybody;
                        if first {
                            let response = KeyValueResponse::Read(newest.map(|newest| newest.value));
                            self.answer(id, key, newest, response, ctx);
                        }
                        if let (Some(mut newest), AfterRead::Repair) = (newest, after) {
                            if self.options.mistake == Mistake::RepairsAsNew {
                                newest.number = ctx.now().as_nanoseconds();
                            }
                            self.repair(id, key, newest, ctx);
                        }
                        if is_over {
                            self.end(id, ctx);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Stores `newest` wherever something older was found, this node included.
    fn repair(&mut self, id: RequestId, key: u64, newest: Numbered, ctx: &mut Context<Self>) {
        let Some(Call { phase: Phase::Query { replies, .. }, .. }) = self.calls.get_mut(&id) else { return };
        let behind = replies.iter_mut().filter(|(_, stored)| **stored < Some(newest));
        let mut here = false;
        for (&replica, stored) in behind {
            *stored = Some(newest);
            match replica == ctx.id() {
                true => here = true,
                false => ctx.send(replica, Message::Put { id, key, value: newest }),
            }
        }
        if here {
            self.store(key, newest, ctx);
        }
    }

    fn answer(
        &mut self,
        id: RequestId,
        key: u64,
        value: Option<Numbered>,
        response: KeyValueResponse,
        ctx: &mut Context<Self>,
    ) {
        ctx.send(id.client, Message::Done { id, response });
        (self.last_told, self.has_just_restarted) = (Some(key), false);
        let told = match response {
            KeyValueResponse::Written => &mut self.written,
            KeyValueResponse::Read(_) => &mut self.returned,
        };
        if let Some(value) = value {
            told.entry(key).and_modify(|known| *known = value.max(*known)).or_insert(value);
        }
    }

    fn end(&mut self, id: RequestId, ctx: &mut Context<Self>) {
        self.calls.remove(&id);
        ctx.cancel_timer(&Timer::Resend(id));
        ctx.cancel_timer(&Timer::GiveUp(id));
    }
}

impl Process for Replica {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Request { id, operation } => self.on_request(id, operation, ctx),
            Message::Get { id, key } => ctx.send(from, Message::Got { id, stored: self.stored(key) }),
            Message::Put { id, key, value } if self.options.mistake == Mistake::AnnouncesFirst => {
                ctx.send(from, Message::Stored { id });
                self.store(key, value, ctx);
            }
            Message::Put { id, key, value } => {
                self.store(key, value, ctx);
                ctx.send(from, Message::Stored { id });
            }
            Message::Got { id, stored } => {
                if let Some(Call { phase: Phase::Query { replies, .. }, .. }) = self.calls.get_mut(&id) {
                    replies.entry(from).or_insert(stored);
                    self.go_on(id, ctx);
                }
            }
            Message::Stored { id } => {
                if let Some(Call { phase: Phase::Store { stored, .. }, .. }) = self.calls.get_mut(&id) {
                    stored.insert(from);
                    self.go_on(id, ctx);
                }
            }
            Message::Done { .. } => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        match timer {
            Timer::Resend(id) => self.ask(id, ctx),
            Timer::GiveUp(id) => self.end(id, ctx),
        }
    }

    /// It knows what it stores. An entry that the crash has torn was never told to anybody.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.has_just_restarted = true;
        for (key, value) in ctx.log::<(u64, Numbered)>().flatten() {
            let newest = self.stored.entry(key).or_insert(value);
            *newest = value.max(*newest);
        }
    }
}
