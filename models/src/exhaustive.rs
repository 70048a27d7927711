//! Within which bounds exhaustive search looks for each known bug of the [zoo](crate::zoo): the fewest timers, crashes
//! and lost messages that it needs, and no more nodes.
//!
//! Six are not found. Four models read clocks, which there are none of: the last writer, read repair, and both locks.
//! That a message is never processed, and that a read is stale, are no properties of a state.

/// For each known bug the flags of `netsplit explore`.
pub const SEARCHES: [(&str, &str); 19] = [
    ("paxos_forgets_promise", "--timers 1 --crashes 1 --set acceptors=1"),
    ("paxos_accepts_below_promise", "--timers 1"),
    ("paxos_ignores_accepted", "--timers 1"),
    ("paxos_small_quorum", "--timers 1 --set acceptors=2"),
    ("paxos_mixed_ballots", "--timers 2 --set proposers=1"),
    ("commit_aborts_alone", "--timers 3"),
    ("commit_announced_first", "--timers 2 --crashes 1 --set participants=1 --set clients=1"),
    ("commit_presumed", "--timers 3 --crashes 1"),
    ("store_no_write_back", "--timers 2"),
    ("store_announced_first", "--timers 1 --crashes 1"),
    ("store_clock_skew", "--timers 1"),
    ("store_repair_resurrects", "--timers 1"),
    ("queue_acknowledges_first", "--timers 2 --crashes 1"),
    ("queue_forgets_processed", "--timers 3 --crashes 1"),
    ("queue_redelivers_last", "--timers 5 --drops 1"),
    ("log_applies_retries", "--timers 3 --set clients=1 --set replicas=1"),
    ("log_serves_reads_alone", "--timers 1 --set clients=1 --set replicas=1"),
    ("lock_no_fencing", "--timers 1"),
    ("lock_trusts_clock", "--timers 1"),
];
