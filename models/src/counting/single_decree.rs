//! Single-decree Paxos as a register that is written once (Lamport, "Paxos Made Simple", 2001).
//!
//! Every server is proposer and acceptor; what it would send itself takes place at once. The state and the actions
//! are those of Stateright's `examples/paxos.rs`. For a Paxos that survives crashes see [`paxos`](crate::paxos).

use super::register::{self, Message};
use netsplit::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds are ordered by their number, then by who leads them.
type Ballot = (u64, NodeId);
/// Request, client and value.
type Proposal = (u64, NodeId, char);
type Accepted = Option<(Ballot, Proposal)>;

/// What servers say among themselves.
#[derive(Clone, Debug, Hash, PartialEq)]
pub enum Internal {
    /// Phase 1a.
    Prepare(Ballot),
    /// Phase 1b, with what was accepted last.
    Prepared(Ballot, Accepted),
    /// Phase 2a.
    Accept(Ballot, Proposal),
    /// Phase 2b.
    Accepted(Ballot),
    /// It is chosen.
    Decided(Ballot, Proposal),
}
use Internal::*;

/// A server.
#[derive(Clone, Debug, Hash)]
pub struct Server {
    servers: usize,
    /// The latest that it has promised itself to.
    ballot: Ballot,
    proposal: Option<Proposal>,
    prepares: BTreeMap<NodeId, Accepted>,
    accepts: BTreeSet<NodeId>,
    accepted: Accepted,
    /// Whether it knows what is chosen, which is what it accepted.
    pub decided: bool,
}

impl Server {
    /// One of so many.
    pub fn new(servers: usize) -> Self {
        Server {
            servers,
            ballot: (0, NodeId::new(0)),
            proposal: None,
            prepares: BTreeMap::new(),
            accepts: BTreeSet::new(),
            accepted: None,
            decided: false,
        }
    }

    /// What it has accepted last.
    pub fn value(&self) -> Option<char> {
        self.accepted.map(|(_, (_, _, value))| value)
    }

    fn others(&self, ctx: &Context<Self>) -> Vec<NodeId> {
        (0..self.servers).map(NodeId::new).filter(|id| *id != ctx.id()).collect()
    }

    fn is_majority(&self, count: usize) -> bool {
        count == self.servers / 2 + 1
    }
}

impl Process for Server {
    type Message = Message<Internal>;
    type Timer = ();

    fn on_message(&mut self, from: NodeId, message: Message<Internal>, ctx: &mut Context<Self>) {
        if self.decided {
            // Who does not know what is chosen does not answer: it may be decided elsewhere.
            if let (Message::Get(number), Some(value)) = (message, self.value()) {
                ctx.send(from, Message::GetOk(number, value));
            }
            return;
        }
        let others = self.others(ctx);
        match message {
            Message::Put(number, value) if self.proposal.is_none() => {
                self.proposal = Some((number, from, value));
                self.ballot = (self.ballot.0 + 1, ctx.id());
                self.prepares = BTreeMap::from([(ctx.id(), self.accepted)]);
                self.accepts.clear();
                ctx.broadcast(&others, Message::Internal(Prepare(self.ballot)));
            }
            Message::Internal(Prepare(ballot)) if self.ballot < ballot => {
                self.ballot = ballot;
                ctx.send(from, Message::Internal(Prepared(ballot, self.accepted)));
            }
            Message::Internal(Prepared(ballot, accepted)) if ballot == self.ballot => {
                self.prepares.insert(from, accepted);
                if self.is_majority(self.prepares.len()) {
                    // What a majority may have accepted, the last ballot of this one has.
                    let last = self.prepares.values().max().copied().flatten();
                    let proposal = last.map(|(_, proposal)| proposal).or(self.proposal);
                    let proposal = proposal.expect("who leads a ballot has something to propose");
                    self.proposal = Some(proposal);
                    self.accepted = Some((ballot, proposal));
                    self.accepts.insert(ctx.id());
                    ctx.broadcast(&others, Message::Internal(Accept(ballot, proposal)));
                }
            }
            Message::Internal(Accept(ballot, proposal)) if self.ballot <= ballot => {
                self.ballot = ballot;
                self.accepted = Some((ballot, proposal));
                ctx.send(from, Message::Internal(Accepted(ballot)));
            }
            Message::Internal(Accepted(ballot)) if ballot == self.ballot => {
                self.accepts.insert(from);
                if self.is_majority(self.accepts.len()) {
                    self.decided = true;
                    let proposal = self.proposal.expect("who leads a ballot has something to propose");
                    ctx.broadcast(&others, Message::Internal(Decided(ballot, proposal)));
                    let (number, client, _) = proposal;
                    ctx.send(client, Message::PutOk(number));
                }
            }
            Message::Internal(Decided(ballot, proposal)) => {
                self.ballot = ballot;
                self.accepted = Some((ballot, proposal));
                self.decided = true;
            }
            _ => {}
        }
    }
}

/// So many servers and clients.
pub fn cluster(servers: usize, clients: usize, seed: u64) -> Simulation<Message<Internal>> {
    register::cluster(servers, clients, seed, Server::new)
}
