//! A stack: last in, first out.

use super::queue::{QueueOperation, QueueResponse, by_taking, describe, take};
use super::{Content, Sequence};
use crate::checker::{Entry, Specification};
use QueueOperation::{Put, Take};
use std::marker::PhantomData;

/// A stack, empty at first.
#[derive(Clone, Debug)]
pub struct Stack<V>(PhantomData<V>);

impl<V> Default for Stack<V> {
    fn default() -> Self {
        Stack(PhantomData)
    }
}

impl<V: Content> Specification for Stack<V> {
    type State = Sequence<V>;
    type Operation = QueueOperation<V>;
    type Response = QueueResponse<V>;

    fn initial(&self) -> Sequence<V> {
        Sequence::default()
    }

    fn step(
        &self,
        state: &Sequence<V>,
        operation: &QueueOperation<V>,
        response: Option<&QueueResponse<V>>,
    ) -> Option<Sequence<V>> {
        match operation {
            Put(value) => Some(state.with(value.clone())),
            Take => take(state, state.last().map(|(last, rest)| (last, || rest.clone())), response),
        }
    }

    fn reads(&self, operation: &QueueOperation<V>, response: Option<&QueueResponse<V>>) -> bool {
        matches!((operation, response), (Take, Some(QueueResponse::Empty)))
    }

    fn describe(&self, operation: &QueueOperation<V>, response: Option<&QueueResponse<V>>) -> String {
        describe(["push", "pop"], operation, response)
    }

    /// What is popped last should be pushed first, and a pop goes before a push that it does not need.
    fn order(&self, history: &[Entry<'_, Self::Operation, Self::Response>]) -> Option<Vec<u64>> {
        let own = |(entry, taken): (&Entry<'_, _, _>, Option<u64>)| match entry.operation {
            Put(_) => u64::MAX / 2 - taken.unwrap_or(u64::MAX / 4),
            Take => entry.responded.unwrap_or(u64::MAX) / 2,
        };
        Some(history.iter().zip(by_taking(history)).map(own).collect())
    }

    fn bytes(&self, _: &Sequence<V>) -> usize {
        size_of::<V>() + 48
    }
}
