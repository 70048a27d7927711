//! The client driver: one process that plays the user of any model.
//!
//! A model says how its requests look and how a reply is recognised, through [`Protocol`]; the driver
//! invokes, waits, retries and decides the outcome. An operation is one invocation and at most one
//! response: retries are invisible in the history. A client that gave an operation up goes on with the next
//! one; a response that comes after that is not recorded.

use crate::node::NodeId;
use crate::process::{Context, Outcome, Process, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

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
    /// What the reply tells.
    type Response: Value;

    /// The message that asks for operation `id`. It is the same for every attempt.
    fn request(&self, id: RequestId) -> Self::Message;

    /// What a message from a server means, and for which operation; none if it is not a reply.
    fn reply(message: &Self::Message) -> Option<(RequestId, Reply<Self::Response>)>;
}

/// How a client works: a closed loop, one operation at a time.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct ClientOptions {
    /// From a response to the next invocation.
    pub think_time: Duration,
    /// How long an attempt waits for its reply.
    pub timeout: Duration,
    /// How often an operation is tried before its outcome is unknown.
    pub attempts: u32,
    /// How many operations it invokes; zero for no end.
    pub operations: u64,
}

/// A client in a closed loop.
#[derive(Clone, Debug, Hash)]
pub struct Client<P: Protocol> {
    protocol: P,
    servers: Vec<NodeId>,
    options: ClientOptions,
    /// The server to ask, as an index.
    server: usize,
    operation: u64,
    attempt: u32,
    waiting: bool,
    /// Whether this attempt has followed a redirect.
    redirected: bool,
}

/// What wakes a client.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum ClientTimer {
    /// The next operation is due.
    Next,
    /// No reply came in time.
    Timeout,
}

/// What a client reports as the value of an operation that nobody answered.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct NoReply;

impl<P: Protocol> Client<P> {
    /// A client that asks the first of `servers` first.
    ///
    /// # Panics
    /// If there are no servers, or no attempts.
    #[track_caller]
    pub fn new(protocol: P, servers: Vec<NodeId>, options: ClientOptions) -> Self {
        assert!(!servers.is_empty(), "a client needs a server");
        assert!(options.attempts > 0, "a client tries an operation at least once");
        Client {
            protocol,
            servers,
            options,
            server: 0,
            operation: 0,
            attempt: 0,
            waiting: false,
            redirected: false,
        }
    }

    /// How many operations the client has invoked.
    pub fn invoked(&self) -> u64 {
        self.operation
    }

    fn id(&self, ctx: &Context<Self>) -> RequestId {
        RequestId { client: ctx.id(), operation: self.operation }
    }

    fn ask(&mut self, ctx: &mut Context<Self>) {
        self.redirected = false;
        let request = self.protocol.request(self.id(ctx));
        ctx.send(self.servers[self.server], request);
        ctx.set_timer(ClientTimer::Timeout, self.options.timeout);
    }

    fn finish<R: Value>(&mut self, outcome: Outcome, response: R, ctx: &mut Context<Self>) {
        self.waiting = false;
        ctx.cancel_timer(&ClientTimer::Timeout);
        ctx.respond(self.operation, outcome, response);
        if self.options.operations == 0 || self.operation < self.options.operations {
            ctx.set_timer(ClientTimer::Next, self.options.think_time);
        }
    }
}

impl<P: Protocol> Process for Client<P> {
    type Message = P::Message;
    type Timer = ClientTimer;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(ClientTimer::Next, self.options.think_time);
    }

    fn on_message(&mut self, _: NodeId, message: P::Message, ctx: &mut Context<Self>) {
        let Some((id, reply)) = P::reply(&message) else { return };
        if !self.waiting || id != self.id(ctx) {
            return;
        }
        match reply {
            Reply::Done(response) => self.finish(Outcome::Ok, response, ctx),
            Reply::Rejected(response) => self.finish(Outcome::Failed, response, ctx),
            Reply::Redirect(server) => {
                // Once an attempt, so that two servers that point at each other do not spin: from there
                // on the time-out paces the retry.
                if let Some(index) = self.servers.iter().position(|&known| known == server)
                    && !self.redirected
                {
                    self.server = index;
                    self.redirected = true;
                    let request = self.protocol.request(self.id(ctx));
                    ctx.send(self.servers[self.server], request);
                }
            }
        }
    }

    fn on_timer(&mut self, timer: ClientTimer, ctx: &mut Context<Self>) {
        match timer {
            ClientTimer::Next => {
                self.operation += 1;
                self.attempt = 1;
                self.waiting = true;
                ctx.invoke(self.operation, self.protocol.request(self.id(ctx)));
                self.ask(ctx);
            }
            ClientTimer::Timeout if self.attempt < self.options.attempts => {
                self.attempt += 1;
                self.server = (self.server + 1) % self.servers.len();
                self.ask(ctx);
            }
            ClientTimer::Timeout => {
                self.server = (self.server + 1) % self.servers.len();
                self.finish(Outcome::Unknown, NoReply, ctx);
            }
        }
    }
}
