//! Classic models for the netsplit simulator.

pub mod two_phase;
