//! Whoever counts by a server, and what they say to each other.

use netsplit::prelude::*;

#[derive(Clone, Debug, Hash, PartialEq)]
pub enum Message {
    Increment,
    Count(u64),
}

/// Increments every 100 ms, and remembers the highest answer.
#[derive(Clone, Debug, Hash)]
pub struct User {
    pub server: NodeId,
    pub left: u32,
    pub highest: u64,
}

impl Process for User {
    type Message = Message;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer((), milliseconds(100));
    }

    fn on_message(&mut self, _: NodeId, message: Message, _: &mut Context<Self>) {
        if let Message::Count(count) = message {
            self.highest = self.highest.max(count);
        }
    }

    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        ctx.send(self.server, Message::Increment);
        self.left -= 1;
        if self.left > 0 {
            ctx.set_timer((), milliseconds(100));
        }
    }
}
