//! What figures need of the runs of one setting: kept as counts, so that neither operations nor runs take room
//! of their own.

use super::counts::{Counts, OverSeeds, four_digits};
use super::over_time::Step;
use crate::metrics::{Band, Metrics, Operation, percentile};
use crate::time::{Duration, Time, nanoseconds_of};
use std::collections::BTreeMap;
use std::ops::Range;

/// Billionths in one.
pub(super) const WHOLE: f64 = 1e9;

/// The runs of one setting under many seeds. Adding runs in another order gives the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Runs {
    pub(super) values: Vec<String>,
    pub(super) duration: Duration,
    window: Option<Duration>,
    count: u64,
    windows: BTreeMap<u64, Window>,
    latencies: Counts,
    percentiles: [Counts; 3],
    load: Counts,
    availability: Counts,
    stale: Counts,
    gauges: BTreeMap<&'static str, Levels>,
    bands: Option<Vec<Band>>,
    /// That of the runs, by which availability counts.
    pub(super) deadline: Option<Duration>,
}

/// What the runs have in one window of time: a value for each run in which there is something to measure.
#[derive(Clone, Debug, Default, PartialEq)]
struct Window {
    availability: Counts,
    latency: Counts,
}

/// What the nodes of each run counted together under one name.
#[derive(Clone, Debug, Default, PartialEq)]
struct Levels {
    mean: Counts,
    above_zero: Counts,
    /// The mean in each window of time.
    windows: BTreeMap<u64, Counts>,
}

/// What is measured in each window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// The share of operations that took place.
    Availability,
    /// The median latency of those.
    Latency,
}

/// The percentiles that are kept of each run.
pub(super) const PERCENTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

impl Runs {
    /// No runs yet, with these values of what is varied, each of `duration`. By windows of time only if there
    /// is a `window`.
    ///
    /// # Panics
    /// If the window is empty.
    pub fn new(values: &[String], duration: Duration, window: Option<Duration>) -> Runs {
        assert!(window.is_none_or(|window| !window.is_zero()), "a window of time is not empty");
        Runs {
            values: values.to_vec(),
            duration,
            window,
            count: 0,
            windows: BTreeMap::new(),
            latencies: Counts::default(),
            percentiles: Default::default(),
            load: Counts::default(),
            availability: Counts::default(),
            stale: Counts::default(),
            gauges: BTreeMap::new(),
            bands: None,
            deadline: None,
        }
    }

    /// Adds a run, and the share of its reads that were stale, if it had any.
    pub fn add(&mut self, metrics: &Metrics, stale_share: Option<f64>) {
        self.count += 1;
        self.deadline = metrics.deadline();
        let latencies = metrics.latencies();
        for latency in &latencies {
            self.latencies.add(four_digits(nanoseconds_of(*latency)));
        }
        for ((_, rank), counts) in PERCENTILES.iter().zip(&mut self.percentiles) {
            percentile(&latencies, *rank).into_iter().for_each(|latency| counts.add(nanoseconds_of(latency)));
        }
        let seconds = self.duration.as_secs_f64();
        if seconds > 0.0 {
            self.load.add(billionths(metrics.operations().len() as f64 / seconds));
        }
        metrics
            .overall()
            .availability()
            .into_iter()
            .for_each(|share| self.availability.add(billionths(share)));
        stale_share.into_iter().for_each(|share| self.stale.add(billionths(share)));
        for (name, gauge) in metrics.totals() {
            let level = gauge.over(Time::ZERO..Time::ZERO + self.duration);
            let window = self.gauge_window();
            let levels = self.gauges.entry(name).or_default();
            levels.mean.add(billionths(level.mean));
            levels.above_zero.add(nanoseconds_of(level.above_zero));
            let end = Time::ZERO + self.duration;
            for (index, span) in spans(window, end) {
                let mean = billionths(gauge.over(span).mean);
                levels.windows.entry(index).or_default().add(four_digits(mean));
            }
        }
        let bands = self.bands.get_or_insert_with(|| metrics.bands().to_vec());
        bands.retain(|band| metrics.bands().contains(band));
        if let Some(window) = self.window {
            self.add_windows(metrics, window);
        }
    }

    /// How many runs there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The latency at a rank from 0 to 1 over the operations of all runs that took place, to four digits.
    pub fn latency(&self, rank: f64) -> Option<Duration> {
        self.latencies.at_rank(rank).map(Duration::from_nanos)
    }

    /// The latencies of all operations that took place, to four digits.
    pub fn latencies(&self) -> &Counts {
        &self.latencies
    }

    /// The median, the 90th and the 99th percentile of the latencies of a run, in nanoseconds.
    pub fn percentiles(&self) -> [Option<OverSeeds>; 3] {
        [0, 1, 2].map(|place| self.percentiles[place].over_seeds())
    }

    /// How many operations were invoked per second in a run.
    pub fn load(&self) -> Option<OverSeeds> {
        self.load.over_seeds()
    }

    /// The share of the operations of a run that took place, within their deadline if they have one, those open
    /// at its end not counted.
    pub fn availability(&self) -> Option<OverSeeds> {
        self.availability.over_seeds()
    }

    /// The share of the reads of a run that were stale; none if no run had reads.
    pub fn stale(&self) -> Option<OverSeeds> {
        self.stale.over_seeds()
    }

    /// What the nodes of a run counted together, by name: its mean over time, and for how long it was above zero.
    pub fn gauges(&self) -> impl Iterator<Item = (&'static str, [Option<OverSeeds>; 2])> + '_ {
        let over_seeds = |levels: &Levels| [levels.mean.over_seeds(), levels.above_zero.over_seeds()];
        self.gauges.iter().map(move |(name, levels)| (*name, over_seeds(levels)))
    }

    /// What was wrong at the same time in every run, in the order of beginning.
    pub fn bands(&self) -> Vec<Band> {
        let mut bands = self.bands.clone().unwrap_or_default();
        bands.sort_by(|a, b| (a.from, a.to, &a.label).cmp(&(b.from, b.to, &b.label)));
        bands
    }

    /// The measure over the runs in each window that has a value in some run.
    pub(super) fn by_window(&self, measure: Measure) -> Vec<Step> {
        let counts = self.windows.iter().map(|(index, counts)| match measure {
            Measure::Availability => (*index, &counts.availability),
            Measure::Latency => (*index, &counts.latency),
        });
        self.steps(counts, self.window.unwrap_or_default())
    }

    /// The mean of what the nodes of a run counted together under `name`, in each window.
    pub(super) fn gauge_by_window(&self, name: &str) -> Vec<Step> {
        let levels = self.gauges.get(name).into_iter();
        let counts = levels.flat_map(|levels| &levels.windows).map(|(index, counts)| (*index, counts));
        self.steps(counts, self.gauge_window())
    }

    fn steps<'a>(&self, counts: impl Iterator<Item = (u64, &'a Counts)>, window: Duration) -> Vec<Step> {
        let width = nanoseconds_of(window);
        let step = |(index, counts): (u64, &Counts)| {
            let from = Time::from_nanoseconds(index * width);
            let to = (from + window).min(Time::ZERO + self.duration).max(from);
            Some(Step { from, to, value: counts.over_seeds()?, seeds: counts.total() })
        };
        counts.filter_map(step).collect()
    }

    /// The window of gauges, which have a value in every window there is: not so short that there are more of
    /// them than pixels. Zero if there are no windows.
    fn gauge_window(&self) -> Duration {
        self.window.map_or(Duration::ZERO, |window| window.max(self.duration / 1_000))
    }

    fn add_windows(&mut self, metrics: &Metrics, window: Duration) {
        let width = nanoseconds_of(window);
        let index = |time: Time| time.as_nanoseconds() / width;
        for (from, share) in metrics.availability(window) {
            self.windows.entry(index(from)).or_default().availability.add(billionths(share));
        }
        let together = |a: &Operation, b: &Operation| index(a.invoked) == index(b.invoked);
        for operations in metrics.operations().chunk_by(together) {
            let mut latencies: Vec<Duration> = operations.iter().filter_map(Operation::latency).collect();
            latencies.sort_unstable();
            if let Some(median) = percentile(&latencies, 0.5) {
                let counts = &mut self.windows.entry(index(operations[0].invoked)).or_default().latency;
                counts.add(four_digits(nanoseconds_of(median)));
            }
        }
    }
}

/// All windows of time up to `end`; none if they are empty.
fn spans(window: Duration, end: Time) -> impl Iterator<Item = (u64, Range<Time>)> {
    let width = nanoseconds_of(window);
    let count = if width == 0 { 0 } else { end.as_nanoseconds().div_ceil(width) };
    let from = move |index: u64| Time::from_nanoseconds(index * width);
    (0..count).map(move |index| (index, from(index)..(from(index) + window).min(end)))
}

fn billionths(value: f64) -> u64 {
    (value * WHOLE).round() as u64
}
