//! Specifications and consistency models by name.

use super::{Fail, Recordable, meaning, read};
use crate::checker::specifications::*;
use crate::checker::{Budget, Verdict, linearizable, sequentially_consistent, sessions};
use crate::history::Datum;
use crate::history::recorded::{HistoryError, Kind, RecordedHistory};

/// The names of all specifications.
pub const NAMES: [&str; 11] = [
    "register",
    "cas-register",
    "kv",
    "counter",
    "set",
    "queue",
    "priority-queue",
    "stack",
    "mutex",
    "bank",
    "log",
];

/// What a history is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// See [`linearizable`].
    #[default]
    Linearizable,
    /// See [`sequentially_consistent`].
    Sequential,
    /// See [`sessions`].
    Session(sessions::Guarantee),
}

impl Consistency {
    /// All of them.
    pub const ALL: [Consistency; 6] = [
        Consistency::Linearizable,
        Consistency::Sequential,
        Consistency::Session(sessions::Guarantee::ReadYourWrites),
        Consistency::Session(sessions::Guarantee::MonotonicReads),
        Consistency::Session(sessions::Guarantee::MonotonicWrites),
        Consistency::Session(sessions::Guarantee::WritesFollowReads),
    ];

    /// How it is called: `linearizable`.
    pub fn name(self) -> &'static str {
        match self {
            Consistency::Linearizable => "linearizable",
            Consistency::Sequential => "sequential",
            Consistency::Session(guarantee) => guarantee.name(),
        }
    }
}

/// A file, what its operations mean, and what it is to be.
#[derive(Clone, Debug)]
pub struct CheckedFile<'a> {
    /// The file.
    pub file: &'a RecordedHistory,
    /// One of [`NAMES`].
    pub specification: &'a str,
    /// What it is to be.
    pub consistency: Consistency,
    /// The value at first; the usual one if there is none: nil, `""`, 0.
    pub initial: Option<Datum>,
    /// What failures mean.
    pub fail: Fail,
}

/// Why a file cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CannotCheck {
    /// Because of the file.
    File(HistoryError),
    /// Because of what was asked for; the sentence says what was expected.
    Asked(String),
}

impl From<HistoryError> for CannotCheck {
    fn from(error: HistoryError) -> Self {
        CannotCheck::File(error)
    }
}

impl CheckedFile<'_> {
    /// Checks it.
    ///
    /// # Errors
    /// If there is no such specification, its initial value is of another kind, it has no such consistency, or the
    /// file has an operation that is none of its.
    pub fn check(&self, budget: &Budget<'_>) -> Result<Verdict, CannotCheck> {
        let number = || match &self.initial {
            None => Ok(0),
            Some(Datum::Int(number)) => Ok(*number),
            Some(other) => {
                Err(CannotCheck::Asked(format!("the initial value is {other}: expected a number")))
            }
        };
        match self.specification {
            "register" | "cas-register" => self.register(budget),
            "kv" => {
                let initial = self.initial.clone().unwrap_or_else(|| Datum::from(""));
                let cell = Cell { initial };
                self.versions::<Cell>(
                    budget,
                    &cell,
                    |operation| match operation {
                        CellOperation::Put(value) => sessions::Access::Write(value.clone()),
                        CellOperation::Get => sessions::Access::Read,
                        CellOperation::Append(_) => sessions::Access::Other,
                    },
                    |response| match response {
                        CellResponse::Value(value) => Some(value.clone()),
                        CellResponse::Done => None,
                    },
                )
            }
            "counter" => self.of(Counter { initial: number()? }, budget),
            "bank" => {
                let initial = self.initial.as_ref().map(meaning::balances).transpose();
                let initial = initial.map_err(CannotCheck::Asked)?.unwrap_or_default();
                self.of(Bank { initial }, budget)
            }
            name if self.initial.is_some() && NAMES.contains(&name) => {
                Err(CannotCheck::Asked(format!("the specification {name} has no initial value but its own")))
            }
            "set" => self.of(Set::default(), budget),
            "queue" => self.of(Queue::default(), budget),
            "priority-queue" => self.of(PriorityQueue::default(), budget),
            "stack" => self.of(Stack::default(), budget),
            "mutex" => self.of(Mutex, budget),
            "log" => self.of(Log::default(), budget),
            other => {
                let names = NAMES.join(", ");
                Err(CannotCheck::Asked(format!(
                    "there is no specification `{other}`: expected one of {names}"
                )))
            }
        }
    }

    fn register(&self, budget: &Budget<'_>) -> Result<Verdict, CannotCheck> {
        let compares = |event: &&crate::history::Recorded| event.f == "cas";
        if let (false, Some(event)) =
            (self.specification == "cas-register", self.file.events().iter().find(compares))
        {
            let what = "unknown operation :cas: expected :read or :write (or the specification cas-register)";
            return Err(HistoryError { line: event.line, what: what.to_string() }.into());
        }
        let register = Register { initial: self.initial.clone().unwrap_or_default() };
        self.versions::<Register<Datum>>(
            budget,
            &register,
            |operation| match operation {
                RegisterOperation::Write(value) => sessions::Access::Write(value.clone()),
                RegisterOperation::Read => sessions::Access::Read,
                RegisterOperation::CompareAndSet(..) => sessions::Access::Other,
            },
            |response| match response {
                RegisterResponse::Value(value) => Some(value.clone()),
                _ => None,
            },
        )
    }

    /// Of objects that are read and written, so that there are sessions.
    fn versions<S: Recordable + Clone>(
        &self,
        budget: &Budget<'_>,
        object: &S,
        access: impl Fn(&S::Operation) -> sessions::Access<Datum>,
        value: impl Fn(&S::Response) -> Option<Datum>,
    ) -> Result<Verdict, CannotCheck> {
        let unseen = self.without_unseen();
        let file = unseen.as_ref().unwrap_or(self.file);
        let Consistency::Session(guarantee) = self.consistency else {
            return CheckedFile { file, ..self.clone() }.of(object.clone(), budget);
        };
        let (specification, history) = read(object.clone(), file, self.fail)?;
        let initial = self.initial.clone().unwrap_or_else(|| match self.specification {
            "kv" => Datum::from(""),
            _ => Datum::Nil,
        });
        let access = |on: &OnKey<S::Operation>| (on.key.clone(), access(&on.operation));
        sessions::check(&specification, &history, guarantee, &initial, access, value)
            .map_err(CannotCheck::Asked)
    }

    /// Without what was read as nil from registers that cannot hold it: that says nothing.
    fn without_unseen(&self) -> Option<RecordedHistory> {
        let is_nil = |value: &Datum| match value {
            Datum::Nil => true,
            Datum::List(list) => list.last() == Some(&Datum::Nil),
            _ => false,
        };
        let nil_is_possible = self.initial.as_ref().is_none_or(|initial| *initial == Datum::Nil)
            || self.file.events().iter().any(|event| {
                event.kind == Kind::Invoke && ["write", "cas"].contains(&&*event.f) && is_nil(&event.value)
            });
        if nil_is_possible || self.specification == "kv" {
            return None;
        }
        // A read that failed says as little.
        let events = self.file.events().iter().cloned().map(|mut event| {
            if event.kind == Kind::Ok && event.f == "read" && event.value == Datum::Nil {
                event.kind = Kind::Fail;
                event.value = Datum::Name("unseen".to_string());
            }
            event
        });
        RecordedHistory::new(events.collect()).ok()
    }

    fn of<S: Recordable>(&self, object: S, budget: &Budget<'_>) -> Result<Verdict, CannotCheck> {
        let (specification, history) = read(object, self.file, self.fail)?;
        match self.consistency {
            Consistency::Linearizable => Ok(linearizable(&specification, &history, budget)),
            Consistency::Sequential => Ok(sequentially_consistent(&specification, &history, budget)),
            Consistency::Session(guarantee) => Err(CannotCheck::Asked(format!(
                "{} is a guarantee for register, cas-register and kv, and not for {}",
                guarantee.name(),
                self.specification
            ))),
        }
    }
}
