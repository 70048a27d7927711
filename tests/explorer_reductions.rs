//! Searches that leave states out, beside those that do not: the verdicts are the same, and the ratio is pinned.

use netsplit::explorer::{Bound, Exploration, Explored, Messages, Verdict};
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
    for resources in 1..=5 {
        let all = two_phase(resources).run();
        let reduced = symmetric(two_phase(resources)).run();
        assert_eq!((&all.verdict, all.depth), (&reduced.verdict, reduced.depth), "{resources}");
        let orders: usize = (1..=resources).product();
        assert!(reduced.distinct <= all.distinct && all.distinct <= orders * reduced.distinct, "{resources}");
        match resources {
            3 => assert_eq!((all.distinct, reduced.distinct), (288, 80)),
            5 => assert_eq!((all.distinct, reduced.distinct), (8_832, 314)),
            _ => {}
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

/// Of 314 orbits, the 8,832 states are all searched for what must happen eventually.
#[test]
fn what_must_happen_eventually_is_searched_within_the_bounds() {
    let search = || symmetric(two_phase(5)).eventually("all decide", two_phase::all_decided);
    let found = search().run();
    assert_eq!((&found.verdict, found.stopped, found.distinct), (&Verdict::Holds, None, 314));
    let stopped = |search: Exploration<'_, Message>| search.run().stopped;
    assert_eq!(stopped(search().max_states(400)), Some(Bound::States));
    let before = symmetric(two_phase(5)).run().bytes;
    assert_eq!(stopped(search().max_memory(before + (1 << 16))), Some(Bound::Memory));
    assert_eq!(stopped(search().watch(|progress| progress.depth > 0)), Some(Bound::Interrupted));
}

/// Nine nodes have too many orders.
#[test]
fn more_than_eight_equal_nodes_are_searched_one_by_one() {
    let few = |search: Exploration<'_, Message>| search.max_depth(3).threads(1).run();
    assert_eq!(few(symmetric(two_phase(9))), few(two_phase(9)));
    assert!(few(symmetric(two_phase(8))).distinct < few(two_phase(8)).distinct);
}

// ---- Partial orders ----

/// Passes what it gets on to the next, a little changed; the last keeps a sum.
#[derive(Clone, Debug, Hash)]
struct Stage {
    next: Option<NodeId>,
    begins: u32,
    sum: u32,
}

impl Process for Stage {
    type Message = u32;
    type Timer = u32;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        (0..self.begins).for_each(|number| ctx.set_timer(number, seconds(1)));
    }

    fn on_message(&mut self, _: NodeId, number: u32, ctx: &mut Context<Self>) {
        self.sum = self.sum * 3 % 7 + number;
        if let Some(next) = self.next {
            ctx.send(next, number + self.sum % 2);
        }
    }

    fn on_timer(&mut self, number: u32, ctx: &mut Context<Self>) {
        ctx.send(ctx.id(), number);
    }
}

/// A node for each of `nexts`: whom it passes on to, if to anybody, and how many messages it begins with.
fn pipes(nexts: Vec<(Option<usize>, u32)>) -> Exploration<'static, u32> {
    netsplit::explore(move |seed| {
        let mut sim = Simulation::new(seed);
        for (next, begins) in nexts {
            sim.add("stage", Stage { next: next.map(NodeId::new), begins, sum: 0 });
        }
        sim
    })
    .max_states(300_000)
}

fn drawn(seed: u64) -> Vec<(Option<usize>, u32)> {
    let draw =
        |place: u64, below: u64| (netsplit::fingerprint::fingerprint(&(seed, place)) as u64 % below) as usize;
    let count = 2 + draw(0, 3);
    let next = |at: usize| {
        // Without a way round: each passes on to a later one, or to nobody.
        let next = at + 1 + draw(1 + at as u64, 3);
        (next < count).then_some(next)
    };
    (0..count).map(|at| (next(at), draw(20 + at as u64, 3) as u32)).collect()
}

#[test]
fn what_one_node_comes_to_is_found_by_the_reduced_search_for_each_of_many_networks() {
    let (mut all, mut left, mut violated) = (0, 0, 0);
    for seed in 0..40 {
        for sum in [2, 3, 4, 6] {
            let search =
                || pipes(drawn(seed)).always_of_each("not it", move |stage: &Stage| stage.sum != sum);
            let (whole, reduced) = (search().run(), search().reduced().threads(1).run());
            let is = |explored: &Explored| matches!(explored.verdict, Verdict::Violated(_));
            assert_eq!(is(&whole), is(&reduced), "seed {seed}, sum {sum}: {:?}", drawn(seed));
            assert_eq!(search().reduced().threads(3).run(), reduced, "seed {seed}");
            violated += usize::from(is(&whole));
            if !is(&whole) {
                (all, left) = (all + whole.distinct, left + reduced.distinct);
            }
        }
    }
    assert!((20..140).contains(&violated), "{violated} of 160 are violated");
    assert!(left * 2 < all, "{left} of {all} states are left");
}

/// Goes round for ever, and has nothing to do with anybody.
#[derive(Clone, Debug, Hash)]
struct Spinner(bool);

impl Process for Spinner {
    type Message = u32;
    type Timer = ();
    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer((), seconds(1));
    }
    fn on_message(&mut self, _: NodeId, _: u32, _: &mut Context<Self>) {}
    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        self.0 = !self.0;
        ctx.set_timer((), seconds(1));
    }
}

#[test]
fn who_goes_round_for_ever_does_not_put_the_others_off() {
    let search = || {
        let both = |seed| {
            let mut sim = Simulation::new(seed);
            sim.add("spinner", Spinner(false));
            sim.add("stage", Stage { next: None, begins: 2, sum: 0 });
            sim
        };
        netsplit::explore(both).always_of_each("small", |stage: &Stage| stage.sum < 3)
    };
    assert!(matches!(search().run().verdict, Verdict::Violated(_)));
    assert!(matches!(search().reduced().run().verdict, Verdict::Violated(_)));
}

/// What can be left out, in states: pairs that have nothing to do with each other are searched one after the other.
#[test]
fn the_ratio_of_a_reduction_is_pinned() {
    let small =
        |search: Exploration<'static, u32>| search.always_of_each("small", |stage: &Stage| stage.sum < 99);
    let pairs = || small(pipes([(None, 2)].repeat(4)));
    let (whole, reduced) = (pairs().run(), pairs().reduced().run());
    assert_eq!((&whole.verdict, &reduced.verdict), (&Verdict::Holds, &Verdict::Holds));
    assert_eq!((whole.distinct, reduced.distinct), (10_000, 136));
}

#[test]
#[should_panic(expected = "reduced: `consistent` is asked of whole states")]
fn a_property_that_a_reduction_may_lose_is_refused() {
    let _ = two_phase(2).reduced().run();
}
