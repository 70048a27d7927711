//! The links between two sides: what a partition cuts, and what may be slow.

use crate::node::NodeId;

/// All links between the nodes of two sides; those within a side, and of nodes on neither, are not among them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
pub struct Links {
    /// One side.
    pub from: Vec<NodeId>,
    /// The other side.
    pub to: Vec<NodeId>,
    /// Only the links from `from` to `to`, and not those back.
    pub one_way: bool,
}

impl Links {
    /// The links between two sides, both ways.
    pub(crate) fn between(from: Vec<NodeId>, to: Vec<NodeId>) -> Self {
        Links { from, to, one_way: false }
    }

    /// The sides sorted and without repetition, so that `contains` can search them.
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

    pub(crate) fn nodes_mut(&mut self) -> Vec<&mut NodeId> {
        self.from.iter_mut().chain(&mut self.to).collect()
    }

    /// Whether the link from `from` to `to` is among them.
    #[inline]
    pub(crate) fn contains(&self, from: NodeId, to: NodeId) -> bool {
        has(&self.from, from) && has(&self.to, to)
            || !self.one_way && has(&self.to, from) && has(&self.from, to)
    }
}

/// Whether `node` is on a side. Most are not, and beyond its ends.
#[inline]
fn has(side: &[NodeId], node: NodeId) -> bool {
    match side {
        [] => false,
        [first, .., last] if node < *first || *last < node => false,
        [only] => *only == node,
        _ => side.binary_search(&node).is_ok(),
    }
}

/// `{n0 n1} | {n2}`, or with `>` if one way.
impl std::fmt::Display for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |nodes: &[NodeId]| {
            let names: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
            format!("{{{}}}", names.join(" "))
        };
        let between = if self.one_way { ">" } else { "|" };
        write!(f, "{} {between} {}", side(&self.from), side(&self.to))
    }
}
