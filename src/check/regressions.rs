//! Failures that are kept: files in a folder `regressions` beside a test, which its check runs first.
//!
//! A file belongs to the test whose name is in it. What can no longer be run is told on stderr, and fails nothing.

use super::{Check, Run};
use crate::fault::Edit;
use crate::process::Value;
use crate::property::When;
use crate::shrink::{Case, Listener};
use crate::time::Time;
use std::collections::BTreeSet;
use std::fs;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::thread;

/// The variable that asks for a failure to be kept.
pub(super) const KEEP: &str = "NETSPLIT_KEEP";

/// The folder for the file of a caller. Its path is that of the workspace, and tests run in their package.
pub(super) fn folder(caller: &Location<'_>) -> PathBuf {
    let mut rest = Path::new(caller.file()).components();
    loop {
        let path = rest.as_path();
        let beside = path.parent().unwrap_or(Path::new("")).join("regressions");
        if path.exists() || rest.next().is_none() {
            return beside;
        }
    }
}

/// The name of the test that runs.
pub(super) fn test() -> Option<String> {
    thread::current().name().filter(|name| *name != "main").map(str::to_string)
}

/// Saves a failure of the test that runs.
pub(super) fn save(folder: &Path, seed: u64, text: impl FnOnce(&str) -> String) {
    let Some(test) = test() else { return };
    let path = folder.join(format!("{}-seed-{seed}.case", test.replace("::", "-")));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text(&test)));
    match written {
        Ok(()) => eprintln!("netsplit: kept as {}", path.display()),
        Err(error) => eprintln!("netsplit: {}: cannot be written: {error}", path.display()),
    }
}

/// A failure that was kept.
struct Kept {
    path: PathBuf,
    property: String,
    case: Case,
}

/// Those of the test that runs, in the order of their names.
fn kept(folder: &Path) -> Vec<Kept> {
    let (Some(test), Ok(entries)) = (test(), fs::read_dir(folder)) else { return Vec::new() };
    let mut names = BTreeSet::new();
    for entry in entries.flatten() {
        if let Ok(name) = entry.file_name().into_string() {
            names.insert(name);
        }
    }
    let mut kept = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".case")) {
        kept.extend(read(folder.join(name), &test));
    }
    kept
}

fn read(path: PathBuf, test: &str) -> Option<Kept> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("netsplit: {}: {error}; it is left out", path.display());
            return None;
        }
    };
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if of("test ").is_some_and(|other| other != test) {
        return None;
    }
    if let Some(engine) = of("engine ").filter(|engine| *engine != crate::ENGINE.to_string()) {
        let now = crate::ENGINE;
        eprintln!("netsplit: {}: of engine {engine}; this is {now}: runs may differ", path.display());
    }
    const HEAD: [&str; 5] = ["test ", "engine ", "property ", "how ", "digest "];
    let is_head = |line: &str| HEAD.iter().any(|word| line.starts_with(word));
    // Lines keep their numbers.
    let mut case = String::new();
    for line in text.lines() {
        case += if is_head(line) { "" } else { line };
        case += "\n";
    }
    match (case.parse(), of("property ")) {
        (Ok(case), Some(property)) => Some(Kept { property: property.to_string(), case, path }),
        (Ok(_), None) => {
            eprintln!("netsplit: {}: there is no `property`; it is left out", path.display());
            None
        }
        (Err(error), _) => {
            eprintln!("netsplit: {}: {error}; it is left out", path.display());
            None
        }
    }
}

impl<M: Value> Check<'_, M> {
    /// Runs the failures that were kept of this test.
    ///
    /// # Panics
    /// If one fails, in the same way or in another.
    #[track_caller]
    pub(super) fn run_regressions(&self, folder: &Path) {
        for Kept { path, property, mut case } in kept(folder) {
            let (mut run, moved) = self.run_kept(&case);
            if let Some(moved) = moved.filter(|_| run.failure.is_none()) {
                let (again, _) = self.run_kept(&moved);
                if again.failure.is_some() {
                    (run, case) = (again, moved);
                }
            }
            let stale: Vec<String> =
                run.sim.iter().flat_map(|sim| sim.inert_edits()).map(|edit| edit.to_string()).collect();
            let stale = match stale.is_empty() {
                true => String::new(),
                false => format!("; stale: {}", stale.join(", ")),
            };
            let path = path.display();
            match run.failure {
                Some(failure) if failure.property == "the case fits the scenario" => {
                    eprintln!("netsplit: {path}: {}; it is left out", failure.how);
                }
                Some(failure) => {
                    let same = if failure.property == property { "again" } else { "in another way" };
                    let story = run.sim.map(|sim| sim.story()).unwrap_or_default();
                    panic!(
                        "netsplit: {path} fails {same}: `{}` is violated: {}, at {}{stale}\n{case}\n{story}",
                        failure.property, failure.how, failure.time
                    );
                }
                None if stale.is_empty() => {}
                None => eprintln!("netsplit: {path}: `{property}` holds{stale}"),
            }
        }
    }

    /// A case, and where its edits that are stale have moved to, if they have.
    #[track_caller]
    fn run_kept(&self, case: &Case) -> (Run<M>, Option<Case>) {
        let reached: Vec<AtomicBool> = self.those(When::Reachable).map(|_| AtomicBool::new(true)).collect();
        let limit = Time::from_nanoseconds(u64::MAX);
        let mut listener = None;
        let run = self.run_seed(case.seed, &reached, Some((case, limit)), |sim| {
            listener = Some(sim.observe(Listener::default()));
        });
        let moved = run.sim.as_ref().zip(listener).and_then(|(sim, listener)| {
            let stale: Vec<Edit> = sim.inert_edits().cloned().collect();
            sim.observer(listener).heard(sim).follow(case, &stale)
        });
        (run, moved)
    }
}
