//! What a sweep may ask of what clients see.

use super::Check;
use crate::checker::sessions::Guarantee;
use crate::checker::{Specification, Verdict};
use crate::process::Value;
use crate::promise::{Promise, Watched};
use crate::shrink::Failure;
use crate::simulation::Simulation;
use crate::time::Time;

impl<'a, M: Value> Check<'a, M> {
    /// What clients see is linearizable; see [`Promise`].
    #[must_use]
    pub fn linearizable<S>(self, specification: S) -> Self
    where
        S: Specification<Operation: Value, Response: Value> + Send + Sync + 'a,
    {
        self.promises([Promise::linearizable(specification)])
    }

    /// What clients see is sequentially consistent; see [`Promise`].
    #[must_use]
    pub fn sequentially_consistent<S>(self, specification: S) -> Self
    where
        S: Specification<Operation: Value, Response: Value> + Send + Sync + 'a,
    {
        self.promises([Promise::sequentially_consistent(specification)])
    }

    /// What clients of a store see keeps a [session guarantee](crate::checker::sessions).
    #[must_use]
    pub fn keeps(self, guarantee: Guarantee) -> Self {
        self.promises([Promise::keeps(guarantee)])
    }

    /// What clients of a store read [converges](crate::checker::sessions::converges) once everything has healed.
    #[must_use]
    pub fn converges(self) -> Self {
        self.promises([Promise::converges()])
    }

    /// All of these hold of the history of each run, which is judged at its end.
    #[must_use]
    pub fn promises(mut self, promises: impl IntoIterator<Item = Promise<'a, M>>) -> Self {
        self.promises.extend(promises);
        self
    }

    /// The first promise that the history of a run breaks.
    pub(super) fn broken(&self, sim: &Simulation<M>, histories: &[Watched]) -> Option<Failure> {
        self.promises.iter().zip(histories).find_map(|(promise, history)| {
            let how = match promise.judge(sim, history, self.healed()) {
                Verdict::Holds => return None,
                Verdict::Violated(witness) => witness.to_string(),
                Verdict::Unknown(progress) => format!("it is not known: {progress}"),
            };
            Some(Failure { property: promise.name().to_string(), how, time: sim.now() })
        })
    }

    /// When everything is set to heal.
    pub(super) fn healed(&self) -> Time {
        let last = self.plan.iter().last().map_or(Time::ZERO, |planned| planned.at);
        last.max(Time::ZERO + self.duration)
    }
}
