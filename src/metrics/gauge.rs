//! What a node counts, over time: how long its line is, about how many transactions it is in doubt.

use crate::time::Time;
use std::ops::Range;
use std::time::Duration;

/// A count over time, in steps: it is what was said last, and zero before anything was said. Of what is said
/// at one instant only the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    steps: Vec<(Time, u64)>,
}

/// A gauge over a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// The mean over time. A mean number in doubt, times the span, is the time in doubt of all together.
    pub mean: f64,
    /// The largest value.
    pub maximum: u64,
    /// For how long it was not zero.
    pub above_zero: Duration,
}

impl Gauge {
    /// Its steps: from when on it had which value.
    pub fn steps(&self) -> &[(Time, u64)] {
        &self.steps
    }

    /// What was said last; zero if nothing was.
    pub fn last(&self) -> u64 {
        self.steps.last().map_or(0, |&(_, value)| value)
    }

    /// What it comes to over `span`; all zero if that is empty.
    pub fn over(&self, span: Range<Time>) -> Level {
        let (mut level, mut sum) = (Level::default(), 0);
        // Those before have ended when the span begins.
        let first = self.steps.partition_point(|&(time, _)| time <= span.start).saturating_sub(1);
        let last = self.steps.partition_point(|&(time, _)| time < span.end).max(first);
        let steps = &self.steps[first..last];
        for (place, &(begin, value)) in steps.iter().enumerate() {
            let end = steps.get(place + 1).map_or(span.end, |&(time, _)| time);
            let (begin, end) = (begin.max(span.start), end.min(span.end));
            if begin < end && value > 0 {
                sum += u128::from(value) * (end - begin).as_nanos();
                level.maximum = level.maximum.max(value);
                level.above_zero += end - begin;
            }
        }
        if sum > 0 {
            level.mean = sum as f64 / (span.end - span.start).as_nanos() as f64;
        }
        level
    }

    /// These together: at each instant the sum of their values.
    pub fn sum<'a>(gauges: impl IntoIterator<Item = &'a Gauge>) -> Gauge {
        let mut changes: Vec<(Time, u64)> = Vec::new();
        for gauge in gauges {
            let mut before = 0;
            for &(time, value) in &gauge.steps {
                changes.push((time, value.wrapping_sub(before)));
                before = value;
            }
        }
        changes.sort_unstable();
        let mut sum = Gauge::default();
        for (time, change) in changes {
            sum.say(time, sum.last().wrapping_add(change));
        }
        sum
    }

    /// From `time` on, which is not before the last step, it is `value`.
    pub(super) fn say(&mut self, time: Time, value: u64) {
        self.steps.pop_if(|(at, _)| *at == time);
        if self.steps.last().is_none_or(|&(_, last)| last != value) {
            self.steps.push((time, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::milliseconds;

    fn at(span: u64) -> Time {
        Time::ZERO + milliseconds(span)
    }

    fn gauge(steps: &[(u64, u64)]) -> Gauge {
        let mut gauge = Gauge::default();
        steps.iter().for_each(|&(time, value)| gauge.say(at(time), value));
        gauge
    }

    #[test]
    fn a_gauge_is_weighted_by_time() {
        let line = gauge(&[(10, 2), (20, 0), (30, 1), (50, 4)]);
        // 2 for ten, 1 for twenty, 4 for fifty of a hundred.
        let whole = line.over(at(0)..at(100));
        assert_eq!(whole, Level { mean: 2.4, maximum: 4, above_zero: milliseconds(80) });
        let part = line.over(at(15)..at(35));
        assert_eq!(part, Level { mean: 0.75, maximum: 2, above_zero: milliseconds(10) });
        assert_eq!(line.over(at(60)..at(70)).mean, 4.0);
        assert_eq!(
            [at(5)..at(5), at(9)..at(5), at(0)..at(10)].map(|span| line.over(span)),
            [Level::default(); 3]
        );
        assert_eq!(line.last(), 4);
    }

    #[test]
    fn what_is_said_again_or_overruled_at_once_is_no_step() {
        let line = gauge(&[(0, 0), (10, 3), (10, 0), (20, 1), (30, 1), (40, 5), (40, 2)]);
        assert_eq!(line.steps(), [(at(0), 0), (at(20), 1), (at(40), 2)]);
        assert_eq!(line.over(at(0)..at(50)).maximum, 2);
    }

    #[test]
    fn a_sum_is_the_sum_at_each_instant() {
        // What one loses the other gets, at the same time.
        let (one, other) = (gauge(&[(10, 5), (20, 0)]), gauge(&[(20, 5), (30, 1)]));
        let sum = Gauge::sum([&one, &other]);
        assert_eq!(sum.steps(), [(at(10), 5), (at(30), 1)]);
        let means = [&one, &other].map(|gauge| gauge.over(at(0)..at(40)).mean);
        assert_eq!(sum.over(at(0)..at(40)).mean, means[0] + means[1]);
        assert_eq!(Gauge::sum([&one]), one);
        assert_eq!(Gauge::sum([]), Gauge::default());
    }
}
