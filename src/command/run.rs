//! `netsplit run`: one scenario, one seed.

use super::execution::{Finished, Run};
use super::failure::{FailureFile, replay_line, run_line};
use super::figures;
use super::models::Models;
use super::output::Folder;
use super::overrides::Setting;
use super::scenario::Scenario;
use super::shrink::{ShrinkOptions, say_shrunk};
use super::trace::Trace;
use super::{Ended, say};
use crate::metrics::{Gauge, Level, Metrics, percentile};
use crate::plot;
use crate::process::Outcome;
use crate::staleness::Staleness;
use crate::time::{Time, format_span};
use anyhow::{Result, anyhow};
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
    /// Writes plots as SVG and PNG, their data as CSV, and the summary as JSON into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Writes every event as a line of JSON
    #[arg(long, value_name = "FILE.jsonl")]
    trace: Option<PathBuf>,
    /// Prints one JSON object instead of the summary
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shrink: ShrinkOptions,
}

/// Runs, prints and writes.
pub(super) fn run(models: &Models, options: &Options) -> Result<Ended> {
    let scenario = Scenario::read(&options.scenario, &Setting::all(&options.set))?;
    let model = models.of(&scenario)?;
    figures::check(&scenario, None)?;
    for output in [&options.out, &options.trace].into_iter().flatten() {
        let same = |input: &PathBuf| input.canonicalize().ok() == output.canonicalize().ok();
        if output.exists() && scenario.inputs.iter().any(same) {
            return Err(anyhow!("{}: is read by this run, and not overwritten", output.display()));
        }
    }
    let mut folder = options.out.as_deref().map(Folder::prepare).transpose()?;
    let trace = options.trace.as_deref().map(Trace::create).transpose()?;
    let seed = options.seed.unwrap_or(scenario.content.seed);
    let run = Run { trace, ..Run::of(seed) };

    let finished = model.run(&scenario, &run)?.with_inert_faults();

    let summary = summary_json(&scenario, seed, &finished);
    let (mut written, mut left_out) = (Vec::new(), String::new());
    let mut failure = (!finished.all_hold()).then(|| FailureFile::new(&scenario, seed, &finished));
    let shrunk = match finished.all_hold() {
        true => None,
        false => options.shrink.shrink(model, &scenario, seed, &finished, None),
    };
    if let (Some(file), Some(shrunk)) = (&mut failure, &shrunk) {
        *file = file.with_shrunk(model, &scenario, shrunk)?;
    }
    let mut saved = None;
    if let Some(mut folder) = folder.take() {
        let names = scenario.content.plots.iter().map(|name| name.get_ref().as_str());
        let (of_runs, of_sweeps): (Vec<&str>, Vec<&str>) = names.partition(|name| plot::NAMES.contains(name));
        left_out = of_sweeps.join(", ");
        for name in of_runs {
            let figure = plot::figure(
                name,
                &finished.metrics,
                scenario.title(),
                scenario.content.duration,
                scenario.content.availability_window,
            )?;
            folder.add_figure(&figure)?;
        }
        if finished.staleness.stale_share().is_some() {
            folder.add("reads.csv", finished.staleness.csv())?;
        }
        folder.add("summary.json", format!("{summary:#}\n"))?;
        if let Some(failure) = &failure {
            saved = Some(failure.add_to(&mut folder)?);
        }
        written = folder.finish()?;
    } else if let Some(failure) = &failure {
        saved = failure.keep();
    }
    if let Some(trace) = &run.trace {
        trace.finish()?;
    }
    if options.json {
        let mut summary = summary;
        if let Some(path) = &saved {
            summary["failure_file"] = json!(path);
        }
        say(&summary.to_string());
    } else {
        print_summary(&scenario, seed, &finished);
        if shrunk.is_none() && failure.is_some() && options.shrink.is_wanted(&finished) {
            say("\n  not shrunk: with its faults written down the run does not fail in the same way");
        }
        if let Some(shrunk) = &shrunk {
            say_shrunk(model, &scenario, shrunk);
        }
        if failure.is_some() {
            say(&format!("\n  replay  {}", run_line(&options.scenario, seed, &options.set)));
        }
        if let Some(path) = &saved {
            say(&format!("  replay  {}", replay_line(path)));
        }
        if !written.is_empty() {
            say("");
        }
        for file in written {
            say(&format!("  wrote {file}"));
        }
        if !left_out.is_empty() {
            say(&format!("  left out {left_out}: `netsplit sweep` draws that"));
        }
        say(&format!("\ndigest {}", finished.digest));
    }
    Ok(if failure.is_some() { Ended::Violated } else { Ended::Holds })
}

/// The latencies worth naming.
pub(super) const RANKS: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

fn latencies(metrics: &Metrics) -> Vec<(&'static str, Duration)> {
    let sorted = metrics.latencies();
    RANKS.iter().filter_map(|(name, rank)| Some((*name, percentile(&sorted, *rank)?))).collect()
}

/// What all nodes together counted, over the whole run.
fn levels(finished: &Finished) -> impl Iterator<Item = (&'static str, Level)> {
    let level = |gauge: Gauge| gauge.over(Time::ZERO..finished.end);
    finished.metrics.totals().into_iter().map(move |(name, gauge)| (name, level(gauge)))
}

pub(super) fn open_operations(metrics: &Metrics) -> usize {
    metrics.operations().iter().filter(|operation| operation.responded.is_none()).count()
}

fn summary_json(scenario: &Scenario, seed: u64, finished: &Finished) -> serde_json::Value {
    let metrics = &finished.metrics;
    let latency: BTreeMap<String, f64> = latencies(metrics)
        .into_iter()
        .map(|(name, latency)| (format!("{name}_ms"), latency.as_secs_f64() * 1e3))
        .collect();
    let overall = metrics.overall();
    let gauges: BTreeMap<&str, serde_json::Value> = levels(finished)
        .map(|(name, level)| {
            let above_zero = level.above_zero.as_secs_f64();
            (name, json!({"mean": level.mean, "max": level.maximum, "above_zero_s": above_zero}))
        })
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
            "availability": {
                "deadline_ms": metrics.deadline().map(|deadline| deadline.as_secs_f64() * 1e3),
                "share": overall.availability(),
                "late": overall.late,
                "unknown_share": overall.unknown_share(),
            },
            "reads": staleness_json(&finished.staleness),
            "messages": {
                "sent": metrics.sent(),
                "sent_by_kind": metrics.sent_by_kind(),
                "delivered": metrics.delivered(),
                "dropped": metrics.dropped(),
            },
            "syncs": metrics.syncs(),
            "synced_writes": metrics.synced_writes(),
            "unsynced_writes": finished.unsynced,
            "gauges": gauges,
        },
    })
}

/// None without reads.
fn staleness_json(staleness: &Staleness) -> Option<serde_json::Value> {
    let share = staleness.stale_share()?;
    let stale = staleness.reads().iter().filter_map(|read| read.stale);
    let oldest = stale.clone().map(|stale| stale.age).max().unwrap_or_default();
    Some(json!({
        "count": staleness.reads().len(),
        "stale": stale.clone().count(),
        "stale_share": share,
        "oldest_ms": oldest.as_secs_f64() * 1e3,
        "most_versions": stale.map(|stale| stale.versions).max().unwrap_or_default(),
    }))
}

fn print_summary(scenario: &Scenario, seed: u64, finished: &Finished) {
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
        let overall = metrics.overall();
        if let (Some(share), Some(unknown)) = (overall.availability(), overall.unknown_share()) {
            let within = metrics.deadline().map(|deadline| format!(" within {}", format_span(deadline)));
            let (share, unknown, within) = (percent(share), percent(unknown), within.unwrap_or_default());
            say(&format!("  available    {share} took place{within}; {unknown} unknown"));
        }
    }
    if let Some(share) = finished.staleness.stale_share() {
        let stale = || finished.staleness.reads().iter().filter_map(|read| read.stale);
        let oldest = match stale().map(|stale| (stale.age, stale.versions)).max() {
            Some((age, _)) => {
                let versions = stale().map(|stale| stale.versions).max().unwrap_or_default();
                format!("; overwritten up to {} and {versions} versions before", rounded(age))
            }
            None => String::new(),
        };
        let (reads, stale) = (finished.staleness.reads().len(), stale().count());
        say(&format!("  reads        {reads}, of which {stale} stale ({:.1} %){oldest}", share * 100.0));
    }
    let kinds: Vec<String> =
        metrics.sent_by_kind().iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let (sent, dropped) = (metrics.sent(), metrics.dropped());
    say(&format!("  messages     {sent} between nodes ({}); {dropped} dropped", kinds.join(", ")));
    let unsynced = match finished.unsynced {
        0 => String::new(),
        writes => format!("; {writes} writes not synced at the end"),
    };
    let (syncs, writes) = (metrics.syncs(), metrics.synced_writes());
    say(&format!("  storage      {syncs} syncs of {writes} writes{unsynced}"));
    for (at, (name, level)) in levels(finished).enumerate() {
        let head = if at == 0 { "gauges" } else { "" };
        let (mean, above_zero) = (three_digits(level.mean), rounded(level.above_zero));
        say(&format!(
            "  {head:<12} {name}: mean {mean}, at most {}, above zero for {above_zero}",
            level.maximum
        ));
    }
    for (at, band) in metrics.bands().iter().enumerate() {
        let head = if at == 0 { "faults" } else { "" };
        let to = band.to.map_or("the end".to_string(), |to| to.to_string());
        say(&format!("  {head:<12} {}, {} to {to}", band.label, band.from));
    }
    let inert = finished.impact.applied().iter().filter(|applied| !applied.touched);
    for (at, applied) in inert.enumerate() {
        let head = if at == 0 { "inert" } else { "" };
        let fault = metrics.named(&applied.fault);
        say(&format!("  {head:<12} {fault} at {} touched nothing", applied.at));
    }
    say("");
    for check in &finished.checks {
        let reason = check.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        say(&format!("  {:<9} {}: {}{reason}", check.verdict, check.when, check.name));
    }
    if !finished.story.is_empty() {
        say(&format!("\n{}", finished.story));
    }
}

/// Four significant digits or so: exact spans are for machines.
pub(super) fn rounded(span: Duration) -> String {
    let nanoseconds = crate::time::nanoseconds_of(span);
    let unit = 10u64.pow(nanoseconds.max(1).ilog10().saturating_sub(3));
    format_span(Duration::from_nanos((nanoseconds + unit / 2) / unit * unit))
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn three_digits(number: f64) -> String {
    let decimals = [100.0, 10.0, 1.0].into_iter().filter(|bound| number < *bound).count();
    format!("{number:.decimals$}")
}
