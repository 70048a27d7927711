//! What it costs to look: observers on a run, a check of every event; and how far a second thread helps.

use crate::workloads::{Forwarder, Token, forwarders, run};
use crate::{ratio, workloads};
use netsplit::check::Check;
use netsplit::metrics::Metrics;
use netsplit::prelude::*;
use netsplit::story::Story;

/// Attaches something to a simulation, or nothing.
type Attach = fn(&mut Simulation<Token>);

const OBSERVERS: [(&str, Attach); 3] = [
    ("digest", |sim| _ = sim.observe_digest()),
    ("trace", |sim| _ = sim.observe(Story::whole())),
    ("metrics", |sim| _ = sim.observe(Metrics::default())),
];

/// A thousand nodes with ten messages each.
fn large(attach: Attach) {
    one(1_000, 10, 1, 300_000, attach);
}

/// Fresh simulations of five nodes and 200 messages.
fn small(attach: Attach) {
    (0..1_000).for_each(|seed| one(5, 1, seed, 200, attach));
}

fn one(nodes: u32, each: u32, seed: u64, messages: u64, attach: Attach) {
    let mut sim = forwarders(nodes, each, seed);
    attach(&mut sim);
    (0..nodes).for_each(|_| assert!(sim.step()));
    run(&mut sim, nodes as usize, (nodes * each) as usize, messages);
}

/// Some 200 messages between five nodes, under so many seeds.
fn sweep<'a>(seeds: u64) -> Check<'a, Token> {
    netsplit::check(|seed| workloads::forwarders(5, 1, seed)).seeds(0..seeds).lasting(milliseconds(200))
}

/// All five nodes are looked at, and it always holds.
fn counts(world: &World<Token>) -> bool {
    world.each::<Forwarder>().map(|node| node.count).sum::<u64>() < u64::MAX
}

/// Prints what each costs.
pub fn costs() {
    for (workload, runs) in [("W2-1k", large as fn(Attach)), ("W4", small)] {
        for (name, attach) in OBSERVERS {
            println!("{name} {workload} {:.3}", ratio(|| runs(|_| {}), || runs(attach)));
        }
    }
    let blind = || sweep(1_000).threads(1).run();
    let checked = || sweep(1_000).threads(1).always("what nodes count is a number", counts).run();
    println!("always W4 {:.3}", ratio(blind, checked));
}

/// Prints how far a second thread helps.
pub fn threads() {
    let on = |threads: usize| sweep(4_000).threads(threads).run();
    println!("check two-threads {:.3}", 1.0 / ratio(|| on(1), || on(2)));
}
