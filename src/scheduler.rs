//! The event queue: what happens next, and when. It knows times and an order, and nothing of nodes.
//!
//! Events leave by (time, sequence); the sequence is the order of scheduling, so that equal times are
//! first in, first out, after those that are scheduled to be first. Keys live in a heap and events in slots, so that cancelling empties a slot at
//! once and leaves only a dead key behind, which is skipped when it surfaces.

use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Names a scheduled event, to cancel it. Handles are in the order of scheduling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Handle {
    sequence: u64,
    slot: u32,
}

#[derive(Debug)]
struct Slot<E> {
    sequence: u64,
    event: Option<E>,
}

/// A queue of events of type `E`.
#[derive(Debug)]
pub(crate) struct Scheduler<E> {
    keys: BinaryHeap<Reverse<(Time, u64, u32)>>,
    slots: Vec<Slot<E>>,
    free: Vec<u32>,
    sequence: u64,
}

/// Part of the sequence of whatever is not scheduled to be first.
const ORDINARY: u64 = 1 << 63;

impl<E> Scheduler<E> {
    pub(crate) fn new() -> Self {
        Scheduler { keys: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), sequence: 0 }
    }

    pub(crate) fn schedule(&mut self, time: Time, event: E) -> Handle {
        self.insert(time, ORDINARY | self.sequence, event)
    }

    /// Before everything else at its time, and after what was scheduled so earlier.
    pub(crate) fn schedule_first(&mut self, time: Time, event: E) -> Handle {
        self.insert(time, self.sequence, event)
    }

    fn insert(&mut self, time: Time, sequence: u64, event: E) -> Handle {
        self.sequence += 1;
        let filled = Slot { sequence, event: Some(event) };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = filled;
                slot
            }
            None => {
                self.slots.push(filled);
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 events are pending")
            }
        };
        self.keys.push(Reverse((time, sequence, slot)));
        Handle { slot, sequence }
    }

    /// Takes back an event that has not left yet; none if it has.
    pub(crate) fn cancel(&mut self, handle: Handle) -> Option<E> {
        let slot = &mut self.slots[handle.slot as usize];
        let event = slot.event.take_if(|_| slot.sequence == handle.sequence)?;
        self.free.push(handle.slot);
        Some(event)
    }

    pub(crate) fn pop(&mut self) -> Option<(Time, E)> {
        while let Some(Reverse((time, sequence, slot))) = self.keys.pop() {
            let entry = &mut self.slots[slot as usize];
            if entry.sequence == sequence
                && let Some(event) = entry.event.take()
            {
                self.free.push(slot);
                return Some((time, event));
            }
        }
        None
    }

    /// When the next event is due.
    pub(crate) fn next_time(&mut self) -> Option<Time> {
        loop {
            let &Reverse((time, sequence, slot)) = self.keys.peek()?;
            let entry = &self.slots[slot as usize];
            if entry.sequence == sequence && entry.event.is_some() {
                return Some(time);
            }
            self.keys.pop();
        }
    }

    /// How many events have not left.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The events that have not left, in no particular order.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &E> {
        self.slots.iter().filter_map(|slot| slot.event.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a sorted list, with many equal times and cancelled events.
        #[test]
        fn events_leave_by_time_then_in_the_order_of_scheduling(
            script in prop::collection::vec((0u64..8, 0u8..4), 0..200)
        ) {
            let mut scheduler = Scheduler::new();
            let mut list: Vec<(Time, usize)> = Vec::new();
            let mut handles = Vec::new();
            let mut now = Time::ZERO;
            for (number, (offset, action)) in script.into_iter().enumerate() {
                match action {
                    0 => {
                        let first = (!list.is_empty()).then(|| {
                            let at = (0..list.len()).min_by_key(|&i| (list[i].0, i)).unwrap();
                            list.remove(at)
                        });
                        prop_assert_eq!(scheduler.next_time(), first.map(|f| f.0));
                        prop_assert_eq!(scheduler.pop(), first);
                        now = first.map_or(now, |f| f.0);
                    }
                    1 if !handles.is_empty() => {
                        let (handle, event): (Handle, usize) = handles[offset as usize % handles.len()];
                        let there = list.iter().any(|entry| entry.1 == event);
                        prop_assert_eq!(scheduler.cancel(handle), there.then_some(event));
                        list.retain(|entry| entry.1 != event);
                    }
                    _ => {
                        let time = Time::from_nanoseconds(now.as_nanoseconds() + offset);
                        handles.push((scheduler.schedule(time, number), number));
                        list.push((time, number));
                    }
                }
                prop_assert_eq!(scheduler.pending().count(), list.len());
            }
        }
    }
}
