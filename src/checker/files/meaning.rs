//! What the operations and the answers of files mean to each specification.

use super::{Answer, Recordable, Response};
use crate::checker::specifications::*;
use crate::history::Datum;
use std::collections::{BTreeMap, BTreeSet};

type Operation<O> = Result<(O, Option<Datum>), String>;

fn unknown<O>(f: &str, expected: &str) -> Operation<O> {
    Err(format!("unknown operation :{f}: expected {expected}"))
}

fn whole(value: &Datum, what: &str) -> Result<i64, String> {
    value.int().ok_or_else(|| format!("{what} is {value}: expected a whole number"))
}

/// The answer no, which has no value.
fn no<R>(response: Response<'_>, answer: R) -> Option<Answer<R>> {
    (!response.ok).then_some(Answer::Took(answer))
}

impl Recordable for Register<Datum> {
    fn read(f: &str, value: &Datum) -> Operation<RegisterOperation<Datum>> {
        let operation = match f {
            "read" => RegisterOperation::Read,
            "write" => RegisterOperation::Write(value.clone()),
            "cas" => match value.list() {
                Some([from, to]) => RegisterOperation::CompareAndSet(from.clone(), to.clone()),
                _ => return Err(format!(":cas has the value {value}: expected [from to]")),
            },
            _ => return unknown(f, ":read, :write or :cas"),
        };
        Ok((operation, None))
    }

    fn answer(
        &self,
        operation: &RegisterOperation<Datum>,
        event: Response<'_>,
    ) -> Result<Answer<RegisterResponse<Datum>>, String> {
        Ok(match operation {
            RegisterOperation::CompareAndSet(..) if !event.ok => Answer::Took(RegisterResponse::Mismatch),
            _ if !event.ok => Answer::DidNot,
            RegisterOperation::Read => Answer::Took(RegisterResponse::Value(event.value.clone())),
            _ => Answer::Took(RegisterResponse::Done),
        })
    }
}

impl Recordable for Cell {
    fn read(f: &str, value: &Datum) -> Operation<CellOperation> {
        // A pair holds the key, too.
        let (key, value) = match value.list() {
            Some([key, value]) => (Some(key.clone()), value),
            _ => (None, value),
        };
        let operation = match f {
            "get" | "read" => CellOperation::Get,
            "put" | "write" => CellOperation::Put(value.clone()),
            "append" => CellOperation::Append(value.clone()),
            _ => return unknown(f, ":get, :put or :append"),
        };
        Ok((operation, key))
    }

    fn answer(&self, operation: &CellOperation, event: Response<'_>) -> Result<Answer<CellResponse>, String> {
        Ok(match operation {
            _ if !event.ok => Answer::DidNot,
            // What is not stored is what is stored at first.
            CellOperation::Get if *event.value == Datum::Nil => {
                Answer::Took(CellResponse::Value(self.initial.clone()))
            }
            CellOperation::Get => Answer::Took(CellResponse::Value(event.value.clone())),
            _ => Answer::Took(CellResponse::Done),
        })
    }
}

impl Recordable for Counter {
    fn read(f: &str, value: &Datum) -> Operation<CounterOperation> {
        let amount =
            || if *value == Datum::Nil { Ok(1) } else { whole(value, &format!("the value of :{f}")) };
        let operation = match f {
            "read" | "get" => CounterOperation::Read,
            "add" | "inc" | "increment" => CounterOperation::Add(amount()?),
            "dec" | "decrement" => CounterOperation::Add(amount()?.saturating_neg()),
            _ => return unknown(f, ":read, :add, :inc or :dec"),
        };
        Ok((operation, None))
    }

    fn answer(
        &self,
        operation: &CounterOperation,
        event: Response<'_>,
    ) -> Result<Answer<CounterResponse>, String> {
        Ok(match operation {
            _ if !event.ok => Answer::DidNot,
            CounterOperation::Read if *event.value == Datum::Nil => Answer::TookUnseen,
            CounterOperation::Read => {
                Answer::Took(CounterResponse::Value(whole(event.value, "what was read")?))
            }
            CounterOperation::Add(_) => Answer::Took(CounterResponse::Done),
        })
    }
}

impl Recordable for Set<Datum> {
    fn read(f: &str, value: &Datum) -> Operation<SetOperation<Datum>> {
        let operation = match f {
            "read" => SetOperation::Read,
            "add" => SetOperation::Add(value.clone()),
            "remove" => SetOperation::Remove(value.clone()),
            "contains" => SetOperation::Contains(value.clone()),
            _ => return unknown(f, ":add, :remove, :contains or :read"),
        };
        Ok((operation, None))
    }

    fn answer(
        &self,
        operation: &SetOperation<Datum>,
        event: Response<'_>,
    ) -> Result<Answer<SetResponse<Datum>>, String> {
        let told = match event.value {
            Datum::Bool(told) => Some(*told),
            Datum::List(pair) => match pair[..] {
                [_, Datum::Bool(told)] => Some(told),
                _ => None,
            },
            _ => None,
        };
        Ok(match (operation, told) {
            (SetOperation::Read, _) if !event.ok => Answer::DidNot,
            (SetOperation::Read, _) => match event.value {
                Datum::Nil => Answer::TookUnseen,
                Datum::List(elements) => {
                    let elements: BTreeSet<Datum> = elements.iter().cloned().collect();
                    Answer::Took(SetResponse::Elements(elements))
                }
                other => return Err(format!("what was read is {other}: expected a set or a list")),
            },
            // It was not there, or it was: nothing has changed.
            _ if !event.ok => Answer::Took(SetResponse::Is(false)),
            (_, Some(told)) => Answer::Took(SetResponse::Is(told)),
            (SetOperation::Contains(_), None) => {
                return Err(format!(":contains has the answer {}: expected true or false", event.value));
            }
            _ => Answer::Took(SetResponse::Done),
        })
    }
}

/// What queues, stacks and priority queues have in common.
fn queue_operation(f: &str, value: &Datum, put: &[&str], take: &[&str]) -> Operation<QueueOperation<Datum>> {
    let operation = match f {
        _ if put.contains(&f) => QueueOperation::Put(value.clone()),
        _ if take.contains(&f) => QueueOperation::Take,
        _ => return unknown(f, &format!(":{} or :{}", put.join(", :"), take.join(", :"))),
    };
    Ok((operation, None))
}

fn queue_answer(operation: &QueueOperation<Datum>, event: Response<'_>) -> Answer<QueueResponse<Datum>> {
    match operation {
        QueueOperation::Put(_) if !event.ok => Answer::DidNot,
        QueueOperation::Put(_) => Answer::Took(QueueResponse::Done),
        QueueOperation::Take if !event.ok || *event.value == Datum::Nil => Answer::Took(QueueResponse::Empty),
        QueueOperation::Take => Answer::Took(QueueResponse::Value(event.value.clone())),
    }
}

impl Recordable for Queue<Datum> {
    fn read(f: &str, value: &Datum) -> Operation<QueueOperation<Datum>> {
        queue_operation(f, value, &["enqueue", "put", "add"], &["dequeue", "take", "poll"])
    }

    fn answer(
        &self,
        operation: &QueueOperation<Datum>,
        event: Response<'_>,
    ) -> Result<Answer<QueueResponse<Datum>>, String> {
        Ok(queue_answer(operation, event))
    }
}

impl Recordable for PriorityQueue<Datum> {
    fn read(f: &str, value: &Datum) -> Operation<QueueOperation<Datum>> {
        let take = ["take", "dequeue", "delete-min", "remove-min", "pop", "poll"];
        queue_operation(f, value, &["insert", "enqueue", "put", "add", "push"], &take)
    }

    fn answer(
        &self,
        operation: &QueueOperation<Datum>,
        event: Response<'_>,
    ) -> Result<Answer<QueueResponse<Datum>>, String> {
        Ok(queue_answer(operation, event))
    }
}

impl Recordable for Stack<Datum> {
    fn read(f: &str, value: &Datum) -> Operation<QueueOperation<Datum>> {
        queue_operation(f, value, &["push"], &["pop"])
    }

    fn answer(
        &self,
        operation: &QueueOperation<Datum>,
        event: Response<'_>,
    ) -> Result<Answer<QueueResponse<Datum>>, String> {
        Ok(queue_answer(operation, event))
    }
}

impl Recordable for Mutex {
    fn read(f: &str, value: &Datum) -> Operation<MutexOperation> {
        let operation = match f {
            "acquire" | "lock" => MutexOperation::Acquire,
            "release" | "unlock" => MutexOperation::Release(value.int()),
            "use" | "write" => MutexOperation::Use(whole(value, "the token")?),
            _ => return unknown(f, ":acquire, :release or :use"),
        };
        Ok((operation, None))
    }

    fn answer(
        &self,
        operation: &MutexOperation,
        event: Response<'_>,
    ) -> Result<Answer<MutexResponse>, String> {
        if let Some(answer) = no(event, MutexResponse::Refused) {
            return Ok(answer);
        }
        Ok(match (operation, event.value.int()) {
            (MutexOperation::Acquire, Some(token)) => Answer::Took(MutexResponse::Token(token)),
            _ => Answer::Took(MutexResponse::Done),
        })
    }
}

/// Balances, as a map or as a list of those of the accounts 0, 1 and so on.
pub(super) fn balances(value: &Datum) -> Result<BTreeMap<Datum, i64>, String> {
    match value {
        Datum::Map(pairs) => {
            let pair =
                |(account, balance): &(Datum, Datum)| Ok((account_of(account), whole(balance, "a balance")?));
            pairs.iter().map(pair).collect()
        }
        Datum::List(list) => (0..)
            .zip(list)
            .map(|(account, balance)| Ok((Datum::Int(account), whole(balance, "a balance")?)))
            .collect(),
        other => Err(format!("the balances are {other}: expected a map, or a list")),
    }
}

/// JSON has only texts as keys.
fn account_of(value: &Datum) -> Datum {
    match value {
        Datum::Text(text) => text.parse().map_or_else(|_| value.clone(), Datum::Int),
        _ => value.clone(),
    }
}

impl Recordable for Bank<Datum> {
    fn read(f: &str, value: &Datum) -> Operation<BankOperation<Datum>> {
        let field = |name: &str| {
            value.get(name).ok_or_else(|| format!(":{f} has the value {value}: expected a map with :{name}"))
        };
        let account = |name: &str| field(name).map(account_of);
        let amount = || match whole(field("amount")?, "the amount")? {
            amount if amount < 0 => Err(format!("the amount is {amount}: expected zero or more")),
            amount => Ok(amount),
        };
        let operation = match f {
            "read" => BankOperation::Read,
            "balance" => BankOperation::Balance(account_of(value)),
            "deposit" => BankOperation::Deposit { to: account("to")?, amount: amount()? },
            "withdraw" => BankOperation::Withdraw { from: account("from")?, amount: amount()? },
            "transfer" => {
                BankOperation::Transfer { from: account("from")?, to: account("to")?, amount: amount()? }
            }
            _ => return unknown(f, ":transfer, :deposit, :withdraw, :read or :balance"),
        };
        Ok((operation, None))
    }

    fn answer(
        &self,
        operation: &BankOperation<Datum>,
        event: Response<'_>,
    ) -> Result<Answer<BankResponse<Datum>>, String> {
        Ok(match operation {
            BankOperation::Read | BankOperation::Balance(_) if !event.ok => Answer::DidNot,
            BankOperation::Read | BankOperation::Balance(_) if *event.value == Datum::Nil => {
                Answer::TookUnseen
            }
            BankOperation::Read => Answer::Took(BankResponse::Balances(balances(event.value)?)),
            BankOperation::Balance(_) => {
                Answer::Took(BankResponse::Balance(whole(event.value, "the balance")?))
            }
            _ if !event.ok => Answer::Took(BankResponse::Refused),
            _ => Answer::Took(BankResponse::Done),
        })
    }
}

impl Recordable for Log<Datum> {
    fn read(f: &str, value: &Datum) -> Operation<LogOperation<Datum>> {
        let operation = match f {
            "append" => LogOperation::Append(value.clone()),
            "read" => match value {
                Datum::Nil => LogOperation::Read,
                place => match u64::try_from(whole(place, "the place")?) {
                    Ok(place) => LogOperation::ReadAt(place),
                    Err(_) => return Err(format!("the place is {place}: expected zero or more")),
                },
            },
            _ => return unknown(f, ":append or :read"),
        };
        Ok((operation, None))
    }

    fn answer(
        &self,
        operation: &LogOperation<Datum>,
        event: Response<'_>,
    ) -> Result<Answer<LogResponse<Datum>>, String> {
        Ok(match operation {
            _ if !event.ok => Answer::DidNot,
            // Without a place the value comes back.
            LogOperation::Append(value) if value == event.value => Answer::Took(LogResponse::Done),
            LogOperation::Append(_) => match event.value.int().and_then(|place| u64::try_from(place).ok()) {
                Some(place) => Answer::Took(LogResponse::At(place)),
                None => Answer::Took(LogResponse::Done),
            },
            LogOperation::Read => match event.value {
                Datum::Nil => Answer::TookUnseen,
                Datum::List(entries) => Answer::Took(LogResponse::Entries(entries.clone())),
                other => return Err(format!("what was read is {other}: expected a list")),
            },
            LogOperation::ReadAt(_) => match event.value {
                Datum::Nil => Answer::Took(LogResponse::Entry(None)),
                value => Answer::Took(LogResponse::Entry(Some(value.clone()))),
            },
        })
    }
}
