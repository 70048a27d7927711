//! turmoil: a tokio runtime for each host, datagrams, a tick of 1 ms (its default). Delays are from 1 to 10 ms,
//! with its own distribution.

use common::{PATIENCE, Random, Workload};
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use turmoil::net::UdpSocket;

const PORT: u16 = 9;

fn name(node: u32) -> String {
    format!("h{node}")
}

fn run(workload: Workload, seed: u64) -> u64 {
    let mut builder = turmoil::Builder::new();
    builder
        .simulation_duration(Duration::from_secs(1_000_000))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(10))
        .udp_capacity(1 << 16)
        .rng_seed(seed);
    let mut sim = builder.build();
    let Workload { nodes, messages, .. } = workload;
    let (arrived, random) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Random(seed))));
    for me in 0..nodes {
        let (arrived, random) = (arrived.clone(), random.clone());
        sim.host(name(me), move || {
            let (arrived, random) = (arrived.clone(), random.clone());
            async move {
                let other = || (name(random.borrow_mut().other(me, nodes)), PORT);
                let socket = UdpSocket::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT)).await?;
                // Every host is bound before the first message arrives.
                tokio::time::sleep(Duration::from_millis(1)).await;
                for _ in 0..workload.begins(me) {
                    socket.send_to(&[1; 8], other()).await?;
                }
                let mut buffer = [0; 8];
                while arrived.get() < messages {
                    socket.recv_from(&mut buffer).await?;
                    arrived.set(arrived.get() + 1);
                    socket.send_to(&buffer, other()).await?;
                }
                Ok(())
            }
        });
    }
    let start = Instant::now();
    while arrived.get() < messages && start.elapsed() < PATIENCE {
        sim.step().expect("a step");
    }
    arrived.get()
}

fn main() {
    common::measure(run);
}
