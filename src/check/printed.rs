//! A failure made small as a Rust test, to be pasted beside the check that found it.
//!
//! It is the same check of the same scenario, which does to it what the case says. The library knows the names of
//! functions, and no more of a closure than that it is one: what it cannot name is left to be written.

use super::{Check, regressions};
use crate::process::Value;
use crate::property::{Property, When};
use crate::shrink::{Case, Failure, commands, span, test};
use crate::time::Time;

/// The name that a function has where it is: none if it is a closure, or generic.
fn name_of(path: &str) -> Option<&str> {
    let is_name = |word: &str| word.chars().all(|c| c.is_alphanumeric() || c == '_') && !word.is_empty();
    path.split("::").all(is_name).then(|| path.rsplit("::").next().unwrap_or(path))
}

impl<M: Value> Check<'_, M> {
    /// The test.
    pub(super) fn as_test(&self, case: &Case, failure: &Failure) -> String {
        let Failure { property, how, .. } = failure;
        let calls = commands(case);
        let mut lines = Vec::new();
        let scenario = name_of(self.scenario_name).unwrap_or_else(|| {
            lines.push("// `scenario` is the closure that the check is given.".to_string());
            "scenario"
        });
        match &calls[..] {
            [] => lines.push(format!("netsplit::check({scenario})")),
            calls => {
                lines.push("netsplit::check(|seed| {".to_string());
                lines.push(format!("    let mut sim = {scenario}(seed);"));
                lines.extend(calls.iter().map(|call| format!("    {call}")));
                lines.extend(["    sim".to_string(), "})".to_string()]);
            }
        }
        lines.push(format!(".seeds({}..{})", case.seed, case.seed.saturating_add(1)));
        lines.push(format!(".lasting({})", span(self.healed().since(Time::ZERO))));
        lines.push(format!(".within({})", span(self.within)));
        lines.push(".shrink_runs(0)".to_string());
        lines.extend(self.judged_by(property));
        lines.push(".run();".to_string());
        let name = regressions::test().unwrap_or_default();
        let name = format!("{} seed {}", name.rsplit("::").next().unwrap_or_default(), case.seed);
        test(&name, how, &lines)
    }

    /// What judges it; nothing if it is judged anyway.
    fn judged_by(&self, name: &str) -> Option<String> {
        let is_it = |property: &&Property<'_, M>| {
            name.strip_prefix(&property.name).is_some_and(|rest| ["", super::PANICS].contains(&rest))
        };
        if let Some(property) = self.properties.iter().find(is_it) {
            let method = match property.when {
                When::Always => "always",
                When::EventuallyAfterHeal => "eventually_after_heal",
                When::Reachable => "reachable",
            };
            let condition = name_of(property.condition).unwrap_or("|_| todo!(\"as in the check\")");
            return Some(format!(".{method}({:?}, {condition})", property.name));
        }
        let promised = self.judges.iter().any(|judge| judge.name() == name);
        promised.then(|| format!(".promises([todo!({:?})])", format!("as in the check: {name}")))
    }
}
