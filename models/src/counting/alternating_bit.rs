//! The alternating-bit protocol: one bit numbers messages on links that lose and double, but keep the order
//! (Bartlett, Scantlebury and Wilkinson, "A note on reliable full-duplex transmission over half-duplex links", 1969).

use netsplit::prelude::*;

/// On the way there and back.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Message {
    /// A bit and what is to be delivered.
    Data(bool, u8),
    /// The bit of what has come last.
    Acknowledgement(bool),
}

/// Sends 0, 1, 2 and so on, each until it is acknowledged.
#[derive(Clone, Debug, Hash)]
pub struct Sender {
    next: u8,
    count: u8,
    bit: bool,
    receiver: NodeId,
}

impl Sender {
    fn send(&self, ctx: &mut Context<Self>) {
        if self.next < self.count {
            ctx.send(self.receiver, Message::Data(self.bit, self.next));
            ctx.set_timer((), seconds(1));
        }
    }
}

impl Process for Sender {
    type Message = Message;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        self.send(ctx);
    }

    /// Enabled for an acknowledgement of what was sent last.
    fn on_message(&mut self, _: NodeId, message: Message, ctx: &mut Context<Self>) {
        if message == Message::Acknowledgement(self.bit) && self.next < self.count {
            self.next += 1;
            self.bit = !self.bit;
            ctx.cancel_timer(&());
            self.send(ctx);
        }
    }

    /// Enabled until it is acknowledged.
    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        self.send(ctx);
    }
}

/// Delivers what comes, and says what has come.
#[derive(Clone, Debug, Hash, Default)]
pub struct Receiver {
    /// What it has delivered, in order.
    pub delivered: Vec<u8>,
    bit: bool,
    /// Whether it looks at the bit, without which it takes a copy for something new.
    pub looks: bool,
}

impl Process for Receiver {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
        if let Message::Data(bit, value) = message {
            if bit == self.bit || !self.looks {
                self.delivered.push(value);
                self.bit = !bit;
            }
            ctx.send(from, Message::Acknowledgement(bit));
        }
    }
}

/// A sender of `count` values, and a receiver that looks at the bit or does not.
pub fn pair(count: u8, looks: bool, seed: u64) -> Simulation<Message> {
    let mut sim = Simulation::new(seed);
    let receiver = NodeId::new(1);
    sim.add("sender", Sender { next: 0, count, bit: false, receiver });
    sim.add("receiver", Receiver { looks, ..Receiver::default() });
    sim
}

/// What is delivered is 0, 1, 2 and so on, each once.
pub fn in_order(world: &World<Message>) -> bool {
    world
        .each::<Receiver>()
        .all(|receiver| receiver.delivered.iter().copied().eq(0..receiver.delivered.len() as u8))
}
