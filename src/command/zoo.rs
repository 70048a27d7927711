//! `netsplit zoo`: every known bug, found anew, shrunk, and set beside the least cause that is known.
//!
//! A repetition begins at a seed of its own, a million apart, and counts how many seeds it takes until the check is
//! violated. What is printed depends on nothing but the seeds, except for how long it took.

#![expect(clippy::disallowed_types, reason = "how long shrinking takes is told to a person")]

use super::execution::Run;
use super::explore::{Looked, look_for as search};
use super::models::{AnyModel, KnownBug, Models};
use super::output::Folder;
use super::overrides::Setting;
use super::scenario::Scenario;
use super::shrink::{first_violated, shrunk};
use super::workers::{Interrupt, work};
use super::{Ended, say};
use crate::shrink::{Case, Options as Search, Shrunk};
use anyhow::{Context, Result, anyhow, bail};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The arguments of `netsplit zoo`.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Only these; all unless given
    names: Vec<String>,
    /// How often each bug is looked for
    #[arg(long, value_name = "N", default_value_t = 20)]
    repetitions: u64,
    /// After how many seeds a repetition gives up
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    most_seeds: u64,
    /// How many runs shrinking may take
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    shrink_runs: u64,
    /// Runs the correct models under the same faults instead, each under so many seeds
    #[arg(long, value_name = "SEEDS")]
    correct: Option<u64>,
    /// How many runs at a time; as many as there are processors unless given. The result is the same
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Writes the table and the cases as Markdown into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The seeds of two repetitions are so far apart.
const APART: u64 = 1_000_000;

/// A bug that was looked for.
struct Found {
    bug: KnownBug,
    /// The seeds it took, sorted; a repetition that gave up counts as one more than it may take.
    seeds: Vec<u64>,
    /// Whether all repetitions did find it.
    always: bool,
    /// What the repetitions found, by size, each with the digest of its run.
    shrunk: Vec<(Shrunk, String)>,
    /// How long shrinking took, each time.
    times: Vec<Duration>,
    /// What exhaustive search found; or why it does not apply.
    searched: Result<Looked, String>,
}

/// Looks for all of them.
pub(super) fn zoo(models: &Models, options: &Options) -> Result<Ended> {
    let bugs = chosen(models, &options.names)?;
    let threads =
        options.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)).max(1);
    let interrupt = Interrupt::listen()?;
    if let Some(seeds) = options.correct {
        return correct(models, &bugs, seeds, threads, &interrupt);
    }
    let mut folder = options.out.as_deref().map(Folder::prepare).transpose()?;
    say(HEAD);
    let mut all = Vec::new();
    for bug in bugs {
        let found = look_for(models, bug, options, threads, &interrupt)?;
        if interrupt.happened() {
            break;
        }
        say(&found.row());
        all.push(found);
    }
    if let Some(folder) = &mut folder {
        folder.add("table.md", table(&all))?;
        folder.add("cases.md", cases(&all))?;
    }
    if let Some(folder) = folder {
        folder.finish()?.iter().for_each(|file| say(&format!("  wrote {file}")));
    }
    say_times(&all);
    Ok(match all.iter().all(Found::is_small) {
        _ if interrupt.happened() => Ended::Interrupted,
        true => Ended::Holds,
        false => Ended::Violated,
    })
}

fn chosen(models: &Models, names: &[String]) -> Result<Vec<KnownBug>> {
    let zoo = models.zoo();
    for name in names {
        if !zoo.iter().any(|bug| bug.name == name) {
            let known: Vec<&str> = zoo.iter().map(|bug| bug.name).collect();
            bail!("there is no known bug `{name}`: expected some of {}", known.join(", "));
        }
    }
    let is_asked = |bug: &&KnownBug| names.is_empty() || names.iter().any(|name| name == bug.name);
    Ok(zoo.iter().filter(is_asked).copied().collect())
}

pub(super) fn read<'a>(
    models: &'a Models,
    bug: &KnownBug,
    settings: &[String],
) -> Result<(Scenario, &'a dyn AnyModel)> {
    let no_matrix = |named: &str| Err(anyhow!("a known bug has no other file: {named}"));
    let text = bug.scenario.to_string();
    let settings = Setting::all(settings);
    let scenario =
        Scenario::parse(format!("{}.toml", bug.name), bug.name.to_string(), text, &settings, no_matrix)?;
    let model = models.of(&scenario)?;
    Ok((scenario, model))
}

/// The first of `seeds` under which a check is violated.
fn first_failing(
    model: &dyn AnyModel,
    scenario: &Scenario,
    seeds: std::ops::Range<u64>,
    threads: usize,
    interrupt: &Interrupt,
) -> Result<Option<u64>> {
    let (next, lowest) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX));
    let work = || -> Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            let over = seed >= seeds.end || seed > lowest.load(Ordering::SeqCst);
            if over || interrupt.happened() {
                return Ok(());
            }
            let finished = model.run(scenario, &Run { blind: true, ..Run::of(seed) })?;
            if !finished.all_hold() {
                lowest.fetch_min(seed, Ordering::SeqCst);
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Result<()>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect::<Result<Vec<()>>>()
    })?;
    Ok(Some(lowest.into_inner()).filter(|seed| *seed != u64::MAX))
}

fn look_for(
    models: &Models,
    bug: KnownBug,
    options: &Options,
    threads: usize,
    interrupt: &Interrupt,
) -> Result<Found> {
    let (scenario, model) = read(models, &bug, &[])?;
    let (mut seeds, mut all, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for repetition in 0..options.repetitions.max(1) {
        let start = repetition * APART;
        let range = start..start + options.most_seeds.min(APART);
        let failing = first_failing(model, &scenario, range.clone(), threads, interrupt)?;
        seeds.push(failing.map_or(range.end, |seed| seed) - start + 1);
        if let Some(seed) = failing {
            let start = Instant::now();
            all.extend(shrink_seed(model, &scenario, seed, options, threads, interrupt)?);
            times.push(start.elapsed());
        }
        // A bug that is not found in so many seeds is not found in the next million either.
        if failing.is_none() || interrupt.happened() {
            break;
        }
    }
    seeds.sort_unstable();
    all.sort_by_key(|(shrunk, _)| (shrunk.after.items(), shrunk.after.operations, shrunk.case.seed));
    let always = all.len() == seeds.len();
    let searched = search(models, &bug, bug.search);
    Ok(Found { bug, seeds, always, shrunk: all, times, searched })
}

fn shrink_seed(
    model: &dyn AnyModel,
    scenario: &Scenario,
    seed: u64,
    options: &Options,
    threads: usize,
    interrupt: &Interrupt,
) -> Result<Option<(Shrunk, String)>> {
    let finished = model.run(scenario, &Run::of(seed))?;
    let check =
        first_violated(&finished.checks).context("it is violated once, and not when it is run again")?;
    let search = Search { runs: options.shrink_runs, threads };
    let case = Case::new(seed, &finished.plan, &[]);
    let Some(small) = shrunk(model, scenario, &case, check, search, Some(interrupt)) else { return Ok(None) };
    let again = model.run(scenario, &Run { case: Some(&small.case), ..Run::of(seed) })?;
    Ok(Some((small, again.digest)))
}

/// What one is ready to read.
const MOST_ITEMS: usize = 5;

const HEAD: &str = "\
| bug | seeds | before | after | largest | least known | operations | runs | steps | states | within |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|";

impl Found {
    fn median(&self) -> u64 {
        self.seeds[self.seeds.len() / 2]
    }

    /// Of the repetitions, what was shrunk to the middle size, and its digest.
    fn middle(&self) -> Option<&(Shrunk, String)> {
        self.shrunk.get(self.shrunk.len() / 2)
    }

    /// Whether it is found each time, and the middle of the repetitions can be explained and is about as small as is
    /// known.
    fn is_small(&self) -> bool {
        let most = MOST_ITEMS.min(self.bug.cause.len() + 1);
        self.always && self.middle().is_some_and(|(shrunk, _)| shrunk.after.items() <= most)
    }

    fn row(&self) -> String {
        let KnownBug { name, cause, .. } = self.bug;
        let (median, least) = (self.median(), cause.len());
        let largest = self.shrunk.last().map_or(0, |(shrunk, _)| shrunk.after.items());
        match self.middle() {
            Some((Shrunk { before, after, runs, .. }, _)) => format!(
                "| {name} | {median} | {} | {} | {largest} | {least} | {} to {} | {runs} | {} |",
                before.items(),
                after.items(),
                before.operations,
                after.operations,
                self.exhaustive()
            ),
            None => format!("| {name} | not found | | | | {least} | | | {} |", self.exhaustive()),
        }
    }

    /// The columns of exhaustive search: the steps of a shortest path, how many states were found by then, and the
    /// bounds.
    fn exhaustive(&self) -> String {
        match &self.searched {
            Ok(Looked { steps: Some(steps), distinct, .. }) => {
                format!("{steps} | {distinct} | `{}`", self.bug.search)
            }
            Ok(Looked { distinct, .. }) => format!("not found | {distinct} | `{}`", self.bug.search),
            Err(_) => "| | does not apply".to_string(),
        }
    }
}

fn table(all: &[Found]) -> String {
    let rows: Vec<String> = all.iter().map(Found::row).collect();
    format!("{HEAD}\n{}\n", rows.join("\n"))
}

fn cases(all: &[Found]) -> String {
    let mut text = String::new();
    for found @ Found { bug, .. } in all {
        let KnownBug { name, source, cause, question, .. } = bug;
        let _ = writeln!(text, "## {name}\n\n{source}\n\n*{question}*\n");
        let cause = if cause.is_empty() { "nothing has to go wrong".to_string() } else { cause.join("; ") };
        let _ = writeln!(text, "Least cause known: {cause}.\n");
        if let Some((Shrunk { case, failure, .. }, digest)) = found.shrunk.first() {
            let _ = writeln!(text, "    {}\n", case.to_string().replace('\n', "\n    "));
            let _ = writeln!(text, "`{}`: {}. Digest `{digest}`.\n", failure.property, failure.how);
        }
    }
    text
}

/// How long it took to make failures small, and to search every run, which no report says, since it is another time
/// each time.
fn say_times(all: &[Found]) {
    let shrinking = all.iter().flat_map(|found| found.times.iter().map(|time| (*time, found.bug.name)));
    say_time("shrinking", shrinking.collect());
    let searching = |found: &Found| Some((found.searched.as_ref().ok()?.took, found.bug.name));
    say_time("exhaustive search", all.iter().filter_map(searching).collect());
}

fn say_time(what: &str, mut times: Vec<(Duration, &str)>) {
    times.sort_unstable();
    if let (Some((median, _)), Some((longest, name))) = (times.get(times.len() / 2), times.last()) {
        let (median, longest) = (median.as_secs_f64(), longest.as_secs_f64());
        say(&format!("  {what} took {median:.2} s in the median, and {longest:.1} s at most, for {name}"));
    }
}

/// The correct models under the same faults, as far as they come before an interrupt.
fn correct(
    models: &Models,
    bugs: &[KnownBug],
    seeds: u64,
    threads: usize,
    interrupt: &Interrupt,
) -> Result<Ended> {
    let read = |bug: &KnownBug| read(models, bug, &[bug.correct.to_string()]);
    let scenes = bugs.iter().map(read).collect::<Result<Vec<_>>>()?;
    let lowest: Vec<AtomicU64> = bugs.iter().map(|_| AtomicU64::new(u64::MAX)).collect();
    let tasks = seeds.checked_mul(bugs.len() as u64).context("--correct: that many runs never end")?;
    let count = bugs.len() as u64;
    let done = work(tasks, threads, interrupt, |task| {
        // They take turns, so that after an interrupt each has as many seeds as the others, or one more.
        let (seed, place) = (task / count, (task % count) as usize);
        let (scenario, model) = &scenes[place];
        let is_known = seed > lowest[place].load(Ordering::SeqCst);
        if !is_known && !model.run(scenario, &Run { blind: true, ..Run::of(seed) })?.all_hold() {
            lowest[place].fetch_min(seed, Ordering::SeqCst);
        }
        Ok(())
    })?;
    let failing: Vec<u64> = lowest.into_iter().map(AtomicU64::into_inner).collect();
    for ((bug, failing), place) in bugs.iter().zip(&failing).zip(0..) {
        let seeds = done / count + u64::from(place < done % count);
        say(&match *failing {
            u64::MAX => format!("  holds     {} with {}: {seeds} seeds", bug.name, bug.correct),
            seed => format!("  violated  {} with {}: seed {seed}", bug.name, bug.correct),
        });
    }
    Ok(match failing.iter().all(|seed| *seed == u64::MAX) {
        _ if done < tasks => Ended::Interrupted,
        true => Ended::Holds,
        false => Ended::Violated,
    })
}
