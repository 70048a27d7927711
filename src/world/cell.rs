//! One node's process and its timers, behind one erased type.

use crate::fingerprint::fingerprint;
use crate::node::NodeId;
use crate::process::{AnyValue, Context, Core, Process, Timers};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// What a handler reacts to.
pub(crate) enum Stimulus<M> {
    Start,
    Restart,
    Message { from: NodeId, message: M },
    Timer { slot: usize },
}

/// A process of any kind with its timers.
pub(crate) trait Cell<M>: Any + Debug + Send + Sync {
    fn handle(&mut self, stimulus: Stimulus<M>, core: Core<'_, M>);
    fn clone_cell(&self) -> Arc<dyn Cell<M>>;
    fn fingerprint(&self) -> (u128, u128);
    fn timer(&self, slot: usize) -> Option<&dyn AnyValue>;
    fn timers(&self) -> Vec<usize>;
    fn as_any(&self) -> &dyn Any;
}

impl<M: 'static> dyn Cell<M> {
    pub(crate) fn is<P: Process>(&self) -> bool {
        self.as_any().is::<ProcessCell<P>>()
    }

    pub(crate) fn process<P: Process>(&self) -> Option<&P> {
        Some(&self.as_any().downcast_ref::<ProcessCell<P>>()?.process)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ProcessCell<P: Process> {
    process: P,
    timers: Timers<P::Timer>,
}

impl<P: Process> ProcessCell<P> {
    pub(crate) fn new(process: P) -> Self {
        ProcessCell { process, timers: Timers::new() }
    }
}

impl<P: Process> Cell<P::Message> for ProcessCell<P> {
    fn handle(&mut self, stimulus: Stimulus<P::Message>, core: Core<'_, P::Message>) {
        let fired = match stimulus {
            Stimulus::Timer { slot } => self.timers.take(slot),
            _ => None,
        };
        let Core { id, environment, storage, effects } = core;
        let core = Core { id, environment: &mut *environment, storage, effects };
        let mut ctx = Context::<P> { core, timers: &mut self.timers };
        match stimulus {
            Stimulus::Start => self.process.on_start(&mut ctx),
            Stimulus::Restart => self.process.on_restart(&mut ctx),
            Stimulus::Message { from, message } => self.process.on_message(from, message, &mut ctx),
            Stimulus::Timer { .. } => {
                self.process.on_timer(fired.expect("a timer that fires is set"), &mut ctx);
            }
        }
    }

    fn clone_cell(&self) -> Arc<dyn Cell<P::Message>> {
        Arc::new(self.clone())
    }

    /// The process, and the set of its timers whatever their slots.
    fn fingerprint(&self) -> (u128, u128) {
        let timers = self.timers.iter().map(|(_, timer)| fingerprint(timer));
        (fingerprint(&self.process), timers.fold(0, u128::wrapping_add))
    }

    fn timer(&self, slot: usize) -> Option<&dyn AnyValue> {
        self.timers.get(slot).map(|timer| timer as &dyn AnyValue)
    }

    fn timers(&self) -> Vec<usize> {
        self.timers.iter().map(|(slot, _)| slot).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
