//! The acceptor in a replica: one promise for all slots, and a vote for each slot.
//!
//! Both are on stable storage: the promise as a record, the votes as a log in which a later vote for a
//! slot replaces an earlier one. Nothing here syncs; the replica does before it tells anybody.

use super::{Command, Replica, Slot};
use crate::paxos::Ballot;
use netsplit::process::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A command accepted in a ballot.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vote {
    /// The ballot; compared first.
    pub ballot: Ballot,
    /// The command.
    pub command: Command,
}

/// The record that holds the promise.
const PROMISED: &str = "promised";

/// An acceptor of every slot.
#[derive(Clone, Debug, Hash, Default)]
pub(super) struct Acceptor {
    promised: Option<Ballot>,
    votes: BTreeMap<Slot, Vote>,
}

impl Acceptor {
    /// The acceptor as it was before a crash. A vote that the crash has torn was never told to anybody.
    pub(super) fn recovered(ctx: &Context<Replica>) -> Self {
        let promised = ctx.read(PROMISED).expect("the promise was written as a ballot");
        let votes = ctx.log::<(Slot, Vote)>().flatten().collect();
        Acceptor { promised, votes }
    }

    /// The highest ballot that it has promised to take part in.
    pub(super) fn promised(&self) -> Option<Ballot> {
        self.promised
    }

    /// The promise because of which it refuses `ballot`, if it does.
    pub(super) fn refuses(&self, ballot: Ballot) -> Option<Ballot> {
        self.promised.filter(|promised| *promised > ballot)
    }

    /// Phase 1b: enabled unless it refuses `ballot`.
    pub(super) fn promise(&mut self, ballot: Ballot, ctx: &mut Context<Replica>) {
        if self.promised != Some(ballot) {
            self.promised = Some(ballot);
            ctx.write(PROMISED, &ballot);
        }
    }

    /// Phase 2b: enabled unless it refuses the vote's ballot.
    pub(super) fn accept(&mut self, slot: Slot, vote: Vote, ctx: &mut Context<Replica>) {
        self.promise(vote.ballot, ctx);
        if self.votes.get(&slot) != Some(&vote) {
            self.votes.insert(slot, vote);
            ctx.append(&(slot, vote));
        }
    }

    /// Its votes for slots from `first` on.
    pub(super) fn votes_from(&self, first: Slot) -> BTreeMap<Slot, Vote> {
        self.votes.range(first..).map(|(&slot, &vote)| (slot, vote)).collect()
    }
}
