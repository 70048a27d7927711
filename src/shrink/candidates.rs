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
    let span = |edit: &Edit| match edit.change {
        Change::Delay(span) => Some(span),
        _ => None,
    };
    let mut spans: Vec<Duration> = delays.iter().filter_map(span).collect();
    spans.sort_unstable();
    let middle = spans.get(spans.len() / 2).map_or(1_000_000, |span| nanoseconds_of(*span));
    let unit = 10u64.pow(middle.max(1).ilog10());
    ((middle + unit / 2) / unit * unit).max(1)
}

/// Rounder numbers of nanoseconds near this one, the roundest first.
pub(super) fn round(span: u64) -> Vec<u64> {
    const UNITS: [u64; 6] = [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000];
    let coarse = UNITS.into_iter().take_while(|unit| !span.is_multiple_of(*unit));
    let mut rounder: Vec<u64> = Vec::new();
    for unit in coarse.filter(|unit| span >= *unit / 2) {
        for near in [(span + unit / 2) / unit * unit, span / unit * unit, span.div_ceil(unit) * unit] {
            if near != span && near > 0 && !rounder.contains(&near) {
                rounder.push(near);
            }
        }
    }
    rounder
}

pub(super) fn round_time(time: Time) -> impl Iterator<Item = Time> {
    round(time.as_nanoseconds()).into_iter().map(Time::from_nanoseconds)
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

pub(super) fn relinked(fault: &Fault, links: Links) -> Fault {
    match fault {
        Fault::SlowLinks { by, .. } => Fault::SlowLinks { links, by: *by },
        _ => Fault::Partition(links),
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

/// One fault in the place of two, or none: what one of them does, or what one node that they name suffers, for as long
/// as both last or on to the end. The plainest first.
pub(super) fn merged(case: &Case, one: usize, other: usize, nodes: &[NodeId], may_stay: bool) -> Vec<Case> {
    let without_both = |more: Option<Spell>| {
        let mut case = case.clone();
        let mut place = 0;
        case.faults.retain(|_| {
            place += 1;
            ![one, other].contains(&(place - 1))
        });
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
    let one_fault = faults
        .iter()
        .flat_map(|fault| spans.iter().map(|&(at, until)| Spell { at, until, fault: fault.clone() }));
    [None].into_iter().chain(one_fault.map(Some)).map(without_both).collect()
}

/// In how many ways `size` of `count` places can be chosen.
pub(super) fn ways(count: usize, size: usize) -> usize {
    (0..size).fold(1, |ways: usize, place| ways.saturating_mul(count - place.min(count)) / (place + 1))
}

/// All ways to choose `size` of `count` places, each in order.
pub(super) fn choices(count: usize, size: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..size {
        let longer = |chosen: &Vec<usize>| {
            let next = chosen.last().map_or(0, |last| last + 1);
            (next..count).map(|place| [&chosen[..], &[place]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// With those of its faults and edits that are at these places, counted through both.
pub(super) fn only(case: &Case, places: &[usize]) -> Case {
    let count = case.faults.len();
    let is_kept = |place: usize| places.binary_search(&place).is_ok();
    let faults = case.faults.iter().enumerate().filter(|(place, _)| is_kept(*place));
    let edits = case.edits.iter().enumerate().filter(|(place, _)| is_kept(count + place));
    Case {
        faults: faults.map(|(_, spell)| spell.clone()).collect(),
        edits: edits.map(|(_, edit)| edit.clone()).collect(),
        ..case.clone()
    }
}
