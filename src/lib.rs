//! A deterministic simulator for distributed systems.
#![doc = include_str!("architecture.md")]

mod caught;
pub mod check;
pub mod client;
pub mod digest;
pub mod distribution;
pub mod explorer;
pub mod fault;
pub mod fingerprint;
pub mod metrics;
pub mod model;
pub mod nemesis;
pub mod network;
pub mod node;
#[cfg(feature = "plot")]
pub mod plot;
pub mod process;
pub mod property;
pub mod random;
pub mod record;
mod scheduler;
pub mod simulation;
pub mod storage;
pub mod story;
pub mod time;
pub mod topology;
pub mod world;

pub use check::check;
pub use explorer::explore;
pub use simulation::Simulation;

/// The version of everything that decides a run. It is raised whenever a pinned digest changes, and
/// printed in every line that replays a run.
pub const ENGINE: u32 = 1;

/// What a model or a test needs at its top: `use netsplit::prelude::*;`.
pub mod prelude {
    pub use crate::node::NodeId;
    pub use crate::process::{Context, Process};
    pub use crate::simulation::Simulation;
    pub use crate::time::{microseconds, milliseconds, nanoseconds, seconds};
    pub use crate::world::World;
}
