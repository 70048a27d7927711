//! Measures of a run, made from its records: what became of the clients' operations and how long they
//! took; what the nodes sent, lost and synced; and what they counted, over time.
//!
//! Latencies are kept one by one and not in a histogram: a run has at most some millions of operations, of
//! which each takes some tens of bytes; percentiles are then exact, runs over many seeds merge by joining lists, and
//! a plot may ask for any window afterwards.

mod gauge;

pub use gauge::{Gauge, Level};

use crate::fault::{Fault, InForce};
use crate::links::Links;
use crate::network::Address;
use crate::node::NodeId;
use crate::process::Outcome;
use crate::record::{Observer, Record, What, write_kind};
use crate::time::{Time, format_span, nanoseconds_of};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

/// One operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who invoked it.
    pub client: NodeId,
    /// When.
    pub invoked: Time,
    /// When the client knew what became of it, and what; none if it never did.
    pub responded: Option<(Time, Outcome)>,
}

impl Operation {
    /// How long it took, if it took place.
    pub fn latency(&self) -> Option<Duration> {
        match self.responded {
            Some((at, Outcome::Ok)) => Some(at - self.invoked),
            _ => None,
        }
    }
}

/// A stretch of time in which something was wrong, from the fault to its repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// What was wrong: `crash replica-0`.
    pub label: String,
    /// From the fault on.
    pub from: Time,
    /// To the repair; none if it never came.
    pub to: Option<Time>,
}

/// What became of operations, of a whole run or of those invoked in one window of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The beginning of the window.
    pub from: Time,
    /// How many took place, in time.
    pub ok: u64,
    /// How many had no response by their deadline, and took place after it or have no outcome yet. None are, if
    /// there is no deadline.
    pub late: u64,
    /// How many are known not to have taken place.
    pub failed: u64,
    /// How many may or may not have taken place.
    pub unknown: u64,
    /// How many had no outcome at the last record, and could still have been in time.
    pub open: u64,
}

impl Outcomes {
    /// The share of operations that took place in time, those that are open left out; none if there are none.
    pub fn availability(&self) -> Option<f64> {
        self.share(self.ok)
    }

    /// The share of operations that may or may not have taken place, those that are open left out; none if
    /// there are none.
    pub fn unknown_share(&self) -> Option<f64> {
        self.share(self.unknown)
    }

    fn share(&self, count: u64) -> Option<f64> {
        let all = self.ok + self.late + self.failed + self.unknown;
        (all > 0).then(|| count as f64 / all as f64)
    }
}

/// An observer that keeps every operation, and counts messages and writes.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    deadline: Option<Duration>,
    /// When the last record was observed.
    last: Time,
    names: BTreeMap<NodeId, String>,
    clients: Vec<NodeId>,
    operations: Vec<Operation>,
    open: BTreeMap<(NodeId, u64), usize>,
    bands: Vec<Band>,
    /// With their places in `bands`.
    in_force: InForce<usize>,
    sent: BTreeMap<String, u64>,
    /// Where the kind of a message is written, again and again.
    kind: String,
    dropped: u64,
    delivered: u64,
    syncs: u64,
    synced_writes: u64,
    gauges: BTreeMap<(&'static str, NodeId), Gauge>,
}

impl Metrics {
    /// An operation that takes longer than this is late. Unless this is set, none is: what takes place is in
    /// time. It only decides how operations are read, and may be set after the run.
    #[must_use]
    pub fn with_deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// How long an operation may take, if that was set.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Every operation, in the order of invocation.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// When something was wrong, in the order of beginning.
    pub fn bands(&self) -> &[Band] {
        &self.bands
    }

    /// How many messages the nodes of the system sent, by kind. What a client sends and receives is not
    /// counted.
    pub fn sent_by_kind(&self) -> &BTreeMap<String, u64> {
        &self.sent
    }

    /// How many messages the nodes of the system sent.
    pub fn sent(&self) -> u64 {
        self.sent.values().sum()
    }

    /// How many of them arrived, duplicates included.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many of them, or of their duplicates, did not arrive, whatever the reason.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How often a node waited until its writes were durable: the stable writes of the literature.
    pub fn syncs(&self) -> u64 {
        self.syncs
    }

    /// How many writes those waited for.
    pub fn synced_writes(&self) -> u64 {
        self.synced_writes
    }

    /// What each node counted under each name, with [`Context::gauge`](crate::process::Context::gauge).
    pub fn gauges(&self) -> &BTreeMap<(&'static str, NodeId), Gauge> {
        &self.gauges
    }

    /// What all nodes together counted under each name.
    pub fn totals(&self) -> BTreeMap<&'static str, Gauge> {
        let gauges: Vec<(&'static str, &Gauge)> =
            self.gauges.iter().map(|(&(name, _), gauge)| (name, gauge)).collect();
        let mut totals = BTreeMap::new();
        for of_one_name in gauges.chunk_by(|(one, _), (other, _)| one == other) {
            totals.insert(of_one_name[0].0, Gauge::sum(of_one_name.iter().map(|&(_, gauge)| gauge)));
        }
        totals
    }

    /// How many operations ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.operations.iter().filter(|o| o.responded.is_some_and(|(_, ended)| ended == outcome)).count()
    }

    /// The latencies of the operations that took place, shortest first.
    pub fn latencies(&self) -> Vec<Duration> {
        let mut latencies: Vec<Duration> = self.operations.iter().filter_map(Operation::latency).collect();
        latencies.sort_unstable();
        latencies
    }

    /// What became of all operations together. Unknown outcomes stand apart: whoever reads this decides what
    /// they count as.
    pub fn overall(&self) -> Outcomes {
        self.outcomes_of(&self.operations)
    }

    /// Says that the run went on to `end`, perhaps long after its last record: what was open by then and had a
    /// deadline before it is late.
    pub fn ended(&mut self, end: Time) {
        self.last = self.last.max(end);
    }

    /// What became of operations, by the window of time in which they were invoked. A window without
    /// operations is left out.
    ///
    /// # Panics
    /// If `window` is zero.
    pub fn outcomes(&self, window: Duration) -> Vec<Outcomes> {
        assert!(!window.is_zero(), "a window of time is not empty");
        let width = nanoseconds_of(window);
        let index = |operation: &Operation| operation.invoked.as_nanoseconds() / width;
        let windows = self.operations.chunk_by(|a, b| index(a) == index(b));
        let outcomes = |operations: &[Operation]| Outcomes {
            from: Time::from_nanoseconds(index(&operations[0]) * width),
            ..self.outcomes_of(operations)
        };
        windows.map(outcomes).collect()
    }

    fn outcomes_of(&self, operations: &[Operation]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for operation in operations {
            let taken = operation.responded.map_or(self.last, |(time, _)| time) - operation.invoked;
            let late = self.deadline.is_some_and(|deadline| taken > deadline);
            *match operation.responded.map(|(_, outcome)| outcome) {
                Some(Outcome::Failed) => &mut outcomes.failed,
                Some(Outcome::Unknown) => &mut outcomes.unknown,
                Some(Outcome::Ok) | None if late => &mut outcomes.late,
                Some(Outcome::Ok) => &mut outcomes.ok,
                None => &mut outcomes.open,
            } += 1;
        }
        outcomes
    }

    /// The share of operations that took place in time, by the window in which they were invoked. A window
    /// without operations that have an outcome is left out.
    ///
    /// # Panics
    /// If `window` is zero.
    pub fn availability(&self, window: Duration) -> Vec<(Time, f64)> {
        let share = |outcomes: Outcomes| Some((outcomes.from, outcomes.availability()?));
        self.outcomes(window).into_iter().filter_map(share).collect()
    }

    /// A fault in words, with the names of its nodes.
    pub fn named(&self, fault: &Fault) -> String {
        self.label(fault).unwrap_or_else(|| fault.to_string())
    }

    /// What a fault is called: by the names of nodes.
    fn label(&self, fault: &Fault) -> Option<String> {
        let name = |node: &NodeId| &self.names[node];
        Some(match fault {
            Fault::Partition(links) => match self.isolated(links) {
                Some(node) => format!("isolate {}", name(node)),
                None => format!("partition {}", self.sides(links)),
            },
            Fault::Crash(node) => format!("crash {}", name(node)),
            Fault::Pause(node) => format!("pause {}", name(node)),
            Fault::JumpClock { node, by } => format!("clock {} {by}", name(node)),
            Fault::DriftClock { node, parts_per_million } => {
                format!("clock {} {parts_per_million:+}ppm", name(node))
            }
            Fault::SlowLinks { links, by } => format!("slow {} +{}", self.sides(links), format_span(*by)),
            _ => return None,
        })
    }

    /// The node that these links join with all others.
    fn isolated<'a>(&self, Links { from, to, one_way }: &'a Links) -> Option<&'a NodeId> {
        let everybody = from.len() + to.len() == self.names.len();
        let side = if from.len() <= to.len() { from } else { to };
        side.first().filter(|_| everybody && !one_way && side.len() == 1)
    }

    /// The smaller side first.
    fn sides(&self, Links { from, to, one_way }: &Links) -> String {
        let everybody = from.len() + to.len() == self.names.len();
        let (side, other) = if from.len() <= to.len() { (from, to) } else { (to, from) };
        let names = |side: &[NodeId]| {
            let names: Vec<String> = side.iter().map(|node| self.names[node].clone()).collect();
            names.join(" ")
        };
        match one_way {
            true => format!("{} > {}", names(from), names(to)),
            false if everybody => format!("{} | the rest", names(side)),
            false => format!("{} | {}", names(side), names(other)),
        }
    }

    /// Whether neither end is a client.
    fn is_inside(&self, address: Address) -> bool {
        let is_client = |node| self.clients.binary_search(&node).is_ok();
        !is_client(address.from) && !is_client(address.to)
    }

    /// How many operations took place per second, by the window in which their response came, without gaps
    /// from the start to the last response. The last window is counted whole, even if the run ended in it.
    ///
    /// # Panics
    /// If `window` is zero.
    pub fn throughput(&self, window: Duration) -> Vec<(Time, f64)> {
        assert!(!window.is_zero(), "a window of time is not empty");
        let width = nanoseconds_of(window);
        let mut windows: Vec<u64> = Vec::new();
        for operation in &self.operations {
            if let Some((time, Outcome::Ok)) = operation.responded {
                let index = (time.as_nanoseconds() / width) as usize;
                windows.resize(windows.len().max(index + 1), 0);
                windows[index] += 1;
            }
        }
        let mut rates = Vec::new();
        for (index, count) in (0..).zip(windows) {
            rates.push((Time::from_nanoseconds(index * width), count as f64 / window.as_secs_f64()));
        }
        rates
    }

    fn fault(&mut self, time: Time, fault: &Fault) {
        let begins = fault.kind().and_then(|_| self.label(fault));
        for band in self.in_force.happen(fault, self.bands.len()) {
            self.bands[band].to = Some(time);
        }
        self.bands.extend(begins.map(|label| Band { label, from: time, to: None }));
    }
}

/// The value at or below which a share `rank` (0 to 1) of the sorted values lies, by the nearest rank;
/// none if there are none.
pub fn percentile<T: Copy>(sorted: &[T], rank: f64) -> Option<T> {
    let nearest = (rank * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(nearest - 1).or(sorted.last()).copied()
}

impl<M: Debug> Observer<M> for Metrics {
    fn observe(&mut self, record: Record<'_, M>) {
        self.last = record.time;
        match record.what {
            What::Added { node, name, client } => {
                self.names.insert(node, name.to_string());
                if client {
                    self.clients.push(node);
                }
            }
            What::Sent { address, message } if self.is_inside(address) => {
                self.kind.clear();
                write_kind(message, &mut self.kind);
                match self.sent.get_mut(&self.kind) {
                    Some(count) => *count += 1,
                    None => drop(self.sent.insert(self.kind.clone(), 1)),
                }
            }
            What::Dropped { address, .. } => self.dropped += u64::from(self.is_inside(address)),
            What::Delivered { address, .. } => self.delivered += u64::from(self.is_inside(address)),
            What::Syncing { writes, .. } => {
                self.syncs += 1;
                self.synced_writes += writes as u64;
            }
            What::Fault { fault, .. } => self.fault(record.time, fault),
            What::Gauge { node, name, value } => {
                self.gauges.entry((name, node)).or_default().say(record.time, value);
            }
            What::Invoked { client, operation, .. } => {
                self.open.insert((client, operation), self.operations.len());
                self.operations.push(Operation { client, invoked: record.time, responded: None });
            }
            What::Responded { client, operation, outcome, .. } => {
                // A late response is in the trace, and changes no outcome.
                if let Some(at) = self.open.remove(&(client, operation)) {
                    self.operations[at].responded = Some((record.time, outcome));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::milliseconds;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let sorted = [10, 20, 30, 40];
        assert_eq!(percentile(&sorted, 0.5), Some(20));
        assert_eq!(percentile(&sorted, 0.51), Some(30));
        assert_eq!(percentile(&sorted, 1.0), Some(40));
        assert_eq!(percentile(&sorted, 0.0), Some(10));
        assert_eq!(percentile::<u8>(&[], 0.5), None);
    }

    /// Operations in the order of invocation, each with its response, in milliseconds, and the last record.
    fn metrics(operations: &[(u64, Option<(u64, Outcome)>)], last: u64) -> Metrics {
        let operation = |&(invoked, responded): &(u64, Option<(u64, Outcome)>)| Operation {
            client: NodeId::new(0),
            invoked: at(invoked),
            responded: responded.map(|(time, outcome)| (at(time), outcome)),
        };
        let operations = operations.iter().map(operation).collect();
        Metrics { operations, last: at(last), ..Metrics::default() }
    }

    fn at(span: u64) -> Time {
        Time::ZERO + milliseconds(span)
    }

    #[test]
    fn availability_counts_unknown_operations_as_not_available() {
        let ended = |time, outcome| Some((time, outcome));
        let operations =
            [(0, ended(1, Outcome::Ok)), (5, ended(6, Outcome::Unknown)), (25, ended(26, Outcome::Ok))];
        let metrics = metrics(&operations, 30);
        assert_eq!(metrics.availability(milliseconds(10)), [(at(0), 0.5), (at(20), 1.0)]);
        assert_eq!(metrics.overall().unknown_share(), Some(1.0 / 3.0));
        assert_eq!(Metrics::default().overall().availability(), None);
    }

    const OPERATIONS: [(u64, Option<(u64, Outcome)>); 6] = [
        (0, Some((1, Outcome::Ok))),
        (5, Some((45, Outcome::Unknown))),
        (6, Some((25, Outcome::Ok))),
        (25, Some((26, Outcome::Failed))),
        (26, None),
        (43, None),
    ];

    #[test]
    fn unknown_outcomes_stand_apart_and_a_window_without_operations_is_left_out() {
        let metrics = metrics(&OPERATIONS, 50);
        assert_eq!(
            metrics.outcomes(milliseconds(10)),
            [
                Outcomes { from: at(0), ok: 2, unknown: 1, ..Outcomes::default() },
                Outcomes { from: at(20), failed: 1, open: 1, ..Outcomes::default() },
                Outcomes { from: at(40), open: 1, ..Outcomes::default() },
            ]
        );
        assert_eq!(metrics.availability(milliseconds(10)), [(at(0), 2.0 / 3.0), (at(20), 0.0)]);
        let throughput = metrics.throughput(milliseconds(10));
        assert_eq!(throughput, [(at(0), 100.0), (at(10), 0.0), (at(20), 100.0)]);
    }

    /// Whether the response or the end of the run comes first.
    #[test]
    fn an_operation_that_takes_place_after_its_deadline_is_late_and_so_is_one_that_is_open_for_longer() {
        let metrics = metrics(&OPERATIONS, 50).with_deadline(milliseconds(19));
        let all = Outcomes { ok: 2, late: 1, failed: 1, unknown: 1, open: 1, ..Outcomes::default() };
        assert_eq!(metrics.overall(), all);
        assert_eq!(metrics.overall().availability(), Some(0.4));
        let shorter = metrics.with_deadline(milliseconds(18));
        assert_eq!(shorter.overall(), Outcomes { ok: 1, late: 2, ..all });
        assert_eq!(shorter.with_deadline(None).overall(), Outcomes { ok: 2, late: 0, open: 2, ..all });
    }
}
