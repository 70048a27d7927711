//! What the runs of many seeds come to together. Adding runs in another order gives the same.

use super::execution::{Checked, Finished};
use crate::fault::FaultKind;
use crate::metrics::{Metrics, percentile};
use crate::process::Outcome;
use crate::time::nanoseconds_of;
use std::collections::BTreeMap;
use std::time::Duration;

/// The merged runs of one scenario with one setting.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) seeds: u64,
    /// Seeds under which some check is violated.
    pub(super) failing: u64,
    pub(super) checks: Vec<CheckTally>,
    pub(super) operations: Operations,
    /// Over all operations, to four significant digits, with how many took so long.
    latencies: BTreeMap<u64, u64>,
    /// The median and the 99th percentile of each seed that has operations.
    medians: Vec<Duration>,
    tails: Vec<Duration>,
    pub(super) sent: u64,
    pub(super) dropped: u64,
    /// In how many seeds each kind of fault took place, and in how many it touched something.
    pub(super) faults: BTreeMap<FaultKind, (u64, u64)>,
}

/// One check over all seeds.
#[derive(Clone, Debug)]
pub(super) struct CheckTally {
    pub(super) name: String,
    pub(super) when: &'static str,
    pub(super) violated: u64,
    /// Of a reachable property: how many seeds got there.
    pub(super) reached: u64,
    pub(super) lowest_failing: Option<u64>,
}

/// Operations by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Operations {
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) unknown: u64,
    /// Without an end when the run ended.
    pub(super) open: u64,
}

impl Operations {
    pub(super) fn of(metrics: &Metrics) -> Operations {
        let open = metrics.operations().iter().filter(|operation| operation.responded.is_none());
        Operations {
            ok: metrics.count(Outcome::Ok) as u64,
            failed: metrics.count(Outcome::Failed) as u64,
            unknown: metrics.count(Outcome::Unknown) as u64,
            open: open.count() as u64,
        }
    }

    pub(super) fn all(self) -> u64 {
        self.ok + self.failed + self.unknown + self.open
    }
}

/// A median over seeds, and an interval that covers the median of all seeds with 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverSeeds {
    pub(super) median: Duration,
    /// None if there are too few seeds to say.
    pub(super) band: Option<(Duration, Duration)>,
}

impl Tally {
    /// Nothing yet, for these checks and these kinds of fault.
    pub(super) fn new(
        checks: &[(String, &'static str)],
        kinds: impl IntoIterator<Item = FaultKind>,
    ) -> Tally {
        let check = |(name, when): &(String, &'static str)| CheckTally::new(name, when);
        let checks = checks.iter().map(check).collect();
        Tally { checks, faults: kinds.into_iter().map(|kind| (kind, (0, 0))).collect(), ..Tally::default() }
    }

    pub(super) fn add(&mut self, seed: u64, finished: &Finished) {
        self.seeds += 1;
        self.failing += u64::from(!finished.all_hold());
        for check in &finished.checks {
            self.check(check).add(seed, check);
        }
        let Operations { ok, failed, unknown, open } = Operations::of(&finished.metrics);
        self.operations.ok += ok;
        self.operations.failed += failed;
        self.operations.unknown += unknown;
        self.operations.open += open;
        self.sent += finished.metrics.sent();
        self.dropped += finished.metrics.dropped();
        let latencies = finished.metrics.latencies();
        for latency in &latencies {
            *self.latencies.entry(four_digits(nanoseconds_of(*latency))).or_default() += 1;
        }
        self.medians.extend(percentile(&latencies, 0.5));
        self.tails.extend(percentile(&latencies, 0.99));
        for (kind, (took_place, touched)) in &mut self.faults {
            let of_kind = |fault: &crate::impact::Applied| fault.fault.kind() == Some(*kind);
            *took_place += u64::from(finished.impact.applied().iter().any(of_kind));
            *touched += u64::from(finished.impact.kind_touched(*kind));
        }
    }

    fn check(&mut self, check: &Checked) -> &mut CheckTally {
        let place = self.checks.iter().position(|known| known.name == check.name);
        let place = place.unwrap_or_else(|| {
            self.checks.push(CheckTally::new(&check.name, check.when));
            self.checks.len() - 1
        });
        &mut self.checks[place]
    }

    /// The latency at a rank from 0 to 1 over all operations that took place.
    pub(super) fn latency(&self, rank: f64) -> Option<Duration> {
        let all: u64 = self.latencies.values().sum();
        let nearest = (rank * all as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let found = self.latencies.iter().find(|(_, count)| {
            below += **count;
            below >= nearest
        });
        found.map(|(nanoseconds, _)| Duration::from_nanos(*nanoseconds))
    }

    /// The median latency of a seed.
    pub(super) fn median_latency(&self) -> Option<OverSeeds> {
        over_seeds(&self.medians)
    }

    /// The 99th percentile of the latency of a seed.
    pub(super) fn tail_latency(&self) -> Option<OverSeeds> {
        over_seeds(&self.tails)
    }

    /// The kinds of fault that touched nothing in any seed.
    pub(super) fn inert_kinds(&self) -> impl Iterator<Item = FaultKind> + '_ {
        self.faults.iter().filter(|(_, (_, touched))| *touched == 0).map(|(kind, _)| *kind)
    }

    /// The reachable properties that no seed reached.
    pub(super) fn unreached(&self) -> impl Iterator<Item = &CheckTally> {
        self.checks.iter().filter(|check| check.is_unreached())
    }

    /// Whether all holds over all seeds, were these all.
    pub(super) fn holds(&self) -> bool {
        self.failing == 0 && self.inert_kinds().next().is_none() && self.unreached().next().is_none()
    }
}

impl CheckTally {
    fn new(name: &str, when: &'static str) -> CheckTally {
        CheckTally { name: name.to_string(), when, violated: 0, reached: 0, lowest_failing: None }
    }

    fn add(&mut self, seed: u64, check: &Checked) {
        self.reached += u64::from(check.reached);
        if !check.holds() {
            self.violated += 1;
            self.lowest_failing = Some(self.lowest_failing.map_or(seed, |lowest| lowest.min(seed)));
        }
    }

    pub(super) fn is_unreached(&self) -> bool {
        self.when == "reachable" && self.reached == 0
    }
}

fn four_digits(nanoseconds: u64) -> u64 {
    let unit = 10u64.pow(nanoseconds.max(1).ilog10().saturating_sub(3));
    (nanoseconds + unit / 2) / unit * unit
}

fn over_seeds(values: &[Duration]) -> Option<OverSeeds> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let band = median_ranks(sorted.len()).map(|(low, high)| (sorted[low], sorted[high]));
    Some(OverSeeds { median: percentile(&sorted, 0.5)?, band })
}

/// The places in a sorted sample of `count` between which the median of what it is drawn from lies with at
/// least 95 %, whatever the distribution: how many of the sample lie below that median is binomial with 1/2
/// (David and Nagaraja, "Order Statistics", 2003, section 7.1). Beyond 1,000 by the normal approximation.
/// None below six, where even the extremes cover less.
fn median_ranks(count: usize) -> Option<(usize, usize)> {
    if count > 1_000 {
        let low = (count as f64 / 2.0 - 0.98 * (count as f64).sqrt()).floor() as usize;
        return Some((low - 1, count - low));
    }
    // The chance that at most `below` of the sample lie under the median, term by term.
    let mut term = 0.5f64.powi(count as i32);
    let mut chance = 0.0;
    let mut below = 0;
    while chance + term <= 0.025 {
        chance += term;
        term = term * (count - below) as f64 / (below + 1) as f64;
        below += 1;
    }
    (below > 0).then(|| (below - 1, count - below))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranks from 1 as the tables print them.
    #[test]
    fn the_band_of_a_median_has_the_ranks_of_the_tables() {
        for (count, ranks) in [(6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (30, (10, 21)), (100, (40, 61))] {
            let (low, high) = median_ranks(count).expect("a band");
            assert_eq!((low + 1, high + 1), ranks, "{count}");
        }
        assert_eq!(median_ranks(5), None);
        assert_eq!(median_ranks(0), None);
    }

    #[test]
    fn the_ranks_go_on_smoothly_where_the_approximation_begins() {
        let (exact, near) = (median_ranks(1_000).expect("a band"), median_ranks(1_001).expect("a band"));
        assert!(exact.0.abs_diff(near.0) <= 1 && exact.1.abs_diff(near.1) <= 2, "{exact:?} {near:?}");
    }

    #[test]
    fn latencies_keep_four_digits() {
        assert_eq!(four_digits(123_449_999), 123_400_000);
        assert_eq!(four_digits(123_450_000), 123_500_000);
        assert_eq!(four_digits(1_234), 1_234);
        assert_eq!(four_digits(0), 0);
    }
}
