//! The tests that a failing check prints: they are pasted here as they are, each with a line that says how it fails.

mod counter;

use counter::{Message, User};
use netsplit::check::Check;
use netsplit::nemesis;
use netsplit::prelude::*;
use std::thread;

/// Counts what it is told, and answers before the count is durable.
#[derive(Clone, Debug, Default, Hash)]
struct Counter(u64);

impl Process for Counter {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if message == Message::Increment {
            self.0 += 1;
            ctx.write("count", &self.0);
            ctx.send(from, Message::Count(self.0));
            ctx.sync();
        }
    }

    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.0 = ctx.read("count").expect("a record of ours").unwrap_or(0);
    }
}

fn counter(seed: u64) -> Simulation<Message> {
    let mut sim = Simulation::new(seed);
    sim.set_sync_latency(milliseconds(20));
    let server = sim.add("server", Counter::default()).id();
    sim.add_clients("user", 1, |_, _| User { server, left: 3, highest: 0 });
    sim
}

fn lossy_counter(seed: u64) -> Simulation<Message> {
    let mut sim = counter(seed);
    sim.set_loss(0.2);
    sim
}

/// What was answered is never forgotten.
fn remembers(world: &World<Message>) -> bool {
    let highest = world.each::<User>().map(|user| user.highest).max().unwrap_or(0);
    world.each::<Counter>().all(|counter| counter.0 >= highest)
}

fn counts_to_three(world: &World<Message>) -> bool {
    world.each::<Counter>().all(|counter| counter.0 == 3)
}

/// What a check prints if it is called `name`, with the end of what its test panics with.
fn printed(name: &str, expected: &str, check: Check<'static, Message>) -> String {
    let print = || {
        let violation = check.report().violation.expect("it fails");
        check.shrink(violation.seed).expect("it can be made small").test
    };
    let test = thread::scope(|scope| {
        let named = thread::Builder::new().name(format!("printed::{name}"));
        named.spawn_scoped(scope, print).expect("a thread").join().expect("a test")
    });
    test.replace("#[test]\n", &format!("#[test]\n#[should_panic(expected = \"{expected}\")]\n"))
}

#[test]
fn a_check_prints_the_tests_that_are_compiled_and_run_below() {
    let crashes = || nemesis::crashes().until(seconds(1));
    let all = [
        printed(
            "an_answer_is_remembered",
            "is violated",
            netsplit::check(counter).faults(crashes()).always("an answer is not forgotten", remembers),
        ),
        printed(
            "all_is_counted",
            "is violated",
            netsplit::check(lossy_counter)
                .lasting(seconds(1))
                .within(seconds(5))
                .eventually_after_heal("the count is three", counts_to_three),
        ),
        printed(
            "what_has_no_name_is_left_to_be_written",
            "not yet implemented: as in the check",
            netsplit::check(|seed| {
                let mut sim = counter(seed);
                sim.set_loss(0.0);
                sim
            })
            .faults(crashes())
            .always("nobody counts to three", |world| world.each::<Counter>().all(|counter| counter.0 < 3)),
        ),
    ];
    let this = include_str!("printed.rs");
    let missing: Vec<String> = all.into_iter().filter(|test| !this.contains(test)).collect();
    assert!(missing.is_empty(), "these are not pasted:\n{}", missing.join("\n"));
}

#[rustfmt::skip]
mod pasted {
use super::{counter as scenario, *};

/// it does not hold after this event.
#[test]
#[should_panic(expected = "is violated")]
fn an_answer_is_remembered_seed_1() {
    use netsplit::fault::Fault;
    use netsplit::network::Network;
    use netsplit::prelude::*;
    netsplit::check(|seed| {
        let mut sim = counter(seed);
        *sim.network_mut() = Network::default();
        sim.set_delay(milliseconds(4));
        sim.schedule(milliseconds(120), Fault::Crash(NodeId::new(0)));
        sim
    })
    .seeds(1..2)
    .lasting(seconds(1))
    .within(seconds(60))
    .shrink_runs(0)
    .always("an answer is not forgotten", remembers)
    .run();
}

/// it does not hold, and nothing is pending.
#[test]
#[should_panic(expected = "is violated")]
fn all_is_counted_seed_0() {
    use netsplit::fault::Edit;
    use netsplit::network::Network;
    use netsplit::prelude::*;
    netsplit::check(|seed| {
        let mut sim = lossy_counter(seed);
        *sim.network_mut() = Network::default();
        sim.set_delay(milliseconds(10));
        sim.edit(Edit::drop("n1>n0#2").of_kind("Increment"));
        sim
    })
    .seeds(0..1)
    .lasting(seconds(1))
    .within(seconds(5))
    .shrink_runs(0)
    .eventually_after_heal("the count is three", counts_to_three)
    .run();
}

/// it does not hold after this event.
#[test]
#[should_panic(expected = "not yet implemented: as in the check")]
fn what_has_no_name_is_left_to_be_written_seed_26() {
    use netsplit::network::Network;
    use netsplit::prelude::*;
    // `scenario` is the closure that the check is given.
    netsplit::check(|seed| {
        let mut sim = scenario(seed);
        *sim.network_mut() = Network::default();
        sim.set_delay(milliseconds(5));
        sim
    })
    .seeds(26..27)
    .lasting(seconds(1))
    .within(seconds(60))
    .shrink_runs(0)
    .always("nobody counts to three", |_| todo!("as in the check"))
    .run();
}
}
