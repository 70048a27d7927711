//! Single-decree Paxos: proposers and acceptors choose one value, as in Lamport, "Paxos Made Simple",
//! 2001, section 2.
//!
//! A *proposer* first asks every acceptor to *prepare* for its ballot. An *acceptor* that has promised no
//! higher ballot promises to take part in no lower one from then on, and reports the last value it accepted
//! (phase 1). With promises from a majority, the proposer asks the acceptors to *accept* a value: that of
//! the highest ballot reported, or its own if none was (phase 2). A value is *chosen* when a majority has
//! accepted it in one ballot, whether or not anybody knows yet.
//!
//! Why nothing else is ever chosen: two majorities share an acceptor. Once a value is chosen in a ballot,
//! whoever prepares a higher one hears of it from that shared acceptor, or is the reason why the acceptor
//! refused it; so every higher ballot proposes the same value.
//!
//! Assumed: messages may be lost, delayed, duplicated and reordered, not forged; nodes crash and restart
//! with what they have on stable storage. That is the acceptor's promise and votes, and the proposer's
//! last ballot: each is durable *before* a message tells of it. Liveness needs luck or a back-off: two
//! proposers can outbid each other for ever, as `examples/paxos_duel.rs` shows.
//!
//! Proposers stand for election here: each proposes itself. Each goes on with higher and higher ballots
//! until one of its own succeeds, and so learns the chosen value without a learner.

mod consensus;
mod parameters;

pub use consensus::Consensus;
pub use parameters::{Parameters, Paxos};

use netsplit::node::Nodes;
use netsplit::prelude::*;
use netsplit::process::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// The number of a proposal: no two proposers share one, and any two compare. Written `7.n4`.
#[derive(Clone, Copy, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ballot {
    /// Which attempt; compared first.
    pub round: u64,
    /// Who made it.
    pub proposer: NodeId,
}

impl fmt::Debug for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.round, self.proposer)
    }
}

/// What is proposed: a proposer, for whatever it is to lead.
pub type Value = NodeId;

/// A value accepted in a ballot.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vote {
    /// The ballot; compared first.
    pub ballot: Ballot,
    /// The value.
    pub value: Value,
}

/// What proposers and acceptors say to each other.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Message {
    /// Phase 1a, to acceptors: will you take part in this ballot?
    Prepare(Ballot),
    /// Phase 1b: yes, and in no lower one; and this is the last vote, if there was one.
    Promise(Ballot, Option<Vote>),
    /// Phase 2a, to acceptors: vote for this.
    Accept(Vote),
    /// Phase 2b: voted in this ballot.
    Accepted(Ballot),
    /// Neither: the first ballot is refused because of a promise to the second.
    Rejected(Ballot, Ballot),
}

/// A known mistake, to be studied: each breaks one of the rules above. See [`zoo`](crate::zoo).
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mistake {
    /// None: this is Paxos.
    #[default]
    None,
    /// An acceptor comes back from a crash without its promise.
    ForgetsPromise,
    /// An acceptor votes in a ballot although it has promised a higher one.
    AcceptsBelowPromise,
    /// A proposer proposes its own value whatever the promises report.
    IgnoresAcceptedValues,
    /// A proposer takes one acceptor less than a majority for a quorum.
    SmallQuorum,
    /// A proposer counts acceptances of its earlier ballots, too.
    CountsBallotsTogether,
}

/// The record that holds an acceptor's promise. Its votes are its log.
const PROMISED: &str = "promised";
/// The record that holds the highest round a proposer has used.
const ROUND: &str = "round";

/// How many of `count` acceptors are a majority.
pub(crate) fn majority(count: usize) -> usize {
    count / 2 + 1
}

/// An acceptor: remembers the highest ballot it has promised, and its votes.
#[derive(Clone, Debug, Hash, Default)]
pub struct Acceptor {
    promised: Option<Ballot>,
    vote: Option<Vote>,
    mistake: Mistake,
}

impl Acceptor {
    /// Makes a mistake.
    #[must_use]
    pub fn with(mut self, mistake: Mistake) -> Self {
        self.mistake = mistake;
        self
    }

    /// Promises `ballot`, so that all lower ones will be refused. Not durable before the next sync.
    fn promise(&mut self, ballot: Ballot, ctx: &mut Context<Self>) {
        self.promised = Some(ballot);
        ctx.write(PROMISED, &ballot);
    }
}

impl Process for Acceptor {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            // Phase 1b: enabled unless a higher ballot has been promised. The same ballot again is a
            // duplicate, and is given the same answer.
            Message::Prepare(ballot) if self.promised <= Some(ballot) => {
                self.promise(ballot, ctx);
                ctx.sync();
                ctx.send(from, Message::Promise(ballot, self.vote));
            }
            // Phase 2b: enabled unless a higher ballot has been promised. It need not have promised this one.
            Message::Accept(vote)
                if self.promised <= Some(vote.ballot) || self.mistake == Mistake::AcceptsBelowPromise =>
            {
                self.promise(vote.ballot.max(self.promised.unwrap_or(vote.ballot)), ctx);
                if self.vote != Some(vote) {
                    self.vote = Some(vote);
                    ctx.append(&vote);
                }
                ctx.sync();
                ctx.send(from, Message::Accepted(vote.ballot));
            }
            // "It should probably inform the proposer, who should then abandon its proposal."
            Message::Prepare(ballot) | Message::Accept(Vote { ballot, .. }) => {
                let promised = self.promised.expect("a ballot is refused because of a promise");
                ctx.send(from, Message::Rejected(ballot, promised));
            }
            Message::Promise(..) | Message::Accepted(_) | Message::Rejected(..) => {}
        }
    }

    /// A vote that a crash has torn was never told to anybody.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        if self.mistake != Mistake::ForgetsPromise {
            self.promised = ctx.read(PROMISED).expect("the promise was written as a ballot");
        }
        self.vote = ctx.log().flatten().last();
    }
}

/// How long a proposer waits before it tries again.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Backoff {
    /// Always the same span.
    Equal(Duration),
    /// Every span between the two, both included, equally likely.
    Random(Duration, Duration),
}

/// What a proposer knows of its ballot.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Phase {
    /// It is waiting to begin one.
    Waiting,
    /// Phase 1: who has promised, and the vote that each reported.
    Preparing(BTreeMap<NodeId, Option<Vote>>),
    /// Phase 2: the value, and who has accepted it.
    Accepting(Value, BTreeSet<NodeId>),
    /// The ballot succeeded: this is chosen.
    Decided(Value),
}

/// What wakes a proposer.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Timer {
    /// It is time for the next ballot.
    Begin,
    /// The ballot has taken too long.
    TimeOut,
}

/// A proposer: tries ballot after ballot until one succeeds.
#[derive(Clone, Debug, Hash)]
pub struct Proposer {
    acceptors: Vec<NodeId>,
    /// When it begins, after its start.
    begin: Duration,
    timeout: Duration,
    backoff: Backoff,
    /// The highest round it has used or heard of.
    round: u64,
    phase: Phase,
    /// The operation, numbered by its first round: to learn what is chosen.
    operation: Option<u64>,
    mistake: Mistake,
}

impl Proposer {
    /// A proposer that begins at its start, and gives a ballot up after `timeout`.
    pub fn new(acceptors: impl Nodes, timeout: Duration, backoff: Backoff) -> Self {
        let (acceptors, begin, phase) = (acceptors.ids(), Duration::ZERO, Phase::Waiting);
        let mistake = Mistake::None;
        Proposer { acceptors, begin, timeout, backoff, round: 0, phase, operation: None, mistake }
    }

    /// Makes a mistake.
    #[must_use]
    pub fn with(mut self, mistake: Mistake) -> Self {
        self.mistake = mistake;
        self
    }

    /// Begins this long after its start.
    #[must_use]
    pub fn beginning_after(mut self, begin: Duration) -> Self {
        self.begin = begin;
        self
    }

    /// The highest round that it has used or heard of.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// The value that it knows to be chosen.
    pub fn decided(&self) -> Option<Value> {
        match self.phase {
            Phase::Decided(value) => Some(value),
            _ => None,
        }
    }

    fn ballot(&self, ctx: &Context<Self>) -> Ballot {
        Ballot { round: self.round, proposer: ctx.id() }
    }

    /// Whether a ballot is the one under way.
    fn is_current(&self, ballot: Ballot, ctx: &Context<Self>) -> bool {
        let under_way = matches!(self.phase, Phase::Preparing(_) | Phase::Accepting(..));
        under_way && ballot == self.ballot(ctx)
    }

    /// How many acceptors are enough.
    fn quorum(&self) -> usize {
        majority(self.acceptors.len()) - usize::from(self.mistake == Mistake::SmallQuorum)
    }

    /// Phase 1a: enabled at any time. The round is durable before anybody hears of it, so that no crash
    /// makes the proposer use it twice.
    fn prepare(&mut self, ctx: &mut Context<Self>) {
        self.round += 1;
        self.phase = Phase::Preparing(BTreeMap::new());
        if self.operation.is_none() {
            self.operation = Some(self.round);
            ctx.invoke(self.round, "learn what is chosen");
        }
        ctx.write(ROUND, &self.round);
        ctx.sync();
        ctx.broadcast(&self.acceptors, Message::Prepare(self.ballot(ctx)));
        ctx.set_timer(Timer::TimeOut, self.timeout);
    }

    /// Phase 2a: enabled when a majority has promised. The value is that of the highest vote among the
    /// promises; without a vote the proposer is free to propose its own.
    fn accept(&mut self, ctx: &mut Context<Self>) {
        let Phase::Preparing(promises) = &self.phase else { return };
        if promises.len() < self.quorum() {
            return;
        }
        let reported = promises.values().flatten().max();
        let reported = reported.filter(|_| self.mistake != Mistake::IgnoresAcceptedValues);
        let value = reported.map_or(ctx.id(), |vote| vote.value);
        self.phase = Phase::Accepting(value, BTreeSet::new());
        ctx.broadcast(&self.acceptors, Message::Accept(Vote { ballot: self.ballot(ctx), value }));
    }

    /// Enabled when a majority has accepted.
    fn decide(&mut self, ctx: &mut Context<Self>) {
        let Phase::Accepting(value, accepted) = &self.phase else { return };
        if accepted.len() < self.quorum() {
            return;
        }
        let value = *value;
        self.phase = Phase::Decided(value);
        ctx.cancel_timer(&Timer::TimeOut);
        let operation = self.operation.expect("a ballot is part of an operation");
        ctx.respond(operation, Outcome::Ok, value);
    }

    /// Enabled while a ballot is under way; necessary if it was refused or takes too long.
    fn give_up(&mut self, ctx: &mut Context<Self>) {
        self.phase = Phase::Waiting;
        ctx.cancel_timer(&Timer::TimeOut);
        let span = match self.backoff {
            Backoff::Equal(span) => span,
            Backoff::Random(low, high) => ctx.span_between(low, high),
        };
        ctx.set_timer(Timer::Begin, span);
    }
}

impl Process for Proposer {
    type Message = Message;
    type Timer = Timer;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        match self.begin.is_zero() {
            true => self.prepare(ctx),
            false => ctx.set_timer(Timer::Begin, self.begin),
        }
    }

    /// Answers to earlier ballots come too late to matter.
    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Promise(ballot, vote) if self.is_current(ballot, ctx) => {
                if let Phase::Preparing(promises) = &mut self.phase {
                    promises.insert(from, vote);
                    self.accept(ctx);
                }
            }
            Message::Accepted(ballot)
                if self.is_current(ballot, ctx) || self.mistake == Mistake::CountsBallotsTogether =>
            {
                if let Phase::Accepting(_, accepted) = &mut self.phase {
                    accepted.insert(from);
                    self.decide(ctx);
                }
            }
            Message::Rejected(ballot, promised) if self.is_current(ballot, ctx) => {
                self.round = self.round.max(promised.round);
                self.give_up(ctx);
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        match timer {
            Timer::Begin => self.prepare(ctx),
            Timer::TimeOut => self.give_up(ctx),
        }
    }

    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.round = ctx.read(ROUND).expect("the round was written as a number").unwrap_or(0);
        self.on_start(ctx);
    }
}

/// Every value that has been chosen at any time: what a majority of acceptors voted for in one ballot.
///
/// It is read from stable storage, where every vote stays, so that a crashed acceptor counts and a chosen
/// value stays chosen when its acceptors vote again. A vote that is not durable yet counts, too: its
/// acceptor does nothing else until it is.
pub fn chosen(world: &World<Message>) -> BTreeSet<Value> {
    let acceptors: Vec<NodeId> = world.nodes_of::<Acceptor>().map(NodeId::from).collect();
    let mut votes: BTreeMap<Vote, BTreeSet<NodeId>> = BTreeMap::new();
    for &acceptor in &acceptors {
        for vote in world.storage(acceptor).log().flatten() {
            votes.entry(vote).or_default().insert(acceptor);
        }
    }
    let by_majority = |(_, voters): &(Vote, BTreeSet<NodeId>)| voters.len() >= majority(acceptors.len());
    votes.into_iter().filter(by_majority).map(|(vote, _)| vote.value).collect()
}
