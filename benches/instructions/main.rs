//! How many instructions a message costs, here and in the floor, counted by valgrind. A count hardly moves on a noisy
//! machine, so that a small step back is seen; it says nothing of cache misses, which `ratio` is for.
//!
//! `cargo bench --bench instructions` ends with one line a figure, `NAME netsplit_instructions floor_instructions
//! ratio`, each for one message. A workload is run for N and for 2 N messages, and the difference is that of N
//! messages in steady state, free of setting up.
//!
//! With `--check` it fails if a figure is more than 5 % above the one pinned in `pinned.txt`; `--pin` writes that file
//! anew. Without valgrind it says so, and passes. What a compiler makes of the code differs: pin with the stable one.

// The floor computes logarithms; nothing here reaches a run.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code)]
#[path = "../ratio/floor.rs"]
mod floor;
#[allow(dead_code)]
#[path = "../ratio/workloads.rs"]
mod workloads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A workload: its name, how many nodes, how many messages each begins with, and how many are counted. At that
/// number everything has grown to its size.
const FIGURES: [(&str, u32, u32, u64); 2] = [("W1", 2, 1, 50_000), ("W2-1k", 1_000, 10, 100_000)];

/// How far a figure may be above the pinned one.
const TOLERANCE: f64 = 0.05;

/// What valgrind runs: `run WHO NODES EACH MESSAGES`.
fn run(words: &[String]) {
    let number = |place: usize| words[place].parse::<u64>().expect("a number");
    let (nodes, each, messages) = (number(1) as u32, number(2) as u32, number(3));
    match words[0].as_str() {
        "netsplit" => workloads::messages(nodes, each, messages),
        _ => floor::messages(nodes, each, messages),
    };
}

/// The instructions of one run.
fn instructions(who: &str, nodes: u32, each: u32, messages: u64) -> u64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(std::env::current_exe().expect("the path of this program")).args(["run", who]);
    command.args([nodes.to_string(), each.to_string(), messages.to_string()]);
    let output = command.output().expect("valgrind runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("{command:?}: no count in {said}"));
    count.trim().parse().expect("a count")
}

/// Those of one message.
fn per_message(who: &str, nodes: u32, each: u32, messages: u64) -> f64 {
    let once = instructions(who, nodes, each, messages);
    let twice = instructions(who, nodes, each, 2 * messages);
    (twice - once) as f64 / messages as f64
}

fn pinned_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/pinned.txt")
}

/// The pinned figures: on each line a name and netsplit's instructions per message.
fn pinned() -> BTreeMap<String, f64> {
    let text = std::fs::read_to_string(pinned_path()).expect("the pinned figures");
    let line = |line: &str| {
        let (name, count) = line.split_once(' ').expect("a name and a number");
        (name.to_string(), count.parse().expect("a number"))
    };
    text.lines().map(line).collect()
}

/// What is wrong with the figures.
fn risen(figures: &[(&str, f64)]) -> Vec<String> {
    let pinned = pinned();
    let judge = |(name, count): &(&str, f64)| {
        let Some(before) = pinned.get(*name) else { return Some(format!("{name} is not pinned")) };
        let change = count / before - 1.0;
        if change < -TOLERANCE {
            println!("{name} fell by {:.1} %: `--pin` keeps it there", -100.0 * change);
        }
        (change > TOLERANCE).then(|| format!("{name} rose by {:.1} % from {before:.0}", 100.0 * change))
    };
    figures.iter().filter_map(judge).collect()
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("run", rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        run(rest);
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: no instructions were counted");
        return ExitCode::SUCCESS;
    }
    let mut figures = Vec::new();
    for (name, nodes, each, messages) in FIGURES {
        let netsplit = per_message("netsplit", nodes, each, messages);
        let floor = per_message("floor", nodes, each, messages);
        println!("{name} {netsplit:.0} {floor:.0} {:.3}", netsplit / floor);
        figures.push((name, netsplit));
    }
    if words.iter().any(|word| word == "--pin") {
        let lines: String = figures.iter().map(|(name, count)| format!("{name} {count:.0}\n")).collect();
        std::fs::write(pinned_path(), lines).expect("the pinned figures can be written");
    }
    let wrong = if words.iter().any(|word| word == "--check") { risen(&figures) } else { Vec::new() };
    wrong.iter().for_each(|line| eprintln!("{line}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
