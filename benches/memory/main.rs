//! What a run takes from the allocator, counted exactly: allocations for each message and each fresh simulation, and
//! bytes for each node and each message in flight.
//!
//! `cargo bench --bench memory` prints one line a figure, `NAME netsplit`, with the floor's where there is one. The counting allocator is slow, so that
//! times are measured elsewhere.
//!
//! | name | of |
//! |---|---|
//! | `allocations-per-message` | a message in W2 with 1,000 nodes, in steady state |
//! | `allocations-per-simulation` | a fresh simulation of five nodes and 200 messages (W4), dropped |
//! | `heap-bytes-per-node` | a node in W2 with 100,000, one message in flight included; the process itself is 48 bytes, and the floor's node 64 |
//! | `bytes-per-node` | the same, of what the operating system has given at most, with the ratio; as `ratio` prints it |
//! | `heap-bytes-per-message` | a further message in flight; it is 24 bytes itself |

// The floor computes logarithms; nothing here reaches a run.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code)]
#[path = "../ratio/floor.rs"]
mod floor;
#[path = "../ratio/resident.rs"]
mod resident;
#[allow(dead_code)]
#[path = "../ratio/workloads.rs"]
mod workloads;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often something allocates, with what it grows.
fn allocations(run: impl FnOnce()) -> f64 {
    let region = Region::new(ALLOCATOR);
    run();
    let change = region.change();
    (change.allocations + change.reallocations) as f64
}

/// The bytes that what `make` makes holds after `messages` messages.
fn held(nodes: u32, each: u32) -> f64 {
    let region = Region::new(ALLOCATOR);
    let mut sim = workloads::forwarders(nodes, each, 1);
    (0..nodes).for_each(|_| assert!(sim.step()));
    let in_flight = nodes * each;
    workloads::run(&mut sim, nodes as usize, in_flight as usize, 2 * u64::from(in_flight));
    let change = region.change();
    drop(sim);
    change.bytes_allocated as f64 - change.bytes_deallocated as f64
}

fn main() {
    if resident::is_child() {
        return;
    }
    let per_message = |run: fn(u32, u32, u64) -> u64| {
        let allocated = |messages| allocations(|| _ = run(1_000, 10, messages));
        (allocated(400_000) - allocated(200_000)) / 200_000.0
    };
    let (ours, floor) = (per_message(workloads::messages), per_message(floor::messages));
    println!("allocations-per-message {ours:.4} {floor:.4}");

    let per_run = |run: fn(u64) -> u64| allocations(|| _ = run(1_000)) / 1_000.0;
    println!("allocations-per-simulation {:.1} {:.1}", per_run(workloads::small), per_run(floor::small));

    println!("heap-bytes-per-node {:.0}", held(100_000, 1) / 100_000.0);
    println!("heap-bytes-per-message {:.0}", (held(1_000, 101) - held(1_000, 1)) / 100_000.0);
    println!("{}", resident::line());
}
