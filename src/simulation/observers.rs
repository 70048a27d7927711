//! Attaching observers to a run, and asking for them again.

use super::Simulation;
use crate::digest::Digest;
use crate::node::NodeId;
use crate::process::Value;
use crate::record::{Observer, Record, What};
use crate::story::Story;
use crate::time::Time;
use crate::world::World;
use std::any::Any;
use std::marker::PhantomData;

/// An observer that can be asked for again by its type.
pub(super) trait AnyObserver<M>: Observer<M> {
    fn as_any(&self) -> &dyn Any;
}

impl<M, O: Observer<M>> AnyObserver<M> for O {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An attached observer; the key for [`Simulation::observer`].
pub struct Observed<O> {
    index: usize,
    observer: PhantomData<fn() -> O>,
}

impl<O> Clone for Observed<O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<O> Copy for Observed<O> {}

impl<M: Value> Simulation<M> {
    /// Attaches an observer. It hears of the nodes there are, and of everything from now on.
    pub fn observe<O: Observer<M>>(&mut self, mut observer: O) -> Observed<O> {
        for id in self.world.ids() {
            observer.observe(Self::added(self.now, &self.world, id));
        }
        self.observers.push(Box::new(observer));
        Observed { index: self.observers.len() - 1, observer: PhantomData }
    }

    /// An observer that was attached.
    ///
    /// # Panics
    /// If it was attached to another simulation, or [`detach_all`](Self::detach_all) was called since.
    #[track_caller]
    pub fn observer<O: Observer<M>>(&self, observed: Observed<O>) -> &O {
        let observer = self.observers.get(observed.index).map(|observer| (**observer).as_any());
        observer.and_then(<dyn Any>::downcast_ref).expect("the observer is attached to this simulation")
    }

    /// Detaches all observers, the built-in one that tells the story of a failing test with them: the run
    /// goes on blind, and as fast as it can.
    pub fn detach_all(&mut self) {
        self.observers.clear();
    }

    /// A drawing of the last exchanges; empty once observers were detached.
    pub fn story(&self) -> String {
        let first = self.observers.first().map(|first| (**first).as_any());
        first.and_then(<dyn Any>::downcast_ref::<Story<M>>).map(Story::draw).unwrap_or_default()
    }

    /// Attaches a [`Digest`]. Attach it before the run.
    pub fn observe_digest(&mut self) -> Observed<Digest> {
        self.observe(Digest::default())
    }

    pub(super) fn added(time: Time, world: &World<M>, node: NodeId) -> Record<'_, M> {
        Record { time, what: What::Added { node, name: world.name(node), client: world.is_client(node) } }
    }

    pub(super) fn tell(observers: &mut [Box<dyn AnyObserver<M>>], record: Record<'_, M>) {
        for observer in observers {
            observer.observe(record);
        }
    }
}
