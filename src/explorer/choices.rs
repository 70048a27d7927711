//! What a handler is answered under exhaustive search: no time, and every choice in turn.

use crate::distribution::Distribution;
use crate::process::Environment;
use crate::time::Time;
use std::time::Duration;

/// Answers `choose` from a script, and with zero beyond its end, and remembers the bounds.
#[derive(Default)]
pub(super) struct Choices {
    pub(super) script: Vec<u32>,
    bounds: Vec<u32>,
}

impl Environment for Choices {
    fn now(&self) -> Option<Time> {
        None
    }
    fn choose(&mut self, bound: u32) -> u32 {
        self.bounds.push(bound);
        if self.script.len() < self.bounds.len() {
            self.script.push(0);
        }
        self.script[self.bounds.len() - 1]
    }
    fn chance(&mut self, _: u32, _: u32) -> bool {
        self.choose(2) == 1
    }
    fn sample(&mut self, distribution: &Distribution) -> Duration {
        distribution.mean()
    }
    fn client_number(&mut self, _: u64) -> Option<u64> {
        None
    }
    fn observed(&self) -> bool {
        false
    }
}

impl Choices {
    /// Those that follow this script.
    pub(super) fn of(script: Vec<u32>) -> Self {
        Choices { script, bounds: Vec::new() }
    }

    /// The next script in the order of an odometer; none after the last.
    pub(super) fn next(mut self) -> Option<Vec<u32>> {
        while let Some(last) = self.script.pop() {
            if last + 1 < self.bounds[self.script.len()] {
                self.script.push(last + 1);
                return Some(self.script);
            }
        }
        None
    }
}
