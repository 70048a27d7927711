//! How fast the simulator is, as a ratio: each figure beside a bare event loop that is run in turn with it, in the
//! same program.
//!
//! `cargo bench --bench ratio` ends with one line a figure, `NAME netsplit_rate floor_rate ratio`. A rate on its own
//! says more about the machine than about the simulator. The fastest of many runs count: other work on the machine only
//! takes away, and of medians of five, ratios were 0.43 and 0.76 in one run. `cargo bench --bench ratio -- W2` runs some
//! of them.
//!
//! | workload | what happens | rate of |
//! |---|---|---|
//! | W1 | two nodes, one message back and forth | messages |
//! | W2 | N nodes, K messages each; whoever gets one sends one to another node, drawn at random | messages |
//! | W3 | N nodes, each with a timer of 10 ms; when it fires, one of 150 to 300 ms is set anew | timers that fire |
//! | W4 | a fresh simulation of five nodes with a message each, 200 messages, dropped | simulations |
//!
//! The simulator has its network model on: exponential delays, a loss of 0.1 %, and a partition that is made and
//! healed. A message that is lost or cut is put back, so that as many stay in flight. Nothing observes the runs.

// What is measured is time; nothing here reaches a run.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod floor;
mod resident;
mod workloads;

use std::time::{Duration, Instant};

/// A figure is measured so often at least, and for so long.
const REPETITIONS: usize = 5;
const AT_LEAST: Duration = Duration::from_secs(10);

/// A figure: its name, and how it is run here and in the floor, as long. Each says how much it has done. (The floor of
/// W3 gets slower until what it has never removed is due, after thirty fires of each node.)
struct Figure {
    name: &'static str,
    netsplit: fn() -> u64,
    floor: fn() -> u64,
}

const FIGURES: [Figure; 6] = [
    Figure {
        name: "W1",
        netsplit: || workloads::messages(2, 1, 2_000_000),
        floor: || floor::messages(2, 1, 2_000_000),
    },
    Figure {
        name: "W2-1k",
        netsplit: || workloads::messages(1_000, 10, 2_000_000),
        floor: || floor::messages(1_000, 10, 2_000_000),
    },
    Figure {
        name: "W2-100k",
        netsplit: || workloads::messages(100_000, 1, 3_000_000),
        floor: || floor::messages(100_000, 1, 3_000_000),
    },
    Figure {
        name: "W2-1M",
        netsplit: || workloads::messages(1_000_000, 1, 5_000_000),
        floor: || floor::messages(1_000_000, 1, 5_000_000),
    },
    Figure {
        name: "W3",
        netsplit: || workloads::timers(10_000, 1_000_000),
        floor: || floor::timers(10_000, 1_000_000),
    },
    Figure { name: "W4", netsplit: || workloads::small(5_000), floor: || floor::small(5_000) },
];

/// How much is done per second.
fn rate(run: fn() -> u64) -> f64 {
    let start = Instant::now();
    let done = run();
    done as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    if resident::is_child() {
        return;
    }
    // cargo passes --bench.
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let is_asked =
        |figure: &&Figure| asked.is_empty() || asked.iter().any(|part| figure.name.contains(&**part));
    let mut lines = Vec::new();
    for Figure { name, netsplit, floor } in FIGURES.iter().filter(is_asked) {
        let (start, mut count) = (Instant::now(), 0);
        let (mut fastest, mut fastest_floor) = (0.0_f64, 0.0_f64);
        while count < REPETITIONS || start.elapsed() < AT_LEAST {
            fastest_floor = fastest_floor.max(rate(*floor));
            fastest = fastest.max(rate(*netsplit));
            count += 1;
        }
        eprintln!("{name}: the fastest of {count}");
        lines.push(format!("{name} {fastest:.0} {fastest_floor:.0} {:.3}", fastest / fastest_floor));
    }
    if asked.is_empty() || asked.iter().any(|part| "bytes-per-node".contains(&**part)) {
        lines.push(resident::line());
    }
    lines.iter().for_each(|line| println!("{line}"));
}
