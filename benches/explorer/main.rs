//! The explorer: states per second, memory per state, what a second thread gains, and what reductions leave out.
//!
//! `cargo bench --bench explorer` prints `NAME threads=N distinct generated depth seconds generated/s distinct/s
//! bytes/state`, the fastest of fifteen, all in turn, and `NAME gain= gain_apart=`: by a second thread, and by a second
//! search of one thread that runs beside the first. Then comes a table, on one thread, of searches that leave states out
//! beside those that do not. Words choose: `-- paxos`, `-- reductions`. `benches/peers/stateright` measures Stateright on
//! the same models.

// A wall clock is what a benchmark reads.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use netsplit::explorer::{Exploration, Explored, Messages};
use netsplit::prelude::*;
use netsplit_models::counting::{register, single_decree};
use netsplit_models::two_phase::{self, Message, ResourceManager, TransactionManager};
use std::time::Instant;

const REPETITIONS: usize = 15;

/// A name, how many distinct states there are, and a search on so many threads.
type Searched = (&'static str, usize, fn(usize) -> Explored);

fn consistent(resources: usize) -> Exploration<'static, Message> {
    netsplit::explore(move |seed| two_phase::cluster(resources, seed))
        .messages(Messages::Set)
        .always("consistent", two_phase::consistent)
}

fn two_phase(resources: usize, threads: usize) -> Explored {
    consistent(resources).threads(threads).run()
}

fn alike(resources: usize, reduces: bool) -> Explored {
    let search = consistent(resources).threads(1);
    match reduces {
        false => search.run(),
        true => {
            search.symmetric("resource").renaming::<ResourceManager>().renaming::<TransactionManager>().run()
        }
    }
}

/// Three timers go off, and nobody else hears of it.
#[derive(Clone, Debug, Hash)]
struct Alone {
    gone: u32,
}

impl Process for Alone {
    type Message = ();
    type Timer = u32;
    fn on_start(&mut self, ctx: &mut Context<Self>) {
        (0..3).for_each(|number| ctx.set_timer(number, seconds(1)));
    }
    fn on_message(&mut self, _: NodeId, (): (), _: &mut Context<Self>) {}
    fn on_timer(&mut self, _: u32, _: &mut Context<Self>) {
        self.gone += 1;
    }
}

fn strangers(count: usize, reduces: bool) -> Explored {
    let scenario = |seed| {
        let mut sim = Simulation::new(seed);
        sim.add_group("stranger", count, |_, _| Alone { gone: 0 });
        sim
    };
    let search = netsplit::explore(scenario)
        .always_of_each("three at most", |alone: &Alone| alone.gone <= 3)
        .threads(1);
    if reduces { search.reduced().run() } else { search.run() }
}

/// Of each manager, what it decides.
fn managers(resources: usize, reduces: bool) -> Explored {
    let search = netsplit::explore(|seed| two_phase::cluster(resources, seed))
        .always_of_each("it decides once", |_: &TransactionManager| true)
        .threads(1);
    if reduces { search.reduced().run() } else { search.run() }
}

fn paxos(clients: usize, threads: usize) -> Explored {
    netsplit::explore(|seed| single_decree::cluster(3, clients, seed))
        .idle_deliveries(false)
        .max_states(10_000_000)
        .always_of_history("linearizable", register::linearizable)
        .threads(threads)
        .run()
}

/// What this process has taken at most, where the system says so.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// All of them, in turn: of each the fastest of fifteen, so that other work on the machine counts for little.
fn in_turn<const COUNT: usize>(searches: [&dyn Fn() -> Explored; COUNT]) -> [(f64, Explored); COUNT] {
    let timed = |search: &dyn Fn() -> Explored| {
        let start = Instant::now();
        let explored = search();
        explored.assert_holds();
        (start.elapsed().as_secs_f64(), explored)
    };
    let mut fastest = searches.map(timed);
    for _ in 1..REPETITIONS {
        for (fastest, search) in fastest.iter_mut().zip(searches) {
            let run = timed(search);
            if run.0 < fastest.0 {
                *fastest = run;
            }
        }
    }
    fastest
}

/// Two searches of one thread each, side by side: what the machine has for a second thread that waits for nobody.
fn apart(search: fn(usize) -> Explored) -> Explored {
    std::thread::scope(|scope| {
        let other = scope.spawn(move || search(1));
        let one = search(1);
        other.join().expect("a search that ends").assert_holds();
        one
    })
}

fn reductions() {
    type Pair = (&'static str, &'static str, fn(bool) -> Explored);
    let pairs: [Pair; 5] = [
        ("two-phase commit, 3 resource managers", "symmetry", |reduces| alike(3, reduces)),
        ("two-phase commit, 5 resource managers", "symmetry", |reduces| alike(5, reduces)),
        ("two-phase commit, 7 resource managers", "symmetry", |reduces| alike(7, reduces)),
        ("two-phase commit, 5 resource managers", "partial order", |reduces| managers(5, reduces)),
        ("5 nodes with 3 timers each, and nothing to say", "partial order", |reduces| strangers(5, reduces)),
    ];
    println!("| model | by | states | with it | ratio | ms | with it | ratio |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    for (name, by, search) in pairs {
        let [whole, reduced] = in_turn([&|| search(false), &|| search(true)]);
        let states = (whole.1.distinct, reduced.1.distinct);
        println!(
            "| {name} | {by} | {} | {} | {:.1} | {:.2} | {:.2} | {:.1} |",
            states.0,
            states.1,
            states.0 as f64 / states.1 as f64,
            whole.0 * 1e3,
            reduced.0 * 1e3,
            whole.0 / reduced.0
        );
    }
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let searches: [Searched; 2] = [
        ("two-phase-7", 296_448, |threads| two_phase(7, threads)),
        ("paxos-3", 1_194_428, |threads| paxos(3, threads)),
    ];
    for (name, distinct, search) in searches {
        if !asked.is_empty() && !asked.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let [one, two, apart] = in_turn([&|| search(1), &|| search(2), &|| apart(search)]);
        let gains = (one.0 / two.0, 2.0 * one.0 / apart.0);
        for (threads, (seconds, explored)) in (1..).zip([one, two]) {
            assert_eq!(explored.distinct, distinct);
            println!(
                "{name} threads={threads} distinct={} generated={} depth={} seconds={seconds:.3} generated/s={:.0} \
                 distinct/s={:.0} bytes/state={:.0} peak_bytes/state={:.0}",
                explored.distinct,
                explored.generated,
                explored.depth,
                explored.generated as f64 / seconds,
                explored.distinct as f64 / seconds,
                explored.bytes as f64 / explored.distinct as f64,
                peak_bytes().unwrap_or(0) as f64 / explored.distinct as f64,
            );
        }
        println!("{name} gain={:.2} gain_apart={:.2}", gains.0, gains.1);
    }
    if asked.is_empty() || asked.iter().any(|word| "reductions".contains(word.as_str())) {
        reductions();
    }
}
