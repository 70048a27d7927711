//! `netsplit run`: one scenario, one seed.

use super::models::Models;
use super::output::Folder;
use super::say;
use super::scenario::Scenario;
use super::trace::Trace;
use crate::caught::caught;
use crate::metrics::{Metrics, percentile};
use crate::model::Model;
use crate::plot;
use crate::process::{Outcome, Value};
use crate::property::{Property, When};
use crate::simulation::Simulation;
use crate::time::{Time, format_span};
use anyhow::{Result, anyhow};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The arguments of `netsplit run`.
#[derive(clap::Args)]
pub(super) struct Options {
    /// The scenario, a TOML file
    scenario: PathBuf,
    /// The seed; the scenario's own unless given
    #[arg(long)]
    seed: Option<u64>,
    /// Changes a parameter of the model (replicas=5) or a setting of the scenario (duration=10s,
    /// network.loss_probability=0.01)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Writes plots as SVG, their data as CSV, and the summary as JSON into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Writes every event as a line of JSON
    #[arg(long, value_name = "FILE.jsonl")]
    trace: Option<PathBuf>,
    /// Prints one JSON object instead of the summary
    #[arg(long)]
    json: bool,
}

/// A run that is asked for, before the model is known.
pub(super) struct Run {
    seed: u64,
    trace: Option<Trace>,
}

/// What a run came to.
pub(super) struct Finished {
    digest: String,
    metrics: Metrics,
    checks: Vec<Checked>,
    /// A drawing of the last exchanges before a violation.
    story: String,
}

/// One property, judged.
#[derive(Clone, Debug, Serialize)]
struct Checked {
    name: String,
    when: &'static str,
    verdict: &'static str,
    /// Why it is violated, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Runs, prints and writes. False if a check is violated.
pub(super) fn run(models: &Models, options: &Options) -> Result<bool> {
    let scenario = Scenario::read(&options.scenario, &options.set)?;
    let name = &scenario.content.model;
    let model = models.find(name.get_ref()).ok_or_else(|| {
        let known: Vec<&str> = models.iter().map(|model| model.name()).collect();
        let expected = format!("expected one of {}", known.join(", "));
        scenario.error(name.span(), format!("there is no model `{}`: {expected}", name.get_ref()))
    })?;
    for plot in &scenario.content.plots {
        if !plot::NAMES.contains(&plot.get_ref().as_str()) {
            let expected = format!("expected one of {}", plot::NAMES.join(", "));
            return Err(
                scenario.error(plot.span(), format!("there is no plot `{}`: {expected}", plot.get_ref()))
            );
        }
    }
    if scenario.content.availability_window.is_zero() {
        let problem = "availability_window is zero: expected a span of time";
        return Err(scenario.setting_error(&["availability_window"], problem));
    }
    for output in [&options.out, &options.trace].into_iter().flatten() {
        let same = |input: &PathBuf| input.canonicalize().ok() == output.canonicalize().ok();
        if output.exists() && scenario.inputs.iter().any(same) {
            return Err(anyhow!("{}: is read by this run, and not overwritten", output.display()));
        }
    }
    let mut folder = options.out.as_deref().map(Folder::prepare).transpose()?;
    let trace = options.trace.as_deref().map(Trace::create).transpose()?;
    let mut run = Run { seed: options.seed.unwrap_or(scenario.content.seed), trace };

    let finished = model.run(&scenario, &mut run)?;

    let summary = summary_json(&scenario, run.seed, &finished);
    let mut written = Vec::new();
    if let Some(mut folder) = folder.take() {
        for name in &scenario.content.plots {
            let figure = plot::figure(
                name.get_ref(),
                &finished.metrics,
                scenario.title(),
                scenario.content.duration,
                scenario.content.availability_window,
            )?;
            folder.add(&format!("{}.svg", figure.name), &figure.svg)?;
            folder.add(&format!("{}.csv", figure.name), &figure.csv)?;
        }
        folder.add("summary.json", &format!("{summary:#}\n"))?;
        written = folder.finish()?;
    }
    if let Some(trace) = &run.trace {
        trace.finish()?;
    }
    if options.json {
        say(&summary.to_string());
    } else {
        print_summary(&scenario, run.seed, &finished, &written);
    }
    Ok(finished.checks.iter().all(|check| check.verdict != "violated"))
}

impl Run {
    /// Runs `scenario` with its model.
    pub(super) fn model<M: Model>(&mut self, model: &M, scenario: &Scenario) -> Result<Finished> {
        let parameters: M::Parameters = scenario.parameters()?;
        let properties = chosen(model.properties(), scenario)?;
        let mut sim = model.simulation(&parameters, &scenario.setup, self.seed).map_err(|problem| {
            // A model names the parameter first.
            let name = problem.split_whitespace().next().unwrap_or_default();
            scenario.setting_error(&["parameters", name], &problem)
        })?;
        scenario.check_placement(sim.world())?;
        let plan = scenario.plan(sim.world())?;
        sim.schedule_plan(&plan);
        let last_fault = plan.iter().last().map_or(Time::ZERO, |planned| planned.at);
        let end = Time::ZERO + scenario.content.duration;
        let digest = sim.observe_digest();
        let metrics = sim.observe(Metrics::default());
        if let Some(trace) = &self.trace {
            sim.observe(trace.clone());
        }
        let (checks, story) = judge(&mut sim, &properties, end, last_fault);
        let digest = sim.observer(digest).to_string();
        Ok(Finished { digest, metrics: sim.observer(metrics).clone(), checks, story })
    }
}

/// The properties that the scenario asks for; all of the model's unless it names some.
fn chosen<M>(
    properties: Vec<Property<'static, M>>,
    scenario: &Scenario,
) -> Result<Vec<Property<'static, M>>> {
    let Some(names) = &scenario.content.checks else { return Ok(properties) };
    for name in names {
        if !properties.iter().any(|property| property.name == *name.get_ref()) {
            let known: Vec<String> = properties.iter().map(|p| format!("\"{}\"", p.name)).collect();
            let expected = format!("expected one of {}", known.join(", "));
            return Err(
                scenario.error(name.span(), format!("there is no check `{}`: {expected}", name.get_ref()))
            );
        }
    }
    let asked = |property: &Property<'_, M>| names.iter().any(|name| *name.get_ref() == property.name);
    Ok(properties.into_iter().filter(asked).collect())
}

/// Runs to the end, and judges. What must always hold is asked after each event; what must hold eventually,
/// after each event from the last fault or repair on, at `last_fault`, until it does. A violation does not
/// end the run, so that its plots are whole; a panic does.
fn judge<M: Value>(
    sim: &mut Simulation<M>,
    properties: &[Property<'static, M>],
    end: Time,
    last_fault: Time,
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
        let (when, holds, reason) = match property.when {
            When::Always => ("always", at.is_none(), at.map(|time| format!("first violated at {time}"))),
            When::EventuallyAfterHeal => {
                let never = || format!("at no moment from the last fault on, {last_fault} to {}", sim.now());
                ("eventually", at.is_some(), at.is_none().then(never))
            }
            // Of one run nobody can ask that it gets everywhere.
            When::Reachable => ("reachable", true, None),
        };
        let verdict = match holds {
            true if property.when == When::Reachable && at.is_none() => "not reached",
            true => "holds",
            false => "violated",
        };
        Checked { name: property.name.clone(), when, verdict, reason }
    };
    let mut checks: Vec<Checked> = properties.iter().enumerate().map(judged).collect();
    if let Err(panic) = ran {
        let reason = Some(format!("{panic}, at {}", sim.now()));
        checks.push(Checked {
            name: "nothing panics".to_string(),
            when: "always",
            verdict: "violated",
            reason,
        });
    }
    if story.is_empty() && checks.iter().any(|check| check.verdict == "violated") {
        story = sim.story();
    }
    (checks, story)
}

/// The latencies worth naming.
const RANKS: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

fn latencies(metrics: &Metrics) -> Vec<(&'static str, Duration)> {
    let sorted = metrics.latencies();
    RANKS.iter().filter_map(|(name, rank)| Some((*name, percentile(&sorted, *rank)?))).collect()
}

fn open_operations(metrics: &Metrics) -> usize {
    metrics.operations().iter().filter(|operation| operation.responded.is_none()).count()
}

fn summary_json(scenario: &Scenario, seed: u64, finished: &Finished) -> serde_json::Value {
    let metrics = &finished.metrics;
    let latency: BTreeMap<String, f64> = latencies(metrics)
        .into_iter()
        .map(|(name, latency)| (format!("{name}_ms"), latency.as_secs_f64() * 1e3))
        .collect();
    json!({
        "model": scenario.content.model.get_ref(),
        "scenario": scenario.name,
        "seed": seed,
        "engine": crate::ENGINE,
        "digest": finished.digest,
        "checks": finished.checks,
        "metrics": {
            "operations": {
                "ok": metrics.count(Outcome::Ok),
                "failed": metrics.count(Outcome::Failed),
                "unknown": metrics.count(Outcome::Unknown),
                "open": open_operations(metrics),
            },
            "latency": latency,
            "messages": {
                "sent": metrics.sent(),
                "sent_by_kind": metrics.sent_by_kind(),
                "delivered": metrics.delivered(),
                "dropped": metrics.dropped(),
            },
            "syncs": metrics.syncs(),
            "synced_writes": metrics.synced_writes(),
        },
    })
}

fn print_summary(scenario: &Scenario, seed: u64, finished: &Finished, written: &[String]) {
    let metrics = &finished.metrics;
    let model = scenario.content.model.get_ref();
    let duration = format_span(scenario.content.duration);
    say(&format!("{}  ({model}, seed {seed}, engine {}, {duration})", scenario.name, crate::ENGINE));
    if !scenario.content.description.is_empty() {
        say(&format!("  {}", scenario.content.description));
    }
    say("");
    if !metrics.operations().is_empty() {
        let count = |outcome| metrics.count(outcome);
        say(&format!(
            "  operations   {} ok, {} failed, {} unknown, {} open at the end",
            count(Outcome::Ok),
            count(Outcome::Failed),
            count(Outcome::Unknown),
            open_operations(metrics)
        ));
        let named: Vec<String> = latencies(metrics)
            .iter()
            .map(|(name, latency)| format!("{name} {}", rounded(*latency)))
            .collect();
        if !named.is_empty() {
            say(&format!("  latency      {}", named.join("   ")));
        }
    }
    let kinds: Vec<String> =
        metrics.sent_by_kind().iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let (sent, dropped) = (metrics.sent(), metrics.dropped());
    say(&format!("  messages     {sent} between nodes ({}); {dropped} dropped", kinds.join(", ")));
    say(&format!("  storage      {} syncs of {} writes", metrics.syncs(), metrics.synced_writes()));
    for (at, band) in metrics.bands().iter().enumerate() {
        let head = if at == 0 { "faults" } else { "" };
        let to = band.to.map_or("the end".to_string(), |to| to.to_string());
        say(&format!("  {head:<12} {}, {} to {to}", band.label, band.from));
    }
    say("");
    for check in &finished.checks {
        let reason = check.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        say(&format!("  {:<9} {}: {}{reason}", check.verdict, check.when, check.name));
    }
    if !finished.story.is_empty() {
        say(&format!("\n{}", finished.story));
    }
    if !written.is_empty() {
        say("");
    }
    for file in written {
        say(&format!("  wrote {file}"));
    }
    say(&format!("\ndigest {}", finished.digest));
}

/// Four significant digits or so: exact spans are for machines.
fn rounded(span: Duration) -> String {
    let nanoseconds = crate::time::nanoseconds_of(span);
    let unit = 10u64.pow(nanoseconds.max(1).ilog10().saturating_sub(3));
    format_span(Duration::from_nanos((nanoseconds + unit / 2) / unit * unit))
}
