//! Events that are too far away for the days of the calendar: a list for each of the next spans of time, and one for
//! each of the ages to come, of 256 spans.
//!
//! (G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, with two levels and a map for what
//! is beyond.) An event is taken out where it is, whatever else there is. Those of one span stay as they came: the list of
//! an age is dealt out to its spans before one of them takes an event itself.

use super::slots::{List, Slots};
use std::collections::BTreeMap;

/// An age has two to the power of this many spans.
const AGE_BITS: u32 = 8;

#[derive(Debug)]
pub(super) struct Far {
    /// A span lasts two to the power of this.
    span_bits: u32,
    /// The first span that has not been taken, counted from the start of time.
    next: u64,
    /// The spans of the age of `next`, each at its number modulo their count.
    spans: Vec<List>,
    ages: BTreeMap<u64, List>,
}

impl Far {
    /// For none.
    pub(super) fn none() -> Self {
        Far { span_bits: 0, next: 0, spans: Vec::new(), ages: BTreeMap::new() }
    }

    /// For spans of `span_bits`, the first of them being number `next`.
    pub(super) fn new(span_bits: u32, next: u64) -> Self {
        Far { span_bits, next, spans: vec![List::EMPTY; 1 << AGE_BITS], ages: BTreeMap::new() }
    }

    #[inline]
    pub(super) fn push<E>(&mut self, slots: &mut Slots<E>, slot: u32) {
        let span = slots.time(slot) >> self.span_bits;
        let list = match span >> AGE_BITS == self.next >> AGE_BITS {
            true => &mut self.spans[span as usize & ((1 << AGE_BITS) - 1)],
            false => self.ages.entry(span >> AGE_BITS).or_insert(List::EMPTY),
        };
        slots.append(list, slot);
    }

    #[inline]
    pub(super) fn remove<E>(&mut self, slots: &mut Slots<E>, slot: u32) {
        let span = slots.time(slot) >> self.span_bits;
        if span >> AGE_BITS == self.next >> AGE_BITS {
            return slots.unlink(&mut self.spans[span as usize & ((1 << AGE_BITS) - 1)], slot);
        }
        if let Some(list) = self.ages.get_mut(&(span >> AGE_BITS)) {
            slots.unlink(list, slot);
            if list.is_empty() {
                self.ages.remove(&(span >> AGE_BITS));
            }
        }
    }

    /// The first span that has events.
    pub(super) fn first<E>(&self, slots: &Slots<E>) -> Option<u64> {
        let end = (self.next | ((1 << AGE_BITS) - 1)) + 1;
        let has_events = |span: &u64| !self.spans[*span as usize & ((1 << AGE_BITS) - 1)].is_empty();
        let in_age = (self.next..end).find(has_events);
        in_age.or_else(|| {
            let (_, list) = self.ages.first_key_value()?;
            slots.times(*list).min().map(|time| time >> self.span_bits)
        })
    }

    /// The list of the first span before `end` that has events. Those before are over.
    pub(super) fn take_before<E>(&mut self, slots: &mut Slots<E>, end: u64) -> Option<List> {
        while self.next < end {
            let list = &mut self.spans[self.next as usize & ((1 << AGE_BITS) - 1)];
            let taken = std::mem::replace(list, List::EMPTY);
            self.go_on_to(slots, self.next + 1);
            if !taken.is_empty() {
                return Some(taken);
            }
        }
        None
    }

    /// No span before `next` has events.
    pub(super) fn go_on_to<E>(&mut self, slots: &mut Slots<E>, next: u64) {
        let age = next >> AGE_BITS;
        let is_new = age != self.next >> AGE_BITS;
        self.next = next;
        if is_new && let Some(mut list) = self.ages.remove(&age) {
            while let Some(slot) = slots.take_first(&mut list) {
                self.push(slots, slot);
            }
        }
    }

    /// All lists, those that are due first before the others.
    pub(super) fn into_lists(self) -> impl Iterator<Item = List> {
        self.spans.into_iter().chain(self.ages.into_values())
    }
}
