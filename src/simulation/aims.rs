//! Aimed faults: what they hit, or when, shows only during the run, such as whoever leads then.

use super::Simulation;
use super::driver::Pending;
use crate::fault::{Fault, FaultPlan};
use crate::nemesis::AimedFault;
use crate::node::NodeId;
use crate::process::Value;
use crate::time::Time;
use crate::world::World;
use std::time::Duration;

/// Finds, in a world, the node that a fault is aimed at; none if there is no such node at that time.
pub type Target<M> = fn(&World<M>) -> Option<NodeId>;

/// What an aimed fault resolves to.
type Resolve<M> = Box<dyn FnOnce(&World<M>) -> Vec<Fault>>;

/// What looks for the moment of a fault.
type Find<M> = Box<dyn FnMut(&World<M>) -> Vec<Fault>>;

/// An aimed fault, before and after it has happened.
pub(super) struct Aim<M> {
    at: Time,
    until: Option<Time>,
    /// None once it has happened.
    resolve: Option<Resolve<M>>,
    resolved: Vec<Fault>,
}

/// Faults that wait for their moment.
pub(super) struct Awaited<M> {
    lasting: Option<Duration>,
    find: Find<M>,
}

impl<M: Value> Simulation<M> {
    /// Lets faults happen `after` from now that `aim` finds by looking at the world at that time, and repairs
    /// them after `lasting`, if that is given. What it finds is recorded as any other fault is; if it finds
    /// none, nothing happens.
    ///
    /// `sim.schedule_aimed(seconds(5), Some(seconds(1)), |world| leader(world).map(Fault::Crash))`
    ///
    /// # Panics
    /// When it happens, if a fault names a node that does not exist, or is none, such as a partition of a node
    /// from itself.
    pub fn schedule_aimed<I: IntoIterator<Item = Fault>>(
        &mut self,
        after: Duration,
        lasting: Option<Duration>,
        aim: impl FnOnce(&World<M>) -> I + 'static,
    ) {
        self.aim(after, lasting, Box::new(|world| aim(world).into_iter().collect()));
    }

    /// Lets faults happen at the first moment at which `find` finds some: it is asked after each event, and what
    /// it finds happens a nanosecond later, once. They are repaired after `lasting`, if that is given.
    ///
    /// `sim.schedule_when(Some(seconds(1)), |world| leader(world).map(Fault::Crash))`
    ///
    /// # Panics
    /// As [`schedule_aimed`](Simulation::schedule_aimed) does.
    pub fn schedule_when<I: IntoIterator<Item = Fault>>(
        &mut self,
        lasting: Option<Duration>,
        mut find: impl FnMut(&World<M>) -> I + 'static,
    ) {
        self.awaited
            .push(Awaited { lasting, find: Box::new(move |world| find(world).into_iter().collect()) });
    }

    /// After an event: perhaps the moment of an awaited fault has come.
    pub(super) fn look_for_moments(&mut self) {
        let mut come = Vec::new();
        self.awaited.retain_mut(|Awaited { lasting, find }| {
            let faults = find(&self.world);
            let waits = faults.is_empty();
            if !waits {
                come.push((*lasting, faults));
            }
            waits
        });
        for (lasting, faults) in come {
            // Not now: a plan has its faults before everything else at their instant.
            self.aim(Duration::from_nanos(1), lasting, Box::new(|_| faults));
        }
    }

    fn aim(&mut self, after: Duration, lasting: Option<Duration>, resolve: Resolve<M>) {
        let at = self.now + after;
        let until = lasting.map(|span| at + span);
        let number = self.aims.len();
        self.aims.push(Aim { at, until, resolve: Some(resolve), resolved: Vec::new() });
        // The repair takes its place in the order of events now, where a plan would have it.
        for time in [at].into_iter().chain(until) {
            self.scheduler.plan(time, Pending::Aim(number));
        }
    }

    /// Schedules the aimed faults that a nemesis has drawn, before the first step.
    ///
    /// # Panics
    /// If one is aimed at something that is not among `targets`.
    #[track_caller]
    pub(crate) fn schedule_at_targets(&mut self, aimed: &[AimedFault], targets: &[(String, Target<M>)]) {
        for fault in aimed.iter().cloned() {
            let Some((_, find)) = targets.iter().find(|(name, _)| *name == fault.target) else {
                panic!("the nemesis is aimed at `{}`: no target has this name", fault.target);
            };
            let (after, lasting, find) = (fault.at - self.now, fault.until - fault.at, *find);
            self.schedule_aimed(after, Some(lasting), move |world| {
                find(world).map(|node| fault.hitting(node))
            });
        }
    }

    /// What the aimed faults that have happened so far resolved to, with the repairs that are planned for
    /// them. With these scheduled in its place, the run is the same.
    pub fn resolved(&self) -> FaultPlan {
        let mut plan = FaultPlan::default();
        for Aim { at, until, resolved, .. } in &self.aims {
            for fault in resolved {
                plan.add(*at, fault.clone());
                if let (Some(until), Some(repair)) = (until, fault.repair()) {
                    plan.add(*until, repair);
                }
            }
        }
        plan
    }

    /// The time of an aimed fault has come, or that of its repair.
    pub(super) fn take_aim(&mut self, number: usize) {
        let Aim { resolve, resolved, .. } = &mut self.aims[number];
        let faults: Vec<Fault> = match resolve.take() {
            Some(resolve) => {
                *resolved = resolve(&self.world);
                resolved.clone()
            }
            None => resolved.iter().filter_map(Fault::repair).collect(),
        };
        for fault in &faults {
            self.apply(fault);
        }
    }
}
