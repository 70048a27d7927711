//! Histories to check: linearizable by construction, with time-outs, and the same with one response altered. They are
//! of the kinds that recorded histories are. Shared by the benchmark and by `tests/checker.rs`.

use netsplit::checker::Specification;
use netsplit::history::{ClientId, History};
use netsplit::process::Outcome;

/// Numbers from a seed (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// How a history is made.
#[derive(Clone, Copy)]
pub struct Shape {
    pub clients: u64,
    pub operations: usize,
    /// How many operations in a thousand time out.
    pub timeouts: u64,
}

enum Doing<O, R> {
    Nothing,
    Asked(usize, O),
    Answered(usize, R),
}

/// A client: its number, and what it is doing.
type Client<S> = (u32, Doing<<S as Specification>::Operation, <S as Specification>::Response>);

/// A history that is linearizable by construction: `operation` draws what is asked for, and `execute` says what it
/// answers in a state. What times out takes effect at once, later, or never.
pub fn generate<S: Specification>(
    specification: &S,
    numbers: &mut Numbers,
    shape: Shape,
    mut operation: impl FnMut(&mut Numbers, u64) -> S::Operation,
    execute: impl Fn(&S::State, &S::Operation) -> S::Response,
) -> History<S::Operation, S::Response> {
    let mut history = History::new();
    let mut state = specification.initial();
    let mut clients: Vec<Client<S>> = (0..shape.clients).map(|_| (0, Doing::Nothing)).collect();
    let mut late: Vec<S::Operation> = Vec::new();
    loop {
        if !late.is_empty() && numbers.below(20) == 0 {
            let operation = late.swap_remove(numbers.below(late.len() as u64) as usize);
            let answer = execute(&state, &operation);
            state = specification.step(&state, &operation, Some(&answer)).expect("an answer that is allowed");
        }
        let node = numbers.below(shape.clients);
        let (number, doing) = &mut clients[node as usize];
        match std::mem::replace(doing, Doing::Nothing) {
            Doing::Nothing if history.len() < shape.operations => {
                let asked = operation(numbers, node);
                let index = history.invoke(ClientId { node, number: *number }, asked.clone(), None);
                if numbers.below(1000) < shape.timeouts {
                    *number += 1;
                    late.push(asked);
                } else {
                    *doing = Doing::Asked(index, asked);
                }
            }
            Doing::Nothing => {}
            Doing::Asked(index, asked) => {
                let answer = execute(&state, &asked);
                state = specification.step(&state, &asked, Some(&answer)).expect("an answer that is allowed");
                *doing = Doing::Answered(index, answer);
            }
            Doing::Answered(index, answer) => {
                history.respond(index, Outcome::Ok, Some(answer), None);
            }
        }
        let idle = clients.iter().all(|(_, doing)| matches!(doing, Doing::Nothing));
        if history.len() == shape.operations && idle {
            return history;
        }
    }
}

/// The history with one answer altered: another operation's, if that is another answer to the same question.
pub fn altered<O: Clone + PartialEq, R: Clone + PartialEq>(
    history: &History<O, R>,
    numbers: &mut Numbers,
    same_question: impl Fn(&O, &O) -> bool,
) -> History<O, R> {
    let operations = history.operations();
    for _ in 0..200 {
        let of = numbers.below(operations.len() as u64) as usize;
        let from = numbers.below(operations.len() as u64) as usize;
        let (asked, given) = (&operations[of], &operations[from]);
        let differs =
            asked.response.is_some() && given.response.is_some() && asked.response != given.response;
        if differs && same_question(&asked.operation, &given.operation) {
            let mut index = 0;
            return history.map(|operation| {
                index += 1;
                let response =
                    if index - 1 == of { given.response.clone() } else { operation.response.clone() };
                Some((operation.operation.clone(), response))
            });
        }
    }
    history.map(|operation| Some((operation.operation.clone(), operation.response.clone())))
}
