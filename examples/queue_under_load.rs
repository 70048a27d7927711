//! Covers: open-loop load, sojourn times from the metrics of a run, what a delivery guarantee means.
//! Scenario: a queue in front of consumers whose mean service is 10 ms. First the load grows: the sojourn grows
//! with 1 / (1 - load), and four consumers on one line do better than one alone. Then a consumer crashes with a
//! message in hand, and an acknowledgement gets lost, under each of the three guarantees.

use netsplit::distribution::{constant, exponential};
use netsplit::fault::Edit;
use netsplit::metrics::{Metrics, percentile};
use netsplit::prelude::*;
use netsplit_models::queue::{Confirm, Consumer, Guarantee, Parameters, add_cluster, lost};
use std::time::Duration;

fn main() {
    println!("Sojourn (median, 99th percentile) against load, with a service of 10 ms:");
    println!("  load   one consumer           four consumers");
    for load in [50, 70, 80, 90, 95] {
        let [one, four] = [1, 4].map(|consumers| sojourn(consumers, load));
        println!("  {:.2}   {one}   {four}", load as f64 / 100.0);
    }
    println!();
    println!("Three messages; the first acknowledgement is lost, then a consumer crashes for a second:");
    for guarantee in [Guarantee::AtMostOnce, Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        println!("  {}", accident(guarantee));
    }
}

fn sojourn(consumers: usize, load_percent: u64) -> String {
    let parameters = Parameters {
        producers: 1,
        arrivals: exponential(milliseconds(1000) / (load_percent * consumers as u64) as u32),
        consumers,
        service: exponential(milliseconds(10)),
        confirm: Confirm::Processed,
        publish_timeout: seconds(60),
        visibility_timeout: seconds(60),
        audit: false,
        ..Parameters::default()
    };
    let mut sim = Simulation::new(1);
    sim.set_delay(Duration::ZERO);
    sim.set_sync_latency(Duration::ZERO);
    let metrics = sim.observe(Metrics::default());
    add_cluster(&mut sim, &parameters);
    sim.run_for(seconds(300));
    let latencies = sim.observer(metrics).latencies();
    let at = |rank| percentile(&latencies, rank).map_or(0.0, |latency| latency.as_secs_f64() * 1e3);
    format!("{:>7.1} ms {:>7.1} ms", at(0.5), at(0.99))
}

fn accident(guarantee: Guarantee) -> String {
    let parameters = Parameters {
        producers: 1,
        arrivals: constant(milliseconds(10)),
        messages: 3,
        publish_timeout: seconds(10),
        consumers: 2,
        service: constant(milliseconds(100)),
        heartbeat_interval: seconds(10),
        guarantee,
        visibility_timeout: seconds(1),
        ..Parameters::default()
    };
    let mut sim = Simulation::new(1);
    sim.set_delay(milliseconds(1));
    let queue = add_cluster(&mut sim, &parameters);
    // The first message of n1, a consumer, is its subscription; the second is its first acknowledgement.
    sim.edit(Edit::drop("n1>n0#2").of_kind("Acknowledge"));
    sim.run_for(milliseconds(80));
    sim.crash(queue.consumers[1]);
    sim.run_for(seconds(1));
    sim.restart(queue.consumers[1]);
    sim.run_for(seconds(9));
    let processed: u64 =
        sim.world().each::<Consumer>().flat_map(Consumer::processed).map(|(_, times)| times).sum();
    let missing = lost(sim.world()).count();
    format!(
        "{:<14} {missing} lost, {} processed again",
        format!("{guarantee:?}"),
        processed + missing as u64 - 3
    )
}
