//! Many objects of one kind, each under a key.

use crate::checker::{Entry, Specification};
use crate::history::Datum;

/// An object for each key. A history of it is linearizable if and only if that of each key is.
#[derive(Clone, Debug, Default)]
pub struct Keyed<S> {
    /// What is under each key.
    pub object: S,
    /// Whether what is under a key consists of independent objects itself, by the
    /// [key](Specification::key) of every operation of the history.
    pub is_split: bool,
}

/// An operation on the object under a key; nil where there is one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OnKey<O> {
    /// The key.
    pub key: Datum,
    /// The operation.
    pub operation: O,
}

impl<S: Specification> Keyed<S> {
    fn inner<'a>(
        history: &[Entry<'a, OnKey<S::Operation>, S::Response>],
    ) -> Vec<Entry<'a, S::Operation, S::Response>> {
        let inner = |entry: &Entry<'a, OnKey<S::Operation>, S::Response>| {
            let Entry { operation, response, invoked, responded, index, client, began, ended } = *entry;
            Entry {
                operation: &operation.operation,
                response,
                invoked,
                responded,
                index,
                client,
                began,
                ended,
            }
        };
        history.iter().map(inner).collect()
    }

    fn is_one_key(history: &[Entry<'_, OnKey<S::Operation>, S::Response>]) -> bool {
        history.windows(2).all(|pair| pair[0].operation.key == pair[1].operation.key)
    }
}

impl<S: Specification> Specification for Keyed<S> {
    /// By key, in order, those that something has happened to.
    type State = Vec<(Datum, S::State)>;
    type Operation = OnKey<S::Operation>;
    type Response = S::Response;

    fn initial(&self) -> Self::State {
        Vec::new()
    }

    fn step(
        &self,
        state: &Self::State,
        on: &Self::Operation,
        response: Option<&S::Response>,
    ) -> Option<Self::State> {
        let place = state.partition_point(|(key, _)| *key < on.key);
        let known = state.get(place).filter(|(key, _)| *key == on.key);
        let next = match known {
            Some((_, object)) => self.object.step(object, &on.operation, response)?,
            None => self.object.step(&self.object.initial(), &on.operation, response)?,
        };
        // As it was at first is the same as nothing has happened.
        let is_first = next == self.object.initial();
        let mut state = state.clone();
        match (known.is_some(), is_first) {
            (true, true) => drop(state.remove(place)),
            (true, false) => state[place].1 = next,
            (false, true) => {}
            (false, false) => state.insert(place, (on.key.clone(), next)),
        }
        Some(state)
    }

    fn key(&self, on: &Self::Operation) -> Option<String> {
        // Many times faster than to format it.
        let mut key = match &on.key {
            Datum::Text(text) => ["\"", text].concat(),
            Datum::Nil => String::new(),
            other => other.to_string(),
        };
        if self.is_split {
            key.push('/');
            key.push_str(&self.object.key(&on.operation)?);
        }
        Some(key)
    }

    fn reads(&self, on: &Self::Operation, response: Option<&S::Response>) -> bool {
        self.object.reads(&on.operation, response)
    }

    fn describe(&self, on: &Self::Operation, response: Option<&S::Response>) -> String {
        let what = self.object.describe(&on.operation, response);
        if on.key == Datum::Nil { what } else { format!("{} {what}", on.key) }
    }

    fn decide(&self, history: &[Entry<'_, Self::Operation, S::Response>]) -> Option<bool> {
        if Self::is_one_key(history) { self.object.decide(&Self::inner(history)) } else { None }
    }

    fn explain(
        &self,
        history: &[Entry<'_, Self::Operation, S::Response>],
        impossible: usize,
    ) -> Option<String> {
        let why =
            Self::is_one_key(history).then(|| self.object.explain(&Self::inner(history), impossible))??;
        let key = &history[impossible].operation.key;
        Some(if *key == Datum::Nil { why } else { format!("of {key}: {why}") })
    }

    fn order(&self, history: &[Entry<'_, Self::Operation, S::Response>]) -> Option<Vec<u64>> {
        self.object.order(&Self::inner(history))
    }

    fn grows(&self, history: &[Entry<'_, Self::Operation, S::Response>]) -> bool {
        Self::is_one_key(history) && self.object.grows(&Self::inner(history))
    }

    /// Only asked of one key.
    fn is_past(&self, state: &Self::State, on: &Self::Operation, response: &S::Response) -> bool {
        let known = state.iter().find(|(key, _)| *key == on.key);
        known.is_some_and(|(_, object)| self.object.is_past(object, &on.operation, response))
    }

    fn bytes(&self, state: &Self::State) -> usize {
        let entry = size_of::<(Datum, S::State)>() + 16;
        state.iter().map(|(_, object)| entry + self.object.bytes(object)).sum()
    }
}
