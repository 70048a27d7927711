//! Classic models for the netsplit simulator.

pub mod paxos;
pub mod two_phase;
