//! A replicated log, as its clients see it.

use super::{Content, Sequence};
use crate::checker::{self, Specification};
use std::marker::PhantomData;

/// A log, empty at first. Its first entry is at 0.
#[derive(Clone, Debug)]
pub struct Log<V>(PhantomData<V>);

impl<V> Default for Log<V> {
    fn default() -> Self {
        Log(PhantomData)
    }
}

/// What a [`Log`] is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogOperation<V> {
    /// Add this at the end.
    Append(V),
    /// All entries.
    Read,
    /// The entry at this place.
    ReadAt(u64),
}

/// What a [`Log`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogResponse<V> {
    /// It is added.
    Done,
    /// It is added, at this place.
    At(u64),
    /// These are all.
    Entries(Vec<V>),
    /// This is there; none if the log ends before.
    Entry(Option<V>),
}

use LogOperation::{Append, Read, ReadAt};
use LogResponse::{At, Entries, Entry};

impl<V: Content> Specification for Log<V> {
    type State = Sequence<V>;
    type Operation = LogOperation<V>;
    type Response = LogResponse<V>;

    fn initial(&self) -> Sequence<V> {
        Sequence::default()
    }

    fn step(
        &self,
        state: &Sequence<V>,
        operation: &LogOperation<V>,
        response: Option<&LogResponse<V>>,
    ) -> Option<Sequence<V>> {
        let allowed = match (operation, response) {
            (Append(_), Some(At(place))) => *place == state.len() as u64,
            (Read, Some(Entries(entries))) => {
                entries.len() == state.len() && entries.iter().rev().eq(state.reversed())
            }
            (ReadAt(place), Some(Entry(entry))) => {
                let behind = (state.len() as u64).checked_sub(*place + 1);
                let found = behind.and_then(|behind| state.reversed().nth(behind as usize));
                found == entry.as_ref()
            }
            _ => true,
        };
        allowed.then(|| match operation {
            Append(value) => state.with(value.clone()),
            Read | ReadAt(_) => state.clone(),
        })
    }

    fn reads(&self, operation: &LogOperation<V>, _: Option<&LogResponse<V>>) -> bool {
        matches!(operation, Read | ReadAt(_))
    }

    fn grows(&self, _: &[checker::Entry<'_, LogOperation<V>, LogResponse<V>>]) -> bool {
        true
    }

    fn is_past(&self, state: &Sequence<V>, operation: &LogOperation<V>, response: &LogResponse<V>) -> bool {
        let len = state.len() as u64;
        match (operation, response) {
            (Append(_), At(place)) => *place < len,
            (Read, Entries(entries)) => match entries.get(..state.len()) {
                Some(start) => !start.iter().rev().eq(state.reversed()),
                None => true,
            },
            (ReadAt(place), Entry(entry)) if *place < len => {
                state.reversed().nth((len - place - 1) as usize) != entry.as_ref()
            }
            _ => false,
        }
    }

    fn describe(&self, operation: &LogOperation<V>, response: Option<&LogResponse<V>>) -> String {
        match (operation, response) {
            (Append(value), Some(At(place))) => format!("append {value:?} at {place}"),
            (Append(value), _) => format!("append {value:?}"),
            (Read, Some(Entries(entries))) => format!("read {entries:?}"),
            (Read, _) => "read".to_string(),
            (ReadAt(place), Some(Entry(Some(value)))) => format!("read at {place}: {value:?}"),
            (ReadAt(place), Some(_)) => format!("read at {place}: nothing"),
            (ReadAt(place), None) => format!("read at {place}"),
        }
    }

    fn bytes(&self, _: &Sequence<V>) -> usize {
        size_of::<V>() + 48
    }
}
