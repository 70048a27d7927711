//! Consistency models as they are defined, without a clever thought: try every order.

use netsplit::checker::Specification;
use netsplit::checker::sessions::Guarantee;
use netsplit::history::{History, Operation};
use netsplit::process::Outcome;
use std::collections::BTreeSet;

/// What must come before what.
pub enum Order {
    /// What ended before the other began.
    RealTime,
    /// What the same client did before.
    Program,
}

/// Whether some order of the operations, those of unknown outcome at will, is allowed by the specification.
pub fn has_an_order<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    order: &Order,
) -> bool {
    let operations: Vec<&Operation<_, _>> =
        history.operations().iter().filter(|operation| operation.outcome != Outcome::Failed).collect();
    let mut chosen = vec![false; operations.len()];
    search(specification, &operations, order, &specification.initial(), &mut chosen)
}

fn search<S: Specification>(
    specification: &S,
    operations: &[&Operation<S::Operation, S::Response>],
    order: &Order,
    state: &S::State,
    chosen: &mut Vec<bool>,
) -> bool {
    let known = |operation: &Operation<_, _>| operation.outcome == Outcome::Ok;
    if operations.iter().zip(&*chosen).all(|(operation, chosen)| *chosen || !known(operation)) {
        return true;
    }
    for next in 0..operations.len() {
        let precedes = |other: &Operation<_, _>| match order {
            Order::RealTime => other.responded.is_some_and(|moment| moment < operations[next].invoked),
            Order::Program => {
                other.client == operations[next].client && other.invoked < operations[next].invoked
            }
        };
        let mut others = operations.iter().zip(&*chosen);
        if chosen[next] || others.any(|(other, chosen)| !chosen && known(other) && precedes(other)) {
            continue;
        }
        let Operation { operation, response, .. } = operations[next];
        if let Some(state) = specification.step(state, operation, response.as_ref()) {
            chosen[next] = true;
            let found = search(specification, operations, order, &state, chosen);
            chosen[next] = false;
            if found {
                return true;
            }
        }
    }
    false
}

/// Reads and writes of one register: what a client did with which version, 0 being the first.
pub struct Version {
    pub client: u64,
    pub version: usize,
    pub reads: bool,
}

/// Whether the guarantee is violated: follows every path of what it demands.
pub fn breaks_a_session(done: &[Version], guarantee: Guarantee) -> bool {
    let (mut own, mut aid) = (BTreeSet::new(), BTreeSet::new());
    for (place, later) in done.iter().enumerate() {
        for earlier in done[..place].iter().filter(|earlier| earlier.client == later.client) {
            let pair = (earlier.version, later.version);
            if pair.0 == pair.1 {
                continue;
            }
            let demanded = match guarantee {
                Guarantee::ReadYourWrites => !earlier.reads && later.reads,
                Guarantee::MonotonicReads => earlier.reads && later.reads,
                Guarantee::MonotonicWrites => !earlier.reads && !later.reads,
                Guarantee::WritesFollowReads => earlier.reads && !later.reads,
            };
            if demanded {
                own.insert(pair);
            }
            if earlier.reads && later.reads {
                aid.insert(pair);
            }
        }
    }
    if matches!(guarantee, Guarantee::ReadYourWrites | Guarantee::MonotonicReads) {
        aid.clear();
    }
    let all: BTreeSet<(usize, usize)> = own.union(&aid).copied().collect();
    own.iter().any(|&(from, to)| to == 0 || reaches(&all, to, from, &mut BTreeSet::new()))
}

fn reaches(edges: &BTreeSet<(usize, usize)>, from: usize, to: usize, seen: &mut BTreeSet<usize>) -> bool {
    from == to || (seen.insert(from) && edges.iter().any(|&(a, b)| a == from && reaches(edges, b, to, seen)))
}
