//! Measures of a run, made from its records: what became of the clients' operations and how long they
//! took, and what the nodes sent, lost and synced.
//!
//! Latencies are kept one by one and not in a histogram: a run has at most some millions of operations, of
//! which each takes some tens of bytes; percentiles are then exact, runs over many seeds merge by joining lists, and
//! a plot may ask for any window afterwards.

use crate::fault::{Fault, InForce};
use crate::links::Links;
use crate::network::Address;
use crate::node::NodeId;
use crate::process::Outcome;
use crate::record::{Observer, Record, What, kind_of};
use crate::time::{Time, format_span};
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

/// What became of the operations that were invoked in one window of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The beginning of the window.
    pub from: Time,
    /// How many took place.
    pub ok: u64,
    /// How many are known not to have taken place.
    pub failed: u64,
    /// How many may or may not have taken place.
    pub unknown: u64,
    /// How many had no outcome when the run ended.
    pub open: u64,
}

/// An observer that keeps every operation, and counts messages and writes.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    names: BTreeMap<NodeId, String>,
    clients: Vec<NodeId>,
    operations: Vec<Operation>,
    open: BTreeMap<(NodeId, u64), usize>,
    bands: Vec<Band>,
    /// With their places in `bands`.
    in_force: InForce<usize>,
    sent: BTreeMap<String, u64>,
    links: BTreeMap<(NodeId, NodeId), u64>,
    dropped: u64,
    delivered: u64,
    syncs: u64,
    synced_writes: u64,
}

impl Metrics {
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

    /// How many messages were sent from one node to another, clients included.
    pub fn sent_by_link(&self) -> &BTreeMap<(NodeId, NodeId), u64> {
        &self.links
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

    /// The share of operations that took place, by the window of time in which they were invoked. A
    /// window without operations is left out, and so are operations that are open at the end.
    ///
    /// # Panics
    /// If `window` is zero.
    pub fn availability(&self, window: Duration) -> Vec<(Time, f64)> {
        assert!(!window.is_zero(), "availability: the window is not empty");
        let width = crate::time::nanoseconds_of(window);
        let mut windows: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
        for operation in &self.operations {
            let Some((_, outcome)) = operation.responded else { continue };
            let (ok, all) = windows.entry(operation.invoked.as_nanoseconds() / width).or_default();
            *ok += u32::from(outcome == Outcome::Ok);
            *all += 1;
        }
        let share = |(index, (ok, all)): (u64, (u32, u32))| {
            (Time::from_nanoseconds(index * width), f64::from(ok) / f64::from(all))
        };
        windows.into_iter().map(share).collect()
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
            let names: Vec<&str> = side.iter().map(|node| self.names[node].as_str()).collect();
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

    /// What became of operations, by the window in which they were invoked, without gaps from the start to
    /// the last invocation. Unknown outcomes stand apart: whoever reads this decides what they count as.
    ///
    /// # Panics
    /// If `window` is zero.
    pub fn outcomes(&self, window: Duration) -> Vec<Outcomes> {
        let mut windows = Vec::new();
        for operation in &self.operations {
            let outcomes: &mut Outcomes = at(&mut windows, operation.invoked, window);
            *match operation.responded {
                Some((_, Outcome::Ok)) => &mut outcomes.ok,
                Some((_, Outcome::Failed)) => &mut outcomes.failed,
                Some((_, Outcome::Unknown)) => &mut outcomes.unknown,
                None => &mut outcomes.open,
            } += 1;
        }
        let width = crate::time::nanoseconds_of(window);
        for (index, outcomes) in (0..).zip(&mut windows) {
            outcomes.from = Time::from_nanoseconds(index * width);
        }
        windows
    }

    /// How many operations took place per second, by the window in which their response came, without gaps
    /// from the start to the last response. The last window is counted whole, even if the run ended in it.
    ///
    /// # Panics
    /// If `window` is zero.
    pub fn throughput(&self, window: Duration) -> Vec<(Time, f64)> {
        let mut windows = Vec::new();
        for operation in &self.operations {
            if let Some((time, Outcome::Ok)) = operation.responded {
                *at(&mut windows, time, window) += 1u64;
            }
        }
        let width = crate::time::nanoseconds_of(window);
        let rate = |(index, count): (u64, u64)| {
            (Time::from_nanoseconds(index * width), count as f64 / window.as_secs_f64())
        };
        (0..).zip(windows).map(rate).collect()
    }

    fn fault(&mut self, time: Time, fault: &Fault) {
        let begins = fault.kind().and_then(|_| self.label(fault));
        for band in self.in_force.happen(fault, self.bands.len()) {
            self.bands[band].to = Some(time);
        }
        self.bands.extend(begins.map(|label| Band { label, from: time, to: None }));
    }
}

/// The window that `time` lies in; those before it are there, too.
fn at<T: Clone + Default>(windows: &mut Vec<T>, time: Time, window: Duration) -> &mut T {
    assert!(!window.is_zero(), "a window of time is not empty");
    let index = (time.as_nanoseconds() / crate::time::nanoseconds_of(window)) as usize;
    if windows.len() <= index {
        windows.resize(index + 1, T::default());
    }
    &mut windows[index]
}

/// The value at or below which a share `rank` (0 to 1) of the sorted values lies, by the nearest rank;
/// none if there are none.
pub fn percentile<T: Copy>(sorted: &[T], rank: f64) -> Option<T> {
    let nearest = (rank * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(nearest - 1).or(sorted.last()).copied()
}

impl<M: Debug> Observer<M> for Metrics {
    fn observe(&mut self, record: Record<'_, M>) {
        match record.what {
            What::Added { node, name, client } => {
                self.names.insert(node, name.to_string());
                if client {
                    self.clients.push(node);
                }
            }
            What::Sent { address, message } => {
                *self.links.entry((address.from, address.to)).or_default() += 1;
                if self.is_inside(address) {
                    *self.sent.entry(kind_of(message)).or_default() += 1;
                }
            }
            What::Dropped { address, .. } => self.dropped += u64::from(self.is_inside(address)),
            What::Delivered { address, .. } => self.delivered += u64::from(self.is_inside(address)),
            What::Syncing { writes, .. } => {
                self.syncs += 1;
                self.synced_writes += writes as u64;
            }
            What::Fault { fault, .. } => self.fault(record.time, fault),
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

    #[test]
    fn availability_counts_unknown_operations_as_not_available() {
        let operation = |at: u64, outcome| Operation {
            client: NodeId::new(0),
            invoked: Time::ZERO + milliseconds(at),
            responded: Some((Time::ZERO + milliseconds(at + 1), outcome)),
        };
        let operations =
            vec![operation(0, Outcome::Ok), operation(5, Outcome::Unknown), operation(25, Outcome::Ok)];
        let metrics = Metrics { operations, ..Metrics::default() };
        let windows = metrics.availability(milliseconds(10));
        assert_eq!(windows, [(Time::ZERO, 0.5), (Time::ZERO + milliseconds(20), 1.0)]);
    }

    #[test]
    fn windows_have_no_gaps_and_unknown_outcomes_stand_apart() {
        let operation = |invoked: u64, responded: Option<(u64, Outcome)>| Operation {
            client: NodeId::new(0),
            invoked: Time::ZERO + milliseconds(invoked),
            responded: responded.map(|(at, outcome)| (Time::ZERO + milliseconds(at), outcome)),
        };
        let operations = vec![
            operation(0, Some((1, Outcome::Ok))),
            operation(5, Some((45, Outcome::Unknown))),
            operation(6, Some((25, Outcome::Ok))),
            operation(25, Some((26, Outcome::Failed))),
            operation(26, None),
        ];
        let metrics = Metrics { operations, ..Metrics::default() };
        let at = |milliseconds_in| Time::ZERO + milliseconds(milliseconds_in);
        assert_eq!(
            metrics.outcomes(milliseconds(10)),
            [
                Outcomes { from: at(0), ok: 2, unknown: 1, ..Outcomes::default() },
                Outcomes { from: at(10), ..Outcomes::default() },
                Outcomes { from: at(20), failed: 1, open: 1, ..Outcomes::default() },
            ]
        );
        let throughput = metrics.throughput(milliseconds(10));
        assert_eq!(throughput, [(at(0), 100.0), (at(10), 0.0), (at(20), 100.0)]);
    }
}
