//! The consistent and the available store: what each gives up under a partition, sweeps, and broken variants.

use netsplit::client::{
    Arrivals, ClientOptions, KeyValueOperation, KeyValueOptions, KeyValueResponse, Keys, RequestId,
};
use netsplit::clock::Offset;
use netsplit::explorer::{Explored, Verdict};
use netsplit::fault::Edit;
use netsplit::metrics::Metrics;
use netsplit::model::{Model, Setup};
use netsplit::nemesis;
use netsplit::network::{Link, Probability};
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::staleness::Staleness;
use netsplit::time::Duration;
use netsplit_models::key_value;
use netsplit_models::multi_paxos::{self, MultiPaxos};
use netsplit_models::store::{
    Abd, AbdParameters, AfterRead, Dynamo, DynamoParameters, Message, Numbers, Options, Replica, Requests,
    add_replicas, converged,
};

// ---- By hand ----

/// A store whose clients are played by hand.
struct Store {
    sim: Simulation<Message>,
    replicas: Vec<NodeId>,
    operations: u64,
}

fn majorities(replicas: usize) -> Options {
    AbdParameters { replicas, ..AbdParameters::default() }.options()
}

fn quorums(replicas: usize, read_quorum: usize, write_quorum: usize) -> Options {
    let parameters = DynamoParameters { replicas, read_quorum, write_quorum, ..DynamoParameters::default() };
    parameters.options()
}

impl Store {
    fn new(replicas: usize, options: &Options) -> Store {
        let mut sim = Simulation::new(1);
        sim.set_delay(milliseconds(1));
        let replicas = add_replicas(&mut sim, replicas, options);
        Store { sim, replicas, operations: 0 }
    }

    /// Asks a replica under a client of its own, and returns what it answers within a second.
    fn ask(
        &mut self,
        replica: usize,
        operation: impl FnOnce(RequestId) -> KeyValueOperation,
    ) -> Option<Message> {
        let client = self.sim.add_client("client");
        self.operations += 1;
        let id = RequestId { client: client.id(), operation: self.operations };
        self.sim.send(client, self.replicas[replica], Message::Request { id, operation: operation(id) });
        self.sim.run_for(seconds(1));
        self.sim.received(client).first().cloned()
    }

    /// Writes through a replica; what was written, if that was acknowledged.
    fn write(&mut self, replica: usize) -> Option<RequestId> {
        match self.ask(replica, |id| KeyValueOperation::Write { key: 0, value: id })? {
            Message::Done { id, response: KeyValueResponse::Written } => Some(id),
            other => panic!("{other:?}"),
        }
    }

    /// Reads through a replica; none if nobody answers.
    fn read(&mut self, replica: usize) -> Option<Option<RequestId>> {
        match self.ask(replica, |_| KeyValueOperation::Read { key: 0 })? {
            Message::Done { response: KeyValueResponse::Read(value), .. } => Some(value),
            other => panic!("{other:?}"),
        }
    }

    fn stored(&self, replica: usize) -> Option<RequestId> {
        let replica: &Replica = self.sim.world().get(self.replicas[replica]).expect("it is up");
        replica.stored(0).map(|numbered| numbered.value)
    }
}

/// Gilbert and Lynch, 2002: two replicas, a partition between them, a write on one side and then a read on the
/// other. What is acknowledged, and what the read returns, as the number of the write.
fn gilbert_and_lynch(options: &Options) -> (bool, Option<u64>) {
    let mut store = Store::new(2, options);
    let old = store.write(0).expect("there is no partition yet");
    assert_eq!(store.read(1), Some(Some(old)));
    store.sim.partition(store.replicas[0], store.replicas[1]);
    let new = store.write(0);
    let read = store.read(1).map(|value| value.expect("something was written before").operation);
    assert!(new.is_none_or(|new| new.operation > old.operation));
    (new.is_some(), read)
}

#[test]
fn an_available_store_answers_across_a_partition_with_the_old_value() {
    assert_eq!(gilbert_and_lynch(&quorums(2, 1, 1)), (true, Some(1)));
}

#[test]
fn a_store_whose_quorums_intersect_does_not_answer_across_a_partition() {
    assert_eq!(gilbert_and_lynch(&quorums(2, 2, 1)), (true, None), "every read waits for both");
    assert_eq!(gilbert_and_lynch(&quorums(2, 1, 2)), (false, Some(1)), "every write waits for both");
    assert_eq!(gilbert_and_lynch(&majorities(2)), (false, None));
}

#[test]
fn a_majority_side_goes_on_and_the_minority_side_stands_still() {
    let mut store = Store::new(3, &majorities(3));
    store.sim.isolate(store.replicas[0]);
    let written = store.write(1);
    assert!(written.is_some());
    assert_eq!(store.read(2), Some(written));
    assert_eq!(store.read(0), None);
    store.sim.heal();
    assert_eq!(store.read(0), Some(written));
}

#[test]
fn read_repair_brings_a_replica_that_missed_a_write_up_to_date() {
    let mut store = Store::new(3, &quorums(3, 1, 1));
    store.sim.isolate(store.replicas[2]);
    let written = store.write(0);
    store.sim.heal();
    assert_eq!(store.stored(2), None);
    assert_eq!(store.read(2), Some(None), "it answers with what it has");
    assert_eq!(store.stored(2), written, "and then hears from the others");
    assert!(converged(store.sim.world()));
}

#[test]
fn of_two_writes_on_both_sides_of_a_partition_the_last_one_wins() {
    let mut store = Store::new(2, &quorums(2, 1, 1));
    store.sim.partition(store.replicas[0], store.replicas[1]);
    let (first, last) = (store.write(1), store.write(0));
    store.sim.heal();
    assert_eq!(store.read(1), Some(first));
    assert_eq!((store.read(0), store.read(1)), (Some(last), Some(last)));
}

/// A write of 1 has reached one replica of three. A read that meets it returns 1; the next one does not meet it.
fn two_reads_during_a_write(after_read: AfterRead) -> (Option<RequestId>, Option<RequestId>) {
    let mut store = Store::new(3, &Options { after_read, resend_interval: seconds(3600), ..majorities(3) });
    // The writer reaches a majority for its number, and for its value only itself.
    store.sim.edit(Edit::drop("n0>n1#2"));
    store.sim.edit(Edit::drop("n0>n2#2"));
    let client = store.sim.add_client("writer");
    let id = RequestId { client: client.id(), operation: 100 };
    let operation = KeyValueOperation::Write { key: 0, value: id };
    store.sim.send(client, store.replicas[0], Message::Request { id, operation });
    store.sim.run_for(milliseconds(10));
    assert_eq!((store.stored(0), store.stored(1), store.stored(2)), (Some(id), None, None));
    // Then its coordinator falls silent but for one answer.
    store.sim.isolate((store.replicas[0], store.replicas[1]));
    let first = store.read(1).expect("two of three answer");
    store.sim.heal();
    store.sim.isolate(store.replicas[0]);
    (first, store.read(2).expect("two of three answer"))
}

#[test]
fn a_read_that_writes_back_keeps_the_next_one_from_seeing_what_was_before() {
    let (first, second) = two_reads_during_a_write(AfterRead::WriteBack);
    assert!(first.is_some());
    assert_eq!(first, second);
}

#[test]
fn without_write_back_a_majority_register_goes_back_in_time() {
    let (first, second) = two_reads_during_a_write(AfterRead::Nothing);
    assert!(first.is_some());
    assert_eq!(second, None);
}

#[test]
fn what_was_acknowledged_survives_a_crash_of_all_replicas() {
    let mut store = Store::new(3, &majorities(3));
    let written = store.write(0);
    let replicas = store.replicas.clone();
    store.sim.crash(&replicas);
    store.sim.restart(&replicas);
    assert_eq!(store.read(2), Some(written));

    let mut volatile = Store::new(3, &Options { durable: false, ..majorities(3) });
    volatile.write(0).expect("all are up");
    volatile.sim.crash(&replicas);
    volatile.sim.restart(&replicas);
    assert_eq!(volatile.read(2), Some(None), "unless it is only in memory");
}

#[test]
fn a_copy_of_a_request_is_not_a_second_write() {
    let mut store = Store::new(3, &majorities(3));
    store.sim.edit(Edit::duplicate("n3>n0#1", milliseconds(400)));
    let first = store.write(0);
    assert!(first.is_some());
    let number =
        |store: &Store| store.sim.world().get::<Replica>(store.replicas[0]).unwrap().stored(0).unwrap();
    assert_eq!(number(&store).number, 1);
    let second = store.write(1);
    assert_eq!((number(&store).number, Some(number(&store).value)), (2, second));
}

#[test]
fn what_is_lost_is_asked_for_again() {
    let answered = |resend_interval: Duration| {
        let mut store = Store::new(3, &Options { resend_interval, ..majorities(3) });
        let loss_probability = Probability::try_from(0.4).expect("a probability");
        let link = Link { delay: milliseconds(1).into(), loss_probability, ..Link::default() };
        let replicas = store.replicas.clone();
        store.sim.set_links(&replicas, &replicas, &link);
        (0..50).filter(|_| store.read(0).is_some()).count()
    };
    // Either of two others answers with 0.59 at once, in each of two phases.
    assert!(answered(seconds(3600)) < 27);
    assert!(answered(milliseconds(20)) > 45);
}

/// It would use its numbers again.
#[test]
fn a_client_that_crashes_invokes_nothing_more() {
    let mut sim = Abd.simulation(&AbdParameters::default(), &Setup::default(), 1).expect("the defaults");
    let (metrics, staleness) = (sim.observe(Metrics::default()), sim.observe(Staleness::default()));
    let client = sim.world().role("client").next().expect("there are clients");
    sim.run_for(seconds(1));
    let by = |sim: &Simulation<Message>| {
        sim.observer(metrics).operations().iter().filter(|operation| operation.client == client).count()
    };
    let before = by(&sim);
    sim.crash(client);
    sim.run_for(seconds(1));
    sim.restart(client);
    sim.run_for(seconds(1));
    assert_eq!((before > 0, by(&sim)), (true, before));
    assert_eq!(sim.observer(staleness).stale_share(), Some(0.0));
}

// ---- Three stores, one partition ----

/// The same clients, workload and faults for any store.
fn compare<M: Model>(store: &M, parameters: &M::Parameters) -> (f64, f64, f64) {
    let setup = Setup::default();
    let mut sim = store.simulation(parameters, &setup, 1).expect("the parameters are in range");
    sim.detach_all();
    let (metrics, staleness) = (sim.observe(Metrics::default()), sim.observe(Staleness::default()));
    let nodes: Vec<NodeId> = sim.world().ids().collect();
    // Replicas 0 and 1 with their clients against all others.
    let (minority, majority): (Vec<NodeId>, Vec<NodeId>) =
        nodes.into_iter().partition(|node| node.index() % 5 < 2);
    sim.run_for(seconds(10));
    sim.partition(&minority, &majority);
    sim.run_for(seconds(20));
    sim.heal();
    sim.run_for(seconds(10));
    let metrics = sim.observer(metrics);
    let share = |in_minority: bool| {
        let during = |time: netsplit::time::Time| (12..28).contains(&(time.as_nanoseconds() / 1_000_000_000));
        let side = |client: NodeId| minority.contains(&client) == in_minority;
        let asked = metrics.operations().iter().filter(|op| during(op.invoked) && side(op.client));
        let answered =
            asked.clone().filter(|op| op.responded.is_some_and(|(_, became)| became == Outcome::Ok));
        answered.count() as f64 / asked.count() as f64
    };
    (share(true), share(false), sim.observer(staleness).stale_share().expect("there were reads"))
}

fn clients() -> ClientOptions {
    let arrivals = Arrivals::Open(netsplit::distribution::exponential(milliseconds(100)));
    ClientOptions { arrivals, ..ClientOptions::default() }
}

#[test]
fn under_a_partition_a_store_answers_on_both_sides_or_returns_no_old_value() {
    let abd = AbdParameters { replicas: 5, clients: 5, client: clients(), ..AbdParameters::default() };
    let (minority, majority, stale) = compare(&Abd, &abd);
    assert_eq!((minority, majority, stale), (0.0, 1.0, 0.0));

    let client = clients();
    let paxos = multi_paxos::Parameters { replicas: 5, clients: 5, client, ..Default::default() };
    let (minority, majority, stale) = compare(&MultiPaxos, &paxos);
    assert_eq!((minority, stale), (0.0, 0.0));
    assert!(majority > 0.95, "{majority}: once a new leader is found, all are served");

    let dynamo = DynamoParameters { replicas: 5, clients: 5, client: clients(), ..Default::default() };
    let (minority, majority, stale) = compare(&Dynamo, &dynamo);
    assert_eq!((minority, majority), (1.0, 1.0));
    assert!(stale > 0.1, "{stale}");
}

// ---- Sweeps ----

/// A few operations on two keys, so that they meet.
fn busy() -> (ClientOptions, KeyValueOptions) {
    let client = ClientOptions {
        arrivals: Arrivals::Closed(milliseconds(50).into()),
        timeout: milliseconds(200),
        ..ClientOptions::default()
    };
    (client, KeyValueOptions { keys: Keys::Uniform(2), ..KeyValueOptions::default() })
}

fn everything() -> nemesis::Nemesis {
    let links = nemesis::partitions().and(nemesis::flapping()).and(nemesis::slow_links());
    let nodes = nemesis::crashes().and(nemesis::pauses()).and(nemesis::clock_drifts());
    links.and(nodes).until(seconds(2))
}

fn lossy<M: Model>(model: &M, parameters: &M::Parameters, seed: u64) -> Simulation<M::Message> {
    let mut sim = model.simulation(parameters, &Setup::default(), seed).expect("the parameters are in range");
    sim.set_loss(0.05);
    sim.set_duplication(0.05);
    sim
}

fn abd() -> AbdParameters {
    let (client, workload) = busy();
    AbdParameters { client, workload, ..AbdParameters::default() }
}

fn dynamo(quorum: usize) -> DynamoParameters {
    let (client, workload) = busy();
    DynamoParameters { client, workload, write_quorum: quorum, read_quorum: quorum, ..Default::default() }
}

#[test]
fn the_consistent_store_keeps_its_word_under_every_fault_and_serves_its_clients_when_they_are_over() {
    netsplit::check(|seed| lossy(&Abd, &abd(), seed))
        .seeds(0..1_000)
        .faults(everything())
        .properties(Abd.properties())
        .run();
}

#[test]
fn the_available_store_keeps_its_word_under_every_fault_and_converges_when_they_are_over() {
    for quorum in [1, 2] {
        netsplit::check(move |seed| lossy(&Dynamo, &dynamo(quorum), seed))
            .seeds(0..500)
            .faults(everything().and(nemesis::clock_jumps()))
            .properties(Dynamo.properties())
            .run();
    }
}

#[test]
fn a_register_that_does_not_write_back_is_caught() {
    let broken = AbdParameters { write_back: false, ..abd() };
    let report = netsplit::check(|seed| lossy(&Abd, &broken, seed))
        .seeds(0..100)
        .faults(everything())
        .properties(Abd.properties())
        .report();
    let violation = report.violation.expect("it is broken");
    assert_eq!(violation.property, "a majority has what a client has read");
}

/// As [`Numbers::Quorum`] is not: a clock that is behind gives a write a number that is lost at once.
#[test]
fn a_register_that_numbers_its_writes_by_clocks_has_stale_reads() {
    let stale = |numbers: Numbers| -> usize {
        let run = |seed| {
            let mut sim = Simulation::new(seed);
            let replicas = add_replicas(&mut sim, 3, &Options { numbers, ..majorities(3) });
            let (client, workload) = busy();
            key_value::add_clients(&mut sim, &Requests, &replicas, 3, &client, &workload);
            sim.detach_all();
            let staleness = sim.observe(Staleness::default());
            sim.jump_clock(replicas[0], Offset::behind(seconds(1)));
            sim.run_for(seconds(3));
            sim.observer(staleness).reads().iter().filter(|read| read.stale.is_some()).count()
        };
        (0..10).map(run).sum()
    };
    assert_eq!(stale(Numbers::Quorum), 0);
    assert!(stale(Numbers::Clock) > 100);
}

#[test]
fn replicas_that_forget_are_caught() {
    let broken = DynamoParameters { durable: false, ..dynamo(2) };
    let report = netsplit::check(|seed| lossy(&Dynamo, &broken, seed))
        .seeds(0..100)
        .faults(everything())
        .properties(Dynamo.properties())
        .report();
    let violation = report.violation.expect("it is broken");
    assert_eq!(violation.property, "W replicas have what a client was told is written");
}

#[test]
fn the_consistent_store_has_no_stale_read_through_crash_and_partition_and_the_available_one_has() {
    fn stale<M: Model>(model: &M, parameters: &M::Parameters) -> usize {
        (0..30)
            .map(|seed| {
                let mut sim = lossy(model, parameters, seed);
                sim.detach_all();
                let staleness = sim.observe(Staleness::default());
                let replicas: Vec<NodeId> = sim.world().role("replica").collect();
                sim.run_for(seconds(1));
                sim.crash(replicas[1]);
                sim.run_for(seconds(1));
                sim.restart(replicas[1]);
                sim.partition(replicas[0], &replicas[1..]);
                sim.run_for(seconds(1));
                sim.heal();
                sim.run_for(seconds(1));
                sim.observer(staleness).reads().iter().filter(|read| read.stale.is_some()).count()
            })
            .sum()
    }
    assert_eq!(stale(&Abd, &abd()), 0);
    let dynamo = stale(&Dynamo, &dynamo(1));
    assert!(dynamo > 50, "{dynamo}");
}

// ---- Every order of events ----

#[test]
fn in_every_order_of_events_a_majority_has_what_was_written_and_read() {
    fn search(write_back: bool) -> Explored {
        netsplit::explore(move |seed| {
            let options = AbdParameters { write_back, ..AbdParameters::default() }.options();
            let mut sim = Simulation::new(seed);
            let replicas = add_replicas(&mut sim, 3, &Options { durable: false, ..options });
            let client = sim.add_client("client");
            let id = |operation| RequestId { client: client.id(), operation };
            let write = KeyValueOperation::Write { key: 0, value: id(1) };
            sim.send(client, replicas[0], Message::Request { id: id(1), operation: write });
            let read = KeyValueOperation::Read { key: 0 };
            sim.send(client, replicas[1], Message::Request { id: id(2), operation: read });
            sim
        })
        .timers(0)
        .properties(Abd.properties().into_iter().filter(|property| property.name.starts_with("a majority")))
        .run()
    }
    let explored = search(true);
    explored.assert_holds();
    assert_eq!((explored.distinct, explored.depth), (12_721, 21));
    let Verdict::Violated(path) = search(false).verdict else { panic!("a read of a minority's value") };
    assert_eq!(path.property, "a majority has what a client has read");
    assert_eq!(path.steps.len(), 6, "{path}");
}

// ---- The models ----

fn digest<M: Model>(model: &M, seed: u64) -> String {
    let mut sim = model.simulation(&M::Parameters::default(), &Setup::default(), seed).expect("the defaults");
    let digest = sim.observe_digest();
    sim.run_for(seconds(5));
    sim.observer(digest).to_string()
}

#[test]
fn the_default_runs_of_seed_1_are_pinned_and_another_seed_differs() {
    assert_eq!(digest(&Abd, 1), "5bd4cdaf833ff8023cf458fb8d4246a2");
    assert_eq!(digest(&Dynamo, 1), "d41bfdb7a04493a27184c0e7a1b9c973");
    assert_ne!(digest(&Abd, 1), digest(&Abd, 2));
}

#[test]
fn a_parameter_out_of_range_is_refused_with_its_name_and_the_range() {
    fn refused<M: Model>(model: &M, parameters: M::Parameters) -> String {
        model.simulation(&parameters, &Setup::default(), 1).map(|_| ()).expect_err("it is out of range")
    }
    let parameters = DynamoParameters::default;
    for (parameters, problem) in [
        (DynamoParameters { replicas: 0, ..parameters() }, "replicas is 0: expected 1 to 1000"),
        (DynamoParameters { read_quorum: 4, ..parameters() }, "read_quorum is 4: expected 1 to 3"),
        (DynamoParameters { write_quorum: 0, ..parameters() }, "write_quorum is 0: expected 1 to 3"),
        (DynamoParameters { clients: 0, ..parameters() }, "clients is 0: expected 1 to 1000"),
        (DynamoParameters { resend_interval: seconds(0), ..parameters() }, "resend_interval is zero"),
    ] {
        assert!(refused(&Dynamo, parameters).starts_with(problem), "{problem}");
    }
    let twice = ClientOptions { attempts: 2, ..ClientOptions::default() };
    let twice = AbdParameters { client: twice, ..AbdParameters::default() };
    assert!(refused(&Abd, twice).starts_with("client.attempts is 2: expected 1"));
    let workload = KeyValueOptions { keys: Keys::Uniform(0), ..KeyValueOptions::default() };
    let no_keys = AbdParameters { workload, ..AbdParameters::default() };
    assert!(refused(&Abd, no_keys).starts_with("workload.keys: 0 of them"));
}
