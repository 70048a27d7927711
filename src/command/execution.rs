//! One scenario under one seed: what `run`, `sweep` and `replay` have in common.

use super::faults::Faults;
use super::scenario::Scenario;
use super::trace::Trace;
use crate::caught::caught;
use crate::checker::Verdict;
use crate::fault::{Edit, FaultPlan};
use crate::impact::Impact;
use crate::metrics::Metrics;
use crate::model::Model;
use crate::process::Value;
use crate::promise::{Promise, Watched};
use crate::property::{Property, When};
use crate::shrink::{Case, Failure, Heard, Listener};
use crate::simulation::Simulation;
use crate::staleness::{Read, Staleness};
use crate::story::Story;
use crate::time::{Duration, Time, format_span};
use crate::world::World;
use anyhow::{Result, anyhow, bail};
use serde::Serialize;
use std::collections::BTreeMap;

/// A run that is asked for, before the model is known.
pub(super) struct Run<'a> {
    pub(super) seed: u64,
    /// Another plan than that of the scenario and the seed.
    pub(super) plan: Option<&'a FaultPlan>,
    /// Written down, instead of all faults of the scenario and the seed.
    pub(super) case: Option<&'a Case>,
    /// Only as long as is needed to see whether this check is violated, and at most until that time.
    pub(super) only: Option<(&'a str, Time)>,
    /// Whether it is to be said what can be made explicit.
    pub(super) listens: bool,
    /// Without digest, story and trace, as fast as it can.
    pub(super) blind: bool,
    pub(super) trace: Option<Trace>,
}

impl Run<'_> {
    /// Of a seed, with whatever it and the scenario draw.
    pub(super) fn of(seed: u64) -> Self {
        Run { seed, plan: None, case: None, only: None, listens: false, blind: false, trace: None }
    }
}

/// What a run came to.
pub(super) struct Finished {
    /// Empty after a blind run, and so is the story.
    pub(super) digest: String,
    pub(super) metrics: Metrics,
    /// How far it came: to its end, unless something panicked.
    pub(super) end: Time,
    pub(super) staleness: Staleness,
    pub(super) impact: Impact,
    /// Of each kind of fault, by its name: whether one took place, and whether one touched something.
    pub(super) kinds: BTreeMap<String, (bool, bool)>,
    /// How many writes were not synced when the run ended.
    pub(super) unsynced: usize,
    /// The faults, written and drawn.
    pub(super) plan: FaultPlan,
    pub(super) checks: Vec<Checked>,
    /// The written faults that touched nothing, and are not allowed to.
    pub(super) inert: Vec<String>,
    /// A drawing of the last exchanges before a violation.
    pub(super) story: String,
    /// The edits that touched nothing.
    pub(super) stale: Vec<Edit>,
    /// Of a run that listens.
    pub(super) heard: Option<Heard>,
}

/// One property, judged.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) when: &'static str,
    pub(super) verdict: &'static str,
    /// Why it is violated, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// When it was known to be violated.
    #[serde(skip)]
    pub(super) at: Option<Time>,
    /// Of a reachable property: whether this run got there.
    #[serde(skip)]
    pub(super) reached: bool,
}

impl Checked {
    fn violated(name: &str, when: &'static str, reason: String, at: Time) -> Checked {
        let (name, reason) = (name.to_string(), Some(reason));
        Checked { name, when, verdict: "violated", reason, at: Some(at), reached: false }
    }

    pub(super) fn failure(&self) -> Failure {
        let (property, how) = (self.name.clone(), self.reason.clone().unwrap_or_default());
        Failure { property, how, time: self.at.unwrap_or_default() }
    }

    pub(super) fn holds(&self) -> bool {
        self.verdict != "violated"
    }
}

/// A simulation that is ready to run.
pub(super) struct Prepared<M: Value> {
    pub(super) sim: Simulation<M>,
    pub(super) properties: Vec<Property<'static, M>>,
    pub(super) promises: Vec<Promise<'static, M>>,
    /// Whether it is to be checked that no read is stale.
    pub(super) fresh_reads: bool,
    faults: Faults<M>,
}

pub(super) fn prepare<M: Model>(model: &M, scenario: &Scenario, seed: u64) -> Result<Prepared<M::Message>> {
    let parameters: M::Parameters = scenario.parameters()?;
    let (properties, promises, fresh_reads) = chosen(model, scenario)?;
    let sim = model.simulation(&parameters, &scenario.setup, seed).map_err(|problem| {
        // A model names the parameter first: `replicas`, or `client.timeout`.
        let name = problem.split_whitespace().next().unwrap_or_default().trim_end_matches(':');
        let path: Vec<&str> = ["parameters"].into_iter().chain(name.split('.')).collect();
        scenario.setting_error(&path, &problem)
    })?;
    scenario.check_roles(sim.world())?;
    let faults = scenario.faults(sim.world(), &model.targets(), seed)?;
    Ok(Prepared { sim, properties, promises, fresh_reads, faults })
}

/// Whether `scenario` can be run with its model: the checks that it asks for, by name.
pub(super) fn checks_of<M: Model>(
    model: &M,
    scenario: &Scenario,
    seed: u64,
) -> Result<Vec<(String, &'static str)>> {
    Ok(prepare(model, scenario, seed)?.checks())
}

impl<M: Value> Prepared<M> {
    /// The checks that the scenario asks for, by name and when they must hold.
    pub(super) fn checks(&self) -> Vec<(String, &'static str)> {
        names(&self.properties, &self.promises, self.fresh_reads)
    }
}

/// Checks by name and when they must hold.
pub(super) fn names<M: Value>(
    properties: &[Property<'_, M>],
    promises: &[Promise<'_, M>],
    fresh_reads: bool,
) -> Vec<(String, &'static str)> {
    let of_world = properties.iter().map(|property| (property.name.clone(), word(property.when)));
    let of_history = promises.iter().map(|promise| (promise.name().to_string(), OF_CLIENTS));
    let of_reads = fresh_reads.then(|| (FRESH_READS.to_string(), word(When::Always)));
    of_world.chain(of_history).chain(of_reads).collect()
}

impl Run<'_> {
    /// Runs `scenario` with its model.
    pub(super) fn model<M: Model>(&self, model: &M, scenario: &Scenario) -> Result<Finished> {
        let Prepared { mut sim, properties, promises, fresh_reads, faults } =
            prepare(model, scenario, self.seed)?;
        let mut plan = faults.plan();
        let listener = self.listens.then(|| sim.observe(Listener::default()));
        match (self.plan, self.case) {
            (_, Some(case)) => {
                plan = case.plan();
                case.apply(&mut sim).map_err(|problem| anyhow!("{problem}"))?;
            }
            (Some(given), None) => {
                check_plan(given, sim.world())?;
                plan = given.clone();
                sim.schedule_plan(&plan);
            }
            (None, None) => faults.schedule(&mut sim),
        }
        let last_planned = plan.iter().map(|planned| planned.at).max().unwrap_or(Time::ZERO);
        let last_fault = match self.case {
            Some(_) => last_planned,
            None => last_planned.max(faults.last_aimed()),
        };
        let whole = Time::ZERO + scenario.content.duration;
        let end = self.only.map_or(whole, |(_, limit)| whole.min(limit));
        if self.blind && !self.listens {
            sim.detach_all();
        }
        let metrics = sim.observe(Metrics::default().with_deadline(scenario.content.deadline));
        let staleness = sim.observe(Staleness::default());
        let impact = sim.observe(Impact::default());
        let digest = (!self.blind).then(|| sim.observe_digest());
        // Of a case there is little to draw, and all of it can be of use.
        let causes = self.case.filter(|_| !self.blind).map(|_| sim.observe(Story::of_causes()));
        if let Some(trace) = &self.trace {
            sim.observe(trace.clone());
        }
        let histories: Vec<Watched> = promises.iter().map(|promise| promise.watch(&mut sim)).collect();
        let only = self.only.map(|(name, _)| name);
        let (mut checks, mut story) = judge(&mut sim, &properties, end, last_fault, only);
        let heard = listener.map(|listener| sim.observer(listener).heard(&sim));
        if let Some(causes) = causes.filter(|_| only.is_some()) {
            story = sim.observer(causes).draw_causes(DOZEN);
        }
        let stale = sim.inert_edits().cloned().collect();
        let digest = digest.map(|digest| sim.observer(digest).to_string()).unwrap_or_default();
        let impact = sim.observer(impact).clone();
        // What aimed faults have hit is part of the plan that runs this again.
        plan.extend(&sim.resolved());
        let kinds = faults.impact(&plan, &impact);
        let inert = faults.written.into_iter().filter(|entry| {
            let mut faults = plan.iter().filter(|planned| entry.goes_wrong(planned)).peekable();
            let judged = !entry.may_be_inert && (entry.is_aimed() || faults.peek().is_some());
            judged && !faults.any(|planned| impact.touched(planned.at, &planned.fault))
        });
        let inert: Vec<String> = inert.map(|entry| entry.label).collect();
        let (mut metrics, staleness) = (sim.observer(metrics).clone(), sim.observer(staleness).clone());
        let end = sim.now();
        metrics.ended(end);
        for (promise, history) in promises.iter().zip(&histories) {
            let (check, drawing) = kept(promise, &sim, history, last_fault);
            checks.push(check);
            story.push_str(&drawing);
        }
        if fresh_reads {
            checks.push(no_read_is_stale(&staleness, sim.world()));
        }
        let unsynced = sim.world().ids().map(|node| sim.world().storage(node).unsynced()).sum();
        Ok(Finished {
            digest,
            metrics,
            end,
            staleness,
            impact,
            kinds,
            unsynced,
            plan,
            checks,
            inert,
            story,
            stale,
            heard,
        })
    }
}

impl Finished {
    /// All checks, and that every written fault touched something, if that is violated.
    pub(super) fn with_inert_faults(mut self) -> Finished {
        // A run that ended early has a reason of its own why a fault touched nothing.
        let panicked = self.checks.iter().any(|check| check.name == NO_PANIC);
        if !self.inert.is_empty() && !panicked {
            let reason = format!("{} touched nothing", self.inert.join("; "));
            let at = self.plan.iter().map(|planned| planned.at).max().unwrap_or(Time::ZERO);
            self.checks.push(Checked::violated(
                "every written fault touches something",
                "faults",
                reason,
                at,
            ));
        }
        self
    }

    pub(super) fn all_hold(&self) -> bool {
        self.checks.iter().all(Checked::holds)
    }
}

pub(super) const NO_PANIC: &str = "nothing panics";
/// Runs a scenario with what `change` does instead of its faults, until the last of them is over and on: how `check`
/// is violated, if it is, with a drawing of what led there.
pub(super) fn expectation<M: Model>(
    model: &M,
    scenario: &Scenario,
    seed: u64,
    check: &str,
    change: impl FnOnce(&mut Simulation<M::Message>) -> Duration,
) -> Result<Option<(Failure, String)>> {
    let Prepared { mut sim, mut properties, mut promises, fresh_reads, .. } = prepare(model, scenario, seed)?;
    let last_fault = Time::ZERO + change(&mut sim);
    let staleness = sim.observe(Staleness::default());
    let causes = sim.observe(Story::of_causes());
    properties.retain(|property| property.name == check);
    promises.retain(|promise| promise.name() == check);
    let histories: Vec<Watched> = promises.iter().map(|promise| promise.watch(&mut sim)).collect();
    if properties.is_empty() && promises.is_empty() && ![NO_PANIC, FRESH_READS].contains(&check) {
        bail!("there is no check `{check}`");
    }
    let end = Time::ZERO + scenario.content.duration;
    let (mut checks, _) = judge(&mut sim, &properties, end, last_fault, Some(check));
    if fresh_reads {
        checks.push(no_read_is_stale(sim.observer(staleness), sim.world()));
    }
    let judged = promises.iter().zip(&histories);
    checks.extend(judged.map(|(promise, history)| kept(promise, &sim, history, last_fault).0));
    let violated = checks.iter().find(|other| !other.holds() && other.name == check);
    Ok(violated.map(|check| (check.failure(), sim.observer(causes).draw_causes(DOZEN))))
}

/// The lines of a drawing of causes.
pub(super) const DOZEN: usize = 12;

pub(super) const FRESH_READS: &str = "no read is stale";
/// When a promise holds: as far as clients see.
const OF_CLIENTS: &str = "history";

/// As far as can be told from reads alone.
fn no_read_is_stale<M: Value>(staleness: &Staleness, world: &World<M>) -> Checked {
    let (when, stale) = (word(When::Always), |read: &&Read| read.stale.is_some());
    let Some(Read { client, key, responded, stale: Some(stale), .. }) = staleness.reads().iter().find(stale)
    else {
        let name = FRESH_READS.to_string();
        return Checked { name, when, verdict: "holds", reason: None, at: None, reached: false };
    };
    let (client, age) = (world.name(*client), format_span(stale.age));
    let reason = format!("at {responded} {client} read of key {key} what was overwritten {age} before");
    Checked::violated(FRESH_READS, when, reason, *responded)
}

/// Judges a promise. The drawing shows how it is broken; it is empty if it is not.
fn kept<M: Value>(
    promise: &Promise<'_, M>,
    sim: &Simulation<M>,
    history: &Watched,
    healed: Time,
) -> (Checked, String) {
    let (name, when) = (promise.name().to_string(), OF_CLIENTS);
    match promise.judge(sim, history, healed) {
        Verdict::Holds => {
            (Checked { name, when, verdict: "holds", reason: None, at: None, reached: false }, String::new())
        }
        Verdict::Violated(witness) => {
            let impossible = witness.bars.iter().find(|bar| bar.impossible);
            let at = impossible.and_then(|bar| bar.responded?.time).unwrap_or(sim.now());
            // Its first line is the sentence.
            let drawing =
                witness.to_string().lines().skip(1).fold(String::new(), |all, line| all + line + "\n");
            (Checked::violated(&name, when, witness.sentence, at), drawing)
        }
        Verdict::Unknown(progress) => {
            let reason = format!("it is not known: {progress}");
            (Checked::violated(&name, when, reason, sim.now()), String::new())
        }
    }
}

fn word(when: When) -> &'static str {
    match when {
        When::Always => "always",
        When::EventuallyAfterHeal => "eventually",
        When::Reachable => "reachable",
    }
}

/// A plan that was stored somewhere names nodes that there are.
fn check_plan<M: Value>(plan: &FaultPlan, world: &World<M>) -> Result<()> {
    let count = world.ids().count();
    for planned in plan.iter() {
        if let Some(flaw) = planned.fault.flaw() {
            bail!("the plan has `{planned}`: {flaw}");
        }
        if let Some(node) = planned.fault.nodes().iter().find(|node| node.index() >= count) {
            bail!("the plan has `{planned}`: there is no {node} among {count} nodes");
        }
    }
    Ok(())
}

/// The properties and promises that the scenario asks for, and whether no read may be stale; all of the model's unless
/// it names some.
#[allow(clippy::type_complexity, reason = "three answers")]
fn chosen<M: Model>(
    model: &M,
    scenario: &Scenario,
) -> Result<(Vec<Property<'static, M::Message>>, Vec<Promise<'static, M::Message>>, bool)> {
    let (mut properties, mut promises) = (model.properties(), model.promises());
    let Some(asked) = &scenario.content.checks else { return Ok((properties, promises, false)) };
    // Of any store it can be asked; some promise more.
    let known = names(&properties, &promises, true);
    for name in asked {
        if !known.iter().any(|(known, _)| known == name.get_ref()) {
            let known: Vec<String> = known.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let expected = format!("expected one of {}", known.join(", "));
            return Err(
                scenario.error(name.span(), format!("there is no check `{}`: {expected}", name.get_ref()))
            );
        }
    }
    let is_asked = |name: &str| asked.iter().any(|asked| asked.get_ref() == name);
    properties.retain(|property| is_asked(&property.name));
    promises.retain(|promise| is_asked(promise.name()));
    Ok((properties, promises, is_asked(FRESH_READS)))
}

/// Runs to the end, and judges. What must always hold is asked after each event; what must hold eventually,
/// after each event from the last fault or repair on, at `last_fault`, until it does. A violation does not
/// end the run, so that its plots are whole; a panic does.
fn judge<M: Value>(
    sim: &mut Simulation<M>,
    properties: &[Property<'static, M>],
    end: Time,
    last_fault: Time,
    only: Option<&str>,
) -> (Vec<Checked>, String) {
    // When each property was first violated (always) or first held (the others).
    let mut found: BTreeMap<usize, Time> = BTreeMap::new();
    let mut story = String::new();
    let ran = caught(|| {
        let mut more = true;
        while more {
            more = sim.step_before(end);
            for (index, property) in properties.iter().enumerate() {
                let awaited = match property.when {
                    When::Always => false,
                    When::EventuallyAfterHeal if sim.now() < last_fault || !sim.world().is_whole() => {
                        continue;
                    }
                    When::EventuallyAfterHeal | When::Reachable => true,
                };
                if !found.contains_key(&index) && property.holds(sim.world()) == awaited {
                    found.insert(index, sim.now());
                    if property.when == When::Always && only == Some(&property.name) {
                        return;
                    }
                    if property.when == When::Always && story.is_empty() {
                        story = sim.story();
                    }
                }
            }
        }
        sim.run_for(end - sim.now());
    });
    let judged = |(index, property): (usize, &Property<'static, M>)| {
        let at = found.get(&index);
        let (holds, reason) = match property.when {
            When::Always => (at.is_none(), at.map(|time| format!("first violated at {time}"))),
            When::EventuallyAfterHeal => {
                let never = || match sim.world().is_whole() {
                    true => format!("at no moment from the last fault on, {last_fault} to {}", sim.now()),
                    false => "not everything is repaired by the end".to_string(),
                };
                (at.is_some(), at.is_none().then(never))
            }
            // Of one run nobody can ask that it gets everywhere.
            When::Reachable => (true, None),
        };
        let verdict = match holds {
            true if property.when == When::Reachable && at.is_none() => "not reached",
            true => "holds",
            false => "violated",
        };
        let violated_at = (!holds).then(|| at.copied().unwrap_or(sim.now()));
        let reached = property.when == When::Reachable && at.is_some();
        let (name, when) = (property.name.clone(), word(property.when));
        Checked { name, when, verdict, reason, at: violated_at, reached }
    };
    let mut checks: Vec<Checked> = properties.iter().enumerate().map(judged).collect();
    if let Err(panic) = ran {
        let reason = format!("{panic}, at {}", sim.now());
        checks.push(Checked::violated(NO_PANIC, "always", reason, sim.now()));
    }
    if story.is_empty() && !checks.iter().all(Checked::holds) {
        story = sim.story();
    }
    (checks, story)
}
