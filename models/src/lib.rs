//! Classic models for the netsplit simulator, written against its public API only.

pub mod two_phase;

use netsplit::command::Models;

/// All models, for the command.
pub fn all() -> Models {
    Models::default()
}
