//! The explorer: states per second, memory per state, and what a second thread gains.
//!
//! `cargo bench --bench explorer` prints `NAME threads=N distinct generated depth seconds generated/s distinct/s
//! bytes/state`, the fastest of three. Words choose: `-- paxos`. `benches/peers/stateright` measures Stateright on the
//! same models.

// A wall clock is what a benchmark reads.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use netsplit::explorer::{Explored, Messages};
use netsplit_models::counting::{register, single_decree};
use netsplit_models::two_phase;
use std::time::Instant;

const REPETITIONS: usize = 3;

/// A name, how many distinct states there are, and a search on so many threads.
type Searched = (&'static str, usize, fn(usize) -> Explored);

fn two_phase(resources: usize, threads: usize) -> Explored {
    netsplit::explore(|seed| two_phase::cluster(resources, seed))
        .messages(Messages::Set)
        .always("consistent", two_phase::consistent)
        .threads(threads)
        .run()
}

fn paxos(clients: usize, threads: usize) -> Explored {
    netsplit::explore(|seed| single_decree::cluster(3, clients, seed))
        .idle_deliveries(false)
        .max_states(10_000_000)
        .always_of_history("linearizable", register::linearizable)
        .threads(threads)
        .run()
}

/// What this process has taken at most, where the system says so.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let searches: [Searched; 2] = [
        ("two-phase-7", 296_448, |threads| two_phase(7, threads)),
        ("paxos-3", 1_194_428, |threads| paxos(3, threads)),
    ];
    for (name, distinct, search) in searches {
        if !asked.is_empty() && !asked.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        for threads in [1, 2] {
            let timed = |_| {
                let start = Instant::now();
                let explored = search(threads);
                (start.elapsed().as_secs_f64(), explored)
            };
            let runs = (0..REPETITIONS).map(timed);
            let (seconds, explored) = runs.min_by(|a, b| a.0.total_cmp(&b.0)).expect("some repetitions");
            explored.assert_holds();
            assert_eq!(explored.distinct, distinct);
            println!(
                "{name} threads={threads} distinct={} generated={} depth={} seconds={seconds:.3} generated/s={:.0} \
                 distinct/s={:.0} bytes/state={:.0} peak_bytes/state={:.0}",
                explored.distinct,
                explored.generated,
                explored.depth,
                explored.generated as f64 / seconds,
                explored.distinct as f64 / seconds,
                explored.bytes as f64 / explored.distinct as f64,
                peak_bytes().unwrap_or(0) as f64 / explored.distinct as f64,
            );
        }
    }
}
