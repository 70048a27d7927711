//! Specifications of the usual objects.

mod bank;
mod counter;
mod key_value;
mod keyed;
mod log;
mod mutex;
mod priority_queue;
mod queue;
mod register;
mod sequence;
mod set;
mod stack;
mod store;

pub use bank::{Bank, BankOperation, BankResponse};
pub use counter::{Counter, CounterOperation, CounterResponse};
pub use key_value::{Cell, CellOperation, CellResponse};
pub use keyed::{Keyed, OnKey};
pub use log::{Log, LogOperation, LogResponse};
pub use mutex::{Mutex, MutexOperation, MutexResponse};
pub use priority_queue::PriorityQueue;
pub use queue::{Queue, QueueOperation, QueueResponse};
pub use register::{Register, RegisterOperation, RegisterResponse};
pub use sequence::Sequence;
pub use set::{Set, SetOperation, SetResponse};
pub use stack::Stack;
pub use store::Store;

use super::Entry;
use std::fmt::Debug;
use std::hash::Hash;

/// What registers, queues and the like hold.
pub trait Content: Clone + Eq + Hash + Debug {}
impl<T: Clone + Eq + Hash + Debug> Content for T {}

/// The moment at which an operation ended, in words: "by 3.95s".
fn by<O, R>(entry: &Entry<'_, O, R>) -> String {
    entry.ended.map_or("in the end".to_string(), |moment| format!("by {moment}"))
}

/// The moment at which an operation was answered: "at 3.95s".
fn at<O, R>(entry: &Entry<'_, O, R>) -> String {
    entry.ended.map_or(String::new(), |moment| format!(" at {moment}"))
}
