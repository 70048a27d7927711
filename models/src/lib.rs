//! Classic models for the netsplit simulator.

pub mod two_phase;
pub mod two_phase_commit;
