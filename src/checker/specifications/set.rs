//! A set.

use super::Content;
use crate::checker::{Entry, Specification};
use std::collections::BTreeSet;
use std::marker::PhantomData;

/// A set, empty at first. Its elements are independent objects, unless somebody [reads](SetOperation::Read) the whole.
#[derive(Clone, Debug)]
pub struct Set<V>(PhantomData<V>);

impl<V> Default for Set<V> {
    fn default() -> Self {
        Set(PhantomData)
    }
}

/// What a [`Set`] is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SetOperation<V> {
    /// All elements.
    Read,
    /// Whether this is in it.
    Contains(V),
    /// Put this in.
    Add(V),
    /// Take this out.
    Remove(V),
}

/// What a [`Set`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SetResponse<V> {
    /// These are all.
    Elements(BTreeSet<V>),
    /// To `Contains`, whether it was there; to `Add` and `Remove`, whether that changed anything.
    Is(bool),
    /// Done.
    Done,
}

use SetOperation::{Add, Contains, Read, Remove};
use SetResponse::{Elements, Is};

impl<V: Content + Ord> Specification for Set<V> {
    type State = BTreeSet<V>;
    type Operation = SetOperation<V>;
    type Response = SetResponse<V>;

    fn initial(&self) -> BTreeSet<V> {
        BTreeSet::new()
    }

    fn step(
        &self,
        state: &BTreeSet<V>,
        operation: &SetOperation<V>,
        response: Option<&SetResponse<V>>,
    ) -> Option<BTreeSet<V>> {
        let (answer, changes) = match operation {
            Read => match response {
                Some(Elements(elements)) => return (elements == state).then(|| state.clone()),
                _ => return Some(state.clone()),
            },
            Contains(element) => (state.contains(element), false),
            Add(element) => (!state.contains(element), true),
            Remove(element) => (state.contains(element), true),
        };
        if response.is_some_and(|response| matches!(response, Is(told) if *told != answer)) {
            return None;
        }
        let mut state = state.clone();
        match operation {
            Add(element) if changes && answer => drop(state.insert(element.clone())),
            Remove(element) if changes && answer => drop(state.remove(element)),
            _ => {}
        }
        Some(state)
    }

    fn key(&self, operation: &SetOperation<V>) -> Option<String> {
        match operation {
            Contains(element) | Add(element) | Remove(element) => Some(format!("{element:?}")),
            Read => None,
        }
    }

    fn reads(&self, operation: &SetOperation<V>, response: Option<&SetResponse<V>>) -> bool {
        matches!(operation, Read | Contains(_)) || response == Some(&Is(false))
    }

    fn grows(&self, history: &[Entry<'_, SetOperation<V>, SetResponse<V>>]) -> bool {
        history.iter().all(|entry| !matches!(entry.operation, Remove(_)))
    }

    fn is_past(&self, state: &BTreeSet<V>, operation: &SetOperation<V>, response: &SetResponse<V>) -> bool {
        match (operation, response) {
            (Read, Elements(elements)) => !state.is_subset(elements),
            (Contains(element), Is(false)) | (Add(element), Is(true)) => state.contains(element),
            _ => false,
        }
    }

    fn describe(&self, operation: &SetOperation<V>, response: Option<&SetResponse<V>>) -> String {
        let said = match response {
            Some(Is(true)) => ": yes",
            Some(Is(false)) => ": no",
            _ => "",
        };
        match (operation, response) {
            (Read, Some(Elements(elements))) => format!("read {elements:?}"),
            (Read, _) => "read".to_string(),
            (Contains(element), _) => format!("contains {element:?}{said}"),
            (Add(element), _) => format!("add {element:?}{said}"),
            (Remove(element), _) => format!("remove {element:?}{said}"),
        }
    }

    fn bytes(&self, state: &BTreeSet<V>) -> usize {
        64 + state.len() * (size_of::<V>() + 16)
    }
}
