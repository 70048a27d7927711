//! Strategies: what is drawn is valid, stays so however it shrinks, and shrinks to what matters.
#![cfg(feature = "proptest")]

#[allow(dead_code, reason = "it has a main function, too")]
#[path = "../examples/shrinking_with_proptest.rs"]
mod example;

use netsplit::client::{
    Client, ClientOptions, KeyValueOperation, KeyValueWorkload, Protocol, Reply, RequestId, Script,
};
use netsplit::fault::{Fault, FaultPlan, PlannedFault};
use netsplit::metrics::Metrics;
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::strategies::{
    client_options, crashes, fault_plans, key_value_options, key_value_scripts, partitions, pauses, scripts,
};
use netsplit::time::Time;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use std::collections::BTreeSet;
use std::fmt::Debug;

fn runner() -> TestRunner {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// The smallest value that `fails`.
#[track_caller]
fn smallest<T: Clone + Debug>(strategy: impl Strategy<Value = T>, fails: impl Fn(&T) -> bool) -> T {
    let result = runner().run(&strategy, |value| {
        prop_assert!(!fails(&value));
        Ok(())
    });
    match result {
        Err(TestError::Fail(_, value)) => value,
        other => panic!("expected a value that fails: {other:?}"),
    }
}

/// Asserts that `holds` of values that are drawn, and of what they shrink to on the way to the simplest.
#[track_caller]
fn all_hold<T: Debug>(strategy: impl Strategy<Value = T>, holds: impl Fn(&T) -> bool) {
    let mut runner = runner();
    for _ in 0..50 {
        let mut tree = strategy.new_tree(&mut runner).expect("nothing is rejected");
        for step in 0..200 {
            assert!(holds(&tree.current()), "{:?}", tree.current());
            // Every third time as if the simpler value passed.
            if !tree.simplify() || step % 3 == 2 && !tree.complicate() {
                break;
            }
        }
    }
}

fn nodes(count: usize) -> Vec<NodeId> {
    (0..count).map(NodeId::new).collect()
}

fn plans(count: usize) -> impl Strategy<Value = FaultPlan> {
    let nodes = nodes(count);
    let faults = prop_oneof![crashes(&nodes), pauses(&nodes), partitions(&nodes)];
    fault_plans(faults, seconds(1), 0..=5)
}

/// What puts `fault` right.
fn repair(fault: &Fault) -> Option<Fault> {
    match fault {
        Fault::Crash(node) => Some(Fault::Restart(*node)),
        Fault::Pause(node) => Some(Fault::Resume(*node)),
        Fault::Partition(partition) => Some(Fault::HealPartition(partition.clone())),
        _ => None,
    }
}

/// Whether every fault has a repair of its own after it, and nothing else is repaired.
fn is_repaired(plan: &FaultPlan) -> bool {
    let mut awaited: Vec<Fault> = Vec::new();
    for PlannedFault { fault, .. } in plan.iter() {
        match repair(fault) {
            Some(repair) => awaited.push(repair),
            None => match awaited.iter().position(|repair| repair == fault) {
                Some(place) => drop(awaited.remove(place)),
                None => return false,
            },
        }
    }
    awaited.is_empty()
}

fn sides_are_apart(plan: &FaultPlan) -> bool {
    plan.iter().all(|planned| match &planned.fault {
        Fault::Partition(partition) => {
            let all: BTreeSet<&NodeId> = partition.from.iter().chain(&partition.to).collect();
            let [from, to] = [partition.from.len(), partition.to.len()];
            from > 0 && to > 0 && all.len() == from + to
        }
        _ => true,
    })
}

#[test]
fn every_fault_of_a_plan_is_repaired_within_its_duration_however_the_plan_shrinks() {
    for count in [2, 3, 5] {
        all_hold(plans(count), |plan| {
            let in_time = |planned: &PlannedFault| planned.at <= Time::ZERO + seconds(1);
            is_repaired(plan) && sides_are_apart(plan) && plan.iter().all(in_time)
        });
    }
    // The same check of a plan that leaves something broken.
    let mut broken = FaultPlan::default();
    broken.add(Time::ZERO, Fault::Crash(NodeId::new(0)));
    assert!(!is_repaired(&broken));
}

#[test]
fn an_unsynced_acknowledgement_shrinks_to_one_crash_at_the_first_write_and_its_restart() {
    let (first, smallest) = example::counterexample(false).expect("it is lost under some plan");
    assert!(first.iter().count() > 2, "{first}");
    // The write arrives at 11 ms. A microsecond is the shortest step.
    assert_eq!(smallest.to_string(), "crash n0 at 0.011001s; restart n0 at 0.011002s");
}

#[test]
fn servers_that_sync_before_they_answer_pass_the_same_property() {
    assert!(example::counterexample(true).is_none());
}

#[test]
fn a_partition_shrinks_to_the_two_nodes_that_matter() {
    let (one, other) = (NodeId::new(1), NodeId::new(3));
    let separates = |planned: &PlannedFault| match &planned.fault {
        Fault::Partition(partition) => {
            let [from, to] = [&partition.from, &partition.to];
            from.contains(&one) && to.contains(&other) || from.contains(&other) && to.contains(&one)
        }
        _ => false,
    };
    let smallest = smallest(plans(5), |plan| plan.iter().any(separates));
    let text = smallest.to_string();
    let sides = ["{n1} | {n3}", "{n3} | {n1}"];
    let expected = sides.map(|sides| format!("partition {sides} at 0s; heal {sides} at 0.000001s"));
    assert!(expected.contains(&text), "{text}");
}

// ---- Workloads ----

#[derive(Clone, Debug, Hash)]
enum Message {
    Ask(RequestId, KeyValueOperation),
    Answer(RequestId),
}

/// Does what it is asked, and keeps it.
#[derive(Clone, Debug, Default, Hash)]
struct Server(Vec<KeyValueOperation>);

impl Process for Server {
    type Message = Message;
    type Timer = ();
    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if let Message::Ask(id, operation) = message {
            self.0.push(operation);
            ctx.send(from, Message::Answer(id));
        }
    }
}

#[derive(Clone, Debug, Hash)]
struct Store;

impl Protocol for Store {
    type Message = Message;
    type Operation = KeyValueOperation;
    type Response = ();
    fn request(&self, id: RequestId, operation: &KeyValueOperation) -> Message {
        Message::Ask(id, *operation)
    }
    fn reply(message: &Message) -> Option<(RequestId, Reply<()>)> {
        match *message {
            Message::Answer(id) => Some((id, Reply::Done(()))),
            Message::Ask(..) => None,
        }
    }
}

/// The server is n0.
fn client() -> NodeId {
    NodeId::new(1)
}

/// What the server was asked, and how many operations there were.
fn play(script: &Script<KeyValueOperation>, options: &ClientOptions) -> (Vec<KeyValueOperation>, usize) {
    let mut sim = Simulation::new(1);
    let metrics = sim.observe(Metrics::default());
    let server = sim.add("server", Server::default());
    sim.add_clients("client", 1, |_, _| {
        Client::with_workload(Store, script.clone(), server, options.clone())
    });
    sim.run();
    (sim[server].0.clone(), sim.observer(metrics).count(Outcome::Ok))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_script_is_played_once_from_beginning_to_end(script in key_value_scripts(client(), 3, 0..20)) {
        let (asked, ok) = play(&script, &ClientOptions::default());
        prop_assert_eq!(ok, script.0.len());
        prop_assert_eq!(asked, script.0);
    }

    #[test]
    fn the_options_may_end_a_script_earlier(
        script in key_value_scripts(client(), 3, 0..20),
        options in client_options(),
    ) {
        let (asked, _) = play(&script, &options);
        let end = script.0.len().min(options.operations as usize);
        prop_assert!(asked.len() >= end, "an attempt may be repeated");
        let distinct: BTreeSet<_> = asked.iter().filter(|o| matches!(o, KeyValueOperation::Write { .. })).collect();
        let written = script.0[..end].iter().filter(|o| matches!(o, KeyValueOperation::Write { .. }));
        prop_assert_eq!(distinct, written.collect::<BTreeSet<_>>());
    }
}

#[test]
fn options_are_valid_however_they_shrink() {
    all_hold(client_options(), |options| options.validate().is_ok());
    all_hold(key_value_options(), |options| {
        let _ = KeyValueWorkload::new(options);
        options.validate().is_ok()
    });
}

#[test]
fn a_script_shrinks_to_the_operations_that_matter() {
    let writes = |script: &Script<KeyValueOperation>| {
        script.0.iter().filter(|operation| matches!(operation, KeyValueOperation::Write { .. })).count()
    };
    let reads_a_far_key = |script: &Script<KeyValueOperation>| {
        script.0.iter().any(|operation| matches!(operation, KeyValueOperation::Read { key } if *key >= 4))
    };
    let found = smallest(key_value_scripts(client(), 10, 0..20), |script| {
        writes(script) >= 2 && reads_a_far_key(script)
    });
    assert_eq!((found.0.len(), writes(&found)), (3, 2), "{found:?}");
    assert!(found.0.contains(&KeyValueOperation::Read { key: 4 }), "{found:?}");
    // Still no two writes write the same, and each says which operation it is.
    for (operation, number) in found.0.iter().zip(1..) {
        if let KeyValueOperation::Write { key, value } = operation {
            assert_eq!((*key, *value), (0, RequestId { client: client(), operation: number }));
        }
    }
    let numbers = smallest(scripts(0..100u8, 0..20), |script| script.0.iter().any(|&number| number > 50));
    assert_eq!(numbers, Script(vec![51]));
}
