//! A partition: two sides, and links between them that carry nothing.

use crate::node::NodeId;

/// Nodes on two sides that cannot reach each other; nodes on neither side are not concerned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
pub struct Partition {
    /// One side.
    pub from: Vec<NodeId>,
    /// The other side.
    pub to: Vec<NodeId>,
    /// Whether only the links from `from` to `to` are cut, and not those back.
    pub one_way: bool,
}

impl Partition {
    /// The sides sorted and without repetition, so that `cuts` can search them.
    pub(crate) fn normalized(mut self) -> Self {
        for side in [&mut self.from, &mut self.to] {
            side.sort_unstable();
            side.dedup();
        }
        self
    }

    /// A node that is on both sides, where none should be.
    pub(crate) fn on_both_sides(&self) -> Option<NodeId> {
        self.from.iter().copied().find(|node| self.to.contains(node))
    }

    /// Whether the link from `from` to `to` is cut.
    pub(crate) fn cuts(&self, from: NodeId, to: NodeId) -> bool {
        let has = |side: &[NodeId], node| side.binary_search(&node).is_ok();
        has(&self.from, from) && has(&self.to, to)
            || !self.one_way && has(&self.to, from) && has(&self.from, to)
    }
}
