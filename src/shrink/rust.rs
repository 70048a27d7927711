//! Cases as Rust: the calls that do the same to a simulation called `sim`, and tests that are made of them.

use super::{Base, Case};
use crate::clock::Offset;
use crate::fault::{Change, Edit, Fault};
use crate::links::Links;
use crate::node::NodeId;
use crate::time::{Time, nanoseconds_of};
use std::time::Duration;

/// The calls, a line each.
pub(crate) fn commands(case: &Case) -> Vec<String> {
    let mut lines = Vec::new();
    match case.base {
        Base::Drawn => {}
        Base::Lossless => lines.push("sim.network_mut().lose_nothing();".to_string()),
        Base::Constant(delay) => {
            lines.push("*sim.network_mut() = Network::default();".to_string());
            lines.push(format!("sim.set_delay({});", span(delay)));
        }
    }
    let schedule =
        |at: Time, it: &Fault| format!("sim.schedule({}, {});", span(at.since(Time::ZERO)), fault(it));
    for node in &case.absent {
        lines.push(schedule(Time::ZERO, &Fault::Crash(*node)));
    }
    for planned in case.plan().iter() {
        lines.push(schedule(planned.at, &planned.fault));
    }
    for it in &case.edits {
        lines.push(format!("sim.edit({});", edit(it)));
    }
    for (client, operations) in &case.operations {
        let all: Vec<String> = operations
            .iter()
            .map(|(number, at)| format!("({number}, {})", span(at.since(Time::ZERO))))
            .collect();
        lines.push(format!("sim.only_operations({}, &[{}]);", node(*client), all.join(", ")));
    }
    lines
}

/// A test whose name is made of the words of `name`, with what it says of itself and its lines, which call what a case
/// does.
pub(crate) fn test(name: &str, how: &str, lines: &[String]) -> String {
    let are_used = |used: &[&str]| used.iter().any(|used| lines.iter().any(|line| line.contains(used)));
    let paths: [(&str, &[&str]); 6] = [
        ("clock::Offset", &["Offset::"]),
        ("fault::Edit", &["Edit::"]),
        ("fault::Fault", &["Fault::"]),
        ("links::Links", &["Links {"]),
        ("network::Network", &["Network::"]),
        ("prelude::*", &["seconds(", "NodeId::"]),
    ];
    let mut test = String::new();
    for line in format!("{how}.").lines() {
        test += &format!("/// {line}\n");
    }
    test += &format!("#[test]\nfn {}() {{\n", function_name(name));
    for (path, _) in paths.iter().filter(|(_, used)| are_used(used)) {
        test += &format!("    use netsplit::{path};\n");
    }
    for line in lines {
        test += &format!("    {line}\n");
    }
    test + "}\n"
}

/// A text as the name of a function.
fn function_name(text: &str) -> String {
    let mut name = String::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        name += if name.is_empty() { "" } else { "_" };
        name += &word.to_ascii_lowercase();
    }
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => name,
        false => format!("it_{name}"),
    }
}

/// A span, by the function of its largest whole unit.
pub(crate) fn span(span: Duration) -> String {
    let nanoseconds = nanoseconds_of(span);
    let units = [("seconds", 1_000_000_000), ("milliseconds", 1_000_000), ("microseconds", 1_000)];
    let whole = |(_, unit): &(&str, u64)| nanoseconds.is_multiple_of(*unit) && nanoseconds > 0;
    let (name, unit) = units.into_iter().find(whole).unwrap_or(("nanoseconds", 1));
    format!("{name}({})", nanoseconds / unit)
}

fn node(node: NodeId) -> String {
    format!("NodeId::new({})", node.index())
}

fn links(links: &Links) -> String {
    let side = |nodes: &[NodeId]| nodes.iter().map(|id| node(*id)).collect::<Vec<_>>().join(", ");
    let (from, to) = (side(&links.from), side(&links.to));
    format!("Links {{ from: vec![{from}], to: vec![{to}], one_way: {} }}", links.one_way)
}

fn offset(offset: Offset) -> String {
    let text = offset.to_string();
    let size = text.trim_start_matches(['+', '-']);
    let size = span(crate::time::parse_span(size).unwrap_or_default());
    format!("Offset::{}({size})", if text.starts_with('-') { "behind" } else { "ahead" })
}

fn fault(fault: &Fault) -> String {
    let one = |name: &str, id: &NodeId| format!("Fault::{name}({})", node(*id));
    match fault {
        Fault::Partition(cut) => format!("Fault::Partition({})", links(cut)),
        Fault::HealPartition(cut) => format!("Fault::HealPartition({})", links(cut)),
        Fault::Heal => "Fault::Heal".to_string(),
        Fault::Crash(id) => one("Crash", id),
        Fault::Restart(id) => one("Restart", id),
        Fault::Pause(id) => one("Pause", id),
        Fault::Resume(id) => one("Resume", id),
        Fault::SetClock(id) => one("SetClock", id),
        Fault::JumpClock { node: id, by } => {
            format!("Fault::JumpClock {{ node: {}, by: {} }}", node(*id), offset(*by))
        }
        Fault::DriftClock { node: id, parts_per_million } => {
            format!("Fault::DriftClock {{ node: {}, parts_per_million: {parts_per_million} }}", node(*id))
        }
        Fault::SlowLinks { links: slow, by } => {
            format!("Fault::SlowLinks {{ links: {}, by: {} }}", links(slow), span(*by))
        }
        Fault::HealSlowLinks { links: slow, by } => {
            format!("Fault::HealSlowLinks {{ links: {}, by: {} }}", links(slow), span(*by))
        }
    }
}

fn edit(Edit { address, kind, change }: &Edit) -> String {
    let made = match change {
        Change::Drop => format!("Edit::drop(\"{address}\")"),
        Change::Delay(after) => format!("Edit::delay(\"{address}\", {})", span(*after)),
        Change::Duplicate(after) => format!("Edit::duplicate(\"{address}\", {})", span(*after)),
    };
    match kind {
        Some(kind) => format!("{made}.of_kind({kind:?})"),
        None => made,
    }
}
