//! Covers: property tests over fault plans, and what is left of a failing one.
//! Scenario: servers acknowledge what they have written before it is durable. Under crashes, pauses and partitions
//! that proptest draws, something that was acknowledged gets lost; proptest shrinks the plan to one crash and its
//! restart, as early as it matters. Servers that sync first pass.

use netsplit::fault::FaultPlan;
use netsplit::prelude::*;
use netsplit::strategies::{crashes, fault_plans, partitions, pauses};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Hash)]
enum Message {
    Write(u64),
    Written(u64),
}

/// Keeps the last number that was written.
#[derive(Clone, Debug, Hash)]
struct Server {
    syncs: bool,
    last: u64,
}

impl Process for Server {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if let Message::Write(number) = message {
            self.last = number;
            ctx.write("last", &number);
            if self.syncs {
                ctx.sync();
            }
            ctx.send(from, Message::Written(number));
        }
    }

    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.last = ctx.read("last").expect("a number").unwrap_or(0);
    }
}

/// Writes a number to every server each ten milliseconds.
#[derive(Clone, Debug, Hash)]
struct Writer {
    servers: Vec<NodeId>,
    number: u64,
    acknowledged: BTreeMap<NodeId, u64>,
}

impl Process for Writer {
    type Message = Message;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer((), milliseconds(10));
    }

    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        self.number += 1;
        ctx.broadcast(&self.servers, Message::Write(self.number));
        ctx.set_timer((), milliseconds(10));
    }

    fn on_message(&mut self, from: NodeId, message: Message, _: &mut Context<Self>) {
        if let Message::Written(number) = message {
            self.acknowledged.insert(from, number);
        }
    }
}

/// Whether every server that is up has what it has acknowledged.
fn nothing_is_lost(world: &World<Message>) -> bool {
    let kept = |(&server, &number): (&NodeId, &u64)| {
        world.get::<Server>(server).is_none_or(|server| server.last >= number)
    };
    world.each::<Writer>().all(|writer| writer.acknowledged.iter().all(kept))
}

/// Three servers, n0 to n2, and their writer, a millisecond away.
fn holds_under(plan: &FaultPlan, syncs: bool) -> bool {
    let stage = |seed| {
        let mut sim = Simulation::new(seed);
        sim.set_delay(milliseconds(1));
        let servers = sim.add_group("server", 3, |_, _| Server { syncs, last: 0 });
        let servers: Vec<NodeId> = servers.iter().map(|server| server.id()).collect();
        let writer = |_: NodeId, _: &[NodeId]| Writer {
            servers: servers.clone(),
            number: 0,
            acknowledged: BTreeMap::new(),
        };
        sim.add_clients("writer", 1, writer);
        sim
    };
    let check = netsplit::check(stage).seeds(1..2).plan(plan).lasting(seconds(1)).threads(1);
    check.always("what is acknowledged is kept", nothing_is_lost).report().violation.is_none()
}

/// The first plan that proptest found, and what is left of it; none if the property holds of all it drew.
pub fn counterexample(syncs: bool) -> Option<(FaultPlan, FaultPlan)> {
    let servers = [0, 1, 2].map(NodeId::new);
    let faults = prop_oneof![partitions(servers), pauses(servers), crashes(servers)];
    let plans = fault_plans(faults, seconds(1), 0..=6);
    // The same plans every time. In a test, `proptest!` draws new ones, and keeps the seeds that failed.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner =
        TestRunner::new_with_rng(ProptestConfig { failure_persistence: None, ..Default::default() }, rng);
    let first = std::cell::OnceCell::new();
    let result = runner.run(&plans, |plan| {
        let holds = holds_under(&plan, syncs);
        if !holds {
            let _ = first.set(plan);
        }
        prop_assert!(holds);
        Ok(())
    });
    match result {
        Ok(()) => None,
        Err(TestError::Fail(_, smallest)) => Some((first.into_inner()?, smallest)),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn main() {
    for syncs in [false, true] {
        println!("Servers that {}:", if syncs { "sync before they answer" } else { "answer at once" });
        match counterexample(syncs) {
            Some((first, smallest)) => println!("  drawn    {first}\n  smallest {smallest}"),
            None => println!("  nothing that is acknowledged gets lost"),
        }
    }
}
