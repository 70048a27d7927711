//! Faults of which the node, or the time, shows only when they happen.

use netsplit::fault::{Fault, FaultPlan};
use netsplit::model::{Model, Setup};
use netsplit::nemesis;
use netsplit::prelude::*;
use netsplit_models::multi_paxos::{Message, MultiPaxos, Parameters, latest_leader};
use std::collections::BTreeSet;

fn cluster(seed: u64) -> Simulation<Message> {
    let parameters = Parameters { replicas: 5, ..Parameters::default() };
    MultiPaxos.simulation(&parameters, &Setup::default(), seed).expect("parameters in range")
}

/// The nodes that `plan` crashes.
fn crashed(plan: &FaultPlan) -> Vec<NodeId> {
    let crashed = |fault: &Fault| match fault {
        Fault::Crash(node) => Some(*node),
        _ => None,
    };
    plan.iter().filter_map(|planned| crashed(&planned.fault)).collect()
}

#[test]
fn the_leader_crashes_twice_and_the_plan_that_it_resolved_to_gives_the_same_run() {
    let mut sim = cluster(1);
    let digest = sim.observe_digest();
    let crash = |world: &World<Message>| latest_leader(world).map(Fault::Crash);
    sim.schedule_aimed(seconds(2), Some(seconds(5)), crash);
    sim.schedule_aimed(seconds(4), Some(seconds(5)), crash);
    assert!(sim.resolved().is_empty());
    sim.run_for(seconds(10));
    let (plan, digest) = (sim.resolved(), sim.observer(digest).value());
    let [first, second] = crashed(&plan)[..] else { panic!("{plan}") };
    assert_ne!(first, second);
    let repairs = format!("restart {first} at 7s; restart {second} at 9s");
    assert_eq!(plan.to_string(), format!("crash {first} at 2s; crash {second} at 4s; {repairs}"));

    let mut again = cluster(1);
    let same = again.observe_digest();
    again.schedule_plan(&plan);
    again.run_for(seconds(10));
    assert_eq!(again.observer(same).value(), digest);
}

/// A leader that has just been elected has hardly told anybody.
#[test]
fn the_next_leader_crashes_as_soon_as_it_leads_and_the_plan_gives_the_same_run() {
    let mut sim = cluster(1);
    let digest = sim.observe_digest();
    let first = sim.world().ids().next().expect("there are replicas");
    sim.schedule(seconds(2), Fault::Crash(first));
    sim.schedule_when(Some(seconds(1)), move |world| {
        latest_leader(world).filter(|&leader| leader != first).map(Fault::Crash)
    });
    sim.run_for(seconds(10));
    let mut plan = sim.resolved();
    let [next] = crashed(&plan)[..] else { panic!("{plan}") };
    let elected = plan.iter().next().expect("a crash").at - netsplit::time::Time::ZERO;
    assert!(next != first && elected > seconds(2) && elected < seconds(4), "{plan}");
    let digest = sim.observer(digest).value();

    let mut again = cluster(1);
    let same = again.observe_digest();
    plan.add(netsplit::time::Time::ZERO + seconds(2), Fault::Crash(first));
    again.schedule_plan(&plan);
    again.run_for(elected - netsplit::time::nanoseconds(1));
    assert_eq!(latest_leader(again.world()), Some(next), "it leads for a nanosecond");
    again.run_for(seconds(10) - elected + netsplit::time::nanoseconds(1));
    assert_eq!(again.observer(same).value(), digest);
}

#[test]
fn an_aimed_fault_that_finds_nothing_does_not_take_place() {
    let mut sim = cluster(1);
    sim.schedule_aimed(seconds(0), Some(seconds(1)), |world| latest_leader(world).map(Fault::Crash));
    sim.run_for(seconds(2));
    assert!(sim.resolved().is_empty() && sim.world().is_whole());
}

/// The plan of a sweep that ends at the first leader that is down.
fn plan_at_the_end(nemesis: nemesis::Nemesis) -> FaultPlan {
    let up = |world: &World<Message>| world.ids().all(|node| world.is_up(node));
    let check = netsplit::check(cluster).seeds(0..1).faults(nemesis.until(seconds(10)));
    let report = check.target("leader", latest_leader).always("nobody is down", up).report();
    report.violation.expect("a node crashes").plan
}

#[test]
fn a_sweep_says_which_node_an_aimed_nemesis_has_hit() {
    let plan = plan_at_the_end(nemesis::crashes().at("leader"));
    let [node] = crashed(&plan)[..] else { panic!("{plan}") };
    let mut sim = cluster(0);
    let first = plan.iter().next().expect("a crash").at;
    sim.run_for(first - netsplit::time::Time::ZERO);
    assert_eq!(latest_leader(sim.world()), Some(node));
}

#[test]
fn a_nemesis_that_is_aimed_at_the_leader_hits_more_than_one_replica() {
    let mut hit = BTreeSet::new();
    for seed in 0..3 {
        let nodes = std::sync::Mutex::new(BTreeSet::new());
        netsplit::check(cluster)
            .seeds(seed..seed + 1)
            .threads(1)
            .faults(nemesis::crashes().at("leader").and(nemesis::majorities_ring()).until(seconds(10)))
            .target("leader", latest_leader)
            .always("at most one node is down", |world| {
                let down: Vec<NodeId> = world.ids().filter(|node| !world.is_up(*node)).collect();
                nodes.lock().expect("nobody panicked").extend(down.iter().copied());
                down.len() <= 1
            })
            .run();
        hit.extend(nodes.into_inner().expect("nobody panicked"));
    }
    assert!(hit.len() > 1, "{hit:?}");
}

#[test]
#[should_panic(expected = "the nemesis is aimed at `king`: no target has this name")]
fn a_target_without_a_name_is_refused() {
    let crashes = nemesis::crashes().at("king");
    netsplit::check(cluster).seeds(0..1).threads(1).faults(crashes).target("leader", latest_leader).run();
}
