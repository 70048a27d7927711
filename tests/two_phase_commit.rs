//! Two-phase commit: the published counts, who blocks and when, and what a crash at each step leaves
//! behind. `checks.rs` beside it has the sweep and the exhaustive search.

#[path = "two_phase_commit/checks.rs"]
mod checks;

use netsplit::fault::Edit;
use netsplit::metrics::{Gauge, Metrics};
use netsplit::model::{Model, Setup};
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::simulation::{Mailbox, Observed};
use netsplit::time::{Duration, Time};
use netsplit_models::two_phase_commit::*;

/// The delay of every message on the stage.
const DELAY: Duration = milliseconds(10);

/// A coordinator (n0), participants (n1, n2, ...) and a client that the scenario speaks for. Messages take
/// [`DELAY`], syncs take no time.
struct Stage {
    sim: Simulation<Message>,
    coordinator: Handle<Coordinator>,
    participants: Vec<Handle<Participant>>,
    client: Handle<Mailbox<Message>>,
    metrics: Observed<Metrics>,
}

fn stage(participants: usize) -> Stage {
    stage_with(&Parameters { participants, ..Parameters::default() }, 7)
}

fn stage_with(parameters: &Parameters, seed: u64) -> Stage {
    let mut sim = Simulation::new(seed);
    let Cluster { coordinator, participants } = add_cluster(&mut sim, parameters);
    let client = sim.add_client("client");
    sim.set_delay(DELAY);
    sim.set_sync_latency(milliseconds(0));
    let metrics = sim.observe(Metrics::default());
    Stage { sim, coordinator, participants, client, metrics }
}

impl Stage {
    /// The one transaction of most stories.
    fn transaction(&self) -> TransactionId {
        TransactionId { client: self.client.id(), operation: 1 }
    }

    fn ask(&mut self, node: impl Into<NodeId>) {
        let begin = Message::Begin(self.transaction());
        self.sim.send(self.client, node, begin);
    }

    /// What every node knows of the transaction, the coordinator first.
    fn decisions(&self) -> Vec<Option<Decision>> {
        let nodes = std::iter::once(self.coordinator.id()).chain(self.participants.iter().map(|p| p.id()));
        nodes.map(|node| ledger(self.sim.world(), node).decision(self.transaction())).collect()
    }

    fn all_know(&self, decision: Decision) -> bool {
        self.decisions().iter().all(|&known| known == Some(decision))
    }

    /// The participants that are in doubt, by index, as they say themselves.
    fn in_doubt(&self) -> Vec<usize> {
        let in_doubt = |&index: &usize| {
            let participant = self.participants[index];
            let is_in_doubt = self.sim[participant].ledger().is_in_doubt(self.transaction());
            let gauge = self.metrics().gauges().get(&(IN_DOUBT, participant.id()));
            assert_eq!(gauge.map_or(0, Gauge::last), u64::from(is_in_doubt), "participant-{index}");
            is_in_doubt
        };
        (0..self.participants.len()).filter(in_doubt).collect()
    }

    fn metrics(&self) -> &Metrics {
        self.sim.observer(self.metrics)
    }

    fn sent(&self, kind: &str) -> u64 {
        self.metrics().sent_by_kind().get(kind).copied().unwrap_or(0)
    }
}

// ---- Published results: Gray and Lamport, Consensus on Transaction Commit, section 6 ----

/// Messages, stable writes, and the span from the request's arrival to the moment the last participant
/// knows, in a run without faults. A participant's record of the outcome is not waited for, so the stable
/// writes are the syncs.
fn fault_free(participants: usize, start_at: StartAt) -> (u64, u64, Duration) {
    let mut stage = stage(participants);
    match start_at {
        StartAt::Participant => stage.ask(stage.participants[0]),
        StartAt::Coordinator => stage.ask(stage.coordinator),
    }
    stage.sim.run_for(DELAY);
    let asked = stage.sim.now();
    let transaction = stage.transaction();
    stage.sim.run_until(|world| {
        world.each::<Participant>().all(|p| p.ledger().decision(transaction) == Some(Decision::Commit))
    });
    let span = stage.sim.now() - asked;
    stage.sim.run();
    assert_eq!(stage.sim.received(stage.client), [Message::Reply(transaction, Decision::Commit)]);
    (stage.metrics().sent(), stage.metrics().syncs(), span)
}

#[test]
fn begun_by_a_participant_it_takes_3n_less_1_messages_n_plus_1_stable_writes_and_4_delays() {
    for n in 1..=8 {
        // With one participant there is nobody else to ask: two delays are gone.
        let delays = if n == 1 { 2 } else { 4 };
        let count = n as u64;
        assert_eq!(
            fault_free(n, StartAt::Participant),
            (3 * count - 1, count + 1, delays * DELAY),
            "N = {n}"
        );
    }
}

#[test]
fn begun_by_the_coordinator_it_takes_3n_messages_n_plus_1_stable_writes_and_3_delays() {
    for n in 1..=8 {
        let count = n as u64;
        assert_eq!(fault_free(n, StartAt::Coordinator), (3 * count, count + 1, 3 * DELAY), "N = {n}");
    }
}

#[test]
fn transactions_that_run_at_once_cost_what_they_cost_alone() {
    let (participants, clients, operations) = (3, 4, 25);
    let parameters = Parameters { participants, clients, operations, ..Parameters::default() };
    let mut sim = TwoPhaseCommit.simulation(&parameters, &Setup::default(), 7).expect("it can be set up");
    let metrics = sim.observe(Metrics::default());
    sim.run();
    let metrics = sim.observer(metrics);
    let transactions = clients as u64 * operations;
    assert_eq!(metrics.count(Outcome::Ok) as u64, transactions);
    assert_eq!(metrics.sent(), transactions * (3 * participants as u64 - 1));
    assert_eq!(metrics.syncs(), transactions * (participants as u64 + 1));
}

// ---- Blocking and termination ----

#[test]
fn in_doubt_participants_block_exactly_while_the_coordinator_is_down() {
    // The stage is set: all three have promised, and their votes are on the way to the coordinator.
    let mut stage = stage(3);
    stage.ask(stage.participants[0]);
    stage.sim.run_for(3 * DELAY);
    assert_eq!(stage.in_doubt(), [0, 1, 2]);

    // The coordinator does not live to read them. However long it is down, nobody gets on.
    stage.sim.crash(stage.coordinator);
    for _ in 0..24 {
        stage.sim.run_for(seconds(3600));
        assert_eq!(stage.in_doubt(), [0, 1, 2]);
    }

    // It is back, has decided nothing, and says so to the first who asks.
    stage.sim.restart(stage.coordinator);
    stage.sim.run_for(Parameters::default().inquiry_interval + 3 * DELAY);
    assert!(stage.all_know(Decision::Abort), "{:?}", stage.decisions());
    stage.sim.run(); // it comes to rest: nobody asks any more
}

#[test]
fn the_crash_of_a_participant_blocks_nobody_while_the_coordinator_is_up() {
    // The stage is set: the third participant crashes with its promise given.
    let mut stage = stage(3);
    stage.ask(stage.participants[0]);
    stage.sim.run_for(3 * DELAY);
    stage.sim.crash(stage.participants[2]);

    stage.sim.run();
    assert!(stage.decisions()[..3].iter().all(|&known| known == Some(Decision::Commit)));

    // Back again, it is in doubt, asks at once, and has its answer a round trip later.
    stage.sim.restart(stage.participants[2]);
    assert_eq!(stage.in_doubt(), [2]);
    stage.sim.run_for(2 * DELAY);
    assert!(stage.all_know(Decision::Commit));
}

#[test]
fn a_participant_that_knows_the_outcome_tells_the_others_while_the_coordinator_is_down() {
    // The stage is set: of three announcements one arrives, and the coordinator is gone.
    let mut stage = stage(3);
    stage.sim.edit(Edit::drop("n0>n2#2").of_kind("Decided"));
    stage.sim.edit(Edit::drop("n0>n3#2").of_kind("Decided"));
    stage.ask(stage.participants[0]);
    stage.sim.run_for(5 * DELAY);
    stage.sim.crash(stage.coordinator);
    assert_eq!(stage.in_doubt(), [1, 2]);

    stage.sim.run();
    assert!(stage.all_know(Decision::Commit), "{:?}", stage.decisions());
    assert_eq!(stage.sim.inert_edits().count(), 0);
}

#[test]
fn a_participant_that_has_promised_nothing_frees_the_others_while_the_coordinator_is_down() {
    // The stage is set: the third participant was never asked, two are in doubt, the coordinator is gone.
    let mut stage = stage(3);
    stage.sim.edit(Edit::drop("n0>n3#1").of_kind("Prepare"));
    stage.ask(stage.participants[0]);
    stage.sim.run_for(4 * DELAY);
    stage.sim.crash(stage.coordinator);
    assert_eq!(stage.in_doubt(), [0, 1]);

    // It aborts alone and says so.
    stage.sim.run();
    assert_eq!(
        stage.decisions(),
        [None, Some(Decision::Abort), Some(Decision::Abort), Some(Decision::Abort)]
    );
    assert_eq!(stage.sim.received(stage.client), [Message::Reply(stage.transaction(), Decision::Abort)]);

    // The client does not believe it. The coordinator, back and without a memory, gets no promise any more.
    stage.sim.restart(stage.coordinator);
    stage.ask(stage.coordinator);
    stage.sim.run();
    assert!(stage.all_know(Decision::Abort));
}

// ---- How long, by the participants' own count ----

/// For how long each participant is in doubt, and all together.
fn time_in_doubt(stage: &Stage) -> (Vec<Duration>, Duration) {
    let end = stage.sim.now();
    let metrics = stage.metrics();
    let of = |gauge: &Gauge| gauge.over(Time::ZERO..end);
    let each = stage.participants.iter().map(|p| of(&metrics.gauges()[&(IN_DOUBT, p.id())]).above_zero);
    let sum = (end - Time::ZERO).mul_f64(of(&metrics.totals()[IN_DOUBT]).mean);
    (each.collect(), sum)
}

#[test]
fn a_participant_is_in_doubt_from_its_promise_to_the_outcome() {
    let mut stage = stage(3);
    stage.ask(stage.participants[0]);
    stage.sim.run_for(seconds(1));
    // The first promises when it is asked, the others two delays later; all hear of the commit together.
    assert_eq!(time_in_doubt(&stage), (vec![4 * DELAY, 2 * DELAY, 2 * DELAY], 8 * DELAY));
}

#[test]
fn a_crash_of_the_coordinator_adds_its_length_to_the_time_in_doubt_even_of_a_participant_that_is_down() {
    // The stage is set: all three have promised, the coordinator is gone, and so is the second participant.
    let mut stage = stage(3);
    stage.ask(stage.participants[0]);
    stage.sim.run_for(3 * DELAY);
    stage.sim.crash((stage.coordinator, stage.participants[1]));
    stage.sim.run_for(seconds(60));
    stage.sim.restart((stage.coordinator, stage.participants[1]));
    stage.sim.run_for(seconds(1));
    assert_eq!(stage.in_doubt(), [0; 0]);
    let (each, sum) = time_in_doubt(&stage);
    assert!(each.iter().all(|&span| span > seconds(60) && span < milliseconds(60_300)), "{each:?}");
    assert!(sum > seconds(180), "{sum:?}");
}

// ---- Recovery ----

#[test]
fn a_coordinator_that_crashes_before_it_decides_aborts_when_it_is_asked() {
    // The stage is set: one of two votes was read, and is forgotten; the other comes to a crashed node.
    let mut stage = stage(2);
    stage.ask(stage.participants[0]);
    stage.sim.run_for(3 * DELAY);
    stage.sim.crash(stage.coordinator);
    stage.sim.run_for(DELAY);
    stage.sim.restart(stage.coordinator);
    assert_eq!(stage.decisions(), [None; 3]);

    stage.sim.run();
    assert!(stage.all_know(Decision::Abort), "{:?}", stage.decisions());
}

/// Not every crash before the decision ends in an abort: promises hold, whoever has forgotten them.
#[test]
fn a_vote_that_comes_after_the_restart_begins_the_transaction_again() {
    let mut stage = stage(2);
    stage.ask(stage.participants[0]);
    stage.sim.run_for(3 * DELAY);
    stage.sim.crash(stage.coordinator);
    stage.sim.restart(stage.coordinator);

    stage.sim.run();
    assert!(stage.all_know(Decision::Commit), "{:?}", stage.decisions());
    assert_eq!(stage.metrics().syncs(), 3, "nobody promised twice");
}

#[test]
fn a_commit_that_nobody_heard_of_is_found_in_the_log() {
    // The stage is set: the commit is in the log, and its announcements are cut.
    let mut stage = stage(2);
    stage.ask(stage.participants[0]);
    stage.sim.run_for(4 * DELAY);
    assert_eq!(stage.decisions(), [Some(Decision::Commit), None, None]);
    stage.sim.isolate(stage.coordinator);
    stage.sim.run_for(DELAY);
    stage.sim.crash(stage.coordinator);
    stage.sim.heal();
    stage.sim.run_for(seconds(1));
    assert_eq!(stage.in_doubt(), [0, 1]);

    stage.sim.restart(stage.coordinator);
    stage.sim.run();
    assert!(stage.all_know(Decision::Commit), "{:?}", stage.decisions());
}

/// The world decides by seed whether the write of a crashed node got to the disk.
#[test]
fn a_coordinator_that_crashes_during_its_sync_has_announced_nothing_and_does_what_its_log_says() {
    let mut seen = [false, false];
    for seed in 0..20 {
        // The stage is set: the decision is being written when the power fails.
        let mut stage = stage_with(&Parameters { participants: 2, ..Parameters::default() }, seed);
        stage.sim.set_sync_latency(milliseconds(2));
        stage.ask(stage.participants[0]);
        let coordinator = stage.coordinator;
        stage.sim.run_until(|world| world.is_syncing(coordinator));
        stage.sim.run_for(milliseconds(1));
        stage.sim.crash(coordinator);
        stage.sim.run_for(seconds(1));
        assert_eq!(stage.sent("Decided"), 0);
        assert_eq!(stage.in_doubt(), [0, 1]);

        let kept = ledger(stage.sim.world(), coordinator.id()).decision(stage.transaction());
        stage.sim.restart(coordinator);
        stage.sim.run();
        assert!(stage.all_know(kept.unwrap_or(Decision::Abort)), "seed {seed}: {:?}", stage.decisions());
        seen[usize::from(kept.is_some())] = true;
    }
    assert_eq!(seen, [true, true], "some seed loses the write, and some seed keeps it");
}

#[test]
fn a_participant_that_crashes_before_it_promises_lets_the_transaction_abort() {
    let mut stage = stage(2);
    stage.ask(stage.participants[0]);
    stage.sim.run_for(2 * DELAY);
    stage.sim.crash(stage.participants[1]);
    stage.sim.run();
    assert_eq!(stage.decisions(), [Some(Decision::Abort), Some(Decision::Abort), None]);

    // It missed everything. Asked by the client, it promises, and is put right.
    stage.sim.restart(stage.participants[1]);
    stage.ask(stage.participants[1]);
    stage.sim.run();
    assert!(stage.all_know(Decision::Abort), "{:?}", stage.decisions());
}

#[test]
fn a_participant_that_crashes_while_it_promises_has_told_nobody() {
    let mut seen = [false, false];
    for seed in 0..20 {
        let mut stage = stage_with(&Parameters { participants: 2, ..Parameters::default() }, seed);
        stage.sim.set_sync_latency(milliseconds(2));
        let participant = stage.participants[0];
        stage.ask(participant);
        stage.sim.run_until(|world| world.is_syncing(participant));
        stage.sim.crash(participant);
        assert_eq!(stage.metrics().sent(), 0);

        // A promise that got to the disk holds; nobody knows of the transaction, so it ends.
        let kept = ledger(stage.sim.world(), participant.id()).is_in_doubt(stage.transaction());
        stage.sim.restart(participant);
        stage.sim.run();
        assert_eq!(stage.decisions()[0], kept.then_some(Decision::Abort));
        assert_eq!(stage.in_doubt(), [0; 0]);
        seen[usize::from(kept)] = true;
    }
    assert_eq!(seen, [true, true], "some seed loses the write, and some seed keeps it");
}

/// Why a participant need not wait for its record of the outcome.
#[test]
fn a_participant_that_forgets_the_outcome_asks_again_and_gets_the_same() {
    let mut forgot = false;
    for seed in 0..20 {
        let mut stage = stage_with(&Parameters { participants: 2, ..Parameters::default() }, seed);
        stage.ask(stage.participants[0]);
        stage.sim.run();
        assert!(stage.all_know(Decision::Commit));

        stage.sim.crash(stage.participants[1]);
        stage.sim.restart(stage.participants[1]);
        forgot |= stage.in_doubt() == [1];
        stage.sim.run();
        assert!(stage.all_know(Decision::Commit), "seed {seed}: {:?}", stage.decisions());
    }
    assert!(forgot, "under some seed the record of the outcome is lost");
}

// ---- Refusals, retries and late copies ----

#[test]
fn one_refusal_aborts_everywhere() {
    // The stage is set: one participant is willing, the other never is.
    let [coordinator, willing, unwilling] = [0, 1, 2].map(NodeId::new);
    let mut sim = Simulation::new(7);
    sim.add("coordinator", Coordinator::new(vec![willing, unwilling], seconds(1)));
    sim.add("participant", Participant::new(coordinator, vec![unwilling], seconds(1), 0));
    sim.add("participant", Participant::new(coordinator, vec![willing], seconds(1), 100));
    let client = sim.add_client("client");
    let transaction = TransactionId { client: client.id(), operation: 1 };

    sim.send(client, willing, Message::Begin(transaction));
    sim.run();
    for node in [coordinator, willing, unwilling] {
        assert_eq!(ledger(sim.world(), node).decision(transaction), Some(Decision::Abort), "{node}");
    }
    assert_eq!(sim.received(client), [Message::Reply(transaction, Decision::Abort)]);
}

#[test]
fn a_participant_that_refuses_its_client_bothers_nobody_else() {
    let parameters = Parameters { refusal_percent: 100, ..Parameters::default() };
    let mut stage = stage_with(&parameters, 7);
    stage.ask(stage.participants[0]);
    stage.sim.run();
    assert_eq!(stage.sim.received(stage.client), [Message::Reply(stage.transaction(), Decision::Abort)]);
    assert_eq!((stage.metrics().sent(), stage.metrics().syncs()), (0, 1));
}

#[test]
fn a_client_that_asks_again_elsewhere_asks_for_the_same_transaction() {
    // The stage is set: the client asks two participants at once, as if the first were slow.
    let mut stage = stage(3);
    stage.ask(stage.participants[0]);
    stage.ask(stage.participants[1]);
    stage.sim.run();
    let reply = Message::Reply(stage.transaction(), Decision::Commit);
    assert_eq!(stage.sim.received(stage.client), [reply.clone(), reply.clone()]);
    assert_eq!(stage.metrics().syncs(), 4);

    // Much later it asks the third, who knows.
    let before = stage.metrics().sent();
    stage.ask(stage.participants[2]);
    stage.sim.run();
    assert_eq!(stage.sim.received(stage.client).last(), Some(&reply));
    assert_eq!(stage.metrics().sent(), before);
}

#[test]
fn a_begin_that_comes_late_cannot_revive_a_transaction_its_sender_was_told_is_aborted() {
    // The stage is set: the begin is held up for a minute. Its sender asks what became of it long before.
    let mut stage = stage(2);
    stage.sim.edit(Edit::delay("n1>n0#1", seconds(60)).of_kind("Prepared"));
    stage.ask(stage.participants[0]);
    stage.sim.run_for(seconds(30));
    assert!(stage.all_know(Decision::Abort));

    // All but the log is forgotten when it arrives.
    stage.sim.crash((stage.coordinator, stage.participants[0], stage.participants[1]));
    stage.sim.restart((stage.coordinator, stage.participants[0], stage.participants[1]));
    stage.sim.run();
    assert!(stage.sim.now() > Time::ZERO + seconds(60));
    assert_eq!(stage.sent("Prepare"), 0);
    assert_eq!(stage.in_doubt(), [0; 0]);
    assert!(stage.decisions().iter().all(|&known| known != Some(Decision::Commit)));
}

#[test]
fn a_late_copy_of_the_begin_cannot_revive_a_transaction_that_timed_out() {
    // The stage is set: a copy of the begin is held up for a minute, and the second participant is never
    // asked, so that the coordinator waits in vain.
    let mut stage = stage(2);
    stage.sim.edit(Edit::duplicate("n1>n0#1", seconds(60)).of_kind("Prepared"));
    stage.sim.edit(Edit::drop("n0>n2#1").of_kind("Prepare"));
    stage.ask(stage.participants[0]);
    stage.sim.run_for(seconds(30));
    assert!(stage.all_know(Decision::Abort));

    // The coordinator remembers, crash or no crash, and does not ask anybody again.
    stage.sim.crash(stage.coordinator);
    stage.sim.restart(stage.coordinator);
    stage.sim.run();
    assert!(stage.sim.now() > Time::ZERO + seconds(60));
    assert!(stage.all_know(Decision::Abort));
    assert_eq!(stage.sent("Prepare"), 1);
}
