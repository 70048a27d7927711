//! Failure files: a violated run with all that it depends on, and `netsplit replay`, which runs it again.
//!
//! A file needs no other: it holds the scenario's text after `--set`, the matrix of round-trip times, the
//! seed, and the faults as they were drawn. So it still means the same when the scenario file or the way a
//! nemesis draws has changed.

use super::execution::{Checked, Finished, Run};
use super::models::Models;
use super::output::{Folder, PartialFile};
use super::scenario::{Matrix, Scenario, read_text};
use super::{Ended, program, say};
use crate::fault::FaultPlan;
use crate::time::format_span;
use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version of the file's format.
const VERSION: u64 = 1;
const FORMAT: &str = "netsplit failure";
/// Where failures are saved without `--out`.
const FOLDER: &str = "netsplit-failures";

/// The arguments of `netsplit replay`.
#[derive(clap::Args)]
pub(super) struct Options {
    /// A failure file that `run` or `sweep` has saved
    file: PathBuf,
}

#[derive(Serialize, Deserialize)]
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
    violations: Vec<Violation>,
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
}

fn violations(checks: &[Checked]) -> Vec<Violation> {
    let violated = checks.iter().filter(|check| !check.holds());
    let violation = |check: &Checked| Violation {
        check: check.name.clone(),
        when: check.when.to_string(),
        reason: check.reason.clone().unwrap_or_default(),
        at: check.at.map(|at| at.to_string()).unwrap_or_default(),
    };
    violated.map(violation).collect()
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
        }
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

/// Runs a saved failure again. Whether digest and violations are the same.
pub(super) fn replay(models: &Models, options: &Options) -> Result<Ended> {
    let saved = FailureFile::read(&options.file)?;
    let file = options.file.display().to_string();
    let inner = || format!("{file}, in its scenario");
    let matrix = |named: &str| {
        let kept = saved.matrix.clone();
        kept.with_context(|| format!("the file does not hold {named}, which its scenario names"))
    };
    let text = saved.text.clone();
    let scenario = Scenario::parse("text".to_string(), saved.scenario.clone(), text, &[], matrix);
    let scenario = scenario.with_context(inner)?;
    let model = models.of(&scenario).with_context(inner)?;
    let run = Run { seed: saved.seed, plan: Some(&saved.plan), blind: false, trace: None };
    let finished = model.run(&scenario, &run).with_context(inner)?.with_inert_faults();
    if saved.engine != crate::ENGINE {
        let now = crate::ENGINE;
        eprintln!(
            "warning: {file} was saved by engine {}; this is engine {now}: runs may differ",
            saved.engine
        );
    }

    let name = scenario.content.model.get_ref();
    let duration = format_span(scenario.content.duration);
    say(&format!("{}  ({name}, seed {}, engine {}, {duration})\n", scenario.name, saved.seed, crate::ENGINE));
    let same_digest = saved.digest == finished.digest;
    say(&match same_digest {
        true => format!("  same     digest {}", finished.digest),
        false => format!("  differs  digest {}; saved as {}", finished.digest, saved.digest),
    });
    let now = violations(&finished.checks);
    let mut same_violations = true;
    for violation in &saved.violations {
        let Violation { check, when, reason, .. } = violation;
        let found = now.iter().any(|other| other.is_same(violation));
        same_violations &= found;
        let word = if found { "same" } else { "differs" };
        let elsewhere = now.iter().find(|other| other.check == *check).filter(|_| !found);
        let but = match elsewhere {
            Some(other) => format!("; now {}", other.reason),
            None if found => String::new(),
            None => "; now it holds".to_string(),
        };
        say(&format!("  {word:<8} violated  {when}: {check} ({reason}){but}"));
    }
    if !finished.story.is_empty() {
        say(&format!("\n{}", finished.story));
    }
    let reproduced = same_digest && same_violations;
    say(if reproduced { "\nreproduced" } else { "\nnot reproduced" });
    Ok(if reproduced { Ended::Holds } else { Ended::Violated })
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
