//! Covers: live-lock, equal and random back-off, regions, the drawing of a run.
//!
//! Scenario: two proposers of one Paxos instance share a site with one of three acceptors; the other two
//! acceptors are 10 ms away. To win, a ballot needs a round trip to a distant acceptor; that it has lost,
//! its proposer hears at once from the acceptor next door. So each proposer is back with a higher ballot
//! before the other's is accepted, and so is the other. Equal back-off keeps them in step for ever; random
//! back-off soon gives one of them the time it needs.
//!
//! `cargo run --example paxos_duel`

use netsplit::model::{Model, Setup};
use netsplit::prelude::*;
use netsplit::story::Story;
use netsplit::topology::Topology;
use netsplit_models::paxos::{Message, Parameters, Paxos, Proposer, chosen};
use std::time::Duration;

/// Round trips: 2 ms within Home, 20 ms to the others.
const SITES: &str = "site,Home,East,West\nHome,2,20,20\nEast,20,2,20\nWest,20,20,2\n";

/// Two proposers, the second 10 ms after the first, which back off for a span between the two.
fn duel(seed: u64, backoff_low: Duration, backoff_high: Duration) -> Simulation<Message> {
    let sites = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    let placement = [
        ("acceptor".to_string(), sites(&["Home", "East", "West"])),
        ("proposer".to_string(), sites(&["Home"])),
    ];
    let setup = Setup {
        topology: Some(Topology::from_csv(SITES).expect("a square matrix")),
        placement: placement.into(),
        ..Setup::default()
    };
    let parameters = Parameters { backoff_low, backoff_high, ..Parameters::default() };
    Paxos.simulation(&parameters, &setup, seed).expect("the parameters are in range")
}

fn decided(world: &World<Message>) -> bool {
    world.each::<Proposer>().all(|proposer| proposer.decided().is_some())
}

fn main() {
    println!("Equal back-off, 5 ms. How it goes on from 100 ms, seen from the sites:\n");
    let mut sim = duel(1, milliseconds(5), milliseconds(5));
    sim.run_for(milliseconds(100));
    let story = sim.observe(Story::whole());
    sim.run_for(milliseconds(30));
    println!("{}\n", sim.observer(story).draw());

    sim.run_until(|world| world.each::<Proposer>().all(|proposer| proposer.round() >= 4_000));
    println!(
        "At {} they are at round 4000, and {} values are chosen.\n",
        sim.now(),
        chosen(sim.world()).len()
    );

    println!(
        "Random back-off, 5 ms to 100 ms. When both know the chosen value, and after how many rounds:\n"
    );
    for seed in 1..=10 {
        let mut sim = duel(seed, milliseconds(5), milliseconds(100));
        sim.run_until(decided);
        let rounds = sim.world().each::<Proposer>().map(Proposer::round).max();
        println!("  seed {seed:>2}: {}, round {}", sim.now(), rounds.unwrap_or_default());
    }
}
