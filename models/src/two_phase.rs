//! Two-phase commit as in TLA+: resource managers decide on their own to prepare or to abort, a
//! transaction manager collects.
//!
//! This is `TwoPhase.tla` of Gray and Lamport, "Consensus on Transaction Commit", TODS 2006, section 4 and
//! the TLA+ examples: no log, no time-out, no failure. What may happen at any moment there is a timer here:
//! in timed simulation it goes off after a random span, in exhaustive search at any moment. For a protocol
//! that survives crashes see [`two_phase_commit`](crate::two_phase_commit).

use netsplit::explorer::{Rename, Renaming};
use netsplit::prelude::*;
use std::collections::BTreeSet;

/// What the two roles say to each other.
#[derive(Clone, Debug, Hash, PartialEq)]
pub enum Message {
    /// A resource manager is prepared.
    Prepared,
    /// All are to commit.
    Commit,
    /// All are to abort.
    Abort,
}

/// What may happen at any moment.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Decision {
    /// A resource manager prepares.
    Prepare,
    /// The transaction manager commits.
    Commit,
    /// Either of them aborts.
    Abort,
}

/// The longest that a decision waits in timed simulation.
const PATIENCE: std::time::Duration = milliseconds(100);

/// How far a resource manager is.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum ResourceState {
    /// It may still decide alone.
    Working,
    /// It has promised to do what the transaction manager says.
    Prepared,
    /// Done.
    Committed,
    /// Undone.
    Aborted,
}

/// A resource manager.
#[derive(Clone, Debug, Hash)]
pub struct ResourceManager {
    /// How far it is.
    pub state: ResourceState,
    manager: NodeId,
}

impl ResourceManager {
    /// A resource manager that is working on a transaction of `manager`.
    pub fn new(manager: impl Into<NodeId>) -> Self {
        ResourceManager { state: ResourceState::Working, manager: manager.into() }
    }

    fn become_(&mut self, state: ResourceState, ctx: &mut Context<Self>) {
        self.state = state;
        ctx.cancel_timer(&Decision::Prepare);
        ctx.cancel_timer(&Decision::Abort);
    }
}

impl Process for ResourceManager {
    type Message = Message;
    type Timer = Decision;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        for decision in [Decision::Prepare, Decision::Abort] {
            let after = ctx.span_between(milliseconds(0), PATIENCE);
            ctx.set_timer(decision, after);
        }
    }

    /// `RMRcvCommitMsg` and `RMRcvAbortMsg`: enabled whenever the message is there.
    fn on_message(&mut self, _: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Commit => self.become_(ResourceState::Committed, ctx),
            Message::Abort => self.become_(ResourceState::Aborted, ctx),
            Message::Prepared => {}
        }
    }

    /// `RMPrepare` and `RMChooseToAbort`: enabled while working, and only then are the timers set.
    fn on_timer(&mut self, decision: Decision, ctx: &mut Context<Self>) {
        if decision == Decision::Prepare {
            self.become_(ResourceState::Prepared, ctx);
            ctx.send(self.manager, Message::Prepared);
        } else {
            self.become_(ResourceState::Aborted, ctx);
        }
    }
}

/// The transaction manager.
#[derive(Clone, Debug, Hash)]
pub struct TransactionManager {
    /// What it decided: commit or not.
    pub decided: Option<bool>,
    prepared: BTreeSet<NodeId>,
    resources: Vec<NodeId>,
}

impl TransactionManager {
    /// A transaction manager for `resources`.
    pub fn new(resources: Vec<NodeId>) -> Self {
        TransactionManager { decided: None, prepared: BTreeSet::new(), resources }
    }
}

impl Process for TransactionManager {
    type Message = Message;
    type Timer = Decision;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        let after = ctx.span_between(PATIENCE, 2 * PATIENCE);
        ctx.set_timer(Decision::Abort, after);
    }

    /// `TMRcvPrepared`: enabled while undecided.
    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if message == Message::Prepared && self.decided.is_none() {
            self.prepared.insert(from);
            if self.prepared.len() == self.resources.len() {
                ctx.set_timer(Decision::Commit, milliseconds(0));
            }
        }
    }

    /// `TMCommit`, enabled when all are prepared; `TMAbort`, enabled while undecided.
    fn on_timer(&mut self, decision: Decision, ctx: &mut Context<Self>) {
        let commit = decision == Decision::Commit;
        self.decided = Some(commit);
        ctx.cancel_timer(&Decision::Commit);
        ctx.cancel_timer(&Decision::Abort);
        ctx.broadcast(&self.resources, if commit { Message::Commit } else { Message::Abort });
    }
}

/// `resources` resource managers and their transaction manager.
pub fn cluster(resources: usize, seed: u64) -> Simulation<Message> {
    cluster_in(Simulation::new(seed), resources)
}

/// The same in a simulation that is there.
pub fn cluster_in(mut sim: Simulation<Message>, resources: usize) -> Simulation<Message> {
    let manager = NodeId::new(resources);
    let resources = sim.add_group("resource", resources, |_, _| ResourceManager::new(manager));
    let ids = resources.iter().map(|resource| resource.id()).collect();
    sim.add("manager", TransactionManager::new(ids));
    sim
}

/// `TCConsistent`: no resource manager has committed where another has aborted.
pub fn consistent(world: &World<Message>) -> bool {
    let any = |state| world.each::<ResourceManager>().any(|resource| resource.state == state);
    !(any(ResourceState::Committed) && any(ResourceState::Aborted))
}

/// Every resource manager has committed or aborted.
pub fn all_decided(world: &World<Message>) -> bool {
    let decided = [ResourceState::Committed, ResourceState::Aborted];
    world.each::<ResourceManager>().all(|resource| decided.contains(&resource.state))
}

// Resource managers are equal: which of them is which means nothing. (The list of them all is a set.)

impl Rename for Message {
    fn rename(&self, _: &Renaming) -> Self {
        self.clone()
    }
}

impl Rename for Decision {
    fn rename(&self, _: &Renaming) -> Self {
        self.clone()
    }
}

impl Rename for ResourceManager {
    fn rename(&self, renaming: &Renaming) -> Self {
        ResourceManager { manager: renaming.of(self.manager), ..self.clone() }
    }
}

impl Rename for TransactionManager {
    fn rename(&self, renaming: &Renaming) -> Self {
        TransactionManager { prepared: self.prepared.rename(renaming), ..self.clone() }
    }
}
