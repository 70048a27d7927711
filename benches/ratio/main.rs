//! How fast the simulator is, as a ratio: each figure beside a bare event loop that is run just before and just
//! after it, in the same program.
//!
//! `cargo bench --bench ratio` ends with one line a figure, `NAME netsplit_rate floor_rate ratio`. A rate on its own
//! says more about the machine than about the simulator. `cargo bench --bench ratio -- W2` runs some of them.
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

use std::time::Instant;

/// How often a figure is measured; the median counts.
const REPETITIONS: usize = 5;

/// A figure: its name, and how it is run here and in the floor. Each says how much it has done.
struct Figure {
    name: &'static str,
    netsplit: fn() -> u64,
    floor: fn() -> u64,
}

const FIGURES: [Figure; 6] = [
    Figure {
        name: "W1",
        netsplit: || workloads::messages(2, 1, 1_000_000),
        floor: || floor::messages(2, 1, 4_000_000),
    },
    Figure {
        name: "W2-1k",
        netsplit: || workloads::messages(1_000, 10, 1_000_000),
        floor: || floor::messages(1_000, 10, 2_000_000),
    },
    Figure {
        name: "W2-100k",
        netsplit: || workloads::messages(100_000, 1, 1_000_000),
        floor: || floor::messages(100_000, 1, 1_000_000),
    },
    Figure {
        name: "W2-1M",
        netsplit: || workloads::messages(1_000_000, 1, 5_000_000),
        floor: || floor::messages(1_000_000, 1, 5_000_000),
    },
    Figure {
        name: "W3",
        netsplit: || workloads::timers(10_000, 1_000_000),
        floor: || floor::timers(10_000, 500_000),
    },
    Figure { name: "W4", netsplit: || workloads::small(2_000), floor: || floor::small(20_000) },
];

/// How much is done per second.
fn rate(run: fn() -> u64) -> f64 {
    let start = Instant::now();
    let done = run();
    done as f64 / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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
        let (mut rates, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..REPETITIONS {
            let before = rate(*floor);
            let measured = rate(*netsplit);
            let around = (before + rate(*floor)) / 2.0;
            rates.push(measured);
            floors.push(around);
            ratios.push(measured / around);
        }
        eprintln!("{name}: ratios {ratios:.3?}");
        lines.push(format!("{name} {:.0} {:.0} {:.3}", median(rates), median(floors), median(ratios)));
    }
    if asked.is_empty() || asked.iter().any(|part| "bytes-per-node".contains(&**part)) {
        lines.push(resident::line());
    }
    lines.iter().for_each(|line| println!("{line}"));
}
