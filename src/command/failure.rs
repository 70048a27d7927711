//! Failure files: a violated run with all that it depends on, and `netsplit replay`, which runs it again.
//!
//! A file needs no other: it holds the scenario's text after `--set`, the matrix of round-trip times, the
//! seed, and the faults as they were drawn. So it still means the same when the scenario file or the way a
//! nemesis draws has changed.

use super::execution::{Checked, Finished, Run};
use super::models::{AnyModel, Models};
use super::output::{Folder, PartialFile};
use super::scenario::{Matrix, Scenario, read_text};
use super::{Ended, program, say};
use crate::fault::FaultPlan;
use crate::shrink::Case;
use crate::time::format_span;
use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version of the file's format.
const VERSION: u64 = 2;
const FORMAT: &str = "netsplit failure";
/// Where failures are saved without `--out`.
const FOLDER: &str = "netsplit-failures";

/// The arguments of `netsplit replay`.
#[derive(clap::Args)]
pub(super) struct Options {
    /// A failure file that `run`, `sweep`, `explore` or `shrink` has saved
    file: PathBuf,
    /// Runs what was shrunk as it was before
    #[arg(long)]
    whole: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureFile {
    format: String,
    version: u64,
    engine: u32,
    /// The scenario's name, and its whole text.
    scenario: String,
    text: String,
    matrix: Option<Matrix>,
    seed: u64,
    plan: FaultPlan,
    digest: String,
    /// None if no run was violated: exhaustive search has found what is in `shrunk`.
    violations: Vec<Violation>,
    /// The same made small.
    shrunk: Option<Shrunk>,
}

/// A failure made small: it holds what it needs as edits, so it outlives changes that move the random numbers.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shrunk {
    /// The lines of the case.
    case: Vec<String>,
    digest: String,
    violation: Violation,
}

impl Shrunk {
    /// Of a case that violates `check`, with its run.
    fn of(model: &dyn AnyModel, scenario: &Scenario, case: &Case, check: &str) -> Result<(Finished, Shrunk)> {
        let finished = model.run(scenario, &Run { case: Some(case), ..Run::of(case.seed) })?;
        let violated = finished.checks.iter().find(|other| !other.holds() && other.name == check);
        let violated = violated.context("it is violated once, and not when it is run again")?;
        let lines = case.to_string().lines().map(str::to_string).collect();
        let (digest, violation) = (finished.digest.clone(), Violation::of(violated));
        Ok((finished, Shrunk { case: lines, digest, violation }))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Violation {
    check: String,
    when: String,
    reason: String,
    /// When it was known to be violated.
    at: String,
}

impl Violation {
    /// The same check at the same time. The reason may name a line of code, and code moves.
    fn is_same(&self, other: &Violation) -> bool {
        (&self.check, &self.when, &self.at) == (&other.check, &other.when, &other.at)
    }

    fn of(check: &Checked) -> Violation {
        Violation {
            check: check.name.clone(),
            when: check.when.to_string(),
            reason: check.reason.clone().unwrap_or_default(),
            at: check.at.map(|at| at.to_string()).unwrap_or_default(),
        }
    }
}

fn violations(checks: &[Checked]) -> Vec<Violation> {
    let violated = checks.iter().filter(|check| !check.holds());
    violated.map(Violation::of).collect()
}

impl FailureFile {
    /// Of a run that was not blind.
    pub(super) fn new(scenario: &Scenario, seed: u64, finished: &Finished) -> FailureFile {
        FailureFile {
            format: FORMAT.to_string(),
            version: VERSION,
            engine: crate::ENGINE,
            scenario: scenario.name.clone(),
            text: scenario.text.text.clone(),
            matrix: scenario.matrix.clone(),
            seed,
            plan: finished.plan.clone(),
            digest: finished.digest.clone(),
            violations: violations(&finished.checks),
            shrunk: None,
        }
    }

    /// The same with what it was shrunk to.
    ///
    /// # Errors
    /// If that cannot be run.
    pub(super) fn with_shrunk(
        &self,
        model: &dyn AnyModel,
        scenario: &Scenario,
        shrunk: &crate::shrink::Shrunk,
    ) -> Result<FailureFile> {
        let (_, shrunk) = Shrunk::of(model, scenario, &shrunk.case, &shrunk.failure.property)?;
        Ok(FailureFile { shrunk: Some(shrunk), ..self.clone() })
    }

    /// Of a case that violates `check`, and was found without a run.
    ///
    /// # Errors
    /// If that cannot be run.
    pub(super) fn of_case(
        model: &dyn AnyModel,
        scenario: &Scenario,
        case: &Case,
        check: &str,
    ) -> Result<FailureFile> {
        let (mut finished, shrunk) = Shrunk::of(model, scenario, case, check)?;
        finished.checks.clear();
        Ok(FailureFile { shrunk: Some(shrunk), ..FailureFile::new(scenario, case.seed, &finished) })
    }

    /// Runs of other settings have other digests, and so other names.
    fn name(&self) -> String {
        let short = self.digest.get(..8).unwrap_or_default();
        format!("{}-seed-{}-{short}.json", self.scenario, self.seed)
    }

    fn content(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Adds it to the folder of `--out`. Its path.
    pub(super) fn add_to(&self, folder: &mut Folder) -> Result<String> {
        folder.add(&self.name(), &self.content()?)?;
        Ok(folder.path_of(&self.name()))
    }

    /// Saves it where nobody has said. Its path; none, and a line on stderr, if that cannot be written: what
    /// was found is to be said either way.
    pub(super) fn keep(&self) -> Option<String> {
        let path = Path::new(FOLDER).join(self.name());
        let write = || -> Result<()> {
            fs::create_dir_all(FOLDER)?;
            let mut file = PartialFile::create(&path)?;
            file.write_all(self.content()?.as_bytes())?;
            file.finish()
        };
        match write() {
            Ok(()) => Some(path.display().to_string()),
            Err(error) => {
                eprintln!("warning: the failure is not saved; --out DIR says where to: {error:#}");
                None
            }
        }
    }

    fn read(path: &Path) -> Result<FailureFile> {
        const EXPECTED: &str = "a failure file that `netsplit run` or `netsplit sweep` has saved";
        let text = read_text(path, EXPECTED)?;
        let place = |line: usize| format!("{}:{line}", path.display());
        let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
            let why = match error.is_eof() {
                true => "the file is truncated".to_string(),
                false => format!("not JSON: {error}"),
            };
            anyhow!("{}: {why}: expected {EXPECTED}", place(error.line().max(1)))
        })?;
        if json.get("format").and_then(|format| format.as_str()) != Some(FORMAT) {
            bail!("{}: there is no \"format\": \"{FORMAT}\": expected {EXPECTED}", place(1));
        }
        match json.get("version").and_then(serde_json::Value::as_u64) {
            Some(VERSION) => {}
            Some(other) => bail!("{}: its format has version {other}: expected {VERSION}", place(1)),
            None => bail!("{}: there is no version: expected \"version\": {VERSION}", place(1)),
        }
        serde_json::from_str(&text)
            .map_err(|error| anyhow!("{}: {error}: expected {EXPECTED}", place(error.line().max(1))))
    }
}

/// A failure file, read, with its scenario and its model.
pub(super) struct Saved<'a> {
    name: String,
    pub(super) file: FailureFile,
    pub(super) scenario: Scenario,
    pub(super) model: &'a dyn AnyModel,
    case: Option<Case>,
}

impl<'a> Saved<'a> {
    pub(super) fn read(models: &'a Models, path: &Path) -> Result<Saved<'a>> {
        let file = FailureFile::read(path)?;
        let name = path.display().to_string();
        let inner = || format!("{name}, in its scenario");
        let matrix = |named: &str| {
            let kept = file.matrix.clone();
            kept.with_context(|| format!("the file does not hold {named}, which its scenario names"))
        };
        let text = file.text.clone();
        let scenario = Scenario::parse("text".to_string(), file.scenario.clone(), text, &[], matrix);
        let scenario = scenario.with_context(inner)?;
        let model = models.of(&scenario).with_context(inner)?;
        let lines = file.shrunk.as_ref().map(|shrunk| shrunk.case.join("\n"));
        let case = lines.map(|lines| lines.parse::<Case>()).transpose();
        let case = case.with_context(|| format!("{name}, in its shrunk case"))?;
        Ok(Saved { name, file, scenario, model, case })
    }

    /// What to shrink: what it was shrunk to, or the whole.
    pub(super) fn case(&self) -> Case {
        self.case.clone().unwrap_or_else(|| Case::new(self.file.seed, &self.file.plan, &[]))
    }

    /// Runs it again, as small as it is. If it does not fail and edits of it are stale, then with these where their
    /// messages are now.
    pub(super) fn run(&mut self) -> Result<Finished> {
        if self.file.engine != crate::ENGINE {
            let (name, saved, now) = (&self.name, self.file.engine, crate::ENGINE);
            eprintln!("warning: {name} was saved by engine {saved}; this is engine {now}: runs may differ");
        }
        let run = |case: Option<&Case>| {
            let plan = Some(&self.file.plan);
            let run = Run { plan, case, listens: case.is_some(), ..Run::of(self.file.seed) };
            let finished = self.model.run(&self.scenario, &run);
            finished.with_context(|| format!("{}, in its scenario", self.name))
        };
        let mut finished = run(self.case.as_ref())?;
        let Some(case) = &self.case else { return Ok(finished.with_inert_faults()) };
        let moved = finished.heard.as_ref().and_then(|heard| heard.follow(case, &finished.stale));
        if let Some(moved) = moved.filter(|_| self.violated(&finished).is_none()) {
            let again = run(Some(&moved))?;
            if self.violated(&again).is_some() {
                (finished, self.case) = (again, Some(moved));
            }
        }
        Ok(finished)
    }

    /// The check by which it failed, if it is violated in `finished`, too.
    pub(super) fn violated<'f>(&self, finished: &'f Finished) -> Option<&'f Checked> {
        match &self.file.shrunk {
            Some(shrunk) => {
                finished.checks.iter().find(|check| !check.holds() && check.name == shrunk.violation.check)
            }
            None => {
                let was = |check: &&Checked| self.file.violations.iter().any(|old| old.check == check.name);
                super::shrink::first_violated(&finished.checks).filter(was)
            }
        }
    }

    /// Whether what was shrunk fails in the same way, and if not, what has become of it.
    pub(super) fn say_what_became(&self, finished: &Finished) -> bool {
        for edit in &finished.stale {
            say(&format!("  stale    {edit}: there is no such message any more, or it is lost anyway"));
        }
        let Some(Shrunk { violation, .. }) = &self.file.shrunk else {
            let checks: Vec<&str> = self.file.violations.iter().map(|known| &*known.check).collect();
            say(&format!("  gone     violated  {}; now it holds", checks.join("; ")));
            return false;
        };
        let Violation { check, when, reason, .. } = violation;
        if let Some(same) = self.violated(finished) {
            let now = same.reason.clone().unwrap_or_default();
            let but = if now == *reason { String::new() } else { format!("; now {now}") };
            say(&format!("  same     violated  {when}: {check} ({reason}){but}"));
            return true;
        }
        match super::shrink::first_violated(&finished.checks) {
            Some(other) => {
                let now = other.reason.clone().unwrap_or_default();
                say(&format!("  differs  violated  {when}: {check} ({reason}); now {}: {now}", other.name));
            }
            None => say(&format!("  gone     violated  {when}: {check} ({reason}); now it holds")),
        }
        false
    }
}

/// Runs a saved failure again. Whether it is the same.
pub(super) fn replay(models: &Models, options: &Options) -> Result<Ended> {
    let mut saved = Saved::read(models, &options.file)?;
    if options.whole {
        if saved.file.violations.is_empty() {
            bail!(
                "--whole: {} was found by exhaustive search, and shrunk from no run",
                options.file.display()
            );
        }
        (saved.case, saved.file.shrunk) = (None, None);
    }
    let edits = saved.case().edits;
    let finished = saved.run()?;
    let Saved { file, scenario, .. } = &saved;
    let name = scenario.content.model.get_ref();
    let duration = format_span(scenario.content.duration);
    say(&format!("{}  ({name}, seed {}, engine {}, {duration})\n", scenario.name, file.seed, crate::ENGINE));
    let digest = file.shrunk.as_ref().map_or(&file.digest, |shrunk| &shrunk.digest);
    let same_digest = *digest == finished.digest;
    say(&match same_digest {
        true => format!("  same     digest {}", finished.digest),
        false => format!("  differs  digest {}; saved as {digest}", finished.digest),
    });
    let reproduced = match &saved.case {
        Some(case) => {
            case.to_string().lines().for_each(|line| say(&format!("    {line}")));
            for (old, new) in edits.iter().zip(&case.edits).filter(|(old, new)| old != new) {
                say(&format!("  moved    {old}: its message is {} now", new.address));
            }
            saved.say_what_became(&finished)
        }
        None => say_violations(file, &finished) && same_digest,
    };
    if !finished.story.is_empty() {
        say(&format!("\n{}", finished.story));
    }
    say(match (reproduced, same_digest) {
        (true, true) => "\nreproduced",
        (true, false) => "\nreproduced, by another run",
        _ => "\nnot reproduced",
    });
    Ok(if reproduced { Ended::Holds } else { Ended::Violated })
}

/// Of each violation, whether it is there again. Whether all are.
fn say_violations(file: &FailureFile, finished: &Finished) -> bool {
    let now = violations(&finished.checks);
    let mut all = true;
    for violation in &file.violations {
        let Violation { check, when, reason, .. } = violation;
        let found = now.iter().any(|other| other.is_same(violation));
        all &= found;
        let word = if found { "same" } else { "differs" };
        let elsewhere = now.iter().find(|other| other.check == *check).filter(|_| !found);
        let but = match elsewhere {
            Some(other) => format!("; now {}", other.reason),
            None if found => String::new(),
            None => "; now it holds".to_string(),
        };
        say(&format!("  {word:<8} violated  {when}: {check} ({reason}){but}"));
    }
    all
}

/// The line that runs a seed of a scenario again.
pub(super) fn run_line(scenario: &Path, seed: u64, settings: &[String]) -> String {
    let settings: String = settings.iter().map(|setting| format!(" --set {}", quoted(setting))).collect();
    let (program, scenario) = (program(), quoted(&scenario.display().to_string()));
    format!("{program} run {scenario} --seed {seed}{settings}")
}

/// The line that replays a failure file.
pub(super) fn replay_line(file: &str) -> String {
    format!("{} replay {}", program(), quoted(file))
}

/// As a word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./=:,+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
