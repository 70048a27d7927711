//! What learners of single-decree Paxos see: an object that is decided once.

use netsplit::checker::Specification;
use netsplit::prelude::*;

/// Whoever learns first decides, and whoever learns later hears the same (Herlihy, "Wait-Free Synchronization",
/// TOPLAS 1991, section 2.3).
#[derive(Clone, Copy, Debug)]
pub struct Consensus;

impl Specification for Consensus {
    /// What is decided.
    type State = Option<NodeId>;
    type Operation = &'static str;
    type Response = NodeId;

    fn initial(&self) -> Option<NodeId> {
        None
    }

    fn step(
        &self,
        decided: &Option<NodeId>,
        _: &&'static str,
        learned: Option<&NodeId>,
    ) -> Option<Option<NodeId>> {
        match (decided, learned) {
            (Some(decided), Some(learned)) if decided != learned => None,
            (Some(decided), _) => Some(Some(*decided)),
            (None, learned) => Some(learned.copied()),
        }
    }

    fn describe(&self, _: &&'static str, learned: Option<&NodeId>) -> String {
        learned.map_or_else(|| "learn".to_string(), |learned| format!("learn {learned}"))
    }
}
