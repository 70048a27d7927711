//! The event queue: what happens next, and when. It knows times and an order, and nothing of nodes.
//!
//! Events leave by (time, sequence); the sequence is the order of scheduling, so that equal times are
//! first in, first out, after those that are scheduled to be first. Keys are in a calendar and events in slots, so
//! that cancelling empties a slot at once and leaves at most a dead key behind, which is skipped; when half of the
//! keys are dead they are thrown out.

mod calendar;

use crate::time::Time;
use calendar::{Calendar, Key};

/// Names a scheduled event, to cancel it. Handles are in the order of scheduling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Handle {
    sequence: u64,
    slot: u32,
}

#[derive(Debug)]
struct Slot<E> {
    time: u64,
    sequence: u64,
    event: Option<E>,
}

/// A queue of events of type `E`.
#[derive(Debug)]
pub(crate) struct Scheduler<E> {
    calendar: Calendar,
    slots: Vec<Slot<E>>,
    free: Vec<u32>,
    sequence: u64,
}

/// Part of the sequence of whatever is not scheduled to be first.
const ORDINARY: u64 = 1 << 63;

/// So many dead keys are never too many.
const FEW_DEAD: usize = 1_000;

impl<E> Scheduler<E> {
    pub(crate) fn new() -> Self {
        Scheduler { calendar: Calendar::new(), slots: Vec::new(), free: Vec::new(), sequence: 0 }
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
        let time = time.as_nanoseconds();
        let filled = Slot { time, sequence, event: Some(event) };
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
        self.calendar.push(Key { time, sequence, slot });
        Handle { slot, sequence }
    }

    /// Takes back an event that has not left yet; none if it has.
    pub(crate) fn cancel(&mut self, handle: Handle) -> Option<E> {
        let Handle { sequence, slot } = handle;
        let entry = &mut self.slots[slot as usize];
        let event = entry.event.take_if(|_| entry.sequence == sequence)?;
        let time = entry.time;
        self.free.push(slot);
        if !self.calendar.remove(Key { time, sequence, slot })
            && self.calendar.len() > 2 * self.len() + FEW_DEAD
        {
            let slots = &self.slots;
            self.calendar.make_anew(|key| is_alive(slots, key));
        }
        Some(event)
    }

    pub(crate) fn pop(&mut self) -> Option<(Time, E)> {
        while let Some(key) = self.calendar.pop() {
            let entry = &mut self.slots[key.slot as usize];
            if entry.sequence == key.sequence
                && let Some(event) = entry.event.take()
            {
                self.free.push(key.slot);
                return Some((Time::from_nanoseconds(key.time), event));
            }
        }
        None
    }

    /// When the next event is due.
    pub(crate) fn next_time(&mut self) -> Option<Time> {
        loop {
            let key = self.calendar.peek()?;
            if is_alive(&self.slots, &key) {
                return Some(Time::from_nanoseconds(key.time));
            }
            self.calendar.pop();
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

/// Whether the event of `key` is still there.
fn is_alive<E>(slots: &[Slot<E>], key: &Key) -> bool {
    let entry = &slots[key.slot as usize];
    entry.sequence == key.sequence && entry.event.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// As below, with so many events, near and far, that the calendar has days and years, grows and shrinks.
        #[test]
        fn so_they_do_when_there_are_thousands_and_spans_of_any_length(
            bits in prop::collection::vec((0u32..40, any::<u64>(), 0u8..8), 0..3_000),
            burst in 0usize..2_000,
        ) {
            let mut scheduler = Scheduler::new();
            let mut sorted = std::collections::BTreeMap::new();
            let mut handles = Vec::new();
            let mut now = 0;
            let schedule = |scheduler: &mut Scheduler<usize>, sorted: &mut std::collections::BTreeMap<_, _>, time, number| {
                sorted.insert((time, number), number);
                (scheduler.schedule(Time::from_nanoseconds(time), number), time, number)
            };
            for number in 0..burst {
                handles.push(schedule(&mut scheduler, &mut sorted, 0, number));
            }
            for (number, (bits, random, action)) in (burst..).zip(bits) {
                match action {
                    0..3 => {
                        let first = sorted.pop_first().map(|((time, _), event)| (Time::from_nanoseconds(time), event));
                        prop_assert_eq!(scheduler.next_time(), first.map(|first| first.0));
                        prop_assert_eq!(scheduler.pop(), first);
                        now = first.map_or(now, |first| first.0.as_nanoseconds());
                    }
                    3 if !handles.is_empty() => {
                        let (handle, time, event) = handles[random as usize % handles.len()];
                        prop_assert_eq!(scheduler.cancel(handle), sorted.remove(&(time, event)));
                    }
                    _ => {
                        let time = now + random % (1 << bits);
                        handles.push(schedule(&mut scheduler, &mut sorted, time, number));
                    }
                }
                prop_assert_eq!(scheduler.len(), sorted.len());
            }
            let rest: Vec<(u64, usize)> =
                std::iter::from_fn(|| scheduler.pop()).map(|(time, event)| (time.as_nanoseconds(), event)).collect();
            let expected: Vec<(u64, usize)> = sorted.into_iter().map(|((time, _), event)| (time, event)).collect();
            prop_assert_eq!(rest, expected);
        }

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
