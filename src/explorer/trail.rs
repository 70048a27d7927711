//! A path of the search for another driver: what happened, and what each node was then, by fingerprints.

use crate::links::Links;
use crate::node::NodeId;

/// A path from where all nodes have started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trail {
    /// What each node is after its start.
    pub(crate) started: Vec<u128>,
    pub(crate) steps: Vec<Step>,
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) act: Act,
    /// What the node is afterwards whose handler has run; none if none has, or it panics.
    pub(crate) after: Option<u128>,
}

/// What happens. A message is known by the fingerprint of itself on its link, a timer by its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// It arrives, perhaps where nobody is up to take it.
    Deliver(u128),
    /// It is lost, or cut by a partition.
    Lose(u128),
    Duplicate,
    Fire(NodeId, u128),
    Sync(NodeId),
    Crash(NodeId),
    Restart(NodeId),
    Partition(Links),
    Heal,
}
