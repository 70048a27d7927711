//! Single-decree Paxos: its rules one by one, the duel, sweeps and exhaustive search.

use netsplit::distribution::uniform;
use netsplit::explorer::Exploration;
use netsplit::metrics::Metrics;
use netsplit::model::{Model, Setup};
use netsplit::nemesis::{clock_drifts, crashes, partitions, pauses, slow_links};
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::topology::Topology;
use netsplit_models::paxos::{Acceptor, Backoff, Ballot, Message, Parameters, Paxos, Proposer, Vote, chosen};
use std::time::Duration;

fn paxos(parameters: &Parameters, seed: u64) -> Simulation<Message> {
    Paxos.simulation(parameters, &Setup::default(), seed).expect("the parameters are in range")
}

fn ballot(round: u64, proposer: impl Into<NodeId>) -> Ballot {
    Ballot { round, proposer: proposer.into() }
}

/// Whether each of the proposers knows what is chosen.
fn all_decided(world: &World<Message>) -> bool {
    world.each::<Proposer>().all(|proposer| proposer.decided().is_some())
}

/// Whether a proposer has adopted the value of another one, and got it chosen.
fn adopted(world: &World<Message>) -> bool {
    let decided = |node: Handle<Proposer>| world.get::<Proposer>(node)?.decided();
    world.nodes_of().any(|node| decided(node).is_some_and(|value| value != node.id()))
}

fn some_round_is(at_least: u64) -> impl Fn(&World<Message>) -> bool {
    move |world| world.each::<Proposer>().any(|proposer| proposer.round() >= at_least)
}

// ---- Acceptors ----

#[test]
fn an_acceptor_keeps_its_promise_through_a_crash() {
    let mut sim = Simulation::new(1);
    let acceptor = sim.add("acceptor", Acceptor::default());
    let proposer = sim.add_client("proposer");
    let (lower, higher) = (ballot(4, proposer), ballot(5, proposer));

    sim.send(proposer, acceptor, Message::Prepare(higher));
    sim.run();
    sim.crash(acceptor);
    sim.restart(acceptor);
    sim.send(proposer, acceptor, Message::Prepare(lower));
    sim.run();
    let refused = Message::Rejected(lower, higher);
    assert_eq!(sim.received(proposer), [Message::Promise(higher, None), refused]);
}

#[test]
fn an_acceptor_reports_its_vote_after_a_crash() {
    let mut sim = Simulation::new(1);
    let acceptor = sim.add("acceptor", Acceptor::default());
    let proposer = sim.add_client("proposer");
    let vote = Vote { ballot: ballot(1, proposer), value: proposer.id() };
    let higher = ballot(2, proposer);

    sim.send(proposer, acceptor, Message::Accept(vote));
    sim.run();
    sim.crash(acceptor);
    sim.restart(acceptor);
    sim.send(proposer, acceptor, Message::Prepare(higher));
    sim.run();
    let promise = Message::Promise(higher, Some(vote));
    assert_eq!(sim.received(proposer), [Message::Accepted(vote.ballot), promise]);
}

#[test]
fn an_acceptor_that_crashes_before_its_promise_is_durable_has_told_nobody() {
    let mut sim = Simulation::new(1);
    let acceptor = sim.add("acceptor", Acceptor::default());
    let proposer = sim.add_client("proposer");
    sim.send(proposer, acceptor, Message::Prepare(ballot(1, proposer)));
    sim.run_until(|world| world.is_syncing(acceptor));
    sim.crash(acceptor);
    sim.run();
    assert!(sim.received(proposer).is_empty());
}

#[test]
fn an_acceptor_answers_a_duplicate_as_it_answered_the_first() {
    let mut sim = Simulation::new(1);
    let acceptor = sim.add("acceptor", Acceptor::default());
    let proposer = sim.add_client("proposer");
    for _ in 0..2 {
        sim.send(proposer, acceptor, Message::Prepare(ballot(1, proposer)));
    }
    sim.run();
    let promise = Message::Promise(ballot(1, proposer), None);
    assert_eq!(sim.received(proposer), [promise.clone(), promise]);
}

// ---- Proposers ----

/// Three acceptors, and proposers of which each begins a second after the one before it.
fn one_after_the_other(proposers: usize) -> (Simulation<Message>, Vec<NodeId>, Vec<Handle<Proposer>>) {
    let sim = paxos(&Parameters { proposers, stagger: seconds(1), ..Parameters::default() }, 1);
    let acceptors = sim.world().role("acceptor").collect();
    let proposers = sim.world().nodes_of().collect();
    (sim, acceptors, proposers)
}

#[test]
fn a_lone_proposer_gets_its_own_value_chosen_in_two_round_trips() {
    let mut sim = paxos(&Parameters { proposers: 1, ..Parameters::default() }, 1);
    sim.set_delay(milliseconds(10));
    let proposer = sim.world().nodes_of::<Proposer>().next().expect("there is one").id();
    let metrics = sim.observe(Metrics::default());
    sim.run();
    assert_eq!(chosen(sim.world()), [proposer].into());
    // Four delays; a sync of the proposer, and one of the acceptors in each phase.
    let metrics = sim.observer(metrics);
    assert_eq!(metrics.latencies(), [4 * milliseconds(10) + 3 * milliseconds(1)]);
    assert_eq!((metrics.count(Outcome::Ok), metrics.sent()), (1, 4 * 3));
}

#[test]
fn a_later_proposer_finds_the_chosen_value_and_keeps_it() {
    let (mut sim, _, proposers) = one_after_the_other(3);
    sim.run();
    for proposer in &proposers {
        assert_eq!(sim[*proposer].decided(), Some(proposers[0].id()));
    }
}

#[test]
fn a_proposer_adopts_the_value_of_the_highest_vote_reported_though_it_may_not_be_chosen() {
    let (mut sim, acceptors, proposers) = one_after_the_other(3);
    let [late, one, two] = [2, 0, 1].map(|index: usize| proposers[index].id());
    // Votes as two earlier proposers might have left them, each with a single acceptor.
    sim.crash([one, two]);
    for (acceptor, round, value) in [(acceptors[0], 1, two), (acceptors[1], 2, one)] {
        sim.send(value, acceptor, Message::Accept(Vote { ballot: ballot(round, value), value }));
    }
    sim.crash(acceptors[2]);
    sim.run();
    assert_eq!(sim[proposers[2]].decided(), Some(one), "{late} proposes what {one} had in the higher ballot");
}

#[test]
fn a_proposer_uses_no_round_twice_though_it_crashes() {
    let (mut sim, acceptors, proposers) = one_after_the_other(1);
    sim.crash(acceptors);
    sim.run_until(some_round_is(3));
    sim.run_for(milliseconds(1));
    sim.crash(proposers[0]);
    sim.restart(proposers[0]);
    assert_eq!(sim[proposers[0]].round(), 4);
}

#[test]
fn without_a_majority_nothing_is_chosen_and_with_one_again_something_is() {
    let (mut sim, acceptors, proposers) = one_after_the_other(1);
    sim.partition(&acceptors[..2], proposers[0]);
    sim.run_for(seconds(10));
    assert_eq!(sim[proposers[0]].decided(), None);
    sim.heal();
    sim.run_until(all_decided);
}

// ---- The duel ----

/// Both proposers share a site with one acceptor; the other two acceptors are 10 ms away.
fn duel(seed: u64, backoff_low: Duration, backoff_high: Duration, stagger: Duration) -> Simulation<Message> {
    let sites = "site,Home,East,West\nHome,2,20,20\nEast,20,2,20\nWest,20,20,2\n";
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    let acceptors = names(&["Home", "East", "West"]);
    let setup = Setup {
        topology: Some(Topology::from_csv(sites).expect("a square matrix")),
        placement: [("acceptor".into(), acceptors), ("proposer".into(), names(&["Home"]))].into(),
        ..Setup::default()
    };
    let parameters = Parameters { backoff_low, backoff_high, stagger, ..Parameters::default() };
    Paxos.simulation(&parameters, &setup, seed).expect("the parameters are in range")
}

/// A ballot's accepts reach an acceptor 21 ms after its prepares: a round trip to East or West, and the
/// sync there. From one ballot of a proposer to its next it is 24 ms and the back-off: 21 for phase 1, two
/// to hear from the acceptor next door that it is refused, and one for its own sync. So with a back-off of
/// B each one's prepares come between the other's prepares and accepts, for ever, if the second begins
/// more than B + 3 ms and less than 21 ms after the first.
#[test]
fn duelling_proposers_live_lock_under_equal_back_off() {
    for (backoff, stagger) in
        [(5, 9), (5, 10), (5, 20), (0, 4), (16, 20)].map(|(b, s)| (milliseconds(b), milliseconds(s)))
    {
        let mut sim = duel(1, backoff, backoff, stagger);
        sim.run_for(seconds(60));
        assert!(chosen(sim.world()).is_empty(), "back-off {backoff:?}, stagger {stagger:?}");
        let rounds = sim.world().each::<Proposer>().map(Proposer::round).min().expect("both are up");
        assert!(rounds > 2_900, "back-off {backoff:?}, stagger {stagger:?}: {rounds} rounds");
    }
}

#[test]
fn the_duel_ends_if_the_second_begins_too_early_or_too_late() {
    for (backoff, stagger) in [(5, 7), (5, 22), (19, 20)].map(|(b, s)| (milliseconds(b), milliseconds(s))) {
        duel(1, backoff, backoff, stagger).run_until(all_decided);
    }
}

#[test]
fn the_duel_ends_under_random_back_off_for_a_thousand_seeds() {
    netsplit::check(|seed| duel(seed, milliseconds(5), milliseconds(100), milliseconds(10)))
        .seeds(0..1_000)
        .lasting(seconds(0))
        .within(seconds(2))
        .properties(Paxos.properties())
        .run();
}

/// Where everybody is equally far away, news of defeat takes as long as victory, and the loser's next ballot
/// must be durable before it is sent: the winner has the time it needs, whatever the stagger.
#[test]
fn over_equal_delays_two_proposers_do_not_live_lock() {
    for stagger in (0..=40).map(milliseconds) {
        let zero = seconds(0);
        let parameters =
            Parameters { backoff_low: zero, backoff_high: zero, stagger, ..Parameters::default() };
        let mut sim = paxos(&parameters, 1);
        sim.set_delay(milliseconds(10));
        sim.run_for(milliseconds(300));
        assert!(all_decided(sim.world()), "stagger {stagger:?}");
    }
}

// ---- Sweeps and searches ----

/// Faults last for about as long as messages travel, and rounds follow each other quickly: a promise only
/// matters to a message that is on its way while another ballot succeeds.
#[test]
fn paxos_is_safe_under_every_fault_and_decides_when_they_are_over() {
    let parameters = Parameters {
        proposers: 3,
        backoff_high: milliseconds(30),
        timeout: milliseconds(60),
        ..Parameters::default()
    };
    netsplit::check(|seed| {
        let mut sim = paxos(&parameters, seed);
        sim.set_delay(uniform(milliseconds(1)..=milliseconds(20)));
        sim.set_loss(0.05);
        sim.set_duplication(0.05);
        sim
    })
    .seeds(0..1_000)
    .faults(
        partitions()
            .and(crashes())
            .and(crashes())
            .and(pauses())
            .and(slow_links())
            .and(clock_drifts())
            .until(milliseconds(200)),
    )
    .within(seconds(10))
    .properties(Paxos.properties())
    .reachable("a proposer adopts the value of another", adopted)
    .reachable("a proposer needs five rounds", some_round_is(5))
    .reachable("a value is chosen while an acceptor is down", |world| {
        world.nodes_of::<Acceptor>().any(|acceptor| !world.is_up(acceptor)) && !chosen(world).is_empty()
    })
    .run();
}

/// Two proposers and three acceptors. Each proposer asks a majority of two, and the two majorities share
/// one acceptor: that is enough for Paxos, and few enough messages to search them all.
fn search<'a>(crashing_proposers: bool) -> Exploration<'a, Message> {
    netsplit::explore(move |seed| {
        let mut sim = Simulation::new(seed);
        let acceptors = sim.add_group("acceptor", 3, |_, _| Acceptor::default());
        for majority in [&acceptors[..2], &acceptors[1..]] {
            let proposer = Proposer::new(majority, seconds(1), Backoff::Equal(seconds(1)));
            // The search crashes no client.
            match crashing_proposers {
                true => sim.add_group("proposer", 1, |_, _| proposer.clone()),
                false => sim.add_clients("proposer", 1, |_, _| proposer.clone()),
            };
        }
        sim
    })
    .properties(Paxos.properties())
    .reachable("a proposer adopts the value of another", adopted)
}

/// A state is each proposer's round, phase and timers, each acceptor's promise and vote, everybody's
/// storage with what is not durable yet, what waits for a sync, the multiset of messages in flight, and how
/// many timers have fired and nodes have crashed. The actions are: a message arrives (one that changes
/// nothing is taken out of the air, too), a sync ends, a timer fires; the last at most once in a run.
#[test]
fn paxos_holds_in_every_order_of_events() {
    let explored = search(true).timers(1).reachable("a second round", some_round_is(2)).run();
    explored.assert_holds();
    assert_eq!((explored.distinct, explored.depth), (9_151, 40));
}

/// The same states, and the actions: a message arrives, a sync ends, an acceptor crashes with any number of
/// its unsynced writes kept, at most once in a run, and restarts. No timer fires.
#[test]
fn paxos_holds_wherever_an_acceptor_crashes() {
    let explored = search(false).timers(0).crashes(1).run();
    explored.assert_holds();
    assert_eq!((explored.distinct, explored.depth), (10_486, 29));
}

// ---- The model ----

#[test]
fn the_default_run_of_seed_1_is_pinned_and_another_seed_differs() {
    let digest = |seed| {
        let mut sim = paxos(&Parameters::default(), seed);
        let digest = sim.observe_digest();
        sim.run_for(seconds(5));
        sim.observer(digest).to_string()
    };
    assert_eq!(digest(1), "16da2c407df32d014b4d3cbb7027205e");
    assert_ne!(digest(1), digest(2));
}

#[test]
fn a_parameter_out_of_range_is_refused_with_its_name_and_the_range() {
    let refused = |parameters: Parameters| {
        Paxos.simulation(&parameters, &Setup::default(), 1).map(|_| ()).expect_err("it is out of range")
    };
    let parameters = Parameters::default;
    assert!(refused(Parameters { acceptors: 0, ..parameters() }).contains("acceptors is 0: expected 1"));
    assert!(refused(Parameters { proposers: 0, ..parameters() }).contains("proposers is 0: expected 1"));
    assert!(refused(Parameters { timeout: seconds(0), ..parameters() }).contains("timeout is zero"));
    let backward = Parameters { backoff_low: seconds(1), ..parameters() };
    assert!(refused(backward).contains("backoff_low is 1s: expected at most backoff_high, 100ms"));
}
