//! Searches that leave states out, beside those that do not: the verdicts are the same, and the ratio is pinned.

use netsplit::explorer::{Exploration, Explored, Messages, Verdict};
use netsplit::prelude::*;
use netsplit_models::two_phase::{self, Message, ResourceManager, ResourceState, TransactionManager};

fn two_phase(resources: usize) -> Exploration<'static, Message> {
    netsplit::explore(move |seed| two_phase::cluster(resources, seed))
        .messages(Messages::Set)
        .always("consistent", two_phase::consistent)
}

fn symmetric(search: Exploration<'_, Message>) -> Exploration<'_, Message> {
    search.symmetric("resource").renaming::<ResourceManager>().renaming::<TransactionManager>()
}

fn is_violated(explored: &Explored) -> bool {
    matches!(explored.verdict, Verdict::Violated(_))
}

/// 288 and 8,832 states are 80 and 314 up to which resource manager is which. (Stateright reports 665 for 5: its
/// representative leaves ties.)
#[test]
fn two_phase_has_80_and_314_orbits() {
    for (resources, states, orbits) in
        [(1, 22, 22), (2, 72, 43), (3, 288, 80), (4, 1_568, 132), (5, 8_832, 314)]
    {
        let all = two_phase(resources).run();
        let reduced = symmetric(two_phase(resources)).run();
        let found = (all.distinct, reduced.distinct);
        assert_eq!((&all.verdict, all.depth), (&reduced.verdict, reduced.depth), "{resources}");
        if resources % 2 == 1 && resources > 1 {
            assert_eq!(found, (states, orbits), "{resources} resource managers");
        }
    }
}

#[test]
fn what_is_violated_is_violated_under_symmetry_after_as_many_steps() {
    type Broken = fn(&World<Message>) -> bool;
    fn count(world: &World<Message>, state: ResourceState) -> usize {
        world.each::<ResourceManager>().filter(|resource| resource.state == state).count()
    }
    let broken: [Broken; 3] = [
        |world| count(world, ResourceState::Aborted) < 2,
        |world| count(world, ResourceState::Committed) == 0,
        |world| count(world, ResourceState::Prepared) < 3 || count(world, ResourceState::Committed) == 0,
    ];
    for (number, broken) in broken.into_iter().enumerate() {
        for threads in [1, 3] {
            let all = two_phase(4).always("broken", broken).threads(threads).run();
            let reduced = symmetric(two_phase(4)).always("broken", broken).threads(threads).run();
            assert_eq!(is_violated(&all), is_violated(&reduced), "{number}");
            if let (Verdict::Violated(all), Verdict::Violated(reduced)) = (&all.verdict, &reduced.verdict) {
                assert_eq!(all.steps.len(), reduced.steps.len(), "{number}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "nobody says how the process of n2 (manager) is renamed")]
fn a_process_that_cannot_be_renamed_is_refused() {
    let _ = two_phase(2).symmetric("resource").renaming::<ResourceManager>().run();
}
