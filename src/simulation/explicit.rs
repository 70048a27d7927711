//! What a run has to say and to be told so that it can be made explicit, for whoever makes failures small.

use super::Simulation;
use super::effects::Live;
use crate::caught::caught;
use crate::network::{Address, Block, Fate, drawn};
use crate::node::NodeId;
use crate::process::{Effect, Value};
use crate::random::Domain;
use crate::time::Time;
use crate::world::Event;
use std::time::Duration;

impl<M: Value> Simulation<M> {
    /// Lets a client of the [client driver](crate::client) invoke only these of its operations, each at its time
    /// since the start, or when the one before has its outcome if that is later. What each asks for stays what it
    /// was. So does any other node that asks [what is written down](crate::client::Written); others take no notice.
    ///
    /// # Panics
    /// If there is no such node.
    #[track_caller]
    pub fn only_operations(&mut self, client: impl Into<NodeId>, operations: &[(u64, Duration)]) {
        let client = client.into();
        self.expect(client);
        let written = operations.iter().map(|&(number, at)| (number, Time::ZERO + at)).collect();
        self.random.write_down(self.world.key(client).place(), written);
    }

    /// What the network makes of a message, were it not for slow links and edits.
    pub(crate) fn drawn_fate(&self, address: Address) -> Fate {
        let Address { from, to, number } = address;
        let link = self.world.key(from).link(self.world.key(to));
        let block = |block| drawn(&self.random, link, number, block);
        self.network.fate(from, to, block(Block::First), || block(Block::Second))
    }

    /// Lets an event happen out of time, with the numbers that its node would draw. What the node asks for does not
    /// take place. The error is a panic.
    pub(crate) fn rehearse(&mut self, node: NodeId, event: Event<M>) -> Result<Vec<Effect<M>>, String> {
        let mut effects = Vec::new();
        let mut live = Live::new(node, self.now, &self.world, &self.random, Default::default(), false);
        let happened = caught(|| self.world.apply(event, &mut live, &mut effects));
        self.world.tally_mut(node).draws = live.draws;
        happened.map(|()| effects)
    }

    /// The same for a crash: what it leaves is drawn.
    pub(crate) fn rehearse_crash(&mut self, node: NodeId) -> Result<Vec<Effect<M>>, String> {
        let (kept, torn) = self.draw_crash(node);
        self.rehearse(node, Event::Crash { node, kept, torn })
    }

    /// How long the next sync of `node` takes.
    pub(crate) fn rehearse_sync(&mut self, node: NodeId) -> Duration {
        let syncs = &mut self.agendas.line(node).syncs;
        *syncs += 1;
        self.sync_latency.sample(self.random.at(Domain::Sync, self.world.key(node).place(), *syncs)[0])
    }

    /// What the next message from one to another is called.
    pub(crate) fn rehearse_send(&mut self, from: NodeId, to: NodeId) -> Address {
        let number = self.number(from, to).0;
        Address { from, to, number }
    }
}
