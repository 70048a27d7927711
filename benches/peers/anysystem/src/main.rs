//! anysystem (formerly dslab-mp): processes on nodes over its simulated network. Delays are uniform from 1 to 10 ms.

use anysystem::{Context, Message, Process, System};
use common::Workload;
use std::cell::Cell;
use std::rc::Rc;

#[derive(Clone)]
struct Forwarder {
    me: u32,
    workload: Workload,
    /// A receiver is a string.
    names: Rc<Vec<String>>,
    arrived: Rc<Cell<u64>>,
}

impl Forwarder {
    fn forward(&self, message: Message, ctx: &mut Context) {
        let drawn = (ctx.rand() * f64::from(self.workload.nodes - 1)) as u32;
        let to = drawn + u32::from(drawn >= self.me);
        ctx.send(message, self.names[to as usize].clone());
    }
}

impl Process for Forwarder {
    fn on_message(&mut self, message: Message, _: String, ctx: &mut Context) -> Result<(), String> {
        self.arrived.set(self.arrived.get() + 1);
        if self.arrived.get() < self.workload.messages {
            self.forward(message, ctx);
        }
        Ok(())
    }

    fn on_local_message(&mut self, _: Message, ctx: &mut Context) -> Result<(), String> {
        (0..self.workload.begins(self.me)).for_each(|_| self.forward(Message::new("M", "x"), ctx));
        Ok(())
    }

    fn on_timer(&mut self, _: String, _: &mut Context) -> Result<(), String> {
        Ok(())
    }
}

fn run(workload: Workload, seed: u64) -> u64 {
    let mut system = System::new(seed);
    system.network().set_delays(0.001, 0.010);
    let names: Rc<Vec<String>> = Rc::new((0..workload.nodes).map(|node| node.to_string()).collect());
    let arrived = Rc::new(Cell::new(0));
    for me in 0..workload.nodes {
        let node = format!("n{me}");
        system.add_node(&node);
        let process = Forwarder { me, workload, names: names.clone(), arrived: arrived.clone() };
        system.add_process(&names[me as usize], Box::new(process), &node);
    }
    names.iter().for_each(|name| system.send_local_message(name, Message::new("GO", "")));
    while arrived.get() < workload.messages && system.step() {}
    arrived.get()
}

fn main() {
    common::measure(run);
}
