//! Two clocks per node: what a process reads, and what its timers run on.

use netsplit::clock::Offset;
use netsplit::fault::{Fault, FaultKind};
use netsplit::impact::Impact;
use netsplit::links::Links;
use netsplit::metrics::Metrics;
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::simulation::{Mailbox, Observed};
use netsplit::time::{Duration, Time};

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Message {
    /// Set a timer.
    Wake(Duration),
    /// Read the clock.
    Read,
}

/// Sets timers when it is told to, and says what its clock showed.
#[derive(Clone, Debug, Default, Hash)]
struct Sleeper {
    read: Vec<Time>,
    fired: Vec<Duration>,
}

impl Process for Sleeper {
    type Message = Message;
    type Timer = Duration;
    fn on_message(&mut self, _: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Wake(after) => ctx.set_timer(after, after),
            Message::Read => self.read.push(ctx.now()),
        }
    }
    fn on_timer(&mut self, after: Duration, ctx: &mut Context<Self>) {
        ctx.note(format_args!("{after:?}"));
        self.fired.push(after);
    }
}

struct Stage {
    sim: Simulation<Message>,
    node: Handle<Sleeper>,
    client: Handle<Mailbox<Message>>,
    impact: Observed<Impact>,
}

/// A node that has started, and a client; messages take no time.
fn stage() -> Stage {
    let mut sim = Simulation::new(1);
    sim.set_delay(milliseconds(0));
    let node = sim.add("node", Sleeper::default());
    let client = sim.add_client("client");
    let impact = sim.observe(Impact::default());
    sim.run();
    Stage { sim, node, client, impact }
}

impl Stage {
    fn read(&mut self) -> Time {
        self.sim.send(self.client, self.node, Message::Read);
        self.sim.run_for(milliseconds(0));
        *self.sim[self.node].read.last().expect("it has read its clock")
    }

    fn wake(&mut self, after: Duration) {
        self.sim.send(self.client, self.node, Message::Wake(after));
        self.sim.run_for(milliseconds(0));
    }

    /// Runs until the next timer has gone off. When that is.
    fn fires(&mut self) -> Time {
        let (node, before) = (self.node, self.sim[self.node].fired.len());
        self.sim.run_until(|world| world[node].fired.len() > before);
        self.sim.now()
    }

    fn touched(&self) -> Vec<bool> {
        self.sim.observer(self.impact).applied().iter().map(|applied| applied.touched).collect()
    }
}

fn at(milliseconds: u64) -> Time {
    Time::from_nanoseconds(milliseconds * 1_000_000)
}

#[test]
fn a_process_reads_a_clock_that_is_ahead_and_one_that_is_behind() {
    let mut stage = stage();
    stage.sim.run_for(seconds(10));
    assert_eq!(stage.read(), at(10_000));
    stage.sim.jump_clock(stage.node, Offset::ahead(seconds(2)));
    assert_eq!(stage.read(), at(12_000));
    stage.sim.jump_clock(stage.node, Offset::behind(seconds(5)));
    assert_eq!((stage.read(), stage.sim.clock(stage.node)), (at(7_000), at(7_000)));
    assert_eq!(stage.sim.clock(stage.client), at(10_000));
    stage.sim.jump_clock(stage.node, Offset::behind(seconds(60)));
    assert_eq!(stage.read(), Time::ZERO);
}

#[test]
fn a_jump_does_not_move_timers() {
    for offset in [Offset::ahead(seconds(30)), Offset::behind(seconds(30))] {
        let mut stage = stage();
        stage.wake(seconds(1));
        stage.sim.jump_clock(stage.node, offset);
        stage.wake(seconds(2));
        assert_eq!([stage.fires(), stage.fires()], [at(1_000), at(2_000)]);
    }
}

#[test]
fn timers_run_by_a_clock_that_drifts_those_that_were_set_before_included() {
    let mut stage = stage();
    stage.wake(seconds(3));
    stage.sim.run_for(seconds(1));
    // The remaining two seconds take one, and so do two that begin now.
    stage.sim.drift_clock(stage.node, 1_000_000);
    stage.wake(seconds(2));
    assert_eq!(stage.fires(), at(2_000));
    assert_eq!(stage.sim[stage.node].fired, [seconds(3)]);
    assert_eq!(stage.fires(), at(2_000));
    assert_eq!(stage.read(), at(3_000));
    stage.wake(seconds(3));
    stage.sim.run_for(milliseconds(500));
    stage.sim.drift_clock(stage.node, -500_000);
    assert_eq!(stage.fires(), at(2_500 + 4_000));
    assert_eq!(stage.read(), at(3_000 + 1_000 + 2_000));
}

#[test]
fn a_clock_that_is_set_right_shows_the_time_and_timers_run_on_at_its_rate() {
    let mut stage = stage();
    stage.sim.jump_clock(stage.node, Offset::ahead(seconds(7)));
    stage.sim.drift_clock(stage.node, -500_000);
    stage.wake(seconds(3));
    stage.sim.run_for(seconds(2));
    assert!(!stage.sim.world().is_whole());
    stage.sim.set_clock(stage.node);
    assert!(stage.sim.world().is_whole());
    assert_eq!(stage.read(), at(2_000));
    assert_eq!(stage.fires(), at(4_000));
}

#[test]
fn neither_a_crash_nor_a_heal_of_links_sets_a_clock() {
    let mut stage = stage();
    stage.sim.jump_clock(stage.node, Offset::ahead(seconds(7)));
    stage.sim.drift_clock(stage.node, 1_000_000);
    stage.sim.crash(stage.node);
    stage.sim.restart(stage.node);
    stage.sim.heal();
    assert_eq!(stage.read(), at(7_000));
    stage.wake(seconds(1));
    assert_eq!(stage.fires(), at(500));
}

#[test]
fn a_timer_that_is_overdue_at_a_paused_node_goes_off_once() {
    let mut stage = stage();
    stage.wake(seconds(1));
    stage.wake(seconds(3));
    stage.sim.pause(stage.node);
    stage.sim.run_for(seconds(2));
    stage.sim.drift_clock(stage.node, 1_000_000);
    stage.sim.resume(stage.node);
    stage.sim.run();
    assert_eq!(stage.sim[stage.node].fired, [seconds(1), seconds(3)]);
    assert_eq!(stage.sim.now(), at(2_500));
}

#[test]
fn timers_that_are_due_at_once_keep_their_order_when_the_clock_drifts() {
    for drift in [None, Some(1_000_000)] {
        let mut stage = stage();
        // The first takes the lowest slot; the third takes it again.
        stage.wake(milliseconds(1));
        stage.wake(seconds(2));
        stage.fires();
        stage.sim.run_for(seconds(1) - milliseconds(1));
        stage.wake(seconds(1));
        if let Some(drift) = drift {
            stage.sim.drift_clock(stage.node, drift);
        }
        stage.sim.run();
        assert_eq!(stage.sim[stage.node].fired[1..], [seconds(2), seconds(1)]);
    }
}

#[test]
fn a_jump_touches_a_node_that_reads_its_clock_and_not_its_timers() {
    let mut stage = stage();
    stage.sim.jump_clock(stage.node, Offset::ahead(seconds(1)));
    stage.wake(seconds(1));
    stage.fires();
    stage.sim.set_clock(stage.node);
    stage.read();
    assert_eq!(stage.touched(), [false]);
    stage.sim.jump_clock(stage.node, Offset::ahead(seconds(1)));
    stage.read();
    assert_eq!(stage.touched(), [false, true]);
    assert!(stage.sim.observer(stage.impact).kind_touched(FaultKind::Clock));
}

#[test]
fn a_drift_touches_timers_that_run_meanwhile() {
    let mut stage = stage();
    stage.wake(seconds(1));
    stage.fires();
    stage.sim.drift_clock(stage.node, 100);
    stage.sim.set_clock(stage.node);
    stage.wake(seconds(1));
    assert_eq!(stage.touched(), [false]);
    stage.sim.drift_clock(stage.node, 100);
    assert_eq!(stage.touched(), [false, true]);
    stage.fires();
    stage.sim.drift_clock(stage.node, 200);
    assert_eq!(stage.touched(), [false, true, false]);
    stage.wake(seconds(1));
    assert_eq!(stage.touched(), [false, true, true]);
}

#[test]
fn what_was_wrong_with_a_clock_is_a_band_until_it_is_set() {
    let mut stage = stage();
    let metrics = stage.sim.observe(Metrics::default());
    stage.sim.jump_clock(stage.node, Offset::ahead(seconds(2)));
    stage.sim.run_for(seconds(1));
    stage.sim.drift_clock(stage.node, -200);
    stage.sim.run_for(seconds(1));
    stage.sim.drift_clock(stage.node, 300);
    stage.sim.heal();
    stage.sim.run_for(seconds(1));
    stage.sim.set_clock(stage.node);
    let bands = stage.sim.observer(metrics).bands().iter();
    let bands: Vec<_> = bands.map(|band| (band.label.as_str(), band.from, band.to)).collect();
    let expected = [
        ("clock node +2s", at(0), Some(at(3_000))),
        ("clock node -200ppm", at(1_000), Some(at(2_000))),
        ("clock node +300ppm", at(2_000), Some(at(3_000))),
    ];
    assert_eq!(bands, expected);
}

#[test]
fn a_fault_says_what_it_does_to_a_clock() {
    let node = NodeId::new(1);
    let said = [
        Fault::JumpClock { node, by: Offset::behind(milliseconds(500)) },
        Fault::DriftClock { node, parts_per_million: 200 },
        Fault::SetClock(node),
    ];
    assert_eq!(said.map(|fault| fault.to_string()), ["clock n1 -500ms", "clock n1 +200ppm", "set clock n1"]);
}

#[test]
#[should_panic(expected = "clock n0 -1000000ppm: a clock drifts by -999999 parts per million or more")]
fn a_clock_that_stands_still_is_refused() {
    stage().sim.drift_clock(NodeId::new(0), -1_000_000);
}

#[test]
fn the_slowest_clock_does_not_pass_the_end_of_time() {
    let mut stage = stage();
    stage.sim.drift_clock(stage.node, -999_999);
    stage.wake(seconds(10 * 365 * 24 * 3600));
    stage.sim.run_for(seconds(1));
    assert_eq!(stage.read(), Time::from_nanoseconds(1_000));
    stage.sim.set_clock(stage.node);
    assert_eq!(stage.fires() - at(1_000), seconds(10 * 365 * 24 * 3600) - Duration::from_nanos(1_000));
}

#[test]
fn a_sweep_sets_clocks_right_and_heals_slow_links_before_it_asks_what_holds_in_the_end() {
    let scenario = |seed| {
        let mut sim = Simulation::new(seed);
        let nodes = sim.add_group("node", 2, |_, _| Sleeper::default());
        sim.schedule(seconds(1), Fault::JumpClock { node: nodes[0].id(), by: Offset::ahead(seconds(9)) });
        sim.schedule(seconds(2), Fault::DriftClock { node: nodes[1].id(), parts_per_million: 9 });
        let links = Links { from: vec![nodes[0].id()], to: vec![nodes[1].id()], one_way: false };
        sim.schedule(seconds(3), Fault::SlowLinks { links, by: seconds(1) });
        sim
    };
    let report = netsplit::check(scenario).seeds(0..2).eventually_after_heal("it ends", |_| true).report();
    assert_eq!(report.violation, None);
    let nemesis = netsplit::nemesis::clock_jumps().and(netsplit::nemesis::clock_drifts());
    let whole = |world: &World<Message>| world.is_whole();
    let report = netsplit::check(scenario).seeds(0..2).faults(nemesis).always("all is right", whole).report();
    assert!(report.violation.is_some_and(|violation| violation.how.contains("after this event")));
}

/// Everything that clocks do, at once.
fn digest(seed: u64, reading: bool) -> String {
    let mut sim = Simulation::new(seed);
    let digest = sim.observe_digest();
    let nodes = sim.add_group("node", 3, |_, _| Sleeper::default());
    let client = sim.add_client("client");
    sim.jump_clock(nodes[0], Offset::ahead(milliseconds(20)));
    sim.schedule(milliseconds(20), Fault::DriftClock { node: nodes[1].id(), parts_per_million: 300_000 });
    sim.schedule(milliseconds(80), Fault::SetClock(nodes[1].id()));
    for (step, node) in (0..30).zip(nodes.iter().cycle()) {
        sim.send(client, *node, Message::Wake(milliseconds(10 + step)));
        if reading {
            sim.send(client, *node, Message::Read);
        }
        sim.run_for(milliseconds(5));
    }
    sim.run();
    sim.observer(digest).to_string()
}

#[test]
fn a_run_with_wrong_clocks_belongs_to_its_seed_and_is_pinned() {
    assert_eq!(digest(1, true), digest(1, true));
    assert_ne!(digest(1, true), digest(2, true));
    assert_eq!(digest(1, true), "842b4f4893bf7383f13f509c9ed54272");
}

/// Seconds by its own clock, which runs at twice the rate from 0 s to 3 s: six, and then four more.
#[test]
fn a_drift_that_is_there_already_changes_no_timer() {
    let Stage { mut sim, node, client, .. } = stage();
    sim.drift_clock(node, 1_000_000);
    sim.send(client, node, Message::Wake(seconds(10)));
    sim.run_for(seconds(2));
    sim.drift_clock(node, 1_000_000);
    sim.run_for(seconds(1));
    sim.set_clock(node);
    sim.run();
    assert_eq!((sim.now() - Time::ZERO, sim[node].fired.len()), (seconds(7), 1));
}

#[test]
fn jumps_that_cancel_are_in_force_until_the_clock_is_set() {
    let Stage { mut sim, node, client, impact } = stage();
    let metrics = sim.observe(Metrics::default());
    sim.jump_clock(node, Offset::ahead(seconds(1)));
    sim.jump_clock(node, Offset::behind(seconds(1)));
    assert!(!sim.world().is_whole());
    sim.run_for(seconds(1));
    sim.set_clock(node);
    let ends: Vec<Option<Time>> = sim.observer(metrics).bands().iter().map(|band| band.to).collect();
    assert_eq!(ends, [Some(Time::ZERO + seconds(1)); 2]);
    // What is over is not touched by what comes later.
    sim.jump_clock(node, Offset::ahead(seconds(5)));
    sim.send(client, node, Message::Read);
    sim.run();
    let touched: Vec<bool> = sim.observer(impact).applied().iter().map(|applied| applied.touched).collect();
    assert_eq!(touched, [false, false, true]);
}
