//! `netsplit sweep`: one scenario under many seeds, perhaps with several settings.
//!
//! Seeds run blind and in parallel. The lowest failing seed of each check is run once more with digest and
//! story, and saved. What is printed is the same for any number of jobs.

use super::execution::{Checked, Run};
use super::failure::FailureFile;
use super::figures;
use super::models::{AnyModel, Models};
use super::output::Folder;
use super::overrides::{Setting, path_of};
use super::scenario::{Scenario, TOP};
use super::shrink::ShrinkOptions;
use super::sweep_report;
use super::tally::Tally;
use super::workers::{Interrupt, work};
use super::{Ended, say};
use crate::plot::Figure;
use crate::plot::sweep::{self, Key, Runs, Sweep};
use crate::shrink::Shrunk;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The arguments of `netsplit sweep`.
#[derive(clap::Args)]
pub(super) struct Options {
    /// The scenario, a TOML file
    pub(super) scenario: PathBuf,
    /// The seeds, from the first up to and without the last: 0..1000
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    pub(super) seeds: Range<u64>,
    /// How many runs at a time; as many as there are processors unless given
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<usize>,
    /// Sweeps once for each of these values, and for each combination if it is given again
    #[arg(long, value_name = "KEY=A,B,C", value_parser = vary)]
    vary: Vec<Key>,
    /// Changes a parameter of the model or a setting of the scenario
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Writes figures as SVG and PNG with their data as CSV, the table as CSV, the summary as JSON, and
    /// failures into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Prints one JSON object instead of the summary
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shrink: ShrinkOptions,
}

/// One combination of values, and what its seeds came to.
pub(super) struct Row<'a> {
    /// The values of `--vary`.
    pub(super) values: Vec<(String, String)>,
    pub(super) scenario: Scenario,
    model: &'a dyn AnyModel,
    pub(super) tally: Tally,
    /// The lowest failing seed of each check that has one.
    pub(super) failures: Vec<Failure>,
}

/// The lowest failing seed of a check.
pub(super) struct Failure {
    pub(super) check: String,
    pub(super) seed: u64,
    pub(super) reason: String,
    /// What it is saved as.
    pub(super) file: Option<String>,
    /// If it was shrunk by this check.
    pub(super) shrunk: Option<Shrunk>,
}

impl Row<'_> {
    /// All that leads from the file to this row: `--set` and the values of `--vary`.
    pub(super) fn settings(&self, set: &[String]) -> Vec<String> {
        let varied = self.values.iter().map(|(key, value)| format!("{key}={value}"));
        set.iter().cloned().chain(varied).collect()
    }
}

/// Sweeps, prints and writes.
pub(super) fn sweep(models: &Models, options: &Options) -> Result<Ended> {
    let mut rows = rows(models, options)?;
    let interrupt = Interrupt::listen()?;
    let mut folder = options.out.as_deref().map(Folder::prepare).transpose()?;

    let done = run_all(&rows, options, &interrupt)?;
    for (row, tally) in rows.iter_mut().zip(done) {
        row.tally = tally;
        row.failures = explain(row, folder.as_mut(), &options.shrink, &interrupt)?;
    }

    let asked = options.seeds.end - options.seeds.start;
    let interrupted = rows.iter().any(|row| row.tally.seeds < asked);
    let summary = sweep_report::json(options, &rows);
    let (mut written, mut not_drawn) = (Vec::new(), Vec::new());
    if let Some(mut folder) = folder {
        let (figures, others) = draw(options, &rows)?;
        for figure in figures {
            folder.add_figure(&figure)?;
        }
        not_drawn = others;
        folder.add("sweep.csv", sweep_report::csv(&rows))?;
        folder.add("summary.json", format!("{summary:#}\n"))?;
        written = folder.finish()?;
    }
    match options.json {
        true => say(&summary.to_string()),
        false => sweep_report::print(options, &rows, &written, &not_drawn),
    }
    Ok(match rows.iter().all(|row| row.tally.holds()) {
        _ if interrupted => Ended::Interrupted,
        true => Ended::Holds,
        false => Ended::Violated,
    })
}

/// Every combination of values, each known to be runnable.
fn rows<'a>(models: &'a Models, options: &Options) -> Result<Vec<Row<'a>>> {
    let keys = options.set.iter().filter_map(|setting| setting.split_once('=')).map(|(key, _)| key);
    if keys.chain(options.vary.iter().map(|vary| &*vary.name)).any(|key| key.trim() == "seed") {
        bail!("seed: a sweep has the seeds that --seeds says");
    }
    let mut combinations: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (place, vary) in options.vary.iter().enumerate() {
        let key = &vary.name;
        let path = path_of(key, &TOP);
        if options.vary[..place].iter().any(|earlier| path_of(&earlier.name, &TOP) == path) {
            bail!("--vary {key}: the key is varied twice: expected all of its values in one --vary");
        }
        let with = |value: &String, so_far: &Vec<(String, String)>| {
            [&so_far[..], &[(key.clone(), value.clone())]].concat()
        };
        let longer = |so_far| vary.values.iter().map(move |value| with(value, so_far));
        combinations = combinations.iter().flat_map(longer).collect();
    }
    let row = |values: Vec<(String, String)>| {
        let varied =
            values.iter().map(|(key, value)| Setting { flag: "--vary", text: format!("{key}={value}") });
        let settings: Vec<Setting> = Setting::all(&options.set).into_iter().chain(varied).collect();
        let scenario = Scenario::read(&options.scenario, &settings)?;
        figures::check(&scenario, Some(&options.vary))?;
        let model = models.of(&scenario)?;
        let checks = model.checks(&scenario, options.seeds.start)?;
        let content = &scenario.content;
        let varied: Vec<String> = values.iter().map(|(_, value)| value.clone()).collect();
        let window = options.out.as_ref().map(|_| content.availability_window);
        let tally = Tally::new(&checks, scenario.kinds(), Runs::new(&varied, content.duration, window));
        Ok(Row { values, scenario, model, tally, failures: Vec::new() })
    };
    combinations.into_iter().map(row).collect()
}

/// The figures that the scenario asks for, and the names of those that suit the sweep, too; all of these if it asks
/// for none.
fn draw(options: &Options, rows: &[Row<'_>]) -> Result<(Vec<Figure>, Vec<&'static str>)> {
    let Row { scenario, .. } = &rows[0];
    let settings = rows.iter().map(|row| &row.tally.runs).collect();
    let sweep = Sweep { title: scenario.title(), keys: &options.vary, settings };
    let asked: Vec<&str> = scenario.content.plots.iter().map(|name| name.get_ref().as_str()).collect();
    let suitable = sweep::suitable(&sweep);
    let names = if asked.is_empty() { suitable.clone() } else { asked };
    let others = suitable.into_iter().filter(|name| !names.contains(name)).collect();
    let figures = names.into_iter().map(|name| sweep::figure(name, &sweep)).collect::<Result<_, _>>()?;
    Ok((figures, others))
}

/// Runs all seeds of all rows, or as many as there are before an interrupt: rows take turns, so that each has as
/// many as the others, or one more.
fn run_all(rows: &[Row<'_>], options: &Options, interrupt: &Interrupt) -> Result<Vec<Tally>> {
    let count = options.seeds.end - options.seeds.start;
    let tasks = count.checked_mul(rows.len() as u64).context("--seeds: that many runs never end")?;
    let tallies: Vec<Mutex<Tally>> = rows.iter().map(|row| Mutex::new(row.tally.clone())).collect();
    let threads = options.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    work(tasks, threads, interrupt, |task| {
        let row = (task % rows.len() as u64) as usize;
        let seed = options.seeds.start + task / rows.len() as u64;
        let run = Run { blind: true, ..Run::of(seed) };
        let finished = rows[row].model.run(&rows[row].scenario, &run)?;
        tallies[row].lock().unwrap_or_else(PoisonError::into_inner).add(seed, &finished);
        Ok(())
    })?;
    Ok(tallies.into_iter().map(|tally| tally.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
}

/// A failing seed, run again: its checks, its file, and what it was shrunk to.
type Explained = (Vec<Checked>, Option<String>, Option<Shrunk>);

/// Runs the lowest failing seed of each check once more, and saves it.
fn explain(
    row: &Row<'_>,
    mut folder: Option<&mut Folder>,
    shrink: &ShrinkOptions,
    interrupt: &Interrupt,
) -> Result<Vec<Failure>> {
    let mut runs: BTreeMap<u64, Explained> = BTreeMap::new();
    let mut failures = Vec::new();
    for check in &row.tally.checks {
        let Some(seed) = check.lowest_failing else { continue };
        if let Entry::Vacant(vacant) = runs.entry(seed) {
            let run = Run::of(seed);
            let finished = row.model.run(&row.scenario, &run)?;
            let mut failure = FailureFile::new(&row.scenario, seed, &finished);
            let small = shrink.shrink(row.model, &row.scenario, seed, &finished, Some(interrupt));
            if let Some(small) = &small {
                failure = failure.with_shrunk(row.model, &row.scenario, small)?;
            }
            let file = match folder.as_mut() {
                Some(folder) => Some(failure.add_to(folder)?),
                None => failure.keep(),
            };
            vacant.insert((finished.checks, file, small));
        }
        let (checks, file, small) = &runs[&seed];
        let again = checks.iter().find(|again| again.name == check.name && !again.holds());
        let Some(again) = again else {
            bail!(
                "seed {seed} violates \"{}\" once, and not when it is run again: the model is not a \
                   function of its seed",
                check.name
            );
        };
        failures.push(Failure {
            check: check.name.clone(),
            seed,
            reason: again.reason.clone().unwrap_or_default(),
            file: file.clone(),
            shrunk: small.clone().filter(|small| small.failure.property == check.name),
        });
    }
    Ok(failures)
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    const EXPECTED: &str = "expected A..B with A below B, such as 0..1000";
    let number = |text: &str| {
        let digits = text.trim().replace('_', "");
        digits.parse::<u64>().map_err(|_| format!("`{text}` is not a seed: {EXPECTED}"))
    };
    let Some((from, to)) = text.split_once("..") else { return Err(EXPECTED.to_string()) };
    let (from, to) = (number(from)?, number(to)?);
    match from.cmp(&to) {
        std::cmp::Ordering::Less => Ok(from..to),
        std::cmp::Ordering::Equal => Err(format!("the range is empty: {EXPECTED}")),
        std::cmp::Ordering::Greater => Err(format!("the range is backward: {EXPECTED}")),
    }
}

fn jobs(text: &str) -> Result<usize, String> {
    let jobs = text.parse().ok().filter(|jobs| (1..=1024).contains(jobs));
    jobs.ok_or_else(|| "expected a number from 1 to 1024".to_string())
}

fn vary(text: &str) -> Result<Key, String> {
    const EXPECTED: &str = "expected key=a,b,c, such as replicas=3,5,7";
    let (key, list) = text.split_once('=').ok_or(EXPECTED)?;
    let mut values = vec![String::new()];
    // A comma inside of a list, a table or a string separates no values.
    let (mut depth, mut quoted) = (0, false);
    for character in list.chars() {
        match character {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                values.push(String::new());
                continue;
            }
            _ => {}
        }
        values.last_mut().expect("there is a first value").push(character);
    }
    let values: Vec<String> = values.iter().map(|value| value.trim().to_string()).collect();
    if key.trim().is_empty() || values.iter().any(String::is_empty) {
        return Err(format!("a key or a value is empty: {EXPECTED}"));
    }
    if let Some((_, twice)) =
        values.iter().enumerate().find(|(place, value)| values[..*place].contains(value))
    {
        return Err(format!("`{twice}` is there twice: expected different values"));
    }
    Ok(Key { name: key.trim().to_string(), values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_separated_by_commas_outside_of_brackets_and_quotes() {
        let values = |text: &str| vary(text).expect(text).values;
        assert_eq!(values("replicas=3, 5,7"), ["3", "5", "7"]);
        let kinds = values(r#"nemesis.kinds=["crashes"],["crashes","pauses"]"#);
        assert_eq!(kinds, [r#"["crashes"]"#, r#"["crashes","pauses"]"#]);
        for text in ["replicas", "=3", "replicas=", "replicas=3,,5", "replicas=3,3"] {
            assert!(vary(text).is_err(), "{text}");
        }
    }
}
