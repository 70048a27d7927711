//! The program a newcomer writes, and what they try next.

use netsplit::prelude::*;

#[derive(Clone, Debug, Hash, PartialEq)]
enum Message {
    Ping,
    Pong,
}

#[derive(Clone, Debug, Hash, Default)]
struct Responder {
    pings: u32,
}

impl Process for Responder {
    type Message = Message;
    type Timer = ();
    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if message == Message::Ping {
            self.pings += 1;
            ctx.send(from, Message::Pong);
        }
    }
}

#[test]
fn a_partition_silences_the_server_until_it_heals() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Responder::default());
    let client = sim.add_client("client");

    sim.partition(client, server);
    sim.send(client, server, Message::Ping);
    sim.run(); // until nothing is pending
    assert!(sim.received(client).is_empty());

    sim.heal();
    sim.send(client, server, Message::Ping);
    sim.run();
    assert_eq!(sim.received(client), [Message::Pong]);
    assert_eq!(sim[server].pings, 1);
}

#[test]
fn a_one_way_partition_lets_the_request_through_and_not_the_answer() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Responder::default());
    let client = sim.add_client("client");

    sim.partition_one_way(server, client);
    sim.send(client, server, Message::Ping);
    sim.run();
    assert_eq!(sim[server].pings, 1);
    assert!(sim.received(client).is_empty());
}

#[test]
fn a_message_on_its_way_is_cut_by_a_partition_that_begins_before_it_arrives() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Responder::default());
    let client = sim.add_client("client");
    sim.set_delay(milliseconds(10));

    sim.send(client, server, Message::Ping);
    sim.run_for(milliseconds(9));
    sim.isolate(server);
    sim.run();
    assert_eq!(sim[server].pings, 0);
}

#[test]
fn a_crashed_server_answers_nothing_and_forgets() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Responder::default());
    let client = sim.add_client("client");
    sim.send(client, server, Message::Ping);
    sim.run();
    assert_eq!(sim[server].pings, 1);

    sim.crash(server);
    sim.send(client, server, Message::Ping);
    sim.run();
    sim.restart(server);
    sim.run();
    assert_eq!(sim[server].pings, 0, "it never wrote its count down");
    assert_eq!(sim.received(client), [Message::Pong]);
}

#[test]
fn a_paused_server_answers_when_it_goes_on() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Responder::default());
    let client = sim.add_client("client");
    sim.pause(server);
    sim.send(client, server, Message::Ping);
    sim.run();
    assert!(sim.received(client).is_empty());

    sim.resume(server);
    sim.run();
    assert_eq!(sim.received(client), [Message::Pong]);
}

#[test]
fn loss_and_duplication_come_at_their_rate() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Responder::default());
    let client = sim.add_client("client");
    sim.set_loss(0.2);
    sim.set_duplication(0.5);
    for _ in 0..10_000 {
        sim.send(client, server, Message::Ping);
    }
    sim.run();
    // Arrivals have mean 0.8 * 1.5 each and variance 0.8 * 2.5 - 1.2^2 = 0.56: 3.29 standard errors of
    // 10,000 are 246.
    let pings = i64::from(sim[server].pings);
    assert!((pings - 12_000).abs() < 246, "{pings}");
}

#[test]
#[should_panic(expected = "there is no node n5: there are 1")]
fn a_node_of_another_simulation_is_refused() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Responder::default());
    sim.send(NodeId::new(5), server, Message::Ping);
}

#[test]
#[should_panic(expected = "n0 (server) is crashed")]
fn the_state_of_a_crashed_node_is_gone() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Responder::default());
    sim.crash(server);
    let _ = sim[server].pings;
}

#[test]
#[should_panic(expected = "restart n0: n0 (server) is not crashed")]
fn a_node_that_is_up_cannot_be_restarted() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Responder::default());
    sim.restart(server);
}
