//! Distinct states of small models, as other explorers count them; each test says what is a state and what a step.
//! (TwoPhase is in `published_state_counts.rs`.)

use netsplit::explorer::{Bound, Explored, Messages, Verdict};
use netsplit::process::Value;
use netsplit::simulation::Simulation;
use netsplit_models::counting::register::{Message, linearizable};
use netsplit_models::counting::{
    abd, alternating_bit, die_hard, register, ring_election, single_decree, termination,
};

/// A state is what each server has in memory, what each client waits for, the multiset of messages in flight, and of
/// each operation what was asked and answered and how many operations each other client had completed when it was
/// invoked. The one kind of step is a delivery that changes or sends something; any other message stays.
fn as_stateright<I: Value>(scenario: impl FnOnce(u64) -> Simulation<Message<I>>) -> Explored {
    netsplit::explore(scenario)
        .idle_deliveries(false)
        .max_states(5_000_000)
        .always_of_history("linearizable", linearizable)
        .run()
}

fn steps(explored: &Explored) -> &[String] {
    match &explored.verdict {
        Verdict::Violated(path) => &path.steps,
        other => panic!("{other:?}"),
    }
}

/// Stateright, `examples/single-copy-register.rs`.
#[test]
fn a_single_copy_has_93_states_and_two_copies_are_no_register() {
    let explored = as_stateright(|seed| register::single_copies(1, 2, seed));
    explored.assert_holds();
    assert_eq!(explored.distinct, 93);

    let explored = as_stateright(|seed| register::single_copies(2, 2, seed));
    assert_eq!(steps(&explored).len(), 4, "{explored:?}");
}

/// Stateright, `examples/linearizable-register.rs`.
#[test]
fn a_register_on_a_majority_has_544_states_and_is_linearizable() {
    let explored = as_stateright(|seed| abd::cluster(2, 2, seed));
    explored.assert_holds();
    assert_eq!(explored.distinct, 544);
}

/// Stateright, `examples/paxos.rs`.
#[test]
fn single_decree_paxos_has_16668_states_and_is_linearizable() {
    let explored = as_stateright(|seed| single_decree::cluster(3, 2, seed));
    explored.assert_holds();
    assert_eq!(explored.distinct, 16_668);
}

/// TLA+ examples: a state is what is in the two jugs; a step that changes nothing counts as generated.
#[test]
fn die_hard_has_16_states_and_97_steps_to_them() {
    let explored = netsplit::explore(|seed| die_hard::jugs(3, 5, seed)).run();
    assert_eq!((explored.distinct, explored.generated, explored.depth), (16, 97, 8));

    let measured = netsplit::explore(|seed| die_hard::jugs(3, 5, seed))
        .always("nobody measures four gallons", |world| {
            world.each::<die_hard::Jugs>().all(|jugs| jugs.big != 4)
        })
        .run();
    assert_eq!(steps(&measured).len(), 6, "{measured:?}");
}

/// With jugs of coprime sizes every amount can be measured, and the pairs with one jug empty or full are the states:
/// 2 (a + b) of them.
#[test]
fn die_hard_has_as_many_states_as_there_are_on_the_edge() {
    for (small, big) in [(1, 2), (2, 3), (3, 7), (5, 8), (9, 10)] {
        let explored = netsplit::explore(|seed| die_hard::jugs(small, big, seed)).run();
        assert_eq!(explored.distinct as u32, 2 * (small + big), "{small} and {big}");
    }
}

/// A state is what the sender sends and with which bit, what is delivered, and both queues. Messages keep their order,
/// two in a run may be lost and two doubled, and the sender's timer goes off at most three times.
fn alternating_bit(looks: bool) -> Explored {
    netsplit::explore(|seed| alternating_bit::pair(3, looks, seed))
        .messages(Messages::Ordered)
        .drops(2)
        .duplicates(2)
        .timers(3)
        .always("each once and in order", alternating_bit::in_order)
        .run()
}

#[test]
fn the_alternating_bit_delivers_each_once_and_in_order_and_needs_its_bit_and_its_order() {
    alternating_bit(true).assert_holds();
    let explored = alternating_bit(false);
    assert_eq!(steps(&explored).len(), 3, "{explored:?}");
    let unordered = netsplit::explore(|seed| alternating_bit::pair(3, true, seed))
        .timers(1)
        .always("each once and in order", alternating_bit::in_order)
        .run();
    assert!(steps(&unordered).len() > 3, "{unordered:?}");
}

/// A state is who is passive or elected, and the messages in flight. Of a ring in ascending order each identity but
/// the greatest is swallowed at once.
#[test]
fn a_ring_elects_the_greatest_and_without_swallowing_it_elects_everybody() {
    for identities in [&[1, 2, 3, 4][..], &[4, 3, 2, 1], &[2, 4, 1, 3], &[7]] {
        let explored = netsplit::explore(|seed| ring_election::ring(identities, true, seed))
            .always("only the greatest", ring_election::only_the_greatest)
            .reachable("somebody", ring_election::somebody)
            .run();
        explored.assert_holds();
    }
    let explored = netsplit::explore(|seed| ring_election::ring(&[1, 2, 3], false, seed))
        .always("only the greatest", ring_election::only_the_greatest)
        .run();
    assert_eq!(steps(&explored).len(), 3, "{explored:?}");
}

/// A state is which nodes are active and which black, where the token is and its colour, as in `EWD840.tla`. With
/// three nodes there are 4^3 x 3 initial states.
#[test]
fn termination_is_detected_only_when_it_is_there_and_needs_the_colours() {
    let search = |count, blackens| {
        netsplit::explore(move |seed| termination::ring(count, blackens, seed))
            .always("what is detected is there", termination::sound)
            .reachable("it is detected", |world| {
                world.each::<termination::Ring>().any(termination::Ring::detected)
            })
            .run()
    };
    let explored = search(3, true);
    explored.assert_holds();
    assert_eq!(explored.distinct, 302);
    assert!(steps(&search(3, false)).len() > 3);
}

#[test]
fn a_bound_is_said_and_no_verdict_is_given() {
    let explored = netsplit::explore(|seed| single_decree::cluster(3, 2, seed)).max_states(1_000).run();
    assert_eq!((explored.verdict, explored.stopped), (Verdict::Unknown, Some(Bound::States)));
}
