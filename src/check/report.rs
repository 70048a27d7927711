//! What a sweep found, for a person.

use super::{Small, planned, regressions};
use crate::fault::FaultPlan;
use crate::time::Time;
use std::fmt;

/// What a sweep found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many seeds were asked for.
    pub seeds: u64,
    /// The violation of the lowest failing seed.
    pub violation: Option<Violation>,
    /// The reachable properties that no seed reached; not known if there is a violation.
    pub unreached: Vec<String>,
    /// The kinds that the nemesis draws ([`Nemesis::kinds`](crate::nemesis::Nemesis::kinds)) and that touched nothing
    /// under any seed; not known if there is a violation.
    pub inert: Vec<String>,
}

/// One seed under which a property does not hold. Its `Display` is all a person needs to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The property, or the panic.
    pub property: String,
    /// How it was violated.
    pub how: String,
    /// The seed.
    pub seed: u64,
    /// When.
    pub time: Time,
    /// The faults of this seed, aimed ones as what they hit, those that would come after the violation included.
    pub plan: FaultPlan,
    /// The digest of the run up to the violation.
    pub digest: String,
    /// A drawing of the last exchanges.
    pub story: String,
    /// The same made small, if that was asked for: [`Check::run`](super::Check::run) does.
    pub small: Option<Small>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { property, how, seed, time, plan, digest, story, small } = self;
        let test = regressions::test().unwrap_or_else(|| "NAME_OF_THIS_TEST".to_string());
        writeln!(f, "netsplit: `{property}` is violated: {how}")?;
        writeln!(f, "  seed    {seed}, the lowest that fails (engine {})", crate::ENGINE)?;
        writeln!(f, "  time    {time}")?;
        writeln!(f, "  plan    {}", planned(plan, *time))?;
        writeln!(f, "  digest  {digest}")?;
        match small {
            None => writeln!(f, "  the last exchanges:\n{story}")?,
            Some(small) => writeln!(f, "{small}")?,
        }
        write!(f, "  replay  NETSPLIT_SEED={seed} cargo test {test}")
    }
}
