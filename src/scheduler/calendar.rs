//! Slots in the order of their times: a calendar whose days are as long as some thirty events take, or some hundreds if
//! there are many.
//!
//! R. Brown, "Calendar Queues: A Fast O(1) Priority Queue Implementation for the Simulation Event Set Problem",
//! CACM 1988, as a ladder: *today*, sorted; the *days* to come, in a ring, unsorted; and beyond them what is *far*, in
//! lists for spans of as many days as an eighth of the ring. The ring is long enough for what is pending by Little's law, so that most
//! events are put into their day at once; timers that are cancelled long before they are due are taken out of their
//! list. With a few events pending all that would cost more than it saves: they are one sorted array.
//!
//! Nothing here stores an order of scheduling. In a day and in a list events stand as they were scheduled, a
//! stable sort keeps equal times so, and a list moves into its days before one of them takes an event itself.

use super::days::{Days, Entry};
use super::far::Far;
use super::slots::{NONE, Slots};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// At most so many events are one sorted array, and again if there are so few.
const FEW: usize = 32;
const VERY_FEW: usize = 8;
/// So many events a day should have; and if there are many, so that more of what is far away is fetched at the same
/// time, and the days themselves are near: with 100,000 nodes 128 instead of 32 took a fifth off, and with a million 256
/// instead of 128 a sixth.
const DAY: u64 = 32;
const LONG_DAY: u64 = 256;
/// The ring has at least so many days, and at most.
const DAYS: [u64; 2] = [64, 1 << 20];
/// A span of what is far has the days of the ring over two to the power of this.
const SPAN_BITS: u32 = 3;
/// So many cancelled entries are never too many.
const FEW_CANCELLED: usize = 1_000;
/// With fewer events than this, their slots are near.
const SOME: usize = 2_048;
/// With fewer events than this, all that is asked for is near.
const MANY: usize = 16_384;

#[derive(Debug)]
pub(super) struct Calendar {
    len: usize,
    /// While there are few: latest first. The rest is not in use then.
    few: Vec<(u64, u32)>,
    is_few: bool,
    today: Vec<Entry>,
    /// The same as they came, and in which order they leave.
    unsorted: Vec<Entry>,
    order: Vec<u64>,
    /// How many of today's entries have left.
    read: usize,
    /// What came for today, or an earlier day, when the day had begun: by time, and by arrival.
    late: BinaryHeap<Reverse<(u64, u64, u32)>>,
    arrivals: u64,
    /// The number of today, counted from the start of time. A day lasts two to the power of `day_bits`.
    day: u64,
    day_bits: u32,
    /// The days after today and before `horizon`, and how many of all entries are cancelled.
    days: Days,
    horizon: u64,
    cancelled: usize,
    /// From `horizon` on.
    far: Far,
    /// Whether today has begun since somebody asked.
    has_begun: bool,
    /// Whether nothing is known of the length of days: all that was pending was due at one time, as when nodes are added.
    /// Until time passes, the days are rows for whatever comes, each for days that are as many apart as there are rows.
    is_guessed: bool,
    /// When the calendar was made, for how many events, and how many it has given since.
    made_at: u64,
    made_for: usize,
    given: u64,
    /// When it has given so many, the length of days is looked at.
    look_after: u64,
    /// With more events than this, the calendar is made anew.
    most: usize,
}

impl Calendar {
    pub(super) fn new() -> Self {
        Calendar {
            len: 0,
            few: Vec::new(),
            is_few: true,
            today: Vec::new(),
            unsorted: Vec::new(),
            order: Vec::new(),
            read: 0,
            late: BinaryHeap::new(),
            arrivals: 0,
            day: 0,
            day_bits: 0,
            days: Days::none(),
            horizon: 0,
            cancelled: 0,
            far: Far::none(),
            has_begun: false,
            is_guessed: false,
            made_at: 0,
            made_for: 0,
            given: 0,
            look_after: 0,
            most: FEW,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(super) fn push<E>(&mut self, slots: &mut Slots<E>, time: u64, slot: u32) {
        self.len += 1;
        if self.is_few {
            // After those that are due at the same time, which is before them here. Nothing branches on where it
            // belongs, which cannot be foretold.
            let mut last = (time, slot);
            for entry in &mut self.few {
                (*entry, last) = if entry.0 > last.0 { (*entry, last) } else { (last, *entry) };
            }
            self.few.push(last);
        } else {
            self.put(slots, time, slot);
        }
        if self.len > self.most {
            self.make_anew(slots, false);
        }
    }

    /// Takes the next one out if it is due at `end` or before.
    #[inline(always)]
    pub(super) fn pop_until<E>(&mut self, slots: &mut Slots<E>, end: u64) -> Option<u32> {
        if self.is_few {
            let &(time, slot) = self.few.last()?;
            if time > end {
                return None;
            }
            self.few.pop();
            self.len -= 1;
            return Some(slot);
        }
        self.pop_from_days(slots, end)
    }

    #[inline(always)]
    fn pop_from_days<E>(&mut self, slots: &mut Slots<E>, end: u64) -> Option<u32> {
        let (time, slot, is_late) = self.next(slots)?;
        if time > end {
            return None;
        }
        match is_late {
            true => drop(self.late.pop()),
            false => self.read += 1,
        }
        self.len -= 1;
        self.given += 1;
        if self.given >= self.look_after || self.len < VERY_FEW {
            self.look_at_length(slots, time);
        }
        Some(slot)
    }

    /// When the next one is due, which stays.
    pub(super) fn next_time<E>(&mut self, slots: &mut Slots<E>) -> Option<u64> {
        match self.is_few {
            true => self.few.last().map(|next| next.0),
            false => self.next(slots).map(|next| next.0),
        }
    }

    /// Takes out one that has not left.
    pub(super) fn remove<E>(&mut self, slots: &mut Slots<E>, slot: u32) {
        self.len -= 1;
        let time = slots.time(slot);
        if self.is_few {
            let first = self.few.partition_point(|other| other.0 > time);
            let place = self.few[first..].iter().position(|other| other.1 == slot);
            self.few.remove(first + place.expect("a scheduled event is among the few"));
            return;
        }
        let day = time >> self.day_bits;
        if day >= self.horizon {
            self.far.remove(slots, slot);
        } else if day > self.day {
            self.days.cancel(slots.place(slot));
            self.cancelled += 1;
        } else if !self.remove_from_today(time, slot) {
            self.late.retain(|late| late.0.2 != slot);
        }
        if self.cancelled > 2 * self.len + FEW_CANCELLED {
            self.make_anew(slots, false);
        }
    }

    /// Whether there are many events and today has begun since this was last asked.
    #[inline]
    pub(super) fn knows_more(&mut self) -> bool {
        std::mem::take(&mut self.has_begun)
    }

    /// The slots of today's entries.
    pub(super) fn coming(&self) -> impl Iterator<Item = u32> {
        self.today[self.read..].iter().map(|entry| entry.slot)
    }

    fn remove_from_today(&mut self, time: u64, slot: u32) -> bool {
        let begin = self.day << self.day_bits;
        let rest = &mut self.today[self.read..];
        let first = rest.partition_point(|entry| begin + u64::from(entry.offset) < time);
        let same = rest[first..].iter_mut().take_while(|entry| begin + u64::from(entry.offset) == time);
        let entry = same.into_iter().find(|entry| entry.slot == slot);
        if let Some(entry) = entry {
            entry.slot = NONE;
            self.cancelled += 1;
            return true;
        }
        false
    }

    fn span_bits(&self) -> u32 {
        self.days.count().ilog2() - SPAN_BITS
    }

    #[inline(always)]
    fn put<E>(&mut self, slots: &mut Slots<E>, time: u64, slot: u32) {
        let day = time >> self.day_bits;
        let offset = (time & ((1 << self.day_bits) - 1)) as u32;
        if day <= self.day {
            let is_last = self.late.is_empty() && self.today.last().is_none_or(|last| last.offset <= offset);
            if day == self.day && is_last {
                self.today.push(Entry { offset, slot });
            } else {
                self.late.push(Reverse((time, self.arrivals, slot)));
                self.arrivals += 1;
            }
        } else if day < self.horizon {
            slots.note_place(slot, self.days.push(day, Entry { offset, slot }));
        } else {
            self.far.push(slots, slot);
        }
    }

    /// The next one, which stays, if there are not few: its time, its slot, and whether it is late.
    #[inline(always)]
    fn next<E>(&mut self, slots: &mut Slots<E>) -> Option<(u64, u32, bool)> {
        loop {
            let begin = self.day << self.day_bits;
            match self.today.get(self.read) {
                Some(Entry { slot: NONE, .. }) => {
                    self.read += 1;
                    self.cancelled -= 1;
                }
                Some(&Entry { offset, slot }) => {
                    let time = begin + u64::from(offset);
                    // What is late was scheduled later than what today began with.
                    return match self.late.peek() {
                        Some(Reverse(late)) if late.0 < time => Some((late.0, late.2, true)),
                        _ => Some((time, slot, false)),
                    };
                }
                None => match self.late.peek() {
                    Some(Reverse(late)) => return Some((late.0, late.2, true)),
                    None => self.begin_next_day(slots)?,
                },
            }
        }
    }

    /// Goes on to the next day that has entries, unless today has got some.
    fn begin_next_day<E>(&mut self, slots: &mut Slots<E>) -> Option<()> {
        if self.is_guessed {
            self.make_anew(slots, true);
            return Some(());
        }
        if self.days.len() == 0 {
            let first = self.far.first(slots)?;
            self.far.go_on_to(slots, first);
            self.day = (first << self.span_bits()) - 1;
            self.move_horizon(slots);
        }
        let mut day = self.day + 1;
        while self.days.is_empty(day) {
            day += 1;
        }
        self.day = day;
        self.today.clear();
        self.read = 0;
        self.unsorted.clear();
        self.days.take(day, &mut self.unsorted);
        // A stable sort, as one of whole words, which is faster: offset, and place in the day.
        self.order.clear();
        self.order
            .extend((0..).zip(&self.unsorted).map(|(place, entry)| u64::from(entry.offset) << 32 | place));
        self.order.sort_unstable();
        self.today.extend(self.order.iter().map(|key| self.unsorted[*key as u32 as usize]));
        self.move_horizon(slots);
        self.has_begun = self.len >= MANY;
        if self.len >= SOME {
            slots.touch(self.today.iter().map(|entry| entry.slot));
        }
        Some(())
    }

    /// Lets the ring reach as far from today as it can, by whole spans.
    fn move_horizon<E>(&mut self, slots: &mut Slots<E>) {
        let bits = self.span_bits();
        let end = (self.day + self.days.count() as u64) >> bits;
        self.horizon = end << bits;
        while let Some(mut list) = self.far.take_before(slots, end) {
            while let Some(slot) = slots.take_first(&mut list) {
                self.put(slots, slots.time(slot), slot);
            }
        }
    }

    /// Days that are four times too long or too short, for too many events or too few, are made anew.
    fn look_at_length<E>(&mut self, slots: &mut Slots<E>, now: u64) {
        let gap = now.saturating_sub(self.made_at) / self.given;
        let fits = self.day_bits.abs_diff(day_bits(gap, self.made_for)) <= 2 && self.len * 4 > self.made_for;
        if !fits || self.len < VERY_FEW {
            self.make_anew(slots, false);
        } else {
            (self.made_at, self.given) = (now, 0);
        }
    }

    /// All slots, those of equal times in their order.
    fn take_all<E>(&mut self, slots: &mut Slots<E>) -> Vec<u32> {
        let mut all: Vec<u32> = self.few.drain(..).rev().map(|entry| entry.1).collect();
        all.extend(self.today.drain(..).skip(self.read).map(|entry| entry.slot));
        let mut late: Vec<_> = self.late.drain().collect();
        late.sort_unstable();
        all.extend(late.into_iter().rev().map(|late| late.0.2));
        // A day's place in the ring does not matter: equal times are in one day.
        let mut entries = Vec::new();
        (0..self.days.count() as u64).for_each(|day| self.days.take(day, &mut entries));
        all.extend(entries.iter().map(|entry| entry.slot));
        for mut list in std::mem::replace(&mut self.far, Far::none()).into_lists() {
            all.extend(std::iter::from_fn(|| slots.take_first(&mut list)));
        }
        all.retain(|slot| *slot != NONE);
        all
    }

    /// Chooses the length of days and their number again, for what is pending; if a day `begins`, so that it can.
    fn make_anew<E>(&mut self, slots: &mut Slots<E>, begins: bool) {
        let all = self.take_all(slots);
        let mut times: Vec<u64> = all.iter().map(|slot| slots.time(*slot)).collect();
        let now = times.iter().min().copied().unwrap_or(self.made_at);
        // As measured, or by Little's law: the time in which what is pending is due, over how much that is.
        let mut until = |late: usize| *times.select_nth_unstable(late).1 - now;
        let measured = if self.given < 64 { 0 } else { now.saturating_sub(self.made_at) / self.given };
        let due = match all.len() {
            0 => 0,
            len => Some(until(len * 9 / 10)).filter(|due| *due > 0).unwrap_or_else(|| until(len - 1)),
        };
        let by_length = due / (all.len() as u64).max(1);
        let gap = if measured == 0 || self.is_guessed && by_length > 0 { by_length } else { measured };
        self.is_guessed = gap == 0 && !begins;
        (self.made_for, self.made_at, self.given) = (all.len(), now, 0);
        (self.read, self.cancelled, self.has_begun) = (0, 0, false);
        self.look_after = (all.len() as u64).max(512);
        self.is_few = all.len() <= FEW && !begins;
        self.most = match () {
            () if self.is_few => FEW,
            () if self.is_guessed => usize::MAX,
            () => 4 * all.len(),
        };
        if self.is_few {
            self.few = all.iter().map(|slot| (slots.time(*slot), *slot)).rev().collect();
            self.few.sort_by_key(|entry| Reverse(entry.0));
            return;
        }
        self.day_bits = day_bits(gap, all.len());
        let days = (all.len() as u64 * 5 / day(all.len())).next_power_of_two().clamp(DAYS[0], DAYS[1]);
        self.days.set_count(days as usize);
        // The day before the first begins, so that the first is sorted like any other.
        self.day = (now >> self.day_bits).max(1) - 1;
        let end = (self.day + days) >> self.span_bits();
        self.far = Far::new(self.day_bits + self.span_bits(), end);
        self.horizon = if self.is_guessed { u64::MAX } else { end << self.span_bits() };
        for slot in all {
            self.put(slots, slots.time(slot), slot);
        }
    }
}

/// How many events a day should have when there are so many.
fn day(events: usize) -> u64 {
    if events < MANY { DAY } else { LONG_DAY }
}

/// The length of a day when so much time passes between so many events: at least two, so that the last day and the
/// ring after it have numbers, and so that an offset is an `u32`.
fn day_bits(gap: u64, events: usize) -> u32 {
    (day(events) * gap.min(1 << 50)).max(2).ilog2().min(u32::BITS)
}
