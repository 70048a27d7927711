//! What a scenario promises of the history of each run, whatever its operations are.

use super::Check;
use crate::checker::sessions::Guarantee;
use crate::checker::specifications::Store;
use crate::checker::{Budget, Specification, Verdict, linearizable, sequentially_consistent, sessions};
use crate::client::{KeyValueOperation, KeyValueResponse};
use crate::history::History;
use crate::process::Value;
use crate::simulation::{Observed, Simulation};
use crate::time::Time;
use std::any::Any;
use std::marker::PhantomData;

impl<'a, M: Value> Check<'a, M> {
    /// What clients see is linearizable: the history of their operations, as far as they are the specification's
    /// ([`checker`](crate::checker)). It is judged at the end of each run.
    #[must_use]
    pub fn linearizable<S>(self, specification: S) -> Self
    where
        S: Specification<Operation: Value, Response: Value> + Send + Sync + 'a,
    {
        self.histories("the history is linearizable", move |history, _| {
            linearizable(&specification, history, &Budget::default())
        })
    }

    /// What clients see is sequentially consistent; see [`linearizable`](Self::linearizable).
    #[must_use]
    pub fn sequentially_consistent<S>(self, specification: S) -> Self
    where
        S: Specification<Operation: Value, Response: Value> + Send + Sync + 'a,
    {
        self.histories("the history is sequentially consistent", move |history, _| {
            sequentially_consistent(&specification, history, &Budget::default())
        })
    }

    /// What clients of a store see keeps a [session guarantee](sessions).
    #[must_use]
    pub fn keeps(self, guarantee: Guarantee) -> Self {
        let name = format!("the history keeps {}", guarantee.name());
        self.histories(&name, move |history: &History<KeyValueOperation, KeyValueResponse>, _| {
            sessions::check_store(history, guarantee).expect("values of the workload differ")
        })
    }

    /// What clients of a store see [converges](sessions::converges) once everything has healed.
    #[must_use]
    pub fn converges(self) -> Self {
        self.histories("what clients read converges after heal", |history, healed| {
            let (access, value) = sessions::of_store();
            sessions::converges(&Store, history, healed, access, value)
        })
    }

    /// Judges the history of operations `O` and responses `R` of each run, given when everything was set to heal.
    #[must_use]
    pub fn histories<O: Value, R: Value>(
        mut self,
        name: &str,
        judge: impl Fn(&History<O, R>, Time) -> Verdict + Send + Sync + 'a,
    ) -> Self {
        self.promises.push(Box::new(Kept::new(name, judge)));
        self
    }
}

/// The observer that keeps a history, for the promise that has attached it.
pub(super) type Watched = Box<dyn Any>;

/// A promise about histories of some type.
pub(super) trait Promise<M: Value>: Send + Sync {
    fn name(&self) -> &str;

    /// Attaches what keeps the history.
    fn watch(&self, sim: &mut Simulation<M>) -> Watched;

    /// How the history breaks the promise, if it does, or if that cannot be known.
    fn broken(&self, sim: &Simulation<M>, watched: &Watched, healed: Time) -> Option<String>;
}

/// One that is judged by a function.
pub(super) struct Kept<O, R, F> {
    name: String,
    judge: F,
    history: PhantomData<fn(&O, &R)>,
}

impl<O, R, F: Fn(&History<O, R>, Time) -> Verdict> Kept<O, R, F> {
    fn new(name: &str, judge: F) -> Self {
        Kept { name: name.to_string(), judge, history: PhantomData }
    }
}

impl<M, O, R, F> Promise<M> for Kept<O, R, F>
where
    M: Value,
    O: Value,
    R: Value,
    F: Fn(&History<O, R>, Time) -> Verdict + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn watch(&self, sim: &mut Simulation<M>) -> Watched {
        Box::new(sim.observe(History::<O, R>::new()))
    }

    fn broken(&self, sim: &Simulation<M>, watched: &Watched, healed: Time) -> Option<String> {
        let observed = watched.downcast_ref::<Observed<History<O, R>>>().expect("its own observer");
        match (self.judge)(sim.observer(*observed), healed) {
            Verdict::Holds => None,
            Verdict::Violated(witness) => Some(witness.to_string()),
            Verdict::Unknown(progress) => Some(format!("it is not known: {progress}")),
        }
    }
}
