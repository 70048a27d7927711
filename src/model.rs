//! How a model presents itself, so that the command can list, run, and set it up from data.

use crate::distribution::{Distribution, constant};
use crate::explorer::Exploration;
use crate::network::{Link, Network};
use crate::process::Value;
use crate::promise::Promise;
use crate::property::Property;
use crate::simulation::{Simulation, Target};
use crate::time::milliseconds;
use crate::topology::Topology;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// A model: its parameters, and how a simulation is made of them.
pub trait Model: Send + Sync + 'static {
    /// What its nodes send each other.
    type Message: Value;

    /// Its parameters. Field names are the names a user types; a `Duration` field carries
    /// `#[serde(with = "netsplit::time::span")]` and so a unit.
    type Parameters: Serialize + DeserializeOwned + Default;

    /// The name a user types: `multi-paxos`.
    fn name(&self) -> &'static str;

    /// What Rust code calls it, for tests that are printed: `my_models::Paxos`.
    fn path(&self) -> String {
        std::any::type_name::<Self>().to_string()
    }

    /// What it is, in one line.
    fn about(&self) -> &'static str;

    /// What each parameter means, by name: every field of `Parameters`, once, in order.
    fn help(&self) -> &'static [(&'static str, &'static str)];

    /// The simulation for these parameters. It begins with `setup.simulation(seed)`, which has the
    /// network as the user wants it.
    ///
    /// # Errors
    /// If a parameter is out of range: which, and what was expected.
    fn simulation(
        &self,
        parameters: &Self::Parameters,
        setup: &Setup,
        seed: u64,
    ) -> Result<Simulation<Self::Message>, String>;

    /// What must hold of it, whatever the network does.
    fn properties(&self) -> Vec<Property<'static, Self::Message>>;

    /// What it promises of what its clients see, which the command judges at the end of each run.
    fn promises(&self) -> Vec<Promise<'static, Self::Message>> {
        Vec::new()
    }

    /// Says which nodes exhaustive search may take for equal: with [`symmetric`](Exploration::symmetric) and
    /// [`renaming`](Exploration::renaming). The command asks where they apply. None unless a model says so.
    fn symmetries<'a>(&self, search: Exploration<'a, Self::Message>) -> Exploration<'a, Self::Message> {
        search
    }

    /// What faults can be aimed at, by the name that a user types after an `@`: such as `leader`, the node that
    /// leads at that time, if one does.
    fn targets(&self) -> Vec<(&'static str, Target<Self::Message>)> {
        Vec::new()
    }
}

/// The surroundings of a model: network, regions, storage and processing.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Every link that no role and no region decides.
    pub link: Link,
    /// The links from each node of one role to each of another, by these roles.
    pub links: BTreeMap<(String, String), Link>,
    /// Regions and the time between them.
    pub topology: Option<Topology>,
    /// The regions of the nodes of each role, in turn.
    pub placement: BTreeMap<String, Vec<String>>,
    /// How long a sync takes.
    pub sync_latency: Distribution,
    /// Whether every sync does nothing; see [`Simulation::ignore_syncs`].
    pub ignore_syncs: bool,
    /// How long a message occupies each node of a role, by the role; no time for the others.
    pub processing: BTreeMap<String, Distribution>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            link: Link::default(),
            links: BTreeMap::new(),
            topology: None,
            placement: BTreeMap::new(),
            sync_latency: constant(milliseconds(1)),
            ignore_syncs: false,
            processing: BTreeMap::new(),
        }
    }
}

impl Setup {
    /// An empty simulation in these surroundings.
    ///
    /// # Panics
    /// If a role is placed in a region that the topology does not have, or without a topology.
    #[track_caller]
    pub fn simulation<M: Value>(&self, seed: u64) -> Simulation<M> {
        let mut sim = Simulation::new(seed);
        sim.set_sync_latency(self.sync_latency.clone());
        if self.ignore_syncs {
            sim.ignore_syncs();
        }
        for (role, time) in &self.processing {
            sim.set_processing_time_of_role(role, time.clone());
        }
        let network: &mut Network = sim.network_mut();
        *network.default_link_mut() = self.link.clone();
        if let Some(topology) = &self.topology {
            network.set_topology(topology.clone());
        }
        for ((from, to), link) in &self.links {
            network.link_roles(from, to, link.clone());
        }
        for (role, regions) in &self.placement {
            network.place_role(role, regions);
        }
        sim
    }
}
