//! Classic models for the netsplit simulator, written against its public API only.

pub mod counting;
pub mod key_value;
pub mod lock;
pub mod multi_paxos;
pub mod paxos;
pub mod queue;
pub mod store;
pub mod two_phase;
pub mod two_phase_commit;
pub mod zoo;

use netsplit::command::Models;

/// All models, for the command.
pub fn all() -> Models {
    Models::default()
        .with(two_phase_commit::TwoPhaseCommit)
        .with(paxos::Paxos)
        .with(multi_paxos::MultiPaxos)
        .with(queue::Queue)
        .with(store::Abd)
        .with(store::Dynamo)
        .with(lock::LockService)
        .with(counting::command::TwoPhase)
        .with_zoo(zoo::KNOWN_BUGS)
}

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
