//! The explorer beside Stateright, on the same models: two-phase commit and single-decree Paxos.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml -p peer-stateright` prints, for each model and number
//! of threads, `MODEL threads=N` and of both, in turn in fresh processes, the fastest of three: distinct states per
//! second, generated states per second and peak memory for each distinct state; and the ratios. Words choose: `-- paxos`.

mod paxos;
mod two_phase_commit;

// What netsplit searches: the same files that its tests count with.
#[allow(dead_code)]
#[path = "../../../../models/src/counting/register.rs"]
mod register;
#[allow(dead_code)]
#[path = "../../../../models/src/counting/single_decree.rs"]
mod single_decree;
#[allow(dead_code)]
#[path = "../../../../models/src/two_phase.rs"]
mod two_phase;

use netsplit::explorer::Messages;
use std::process::Command;
use std::time::Instant;

const REPETITIONS: usize = 3;

/// The models, with their distinct states.
const MODELS: [(&str, u64); 2] = [("two-phase-7", 296_448), ("paxos-3", 1_194_428)];

fn search(who: &str, model: &str, threads: usize) -> (u64, u64) {
    match (who, model) {
        ("stateright", "two-phase-7") => two_phase_commit::search(7, threads),
        ("stateright", _) => paxos::search(3, threads),
        (_, "two-phase-7") => {
            let explored = netsplit::explore(|seed| two_phase::cluster(7, seed))
                .messages(Messages::Set)
                .always("consistent", two_phase::consistent)
                .threads(threads)
                .run();
            (explored.distinct as u64, explored.generated as u64)
        }
        _ => {
            let explored = netsplit::explore(|seed| single_decree::cluster(3, 3, seed))
                .idle_deliveries(false)
                .max_states(10_000_000)
                .always_of_history("linearizable", register::linearizable)
                .threads(threads)
                .run();
            (explored.distinct as u64, explored.generated as u64)
        }
    }
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Seconds, distinct and generated states, and peak bytes, of a process of its own.
fn measured(who: &str, model: &str, threads: usize) -> [f64; 4] {
    let program = std::env::current_exe().expect("a path");
    let output = Command::new(program).args(["one", who, model, &threads.to_string()]).output();
    let output = output.expect("a program that runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace().map(|word| word.parse().expect("a number"));
    std::array::from_fn(|_| words.next().expect("four numbers"))
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [one, who, model, threads] = &words[..]
        && one == "one"
    {
        let start = Instant::now();
        let (distinct, generated) = search(who, model, threads.parse().expect("a number"));
        let seconds = start.elapsed().as_secs_f64();
        return println!("{seconds} {distinct} {generated} {}", peak_bytes());
    }
    for (model, distinct) in MODELS {
        if !words.is_empty() && !words.iter().any(|word| model.contains(word.as_str())) {
            continue;
        }
        for threads in [1, 2] {
            let mut best = [[f64::INFINITY; 4]; 2];
            for _ in 0..REPETITIONS {
                for (who, best) in ["stateright", "netsplit"].iter().zip(&mut best) {
                    let one = measured(who, model, threads);
                    assert_eq!(one[1] as u64, distinct, "{who} {model}");
                    if one[0] < best[0] {
                        *best = one;
                    }
                }
            }
            let [theirs, ours] = best.map(|[seconds, distinct, generated, bytes]| {
                [distinct / seconds, generated / seconds, bytes / distinct]
            });
            println!("{model} threads={threads}");
            for (who, [distinct, generated, bytes]) in [("stateright", theirs), ("netsplit", ours)] {
                println!("  {who:<10} distinct/s={distinct:.0} generated/s={generated:.0} bytes/state={bytes:.0}");
            }
            let ratio = |at: usize| ours[at] / theirs[at];
            println!("  ratio      distinct/s={:.2} generated/s={:.2} bytes/state={:.2}", ratio(0), ratio(1), ratio(2));
        }
    }
}
