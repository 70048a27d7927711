//! What counts as a fault that touched something.

use netsplit::fault::{Fault, FaultKind};
use netsplit::impact::Impact;
use netsplit::prelude::*;
use netsplit::simulation::Observed;

/// Counts what it hears of.
#[derive(Clone, Debug, Default, Hash)]
struct Counter {
    heard: u32,
}

impl Process for Counter {
    type Message = u32;
    type Timer = u32;
    fn on_message(&mut self, _: NodeId, message: u32, ctx: &mut Context<Self>) {
        match message {
            0 => {}
            // What a crash loses of this node is in its storage, or is a timer.
            1 => ctx.append(&message),
            2 => ctx.set_timer(2, seconds(5)),
            _ => self.heard += 1,
        }
    }
}

struct Stage {
    sim: Simulation<u32>,
    node: NodeId,
    other: NodeId,
    impact: Observed<Impact>,
}

/// Two nodes that have started, ten milliseconds apart.
fn stage() -> Stage {
    let mut sim = Simulation::new(1);
    sim.set_delay(milliseconds(10));
    let [node, other] = ["node", "other"].map(|name| sim.add(name, Counter::default()).id());
    let impact = sim.observe(Impact::default());
    sim.run();
    Stage { sim, node, other, impact }
}

impl Stage {
    fn touched(&self) -> Vec<bool> {
        self.sim.observer(self.impact).applied().iter().map(|applied| applied.touched).collect()
    }

    fn hears(&mut self, message: u32) {
        self.sim.send(self.other, self.node, message);
        self.sim.run_for(milliseconds(20));
    }
}

#[test]
fn a_partition_touches_something_if_it_cuts_a_message() {
    let mut stage = stage();
    stage.sim.partition(stage.node, stage.other);
    stage.sim.heal();
    stage.hears(0);
    assert_eq!(stage.touched(), [false]);
    stage.sim.partition_one_way(stage.node, stage.other);
    stage.hears(0);
    assert_eq!(stage.touched(), [false, false]);
    stage.sim.partition_one_way(stage.other, stage.node);
    stage.hears(0);
    assert_eq!(stage.touched(), [false, false, true]);
    assert!(stage.sim.observer(stage.impact).kind_touched(FaultKind::Partition));
    assert!(!stage.sim.observer(stage.impact).kind_touched(FaultKind::Crash));
}

#[test]
fn a_crash_of_a_node_with_nothing_to_lose_touches_nothing() {
    let mut stage = stage();
    stage.hears(0);
    stage.sim.crash(stage.node);
    stage.sim.restart(stage.node);
    assert_eq!(stage.touched(), [false]);
}

#[test]
fn a_crash_touches_state_timers_and_messages() {
    for message in [2, 3] {
        let mut stage = stage();
        stage.hears(message);
        stage.sim.crash(stage.node);
        assert_eq!(stage.touched(), [true], "{message}");
    }
    let mut stage = stage();
    stage.sim.crash(stage.node);
    assert_eq!(stage.touched(), [false]);
    stage.hears(0);
    assert_eq!(stage.touched(), [true]);
}

#[test]
fn a_crash_touches_an_unsynced_write_if_it_loses_it() {
    let lost = |seed: u64| {
        let mut sim = Simulation::new(seed);
        let node = sim.add("node", Counter::default()).id();
        let impact = sim.observe(Impact::default());
        sim.send(node, node, 1);
        sim.run();
        sim.crash(node);
        let lost = sim.world().storage(node).log::<u32>().filter(Result::is_ok).count() == 0;
        assert_eq!(sim.observer(impact).applied()[0].touched, lost, "seed {seed}");
        lost
    };
    let lost: Vec<bool> = (0..20).map(lost).collect();
    assert!(lost.contains(&true) && lost.contains(&false));
}

#[test]
fn a_pause_touches_what_waits_and_a_crash_then_what_it_drops() {
    let mut stage = stage();
    stage.sim.pause(stage.node);
    stage.sim.resume(stage.node);
    stage.hears(0);
    assert_eq!(stage.touched(), [false]);
    stage.sim.pause(stage.node);
    stage.hears(0);
    assert_eq!(stage.touched(), [false, true]);
    stage.sim.crash(stage.node);
    assert_eq!(stage.touched(), [false, true, true]);
}

#[test]
fn a_fault_that_has_nothing_to_do_does_not_take_place() {
    let mut stage = stage();
    let at = stage.sim.now();
    stage.hears(3);
    stage.sim.apply(&Fault::Crash(stage.node));
    stage.sim.apply(&Fault::Crash(stage.node));
    stage.sim.apply(&Fault::Pause(stage.node));
    let impact = stage.sim.observer(stage.impact);
    assert_eq!(impact.applied().len(), 1);
    assert!(impact.touched(at + milliseconds(20), &Fault::Crash(stage.node)));
    assert!(!impact.touched(at, &Fault::Crash(stage.node)));
}
