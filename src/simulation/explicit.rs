//! What a run has to say and to be told so that it can be made explicit, for whoever makes failures small.

use super::Simulation;
use crate::network::{Address, Fate, Numbers};
use crate::node::NodeId;
use crate::process::Value;
use crate::random::{Domain, Random};
use crate::time::Time;
use std::time::Duration;

/// The numbers of one message.
struct Drawn<'a> {
    random: &'a Random,
    link: u64,
    number: u64,
}

impl Numbers for Drawn<'_> {
    fn block(&self, block: u64) -> [u64; 2] {
        self.random.at(Domain::Message, self.link, self.number << 2 | block)
    }
}

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
        self.network.fate(from, to, &Drawn { random: &self.random, link, number })
    }
}
