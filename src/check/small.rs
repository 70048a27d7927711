//! A failure of a check made small.

use super::{Check, regressions};
use crate::process::Value;
use crate::property::When;
use crate::shrink::{Case, Failure, Heard, Listener, Shrunk, Subject, shrink};
use crate::story::Story;
use crate::time::{Time, seconds};
use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// The lines of a drawing of what led to a violation.
const LINES: usize = 12;

/// A failure made small, and what led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Small {
    /// What is left of it.
    pub shrunk: Shrunk,
    /// The digest of the run of the case, up to the violation.
    pub digest: String,
    /// A drawing of what led to the violation.
    pub story: String,
    /// The same as a Rust test, to be pasted beside the check. What the check was given as a closure has no name, and
    /// is left to be written.
    pub test: String,
}

/// Cases, judged by a check.
struct Judged<'c, 'a, M: Value> {
    check: &'c Check<'a, M>,
    /// No run lasts longer.
    limit: Time,
}

impl<M: Value> Judged<'_, '_, M> {
    /// Whatever can be reached counts as reached.
    fn reached(&self) -> Vec<AtomicBool> {
        self.check.those(When::Reachable).map(|_| AtomicBool::new(true)).collect()
    }
}

impl<M: Value> Subject for Judged<'_, '_, M> {
    fn run(&self, case: &Case) -> Option<Failure> {
        let detach = |sim: &mut crate::Simulation<M>| sim.detach_all();
        self.check.run_seed(case.seed, &self.reached(), Some((case, self.limit)), detach).failure
    }

    fn listen(&self, case: &Case) -> (Option<Failure>, Heard) {
        let mut listener = None;
        let run = self.check.run_seed(case.seed, &self.reached(), Some((case, self.limit)), |sim| {
            sim.detach_all();
            listener = Some(sim.observe(Listener::default()));
        });
        let heard = match (&run.sim, listener) {
            (Some(sim), Some(listener)) => sim.observer(listener).heard(sim),
            _ => Heard::default(),
        };
        (run.failure, heard)
    }

    fn is_eventual(&self, property: &str) -> bool {
        // What is not among them is a panic, or that everything heals.
        property == "everything heals"
            || self.check.those(When::EventuallyAfterHeal).any(|other| other.name == property)
    }
}

impl<M: Value> Check<'_, M> {
    /// Makes the failure of `seed` small. None if it does not fail, or no runs may be spent on it; see
    /// [`shrink`](mod@crate::shrink).
    pub fn shrink(&self, seed: u64) -> Option<Small> {
        if self.shrinking.runs == 0 {
            return None;
        }
        let whole = Time::from_nanoseconds(u64::MAX);
        let mut judged = Judged { check: self, limit: whole };
        let first = self.run_seed(seed, &judged.reached(), None, |sim| sim.detach_all());
        let failure = first.failure?;
        if !judged.is_eventual(&failure.property) {
            judged.limit = failure.time + failure.time.since(Time::ZERO) / 2 + seconds(1);
        }
        let case = Case::new(seed, &first.plan, &[]);
        let shrunk = shrink(&judged, &case, self.shrinking, &|_| {}, &|| false)?;
        let mut observed = None;
        let run = self.run_seed(seed, &judged.reached(), Some((&shrunk.case, judged.limit)), |sim| {
            sim.detach_all();
            observed = Some((sim.observe(Story::of_causes()), sim.observe_digest()));
        });
        let (sim, (story, digest)) = (run.sim?, observed?);
        let (story, digest) = (sim.observer(story).draw_causes(LINES), sim.observer(digest).to_string());
        let test = self.as_test(&shrunk.case, &shrunk.failure);
        Some(Small { shrunk, digest, story, test })
    }
}

impl Small {
    /// What is written to a file beside the test.
    pub(super) fn text(&self, test: &str) -> String {
        let Shrunk { case, failure, .. } = &self.shrunk;
        let Failure { property, how, .. } = failure;
        let how = how.replace('\n', " ");
        format!(
            "test {test}\nengine {}\nproperty {property}\nhow {how}\ndigest {}\n{case}\n",
            crate::ENGINE,
            self.digest
        )
    }

    /// Saves it beside the test if that is asked for.
    pub(super) fn keep(&self, folder: &Path) {
        if std::env::var_os(regressions::KEEP).is_some() {
            regressions::save(folder, self.shrunk.case.seed, |test| self.text(test));
        }
    }
}

impl fmt::Display for Small {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shrunk { case, before, after, runs, is_minimal, .. } = &self.shrunk;
        let (items, operations) = (after.items(), after.operations);
        writeln!(
            f,
            "  shrunk  from {} faults and messages, {} operations to {items} and {operations}, in {runs} runs{}",
            before.items(),
            before.operations,
            if *is_minimal { "" } else { "; shrink_runs lets it go on" }
        )?;
        for line in case.to_string().lines() {
            writeln!(f, "    {line}")?;
        }
        writeln!(f, "  what led to it:\n{}", self.story)?;
        writeln!(f, "  as a test, to be pasted beside it:\n")?;
        self.test.lines().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f)?;
        write!(
            f,
            "  keep    {}=1 saves it in `regressions/` beside the test, to be run first",
            regressions::KEEP
        )
    }
}
