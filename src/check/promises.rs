//! What a sweep may ask of what clients see.

use super::Check;
use super::judge::Judge;
use crate::checker::sessions::Guarantee;
use crate::checker::{Specification, Verdict};
use crate::process::Value;
use crate::promise::Promise;
use crate::shrink::Failure;
use crate::simulation::Simulation;
use crate::time::Time;
use std::any::Any;

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
        let judges = promises.into_iter().map(|promise| Box::new(promise) as Box<dyn Judge<M> + 'a>);
        self.judges.extend(judges);
        self
    }
}

impl<M: Value> Judge<M> for Promise<'_, M> {
    fn name(&self) -> &str {
        Promise::name(self)
    }

    fn watch(&self, sim: &mut Simulation<M>) -> Box<dyn Any> {
        Box::new(Promise::watch(self, sim))
    }

    fn failure(&self, sim: &Simulation<M>, kept: &dyn Any, healed: Time) -> Option<Failure> {
        let how = match self.judge(sim, kept.downcast_ref().expect("its own history"), healed) {
            Verdict::Holds => return None,
            Verdict::Violated(witness) => witness.to_string(),
            Verdict::Unknown(progress) => format!("it is not known: {progress}"),
        };
        Some(Failure { property: self.name().to_string(), how, time: sim.now() })
    }
}
