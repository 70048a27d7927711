//! Covers: a process, a partition and its heal, what a client receives, the story of a run.
//! Scenario: a client pings a server; a partition comes between them, and goes.

use netsplit::prelude::*;

#[derive(Clone, Debug, Hash, PartialEq)]
enum Message {
    Ping,
    Pong,
}

#[derive(Clone, Debug, Hash, Default)]
struct Server {
    pings: u32,
}

impl Process for Server {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if message == Message::Ping {
            self.pings += 1;
            ctx.send(from, Message::Pong);
        }
    }
}

fn main() {
    let mut sim = Simulation::new(7);
    let server = sim.add("server", Server::default());
    let client = sim.add_client("client");

    sim.send(client, server, Message::Ping);
    sim.run();

    sim.partition(client, server);
    sim.send(client, server, Message::Ping);
    sim.run();

    sim.heal();
    sim.send(client, server, Message::Ping);
    sim.run();

    println!("{}", sim.story());
    println!("\nThe server saw {} pings, the client {:?}.", sim[server].pings, sim.received(client));
}
