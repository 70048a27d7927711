//! A deterministic simulator for distributed systems.
//!
//! A discrete-event scheduler runs virtual nodes that exchange messages over a simulated network with
//! delay, loss and partitions. Every run is reproduced from its seed. An engineer writes a protocol as a
//! Rust state machine and its scenarios as tests; a teacher turns a scenario into plots; a student reads a
//! protocol, breaks it, and sees why it broke.
//!
//! ```
//! use netsplit::prelude::*;
//!
//! #[derive(Clone, Debug, Hash, PartialEq)]
//! enum Message { Ping, Pong }
//!
//! #[derive(Clone, Debug, Hash, Default)]
//! struct Responder { pings: u32 }
//!
//! impl Process for Responder {
//!     type Message = Message;
//!     type Timer = ();
//!     fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
//!         if message == Message::Ping {
//!             self.pings += 1;
//!             ctx.send(from, Message::Pong);
//!         }
//!     }
//! }
//!
//! let mut sim = Simulation::new(7);
//! let server = sim.add("server", Responder::default());
//! let client = sim.add_client("client");
//!
//! sim.partition(client, server);
//! sim.send(client, server, Message::Ping);
//! sim.run();                                   // until nothing is pending
//! assert!(sim.received(client).is_empty());
//!
//! sim.heal();
//! sim.send(client, server, Message::Ping);
//! sim.run();
//! assert_eq!(sim.received(client), [Message::Pong]);
//! assert_eq!(sim[server].pings, 1);
//! ```
//!
//! Go on with [`Process`](process::Process) and [`Context`](process::Context) to write a protocol,
//! [`Simulation`] to script a scenario, [`check()`] to sweep seeds under drawn faults, and [`explore()`] (feature
//! `explorer`) to search every order of events.
//!
//! # Architecture
//!
//! Modules in layers; each imports only what stands below it, which `tests/layers.rs` enforces.
//!
//! | layer | modules | knows |
//! |---|---|---|
//! | command | [`model`], `command`, `plot` | files, flags and figures |
//! | made small | [`shrink`], [`timed`] | how to ask a driver for a run again, with less in it, or for what the other driver found |
//! | drivers | [`simulation`], [`explorer`], [`promise`], [`mod@check`] | time and randomness, or every order; the only callers of `World::apply` |
//! | state | [`world`], [`property`] | all nodes and links, and one transition function |
//! | property tests | `strategies` | fault plans and workloads, to draw and to shrink |
//! | checkers | [`history`], [`checker`] | what clients saw, and never the world |
//! | readers | [`digest`], [`story`], [`metrics`], [`impact`], [`staleness`] | records, and never the world |
//! | protocol | [`process`], [`client`], [`storage`], [`record`] | one node |
//! | network and faults | [`node`], [`network`], [`topology`], [`links`], [`fault`], [`nemesis`] | links, as data |
//! | ground | [`time`], [`clock`], [`random`], [`distribution`], [`fingerprint`], `scheduler` | no nodes |
//!
//! **One transition function, two drivers.** `World::apply` changes nodes, storage and link state and
//! appends effects (send, set a timer, write, sync). It draws nothing, schedules nothing and holds no
//! queue. The simulation gives each message a fate and schedules it; the explorer puts it into a multiset
//! and chooses. So a protocol is written once.
//!
//! **The path of a message**: `ctx.send` -> effect -> driver (`transmit`) -> `Network::fate` ->
//! `Scheduler` -> `World::deliver`, which is `World::apply` for a message -> `on_message`.
//!
//! **Randomness is addressed.** A message's name is its link and its number on it, `n3>n1#4` (with more than 64 nodes,
//! its number among all that its sender sends: there is no counter for each of ten billion links). Its random
//! numbers are a function of (seed, address, slot), so one message can be changed by an
//! [`Edit`](fault::Edit) while all others keep their numbers. See [`random`].
//!
//! **A fault that did nothing is reported.** [`impact`] says of each fault what it touched. What only explains
//! other records or follows from them (that something waits for a paused node, what a process counts) is in no
//! digest.
//!
//! **A run has a digest** over its records in canonical bytes ([`digest`]); it is the same in debug and in
//! release, in every process and on any number of threads. [`ENGINE`] is raised when a pinned one moves.
//!
//! # The meaning of a run
//!
//! - Time is a whole number of nanoseconds. Events at equal times happen in the order of scheduling, after the
//!   faults of that time.
//! - Partitions are checked when a message is sent and when it is to arrive. A slow link adds to the delay of
//!   what is sent on it meanwhile.
//! - The effects of one handler take place in order. `ctx.sync()` holds back the rest of them, and the
//!   node, until the writes before it are durable; with nothing to write it takes no time.
//! - A crash drops the process, its timers, what waited for it, and a drawn suffix of its unsynced writes;
//!   an appended entry may be torn. A restart runs `on_restart` on a clone of the process as it was added.
//! - A paused node handles nothing; what comes for it waits and is handled first, in order, at resume.
//! - A timer is its value: setting an equal one replaces it.
//! - A node has two clocks. `ctx.now()` is its wall clock, which may jump and drift; timers run on its monotonic
//!   clock, which may only drift. When a drift begins or ends, the timers that are set run on at the new rate. A
//!   crash changes neither clock. Syncs, processing and the network take true time.
//! - A fault may be aimed: what it hits is found in the world at its time. It is recorded, and saved, as the
//!   fault that it then was.
//! - A node with a processing time is busy for that long with each message before it handles it; what comes
//!   for it meanwhile stands in line.
//! - Under exhaustive search there is no time: `ctx.now()` panics and says so, `ctx.choose` takes every
//!   value, and random spans are their mean, since every order is tried anyway.
//!
//! # Decisions that differ from the first design, and why
//!
//! - **Processes are `Sync` too**, so that worlds can share nodes between threads and clone them on write.
//!   Nothing that is `Clone + Hash` and free of interior mutability loses by it.
//! - **Message counters and what waits at a paused node belong to the timed driver**, not to the world.
//!   They name messages and order them in time; the explorer has neither names nor time, and its states
//!   stay small. A crash does not reset them either way. What the driver counts of a node lies beside the node all the
//!   same, in no fingerprint (`world::Tally`): with 100,000 nodes, time goes into fetching lines from memory.
//! - **A named record is never torn**, only an appended entry is: a record stands for a file that is
//!   replaced by a rename. If its overwrite could destroy the old value too, no protocol that keeps a
//!   promise in a record could be correct, and each would have to build a log first.
//! - **petgraph is behind the feature `graph`**, with what it is used for: topologies from a graph of cables.
//!   A matrix, which is what is measured, needs none of it, and it would be about a quarter of the build.
//! - **Checking histories and searching every run are behind the features `checker` and `explorer`.** They are two
//!   fifths of the library, and who writes tests of a protocol should not wait for them: a first build takes some ten
//!   seconds without them, and fifteen with them. (The goal is ten at most: more than half is for dependencies, most of it
//!   for `zerocopy`, which `rand_chacha` stands on and nothing can be compiled beside.)
//! - **serde's derive is behind the feature `data`**, with what it is derived for: faults, plans and links as
//!   data. Without derive macros a clean build took 14 seconds of processor time instead of 25, and a scenario in
//!   Rust needs none of them. Storage needs serde's traits only, and encodes as MessagePack.
//! - **The history is part of an explored state only if it is asked about**, since it tells states apart that behave
//!   alike. It keeps, of each operation, how many of the others' were complete when it was invoked, and no times.
//! - **The explorer runs each handler once** for each state of its node and each event, and looks the outcome up from
//!   then on: a handler reads its own node and nothing else. So processes that share something behind their values,
//!   such as a counter in a static, are wrong in it; they are no values.
//! - **Clients are processes.** The client driver is a state machine with timers like any other, so that
//!   it runs in exhaustive search, too, and needs no mechanism of its own.
//! - **Client numbers are derived, not recorded.** That a client goes on under a new number after an unknown
//!   outcome is a function of the records ([`ClientNumbers`](record::ClientNumbers)); an operation is named by
//!   its node and its number there, in a closed loop and in an open one.
//! - **A clock is set right, and not healed back.** Clocks have one repair, whatever made them wrong: two jumps
//!   and a drift end together, as they do where a time server answers again.
//! - **A majorities ring is several one-way partitions**, one for each node, and no shape of its own: a plan has
//!   one vocabulary for cut links, and can shrink to the cut that matters.
//! - **Planned faults come first at their instant**, and one that waits for a condition ("as soon as somebody
//!   leads") happens a nanosecond after it holds. So the plan that it resolves to is the same run.
//! - **Figures are painted by our own backend for plotters**, which writes SVG and PNG from one drawing. plotters'
//!   bitmap backend sets letters on whole pixels, and with a font linked into it the texts of the SVG would move.
//! - **Latencies are exact**: `Metrics` keeps every operation of a run, and a sweep counts values of four digits,
//!   instead of a histogram with an error of its own.
//! - **Clients of the stores try an operation once.** A write that is tried again through another coordinator may
//!   take effect twice; the driver's retries are for models that know a request when they see it again.
//! - **Above 64 nodes a sender numbers all its messages together.** Counters for each receiver were kept up to a
//!   fan-out of 64, in sorted lists; to search them was a tenth of the time of a message, and they took more memory
//!   than all else of a node. Up to 64 nodes there is a table of all links, and a number is what a person expects.
//! - **A simulation is made anew for each seed**, and not reset: making and dropping one of five nodes takes less than a
//!   tenth of running 200 messages on it.
//! - **No promise is stricter than what clients see.** A [`Promise`](promise::Promise) is judged by the history, and a
//!   history that cannot be judged within its budget fails the sweep: not known is not a pass.
//! - **Operations are written down with their times**, not only their order, when a run is made explicit: to leave
//!   one out then moves no other, in a closed loop as in an open one.
//! - **A node that is left out is down from the start**, so that no address and no other number moves. It counts as
//!   a cause only if the failure needs it to be down.
//! - **A shrunk case is text**, a line for each thing: the library needs no serde for it, and a person can edit it.
//! - **A path of the explorer becomes a run by differences of times**, solved as longest paths, with what a seed draws: a
//!   simulation that is told in which order to take its events would be a third driver. What is claimed has been run.
//! - **A tail ends at ten years.** A Pareto delay can be longer than the 584 years that time has, and one such
//!   draw must not end a run.

#![cfg_attr(
    not(feature = "explorer"),
    allow(dead_code, unused_imports, reason = "the world also does what only the explorer asks for")
)]

mod caught;
pub mod check;
#[cfg(feature = "checker")]
pub mod checker;
pub mod client;
pub mod clock;
#[cfg(feature = "command")]
pub mod command;
pub mod digest;
pub mod distribution;
#[cfg(feature = "explorer")]
pub mod explorer;
pub mod fault;
pub mod fingerprint;
#[cfg(feature = "checker")]
pub mod history;
pub mod impact;
pub mod links;
pub mod metrics;
#[cfg(feature = "command")]
pub mod model;
pub mod nemesis;
pub mod network;
pub mod node;
#[cfg(feature = "plot")]
pub mod plot;
pub mod process;
#[cfg(feature = "checker")]
pub mod promise;
pub mod property;
pub mod random;
pub mod record;
mod scheduler;
pub mod shrink;
pub mod simulation;
pub mod staleness;
pub mod storage;
pub mod story;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod time;
#[cfg(feature = "explorer")]
pub mod timed;
pub mod topology;
pub mod world;

pub use check::check;
#[cfg(feature = "explorer")]
pub use explorer::explore;
pub use simulation::Simulation;

/// The version of everything that decides a run. It is raised whenever a pinned digest changes, and
/// printed in every line that replays a run.
pub const ENGINE: u32 = 2;

/// What a model or a test needs at its top: `use netsplit::prelude::*;`.
pub mod prelude {
    pub use crate::node::NodeId;
    pub use crate::process::{Context, Process};
    pub use crate::simulation::Simulation;
    pub use crate::time::{microseconds, milliseconds, nanoseconds, seconds};
    pub use crate::world::World;
}
