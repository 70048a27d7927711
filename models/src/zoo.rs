//! The zoo: known bugs of the classic models, each a mistake that the model makes if its parameter says so, under the
//! model's ordinary nemesis. They are there to be found by tools, and to be understood by students.
//!
//! `netsplit zoo` finds them all and shrinks what it finds; `reports/zoo.md` shows what came of it.
//!
//! Exhaustive search looks for each within bounds that are written beside it: the fewest timers, crashes and lost
//! messages that it needs, and no more nodes. Six it does not find. Four models read clocks, which there are none of in
//! it: the last writer, read repair, and both locks. That a message is never processed, and that a read is stale, are no
//! properties of a state.

use netsplit::command::KnownBug;

macro_rules! bug {
    ($name:literal, $correct:literal, $search:literal, $source:literal, $cause:expr, $question:literal) => {
        KnownBug {
            name: $name,
            scenario: include_str!(concat!("../scenarios/zoo/", $name, ".toml")),
            correct: $correct,
            search: $search,
            source: $source,
            cause: &$cause,
            question: $question,
        }
    };
}

/// All of them.
pub const KNOWN_BUGS: &[KnownBug] = &[
    bug!(
        "paxos_forgets_promise",
        "mistake=none",
        "--timers 1 --crashes 1 --set acceptors=1",
        "An acceptor must remember its promise \"even if it fails and then restarts\" (Lamport, \"Paxos Made Simple\", \
         2001, section 2.2). Chandra, Griesemer and Redstone (\"Paxos Made Live\", PODC 2007, section 5.1) tell of disks \
         that forgot for them.",
        ["an acceptor restarts after its promise", "an accept of the lower ballot is late"],
        "Votes are stable here. Why must a promise be, too, although nothing has been chosen by it?"
    ),
    bug!(
        "paxos_accepts_below_promise",
        "mistake=none",
        "--timers 1",
        "Phase 2b of Lamport, \"Paxos Made Simple\" (2001): an acceptor accepts \"unless it has already responded to a \
         prepare request having a number greater\".",
        [],
        "Which two majorities share the acceptor that votes twice, and in which order does it vote?"
    ),
    bug!(
        "paxos_ignores_accepted",
        "mistake=none",
        "--timers 1",
        "Condition P2c of Lamport, \"Paxos Made Simple\" (2001): the value of the highest-numbered proposal among the \
         promises.",
        [],
        "With one proposer nothing ever goes wrong. What do two need?"
    ),
    bug!(
        "paxos_small_quorum",
        "mistake=none",
        "--timers 1 --set acceptors=2",
        "Any two quorums must meet (Lamport, \"The Part-Time Parliament\", TOCS 1998, condition B2; Howard, Malkhi and \
         Spiegelman, \"Flexible Paxos\", OPODIS 2016, weaken it to quorums of the two phases). Half of an even number is \
         the classic mistake.",
        ["the network parts the acceptors into two halves"],
        "Four acceptors, quorums of two. Which pairs of quorums do not meet, and must it be four?"
    ),
    bug!(
        "paxos_mixed_ballots",
        "mistake=none",
        "--timers 2 --set proposers=1",
        "A value is chosen by a majority in one ballot (Lamport, \"The Part-Time Parliament\", TOCS 1998). Counting \
         across ballots is the mistake that Raft's figure 8 warns of (Ongaro and Ousterhout, USENIX ATC 2014, section \
         5.4.2).",
        [
            "an accept reaches one acceptor alone",
            "its acceptance is late",
            "an accept of the next ballot reaches another one alone",
        ],
        "Two acceptors have voted, for the same value or not. Why may a third ballot still choose another?"
    ),
    bug!(
        "commit_aborts_alone",
        "mistake=none",
        "--timers 3",
        "Who has voted yes is uncertain, and must not decide alone (Bernstein, Hadzilacos and Goodman, \"Concurrency \
         Control and Recovery in Database Systems\", 1987, chapter 7). X/Open XA allows it all the same, as a heuristic decision.",
        ["a decision is late"],
        "Blocking is no fault of this protocol. What would a participant have to know to abort alone?"
    ),
    bug!(
        "commit_announced_first",
        "mistake=none",
        "--timers 2 --crashes 1 --set participants=1 --set clients=1",
        "The decision is forced to the log before it is sent (Mohan, Lindsay and Obermarck, TODS 1986; Gray, \
         \"Notes on Data Base Operating Systems\", 1978).",
        ["the coordinator crashes before its log is stable", "a decision is lost"],
        "Who could notice the crash if all decisions arrived?"
    ),
    bug!(
        "commit_presumed",
        "mistake=none",
        "--timers 3 --crashes 1",
        "Presumed commit works only with a record of every transaction that begins (Mohan, Lindsay and Obermarck, TODS \
         1986).",
        ["the coordinator forgets the transaction, or has not heard of it"],
        "Presumed abort needs no such record. What makes the two different?"
    ),
    bug!(
        "store_no_write_back",
        "write_back=true",
        "--timers 2",
        "Attiya, Bar-Noy and Dolev, JACM 1995: without the second phase of a read the register is only regular: of \
         two reads that overlap a write, the first may see it and the second not.",
        [],
        "The write is not over. Which of the two reads that disagree is at fault?"
    ),
    bug!(
        "store_announced_first",
        "mistake=none",
        "--timers 1 --crashes 1",
        "Pillai et al., \"All File Systems Are Not Created Equal\", OSDI 2014; PostgreSQL's fsync errors, 2018.",
        ["a replica crashes before its write is durable", "another replica does not get the write"],
        "Two of three replicas had the value. Why is one crash enough?"
    ),
    bug!(
        "store_clock_skew",
        "numbers=quorum",
        "--timers 1",
        "Kingsbury, \"The trouble with timestamps\", 2013: Cassandra's last writer wins, and who is last is for clocks to \
         say.",
        ["a coordinator's clock is wrong"],
        "By how much must the clock be wrong, and for how long does the harm last?"
    ),
    bug!(
        "store_repair_resurrects",
        "mistake=none",
        "--timers 1",
        "What Cassandra's documentation calls zombies: data that was deleted comes back by the repair of a replica, \
         once nothing shows any more which of the two is newer. Here repair itself blurs it: it writes what it has \
         read as if it were new.",
        [],
        "Repair is to make replicas equal. What must it never make newer?"
    ),
    bug!(
        "queue_acknowledges_first",
        "mistake=none",
        "--timers 2 --crashes 1",
        "Automatic acknowledgement (AMQP 0-9-1, basic.consume no-ack): at most once under the name of at least once.",
        ["a consumer crashes while it serves"],
        "Which of the three, queue, consumer or network, lost the message?"
    ),
    bug!(
        "queue_forgets_processed",
        "mistake=none",
        "--timers 3 --crashes 1",
        "Helland, \"Life beyond Distributed Transactions\", CIDR 2007: what is remembered to know a repetition must be as \
         durable as the effect.",
        ["a consumer restarts before its acknowledgement has arrived"],
        "The effect is durable. In which order would two writes, effect and number, be as bad?"
    ),
    bug!(
        "queue_redelivers_last",
        "mistake=none",
        "--timers 5 --drops 1",
        "RabbitMQ requeues at the original position \"if possible\"; Amazon SQS standard queues do not try, and its FIFO \
         queues hold back the rest of the group.",
        ["a delivery is lost, or nobody is there for it"],
        "What does it cost to keep the order?"
    ),
    bug!(
        "log_applies_retries",
        "mistake=none",
        "--timers 3 --set clients=1 --set replicas=1",
        "A retried request must be known as such (Liskov and Cowling, \"Viewstamped Replication Revisited\", 2012, the \
         client table; Ongaro, 2014, section 6.3).",
        ["an answer is lost"],
        "The log has the request twice, and no replica disagrees. What is wrong, then?"
    ),
    bug!(
        "log_serves_reads_alone",
        "mistake=none",
        "--timers 1 --set clients=1 --set replicas=1",
        "A leader that answers reads from memory must know that it still leads (Ongaro, 2014, section 6.4). Jepsen found \
         it in etcd and Consul in 2014.",
        ["the old leader hears nothing of the new one"],
        "How old can the value be that it returns?"
    ),
    bug!(
        "lock_no_fencing",
        "mistake=none",
        "--timers 1",
        "Kleppmann, \"How to do distributed locking\", 2016; HBase had it with ZooKeeper's leases and long garbage \
         collections.",
        ["the holder pauses for longer than its lease"],
        "Would a shorter lease help? Would a holder that looks at the time before each write?"
    ),
    bug!(
        "lock_trusts_clock",
        "mistake=none",
        "--timers 1",
        "Gray and Cheriton, \"Leases\", SOSP 1989, on clocks that fail; the objection to Redlock of Kleppmann, \
         2016.",
        ["the clock of a worker is behind"],
        "Which clock may be ahead, and which behind, without harm?"
    ),
];
