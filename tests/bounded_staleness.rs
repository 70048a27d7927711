//! Published results on quorums and staleness, each against its closed form or the paper's table.
//!
//! By default a run has few enough trials for a debug build. With more, `NETSPLIT_TRIALS=1000000 cargo test
//! --release --test bounded_staleness`; `cargo run --release --example bounded_staleness` prints the figures.

#[path = "bounded_staleness/measure.rs"]
mod measure;

use measure::{Delays, Experiment, Measured};
use netsplit::client::{Client, ClientOptions, KeyValueOperation, RequestId, Same};
use netsplit::distribution::{constant, exponential};
use netsplit::prelude::*;
use netsplit_models::store::{AbdParameters, Contact, DynamoParameters, Options, Requests, add_replicas};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// At least this many.
fn trials(at_least: u64) -> u64 {
    let number = |text: String| text.parse().expect("NETSPLIT_TRIALS is a number");
    std::env::var("NETSPLIT_TRIALS").map_or(0, number).max(at_least)
}

#[track_caller]
fn share(what: &str, measured: f64, expected: f64) {
    assert!((measured - expected).abs() <= 0.008, "{what}: {measured}, expected {expected}");
}

#[track_caller]
fn latency(what: &str, measured: f64, expected: f64, tolerance: f64) {
    assert!((measured / expected - 1.0).abs() <= tolerance, "{what}: {measured} ms, expected {expected} ms");
}

// ---- Bailis et al., VLDB 2012: how soon a read sees a write ----

fn of_three(read_quorum: usize, write_quorum: usize, delays: Delays) -> Measured {
    Experiment::new(3, read_quorum, write_quorum, delays).measure(trials(100_000), 1)
}

#[test]
fn on_solid_state_a_read_of_one_replica_nearly_always_sees_the_write() {
    let measured = of_three(1, 1, Delays::lnkd_ssd());
    share("consistent at once", measured.consistent(), 0.974);
    latency("99.9 % of reads", measured.reads(), 0.66, 0.03);
    latency("99.9 % of writes", measured.writes(), 0.66, 0.03);
}

#[test]
fn on_solid_state_quorums_that_intersect_cost_a_millisecond_and_are_never_stale() {
    let measured = of_three(2, 2, Delays::lnkd_ssd());
    assert_eq!(measured.consistent(), 1.0);
    latency("99.9 % of reads", measured.reads(), 1.62, 0.03);
    latency("99.9 % of writes", measured.writes(), 1.64, 0.03);
}

#[test]
fn on_disks_a_read_of_one_replica_misses_the_write_more_often_than_not() {
    let measured = of_three(1, 1, Delays::lnkd_disk());
    share("consistent at once", measured.consistent(), 0.439);
    latency("99.9 % of reads", measured.reads(), 0.66, 0.03);
    latency("99.9 % of writes", measured.writes(), 10.99, 0.03);
}

#[test]
fn on_disks_ten_milliseconds_later_it_sees_the_write() {
    let wait = Some(milliseconds(10));
    let later = Experiment { wait, ..Experiment::new(3, 1, 1, Delays::lnkd_disk()) };
    share("consistent after 10 ms", later.measure(trials(50_000), 1).consistent(), 0.925);
}

#[test]
fn on_disks_waiting_for_more_replicas_costs_latency() {
    latency("99.9 % of reads, R = 3", of_three(3, 1, Delays::lnkd_disk()).reads(), 4.12, 0.03);
    latency("99.9 % of writes, W = 2", of_three(1, 2, Delays::lnkd_disk()).writes(), 20.97, 0.03);
}

/// One write in a thousand is 50 of 50,000, and the tail is as heavy as Pareto's with an exponent of 1.51: for 3 %
/// it takes ten million, for 8 % some 300,000.
#[test]
fn on_disks_waiting_for_all_replicas_has_a_heavy_tail() {
    let only_writes = Experiment { wait: None, ..Experiment::new(3, 1, 3, Delays::lnkd_disk()) };
    let measured = only_writes.measure(trials(300_000), 1);
    let tolerance = if trials(0) >= 10_000_000 { 0.03 } else { 0.08 };
    latency("99.9 % of writes, W = 3", measured.writes(), 112.65, tolerance);
}

// ---- The same paper, section 3: how many versions behind ----

/// How many ways there are to choose `few` of `many`.
fn choose(many: usize, few: usize) -> f64 {
    (0..few).map(|at| many.saturating_sub(at) as f64 / (at + 1) as f64).product()
}

/// The share of reads that see one of the latest k writes is 1 - (C(N-W, R) / C(N, R))^k, when each operation
/// asks a quorum of its own, drawn at random.
#[test]
fn a_read_sees_one_of_the_latest_versions_as_often_as_random_quorums_intersect() {
    let quick = || exponential(milliseconds(1));
    let delays = Delays { write: quick(), acknowledge: quick(), read: quick(), respond: quick() };
    for (replicas, read, write) in [(3, 1, 1), (3, 1, 2), (3, 2, 1), (5, 1, 2), (5, 2, 2), (7, 3, 2)] {
        let experiment =
            Experiment { contact: Contact::Quorum, ..Experiment::new(replicas, read, write, delays.clone()) };
        let measured = experiment.measure(trials(20_000), 1);
        let missed = choose(replicas - write, read) / choose(replicas, read);
        for versions in 1..=3 {
            let expected = 1.0 - missed.powi(versions);
            let what = format!("N={replicas} R={read} W={write}, {versions} versions");
            share(&what, measured.within(versions as u64), expected);
        }
        if (replicas, read, write) == (3, 1, 1) {
            let published = [0.3333, 0.5556, 0.7037];
            (1..).zip(published).for_each(|(versions, row)| share("the row", measured.within(versions), row));
        }
    }
}

// ---- Availability of quorums ----

/// Whether a client that asks one node after another is served, when each of `count` replicas is up with
/// probability `up`.
fn is_served(count: usize, up: f64, options: &Options, operation: KeyValueOperation, seed: u64) -> bool {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut sim = Simulation::new(seed);
    sim.detach_all();
    sim.set_delay(constant(milliseconds(1)));
    let replicas = add_replicas(&mut sim, count, options);
    let down: Vec<NodeId> = replicas.iter().copied().filter(|_| !dice.random_bool(up)).collect();
    let patience = ClientOptions { attempts: count as u32, operations: 1, ..ClientOptions::default() };
    let clients = sim.add_clients("client", 1, |_, _| {
        Client::with_workload(Requests, Same(operation), &replicas, patience.clone())
    });
    sim.crash(&down);
    sim.run();
    sim[clients[0]].last_took_place()
}

/// The probability that at least `quorum` of `count` replicas are up.
fn at_least(quorum: usize, count: usize, up: f64) -> f64 {
    let exactly = |k: usize| choose(count, k) * up.powi(k as i32) * (1.0 - up).powi((count - k) as i32);
    (quorum..=count).map(exactly).sum()
}

#[track_caller]
fn availability(count: usize, up: f64, options: &Options, operation: KeyValueOperation, expected: f64) {
    let trials = trials(3_000);
    let served = (0..trials).filter(|&seed| is_served(count, up, options, operation, seed)).count();
    let measured = served as f64 / trials as f64;
    // The two-sided 99.9 % quantile of the normal distribution.
    let half_width = 3.2905 * (expected * (1.0 - expected) / trials as f64).sqrt();
    assert!((measured - expected).abs() <= half_width, "{count} replicas: {measured}, expected {expected}");
}

fn write() -> KeyValueOperation {
    KeyValueOperation::Write { key: 0, value: RequestId { client: NodeId::new(0), operation: 1 } }
}

#[test]
fn a_store_of_majorities_is_available_as_often_as_a_majority_is_up() {
    for (replicas, published) in [(3, 0.972), (5, 0.99144), (7, 0.997272)] {
        let options = AbdParameters { replicas, ..AbdParameters::default() }.options();
        let expected = at_least(replicas / 2 + 1, replicas, 0.9);
        assert!((expected - published).abs() < 5e-7, "{expected}");
        availability(replicas, 0.9, &options, KeyValueOperation::Read { key: 0 }, expected);
    }
}

#[test]
fn a_store_of_other_quorums_is_available_as_often_as_so_many_replicas_are_up() {
    for (replicas, read_quorum, write_quorum, up) in [(3, 1, 3, 0.9), (5, 2, 4, 0.8), (4, 3, 2, 0.5)] {
        let parameters =
            DynamoParameters { replicas, read_quorum, write_quorum, ..DynamoParameters::default() };
        let options = parameters.options();
        let read = KeyValueOperation::Read { key: 0 };
        availability(replicas, up, &options, read, at_least(read_quorum, replicas, up));
        availability(replicas, up, &options, write(), at_least(write_quorum, replicas, up));
    }
}
