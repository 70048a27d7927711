//! Die Hard: a jug of three gallons and one of five, a faucet, and four gallons to be measured (TLA+ examples).
//!
//! There is nothing distributed in it. The six actions are timers that are always set.

use netsplit::prelude::*;

/// What the heroes can do.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Action {
    /// Fills the small jug.
    FillSmall,
    /// Fills the big jug.
    FillBig,
    /// Empties the small jug.
    EmptySmall,
    /// Empties the big jug.
    EmptyBig,
    /// Pours the small jug into the big one, until one of them is empty or full.
    SmallToBig,
    /// Pours the big jug into the small one.
    BigToSmall,
}
use Action::*;

const ALL: [Action; 6] = [FillSmall, FillBig, EmptySmall, EmptyBig, SmallToBig, BigToSmall];

/// Both jugs: what is in them, and how much goes in.
#[derive(Clone, Debug, Hash)]
pub struct Jugs {
    /// In the small one.
    pub small: u32,
    /// In the big one.
    pub big: u32,
    sizes: (u32, u32),
}

impl Process for Jugs {
    type Message = ();
    type Timer = Action;

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ALL.into_iter().for_each(|action| ctx.set_timer(action, seconds(1)));
    }

    fn on_message(&mut self, _: NodeId, _: (), _: &mut Context<Self>) {}

    /// Every action is always enabled.
    fn on_timer(&mut self, action: Action, ctx: &mut Context<Self>) {
        match action {
            FillSmall => self.small = self.sizes.0,
            FillBig => self.big = self.sizes.1,
            EmptySmall => self.small = 0,
            EmptyBig => self.big = 0,
            SmallToBig => {
                let poured = self.small.min(self.sizes.1 - self.big);
                (self.small, self.big) = (self.small - poured, self.big + poured);
            }
            BigToSmall => {
                let poured = self.big.min(self.sizes.0 - self.small);
                (self.small, self.big) = (self.small + poured, self.big - poured);
            }
        }
        ctx.set_timer(action, seconds(1));
    }
}

/// Two empty jugs of these sizes.
pub fn jugs(small: u32, big: u32, seed: u64) -> Simulation<()> {
    let mut sim = Simulation::new(seed);
    sim.add("jugs", Jugs { small: 0, big: 0, sizes: (small, big) });
    sim
}
