//! What the harnesses of all peers share: the workload from the command line, a random other node, and the rate.

use std::time::{Duration, Instant};

/// How long one measurement may take; what was done by then counts.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What every node of a run knows.
#[derive(Clone, Copy)]
pub struct Workload {
    pub nodes: u32,
    /// How many messages each node begins with; in a run of two nodes only the first does.
    pub each: u32,
    /// How many messages have to arrive.
    pub messages: u64,
}

impl Workload {
    /// How many messages `node` begins with.
    pub fn begins(&self, node: u32) -> u32 {
        if self.nodes == 2 && node > 0 { 0 } else { self.each }
    }
}

/// A cheap generator for harnesses whose simulator offers none: splitmix64.
pub struct Random(pub u64);

impl Random {
    /// A node other than `me`.
    pub fn other(&mut self, me: u32, nodes: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let drawn = (((mixed >> 32) * u64::from(nodes - 1)) >> 32) as u32;
        drawn + u32::from(drawn >= me)
    }
}

/// Runs the workload of the command line, `messages NODES EACH MESSAGES` or `small RUNS`, and prints how much was
/// done per second. `run` says how many messages arrived, for a workload and a seed.
pub fn measure(run: impl Fn(Workload, u64) -> u64) {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| words[place].parse::<u64>().expect("a number");
    let start = Instant::now();
    let done = match words[0].as_str() {
        "messages" => {
            let (nodes, each) = (number(1) as u32, number(2) as u32);
            run(Workload { nodes, each, messages: number(3) }, 1)
        }
        "small" => {
            let workload = Workload { nodes: 5, each: 1, messages: 200 };
            (0..number(1)).filter(|seed| run(workload, *seed) >= workload.messages).count() as u64
        }
        other => panic!("{other}: expected `messages` or `small`"),
    };
    println!("{}", done as f64 / start.elapsed().as_secs_f64());
}
