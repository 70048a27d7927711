//! What a run has to say and to be told so that it can be made explicit, for whoever makes failures small.

use super::Simulation;
use super::effects::drawn;
use crate::network::{Address, Block, Fate};
use crate::node::NodeId;
use crate::process::Value;
use crate::time::Time;
use std::time::Duration;

impl<M: Value> Simulation<M> {
    /// Lets a client of the [client driver](crate::client) invoke only these of its operations, each at its time
    /// since the start, or when the one before has its outcome if that is later. What each asks for stays what it
    /// was. Any other node takes no notice.
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
}
