//! A workload that is written down.

use super::{Draws, RequestId, Workload};
use crate::process::Value;

/// Plays these operations, each once and in their order, and then ends.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Script<T>(pub Vec<T>);

impl<T: Value> Workload for Script<T> {
    type Operation = T;

    fn next(&mut self, id: RequestId, _: &mut Draws<'_>) -> T {
        self.0[id.operation as usize - 1].clone()
    }

    fn length(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}
