//! Two-phase commit with logs, time-outs, recovery and cooperative termination.
//!
//! Several nodes, the *participants*, each hold a part of a transaction, and all are to commit it or none.
//! One node, the *coordinator*, asks everybody to *prepare*: to promise, in writing, to commit if told so
//! and to abort if told so. If all promise it decides to commit; if somebody refuses, or stays silent for
//! too long, it decides to abort. Then it says so. J. N. Gray described the protocol in "Notes on Data Base
//! Operating Systems" (1978); C. Mohan, B. Lindsay and R. Obermarck worked out what must be in the logs in
//! "Transaction Management in the R* Distributed Database Management System" (TODS 1986); the names of the
//! properties below are from chapter 7 of P. A. Bernstein, V. Hadzilacos and N. Goodman, "Concurrency
//! Control and Recovery in Database Systems" (1987).
//!
//! ```text
//! client        participant-0   coordinator   participant-1
//!   | Begin         |               |               |
//!   |-------------->| log Prepared  |               |
//!   |               | Prepared      |               |
//!   |               |-------------->| Prepare       |
//!   |               |               |-------------->| log Prepared
//!   |               |               |      Prepared |
//!   |               |    log commit |<--------------|
//!   |         Reply |       Decided | Decided       |
//!   |<--------------|<--------------|-------------->|
//! ```
//!
//! With N participants that is 3N-1 messages and N+1 stable writes, and the last participant knows the
//! outcome after 4 message delays (Gray and Lamport, "Consensus on Transaction Commit", TODS 2006, section
//! 6). A transaction can also begin at the coordinator: 3N messages and 3 delays.
//!
//! **One rule makes it safe**: whoever promises or decides has it in stable storage before telling anybody.
//! This holds for a promise, for the coordinator's commit and abort, and for the abort of a participant
//! that has promised nothing and so may still decide alone. What is passed on needs no stable write: it is
//! stable where it was decided, and a participant that forgets an outcome is in doubt again and asks again.
//! So a participant's own record of the outcome is written but not waited for.
//!
//! That an abort must be stable too is the price of a vote that can begin a transaction; in Mohan's
//! *presumed abort* it need not be. The history that breaks it otherwise: the coordinator times out, tells
//! participant-0 to abort, and crashes with nothing in its log. A late copy of participant-0's promise
//! begins the transaction again, participant-1's promise completes it, and what is aborted at
//! participant-0 commits.
//!
//! **There are no acknowledgements.** Instead of a coordinator that repeats itself until all have
//! acknowledged, a participant that is *in doubt* (it has promised and knows no outcome) asks, again and
//! again: the coordinator, and the other participants (cooperative termination). Who knows the outcome
//! answers. A participant that is asked about something it has not promised aborts it and says so. A
//! coordinator that is asked about something it has no record of, perhaps because it crashed before it
//! decided, does the same. Who is in doubt too cannot help: if all participants are in doubt and the
//! coordinator is down, they are *blocked* for as long as it is. D. Skeen, "Nonblocking Commit Protocols"
//! (SIGMOD 1981), shows why: the one who is down may have gone either way. A third phase cures it where
//! nodes crash but links never fail; Paxos Commit cures it by replicating the coordinator's part.
//!
//! It assumes that nodes crash and come back with what they had synced, and that messages may be lost,
//! duplicated, delayed and overtaken but not altered. It leaves out what two-phase commit needs in a
//! database beyond its own log: locks, the redo and undo of data, and the truncation of logs. Nobody ever
//! forgets an outcome that is in its log; to know when that is safe is what acknowledgements are for.

mod coordinator;
mod parameters;
mod participant;

pub use coordinator::{Coordinator, VotesDue};
pub use parameters::{Cluster, Parameters, StartAt, Transactions, TwoPhaseCommit, add_cluster};
pub use participant::{IN_DOUBT, InquiryDue, Participant};

use netsplit::client::RequestId;
use netsplit::prelude::*;
use netsplit::storage::StorageError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Names a transaction. It is the client's request, so that a client that asks again, even elsewhere, asks
/// for the same transaction.
pub type TransactionId = RequestId;

/// How a transaction ends.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// It takes place everywhere.
    Commit,
    /// It takes place nowhere.
    Abort,
}

/// What clients, participants and the coordinator say to each other.
#[derive(Clone, Debug, Hash, PartialEq)]
pub enum Message {
    /// A client asks for a transaction.
    Begin(TransactionId),
    /// The coordinator asks for a promise.
    Prepare(TransactionId),
    /// The sender promises. From the participant that the client asked, this is also the coordinator's
    /// first word of the transaction.
    Prepared(TransactionId),
    /// The sender has aborted.
    Refused(TransactionId),
    /// The sender knows the outcome: it has decided, or somebody has told it.
    Decided(TransactionId, Decision),
    /// The sender is in doubt.
    Inquire(TransactionId),
    /// The client's answer.
    Reply(TransactionId, Decision),
}

/// A known mistake, to be studied: each breaks the rule above. See [`zoo`](crate::zoo).
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mistake {
    /// None: this is two-phase commit.
    #[default]
    None,
    /// A participant that is in doubt for too long aborts alone.
    AbortsAlone,
    /// The coordinator tells its decision before it is in the log.
    AnnouncesFirst,
    /// The coordinator takes what it has no record of for committed.
    PresumesCommit,
}

/// An entry in a node's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogEntry {
    /// This node has promised to do what it is told.
    Prepared(TransactionId),
    /// This is the outcome.
    Decided(TransactionId, Decision),
}

/// A node's log, read into memory: which transactions it has promised, and which outcomes it knows.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Ledger {
    in_doubt: BTreeSet<TransactionId>,
    decided: BTreeMap<TransactionId, Decision>,
    /// The last outcome that was entered, for [`atomic`]; none if the log has just been read.
    last: Option<TransactionId>,
}

impl Ledger {
    /// Reads a log. A torn entry was never synced, so nobody was told of it.
    ///
    /// # Panics
    /// If the log holds anything else.
    fn read(log: impl Iterator<Item = Result<LogEntry, StorageError>>) -> Self {
        let mut ledger = Ledger::default();
        for entry in log {
            match entry {
                Ok(entry) => ledger.enter(entry),
                Err(StorageError::Torn) => {}
                Err(error) => panic!("the log of a node of two-phase commit: {error}"),
            }
        }
        ledger.last = None;
        ledger
    }

    /// Appends `entry` to the log. It is stable after the next sync.
    fn write<P: Process>(&mut self, entry: LogEntry, ctx: &mut Context<P>) {
        ctx.append(&entry);
        self.enter(entry);
    }

    fn enter(&mut self, entry: LogEntry) {
        match entry {
            LogEntry::Prepared(transaction) => {
                self.in_doubt.insert(transaction);
            }
            LogEntry::Decided(transaction, decision) => {
                self.in_doubt.remove(&transaction);
                self.decided.insert(transaction, decision);
                self.last = Some(transaction);
            }
        }
    }

    /// Whether the node has promised `transaction` and knows no outcome.
    pub fn is_in_doubt(&self, transaction: TransactionId) -> bool {
        self.in_doubt.contains(&transaction)
    }

    /// The transactions the node is in doubt about.
    pub fn in_doubt(&self) -> impl ExactSizeIterator<Item = TransactionId> {
        self.in_doubt.iter().copied()
    }

    /// The outcome of `transaction`, if the node knows it.
    pub fn decision(&self, transaction: TransactionId) -> Option<Decision> {
        self.decided.get(&transaction).copied()
    }

    /// The outcomes the node knows.
    pub fn decisions(&self) -> impl Iterator<Item = (TransactionId, Decision)> {
        self.decided.iter().map(|(&transaction, &decision)| (transaction, decision))
    }
}

/// What `node` knows; if it is crashed, what it will know again after its restart.
pub fn ledger(world: &World<Message>, node: NodeId) -> Cow<'_, Ledger> {
    if let Some(coordinator) = world.get::<Coordinator>(node) {
        return Cow::Borrowed(coordinator.ledger());
    }
    match world.get::<Participant>(node) {
        Some(participant) => Cow::Borrowed(participant.ledger()),
        None => Cow::Owned(Ledger::read(world.storage(node).log())),
    }
}

fn coordinators(world: &World<Message>) -> Vec<Cow<'_, Ledger>> {
    world.nodes_of::<Coordinator>().map(|node| ledger(world, node.id())).collect()
}

fn participants(world: &World<Message>) -> Vec<Cow<'_, Ledger>> {
    world.nodes_of::<Participant>().map(|node| ledger(world, node.id())).collect()
}

fn everybody(world: &World<Message>) -> Vec<Cow<'_, Ledger>> {
    [coordinators(world), participants(world)].concat()
}

/// Atomicity: no two nodes that are up know different outcomes of one transaction (AC1).
///
/// It is asked after every event, so it looks at what is new: at the last outcome that a node entered, and
/// at all that it knows if it has just restarted. Whoever enters a second outcome for a transaction
/// differs there and then from the first, or, if the first is down, when that one restarts.
pub fn atomic(world: &World<Message>) -> bool {
    let coordinators = world.each::<Coordinator>().map(Coordinator::ledger);
    let ledgers: Vec<&Ledger> =
        coordinators.chain(world.each::<Participant>().map(Participant::ledger)).collect();
    let agree = |(transaction, decision)| {
        ledgers.iter().all(|other| other.decision(transaction).is_none_or(|known| known == decision))
    };
    ledgers.iter().all(|ledger| match ledger.last {
        Some(last) => ledger.decision(last).is_none_or(|decision| agree((last, decision))),
        None => ledger.decisions().all(agree),
    })
}

/// The same of all transactions ever, and of nodes that are down too. It reads every log.
pub fn atomic_in_every_log(world: &World<Message>) -> bool {
    let mut outcomes: BTreeMap<TransactionId, Decision> = BTreeMap::new();
    everybody(world).iter().flat_map(|ledger| ledger.decisions()).all(|(transaction, decision)| {
        let first = outcomes.entry(transaction).or_insert(decision);
        *first == decision
    })
}

/// No transaction is known to be committed anywhere unless the coordinator has decided so and every
/// participant has promised (AC3, and the rule above). It reads every log.
pub fn justified(world: &World<Message>) -> bool {
    let commit = Some(Decision::Commit);
    let (coordinators, participants) = (coordinators(world), participants(world));
    let decided = |transaction| coordinators.iter().all(|ledger| ledger.decision(transaction) == commit);
    let promised = |transaction| {
        let has_promised = |ledger: &Cow<'_, Ledger>| {
            ledger.is_in_doubt(transaction) || ledger.decision(transaction) == commit
        };
        participants.iter().all(has_promised)
    };
    coordinators.iter().chain(&participants).flat_map(|ledger| ledger.decisions()).all(
        |(transaction, decision)| {
            decision == Decision::Abort || decided(transaction) && promised(transaction)
        },
    )
}

/// Whether some participant, up or crashed, is in doubt about some transaction.
pub fn somebody_is_in_doubt(world: &World<Message>) -> bool {
    participants(world).iter().any(|ledger| ledger.in_doubt().next().is_some())
}

/// Whether some node, up or crashed, knows of a transaction that ended with `decision`.
pub fn some_transaction_ended(world: &World<Message>, decision: Decision) -> bool {
    everybody(world).iter().any(|ledger| ledger.decisions().any(|(_, known)| known == decision))
}
