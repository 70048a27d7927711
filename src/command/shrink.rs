//! Failures made small: what `run` and `sweep` do with a failure unless told not to, and `netsplit shrink`.

use super::execution::{Checked, Finished, Run};
use super::failure::Saved;
use super::models::{AnyModel, Models};
use super::output::Folder;
use super::printed;
use super::scenario::Scenario;
use super::workers::Interrupt;
use super::{Ended, say};
use crate::shrink::{
    Base, Case, Failure, Heard, Options as Search, Progress, Shrunk, Size, Subject, shrink as search,
};
use crate::time::Time;
use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::PathBuf;
use std::time::Duration;

/// How `run` and `sweep` shrink.
#[derive(clap::Args)]
pub(super) struct ShrinkOptions {
    /// Saves failures as they are, without shrinking them
    #[arg(long)]
    no_shrink: bool,
    /// How many runs shrinking a failure may take
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    shrink_runs: u64,
}

/// The arguments of `netsplit shrink`.
#[derive(clap::Args)]
pub(super) struct Options {
    /// A failure file that `run` or `sweep` has saved
    file: PathBuf,
    /// How many runs it may take
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    runs: u64,
    /// How many runs at a time; as many as there are processors unless given. The result is the same
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Writes the shrunk failure into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A scenario, run again and again to see whether one check is still violated.
struct Scene<'a> {
    model: &'a dyn AnyModel,
    scenario: &'a Scenario,
    check: &'a str,
    is_eventual: bool,
    /// No candidate runs longer.
    limit: Time,
}

impl Scene<'_> {
    fn finish(&self, case: &Case, listens: bool) -> Option<Finished> {
        let only = Some((self.check, self.limit));
        let run = Run { case: Some(case), only, listens, blind: true, ..Run::of(case.seed) };
        self.model.run(self.scenario, &run).ok()
    }

    fn failure(&self, finished: &Finished) -> Option<Failure> {
        let violated = |check: &&Checked| !check.holds() && check.name == self.check;
        finished.checks.iter().find(violated).map(Checked::failure)
    }
}

impl Subject for Scene<'_> {
    fn run(&self, case: &Case) -> Option<Failure> {
        self.finish(case, false).and_then(|finished| self.failure(&finished))
    }
    fn listen(&self, case: &Case) -> (Option<Failure>, Heard) {
        let Some(finished) = self.finish(case, true) else { return (None, Heard::default()) };
        (self.failure(&finished), finished.heard.unwrap_or_default())
    }
    fn is_eventual(&self, _: &str) -> bool {
        self.is_eventual
    }
}

/// The check to shrink by: of those that are violated, the one that was first, and rather one that must always
/// hold.
pub(super) fn first_violated(checks: &[Checked]) -> Option<&Checked> {
    let violated = checks.iter().filter(|check| !check.holds() && check.when != "faults");
    violated.min_by_key(|check| (check.when != "always", check.at))
}

/// Shrinks a case of which `check` is violated. None if it is not, when the case is run.
pub(super) fn shrunk(
    model: &dyn AnyModel,
    scenario: &Scenario,
    case: &Case,
    check: &Checked,
    options: Search,
    interrupt: Option<&Interrupt>,
) -> Option<Shrunk> {
    let at = check.at.unwrap_or_default();
    let is_eventual = check.when != "always";
    let whole = Time::ZERO + scenario.content.duration;
    let some_more = at + at.since(Time::ZERO) / 2 + Duration::from_secs(1);
    let limit = if is_eventual { whole } else { some_more.min(whole) };
    let scene = Scene { model, scenario, check: &check.name, is_eventual, limit };
    // Hidden if stderr is no terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    let progress =
        |Progress { runs, items }| bar.set_message(format!("shrinking: {items} after {runs} runs"));
    let interrupted = || interrupt.is_some_and(Interrupt::happened);
    let shrunk = search(&scene, case, options, &progress, &interrupted);
    bar.finish_and_clear();
    shrunk
}

impl ShrinkOptions {
    /// Whether there is something to be shrunk, and it is to be.
    pub(super) fn is_wanted(&self, finished: &Finished) -> bool {
        !self.no_shrink && first_violated(&finished.checks).is_some()
    }

    /// Shrinks a run that is violated; none if that is not wanted, or it cannot be.
    pub(super) fn shrink(
        &self,
        model: &dyn AnyModel,
        scenario: &Scenario,
        seed: u64,
        finished: &Finished,
        interrupt: Option<&Interrupt>,
    ) -> Option<Shrunk> {
        let check = first_violated(&finished.checks)?;
        self.shrink_case(model, scenario, &Case::new(seed, &finished.plan, &[]), check, interrupt)
    }

    /// The same of a case that violates `check`.
    pub(super) fn shrink_case(
        &self,
        model: &dyn AnyModel,
        scenario: &Scenario,
        case: &Case,
        check: &Checked,
        interrupt: Option<&Interrupt>,
    ) -> Option<Shrunk> {
        let options = Search { runs: self.shrink_runs, ..Search::default() };
        (!self.no_shrink).then(|| shrunk(model, scenario, case, check, options, interrupt)).flatten()
    }
}

/// `3 faults, 12 messages, 40 operations, 5 nodes`.
pub(super) fn sized(size: &Size) -> String {
    let count = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    [
        count(size.faults, "fault", "faults"),
        count(size.edits, "message", "messages"),
        count(size.operations, "operation", "operations"),
        count(size.clients, "client", "clients"),
        count(size.nodes, "node", "nodes"),
    ]
    .join(", ")
}

/// What shrinking came to, for a person.
pub(super) fn say_shrunk(model: &dyn AnyModel, scenario: &Scenario, shrunk: &Shrunk) {
    let Shrunk { case, before, after, runs, is_minimal, .. } = shrunk;
    say(&format!("\n  shrunk   in {runs} runs, from {}", sized(before)));
    say(&format!("           to {}", sized(after)));
    if !is_minimal {
        say(
            "           the search ended early: --shrink-runs, or --runs of `netsplit shrink`, lets it go on",
        );
    }
    if !matches!(case.base, Base::Constant(_)) {
        say(
            "           with the delays that the seed draws: the same does not come about over a constant delay",
        );
    }
    for line in case.to_string().lines() {
        say(&format!("    {line}"));
    }
    let only = Some((&*shrunk.failure.property, Time::ZERO + scenario.content.duration));
    let run = Run { case: Some(case), only, ..Run::of(case.seed) };
    if let Ok(finished) = model.run(scenario, &run) {
        say(&format!("\n{}", finished.story));
    }
}

/// The shrunk failure as a test.
fn say_test(model: &dyn AnyModel, scenario: &Scenario, shrunk: &Shrunk) {
    say(&match printed::test(model, scenario, &shrunk.case, &shrunk.failure) {
        Some(test) => format!("\nAs a test:\n\n{test}"),
        None => "\nIt is no test that stands alone: its scenario names another file.".to_string(),
    });
}

/// Shrinks a saved failure.
pub(super) fn shrink(models: &Models, options: &Options) -> Result<Ended> {
    let mut saved = Saved::read(models, &options.file)?;
    let mut search = Search { runs: options.runs, ..Search::default() };
    search.threads = options.jobs.unwrap_or(search.threads).max(1);
    let run = saved.run()?;
    let Some(check) = saved.violated(&run) else {
        saved.say_what_became(&run);
        return Ok(Ended::Violated);
    };
    let check = &check.clone();
    let interrupt = Interrupt::listen()?;
    let case = saved.case();
    let Some(shrunk) = shrunk(saved.model, &saved.scenario, &case, check, search, Some(&interrupt)) else {
        anyhow::bail!("{}: it is violated in one run and not in the next", options.file.display());
    };
    say_shrunk(saved.model, &saved.scenario, &shrunk);
    say_test(saved.model, &saved.scenario, &shrunk);
    let file = saved.file.with_shrunk(saved.model, &saved.scenario, &shrunk)?;
    let path = match &options.out {
        Some(out) => {
            let mut folder = Folder::prepare(out)?;
            let path = file.add_to(&mut folder)?;
            folder.finish()?;
            Some(path)
        }
        None => file.keep(),
    };
    if let Some(path) = path {
        say(&format!("\n  replay  {}", super::failure::replay_line(&path)));
    }
    Ok(match interrupt.happened() {
        true => Ended::Interrupted,
        false => Ended::Holds,
    })
}
