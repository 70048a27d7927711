//! Failures of sweeps made small: what is left of them, that it is the same for everybody, and that what is kept is
//! found again, or said to be stale.

use netsplit::prelude::*;
use netsplit::record::{Observer, Record, What};
use netsplit::shrink::{Base, Case};
use netsplit::{check::Check, nemesis};
use netsplit_models::queue;
use netsplit_models::store::{Abd, AbdParameters, Message, Replica};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cluster(seed: u64) -> Simulation<Message> {
    let parameters = AbdParameters { write_back: false, ..AbdParameters::default() };
    let setup = netsplit::model::Setup::default();
    netsplit::model::Model::simulation(&Abd, &parameters, &setup, seed).expect("valid parameters")
}

/// Nobody crashes while it stores nothing: so a crash is needed, and a write before.
fn no_writer_crashes(world: &World<Message>) -> bool {
    let down = world.ids().filter(|&node| !world.is_client(node) && !world.is_up(node));
    down.into_iter()
        .all(|node| world.storage(node).log::<(u64, netsplit_models::store::Numbered)>().count() < 3)
}

fn sweep() -> Check<'static, Message> {
    let faults = nemesis::partitions().and(nemesis::crashes()).and(nemesis::pauses()).until(seconds(3));
    netsplit::check(cluster)
        .seeds(0..20)
        .faults(faults)
        .always("a node that crashes has stored little", no_writer_crashes)
}

#[test]
fn a_failure_is_left_with_one_fault_and_the_same_for_any_number_of_threads() {
    let violation = sweep().report().violation.expect("it fails");
    let small = sweep().threads(1).shrink(violation.seed).expect("it fails");
    let Case { faults, edits, base, .. } = &small.shrunk.case;
    assert_eq!((faults.len(), edits.len()), (1, 0), "{}", small.shrunk.case);
    assert!(matches!(base, Base::Constant(_)) && small.shrunk.is_minimal, "{:?}", small.shrunk);
    assert!(small.shrunk.after.operations <= 6, "{}", small.shrunk.case);
    assert!(small.shrunk.before.operations > 6, "{:?}", small.shrunk.before);
    for threads in [2, 3] {
        assert_eq!(sweep().threads(threads).shrink(violation.seed), Some(small.clone()), "{threads} threads");
    }
    assert!(small.story.lines().count() <= 13, "{}", small.story);
    assert!(small.story.contains("crash n"), "{}", small.story);
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let sweep = netsplit::check(cluster).always("two and two are four", |_| true);
    assert_eq!(sweep.shrink(0), None);
}

#[test]
fn a_case_for_other_nodes_is_refused_and_changes_nothing() {
    for line in ["crash n9 at 1s", "drop n0>n9#1", "without n9", "operations of n9: 1 at 1s"] {
        let case: Case = format!("seed 1\n{line}").parse().expect("a case");
        let mut sim = cluster(1);
        let error = case.apply(&mut sim).expect_err(line);
        assert!(error.contains("there is no n9 among 6 nodes"), "{error}");
    }
}

/// What was invoked: by whom, as which operation, when, and what.
struct Invoked(Vec<(NodeId, u64, netsplit::time::Time, String)>);

impl<M: netsplit::process::Value> Observer<M> for Invoked {
    fn observe(&mut self, record: Record<'_, M>) {
        if let What::Invoked { client, operation, value } = record.what {
            self.0.push((client, operation, record.time, format!("{value:?}")));
        }
    }
}

#[test]
fn operations_that_are_written_down_are_all_that_is_invoked_and_ask_for_what_they_did() {
    let requests = |written: Option<&[(u64, std::time::Duration)]>| {
        let mut sim = cluster(3);
        let client = sim.world().role("client").next().expect("a client");
        if let Some(written) = written {
            sim.only_operations(client, written);
        }
        let invoked = sim.observe(Invoked(Vec::new()));
        sim.run_for(seconds(1));
        let all = sim.observer(invoked).0.clone();
        all.into_iter().filter(|(other, ..)| *other == client).collect::<Vec<_>>()
    };
    let all = requests(None);
    let (third, seventh) = (all[2].clone(), all[6].clone());
    let span = |time: netsplit::time::Time| time.since(netsplit::time::Time::ZERO);
    let some = requests(Some(&[(3, span(third.2)), (7, span(seventh.2))]));
    assert_eq!(some, [third, seventh]);
    assert_eq!(requests(Some(&[])), []);
}

#[test]
fn a_producer_publishes_what_is_written_down_and_nothing_else() {
    let published = |written: Option<&[(u64, std::time::Duration)]>| {
        let setup = netsplit::model::Setup::default();
        let parameters = queue::Parameters { producers: 1, messages: 10, ..Default::default() };
        let mut sim = netsplit::model::Model::simulation(&queue::Queue, &parameters, &setup, 3)
            .expect("valid parameters");
        let producer = sim.world().role("producer").next().expect("a producer");
        if let Some(written) = written {
            sim.only_operations(producer, written);
        }
        let invoked = sim.observe(Invoked(Vec::new()));
        sim.run_for(seconds(60));
        assert!(sim.world().each::<queue::Producer>().all(queue::Producer::is_done));
        sim.observer(invoked).0.iter().map(|(_, message, at, _)| (*message, *at)).collect::<Vec<_>>()
    };
    let all = published(None);
    assert_eq!(all.len(), 10);
    let some = [all[2], all[7]];
    let spans = some.map(|(message, at)| (message, at.since(netsplit::time::Time::ZERO)));
    assert_eq!(published(Some(&spans)), some);
    assert_eq!(published(Some(&[])), []);
}

/// Fails if it is asked to, by another process: this test, and no other.
#[test]
fn kept_failures_are_run_first() {
    let Ok(seeds) = std::env::var("NETSPLIT_TEST_SEEDS") else { return };
    let seeds: u64 = seeds.parse().expect("a number");
    let found = sweep().report().violation.map_or(0, |violation| violation.seed);
    sweep().seeds(found + 1 - seeds..found + 1).run();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions")
}

fn run_it(variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["kept_failures_are_run_first", "--exact", "--nocapture"]).env("RUST_BACKTRACE", "0");
    command.env_remove("NETSPLIT_TEST_SEEDS").env_remove("NETSPLIT_KEEP").envs(variables.iter().copied());
    let output = command.output().expect("it can be run");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_failure_that_is_kept_fails_first_from_then_on_and_what_is_stale_fails_nothing() {
    let _ = fs::remove_dir_all(folder());
    let (holds, said) = run_it(&[("NETSPLIT_TEST_SEEDS", "1"), ("NETSPLIT_KEEP", "1")]);
    assert!(!holds && said.contains("kept as") && said.contains("what led to it"), "{said}");
    let entries = fs::read_dir(folder()).expect("a folder").map(|entry| entry.expect("a file").path());
    let files: Vec<PathBuf> = entries.collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let text = fs::read_to_string(file).expect("a text");

    let (holds, said) = run_it(&[("NETSPLIT_TEST_SEEDS", "1")]);
    assert!(!holds && said.contains("fails again"), "{said}");

    // Files that are not of this test, or cannot be understood, are told of and fail nothing more.
    let variants = [
        (text.replace("kept_failures_are_run_first", "another_test"), ""),
        (text.replace("\nseed", "\nsea"), "expected a fault"),
        (text[..text.find("seed").expect("a seed")].to_string(), "there is no `seed`"),
        (text.replace("\nengine 2", "\nengine 1"), "of engine 1"),
        (text.clone() + "crash n99 at 1s\n", "there is no n99 among 6 nodes"),
        (text.replace("property ", "proper "), "expected a fault"),
    ];
    for (changed, expected) in variants {
        fs::write(file, &changed).expect("it can be written");
        let (holds, said) = run_it(&[("NETSPLIT_TEST_SEEDS", "1")]);
        assert!(!holds && said.contains(expected), "{changed}\n{said}");
        assert_eq!(said.contains("fails again"), expected == "of engine 1", "{changed}\n{said}");
    }
    fs::remove_dir_all(folder()).expect("it can be removed");
}

#[test]
fn replicas_store_what_they_say() {
    // So that the sweep above is about a store that works.
    let mut sim = cluster(1);
    sim.run_for(seconds(1));
    assert!(sim.world().each::<Replica>().all(|replica| !replica.all_stored().is_empty()));
}
