//! What all stores of keys and values have in common, whatever makes them one: their clients, and parameters
//! for them. So that stores can be compared under the same clients, workload and faults, their replicas have
//! the role `replica` and their clients the role `client`.

use netsplit::client::{
    Client, ClientOptions, KeyValueOperation, KeyValueOptions, KeyValueWorkload, Protocol,
};
use netsplit::prelude::*;

/// A client that reads and writes.
pub type StoreClient<P> = Client<P, KeyValueWorkload>;

/// Adds `count` clients. Each asks another of the `servers` first, as if it lived beside it.
///
/// # Panics
/// If there are no servers, or the options are not valid.
#[track_caller]
pub fn add_clients<P: Protocol<Operation = KeyValueOperation>>(
    sim: &mut Simulation<P::Message>,
    protocol: &P,
    servers: &[NodeId],
    count: usize,
    options: &ClientOptions,
    workload: &KeyValueOptions,
) -> Vec<netsplit::node::Handle<StoreClient<P>>> {
    let workload = KeyValueWorkload::new(workload);
    let mut place = 0;
    sim.add_clients("client", count, |_, _| {
        let mut nearest_first = servers.to_vec();
        nearest_first.rotate_left(place % servers.len());
        place += 1;
        Client::with_workload(protocol.clone(), workload.clone(), nearest_first, options.clone())
    })
}

/// Whether clients are served: the latest operation of some client took place, or all operations are over. The
/// first is what a store that stands still never reaches, and one that works reaches again and again.
pub fn serves<P: Protocol<Operation = KeyValueOperation>>(world: &World<P::Message>) -> bool {
    let mut clients = world.each::<StoreClient<P>>().peekable();
    clients.peek().is_none() || {
        let clients: Vec<_> = clients.collect();
        clients.iter().any(|client| client.last_took_place()) || clients.iter().all(|client| client.is_done())
    }
}

/// Whether clients can work like this.
///
/// # Errors
/// Which parameter is out of range, and what was expected.
pub fn validate(clients: usize, options: &ClientOptions, workload: &KeyValueOptions) -> Result<(), String> {
    if !(1..=1000).contains(&clients) {
        return Err(format!("clients is {clients}: expected 1 to 1000"));
    }
    options.validate().map_err(|error| format!("client.{error}"))?;
    workload.validate().map_err(|error| format!("workload.{error}"))
}

/// The help of a parameter that all stores share.
pub const REPLICAS: (&str, &str) = ("replicas", "how many replicas");
/// The help of a parameter that all stores share.
pub const CLIENTS: (&str, &str) = ("clients", "how many clients, each beside a replica");
/// The help of a parameter that all stores share.
pub const CLIENT: (&str, &str) =
    ("client", "how each works: arrivals, timeout, attempts, backoff, operations (0 for no end)");
/// The help of a parameter that all stores share.
pub const WORKLOAD: (&str, &str) = ("workload", "what it asks for: read_share, and keys, uniform or Zipf");
