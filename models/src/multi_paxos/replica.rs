//! A replica: proposer, acceptor and learner in one process.

use super::acceptor::Acceptor;
use super::learner::Learner;
use super::{Command, Message, Slot, Vote};
use crate::paxos::{Ballot, majority};
use netsplit::client::{KeyValueOperation, KeyValueResponse, RequestId};
use netsplit::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How a replica behaves.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Options {
    /// Whether it campaigns as soon as it starts. After a crash it does not.
    pub campaigns_at_start: bool,
    /// How often a leader lets the others hear of it.
    pub heartbeat_interval: Duration,
    /// How long a replica that hears of no leader waits before it campaigns, up to twice as long.
    pub election_timeout: Duration,
    /// A mistake to study.
    pub mistake: Mistake,
}

/// A known mistake, to be studied. See [`zoo`](crate::zoo).
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mistake {
    /// None.
    #[default]
    None,
    /// Whoever believes that it leads answers reads by itself, without the log.
    ServesReadsAlone,
    /// A request that was sent twice is applied twice.
    AppliesRetries,
}

/// What wakes a replica.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Timer {
    /// Nobody leads, as it seems.
    Election,
    /// The next heartbeat is due.
    Heartbeat,
}

/// What a replica is to the others. A candidate and a leader have promised their own ballot.
#[derive(Clone, Debug, Hash)]
enum Role {
    /// It follows the proposer of the highest ballot it has heard of; at first, of none.
    Follower(Option<NodeId>),
    /// Phase 1 is under way.
    Candidate(Candidacy),
    /// Phase 1 is complete, for this slot and all that follow.
    Leader(Leadership),
}

#[derive(Clone, Debug, Hash)]
struct Candidacy {
    ballot: Ballot,
    /// Who has promised, and the votes that each reported.
    promises: BTreeMap<NodeId, BTreeMap<Slot, Vote>>,
}

#[derive(Clone, Debug, Hash)]
struct Leadership {
    ballot: Ballot,
    /// The first slot for which it has proposed nothing.
    next: Slot,
    /// Phase 2 is under way for these: the command, and who has accepted it.
    proposed: BTreeMap<Slot, (Command, BTreeSet<NodeId>)>,
    /// All slots below this one are chosen, said its last heartbeat.
    announced: Slot,
}

/// A replica of the log.
#[derive(Clone, Debug, Hash)]
pub struct Replica {
    replicas: Vec<NodeId>,
    options: Options,
    role: Role,
    /// The highest round it has heard of.
    round: u64,
    acceptor: Acceptor,
    learner: Learner,
}

impl Replica {
    /// A replica among `replicas`.
    pub fn new(replicas: Vec<NodeId>, options: Options) -> Self {
        let learner = Learner::new(options.mistake == Mistake::AppliesRetries);
        Replica {
            replicas,
            options,
            role: Role::Follower(None),
            round: 0,
            acceptor: Acceptor::default(),
            learner,
        }
    }

    /// The ballot in which it leads, if it does.
    pub fn leads(&self) -> Option<Ballot> {
        match &self.role {
            Role::Leader(leadership) => Some(leadership.ballot),
            _ => None,
        }
    }

    /// The replica that it follows, if any.
    pub fn follows(&self) -> Option<NodeId> {
        match self.role {
            Role::Follower(leader) => leader,
            _ => None,
        }
    }

    /// The highest ballot that it has promised to take part in.
    pub fn promised(&self) -> Option<Ballot> {
        self.acceptor.promised()
    }

    /// The commands that it knows to be chosen, by slot.
    pub fn chosen(&self) -> &BTreeMap<Slot, Command> {
        self.learner.chosen()
    }

    /// The requests that it has applied, in their order.
    pub fn applied(&self) -> &[RequestId] {
        self.learner.applied()
    }

    /// How many different requests it has applied.
    pub fn distinct(&self) -> usize {
        self.learner.distinct()
    }

    /// Whether it has applied `request`.
    pub fn has_applied(&self, request: RequestId) -> bool {
        self.learner.response(request).is_some()
    }

    /// Whether it and `other` know no two commands to be chosen for one slot.
    pub fn agrees(&self, other: &Replica) -> bool {
        self.learner.agrees(&other.learner)
    }

    /// The first slot that it does not know to be chosen.
    pub fn next(&self) -> Slot {
        self.learner.next()
    }

    /// The slot below which all is chosen, as it told the others last, if it leads.
    pub fn announced(&self) -> Option<Slot> {
        match &self.role {
            Role::Leader(leadership) => Some(leadership.announced),
            _ => None,
        }
    }

    fn others(&self, ctx: &Context<Self>) -> Vec<NodeId> {
        self.replicas.iter().copied().filter(|&id| id != ctx.id()).collect()
    }

    // ---- Phase 1: becoming leader ----

    /// Phase 1a: enabled at any time. Its own promise is durable before anybody hears of the ballot, so
    /// that no crash makes it use a ballot twice.
    fn campaign(&mut self, ctx: &mut Context<Self>) {
        self.round += 1;
        let ballot = Ballot { round: self.round, proposer: ctx.id() };
        let first = self.learner.next();
        let promises = BTreeMap::from([(ctx.id(), self.acceptor.votes_from(first))]);
        self.role = Role::Candidate(Candidacy { ballot, promises });
        ctx.cancel_timer(&Timer::Heartbeat);
        self.await_leader(ctx);
        self.acceptor.promise(ballot, ctx);
        ctx.sync();
        ctx.broadcast(self.others(ctx), Message::Prepare { ballot, first });
        self.lead_if_promised(ctx);
    }

    /// Phase 1b: enabled unless a higher ballot has been promised.
    fn on_prepare(&mut self, from: NodeId, ballot: Ballot, first: Slot, ctx: &mut Context<Self>) {
        self.follow(ballot, ctx);
        self.acceptor.promise(ballot, ctx);
        ctx.sync();
        ctx.send(from, Message::Promise { ballot, votes: self.acceptor.votes_from(first) });
    }

    fn on_promise(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        votes: BTreeMap<Slot, Vote>,
        ctx: &mut Context<Self>,
    ) {
        if let Role::Candidate(candidacy) = &mut self.role
            && candidacy.ballot == ballot
        {
            candidacy.promises.insert(from, votes);
            self.lead_if_promised(ctx);
        }
    }

    /// Enabled when a majority has promised. Each slot in which something may have been chosen is
    /// proposed again: with the command of the highest vote among the promises, or, in a gap between
    /// such slots, with one that does nothing.
    fn lead_if_promised(&mut self, ctx: &mut Context<Self>) {
        let Role::Candidate(Candidacy { ballot, promises }) = &self.role else { return };
        if promises.len() < majority(self.replicas.len()) {
            return;
        }
        let mut highest: BTreeMap<Slot, Vote> = BTreeMap::new();
        for (&slot, &vote) in promises.values().flatten() {
            highest.entry(slot).and_modify(|known| *known = vote.max(*known)).or_insert(vote);
        }
        let end = highest.last_key_value().map_or(0, |(slot, _)| slot + 1).max(self.learner.end());
        ctx.note(format_args!("leads in {ballot:?}, from slot {end}"));
        let (ballot, proposed) = (*ballot, BTreeMap::new());
        self.role = Role::Leader(Leadership { ballot, next: end, proposed, announced: 0 });
        ctx.cancel_timer(&Timer::Election);
        let command = |slot| highest.get(&slot).map_or(Command::Nothing, |vote| vote.command);
        let open = (self.learner.next()..end).filter(|slot| !self.learner.chosen().contains_key(slot));
        let proposals: Vec<(Slot, Command)> = open.map(|slot| (slot, command(slot))).collect();
        self.heartbeat(ctx);
        self.propose(&proposals, ctx);
    }

    // ---- Phase 2: choosing commands ----

    /// Enabled for a leader. A request that it has proposed is on its way; one that it has applied is
    /// answered again; for any other it takes the next slot.
    fn on_request(&mut self, request: RequestId, operation: KeyValueOperation, ctx: &mut Context<Self>) {
        let leadership = match &self.role {
            Role::Leader(leadership) => leadership,
            Role::Follower(Some(leader)) => {
                return ctx.send(request.client, Message::Redirect { request, leader: *leader });
            }
            Role::Follower(None) | Role::Candidate(_) => return,
        };
        let command = Command::Apply(request, operation);
        if let (Mistake::ServesReadsAlone, KeyValueOperation::Read { key }) =
            (self.options.mistake, operation)
        {
            let response = KeyValueResponse::Read(self.learner.stored(key));
            return ctx.send(request.client, Message::Done { request, response });
        }
        if self.has_applied(request) && self.options.mistake != Mistake::AppliesRetries {
            self.answer(request, ctx);
        } else if !leadership.proposed.values().any(|(proposed, _)| *proposed == command) {
            self.propose(&[(leadership.next, command)], ctx);
        }
    }

    /// Phase 2a: enabled for a leader, once for each slot. The others vote while it syncs a vote of its own,
    /// which counts at once: until the sync is over the leader hears of no other, and what follows it here
    /// is held back.
    fn propose(&mut self, proposals: &[(Slot, Command)], ctx: &mut Context<Self>) {
        let others = self.others(ctx);
        let Role::Leader(leadership) = &mut self.role else { return };
        let ballot = leadership.ballot;
        for &(slot, command) in proposals {
            ctx.broadcast(&others, Message::Accept { slot, vote: Vote { ballot, command } });
            self.acceptor.accept(slot, Vote { ballot, command }, ctx);
            leadership.proposed.insert(slot, (command, BTreeSet::from([ctx.id()])));
            leadership.next = leadership.next.max(slot + 1);
        }
        ctx.sync();
        for &(slot, _) in proposals {
            self.choose_if_accepted(slot, ctx);
        }
    }

    /// Phase 2b: enabled unless a higher ballot has been promised.
    fn on_accept(&mut self, from: NodeId, slot: Slot, vote: Vote, ctx: &mut Context<Self>) {
        self.follow(vote.ballot, ctx);
        self.acceptor.accept(slot, vote, ctx);
        ctx.sync();
        ctx.send(from, Message::Accepted { ballot: vote.ballot, slot });
    }

    fn on_accepted(&mut self, from: NodeId, ballot: Ballot, slot: Slot, ctx: &mut Context<Self>) {
        if let Role::Leader(leadership) = &mut self.role
            && leadership.ballot == ballot
            && let Some((_, accepted)) = leadership.proposed.get_mut(&slot)
        {
            accepted.insert(from);
            self.choose_if_accepted(slot, ctx);
        }
    }

    /// Enabled when a majority has accepted.
    fn choose_if_accepted(&mut self, slot: Slot, ctx: &mut Context<Self>) {
        let Role::Leader(leadership) = &mut self.role else { return };
        let Some((command, accepted)) = leadership.proposed.get(&slot) else { return };
        if accepted.len() >= majority(self.replicas.len()) {
            let command = *command;
            leadership.proposed.remove(&slot);
            ctx.broadcast(self.others(ctx), Message::Chosen { first: slot, commands: vec![command] });
            self.learn(slot, command, ctx);
        }
    }

    // ---- Learning ----

    /// Enabled when `command` is chosen for `slot`. A leader answers the clients of what it applies.
    fn learn(&mut self, slot: Slot, command: Command, ctx: &mut Context<Self>) {
        for request in self.learner.learn(slot, command) {
            if self.leads().is_some() {
                self.answer(request, ctx);
            }
        }
    }

    /// Enabled when `request` has been applied.
    fn answer(&mut self, request: RequestId, ctx: &mut Context<Self>) {
        if let Some(response) = self.learner.response(request) {
            ctx.send(request.client, Message::Done { request, response });
        }
    }

    // ---- Leading and following ----

    /// Enabled for a leader, at intervals. What has not been accepted may have been lost, and is sent again.
    fn heartbeat(&mut self, ctx: &mut Context<Self>) {
        let others = self.others(ctx);
        let chosen = self.learner.next();
        let Role::Leader(Leadership { ballot, proposed, announced, .. }) = &mut self.role else { return };
        let ballot = *ballot;
        *announced = chosen;
        for other in others {
            let missing = proposed.iter().filter(|(_, (_, accepted))| !accepted.contains(&other));
            for (&slot, &(command, _)) in missing {
                ctx.send(other, Message::Accept { slot, vote: Vote { ballot, command } });
            }
            ctx.send(other, Message::Heartbeat { ballot, chosen });
        }
        ctx.set_timer(Timer::Heartbeat, self.options.heartbeat_interval);
    }

    /// Enabled unless a higher ballot has been promised. A follower that misses something asks for it.
    fn on_heartbeat(&mut self, from: NodeId, ballot: Ballot, chosen: Slot, ctx: &mut Context<Self>) {
        self.follow(ballot, ctx);
        if self.learner.next() < chosen {
            ctx.send(from, Message::CatchUp { first: self.learner.next() });
        }
    }

    /// Whoever proposes in the highest ballot is followed: another one's leadership or candidacy is over.
    fn follow(&mut self, ballot: Ballot, ctx: &mut Context<Self>) {
        self.step_down(ballot.round, Some(ballot.proposer), ctx);
    }

    fn step_down(&mut self, round: u64, leader: Option<NodeId>, ctx: &mut Context<Self>) {
        self.round = self.round.max(round);
        self.role = Role::Follower(leader);
        ctx.cancel_timer(&Timer::Heartbeat);
        self.await_leader(ctx);
    }

    /// No two replicas should campaign at once: each waits for a span of its own.
    fn await_leader(&mut self, ctx: &mut Context<Self>) {
        let shortest = self.options.election_timeout;
        let span = ctx.span_between(shortest, 2 * shortest);
        ctx.set_timer(Timer::Election, span);
    }

    /// Enabled for a candidate or leader whose ballot an acceptor refuses: another one has a higher ballot.
    fn on_rejected(&mut self, ballot: Ballot, promised: Ballot, ctx: &mut Context<Self>) {
        let own = match &self.role {
            Role::Candidate(candidacy) => candidacy.ballot,
            Role::Leader(leadership) => leadership.ballot,
            Role::Follower(_) => return,
        };
        if own == ballot {
            self.step_down(promised.round, None, ctx);
        }
    }
}

impl Process for Replica {
    type Message = Message;
    type Timer = Timer;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        match self.options.campaigns_at_start {
            true => self.campaign(ctx),
            false => self.await_leader(ctx),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if let Some(ballot) = message.asks_in()
            && let Some(promised) = self.acceptor.refuses(ballot)
        {
            return ctx.send(from, Message::Rejected { ballot, promised });
        }
        match message {
            Message::Prepare { ballot, first } => self.on_prepare(from, ballot, first, ctx),
            Message::Promise { ballot, votes } => self.on_promise(from, ballot, votes, ctx),
            Message::Accept { slot, vote } => self.on_accept(from, slot, vote, ctx),
            Message::Accepted { ballot, slot } => self.on_accepted(from, ballot, slot, ctx),
            Message::Rejected { ballot, promised } => self.on_rejected(ballot, promised, ctx),
            Message::Heartbeat { ballot, chosen } => self.on_heartbeat(from, ballot, chosen, ctx),
            Message::Chosen { first, commands } => {
                for (slot, command) in (first..).zip(commands) {
                    self.learn(slot, command, ctx);
                }
            }
            Message::CatchUp { first } => {
                ctx.send(from, Message::Chosen { first, commands: self.learner.batch(first) });
            }
            Message::Request { request, operation } => self.on_request(request, operation, ctx),
            Message::Done { .. } | Message::Redirect { .. } => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        match timer {
            Timer::Election => self.campaign(ctx),
            Timer::Heartbeat => self.heartbeat(ctx),
        }
    }

    /// It knows its promise and its votes; what is chosen it learns again.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.acceptor = Acceptor::recovered(ctx);
        self.round = self.promised().map_or(0, |ballot| ballot.round);
        self.await_leader(ctx);
    }
}
