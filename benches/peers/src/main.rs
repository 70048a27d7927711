//! Simulators side by side, on the same workloads as `cargo bench --bench ratio`, each between two runs of the floor.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml` builds the peers and prints one table:
//! `WORKLOAD SIMULATOR rate floor_rate ratio`. Words at its end choose: `-- W4`, `-- turmoil`.
//!
//! netsplit has its network model on, with loss and a partition; the peers only have delays.

#[allow(dead_code)]
#[path = "../../ratio/floor.rs"]
mod floor;
#[allow(dead_code)]
#[path = "../../ratio/workloads.rs"]
mod workloads;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// How often a figure is measured; the median counts.
const REPETITIONS: usize = 3;

/// What is run.
#[derive(Clone, Copy)]
enum Work {
    /// A fixed number of nodes with messages each, until so many have arrived.
    Messages { nodes: u32, each: u32, messages: u64 },
    /// So many fresh simulations of five nodes and 200 messages.
    Small { runs: u64 },
}
use Work::{Messages, Small};

/// A workload, and how much of it the floor, netsplit and each peer do. A peer that is not there cannot do it in a
/// reasonable time.
struct Row {
    name: &'static str,
    floor: Work,
    netsplit: Work,
    peers: &'static [(&'static str, Work)],
}

const fn two(messages: u64) -> Work {
    Messages { nodes: 2, each: 1, messages }
}
const fn one_each(nodes: u32, messages: u64) -> Work {
    Messages { nodes, each: 1, messages }
}
const fn ten_each(messages: u64) -> Work {
    Messages { nodes: 1_000, each: 10, messages }
}
const fn small(runs: u64) -> Work {
    Small { runs }
}

const ROWS: [Row; 6] = [
    Row {
        name: "W1",
        floor: two(5_000_000),
        netsplit: two(1_000_000),
        peers: &[
            ("anysystem", two(300_000)),
            ("madsim", two(500_000)),
            ("moonpool", two(700_000)),
            ("turmoil", two(100_000)),
        ],
    },
    Row {
        name: "W2-10",
        floor: one_each(10, 5_000_000),
        netsplit: one_each(10, 1_000_000),
        peers: &[
            ("anysystem", one_each(10, 300_000)),
            ("madsim", one_each(10, 500_000)),
            ("moonpool", one_each(10, 500_000)),
            ("turmoil", one_each(10, 100_000)),
        ],
    },
    Row {
        name: "W2-100",
        floor: one_each(100, 3_000_000),
        netsplit: one_each(100, 1_000_000),
        peers: &[
            ("anysystem", one_each(100, 300_000)),
            ("madsim", one_each(100, 500_000)),
            ("turmoil", one_each(100, 20_000)),
        ],
    },
    Row {
        name: "W2-1k",
        floor: ten_each(2_000_000),
        netsplit: ten_each(1_000_000),
        peers: &[("anysystem", ten_each(300_000)), ("madsim", ten_each(500_000))],
    },
    Row {
        name: "W2-100k",
        floor: one_each(100_000, 1_000_000),
        netsplit: one_each(100_000, 1_000_000),
        peers: &[("anysystem", one_each(100_000, 400_000)), ("madsim", one_each(100_000, 400_000))],
    },
    Row {
        name: "W4",
        floor: small(30_000),
        netsplit: small(4_000),
        peers: &[
            ("anysystem", small(2_000)),
            ("madsim", small(2_000)),
            ("moonpool", small(2_000)),
            ("turmoil", small(1_000)),
        ],
    },
];

/// How much is done per second.
fn rate(run: impl Fn() -> u64) -> f64 {
    let start = Instant::now();
    run() as f64 / start.elapsed().as_secs_f64()
}

fn floor_rate(work: Work) -> f64 {
    rate(|| match work {
        Messages { nodes, each, messages } => floor::messages(nodes, each, messages),
        Small { runs } => floor::small(runs),
    })
}

fn netsplit_rate(work: Work) -> f64 {
    rate(|| match work {
        Messages { nodes, each, messages } => workloads::messages(nodes, each, messages),
        Small { runs } => workloads::small(runs),
    })
}

/// That of a peer, which is a program of its own and says it.
fn peer_rate(program: &Path, work: Work) -> f64 {
    let arguments = match work {
        Messages { nodes, each, messages } => {
            vec!["messages".to_string(), nodes.to_string(), each.to_string(), messages.to_string()]
        }
        Small { runs } => vec!["small".to_string(), runs.to_string()],
    };
    let output = Command::new(program).args(arguments).output().expect("a program that runs");
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a rate")
}

/// Builds the peers, madsim apart from the others: with its flag, every crate is another.
fn build() -> (PathBuf, PathBuf) {
    let release = std::env::current_exe().expect("a path").parent().expect("a folder").to_path_buf();
    let target = release.parent().expect("the target folder").to_path_buf();
    let cargo = || {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command.args(["build", "--release", "--manifest-path"]);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
        command
    };
    let succeed = |command: &mut Command| assert!(command.status().expect("cargo").success(), "{command:?}");
    let apart = target.join("madsim");
    succeed(
        cargo()
            .args(["-p", "peer-anysystem", "-p", "peer-moonpool", "-p", "peer-turmoil"])
            .arg("--target-dir")
            .arg(&target),
    );
    succeed(cargo().args(["-p", "peer-madsim", "--target-dir"]).arg(&apart).env("RUSTFLAGS", "--cfg madsim"));
    (release, apart.join("release"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let (release, apart) = build();
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_asked =
        |line: &str| asked.is_empty() || asked.iter().any(|word| line.split(' ').any(|part| part == word));
    for Row { name, floor, netsplit, peers } in &ROWS {
        for (peer, work) in std::iter::once(&("netsplit", *netsplit)).chain(*peers) {
            if !is_asked(&format!("{name} {peer}")) {
                continue;
            }
            let (mut rates, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..REPETITIONS {
                let before = floor_rate(*floor);
                let measured = match *peer {
                    "netsplit" => netsplit_rate(*work),
                    "madsim" => peer_rate(&apart.join("peer-madsim"), *work),
                    other => peer_rate(&release.join(format!("peer-{other}")), *work),
                };
                let around = (before + floor_rate(*floor)) / 2.0;
                rates.push(measured);
                floors.push(around);
                ratios.push(measured / around);
            }
            println!("{name} {peer} {:.0} {:.0} {:.4}", median(rates), median(floors), median(ratios));
        }
    }
}
