//! The layers of `src/`: a module imports only what stands before it in this list.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// From the bottom to the top. Records and what reads them come before the world, so that no observer can
/// read it; the world comes before the drivers, and imports neither randomness nor the scheduler.
const ORDER: [&str; 37] = [
    "time",
    "clock",
    "fingerprint",
    "caught",
    "random",
    "distribution",
    "scheduler",
    "node",
    "topology",
    "network",
    "links",
    "fault",
    "nemesis",
    "storage",
    "process",
    "record",
    "digest",
    "story",
    "metrics",
    "impact",
    "plot",
    "client",
    "staleness",
    "history",
    "checker",
    "strategies",
    "world",
    "property",
    "simulation",
    "promise",
    "explorer",
    "shrink",
    "timed",
    "check",
    "model",
    "command",
    "lib",
];

/// The source of a module and of what lies in its folder, without its tests.
fn source(module: &str) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![src.join(module).with_extension("rs")];
    if let Ok(folder) = fs::read_dir(src.join(module)) {
        let paths = folder.map(|entry| entry.expect("a readable folder").path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs")));
    }
    let read = |path| fs::read_to_string(path).expect("a readable file");
    files
        .iter()
        .map(|path| read(path).split("#[cfg(test)]\nmod tests").next().unwrap_or("").to_string())
        .collect()
}

/// The modules that `source` mentions as `crate::module`.
fn imports(source: &str) -> BTreeSet<String> {
    let names = source
        .split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>());
    names.filter(|name| ORDER.contains(&name.as_str())).collect()
}

fn rank(module: &str) -> usize {
    ORDER.iter().position(|known| *known == module).expect("a known module")
}

#[test]
fn a_module_imports_only_what_stands_below_it() {
    for module in ORDER {
        for import in imports(&source(module)) {
            let below = rank(&import) < rank(module) || import == module;
            assert!(below, "{module} imports {import}, which stands above it");
        }
    }
}

#[test]
fn every_module_has_its_place() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(src).expect("the source folder") {
        let path = entry.expect("a readable folder").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "rs") {
            assert!(ORDER.contains(&stem.as_str()), "{stem} has no place in the layers");
        }
    }
}

#[test]
fn the_world_draws_nothing_and_schedules_nothing() {
    let world = imports(&source("world"));
    for forbidden in ["random", "scheduler", "distribution", "network"] {
        assert!(!world.contains(forbidden), "world imports {forbidden}");
    }
}

#[test]
fn only_the_drivers_apply_events() {
    for module in ORDER {
        let applies = source(module).contains(".apply(event");
        assert_eq!(applies, ["simulation", "explorer"].contains(&module), "{module}");
    }
}

/// What rust's privacy does not say: model code reads no wall clock and no system randomness, and no file
/// grows beyond what a person reads in one go.
#[test]
fn no_file_is_longer_than_five_hundred_lines_and_each_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> =
        ["src", "models/src", "tests", "examples"].map(|folder| root.join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a readable file");
                assert!(text.lines().count() <= 500, "{} is longer than 500 lines", path.display());
                assert!(text.starts_with("//!"), "{} does not say what it is", path.display());
            }
        }
    }
}
