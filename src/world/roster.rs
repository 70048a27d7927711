//! Who there is: names, roles, and the processes as they were given. It only grows, and copies of a world share it.

use super::cell::{Cell, ProcessCell};
use crate::node::{NodeId, NodeKey};
use crate::process::Process;
use std::any::Any;
use std::fmt::{Debug, Write};
use std::ops::Range;
use std::sync::Arc;

/// The processes of nodes that were added together; what a restart begins from.
trait Group<M>: Any + Debug + Send + Sync {
    fn cell(&self, index: usize) -> Box<dyn Cell<M>>;
    fn as_any(&self) -> &dyn Any;
}

#[derive(Debug)]
struct Processes<P>(Vec<P>);

impl<P: Process> Group<P::Message> for Processes<P> {
    fn cell(&self, index: usize) -> Box<dyn Cell<P::Message>> {
        Box::new(ProcessCell::new(self.0[index].clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[derive(Clone, Debug)]
struct Role {
    name: String,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    role: u32,
    /// Where its name ends; it begins where that of the node before ends.
    name_end: u32,
    client: bool,
}

#[derive(Debug)]
pub(super) struct Roster<M> {
    members: Vec<Member>,
    keys: Vec<NodeKey>,
    /// One after the other.
    names: String,
    roles: Vec<Role>,
    /// Each with the number of its first node.
    groups: Vec<(usize, Arc<dyn Group<M>>)>,
}

impl<M> Clone for Roster<M> {
    fn clone(&self) -> Self {
        Roster {
            members: self.members.clone(),
            keys: self.keys.clone(),
            names: self.names.clone(),
            roles: self.roles.clone(),
            groups: self.groups.clone(),
        }
    }
}

impl<M: 'static> Roster<M> {
    pub(super) fn new() -> Self {
        Roster {
            members: Vec::new(),
            keys: Vec::new(),
            names: String::new(),
            roles: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Adds nodes that are called by their role and their index in it; if `is_single`, the first of the role by
    /// the role alone.
    pub(super) fn add<P: Process<Message = M>>(
        &mut self,
        name: &str,
        client: bool,
        is_single: bool,
        processes: Vec<P>,
    ) -> Range<usize> {
        let known = self.roles.iter().position(|role| role.name == name);
        let at = known.unwrap_or_else(|| {
            self.roles.push(Role { name: name.to_string(), count: 0 });
            self.roles.len() - 1
        });
        let first = self.members.len();
        for _ in 0..processes.len() {
            let index = self.roles[at].count;
            self.names.push_str(name);
            if index > 0 || !is_single {
                let _ = write!(self.names, "-{index}");
            }
            let name_end = u32::try_from(self.names.len()).expect("names of less than 4 GiB in all");
            self.members.push(Member { role: at as u32, name_end, client });
            self.keys.push(NodeKey::new(name, index));
            self.roles[at].count += 1;
        }
        self.groups.push((first, Arc::new(Processes(processes))));
        first..self.members.len()
    }

    pub(super) fn name(&self, node: usize) -> &str {
        let begin = node.checked_sub(1).map_or(0, |before| self.members[before].name_end as usize);
        &self.names[begin..self.members[node].name_end as usize]
    }

    /// How many nodes of a role there are.
    pub(super) fn count(&self, role: &str) -> usize {
        self.roles.iter().find(|known| known.name == role).map_or(0, |role| role.count)
    }

    pub(super) fn role(&self, name: &str) -> impl Iterator<Item = NodeId> {
        let role = self.roles.iter().position(|role| role.name == name);
        let members = self.members.iter().enumerate();
        members.filter(move |(_, member)| role == Some(member.role as usize)).map(|(at, _)| NodeId::new(at))
    }

    pub(super) fn is_client(&self, node: usize) -> bool {
        self.members[node].client
    }

    #[inline(always)]
    pub(super) fn key(&self, node: usize) -> NodeKey {
        self.keys[node]
    }

    /// The process of `node` as it was given, and no timer.
    pub(super) fn cell(&self, node: usize) -> Box<dyn Cell<M>> {
        let (first, group) = self.group(node);
        group.cell(node - first)
    }

    pub(super) fn runs<P: Process>(&self, node: usize) -> bool {
        self.group(node).1.as_any().is::<Processes<P>>()
    }

    fn group(&self, node: usize) -> (usize, &dyn Group<M>) {
        let after = self.groups.partition_point(|group| group.0 <= node);
        let (first, group) = &self.groups[after - 1];
        (*first, &**group)
    }
}
