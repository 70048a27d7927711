//! `netsplit explore`: every run of a scenario within bounds, without time.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a wall clock says how fast the search is, and decides nothing"
)]

use super::execution::{Checked, FRESH_READS, NO_PANIC, Run, prepare};
use super::failure::{FailureFile, replay_line};
use super::models::{AnyModel, KnownBug, Models};
use super::output::Folder;
use super::overrides::Setting;
use super::scenario::Scenario;
use super::shrink::{ShrinkOptions, say_shrunk};
use super::workers::Interrupt;
use super::zoo::read;
use super::{Ended, say};
use crate::explorer::{Bound, Counterexample, Explored, MOST_SPLIT, Messages, Progress, Verdict, explore};
use crate::model::Model;
use crate::promise::Promise;
use crate::property::{Property, When};
use crate::shrink::Case;
use crate::time::Time;
use crate::timed::{self, Obstacle};
use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The arguments of `netsplit explore`.
#[derive(clap::Args)]
pub(super) struct Options {
    /// The scenario, a TOML file. Its network, its faults and its duration mean nothing here
    scenario: PathBuf,
    /// Changes a parameter of the model
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// How deep to go; the initial state is at depth 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_depth: Option<u32>,
    /// How many states to find
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_states: u32,
    /// How much memory to take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..))]
    max_memory: u32,
    /// How many messages may be lost in a run
    #[arg(long, value_name = "N", default_value_t = 0)]
    drops: u32,
    /// How many messages may be doubled in a run
    #[arg(long, value_name = "N", default_value_t = 0)]
    duplicates: u32,
    /// How many nodes may crash in a run, at any step; each may restart at any later one
    #[arg(long, value_name = "N", default_value_t = 0)]
    crashes: u32,
    /// How many partitions may come and heal in a run
    #[arg(long, value_name = "N", default_value_t = 0)]
    partitions: u32,
    /// How many timers may fire in a run; any number unless given
    #[arg(long, value_name = "N")]
    timers: Option<u32>,
    /// What becomes of a message: it is taken from a multiset, stays in a set, or keeps the order of its link
    #[arg(long, value_enum, default_value = "multiset")]
    network: NetworkOption,
    /// Asks of what must hold after everything has healed whether it does so in every fair run, too; that search keeps
    /// every state
    #[arg(long)]
    eventually: bool,
    /// Searches every state, also those that differ only in which of several equal nodes is which. (With partitions, and
    /// where it is asked what clients see, nodes are not taken for equal either)
    #[arg(long)]
    no_reduction: bool,
    /// On how many threads; all cores unless given. The result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Prints one JSON object instead of the summary
    #[arg(long)]
    json: bool,
    /// Saves a violation as a failure file into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    shrink: ShrinkOptions,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum NetworkOption {
    Multiset,
    Set,
    Ordered,
}

/// A search that is asked for, before the model is known.
pub(super) struct Search<'o> {
    options: &'o Options,
    interrupt: Interrupt,
    bar: ProgressBar,
    start: Instant,
}

/// What a search came to.
pub(super) struct Searched {
    explored: Explored,
    left_out: Vec<String>,
    took: Duration,
    /// Of what is violated: a run of the simulation that does the same, and by which check.
    replay: Option<Result<(Case, Checked), Obstacle>>,
}

/// Searches and prints.
pub(super) fn run(models: &Models, options: &Options) -> Result<Ended> {
    let scenario = Scenario::read(&options.scenario, &Setting::all(&options.set))?;
    let model = models.of(&scenario)?;
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let search = Search { options, interrupt: Interrupt::listen()?, bar, start: Instant::now() };
    let searched = model.explore(&scenario, &search)?;
    search.bar.finish_and_clear();
    let mut json = searched.json(&scenario);
    if !options.json {
        searched.print(&scenario);
    }
    match &searched.replay {
        None => {}
        Some(Err(obstacle)) => {
            json["not_replayed"] = json!(obstacle.to_string());
            if !options.json {
                say(&format!("\n  in time  not replayable: {obstacle}"));
            }
        }
        Some(Ok((case, check))) => {
            let interrupt = Some(&search.interrupt);
            let shrunk = options.shrink.shrink_case(model, &scenario, case, check, interrupt);
            let case = shrunk.as_ref().map_or(case, |shrunk| &shrunk.case);
            let saved = save(model, &scenario, case, check, options.out.as_deref())?;
            let lines = case.to_string();
            if !options.json {
                say(&format!("\n  in time  {}, {}", check.name, check.reason.as_deref().unwrap_or_default()));
                match &shrunk {
                    Some(shrunk) => say_shrunk(model, &scenario, shrunk),
                    None => lines.lines().for_each(|line| say(&format!("    {line}"))),
                }
                saved.iter().for_each(|path| say(&format!("\n  replay  {}", replay_line(path))));
            }
            json["case"] = json!(lines.lines().collect::<Vec<&str>>());
            json["failure_file"] = json!(saved);
        }
    }
    if options.json {
        say(&json.to_string());
    }
    Ok(match (&searched.explored.verdict, searched.explored.stopped) {
        (Verdict::Holds, _) => Ended::Holds,
        (Verdict::Violated(_), _) => Ended::Violated,
        (Verdict::Unknown, Some(Bound::Interrupted)) => Ended::Interrupted,
        (Verdict::Unknown, _) => Ended::Bounded,
    })
}

/// What exhaustive search makes of a known bug.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The steps to a violation; none if none was found.
    pub steps: Option<usize>,
    /// How many states were found.
    pub distinct: usize,
    /// How long it took.
    pub took: Duration,
    /// Whether a bound was reached before there was a verdict.
    pub bounded: bool,
    /// Whether a run of the simulation takes the same steps.
    pub in_time: bool,
}

/// Looks for a known bug within bounds, which are written as the flags of `netsplit explore`: `--timers 2 --crashes 1`.
///
/// # Errors
/// If there is no such flag, or the search does not apply: the model reads clocks, or what is broken is not asked.
pub fn look_for(models: &Models, bug: &KnownBug, flags: &str) -> Result<Looked, String> {
    let line = ["explore", bug.name].into_iter().chain(flags.split_whitespace());
    let line = <Line as clap::Parser>::try_parse_from(line).map_err(|error| error.to_string())?;
    let options = &line.options;
    let searched = || -> Result<Searched> {
        let (scenario, model) = read(models, bug, &options.set)?;
        let (interrupt, bar) = (Interrupt::default(), ProgressBar::hidden());
        model.explore(&scenario, &Search { options, interrupt, bar, start: Instant::now() })
    };
    let Searched { explored, left_out, took, replay } = searched().map_err(|error| format!("{error:#}"))?;
    if let (Verdict::Holds, [first, ..]) = (&explored.verdict, &left_out[..]) {
        return Err(format!("left out: {first}"));
    }
    let steps = match &explored.verdict {
        Verdict::Violated(path) => Some(path.steps.len()),
        _ => None,
    };
    let (distinct, bounded) = (explored.distinct, explored.stopped.is_some());
    Ok(Looked { steps, distinct, took, bounded, in_time: replay.is_some_and(|replay| replay.is_ok()) })
}

/// The arguments by themselves.
#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// Saves a case that violates `check`. Its path; none, and a line on stderr, if nobody has said where and that cannot
/// be written.
fn save(
    model: &dyn AnyModel,
    scenario: &Scenario,
    case: &Case,
    check: &Checked,
    out: Option<&Path>,
) -> Result<Option<String>> {
    let file = FailureFile::of_case(model, scenario, case, &check.name)?;
    let Some(out) = out else { return Ok(file.keep()) };
    let mut folder = Folder::prepare(out)?;
    let path = file.add_to(&mut folder)?;
    folder.finish()?;
    Ok(Some(path))
}

/// A run that violates the property of `path` by the same steps, if there is one.
fn in_time<M: Model>(
    model: &M,
    scenario: &Scenario,
    path: &Counterexample,
    checks: &[(String, &'static str)],
) -> Result<(Case, Checked), Obstacle> {
    let is_check = checks.iter().any(|(name, _)| *name == path.property);
    let name = if is_check { &path.property } else { NO_PANIC };
    let mut violated = None;
    let violates = |case: &Case| {
        let only = Some((name, Time::ZERO + scenario.content.duration));
        let run = Run { case: Some(case), only, blind: true, ..Run::of(case.seed) };
        let finished = run.model(model, scenario).ok();
        let is_it = |check: &Checked| !check.holds() && check.name == name;
        violated = finished.and_then(|finished| finished.checks.into_iter().find(is_it));
        violated.is_some()
    };
    let simulation = |seed| match prepare(model, scenario, seed) {
        Ok(prepared) => prepared.sim,
        Err(error) => unreachable!("it was prepared for the search: {error}"),
    };
    let case = timed::case(path, simulation, violates)?;
    Ok((case, violated.expect("the last case that was run is violated")))
}

impl Search<'_> {
    /// Searches `scenario` with its model.
    pub(super) fn model<M: Model>(&self, model: &M, scenario: &Scenario) -> Result<Searched> {
        let prepared = prepare(model, scenario, 0)?;
        let (options, mut left_out) = (self.options, Vec::new());
        let checks = prepared.checks();
        let world = prepared.sim.world();
        let servers = world.ids().filter(|node| !world.is_client(*node)).count();
        if options.partitions > 0 && servers > MOST_SPLIT {
            bail!(
                "--partitions: {} has {servers} nodes, and at most {MOST_SPLIT} can be split",
                scenario.file
            );
        }
        let (promises, at_the_end): (Vec<_>, Vec<_>) =
            prepared.promises.into_iter().partition(Promise::holds_before);
        left_out.extend(at_the_end.iter().map(|promise| format!("that {}", promise.name())));
        left_out.extend(prepared.fresh_reads.then(|| FRESH_READS.to_string()));
        let reduces = !options.no_reduction && options.partitions == 0 && promises.is_empty();
        let mut search = explore(|_| prepared.sim)
            .messages(match options.network {
                NetworkOption::Multiset => Messages::Multiset,
                NetworkOption::Set => Messages::Set,
                NetworkOption::Ordered => Messages::Ordered,
            })
            .drops(options.drops)
            .duplicates(options.duplicates)
            .crashes(options.crashes)
            .partitions(options.partitions)
            .max_states(options.max_states as usize)
            .max_memory((options.max_memory as usize) << 20)
            .promises(promises)
            .watch(|progress| self.tell(progress));
        search = if reduces { model.symmetries(search) } else { search };
        search = options.timers.into_iter().fold(search, |search, timers| search.timers(timers));
        search = options.max_depth.into_iter().fold(search, |search, depth| search.max_depth(depth as usize));
        search = options.threads.into_iter().fold(search, |search, threads| search.threads(threads as usize));
        for property in prepared.properties {
            match property.when {
                When::EventuallyAfterHeal if options.eventually => {
                    let Property { name, .. } = &property;
                    let name = name.clone();
                    search = search.eventually(&name, move |world| world.is_whole() && property.holds(world));
                }
                When::EventuallyAfterHeal => left_out.push(property.name),
                When::Always | When::Reachable => search = search.properties([property]),
            }
        }
        let explored = search.run();
        let took = self.start.elapsed();
        if let Verdict::Violated(path) = &explored.verdict
            && path.property.contains("ctx.now() under exhaustive search")
        {
            bail!(
                "{}: a process of the model `{}` reads its clock ({}): exhaustive search does not apply to it",
                scenario.file,
                model.name(),
                path.property
            );
        }
        let replay = match &explored.verdict {
            Verdict::Violated(path) => Some(in_time(model, scenario, path, &checks)),
            _ => None,
        };
        Ok(Searched { explored, left_out, took, replay })
    }

    fn tell(&self, progress: &Progress) -> bool {
        let seconds = self.start.elapsed().as_secs_f64().max(1e-9);
        let rate = progress.distinct as f64 / seconds;
        self.bar.set_message(format!(
            "{} states, {rate:.0}/s, depth {}, {} more at the next, {} MiB",
            progress.distinct,
            progress.depth,
            progress.frontier,
            progress.bytes >> 20
        ));
        self.bar.tick();
        !self.interrupt.happened()
    }
}

impl Searched {
    fn rate(&self) -> f64 {
        self.explored.distinct as f64 / self.took.as_secs_f64().max(1e-9)
    }

    fn json(&self, scenario: &Scenario) -> serde_json::Value {
        let Explored { distinct, generated, depth, verdict, stopped, unreached, bytes } = &self.explored;
        let mut json = json!({
            "model": scenario.content.model.get_ref(),
            "scenario": scenario.name,
            "distinct": distinct,
            "generated": generated,
            "depth": depth,
            "verdict": match verdict {
                Verdict::Holds => "holds",
                Verdict::Violated(_) => "violated",
                Verdict::Unknown => "unknown",
            },
            "bound": stopped.map(|bound| bound.to_string()),
            "states_per_second": self.rate().round(),
            "seconds": self.took.as_secs_f64(),
            "bytes": bytes,
            "not_reached": unreached,
            "left_out": self.left_out,
        });
        if let Verdict::Violated(path) = verdict {
            json["counterexample"] =
                json!({"property": path.property, "steps": path.steps, "repeated_from": path.cycle});
        }
        json
    }

    fn print(&self, scenario: &Scenario) {
        let Explored { distinct, generated, depth, verdict, stopped, unreached, bytes } = &self.explored;
        say(&format!("{}  ({}, every run within bounds)", scenario.name, scenario.content.model.get_ref()));
        say("");
        say(&format!("  distinct     {distinct} states, {} bytes each", bytes / (*distinct).max(1)));
        say(&format!("  generated    {generated}"));
        say(&format!("  depth        {depth}"));
        say(&format!("  speed        {:.0} states/s, {:.2} s", self.rate(), self.took.as_secs_f64()));
        for property in unreached {
            say(&format!("  not reached  {property}"));
        }
        for property in &self.left_out {
            say(&format!("  left out     {property}"));
        }
        match (verdict, stopped) {
            (Verdict::Holds, _) => say("  verdict      holds"),
            (Verdict::Violated(path), _) => {
                say("  verdict      violated");
                say("");
                say(path.to_string().trim_end());
            }
            (Verdict::Unknown, Some(bound)) => say(&format!("  verdict      unknown: {bound} came first")),
            (Verdict::Unknown, None) => say("  verdict      unknown"),
        }
    }
}
