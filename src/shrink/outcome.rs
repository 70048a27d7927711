//! What is asked of a search, and what comes of it.

use super::{Case, Failure};
use std::thread;

/// How long to search.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many runs at most.
    pub runs: u64,
    /// How many at a time.
    pub threads: usize,
}

impl Default for Options {
    /// Twenty thousand runs, on as many threads as there are processors.
    fn default() -> Self {
        Options { runs: 20_000, threads: thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many runs so far.
    pub runs: u64,
    /// The faults and edits of the smallest case so far.
    pub items: usize,
}

/// How large a failing run is, up to its violation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Faults, nodes that must be down from the start included.
    pub faults: usize,
    /// Messages that are lost, late or doubled, as far as that is written down.
    pub edits: usize,
    /// Operations that clients invoke.
    pub operations: usize,
    /// Clients that take part.
    pub clients: usize,
    /// Other nodes that take part.
    pub nodes: usize,
}

impl Size {
    /// Faults and edits: what one would have to explain.
    pub fn items(&self) -> usize {
        self.faults + self.edits
    }
}

/// A failing run made small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest case found.
    pub case: Case,
    /// How it fails: in the same way as the run that was given.
    pub failure: Failure,
    /// The size of the run that was given.
    pub before: Size,
    /// The size of the case.
    pub after: Size,
    /// How many runs it took.
    pub runs: u64,
    /// Whether no single thing can be left out; otherwise the search was ended before.
    pub is_minimal: bool,
}
