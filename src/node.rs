//! Names of nodes, and the ways a scenario can mention some of them.

use crate::fingerprint::Fingerprinter;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

/// A node's number in its simulation, in the order of adding; written `n3`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The node that was added after `index` others.
    ///
    /// # Panics
    /// If `index` is 2^32 or more.
    #[inline]
    pub fn new(index: usize) -> Self {
        NodeId(u32::try_from(index).expect("a simulation has fewer than 2^32 nodes"))
    }

    /// How many nodes were added before this one.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("n{}", self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text names no node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseNodeError(String);

impl fmt::Display for ParseNodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a node: expected n and a number, such as n3", self.0)
    }
}

impl std::error::Error for ParseNodeError {}

impl FromStr for NodeId {
    type Err = ParseNodeError;
    fn from_str(text: &str) -> Result<Self, ParseNodeError> {
        let number = text.strip_prefix('n').and_then(|digits| digits.parse().ok());
        number.map(NodeId).ok_or_else(|| ParseNodeError(text.to_string()))
    }
}

/// `n3` where people read it, a number in storage.
impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => serializer.serialize_u32(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => String::deserialize(deserializer)?.parse().map_err(D::Error::custom),
            false => u32::deserialize(deserializer).map(NodeId),
        }
    }
}

/// A node that runs the process `P`; what [`Simulation::add`](crate::Simulation::add) returns, and the
/// key for `sim[handle]`.
pub struct Handle<P> {
    id: NodeId,
    process: PhantomData<fn() -> P>,
}

impl<P> Handle<P> {
    pub(crate) fn new(id: NodeId) -> Self {
        Handle { id, process: PhantomData }
    }

    /// The node's name without its type.
    pub fn id(self) -> NodeId {
        self.id
    }
}

impl<P> Clone for Handle<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Handle<P> {}

impl<P> fmt::Debug for Handle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

impl<P> From<Handle<P>> for NodeId {
    fn from(handle: Handle<P>) -> NodeId {
        handle.id
    }
}

/// Some nodes: an id, a handle, an array, slice or `Vec` of them, or a tuple that mixes kinds.
pub trait Nodes {
    /// The nodes, in the order they are mentioned.
    fn ids(&self) -> Vec<NodeId>;
}

impl Nodes for NodeId {
    fn ids(&self) -> Vec<NodeId> {
        vec![*self]
    }
}

impl<P> Nodes for Handle<P> {
    fn ids(&self) -> Vec<NodeId> {
        vec![self.id]
    }
}

impl<N: Nodes + ?Sized> Nodes for &N {
    fn ids(&self) -> Vec<NodeId> {
        (**self).ids()
    }
}

impl<N: Nodes> Nodes for [N] {
    fn ids(&self) -> Vec<NodeId> {
        self.iter().flat_map(Nodes::ids).collect()
    }
}

impl<N: Nodes, const COUNT: usize> Nodes for [N; COUNT] {
    fn ids(&self) -> Vec<NodeId> {
        self.as_slice().ids()
    }
}

impl<N: Nodes> Nodes for Vec<N> {
    fn ids(&self) -> Vec<NodeId> {
        self.as_slice().ids()
    }
}

macro_rules! nodes_for_tuples {
    ($($name:ident)+) => {
        impl<$($name: Nodes),+> Nodes for ($($name,)+) {
            #[allow(non_snake_case)]
            fn ids(&self) -> Vec<NodeId> {
                let ($($name,)+) = self;
                let mut all = Vec::new();
                $(all.extend($name.ids());)+
                all
            }
        }
    };
}
nodes_for_tuples!(A B);
nodes_for_tuples!(A B C);
nodes_for_tuples!(A B C D);

/// The name under which a node draws: a hash of its role and its index in that role, so that removing
/// one node renumbers nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NodeKey(u64);

/// What the keys of the nodes of one role have in common.
#[derive(Clone, Debug)]
pub(crate) struct RoleKey(Fingerprinter);

impl RoleKey {
    pub(crate) fn new(role: &str) -> Self {
        let mut hasher = Fingerprinter::new();
        role.hash(&mut hasher);
        RoleKey(hasher)
    }

    /// The key of the node with this index in the role.
    #[inline]
    pub(crate) fn of(&self, index: usize) -> NodeKey {
        let mut hasher = self.0.clone();
        hasher.write_usize(index);
        NodeKey(hasher.finish())
    }
}

impl NodeKey {
    pub(crate) fn place(self) -> u64 {
        self.0
    }

    /// The place of the link from here to `to`.
    pub(crate) fn link(self, to: NodeKey) -> u64 {
        self.0.wrapping_add(to.0.rotate_left(32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_mentioned_one_by_one_in_lists_and_mixed() {
        let (a, b) = (NodeId(1), Handle::<u8>::new(NodeId(2)));
        assert_eq!((a, b, [a, a], &vec![b]).ids(), [1, 2, 1, 1, 2].map(NodeId));
    }

    #[test]
    fn a_node_is_written_as_n_and_its_number() {
        assert_eq!("n12".parse(), Ok(NodeId(12)));
        assert_eq!(NodeId(12).to_string(), "n12");
        for text in ["12", "n", "n-1", "x1", "n99999999999"] {
            assert!(text.parse::<NodeId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_link_and_its_reverse_have_different_places() {
        let role = RoleKey::new("node");
        let (a, b) = (role.of(0), role.of(1));
        assert_ne!(a.link(b), b.link(a));
    }
}
