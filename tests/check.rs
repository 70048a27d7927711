//! Sweeps: what a failing property says, and that it says the same whoever ran it.

mod counter;

use counter::{Message, User};
use netsplit::check::{Report, Violation};
use netsplit::fault::{Fault, FaultPlan};
use netsplit::model::{Model, Setup};
use netsplit::nemesis;
use netsplit::prelude::*;
use netsplit::time::Time;
use netsplit_models::multi_paxos::MultiPaxos;
use std::process::Command;

/// Counts what it is told, and writes the count down. `careful` decides whether it syncs before it
/// answers.
#[derive(Clone, Debug, Hash)]
struct Counter {
    count: u64,
    careful: bool,
}

impl Process for Counter {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if message == Message::Increment {
            self.count += 1;
            ctx.write("count", &self.count);
            if self.careful {
                ctx.sync();
            }
            ctx.send(from, Message::Count(self.count));
            ctx.sync();
        }
    }

    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.count = ctx.read("count").expect("a record of ours").unwrap_or(0);
    }
}

fn counter(careful: bool) -> impl Fn(u64) -> Simulation<Message> + Sync {
    move |seed| {
        let mut sim = Simulation::new(seed);
        sim.set_sync_latency(milliseconds(20));
        let server = sim.add("server", Counter { count: 0, careful }).id();
        sim.add_clients("user", 1, |_, _| User { server, left: 100, highest: 0 });
        sim
    }
}

/// What was answered is never forgotten.
fn remembers(world: &World<Message>) -> bool {
    let highest = world.each::<User>().map(|user| user.highest).max().unwrap_or(0);
    world.each::<Counter>().all(|counter| counter.count >= highest)
}

fn careless_report(threads: usize) -> Report {
    netsplit::check(counter(false))
        .seeds(0..200)
        .faults(nemesis::crashes().until(seconds(10)))
        .threads(threads)
        .always("an answer is not forgotten", remembers)
        .reachable("the user is done", |world| world.each::<User>().all(|user| user.left == 0))
        .report()
}

fn careless_violation() -> Violation {
    careless_report(2).violation.expect("sending before the sync loses an answer under some seed")
}

#[test]
fn a_counter_that_syncs_before_it_answers_forgets_nothing() {
    netsplit::check(counter(true))
        .seeds(0..1_000)
        .faults(nemesis::crashes().and(nemesis::pauses()).until(seconds(10)))
        .always("an answer is not forgotten", remembers)
        .eventually_after_heal("the user has an answer", |world| {
            world.each::<User>().all(|user| user.highest > 0)
        })
        .reachable("an increment is lost", |world| {
            world.each::<User>().all(|user| user.left == 0 && user.highest < 100)
        })
        .run();
}

#[test]
fn the_report_is_the_same_on_one_two_and_seven_threads() {
    let one = careless_report(1);
    assert!(one.violation.is_some());
    assert_eq!(one, careless_report(2));
    assert_eq!(one, careless_report(7));
}

#[test]
fn the_lowest_failing_seed_is_reported() {
    let failing = careless_violation().seed;
    if failing > 0 {
        netsplit::check(counter(false))
            .seeds(0..failing)
            .faults(nemesis::crashes().until(seconds(10)))
            .always("an answer is not forgotten", remembers)
            .run();
    }
}

#[test]
fn a_failure_says_property_seed_time_plan_story_and_how_to_replay_it() {
    let violation = careless_violation();
    let text = violation.to_string();
    let seed = violation.seed;
    for part in [
        "`an answer is not forgotten` is violated: it does not hold after this event".to_string(),
        format!("seed    {seed}, the lowest that fails (engine {})", netsplit::ENGINE),
        "plan    crash n0 at ".to_string(),
        "n1>n0#".to_string(),
        "Increment lost: crash".to_string(),
        format!(
            "replay  NETSPLIT_SEED={seed} cargo test a_failure_says_property_seed_time_plan_story_and_how_to_replay_it"
        ),
    ] {
        assert!(text.contains(&part), "expected {part:?} in\n{text}");
    }
}

#[test]
fn what_never_happens_after_healing_is_a_violation_and_the_reason_is_said() {
    let report = netsplit::check(counter(true))
        .seeds(0..3)
        .eventually_after_heal("the count is a thousand", |world| {
            world.each::<Counter>().all(|counter| counter.count == 1_000)
        })
        .report();
    let violation = report.violation.expect("it counts to a hundred");
    assert_eq!(violation.seed, 0);
    assert_eq!(violation.how, "it does not hold, and nothing is pending");
}

#[test]
fn a_panic_in_a_handler_is_a_violation_with_its_place() {
    #[derive(Clone, Debug, Hash)]
    struct Fragile;
    impl Process for Fragile {
        type Message = ();
        type Timer = ();
        fn on_start(&mut self, ctx: &mut Context<Self>) {
            assert!(ctx.choose(5) != 3, "the fragile one broke");
        }
        fn on_message(&mut self, _: NodeId, (): (), _: &mut Context<Self>) {}
    }
    let report = netsplit::check(|seed| {
        let mut sim = Simulation::new(seed);
        sim.add("fragile", Fragile);
        sim
    })
    .report();
    let violation = report.violation.expect("one in five seeds breaks");
    assert_eq!(violation.property, "nothing panics");
    assert!(violation.how.starts_with("the fragile one broke at tests/check.rs:"), "{}", violation.how);
}

#[test]
#[should_panic(expected = "no seed of 0..5 reaches `the count is a thousand`")]
fn what_no_seed_reaches_fails_the_sweep() {
    netsplit::check(counter(true))
        .seeds(0..5)
        .reachable("the count is a thousand", |world| {
            world.each::<Counter>().any(|counter| counter.count == 1_000)
        })
        .run();
}

#[test]
#[should_panic(expected = "given seed 0, the scenario made a simulation with seed 7")]
fn a_scenario_that_ignores_its_seed_is_refused() {
    netsplit::check(|_| counter(true)(7)).threads(1).run();
}

/// Notes that it has been restarted.
#[derive(Clone, Debug, Hash)]
struct Restarted(bool);

impl Process for Restarted {
    type Message = Message;
    type Timer = ();
    fn on_message(&mut self, _: NodeId, _: Message, _: &mut Context<Self>) {}
    fn on_restart(&mut self, _: &mut Context<Self>) {
        self.0 = true;
    }
}

/// Two nodes that crash and stay down until the healing.
fn two_down(seed: u64) -> Simulation<Message> {
    let mut sim = Simulation::new(seed);
    for node in sim.add_group("node", 2, |_, _| Restarted(false)) {
        sim.schedule(seconds(1), Fault::Crash(node.id()));
    }
    sim
}

#[test]
fn what_must_always_hold_is_asked_after_each_restart_of_the_healing() {
    let report = netsplit::check(two_down)
        .seeds(0..1)
        .always("they restart together", |world| world.each::<Restarted>().filter(|node| node.0).count() != 1)
        .report();
    assert_eq!(report.violation.expect("they restart one after the other").time.to_string(), "10s");
}

#[test]
fn a_property_that_panics_is_named() {
    let report = netsplit::check(two_down)
        .seeds(0..1)
        .always("nobody is down", |world| {
            assert!(world.each::<Restarted>().count() == 2, "somebody is down");
            true
        })
        .report();
    assert_eq!(report.violation.expect("they crash").property, "nobody is down (which panics)");
}

#[test]
fn a_failure_lists_the_faults_up_to_then_and_no_later_ones() {
    let violation = netsplit::check(two_down)
        .seeds(0..1)
        .faults(nemesis::crashes())
        .always("never", |_| false)
        .report()
        .violation
        .expect("it never holds");
    assert!(!violation.plan.is_empty());
    assert!(violation.to_string().contains("plan    no faults"), "{violation}");
}

/// Replicas have timers, and read no clock.
#[test]
fn a_kind_of_fault_that_touches_nothing_under_any_seed_fails_the_sweep_unless_it_may() {
    // The clocks that drift do not hide those that jump.
    let sweep = || {
        let faults = nemesis::clock_drifts().and(nemesis::clock_jumps());
        let cluster = |seed| MultiPaxos.simulation(&Default::default(), &Setup::default(), seed);
        netsplit::check(move |seed| cluster(seed).expect("the defaults"))
            .seeds(0..5)
            .faults(faults.until(seconds(5)))
    };
    assert_eq!(sweep().report().inert, ["clock_jumps"]);
    sweep().allow_inert_faults().run();
    let panic = std::panic::catch_unwind(|| sweep().run()).expect_err("clocks that jump touch nothing");
    let text = panic.downcast_ref::<String>().expect("a message");
    assert!(text.contains("clock_jumps touch nothing under any seed of 0..5"), "{text}");
}

/// Holds for the seeds it is swept over; the next test asks for another one.
#[test]
fn the_seed_is_not_4711() {
    netsplit::check(counter(true)).seeds(0..3).always("the seed is not 4711", |_| true).run();
    if std::env::var("NETSPLIT_SEED").is_ok_and(|seed| seed == "4711") {
        netsplit::check(counter(true)).seeds(0..3).always("never", |_| false).run();
    }
}

#[test]
fn netsplit_seed_runs_one_seed_alone_and_prints_its_story() {
    let this = std::env::current_exe().expect("the path of this test");
    let replay = |seed: &str| {
        let mut command = Command::new(&this);
        command.args(["--exact", "the_seed_is_not_4711", "--nocapture"]).env("NETSPLIT_SEED", seed);
        let output = command.output().expect("this test can be run");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (passed, text) = replay("12");
    assert!(passed, "{text}");
    assert!(text.contains("netsplit: seed 12 alone"), "{text}");
    let (passed, text) = replay("4711");
    assert!(!passed);
    assert!(text.contains("seed    4711, the lowest that fails"), "{text}");
    assert!(text.contains("n1>n0#99 Increment"), "{text}");
    let (passed, text) = replay("many");
    assert!(!passed && text.contains("NETSPLIT_SEED=many: expected a number"), "{text}");
}

/// Two seeds of one scenario differ, and a violation's digest can be had again.
#[test]
fn a_violation_has_the_digest_of_its_run() {
    let violation = careless_violation();
    assert_eq!(violation.digest.len(), 32);
    assert_eq!(violation, careless_violation());
}

#[derive(Clone, Debug, Hash)]
struct Idle;

impl Process for Idle {
    type Message = ();
    type Timer = ();
    fn on_message(&mut self, _: NodeId, (): (), _: &mut Context<Self>) {}
}

#[test]
fn a_check_lets_a_given_plan_happen_beside_what_a_nemesis_draws() {
    let stage = |seed| {
        let mut sim: Simulation<()> = Simulation::new(seed);
        sim.add_clients("nobody", 1, |_, _| Idle);
        sim.add_group("node", 3, |_, _| Idle);
        sim
    };
    let (clients_are_up, all_are_up) = (
        |world: &World<()>| world.is_up(NodeId::new(0)),
        |world: &World<()>| [1, 2, 3].iter().all(|&node| world.is_up(NodeId::new(node))),
    );
    // The client, whom no nemesis touches, crashes after the end of the nemesis.
    let mut plan = FaultPlan::default();
    plan.add(Time::ZERO + seconds(2), Fault::Crash(NodeId::new(0)));
    let check =
        || netsplit::check(stage).seeds(0..5).faults(nemesis::crashes().until(seconds(1))).plan(&plan);
    let violation = |report: Report| report.violation.expect("something is down");
    let given = violation(check().always("the client is up", clients_are_up).report());
    assert_eq!(given.time, Time::ZERO + seconds(2));
    let drawn = violation(check().always("the nodes are up", all_are_up).report());
    assert!(drawn.time < Time::ZERO + seconds(1) && drawn.plan.iter().count() > 2, "{drawn}");
    // It is repaired after the first phase, which waits for it.
    let recovers = check().eventually_after_heal("the client is up again", clients_are_up);
    assert_eq!(
        recovers.reachable("it is down", move |world| !clients_are_up(world)).report().unreached,
        [""; 0]
    );
}
