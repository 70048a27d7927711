//! A register on a majority of servers (Attiya, Bar-Noy and Dolev, "Sharing Memory Robustly in Message-Passing
//! Systems", JACM 1995), with several writers.
//!
//! Every server coordinates requests, one at a time, and what it would send itself takes place at once. The state and
//! the actions are those of Stateright's `examples/linearizable-register.rs`. For one with keys and a log see
//! [`store`](crate::store).

use super::register::{self, Message, NOTHING};
use netsplit::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Values are ordered by this: a count, then who wrote.
type Number = (u64, NodeId);

/// What servers say among themselves, for a request.
#[derive(Clone, Debug, Hash, PartialEq)]
pub enum Internal {
    /// What do you have?
    Query(u64),
    /// This.
    Answer(u64, Number, char),
    /// Have this, unless you have something later.
    Record(u64, Number, char),
    /// Done.
    Recorded(u64),
}
use Internal::*;

#[derive(Clone, Debug, Hash, PartialEq)]
enum Phase {
    Asking { request: u64, client: NodeId, write: Option<char>, answers: BTreeMap<NodeId, (Number, char)> },
    Recording { request: u64, client: NodeId, read: Option<char>, done: BTreeSet<NodeId> },
}

/// A server.
#[derive(Clone, Debug, Hash)]
pub struct Server {
    servers: usize,
    number: Number,
    value: char,
    phase: Option<Phase>,
    /// Whether reads are recorded before they are answered, without which one may see a value that the next does not.
    pub records_reads: bool,
}

impl Server {
    /// One of so many.
    pub fn new(servers: usize) -> Self {
        let number = (0, NodeId::new(0));
        Server { servers, number, value: NOTHING, phase: None, records_reads: true }
    }

    fn others(&self, ctx: &Context<Self>) -> Vec<NodeId> {
        (0..self.servers).map(NodeId::new).filter(|id| *id != ctx.id()).collect()
    }

    fn majority(&self) -> usize {
        self.servers / 2 + 1
    }

    fn ask(&mut self, request: u64, client: NodeId, write: Option<char>, ctx: &mut Context<Self>) {
        let others = self.others(ctx);
        ctx.broadcast(&others, Message::Internal(Query(request)));
        let answers = BTreeMap::from([(ctx.id(), (self.number, self.value))]);
        self.phase = Some(Phase::Asking { request, client, write, answers });
    }

    fn keep(&mut self, number: Number, value: char) {
        if number > self.number {
            (self.number, self.value) = (number, value);
        }
    }
}

impl Process for Server {
    type Message = Message<Internal>;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        self.number = (0, ctx.id());
    }

    fn on_message(&mut self, from: NodeId, message: Message<Internal>, ctx: &mut Context<Self>) {
        let (majority, others) = (self.majority(), self.others(ctx));
        match message {
            Message::Put(request, value) if self.phase.is_none() => self.ask(request, from, Some(value), ctx),
            Message::Get(request) if self.phase.is_none() => self.ask(request, from, None, ctx),
            Message::Internal(Query(request)) => {
                ctx.send(from, Message::Internal(Answer(request, self.number, self.value)));
            }
            Message::Internal(Answer(asked, number, value)) => {
                let Some(Phase::Asking { request, client, write, answers }) = &mut self.phase else { return };
                if *request != asked {
                    return;
                }
                answers.insert(from, (number, value));
                if answers.len() < majority {
                    return;
                }
                let (latest, found) = *answers.values().max().expect("a majority is not empty");
                let (client, written) = (*client, *write);
                if written.is_none() && !self.records_reads {
                    self.phase = None;
                    return ctx.send(client, Message::GetOk(asked, found));
                }
                let (number, value, read) = match written {
                    Some(value) => ((latest.0 + 1, ctx.id()), value, None),
                    None => (latest, found, Some(found)),
                };
                ctx.broadcast(&others, Message::Internal(Record(asked, number, value)));
                self.keep(number, value);
                let done = BTreeSet::from([ctx.id()]);
                self.phase = Some(Phase::Recording { request: asked, client, read, done });
            }
            Message::Internal(Record(request, number, value)) => {
                ctx.send(from, Message::Internal(Recorded(request)));
                self.keep(number, value);
            }
            Message::Internal(Recorded(asked)) => {
                let Some(Phase::Recording { request, client, read, done }) = &mut self.phase else { return };
                if *request == asked && done.insert(from) && done.len() == majority {
                    let answer = match *read {
                        Some(value) => Message::GetOk(asked, value),
                        None => Message::PutOk(asked),
                    };
                    ctx.send(*client, answer);
                    self.phase = None;
                }
            }
            _ => {}
        }
    }
}

/// So many servers and clients.
pub fn cluster(servers: usize, clients: usize, seed: u64) -> Simulation<Message<Internal>> {
    register::cluster(servers, clients, seed, Server::new)
}

/// The same, with servers that answer reads at once.
pub fn broken_cluster(servers: usize, clients: usize, seed: u64) -> Simulation<Message<Internal>> {
    register::cluster(servers, clients, seed, |servers| Server {
        records_reads: false,
        ..Server::new(servers)
    })
}
