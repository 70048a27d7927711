//! Covers: one process under two drivers; a bug that a seed finds by luck and a search finds for certain.
//! Scenario: two nodes take a lock by asking first and taking it after, and do not say so in between.

use netsplit::explorer::Verdict;
use netsplit::prelude::*;

#[derive(Clone, Debug, Hash, PartialEq)]
enum Message {
    IsItFree,
    Free,
    Taken,
    Take,
}

/// Holds the lock's state, and trusts whoever says that they take it.
#[derive(Clone, Debug, Hash, Default)]
struct Lock {
    taken: bool,
}

impl Process for Lock {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::IsItFree => ctx.send(from, if self.taken { Message::Taken } else { Message::Free }),
            Message::Take => self.taken = true,
            Message::Free | Message::Taken => {}
        }
    }
}

/// Asks after a random while, and believes the answer.
#[derive(Clone, Debug, Hash)]
struct Worker {
    lock: NodeId,
    holds: bool,
}

impl Process for Worker {
    type Message = Message;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        let after = ctx.span_between(seconds(0), seconds(10));
        ctx.set_timer((), after);
    }

    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        ctx.send(self.lock, Message::IsItFree);
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if message == Message::Free {
            self.holds = true;
            ctx.send(from, Message::Take);
        }
    }
}

fn two_workers(seed: u64) -> Simulation<Message> {
    let mut sim = Simulation::new(seed);
    let lock = sim.add("lock", Lock::default()).id();
    sim.add_group("worker", 2, |_, _| Worker { lock, holds: false });
    sim
}

fn one_holder(world: &World<Message>) -> bool {
    world.each::<Worker>().filter(|worker| worker.holds).count() <= 1
}

fn main() {
    println!("Timed, seed by seed:\n");
    let report = netsplit::check(two_workers).seeds(0..1_000).always("one holder", one_holder).report();
    match report.violation {
        Some(violation) => println!("{violation}"),
        None => println!("1,000 seeds, and the two never met"),
    }

    println!("\nEvery order of events:\n");
    let explored = netsplit::explore(two_workers).always("one holder", one_holder).run();
    println!("{} states; depth {}", explored.distinct, explored.depth);
    if let Verdict::Violated(path) = explored.verdict {
        println!("{path}");
    }
}
