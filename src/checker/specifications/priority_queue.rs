//! A priority queue: the smallest first.

use super::Content;
use super::queue::{QueueOperation, QueueResponse, by_taking, describe, take};
use crate::checker::{Entry, Specification};
use QueueOperation::{Put, Take};
use std::marker::PhantomData;

/// A priority queue, empty at first; the smallest value is next. Equal values are the same.
#[derive(Clone, Debug)]
pub struct PriorityQueue<V>(PhantomData<V>);

impl<V> Default for PriorityQueue<V> {
    fn default() -> Self {
        PriorityQueue(PhantomData)
    }
}

impl<V: Content + Ord> Specification for PriorityQueue<V> {
    /// From the largest to the smallest.
    type State = Vec<V>;
    type Operation = QueueOperation<V>;
    type Response = QueueResponse<V>;

    fn initial(&self) -> Vec<V> {
        Vec::new()
    }

    fn step(
        &self,
        state: &Vec<V>,
        operation: &QueueOperation<V>,
        response: Option<&QueueResponse<V>>,
    ) -> Option<Vec<V>> {
        match operation {
            Put(value) => {
                let mut state = state.clone();
                state.insert(state.partition_point(|other| other > value), value.clone());
                Some(state)
            }
            Take => take(state, state.split_last().map(|(last, rest)| (last, || rest.to_vec())), response),
        }
    }

    fn reads(&self, operation: &QueueOperation<V>, response: Option<&QueueResponse<V>>) -> bool {
        matches!((operation, response), (Take, Some(QueueResponse::Empty)))
    }

    fn describe(&self, operation: &QueueOperation<V>, response: Option<&QueueResponse<V>>) -> String {
        describe(["insert", "take"], operation, response)
    }

    fn order(&self, history: &[Entry<'_, Self::Operation, Self::Response>]) -> Option<Vec<u64>> {
        let own = |(entry, taken): (&Entry<'_, _, _>, Option<u64>)| match entry.operation {
            // As late as it can be: it may be smaller than what is to be taken first.
            Put(_) => entry.responded.unwrap_or(u64::MAX).min(taken.map_or(u64::MAX, |taken| taken - 1)),
            Take => entry.responded.unwrap_or(u64::MAX),
        };
        Some(history.iter().zip(by_taking(history)).map(own).collect())
    }

    fn bytes(&self, state: &Vec<V>) -> usize {
        size_of::<Vec<V>>() + state.capacity() * size_of::<V>()
    }
}
