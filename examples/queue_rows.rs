//! Covers: queues in their steady state, long runs in little memory, estimates with confidence intervals.
//! Scenario: M/M/1 and M/M/c under the loads of the textbooks, beside the closed forms. With a million customers
//! each, or as many as the first argument says, and with seed 1 or the second argument. Run it with `--release`.

#[path = "../tests/queues/measure.rs"]
mod measure;
#[path = "../tests/queues/theory.rs"]
mod theory;

use measure::{Estimate, LOGARITHM_OF_A_HUNDRED, markovian};

fn main() {
    let number = |text: String| -> u64 { text.parse().expect("a number") };
    let customers = std::env::args().nth(1).map_or(1_000_000, number);
    let seed = std::env::args().nth(2).map_or(1, number);
    println!("{customers} customers each, seed {seed}; means with 99.9 % confidence intervals\n");
    for percent in [50, 80, 90] {
        let load = percent as f64 / 100.0;
        let longest = LOGARITHM_OF_A_HUNDRED / (1.0 - load);
        let measured = markovian(1, percent).measure(customers, longest, seed);
        println!("M/M/1, load {load}");
        row("mean sojourn", measured.sojourn, 1.0 / (1.0 - load));
        row("mean number in the system", measured.number, load / (1.0 - load));
        println!(
            "  {:<32} {:>10.4}              {longest:>10.4}",
            "99th percentile of sojourn", measured.percentile_99
        );
        row("share that stays longer", measured.longer, 0.01);
        row("five or more in the system", measured.five_or_more, load * load * load * load * load);
        row("rate x sojourn (Little)", measured.number, measured.rate.mean * measured.sojourn.mean);
    }
    for (consumers, percent) in [(2, 80), (4, 80), (10, 90)] {
        let load = percent as f64 / 100.0;
        let measured = markovian(consumers, percent).measure(customers, 0.0, seed);
        let waiting = theory::erlang_c(consumers, load);
        println!("M/M/{consumers}, load {load}");
        row("share that waits", measured.waiting, waiting);
        row("mean wait", measured.wait, waiting / (consumers as f64 * (1.0 - load)));
    }
}

fn row(what: &str, Estimate { mean, half_width }: Estimate, expected: f64) {
    println!("  {what:<32} {mean:>10.4} ± {half_width:<10.4} {expected:>11.4}");
}
