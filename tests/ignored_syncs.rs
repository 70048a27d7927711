//! Disks that say "written" and mean their cache: each model is broken on them, and a sweep says how. So the
//! properties of the models can fail, and what the models owe to their syncs is known.

use netsplit::check::Report;
use netsplit::client::ClientOptions;
use netsplit::model::{Model, Setup};
use netsplit::nemesis;
use netsplit::prelude::*;
use netsplit_models::multi_paxos::{self, MultiPaxos};
use netsplit_models::paxos::{self, Paxos};
use netsplit_models::queue::{self, Queue};
use netsplit_models::store::{Abd, AbdParameters, Dynamo, DynamoParameters};
use netsplit_models::two_phase_commit::{self, TwoPhaseCommit};

/// A sweep with many crashes, on disks that keep their word and on those that do not.
fn sweep<M: Model>(model: &M, parameters: &M::Parameters, seeds: u64, ignore_syncs: bool) -> Report
where
    M::Parameters: Sync,
{
    let setup = Setup { ignore_syncs, ..Setup::default() };
    netsplit::check(|seed| model.simulation(parameters, &setup, seed).expect("parameters in range"))
        .seeds(0..seeds)
        .faults(nemesis::crashes().and(nemesis::crashes()).and(nemesis::partitions()).until(seconds(3)))
        .properties(model.properties())
        .report()
}

#[track_caller]
fn owes_it_to_its_syncs<M: Model>(model: &M, parameters: &M::Parameters, property: &str)
where
    M::Parameters: Sync,
{
    assert_eq!(sweep(model, parameters, 40, false).violation, None);
    let violation = sweep(model, parameters, 400, true).violation.expect("it forgets what it has promised");
    assert_eq!(violation.property, property);
}

#[test]
fn two_phase_commit_is_torn_apart() {
    let parameters = two_phase_commit::Parameters::default();
    owes_it_to_its_syncs(
        &TwoPhaseCommit,
        &parameters,
        "no transaction commits at one node and aborts at another",
    );
}

#[test]
fn paxos_forgets_what_is_chosen() {
    owes_it_to_its_syncs(&Paxos, &paxos::Parameters::default(), "what a proposer has learned is chosen");
}

#[test]
fn multi_paxos_chooses_two_commands_for_one_slot() {
    let client = ClientOptions { attempts: 10, ..ClientOptions::default() };
    let parameters = multi_paxos::Parameters { client, ..multi_paxos::Parameters::default() };
    owes_it_to_its_syncs(&MultiPaxos, &parameters, "no two replicas choose different commands for one slot");
}

#[test]
fn the_queue_loses_what_it_has_confirmed() {
    let parameters = queue::Parameters::default();
    let property = "every confirmed message is processed, unless it may be lost";
    owes_it_to_its_syncs(&Queue, &parameters, property);
}

#[test]
fn the_consistent_store_loses_what_it_has_acknowledged() {
    let property = "a majority has what a client was told is written";
    owes_it_to_its_syncs(&Abd, &AbdParameters::default(), property);
}

#[test]
fn the_available_store_loses_what_it_has_acknowledged() {
    let quorums = DynamoParameters { read_quorum: 2, write_quorum: 2, ..DynamoParameters::default() };
    let property = "W replicas have what a client was told is written";
    owes_it_to_its_syncs(&Dynamo, &quorums, property);
}
