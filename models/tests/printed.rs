//! Tests as `netsplit shrink` prints them, each with a line that says how it fails. Written by
//! `NETSPLIT_REGENERATE=1 cargo test -p netsplit-models --test zoo`.

#![cfg_attr(rustfmt, rustfmt_skip)]

/// first violated at 2.01s.
#[test]
#[should_panic(expected = "is violated")]
fn lock_no_fencing_seed_15() {
    use netsplit::fault::Fault;
    use netsplit::network::Network;
    use netsplit::prelude::*;
    let scenario = r##"# A known bug: see `netsplit zoo`. With `--set mistake=none` it is the correct model under the same faults.
model = "lock"
description = "A lock without fencing tokens"
seed = 1
duration = "12s"
checks = ["nothing is written under an older token than before"]

[parameters]
workers = 2
mistake = "no_fencing"

[network]
delay = { uniform = ["1ms", "20ms"] }
loss_probability = 0.01
duplication_probability = 0.01

[storage]
sync_latency = { uniform = ["1ms", "10ms"] }

[nemesis]
kinds = ["partitions", "slow_links", "crashes", "pauses", "clock_drifts", "clock_jumps"]
until = "8s"
"##;
    netsplit::command::expect(&netsplit_models::lock::LockService, scenario, 15, "nothing is written under an older token than before", |sim| {
        *sim.network_mut() = Network::default();
        sim.set_delay(milliseconds(10));
        sim.schedule(seconds(1), Fault::Pause(NodeId::new(2)));
        sim.schedule(seconds(2), Fault::Resume(NodeId::new(2)));
        std::time::Duration::from_nanos(2000000000)
    });
}

/// first violated at 0.741s.
#[test]
#[should_panic(expected = "is violated")]
fn log_applies_retries_seed_0() {
    use netsplit::fault::Edit;
    use netsplit::fault::Fault;
    use netsplit::network::Network;
    use netsplit::prelude::*;
    let scenario = r##"# A known bug: see `netsplit zoo`. With `--set mistake=none` it is the correct model under the same faults.
model = "multi-paxos"
description = "A replicated log that applies a retried request twice"
seed = 1
duration = "12s"
checks = ["no request is applied twice"]

[parameters]
replicas = 3
clients = 3
mistake = "applies_retries"

[parameters.client]
arrivals = { closed = "50ms" }
timeout = "300ms"
attempts = 3

[parameters.workload]
keys = { uniform = 1 }

[network]
delay = { uniform = ["1ms", "20ms"] }
loss_probability = 0.01

[nemesis]
kinds = ["partitions", "majorities_ring", "slow_links", "crashes", "crashes@leader", "pauses", "clock_drifts"]
until = "8s"
"##;
    netsplit::command::expect(&netsplit_models::multi_paxos::MultiPaxos, scenario, 0, "no request is applied twice", |sim| {
        *sim.network_mut() = Network::default();
        sim.set_delay(milliseconds(20));
        sim.schedule(nanoseconds(0), Fault::Crash(NodeId::new(3)));
        sim.schedule(nanoseconds(0), Fault::Crash(NodeId::new(5)));
        sim.edit(Edit::drop("n0>n4#1").of_kind("Done"));
        sim.only_operations(NodeId::new(4), &[(1, nanoseconds(0))]);
        std::time::Duration::from_nanos(0)
    });
}

/// at 2.06s client-2 read of key 0 what was overwritten 960ms before.
#[test]
#[should_panic(expected = "is violated")]
fn store_clock_skew_seed_0() {
    use netsplit::clock::Offset;
    use netsplit::fault::Fault;
    use netsplit::network::Network;
    use netsplit::prelude::*;
    let scenario = r##"# A known bug: see `netsplit zoo`. With `--set numbers=quorum` it is the correct model under the same faults.
model = "abd"
description = "The last writer wins, by clocks that differ"
seed = 1
duration = "12s"
checks = ["no read is stale"]

[parameters]
replicas = 3
clients = 3
numbers = "clock"

[parameters.client]
arrivals = { closed = "50ms" }
timeout = "500ms"

[parameters.workload]
keys = { uniform = 1 }

[network]
delay = { uniform = ["1ms", "20ms"] }
loss_probability = 0.01
duplication_probability = 0.01

[storage]
sync_latency = { uniform = ["1ms", "10ms"] }

[nemesis]
kinds = ["partitions", "majorities_ring", "slow_links", "crashes", "pauses", "clock_drifts", "clock_jumps"]
until = "8s"
"##;
    netsplit::command::expect(&netsplit_models::store::Abd, scenario, 0, "no read is stale", |sim| {
        *sim.network_mut() = Network::default();
        sim.set_delay(milliseconds(10));
        sim.schedule(nanoseconds(0), Fault::Crash(NodeId::new(0)));
        sim.schedule(nanoseconds(0), Fault::Crash(NodeId::new(3)));
        sim.schedule(nanoseconds(0), Fault::Crash(NodeId::new(4)));
        sim.schedule(nanoseconds(0), Fault::JumpClock { node: NodeId::new(2), by: Offset::ahead(nanoseconds(2231034939)) });
        sim.schedule(seconds(1), Fault::SetClock(NodeId::new(2)));
        sim.only_operations(NodeId::new(5), &[(6, milliseconds(200)), (11, seconds(1)), (12, seconds(2))]);
        std::time::Duration::from_nanos(1000000000)
    });
}

/// first violated at 0.239484375s.
#[test]
#[should_panic(expected = "is violated")]
fn commit_aborts_alone_seed_0() {
    use netsplit::fault::Fault;
    use netsplit::links::Links;
    use netsplit::network::Network;
    use netsplit::prelude::*;
    let scenario = r##"# A known bug: see `netsplit zoo`. With `--set mistake=none` it is the correct model under the same faults.
model = "two-phase-commit"
description = "Two-phase commit whose participants abort alone after they have promised"
seed = 1
duration = "12s"
checks = ["no transaction commits at one node and aborts at another"]

[parameters]
participants = 3
refusal_percent = 0
clients = 1
mistake = "aborts_alone"

[network]
delay = { uniform = ["1ms", "20ms"] }
loss_probability = 0.01
duplication_probability = 0.01

[storage]
sync_latency = { uniform = ["1ms", "10ms"] }

[nemesis]
kinds = ["partitions", "bridges", "slow_links", "crashes", "pauses", "clock_drifts"]
until = "8s"
"##;
    netsplit::command::expect(&netsplit_models::two_phase_commit::TwoPhaseCommit, scenario, 0, "no transaction commits at one node and aborts at another", |sim| {
        *sim.network_mut() = Network::default();
        sim.set_delay(milliseconds(10));
        sim.schedule(milliseconds(60), Fault::Partition(Links { from: vec![NodeId::new(0)], to: vec![NodeId::new(2)], one_way: true }));
        sim.only_operations(NodeId::new(4), &[(1, nanoseconds(0))]);
        std::time::Duration::from_nanos(60000000)
    });
}

/// at no moment from the last fault on, 2s to 16s.
#[test]
#[should_panic(expected = "is violated")]
fn queue_acknowledges_first_seed_0() {
    use netsplit::fault::Fault;
    use netsplit::network::Network;
    use netsplit::prelude::*;
    let scenario = r##"# A known bug: see `netsplit zoo`. With `--set mistake=none` it is the correct model under the same faults.
model = "queue"
description = "A consumer that acknowledges before it has processed"
seed = 1
duration = "16s"
checks = ["every confirmed message is processed, unless it may be lost"]

[parameters]
producers = 1
arrivals = "100ms"
messages = 40
consumers = 2
guarantee = "at_least_once"
mistake = "acknowledges_first"

[network]
delay = { uniform = ["1ms", "20ms"] }
loss_probability = 0.01
duplication_probability = 0.01

[storage]
sync_latency = { uniform = ["1ms", "10ms"] }

[nemesis]
kinds = ["partitions", "flapping", "slow_links", "crashes", "pauses", "clock_drifts"]
until = "8s"
"##;
    netsplit::command::expect(&netsplit_models::queue::Queue, scenario, 0, "every confirmed message is processed, unless it may be lost", |sim| {
        *sim.network_mut() = Network::default();
        sim.set_delay(milliseconds(10));
        sim.schedule(milliseconds(450), Fault::Crash(NodeId::new(1)));
        sim.schedule(seconds(2), Fault::Restart(NodeId::new(1)));
        sim.only_operations(NodeId::new(3), &[(1, nanoseconds(0)), (2, milliseconds(100)), (3, milliseconds(200)), (4, milliseconds(300)), (5, milliseconds(400))]);
        std::time::Duration::from_nanos(2000000000)
    });
}
