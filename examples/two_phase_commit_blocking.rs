//! Covers: two-phase commit, crashes and restarts, logs, what it means to be in doubt.
//! Scenario: three participants promise to commit a transaction, and the coordinator crashes before it
//! decides. They are in doubt for as long as it is down. Then the same with one difference: the coordinator
//! crashes just after it has decided, and only one participant has heard it. That one tells the others.

use netsplit::fault::Edit;
use netsplit::prelude::*;
use netsplit_models::two_phase_commit::{
    Cluster, Decision, Ledger, Message, Parameters, Participant, TransactionId, add_cluster, ledger,
};

/// The delay of every message.
const DELAY: std::time::Duration = milliseconds(10);

fn main() {
    println!("The coordinator crashes before it decides.");
    blocked();
    println!();
    println!("The coordinator crashes after it has decided, and one participant has heard it.");
    freed_by_another();
}

fn blocked() {
    let (mut sim, cluster, transaction) = begin();
    sim.run_until(|world| world.each::<Participant>().all(|p| p.ledger().is_in_doubt(transaction)));
    show(&sim, transaction, "all have promised");
    sim.crash(cluster.coordinator);
    for _ in 0..3 {
        sim.run_for(seconds(3600));
        show(&sim, transaction, "the coordinator is down");
    }
    sim.restart(cluster.coordinator);
    sim.run();
    show(&sim, transaction, "it is back, and was asked");
}

fn freed_by_another() {
    let (mut sim, cluster, transaction) = begin();
    // The coordinator's second message to a participant that it had to ask first is its decision.
    sim.edit(Edit::drop("n0>n2#2").of_kind("Decided"));
    sim.edit(Edit::drop("n0>n3#2").of_kind("Decided"));
    let first = cluster.participants[0];
    sim.run_until(|world| world[first].ledger().decision(transaction).is_some());
    sim.crash(cluster.coordinator);
    show(&sim, transaction, "one has heard the decision");
    sim.run_for(Parameters::default().inquiry_interval + 2 * DELAY);
    show(&sim, transaction, "the others have asked");
    sim.restart(cluster.coordinator);
    sim.run();
    show(&sim, transaction, "the coordinator is back");
}

/// The stage: a client has asked the first of three participants for a transaction.
fn begin() -> (Simulation<Message>, Cluster, TransactionId) {
    let mut sim = Simulation::new(7);
    sim.set_delay(DELAY);
    let cluster = add_cluster(&mut sim, &Parameters::default());
    let client = sim.add_client("client");
    let transaction = TransactionId { client: client.id(), operation: 1 };
    sim.send(client, cluster.participants[0], Message::Begin(transaction));
    (sim, cluster, transaction)
}

/// One line: when, what has happened, and what every node knows of the transaction.
fn show(sim: &Simulation<Message>, transaction: TransactionId, what: &str) {
    let world = sim.world();
    let states = world.ids().filter(|&id| !world.is_client(id)).map(|id| {
        let state = if world.is_up(id) { word(&ledger(world, id), transaction) } else { "down" };
        format!("{} {state}", world.name(id))
    });
    let states = states.collect::<Vec<String>>().join(", ");
    println!("{:>12}  {what:<28} {states}", sim.now().to_string());
}

fn word(ledger: &Ledger, transaction: TransactionId) -> &'static str {
    match ledger.decision(transaction) {
        Some(Decision::Commit) => "committed",
        Some(Decision::Abort) => "aborted",
        None if ledger.is_in_doubt(transaction) => "in doubt",
        None => "undecided",
    }
}
