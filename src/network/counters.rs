//! The numbers of messages, which are part of their addresses.

use super::{Block, drawn};
use crate::node::NodeId;
use crate::random::Random;

/// With so many nodes, messages are numbered on each link.
const FEW_NODES: usize = 64;

/// The numbers of messages. In a simulation of up to [`FEW_NODES`] nodes a message's number counts those on its link;
/// in a larger one it counts those of its sender, so that ten billion links need no counters. Either way no two
/// messages on a link have the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    nodes: usize,
    /// By sender and receiver.
    links: Vec<Count>,
}

/// How many messages were sent on a link, and what the next one draws first. It is a function of its address alone; to
/// wait for it when it is asked for was a fifth of the time of a message between two nodes.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sent: u64,
    next: [u64; 2],
}

impl Counters {
    /// There is one more node.
    pub(crate) fn add(&mut self) {
        self.nodes += 1;
    }

    /// The number of the next message on the link at `place` among addresses, and what it draws first. `sent` counts
    /// the messages of its sender.
    #[inline(always)]
    pub(crate) fn next(
        &mut self,
        from: NodeId,
        to: NodeId,
        sent: &mut u64,
        random: &Random,
        place: u64,
    ) -> (u64, [u64; 2]) {
        let draw = |number| drawn(random, place, number, Block::First);
        *sent += 1;
        if self.nodes > FEW_NODES {
            return (*sent, draw(*sent));
        }
        let at = from.index() * FEW_NODES + to.index();
        if self.links.get(at).is_none_or(|count| count.sent == 0) {
            self.begin(at, random, place);
        }
        let count = &mut self.links[at];
        let drawn = count.next;
        count.sent += 1;
        count.next = draw(count.sent + 1);
        (count.sent, drawn)
    }

    /// Before the first message on a link.
    #[cold]
    fn begin(&mut self, at: usize, random: &Random, place: u64) {
        let links = self.links.len().max(self.nodes * FEW_NODES);
        self.links.resize(links, Count::default());
        self.links[at].next = drawn(random, place, 1, Block::First);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_unique_when_there_are_too_many_links_to_count() {
        let (mut counters, random) = (Counters::default(), Random::new(1));
        let mut seen = std::collections::BTreeSet::new();
        let mut sent = [0; 3];
        for nodes in 1..200 {
            counters.add();
            for (from, sent) in sent.iter_mut().enumerate().take(nodes) {
                for to in 0..nodes {
                    let ends = (NodeId::new(from), NodeId::new(to));
                    assert!(seen.insert((ends, counters.next(ends.0, ends.1, sent, &random, 1).0)));
                }
            }
        }
        let (first, second) = (NodeId::new(0), NodeId::new(1));
        assert!(seen.contains(&((first, second), 63)), "counted by link as long as there are few nodes");
        assert!(!seen.contains(&((first, second), 64)));
    }
}
