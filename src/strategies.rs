//! Strategies of `proptest` for fault plans and workloads, so that a scenario is a property test and its failures
//! shrink: fewer faults, each with its repair; earlier and shorter ones; fewer nodes on each side of a partition;
//! fewer operations.
//!
//! ```
//! use netsplit::prelude::*;
//! use netsplit::strategies::{crashes, fault_plans, partitions};
//! use proptest::prelude::*;
//! # #[derive(Clone, Debug, Default, Hash)]
//! # struct Replica;
//! # impl Process for Replica {
//! #     type Message = ();
//! #     type Timer = ();
//! #     fn on_message(&mut self, _: NodeId, _: (), _: &mut Context<Self>) {}
//! # }
//!
//! fn cluster(seed: u64) -> Simulation<()> {
//!     let mut sim = Simulation::new(seed);
//!     sim.add_group("replica", 3, |_, _| Replica);
//!     sim
//! }
//!
//! let replicas = [0, 1, 2].map(NodeId::new);
//! let faults = prop_oneof![crashes(replicas), partitions(replicas)];
//! proptest!(ProptestConfig::with_cases(10), |(plan in fault_plans(faults, seconds(5), 0..=4))| {
//!     let check = netsplit::check(cluster).seeds(0..1).plan(&plan);
//!     let report = check.always("all three are there", |world| world.ids().count() == 3).report();
//!     // A `run` would print every plan that fails on the way to the smallest.
//!     prop_assert!(report.violation.is_none(), "{}", report.violation.unwrap());
//! });
//! ```
//!
//! A seed means nothing to a reader, so it is not worth shrinking: `any::<u64>().no_shrink()`.

use crate::client::{
    Arrivals, Backoff, ClientOptions, KeyValueOperation, KeyValueOptions, Keys, RequestId, Script,
};
use crate::distribution::{Decimal, constant, exponential};
use crate::fault::{Fault, FaultPlan};
use crate::links::Links;
use crate::node::{NodeId, Nodes};
use crate::process::Value;
use crate::time::{Time, microseconds, milliseconds, nanoseconds_of};
use proptest::bool::weighted;
use proptest::collection::{SizeRange, vec};
use proptest::prelude::{BoxedStrategy, Strategy, any, prop_oneof};
use proptest::sample::select;
use std::time::Duration;

/// One of `nodes` crashes, and restarts.
///
/// # Panics
/// When something is drawn, if there are no nodes.
pub fn crashes(nodes: impl Nodes) -> BoxedStrategy<(Fault, Fault)> {
    select(nodes.ids()).prop_map(|node| (Fault::Crash(node), Fault::Restart(node))).boxed()
}

/// One of `nodes` pauses, and resumes.
///
/// # Panics
/// When something is drawn, if there are no nodes.
pub fn pauses(nodes: impl Nodes) -> BoxedStrategy<(Fault, Fault)> {
    select(nodes.ids()).prop_map(|node| (Fault::Pause(node), Fault::Resume(node))).boxed()
}

/// Some of `nodes` are cut off from some others, both ways or one way, and that partition heals. It shrinks to
/// both ways, and to fewer nodes on each side.
///
/// # Panics
/// If there are fewer than two nodes.
#[track_caller]
pub fn partitions(nodes: impl Nodes) -> BoxedStrategy<(Fault, Fault)> {
    let mut nodes = nodes.ids();
    nodes.sort_unstable();
    nodes.dedup();
    assert!(nodes.len() >= 2, "a partition needs two nodes: there are {}", nodes.len());
    // Whether a node takes part, and on which side.
    let places = vec((weighted(0.8), any::<bool>()), nodes.len());
    let partition = (places, weighted(0.25)).prop_filter_map("an empty side", move |(places, one_way)| {
        let side = |wanted: bool| -> Vec<NodeId> {
            let on_it = nodes.iter().zip(&places).filter(|(_, place)| **place == (true, wanted));
            on_it.map(|(&node, _)| node).collect()
        };
        let (from, to) = (side(false), side(true));
        let separates = !from.is_empty() && !to.is_empty();
        let partition = Links { from, to, one_way };
        separates.then(|| (Fault::Partition(partition.clone()), Fault::HealPartition(partition)))
    });
    partition.boxed()
}

/// So many faults drawn from `faults`, each with its repair, within `duration` from the start. A fault and its
/// repair shrink together: to fewer of them, then to earlier and shorter ones. A time is a whole number of
/// microseconds.
///
/// `faults` is one of those here, or several as `prop_oneof![crashes(nodes), partitions(nodes)]`, of which the first
/// is the simplest; or a strategy for pairs of your own.
///
/// # Panics
/// If `duration` is shorter than four microseconds or longer than 584 years.
#[track_caller]
pub fn fault_plans(
    faults: impl Strategy<Value = (Fault, Fault)>,
    duration: Duration,
    count: impl Into<SizeRange>,
) -> impl Strategy<Value = FaultPlan> {
    let whole = nanoseconds_of(duration) / 1_000;
    assert!(whole >= 4, "fault_plans: {duration:?} is too short for a fault and its repair");
    let trouble = (faults, 0..whole, 1..=whole / 4);
    vec(trouble, count).prop_map(move |troubles| {
        let at = |microsecond: u64| Time::ZERO + microseconds(microsecond.min(whole));
        let mut plan = FaultPlan::default();
        for ((fault, repair), begin, span) in troubles {
            plan.add(at(begin), fault);
            plan.add(at(begin + span), repair);
        }
        plan
    })
}

/// How a client works: any kind of arrivals, with up to fifty operations of up to four attempts, all within some
/// seconds. It shrinks to one operation, tried once, in a closed loop.
pub fn client_options() -> impl Strategy<Value = ClientOptions> {
    let span = |longest: u64| (1..=longest).prop_map(milliseconds);
    let spans =
        move |longest| prop_oneof![span(longest).prop_map(constant), span(longest).prop_map(exponential)];
    let bursty = |(interval, on, off)| Arrivals::Bursty { interval, on, off };
    let arrivals = prop_oneof![
        spans(100).prop_map(Arrivals::Closed),
        spans(100).prop_map(Arrivals::Open),
        (spans(10), spans(100), spans(100)).prop_map(bursty),
    ];
    let backoff = (0..=100u64, 1..=4u32).prop_map(|(initial, doublings)| Backoff {
        initial: milliseconds(initial),
        maximum: milliseconds(initial) * doublings,
        ..Backoff::default()
    });
    (arrivals, span(1000), 1..=4u32, backoff, 1..=50u64).prop_map(
        |(arrivals, timeout, attempts, backoff, operations)| ClientOptions {
            arrivals,
            timeout,
            attempts,
            backoff,
            operations,
        },
    )
}

/// Reads and writes in any shares, of at most ten keys. It shrinks to writes of one key.
pub fn key_value_options() -> impl Strategy<Value = KeyValueOptions> {
    let exponent = (0..=2_000_000u32).prop_map(Decimal::from_millionths);
    let zipf = (1..=10u64, exponent).prop_map(|(count, exponent)| Keys::Zipf { count, exponent });
    let keys = prop_oneof![(1..=10u64).prop_map(Keys::Uniform), zipf];
    let read_share = (0..=1_000_000u32).prop_map(Decimal::from_millionths);
    (read_share, keys).prop_map(|(read_share, keys)| KeyValueOptions { read_share, keys })
}

/// So many operations, one after the other. They shrink to fewer and simpler ones.
pub fn scripts<T: Value>(
    operations: impl Strategy<Value = T>,
    count: impl Into<SizeRange>,
) -> impl Strategy<Value = Script<T>> {
    vec(operations, count).prop_map(Script)
}

/// So many reads and writes of `keys` keys by `client`, which all write something else. They shrink to fewer of
/// them, to writes, and to the first key.
///
/// # Panics
/// When something is drawn, if there are no keys.
pub fn key_value_scripts(
    client: impl Into<NodeId>,
    keys: u64,
    count: impl Into<SizeRange>,
) -> impl Strategy<Value = Script<KeyValueOperation>> {
    let client = client.into();
    let operation = move |(operation, (reads, key))| match reads {
        true => KeyValueOperation::Read { key },
        false => KeyValueOperation::Write { key, value: RequestId { client, operation } },
    };
    let choices = vec((any::<bool>(), 0..keys), count);
    choices.prop_map(move |choices| Script((1..).zip(choices).map(operation).collect()))
}
