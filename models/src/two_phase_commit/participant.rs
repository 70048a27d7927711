//! A participant: promises or refuses, and while it is in doubt, asks.

use super::{Decision, Ledger, LogEntry, Message, Mistake, TransactionId};
use netsplit::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

/// It is time to ask for the outcome.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct InquiryDue(pub TransactionId);

/// The gauge of how many transactions a participant is in doubt about: those it has promised, from when the
/// promise is stable, and has no outcome of. It stands while the participant is down, for the promise does.
pub const IN_DOUBT: &str = "in doubt";

/// A participant in any number of transactions.
#[derive(Clone, Debug, Hash)]
pub struct Participant {
    coordinator: NodeId,
    others: Vec<NodeId>,
    inquiry_interval: Duration,
    refusal_percent: u32,
    ledger: Ledger,
    /// The transactions whose client waits for this node's answer.
    asked: BTreeSet<TransactionId>,
    mistake: Mistake,
}

impl Participant {
    /// A participant under `coordinator` with `others`, who asks every `inquiry_interval` while in doubt
    /// and refuses this many transactions in a hundred.
    pub fn new(
        coordinator: NodeId,
        others: Vec<NodeId>,
        inquiry_interval: Duration,
        refusal_percent: u32,
    ) -> Self {
        Participant {
            coordinator,
            others,
            inquiry_interval,
            refusal_percent,
            ledger: Ledger::default(),
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

    /// What it has promised, and the outcomes it knows.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Enabled always. A client wants an answer from here. A promise, new or old, goes to the coordinator;
    /// a refusal concerns nobody else, for nobody else has heard of the transaction, or it will be asked.
    fn on_begin(&mut self, transaction: TransactionId, ctx: &mut Context<Self>) {
        self.make_up_its_mind(transaction, ctx);
        match self.ledger.decision(transaction) {
            Some(decision) => ctx.send(transaction.client, Message::Reply(transaction, decision)),
            None => {
                self.asked.insert(transaction);
                ctx.send(self.coordinator, Message::Prepared(transaction));
            }
        }
    }

    /// Enabled always. A coordinator that asks again has forgotten the answer in a crash, or this is a
    /// copy of its question.
    fn on_prepare(&mut self, transaction: TransactionId, ctx: &mut Context<Self>) {
        self.make_up_its_mind(transaction, ctx);
        match self.ledger.decision(transaction) {
            None => ctx.send(self.coordinator, Message::Prepared(transaction)),
            Some(Decision::Abort) => ctx.send(self.coordinator, Message::Refused(transaction)),
            // The question is old: it was the coordinator who decided this.
            Some(Decision::Commit) => {}
        }
    }

    /// Enabled unless this node is in doubt too. If it has promised nothing it may still decide alone, and
    /// from then on it will refuse.
    fn on_inquire(&mut self, from: NodeId, transaction: TransactionId, ctx: &mut Context<Self>) {
        if self.ledger.is_in_doubt(transaction) {
            return;
        }
        if self.ledger.decision(transaction).is_none() {
            self.abort_alone(transaction, ctx);
        }
        if let Some(decision) = self.ledger.decision(transaction) {
            ctx.send(from, Message::Decided(transaction, decision));
        }
    }

    /// Enabled while the outcome is not known here. Its record need not be stable: see the rule in the
    /// documentation of the model.
    fn on_decided(&mut self, transaction: TransactionId, decision: Decision, ctx: &mut Context<Self>) {
        if self.ledger.decision(transaction).is_some() {
            return;
        }
        self.ledger.write(LogEntry::Decided(transaction, decision), ctx);
        self.count(ctx);
        ctx.cancel_timer(&InquiryDue(transaction));
        if self.asked.remove(&transaction) {
            ctx.send(transaction.client, Message::Reply(transaction, decision));
        }
    }

    /// Promises or aborts, in the log, unless it has done either before.
    fn make_up_its_mind(&mut self, transaction: TransactionId, ctx: &mut Context<Self>) {
        if self.ledger.is_in_doubt(transaction) || self.ledger.decision(transaction).is_some() {
            return;
        }
        if ctx.chance(self.refusal_percent, 100) {
            self.abort_alone(transaction, ctx);
        } else {
            self.ledger.write(LogEntry::Prepared(transaction), ctx);
            ctx.sync();
            self.count(ctx);
            ctx.set_timer(InquiryDue(transaction), self.inquiry_interval);
        }
    }

    /// Stable before anybody hears of it: after a crash it must not promise what it has refused.
    fn abort_alone(&mut self, transaction: TransactionId, ctx: &mut Context<Self>) {
        self.ledger.write(LogEntry::Decided(transaction, Decision::Abort), ctx);
        ctx.sync();
    }

    fn count(&self, ctx: &mut Context<Self>) {
        ctx.gauge(IN_DOUBT, self.ledger.in_doubt().len() as u64);
    }

    fn inquire(&mut self, transaction: TransactionId, ctx: &mut Context<Self>) {
        ctx.send(self.coordinator, Message::Inquire(transaction));
        ctx.broadcast(&self.others, Message::Inquire(transaction));
        ctx.set_timer(InquiryDue(transaction), self.inquiry_interval);
    }
}

impl Process for Participant {
    type Message = Message;
    type Timer = InquiryDue;

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Begin(transaction) => self.on_begin(transaction, ctx),
            Message::Prepare(transaction) => self.on_prepare(transaction, ctx),
            Message::Inquire(transaction) => self.on_inquire(from, transaction, ctx),
            Message::Decided(transaction, decision) => self.on_decided(transaction, decision, ctx),
            Message::Prepared(_) | Message::Refused(_) | Message::Reply(..) => {}
        }
    }

    /// Enabled while in doubt, and only then set.
    fn on_timer(&mut self, InquiryDue(transaction): InquiryDue, ctx: &mut Context<Self>) {
        match self.mistake {
            Mistake::AbortsAlone => self.on_decided(transaction, Decision::Abort, ctx),
            _ => self.inquire(transaction, ctx),
        }
    }

    /// What was promised before the crash is in doubt now, and is asked about at once.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.ledger = Ledger::read(ctx.log());
        self.count(ctx);
        let in_doubt: Vec<TransactionId> = self.ledger.in_doubt().collect();
        for transaction in in_doubt {
            self.inquire(transaction, ctx);
        }
    }
}
