//! When the steps of a path can happen: differences of times that are at least so much, solved by longest paths
//! (Bellman and Ford).

use crate::node::NodeId;
use crate::time::nanoseconds_of;
use std::collections::BTreeSet;
use std::time::Duration;

/// Which steps come one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// All, as on the path.
    Whole,
    /// Those of one node, and those that cut links or mend them with all others.
    Causal,
    /// The same, and a node may go on when it has done its part.
    Loose,
}

/// What something waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// A node's clock.
    Timer(Duration),
    /// A disk.
    Sync(Duration),
}

/// How many times slower a slow clock runs.
pub(super) const SLOWER: i64 = 100;

/// What is known of the moments of a path. The first, number 0, is the start.
pub(super) struct Times {
    /// Where each moment is; none if everywhere.
    places: Vec<Option<NodeId>>,
    /// Between these moments it takes exactly so long.
    spans: Vec<(usize, usize, Wait)>,
    /// What would be due so long after the one is not due at the other.
    limits: Vec<(usize, usize, Wait)>,
    /// What would be due so long after a moment at a node is not due on the path.
    never: Vec<(usize, NodeId, Wait)>,
    /// A message is sent at the one, and there at the other.
    journeys: Vec<(usize, usize)>,
}

impl Times {
    pub(super) fn new() -> Self {
        let (spans, limits, never, journeys) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Times { places: vec![None], spans, limits, never, journeys }
    }

    /// A moment after the others of its place.
    pub(super) fn add(&mut self, place: Option<NodeId>) -> usize {
        self.places.push(place);
        self.last()
    }

    fn last(&self) -> usize {
        self.places.len() - 1
    }

    pub(super) fn takes(&mut self, from: usize, to: usize, wait: Wait) {
        self.spans.push((from, to, wait));
    }

    pub(super) fn is_not_due(&mut self, from: usize, to: usize, wait: Wait) {
        self.limits.push((from, to, wait));
    }

    pub(super) fn is_never_due(&mut self, from: usize, node: NodeId, wait: Wait) {
        self.never.push((from, node, wait));
    }

    pub(super) fn travels(&mut self, from: usize, to: usize) {
        self.journeys.push((from, to));
    }

    /// The nodes that something waits at.
    pub(super) fn clocks(&self) -> BTreeSet<NodeId> {
        self.never.iter().map(|(_, node, _)| *node).collect()
    }

    /// The earliest times, in nanoseconds, with at least `gap` between steps and the clock of one node slow; `copied`
    /// journeys take `delay`.
    pub(super) fn solve(
        &self,
        (order, slow): (Order, Option<NodeId>),
        gap: i64,
        delay: i64,
        copied: impl Iterator<Item = (usize, usize)>,
    ) -> Option<Vec<i64>> {
        let last = self.last();
        let mut least: Vec<(usize, usize, i64)> = Vec::new();
        for moment in 1..=last {
            let place = self.places[moment];
            let depends = |other: usize| {
                order == Order::Whole || place.is_none() || [None, place].contains(&self.places[other])
            };
            least.extend((0..moment).filter(|other| depends(*other)).map(|other| (other, moment, gap)));
            least.push((moment, last, 0));
        }
        least.extend(self.journeys.iter().map(|&(from, to)| (from, to, gap)));
        let end_of = |node: NodeId| match order {
            Order::Loose => self.places.iter().rposition(|place| *place == Some(node)).unwrap_or(0),
            _ => last,
        };
        let takes = |node: Option<NodeId>, wait: Wait| match wait {
            Wait::Timer(span) if slow.is_some() && node == slow => signed(span) * SLOWER,
            Wait::Timer(span) | Wait::Sync(span) => signed(span),
        };
        let at = |&(from, to, wait): &(usize, usize, Wait)| (from, to, takes(self.places[to], wait));
        let never =
            self.never.iter().map(|&(from, node, wait)| (from, end_of(node), takes(Some(node), wait)));
        let limits = self.limits.iter().map(at).chain(never).filter(|(from, to, _)| from != to);
        least.extend(limits.map(|(from, to, span)| (to, from, gap - span)));
        let exact = self.spans.iter().map(at).chain(copied.map(|(from, to)| (from, to, delay)));
        for (from, to, span) in exact {
            least.extend([(from, to, span), (to, from, -span)]);
        }
        let mut times = vec![0i64; last + 1];
        for _ in 0..=last + 1 {
            let mut moved = false;
            for &(from, to, by) in &least {
                let earliest = times[from].saturating_add(by);
                if earliest > times[to] {
                    times[to] = earliest;
                    moved = true;
                }
            }
            if !moved {
                return (times[0] == 0).then_some(times);
            }
        }
        None
    }
}

fn signed(span: Duration) -> i64 {
    i64::try_from(nanoseconds_of(span)).unwrap_or(i64::MAX).min(i64::MAX / SLOWER / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::milliseconds;

    const GAP: i64 = 1_000_000;

    #[test]
    fn a_timer_fires_when_its_span_is_over_and_messages_wait_for_it() {
        let mut times = Times::new();
        let fires = times.add(Some(NodeId::new(0)));
        times.takes(0, fires, Wait::Timer(milliseconds(10)));
        let arrives = times.add(Some(NodeId::new(1)));
        times.travels(0, arrives);
        let solved = times.solve((Order::Whole, None), GAP, GAP, std::iter::empty());
        assert_eq!(solved, Some(vec![0, 10 * GAP, 11 * GAP]));
        times.is_not_due(0, arrives, Wait::Timer(milliseconds(11)));
        assert_eq!(times.solve((Order::Whole, None), GAP, GAP, std::iter::empty()), None);
    }

    #[test]
    fn a_timer_that_is_never_due_fires_after_the_path_or_after_the_part_of_its_node() {
        let mut times = Times::new();
        let node = |number| Some(NodeId::new(number));
        let (own, other) = (times.add(node(0)), times.add(node(1)));
        times.is_never_due(0, NodeId::new(0), Wait::Timer(milliseconds(10)));
        times.takes(0, other, Wait::Timer(milliseconds(20)));
        let solve = |times: &Times, order| times.solve((order, None), GAP, GAP, std::iter::empty());
        assert_eq!(solve(&times, Order::Causal), None);
        assert_eq!(solve(&times, Order::Loose), Some(vec![0, GAP, 20 * GAP]));
        let slow = (Order::Causal, times.clocks().first().copied());
        assert_eq!(times.solve(slow, GAP, GAP, std::iter::empty()), Some(vec![0, GAP, 20 * GAP]));
        times.travels(other, own);
        assert_eq!(solve(&times, Order::Loose), None);
    }

    #[test]
    fn timers_of_two_nodes_fire_in_their_own_order_unless_one_depends_on_the_other() {
        let mut times = Times::new();
        let late = times.add(Some(NodeId::new(0)));
        times.takes(0, late, Wait::Timer(milliseconds(20)));
        let early = times.add(Some(NodeId::new(1)));
        times.takes(0, early, Wait::Timer(milliseconds(10)));
        let last = times.add(Some(NodeId::new(1)));
        let solve = |times: &Times, order| times.solve((order, None), GAP, GAP, std::iter::empty());
        assert_eq!(solve(&times, Order::Whole), None);
        assert_eq!(solve(&times, Order::Causal), Some(vec![0, 20 * GAP, 10 * GAP, 20 * GAP]));
        times.travels(late, early);
        assert_eq!((solve(&times, Order::Causal), last), (None, 3));
    }
}
