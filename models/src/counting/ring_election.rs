//! Election on a ring: the greatest identity goes round and comes back (Chang and Roberts, "An improved algorithm for
//! decentralized extrema-finding in circular configurations of processes", CACM 1979).

use netsplit::prelude::*;

/// A candidate's identity on its way round.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Candidate(pub u32);

/// One of the ring.
#[derive(Clone, Debug, Hash)]
pub struct Member {
    identity: u32,
    next: NodeId,
    passive: bool,
    /// Whether its own identity has come back.
    pub elected: bool,
    /// Whether smaller identities go no further, which is what makes the election one.
    pub swallows: bool,
}

impl Process for Member {
    type Message = Candidate;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.send(self.next, Candidate(self.identity));
    }

    /// Enabled for all that comes: what is greater goes on, what is its own has won.
    fn on_message(&mut self, _: NodeId, candidate: Candidate, ctx: &mut Context<Self>) {
        if candidate.0 == self.identity {
            self.elected = true;
        } else if candidate.0 > self.identity || !self.swallows {
            self.passive = true;
            ctx.send(self.next, candidate);
        }
    }
}

/// A ring with these identities, in its order.
pub fn ring(identities: &[u32], swallows: bool, seed: u64) -> Simulation<Candidate> {
    let mut sim = Simulation::new(seed);
    let count = identities.len();
    sim.add_group("member", count, |id, _| Member {
        identity: identities[id.index()],
        next: NodeId::new((id.index() + 1) % count),
        passive: false,
        elected: false,
        swallows,
    });
    sim
}

/// Nobody is elected but the greatest.
pub fn only_the_greatest(world: &World<Candidate>) -> bool {
    let greatest = world.each::<Member>().map(|member| member.identity).max();
    world.each::<Member>().all(|member| !member.elected || Some(member.identity) == greatest)
}

/// Somebody is elected.
pub fn somebody(world: &World<Candidate>) -> bool {
    world.each::<Member>().any(|member| member.elected)
}
