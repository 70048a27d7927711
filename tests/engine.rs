//! Timers, storage, pauses and edits: the meaning of a run, one rule at a time.

use netsplit::fault::{Edit, Fault};
use netsplit::links::Links;
use netsplit::metrics::Metrics;
use netsplit::prelude::*;
use netsplit::record::{DropReason, Observer, Record, What};
use netsplit::time::Time;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Hash, PartialEq)]
enum Message {
    Set(u8, u64),
    Cancel(u8),
    Store(u32),
    Stored(u32),
    StoreCarelessly(u32),
}

/// Sets timers and stores numbers when it is told to.
#[derive(Clone, Debug, Hash, Default)]
struct Node {
    fired: Vec<(u8, Time)>,
    restored: Vec<u32>,
    torn: usize,
}

impl Process for Node {
    type Message = Message;
    type Timer = u8;

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Set(timer, after) => ctx.set_timer(timer, milliseconds(after)),
            Message::Cancel(timer) => ctx.cancel_timer(&timer),
            Message::Store(number) => {
                ctx.append(&number);
                ctx.sync();
                ctx.send(from, Message::Stored(number));
            }
            Message::StoreCarelessly(number) => {
                ctx.append(&number);
                ctx.send(from, Message::Stored(number));
                ctx.sync();
            }
            Message::Stored(_) => {}
        }
    }

    fn on_timer(&mut self, timer: u8, ctx: &mut Context<Self>) {
        self.fired.push((timer, ctx.now()));
    }

    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        for entry in ctx.log() {
            match entry {
                Ok(number) => self.restored.push(number),
                Err(_) => self.torn += 1,
            }
        }
    }
}

type Client = netsplit::node::Handle<netsplit::simulation::Mailbox<Message>>;
type Server = netsplit::node::Handle<Node>;

/// One node and one client, without delay.
fn stage(seed: u64) -> (Simulation<Message>, Server, Client) {
    let mut sim = Simulation::new(seed);
    sim.set_delay(milliseconds(0));
    let node = sim.add("node", Node::default());
    let client = sim.add_client("client");
    (sim, node, client)
}

fn at(milliseconds: u64) -> Time {
    Time::from_nanoseconds(milliseconds * 1_000_000)
}

#[test]
fn a_timer_that_is_set_again_replaces_the_equal_one_and_another_value_is_another_timer() {
    let (mut sim, node, client) = stage(1);
    sim.send(client, node, Message::Set(1, 10));
    sim.send(client, node, Message::Set(2, 15));
    sim.send(client, node, Message::Set(1, 20));
    sim.run();
    assert_eq!(sim[node].fired, [(2, at(15)), (1, at(20))]);
}

#[test]
fn a_cancelled_timer_does_not_fire_and_does_not_hold_up_the_end() {
    let (mut sim, node, client) = stage(1);
    sim.send(client, node, Message::Set(1, 10_000));
    sim.send(client, node, Message::Cancel(1));
    sim.run();
    assert!(sim[node].fired.is_empty());
    assert_eq!(sim.now(), at(0));
}

#[test]
fn a_crash_cancels_timers() {
    let (mut sim, node, client) = stage(1);
    sim.send(client, node, Message::Set(1, 10));
    sim.run_for(milliseconds(5));
    sim.crash(node);
    sim.restart(node);
    sim.run();
    assert!(sim[node].fired.is_empty());
}

#[test]
fn overdue_timers_fire_in_order_at_resume_among_what_else_has_waited() {
    let (mut sim, node, client) = stage(1);
    sim.send(client, node, Message::Set(1, 10));
    sim.send(client, node, Message::Set(2, 30));
    sim.run_for(milliseconds(1));
    sim.pause(node);
    sim.run_for(milliseconds(19));
    sim.send(client, node, Message::Cancel(2));
    sim.run_for(milliseconds(80));
    assert!(sim[node].fired.is_empty());

    sim.resume(node);
    sim.run();
    assert_eq!(sim[node].fired, [(1, at(100))], "the cancellation came before timer 2 was due");
}

#[test]
fn an_overdue_timer_that_is_set_again_fires_once_at_its_new_time() {
    let (mut sim, node, client) = stage(1);
    sim.send(client, node, Message::Set(1, 10));
    sim.run_for(milliseconds(1));
    sim.pause(node);
    sim.send(client, node, Message::Set(1, 50));
    sim.run_for(milliseconds(99));
    sim.resume(node);
    sim.run();
    assert_eq!(sim[node].fired, [(1, at(150))]);
}

#[test]
fn a_sync_holds_back_what_follows_it_and_the_node() {
    let (mut sim, node, client) = stage(1);
    sim.set_sync_latency(milliseconds(10));
    sim.send(client, node, Message::Store(1));
    sim.send(client, node, Message::Store(2));
    sim.run_for(milliseconds(9));
    assert!(sim.received(client).is_empty());
    sim.run_for(milliseconds(1));
    assert_eq!(sim.received(client), [Message::Stored(1)]);
    sim.run();
    assert_eq!(sim.received(client), [Message::Stored(1), Message::Stored(2)]);
    assert_eq!(sim.now(), at(20));
}

#[test]
fn a_sync_that_ends_while_the_node_is_paused_lets_nothing_out_until_it_goes_on() {
    let (mut sim, node, client) = stage(1);
    sim.set_sync_latency(milliseconds(10));
    sim.send(client, node, Message::Store(1));
    sim.run_for(milliseconds(5));
    sim.send(client, node, Message::Store(2));
    sim.pause(node);
    sim.run_for(milliseconds(95));
    assert!(sim.received(client).is_empty());
    sim.resume(node);
    sim.run();
    assert_eq!(sim.received(client), [Message::Stored(1), Message::Stored(2)]);
}

/// Stores 1 and lets it become durable, then writes 2 and crashes before its sync is complete.
fn crash_during_a_sync(seed: u64, second: fn(u32) -> Message) -> (Vec<u32>, usize, usize) {
    let (mut sim, node, client) = stage(seed);
    sim.set_sync_latency(milliseconds(10));
    sim.send(client, node, Message::Store(1));
    sim.run();
    sim.send(client, node, second(2));
    sim.run_for(milliseconds(5));
    sim.crash(node);
    sim.restart(node);
    sim.run();
    (sim[node].restored.clone(), sim[node].torn, sim.received(client).len())
}

#[test]
fn a_crash_before_the_sync_is_complete_may_lose_or_tear_the_write_and_nobody_was_told() {
    let mut seen: BTreeMap<(Vec<u32>, usize), u32> = BTreeMap::new();
    for seed in 0..200 {
        let (restored, torn, answers) = crash_during_a_sync(seed, Message::Store);
        assert_eq!(answers, 1, "the answer to the second write was held back");
        *seen.entry((restored, torn)).or_default() += 1;
    }
    let outcomes: Vec<_> = seen.keys().cloned().collect();
    assert_eq!(outcomes, [(vec![1], 0), (vec![1], 1), (vec![1, 2], 0)], "lost, torn, kept");
    assert!(seen.values().all(|count| *count > 20), "{seen:?}");
}

#[test]
fn sending_before_the_sync_is_a_bug_that_can_be_written_and_found() {
    let told_and_lost = |seed| {
        let (restored, _, answers) = crash_during_a_sync(seed, Message::StoreCarelessly);
        answers == 2 && restored == [1]
    };
    assert!((0..20).any(told_and_lost));
}

/// Every arrival and its time, by message.
#[derive(Default)]
struct Arrivals(BTreeMap<String, Time>, Vec<DropReason>);

impl Observer<Message> for Arrivals {
    fn observe(&mut self, record: Record<'_, Message>) {
        match record.what {
            What::Delivered { address, .. } => {
                self.0.insert(address.to_string(), record.time);
            }
            What::Dropped { reason, .. } => self.1.push(reason),
            _ => {}
        }
    }
}

/// A hundred messages each way over a bad network.
fn arrivals(edit: Option<Edit>) -> (Arrivals, usize) {
    let mut sim = Simulation::new(3);
    let node = sim.add("node", Node::default());
    let client = sim.add_client("client");
    sim.set_loss(0.1);
    sim.set_duplication(0.1);
    sim.set_sync_latency(milliseconds(0));
    edit.into_iter().for_each(|edit| sim.edit(edit));
    let seen = sim.observe(Arrivals::default());
    for number in 0..100 {
        sim.send(client, node, Message::Store(number));
    }
    sim.run();
    let inert = sim.inert_edits().count();
    let Arrivals(arrived, dropped) = sim.observer(seen);
    (Arrivals(arrived.clone(), dropped.clone()), inert)
}

#[test]
fn an_edit_that_loses_one_message_leaves_the_numbers_of_all_others_unchanged() {
    let (before, _) = arrivals(None);
    let (mut after, inert) = arrivals(Some(Edit::drop("n1>n0#4").of_kind("Store")));
    assert_eq!(inert, 0);
    assert_eq!(after.1.iter().filter(|reason| **reason == DropReason::Edit).count(), 1);
    let lost = before.0["n1>n0#4"];
    assert!(!after.0.contains_key("n1>n0#4"));
    after.0.insert("n1>n0#4".to_string(), lost);
    // The requests arrive as they did. (The answers are numbered by when they are sent.)
    let requests = |arrivals: &Arrivals| {
        let to_node = arrivals.0.iter().filter(|(name, _)| name.starts_with("n1>n0"));
        to_node.map(|(name, time)| (name.clone(), *time)).collect::<Vec<_>>()
    };
    assert_eq!(requests(&before), requests(&after));
}

#[test]
fn an_edit_of_another_kind_or_of_no_message_is_inert_and_said_to_be() {
    let (plain, _) = arrivals(None);
    for stale in [Edit::drop("n1>n0#4").of_kind("Cancel"), Edit::drop("n1>n0#101")] {
        let (arrivals, inert) = arrivals(Some(stale));
        assert_eq!(inert, 1);
        assert_eq!(arrivals.0, plain.0);
    }
}

#[test]
fn what_waits_at_a_paused_node_is_lost_when_it_crashes() {
    let (mut sim, node, client) = stage(1);
    let seen = sim.observe(Arrivals::default());
    sim.pause(node);
    sim.send(client, node, Message::Store(1));
    sim.run();
    sim.crash(node);
    sim.restart(node);
    sim.run();
    assert!(sim.received(client).is_empty());
    assert_eq!(sim.observer(seen).1, [DropReason::Crash]);
}

#[test]
fn a_partition_does_not_cut_what_has_arrived_and_waits() {
    let (mut sim, node, client) = stage(1);
    sim.set_sync_latency(milliseconds(0));
    sim.pause(node);
    sim.send(client, node, Message::Store(1));
    sim.run();
    sim.partition_one_way(client, node);
    sim.resume(node);
    sim.run();
    assert_eq!(sim.received(client), [Message::Stored(1)]);
}

#[test]
fn a_scheduled_fault_that_has_nothing_to_do_does_nothing() {
    let (mut sim, node, _) = stage(1);
    for after in [10, 20] {
        sim.schedule(milliseconds(after), Fault::Crash(node.id()));
        sim.schedule(milliseconds(after + 20), Fault::Restart(node.id()));
    }
    sim.run();
    assert!(sim.world().is_up(node));
}

#[test]
#[should_panic(expected = "there is an edit of n1>n0#1 already")]
fn a_second_edit_of_one_message_is_refused() {
    let (mut sim, ..) = stage(1);
    sim.edit(Edit::drop("n1>n0#1"));
    sim.edit(Edit::delay("n1>n0#1", seconds(1)));
}

#[test]
fn the_end_of_one_partition_leaves_the_others() {
    let (mut sim, node, client) = stage(1);
    let partition = |from: NodeId, to: NodeId| Links { from: vec![from], to: vec![to], one_way: true };
    let there = partition(client.id(), node.id());
    let back = partition(node.id(), client.id());
    sim.apply(&Fault::Partition(there.clone()));
    sim.apply(&Fault::Partition(back));
    sim.apply(&Fault::HealPartition(there));
    sim.send(client, node, Message::Store(1));
    sim.run();
    assert_eq!(sim.world().storage(node).log::<u32>().count(), 1, "the request arrived");
    assert!(sim.received(client).is_empty(), "the answer did not");
}

#[test]
fn a_sync_that_is_complete_survives_a_crash_in_a_pause() {
    for seed in 0..20 {
        let (mut sim, node, client) = stage(seed);
        sim.set_sync_latency(milliseconds(10));
        sim.send(client, node, Message::Store(1));
        sim.run_for(milliseconds(5));
        sim.pause(node);
        sim.run_for(milliseconds(10));
        sim.crash(node);
        sim.restart(node);
        sim.run();
        assert_eq!(sim[node].restored, [1]);
    }
}

#[test]
fn a_band_of_a_pause_ends_when_its_node_crashes() {
    let (mut sim, node, _) = stage(1);
    let metrics = sim.observe(Metrics::default());
    sim.pause(node);
    sim.crash(node);
    sim.restart(node);
    let bands = sim.observer(metrics).bands();
    assert!(bands.len() == 2 && bands.iter().all(|band| band.to.is_some()), "{bands:?}");
}

/// Answers itself at once, for ever.
#[derive(Clone, Debug, Hash)]
struct Echo;

impl Process for Echo {
    type Message = ();
    type Timer = ();
    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.send(ctx.id(), ());
    }
    fn on_message(&mut self, _: NodeId, (): (), ctx: &mut Context<Self>) {
        self.on_start(ctx);
    }
}

#[test]
#[should_panic(expected = "events at 0s: time stands still")]
fn a_run_in_which_time_stands_still_ends() {
    let mut sim = Simulation::new(1);
    sim.set_delay(seconds(0));
    sim.add("echo", Echo);
    sim.run_for(seconds(1));
}

/// Sets its timer again whenever it fires.
#[derive(Clone, Debug, Hash)]
struct Restless;

impl Process for Restless {
    type Message = ();
    type Timer = &'static str;
    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer("heartbeat", seconds(1));
    }
    fn on_message(&mut self, _: NodeId, (): (), _: &mut Context<Self>) {}
    fn on_timer(&mut self, _: &'static str, ctx: &mut Context<Self>) {
        self.on_start(ctx);
    }
}

#[test]
#[should_panic(expected = "pending: timers \"heartbeat\" of clock (n0)")]
fn run_gives_up_on_processes_that_never_come_to_rest_and_names_them() {
    let mut sim = Simulation::new(1);
    sim.add("clock", Restless);
    sim.set_step_limit(1_000);
    sim.run();
}

#[test]
#[should_panic(expected = "run_until: nothing is pending at 0s")]
fn run_until_says_so_when_its_condition_is_never_met() {
    let (mut sim, _, _) = stage(1);
    sim.run_until(|_| false);
}

#[test]
fn a_node_can_be_added_during_a_run() {
    let mut sim = Simulation::new(1);
    sim.add("clock", Restless);
    sim.run_for(seconds(5));
    let late = sim.add("late", Restless);
    sim.run_for(seconds(5));
    assert!(sim.world().is_up(late));
    assert_eq!(sim.world().name(late), "late");
    assert_eq!(sim.now(), at(10_000));
}
