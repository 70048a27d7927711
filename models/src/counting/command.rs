//! The models of this folder, and TwoPhase, as the command sees them.

use crate::two_phase::{self, ResourceManager, TransactionManager};
use netsplit::explorer::Exploration;
use netsplit::model::{Model, Setup};
use netsplit::property::Property;
use netsplit::simulation::Simulation;
use serde::{Deserialize, Serialize};

/// `TwoPhase.tla`: what [`two_phase`] has, for `netsplit explore`.
pub struct TwoPhase;

/// How many there are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Resource managers.
    pub resources: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters { resources: 3 }
    }
}

impl Model for TwoPhase {
    type Message = two_phase::Message;
    type Parameters = Parameters;

    fn name(&self) -> &'static str {
        "two-phase"
    }

    fn about(&self) -> &'static str {
        "two-phase commit as in TLA+, without log, time-outs and failures: for exhaustive search"
    }

    fn help(&self) -> &'static [(&'static str, &'static str)] {
        &[("resources", "resource managers")]
    }

    fn simulation(
        &self,
        parameters: &Parameters,
        setup: &Setup,
        seed: u64,
    ) -> Result<Simulation<two_phase::Message>, String> {
        match parameters.resources {
            1..=64 => Ok(two_phase::cluster_in(setup.simulation(seed), parameters.resources)),
            other => Err(format!("resources is {other}: expected 1 to 64")),
        }
    }

    fn symmetries<'a>(
        &self,
        search: Exploration<'a, two_phase::Message>,
    ) -> Exploration<'a, two_phase::Message> {
        search.symmetric("resource").renaming::<ResourceManager>().renaming::<TransactionManager>()
    }

    fn properties(&self) -> Vec<Property<'static, two_phase::Message>> {
        vec![
            Property::always("nobody commits where another aborts", two_phase::consistent),
            Property::eventually_after_heal("everybody commits or aborts", two_phase::all_decided),
        ]
    }
}
