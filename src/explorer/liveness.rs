//! What must happen eventually, in every fair run: see [`Exploration::eventually`](super::Exploration::eventually).
//!
//! A run that never gets there stays among the states that are reached through states in which it does not hold. There
//! it ends where nothing has to happen, or it goes round in a strongly connected component for ever. Under weak
//! fairness a component can be stayed in if and only if each action that has to happen is, somewhere in it, taken
//! within it or not possible: then one can go round through all of it. Otherwise one action is possible all the time
//! and leads out, in each of its parts as well.
//!
//! A search that marks a state once as visited and asks at the end of each path misses runs that end in a cycle or
//! join another path behind the place where it has held; here it has held on no path that is kept.

use super::catalogue::Own;
use super::path::{Path, Printed};
use super::search::Search;
use super::successors::{Action, Successor};
use super::{Bound, Counterexample, Progress};
use crate::fingerprint::fingerprint;
use crate::process::Value;
use crate::property::Property;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A step to another state in which it has not held.
#[derive(Clone, Copy)]
struct Edge {
    to: usize,
    ordinal: u32,
    /// What it is called, if it has to happen.
    name: Option<u128>,
}

/// The states that are reached without it.
#[derive(Default)]
struct Graph {
    /// How each was found; of an initial state, its number.
    origins: Vec<Result<(usize, u32), usize>>,
    edges: Vec<Vec<Edge>>,
    /// What has to happen there, by its name, wherever it leads.
    due: Vec<BTreeSet<u128>>,
    /// Where only a budget keeps a timer from firing.
    is_bounded: Vec<bool>,
    /// About how much memory it takes, with what is needed to find it.
    bytes: usize,
}

/// How often somebody who watches is told.
const TOLD_EVERY: usize = 1 << 10;

impl<M: Value> Search<'_, '_, M> {
    /// The first property that some fair run never gets to, with that run.
    ///
    /// # Errors
    /// The bound that came first.
    pub(super) fn never(&mut self, states: &[Printed]) -> Result<Option<Counterexample>, Bound> {
        for property in &self.options.eventual {
            let graph = self.without(property, states)?;
            if let Some(path) = self.stays(&graph, property, states) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// A run that stays in the graph.
    fn stays(&self, graph: &Graph, property: &Property<'_, M>, states: &[Printed]) -> Option<Counterexample> {
        let end = (0..graph.edges.len()).find(|&at| graph.due[at].is_empty() && !graph.is_bounded[at]);
        let (ordinals, start, cycle) = match end {
            Some(end) => {
                let (ordinals, start) = graph.way_to(end);
                (ordinals, start, None)
            }
            None => {
                let component = graph.components().into_iter().find(|states| graph.can_stay(states))?;
                let first = *component.iter().min().expect("a component is not empty");
                let (mut ordinals, start) = graph.way_to(first);
                let cycle = ordinals.len();
                ordinals.extend(graph.round(first, &component));
                (ordinals, start, Some(cycle))
            }
        };
        let stepper = self.shared.stepper();
        let mut path = Path::new(&stepper, &states[start]);
        ordinals.into_iter().for_each(|ordinal| path.step(ordinal));
        Some(path.never(cycle, property.name.clone()))
    }

    /// Breadth first through the states in which it does not hold.
    fn without(&mut self, property: &Property<'_, M>, states: &[Printed]) -> Result<Graph, Bound> {
        let (mut graph, mut numbers) = (Graph::default(), BTreeMap::<u128, Option<usize>>::new());
        let mut queue: VecDeque<(usize, Vec<u32>, u128)> = VecDeque::new();
        let mut names = BTreeMap::new();
        let mut reach = |search: &mut Self, graph: &mut Graph, state: Vec<u32>, print, origin| {
            if let Some(known) = numbers.get(&print) {
                return (*known, None);
            }
            let Search { workers, shared, .. } = search;
            let holds = property.holds(workers[0].judge.world(&shared.stepper(), &state));
            let number = (!holds).then_some(graph.origins.len());
            numbers.insert(print, number);
            if number.is_some() {
                graph.origins.push(origin);
            }
            (number, number.map(|number| (number, state, print)))
        };
        for (number, (state, print)) in states.iter().enumerate() {
            queue.extend(reach(self, &mut graph, state.clone(), *print, Err(number)).1);
        }
        let mut steps: Vec<Successor> = Vec::new();
        while let Some((number, state, print)) = queue.pop_front() {
            let _ = self.steps(&state, print, &mut steps);
            let (mut edges, mut due) = (Vec::new(), BTreeSet::new());
            for (ordinal, step) in steps.iter().enumerate() {
                let name = self.due(&state, step.action, &mut names);
                due.extend(name);
                let mut next = Vec::new();
                self.shared.stepper().write(&state, step, &mut next);
                let origin = Ok((number, ordinal as u32));
                let (to, new) = reach(self, &mut graph, next, step.print, origin);
                queue.extend(new);
                edges.extend(to.map(|to| Edge { to, ordinal: ordinal as u32, name }));
            }
            graph.edges.push(edges);
            graph.due.push(due);
            let has_timer = |part: &u32| {
                self.shared.catalogue.parts[*part as usize].own.iter().any(|own| matches!(own, Own::Fire(_)))
            };
            let is_bounded =
                self.shared.rules.timers.is_some() && state[..self.shared.map.nodes].iter().any(has_timer);
            graph.is_bounded.push(is_bounded);
            // What stands for the queue, for names in maps, and for a set of what is due.
            graph.bytes += 256 + 4 * state.len() + 32 * (graph.edges[number].len() + graph.due[number].len());
            self.bytes = self.bytes.max(self.table.bytes() + self.shared.catalogue.bytes() + graph.bytes);
            let (distinct, bytes) = (graph.origins.len(), self.bytes);
            if distinct > self.options.max_states {
                return Err(Bound::States);
            }
            if bytes > self.options.max_memory {
                return Err(Bound::Memory);
            }
            if number.is_multiple_of(TOLD_EVERY) {
                let (generated, frontier) = (self.generated, queue.len());
                let progress = Progress { distinct, generated, depth: 0, frontier, bytes };
                if self.options.watch.as_ref().is_some_and(|watch| !watch(&progress)) {
                    return Err(Bound::Interrupted);
                }
            }
        }
        Ok(graph)
    }

    /// What an action is called, if it has to happen.
    fn due(&self, state: &[u32], action: Action, names: &mut BTreeMap<(u32, u32), u128>) -> Option<u128> {
        match action {
            Action::Deliver(envelope) => Some(fingerprint(&("deliver", envelope))),
            Action::Heal => Some(fingerprint("heal")),
            Action::Own { node, index } => {
                let part = state[node as usize];
                match self.shared.catalogue.parts[part as usize].own[index as usize] {
                    Own::Crash(..) => None,
                    _ => Some(
                        *names
                            .entry((part, index))
                            .or_insert_with(|| self.shared.catalogue.own_name(part, index as usize)),
                    ),
                }
            }
            Action::Cut(_) | Action::Drop(_) | Action::Duplicate(_) | Action::Partition(_) => None,
        }
    }
}

impl Graph {
    /// The steps from an initial state to this one, and the number of the initial state.
    fn way_to(&self, mut at: usize) -> (Vec<u32>, usize) {
        let mut ordinals = Vec::new();
        loop {
            match self.origins[at] {
                Ok((before, ordinal)) => {
                    ordinals.push(ordinal);
                    at = before;
                }
                Err(start) => {
                    ordinals.reverse();
                    return (ordinals, start);
                }
            }
        }
    }

    /// The strongly connected components that have a step within them (Tarjan, 1972, without recursion).
    fn components(&self) -> Vec<BTreeSet<usize>> {
        const NEW: usize = usize::MAX;
        let count = self.edges.len();
        let (mut order, mut low, mut on_stack) = (vec![NEW; count], vec![0; count], vec![false; count]);
        let (mut stack, mut found, mut next) = (Vec::new(), Vec::new(), 0);
        for root in 0..count {
            let mut calls = if order[root] == NEW { vec![(root, 0)] } else { Vec::new() };
            while let Some((at, edge)) = calls.last_mut() {
                let at = *at;
                if *edge == 0 && order[at] == NEW {
                    (order[at], low[at]) = (next, next);
                    next += 1;
                    stack.push(at);
                    on_stack[at] = true;
                }
                if let Some(Edge { to, .. }) = self.edges[at].get(*edge) {
                    *edge += 1;
                    if order[*to] == NEW {
                        calls.push((*to, 0));
                    } else if on_stack[*to] {
                        low[at] = low[at].min(order[*to]);
                    }
                    continue;
                }
                calls.pop();
                if let Some((caller, _)) = calls.last() {
                    low[*caller] = low[*caller].min(low[at]);
                }
                if low[at] == order[at] {
                    let mut component = BTreeSet::new();
                    loop {
                        let member = stack.pop().expect("a component ends with its first state");
                        on_stack[member] = false;
                        component.insert(member);
                        if member == at {
                            break;
                        }
                    }
                    if component.len() > 1 || self.edges[at].iter().any(|edge| edge.to == at) {
                        found.push(component);
                    }
                }
            }
        }
        found
    }

    /// Whether a fair run can stay in it: each action that has to happen is taken within it, or is not possible
    /// somewhere in it.
    fn can_stay(&self, component: &BTreeSet<usize>) -> bool {
        let mut always: Option<BTreeSet<u128>> = None;
        let mut taken = BTreeSet::new();
        for &at in component {
            always = Some(match always {
                None => self.due[at].clone(),
                Some(names) => names.intersection(&self.due[at]).copied().collect(),
            });
            let within = self.edges[at].iter().filter(|edge| component.contains(&edge.to));
            taken.extend(within.filter_map(|edge| edge.name));
        }
        always.is_some_and(|always| always.is_subset(&taken))
    }

    /// A way round from `first` to itself that is fair when it is repeated.
    fn round(&self, first: usize, component: &BTreeSet<usize>) -> Vec<u32> {
        let (mut at, mut ordinals) = (first, Vec::new());
        let mut always = self.due[first].clone();
        let walk = |at: &mut usize, ordinals: &mut Vec<u32>, always: &mut BTreeSet<u128>, way: Vec<Edge>| {
            for edge in way {
                always.retain(|name| self.due[edge.to].contains(name) && Some(*name) != edge.name);
                ordinals.push(edge.ordinal);
                *at = edge.to;
            }
        };
        while let Some(name) = always.first().copied() {
            let is_met = |edge: &Edge| edge.name == Some(name) || !self.due[edge.to].contains(&name);
            let way = self.way(at, component, is_met);
            walk(&mut at, &mut ordinals, &mut always, way);
        }
        if at != first || ordinals.is_empty() {
            let way = self.way(at, component, |edge| edge.to == first);
            walk(&mut at, &mut ordinals, &mut always, way);
        }
        ordinals
    }

    /// A shortest way within a component whose last step is as asked.
    fn way(&self, from: usize, component: &BTreeSet<usize>, is_last: impl Fn(&Edge) -> bool) -> Vec<Edge> {
        let mut before: BTreeMap<usize, (usize, Edge)> = BTreeMap::new();
        let mut queue = VecDeque::from([from]);
        while let Some(at) = queue.pop_front() {
            for edge in self.edges[at].iter().filter(|edge| component.contains(&edge.to)) {
                if is_last(edge) {
                    let (mut way, mut back) = (vec![*edge], at);
                    while back != from {
                        let (earlier, edge) = before[&back];
                        way.push(edge);
                        back = earlier;
                    }
                    way.reverse();
                    return way;
                }
                if edge.to != from && !before.contains_key(&edge.to) {
                    before.insert(edge.to, (at, *edge));
                    queue.push_back(edge.to);
                }
            }
        }
        unreachable!("a component is strongly connected")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::fingerprint;

    /// Steps between `count` states, of up to three names that have to happen and of none; some lead out.
    fn drawn(seed: u64, count: usize) -> Graph {
        let mut draws = 0u64;
        let mut below = |bound: u64| {
            draws += 1;
            fingerprint(&(seed, draws)) as u64 % bound
        };
        let mut graph = Graph::default();
        for _ in 0..count {
            let mut edges = Vec::new();
            // Often one that leads out from everywhere.
            let mut due: BTreeSet<u128> = (below(4) > 0).then_some(1).into_iter().collect();
            for ordinal in 0..below(4) as u32 {
                let name = Some(u128::from(below(4))).filter(|name| *name > 0);
                due.extend(name);
                let to = below(count as u64 + 2) as usize;
                if to < count {
                    edges.push(Edge { to, ordinal, name });
                }
            }
            graph.edges.push(edges);
            graph.due.push(due);
        }
        graph
    }

    /// Whether exactly these states, with all steps among them, can be visited again and again.
    fn is_strongly_connected(graph: &Graph, states: &BTreeSet<usize>) -> bool {
        states.iter().all(|&from| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(at) = open.pop() {
                let next = graph.edges[at].iter().map(|edge| edge.to);
                open.extend(next.filter(|to| states.contains(to) && seen.insert(*to)));
            }
            seen == *states
        })
    }

    /// Whether of each name there is a state where it is not due, or a step among these states.
    fn is_fair(graph: &Graph, states: &BTreeSet<usize>) -> bool {
        (1..4u128).all(|name| {
            let rests = states.iter().any(|at| !graph.due[*at].contains(&name));
            let steps = states.iter().flat_map(|at| &graph.edges[*at]);
            rests || steps.filter(|edge| states.contains(&edge.to)).any(|edge| edge.name == Some(name))
        })
    }

    #[test]
    fn a_component_can_be_stayed_in_if_some_set_of_states_can() {
        let mut stays = 0;
        for seed in 0..2_000 {
            let graph = drawn(seed, 1 + seed as usize % 6);
            let count = graph.edges.len();
            let subsets =
                (1u32..1 << count).map(|bits| (0..count).filter(|at| bits & 1 << at != 0).collect());
            let dumb = subsets
                .filter(|states: &BTreeSet<usize>| is_strongly_connected(&graph, states))
                .any(|states| is_fair(&graph, &states));
            let clever = graph.components().into_iter().find(|states| graph.can_stay(states));
            assert_eq!(clever.is_some(), dumb, "seed {seed}");
            let Some(component) = clever else { continue };
            stays += 1;
            // The way round comes back, and what is due all the way is taken.
            let first = *component.first().expect("a state");
            let (mut at, mut always, mut taken) = (first, graph.due[first].clone(), BTreeSet::new());
            for ordinal in graph.round(first, &component) {
                let edge = graph.edges[at].iter().find(|edge| edge.ordinal == ordinal).expect("a step");
                taken.extend(edge.name);
                at = edge.to;
                always.retain(|name| graph.due[at].contains(name));
            }
            assert_eq!(at, first, "seed {seed}");
            assert!(always.is_subset(&taken), "seed {seed}: {always:?}");
        }
        assert!((200..1_800).contains(&stays), "{stays} of 2000 can be stayed in");
    }
}
