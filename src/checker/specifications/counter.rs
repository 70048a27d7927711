//! A counter.

use crate::checker::{Entry, Specification};

/// A number that can be added to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    /// The number at first.
    pub initial: i64,
}

/// What a [`Counter`] is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CounterOperation {
    /// How much is it?
    Read,
    /// Add this, which may be negative.
    Add(i64),
}

/// What a [`Counter`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CounterResponse {
    /// It is this; to [`Add`](CounterOperation::Add), now.
    Value(i64),
    /// It is added.
    Done,
}

use CounterOperation::{Add, Read};
use CounterResponse::Value;

impl Specification for Counter {
    type State = i64;
    type Operation = CounterOperation;
    type Response = CounterResponse;

    fn initial(&self) -> i64 {
        self.initial
    }

    fn step(
        &self,
        state: &i64,
        operation: &CounterOperation,
        response: Option<&CounterResponse>,
    ) -> Option<i64> {
        let next = match operation {
            Read => *state,
            Add(more) => state.checked_add(*more)?,
        };
        let told = match response {
            Some(Value(value)) => *value == next,
            _ => true,
        };
        told.then_some(next)
    }

    fn reads(&self, operation: &CounterOperation, _: Option<&CounterResponse>) -> bool {
        matches!(operation, Read | Add(0))
    }

    fn grows(&self, history: &[Entry<'_, CounterOperation, CounterResponse>]) -> bool {
        history.iter().all(|entry| !matches!(entry.operation, Add(more) if *more < 0))
    }

    fn is_past(&self, state: &i64, operation: &CounterOperation, response: &CounterResponse) -> bool {
        match (operation, response) {
            (Read, Value(value)) => value < state,
            (Add(more), Value(value)) => value.checked_sub(*more).is_none_or(|before| before < *state),
            _ => false,
        }
    }

    fn describe(&self, operation: &CounterOperation, response: Option<&CounterResponse>) -> String {
        match (operation, response) {
            (Read, Some(Value(value))) => format!("read {value}"),
            (Read, _) => "read".to_string(),
            (Add(more), Some(Value(value))) => format!("add {more}: {value}"),
            (Add(more), _) => format!("add {more}"),
        }
    }
}
