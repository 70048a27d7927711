//! A violation as a person reads it.

use super::Violation;
use crate::fault::FaultPlan;
use crate::time::Time;
use std::fmt;
use std::thread;

/// The part of a plan that has happened by `end`.
pub(super) fn planned(plan: &FaultPlan, end: Time) -> String {
    let happened: Vec<String> =
        plan.iter().filter(|planned| planned.at <= end).map(|planned| planned.to_string()).collect();
    if happened.is_empty() { "no faults".to_string() } else { happened.join("; ") }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { property, how, seed, time, plan, digest, story } = self;
        let current = thread::current();
        let test = current.name().filter(|name| *name != "main").unwrap_or("NAME_OF_THIS_TEST");
        writeln!(f, "netsplit: `{property}` is violated: {how}")?;
        writeln!(f, "  seed    {seed}, the lowest that fails (engine {})", crate::ENGINE)?;
        writeln!(f, "  time    {time}")?;
        writeln!(f, "  plan    {}", planned(plan, *time))?;
        writeln!(f, "  digest  {digest}")?;
        writeln!(f, "  the last exchanges:\n{story}")?;
        write!(f, "  replay  NETSPLIT_SEED={seed} cargo test {test}")
    }
}
