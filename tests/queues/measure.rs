//! Customers of a queue, measured: each operation of a producer is one, from its arrival to the end of its
//! service, when the network takes no time and the broker confirms what is processed.
//!
//! Means come with the half-width of their 99.9 % confidence interval by batch means: the run is cut into
//! batches so long that their means are nearly independent. Nothing is kept but the customers in the system,
//! the means and a histogram, so memory does not grow with the run.

#![allow(dead_code, reason = "the test and the example use different parts")]

use netsplit::distribution::Distribution;
use netsplit::node::NodeId;
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::record::{Observer, Record, What};
use netsplit::time::{Duration, Time};
use netsplit_models::queue::{Confirm, Durability, Message, Parameters, add_cluster};
use std::collections::BTreeMap;

/// How many batches a run is cut into.
const BATCHES: usize = 20;
/// The two-sided 99.9 % quantile of Student's distribution with 19 degrees of freedom.
const STUDENT: f64 = 3.883;

/// -ln(0.01).
pub const LOGARITHM_OF_A_HUNDRED: f64 = 4.605_170_185_988_091;

/// A mean, and the half-width of its 99.9 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    pub half_width: f64,
}

impl Estimate {
    /// The mean of these.
    pub fn of(batches: &[f64]) -> Estimate {
        let count = batches.len() as f64;
        let mean = batches.iter().sum::<f64>() / count;
        let squares: f64 = batches.iter().map(|batch| (batch - mean) * (batch - mean)).sum();
        Estimate { mean, half_width: STUDENT * (squares / (count - 1.0) / count).sqrt() }
    }

    /// Whether `expected` lies in the interval.
    pub fn agrees_with(self, expected: f64) -> bool {
        (self.mean - expected).abs() <= self.half_width
    }
}

/// One column of batch means.
#[derive(Default)]
struct Column {
    sum: f64,
    means: Vec<f64>,
}

impl Column {
    fn close(&mut self, divisor: f64) {
        self.means.push(std::mem::take(&mut self.sum) / divisor);
    }
}

/// What is measured of a run; all times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// From arrival to the end of service.
    pub sojourn: Estimate,
    /// From arrival to the beginning of service.
    pub wait: Estimate,
    /// The share of customers that waited at all.
    pub waiting: Estimate,
    /// The share of customers whose sojourn was longer than asked for.
    pub longer: Estimate,
    /// The number of customers in the system: its time average.
    pub number: Estimate,
    /// The share of time with five customers or more in the system.
    pub five_or_more: Estimate,
    /// Customers served per second.
    pub rate: Estimate,
    /// The share of customers that were turned away.
    pub rejected: Estimate,
    /// The 99th percentile of the sojourn.
    pub percentile_99: f64,
}

/// Measures the customers of one run.
pub struct Customers {
    longer_than: f64,
    batch: u64,
    /// Batches are closed after so many customers; the first is a warm-up.
    left: u64,
    warm: bool,
    present: BTreeMap<(NodeId, u64), Time>,
    /// How many are in the system, and since when.
    number: usize,
    since: Time,
    began: Time,
    rejections: u64,
    columns: [Column; 8],
    /// The sojourns, in hundredths of a second.
    histogram: Vec<u64>,
}

const SOJOURN: usize = 0;
const WAIT: usize = 1;
const WAITING: usize = 2;
const LONGER: usize = 3;
const NUMBER: usize = 4;
const FIVE: usize = 5;
const RATE: usize = 6;
const REJECTED: usize = 7;

impl Customers {
    fn new(customers: u64, longer_than: f64) -> Self {
        let batch = customers / BATCHES as u64;
        Customers {
            longer_than,
            batch,
            left: batch / 2,
            warm: false,
            present: BTreeMap::new(),
            number: 0,
            since: Time::ZERO,
            began: Time::ZERO,
            rejections: 0,
            columns: Default::default(),
            histogram: Vec::new(),
        }
    }

    fn is_complete(&self) -> bool {
        self.columns[SOJOURN].means.len() == BATCHES
    }

    /// The number in the system has been the same until now.
    fn pass(&mut self, now: Time) {
        let span = (now - self.since).as_secs_f64();
        self.since = now;
        self.columns[NUMBER].sum += self.number as f64 * span;
        self.columns[FIVE].sum += if self.number >= 5 { span } else { 0.0 };
    }

    fn served(&mut self, arrived: Time, now: Time) {
        let sojourn = (now - arrived).as_secs_f64();
        self.columns[SOJOURN].sum += sojourn;
        self.columns[LONGER].sum += f64::from(sojourn > self.longer_than);
        self.columns[RATE].sum += 1.0;
        let bin = (sojourn * 100.0) as usize;
        if self.histogram.len() <= bin {
            self.histogram.resize(bin + 1, 0);
        }
        self.histogram[bin] += 1;
        self.left -= 1;
        if self.left == 0 && !self.is_complete() {
            self.close(now);
        }
    }

    fn close(&mut self, now: Time) {
        let (served, span) = (self.batch as f64, (now - self.began).as_secs_f64());
        if self.warm {
            for column in [SOJOURN, WAIT, WAITING, LONGER] {
                self.columns[column].close(served);
            }
            for column in [NUMBER, FIVE, RATE] {
                self.columns[column].close(span);
            }
            self.columns[REJECTED].sum = self.rejections as f64;
            self.columns[REJECTED].close(served + self.rejections as f64);
        } else {
            self.columns.iter_mut().for_each(|column| column.sum = 0.0);
            self.histogram.clear();
            self.warm = true;
        }
        (self.began, self.rejections, self.left) = (now, 0, self.batch);
    }

    fn measured(&self) -> Measured {
        let estimate = |column: usize| Estimate::of(&self.columns[column].means);
        let all: u64 = self.histogram.iter().sum();
        let mut below = 0;
        let bin = self.histogram.iter().position(|count| {
            below += count;
            below * 100 >= all * 99
        });
        Measured {
            sojourn: estimate(SOJOURN),
            wait: estimate(WAIT),
            waiting: estimate(WAITING),
            longer: estimate(LONGER),
            number: estimate(NUMBER),
            five_or_more: estimate(FIVE),
            rate: estimate(RATE),
            rejected: estimate(REJECTED),
            percentile_99: (bin.expect("somebody was served") as f64 + 0.5) / 100.0,
        }
    }
}

impl Observer<Message> for Customers {
    fn observe(&mut self, record: Record<'_, Message>) {
        let now = record.time;
        match record.what {
            What::Invoked { client, operation, .. } => {
                self.pass(now);
                self.number += 1;
                self.present.insert((client, operation), now);
            }
            What::Delivered { message: Message::Deliver { id, .. }, .. } => {
                let wait = (now - self.present[&(id.client, id.operation)]).as_secs_f64();
                self.columns[WAIT].sum += wait;
                self.columns[WAITING].sum += f64::from(wait > 0.0);
            }
            What::Responded { client, operation, outcome, .. } => {
                self.pass(now);
                self.number -= 1;
                let arrived = self.present.remove(&(client, operation)).expect("it has arrived");
                match outcome {
                    Outcome::Ok => self.served(arrived, now),
                    Outcome::Failed => self.rejections += 1,
                    Outcome::Unknown => panic!("{client}/{operation} is neither served nor rejected"),
                }
            }
            _ => {}
        }
    }
}

/// A queue as the theory has it: the network takes no time, nothing fails, and a consumer holds only what it
/// serves, so that the one line is at the broker.
pub struct System {
    pub arrivals: Distribution,
    pub service: Distribution,
    pub consumers: usize,
    /// Zero for no bound.
    pub capacity: usize,
}

impl System {
    /// The system, unobserved.
    pub fn simulation(&self, seed: u64) -> Simulation<Message> {
        let long = seconds(1000);
        let mut sim = Simulation::new(seed);
        sim.set_delay(Duration::ZERO);
        sim.detach_all();
        let parameters = Parameters {
            producers: 1,
            arrivals: self.arrivals.clone(),
            publish_timeout: long,
            consumers: self.consumers,
            service: self.service.clone(),
            prefetch: 1,
            heartbeat_interval: long,
            capacity: self.capacity,
            durability: Durability::Volatile,
            confirm: Confirm::Processed,
            visibility_timeout: long,
            audit: false,
            ..Parameters::default()
        };
        add_cluster(&mut sim, &parameters);
        sim
    }

    /// Measures so many customers, after a warm-up.
    pub fn measure(&self, customers: u64, longer_than: f64, seed: u64) -> Measured {
        let mut sim = self.simulation(seed);
        let observed = sim.observe(Customers::new(customers, longer_than));
        while !sim.observer(observed).is_complete() {
            sim.run_for(seconds(1000));
        }
        sim.observer(observed).measured()
    }
}

/// M/M/c with mean service one second: the arrivals make the load per consumer `percent` hundredths.
pub fn markovian(consumers: usize, percent: u64) -> System {
    use netsplit::distribution::exponential;
    let between = Duration::from_nanos(100_000_000_000 / percent / consumers as u64);
    System { arrivals: exponential(between), service: exponential(seconds(1)), consumers, capacity: 0 }
}
