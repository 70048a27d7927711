//! The queue model: what each guarantee costs and buys, by hand; sweeps; what a durable broker keeps.

use netsplit::distribution::{constant, exponential};
use netsplit::fault::Edit;
use netsplit::metrics::Metrics;
use netsplit::model::{Model, Setup};
use netsplit::nemesis::{crashes, partitions, pauses, slow_links};
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::time::{Duration, Time};
use netsplit_models::queue::{
    Broker, Cluster, Confirm, Consumer, ConsumerOptions, Durability, Guarantee, LINE, Message, MessageId,
    Parameters, Producer, Queue, add_cluster, lost, nothing_is_processed_twice,
};
use std::collections::BTreeSet;

/// One producer, a message every ten milliseconds, each of which takes a consumer 100 ms. Messages travel for
/// one millisecond, and nobody repeats what he says for a long time.
fn slow(guarantee: Guarantee) -> Parameters {
    Parameters {
        producers: 1,
        arrivals: constant(milliseconds(10)),
        messages: 4,
        publish_timeout: seconds(20),
        consumers: 2,
        service: constant(milliseconds(100)),
        heartbeat_interval: seconds(5),
        guarantee,
        visibility_timeout: seconds(1),
        ..Parameters::default()
    }
}

fn stage(parameters: &Parameters) -> (Simulation<Message>, Cluster) {
    let mut sim = Simulation::new(7);
    sim.set_delay(milliseconds(1));
    let queue = add_cluster(&mut sim, parameters);
    (sim, queue)
}

fn id(queue: &Cluster, operation: u64) -> MessageId {
    MessageId { client: queue.producers[0].id(), operation }
}

/// How often each of the four messages has taken effect, at all consumers that are up.
fn times(sim: &Simulation<Message>, queue: &Cluster) -> [u64; 4] {
    let of = |id| sim.world().each::<Consumer>().map(|consumer| consumer.times_processed(id)).sum();
    [1, 2, 3, 4].map(|operation| of(id(queue, operation)))
}

// ---- A consumer crashes, or its acknowledgement is lost ----

#[test]
fn at_most_once_loses_what_a_crashed_consumer_held() {
    // The stage is set: each consumer serves one message, and the rest is in line.
    let (mut sim, queue) = stage(&slow(Guarantee::AtMostOnce));
    sim.run_for(milliseconds(50));
    let held: Vec<MessageId> = sim[queue.consumers[0]].in_hand().collect();
    assert_eq!((held.len(), sim[queue.broker].line().len()), (1, 2));

    sim.crash(queue.consumers[0]);
    sim.restart(queue.consumers[0]);
    sim.run_for(seconds(10));
    assert_eq!(lost(sim.world()).collect::<Vec<_>>(), held);
    assert_eq!(sim[queue.broker].dropped(), 1);
}

#[test]
fn at_least_once_delivers_what_a_crashed_consumer_held_again() {
    let (mut sim, queue) = stage(&slow(Guarantee::AtLeastOnce));
    sim.run_for(milliseconds(50));
    sim.crash(queue.consumers[0]);
    // Nobody tells the broker: it is the visibility time-out that does it, and the other consumer.
    sim.run_for(seconds(10));
    assert_eq!(times(&sim, &queue), [1; 4]);
    assert!(sim[queue.broker].repeated() > 0);
}

/// The first message a consumer sends is its subscription; the second is its first acknowledgement.
const FIRST_ACKNOWLEDGEMENT: &str = "n1>n0#2";

#[test]
fn at_least_once_processes_twice_when_an_acknowledgement_is_lost() {
    let (mut sim, queue) = stage(&slow(Guarantee::AtLeastOnce));
    sim.edit(Edit::drop(FIRST_ACKNOWLEDGEMENT).of_kind("Acknowledge"));
    sim.run_for(seconds(4));
    assert_eq!(times(&sim, &queue), [2, 1, 1, 1]);
    assert!(!nothing_is_processed_twice(sim.world()));
}

#[test]
fn exactly_once_is_delivered_twice_and_processed_once_when_an_acknowledgement_is_lost() {
    let (mut sim, queue) = stage(&slow(Guarantee::ExactlyOnce));
    sim.edit(Edit::drop(FIRST_ACKNOWLEDGEMENT).of_kind("Acknowledge"));
    sim.run_for(seconds(4));
    assert_eq!(times(&sim, &queue), [1; 4]);
    assert_eq!(sim[queue.consumers[0]].recognised(), 1);
    assert_eq!(sim[queue.broker].handed_out().len(), 0);
}

#[test]
fn exactly_once_knows_after_a_crash_what_it_has_processed() {
    let (mut sim, queue) = stage(&slow(Guarantee::ExactlyOnce));
    sim.edit(Edit::drop(FIRST_ACKNOWLEDGEMENT).of_kind("Acknowledge"));
    sim.run_until(|world| world[queue.consumers[0]].last_processed().is_some());
    sim.run_for(milliseconds(10));
    sim.crash(queue.consumers[0]);
    sim.restart(queue.consumers[0]);
    // The new session is enough for the broker to hand out at once what the old one had.
    sim.run_for(milliseconds(500));
    assert_eq!(times(&sim, &queue), [1; 4]);
    assert_eq!(sim[queue.consumers[0]].recognised(), 1);
}

#[test]
fn exactly_once_waits_for_the_consumer_that_may_have_processed_it() {
    let (mut sim, queue) = stage(&slow(Guarantee::ExactlyOnce));
    sim.run_for(milliseconds(50));
    let held: Vec<MessageId> = sim[queue.consumers[0]].in_hand().collect();
    sim.crash(queue.consumers[0]);
    sim.run_for(seconds(3600));
    assert_eq!(lost(sim.world()).collect::<Vec<_>>(), held);
    sim.restart(queue.consumers[0]);
    sim.run_for(seconds(1));
    assert_eq!(times(&sim, &queue), [1; 4]);
}

/// A time-out that is too short is worse than a few repetitions: what is acknowledged late is in line again,
/// at the front, and the rest never gets its turn.
#[test]
fn a_visibility_timeout_shorter_than_the_service_starves_the_line_unless_it_is_exactly_once() {
    let visibility_timeout = milliseconds(80);
    let (mut sim, queue) = stage(&Parameters { visibility_timeout, ..slow(Guarantee::AtLeastOnce) });
    sim.run_for(seconds(10));
    let [first, second, third, fourth] = times(&sim, &queue);
    assert!(first > 40 && second > 40, "{first} {second}");
    assert_eq!((third, fourth), (0, 0));

    let (mut sim, queue) = stage(&Parameters { visibility_timeout, ..slow(Guarantee::ExactlyOnce) });
    sim.run_for(seconds(10));
    assert_eq!(times(&sim, &queue), [1; 4]);
}

// ---- The broker crashes ----

#[test]
fn a_durable_broker_keeps_its_line_over_a_crash_and_a_volatile_one_loses_it() {
    for (durability, kept) in [(Durability::Durable, 4), (Durability::Volatile, 0)] {
        let (mut sim, queue) = stage(&Parameters { durability, ..slow(Guarantee::AtLeastOnce) });
        let metrics = sim.observe(Metrics::default());
        sim.run_for(milliseconds(50));
        let before = sim[queue.broker].line().len();
        let confirmed = sim[queue.producers[0]].confirmed().count();
        assert_eq!((before, confirmed), (2, 4));

        sim.crash(queue.broker);
        sim.restart(queue.broker);
        assert_eq!(sim[queue.broker].line().len(), kept);
        let line = sim.observer(metrics).gauges()[&(LINE, queue.broker.id())].last();
        assert_eq!(line, kept as u64, "it says so as soon as it is back");
        sim.run_for(seconds(10));
        // What consumers held when the broker crashed is processed in any case.
        assert_eq!(lost(sim.world()).count(), if kept == 0 { 2 } else { 0 }, "{durability:?}");
    }
}

/// The history that an incarnation is for.
#[test]
fn a_late_copy_of_a_publication_is_refused_by_a_broker_that_has_forgotten_it() {
    let parameters = Parameters { durability: Durability::Volatile, ..slow(Guarantee::AtMostOnce) };
    let (mut sim, queue) = stage(&parameters);
    sim.edit(Edit::duplicate("n3>n0#1", seconds(2)).of_kind("Publish"));
    sim.run_for(seconds(1));
    assert_eq!(times(&sim, &queue), [1; 4]);
    sim.crash(queue.broker);
    sim.restart(queue.broker);
    sim.run_for(seconds(20));
    assert_eq!(times(&sim, &queue), [1; 4]);
}

/// The history that a session is for.
#[test]
fn a_late_copy_of_a_delivery_is_refused_by_a_consumer_that_has_forgotten_it() {
    let (mut sim, queue) = stage(&slow(Guarantee::AtMostOnce));
    // The broker's first message to a consumer is a delivery.
    sim.edit(Edit::duplicate("n0>n1#1", seconds(2)).of_kind("Deliver"));
    sim.run_for(seconds(1));
    sim.crash(queue.consumers[0]);
    sim.restart(queue.consumers[0]);
    sim.run_for(seconds(20));
    assert_eq!(times(&sim, &queue), [1; 4]);
}

#[test]
fn a_message_that_is_published_again_is_one_message_only_exactly_once() {
    for (guarantee, copies) in [(Guarantee::AtLeastOnce, 2), (Guarantee::ExactlyOnce, 1)] {
        let publish_timeout = milliseconds(500);
        let (mut sim, queue) = stage(&Parameters { publish_timeout, ..slow(guarantee) });
        sim.edit(Edit::drop("n0>n3#1").of_kind("Confirmed"));
        sim.run_for(seconds(10));
        assert_eq!(times(&sim, &queue), [copies, 1, 1, 1], "{guarantee:?}");
        assert!(sim[queue.producers[0]].is_done());
    }
}

// ---- Capacity, prefetch, confirmation ----

#[test]
fn a_full_broker_rejects_and_the_producer_knows_that_it_failed() {
    let parameters = Parameters { capacity: 3, messages: 6, ..slow(Guarantee::AtLeastOnce) };
    let (mut sim, queue) = stage(&parameters);
    let metrics = sim.observe(Metrics::default());
    sim.run_for(seconds(10));
    let metrics = sim.observer(metrics);
    assert_eq!((metrics.count(Outcome::Ok), metrics.count(Outcome::Failed)), (3, 3));
    assert_eq!(sim.world().each::<Consumer>().flat_map(Consumer::processed).count(), 3);
    assert!(sim[queue.producers[0]].is_done());
}

/// How long a fast and a slow consumer together need for twenty messages.
fn time_of_two_consumers(prefetch: usize) -> Duration {
    let arrivals = constant(milliseconds(1));
    let visibility_timeout = seconds(1000);
    let parameters =
        Parameters { prefetch, messages: 20, arrivals, visibility_timeout, ..slow(Guarantee::AtLeastOnce) };
    let mut sim = Simulation::new(7);
    sim.set_delay(milliseconds(1));
    let broker = sim.add("broker", Broker::new(parameters.broker())).id();
    for service in [milliseconds(10), milliseconds(1000)] {
        let options = ConsumerOptions { service: constant(service), ..parameters.consumer() };
        sim.add("consumer", Consumer::new(broker, options));
    }
    sim.add("producer", Producer::new(broker, parameters.producer()));
    sim.run_until(|world| world.each::<Consumer>().flat_map(Consumer::processed).count() == 20);
    sim.now() - Time::ZERO
}

#[test]
fn with_a_large_prefetch_messages_wait_behind_a_slow_consumer_while_a_fast_one_is_idle() {
    let (one, ten) = (time_of_two_consumers(1), time_of_two_consumers(10));
    assert!(one < milliseconds(1100), "{one:?}");
    assert!(ten > seconds(9), "{ten:?}");
}

#[test]
fn a_prefetch_of_two_is_shared_out_fairly() {
    let (mut sim, queue) = stage(&Parameters { prefetch: 2, ..slow(Guarantee::AtLeastOnce) });
    sim.run_for(milliseconds(60));
    let held = queue.consumers.iter().map(|&consumer| sim[consumer].in_hand().count());
    assert_eq!(held.collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn a_confirmation_of_processing_comes_after_it() {
    let (mut sim, queue) = stage(&Parameters { confirm: Confirm::Processed, ..slow(Guarantee::ExactlyOnce) });
    sim.run_for(milliseconds(80));
    assert_eq!(sim[queue.producers[0]].confirmed().count(), 0);
    sim.run_for(seconds(1));
    assert_eq!(sim[queue.producers[0]].confirmed().count(), 4);
}

// ---- Sweeps ----

fn swept(guarantee: Guarantee, durability: Durability) -> Parameters {
    Parameters {
        arrivals: exponential(milliseconds(10)),
        messages: 8,
        publish_timeout: milliseconds(40),
        retries: 4,
        consumers: 2,
        service: exponential(milliseconds(5)),
        prefetch: 2,
        heartbeat_interval: milliseconds(20),
        guarantee,
        durability,
        visibility_timeout: milliseconds(40),
        ..Parameters::default()
    }
}

/// Some messages are lost, some are copied, and some copies come so late that the receiver has crashed since.
fn trouble(sim: &mut Simulation<Message>) {
    sim.set_delay(exponential(milliseconds(8)));
    sim.set_loss(0.05);
    sim.set_duplication(0.1);
}

/// A bad network and bad nodes, for 200 ms; messages are lost and duplicated after that, too.
fn sweep<'a>(guarantee: Guarantee, durability: Durability) -> netsplit::check::Check<'a, Message> {
    let parameters = swept(guarantee, durability);
    netsplit::check(move |seed| {
        let mut sim = Queue.simulation(&parameters, &Setup::default(), seed).expect("in range");
        trouble(&mut sim);
        sim
    })
    .seeds(0..1_000)
    .faults(
        crashes().and(crashes()).and(pauses()).and(partitions()).and(slow_links()).until(milliseconds(200)),
    )
    .within(seconds(20))
    .properties(Queue.properties())
    .eventually_after_heal("every producer is done", |world| world.each().all(Producer::is_done))
    .reachable("the broker is down and a consumer at work", |world| {
        world.each::<Broker>().next().is_none()
            && world.each::<Consumer>().any(|c| c.in_hand().next().is_some())
    })
}

/// Whether this holds of the broker, and it is up.
fn some_broker(holds: impl Fn(&Broker) -> bool) -> impl Fn(&World<Message>) -> bool {
    move |world| world.each::<Broker>().any(&holds)
}

#[test]
fn at_most_once_never_processes_twice_whatever_happens() {
    for durability in [Durability::Durable, Durability::Volatile] {
        sweep(Guarantee::AtMostOnce, durability)
            .reachable("a message is given up", some_broker(|broker| broker.dropped() > 0))
            .run();
    }
}

#[test]
fn at_least_once_processes_every_confirmed_message_whatever_happens() {
    sweep(Guarantee::AtLeastOnce, Durability::Durable)
        .reachable("a message is handed out again", some_broker(|broker| broker.repeated() > 0))
        .reachable("a message is processed twice", |world| !nothing_is_processed_twice(world))
        .run();
}

#[test]
fn a_volatile_broker_loses_confirmed_messages_under_the_same_faults() {
    let finished = |world: &World<Message>| {
        let consumers_are_idle = world.each::<Consumer>().all(|consumer| consumer.in_hand().next().is_none());
        let broker_is_empty = world.each::<Broker>().all(|b| b.line().len() + b.handed_out().len() == 0);
        world.each().all(Producer::is_done) && consumers_are_idle && broker_is_empty
    };
    let all_are_up = |world: &World<Message>| world.ids().all(|id| world.is_up(id));
    sweep(Guarantee::AtLeastOnce, Durability::Volatile)
        .reachable("a confirmed message is nowhere", move |world| {
            all_are_up(world) && finished(world) && lost(world).next().is_some()
        })
        .run();
}

#[test]
fn exactly_once_processes_every_confirmed_message_once_whatever_happens() {
    sweep(Guarantee::ExactlyOnce, Durability::Durable)
        .reachable("a message is handed out again", some_broker(|broker| broker.repeated() > 0))
        .reachable("a repetition is recognised", |world| {
            world.each::<Consumer>().any(|consumer| consumer.recognised() > 0)
        })
        .run();
}

/// Exactly once takes all three. A producer that does not keep its numbers when it repeats, or a consumer that
/// does not read them from its log at a restart, is as good as none of them.
#[test]
fn a_sweep_catches_a_part_that_forgets_its_numbers() {
    let caught = |producers: Guarantee, consumers: Guarantee| {
        let report = netsplit::check(move |seed| {
            let of = |guarantee| swept(guarantee, Durability::Durable);
            let mut sim = Simulation::new(seed);
            trouble(&mut sim);
            let broker = sim.add("broker", Broker::new(of(Guarantee::ExactlyOnce).broker())).id();
            sim.add_group("consumer", 2, |_, _| Consumer::new(broker, of(consumers).consumer()));
            sim.add_clients("producer", 2, |_, _| Producer::new(broker, of(producers).producer()));
            sim
        })
        .seeds(0..100)
        .faults(crashes().until(milliseconds(200)))
        .always("no message is processed twice", nothing_is_processed_twice)
        .report();
        report.violation.map(|violation| violation.property)
    };
    let twice = Some("no message is processed twice".to_string());
    assert_eq!(caught(Guarantee::ExactlyOnce, Guarantee::ExactlyOnce), None);
    assert_eq!(caught(Guarantee::AtLeastOnce, Guarantee::ExactlyOnce), twice);
    assert_eq!(caught(Guarantee::ExactlyOnce, Guarantee::AtLeastOnce), twice);
}

/// A state is everybody's process value, timers and storage, what waits for a sync, and the multiset of messages
/// in flight. The actions are: a message arrives, a sync ends, a timer fires (at most four times in a run), a
/// node crashes with any number of its unsynced writes kept (at most once) and restarts.
#[test]
fn exactly_once_holds_in_every_order_of_events() {
    let explored = netsplit::explore(|seed| {
        let parameters = Parameters {
            messages: 1,
            consumers: 1,
            producers: 1,
            ..swept(Guarantee::ExactlyOnce, Durability::Durable)
        };
        Queue.simulation(&parameters, &Setup::default(), seed).expect("in range")
    })
    .timers(4)
    .crashes(1)
    .always("no message is processed twice", nothing_is_processed_twice)
    .reachable("a repetition is recognised", |world| world.each::<Consumer>().any(|c| c.recognised() > 0))
    .run();
    explored.assert_holds();
    assert_eq!((explored.distinct, explored.depth), (16_707, 21));
}

// ---- The model ----

#[test]
fn the_default_run_of_seed_1_is_pinned_and_another_seed_differs() {
    let digest = |seed| {
        let mut sim = Queue
            .simulation(&Parameters::default(), &Setup::default(), seed)
            .expect("the defaults are in range");
        let digest = sim.observe_digest();
        sim.run_for(seconds(5));
        sim.observer(digest).to_string()
    };
    assert_eq!(digest(1), "14ca4478834bcbdef395a42824be3552");
    assert_ne!(digest(1), digest(2));
}

#[test]
fn a_parameter_out_of_range_is_refused_with_its_name_and_the_range() {
    let refused = |parameters: Parameters| {
        Queue.simulation(&parameters, &Setup::default(), 1).map(|_| ()).expect_err("it is out of range")
    };
    let parameters = Parameters::default;
    assert!(refused(Parameters { consumers: 0, ..parameters() }).contains("consumers is 0: expected 1"));
    assert!(refused(Parameters { producers: 0, ..parameters() }).contains("producers is 0: expected 1"));
    assert!(refused(Parameters { prefetch: 0, ..parameters() }).contains("prefetch is 0"));
    let instant = Parameters { visibility_timeout: Duration::ZERO, ..parameters() };
    assert!(refused(instant).contains("visibility_timeout is zero"));
    let forgetful =
        Parameters { guarantee: Guarantee::ExactlyOnce, durability: Durability::Volatile, ..parameters() };
    assert!(refused(forgetful).contains("expected durability = \"durable\""));
    let help: BTreeSet<&str> = Queue.help().iter().map(|(name, _)| *name).collect();
    assert_eq!(help.len(), Queue.help().len());
}
