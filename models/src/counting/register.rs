//! A register with one value: what clients and servers say, the clients, the specification, and the simplest server.
//!
//! As in Stateright's `actor::register`: client i puts a value of its own at server i modulo n, then gets at the next.
//! Client i here is the node of number i: servers come first.

use netsplit::checker::Specification;
use netsplit::explorer::History;
use netsplit::prelude::*;
use netsplit::process::{Outcome, Value};
use std::fmt::Debug;

/// What is in the register before anybody puts something there.
pub const NOTHING: char = '\0';

/// What clients and servers say; servers among themselves say an `I`.
#[derive(Clone, Debug, Hash, PartialEq)]
pub enum Message<I> {
    /// Servers among themselves.
    Internal(I),
    /// Request number so and so: write this.
    Put(u64, char),
    /// Request number so and so: read.
    Get(u64),
    /// It is written.
    PutOk(u64),
    /// It was read.
    GetOk(u64, char),
}

/// What a client does.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Request {
    /// Writes.
    Put(char),
    /// Reads.
    Get,
}

/// Puts a value, and when that is done gets one.
#[derive(Clone, Debug, Hash)]
pub struct Client<I> {
    awaited: Option<u64>,
    operations: u64,
    servers: usize,
    internal: std::marker::PhantomData<fn() -> I>,
}

impl<I> Client<I> {
    /// A client of the first `servers` nodes.
    pub fn new(servers: usize) -> Self {
        Client { awaited: None, operations: 0, servers, internal: std::marker::PhantomData }
    }

    /// Whether it has been answered everything.
    pub fn is_done(&self) -> bool {
        self.operations == 2 && self.awaited.is_none()
    }
}

impl<I: Value> Client<I> {
    fn ask(&mut self, ctx: &mut Context<Self>) {
        let id = ctx.id().index();
        let server = NodeId::new((id + self.operations as usize) % self.servers);
        self.operations += 1;
        // No two requests of any clients have the same number.
        let number = self.operations * id as u64;
        self.awaited = Some(number);
        if self.operations == 1 {
            let value = char::from(b'A' + (id - self.servers) as u8);
            ctx.invoke(self.operations, Request::Put(value));
            ctx.send(server, Message::Put(number, value));
        } else {
            ctx.invoke(self.operations, Request::Get);
            ctx.send(server, Message::Get(number));
        }
    }
}

impl<I: Value> Process for Client<I> {
    type Message = Message<I>;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        self.ask(ctx);
    }

    /// Enabled for the answer that it waits for.
    fn on_message(&mut self, _: NodeId, message: Message<I>, ctx: &mut Context<Self>) {
        match message {
            Message::PutOk(number) if self.awaited == Some(number) => {
                ctx.respond(self.operations, Outcome::Ok, NOTHING);
                self.ask(ctx);
            }
            Message::GetOk(number, value) if self.awaited == Some(number) => {
                ctx.respond(self.operations, Outcome::Ok, value);
                self.awaited = None;
            }
            _ => {}
        }
    }
}

/// Keeps the value, and asks nobody.
#[derive(Clone, Debug, Hash)]
pub struct SingleCopy(pub char);

impl Process for SingleCopy {
    type Message = Message<()>;
    type Timer = ();

    fn on_message(&mut self, from: NodeId, message: Message<()>, ctx: &mut Context<Self>) {
        match message {
            Message::Put(number, value) => {
                self.0 = value;
                ctx.send(from, Message::PutOk(number));
            }
            Message::Get(number) => ctx.send(from, Message::GetOk(number, self.0)),
            _ => {}
        }
    }
}

/// Servers made by `server`, which is told their number, and clients.
pub fn cluster<P, I>(
    servers: usize,
    clients: usize,
    seed: u64,
    server: impl Fn(usize) -> P,
) -> Simulation<Message<I>>
where
    P: Process<Message = Message<I>>,
    I: Value,
{
    let mut sim = Simulation::new(seed);
    sim.add_group("server", servers, |_, _| server(servers));
    sim.add_clients("client", clients, |_, _| Client::new(servers));
    sim
}

/// Single copies, of which there should be one.
pub fn single_copies(servers: usize, clients: usize, seed: u64) -> Simulation<Message<()>> {
    cluster(servers, clients, seed, |_| SingleCopy(NOTHING))
}

/// What one register answers.
pub struct Single;

impl Specification for Single {
    type State = char;
    type Operation = Request;
    type Response = char;

    fn initial(&self) -> char {
        NOTHING
    }

    fn step(&self, value: &char, request: &Request, answer: Option<&char>) -> Option<char> {
        match request {
            Request::Put(next) => Some(*next),
            Request::Get => answer.is_none_or(|answer| answer == value).then_some(*value),
        }
    }
}

/// Whether one register could have answered all this.
pub fn linearizable(history: &History) -> bool {
    history.is_linearizable(&Single)
}
