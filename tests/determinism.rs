//! A run is a pure function of scenario and seed: in every process, in debug and in release, on any number
//! of threads. The models' own pinned digests stand in their tests; the pinned ones here are the engine's.

use netsplit::fault::Fault;
use netsplit::prelude::*;
use netsplit_models::two_phase;
use std::process::Command;
use std::thread;

/// Passes a token on to a node that it chooses, stores it, and never stops before the count is used up.
#[derive(Clone, Debug, Hash)]
struct Passer {
    all: Vec<NodeId>,
    seen: u64,
}

impl Process for Passer {
    type Message = u32;
    type Timer = u32;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        let after = ctx.span_between(milliseconds(1), milliseconds(50));
        ctx.set_timer(100, after);
    }

    fn on_message(&mut self, _: NodeId, left: u32, ctx: &mut Context<Self>) {
        self.seen += 1;
        ctx.append(&left);
        if left.is_multiple_of(3) {
            ctx.sync();
        }
        if left > 0 {
            let after = ctx.span_between(milliseconds(0), milliseconds(5));
            ctx.set_timer(left - 1, after);
        }
    }

    fn on_timer(&mut self, left: u32, ctx: &mut Context<Self>) {
        let next = self.all[ctx.choose(self.all.len() as u32) as usize];
        ctx.note(format_args!("{left} left"));
        ctx.send(next, left);
    }
}

/// Everything the engine has, at once.
fn digest_of_everything(seed: u64) -> String {
    digest_of_many(7, seed)
}

/// The same with so many nodes.
fn digest_of_many(count: usize, seed: u64) -> String {
    let mut sim = Simulation::new(seed);
    let digest = sim.observe_digest();
    let nodes = sim.add_group("passer", count, |_, all| Passer { all: all.to_vec(), seen: 0 });
    sim.set_loss(0.02);
    sim.set_duplication(0.05);
    sim.set_sync_latency(netsplit::distribution::exponential(milliseconds(3)));
    sim.schedule(milliseconds(50), Fault::Crash(nodes[1].id()));
    sim.schedule(milliseconds(100), Fault::Restart(nodes[1].id()));
    sim.schedule(milliseconds(60), Fault::Pause(nodes[2].id()));
    sim.schedule(milliseconds(120), Fault::Resume(nodes[2].id()));
    sim.run_for(milliseconds(150));
    sim.partition(&nodes[..3], &nodes[3..]);
    sim.run_for(milliseconds(100));
    sim.heal();
    sim.run();
    sim.observer(digest).to_string()
}

fn digest_of_two_phase(seed: u64) -> String {
    let mut sim = two_phase::cluster(5, seed);
    let digest = sim.observe_digest();
    sim.run();
    sim.observer(digest).to_string()
}

#[test]
fn digests_are_pinned() {
    assert_eq!(netsplit::ENGINE, 2, "a new engine version has new digests");
    assert_eq!(digest_of_everything(1), "c9d209a52ed304bccfc05b45ba8269d5");
    assert_eq!(digest_of_two_phase(1), "3bf1ebaf2b5ffa46e9ad032b19aabb51");
    // Numbered by sender, and with days and far lists in the event queue.
    assert_eq!(digest_of_many(300, 1), "6d37f7bf327565036c9329133a725428");
}

#[test]
fn the_same_seed_gives_the_same_digest_and_another_seed_another() {
    let mut digests: Vec<String> = (0..50).map(digest_of_everything).collect();
    assert_eq!(digests, (0..50).map(digest_of_everything).collect::<Vec<_>>());
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 50);
}

#[test]
fn seven_threads_give_the_digests_that_one_gives() {
    let alone: Vec<String> = (0..7).map(digest_of_everything).collect();
    let together: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = (0..7).map(|seed| scope.spawn(move || digest_of_everything(seed))).collect();
        runs.into_iter().map(|run| run.join().expect("the run ends")).collect()
    });
    assert_eq!(alone, together);
}

/// Prints, for the test below, what another process computes.
#[test]
fn another_process_prints_its_digest() {
    println!("digest {}", digest_of_everything(9));
}

#[test]
fn another_process_gives_the_same_digest() {
    let this = std::env::current_exe().expect("the path of this test");
    let mut command = Command::new(this);
    command.args(["--exact", "another_process_prints_its_digest", "--nocapture"]);
    let output = command.output().expect("this test can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(&format!("digest {}", digest_of_everything(9))), "{text}");
}

/// What nobody observes happens all the same.
#[test]
fn a_blind_run_ends_in_the_state_of_an_observed_one() {
    let seen = |observe: bool| {
        let mut sim = Simulation::new(5);
        let nodes = sim.add_group("passer", 3, |_, all| Passer { all: all.to_vec(), seen: 0 });
        if observe {
            sim.observe_digest();
        } else {
            sim.detach_all();
        }
        sim.run();
        (sim.now(), nodes.iter().map(|node| sim[*node].seen).collect::<Vec<_>>())
    };
    assert_eq!(seen(true), seen(false));
}
