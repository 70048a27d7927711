//! What a store of keys and values has under one key: get, put, append. With [`Keyed`](super::Keyed) it is the store.

use crate::checker::{Entry, Specification};
use crate::history::Datum;

/// How many gets are looked through for what was written.
const SEEN: usize = 32;

/// A text, or a list, that can be replaced and appended to.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What is stored at first.
    pub initial: Datum,
}

impl Default for Cell {
    /// The empty text.
    fn default() -> Self {
        Cell { initial: Datum::from("") }
    }
}

/// What a [`Cell`] is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CellOperation {
    /// What is stored?
    Get,
    /// Store this.
    Put(Datum),
    /// Add this at the end: a text to a text, an element to a list.
    Append(Datum),
}

/// What a [`Cell`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CellResponse {
    /// This is stored.
    Value(Datum),
    /// Done.
    Done,
}

use CellOperation::{Append, Get, Put};

impl Specification for Cell {
    type State = Datum;
    type Operation = CellOperation;
    type Response = CellResponse;

    fn initial(&self) -> Datum {
        self.initial.clone()
    }

    fn step(
        &self,
        state: &Datum,
        operation: &CellOperation,
        response: Option<&CellResponse>,
    ) -> Option<Datum> {
        match (operation, response) {
            (Get, Some(CellResponse::Value(value))) => (value == state).then(|| state.clone()),
            (Get, _) => Some(state.clone()),
            (Put(value), _) => Some(value.clone()),
            (Append(value), _) => match (state, value) {
                (Datum::Text(text), Datum::Text(more)) => {
                    let mut whole = String::with_capacity(text.len() + more.len());
                    whole.push_str(text);
                    whole.push_str(more);
                    Some(Datum::Text(whole))
                }
                (Datum::Nil, Datum::Text(_)) => Some(value.clone()),
                (Datum::List(list), _) => {
                    Some(Datum::List([&list[..], std::slice::from_ref(value)].concat()))
                }
                (Datum::Nil, _) => Some(Datum::List(vec![value.clone()])),
                _ => None,
            },
        }
    }

    fn reads(&self, operation: &CellOperation, _: Option<&CellResponse>) -> bool {
        matches!(operation, Get)
    }

    fn describe(&self, operation: &CellOperation, response: Option<&CellResponse>) -> String {
        match (operation, response) {
            (Get, Some(CellResponse::Value(value))) => format!("get {value}"),
            (Get, _) => "get".to_string(),
            (Put(value), _) => format!("put {value}"),
            (Append(value), _) => format!("append {value}"),
        }
    }

    /// What is appended should go in the order in which it is seen: when somebody first gets it, and where in the text.
    fn order(&self, history: &[Entry<'_, CellOperation, CellResponse>]) -> Option<Vec<u64>> {
        let mut gets: Vec<(u64, &str)> = history
            .iter()
            .filter_map(|entry| match entry.response {
                Some(CellResponse::Value(Datum::Text(text))) => Some((entry.responded?, text.as_str())),
                _ => None,
            })
            .collect();
        gets.sort_unstable();
        let order = |entry: &Entry<'_, CellOperation, CellResponse>| {
            let due = entry.responded.unwrap_or(u64::MAX >> 24);
            let (Put(Datum::Text(text)) | Append(Datum::Text(text))) = entry.operation else {
                return due << 24;
            };
            // Nobody gets it before it is invoked, and who gets it long after sees what others have added.
            let from = gets.partition_point(|(responded, _)| *responded < entry.invoked);
            let seen = gets[from..]
                .iter()
                .take(SEEN)
                .find_map(|(responded, got)| Some((*responded, got.find(text)?)));
            seen.map_or(due << 24, |(responded, place)| responded << 24 | place.min((1 << 24) - 1) as u64)
        };
        Some(history.iter().map(order).collect())
    }

    /// Without puts what is stored only gets longer.
    fn grows(&self, history: &[Entry<'_, CellOperation, CellResponse>]) -> bool {
        history.iter().all(|entry| !matches!(entry.operation, Put(_)))
    }

    fn is_past(&self, state: &Datum, _: &CellOperation, response: &CellResponse) -> bool {
        match (state, response) {
            (Datum::Text(text), CellResponse::Value(Datum::Text(got))) => !got.starts_with(text),
            (Datum::List(list), CellResponse::Value(Datum::List(got))) => !got.starts_with(list),
            _ => false,
        }
    }

    fn explain(
        &self,
        history: &[Entry<'_, CellOperation, CellResponse>],
        impossible: usize,
    ) -> Option<String> {
        let entry = &history[impossible];
        let Some(CellResponse::Value(value)) = entry.response else { return None };
        let said = format!("client {} got {value}{}, but", entry.client, super::at(entry));
        if history.len() == 1 {
            return Some(format!("{said} nothing that was put or appended makes that"));
        }
        // What is known to be there, and is not.
        let missing = history.iter().find(|other| {
            let before = other.responded.is_some_and(|responded| responded < entry.invoked);
            let Append(Datum::Text(more)) = other.operation else { return false };
            before && matches!(value, Datum::Text(text) if !text.contains(more))
        })?;
        let Append(more) = missing.operation else { return None };
        let puts = history.iter().any(|other| matches!(other.operation, Put(_)));
        (!puts).then(|| format!("{said} {more} had been appended and acknowledged {}", super::by(missing)))
    }

    fn bytes(&self, state: &Datum) -> usize {
        size_of::<Datum>()
            + match state {
                Datum::Text(text) => text.len(),
                Datum::List(list) => list.len() * size_of::<Datum>(),
                _ => 0,
            }
    }
}
