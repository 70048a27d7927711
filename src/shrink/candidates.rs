//! What is tried: smaller and rounder things, made of what there is.

use super::{Case, Spell};
use crate::fault::{Change, Edit, Fault};
use crate::links::Links;
use crate::node::NodeId;
use crate::time::{Time, nanoseconds_of};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// The delay in the middle, rounded to something near.
pub(super) fn usual_delay(delays: &[Edit]) -> u64 {
    let mut spans: Vec<Duration> = Vec::new();
    for edit in delays {
        if let Change::Delay(span) = edit.change {
            spans.push(span);
        }
    }
    spans.sort_unstable();
    let middle = spans.get(spans.len() / 2).map_or(1_000_000, |span| nanoseconds_of(*span));
    let unit = 10u64.pow(middle.max(1).ilog10());
    ((middle + unit / 2) / unit * unit).max(1)
}

/// Rounder numbers of nanoseconds near this one, the roundest first.
pub(super) fn round(span: u64) -> Vec<u64> {
    const UNITS: [u64; 6] = [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000];
    let mut rounder: Vec<u64> = Vec::new();
    for unit in UNITS {
        if span.is_multiple_of(unit) {
            break;
        }
        if span < unit / 2 {
            continue;
        }
        for near in [(span + unit / 2) / unit * unit, span / unit * unit, span.div_ceil(unit) * unit] {
            if near != span && near > 0 && !rounder.contains(&near) {
                rounder.push(near);
            }
        }
    }
    rounder
}

/// All times in it, to be moved.
pub(super) fn times_of(case: &mut Case) -> Vec<&mut Time> {
    let mut times = Vec::new();
    for spell in &mut case.faults {
        times.push(&mut spell.at);
        times.extend(&mut spell.until);
    }
    for list in case.operations.values_mut() {
        for (_, at) in list {
            times.push(at);
        }
    }
    times
}

/// Without some of its elements.
pub(super) fn without<T: Clone>(all: &[T], left_out: Range<usize>) -> Vec<T> {
    [&all[..left_out.start], &all[left_out.end..]].concat()
}

pub(super) fn without_operations(case: &Case, range: Range<usize>) -> Case {
    let mut place = 0;
    let mut is_kept = |_: &(u64, Time)| {
        place += 1;
        !range.contains(&(place - 1))
    };
    let mut operations = case.operations.clone();
    operations.values_mut().for_each(|list| list.retain(&mut is_kept));
    Case { operations, ..case.clone() }
}

/// Each operation that is left out takes a message to and from its client with it.
pub(super) fn without_operations_and_messages(case: &Case, range: Range<usize>) -> Case {
    let mut fewer = without_operations(case, range);
    let of = |operations: &BTreeMap<NodeId, Vec<(u64, Time)>>, ends: [NodeId; 2]| -> usize {
        ends.iter().filter_map(|end| operations.get(end)).map(Vec::len).sum()
    };
    for edit in &mut fewer.edits {
        let ends = [edit.address.from, edit.address.to];
        let gone = (of(&case.operations, ends) - of(&fewer.operations, ends)) as u64;
        edit.address.number = edit.address.number.saturating_sub(gone).max(1);
    }
    // Of two edits of one message, the first.
    let mut seen = BTreeSet::new();
    fewer.edits.retain(|edit| seen.insert(edit.address));
    fewer
}

/// The same without a node, and without what concerns it alone.
pub(super) fn lacking(case: &Case, node: NodeId) -> Case {
    let mut case = case.clone();
    case.absent.insert(node);
    case.operations.remove(&node);
    case.edits.retain(|edit| edit.address.from != node && edit.address.to != node);
    case.faults.retain(|spell| links_of(&spell.fault).is_some() || !spell.fault.nodes().contains(&node));
    case
}

pub(super) fn links_of(fault: &Fault) -> Option<&Links> {
    match fault {
        Fault::Partition(links) | Fault::SlowLinks { links, .. } => Some(links),
        _ => None,
    }
}

pub(super) fn relink(fault: &mut Fault, to: Links) {
    if let Fault::Partition(links) | Fault::SlowLinks { links, .. } = fault {
        *links = to;
    }
}

/// Fewer links: one way only, or with a node less on a side.
pub(super) fn smaller(links: &Links) -> Vec<Links> {
    let mut fewer = Vec::new();
    if !links.one_way {
        fewer.push(Links { one_way: true, ..links.clone() });
        fewer.push(Links { from: links.to.clone(), to: links.from.clone(), one_way: true });
    }
    let Links { from, to, .. } = links;
    for place in (0..from.len()).filter(|_| from.len() > 1) {
        fewer.push(Links { from: without(from, place..place + 1), ..links.clone() });
    }
    for place in (0..to.len()).filter(|_| to.len() > 1) {
        fewer.push(Links { to: without(to, place..place + 1), ..links.clone() });
    }
    fewer
}

/// One fault in the place of two, of which `one` is the earlier, or none: what one of them does, or what one node that
/// they name suffers, for as long as both last or on to the end. The plainest first.
pub(super) fn merged(case: &Case, one: usize, other: usize, nodes: &[NodeId], may_stay: bool) -> Vec<Case> {
    let without_both = |more: Option<Spell>| {
        let mut case = case.clone();
        case.faults.remove(other);
        case.faults.remove(one);
        case.faults.extend(more);
        case.in_order()
    };
    let (first, second) = (&case.faults[one], &case.faults[other]);
    let named = [first.fault.nodes(), second.fault.nodes()].concat();
    let mut faults: Vec<Fault> = Vec::new();
    for &node in nodes.iter().filter(|node| named.contains(node)) {
        let others = nodes.iter().copied().filter(|other| *other != node).collect();
        faults.push(Fault::Crash(node));
        faults.push(Fault::Partition(Links { from: vec![node], to: others, one_way: false }));
        faults.push(Fault::Pause(node));
    }
    faults.extend([first.fault.clone(), second.fault.clone()]);
    let at = first.at.min(second.at);
    let until = first.until.and_then(|first| Some(first.max(second.until?)));
    let mut spans = vec![(at, until)];
    if may_stay && until.is_some() {
        spans.push((at, None));
    }
    spans.push((first.at.max(second.at), until));
    let mut cases = vec![without_both(None)];
    for fault in faults {
        for &(at, until) in &spans {
            cases.push(without_both(Some(Spell { at, until, fault: fault.clone() })));
        }
    }
    cases
}

/// In how many ways `size` of `count` places can be chosen.
pub(super) fn ways(count: usize, size: usize) -> usize {
    (0..size).fold(1, |ways: usize, place| ways.saturating_mul(count - place.min(count)) / (place + 1))
}

/// All ways to choose `size` of `count` places, each in order.
pub(super) fn choices(count: usize, size: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..size {
        let mut longer = Vec::new();
        for chosen in &all {
            for place in chosen.last().map_or(0, |last| last + 1)..count {
                longer.push([&chosen[..], &[place]].concat());
            }
        }
        all = longer;
    }
    all
}

/// With those of its faults and edits that are at these places, counted through both.
pub(super) fn only(case: &Case, places: &[usize]) -> Case {
    let mut few = Case { faults: Vec::new(), edits: Vec::new(), ..case.clone() };
    for &place in places {
        match case.faults.get(place) {
            Some(spell) => few.faults.push(spell.clone()),
            None => few.edits.push(case.edits[place - case.faults.len()].clone()),
        }
    }
    few
}
