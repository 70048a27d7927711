//! The two drivers are tied: whatever the timed simulation does, the explorer has been there.
//!
//! A run of the simulation under drawn delays, losses, copies, overtaking and a crash is a walk from world to world.
//! Every world on it must be among those that the search finds; what is in flight is not looked at, since the
//! simulation does not show it.

use netsplit::distribution::uniform;
use netsplit::explorer::{Exploration, Messages};
use netsplit::fingerprint::fingerprint;
use netsplit::model::{Model, Setup};
use netsplit::prelude::*;
use netsplit::process::{Process, Value};
use netsplit_models::counting::{register, ring_election, single_decree};
use netsplit_models::two_phase;
use netsplit_models::two_phase_commit::{Coordinator, Parameters, Participant, TwoPhaseCommit};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// What every process of kind `P` is, and which nodes are down.
fn each<P: Process<Message = M>, M: Value>(world: &World<M>) -> u128 {
    let nodes: Vec<_> =
        world.nodes_of::<P>().map(|node| world.get::<P>(node).map(|p| fingerprint(p))).collect();
    fingerprint(&nodes)
}

/// All worlds that the search finds.
fn worlds<M: Value>(
    search: Exploration<'_, M>,
    print: impl Fn(&World<M>) -> u128 + Send + Sync,
) -> BTreeSet<u128> {
    let found = Mutex::new(BTreeSet::new());
    let see = |world: &World<M>| {
        found.lock().expect("nobody panics here").insert(print(world));
        true
    };
    search.always("it is seen", see).run().assert_holds();
    found.into_inner().expect("nobody panics here")
}

/// Goes on until nothing is pending, or to the end of `steps`; how many of the worlds on the way are not in `worlds`.
/// The nodes start one after the other, which is before the search begins.
fn astray<M: Value>(
    mut sim: Simulation<M>,
    steps: usize,
    worlds: &BTreeSet<u128>,
    print: impl Fn(&World<M>) -> u128,
    mut act: impl FnMut(usize, &mut Simulation<M>),
) -> usize {
    let (mut count, nodes) = (0, sim.world().ids().count());
    for step in 0..steps {
        if !sim.step() {
            break;
        }
        if step >= nodes {
            act(step - nodes, &mut sim);
        }
        if step + 1 >= nodes && !worlds.contains(&print(sim.world())) {
            count += 1;
        }
    }
    count
}

fn rough<M: Value>(sim: &mut Simulation<M>, loss: f64, duplication: f64) {
    sim.set_delay(uniform(milliseconds(1)..=milliseconds(200)));
    sim.set_loss(loss);
    sim.set_duplication(duplication);
}

fn of_two_phase(world: &World<two_phase::Message>) -> u128 {
    fingerprint(&(
        each::<two_phase::ResourceManager, _>(world),
        each::<two_phase::TransactionManager, _>(world),
    ))
}

fn of_registers(world: &World<register::Message<single_decree::Internal>>) -> u128 {
    fingerprint(&(
        each::<single_decree::Server, _>(world),
        each::<register::Client<single_decree::Internal>, _>(world),
    ))
}

type Commit = netsplit_models::two_phase_commit::Message;

/// One transaction at two participants, without what the client remembers: its random numbers are its own.
fn commit(seed: u64) -> Simulation<Commit> {
    let parameters = Parameters {
        participants: 2,
        clients: 1,
        operations: 1,
        attempts: 1,
        refusal_percent: 50,
        ..Parameters::default()
    };
    TwoPhaseCommit.simulation(&parameters, &Setup::default(), seed).expect("in range")
}

fn of_commit(world: &World<Commit>) -> u128 {
    let unsynced: Vec<usize> = world.ids().map(|node| world.storage(node).unsynced()).collect();
    fingerprint(&(each::<Coordinator, _>(world), each::<Participant, _>(world), unsynced))
}

/// How many walks of each kind.
const WALKS: u32 = 200;

#[test]
fn walks_of_two_phase_stay_among_the_states() {
    let found =
        worlds(netsplit::explore(|seed| two_phase::cluster(3, seed)).messages(Messages::Set), of_two_phase);
    proptest!(ProptestConfig::with_cases(WALKS), |(seed: u64, loss in 0.0..0.5, duplication in 0.0..0.5)| {
        let mut sim = two_phase::cluster(3, seed);
        rough(&mut sim, loss, duplication);
        prop_assert_eq!(astray(sim, 500, &found, of_two_phase, |_, _| {}), 0);
    });
}

#[test]
fn walks_of_paxos_stay_among_the_states_and_a_walk_of_another_model_does_not() {
    let search = |clients| netsplit::explore(move |seed| single_decree::cluster(3, clients, seed));
    let found = worlds(search(2), of_registers);
    proptest!(ProptestConfig::with_cases(WALKS), |(seed: u64, loss in 0.0..0.3)| {
        let mut sim = single_decree::cluster(3, 2, seed);
        rough(&mut sim, loss, 0.0);
        prop_assert_eq!(astray(sim, 500, &found, of_registers, |_, _| {}), 0);
    });
    // The check can fail: a ring on which nobody is swallowed goes where the other one does not.
    let mut left = 0;
    for seed in 0..200 {
        let mut sim = ring_election::ring(&[1, 2, 3], false, seed);
        rough(&mut sim, 0.0, 0.0);
        let with_swallowing = |seed| ring_election::ring(&[1, 2, 3], true, seed);
        let print = each::<ring_election::Member, _>;
        let found = worlds(netsplit::explore(with_swallowing), print);
        left += astray(sim, 100, &found, print, |_, _| {});
    }
    assert!(left > 0, "a walk of another model is told from one of this");
}

#[test]
fn walks_of_two_phase_commit_with_a_crash_stay_among_the_states_with_one_and_leave_those_with_none() {
    let search = |crashes| netsplit::explore(commit).messages(Messages::Set).crashes(crashes);
    let (with_one, with_none) = (worlds(search(1), of_commit), worlds(search(0), of_commit));
    let walk = |seed, victim: usize, at: usize, down: usize, found: &BTreeSet<u128>| {
        let mut sim = commit(seed);
        rough(&mut sim, 0.1, 0.2);
        astray(sim, 300, found, of_commit, |step, sim| {
            let victim = NodeId::new(victim);
            if step == at {
                sim.crash(victim);
            } else if step == at + down {
                sim.restart(victim);
            }
        })
    };
    proptest!(ProptestConfig::with_cases(WALKS), |(seed: u64, victim in 0..3usize, at in 0..30usize, down in 1..20usize)| {
        prop_assert_eq!(walk(seed, victim, at, down, &with_one), 0);
    });
    let left = (0..50).map(|seed| walk(seed, 0, 3, 2, &with_none)).sum::<usize>();
    assert!(left > 0, "without a budget for crashes, the search has not been where a crash leads");
}
