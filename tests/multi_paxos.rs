//! Multi-Paxos: leader change, catching up, sweeps, and what a commit costs over a measured network.

use netsplit::client::{Arrivals, ClientOptions, KeyValueOperation, RequestId};
use netsplit::distribution::constant;
use netsplit::metrics::Metrics;
use netsplit::model::{Model, Setup};
use netsplit::nemesis;
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::topology::Topology;
use netsplit_models::key_value::StoreClient;
use netsplit_models::multi_paxos::{
    Command, Message, MultiPaxos, Parameters, Replica, Requests, Vote, agree, latest_leader, leader, works,
};
use netsplit_models::paxos::Ballot;
use std::collections::BTreeMap;
use std::time::Duration;

struct Cluster {
    sim: Simulation<Message>,
    replicas: Vec<Handle<Replica>>,
    clients: Vec<NodeId>,
}

fn simulation(parameters: &Parameters, seed: u64) -> Simulation<Message> {
    MultiPaxos.simulation(parameters, &Setup::default(), seed).expect("the parameters are in range")
}

fn cluster(parameters: &Parameters) -> Cluster {
    let sim = simulation(parameters, 1);
    let replicas = sim.world().nodes_of().collect();
    let clients = sim.world().role("client").collect();
    Cluster { sim, replicas, clients }
}

impl Cluster {
    fn applied(&self, replica: usize) -> usize {
        self.sim[self.replicas[replica]].applied().len()
    }
}

/// Two clients, each with this many operations, which it tries ten times.
fn with(operations: u64) -> Parameters {
    let client = ClientOptions { operations, attempts: 10, ..ClientOptions::default() };
    Parameters { clients: 2, client, ..Parameters::default() }
}

/// Whose clients try again and again.
fn patient(parameters: Parameters) -> Parameters {
    let client = ClientOptions { attempts: 1_000, ..parameters.client };
    Parameters { client, ..parameters }
}

/// Whose clients think for so long after each response.
fn thinking(span: Duration, parameters: Parameters) -> Parameters {
    let client = ClientOptions { arrivals: Arrivals::Closed(span.into()), ..parameters.client };
    Parameters { client, ..parameters }
}

fn five(operations: u64) -> Parameters {
    Parameters { replicas: 5, ..with(operations) }
}

// ---- Leading ----

#[test]
fn one_replica_leads_and_all_apply_the_same_requests() {
    let Cluster { mut sim, replicas, .. } = cluster(&Parameters { leader: 2, ..five(20) });
    let metrics = sim.observe(Metrics::default());
    sim.run_for(seconds(5));
    assert_eq!(leader(sim.world()), Some(replicas[2].id()));
    assert_eq!(sim[replicas[2]].applied().len(), 40);
    for replica in &replicas {
        assert_eq!(sim[*replica].applied(), sim[replicas[2]].applied());
    }
    let metrics = sim.observer(metrics);
    assert_eq!(metrics.latencies().len(), 40);
    assert_eq!(metrics.sent_by_kind()["Prepare"], 4, "phase 1 takes place once for all slots");
}

#[test]
fn a_cluster_of_one_chooses_alone() {
    let Cluster { mut sim, replicas, .. } = cluster(&Parameters { replicas: 1, ..with(3) });
    sim.run_for(seconds(2));
    assert_eq!(sim[replicas[0]].applied().len(), 6);
}

#[test]
fn when_the_leader_crashes_another_one_leads_and_clients_go_on() {
    let mut cluster = cluster(&five(0));
    cluster.sim.run_for(seconds(1));
    let before = cluster.applied(1);
    cluster.sim.crash(cluster.replicas[0]);
    cluster.sim.run_for(seconds(3));

    let new = leader(cluster.sim.world()).expect("the four that are up follow one of them");
    assert_ne!(new, cluster.replicas[0].id());
    assert!(cluster.applied(1) > before + 50, "{} requests, {before} before", cluster.applied(1));
    assert!(agree(cluster.sim.world()));
}

#[test]
fn the_minority_side_of_a_partition_makes_no_progress_and_the_majority_does() {
    let mut cluster = cluster(&five(0));
    cluster.sim.run_for(seconds(1));
    let (replicas, clients) = (&cluster.replicas, &cluster.clients);
    // The leader, one follower and one client against all others.
    cluster.sim.isolate((replicas[0], replicas[1], clients[0]));
    cluster.sim.run_for(milliseconds(20));
    let before = (cluster.applied(0), cluster.applied(4));
    cluster.sim.run_for(seconds(5));
    assert_eq!(cluster.applied(0), before.0);
    assert!(cluster.applied(4) > before.1 + 50);

    cluster.sim.heal();
    cluster.sim.run_until(works);
    assert!(cluster.applied(0) > before.1 + 50, "it has caught up");
    assert!(agree(cluster.sim.world()));
}

#[test]
fn the_late_accepts_of_a_deposed_leader_are_refused() {
    let Cluster { mut sim, replicas, clients } = cluster(&with(0));
    sim.run_for(seconds(1));
    // The leader goes on proposing the request of the client on its side, and nobody hears of it.
    sim.isolate((replicas[0], clients[0]));
    sim.run_for(seconds(2));
    let deposed = sim[replicas[0]].leads().expect("it still believes that it leads");
    let slot = *sim[replicas[0]].chosen().last_key_value().expect("something was chosen").0 + 1;
    let elsewhere = sim[replicas[1]].chosen()[&slot];

    // What it may have sent before, arrives now.
    sim.heal();
    let metrics = sim.observe(Metrics::default());
    let late = Vote { ballot: deposed, command: Command::Nothing };
    sim.send(replicas[0], replicas[1], Message::Accept { slot, vote: late });
    sim.run_for(seconds(1));
    assert!(sim.observer(metrics).sent_by_kind()["Rejected"] > 0);
    assert_eq!(sim[replicas[0]].chosen()[&slot], elsewhere);
    assert!(sim.world().each::<Replica>().all(|replica| replica.promised() > Some(deposed)));
}

#[test]
fn a_new_leader_keeps_a_command_that_may_be_chosen_and_fills_the_gaps_before_it() {
    let Cluster { mut sim, replicas, clients } = cluster(&with(0));
    // A leader that is gone had proposed for slot 3; one replica had accepted, and was down since.
    let ballot = Ballot { round: 1, proposer: replicas[0].id() };
    let command =
        Command::Apply(RequestId { client: clients[0], operation: 1 }, KeyValueOperation::Read { key: 0 });
    sim.send(replicas[0], replicas[1], Message::Accept { slot: 3, vote: Vote { ballot, command } });
    sim.crash(replicas[0]);
    sim.run_for(milliseconds(50));
    sim.crash(replicas[1]);
    sim.restart(replicas[1]);
    sim.run_for(seconds(1));
    let first: Vec<Command> = sim[replicas[1]].chosen().values().take(4).copied().collect();
    assert_eq!(first, [Command::Nothing, Command::Nothing, Command::Nothing, command]);
}

// ---- Following ----

#[test]
fn a_replica_that_was_down_catches_up() {
    let Cluster { mut sim, replicas, .. } = cluster(&with(100));
    sim.run_for(milliseconds(500));
    sim.crash(replicas[2]);
    sim.run_for(seconds(10));
    sim.restart(replicas[2]);
    assert!(sim[replicas[2]].chosen().is_empty(), "what is chosen is not stored");
    sim.run_for(seconds(1));
    assert_eq!(sim[replicas[2]].applied().len(), 200);
    assert_eq!(sim[replicas[2]].chosen(), sim[replicas[0]].chosen());
}

#[test]
fn a_replica_keeps_its_promise_through_a_crash() {
    let Cluster { mut sim, replicas, .. } = cluster(&with(0));
    sim.run_for(seconds(1));
    let promised = sim[replicas[1]].promised();
    assert!(promised.is_some());
    sim.crash(replicas[1]);
    sim.restart(replicas[1]);
    assert_eq!(sim[replicas[1]].promised(), promised);
}

#[test]
fn requests_are_applied_once_whatever_is_lost_or_duplicated() {
    let Cluster { mut sim, replicas, .. } = cluster(&patient(five(50)));
    sim.set_loss(0.2);
    sim.set_duplication(0.2);
    sim.run_for(seconds(120));
    for replica in &replicas {
        assert_eq!(sim[*replica].applied().len(), 100);
        assert_eq!(sim[*replica].chosen(), sim[replicas[0]].chosen());
    }
}

// ---- Sweeps ----

/// All but clocks that jump: nobody reads one.
fn everything() -> nemesis::Nemesis {
    let links = nemesis::partitions().and(nemesis::majorities_ring()).and(nemesis::slow_links());
    links.and(nemesis::crashes()).and(nemesis::pauses()).and(nemesis::clock_drifts())
}

fn chosen_twice(world: &World<Message>) -> bool {
    let twice = |replica: &Replica| {
        let mut slots: BTreeMap<Command, u32> = BTreeMap::new();
        replica.chosen().values().for_each(|&command| *slots.entry(command).or_default() += 1);
        slots.into_iter().any(|(command, count)| command != Command::Nothing && count > 1)
    };
    world.each().any(twice)
}

#[test]
fn multi_paxos_is_safe_under_every_fault_and_serves_its_clients_when_they_are_over() {
    let parameters = thinking(milliseconds(200), patient(with(5)));
    netsplit::check(|seed| {
        let mut sim = simulation(&parameters, seed);
        sim.set_loss(0.05);
        sim.set_duplication(0.05);
        sim
    })
    .seeds(0..1_000)
    .faults(everything().and(nemesis::crashes().at("leader")).until(seconds(2)))
    .target("leader", latest_leader)
    .within(seconds(20))
    .properties(MultiPaxos.properties())
    .eventually_after_heal("all operations are applied, by all", |world| {
        let invoked = |client: &StoreClient<Requests>| client.invoked() == 5;
        world.each().all(invoked) && world.each().all(|replica: &Replica| replica.applied().len() == 10)
    })
    .reachable("two replicas believe that they lead", |world| {
        world.each().filter_map(Replica::leads).count() == 2
    })
    .reachable("a request is chosen for two slots", chosen_twice)
    .reachable("a gap is filled", |world| {
        world.each().any(|replica: &Replica| replica.chosen().values().any(|&c| c == Command::Nothing))
    })
    .run();
}

#[test]
fn clients_that_go_on_for_ever_are_served_after_the_faults() {
    netsplit::check(|seed| simulation(&thinking(seconds(0), five(0)), seed))
        .seeds(0..20)
        .faults(everything().until(seconds(2)))
        .properties(MultiPaxos.properties())
        .run();
}

#[test]
fn a_system_without_a_majority_does_not_count_as_working() {
    let Cluster { mut sim, replicas, .. } = cluster(&Parameters::default());
    sim.run_until(works);
    sim.crash((replicas[1], replicas[2]));
    sim.run_for(milliseconds(100));
    for _ in 0..1_000 {
        sim.run_for(milliseconds(10));
        assert!(!works(sim.world()));
    }
}

// ---- Published: what a commit costs ----

fn measured() -> Topology {
    let matrix = include_str!("../models/scenarios/aws_rtt_2019.csv");
    Topology::from_csv(matrix).expect("a square matrix")
}

/// The latencies of some operations of a client beside the leader, when a replica is in each of the
/// `regions`, and storage takes no time.
fn latencies(regions: &[&str], leader: usize) -> Vec<Duration> {
    let names = |regions: &[&str]| regions.iter().map(|region| region.to_string()).collect();
    let setup = Setup {
        topology: Some(measured()),
        placement: [("replica".into(), names(regions)), ("client".into(), names(&regions[leader..=leader]))]
            .into(),
        sync_latency: constant(seconds(0)),
        ..Setup::default()
    };
    let parameters = Parameters {
        replicas: regions.len(),
        clients: 1,
        client: ClientOptions {
            arrivals: Arrivals::Closed(constant(milliseconds(500))),
            timeout: seconds(2),
            attempts: 10,
            operations: 6,
            ..ClientOptions::default()
        },
        leader,
        heartbeat_interval: milliseconds(500),
        election_timeout: seconds(2),
        ..Parameters::default()
    };
    let mut sim = MultiPaxos.simulation(&parameters, &setup, 1).expect("the parameters are in range");
    sim.detach_all();
    let metrics = sim.observe(Metrics::default());
    sim.run_for(seconds(6));
    let operations = sim.observer(metrics).operations();
    assert_eq!(operations.len(), 6);
    // With the first one the client finds the leader.
    operations[1..].iter().map(|operation| operation.latency().expect("it took place")).collect()
}

/// The round trip from the leader to its (majority - 1)-th nearest peer.
fn closed_form(regions: &[&str], leader: usize) -> Duration {
    let topology = measured();
    let round_trip = |region: &&str| topology.round_trip(regions[leader], region).expect("both are measured");
    let mut round_trips: Vec<Duration> = regions.iter().map(round_trip).collect();
    // The leader itself is the first of the majority.
    round_trips.sort();
    round_trips[regions.len() / 2]
}

/// The regions at the positions given by the bits of `mask`.
fn subset(topology: &Topology, mask: u32) -> Vec<&str> {
    let regions = topology.regions().iter().enumerate();
    regions.filter(|(at, _)| mask >> at & 1 == 1).map(|(_, region)| region.as_str()).collect()
}

/// Every `step`-th choice of `count` regions, with each of them leading.
fn compare_with_the_closed_form(count: u32, step: usize) -> usize {
    let topology = measured();
    let masks = (0..1u32 << topology.regions().len()).filter(|mask| mask.count_ones() == count);
    let mut compared = 0;
    for regions in masks.step_by(step).map(|mask| subset(&topology, mask)) {
        for leader in 0..regions.len() {
            let expected = [closed_form(&regions, leader); 5];
            assert_eq!(latencies(&regions, leader), expected, "{regions:?}, led by {}", regions[leader]);
            compared += 1;
        }
    }
    compared
}

#[test]
fn a_commit_costs_the_round_trip_to_the_nearest_majority() {
    let regions = ["Virginia", "Oregon", "Ireland"];
    for (leader, expected) in [80, 81, 80].into_iter().enumerate() {
        assert_eq!(latencies(&regions, leader), [milliseconds(expected); 5]);
    }
}

#[test]
fn so_it_does_for_all_choices_of_three_regions_and_leaders() {
    assert_eq!(compare_with_the_closed_form(3, 1), 165 * 3);
}

#[test]
fn so_it_does_for_every_seventh_choice_of_five_regions_and_all_their_leaders() {
    assert_eq!(compare_with_the_closed_form(5, 7), 66 * 5);
}

// ---- The model ----

#[test]
fn the_default_run_of_seed_1_is_pinned_and_another_seed_differs() {
    let digest = |seed| {
        let mut sim = simulation(&Parameters::default(), seed);
        let digest = sim.observe_digest();
        sim.run_for(seconds(5));
        sim.observer(digest).to_string()
    };
    assert_eq!(digest(1), "60fdc8265546f140540378552fb5eab0");
    assert_ne!(digest(1), digest(2));
}

#[test]
fn a_parameter_out_of_range_is_refused_with_its_name_and_the_range() {
    let refused = |parameters: Parameters| {
        MultiPaxos.simulation(&parameters, &Setup::default(), 1).map(|_| ()).expect_err("it is out of range")
    };
    let parameters = Parameters::default;
    assert!(refused(Parameters { replicas: 0, ..parameters() }).contains("replicas is 0: expected 1"));
    assert!(refused(Parameters { clients: 0, ..parameters() }).contains("clients is 0: expected 1"));
    assert!(
        refused(Parameters { leader: 3, ..parameters() }).contains("leader is 3: expected a replica, 0 to 2")
    );
    let never = ClientOptions { attempts: 0, ..ClientOptions::default() };
    assert!(refused(Parameters { client: never, ..parameters() }).contains("client.attempts is 0"));
    let impatient = Parameters { election_timeout: milliseconds(50), ..parameters() };
    assert!(refused(impatient).contains("election_timeout is 50ms: expected more than heartbeat_interval"));
}
