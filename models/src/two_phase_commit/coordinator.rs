//! The coordinator: collects promises, decides, and says so.
//!
//! Votes are kept in memory alone. A crash forgets them, and with them every transaction that was not
//! decided; the participants' questions, or a late promise, bring it up again.

use super::{Decision, Ledger, LogEntry, Message, Mistake, TransactionId};
use netsplit::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The time to promise is over.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct VotesDue(pub TransactionId);

/// The coordinator of any number of transactions.
#[derive(Clone, Debug, Hash)]
pub struct Coordinator {
    participants: Vec<NodeId>,
    vote_timeout: Duration,
    ledger: Ledger,
    /// Who has promised, for each transaction that is not decided.
    votes: BTreeMap<TransactionId, BTreeSet<NodeId>>,
    /// The transactions whose client waits for this node's answer.
    asked: BTreeSet<TransactionId>,
    mistake: Mistake,
}

impl Coordinator {
    /// The coordinator of `participants`, who gives them `vote_timeout` to promise.
    pub fn new(participants: Vec<NodeId>, vote_timeout: Duration) -> Self {
        Coordinator {
            participants,
            vote_timeout,
            ledger: Ledger::default(),
            votes: BTreeMap::new(),
            asked: BTreeSet::new(),
            mistake: Mistake::None,
        }
    }

    /// Makes a mistake.
    #[must_use]
    pub fn with(mut self, mistake: Mistake) -> Self {
        self.mistake = mistake;
        self
    }

    /// What it has decided.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Enabled always. A transaction that is not known begins here; one that is decided is answered.
    fn on_begin(&mut self, transaction: TransactionId, ctx: &mut Context<Self>) {
        match self.ledger.decision(transaction) {
            Some(decision) => ctx.send(transaction.client, Message::Reply(transaction, decision)),
            None => {
                self.asked.insert(transaction);
                self.collect(transaction, None, ctx);
            }
        }
    }

    /// Enabled always. A transaction that is not known begins with this vote: the sender was asked by the
    /// client, or this node forgot the transaction in a crash. Promises are stable, so both are the same.
    fn on_prepared(&mut self, from: NodeId, transaction: TransactionId, ctx: &mut Context<Self>) {
        if let Some(decision) = self.ledger.decision(transaction) {
            ctx.send(from, Message::Decided(transaction, decision));
            return;
        }
        self.collect(transaction, Some(from), ctx);
        let votes = self.votes.entry(transaction).or_default();
        votes.insert(from);
        if votes.len() == self.participants.len() {
            self.decide(transaction, Decision::Commit, ctx);
        }
    }

    /// Enabled while not decided. Nobody refuses what is committed: everybody had promised it.
    fn on_refused(&mut self, transaction: TransactionId, ctx: &mut Context<Self>) {
        if self.ledger.decision(transaction).is_none() {
            self.decide(transaction, Decision::Abort, ctx);
        }
    }

    /// Enabled unless the votes are being collected: then the outcome is yet to come. What is not known
    /// was never decided, and is aborted now, in writing: a late copy of the begin must not revive it.
    fn on_inquire(&mut self, from: NodeId, transaction: TransactionId, ctx: &mut Context<Self>) {
        match self.ledger.decision(transaction) {
            Some(decision) => ctx.send(from, Message::Decided(transaction, decision)),
            None if self.votes.contains_key(&transaction) => {}
            None if self.mistake == Mistake::PresumesCommit => {
                self.decide(transaction, Decision::Commit, ctx);
            }
            None => self.decide(transaction, Decision::Abort, ctx),
        }
    }

    /// Begins to collect votes, unless it has begun: asks everybody but the one who has voted already.
    fn collect(&mut self, transaction: TransactionId, voted: Option<NodeId>, ctx: &mut Context<Self>) {
        if self.votes.contains_key(&transaction) {
            return;
        }
        self.votes.insert(transaction, BTreeSet::new());
        for &participant in &self.participants {
            if Some(participant) != voted {
                ctx.send(participant, Message::Prepare(transaction));
            }
        }
        ctx.set_timer(VotesDue(transaction), self.vote_timeout);
    }

    /// Decides: in the log, and only then to everybody.
    fn decide(&mut self, transaction: TransactionId, decision: Decision, ctx: &mut Context<Self>) {
        self.votes.remove(&transaction);
        ctx.cancel_timer(&VotesDue(transaction));
        let early = self.mistake == Mistake::AnnouncesFirst;
        if early {
            ctx.broadcast(&self.participants, Message::Decided(transaction, decision));
        }
        self.ledger.write(LogEntry::Decided(transaction, decision), ctx);
        ctx.sync();
        if !early {
            ctx.broadcast(&self.participants, Message::Decided(transaction, decision));
        }
        if self.asked.remove(&transaction) {
            ctx.send(transaction.client, Message::Reply(transaction, decision));
        }
    }
}

impl Process for Coordinator {
    type Message = Message;
    type Timer = VotesDue;

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Begin(transaction) => self.on_begin(transaction, ctx),
            Message::Prepared(transaction) => self.on_prepared(from, transaction, ctx),
            Message::Refused(transaction) => self.on_refused(transaction, ctx),
            Message::Inquire(transaction) => self.on_inquire(from, transaction, ctx),
            Message::Prepare(_) | Message::Decided(..) | Message::Reply(..) => {}
        }
    }

    /// Enabled while votes are being collected, and only then set. Somebody has not promised in time.
    fn on_timer(&mut self, VotesDue(transaction): VotesDue, ctx: &mut Context<Self>) {
        self.decide(transaction, Decision::Abort, ctx);
    }

    /// Only decisions survive. Nobody is told: who is in doubt asks.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.ledger = Ledger::read(ctx.log());
    }
}
