//! The same workloads in the simulator, with its network model on.

use netsplit::distribution::{exponential, uniform};
use netsplit::prelude::*;

/// A message: as large as one of a small protocol.
#[derive(Clone, Debug, Hash)]
pub struct Token([u64; 3]);

/// Sends what it gets to another node.
#[derive(Clone, Debug, Hash)]
pub struct Forwarder {
    nodes: u32,
    /// How many messages it begins with.
    begins: u32,
    /// The sum of what it got.
    pub count: u64,
    _rest: [u64; 4],
}

impl Forwarder {
    fn forward(&mut self, token: Token, ctx: &mut Context<Self>) {
        let me = ctx.id().index() as u32;
        let drawn = ctx.choose(self.nodes - 1);
        ctx.send(NodeId::new((drawn + u32::from(drawn >= me)) as usize), token);
    }
}

impl Process for Forwarder {
    type Message = Token;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        for _ in 0..self.begins {
            self.forward(Token([1; 3]), ctx);
        }
    }

    fn on_message(&mut self, _: NodeId, token: Token, ctx: &mut Context<Self>) {
        self.count += token.0[0];
        self.forward(token, ctx);
    }
}

/// 0.1 %.
const LOSS: f64 = 0.001;

/// A simulation of so many forwarders, with `each` messages each, before its first step.
pub fn forwarders(nodes: u32, each: u32, seed: u64) -> Simulation<Token> {
    let mut sim = Simulation::new(seed);
    sim.detach_all();
    sim.set_delay(exponential(milliseconds(5)));
    sim.set_loss(LOSS);
    sim.add_group("node", nodes as usize, |id, _| {
        // Two nodes have one message between them.
        let begins = if nodes == 2 && id.index() > 0 { 0 } else { each };
        Forwarder { nodes, begins, count: 0, _rest: [0; 4] }
    });
    sim
}

/// Handles so many messages. What is lost or cut is put back, before a hundredth of what is in flight is missing. In
/// the middle third of the run the first node is cut off from a hundredth of the others.
pub fn run(sim: &mut Simulation<Token>, nodes: usize, in_flight: usize, messages: u64) {
    let (first, far) = (NodeId::new(0), (nodes - nodes.div_ceil(100)..nodes).map(NodeId::new));
    let far: Vec<NodeId> = far.filter(|node| *node != first).collect();
    let (mut handled, mut from) = (0, 0);
    let part = (in_flight as u64 / 100).max(1);
    let third = messages / 3;
    while handled < messages {
        let end = messages.min(handled + part);
        while handled < end && sim.step() {
            handled += 1;
            if handled == third && nodes > 2 {
                sim.partition(first, &far);
            }
            if handled == 2 * third {
                sim.heal();
            }
        }
        for _ in sim.pending_events()..in_flight {
            from = (from + 1) % nodes;
            sim.send(NodeId::new(from), NodeId::new((from + 1) % nodes), Token([1; 3]));
        }
    }
}

/// Until so many messages have arrived.
pub fn messages(nodes: u32, each: u32, messages: u64) -> u64 {
    let mut sim = forwarders(nodes, each, 1);
    let in_flight = if nodes == 2 { 1 } else { nodes * each };
    // The nodes start.
    (0..nodes).for_each(|_| assert!(sim.step()));
    run(&mut sim, nodes as usize, in_flight as usize, messages);
    messages
}

/// So many fresh simulations of five nodes and 200 messages.
pub fn small(runs: u64) -> u64 {
    for seed in 0..runs {
        let mut sim = forwarders(5, 1, seed);
        (0..5).for_each(|_| assert!(sim.step()));
        run(&mut sim, 5, 5, 200);
    }
    runs
}

/// Sets a long timer anew whenever its short one fires.
#[derive(Clone, Debug, Hash)]
struct Ticker {
    count: u64,
    _rest: [u64; 6],
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Timer {
    Short,
    Long,
}

impl Ticker {
    fn set_long(ctx: &mut Context<Self>) {
        let after = ctx.sample(&uniform(milliseconds(150)..=milliseconds(300)));
        ctx.set_timer(Timer::Long, after);
    }
}

impl Process for Ticker {
    type Message = Token;
    type Timer = Timer;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        let after = ctx.sample(&uniform(milliseconds(0)..=milliseconds(10)));
        ctx.set_timer(Timer::Short, after);
        Self::set_long(ctx);
    }

    fn on_message(&mut self, _: NodeId, _: Token, _: &mut Context<Self>) {}

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        self.count += 1;
        if timer == Timer::Short {
            ctx.set_timer(Timer::Short, milliseconds(10));
            Self::set_long(ctx);
        }
    }
}

/// Until so many timers have fired; long ones never do.
pub fn timers(nodes: u32, fires: u64) -> u64 {
    let mut sim = Simulation::new(1);
    sim.detach_all();
    sim.add_group("node", nodes as usize, |_, _| Ticker { count: 0, _rest: [0; 6] });
    (0..u64::from(nodes) + fires).for_each(|_| assert!(sim.step()));
    fires
}
