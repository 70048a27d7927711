//! What a model or a scenario promises of what its clients see: of the history of each run, whatever its operations are.

use crate::checker::sessions::Guarantee;
use crate::checker::specifications::Store;
use crate::checker::{Budget, Specification, Verdict, linearizable, sequentially_consistent, sessions};
use crate::client::{KeyValueOperation, KeyValueResponse};
use crate::history::History;
use crate::process::Value;
use crate::record::Observer;
use crate::simulation::{Observed, Simulation};
use crate::time::Time;
use std::any::Any;
use std::marker::PhantomData;

/// Something that holds of the history of every run. It is judged when the run is over.
pub struct Promise<'a, M: Value> {
    judge: Box<dyn Judge<M> + 'a>,
    /// Whether it holds at every moment of a run if it does at the end.
    holds_before: bool,
}

/// What keeps the history of a run, for the promise that attached it.
pub(crate) struct Watched(Box<dyn Any>);

impl<'a, M: Value> Promise<'a, M> {
    /// What clients see is linearizable: the history of their operations, as far as they are the specification's
    /// ([`checker`](crate::checker)).
    pub fn linearizable<S>(specification: S) -> Self
    where
        S: Specification<Operation: Value, Response: Value> + Send + Sync + 'a,
    {
        Self::of_every_moment("the history is linearizable", move |history, _| {
            linearizable(&specification, history, &Budget::default())
        })
    }

    /// What clients see is sequentially consistent.
    pub fn sequentially_consistent<S>(specification: S) -> Self
    where
        S: Specification<Operation: Value, Response: Value> + Send + Sync + 'a,
    {
        Self::of_every_moment("the history is sequentially consistent", move |history, _| {
            sequentially_consistent(&specification, history, &Budget::default())
        })
    }

    /// What clients of a store see keeps a [session guarantee](sessions).
    pub fn keeps(guarantee: Guarantee) -> Self {
        let name = format!("the history keeps {}", guarantee.name());
        Self::of_every_moment(&name, move |history: &History<KeyValueOperation, KeyValueResponse>, _| {
            sessions::check_store(history, guarantee).expect("values of the workload differ")
        })
    }

    /// What clients of a store see [converges](sessions::converges) once everything has healed.
    pub fn converges() -> Self {
        Self::of("what clients read converges after heal", |history, healed| {
            let (access, value) = sessions::of_store();
            sessions::converges(&Store, history, healed, access, value)
        })
    }

    /// A promise of your own about operations `O` and responses `R`, given the history of a run and when everything
    /// was set to heal.
    pub fn of<O: Value, R: Value>(
        name: &str,
        judge: impl Fn(&History<O, R>, Time) -> Verdict + Send + Sync + 'a,
    ) -> Self {
        let judge = Box::new(Judged { name: name.to_string(), judge, history: PhantomData });
        Promise { judge, holds_before: false }
    }

    fn of_every_moment<O: Value, R: Value>(
        name: &str,
        judge: impl Fn(&History<O, R>, Time) -> Verdict + Send + Sync + 'a,
    ) -> Self {
        Promise { holds_before: true, ..Self::of(name, judge) }
    }

    /// What it is called: "the history is linearizable".
    pub fn name(&self) -> &str {
        self.judge.name()
    }

    /// Attaches what keeps the history.
    pub(crate) fn watch(&self, sim: &mut Simulation<M>) -> Watched {
        Watched(self.judge.watch(sim))
    }

    /// Judges what was kept.
    pub(crate) fn judge(&self, sim: &Simulation<M>, watched: &Watched, healed: Time) -> Verdict {
        self.judge.judge(sim, &*watched.0, healed)
    }

    /// Whether it can be asked of what has happened so far.
    pub(crate) fn holds_before(&self) -> bool {
        self.holds_before
    }

    /// Judges the events that `tell` tells.
    pub(crate) fn judge_told(&self, tell: &dyn Fn(&mut dyn Observer<M>)) -> Verdict {
        self.judge.judge_told(tell)
    }
}

/// A promise whose operations' types are not known here.
trait Judge<M: Value>: Send + Sync {
    fn name(&self) -> &str;
    fn watch(&self, sim: &mut Simulation<M>) -> Box<dyn Any>;
    fn judge(&self, sim: &Simulation<M>, watched: &dyn Any, healed: Time) -> Verdict;
    fn judge_told(&self, tell: &dyn Fn(&mut dyn Observer<M>)) -> Verdict;
}

struct Judged<O, R, F> {
    name: String,
    judge: F,
    history: PhantomData<fn(&O, &R)>,
}

impl<M, O, R, F> Judge<M> for Judged<O, R, F>
where
    M: Value,
    O: Value,
    R: Value,
    F: Fn(&History<O, R>, Time) -> Verdict + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn watch(&self, sim: &mut Simulation<M>) -> Box<dyn Any> {
        Box::new(sim.observe(History::<O, R>::new()))
    }

    fn judge(&self, sim: &Simulation<M>, watched: &dyn Any, healed: Time) -> Verdict {
        let observed = watched.downcast_ref::<Observed<History<O, R>>>().expect("its own observer");
        (self.judge)(sim.observer(*observed), healed)
    }

    fn judge_told(&self, tell: &dyn Fn(&mut dyn Observer<M>)) -> Verdict {
        let mut history = History::<O, R>::new();
        tell(&mut history);
        (self.judge)(&history, Time::ZERO)
    }
}
