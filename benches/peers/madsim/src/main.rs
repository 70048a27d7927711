//! madsim: datagrams between its endpoints, one for each node. Delays are uniform from 1 to 10 ms. It is a simulator
//! only when everything is built with `RUSTFLAGS="--cfg madsim"`.

#[cfg(madsim)]
mod simulated {
    use common::Workload;
    use madsim::net::Endpoint;
    use madsim::rand::{Rng, thread_rng};
    use madsim::runtime::{Handle, Runtime};
    use madsim::time::{Duration, sleep};
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    const TAG: u64 = 1;

    fn address(node: u32) -> SocketAddr {
        (Ipv4Addr::from(0x0a00_0001 + node), 1).into()
    }

    pub fn run(workload: Workload, seed: u64) -> u64 {
        let mut config = madsim::Config::default();
        config.net.send_latency = Duration::from_millis(1)..Duration::from_millis(10);
        let Workload { nodes, messages, .. } = workload;
        let arrived = Arc::new(AtomicU64::new(0));
        let counted = arrived.clone();
        Runtime::with_seed_and_config(seed, config).block_on(async move {
            for me in 0..nodes {
                let counted = counted.clone();
                let node = Handle::current().create_node().ip(address(me).ip()).build();
                node.spawn(async move {
                    let other = || {
                        let drawn = thread_rng().gen_range(0..nodes - 1);
                        address(drawn + u32::from(drawn >= me))
                    };
                    let endpoint = Endpoint::bind(address(me)).await.expect("an endpoint");
                    // Every node is bound before the first message arrives.
                    sleep(Duration::from_millis(1)).await;
                    for _ in 0..workload.begins(me) {
                        endpoint.send_to(other(), TAG, &[1; 8]).await.expect("sent");
                    }
                    let mut buffer = [0; 8];
                    while counted.load(Relaxed) < messages {
                        endpoint.recv_from(TAG, &mut buffer).await.expect("received");
                        counted.fetch_add(1, Relaxed);
                        endpoint.send_to(other(), TAG, &buffer).await.expect("sent");
                    }
                });
            }
            // A small run is over soon.
            let pause = Duration::from_millis(if nodes > 5 { 100 } else { 20 });
            while counted.load(Relaxed) < messages {
                sleep(pause).await;
            }
        });
        arrived.load(Relaxed)
    }
}

#[cfg(madsim)]
fn main() {
    common::measure(simulated::run);
}

#[cfg(not(madsim))]
fn main() {
    panic!("build with RUSTFLAGS=\"--cfg madsim\"");
}
