//! Recorded histories under the specifications by name: what the operations of files mean.
//!
//! | name | operations, with synonyms | |
//! |---|---|---|
//! | `register` | `read`, `write` | |
//! | `cas-register` | and `cas` with `[from to]` | |
//! | `kv` | `get`/`read`, `put`/`write`, `append` | with a `:key`, or the value `[key value]` |
//! | `counter` | `read`, `add`/`inc`, `dec`, with how much (1) | |
//! | `set` | `add`, `remove`, `contains`, `read` | |
//! | `queue` | `enqueue`, `dequeue` | |
//! | `priority-queue` | `insert`/`enqueue`, `take`/`dequeue` | the smallest first |
//! | `stack` | `push`, `pop` | |
//! | `mutex` | `acquire`, `release`, `use`, with tokens if there are any | |
//! | `bank` | `transfer` with `{:from :to :amount}`, `deposit`, `withdraw`, `read`, `balance` | |
//! | `log` | `append`, answered with the place; `read`, of all or at a place | |
//!
//! **What a failure means.** Files have two conventions. With [`Fail::DidNotTakePlace`], Knossos', `:fail` says that the
//! operation had no effect, and nothing else. With [`Fail::IsAnswer`], that of the etcd logs, it is an answer where there
//! is a negative one: the comparison did not match, the queue is empty, somebody holds the mutex. A failure for another
//! reason (`:timed-out`) is none.
//!
//! **Nil.** A read of nil from a register that cannot hold nil (its initial value is another, and nobody writes it) says
//! nothing, as in Knossos: its answer is not known.

mod meaning;
#[cfg(feature = "command")]
mod names;

// All specifications under all models are half of what there would be to compile.
#[cfg(feature = "command")]
pub use names::{CannotCheck, CheckedFile, Consistency, NAMES};

use crate::checker::Specification;
use crate::checker::specifications::{Keyed, OnKey};
use crate::history::recorded::{HistoryError, Kind, RecordedHistory};
use crate::history::{ClientId, Datum, History};
use crate::process::Outcome;
use std::collections::BTreeMap;

/// What `:fail` means in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fail {
    /// The operation did not take place.
    #[default]
    DidNotTakePlace,
    /// The answer is no.
    IsAnswer,
}

/// What a response of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<R> {
    /// It took place, with this answer.
    Took(R),
    /// It took place, and what it answered is not known.
    TookUnseen,
    /// It did not take place.
    DidNot,
}

/// A specification whose operations can be read from files.
pub trait Recordable: Specification {
    /// An operation and its key, if its value holds one.
    ///
    /// # Errors
    /// What is wrong, and what was expected.
    fn read(f: &str, value: &Datum) -> Result<(Self::Operation, Option<Datum>), String>;

    /// What a response says.
    ///
    /// # Errors
    /// What is wrong, and what was expected.
    fn answer(
        &self,
        operation: &Self::Operation,
        event: Response<'_>,
    ) -> Result<Answer<Self::Response>, String>;
}

/// A response, `:ok` or a `:fail` that is an answer.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// Whether it is `:ok`.
    pub ok: bool,
    /// Its value, without the key.
    pub value: &'a Datum,
}

type KeyedHistory<S> = History<OnKey<<S as Specification>::Operation>, <S as Specification>::Response>;

/// The history of a file, and its specification.
///
/// # Errors
/// If an operation or a response is not one of the specification's.
pub fn read<S: Recordable>(
    object: S,
    file: &RecordedHistory,
    fail: Fail,
) -> Result<(Keyed<S>, KeyedHistory<S>), HistoryError> {
    let mut history = History::new();
    let mut open = BTreeMap::new();
    let mut numbers: BTreeMap<u64, u32> = BTreeMap::new();
    let mut is_split = true;
    for event in file.events() {
        let wrong = |what: String| HistoryError { line: event.line, what };
        if event.kind == Kind::Invoke {
            let (operation, key) = S::read(&event.f, &event.value).map_err(wrong)?;
            is_split &= object.key(&operation).is_some();
            let own_key = key.clone();
            let key = key.or_else(|| event.key.clone()).unwrap_or_default();
            let number = numbers.get(&event.process).copied().unwrap_or(0);
            let client = ClientId { node: event.process, number };
            let on = OnKey { key, operation: operation.clone() };
            open.insert(event.process, (history.invoke(client, on, event.time), operation, own_key));
            continue;
        }
        let Some((index, operation, key)) = open.remove(&event.process) else { continue };
        if event.kind == Kind::Info {
            *numbers.entry(event.process).or_default() += 1;
            continue;
        }
        let timed_out = matches!(event.value, Datum::Name(_));
        if event.kind == Kind::Fail && (fail == Fail::DidNotTakePlace || timed_out) {
            history.respond(index, Outcome::Failed, None, event.time);
            continue;
        }
        // The key comes back with the answer.
        let value = match event.value.list() {
            Some([other, value]) if Some(other) == key.as_ref() => value,
            _ => &event.value,
        };
        let response = Response { ok: event.kind == Kind::Ok, value };
        let (outcome, answer) = match object.answer(&operation, response).map_err(wrong)? {
            Answer::Took(answer) => (Outcome::Ok, Some(answer)),
            Answer::TookUnseen => (Outcome::Ok, None),
            Answer::DidNot => (Outcome::Failed, None),
        };
        history.respond(index, outcome, answer, event.time);
    }
    Ok((Keyed { object, is_split }, history))
}
