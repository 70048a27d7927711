//! What the stores promise of what their clients see, in sweeps: the consistent one is linearizable whatever happens,
//! and the available one is not, but keeps what it can.

use netsplit::checker::sessions::Guarantee;
use netsplit::checker::specifications::Store;
use netsplit::client::{KeyValueOptions, Keys};
use netsplit::model::{Model, Setup};
use netsplit::nemesis;
use netsplit::prelude::*;
use netsplit_models::multi_paxos::MultiPaxos;
use netsplit_models::paxos::Paxos;
use netsplit_models::store::{Abd, AbdParameters, Dynamo, DynamoParameters, Message};

/// Few keys, so that clients meet.
fn workload() -> KeyValueOptions {
    KeyValueOptions { keys: Keys::Uniform(2), ..KeyValueOptions::default() }
}

fn abd(write_back: bool) -> impl Fn(u64) -> Simulation<Message> + Sync {
    let parameters = AbdParameters { workload: workload(), write_back, ..AbdParameters::default() };
    move |seed| Abd.simulation(&parameters, &Setup::default(), seed).expect("parameters that are valid")
}

fn dynamo(seed: u64) -> Simulation<Message> {
    let parameters = DynamoParameters { workload: workload(), ..DynamoParameters::default() };
    Dynamo.simulation(&parameters, &Setup::default(), seed).expect("parameters that are valid")
}

#[test]
fn the_consistent_store_is_linearizable_under_partitions_and_crashes() {
    netsplit::check(abd(true))
        .seeds(0..15)
        .faults(nemesis::partitions().and(nemesis::crashes()).until(seconds(5)))
        .linearizable(Store)
        .keeps(Guarantee::ReadYourWrites)
        .keeps(Guarantee::MonotonicReads)
        .run();
}

#[test]
fn a_majority_register_whose_reads_write_nothing_back_is_not_linearizable() {
    let report = netsplit::check(abd(false))
        .seeds(0..200)
        .faults(nemesis::partitions().and(nemesis::crashes()).until(seconds(5)))
        .linearizable(Store)
        .report();
    let violation = report.violation.expect("some seed reads the new value and then the old one");
    assert_eq!(violation.property, "the history is linearizable");
}

#[test]
fn the_available_store_is_not_linearizable_under_a_partition_and_says_why() {
    let report = netsplit::check(dynamo)
        .seeds(0..20)
        .faults(nemesis::partitions().until(seconds(5)))
        .linearizable(Store)
        .report();
    let violation = report.violation.expect("a stale read under some seed");
    assert_eq!(violation.property, "the history is linearizable");
    let sentence = violation.how.lines().next().expect("a sentence");
    for part in ["client ", " read ", " at ", ", but ", " had been written and acknowledged by "] {
        assert!(sentence.contains(part), "{sentence}");
    }
    // A write, a newer one, and the read: a person can see it.
    assert!(violation.how.contains("|!"), "{}", violation.how);
    assert!(violation.how.lines().count() < 20, "{}", violation.how);
}

/// Its acceptors' disks say "written" and mean their caches, and so each forgets its promise when it crashes.
#[test]
fn paxos_that_forgets_its_promises_is_not_linearizable() {
    let cluster = |ignore_syncs| {
        move |seed| {
            let setup = Setup { ignore_syncs, ..Setup::default() };
            Paxos.simulation(&Default::default(), &setup, seed).expect("parameters that are valid")
        }
    };
    let faults = || nemesis::crashes().and(nemesis::partitions()).until(seconds(1));
    let check = |ignore_syncs| {
        netsplit::check(cluster(ignore_syncs))
            .seeds(0..300)
            .faults(faults())
            .promises(Paxos.promises())
            .report()
    };
    assert_eq!(check(false).violation, None);
    let violation = check(true).violation.expect("two proposers learn different values under some seed");
    assert_eq!(violation.property, "the history is linearizable");
}

/// Every model that answers clients about keys and values, with the promises that it declares.
#[test]
fn every_store_keeps_what_it_promises() {
    fn keeps<M: Model>(model: M)
    where
        M::Parameters: Sync,
    {
        assert!(!model.promises().is_empty());
        let parameters = M::Parameters::default();
        let cluster = |seed| model.simulation(&parameters, &Setup::default(), seed).expect("valid");
        let faults = nemesis::partitions().and(nemesis::crashes()).until(seconds(5));
        netsplit::check(cluster).seeds(0..8).faults(faults).promises(model.promises()).run();
    }
    keeps(Abd);
    keeps(Dynamo);
    keeps(MultiPaxos);
}
