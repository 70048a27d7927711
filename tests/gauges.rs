//! Gauges: what a process says that it counts, what a crash makes of it, and what it costs a run: nothing.

use netsplit::metrics::{Gauge, Metrics};
use netsplit::prelude::*;
use netsplit::record::{Observer, Record, What};
use netsplit::time::Time;

/// Counts what it receives, in storage, and says the count once it is durable.
#[derive(Clone, Debug, Default, Hash)]
struct Counter {
    count: u64,
    silent: bool,
}

impl Counter {
    fn say(&self, ctx: &mut Context<Self>) {
        if !self.silent {
            ctx.gauge("count", self.count);
        }
    }
}

impl Process for Counter {
    type Message = ();
    type Timer = ();

    fn on_message(&mut self, _: NodeId, (): (), ctx: &mut Context<Self>) {
        self.count += 1;
        ctx.write("count", &self.count);
        ctx.sync();
        self.say(ctx);
    }

    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.count = ctx.read("count").expect("a number").unwrap_or(0);
        self.say(ctx);
    }
}

/// A counter that gets a message at 0 ms and one at 10 ms, each of which it counts a millisecond later.
fn counted(counter: Counter, observe: impl FnOnce(&mut Simulation<()>)) -> Simulation<()> {
    let mut sim = Simulation::new(1);
    sim.set_delay(milliseconds(0));
    observe(&mut sim);
    let counter = sim.add("counter", counter);
    let client = sim.add_client("client");
    for _ in 0..2 {
        sim.send(client, counter, ());
        sim.run_for(milliseconds(10));
    }
    sim
}

fn at(span: u64) -> Time {
    Time::ZERO + milliseconds(span)
}

#[test]
fn a_gauge_is_said_in_its_place_among_the_effects_and_stands_through_a_crash() {
    let mut metrics = None;
    let mut sim = counted(Counter::default(), |sim| metrics = Some(sim.observe(Metrics::default())));
    let counter = sim.world().find("counter").expect("it was added");
    let client = sim.world().find("client").expect("it was added");
    let gauge = |sim: &Simulation<()>| -> Gauge {
        sim.observer(metrics.expect("it is attached")).gauges()[&("count", counter)].clone()
    };
    // After the sync.
    assert_eq!(gauge(&sim).steps(), [(at(1), 1), (at(11), 2)]);

    // The third is counted and not durable when the counter crashes: nothing was said of it.
    sim.send(client, counter, ());
    sim.run_for(milliseconds(0));
    sim.crash(counter);
    sim.run_for(milliseconds(10));
    assert_eq!(gauge(&sim).last(), 2);

    // Back again, it says what it knows; if that is the same, there is no step.
    sim.restart(counter);
    let known = sim.world().get::<Counter>(counter).expect("it is up").count;
    assert_eq!(gauge(&sim).last(), known);
    assert_eq!(gauge(&sim).steps().len(), known as usize);
}

#[test]
fn a_gauge_changes_no_digest() {
    let digest = |silent: bool| {
        let mut digest = None;
        let counter = Counter { silent, ..Counter::default() };
        let sim = counted(counter, |sim| digest = Some(sim.observe_digest()));
        sim.observer(digest.expect("it is attached")).to_string()
    };
    // The value of `silent` is in no record.
    assert_eq!(digest(false), digest(true));
}

#[derive(Default)]
struct Heard(usize);

impl Observer<()> for Heard {
    fn observe(&mut self, record: Record<'_, ()>) {
        self.0 += usize::from(matches!(record.what, What::Gauge { .. }));
    }
}

#[test]
fn an_observer_hears_every_time_and_a_story_does_not_show_it() {
    let mut heard = None;
    let sim = counted(Counter::default(), |sim| heard = Some(sim.observe(Heard::default())));
    assert_eq!(sim.observer(heard.expect("it is attached")).0, 2);
    let silent = counted(Counter { silent: true, ..Counter::default() }, |_| {});
    assert_eq!(sim.story(), silent.story());
}
