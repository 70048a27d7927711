//! Distinct states of known models, as other explorers count them.

use netsplit::explorer::{Explored, Messages, Verdict};
use netsplit_models::two_phase::{self, ResourceManager, ResourceState};

/// The state is that of `TwoPhase.tla`: what each resource manager is, whether the transaction manager
/// has decided and who it knows to be prepared, and the set of messages ever sent. The actions are its
/// seven; a message can be received again, and a receipt that changes nothing counts as generated.
fn two_phase(resources: usize) -> Explored {
    netsplit::explore(|seed| two_phase::cluster(resources, seed))
        .messages(Messages::Set)
        .always("consistent", two_phase::consistent)
        .reachable("all commit", |world| {
            world.each::<ResourceManager>().all(|resource| resource.state == ResourceState::Committed)
        })
        .run()
}

/// tlaplus/Examples and Stateright: 288 distinct states at depth 11 for three resource managers.
#[test]
fn two_phase_has_288_states_with_three_resource_managers() {
    let explored = two_phase(3);
    explored.assert_holds();
    assert_eq!((explored.distinct, explored.depth), (288, 11));
}

/// tlaplus/Examples and Stateright: 8,832 distinct states for five.
#[test]
fn two_phase_has_8832_states_with_five_resource_managers() {
    let explored = two_phase(5);
    explored.assert_holds();
    assert_eq!((explored.distinct, explored.depth), (8832, 17));
}

/// The same processes, timed: some seeds commit and some abort.
#[test]
fn two_phase_is_consistent_over_a_thousand_seeds_and_ends_both_ways() {
    let committed = |state| {
        move |world: &netsplit::world::World<two_phase::Message>| {
            world.each::<ResourceManager>().all(|resource| resource.state == state)
        }
    };
    netsplit::check(|seed| two_phase::cluster(2, seed))
        .seeds(0..1_000)
        .always("consistent", two_phase::consistent)
        .reachable("all commit", committed(ResourceState::Committed))
        .reachable("all abort", committed(ResourceState::Aborted))
        .run();
}

#[test]
fn a_false_property_has_a_shortest_path() {
    let explored = netsplit::explore(|seed| two_phase::cluster(2, seed))
        .messages(Messages::Set)
        .always("nobody aborts", |world| {
            world.each::<ResourceManager>().all(|resource| resource.state != ResourceState::Aborted)
        })
        .run();
    let Verdict::Violated(path) = explored.verdict else { panic!("{explored:?}") };
    assert_eq!(path.steps, ["timer Abort of resource-0 fires"]);
}
