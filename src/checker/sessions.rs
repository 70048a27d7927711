//! The four session guarantees of Terry et al. ("Session Guarantees for Weakly Consistent Replicated Data", PDIS 1994),
//! and convergence: what a store promises that always answers.
//!
//! They are about *versions*: the values of one key, each written once, in the order in which replicas apply them. That
//! order is not in the history. A guarantee is violated if no order will do, that is, if what it demands goes round
//! in a circle; the value at first is before all others. Each key is taken by itself. For each client and key:
//!
//! | guarantee | demands |
//! |---|---|
//! | read your writes | what a client reads is not before what it has written |
//! | monotonic reads | nor before what it has read |
//! | monotonic writes | what it writes later is later |
//! | writes follow reads | what it writes is later than what it has read |
//!
//! Writes are seen by reads only. So the last two are judged through what each client reads one after another, and are
//! violated if a circle of those reads and of what they demand themselves has one of the latter in it.

use super::{Specification, Verdict, Witness, witness};
use crate::client::{KeyValueOperation, KeyValueResponse, RequestId};
use crate::history::{ClientId, History, Operation};
use crate::process::Outcome;
use crate::time::Time;
use std::collections::{BTreeMap, VecDeque};

/// A session guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guarantee {
    /// What a client reads is not before what it has written.
    ReadYourWrites,
    /// What a client reads is not before what it has read.
    MonotonicReads,
    /// The writes of a client are in its order.
    MonotonicWrites,
    /// What a client writes is later than what it has read.
    WritesFollowReads,
}

impl Guarantee {
    /// All four.
    pub const ALL: [Guarantee; 4] = [
        Guarantee::ReadYourWrites,
        Guarantee::MonotonicReads,
        Guarantee::MonotonicWrites,
        Guarantee::WritesFollowReads,
    ];

    /// How it is called: `read-your-writes`.
    pub fn name(self) -> &'static str {
        match self {
            Guarantee::ReadYourWrites => "read-your-writes",
            Guarantee::MonotonicReads => "monotonic-reads",
            Guarantee::MonotonicWrites => "monotonic-writes",
            Guarantee::WritesFollowReads => "writes-follow-reads",
        }
    }
}

/// What an operation does to its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access<V> {
    /// It reads.
    Read,
    /// It writes this.
    Write(V),
    /// Something else, so that there are no versions.
    Other,
}

/// One version must be before another, because of two operations of one client.
#[derive(Clone, Copy, Debug)]
struct Demand {
    from: usize,
    to: usize,
    operations: [usize; 2],
    /// Whether it is the guarantee's own.
    own: bool,
}

/// The versions of one key and what is demanded of their order. The value at first is version 0.
struct Key<V> {
    versions: BTreeMap<V, usize>,
    /// For each version its write.
    writes: Vec<Option<usize>>,
    demands: Vec<Demand>,
    /// Per client what it has read and written: (version, operation, whether it was read).
    done: BTreeMap<ClientId, Vec<(usize, usize, bool)>>,
}

/// Whether a history keeps a guarantee. `access` says what an operation does to which key, and `value` what a
/// response says was read.
///
/// # Errors
/// If a key has no versions: a value is written twice, or an operation does something else.
pub fn check<S: Specification, K: Ord, V: Ord + Clone + std::fmt::Debug>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    guarantee: Guarantee,
    initial: &V,
    access: impl Fn(&S::Operation) -> (K, Access<V>),
    value: impl Fn(&S::Response) -> Option<V>,
) -> Result<Verdict, String> {
    let mut keys: BTreeMap<K, Key<V>> = BTreeMap::new();
    let operations = || history.operations().iter().enumerate();
    for (index, operation) in operations().filter(|(_, operation)| operation.outcome != Outcome::Failed) {
        let (key, access) = access(&operation.operation);
        let key = keys.entry(key).or_insert_with(|| Key {
            versions: BTreeMap::from([(initial.clone(), 0)]),
            writes: vec![None],
            demands: Vec::new(),
            done: BTreeMap::new(),
        });
        match access {
            Access::Other => {
                let what = specification.describe(&operation.operation, operation.response.as_ref());
                return Err(format!("{} is about reads and writes: {what} is neither", guarantee.name()));
            }
            Access::Write(written) => {
                let version = key.writes.len();
                if key.versions.insert(written.clone(), version).is_some() {
                    return Err(format!(
                        "{} needs values that differ: {written:?} is written twice, or is there at first",
                        guarantee.name()
                    ));
                }
                key.writes.push(Some(index));
            }
            Access::Read => {}
        }
    }
    for (index, operation) in operations().filter(|(_, operation)| operation.outcome == Outcome::Ok) {
        let (key, access) = access(&operation.operation);
        let Some(key) = keys.get_mut(&key) else { continue };
        let (version, read) = match access {
            Access::Write(written) => (key.versions[&written], false),
            _ => match operation.response.as_ref().and_then(&value) {
                None => continue,
                Some(read) => match key.versions.get(&read) {
                    Some(&version) => (version, true),
                    None => {
                        let why =
                            format!("client {} read {read:?}, but nobody has written it", operation.client);
                        return Ok(violated(specification, history, vec![index], index, why));
                    }
                },
            },
        };
        key.add(guarantee, operation.client, version, index, read);
    }
    for key in keys.values() {
        if let Some(circle) = key.circle() {
            return Ok(explain(specification, history, guarantee, key, &circle));
        }
    }
    Ok(Verdict::Holds)
}

impl<V> Key<V> {
    fn add(&mut self, guarantee: Guarantee, client: ClientId, version: usize, index: usize, read: bool) {
        let done = self.done.entry(client).or_default();
        let latest = |reads: bool| done.iter().rev().find(|(_, _, read)| *read == reads).copied();
        let own = match (guarantee, read) {
            (Guarantee::ReadYourWrites, true) => latest(false),
            (Guarantee::MonotonicReads, true) => latest(true),
            (Guarantee::MonotonicWrites, false) => latest(false),
            (Guarantee::WritesFollowReads, false) => latest(true),
            _ => None,
        };
        let through_reads = matches!(guarantee, Guarantee::MonotonicWrites | Guarantee::WritesFollowReads);
        let aid = if through_reads && read { latest(true) } else { None };
        for (before, own) in [(own, true), (aid, false)] {
            if let Some((from, operation, _)) = before.filter(|(from, ..)| *from != version) {
                self.demands.push(Demand { from, to: version, operations: [operation, index], own });
            }
        }
        // Only the latest write is kept to be read, but earlier ones are demanded as well.
        if guarantee == Guarantee::ReadYourWrites && read {
            let earlier = done.iter().rev().filter(|(_, _, read)| !*read).skip(1);
            for &(from, operation, _) in earlier.filter(|(from, ..)| *from != version) {
                self.demands.push(Demand { from, to: version, operations: [operation, index], own: true });
            }
        }
        done.push((version, index, read));
    }

    /// The shortest circle with a demand of the guarantee's own in it: the demands, that one first.
    fn circle(&self) -> Option<Vec<Demand>> {
        let mut from: Vec<Vec<usize>> = vec![Vec::new(); self.writes.len()];
        for (place, demand) in self.demands.iter().enumerate() {
            from[demand.from].push(place);
        }
        let own = self.demands.iter().filter(|demand| demand.own);
        let component = components(&from, &self.demands);
        let circles = own.filter_map(|demand| {
            // The value at first is before all others.
            if demand.to == 0 {
                return Some(vec![*demand]);
            }
            if component[demand.from] != component[demand.to] {
                return None;
            }
            let mut path = self.path(&from, demand.to, demand.from)?;
            path.insert(0, *demand);
            Some(path)
        });
        circles.min_by_key(Vec::len)
    }

    fn path(&self, from: &[Vec<usize>], start: usize, end: usize) -> Option<Vec<Demand>> {
        let mut came: Vec<Option<usize>> = vec![None; self.writes.len()];
        let mut next = VecDeque::from([start]);
        while let Some(version) = next.pop_front() {
            for &place in &from[version] {
                let to = self.demands[place].to;
                if to == end {
                    let mut path = vec![self.demands[place]];
                    while path[path.len() - 1].from != start {
                        path.push(self.demands[came[path[path.len() - 1].from]?]);
                    }
                    path.reverse();
                    return Some(path);
                }
                if came[to].is_none() && to != start {
                    came[to] = Some(place);
                    next.push_back(to);
                }
            }
        }
        None
    }
}

/// The strongly connected component of each version (Tarjan, without recursion).
fn components(from: &[Vec<usize>], demands: &[Demand]) -> Vec<usize> {
    let unseen = usize::MAX;
    let count = from.len();
    let (mut index, mut low, mut component) = (vec![unseen; count], vec![0; count], vec![unseen; count]);
    let (mut stack, mut next, mut components) = (Vec::new(), 0, 0);
    for start in 0..count {
        if index[start] != unseen {
            continue;
        }
        let mut path = vec![(start, 0)];
        while let Some((version, edge)) = path.pop() {
            if edge == 0 {
                (index[version], low[version]) = (next, next);
                next += 1;
                stack.push(version);
            }
            if let Some(&place) = from[version].get(edge) {
                path.push((version, edge + 1));
                let to = demands[place].to;
                if index[to] == unseen {
                    path.push((to, 0));
                } else if component[to] == unseen {
                    low[version] = low[version].min(index[to]);
                }
                continue;
            }
            if low[version] == index[version] {
                while let Some(other) = stack.pop() {
                    component[other] = components;
                    if other == version {
                        break;
                    }
                }
                components += 1;
            }
            if let Some((parent, _)) = path.last() {
                low[*parent] = low[*parent].min(low[version]);
            }
        }
    }
    component
}

fn explain<S: Specification, V>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    guarantee: Guarantee,
    key: &Key<V>,
    circle: &[Demand],
) -> Verdict {
    let told = |index: usize| {
        let Operation { operation, response, .. } = &history.operations()[index];
        specification.describe(operation, response.as_ref())
    };
    let mut operations: Vec<usize> = circle.iter().flat_map(|demand| demand.operations).collect();
    operations
        .extend(circle.iter().flat_map(|demand| [key.writes[demand.from], key.writes[demand.to]]).flatten());
    operations.sort_unstable();
    operations.dedup();
    let demands: Vec<String> = circle
        .iter()
        .map(|Demand { operations: [first, second], .. }| {
            let client = history.operations()[*first].client;
            format!("client {client} did {} and then {}", told(*first), told(*second))
        })
        .collect();
    let first = circle[0].to == 0 && circle.len() == 1;
    let why = if first { ", which is older than anything" } else { ", which no order of versions allows" };
    let sentence = format!("{}: {}{why}", guarantee.name(), demands.join("; "));
    let impossible =
        circle.iter().map(|demand| demand.operations[1]).max().unwrap_or(circle[0].operations[1]);
    violated(specification, history, operations, impossible, sentence)
}

fn violated<S: Specification>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    operations: Vec<usize>,
    impossible: usize,
    sentence: String,
) -> Verdict {
    let bars = witness::bars(specification, history, &operations, &[], Some(impossible));
    let responses = history.operations().iter().filter(|operation| operation.outcome == Outcome::Ok).count();
    let (order, prefix) = (Vec::new(), None);
    Verdict::Violated(Box::new(Witness { sentence, operations, impossible, order, prefix, responses, bars }))
}

/// Whether clients see the same in the end: of each key, the last reads of all clients agree, of those reads that began
/// after `healed` and after every write of the key was over. A write of unknown outcome is over when it is invoked; a
/// key that nobody reads by then says nothing.
pub fn converges<S: Specification, K: Ord, V: Ord + Clone + std::fmt::Debug>(
    specification: &S,
    history: &History<S::Operation, S::Response>,
    healed: Time,
    access: impl Fn(&S::Operation) -> (K, Access<V>),
    value: impl Fn(&S::Response) -> Option<V>,
) -> Verdict {
    let mut quiet: BTreeMap<K, u64> = BTreeMap::new();
    for operation in history.operations().iter().filter(|operation| operation.outcome != Outcome::Failed) {
        let (key, access) = access(&operation.operation);
        let over = match access {
            Access::Read => 0,
            _ => operation.responded.unwrap_or(operation.invoked).order,
        };
        let quiet = quiet.entry(key).or_default();
        *quiet = over.max(*quiet);
    }
    let mut last: BTreeMap<K, BTreeMap<ClientId, (usize, V)>> = BTreeMap::new();
    for (index, operation) in history.operations().iter().enumerate() {
        let (key, access) = access(&operation.operation);
        let late = operation.invoked.order > quiet.get(&key).copied().unwrap_or(0)
            && operation.invoked.time.is_none_or(|time| time >= healed);
        if let (Access::Read, true, Some(read)) = (access, late, operation.response.as_ref().and_then(&value))
        {
            last.entry(key).or_default().insert(operation.client, (index, read));
        }
    }
    for reads in last.values() {
        let mut reads = reads.iter();
        let Some((one, (first, value))) = reads.next() else { continue };
        if let Some((other, (second, differs))) = reads.find(|(_, (_, other))| other != value) {
            let sentence = format!(
                "the replicas do not converge: in the end client {one} reads {value:?} and client {other} {differs:?}"
            );
            let mut operations = vec![*first, *second];
            operations.sort_unstable();
            return violated(specification, history, operations, *second, sentence);
        }
    }
    Verdict::Holds
}

/// What operations on the store of the [client driver](crate::client) do, and what they read; for [`check`] and
/// [`converges`].
#[allow(clippy::type_complexity, reason = "two functions")]
pub fn of_store() -> (
    fn(&KeyValueOperation) -> (u64, Access<Option<RequestId>>),
    fn(&KeyValueResponse) -> Option<Option<RequestId>>,
) {
    let access = |operation: &KeyValueOperation| match *operation {
        KeyValueOperation::Read { key } => (key, Access::Read),
        KeyValueOperation::Write { key, value } => (key, Access::Write(Some(value))),
    };
    let value = |response: &KeyValueResponse| match response {
        KeyValueResponse::Read(value) => Some(*value),
        KeyValueResponse::Written => None,
    };
    (access, value)
}

/// [`check`] for the store of the [client driver](crate::client).
///
/// # Errors
/// If two writes are of the same value.
pub fn check_store(
    history: &History<KeyValueOperation, KeyValueResponse>,
    guarantee: Guarantee,
) -> Result<Verdict, String> {
    let (access, value) = of_store();
    check(&super::specifications::Store, history, guarantee, &None, access, value)
}
