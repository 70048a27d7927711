//! Probabilistically bounded staleness, measured: a client writes and reads, again and again, through a
//! coordinator for writes and another one for reads.
//!
//! Bailis et al., "Probabilistically Bounded Staleness for Practical Partial Quorums", VLDB 2012, section 5:
//! a write goes to all N replicas, with delay W there and A back, and is acknowledged after the first few; then
//! a read goes to all, with delay R there and S back. Replicas keep values in memory; nothing is repaired.

#![allow(dead_code, reason = "the test and the example use different parts")]

use netsplit::client::{KeyValueOperation, KeyValueResponse, RequestId};
use netsplit::distribution::{Distribution, constant, exponential, mixture, pareto};
use netsplit::network::Link;
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::time::{Duration, Time};
use netsplit_models::store::{AfterRead, Contact, Message, Mistake, Numbers, Options, Replica, add_replicas};
use std::collections::BTreeMap;

/// The delays of writes and acknowledgements, and of reads and their responses.
#[derive(Clone)]
pub struct Delays {
    pub write: Distribution,
    pub acknowledge: Distribution,
    pub read: Distribution,
    pub respond: Distribution,
}

fn fractional_milliseconds(milliseconds: f64) -> Duration {
    Duration::from_secs_f64(milliseconds / 1e3)
}

/// Solid state: table 3 of the paper.
pub fn solid_state() -> Distribution {
    let body = pareto(fractional_milliseconds(0.235), 10.0);
    mixture([(0.9122, body), (0.0878, exponential(fractional_milliseconds(1.0 / 1.66)))])
}

/// Spinning disks, writes only: table 3 of the paper.
pub fn disk() -> Distribution {
    let body = pareto(fractional_milliseconds(1.05), 1.51);
    mixture([(0.38, body), (0.62, exponential(fractional_milliseconds(1.0 / 0.183)))])
}

impl Delays {
    pub fn lnkd_ssd() -> Delays {
        Delays::of_writes(solid_state())
    }

    pub fn lnkd_disk() -> Delays {
        Delays::of_writes(disk())
    }

    fn of_writes(write: Distribution) -> Delays {
        Delays { write, acknowledge: solid_state(), read: solid_state(), respond: solid_state() }
    }
}

/// What is measured: N replicas, of which a read waits for R and a write for W.
#[derive(Clone)]
pub struct Experiment {
    pub replicas: usize,
    pub read_quorum: usize,
    pub write_quorum: usize,
    pub contact: Contact,
    /// From the acknowledgement of a write to the read; none if there are only writes.
    pub wait: Option<Duration>,
    pub delays: Delays,
}

/// A client that writes one key and then reads it, and keeps count.
#[derive(Clone, Debug, Hash)]
pub struct Prober {
    write_coordinator: NodeId,
    read_coordinator: NodeId,
    wait: Option<Duration>,
    trials: u64,
    operation: u64,
    invoked: Time,
    write_latencies: Vec<Duration>,
    read_latencies: Vec<Duration>,
    /// How many reads missed how many of the latest writes.
    missed: BTreeMap<u64, u64>,
}

impl Prober {
    /// Writes have odd numbers, and the read that follows has the next one.
    fn invoke(&mut self, operation: u64, ctx: &mut Context<Self>) {
        self.operation = operation;
        self.invoked = ctx.now();
        let id = RequestId { client: ctx.id(), operation: self.operation };
        let (to, operation) = match self.operation % 2 {
            1 => (self.write_coordinator, KeyValueOperation::Write { key: 0, value: id }),
            _ => (self.read_coordinator, KeyValueOperation::Read { key: 0 }),
        };
        ctx.send(to, Message::Request { id, operation });
    }

    /// With the next write, if there is one.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        let written = self.write_latencies.len() as u64;
        if written < self.trials {
            self.invoke(2 * written + 1, ctx);
        }
    }
}

impl Process for Prober {
    type Message = Message;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        self.invoke(1, ctx);
    }

    fn on_message(&mut self, _: NodeId, message: Message, ctx: &mut Context<Self>) {
        let Message::Done { response, .. } = message else { return };
        let latency = ctx.now().since(self.invoked);
        match response {
            KeyValueResponse::Written => {
                self.write_latencies.push(latency);
                match self.wait {
                    Some(wait) => ctx.set_timer((), wait),
                    None => self.go_on(ctx),
                }
            }
            KeyValueResponse::Read(value) => {
                self.read_latencies.push(latency);
                let newest = (self.operation - 1).div_ceil(2);
                let read = value.map_or(0, |value| value.operation.div_ceil(2));
                *self.missed.entry(newest - read).or_default() += 1;
                self.go_on(ctx);
            }
        }
    }

    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        self.invoke(self.operation + 1, ctx);
    }
}

/// What came of the trials.
pub struct Measured {
    trials: u64,
    missed: BTreeMap<u64, u64>,
    reads: Vec<Duration>,
    writes: Vec<Duration>,
}

impl Experiment {
    /// N replicas, all of which are asked; reads begin when the write is acknowledged.
    pub fn new(replicas: usize, read_quorum: usize, write_quorum: usize, delays: Delays) -> Self {
        let (contact, wait) = (Contact::All, Some(Duration::ZERO));
        Experiment { replicas, read_quorum, write_quorum, contact, wait, delays }
    }

    fn simulation(&self, trials: u64, seed: u64) -> (Simulation<Message>, Handle<Prober>) {
        const HOUR: Duration = Duration::from_secs(3600);
        let options = Options {
            read_quorum: self.read_quorum,
            write_quorum: self.write_quorum,
            numbers: Numbers::Clock,
            after_read: AfterRead::Nothing,
            contact: self.contact,
            durable: false,
            // Nothing is lost.
            resend_interval: HOUR,
            give_up: HOUR,
            mistake: Mistake::None,
        };
        let mut sim = Simulation::new(seed);
        sim.detach_all();
        sim.set_delay(constant(Duration::ZERO));
        let replicas = add_replicas(&mut sim, self.replicas, &options);
        let mut coordinator = |name: &str, there: &Distribution, back: &Distribution| {
            let id = NodeId::new(sim.world().ids().count());
            let id: NodeId = sim.add(name, Replica::new(id, &replicas, options.clone())).id();
            sim.set_links(id, &replicas, &Link { delay: there.clone(), ..Link::default() });
            sim.set_links(&replicas, id, &Link { delay: back.clone(), ..Link::default() });
            id
        };
        let write_coordinator = coordinator("writes", &self.delays.write, &self.delays.acknowledge);
        let read_coordinator = coordinator("reads", &self.delays.read, &self.delays.respond);
        let prober = sim.add(
            "prober",
            Prober {
                write_coordinator,
                read_coordinator,
                wait: self.wait,
                trials,
                operation: 0,
                invoked: Time::ZERO,
                write_latencies: Vec::new(),
                read_latencies: Vec::new(),
                missed: BTreeMap::new(),
            },
        );
        (sim, prober)
    }

    /// Measures in runs of at most a hundred thousand writes, so that memory is bounded by the latencies.
    pub fn measure(&self, trials: u64, seed: u64) -> Measured {
        const RUN: u64 = 100_000;
        let mut measured =
            Measured { trials, missed: BTreeMap::new(), reads: Vec::new(), writes: Vec::new() };
        for part in 0..trials.div_ceil(RUN) {
            let (mut sim, prober) = self.simulation(RUN.min(trials - part * RUN), seed * 1_000 + part);
            sim.run();
            let prober = &sim[prober];
            measured.reads.extend(&prober.read_latencies);
            measured.writes.extend(&prober.write_latencies);
            prober.missed.iter().for_each(|(&lag, count)| *measured.missed.entry(lag).or_default() += count);
        }
        measured.reads.sort_unstable();
        measured.writes.sort_unstable();
        measured
    }
}

impl Measured {
    /// The share of reads that saw one of the latest `versions` writes.
    pub fn within(&self, versions: u64) -> f64 {
        self.missed.range(..versions).map(|(_, count)| count).sum::<u64>() as f64 / self.trials as f64
    }

    /// The share of reads that saw the write before them.
    pub fn consistent(&self) -> f64 {
        self.within(1)
    }

    /// The 99.9th percentile of the latencies of reads, in milliseconds.
    pub fn reads(&self) -> f64 {
        percentile(&self.reads)
    }

    /// The 99.9th percentile of the latencies of writes, in milliseconds.
    pub fn writes(&self) -> f64 {
        percentile(&self.writes)
    }
}

fn percentile(sorted: &[Duration]) -> f64 {
    netsplit::metrics::percentile(sorted, 0.999).expect("there are latencies").as_secs_f64() * 1e3
}
