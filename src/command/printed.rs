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
    let name = function_name(&format!("{} seed {}", scenario.name, case.seed));
    let last = case.plan().iter().map(|planned| planned.at.as_nanoseconds()).max().unwrap_or(0);
    let calls = commands(case).join("\n        ");
    let uses: Vec<String> = [
        ("clock::Offset", "Offset::"),
        ("fault::Edit", "Edit::"),
        ("fault::Fault", "Fault::"),
        ("links::Links", "Links {"),
        ("network::Network", "Network::"),
        ("prelude::*", ""),
    ]
    .into_iter()
    .filter(|(_, used)| calls.contains(used))
    .map(|(path, _)| format!("    use netsplit::{path};\n"))
    .collect();
    let hashes = "#".repeat(1 + longest_run_of_hashes(&scenario.text.text));
    // Without any call the simulation stays as it is.
    let (uses, sim) = if calls.is_empty() { (String::new(), "_") } else { (uses.concat(), "sim") };
    let calls = if calls.is_empty() { String::new() } else { format!("        {calls}\n") };
    Some(format!(
        "/// {how}.\n#[test]\nfn {name}() {{\n{uses}    let scenario = r{hashes}\"{}\"{hashes};\n    \
         netsplit::command::expect(&{}, scenario, {}, {property:?}, |{sim}| {{\n{calls}        \
         std::time::Duration::from_nanos({last})\n    }});\n}}\n",
        scenario.text.text,
        model.path(),
        case.seed
    ))
}

fn longest_run_of_hashes(text: &str) -> usize {
    text.split(|c| c != '#').map(str::len).max().unwrap_or(0)
}

/// A text as the name of a function.
fn function_name(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_");
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => name,
        false => format!("it_{name}"),
    }
}
