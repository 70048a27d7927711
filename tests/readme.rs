//! The tests that the README shows, as it shows them. (That they are the same is a doctest's business; that
//! they pass is this file's.)

use netsplit::{nemesis, prelude::*};
use netsplit_models::paxos::{Acceptor, Backoff, Message, Proposer, chosen};
use netsplit_models::two_phase;

fn cluster(seed: u64) -> Simulation<Message> {
    let backoff = Backoff::Random(milliseconds(5), milliseconds(100));
    let mut sim = Simulation::new(seed);
    let acceptors = sim.add_group("acceptor", 5, |_, _| Acceptor::default());
    sim.add_group("proposer", 2, |_, _| Proposer::new(&acceptors, milliseconds(200), backoff.clone()));
    sim
}

#[test]
fn paxos_never_chooses_two_values() {
    netsplit::check(cluster)
        .seeds(0..1_000)
        .faults(nemesis::partitions().and(nemesis::crashes()).until(seconds(10)))
        .always("at most one value is chosen", |world| chosen(world).len() <= 1)
        .eventually_after_heal("a value is chosen", |world| chosen(world).len() == 1)
        .run();
}

#[test]
fn two_phase_commit_is_consistent_in_every_order_of_events() {
    let explored = netsplit::explore(|seed| two_phase::cluster(2, seed))
        .drops(2)
        .always("nobody commits where another aborts", two_phase::consistent)
        .run();
    explored.assert_holds();
}
