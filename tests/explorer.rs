//! What exhaustive search takes into account, one rule at a time.

use netsplit::explorer::{Exploration, Verdict};
use netsplit::prelude::*;

#[derive(Clone, Debug, Hash, PartialEq)]
enum Message {
    Left,
    Right,
}

/// Remembers which message came last.
#[derive(Clone, Debug, Hash, Default)]
struct Node {
    last: Option<Message>,
    torn: bool,
}

impl Process for Node {
    type Message = Message;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.append(&7u8);
        ctx.sync();
    }

    fn on_message(&mut self, _: NodeId, message: Message, _: &mut Context<Self>) {
        self.last = Some(message);
    }

    fn on_restart(&mut self, ctx: &mut Context<Self>) {
        self.torn = ctx.log::<u8>().any(|entry| entry.is_err());
    }
}

fn stage(seed: u64) -> Simulation<Message> {
    let mut sim = Simulation::new(seed);
    let node = sim.add("node", Node::default());
    let client = sim.add_client("client");
    sim.send(client, node, Message::Left);
    sim.send(client, node, Message::Right);
    sim
}

fn last(message: Message) -> impl Fn(&World<Message>) -> bool + Send + Sync {
    move |world| world.each::<Node>().any(|node| node.last.as_ref() == Some(&message))
}

fn torn(world: &World<Message>) -> bool {
    world.each::<Node>().any(|node| node.torn)
}

fn is_violated(exploration: Exploration<'_, Message>) -> bool {
    matches!(exploration.run().verdict, Verdict::Violated(_))
}

#[test]
fn messages_come_in_every_order() {
    netsplit::explore(stage)
        .reachable("left comes last", last(Message::Left))
        .reachable("right comes last", last(Message::Right))
        .run()
        .assert_holds();
}

#[test]
fn a_crash_can_come_before_a_sync_is_complete_and_tear_what_was_written() {
    netsplit::explore(stage).crashes(1).reachable("an entry is torn", torn).run().assert_holds();
    assert!(!is_violated(netsplit::explore(stage).always("nothing is torn", |world| !torn(world))));
}

#[test]
fn what_the_network_would_have_lost_is_searched_all_the_same() {
    let lossy = |seed| {
        let mut sim = Simulation::new(seed);
        sim.set_loss(1.0);
        let node = sim.add("node", Node::default());
        let client = sim.add_client("client");
        sim.send(client, node, Message::Left);
        sim
    };
    netsplit::explore(lossy).reachable("it arrives", last(Message::Left)).run().assert_holds();
}

#[test]
fn a_property_that_panics_is_violated_and_has_a_path() {
    let explored = netsplit::explore(stage)
        .always("left never comes", |world| {
            assert!(!last(Message::Left)(world), "it came");
            true
        })
        .run();
    let Verdict::Violated(path) = explored.verdict else { panic!("{explored:?}") };
    assert!(path.property.starts_with("left never comes (which panics: it came at"), "{path}");
    assert_eq!(path.steps, ["the writes of node are durable", "node receives Left from client"]);
}

#[test]
#[should_panic(expected = "explore: n0 (node) is down or paused")]
fn a_node_that_is_paused_before_the_search_is_refused() {
    let paused = |seed| {
        let mut sim = stage(seed);
        sim.pause(NodeId::new(0));
        sim
    };
    let _ = netsplit::explore(paused).run();
}

/// Sends to a node that does not exist.
#[derive(Clone, Debug, Hash)]
struct Astray;

impl Process for Astray {
    type Message = Message;
    type Timer = ();
    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.send(NodeId::new(9), Message::Left);
    }
    fn on_message(&mut self, _: NodeId, _: Message, _: &mut Context<Self>) {}
}

fn astray(seed: u64) -> Simulation<Message> {
    let mut sim = Simulation::new(seed);
    sim.add("astray", Astray);
    sim
}

#[test]
fn a_message_to_nobody_is_a_violation() {
    assert!(is_violated(netsplit::explore(astray)));
}

#[test]
#[should_panic(expected = "n0 sends to n9: there is no such node, there are 1")]
fn a_message_to_nobody_is_said_to_be_one_in_a_timed_run() {
    astray(1).run();
}
