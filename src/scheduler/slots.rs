//! Where events lie until they leave, and the links by which they hang together in lists.

use std::hint::black_box;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Debug)]
#[repr(align(64))]
struct Slot<E> {
    time: u64,
    /// The neighbours in the list that this is in; or, in a row, the place as `before`. The next free slot as
    /// `after`, if this is empty.
    before: u32,
    after: u32,
    event: Option<E>,
}

/// A list of slots, by its ends; `NONE` both if it is empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl List {
    pub(super) const EMPTY: List = List { first: NONE, last: NONE };

    pub(super) fn is_empty(self) -> bool {
        self.first == NONE
    }
}

#[derive(Debug)]
pub(super) struct Slots<E> {
    slots: Vec<Slot<E>>,
    free: u32,
}

impl<E> Slots<E> {
    pub(super) fn new() -> Self {
        Slots { slots: Vec::new(), free: NONE }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn reserve(&mut self, slots: usize) {
        self.slots.reserve(slots);
    }

    #[inline(always)]
    pub(super) fn fill(&mut self, time: u64, event: E) -> u32 {
        if self.free == NONE {
            self.add();
        }
        let slot = self.free;
        let entry = &mut self.slots[slot as usize];
        self.free = entry.after;
        entry.time = time;
        entry.event = Some(event);
        slot
    }

    #[cold]
    fn add(&mut self) {
        let slot = u32::try_from(self.slots.len()).ok().filter(|slot| *slot != NONE);
        self.slots.push(Slot { time: 0, before: NONE, after: NONE, event: None });
        self.free = slot.expect("fewer than 2^32 events are pending");
    }

    #[inline(always)]
    pub(super) fn empty(&mut self, slot: u32) -> E {
        let entry = &mut self.slots[slot as usize];
        let event = entry.event.take().expect("an event that is scheduled is in its slot");
        entry.after = self.free;
        self.free = slot;
        event
    }

    #[inline(always)]
    pub(super) fn event_mut(&mut self, slot: u32) -> &mut E {
        let event = self.slots[slot as usize].event.as_mut();
        event.expect("an event that is due is in its slot")
    }

    pub(super) fn event(&self, slot: u32) -> Option<&E> {
        self.slots.get(slot as usize)?.event.as_ref()
    }

    pub(super) fn filled(&self) -> impl Iterator<Item = &E> {
        self.slots.iter().filter_map(|slot| slot.event.as_ref())
    }

    #[inline]
    pub(super) fn time(&self, slot: u32) -> u64 {
        self.slots[slot as usize].time
    }

    /// The place in a row that was noted for it.
    pub(super) fn place(&self, slot: u32) -> u32 {
        self.slots[slot as usize].before
    }

    #[inline]
    pub(super) fn note_place(&mut self, slot: u32, place: u32) {
        self.slots[slot as usize].before = place;
    }

    /// Puts it at the end of a list.
    pub(super) fn append(&mut self, list: &mut List, slot: u32) {
        let last = list.last;
        let entry = &mut self.slots[slot as usize];
        (entry.before, entry.after) = (last, NONE);
        match self.slots.get_mut(last as usize) {
            Some(last) => last.after = slot,
            None => list.first = slot,
        }
        list.last = slot;
    }

    /// Takes it out of its list.
    pub(super) fn unlink(&mut self, list: &mut List, slot: u32) {
        let Slot { before, after, .. } = self.slots[slot as usize];
        match self.slots.get_mut(before as usize) {
            Some(entry) => entry.after = after,
            None => list.first = after,
        }
        match self.slots.get_mut(after as usize) {
            Some(entry) => entry.before = before,
            None => list.last = before,
        }
    }

    /// Takes the first one out of a list.
    pub(super) fn take_first(&mut self, list: &mut List) -> Option<u32> {
        let slot = list.first;
        list.first = self.slots.get(slot as usize)?.after;
        match self.slots.get_mut(list.first as usize) {
            Some(next) => next.before = NONE,
            None => list.last = NONE,
        }
        Some(slot)
    }

    /// The times of those in a list.
    pub(super) fn times(&self, list: List) -> impl Iterator<Item = u64> {
        let next = |entry: &&Slot<E>| self.slots.get(entry.after as usize);
        std::iter::successors(self.slots.get(list.first as usize), next).map(|entry| entry.time)
    }

    /// Reads these, to have them near when they are asked for.
    pub(super) fn touch(&self, slots: impl Iterator<Item = u32>) {
        let times = slots.filter_map(|slot| self.slots.get(slot as usize)).map(|entry| entry.time);
        black_box(times.fold(0, u64::wrapping_add));
    }
}
