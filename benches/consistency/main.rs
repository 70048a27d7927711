//! How long the checker takes, beside a plain search in the same program.
//!
//! `cargo bench --bench consistency` ends with one line a figure, `NAME ours_us floor_us ratio`, the ratio being how
//! many times as long the floor takes. `-- NAME` runs those with NAME in their names. Recorded histories are those of
//! `tests/histories`; the others are generated, of the same kinds, from fixed seeds. A `-` stands for a floor that did
//! not end within its steps, and its time is then a lower bound.

// What is measured is time; nothing here reaches a run.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod floor;
mod generator;

use generator::{Numbers, Shape, altered, generate};
use netsplit::checker::files::{Fail, read};
use netsplit::checker::specifications::{
    Cell, CellOperation, CellResponse, Keyed, OnKey, Queue, QueueOperation, QueueResponse, Register,
    RegisterOperation, RegisterResponse,
};
use netsplit::checker::{Budget, Specification, is_linearizable};
use netsplit::history::{Datum, History, RecordedHistory};
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long a figure is measured at least, and how often.
const LEAST: Duration = Duration::from_millis(100);
const REPETITIONS: usize = 5;
/// What the floor may take; and what takes longer is measured once.
const STEPS: u64 = 2_000_000;
const SLOW: Duration = Duration::from_millis(500);

type KeyValues = History<OnKey<CellOperation>, CellResponse>;
type Registers = History<RegisterOperation<i64>, RegisterResponse<i64>>;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_asked = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part.as_str()));
    for name in ["etcd_000", "etcd_002"] {
        let text = recorded(&format!("{name}.log"));
        let (specification, history) =
            read(Register { initial: Datum::Nil }, &text, Fail::IsAnswer).expect("a log");
        figure(name, &specification, &[history], is_asked(name));
    }
    for name in ["c01-ok", "c01-bad"] {
        let text = recorded(&format!("{name}.txt"));
        let (specification, history) =
            read(Cell::default(), &text, Fail::DidNotTakePlace).expect("a history");
        figure(name, &specification, &[history], is_asked(name));
    }
    let register = Register { initial: -1 };
    // As etcd's: 5 clients, 80 operations, many time-outs, two thirds of them violated.
    let etcd = |seed: u64| {
        let mut numbers = Numbers(seed);
        let timeouts = [20, 100, 250][seed as usize % 3];
        let shape = Shape { clients: 5, operations: 80, timeouts };
        let history = generate(&register, &mut numbers, shape, compared, answer);
        if seed.is_multiple_of(3) { history } else { altered(&history, &mut numbers, |a, b| a == b) }
    };
    let logs: Vec<Registers> = (0..102).map(etcd).collect();
    figure("etcd-like-102", &register, &logs, is_asked("etcd-like-102"));

    let keys = Keyed { object: Cell::default(), is_split: false };
    for (clients, operations) in [(1, 58), (10, 337), (50, 1712)] {
        let history = key_values(&keys, clients, operations);
        let name = format!("kv-{operations}");
        figure(&name, &keys, std::slice::from_ref(&history), is_asked(&name));
        let same = |a: &OnKey<CellOperation>, b: &OnKey<CellOperation>| a == b;
        let bad = altered(&history, &mut Numbers(7), same);
        let name = format!("kv-{operations}-bad");
        figure(&name, &keys, &[bad], is_asked(&name));
    }
    for (name, clients, operations, values) in [
        ("register-10-400-unique", 10, 400, 0),
        ("register-10-400-five", 10, 400, 5),
        ("register-50-5000-unique", 50, 5000, 0),
        ("register-50-5000-five", 50, 5000, 5),
    ] {
        let mut fresh = 0;
        let write = |numbers: &mut Numbers, _| match numbers.below(2) {
            0 => RegisterOperation::Read,
            _ if values > 0 => RegisterOperation::Write(numbers.below(values) as i64),
            _ => {
                fresh += 1;
                RegisterOperation::Write(fresh)
            }
        };
        let shape = Shape { clients, operations, timeouts: 5 };
        let history = generate(&register, &mut Numbers(3), shape, write, answer);
        figure(name, &register, &[history], is_asked(name));
    }
    let mut fresh = 0;
    let put = |numbers: &mut Numbers, _| match numbers.below(2) {
        0 => QueueOperation::Take,
        _ => {
            fresh += 1;
            QueueOperation::Put(fresh)
        }
    };
    let take = |state: &VecDeque<u64>, operation: &QueueOperation<u64>| match (operation, state.front()) {
        (QueueOperation::Put(_), _) => QueueResponse::Done,
        (_, Some(next)) => QueueResponse::Value(*next),
        (_, None) => QueueResponse::Empty,
    };
    let shape = Shape { clients: 10, operations: 400, timeouts: 5 };
    let history = generate(&Queue::default(), &mut Numbers(5), shape, put, take);
    figure("queue-10-400", &Queue::default(), &[history], is_asked("queue-10-400"));
}

fn recorded(name: &str) -> RecordedHistory {
    let path = format!("{}/tests/histories/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a readable file");
    RecordedHistory::parse(&text).expect("a history")
}

fn compared(numbers: &mut Numbers, _: u64) -> RegisterOperation<i64> {
    let mut value = || numbers.below(5) as i64;
    match value() {
        0 | 1 => RegisterOperation::Read,
        2 => RegisterOperation::Write(value()),
        _ => RegisterOperation::CompareAndSet(value(), value()),
    }
}

fn answer(state: &i64, operation: &RegisterOperation<i64>) -> RegisterResponse<i64> {
    match operation {
        RegisterOperation::Read => RegisterResponse::Value(*state),
        RegisterOperation::CompareAndSet(from, _) if from != state => RegisterResponse::Mismatch,
        _ => RegisterResponse::Done,
    }
}

/// As porcupine's: ten keys, mostly appends of values that differ, and gets.
fn key_values(keys: &Keyed<Cell>, clients: u64, operations: usize) -> KeyValues {
    let mut fresh = 0;
    let operation = |numbers: &mut Numbers, node: u64| {
        fresh += 1;
        let text = Datum::Text(format!("x {node} {fresh} y"));
        let operation = match numbers.below(100) {
            0..45 => CellOperation::Append(text),
            45..55 => CellOperation::Put(text),
            _ => CellOperation::Get,
        };
        OnKey { key: Datum::Int(numbers.below(10) as i64), operation }
    };
    let answer = |state: &Vec<(Datum, Datum)>, on: &OnKey<CellOperation>| match on.operation {
        CellOperation::Get => {
            let stored = state.iter().find(|(key, _)| *key == on.key).map(|(_, stored)| stored.clone());
            CellResponse::Value(stored.unwrap_or_else(|| Datum::from("")))
        }
        _ => CellResponse::Done,
    };
    let shape = Shape { clients, operations, timeouts: 0 };
    generate(keys, &mut Numbers(clients), shape, operation, answer)
}

/// Measures and prints one figure. Both must come to the same verdicts.
fn figure<S: Specification>(
    name: &str,
    specification: &S,
    histories: &[History<S::Operation, S::Response>],
    is_asked: bool,
) {
    if !is_asked {
        return;
    }
    let budget = Budget::default();
    // Without a witness, which the floor has not either.
    let ours = |history| is_linearizable(specification, history, &budget);
    let floor = |history| floor::linearizable(specification, history, STEPS);
    let mut ended = true;
    let start = Instant::now();
    let floors: Vec<Option<bool>> = histories.iter().map(floor).collect();
    let once = start.elapsed();
    for (number, (history, floor)) in histories.iter().zip(floors).enumerate() {
        let ours = ours(history);
        ended &= floor.is_some();
        assert!(floor.is_none() || ours == floor, "{name}, history {number}: {ours:?}, the floor: {floor:?}");
        if ours.is_none() {
            println!("{name} is not decided within the budget");
            return;
        }
    }
    let ours_us = measure(|| histories.iter().map(ours).filter(|verdict| *verdict == Some(true)).count());
    let floor_us = match once > SLOW {
        true => once.as_secs_f64() * 1e6,
        false => measure(|| histories.iter().map(floor).filter(|verdict| *verdict == Some(true)).count()),
    };
    let mark = if ended { "" } else { " -" };
    println!("{name} {ours_us:.1} {floor_us:.1} {:.1}{mark}", floor_us / ours_us);
}

/// The median time of a call, in microseconds.
fn measure(call: impl Fn() -> usize) -> f64 {
    let mut times: Vec<f64> = (0..REPETITIONS)
        .map(|_| {
            let (start, mut calls) = (Instant::now(), 0);
            while calls == 0 || start.elapsed() < LEAST {
                black_box(call());
                calls += 1;
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[REPETITIONS / 2]
}
