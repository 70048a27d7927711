//! A path, walked once more with the numbers that a seed draws: which messages there are by name, and which times
//! depend on which.

use super::Obstacle;
use super::times::{Times, Wait};
use crate::explorer::{Act, Step, Trail, envelope_print};
use crate::fault::Fault;
use crate::network::Address;
use crate::node::NodeId;
use crate::process::{Effect, Value};
use crate::record::kind_of;
use crate::simulation::Simulation;
use crate::world::Event;
use std::collections::BTreeMap;

/// A message that was sent on a link that was not cut.
pub(super) struct Letter {
    pub(super) address: Address,
    pub(super) kind: String,
    print: u128,
    /// When it was sent and when it arrives, by moments.
    pub(super) sent: usize,
    pub(super) arrivals: Vec<usize>,
    pub(super) lost: bool,
}

/// Something that is due so long after a moment.
type Due = (usize, Wait);

/// A walk so far.
pub(super) struct Walk<M: Value> {
    sim: Simulation<M>,
    messages: Vec<M>,
    pub(super) letters: Vec<Letter>,
    pub(super) times: Times,
    timers: BTreeMap<(NodeId, usize), Due>,
    syncs: BTreeMap<NodeId, Due>,
    /// Faults from a moment until another.
    pub(super) spells: Vec<(usize, Option<usize>, Fault)>,
}

impl<M: Value> Walk<M> {
    /// The whole path.
    pub(super) fn along(trail: &Trail, sim: Simulation<M>) -> Result<Self, Obstacle> {
        if !sim.not_yet_run().1.is_empty() {
            return Err(Obstacle::SentBefore);
        }
        let (messages, letters, spells) = (Vec::new(), Vec::new(), Vec::new());
        let (timers, syncs) = (BTreeMap::new(), BTreeMap::new());
        let mut walk = Walk { sim, messages, letters, times: Times::new(), timers, syncs, spells };
        for (at, print) in trail.started.iter().enumerate() {
            let node = NodeId::new(at);
            let effects = walk.sim.rehearse(node, Event::Start(node));
            walk.arrive(node, 0, effects, Some(*print))?;
        }
        trail.steps.iter().try_for_each(|step| walk.step(step))?;
        let Walk { timers, syncs, times, .. } = &mut walk;
        let timers = timers.iter().map(|((node, _), due)| (*node, *due));
        let syncs = syncs.iter().map(|(node, due)| (*node, *due));
        timers.chain(syncs).for_each(|(node, (from, span))| times.is_never_due(from, node, span));
        Ok(walk)
    }

    fn step(&mut self, step: &Step) -> Result<(), Obstacle> {
        let after = step.after;
        match &step.act {
            // The message that is there twice, or lost, is the one that later arrives twice, or does not.
            Act::Duplicate => Ok(()),
            Act::Lose(print) => {
                let waits = |letter: &&mut Letter| letter.print == *print && letter.arrivals.is_empty();
                self.letters.iter_mut().rev().find(waits).into_iter().for_each(|letter| letter.lost = true);
                Ok(())
            }
            Act::Deliver(print) => {
                let of_print = self.letters.iter().enumerate().filter(|(_, letter)| letter.print == *print);
                let first = of_print.min_by_key(|(_, letter)| letter.arrivals.len());
                let (number, _) = first.ok_or(Obstacle::Choices)?;
                let letter = &mut self.letters[number];
                if letter.arrivals.len() == 2 {
                    return Err(Obstacle::Repetition);
                }
                let Address { from, to, .. } = letter.address;
                let now = self.times.add(Some(to));
                letter.arrivals.push(now);
                letter.lost = false;
                self.times.travels(letter.sent, now);
                let message = self.messages[number].clone();
                self.happen(to, now, Event::Deliver { from, to, message }, after)
            }
            Act::Fire(node, timer) => {
                let world = self.sim.world();
                let is_it = |slot: &usize| {
                    world.timer(*node, *slot).is_some_and(|other| other.fingerprint() == *timer)
                };
                let slot = world.timers(*node).into_iter().find(is_it).ok_or(Obstacle::Choices)?;
                let now = self.times.add(Some(*node));
                let (set, span) = self.timers.remove(&(*node, slot)).ok_or(Obstacle::Choices)?;
                self.times.takes(set, now, span);
                self.happen(*node, now, Event::Fire { node: *node, slot }, after)
            }
            Act::Sync(node) => {
                let now = self.times.add(Some(*node));
                let (begun, span) = self.syncs.remove(node).ok_or(Obstacle::Choices)?;
                self.times.takes(begun, now, span);
                self.happen(*node, now, Event::Synced(*node), after)
            }
            Act::Crash(node) => {
                let now = self.times.add(Some(*node));
                self.spells.push((now, None, Fault::Crash(*node)));
                let ended = self.timers.extract_if(.., |(other, _), _| other == node).map(|(_, due)| due);
                let ended: Vec<Due> = ended.chain(self.syncs.remove(node)).collect();
                ended.into_iter().for_each(|(from, span)| self.times.is_not_due(from, now, span));
                let effects = self.sim.rehearse_crash(*node);
                self.arrive(*node, now, effects, after)
            }
            Act::Restart(node) => {
                let now = self.times.add(Some(*node));
                self.mend(&Fault::Crash(*node), now);
                self.happen(*node, now, Event::Restart(*node), after)
            }
            Act::Partition(links) => {
                let now = self.times.add(None);
                self.spells.push((now, None, Fault::Partition(links.clone())));
                self.everywhere(Event::Partition(links.clone()))
            }
            Act::Heal => {
                let now = self.times.add(None);
                let is_partition = |fault: &Fault| matches!(fault, Fault::Partition(_));
                let cut = self.spells.iter().rev().find(|(_, until, it)| until.is_none() && is_partition(it));
                let cut = cut.map(|(_, _, fault)| fault.clone());
                cut.into_iter().for_each(|fault| self.mend(&fault, now));
                self.everywhere(Event::Heal)
            }
        }
    }

    fn mend(&mut self, fault: &Fault, now: usize) {
        let open = |(_, until, it): &&mut (_, Option<usize>, Fault)| until.is_none() && it == fault;
        self.spells.iter_mut().find(open).into_iter().for_each(|(_, until, _)| *until = Some(now));
    }

    /// Lets an event happen that concerns links alone.
    fn everywhere(&mut self, event: Event<M>) -> Result<(), Obstacle> {
        self.sim.rehearse(NodeId::new(0), event).map(drop).map_err(|_| Obstacle::Choices)
    }

    /// Lets an event happen, if a handler runs that ends.
    fn happen(
        &mut self,
        node: NodeId,
        now: usize,
        event: Event<M>,
        after: Option<u128>,
    ) -> Result<(), Obstacle> {
        if after.is_none() {
            return Ok(());
        }
        let effects = self.sim.rehearse(node, event);
        self.arrive(node, now, effects, after)
    }

    /// Takes note of what a node asks for, if it is what it is on the path.
    fn arrive(
        &mut self,
        node: NodeId,
        now: usize,
        effects: Result<Vec<Effect<M>>, String>,
        after: Option<u128>,
    ) -> Result<(), Obstacle> {
        let effects = effects.map_err(|_| Obstacle::Choices)?;
        if after != Some(self.sim.world().part_fingerprint(node)) {
            return Err(Obstacle::Choices);
        }
        for effect in effects {
            match effect {
                Effect::Send { to, message: Some(message) } => {
                    let address = self.sim.rehearse_send(node, to);
                    if self.sim.world().connected(node, to) {
                        let print = envelope_print(node.index(), to.index(), &message);
                        let (kind, arrivals) = (kind_of(&message), Vec::new());
                        self.letters.push(Letter { address, kind, print, sent: now, arrivals, lost: false });
                        self.messages.push(message);
                    }
                }
                Effect::SetTimer { slot, after } => {
                    let replaced = self.timers.insert((node, slot), (now, Wait::Timer(after)));
                    replaced.into_iter().for_each(|(from, span)| self.times.is_not_due(from, now, span));
                }
                Effect::CancelTimer { slot } => {
                    let cancelled = self.timers.remove(&(node, slot));
                    cancelled.into_iter().for_each(|(from, span)| self.times.is_not_due(from, now, span));
                }
                Effect::Sync { writes } if writes > 0 => {
                    let span = self.sim.rehearse_sync(node);
                    self.syncs.insert(node, (now, Wait::Sync(span)));
                }
                Effect::Send { .. } | Effect::Sync { .. } | Effect::Other(_) => {}
            }
        }
        Ok(())
    }
}
