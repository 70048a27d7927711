//! The event queue: what happens next, and when. It knows times and an order, and nothing of nodes.
//!
//! Events leave in the order of their times; at equal times first come those that are planned, then the others, each
//! first in, first out. Events lie in slots, and stay there until they leave; what is put in order are the numbers of
//! their slots (`calendar`). An event that is cancelled is taken out of its slot and out of the order.

mod calendar;
mod days;
mod far;
mod slots;

use crate::time::Time;
use calendar::Calendar;
use slots::Slots;
use std::collections::BTreeMap;

/// Names an event that is scheduled, to cancel it. Whoever holds one gives it up when the event leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle(u32);

/// An event that is due now, and is yet to be taken.
#[derive(Debug)]
pub(crate) struct Due(u32);

/// A queue of events of type `E`.
#[derive(Debug)]
pub(crate) struct Scheduler<E> {
    slots: Slots<E>,
    calendar: Calendar,
    /// By time, and by the order of planning.
    planned: BTreeMap<(u64, u64), E>,
    /// How many have been planned.
    plans: u64,
}

impl<E> Scheduler<E> {
    pub(crate) fn new() -> Self {
        Scheduler { slots: Slots::new(), calendar: Calendar::new(), planned: BTreeMap::new(), plans: 0 }
    }

    /// There will be so many events more.
    pub(crate) fn reserve(&mut self, events: usize) {
        self.slots.reserve(events);
    }

    #[inline(always)]
    pub(crate) fn schedule(&mut self, time: Time, event: E) -> Handle {
        let time = time.as_nanoseconds();
        let slot = self.slots.fill(time, event);
        self.calendar.push(&mut self.slots, time, slot);
        Handle(slot)
    }

    /// Before everything at its time that is not planned, and after what was planned so earlier. There is no
    /// taking it back.
    pub(crate) fn plan(&mut self, time: Time, event: E) {
        self.planned.insert((time.as_nanoseconds(), self.plans), event);
        self.plans += 1;
    }

    /// Takes back an event that has not left.
    pub(crate) fn cancel(&mut self, Handle(slot): Handle) -> E {
        self.calendar.remove(&mut self.slots, slot);
        self.slots.empty(slot)
    }

    /// The next event, if it is due at `end` or before, and when. It leaves the order, and lies in its slot until it
    /// is taken: so what is needed of it can be read, and not all of it moved.
    #[inline(always)]
    pub(crate) fn next_until(&mut self, end: Time) -> Option<(Time, Due)> {
        let end = end.as_nanoseconds();
        let slot = match self.planned.is_empty() {
            true => self.calendar.pop_until(&mut self.slots, end),
            false => self.next_with_planned(end),
        }?;
        Some((Time::from_nanoseconds(self.slots.time(slot)), Due(slot)))
    }

    #[cold]
    fn next_with_planned(&mut self, end: u64) -> Option<u32> {
        let (&(time, _), _) = self.planned.first_key_value()?;
        if self.calendar.next_time(&mut self.slots).is_some_and(|next| next < time) {
            return self.calendar.pop_until(&mut self.slots, end);
        }
        if time > end {
            return None;
        }
        let (_, event) = self.planned.pop_first()?;
        Some(self.slots.fill(time, event))
    }

    #[inline(always)]
    pub(crate) fn event_mut(&mut self, due: &Due) -> &mut E {
        self.slots.event_mut(due.0)
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, due: Due) -> E {
        self.slots.empty(due.0)
    }

    /// How many events have not left.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.calendar.len() + self.planned.len()
    }

    /// The events that have not left, in no particular order.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &E> {
        self.slots.filled().chain(self.planned.values())
    }

    /// Whether there are many events, and more of those that come next are known since this was last asked.
    #[inline]
    pub(crate) fn knows_more(&mut self) -> bool {
        self.calendar.knows_more()
    }

    /// The events that are known to come next.
    pub(crate) fn coming(&self) -> impl Iterator<Item = &E> {
        self.calendar.coming().filter_map(|slot| self.slots.event(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is expected, by a sorted list: planned ones first, then in the order of scheduling.
    type Sorted = std::collections::BTreeMap<(u64, bool, usize), usize>;

    struct Compared {
        scheduler: Scheduler<usize>,
        sorted: Sorted,
        handles: Vec<(Handle, u64, usize)>,
        now: u64,
        count: usize,
    }

    impl Compared {
        fn new() -> Self {
            let (scheduler, sorted) = (Scheduler::new(), Sorted::new());
            Compared { scheduler, sorted, handles: Vec::new(), now: 0, count: 0 }
        }

        fn schedule(&mut self, time: u64) {
            let handle = self.scheduler.schedule(Time::from_nanoseconds(time), self.count);
            self.sorted.insert((time, true, self.count), self.count);
            self.handles.push((handle, time, self.count));
            self.count += 1;
        }

        fn plan(&mut self, time: u64) {
            self.scheduler.plan(Time::from_nanoseconds(time), self.count);
            self.sorted.insert((time, false, self.count), self.count);
            self.count += 1;
        }

        fn pop_until(&mut self, end: u64) {
            let first = self.sorted.first_entry().filter(|first| first.key().0 <= end);
            let first = first.map(|first| (first.key().0, first.remove()));
            let next = self.scheduler.next_until(Time::from_nanoseconds(end));
            let taken = next.map(|(time, due)| (time.as_nanoseconds(), self.scheduler.take(due)));
            assert_eq!(taken, first);
            if let Some((time, event)) = first {
                self.now = time;
                self.handles.retain(|handle| handle.2 != event);
            }
        }

        fn cancel(&mut self, random: u64) {
            if !self.handles.is_empty() {
                let at = random as usize % self.handles.len();
                let (handle, time, event) = self.handles.swap_remove(at);
                assert_eq!(self.scheduler.cancel(handle), event);
                self.sorted.remove(&(time, true, event));
            }
        }

        fn finish(&mut self) {
            assert_eq!(self.scheduler.len(), self.sorted.len());
            let mut pending: Vec<usize> = self.scheduler.pending().copied().collect();
            pending.sort_unstable();
            let mut expected: Vec<usize> = self.sorted.values().copied().collect();
            expected.sort_unstable();
            assert_eq!(pending, expected);
            while !self.sorted.is_empty() {
                self.pop_until(u64::MAX);
            }
            assert!(self.scheduler.next_until(Time::from_nanoseconds(u64::MAX)).is_none());
        }
    }

    proptest! {
        /// With so many events, near and far, that there are days and far lists, that grow and shrink; and looking
        /// ahead of the time at which something is scheduled next.
        #[test]
        fn events_leave_as_from_a_sorted_list_when_there_are_thousands(
            spread in 1u32..45,
            bits in prop::collection::vec((0u32..40, any::<u64>(), 0u8..16), 0..3_000),
            burst in 0usize..2_000,
        ) {
            let mut compared = Compared::new();
            for _ in 0..burst {
                compared.schedule(0);
            }
            for (bits, random, action) in bits {
                let ahead = compared.now + random % (1 << bits.min(spread));
                match action {
                    0..6 => compared.pop_until(u64::MAX),
                    6 => compared.pop_until(ahead),
                    7 => compared.plan(ahead),
                    8 | 9 => compared.cancel(random),
                    _ => compared.schedule(ahead),
                }
            }
            compared.finish();
        }

        /// With many equal times.
        #[test]
        fn events_leave_as_from_a_sorted_list_at_equal_times(
            script in prop::collection::vec((0u64..8, 0u8..9), 0..300)
        ) {
            let mut compared = Compared::new();
            for (offset, action) in script {
                let time = compared.now + offset;
                match action {
                    0..2 => compared.pop_until(u64::MAX),
                    2 => compared.pop_until(time),
                    3 => compared.cancel(offset),
                    4 => compared.plan(time),
                    _ => compared.schedule(time),
                }
            }
            compared.finish();
        }
    }

    #[test]
    fn an_event_at_the_end_of_time_is_the_last() {
        let mut compared = Compared::new();
        for count in 0..200 {
            compared.schedule(u64::MAX - count % 3);
            compared.schedule(count);
        }
        compared.finish();
    }

    /// Timers that are set anew long before they are due, ten thousand times as many as are pending.
    #[test]
    fn cancelled_events_leave_nothing_behind() {
        let mut scheduler = Scheduler::new();
        let at = Time::from_nanoseconds;
        let mut handles: Vec<Handle> =
            (0..100).map(|count| scheduler.schedule(at(1_000_000 + count), count)).collect();
        for round in 0..10_000 {
            for (count, handle) in (0..).zip(&mut handles) {
                scheduler.cancel(*handle);
                *handle = scheduler.schedule(at(1_000_000 + 100 * round + count), count);
            }
        }
        assert_eq!(scheduler.len(), 100);
        assert!(scheduler.slots.len() <= 101);
    }
}
