//! Axes: which values are shown, at which pixel, and with which ticks.
//!
//! All arithmetic is exact or IEEE basic operations, so that a figure has the same bytes everywhere.

use crate::time::{Duration, Time, format_span, nanoseconds, nanoseconds_of};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// From this ratio of the slowest to the fastest on, latencies are shown on a logarithmic axis.
const LOGARITHMIC_FROM: u64 = 20;
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

/// One axis. Times and latencies are in nanoseconds, whatever the unit of the ticks.
#[derive(Clone)]
pub(super) struct Axis {
    /// What it shows, and in which unit.
    pub title: String,
    /// The values there are; the axis may go on after them.
    values: Range<f64>,
    /// Its ends, as positions.
    positions: Range<f64>,
    ticks: Vec<(f64, String)>,
    logarithmic: bool,
}

impl Axis {
    /// Shares from 0 to 1, with a little room above.
    pub fn share(title: &str) -> Axis {
        let ticks = (0..=5).map(|fifth| f64::from(fifth) / 5.0).map(|share| (share, share.to_string()));
        Axis {
            title: title.to_string(),
            values: 0.0..1.0,
            positions: 0.0..1.05,
            ticks: ticks.collect(),
            logarithmic: false,
        }
    }

    /// Time from the start of the run to `end`, of what `title` says; in seconds, unless the run is shorter
    /// than two.
    pub fn time(title: &str, end: Time) -> Axis {
        let end = end.as_nanoseconds().max(1);
        let (unit, scale) = unit_of(end);
        Axis::linear(format!("{title} ({unit})"), end, 0.0, linear_ticks(0, end, 12, scale))
    }

    /// Latencies: from zero to the slowest, or from the fastest to the slowest on a logarithmic axis if
    /// they are far apart. After the slowest, a share `room` of the axis is left free.
    pub fn latency(fastest: Duration, slowest: Duration, room: f64) -> Axis {
        let (fastest, slowest) = (nanoseconds_of(fastest), nanoseconds_of(slowest).max(1));
        if fastest > 0 && slowest / fastest >= LOGARITHMIC_FROM {
            return Axis::logarithmic("latency (log scale)".to_string(), fastest, slowest, room);
        }
        let (unit, scale) = unit_of(slowest);
        let ticks = linear_ticks(0, (slowest as f64 / (1.0 - room)) as u64, 9, scale);
        Axis::linear(format!("latency ({unit})"), slowest, room, ticks)
    }

    /// A quantity in billionths of its unit, from `low` to `high` with a little room at both ends.
    pub fn quantity(title: &str, low: u64, high: u64) -> Axis {
        let high = high.max(low + 1);
        let room = (high - low) as f64 / 20.0;
        let positions = low as f64 - room..high as f64 + room;
        // Shares and rates are not negative.
        let ticks =
            linear_ticks(positions.start.max(0.0).ceil() as u64, positions.end as u64, 10, 1_000_000_000);
        Axis { title: title.to_string(), values: positions.clone(), positions, ticks, logarithmic: false }
    }

    /// A place for each label, from 0 up, with the label in its middle.
    pub fn places(title: &str, labels: &[String]) -> Axis {
        let end = labels.len() as f64;
        let tick = |(place, label): (usize, &String)| (place as f64 + 0.5, label.clone());
        Axis {
            title: title.to_string(),
            values: 0.0..end,
            positions: 0.0..end,
            ticks: labels.iter().enumerate().map(tick).collect(),
            logarithmic: false,
        }
    }

    /// Where `value` is, as a share of the way between two others that are different.
    pub fn share_of(&self, value: f64, (low, high): (f64, f64)) -> f64 {
        (self.position(value) - self.position(low)) / (self.position(high) - self.position(low))
    }

    /// The pixel at which `value` is, on an axis from pixel `limits.0` to pixel `limits.1`.
    pub fn pixel(&self, value: f64, limits: (i32, i32)) -> i32 {
        let share =
            (self.position(value) - self.positions.start) / (self.positions.end - self.positions.start);
        limits.0 + (share * f64::from(limits.1 - limits.0)).round() as i32
    }

    /// The largest value there is.
    pub fn end(&self) -> f64 {
        self.values.end
    }

    fn linear(title: String, end: u64, room: f64, ticks: Vec<(f64, String)>) -> Axis {
        let end = end as f64;
        Axis { title, values: 0.0..end, positions: 0.0..end / (1.0 - room), ticks, logarithmic: false }
    }

    fn logarithmic(title: String, fastest: u64, slowest: u64, room: f64) -> Axis {
        let (fastest, slowest) = (fastest as f64, slowest as f64);
        let (low, high) = (binary_logarithm(fastest), binary_logarithm(slowest));
        let margin = (high - low) / 40.0;
        let positions = low - margin..low + (high + margin - low) / (1.0 - room);
        let mut ticks = logarithmic_ticks(positions.clone(), &[1, 2, 5]);
        if ticks.len() > 9 {
            ticks = logarithmic_ticks(positions.clone(), &[1]);
        }
        Axis { title, values: fastest..slowest, positions, ticks, logarithmic: true }
    }

    fn position(&self, value: f64) -> f64 {
        if self.logarithmic { binary_logarithm(value) } else { value }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limits: (i32, i32)) -> i32 {
        self.pixel(*value, limits)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.values.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(tick, _)| tick == value);
        tick.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// The longest unit, and its nanoseconds, of which there are at least two in `end`.
fn unit_of(end: u64) -> (&'static str, u64) {
    UNITS.into_iter().find(|(_, scale)| end / scale >= 2).unwrap_or(UNITS[3])
}

/// Ticks between two values at 1, 2 or 5 times a power of ten, `count` steps at most.
fn linear_ticks(start: u64, end: u64, count: u64, scale: u64) -> Vec<(f64, String)> {
    let step = steps(&[1, 2, 5]).find(|step| (end - start) / step <= count).unwrap_or(end);
    let tick = |index| (index * step) as f64;
    let indices = start.div_ceil(step)..=end / step;
    indices.map(|index| (tick(index), (tick(index) / scale as f64).to_string())).collect()
}

/// Ticks at `digits` times a power of ten, each with its own unit.
fn logarithmic_ticks(positions: Range<f64>, digits: &'static [u64]) -> Vec<(f64, String)> {
    let shown = steps(digits).filter(|&tick| positions.contains(&binary_logarithm(tick as f64)));
    shown.map(|tick| (tick as f64, format_span(nanoseconds(tick)))).collect()
}

/// `digits` times each power of ten, ascending.
fn steps(digits: &'static [u64]) -> impl Iterator<Item = u64> {
    (0..19).flat_map(move |power| digits.iter().filter_map(move |digit| 10u64.pow(power).checked_mul(*digit)))
}

/// The logarithm of a value of at least one, to 24 bits after the point: more than pixels can show, and
/// the same on every platform, which the standard library's is not.
fn binary_logarithm(value: f64) -> f64 {
    let (mut rest, mut logarithm) = (value.max(1.0), 0.0);
    while rest >= 2.0 {
        rest /= 2.0;
        logarithm += 1.0;
    }
    let mut bit = 1.0;
    for _ in 0..24 {
        rest *= rest;
        bit /= 2.0;
        if rest >= 2.0 {
            rest /= 2.0;
            logarithm += bit;
        }
    }
    logarithm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{microseconds, milliseconds, seconds};

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn the_unit_of_an_axis_suits_its_range() {
        let axis = Axis::latency(microseconds(100), microseconds(700), 0.0);
        assert_eq!(axis.title, "latency (us)");
        assert_eq!(labels(&axis), ["0", "100", "200", "300", "400", "500", "600", "700"]);
        assert_eq!(Axis::latency(milliseconds(80), milliseconds(1200), 0.0).title, "latency (ms)");
        assert_eq!(Axis::latency(seconds(1), seconds(12), 0.0).title, "latency (s)");
        assert_eq!(Axis::time("time", Time::ZERO + seconds(60)).title, "time (s)");
        assert_eq!(Axis::time("time", Time::ZERO + milliseconds(40)).title, "time (ms)");
    }

    #[test]
    fn latencies_that_are_far_apart_are_shown_on_a_logarithmic_axis() {
        let axis = Axis::latency(milliseconds(80), seconds(3), 0.0);
        assert_eq!(labels(&axis), ["100ms", "200ms", "500ms", "1s", "2s"]);
        assert_eq!(Axis::latency(Duration::ZERO, seconds(3), 0.0).title, "latency (s)");
        let decades = Axis::latency(microseconds(5), seconds(20), 0.0);
        assert_eq!(labels(&decades), ["10us", "100us", "1ms", "10ms", "100ms", "1s", "10s"]);
    }

    #[test]
    fn the_logarithm_is_that_of_mathematics() {
        for value in [1.0f64, 2.0, 3.0, 1e6, 123_456_789.0, 1.8e19] {
            assert!((binary_logarithm(value) - libm::log2(value)).abs() < 1e-6, "{value}");
        }
    }

    #[test]
    fn an_axis_of_no_length_has_ticks_and_pixels() {
        assert_eq!(labels(&Axis::time("time", Time::ZERO)), ["0", "1"]);
        assert_eq!(Axis::latency(Duration::ZERO, Duration::ZERO, 0.0).pixel(0.0, (10, 20)), 10);
    }
}
