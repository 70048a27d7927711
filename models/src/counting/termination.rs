//! Dijkstra's detection of termination on a ring with a token (Dijkstra, Feijen and van Gasteren, "Derivation of a
//! termination detection algorithm for distributed computations", EWD 840, 1983; TLA+ examples, `EWD840.tla`).
//!
//! There, a node makes another one active at once, and the token moves at once: a state is which nodes are active and
//! which are black, where the token is and its colour. All of that is one process here, since one step changes two
//! nodes; see [`Ring`].

use netsplit::prelude::*;

/// What may happen, at any moment at which it is enabled.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Action {
    /// Node 0 starts a probe.
    Initiate,
    /// A node passes the token on.
    Pass(usize),
    /// A node makes another one active.
    Activate(usize, usize),
    /// A node becomes passive.
    Stop(usize),
}
use Action::*;

/// The whole ring.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Ring {
    active: Vec<bool>,
    black: Vec<bool>,
    token: usize,
    token_black: bool,
    /// Whether a node that makes one with a greater number active becomes black, without which a probe is blind.
    blackens: bool,
}

impl Ring {
    fn is_enabled(&self, action: Action) -> bool {
        match action {
            Initiate => self.token == 0 && (self.token_black || self.black[0]),
            Pass(i) => self.token == i && (!self.active[i] || self.black[i] || self.token_black),
            Activate(i, _) | Stop(i) => self.active[i],
        }
    }

    /// What node 0 concludes.
    pub fn detected(&self) -> bool {
        self.token == 0 && !self.token_black && !self.black[0] && !self.active[0]
    }

    /// What is the case.
    pub fn terminated(&self) -> bool {
        !self.active.contains(&true)
    }

    fn arm(&self, ctx: &mut Context<Self>) {
        let count = self.active.len();
        let mut all = vec![Initiate];
        all.extend((1..count).map(Pass));
        all.extend((0..count).map(Stop));
        let pairs = (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
        all.extend(pairs.filter(|(i, j)| i != j).map(|(i, j)| Activate(i, j)));
        for action in all {
            match self.is_enabled(action) {
                true => ctx.set_timer(action, seconds(1)),
                false => ctx.cancel_timer(&action),
            }
        }
    }
}

impl Process for Ring {
    type Message = ();
    type Timer = Action;

    /// Any nodes are active and any are black; the token is anywhere and black.
    fn on_start(&mut self, ctx: &mut Context<Self>) {
        for at in 0..self.active.len() {
            self.active[at] = ctx.choose(2) == 1;
            self.black[at] = ctx.choose(2) == 1;
        }
        self.token = ctx.choose(self.active.len() as u32) as usize;
        self.token_black = true;
        self.arm(ctx);
    }

    fn on_message(&mut self, _: NodeId, (): (), _: &mut Context<Self>) {}

    fn on_timer(&mut self, action: Action, ctx: &mut Context<Self>) {
        match action {
            Initiate => {
                (self.token, self.token_black) = (self.active.len() - 1, false);
                self.black[0] = false;
            }
            Pass(i) => {
                self.token = i - 1;
                self.token_black |= self.black[i];
                self.black[i] = false;
            }
            Activate(i, j) => {
                self.active[j] = true;
                self.black[i] |= j > i && self.blackens;
            }
            Stop(i) => self.active[i] = false,
        }
        self.arm(ctx);
    }
}

/// A ring of `count` nodes.
pub fn ring(count: usize, blackens: bool, seed: u64) -> Simulation<()> {
    let mut sim = Simulation::new(seed);
    let no = vec![false; count];
    sim.add("ring", Ring { active: no.clone(), black: no, token: 0, token_black: true, blackens });
    sim
}

/// What node 0 concludes is the case.
pub fn sound(world: &World<()>) -> bool {
    world.each::<Ring>().all(|ring| !ring.detected() || ring.terminated())
}
