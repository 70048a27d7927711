//! Covers: one function for any model, observers, a partition by hand, many seeds.
//! Scenario: three stores of keys and values, five replicas with a client beside each. From 10 s to 30 s two of
//! the replicas are cut off, and their clients with them. Who is answered, and who reads old values? Each
//! store gives something up: that is the theorem of Gilbert and Lynch (2002), called CAP.

use netsplit::client::{Arrivals, ClientOptions, KeyValueOptions};
use netsplit::distribution::exponential;
use netsplit::metrics::Metrics;
use netsplit::model::{Model, Setup};
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::staleness::Staleness;
use netsplit::time::Time;
use netsplit_models::multi_paxos::{self, MultiPaxos};
use netsplit_models::store::{Abd, AbdParameters, Dynamo, DynamoParameters};

const SEEDS: u64 = 10;

/// What the clients of one side got during the partition.
#[derive(Default)]
struct Side {
    asked: u32,
    answered: u32,
}

#[derive(Default)]
struct Totals {
    cut_off: Side,
    others: Side,
    reads: usize,
    stale: usize,
}

fn measure<M: Model>(store: &M, parameters: &M::Parameters) -> Totals {
    let mut totals = Totals::default();
    for seed in 0..SEEDS {
        let mut sim = store.simulation(parameters, &Setup::default(), seed).expect("parameters in range");
        let (metrics, staleness) = (sim.observe(Metrics::default()), sim.observe(Staleness::default()));
        let of_role = |role: &str| -> Vec<NodeId> { sim.world().role(role).collect() };
        let (replicas, clients) = (of_role("replica"), of_role("client"));
        let cut_off = [&replicas[..2], &clients[..2]].concat();
        let others = [&replicas[2..], &clients[2..]].concat();

        sim.run_for(seconds(10));
        sim.partition(&cut_off, &others);
        sim.run_for(seconds(20));
        sim.heal();
        sim.run_for(seconds(10));

        let during = Time::ZERO + seconds(10)..Time::ZERO + seconds(29);
        for operation in sim.observer(metrics).operations() {
            let side =
                if cut_off.contains(&operation.client) { &mut totals.cut_off } else { &mut totals.others };
            if during.contains(&operation.invoked) {
                side.asked += 1;
                side.answered +=
                    u32::from(operation.responded.is_some_and(|(_, became)| became == Outcome::Ok));
            }
        }
        let reads = sim.observer(staleness).reads();
        totals.reads += reads.len();
        totals.stale += reads.iter().filter(|read| read.stale.is_some()).count();
    }
    totals
}

fn main() {
    let client = ClientOptions {
        arrivals: Arrivals::Open(exponential(milliseconds(100))),
        ..ClientOptions::default()
    };
    let workload = KeyValueOptions::default();
    let (replicas, clients) = (5, 5);
    let dynamo = |read_quorum, write_quorum| DynamoParameters {
        replicas,
        clients,
        client: client.clone(),
        workload: workload.clone(),
        read_quorum,
        write_quorum,
        ..DynamoParameters::default()
    };
    let abd = AbdParameters {
        replicas,
        clients,
        client: client.clone(),
        workload: workload.clone(),
        ..AbdParameters::default()
    };
    let paxos = multi_paxos::Parameters {
        replicas,
        clients,
        client: client.clone(),
        workload: workload.clone(),
        ..multi_paxos::Parameters::default()
    };
    println!("{SEEDS} seeds                      answered during the partition      stale reads");
    println!("                              cut off     the other side");
    for (name, totals) in [
        ("majorities (ABD)", measure(&Abd, &abd)),
        ("replicated log (Multi-Paxos)", measure(&MultiPaxos, &paxos)),
        ("quorums, R = 3, W = 3", measure(&Dynamo, &dynamo(3, 3))),
        ("quorums, R = 1, W = 3", measure(&Dynamo, &dynamo(1, 3))),
        ("quorums, R = 1, W = 1", measure(&Dynamo, &dynamo(1, 1))),
    ] {
        let percent = |part: u32, whole: u32| 100.0 * f64::from(part) / f64::from(whole);
        println!(
            "{name:<30} {:>5.1} %     {:>5.1} %            {:>5.1} % of {}",
            percent(totals.cut_off.answered, totals.cut_off.asked),
            percent(totals.others.answered, totals.others.asked),
            percent(totals.stale as u32, totals.reads as u32),
            totals.reads,
        );
    }
}
