//! A sweep: one scenario under many seeds, judged by properties.
//!
//! A run has two phases. For a stated time faults happen. Then everything heals, and it goes on until
//! every eventual property holds. Seeds are run blind and in parallel; the lowest failing seed is run once
//! more with the digest and the story attached, and is reported the same for any number of threads.

mod judge;
mod printed;
#[cfg(feature = "checker")]
mod promises;
mod regressions;
mod report;
mod small;

pub use report::{Report, Violation};
pub use small::Small;

use crate::caught::caught;
use crate::fault::{FaultPlan, PlannedFault};
use crate::impact::Impact;
use crate::nemesis::{Drawn, Nemesis};
use crate::node::NodeId;
use crate::process::Value;
use crate::property::{Property, When};
use crate::random::Random;
use crate::shrink::{Case, Failure, Options as Search};
use crate::simulation::{Simulation, Target};
use crate::story::Story;
use crate::time::{Time, format_span, seconds};
use crate::world::World;
use judge::Judge;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A sweep in the making; see [`check`].
pub struct Check<'a, M: Value> {
    scenario: Box<dyn Fn(u64) -> Simulation<M> + Sync + 'a>,
    scenario_name: &'static str,
    seeds: Range<u64>,
    nemesis: Option<Nemesis>,
    plan: FaultPlan,
    targets: Vec<(String, Target<M>)>,
    duration: Duration,
    within: Duration,
    threads: usize,
    allow_inert: bool,
    shrinking: Search,
    properties: Vec<Property<'a, M>>,
    judges: Vec<Box<dyn Judge<M> + 'a>>,
}

/// Checks a scenario over seeds: `scenario` makes the simulation for a seed.
///
/// `NETSPLIT_SEED=17 cargo test NAME` runs seed 17 alone and prints its whole story.
pub fn check<'a, M: Value>(scenario: impl Fn(u64) -> Simulation<M> + Sync + 'a) -> Check<'a, M> {
    Check {
        scenario_name: std::any::type_name_of_val(&scenario),
        scenario: Box::new(scenario),
        seeds: 0..100,
        nemesis: None,
        plan: FaultPlan::default(),
        targets: Vec::new(),
        duration: seconds(10),
        within: seconds(60),
        threads: thread::available_parallelism().map_or(1, usize::from),
        allow_inert: false,
        shrinking: Search { runs: 1_000, ..Search::default() },
        properties: Vec::new(),
        judges: Vec::new(),
    }
}

/// One seed, run.
struct Run<M: Value> {
    plan: FaultPlan,
    drawn: Drawn,
    /// As it ended; none if it could not be set up.
    sim: Option<Simulation<M>>,
    failure: Option<Failure>,
}

impl<'a, M: Value> Check<'a, M> {
    /// The seeds to run; 0..100 unless set.
    #[must_use]
    pub fn seeds(mut self, seeds: Range<u64>) -> Self {
        self.seeds = seeds;
        self
    }

    /// Draws faults from `nemesis` for each seed. Its end is the end of the first phase.
    #[must_use]
    pub fn faults(mut self, nemesis: Nemesis) -> Self {
        self.duration = nemesis.end();
        self.nemesis = Some(nemesis);
        self
    }

    /// Lets the faults of `plan` happen under every seed, beside those that a nemesis draws. The first phase
    /// lasts until the last of them at least.
    ///
    /// The sweep panics if the plan names a node that does not exist.
    #[must_use]
    pub fn plan(mut self, plan: &FaultPlan) -> Self {
        self.plan = plan.clone();
        self
    }

    /// Gives a name to what a nemesis may be [aimed at](Nemesis::at): `.target("leader", leader)`.
    #[must_use]
    pub fn target(mut self, name: &str, find: Target<M>) -> Self {
        self.targets.push((name.to_string(), find));
        self
    }

    /// How long the first phase lasts without a nemesis; ten seconds unless set.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// How long after healing the eventual properties may take; a minute unless set.
    #[must_use]
    pub fn within(mut self, span: Duration) -> Self {
        self.within = span;
        self
    }

    /// How many threads run seeds; as many as there are processors unless set. The report is the same for
    /// any number.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Lets a kind of fault touch nothing under any seed, which otherwise fails the sweep: what nothing feels tests
    /// nothing. [`impact`](crate::impact) says what each kind touches.
    #[must_use]
    pub fn allow_inert_faults(mut self) -> Self {
        self.allow_inert = true;
        self
    }

    /// How many runs [`run`](Self::run) may take to make a failure small; a thousand unless set, and with zero it
    /// does not.
    #[must_use]
    pub fn shrink_runs(mut self, runs: u64) -> Self {
        self.shrinking.runs = runs;
        self
    }

    /// Holds after every event.
    #[must_use]
    pub fn always(self, name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        self.properties([Property::always(name, holds)])
    }

    /// Holds at some moment after everything healed, together with all other eventual properties.
    #[must_use]
    pub fn eventually_after_heal(
        self,
        name: &str,
        holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a,
    ) -> Self {
        self.properties([Property::eventually_after_heal(name, holds)])
    }

    /// Holds at some moment under some seed: the sweep does get to where it matters.
    #[must_use]
    pub fn reachable(self, name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        self.properties([Property::reachable(name, holds)])
    }

    /// All of these hold when they say.
    #[must_use]
    pub fn properties(mut self, properties: impl IntoIterator<Item = Property<'a, M>>) -> Self {
        self.properties.extend(properties);
        self
    }

    fn those(&self, when: When) -> impl Iterator<Item = &Property<'a, M>> {
        self.properties.iter().filter(move |property| property.when == when)
    }

    /// Runs the sweep.
    ///
    /// # Panics
    /// If a property is violated, with the lowest failing seed and its story; if no seed reaches a reachable
    /// property; if a kind of fault touches nothing under any seed; if the nemesis is aimed at what no target is
    /// called; if the scenario ignores its seed or is not a function of it.
    #[track_caller]
    pub fn run(mut self) {
        let alone = std::env::var("NETSPLIT_SEED").ok();
        if let Some(seed) = &alone {
            let number: Option<u64> = seed.parse().ok().filter(|number| *number < u64::MAX);
            let seed =
                number.unwrap_or_else(|| panic!("NETSPLIT_SEED={seed}: expected a number below 2^64 - 1"));
            self.seeds = seed..seed + 1;
            eprintln!("netsplit: seed {seed} alone\n{}", self.whole_story(seed));
        }
        let folder = regressions::folder(std::panic::Location::caller());
        self.run_regressions(&folder);
        let report = self.report();
        if let Some(mut violation) = report.violation {
            violation.small = self.shrink(violation.seed);
            if let Some(small) = &violation.small {
                small.keep(&folder);
            }
            panic!("{violation}");
        }
        if alone.is_some() {
            return;
        }
        if let Some(name) = report.unreached.first() {
            panic!("netsplit: no seed of {:?} reaches `{name}`", self.seeds);
        }
        if let Some(kind) = report.inert.first().filter(|_| !self.allow_inert) {
            panic!(
                "netsplit: {kind} touch nothing under any seed of {:?}, so that they test nothing; draw \
                 others, or allow_inert_faults()",
                self.seeds
            );
        }
    }

    /// Runs the sweep and says what it found.
    ///
    /// # Panics
    /// If the range of seeds is empty, the nemesis is aimed at what no target is called, or
    /// the scenario ignores its seed or is not a function of it.
    #[track_caller]
    pub fn report(&self) -> Report {
        assert!(!self.seeds.is_empty(), "check: the range of seeds {:?} is empty", self.seeds);
        for target in self.nemesis.iter().flat_map(Nemesis::targets) {
            assert!(
                self.targets.iter().any(|(name, _)| name == target),
                "check: the nemesis is aimed at `{target}`: no target has this name; \
                 `.target(\"{target}\", find)` gives it one"
            );
        }
        let next = AtomicU64::new(self.seeds.start);
        let lowest = AtomicU64::new(u64::MAX);
        let reached: Vec<AtomicBool> = self.those(When::Reachable).map(|_| AtomicBool::new(false)).collect();
        let kinds = self.nemesis.as_ref().map(Nemesis::kinds).unwrap_or_default();
        let touched: Vec<(String, AtomicBool)> =
            kinds.into_iter().map(|kind| (kind, AtomicBool::new(false))).collect();
        let work = || {
            loop {
                // Seeds are taken in order, so all below a failing one are taken and will be finished.
                let seed = next.fetch_add(1, Ordering::SeqCst);
                if seed >= self.seeds.end || seed > lowest.load(Ordering::SeqCst) {
                    return;
                }
                if self.run_blind(seed, &reached, &touched).is_some() {
                    lowest.fetch_min(seed, Ordering::SeqCst);
                }
            }
        };
        if self.threads == 1 {
            work();
        } else {
            thread::scope(|scope| {
                let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
                for worker in workers {
                    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                }
            });
        }
        if lowest.load(Ordering::SeqCst) != u64::MAX {
            // How far the others had come by then depends on the threads.
            let violation = Some(self.explain(lowest.into_inner()));
            let seeds = self.seeds.end - self.seeds.start;
            return Report { seeds, violation, unreached: Vec::new(), inert: Vec::new() };
        }
        let inert = touched.into_iter().filter(|(_, touched)| !touched.load(Ordering::SeqCst));
        let unreached =
            self.those(When::Reachable).zip(&reached).filter(|(_, reached)| !reached.load(Ordering::SeqCst));
        Report {
            seeds: self.seeds.end - self.seeds.start,
            violation: None,
            unreached: unreached.map(|(property, _)| property.name.clone()).collect(),
            inert: inert.map(|(kind, _)| kind).collect(),
        }
    }

    /// Runs one seed as fast as it can be judged, once every kind of fault has touched something.
    fn run_blind(
        &self,
        seed: u64,
        reached: &[AtomicBool],
        touched: &[(String, AtomicBool)],
    ) -> Option<Failure> {
        let mut impact = None;
        let run = self.run_seed(seed, reached, None, |sim| {
            sim.detach_all();
            if touched.iter().any(|(_, touched)| !touched.load(Ordering::SeqCst)) {
                impact = Some(sim.observe(Impact::default()));
            }
        });
        if let (Some(sim), Some(impact)) = (&run.sim, impact) {
            let impact = sim.observer(impact);
            for origin in run.drawn.origins.iter().filter(|origin| impact.of_drawn(origin).1) {
                for (_, touched) in touched.iter().filter(|(name, _)| *name == origin.name) {
                    touched.store(true, Ordering::SeqCst);
                }
            }
        }
        run.failure
    }

    /// Runs a failing seed once more, and reads it.
    #[track_caller]
    fn explain(&self, seed: u64) -> Violation {
        let mut observed = None;
        let reached: Vec<AtomicBool> = self.those(When::Reachable).map(|_| AtomicBool::new(true)).collect();
        let Run { plan, sim, failure, .. } = self.run_seed(seed, &reached, None, |sim| {
            sim.detach_all();
            observed = Some((sim.observe(Story::default()), sim.observe_digest()));
        });
        let Some(failure) = failure else {
            panic!(
                "check: seed {seed} failed once and holds when it is run again: the scenario is not a \
                 function of its seed"
            );
        };
        let (story, digest) = match (sim, observed) {
            (Some(sim), Some((story, digest))) => {
                (sim.observer(story).draw(), sim.observer(digest).to_string())
            }
            _ => (String::new(), "none".to_string()),
        };
        let Failure { property, how, time } = failure;
        Violation { property, how, seed, time, plan, digest, story, small: None }
    }

    fn whole_story(&self, seed: u64) -> String {
        let mut story = None;
        let run = self.run_seed(seed, &[], None, |sim| story = Some(sim.observe(Story::whole())));
        match (run.sim, story) {
            (Some(sim), Some(story)) => {
                format!("plan: {}\n{}", planned(&run.plan, sim.now()), sim.observer(story).draw())
            }
            _ => String::new(),
        }
    }

    /// Runs one seed, with observers attached by `prepare`; of a case what it says instead of what is drawn, and no
    /// longer than until a time.
    #[track_caller]
    fn run_seed(
        &self,
        seed: u64,
        reached: &[AtomicBool],
        case: Option<(&Case, Time)>,
        prepare: impl FnOnce(&mut Simulation<M>),
    ) -> Run<M> {
        let mut sim = match caught(|| (self.scenario)(seed)) {
            Ok(sim) => sim,
            Err(panic) => {
                let property = "the scenario can be set up".to_string();
                let failure = Failure { property, how: format!("it panicked: {panic}"), time: Time::ZERO };
                let (plan, drawn) = (FaultPlan::default(), Drawn::default());
                return Run { plan, drawn, sim: None, failure: Some(failure) };
            }
        };
        let actual = sim.seed();
        assert!(
            actual == seed,
            "check: given seed {seed}, the scenario made a simulation with seed {actual}; pass the seed on \
             to Simulation::new"
        );
        prepare(&mut sim);
        let nodes: Vec<NodeId> = sim.world().ids().filter(|id| !sim.world().is_client(*id)).collect();
        let drawn = match &self.nemesis {
            Some(nemesis) if case.is_none() => nemesis.draw(&Random::new(seed), &nodes),
            _ => Drawn::default(),
        };
        let mut plan = self.plan.clone();
        let kept: Vec<_> = self.judges.iter().map(|judge| judge.watch(&mut sim)).collect();
        let mut limit = Time::from_nanoseconds(u64::MAX);
        match case {
            None => {
                plan.extend(&drawn.plan);
                sim.schedule_plan(&plan);
                sim.schedule_at_targets(&drawn.aimed, &self.targets);
            }
            Some((case, end)) => {
                (plan, limit) = (case.plan(), end);
                if let Err(problem) = case.apply(&mut sim) {
                    let property = "the case fits the scenario".to_string();
                    let failure = Some(Failure { property, how: problem, time: Time::ZERO });
                    return Run { plan, drawn, sim: Some(sim), failure };
                }
            }
        }
        let ended = caught(|| self.phases(&mut sim, reached, limit).or_else(|| self.broken(&sim, &kept)));
        let failure = ended.unwrap_or_else(|panic| {
            // A property that panics does so again; a handler is not asked.
            let panics = |property: &&Property<'a, M>| caught(|| property.holds(sim.world())).is_err();
            let property = match self.properties.iter().find(panics) {
                Some(property) => property.name.clone() + PANICS,
                None => "nothing panics".to_string(),
            };
            Some(Failure { property, how: panic, time: sim.now() })
        });
        plan.extend(&sim.resolved());
        Run { plan, drawn, sim: Some(sim), failure }
    }

    fn phases(&self, sim: &mut Simulation<M>, reached: &[AtomicBool], limit: Time) -> Option<Failure> {
        let end = self.healed();
        while sim.step_before(end.min(limit)) {
            if let Some(failure) = self.judge(sim, reached) {
                return Some(failure);
            }
        }
        if limit < end {
            return None;
        }
        sim.run_for(end - sim.now());
        sim.schedule_repairs();
        let deadline = sim.now() + self.within;
        loop {
            if let Some(failure) = self.judge(sim, reached) {
                return Some(failure);
            }
            let healed = sim.world().is_whole();
            let open = self.those(When::EventuallyAfterHeal).find(|property| !property.holds(sim.world()));
            if healed && open.is_none() {
                return None;
            }
            if sim.now() > limit {
                return None;
            }
            if !sim.step_before(deadline) {
                let why = match sim.is_at_rest() {
                    true => "it does not hold, and nothing is pending".to_string(),
                    false => format!("it does not hold within {} of healing", format_span(self.within)),
                };
                let property = open.map_or("everything heals".to_string(), |open| open.name.clone());
                return Some(Failure { property, how: why, time: sim.now() });
            }
        }
    }

    fn judge(&self, sim: &Simulation<M>, reached: &[AtomicBool]) -> Option<Failure> {
        for (property, reached) in self.those(When::Reachable).zip(reached) {
            if !reached.load(Ordering::Relaxed) && property.holds(sim.world()) {
                reached.store(true, Ordering::SeqCst);
            }
        }
        let broken = self.those(When::Always).find(|property| !property.holds(sim.world()))?;
        let how = "it does not hold after this event".to_string();
        Some(Failure { property: broken.name.clone(), how, time: sim.now() })
    }
}

/// What is said of a property that panics, behind its name.
const PANICS: &str = " (which panics)";

/// The part of a plan that has happened by `end`.
fn planned(plan: &FaultPlan, end: Time) -> String {
    let mut happened = FaultPlan::default();
    for PlannedFault { at, fault } in plan.iter().filter(|planned| planned.at <= end) {
        happened.add(*at, fault.clone());
    }
    if happened.is_empty() { "no faults".to_string() } else { happened.to_string() }
}
