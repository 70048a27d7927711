//! What the runs of many seeds come to together. Adding runs in another order gives the same.

use super::execution::{Checked, Finished};
use crate::metrics::Metrics;
use crate::plot::sweep::Runs;
use crate::process::Outcome;
use std::collections::BTreeMap;

/// The merged runs of one scenario with one setting.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) seeds: u64,
    /// Seeds under which some check is violated.
    pub(super) failing: u64,
    pub(super) checks: Vec<CheckTally>,
    pub(super) operations: Operations,
    /// What figures need of them.
    pub(super) runs: Runs,
    pub(super) sent: u64,
    pub(super) dropped: u64,
    /// In how many seeds each kind of fault took place, and in how many it touched something.
    pub(super) faults: BTreeMap<String, (u64, u64)>,
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

impl Tally {
    /// Nothing yet, for these checks and these kinds of fault.
    pub(super) fn new(
        checks: &[(String, &'static str)],
        kinds: impl IntoIterator<Item = String>,
        runs: Runs,
    ) -> Tally {
        let check = |(name, when): &(String, &'static str)| CheckTally::new(name, when);
        let checks = checks.iter().map(check).collect();
        let faults = kinds.into_iter().map(|kind| (kind, (0, 0))).collect();
        Tally {
            seeds: 0,
            failing: 0,
            checks,
            operations: Operations::default(),
            runs,
            sent: 0,
            dropped: 0,
            faults,
        }
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
        self.runs.add(&finished.metrics, finished.staleness.stale_share());
        for (kind, (took_place, touched)) in &mut self.faults {
            let (one_did, one_touched) = finished.kinds.get(kind).copied().unwrap_or_default();
            *took_place += u64::from(one_did);
            *touched += u64::from(one_touched);
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

    /// The kinds of fault that touched nothing in any seed.
    pub(super) fn inert_kinds(&self) -> impl Iterator<Item = &str> {
        self.faults.iter().filter(|(_, (_, touched))| *touched == 0).map(|(kind, _)| kind.as_str())
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
