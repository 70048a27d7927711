//! What a protocol is written against: a [`Process`] reads one event and emits effects.
//!
//! A process does no I/O and sees no clock but [`Context`]. It does not know who drives it, so the same
//! process runs in timed simulation and in exhaustive search.

use crate::distribution::Distribution;
use crate::fingerprint::fingerprint;
use crate::node::{NodeId, Nodes};
use crate::scheduler;
use crate::storage::{Storage, StorageError, Write, encode};
use crate::time::Time;
use serde::{Serialize, de::DeserializeOwned};
use std::any::Any;
use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// A plain value: what processes, messages and timers are.
///
/// That they can be copied, compared by hash and printed is what makes snapshots, exhaustive search,
/// digests and traces free for every model. It also keeps `HashMap` and floats out of protocol state;
/// use `BTreeMap` and integers.
pub trait Value: Clone + Debug + Hash + Send + Sync + 'static {}
impl<T: Clone + Debug + Hash + Send + Sync + 'static> Value for T {}

/// The behaviour that runs on a node.
pub trait Process: Value {
    /// What nodes of this simulation send each other. Processes of different kinds in one simulation
    /// share one message type.
    type Message: Value;

    /// What this process can be woken for. A timer is its value: setting an equal one replaces it.
    type Timer: Value + Eq;

    /// The node starts.
    #[allow(unused_variables)]
    fn on_start(&mut self, ctx: &mut Context<Self>) {}

    /// A message has arrived.
    fn on_message(&mut self, from: NodeId, message: Self::Message, ctx: &mut Context<Self>);

    /// A timer that was set is due. It is no longer set.
    #[allow(unused_variables)]
    fn on_timer(&mut self, timer: Self::Timer, ctx: &mut Context<Self>) {}

    /// The node is back after a crash. `self` is as it was given to the simulation; all it has of its
    /// past is in storage.
    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.on_start(ctx);
    }
}

/// A value whose type is not known here: it can be printed, fingerprinted and asked for its type.
pub trait AnyValue: Any + Debug + Send + Sync {
    /// The value's 128-bit fingerprint.
    fn fingerprint(&self) -> u128;
    /// The value, to be downcast to its type.
    fn as_any(&self) -> &dyn Any;
}

impl<T: Any + Debug + Hash + Send + Sync> AnyValue for T {
    fn fingerprint(&self) -> u128 {
        fingerprint(self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What became of a client's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "data", derive(serde::Serialize))]
#[cfg_attr(feature = "data", serde(rename_all = "lowercase"))]
pub enum Outcome {
    /// It took place.
    Ok,
    /// It is known not to have taken place.
    Failed,
    /// Nobody answered in time: it may have taken place, or may yet.
    Unknown,
}

/// What a handler asks for, in the order it asked.
#[derive(Clone, Debug)]
pub(crate) enum Effect<M> {
    /// None once the driver has taken it.
    Send {
        to: NodeId,
        message: Option<M>,
    },
    SetTimer {
        slot: usize,
        after: Duration,
    },
    CancelTimer {
        slot: usize,
    },
    /// The world fills in how many writes it waits for; with none it takes no time.
    Sync {
        writes: usize,
    },
    /// What is asked for less often, so that the rest is small and needs no care when it is done with.
    Other(Box<Other>),
}

#[derive(Clone, Debug)]
pub(crate) enum Other {
    Write(Write),
    Note(String),
    Invoke { operation: u64, value: Arc<dyn AnyValue> },
    Respond { operation: u64, outcome: Outcome, value: Arc<dyn AnyValue> },
    Gauge { name: &'static str, value: u64 },
}

impl<M: Hash> Hash for Effect<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Effect::Send { to, message } => (to, message).hash(state),
            Effect::SetTimer { slot, .. } | Effect::CancelTimer { slot } => slot.hash(state),
            Effect::Sync { .. } => {}
            Effect::Other(other) => other.hash(state),
        }
    }
}

impl Hash for Other {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Other::Write(write) => write.hash(state),
            Other::Note(text) => text.hash(state),
            Other::Invoke { operation, value } => (operation, value.fingerprint()).hash(state),
            Other::Respond { operation, outcome, value } => {
                (operation, outcome, value.fingerprint()).hash(state);
            }
            Other::Gauge { name, value } => (name, value).hash(state),
        }
    }
}

/// What a handler may ask its driver for at once: the clock and choices.
pub(crate) trait Environment {
    /// The node's wall clock, where there is time.
    fn now(&self) -> Option<Time>;
    /// A number below `bound`, which is at least 1.
    fn choose(&mut self, bound: u32) -> u32;
    /// True with probability `numerator / denominator`, which is neither 0 nor 1.
    fn chance(&mut self, numerator: u32, denominator: u32) -> bool;
    /// A span between the two, both included.
    fn sample(&mut self, distribution: &Distribution) -> Duration;
    /// The number at an address of this node's as a client; none where every choice is tried.
    fn client_number(&mut self, address: u64) -> Option<u64>;
    /// Whether anyone will read notes and gauges.
    fn observed(&self) -> bool;
}

/// What a driver that has time knows a timer by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alarm {
    /// None if it is overdue: it has left the scheduler, and waits for its node.
    pub(crate) handle: Option<scheduler::Handle>,
    /// What the node's monotonic clock shows when it is due.
    pub(crate) due: Time,
    /// Of the timers of one node, those that were set later have more.
    pub(crate) order: u64,
}

/// The timers of one node. A timer's slot names it to the driver for as long as it is set.
#[derive(Clone, Debug)]
pub(crate) struct Timers<T> {
    slots: Vec<(Option<T>, Option<Alarm>)>,
}

impl<T: Eq> Timers<T> {
    pub(crate) fn new() -> Self {
        Timers { slots: Vec::new() }
    }

    /// The slot of `timer`, set now if it was not.
    fn set(&mut self, timer: T) -> usize {
        // The first free one. (A timer that was taken back may still have its alarm, until that takes place.)
        let mut slot = self.slots.len();
        for (at, (set, _)) in self.slots.iter().enumerate() {
            match set {
                Some(set) if *set == timer => return at,
                None if slot == self.slots.len() => slot = at,
                _ => {}
            }
        }
        if slot == self.slots.len() {
            self.slots.push((None, None));
        }
        self.slots[slot].0 = Some(timer);
        slot
    }

    fn cancel(&mut self, timer: &T) -> Option<usize> {
        let slot = self.slots.iter().position(|(set, _)| set.as_ref() == Some(timer))?;
        self.slots[slot].0 = None;
        Some(slot)
    }

    pub(crate) fn take(&mut self, slot: usize) -> Option<T> {
        self.slots.get_mut(slot)?.0.take()
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&T> {
        self.slots.get(slot)?.0.as_ref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.slots.iter().enumerate().filter_map(|(slot, (timer, _))| Some((slot, timer.as_ref()?)))
    }

    /// How many slots there are.
    pub(crate) fn count(&self) -> usize {
        self.slots.len()
    }

    /// Reads them, to have them near when they are asked for.
    pub(crate) fn touch(&self) -> usize {
        self.slots.iter().map(|(_, alarm)| usize::from(alarm.is_some())).sum()
    }

    pub(crate) fn alarm(&mut self, slot: usize) -> &mut Option<Alarm> {
        &mut self.slots[slot].1
    }

    pub(crate) fn alarms(&mut self) -> impl Iterator<Item = &mut Option<Alarm>> {
        self.slots.iter_mut().map(|(_, alarm)| alarm)
    }
}

/// A handler's window on its node: who it is, what it may ask, and where its effects go.
pub struct Context<'a, P: Process> {
    pub(crate) core: &'a mut Core<'a, P::Message>,
    pub(crate) timers: &'a mut Timers<P::Timer>,
}

/// The part of a context that does not depend on the process.
pub(crate) struct Core<'a, M> {
    pub(crate) id: NodeId,
    pub(crate) environment: &'a mut dyn Environment,
    pub(crate) storage: &'a mut Arc<Storage>,
    pub(crate) effects: &'a mut Vec<Effect<M>>,
    /// How many nodes there are.
    pub(crate) count: usize,
    /// Whether the handler has written or asked for a sync.
    pub(crate) stores: &'a Cell<bool>,
}

impl<P: Process> Context<'_, P> {
    /// This node.
    pub fn id(&self) -> NodeId {
        self.core.id
    }

    /// The node's wall clock.
    ///
    /// # Panics
    /// Under exhaustive search, which has no time. A model that can do without reads no clock; one that
    /// cannot says that exhaustive bounds do not apply to it.
    #[track_caller]
    pub fn now(&self) -> Time {
        self.core.environment.now().expect("ctx.now() under exhaustive search: there is no time in it")
    }

    /// Sends `message` to `to`. To this node itself it passes the network like any other, with delay and
    /// loss.
    ///
    /// # Panics
    /// If there is no such node.
    #[inline]
    #[track_caller]
    pub fn send(&mut self, to: impl Into<NodeId>, message: P::Message) {
        let (id, to, count) = (self.core.id, to.into(), self.core.count);
        assert!(to.index() < count, "{id} sends to {to}: there is no such node, there are {count}");
        self.core.effects.push(Effect::Send { to, message: Some(message) });
    }

    /// Sends `message` to each of `to`, in their order.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn broadcast(&mut self, to: impl Nodes, message: P::Message) {
        for id in to.ids() {
            self.send(id, message.clone());
        }
    }

    /// Wakes the process for `timer` after `after`. If an equal timer is set, this replaces it.
    pub fn set_timer(&mut self, timer: P::Timer, after: Duration) {
        let slot = self.timers.set(timer);
        self.core.effects.push(Effect::SetTimer { slot, after });
    }

    /// Takes back `timer`, if it is set.
    pub fn cancel_timer(&mut self, timer: &P::Timer) {
        if let Some(slot) = self.timers.cancel(timer) {
            self.core.effects.push(Effect::CancelTimer { slot });
        }
    }

    /// A number below `bound`: drawn in simulation, each in turn under exhaustive search.
    ///
    /// # Panics
    /// If `bound` is zero.
    #[track_caller]
    pub fn choose(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "choose({bound}): there is nothing to choose from");
        self.core.environment.choose(bound)
    }

    /// True with probability `numerator / denominator` in simulation; both ways under exhaustive search,
    /// unless the probability is 0 or 1.
    ///
    /// # Panics
    /// If the ratio is above one or its denominator is zero.
    #[track_caller]
    pub fn chance(&mut self, numerator: u32, denominator: u32) -> bool {
        let ratio = (numerator, denominator);
        assert!(denominator > 0 && numerator <= denominator, "chance{ratio:?}: expected at most 1");
        match numerator {
            0 => false,
            _ if numerator == denominator => true,
            _ => self.core.environment.chance(numerator, denominator),
        }
    }

    /// A span between `low` and `high`, both included, equally likely. Under exhaustive search it is their
    /// mean: there every order of events is tried whatever the spans.
    ///
    /// # Panics
    /// If `low` is longer than `high`.
    #[track_caller]
    pub fn span_between(&mut self, low: Duration, high: Duration) -> Duration {
        assert!(low <= high, "span_between: {low:?} is longer than {high:?}");
        self.core.environment.sample(&Distribution::Uniform(low, high))
    }

    /// A span drawn from `distribution`, with a number of this node's own; its mean under exhaustive search.
    pub fn sample(&mut self, distribution: &Distribution) -> Duration {
        self.core.environment.sample(distribution)
    }

    /// A line for the trace: `ctx.note("elected")` or `ctx.note(format_args!("elected in {term}"))`.
    /// It is formatted only if somebody reads the trace.
    pub fn note(&mut self, text: impl Display) {
        if self.core.environment.observed() {
            self.core.effects.push(Effect::Other(Box::new(Other::Note(text.to_string()))));
        }
    }

    /// Says that `name`, something that can be counted on this node, is `value` now:
    /// `ctx.gauge("line", self.line.len() as u64)`. Metrics are made of this: how long a line is, for how long
    /// a node is in doubt. It is recorded only if somebody observes, and is in no digest.
    ///
    /// It stands until the node says something else, through a crash too: a crash takes the process, and not
    /// what others still wait for. A process whose count changes by a crash says so when it restarts.
    pub fn gauge(&mut self, name: &'static str, value: u64) {
        if self.core.environment.observed() {
            self.core.effects.push(Effect::Other(Box::new(Other::Gauge { name, value })));
        }
    }

    /// Writes the named record `name`. It is durable after the next [`sync`](Context::sync).
    pub fn write<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.store(Write::Record(name, encode(value)));
    }

    /// Appends `entry` to the log. It is durable after the next [`sync`](Context::sync).
    pub fn append<T: Serialize + ?Sized>(&mut self, entry: &T) {
        self.store(Write::Append(encode(entry)));
    }

    fn store(&mut self, write: Write) {
        self.core.stores.set(true);
        Arc::make_mut(self.core.storage).show(write.clone());
        self.core.effects.push(Effect::Other(Box::new(Other::Write(write))));
    }

    /// Waits until all earlier writes are durable. What the handler asks for after this is held back
    /// until then, and the node handles nothing else meanwhile.
    pub fn sync(&mut self) {
        self.core.stores.set(true);
        self.core.effects.push(Effect::Sync { writes: 0 });
    }

    /// Reads the named record `name`, written before in this handler or earlier.
    ///
    /// # Errors
    /// [`StorageError::Decode`] if it was written as another type.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StorageError> {
        self.core.storage.read(name)
    }

    /// Reads the log, oldest entry first. An entry is an error if a crash tore it.
    pub fn log<T: DeserializeOwned>(&self) -> impl Iterator<Item = Result<T, StorageError>> {
        self.core.storage.log()
    }

    /// Says that this node, as a client, has invoked operation number `operation`. Metrics and histories
    /// are made of this and of [`respond`](Context::respond).
    pub fn invoke<T: Value>(&mut self, operation: u64, value: T) {
        self.core.effects.push(Effect::Other(Box::new(Other::Invoke { operation, value: Arc::new(value) })));
    }

    /// Says what became of operation number `operation`. What is said first is its outcome; a client says
    /// more only if it hears of an operation whose outcome was unknown.
    pub fn respond<T: Value>(&mut self, operation: u64, outcome: Outcome, value: T) {
        self.core.effects.push(Effect::Other(Box::new(Other::Respond {
            operation,
            outcome,
            value: Arc::new(value),
        })));
    }
}
