//! The search beside the naive one, under every kind of budget.

use super::naive::count;
use super::{Bound, Exploration, Messages, Verdict, explore};
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
            for idle in [true, false] {
                let make = || budget(explore(stage)).messages(messages).idle_deliveries(idle).threads(1);
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
