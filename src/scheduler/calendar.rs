//! Keys in the order of (time, sequence): a calendar whose days are as long as some thirty events take.
//!
//! R. Brown, "Calendar Queues: A Fast O(1) Priority Queue Implementation for the Simulation Event Set Problem",
//! CACM 1988, as a ladder of three steps: the day that is read now, sorted; the days of this year, unsorted; and the
//! years to come, each a list. A year has as many days as what is pending needs, so that most keys are put into
//! a day at once and moved never. With few keys pending there is a single day, a sorted list.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// When an event is due, its place among those that are due then, and where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) time: u64,
    pub(super) sequence: u64,
    pub(super) slot: u32,
}

/// At most so many keys are kept in a single day.
const FEW: usize = 32;
/// So many events a day should have.
const DAY: u64 = 32;
/// How far from its end a sorted day takes keys in; they may be many that are due at the same time.
const NEAR_THE_END: usize = 64;

#[derive(Debug)]
pub(super) struct Calendar {
    /// The day that is read, latest first, and keys that came late to it.
    today: Vec<Key>,
    late: BinaryHeap<Reverse<Key>>,
    /// The days of this year, of which `day` is the one that is read; none if all is one day.
    days: Vec<Vec<Key>>,
    day: usize,
    /// How many keys lie in days after this one.
    in_year: usize,
    year: u64,
    years: BTreeMap<u64, Vec<Key>>,
    /// A day lasts two to the power of this, a year as many days.
    day_bits: u32,
    year_bits: u32,
    len: usize,
    /// When the calendar was made, for how many keys, and how many it has given since.
    made_at: u64,
    made_for: usize,
    given: u64,
}

impl Calendar {
    pub(super) fn new() -> Self {
        Calendar {
            today: Vec::new(),
            late: BinaryHeap::new(),
            days: Vec::new(),
            day: 0,
            in_year: 0,
            year: 0,
            years: BTreeMap::new(),
            day_bits: 0,
            year_bits: 0,
            len: 0,
            made_at: 0,
            made_for: 0,
            given: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, key: Key) {
        self.len += 1;
        self.put(key);
        // A list that is too long, four times as many keys as the days were made for, or years with hardly any.
        let outgrown = self.len > 4 * self.made_for.max(FEW) || self.years.len() > 4 * self.days.len();
        if self.is_list() && self.len > FEW || outgrown {
            self.make_anew(|_| true);
        }
    }

    /// The next key, which stays.
    pub(super) fn peek(&mut self) -> Option<Key> {
        self.read_on();
        match (self.today.last(), self.late.peek()) {
            (Some(&key), Some(&Reverse(late))) => Some(key.min(late)),
            (key, late) => key.copied().or(late.map(|late| late.0)),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Key> {
        self.read_on();
        let key = match (self.today.last(), self.late.peek()) {
            (Some(key), Some(Reverse(late))) if late < key => self.late.pop().map(|late| late.0),
            (None, Some(_)) => self.late.pop().map(|late| late.0),
            _ => self.today.pop(),
        }?;
        self.len -= 1;
        self.given += 1;
        if self.given >= 512.max(self.made_for as u64) {
            self.look_at_length(key.time);
        }
        Some(key)
    }

    /// Takes a key out, if that is cheap.
    pub(super) fn remove(&mut self, key: Key) -> bool {
        let place = self.today.partition_point(|other| *other > key);
        let is_there = self.is_list() && self.today.get(place) == Some(&key);
        if is_there {
            self.today.remove(place);
            self.len -= 1;
        }
        is_there
    }

    /// Forgets the keys that are not `wanted`, and chooses the length of days again.
    pub(super) fn make_anew(&mut self, wanted: impl Fn(&Key) -> bool) {
        let mut keys = std::mem::take(&mut self.today);
        keys.extend(self.late.drain().map(|late| late.0));
        keys.extend(self.days.drain(..).flatten());
        keys.extend(std::mem::take(&mut self.years).into_values().flatten());
        keys.retain(wanted);
        keys.sort_unstable_by(|a, b| b.cmp(a));
        let now = keys.last().map_or(self.made_at, |key| key.time);
        // As measured, or by Little's law: the time in which what is pending is due, over how much that is.
        let until = |share: usize| keys.get(keys.len() / share).map_or(0, |late| late.time - now);
        let measured = if self.given < 64 { 0 } else { now.saturating_sub(self.made_at) / self.given };
        let due = if until(10) > 0 { until(10) } else { until(usize::MAX) };
        let pending = due / (keys.len() as u64).max(1);
        let gap = if measured > 0 { measured } else { pending };
        (self.len, self.made_for, self.made_at, self.given) = (keys.len(), keys.len(), now, 0);
        (self.in_year, self.day, self.year) = (0, 0, 0);
        if keys.len() <= FEW {
            self.today = keys;
            return;
        }
        self.day_bits = (DAY * gap.min(1 << 50)).max(1).ilog2();
        let days = (keys.len() as u64 * 5 / (2 * DAY)).next_power_of_two().clamp(64, 1 << 20);
        self.year_bits = days.ilog2();
        self.days = vec![Vec::new(); days as usize];
        let first = now >> self.day_bits;
        self.year = first >> self.year_bits;
        self.day = (first & (days - 1)) as usize;
        keys.into_iter().rev().for_each(|key| self.put(key));
    }

    /// Whether all is one day.
    fn is_list(&self) -> bool {
        self.days.is_empty()
    }

    fn put(&mut self, key: Key) {
        let number = key.time >> self.day_bits;
        let (year, day) = (number >> self.year_bits, number & ((1 << self.year_bits) - 1));
        if self.is_list() || year < self.year || year == self.year && day as usize <= self.day {
            let place = self.today.partition_point(|other| *other > key);
            match self.today.len() - place > NEAR_THE_END {
                // Not is_list(): a list is short.
                true => self.late.push(Reverse(key)),
                false => self.today.insert(place, key),
            }
        } else if year == self.year {
            self.days[day as usize].push(key);
            self.in_year += 1;
        } else {
            self.years.entry(year).or_default().push(key);
        }
    }

    /// If today is over, goes on to the next day that has keys.
    fn read_on(&mut self) {
        while self.today.is_empty() && self.late.is_empty() {
            if self.in_year > 0 {
                let after = self.day + 1;
                let next = self.days[after..].iter().position(|day| !day.is_empty());
                self.day = after + next.expect("there are keys in this year");
            } else if let Some((year, keys)) = self.years.pop_first() {
                (self.year, self.day) = (year, 0);
                self.in_year = keys.len();
                let mask = (1u64 << self.year_bits) - 1;
                for key in keys {
                    self.days[(key.time >> self.day_bits & mask) as usize].push(key);
                }
            } else {
                return;
            }
            std::mem::swap(&mut self.today, &mut self.days[self.day]);
            self.in_year -= self.today.len();
            self.today.sort_unstable_by(|a, b| b.cmp(a));
        }
    }

    /// Days that are four times too long or too short, for too many keys or too few, are made anew.
    fn look_at_length(&mut self, now: u64) {
        let gap = now.saturating_sub(self.made_at) / self.given;
        let right = (DAY * gap.min(1 << 50)).max(1).ilog2();
        let fits = self.day_bits.abs_diff(right) <= 2 && self.len * 4 > self.made_for;
        if !self.is_list() && !fits {
            self.make_anew(|_| true);
        } else {
            (self.made_at, self.given) = (now, 0);
        }
    }
}
