//! moonpool-sim: its world, its executor and its simulated TCP streams, with faults off. It has no datagrams, so every
//! pair of nodes keeps a stream, and runs are of few nodes. A write takes from 1 to 10 ms, uniformly.

use common::{PATIENCE, Random, Workload};
use futures::io::{AsyncReadExt, AsyncWriteExt};
use futures::lock::Mutex as Shared;
use moonpool_sim::executor::{Executor, spawn, until_stalled};
use moonpool_sim::{
    ChaosConfiguration, LatencyDistribution, NetworkConfiguration, NetworkProvider, SimWorld,
    TcpListenerTrait,
};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn between(start: u64, end: u64) -> LatencyDistribution {
    LatencyDistribution::Uniform { start: Duration::from_micros(start), end: Duration::from_micros(end) }
}

fn run(workload: Workload, seed: u64) -> u64 {
    let config = NetworkConfiguration {
        bind_latency: between(1, 1),
        accept_latency: between(1, 1),
        connect_latency: between(1, 1),
        read_latency: between(1, 1),
        write_latency: between(1_000, 10_000),
        chaos: ChaosConfiguration::disabled(),
    };
    let Workload { nodes, messages, .. } = workload;
    let (arrived, random) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Random(seed))));
    let other =
        move |random: &Mutex<Random>, me| random.lock().expect("not poisoned").other(me, nodes) as usize;
    let counted = arrived.clone();
    let mut world = SimWorld::new_with_network_config_and_seed(config, seed);
    Executor::new(seed).block_on(async move {
        // What each node reads from, and what it writes to, by the other node.
        let mut readers = Vec::new();
        let mut writers: Vec<Vec<Option<_>>> =
            (0..nodes).map(|_| (0..nodes).map(|_| None).collect()).collect();
        let network = world.network_provider();
        for a in 0..nodes {
            for b in a + 1..nodes {
                let address = format!("10.{a}.{b}.1:1");
                let listener = network.bind(&address).await.expect("a listener");
                let one = network.connect(&address).await.expect("a stream");
                let accept = spawn("accept", async move { listener.accept().await.expect("a stream").0 });
                while !accept.is_finished() {
                    until_stalled().await;
                    world.step();
                }
                let (one_reads, one_writes) = one.split();
                let (other_reads, other_writes) = accept.await.expect("a stream").split();
                writers[a as usize][b as usize] = Some(one_writes);
                writers[b as usize][a as usize] = Some(other_writes);
                readers.extend([(a, one_reads), (b, other_reads)]);
            }
        }
        let writers: Vec<_> = writers.into_iter().map(|to| Arc::new(Shared::new(to))).collect();
        for (me, mut reader) in readers {
            let (counted, random, writers) = (counted.clone(), random.clone(), writers[me as usize].clone());
            spawn("reader", async move {
                let mut buffer = [0; 8];
                while counted.load(Relaxed) < messages && reader.read_exact(&mut buffer).await.is_ok() {
                    counted.fetch_add(1, Relaxed);
                    let to = other(&random, me);
                    let mut writers = writers.lock().await;
                    writers[to].as_mut().expect("a stream").write_all(&buffer).await.expect("written");
                }
            });
        }
        for me in 0..nodes {
            for _ in 0..workload.begins(me) {
                let to = other(&random, me);
                let mut writers = writers[me as usize].lock().await;
                writers[to].as_mut().expect("a stream").write_all(&[1; 8]).await.expect("written");
            }
        }
        let (start, mut steps) = (Instant::now(), 0u32);
        while counted.load(Relaxed) < messages && (steps % 4096 > 0 || start.elapsed() < PATIENCE) {
            until_stalled().await;
            world.step();
            steps += 1;
        }
    });
    arrived.load(Relaxed)
}

fn main() {
    common::measure(run);
}
