//! A shrunk failure as a Rust test to paste, and what such a test calls.

use super::execution::expectation;
use super::models::AnyModel;
use super::scenario::Scenario;
use crate::model::Model;
use crate::shrink::{Case, Failure, commands};
use crate::simulation::Simulation;
use std::time::Duration;

/// Runs a scenario under `seed` with what `change` does to it instead of its faults, and judges it by one check.
/// `change` says when the last of its faults is over. For tests that `netsplit shrink` has printed.
///
/// # Panics
/// If the scenario cannot be read, there is no such check, or it is violated.
#[track_caller]
pub fn expect<M: Model>(
    model: &M,
    scenario: &str,
    seed: u64,
    check: &str,
    change: impl FnOnce(&mut Simulation<M::Message>) -> Duration,
) {
    let no_matrix = |named: &str| Err(anyhow::anyhow!("a test has no {named}"));
    let read = Scenario::parse("scenario".to_string(), String::new(), scenario.to_string(), &[], no_matrix);
    let judged = read.and_then(|scenario| expectation(model, &scenario, seed, check, change));
    match judged {
        Ok(None) => {}
        Ok(Some((failure, story))) => {
            let Failure { property, how, .. } = failure;
            panic!("netsplit: `{property}` is violated: {how}\n{story}")
        }
        Err(error) => panic!("{error:#}"),
    }
}

/// The test; none if its scenario needs another file.
pub(super) fn test(
    model: &dyn AnyModel,
    scenario: &Scenario,
    case: &Case,
    failure: &Failure,
) -> Option<String> {
    if scenario.matrix.is_some() {
        return None;
    }
    let Failure { property, how, .. } = failure;
    let last = case.plan().iter().map(|planned| planned.at.as_nanoseconds()).max().unwrap_or(0);
    let calls = commands(case);
    let hashes = "#".repeat(1 + longest_run_of_hashes(&scenario.text.text));
    // Without any call the simulation stays as it is.
    let sim = if calls.is_empty() { "_" } else { "sim" };
    let (model, seed) = (model.path(), case.seed);
    let mut lines = vec![
        format!("let scenario = r{hashes}\"{}\"{hashes};", scenario.text.text),
        format!("netsplit::command::expect(&{model}, scenario, {seed}, {property:?}, |{sim}| {{"),
    ];
    lines.extend(calls.iter().map(|call| format!("    {call}")));
    lines.extend([format!("    std::time::Duration::from_nanos({last})"), "});".to_string()]);
    Some(crate::shrink::test(&format!("{} seed {seed}", scenario.name), how, &lines))
}

fn longest_run_of_hashes(text: &str) -> usize {
    text.split(|c| c != '#').map(str::len).max().unwrap_or(0)
}
