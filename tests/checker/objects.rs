//! Every specification with operations to draw and with what it answers.

use super::generator::Numbers;
use netsplit::checker::Specification;
use netsplit::checker::specifications::*;
use netsplit::client::{KeyValueOperation, KeyValueResponse, RequestId};
use netsplit::history::Datum;
use netsplit::node::NodeId;
use std::cell::Cell as Count;

pub struct Object<S: Specification> {
    pub specification: S,
    pub operation: fn(&mut Numbers, u64) -> S::Operation,
    pub execute: fn(&S::State, &S::Operation) -> S::Response,
    pub same_question: fn(&S::Operation, &S::Operation) -> bool,
}

pub trait Visit {
    fn visit<S: Specification + Clone>(&mut self, name: &str, object: &Object<S>);
}

/// A number that no other call on this thread gave.
fn fresh() -> u64 {
    thread_local!(static COUNT: Count<u64> = const { Count::new(0) });
    COUNT.with(|count| {
        count.set(count.get() + 1);
        count.get()
    })
}

fn same<T>(one: &T, other: &T) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

pub fn each_object(visitor: &mut impl Visit) {
    visitor.visit("a register of few values", &register(|numbers, _| numbers.below(4) as i64, false));
    visitor.visit("a register of many values", &register(|_, _| fresh() as i64, false));
    visitor.visit("a register that is compared", &register(|numbers, _| numbers.below(3) as i64, true));
    visitor.visit("keys and values", &keys());
    visitor.visit("the store", &store());
    visitor.visit("a counter", &counter());
    visitor.visit("a set", &set(true));
    visitor.visit("a set that is read", &set(false));
    let queue = |specification| Object {
        specification,
        operation: |numbers, _| queue_operation(numbers, true),
        execute: |state: &std::collections::VecDeque<u64>, operation: &_| answer(state.front(), operation),
        same_question: same,
    };
    visitor.visit("a queue of different values", &queue(Queue::default()));
    let few = Object { operation: |numbers, _| queue_operation(numbers, false), ..queue(Queue::default()) };
    visitor.visit("a queue of few values", &few);
    visitor.visit(
        "a stack",
        &Object {
            specification: Stack::default(),
            operation: |numbers, _| queue_operation(numbers, true),
            execute: |state: &Sequence<u64>, operation: &_| {
                answer(state.last().map(|last| last.0), operation)
            },
            same_question: same,
        },
    );
    visitor.visit(
        "a priority queue",
        &Object {
            specification: PriorityQueue::default(),
            operation: |numbers, _| match numbers.below(2) {
                0 => QueueOperation::Put(numbers.below(1000)),
                _ => QueueOperation::Take,
            },
            execute: |state: &Vec<u64>, operation: &_| answer(state.last(), operation),
            same_question: same,
        },
    );
    visitor.visit("a mutex", &mutex());
    visitor.visit("a bank", &bank());
    visitor.visit("a log", &log());
}

fn queue_operation(numbers: &mut Numbers, differ: bool) -> QueueOperation<u64> {
    match numbers.below(2) {
        0 if differ => QueueOperation::Put(fresh()),
        0 => QueueOperation::Put(numbers.below(3)),
        _ => QueueOperation::Take,
    }
}

fn answer(next: Option<&u64>, operation: &QueueOperation<u64>) -> QueueResponse<u64> {
    match (operation, next) {
        (QueueOperation::Put(_), _) => QueueResponse::Done,
        (QueueOperation::Take, Some(next)) => QueueResponse::Value(*next),
        (QueueOperation::Take, None) => QueueResponse::Empty,
    }
}

fn register(value: fn(&mut Numbers, u64) -> i64, compares: bool) -> Object<Register<i64>> {
    use RegisterOperation::{CompareAndSet, Read, Write};
    fn execute(state: &i64, operation: &RegisterOperation<i64>) -> RegisterResponse<i64> {
        match operation {
            Read => RegisterResponse::Value(*state),
            CompareAndSet(from, _) if from != state => RegisterResponse::Mismatch,
            _ => RegisterResponse::Done,
        }
    }
    let operation = match (compares, value(&mut Numbers(0), 0) < 4) {
        (true, _) => |numbers: &mut Numbers, _| match numbers.below(3) {
            0 => Read,
            1 => Write(numbers.below(3) as i64),
            _ => CompareAndSet(numbers.below(3) as i64, numbers.below(3) as i64),
        },
        (_, true) => |numbers: &mut Numbers, _| match numbers.below(2) {
            0 => Read,
            _ => Write(numbers.below(4) as i64),
        },
        _ => |numbers: &mut Numbers, _| match numbers.below(2) {
            0 => Read,
            _ => Write(fresh() as i64),
        },
    };
    Object { specification: Register { initial: 0 }, operation, execute, same_question: same }
}

fn keys() -> Object<Keyed<Cell>> {
    Object {
        specification: Keyed { object: Cell::default(), is_split: false },
        operation: |numbers, node| {
            let key = Datum::Int(numbers.below(3) as i64);
            let text = |numbers: &mut Numbers| Datum::Text(format!("x {node} {} y", numbers.below(100)));
            let operation = match numbers.below(4) {
                0 => CellOperation::Put(text(numbers)),
                1 => CellOperation::Append(text(numbers)),
                _ => CellOperation::Get,
            };
            OnKey { key, operation }
        },
        execute: |state, on| match on.operation {
            CellOperation::Get => {
                let stored = state.iter().find(|(key, _)| *key == on.key).map(|(_, stored)| stored.clone());
                CellResponse::Value(stored.unwrap_or_else(|| Datum::from("")))
            }
            _ => CellResponse::Done,
        },
        same_question: |one, other| one.key == other.key && same(&one.operation, &other.operation),
    }
}

fn store() -> Object<Store> {
    Object {
        specification: Store,
        operation: |numbers, node| {
            let key = numbers.below(2);
            let value = RequestId { client: NodeId::new(node as usize), operation: fresh() };
            match numbers.below(2) {
                0 => KeyValueOperation::Read { key },
                _ => KeyValueOperation::Write { key, value },
            }
        },
        execute: |state, operation| match operation {
            KeyValueOperation::Read { key } => {
                let stored = state.iter().find(|(other, _)| other == key).map(|(_, stored)| *stored);
                KeyValueResponse::Read(stored)
            }
            KeyValueOperation::Write { .. } => KeyValueResponse::Written,
        },
        same_question: same,
    }
}

fn counter() -> Object<Counter> {
    Object {
        specification: Counter::default(),
        operation: |numbers, _| match numbers.below(2) {
            0 => CounterOperation::Read,
            _ => CounterOperation::Add(numbers.below(3) as i64 + 1),
        },
        execute: |state, operation| match operation {
            CounterOperation::Read => CounterResponse::Value(*state),
            CounterOperation::Add(_) => CounterResponse::Done,
        },
        same_question: same,
    }
}

fn set(by_element: bool) -> Object<Set<u64>> {
    let operation = match by_element {
        true => |numbers: &mut Numbers, _| match numbers.below(4) {
            0 => SetOperation::Add(numbers.below(5)),
            1 => SetOperation::Remove(numbers.below(5)),
            _ => SetOperation::Contains(numbers.below(5)),
        },
        false => |numbers: &mut Numbers, _| match numbers.below(4) {
            0 => SetOperation::Add(numbers.below(5)),
            1 => SetOperation::Remove(numbers.below(5)),
            _ => SetOperation::Read,
        },
    };
    Object {
        specification: Set::default(),
        operation,
        execute: |state, operation| match operation {
            SetOperation::Read => SetResponse::Elements(state.clone()),
            SetOperation::Contains(element) => SetResponse::Is(state.contains(element)),
            SetOperation::Remove(element) => SetResponse::Is(state.contains(element)),
            SetOperation::Add(_) => SetResponse::Done,
        },
        same_question: same,
    }
}

fn mutex() -> Object<Mutex> {
    Object {
        specification: Mutex,
        operation: |numbers, _| match numbers.below(2) {
            0 => MutexOperation::Acquire,
            _ => MutexOperation::Release(None),
        },
        execute: |state, operation| {
            let may = Mutex.step(state, operation, Some(&MutexResponse::Refused)).is_none();
            match operation {
                _ if !may => MutexResponse::Refused,
                MutexOperation::Acquire => MutexResponse::Token(fresh() as i64),
                _ => MutexResponse::Done,
            }
        },
        same_question: same,
    }
}

fn bank() -> Object<Bank<u64>> {
    Object {
        specification: Bank { initial: [(0, 10), (1, 10), (2, 10)].into() },
        operation: |numbers, _| match numbers.below(3) {
            0 => BankOperation::Read,
            1 => BankOperation::Balance(numbers.below(3)),
            _ => BankOperation::Transfer {
                from: numbers.below(3),
                to: numbers.below(3),
                amount: numbers.below(8) as i64,
            },
        },
        execute: |state, operation| match operation {
            BankOperation::Read => BankResponse::Balances(state.clone()),
            BankOperation::Balance(account) => {
                BankResponse::Balance(state.get(account).copied().unwrap_or(0))
            }
            BankOperation::Transfer { from, amount, .. }
                if state.get(from).copied().unwrap_or(0) < *amount =>
            {
                BankResponse::Refused
            }
            _ => BankResponse::Done,
        },
        same_question: same,
    }
}

fn log() -> Object<Log<u64>> {
    Object {
        specification: Log::default(),
        operation: |numbers, _| match numbers.below(3) {
            0 => LogOperation::Append(fresh()),
            1 => LogOperation::ReadAt(numbers.below(4)),
            _ => LogOperation::Read,
        },
        execute: |state, operation| match operation {
            LogOperation::Append(_) => LogResponse::At(state.len() as u64),
            LogOperation::Read => {
                let mut entries: Vec<u64> = state.reversed().copied().collect();
                entries.reverse();
                LogResponse::Entries(entries)
            }
            LogOperation::ReadAt(place) => {
                let behind = (state.len() as u64).checked_sub(place + 1);
                LogResponse::Entry(behind.and_then(|behind| state.reversed().nth(behind as usize).copied()))
            }
        },
        same_question: same,
    }
}
