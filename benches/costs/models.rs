//! The models' own rates: how many operations of clients are simulated per second, with each model's own parameters
//! and the network's own delays, without faults, blind.

use crate::{REPETITIONS, median, seconds_of};
use netsplit::metrics::Metrics;
use netsplit::model::{Model, Setup};
use netsplit::prelude::*;
use netsplit_models::multi_paxos::MultiPaxos;
use netsplit_models::paxos::Paxos;
use netsplit_models::queue::Queue;
use netsplit_models::store::{Abd, Dynamo};
use netsplit_models::two_phase_commit::TwoPhaseCommit;
use std::time::Duration;

/// The virtual time of one run.
const DURATION: Duration = seconds(10);

/// Prints the rates.
pub fn rates() {
    rate(TwoPhaseCommit, 100);
    rate(Paxos, 2_000);
    rate(MultiPaxos, 20);
    rate(Queue, 100);
    rate(Abd, 100);
    rate(Dynamo, 100);
}

/// The rate of one model over so many seeds. Where no client invokes anything, as in single-decree Paxos, a run is
/// one operation.
fn rate<M: Model>(model: M, seeds: u64) {
    let simulation = |seed| {
        let made = model.simulation(&M::Parameters::default(), &Setup::default(), seed);
        let mut sim = made.expect("the default parameters are in range");
        sim.detach_all();
        sim
    };
    let operations = |seed| {
        let mut sim = simulation(seed);
        let metrics = sim.observe(Metrics::default());
        sim.run_for(DURATION);
        sim.observer(metrics).operations().len().max(1)
    };
    let count: usize = (0..seeds).map(operations).sum();
    let blind = || (0..seeds).for_each(|seed| simulation(seed).run_for(DURATION));
    let seconds = median((0..REPETITIONS).map(|_| seconds_of(blind)).collect());
    println!("model {} {:.0}", model.name(), count as f64 / seconds);
}
