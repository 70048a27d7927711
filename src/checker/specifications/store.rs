//! The store of keys and values that the [client driver](crate::client) speaks to: a register per key.

use super::register::{Access, explain_read, unique_writes_are_linearizable};
use crate::checker::{Entry, Specification};
use crate::client::{KeyValueOperation, KeyValueResponse, RequestId};
use KeyValueOperation::{Read, Write};

/// A register for each key, with nothing stored at first. Its histories are what
/// [`KeyValueWorkload`](crate::client::KeyValueWorkload) asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Store;

type StoreEntry<'a> = Entry<'a, KeyValueOperation, KeyValueResponse>;

impl Specification for Store {
    /// What is stored under each key, in the order of keys.
    type State = Vec<(u64, RequestId)>;
    type Operation = KeyValueOperation;
    type Response = KeyValueResponse;

    fn initial(&self) -> Self::State {
        Vec::new()
    }

    fn step(
        &self,
        state: &Self::State,
        operation: &KeyValueOperation,
        response: Option<&KeyValueResponse>,
    ) -> Option<Self::State> {
        match (*operation, response) {
            (Read { key }, Some(KeyValueResponse::Read(value))) => {
                let stored = state.iter().find(|(other, _)| *other == key).map(|(_, stored)| *stored);
                (stored == *value).then(|| state.clone())
            }
            (Read { .. }, _) => Some(state.clone()),
            (Write { key, value }, _) => {
                let mut state = state.clone();
                let place = state.partition_point(|(other, _)| *other < key);
                match state.get_mut(place) {
                    Some((other, stored)) if *other == key => *stored = value,
                    _ => state.insert(place, (key, value)),
                }
                Some(state)
            }
        }
    }

    fn key(&self, operation: &KeyValueOperation) -> Option<String> {
        let (Read { key } | Write { key, .. }) = operation;
        Some(key.to_string())
    }

    fn reads(&self, operation: &KeyValueOperation, _: Option<&KeyValueResponse>) -> bool {
        matches!(operation, Read { .. })
    }

    fn describe(&self, operation: &KeyValueOperation, response: Option<&KeyValueResponse>) -> String {
        match (operation, response) {
            (Read { key }, Some(KeyValueResponse::Read(Some(value)))) => format!("read {key}: {value:?}"),
            (Read { key }, Some(_)) => format!("read {key}: nothing"),
            (Read { key }, None) => format!("read {key}"),
            (Write { key, value }, _) => format!("write {key}: {value:?}"),
        }
    }

    /// For one key; the keys of what it is given are the same.
    fn decide(&self, history: &[StoreEntry<'_>]) -> Option<bool> {
        let key_of = |entry: &StoreEntry<'_>| match entry.operation {
            Read { key } | Write { key, .. } => *key,
        };
        let first = key_of(history.first()?);
        if history.iter().any(|entry| key_of(entry) != first) {
            return None;
        }
        let access = |entry: &StoreEntry<'_>| {
            let access = match (entry.operation, entry.response) {
                (Read { .. }, Some(KeyValueResponse::Read(value))) => Access::Read(*value),
                (Read { .. }, _) => Access::Nothing,
                (Write { value, .. }, _) => Access::Write(Some(*value)),
            };
            (access, entry.invoked, entry.responded.unwrap_or(u64::MAX))
        };
        unique_writes_are_linearizable(&None, history.iter().map(access).collect())
    }

    fn explain(&self, history: &[StoreEntry<'_>], impossible: usize) -> Option<String> {
        let Some(KeyValueResponse::Read(value)) = history[impossible].response else { return None };
        let sets = |entry: &StoreEntry<'_>| match entry.operation {
            Write { value, .. } => Some(Written(Some(*value))),
            Read { .. } => None,
        };
        explain_read(&Written(None), &Written(*value), history, impossible, sets)
    }
}

/// Short, for sentences.
#[derive(PartialEq, Eq)]
struct Written(Option<RequestId>);

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(value) => write!(f, "{value:?}"),
            None => write!(f, "nothing"),
        }
    }
}
