//! Bytes for each node, as the operating system counts them: the most that a child process held, which is this program
//! run once more. Nothing is linked into the program for it, so that no time that it measures changes.

use crate::{floor, workloads};
use std::process::Command;

/// What a child's arguments begin with.
const CHILD: &str = "resident";

/// Many nodes, and so few that they are nothing beside the program itself.
const NODES: (u32, u32) = (100_000, 10);

/// Whether this process is such a child, which then has done all it is there for. `main` asks this first.
pub fn is_child() -> bool {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [first, who, nodes] = &words[..] else { return false };
    if first != CHILD {
        return false;
    }
    let nodes: u32 = nodes.parse().expect("a number of nodes");
    let messages = 2 * u64::from(nodes);
    match who.as_str() {
        "netsplit" => workloads::messages(nodes, 1, messages),
        _ => floor::messages(nodes, 1, messages),
    };
    // In kilobytes, under Linux alone.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    println!("{}", peak.unwrap_or("unknown"));
    true
}

/// The most that a child held, in bytes; none if nothing says so here.
fn peak(who: &str, nodes: u32) -> Option<f64> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    let output = command.args([CHILD, who, &nodes.to_string()]).output().ok()?;
    let kilobytes: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().ok()?;
    Some(1024.0 * kilobytes)
}

fn bytes_per_node(who: &str) -> Option<f64> {
    let (many, few) = NODES;
    Some((peak(who, many)? - peak(who, few)?) / f64::from(many - few))
}

/// The line of this figure: `bytes-per-node netsplit floor ratio`, in W2 with 100,000 nodes and one message each. The
/// message and the process are part of it (48 bytes; the floor's node has 64).
pub fn line() -> String {
    match (bytes_per_node("netsplit"), bytes_per_node("floor")) {
        (Some(netsplit), Some(floor)) => {
            format!("bytes-per-node {netsplit:.0} {floor:.0} {:.3}", netsplit / floor)
        }
        _ => "bytes-per-node unknown: only Linux tells".to_string(),
    }
}
