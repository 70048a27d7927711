//! The floor: a `std::collections::BinaryHeap` of events in the order of (time, sequence), a random delay for each,
//! and nothing else. No network, no process, no observer.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

const MILLISECOND: u64 = 1_000_000;

/// (time, sequence), and then what it is.
type Event = Reverse<(u64, u64, u32, u64)>;

/// What a node is here.
#[derive(Clone, Default)]
struct Node {
    count: u64,
    /// The timer that counts; others are dead.
    generation: u64,
    _rest: [u64; 6],
}

/// Exponential, with a mean of 5 ms, by inversion.
fn delay(random: &mut ChaCha8Rng) -> u64 {
    let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    (-(1.0 - uniform).ln() * (5 * MILLISECOND) as f64) as u64
}

fn other(random: &mut ChaCha8Rng, me: u32, nodes: u32) -> u32 {
    let drawn = random.random_range(0..nodes - 1);
    drawn + u32::from(drawn >= me)
}

/// Until so many messages have arrived.
pub fn messages(nodes: u32, each: u32, messages: u64) -> u64 {
    run(nodes, each, messages, 1);
    messages
}

/// So many fresh runs of five nodes and 200 messages.
pub fn small(runs: u64) -> u64 {
    (0..runs).for_each(|seed| run(5, 1, 200, seed));
    runs
}

fn run(nodes: u32, each: u32, messages: u64, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut states = vec![Node::default(); nodes as usize];
    let mut queue: BinaryHeap<Event> = BinaryHeap::new();
    let mut sequence = 0;
    // Two nodes have one message between them.
    let begin = if nodes == 2 { 1 } else { nodes };
    for node in 0..begin {
        for _ in 0..each {
            let to = other(&mut random, node, nodes);
            queue.push(Reverse((delay(&mut random), sequence, to, sequence)));
            sequence += 1;
        }
    }
    let mut arrived = 0;
    while let Some(Reverse((time, _, node, value))) = queue.pop() {
        states[node as usize].count += value;
        arrived += 1;
        if arrived == messages {
            break;
        }
        let to = other(&mut random, node, nodes);
        queue.push(Reverse((time + delay(&mut random), sequence, to, value)));
        sequence += 1;
    }
    black_box(&states);
}

/// Until so many short timers have fired. A long timer that is set anew leaves a dead event behind.
pub fn timers(nodes: u32, fires: u64) -> u64 {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut states = vec![Node::default(); nodes as usize];
    let mut queue: BinaryHeap<Event> = BinaryHeap::new();
    let mut sequence = 0;
    let mut push = |queue: &mut BinaryHeap<Event>, time, node, generation| {
        queue.push(Reverse((time, sequence, node, generation)));
        sequence += 1;
    };
    let long = |random: &mut ChaCha8Rng| random.random_range(150 * MILLISECOND..300 * MILLISECOND);
    for node in 0..nodes {
        push(&mut queue, random.random_range(0..10 * MILLISECOND), node, 0);
        states[node as usize].generation = 1;
        push(&mut queue, long(&mut random), node, 1);
    }
    let mut fired = 0;
    while let Some(Reverse((time, _, node, generation))) = queue.pop() {
        let state = &mut states[node as usize];
        if generation == 0 {
            fired += 1;
            if fired == fires {
                break;
            }
            state.count += 1;
            state.generation += 1;
            let newest = state.generation;
            push(&mut queue, time + 10 * MILLISECOND, node, 0);
            push(&mut queue, time + long(&mut random), node, newest);
        } else if generation == state.generation {
            state.count += 1;
        }
    }
    black_box(&states);
    fires
}
