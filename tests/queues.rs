//! Published results on queues and retries, each against its closed form.
//!
//! By default a run has few enough customers for a debug build. With a million or more, as the intervals of
//! the literature ask for: `NETSPLIT_CUSTOMERS=1000000 cargo test --release --test queues`, and
//! `cargo run --release --example queue_rows` prints the figures.

#[path = "queues/measure.rs"]
mod measure;
#[path = "queues/theory.rs"]
mod theory;

use measure::{Estimate, LOGARITHM_OF_A_HUNDRED, Measured, System, markovian};
use netsplit::distribution::{constant, exponential, uniform};
use netsplit::metrics::{Gauge, Metrics};
use netsplit::network::{Link, Probability};
use netsplit::node::NodeId;
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::record::{Observer, Record, What};
use netsplit::time::{Duration, Time};
use netsplit_models::queue::{Durability, HANDED_OUT, LINE, Message, Parameters, add_cluster};
use std::collections::BTreeMap;
use theory::{Retries, deviation_of_mean_sojourn, erlang_c};

/// The two-sided 99.9 % quantile of the normal distribution.
const NORMAL: f64 = 3.2905;

fn customers() -> u64 {
    let number = |text: String| text.parse().expect("NETSPLIT_CUSTOMERS is a number");
    std::env::var("NETSPLIT_CUSTOMERS").map_or(60_000, number)
}

#[track_caller]
fn agrees(what: &str, measured: Estimate, expected: f64) {
    assert!(measured.agrees_with(expected), "{what}: {measured:?}, expected {expected}");
}

/// Little's law, with its sides measured apart: the number in the system over time, and the sojourn of each
/// customer. They differ by who is in the system when the measurement begins and ends.
#[track_caller]
fn littles_law(measured: Measured) {
    let (number, product) = (measured.number.mean, measured.rate.mean * measured.sojourn.mean);
    assert!((number - product).abs() < 0.005 * number, "L is {number}, rate x W is {product}");
}

/// W = 1 / (1 - load), L = load / (1 - load), P(N >= 5) = load^5, and the 99th percentile of the sojourn is W
/// ln 100: that one is in the interval if the share of customers that stay longer has 0.01 in its own.
fn single_server(percent: u64) {
    let load = percent as f64 / 100.0;
    let sojourn = 1.0 / (1.0 - load);
    let measured = markovian(1, percent).measure(customers(), sojourn * LOGARITHM_OF_A_HUNDRED, 1);
    agrees("W", measured.sojourn, sojourn);
    agrees("L", measured.number, load * sojourn);
    agrees("P(sojourn > p99)", measured.longer, 0.01);
    agrees("P(N >= 5)", measured.five_or_more, load * load * load * load * load);
    littles_law(measured);
    // The interval of batch means is as wide as the batches say. This one is as wide as theory says.
    let tolerance = NORMAL * deviation_of_mean_sojourn(load, customers() as f64);
    assert!((measured.sojourn.mean - sojourn).abs() <= tolerance, "{measured:?} {tolerance}");
}

#[test]
fn one_server_at_load_one_half_is_as_in_the_textbook() {
    single_server(50);
}

#[test]
fn one_server_at_load_four_fifths_is_as_in_the_textbook() {
    single_server(80);
}

#[test]
fn one_server_at_load_nine_tenths_is_as_in_the_textbook() {
    single_server(90);
}

#[test]
fn several_servers_wait_as_erlang_computed() {
    for (consumers, percent, expected) in [(2, 80, 0.711_111), (4, 80, 0.596_432), (10, 90, 0.668_732)] {
        let load = percent as f64 / 100.0;
        let waiting = erlang_c(consumers, load);
        assert!((waiting - expected).abs() < 1e-6, "{waiting}");
        let measured = markovian(consumers, percent).measure(customers(), 0.0, 1);
        agrees("P(wait)", measured.waiting, waiting);
        agrees("Wq", measured.wait, waiting / (consumers as f64 * (1.0 - load)));
        littles_law(measured);
    }
}

/// By the broker's own gauges: Lq = load^2 / (1 - load), and the server is busy for a share of `load`.
#[test]
fn the_line_of_one_server_as_its_broker_counts_it_is_as_in_the_textbook() {
    const SPAN: u64 = 5000;
    let mut sim = markovian(1, 80).simulation(1);
    let metrics = sim.observe(Metrics::default());
    sim.run_for(seconds(21 * SPAN));
    let totals = sim.observer(metrics).totals();
    let estimate = |of: &dyn Fn(&Gauge, Time, Time) -> f64, name: &str| {
        // The first span is a warm-up.
        let batch = |index: u64| [index, index + 1].map(|index| Time::ZERO + seconds(index * SPAN));
        let value = |[from, to]: [Time; 2]| of(&totals[name], from, to);
        Estimate::of(&(1..21).map(|index| value(batch(index))).collect::<Vec<_>>())
    };
    let mean = |gauge: &Gauge, from, to| gauge.over(from..to).mean;
    let busy = |gauge: &Gauge, from, to| gauge.over(from..to).above_zero.as_secs_f64() / SPAN as f64;
    agrees("Lq", estimate(&mean, LINE), 3.2);
    agrees("the number in service", estimate(&mean, HANDED_OUT), 0.8);
    agrees("the share of time that the server is busy", estimate(&busy, HANDED_OUT), 0.8);
}

/// Two consumers with uniform service and room for six, so that some are turned away: nothing here is
/// Markovian but the arrivals, and the rate is that of the customers who are let in.
#[test]
fn littles_law_holds_without_any_formula_for_its_sides() {
    let service = uniform(milliseconds(500)..=milliseconds(1500));
    let system = System { arrivals: exponential(milliseconds(500)), service, consumers: 2, capacity: 6 };
    let measured = system.measure(customers(), 0.0, 1);
    assert!(measured.rejected.mean > 0.05, "{measured:?}");
    littles_law(measured);
}

/// M/M/1/K: P(rejected) = (1 - load) load^K / (1 - load^(K+1)).
#[test]
fn a_bounded_queue_rejects_as_many_as_erlang_says() {
    let measured = System { capacity: 5, ..markovian(1, 80) }.measure(customers(), 0.0, 1);
    let full = 0.8f64.powi(5);
    agrees("P(rejected)", measured.rejected, 0.2 * full / (1.0 - 0.8 * full));
}

/// M/D/1: Wq = load / (2 (1 - load)), half of what exponential service costs (Pollaczek and Khinchine).
#[test]
fn constant_service_halves_the_wait() {
    let measured = System { service: constant(seconds(1)), ..markovian(1, 80) }.measure(customers(), 0.0, 1);
    agrees("Wq", measured.wait, 2.0);
}

// ---- Retries ----

/// Counts, of each message, how often it was published, and how many copies arrived.
#[derive(Default)]
struct Tries {
    open: BTreeMap<(NodeId, u64), (u32, u32)>,
    /// Publications, copies and whether it was confirmed.
    closed: Vec<(u32, u32, bool)>,
}

impl Observer<Message> for Tries {
    fn observe(&mut self, record: Record<'_, Message>) {
        match record.what {
            What::Sent { message: Message::Publish { id, .. }, .. } => {
                self.open.entry((id.client, id.operation)).or_default().0 += 1;
            }
            What::Delivered { message: Message::Publish { id, .. }, .. } => {
                self.open.entry((id.client, id.operation)).or_default().1 += 1;
            }
            What::Responded { client, operation, outcome, .. } => {
                let (publications, copies) = self.open.remove(&(client, operation)).expect("published");
                self.closed.push((publications, copies, outcome == Outcome::Ok));
            }
            _ => {}
        }
    }
}

/// Publishes `messages` messages over links that lose, one at a time, with a time-out longer than the round
/// trip.
fn tries(theory: &Retries, messages: u64) -> Vec<(u32, u32, bool)> {
    let mut sim = Simulation::new(1);
    sim.set_delay(milliseconds(1));
    sim.detach_all();
    let observed = sim.observe(Tries::default());
    let parameters = Parameters {
        producers: 1,
        arrivals: constant(milliseconds(100)),
        messages,
        publish_timeout: milliseconds(5),
        retries: theory.retries as u32,
        consumers: 1,
        service: constant(Duration::ZERO),
        heartbeat_interval: seconds(1000),
        durability: Durability::Volatile,
        audit: false,
        ..Parameters::default()
    };
    let queue = add_cluster(&mut sim, &parameters);
    let link = |loss: f64| Link {
        delay: constant(milliseconds(1)),
        loss_probability: Probability::try_from(loss).expect("a probability"),
        ..Link::default()
    };
    sim.set_links(&queue.producers, queue.broker, &link(theory.loss));
    sim.set_links(queue.broker, &queue.producers, &link(theory.confirmation_loss));
    let all_are_closed = |world: &World<Message>| world[queue.producers[0]].is_done();
    while !all_are_closed(sim.world()) {
        sim.run_for(seconds(100));
    }
    assert_eq!(sim[queue.broker].repeated(), 0, "what arrives is processed once");
    sim.observer(observed).closed.clone()
}

fn retries_are_as_computed(theory: &Retries) {
    let closed = tries(theory, customers());
    let count = closed.len() as f64;
    let share = |what: &str, expected: f64, holds: &dyn Fn(&(u32, u32, bool)) -> bool| {
        let measured = closed.iter().filter(|message| holds(message)).count() as f64 / count;
        let tolerance = NORMAL * (expected * (1.0 - expected) / count).sqrt();
        assert!((measured - expected).abs() <= tolerance, "{what}: {measured}, expected {expected}");
    };
    share("P(never arrives)", theory.never_arrives(), &|&(_, copies, _)| copies == 0);
    share("P(not confirmed)", theory.not_confirmed(), &|&(_, _, confirmed)| !confirmed);
    share("P(two or more copies)", theory.two_or_more_copies(), &|&(_, copies, _)| copies >= 2);
    let mean = |what: &str, expected: f64, of: &dyn Fn(&(u32, u32, bool)) -> u32| {
        let measured = closed.iter().map(|message| f64::from(of(message))).sum::<f64>() / count;
        let squares = closed.iter().map(|message| (f64::from(of(message)) - measured).powi(2)).sum::<f64>();
        let tolerance = NORMAL * (squares / count / count).sqrt();
        assert!((measured - expected).abs() <= tolerance, "{what}: {measured}, expected {expected}");
    };
    mean("E[publications]", theory.publications(), &|&(publications, _, _)| publications);
    mean("E[copies]", theory.copies(), &|&(_, copies, _)| copies);
}

#[test]
fn retries_lose_and_duplicate_as_computed() {
    let theory = Retries { loss: 0.1, confirmation_loss: 0.1, retries: 3 };
    let published = [
        (theory.never_arrives(), 1e-4),
        (theory.not_confirmed(), 0.001_303),
        (theory.publications(), 1.232_959),
        (theory.copies(), 1.109_663),
        (theory.two_or_more_copies(), 0.099_630),
    ];
    for (computed, published) in published {
        assert!((computed - published).abs() < 1e-6, "{computed}, published {published}");
    }
    retries_are_as_computed(&theory);
}

#[test]
fn retries_over_a_worse_link_lose_and_duplicate_as_computed() {
    retries_are_as_computed(&Retries { loss: 0.3, confirmation_loss: 0.2, retries: 2 });
}
