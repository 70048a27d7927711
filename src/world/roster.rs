//! Who there is: names, roles, and the processes as they were given. It only grows, and copies of a world share it.

use super::cell::{Cell, ProcessCell};
use crate::node::{NodeId, NodeKey, RoleKey};
use crate::process::Process;
use std::any::Any;
use std::fmt::{Debug, Write};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// The processes of nodes that were added together; what a restart begins from.
trait Given<M>: Any + Debug + Send + Sync {
    fn count(&self) -> usize;
    fn cell(&self, index: usize) -> Box<dyn Cell<M>>;
    fn as_any(&self) -> &dyn Any;
}

#[derive(Debug)]
struct Processes<P>(Vec<P>);

impl<P: Process> Given<P::Message> for Processes<P> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, index: usize) -> Box<dyn Cell<P::Message>> {
        Box::new(ProcessCell::new(self.0[index].clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Nodes of one role that were added together, and so have numbers in a row.
#[derive(Debug)]
struct Group<M> {
    role: String,
    /// How many of the role there were before.
    index: usize,
    client: bool,
    /// Whether the first of the role is called by the role alone.
    is_single: bool,
    key: RoleKey,
    given: Box<dyn Given<M>>,
    /// Of all its nodes; put together when somebody asks for one.
    names: OnceLock<Names>,
}

/// Names, one after the other, and where each ends.
#[derive(Debug)]
struct Names {
    text: String,
    ends: Vec<usize>,
}

impl<M: 'static> Group<M> {
    /// Their indices in their role.
    fn indices(&self) -> Range<usize> {
        self.index..self.index + self.given.count()
    }

    fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            let (mut text, mut ends) = (String::new(), Vec::new());
            for index in self.indices() {
                text.push_str(&self.role);
                if index > 0 || !self.is_single {
                    let _ = write!(text, "-{index}");
                }
                ends.push(text.len());
            }
            Names { text, ends }
        })
    }
}

/// The keys of so many nodes are kept. Of more, one would be further away than it takes to find it out: among a million
/// nodes that was a seventh of the time of a message.
const FEW: usize = 4_096;

#[derive(Debug)]
pub(super) struct Roster<M> {
    /// Each with the number of its first node.
    groups: Vec<(usize, Arc<Group<M>>)>,
    count: usize,
    /// Of the first [`FEW`] nodes.
    keys: Vec<NodeKey>,
}

impl<M> Clone for Roster<M> {
    fn clone(&self) -> Self {
        Roster { groups: self.groups.clone(), count: self.count, keys: self.keys.clone() }
    }
}

impl<M: 'static> Roster<M> {
    pub(super) fn new() -> Self {
        Roster { groups: Vec::new(), count: 0, keys: Vec::new() }
    }

    /// Adds nodes that are called by their role and their index in it; if `is_single`, the first of the role by
    /// the role alone.
    pub(super) fn add<P: Process<Message = M>>(
        &mut self,
        role: &str,
        client: bool,
        is_single: bool,
        processes: Vec<P>,
    ) -> Range<usize> {
        let group = Group {
            role: role.to_string(),
            index: self.count(role),
            client,
            is_single,
            key: RoleKey::new(role),
            given: Box::new(Processes(processes)),
            names: OnceLock::new(),
        };
        let first = self.count;
        self.count += group.given.count();
        self.groups.push((first, Arc::new(group)));
        while self.keys.len() < self.count.min(FEW) {
            self.keys.push(self.find_key(self.keys.len()));
        }
        first..self.count
    }

    pub(super) fn name(&self, node: usize) -> &str {
        let (group, at) = self.group(node);
        let Names { text, ends } = group.names();
        let begin = at.checked_sub(1).map_or(0, |before| ends[before]);
        &text[begin..ends[at]]
    }

    /// How many nodes of a role there are.
    pub(super) fn count(&self, role: &str) -> usize {
        self.of_role(role).next_back().map_or(0, |(_, last)| last.indices().end)
    }

    pub(super) fn role(&self, role: &str) -> impl Iterator<Item = NodeId> {
        self.of_role(role).flat_map(|(first, group)| (*first..first + group.given.count()).map(NodeId::new))
    }

    pub(super) fn is_client(&self, node: usize) -> bool {
        self.group(node).0.client
    }

    #[inline(always)]
    pub(super) fn key(&self, node: usize) -> NodeKey {
        self.keys.get(node).copied().unwrap_or_else(|| self.find_key(node))
    }

    #[inline(never)]
    fn find_key(&self, node: usize) -> NodeKey {
        let (group, at) = self.group(node);
        group.key.of(group.index + at)
    }

    /// The process of `node` as it was given, and no timer.
    pub(super) fn cell(&self, node: usize) -> Box<dyn Cell<M>> {
        let (group, at) = self.group(node);
        group.given.cell(at)
    }

    pub(super) fn runs<P: Process>(&self, node: usize) -> bool {
        self.group(node).0.given.as_any().is::<Processes<P>>()
    }

    fn of_role(&self, role: &str) -> impl DoubleEndedIterator<Item = &(usize, Arc<Group<M>>)> {
        self.groups.iter().filter(move |(_, group)| group.role == role)
    }

    /// A node's group, and its place there.
    fn group(&self, node: usize) -> (&Group<M>, usize) {
        let after = self.groups.partition_point(|group| group.0 <= node);
        let (first, group) = &self.groups[after - 1];
        (group, node - first)
    }
}
