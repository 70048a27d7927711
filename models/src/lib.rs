//! Classic models for the netsplit simulator.

pub mod multi_paxos;
pub mod paxos;
pub mod two_phase;
