//! One node's process and its timers, behind one erased type.

use crate::fingerprint::fingerprint;
use crate::node::NodeId;
use crate::process::{Alarm, AnyValue, Context, Core, Process, Timers};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A process of any kind with its timers.
pub(crate) trait Cell<M>: Any + Debug + Send + Sync {
    fn start<'a>(&'a mut self, core: &'a mut Core<'a, M>);
    fn restart<'a>(&'a mut self, core: &'a mut Core<'a, M>);
    /// Takes the message out.
    fn deliver<'a>(&'a mut self, from: NodeId, message: &mut Option<M>, core: &'a mut Core<'a, M>);
    fn fire<'a>(&'a mut self, slot: usize, core: &'a mut Core<'a, M>);
    fn clone_cell(&self) -> Box<dyn Cell<M>>;
    fn fingerprint(&self) -> (u128, u128);
    fn timer(&self, slot: usize) -> Option<&dyn AnyValue>;
    /// The slots of the timers that are set.
    fn timers(&self) -> Vec<usize>;
    /// What the driver keeps beside the timer in `slot`.
    fn alarm(&mut self, slot: usize) -> &mut Option<Alarm>;
    fn alarms(&mut self) -> Vec<&mut Option<Alarm>>;
    /// Reads it, to have it near when it is asked for, but not its timers: how many slots they have.
    fn touch(&self) -> usize;
    /// Reads its timers.
    fn touch_timers(&self) -> usize;
    fn as_any(&self) -> &dyn Any;
}

impl<M: 'static> dyn Cell<M> {
    pub(crate) fn process<P: Process>(&self) -> Option<&P> {
        Some(&self.as_any().downcast_ref::<ProcessCell<P>>()?.process)
    }
}

/// In this order: who reads both ends has all of a small process near. (What is at the beginning means nothing. With
/// 100,000 nodes one of the three misses of a message that nothing hid was the second line of its process.)
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct ProcessCell<P: Process> {
    beginning: usize,
    process: P,
    timers: Timers<P::Timer>,
}

impl<P: Process> ProcessCell<P> {
    pub(crate) fn new(process: P) -> Self {
        ProcessCell { beginning: 0, process, timers: Timers::new() }
    }
}

impl<P: Process> Cell<P::Message> for ProcessCell<P> {
    fn start<'a>(&'a mut self, core: &'a mut Core<'a, P::Message>) {
        self.process.on_start(&mut Context { core, timers: &mut self.timers });
    }

    fn restart<'a>(&'a mut self, core: &'a mut Core<'a, P::Message>) {
        self.process.on_restart(&mut Context { core, timers: &mut self.timers });
    }

    fn deliver<'a>(
        &'a mut self,
        from: NodeId,
        message: &mut Option<P::Message>,
        core: &'a mut Core<'a, P::Message>,
    ) {
        let message = message.take().expect("a message that is delivered is there");
        self.process.on_message(from, message, &mut Context { core, timers: &mut self.timers });
    }

    fn fire<'a>(&'a mut self, slot: usize, core: &'a mut Core<'a, P::Message>) {
        let timer = self.timers.take(slot).expect("a timer that fires is set");
        self.process.on_timer(timer, &mut Context { core, timers: &mut self.timers });
    }

    fn clone_cell(&self) -> Box<dyn Cell<P::Message>> {
        Box::new(self.clone())
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

    fn alarm(&mut self, slot: usize) -> &mut Option<Alarm> {
        self.timers.alarm(slot)
    }

    fn alarms(&mut self) -> Vec<&mut Option<Alarm>> {
        self.timers.alarms().collect()
    }

    fn touch(&self) -> usize {
        self.beginning + self.timers.count()
    }

    fn touch_timers(&self) -> usize {
        self.timers.touch()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A cell that is one world's own, or that copies of a world share until one of them changes it.
#[derive(Debug)]
pub(super) enum Owned<M> {
    Alone(Box<dyn Cell<M>>),
    Shared(Arc<dyn Cell<M>>),
}

impl<M: 'static> Owned<M> {
    #[inline]
    pub(super) fn get(&self) -> &dyn Cell<M> {
        match self {
            Owned::Alone(cell) => &**cell,
            Owned::Shared(cell) => &**cell,
        }
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self) -> &mut dyn Cell<M> {
        match self {
            Owned::Alone(cell) => &mut **cell,
            Owned::Shared(_) => self.copied(),
        }
    }

    #[cold]
    fn copied(&mut self) -> &mut dyn Cell<M> {
        *self = Owned::Alone(self.get().clone_cell());
        match self {
            Owned::Alone(cell) => &mut **cell,
            Owned::Shared(_) => unreachable!("it is a copy"),
        }
    }

    /// From here on, copies are cheap.
    pub(super) fn share(&mut self) {
        if let Owned::Alone(cell) = self {
            *self = Owned::Shared(Arc::from(cell.clone_cell()));
        }
    }
}

impl<M: 'static> Clone for Owned<M> {
    fn clone(&self) -> Self {
        match self {
            Owned::Alone(cell) => Owned::Alone(cell.clone_cell()),
            Owned::Shared(cell) => Owned::Shared(cell.clone()),
        }
    }
}
