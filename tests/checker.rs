//! The checkers of histories against brute force, on all small histories and on many random ones, and on
//! recorded histories with known verdicts.

#[path = "checker/brute_force.rs"]
mod brute_force;
#[path = "../benches/consistency/generator.rs"]
mod generator;
#[path = "checker/objects.rs"]
mod objects;

use brute_force::{Order, Version, breaks_a_session, has_an_order};
use generator::{Numbers, Shape, altered, generate};
use netsplit::checker::files::{CheckedFile, Consistency, Fail};
use netsplit::checker::sessions::{self, Access, Guarantee};
use netsplit::checker::specifications::{
    CounterOperation, CounterResponse, Register, RegisterOperation, RegisterResponse,
};
use netsplit::checker::{
    Budget, Entry, Specification, Spent, Verdict, linearizable, sequentially_consistent,
};
use netsplit::history::{ClientId, Datum, History, RecordedHistory};
use netsplit::process::Outcome;
use netsplit::time::Time;
use objects::{Object, each_object};

/// A specification without what makes it fast.
struct Plain<S>(S);

impl<S: Specification> Specification for Plain<S> {
    type State = S::State;
    type Operation = S::Operation;
    type Response = S::Response;
    fn initial(&self) -> S::State {
        self.0.initial()
    }
    fn step(&self, state: &S::State, op: &S::Operation, response: Option<&S::Response>) -> Option<S::State> {
        self.0.step(state, op, response)
    }
}

/// A specification without its way around the search.
struct Searched<S>(S);

impl<S: Specification> Specification for Searched<S> {
    type State = S::State;
    type Operation = S::Operation;
    type Response = S::Response;
    fn initial(&self) -> S::State {
        self.0.initial()
    }
    fn step(&self, state: &S::State, op: &S::Operation, response: Option<&S::Response>) -> Option<S::State> {
        self.0.step(state, op, response)
    }
    fn reads(&self, op: &S::Operation, response: Option<&S::Response>) -> bool {
        self.0.reads(op, response)
    }
    fn order(&self, history: &[Entry<'_, S::Operation, S::Response>]) -> Option<Vec<u64>> {
        self.0.order(history)
    }
    fn grows(&self, history: &[Entry<'_, S::Operation, S::Response>]) -> bool {
        self.0.grows(history)
    }
    fn is_past(&self, state: &S::State, op: &S::Operation, response: &S::Response) -> bool {
        self.0.is_past(state, op, response)
    }
}

fn show<O: std::fmt::Debug, R: std::fmt::Debug>(history: &History<O, R>) -> String {
    let line = |operation| format!("{operation:?}\n");
    history.operations().iter().map(line).collect()
}

/// A witness is a part of the history that is violated, and is not without the impossible response.
fn is_violated_by_its_part<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    verdict: &Verdict,
    order: &Order,
) {
    let Verdict::Violated(witness) = verdict else { return };
    assert!(witness.operations.contains(&witness.impossible), "{witness}\n{}", show(history));
    let part = |without: Option<usize>| {
        let mut index = 0;
        history.map(|operation| {
            index += 1;
            let keep = witness.operations.contains(&(index - 1)) && Some(index - 1) != without;
            keep.then(|| (operation.operation.clone(), operation.response.clone()))
        })
    };
    assert!(!has_an_order(specification, &part(None), order), "{witness}\n{}", show(history));
}

/// Compares every checker with brute force on one history.
fn agrees<S: Specification + Clone>(specification: &S, history: &History<S::Operation, S::Response>) -> bool {
    let budget = Budget::default();
    let expected = has_an_order(specification, history, &Order::RealTime);
    let found = [
        linearizable(specification, history, &budget),
        linearizable(&Plain(specification.clone()), history, &budget),
        linearizable(&Searched(specification.clone()), history, &budget),
    ];
    for verdict in &found {
        assert_eq!(verdict.holds(), Some(expected), "linearizable:\n{}", show(history));
        is_violated_by_its_part(specification, history, verdict, &Order::RealTime);
    }
    let sequential = has_an_order(specification, history, &Order::Program);
    let found = sequentially_consistent(specification, history, &budget);
    assert_eq!(found.holds(), Some(sequential), "sequential:\n{}", show(history));
    is_violated_by_its_part(specification, history, &found, &Order::Program);
    let plain = sequentially_consistent(&Plain(specification.clone()), history, &budget);
    assert_eq!(plain.holds(), Some(sequential), "sequential:\n{}", show(history));
    expected
}

/// Every history of three clients and so many operations, each one of `asked`, which answers or does not.
fn all_histories<O: Clone, R: Clone>(
    asked: &[(O, R)],
    operations: usize,
    mut check: impl FnMut(&History<O, R>),
) -> usize {
    /// A history in the making, what each client has open, and its client number.
    type Making<O, R> = (History<O, R>, [Option<(usize, R)>; 3], [u32; 3]);
    let mut making: Vec<Making<O, R>> = vec![(History::new(), [None, None, None], [0; 3])];
    let mut count = 0;
    while let Some((history, open, numbers)) = making.pop() {
        if history.len() == operations && open.iter().all(Option::is_none) {
            check(&history);
            count += 1;
            continue;
        }
        let used = history.operations().iter().map(|operation| operation.client.node + 1).max().unwrap_or(0);
        for client in 0..3 {
            match &open[client] {
                Some((index, answer)) => {
                    let (mut history, mut open) = (history.clone(), open.clone());
                    history.respond(*index, Outcome::Ok, Some(answer.clone()), None);
                    open[client] = None;
                    making.push((history, open, numbers));
                }
                // Clients are alike: the next new one is the next.
                None if history.len() < operations && client as u64 <= used => {
                    for (operation, answer) in asked {
                        let (mut history, mut open) = (history.clone(), open.clone());
                        let id = ClientId { node: client as u64, number: numbers[client] };
                        let index = history.invoke(id, operation.clone(), None);
                        let mut timed_out = (history.clone(), open.clone(), numbers);
                        timed_out.2[client] += 1;
                        making.push(timed_out);
                        open[client] = Some((index, answer.clone()));
                        making.push((history, open, numbers));
                    }
                }
                None => {}
            }
        }
    }
    count
}

#[test]
fn on_all_small_histories_of_a_register_every_checker_agrees_with_brute_force() {
    use RegisterOperation::{CompareAndSet, Read, Write};
    use RegisterResponse::{Done, Mismatch, Value};
    let register = Register { initial: 0_i64 };
    let both = [(Read, Value(0)), (Read, Value(1)), (Write(1), Done), (Write(2), Done)];
    let compared =
        [(Read, Value(1)), (Write(1), Done), (CompareAndSet(1, 2), Done), (CompareAndSet(1, 2), Mismatch)];
    let (mut held, mut count) = (0, 0);
    for asked in [&both[..], &compared[..]] {
        for operations in 1..=3 {
            count += all_histories(asked, operations, |history| {
                held += usize::from(agrees(&register, history));
            });
        }
    }
    assert!(count > 10_000 && held > count / 10 && held < count, "{held} of {count}");
}

struct Random;

impl objects::Visit for Random {
    fn visit<S: Specification + Clone>(&mut self, name: &str, object: &Object<S>) {
        let mut violated = 0;
        for seed in 0..120 {
            let mut numbers = Numbers(seed);
            let shape = Shape { clients: 3, operations: 4 + seed as usize % 4, timeouts: 150 * (seed % 2) };
            let history =
                generate(&object.specification, &mut numbers, shape, object.operation, object.execute);
            assert!(agrees(&object.specification, &history), "{name}: {}", show(&history));
            let altered = altered(&history, &mut numbers, object.same_question);
            violated += usize::from(!agrees(&object.specification, &altered));
        }
        assert!(violated > 5, "{name}: {violated} of the altered histories are violated");
    }
}

#[test]
fn on_random_histories_of_every_object_every_checker_agrees_with_brute_force() {
    each_object(&mut Random);
}

struct Large;

impl objects::Visit for Large {
    fn visit<S: Specification + Clone>(&mut self, name: &str, object: &Object<S>) {
        for (clients, operations, timeouts) in [(3, 60, 0), (5, 80, 100), (8, 400, 5)] {
            for seed in 0..2 {
                let shape = Shape { clients, operations, timeouts };
                let mut numbers = Numbers(seed);
                let history =
                    generate(&object.specification, &mut numbers, shape, object.operation, object.execute);
                let budget = Budget { steps: 300_000, ..Budget::default() };
                let verdict = linearizable(&object.specification, &history, &budget);
                assert_eq!(verdict.holds(), Some(true), "{name}, {clients} clients, {operations} operations");
            }
        }
    }
}

#[test]
fn what_is_linearizable_by_construction_is_accepted_at_every_size() {
    each_object(&mut Large);
}

fn verdict(file: &str, specification: &str, initial: Option<Datum>, fail: Fail) -> Verdict {
    let path = format!("{}/tests/histories/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a readable file");
    let file = RecordedHistory::parse(&text).expect("a history");
    let consistency = Consistency::Linearizable;
    let checked = CheckedFile { file: &file, specification, consistency, initial, fail };
    checked.check(&Budget::default()).expect("a history of the specification")
}

#[test]
fn recorded_histories_have_their_published_verdicts() {
    let zero = Some(Datum::Int(0));
    for (file, specification, initial, fail, expected) in [
        ("etcd_000.log", "cas-register", None, Fail::IsAnswer, false),
        ("etcd_002.log", "cas-register", None, Fail::IsAnswer, true),
        ("c01-ok.txt", "kv", None, Fail::DidNotTakePlace, true),
        ("c01-bad.txt", "kv", None, Fail::DidNotTakePlace, false),
        ("rethink-fail-minimal.edn", "cas-register", None, Fail::DidNotTakePlace, false),
        ("memstress3-20.edn", "cas-register", zero, Fail::DidNotTakePlace, true),
    ] {
        assert_eq!(verdict(file, specification, initial, fail).holds(), Some(expected), "{file}");
    }
}

#[test]
fn a_witness_is_small_and_says_what_does_not_fit() {
    let Verdict::Violated(witness) =
        verdict("rethink-fail-minimal.edn", "cas-register", None, Fail::default())
    else {
        panic!("it is violated");
    };
    assert_eq!(witness.sentence, "client 1 read 3 at event 5, but nobody had written it");
    let Verdict::Violated(witness) = verdict("etcd_000.log", "cas-register", None, Fail::IsAnswer) else {
        panic!("it is violated");
    };
    assert!(witness.operations.len() <= 8, "{witness}");
}

#[test]
fn session_guarantees_agree_with_brute_force() {
    let register = Register { initial: 0_u64 };
    let mut broken = [0; 4];
    for seed in 0..3_000 {
        let mut numbers = Numbers(seed);
        let (mut history, mut done, mut written) = (History::new(), Vec::new(), 0);
        for _ in 0..3 + seed % 6 {
            let client = numbers.below(3);
            let reads = numbers.below(3) > 0;
            let version = if reads { numbers.below(written + 1) } else { written + 1 };
            written = written.max(version);
            let (operation, response) = match reads {
                true => (RegisterOperation::Read, RegisterResponse::Value(version)),
                false => (RegisterOperation::Write(version), RegisterResponse::Done),
            };
            let index = history.invoke(client, operation, None);
            history.respond(index, Outcome::Ok, Some(response), None);
            done.push(Version { client, version: version as usize, reads });
        }
        for (guarantee, broken) in Guarantee::ALL.into_iter().zip(&mut broken) {
            let access = |operation: &RegisterOperation<u64>| {
                let access = match operation {
                    RegisterOperation::Write(value) => Access::Write(*value),
                    _ => Access::Read,
                };
                ((), access)
            };
            let value = |response: &RegisterResponse<u64>| match response {
                RegisterResponse::Value(value) => Some(*value),
                _ => None,
            };
            let verdict =
                sessions::check(&register, &history, guarantee, &0, access, value).expect("versions");
            let expected = !breaks_a_session(&done, guarantee);
            assert_eq!(verdict.holds(), Some(expected), "{}:\n{}", guarantee.name(), show(&history));
            *broken += usize::from(!expected);
        }
    }
    assert!(broken.iter().all(|broken| *broken > 20), "{broken:?}");
}

#[test]
fn a_budget_ends_in_unknown_at_the_same_step_each_time() {
    let counter = netsplit::checker::specifications::Counter::default();
    let mut history = History::new();
    let asked: Vec<usize> = (0..40)
        .map(|client| {
            let amount = if client == 0 { -1 } else { 1 << client };
            history.invoke(client, CounterOperation::Add(amount), None)
        })
        .collect();
    let read = history.invoke(50, CounterOperation::Read, None);
    history.respond(read, Outcome::Ok, Some(CounterResponse::Value(1 << 50)), None);
    for operation in asked {
        history.respond(operation, Outcome::Ok, Some(CounterResponse::Done), None);
    }
    let unknown = |budget: &Budget<'_>| match linearizable(&counter, &history, budget) {
        Verdict::Unknown(progress) => progress,
        other => panic!("{other:?}"),
    };
    let few = Budget { steps: 20_000, ..Budget::default() };
    assert_eq!(unknown(&few).spent, Spent::Steps);
    assert_eq!(unknown(&few), unknown(&few));
    assert_eq!((unknown(&few).explained, unknown(&few).responses), (0, 41));
    assert_eq!(unknown(&Budget { bytes: 1 << 20, ..Budget::default() }).spent, Spent::Memory);
    let patience = Budget { stop: Some(&|| true), ..Budget::default() };
    assert_eq!(unknown(&patience).spent, Spent::Patience);
}

#[test]
fn replicas_converge_if_the_last_reads_after_heal_agree() {
    let register = Register { initial: 0 };
    let access = |operation: &RegisterOperation<i32>| match operation {
        RegisterOperation::Write(value) => ((), Access::Write(*value)),
        _ => ((), Access::Read),
    };
    let value = |response: &RegisterResponse<i32>| match response {
        RegisterResponse::Value(value) => Some(*value),
        _ => None,
    };
    let judge = |reads: &[(u64, u64, i32)]| {
        let mut history = History::new();
        let at = |second| Some(Time::from_nanoseconds(second));
        let write = history.invoke(9, RegisterOperation::Write(1), at(1));
        history.respond(write, Outcome::Ok, Some(RegisterResponse::Done), at(2));
        for &(client, second, value) in reads {
            let read = history.invoke(client, RegisterOperation::Read, at(second));
            history.respond(read, Outcome::Ok, Some(RegisterResponse::Value(value)), at(second));
        }
        sessions::converges(&register, &history, Time::from_nanoseconds(10), access, value).holds()
    };
    assert_eq!(judge(&[(1, 5, 0), (2, 11, 1), (1, 12, 0), (1, 13, 1)]), Some(true), "in the end they agree");
    assert_eq!(judge(&[(2, 11, 1), (1, 12, 0)]), Some(false));
    assert_eq!(judge(&[(2, 8, 1), (1, 9, 0)]), Some(true), "nothing has healed yet");
}
