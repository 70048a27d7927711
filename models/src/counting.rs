//! Small models whose states others have counted, for exhaustive search: see `tests/explorer_counts.rs`.
//!
//! They have no log, no time-out and no failure. What may happen at any moment is a timer, or a choice.

pub mod abd;
pub mod alternating_bit;
pub mod command;
pub mod die_hard;
pub mod register;
pub mod ring_election;
pub mod single_decree;
pub mod termination;
