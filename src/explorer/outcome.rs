//! What comes of a search: a verdict, a path if something is violated, and how far it came.

use super::Trail;
use std::fmt;

/// Whether a property holds in every run within the bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every state was searched, and all properties hold.
    Holds,
    /// A shortest path to a state that violates a property.
    Violated(Counterexample),
    /// A bound was reached before the end; see [`Explored::stopped`].
    Unknown,
}

/// What ended a search before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// As many states as it may find.
    States,
    /// As deep as it may go, and there is more.
    Depth,
    /// As much memory as it may take.
    Memory,
    /// Whoever watches it has said so.
    Interrupted,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bound::States => "the bound on states",
            Bound::Depth => "the bound on depth",
            Bound::Memory => "the bound on memory",
            Bound::Interrupted => "an interruption",
        })
    }
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many different states it has found.
    pub distinct: usize,
    /// How many it has made.
    pub generated: usize,
    /// How deep it is.
    pub depth: usize,
    /// How many states of the next depth it has found.
    pub frontier: usize,
    /// About how much memory it takes.
    pub bytes: usize,
}

/// A shortest path to a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The property, or the panic.
    pub property: String,
    /// The steps from the initial state, in words.
    pub steps: Vec<String>,
    /// Of what never happens: the number of the steps after which the rest is repeated for ever.
    pub cycle: Option<usize>,
    /// The steps as a drawing: a column a node, time downward, an arrow a message.
    pub drawing: String,
    /// The steps for another driver.
    pub(crate) trail: Trail,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "`{}` is violated after {} steps:", self.property, self.steps.len())?;
        for (number, step) in self.steps.iter().enumerate() {
            if self.cycle == Some(number) {
                writeln!(f, "  and from here on again and again:")?;
            }
            writeln!(f, "  {:>3}  {step}", number + 1)?;
        }
        if !self.drawing.is_empty() {
            writeln!(f, "\n{}", self.drawing)?;
        }
        Ok(())
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Explored {
    /// How many different states there are.
    pub distinct: usize,
    /// How many states were made, the initial ones and those seen before included.
    pub generated: usize,
    /// The longest shortest path, counted in states: the initial state is at depth 1.
    pub depth: usize,
    /// Whether the properties hold.
    pub verdict: Verdict,
    /// The bound that was reached first, if one was.
    pub stopped: Option<Bound>,
    /// The reachable properties that no state satisfies.
    pub unreached: Vec<String>,
    /// About how much memory it took at most.
    pub bytes: usize,
}

impl Explored {
    /// Passes if everything holds and everything reachable was reached.
    ///
    /// # Panics
    /// Otherwise, with the shortest path to the violation.
    #[track_caller]
    pub fn assert_holds(&self) {
        match (&self.verdict, self.stopped) {
            (Verdict::Holds, _) => {}
            (Verdict::Violated(path), _) => panic!("{path}"),
            (Verdict::Unknown, Some(bound)) => {
                panic!("{bound} was reached after {} states", self.distinct)
            }
            (Verdict::Unknown, None) => panic!("no verdict after {} states", self.distinct),
        }
        assert!(self.unreached.is_empty(), "no state reaches {:?}", self.unreached);
    }
}
