//! Covers: delays by link, mixtures with heavy tails, a model's process under options of one's own.
//! Scenario: how stale is a read from R replicas after a write to W of N = 3, over the delays that Bailis et al.
//! (VLDB 2012) fitted at LinkedIn? With a hundred thousand writes each, or as many as the first argument says;
//! then perhaps R and W. Run it with `--release`.

#[path = "../tests/bounded_staleness/measure.rs"]
mod measure;

use measure::{Delays, Experiment};
use netsplit::prelude::*;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let trials = arguments.next().unwrap_or(100_000);
    let quorums = match (arguments.next(), arguments.next()) {
        (Some(read), Some(write)) => vec![(read as usize, write as usize)],
        _ => vec![(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (1, 3)],
    };
    println!("{trials} writes each; consistent reads by the time after the acknowledgement; latencies in ms");
    println!("                  at once   1 ms    5 ms    10 ms   reads p99.9   writes p99.9");
    for (name, delays) in [("LNKD-SSD", Delays::lnkd_ssd()), ("LNKD-DISK", Delays::lnkd_disk())] {
        for &(read, write) in &quorums {
            let after = |wait| {
                let wait = Some(milliseconds(wait));
                Experiment { wait, ..Experiment::new(3, read, write, delays.clone()) }.measure(trials, 1)
            };
            let at_once = after(0);
            let later = [1, 5, 10].map(|wait| format!("{:.4}", after(wait).consistent()));
            println!(
                "{name:<10} R={read} W={write} {:.4}    {}  {:>11.2}   {:>12.2}",
                at_once.consistent(),
                later.join("  "),
                at_once.reads(),
                at_once.writes(),
            );
        }
    }
}
