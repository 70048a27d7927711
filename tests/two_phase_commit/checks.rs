//! Two-phase commit over a thousand seeds and in every order of events, and the model as the command sees
//! it.

use netsplit::distribution::uniform;
use netsplit::explorer::{Explored, Messages};
use netsplit::model::{Model, Setup};
use netsplit::nemesis;
use netsplit::network::{Link, Probability};
use netsplit::prelude::*;
use netsplit_models::two_phase_commit::*;

/// Loss, duplication and overtaking at any time; for four seconds partitions, crashes and pauses.
fn rough(seed: u64) -> Simulation<Message> {
    let probability = |p: f64| Probability::try_from(p).expect("a probability");
    let setup = Setup {
        link: Link {
            delay: uniform(milliseconds(1)..=milliseconds(30)),
            loss_probability: probability(0.05),
            duplication_probability: probability(0.05),
        },
        // Slow enough that crashes come in the middle of a sync.
        sync_latency: uniform(milliseconds(1)..=milliseconds(20)),
        ..Setup::default()
    };
    let parameters = Parameters { operations: 4, refusal_percent: 10, ..Parameters::default() };
    TwoPhaseCommit.simulation(&parameters, &setup, seed).expect("it can be set up")
}

fn coordinator_is_down(world: &World<Message>) -> bool {
    world.each::<Coordinator>().next().is_none()
}

#[test]
fn it_is_atomic_and_ends_over_a_thousand_seeds_of_everything_that_goes_wrong() {
    let faults = nemesis::partitions().and(nemesis::crashes()).and(nemesis::pauses());
    let faults = faults.and(nemesis::bridges()).and(nemesis::slow_links()).and(nemesis::clock_drifts());
    netsplit::check(rough)
        .seeds(0..1_000)
        .faults(faults.until(seconds(2)))
        .properties(TwoPhaseCommit.properties())
        .always("no two nodes, up or crashed, know different outcomes", atomic_in_every_log)
        .always("a commit was decided by the coordinator and promised by all", justified)
        .reachable("a commit", |world| some_transaction_ended(world, Decision::Commit))
        .reachable("an abort", |world| some_transaction_ended(world, Decision::Abort))
        .reachable("somebody is in doubt while the coordinator is down", |world| {
            coordinator_is_down(world) && somebody_is_in_doubt(world)
        })
        .run();
}

/// Every run of one transaction at two participants that may refuse. A state is what each node has in
/// memory, in its log and under way to it, which timers are set, how far the client is, every message ever
/// sent, and how many nodes have crashed. Messages are a set: each may arrive never, late, again and again,
/// in any order. A timer may go off at any moment.
fn every_run(attempts: u32, crashes: u32) -> Explored {
    let parameters = Parameters {
        participants: 2,
        clients: 1,
        operations: 1,
        attempts,
        refusal_percent: 50,
        ..Parameters::default()
    };
    netsplit::explore(|seed| {
        TwoPhaseCommit.simulation(&parameters, &Setup::default(), seed).expect("it can be set up")
    })
    .messages(Messages::Set)
    .crashes(crashes)
    .properties(TwoPhaseCommit.properties())
    .always("no two nodes, up or crashed, know different outcomes", atomic_in_every_log)
    .always("a commit was decided by the coordinator and promised by all", justified)
    .reachable("a commit", |world| some_transaction_ended(world, Decision::Commit))
    .reachable("an abort", |world| some_transaction_ended(world, Decision::Abort))
    .run()
}

#[test]
fn it_is_atomic_in_every_order_of_events_with_a_crash_at_any_step() {
    let explored = every_run(1, 1);
    explored.assert_holds();
    assert_eq!((explored.distinct, explored.depth), (8195, 23));
}

#[test]
fn it_is_atomic_in_every_order_of_events_when_the_client_asks_both_participants() {
    let explored = every_run(2, 0);
    explored.assert_holds();
    assert_eq!((explored.distinct, explored.depth), (2363, 19));
}

// ---- The model as the command sees it ----

fn digest(seed: u64) -> String {
    let setup = Setup::default();
    let mut sim =
        TwoPhaseCommit.simulation(&Parameters::default(), &setup, seed).expect("the defaults are in range");
    let digest = sim.observe_digest();
    sim.run_for(seconds(5));
    sim.observer(digest).to_string()
}

/// If this changes on purpose, the version of the engine changes with it.
#[test]
fn a_seed_is_the_same_run_on_every_platform_and_in_every_build() {
    assert_eq!(digest(1), "3bb7f4dabe5d92b45b753ff1b3fbed70");
    assert_ne!(digest(1), digest(2));
}

#[test]
fn every_parameter_is_explained_in_order() {
    let parameters = format!("{:?}", Parameters::default());
    let fields = parameters.trim_start_matches("Parameters { ").trim_end_matches(" }").split(", ");
    let names: Vec<&str> = fields.filter_map(|field| Some(field.split_once(": ")?.0)).collect();
    let explained: Vec<&str> = TwoPhaseCommit.help().iter().map(|(name, _)| *name).collect();
    assert_eq!(explained, names);
}

#[test]
fn a_parameter_that_is_out_of_range_is_refused_by_name() {
    let defaults = Parameters::default;
    for (parameters, message) in [
        (Parameters { participants: 0, ..defaults() }, "participants is 0: expected at least 1"),
        (Parameters { attempts: 0, ..defaults() }, "attempts is 0: expected at least 1"),
        (Parameters { refusal_percent: 101, ..defaults() }, "refusal_percent is 101: expected 0 to 100"),
        (
            Parameters { inquiry_interval: seconds(0), ..defaults() },
            "inquiry_interval is zero: expected a span of time",
        ),
    ] {
        let refused = TwoPhaseCommit.simulation(&parameters, &Setup::default(), 1);
        assert_eq!(refused.err().as_deref(), Some(message));
    }
}
