//! The client driver: one process that plays the users of any model.
//!
//! A model says how its requests look and how a reply is recognised, through [`Protocol`]; a [`Workload`]
//! says what is asked for; the driver invokes, waits, retries and decides the outcome. An operation is one
//! invocation and at most one outcome: retries are invisible in the history.
//!
//! **Client numbers.** In the records an operation is named by its node and its number on it, which no two
//! operations share. A checker that thinks in clients, each with one operation at a time, asks
//! [`ClientNumbers`](crate::record::ClientNumbers), a pure function of the records: an operation whose outcome
//! is unknown keeps its client number for ever, as in Jepsen, since it may yet take place at any time; the
//! node goes on under a new number; and the operations that an open loop has open at once have different
//! numbers. So nothing about client numbers is sent to a server or kept by a client.
//!
//! **A late response** to an operation whose outcome is unknown is recorded, once, as a second response. It
//! changes no outcome: whoever reads records takes the first.
//!
//! **Randomness** is addressed by (client, operation, attempt): what one operation asks for, and when, does
//! not depend on what became of the others.
//!
//! A client that crashes invokes nothing more: it has forgotten how far it was, and its operations would share
//! their numbers with earlier ones. What was open then stays open.

mod options;
mod script;
mod workload;

pub use options::{Arrivals, Backoff, Burst, ClientOptions};
pub use script::Script;
pub use workload::{
    Draws, KeyValueOperation, KeyValueOptions, KeyValueResponse, KeyValueWorkload, Keys, Same, Workload,
    Written,
};

use crate::node::{NodeId, Nodes};
use crate::process::{Context, Outcome, Process, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use workload::{WHAT, WHEN};

/// Names one operation across all clients, so that a server can recognise a retry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The client.
    pub client: NodeId,
    /// The client's operation, counted from one.
    pub operation: u64,
}

/// As a pair.
impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.client, self.operation).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (client, operation) = Deserialize::deserialize(deserializer)?;
        Ok(RequestId { client, operation })
    }
}

/// Short, for stories: the third operation of n5 is `n5/3`.
impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.client, self.operation)
    }
}

/// What a server's message means to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<R> {
    /// The operation took place, with this result.
    Done(R),
    /// The operation did not take place, for this reason, and never will.
    Rejected(R),
    /// Another server should be asked.
    Redirect(NodeId),
}

/// How clients speak to a model's servers.
pub trait Protocol: Value {
    /// The model's messages.
    type Message: Value;
    /// What a client asks for. An operation that carries nothing is a unit struct, whose name the history
    /// shows.
    type Operation: Value;
    /// What the reply tells.
    type Response: Value;

    /// The message that asks for `operation` under the name `id`. It is the same for every attempt.
    fn request(&self, id: RequestId, operation: &Self::Operation) -> Self::Message;

    /// What a message from a server means, and for which operation; none if it is not a reply.
    fn reply(message: &Self::Message) -> Option<(RequestId, Reply<Self::Response>)>;
}

/// A client; see the [module](self).
#[derive(Clone, Debug, Hash)]
pub struct Client<P: Protocol, W = Same<<P as Protocol>::Operation>> {
    protocol: P,
    workload: W,
    servers: Vec<NodeId>,
    options: ClientOptions,
    /// The server to ask, as an index.
    server: usize,
    /// The latest operation.
    operation: u64,
    /// Whether no operation is left of those that are written down.
    is_over: bool,
    /// The latest operation that took place.
    took_place: u64,
    open: BTreeMap<u64, Open<P::Operation>>,
    /// The operations whose outcome is unknown, for their late responses.
    unknown: BTreeSet<u64>,
    burst: Burst,
}

/// An operation that has no outcome yet.
#[derive(Clone, Debug, Hash)]
struct Open<T> {
    operation: T,
    attempt: u32,
    /// The server that was asked, as an index.
    server: usize,
    /// How often this attempt was sent elsewhere.
    redirects: usize,
}

/// What wakes a client.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum ClientTimer {
    /// The next operation is due.
    Next,
    /// No reply to this operation came in time.
    Timeout(u64),
    /// The next attempt of this operation is due.
    Retry(u64),
}

/// What a client reports as the value of an operation that nobody answered.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct NoReply;

impl<P: Protocol> Client<P>
where
    P::Operation: Default,
{
    /// A client that always asks for the same, and asks the first of `servers` first.
    ///
    /// # Panics
    /// If there are no servers, or the options are not valid.
    #[track_caller]
    pub fn new(protocol: P, servers: impl Nodes, options: ClientOptions) -> Self {
        Client::with_workload(protocol, Same::default(), servers, options)
    }
}

impl<P: Protocol, W: Workload<Operation = P::Operation>> Client<P, W> {
    /// A client that asks for what `workload` says, and asks the first of `servers` first.
    ///
    /// # Panics
    /// If there are no servers, or the options are not valid.
    #[track_caller]
    pub fn with_workload(protocol: P, workload: W, servers: impl Nodes, options: ClientOptions) -> Self {
        let servers = servers.ids();
        assert!(!servers.is_empty(), "a client needs a server");
        if let Err(error) = options.validate() {
            panic!("a client cannot work like this: {error}");
        }
        Client {
            protocol,
            workload,
            servers,
            options,
            server: 0,
            operation: 0,
            is_over: false,
            took_place: 0,
            open: BTreeMap::new(),
            unknown: BTreeSet::new(),
            burst: Burst::default(),
        }
    }

    /// How many operations the client has invoked.
    pub fn invoked(&self) -> u64 {
        self.operation
    }

    /// Whether the operation that it invoked last has taken place.
    pub fn last_took_place(&self) -> bool {
        self.operation > 0 && self.took_place == self.operation
    }

    /// Whether it has invoked all its operations and each has its outcome.
    pub fn is_done(&self) -> bool {
        self.is_last() && self.open.is_empty()
    }

    fn is_last(&self) -> bool {
        let asked_for = Some(self.options.operations).filter(|&operations| operations != 0);
        let ends = [asked_for, self.workload.length()];
        self.is_over || ends.into_iter().flatten().any(|end| self.operation >= end)
    }

    /// How many operations have no outcome yet.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn is_closed(&self) -> bool {
        matches!(self.options.arrivals, Arrivals::Closed(_))
    }

    /// Sets the timer for the next operation, if there is to be one.
    fn schedule(&mut self, ctx: &mut Context<Self>) {
        if self.is_last() {
            return;
        }
        match Written::from(self.operation + 1, ctx) {
            Written::Nothing => {}
            Written::End => {
                self.is_over = true;
                return;
            }
            Written::Operation(operation, after) => {
                self.operation = operation - 1;
                self.is_over = self.is_last();
                if !self.is_over {
                    ctx.set_timer(ClientTimer::Next, after);
                }
                return;
            }
        }
        let draws = &mut Draws::new(&mut *ctx.core.environment, self.operation + 1, 0, WHEN);
        let after = self.options.arrivals.wait(&mut self.burst, |spans| draws.sample(spans));
        ctx.set_timer(ClientTimer::Next, after);
    }

    fn invoke(&mut self, ctx: &mut Context<Self>) {
        self.operation += 1;
        let id = RequestId { client: ctx.id(), operation: self.operation };
        let draws = &mut Draws::new(&mut *ctx.core.environment, self.operation, 0, WHAT);
        let operation = self.workload.next(id, draws);
        ctx.invoke(self.operation, operation.clone());
        let open = Open { operation, attempt: 1, server: self.server, redirects: 0 };
        self.open.insert(self.operation, open);
        self.ask(self.operation, ctx);
        if !self.is_closed() {
            self.schedule(ctx);
        }
    }

    fn ask(&mut self, number: u64, ctx: &mut Context<Self>) {
        let Some(open) = self.open.get_mut(&number) else { return };
        open.server = self.server;
        let id = RequestId { client: ctx.id(), operation: number };
        ctx.send(self.servers[self.server], self.protocol.request(id, &open.operation));
        ctx.set_timer(ClientTimer::Timeout(number), self.options.timeout);
    }

    /// Enabled when an attempt was not answered in time: another server may be better, the operation is
    /// tried again, or its outcome is unknown.
    fn time_out(&mut self, number: u64, ctx: &mut Context<Self>) {
        let Some(open) = self.open.get_mut(&number) else { return };
        // Of several operations that wait for one server, only the first leaves it.
        if open.server == self.server {
            self.server = (self.server + 1) % self.servers.len();
        }
        if open.attempt == self.options.attempts {
            self.unknown.insert(number);
            self.finish(number, Outcome::Unknown, NoReply, ctx);
            return;
        }
        open.attempt += 1;
        open.redirects = 0;
        let draws = &mut Draws::new(&mut *ctx.core.environment, number, open.attempt, 0);
        match self.options.backoff.before(open.attempt, draws) {
            Duration::ZERO => self.ask(number, ctx),
            wait => ctx.set_timer(ClientTimer::Retry(number), wait),
        }
    }

    /// Enabled when a server says that another one should be asked. It is asked at once, but an attempt is
    /// sent elsewhere at most once for each server, so that servers that point at each other do not make the
    /// client spin: then the time-out paces it.
    fn redirect(&mut self, number: u64, server: NodeId, ctx: &mut Context<Self>) {
        let Some(index) = self.servers.iter().position(|&known| known == server) else { return };
        let Some(open) = self.open.get_mut(&number) else { return };
        if index != open.server && open.redirects < self.servers.len() {
            open.redirects += 1;
            self.server = index;
            ctx.cancel_timer(&ClientTimer::Retry(number));
            self.ask(number, ctx);
        }
    }

    fn finish<R: Value>(&mut self, number: u64, outcome: Outcome, response: R, ctx: &mut Context<Self>) {
        if self.open.remove(&number).is_some() {
            if outcome == Outcome::Ok {
                self.took_place = self.took_place.max(number);
            }
            ctx.cancel_timer(&ClientTimer::Timeout(number));
            ctx.cancel_timer(&ClientTimer::Retry(number));
            ctx.respond(number, outcome, response);
            if self.is_closed() {
                self.schedule(ctx);
            }
        } else if self.unknown.remove(&number) {
            ctx.respond(number, outcome, response);
        }
    }
}

impl<P: Protocol, W: Workload<Operation = P::Operation>> Process for Client<P, W> {
    type Message = P::Message;
    type Timer = ClientTimer;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        self.schedule(ctx);
    }

    fn on_message(&mut self, _: NodeId, message: P::Message, ctx: &mut Context<Self>) {
        let Some((id, reply)) = P::reply(&message) else { return };
        if id.client != ctx.id() {
            return;
        }
        match reply {
            Reply::Done(response) => self.finish(id.operation, Outcome::Ok, response, ctx),
            Reply::Rejected(response) => self.finish(id.operation, Outcome::Failed, response, ctx),
            Reply::Redirect(server) => self.redirect(id.operation, server, ctx),
        }
    }

    fn on_timer(&mut self, timer: ClientTimer, ctx: &mut Context<Self>) {
        match timer {
            ClientTimer::Next => self.invoke(ctx),
            ClientTimer::Timeout(number) => self.time_out(number, ctx),
            ClientTimer::Retry(number) => self.ask(number, ctx),
        }
    }

    /// Its users have gone.
    fn on_restart(&mut self, _: &mut Context<Self>) {}
}
