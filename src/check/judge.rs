//! What is judged once, at the end of a run, by what was kept of it: a promise to clients, if the library has them.

use super::Check;
use crate::process::Value;
use crate::shrink::Failure;
use crate::simulation::Simulation;
use crate::time::Time;
use std::any::Any;

/// A judge of whole runs.
pub(super) trait Judge<M: Value>: Send + Sync {
    /// What it judges, in words.
    fn name(&self) -> &str;
    /// Attaches what keeps what it needs of a run.
    fn watch(&self, sim: &mut Simulation<M>) -> Box<dyn Any>;
    /// How a run failed, by what was `kept` of it, if it did.
    fn failure(&self, sim: &Simulation<M>, kept: &dyn Any, healed: Time) -> Option<Failure>;
}

impl<M: Value> Check<'_, M> {
    /// The first failure of a run as a whole.
    pub(super) fn broken(&self, sim: &Simulation<M>, kept: &[Box<dyn Any>]) -> Option<Failure> {
        let mut judges = self.judges.iter().zip(kept);
        judges.find_map(|(judge, kept)| judge.failure(sim, &**kept, self.healed()))
    }

    /// When everything is set to heal.
    pub(super) fn healed(&self) -> Time {
        let last = self.plan.iter().last().map_or(Time::ZERO, |planned| planned.at);
        last.max(Time::ZERO + self.duration)
    }
}
