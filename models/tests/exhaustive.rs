//! Which known bugs exhaustive search finds, in how many states and how fast, and that the simulation then takes the
//! same steps: `cargo test --release -p netsplit-models --test exhaustive -- --nocapture` prints the table.

use netsplit::command::{KnownBug, Looked, look_for};
use netsplit_models::zoo::KNOWN_BUGS;

/// Why a bug is not looked for: its model reads clocks, or what is broken is no property of a state.
fn is_beyond(error: &str) -> bool {
    error.contains("exhaustive search does not apply") || error.contains("left out: ")
}

#[test]
fn exhaustive_search_finds_every_known_bug_that_is_a_state_without_clocks() {
    println!("| bug | bounds | steps | states | ms |\n|---|---|--:|--:|--:|");
    let mut found = 0;
    for bug in KNOWN_BUGS {
        let KnownBug { name, search: flags, .. } = bug;
        match look_for(&netsplit_models::all(), bug, flags) {
            Ok(Looked { steps: Some(steps), distinct, took, in_time, .. }) => {
                println!("| {name} | {flags} | {steps} | {distinct} | {} |", took.as_millis());
                assert!(in_time, "{name}: no run takes the same steps");
                found += 1;
            }
            Ok(other) => panic!("{name}: {other:?}"),
            Err(error) => {
                assert!(is_beyond(&error), "{name}: {error}");
                println!("| {name} | {flags} | | | |");
            }
        }
    }
    assert_eq!((found, KNOWN_BUGS.len()), (13, 19));
}

/// The same searches of the models without their mistakes: within these bounds they are correct, or the bound on states
/// comes first.
#[test]
fn exhaustive_search_finds_nothing_in_the_correct_models() {
    for bug in KNOWN_BUGS {
        let KnownBug { name, search, correct, .. } = bug;
        let flags = format!("{search} --set {correct} --max-states 50000");
        match look_for(&netsplit_models::all(), bug, &flags) {
            Ok(Looked { steps, .. }) => assert_eq!(steps, None, "{name}"),
            Err(error) => assert!(is_beyond(&error) || *name == "store_clock_skew", "{name}: {error}"),
        }
    }
}

#[test]
fn a_flag_that_there_is_not_is_an_error() {
    let error =
        look_for(&netsplit_models::all(), &KNOWN_BUGS[0], "--carrier-pigeons 3").expect_err("no flag");
    assert!(error.contains("--carrier-pigeons"), "{error}");
}
