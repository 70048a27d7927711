//! The search beside the naive one, under every kind of budget.

use super::naive::count;
use super::{Bound, Exploration, Messages, Order, Verdict, explore};
use crate::prelude::*;

#[derive(Clone, Debug, Hash, PartialEq)]
enum Message {
    Ask(u8),
    Answer(u8),
    Tell,
}

/// Answers with what it has written, after a sync, and forgets what it was asked.
#[derive(Clone, Debug, Hash, Default)]
struct Server {
    asked: u8,
    others: Vec<NodeId>,
}

impl Process for Server {
    type Message = Message;
    type Timer = u8;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        self.asked = ctx.log::<u8>().filter(|entry| entry.is_ok()).count() as u8;
        if self.asked == 0 && ctx.chance(1, 2) {
            ctx.set_timer(7, seconds(1));
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Ask(number) if self.asked < 2 => {
                self.asked += 1;
                ctx.append(&number);
                ctx.sync();
                let more = ctx.choose(2) as u8;
                ctx.send(from, Message::Answer(number + more));
            }
            Message::Tell => self.asked = self.asked.max(1),
            _ => {}
        }
    }

    fn on_timer(&mut self, _: u8, ctx: &mut Context<Self>) {
        let others = self.others.clone();
        ctx.broadcast(&others, Message::Tell);
    }
}

#[derive(Clone, Debug, Hash)]
struct Asker {
    server: NodeId,
    heard: Option<u8>,
}

impl Process for Asker {
    type Message = Message;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.send(self.server, Message::Ask(0));
        ctx.send(self.server, Message::Ask(3));
    }

    fn on_message(&mut self, _: NodeId, message: Message, _: &mut Context<Self>) {
        if let Message::Answer(number) = message {
            self.heard = Some(number);
        }
    }
}

fn stage(seed: u64) -> Simulation<Message> {
    let mut sim = Simulation::new(seed);
    sim.add_group("server", 2, |id, _| Server { asked: 0, others: vec![NodeId::new(1 - id.index())] });
    sim.add_clients("asker", 1, |_, _| Asker { server: NodeId::new(0), heard: None });
    sim
}

type Budget = fn(Exploration<'static, Message>) -> Exploration<'static, Message>;

const BUDGETS: [(&str, Budget); 7] = [
    ("none", |search| search),
    ("drops", |search| search.drops(2)),
    ("duplicates", |search| search.duplicates(1)),
    ("crashes", |search| search.crashes(1)),
    ("timers", |search| search.timers(1).crashes(1)),
    ("partitions", |search| search.partitions(2).timers(1)),
    ("all", |search| search.partitions(1).drops(1).duplicates(1).timers(0)),
];

const ORDERS: [Messages; 3] = [Messages::Multiset, Messages::Set, Messages::Ordered];

#[test]
fn every_budget_counts_what_the_naive_search_counts() {
    for messages in ORDERS {
        for (name, budget) in BUDGETS {
            for idle in if name == "crashes" { &[true, false][..] } else { &[true] } {
                let make = || budget(explore(stage)).messages(messages).idle_deliveries(*idle).threads(1);
                let explored = make().run();
                let found = (explored.distinct, explored.generated, explored.depth);
                assert_eq!(found, count(&make()), "{messages:?}, {name}, idle {idle}");
                assert_eq!(explored.verdict, Verdict::Holds);
            }
        }
    }
}

/// Counts as far as two digits, on several nodes: enough states for large levels.
#[derive(Clone, Debug, Hash)]
struct Digits(u8);

impl Process for Digits {
    type Message = Message;
    type Timer = u8;
    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(0, seconds(1));
    }
    fn on_message(&mut self, _: NodeId, _: Message, _: &mut Context<Self>) {}
    fn on_timer(&mut self, _: u8, ctx: &mut Context<Self>) {
        self.0 += 1;
        if self.0 < 9 {
            ctx.set_timer(self.0, seconds(1));
        }
    }
}

fn digits(count: usize) -> Exploration<'static, Message> {
    explore(move |seed| {
        let mut sim = Simulation::new(seed);
        sim.add_group("digit", count, |_, _| Digits(0));
        sim
    })
}

fn sum(world: &World<Message>) -> u32 {
    world.each::<Digits>().map(|digits| u32::from(digits.0)).sum()
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let search = |threads| digits(5).threads(threads);
    let one = search(1).run();
    assert_eq!((one.distinct, one.depth), (100_000, 46));
    let property = |world: &World<Message>| sum(world) < 24 || world.each::<Digits>().any(|d| d.0 < 3);
    let violated = search(1).always("small", property).run();
    assert!(matches!(violated.verdict, Verdict::Violated(_)));
    for threads in [2, 3, 7] {
        assert_eq!(search(threads).run(), one, "{threads} threads");
        assert_eq!(search(threads).always("small", property).run(), violated, "{threads} threads");
    }
    let bounded = |threads| search(threads).max_states(70_000).run();
    assert_eq!(bounded(1).stopped, Some(Bound::States));
    assert_eq!(bounded(3), bounded(1));
}

#[test]
fn messages_and_budgets_come_out_the_same_on_any_number_of_threads() {
    let heard = |world: &World<Message>| world.each::<Asker>().all(|asker| asker.heard != Some(4));
    for messages in ORDERS {
        for (name, budget) in BUDGETS {
            let search = |threads| budget(explore(stage)).messages(messages).threads(threads);
            let (one, violated) = (search(1).run(), search(1).always("not 4", heard).run());
            assert!(matches!(violated.verdict, Verdict::Violated(_)), "{messages:?}, {name}");
            for threads in [2, 3, 5] {
                assert_eq!(search(threads).run(), one, "{messages:?}, {name}, {threads} threads");
                let other = search(threads).always("not 4", heard).run();
                assert_eq!(other, violated, "{messages:?}, {name}, {threads} threads");
            }
        }
    }
}

#[test]
fn every_bound_is_said() {
    let bound = |search: Exploration<'static, Message>| {
        let explored = search.run();
        (explored.verdict, explored.stopped, explored.distinct)
    };
    let unknown = |bound, distinct| (Verdict::Unknown, Some(bound), distinct);
    assert_eq!(bound(digits(2).max_states(30)), unknown(Bound::States, 30));
    assert_eq!(bound(digits(2).max_states(100)), (Verdict::Holds, None, 100));
    assert_eq!(bound(digits(2).max_depth(3)), unknown(Bound::Depth, 6));
    assert_eq!(bound(digits(2).max_depth(19)), (Verdict::Holds, None, 100));
    assert_eq!(bound(digits(2).max_memory(1)), unknown(Bound::Memory, 3));
    assert_eq!(bound(digits(2).watch(|progress| progress.depth < 2)), unknown(Bound::Interrupted, 6));
}

#[test]
fn every_order_finds_the_same_states_and_a_shortest_path_where_it_says_so() {
    for messages in ORDERS {
        for (name, budget) in BUDGETS {
            let search = || budget(explore(stage)).messages(messages);
            let heard = |world: &World<Message>| world.each::<Asker>().all(|asker| asker.heard.is_none());
            let broken = |order| match search().order(order).always("nothing", heard).run().verdict {
                Verdict::Violated(path) => path.steps.len(),
                other => panic!("{other:?}"),
            };
            let wide = search().run();
            let deep = search().order(Order::DepthFirst).run();
            assert_eq!((deep.distinct, deep.verdict), (wide.distinct, wide.verdict), "{messages:?}, {name}");
            assert_eq!(
                broken(Order::IterativeDeepening),
                broken(Order::BreadthFirst),
                "{messages:?}, {name}"
            );
            assert!(broken(Order::DepthFirst) >= broken(Order::BreadthFirst), "{messages:?}, {name}");
        }
    }
    let deepening = digits(2).order(Order::IterativeDeepening).run();
    assert_eq!((deepening.distinct, deepening.depth, deepening.verdict), (100, 19, Verdict::Holds));
}

/// Goes to and fro between 0 and 1, or to 2 and on, as its timers fire.
#[derive(Clone, Debug, Hash)]
struct Wanderer {
    place: u8,
    /// Whether 2 can be gone to from 1, too.
    from_both: bool,
    /// Whether it goes on from 2 to 0, to wander for ever.
    comes_back: bool,
}

impl Process for Wanderer {
    type Message = Message;
    type Timer = u8;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        for timer in 0..3 {
            ctx.cancel_timer(&timer);
        }
        let next: &[u8] = match self.place {
            0 => &[1, 2],
            1 if self.from_both => &[0, 2],
            1 => &[0],
            2 if self.comes_back => &[0],
            _ => &[],
        };
        next.iter().for_each(|timer| ctx.set_timer(*timer, seconds(1)));
    }

    fn on_message(&mut self, _: NodeId, _: Message, _: &mut Context<Self>) {}

    fn on_timer(&mut self, timer: u8, ctx: &mut Context<Self>) {
        self.place = timer;
        self.on_start(ctx);
    }
}

fn wanderer(from_both: bool, comes_back: bool) -> Exploration<'static, Message> {
    explore(move |seed| {
        let mut sim = Simulation::new(seed);
        sim.add("wanderer", Wanderer { place: 0, from_both, comes_back });
        sim
    })
}

fn is_at(place: u8) -> impl Fn(&World<Message>) -> bool + Send + Sync {
    move |world| world.each::<Wanderer>().any(|wanderer| wanderer.place == place)
}

#[test]
fn what_is_possible_all_the_time_happens_and_what_is_possible_now_and_then_need_not() {
    wanderer(true, false).eventually("it gets to 2", is_at(2)).run().assert_holds();

    let explored = wanderer(false, false).eventually("it gets to 2", is_at(2)).run();
    let Verdict::Violated(path) = explored.verdict else { panic!("{explored:?}") };
    assert_eq!(path.cycle, Some(0));
    assert_eq!(path.steps, ["timer 1 of wanderer fires", "timer 0 of wanderer fires"]);
}

#[test]
fn a_path_that_joins_one_on_which_it_held_is_still_one_on_which_it_never_did() {
    // From 0 straight to 2 and to an end: 1 was passed on the other way there.
    let explored = wanderer(true, false).eventually("it gets to 1", is_at(1)).run();
    let Verdict::Violated(path) = explored.verdict else { panic!("{explored:?}") };
    assert_eq!((path.cycle, path.steps), (None, vec!["timer 2 of wanderer fires".to_string()]));
    // And where there is no end, round by 2 for ever: 1 is possible only at 0.
    let explored = wanderer(true, true).eventually("it gets to 1", is_at(1)).run();
    let Verdict::Violated(path) = explored.verdict else { panic!("{explored:?}") };
    assert_eq!((path.cycle, path.steps.len()), (Some(0), 2));
}

#[test]
fn a_lost_message_need_not_be_answered_and_a_delivered_one_is() {
    let heard = |world: &World<Message>| world.each::<Asker>().all(|asker| asker.heard.is_some());
    let search = || explore(stage).timers(0).eventually("an answer", heard);
    search().run().assert_holds();
    assert!(matches!(search().drops(1).run().verdict, Verdict::Holds), "there are two questions");
    assert!(matches!(search().drops(2).run().verdict, Verdict::Violated(_)));
    assert!(matches!(search().partitions(1).run().verdict, Verdict::Holds), "no client is cut off");
}
