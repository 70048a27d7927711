//! What things cost: a message as systems grow, the models, each observer, a check of every event, and what a second
//! thread saves.
//!
//! `cargo bench --bench costs` prints one line a figure; `cargo bench --bench costs -- growth observers` some of them.
//!
//! | name | line |
//! |---|---|
//! | `growth` | `growth NODES netsplit_ns floor_ns ratio`, for one message in steady state; `--write` keeps them in `reports/growth.csv` |
//! | `models` | `model NAME operations_per_second` |
//! | `observers` | `WHAT WORKLOAD ratio`: the time with it to that of the same run blind, just before and after |
//! | `threads` | `check two-threads ratio`: the time on one thread to that on two |

// What is measured is time; nothing here reaches a run.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

#[allow(dead_code)]
#[path = "../ratio/floor.rs"]
mod floor;
mod models;
mod observers;
#[allow(dead_code)]
#[path = "../ratio/workloads.rs"]
mod workloads;

use std::path::Path;
use std::time::Instant;

/// How often a figure is measured; the median counts.
const REPETITIONS: usize = 5;

/// The seconds that something takes.
fn seconds_of(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The time of `run` to that of `base`, which runs just before and just after it.
fn ratio(base: impl Fn(), run: impl Fn()) -> f64 {
    let one = || {
        let before = seconds_of(&base);
        let measured = seconds_of(&run);
        2.0 * measured / (before + seconds_of(&base))
    };
    median((0..REPETITIONS).map(|_| one()).collect())
}

/// The nanoseconds of one message in steady state: a run twice as long takes so much longer.
fn nanoseconds_per_message(run: impl Fn(u64), messages: u64) -> f64 {
    let once = seconds_of(|| run(messages));
    let twice = seconds_of(|| run(2 * messages));
    (twice - once).max(0.0) * 1e9 / messages as f64
}

/// The cost of a message from ten nodes to a million, one message each.
fn growth(is_kept: bool) {
    let mut csv = "nodes,netsplit_ns,floor_ns\n".to_string();
    for nodes in (1..=6).map(|power| 10u32.pow(power)) {
        let messages = u64::from(nodes).max(500_000);
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        // A run of a million nodes takes long.
        for _ in 0..if nodes == 1_000_000 { 3 } else { REPETITIONS } {
            let of_floor = |messages| _ = floor::messages(nodes, 1, messages);
            let of_netsplit = |messages| _ = workloads::messages(nodes, 1, messages);
            floors.push(nanoseconds_per_message(of_floor, messages));
            ours.push(nanoseconds_per_message(of_netsplit, messages));
            floors.push(nanoseconds_per_message(of_floor, messages));
        }
        let (ours, floor) = (median(ours), median(floors));
        println!("growth {nodes} {ours:.0} {floor:.0} {:.3}", floor / ours);
        csv += &format!("{nodes},{ours:.0},{floor:.0}\n");
    }
    if is_kept {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/growth.csv");
        std::fs::write(path, csv).expect("the figures can be written");
    }
}

fn main() {
    // cargo passes --bench.
    let (flags, asked): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|part| name.contains(&**part));
    if is_asked("growth") {
        growth(flags.iter().any(|flag| flag == "--write"));
    }
    if is_asked("models") {
        models::rates();
    }
    if is_asked("observers") {
        observers::costs();
    }
    if is_asked("threads") {
        observers::threads();
    }
}
