//! Every state of a node, every message and every history that the search has met, each stored once and known by
//! a number; and what becomes of a node by an event, found by running its handler once.
//!
//! A handler reads its own node and nothing else, so its outcome is the same wherever that node and that event
//! meet again. A state of the search is then a few numbers, and a step is a lookup.

use super::Rules;
use super::choices::Choices;
use super::history::{History, Said};
use super::reduction::Talk;
use super::table::Pairs;
use crate::caught::caught;
use crate::fingerprint::fingerprint;
use crate::node::NodeId;
use crate::process::{Effect, Other, Value};
use crate::world::{Event, Part, World};
use std::collections::BTreeMap;

/// Bit of an event that is a node's own and not an arrival.
const OWN: u32 = 1 << 31;

/// What can happen at a node without a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Fire(usize),
    Sync,
    /// Keeps so many unsynced writes, and tears the next or not.
    Crash(usize, bool),
    Restart,
}

/// A state of one node.
pub(super) struct Known<M> {
    pub(super) part: Part<M>,
    pub(super) print: u128,
    pub(super) node: usize,
    pub(super) is_up: bool,
    pub(super) is_ready: bool,
    pub(super) own: Vec<Own>,
}

/// A message on its link.
pub(super) struct Envelope<M> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) message: M,
    pub(super) print: u128,
}

/// One thing that can come of an event at a node.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The node's state afterwards.
    pub(super) part: u32,
    /// The messages that it sent, in order.
    pub(super) sends: Box<[u32]>,
    said: Box<[Said]>,
    /// What the handler chose.
    pub(super) choices: Box<[u32]>,
    /// What is added to the fingerprint of a state whose messages in flight are counted.
    pub(super) delta: u128,
    /// Whether the node changed, or sent or said something.
    pub(super) does_something: bool,
}

/// All that can come of an event at a node.
#[derive(Clone, Debug)]
pub(super) enum Transition {
    /// So many outcomes from this one on.
    Outcomes(u32, u32),
    Panics(String),
}

struct Told {
    history: History,
    print: u128,
    /// The first property of histories that it breaks.
    broken: Option<String>,
}

/// What a step needs to know and nobody has found out yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Step { part: u32, event: u32 },
    Telling { history: u32, outcome: u32 },
}

pub(super) type Judge<'j> = &'j dyn Fn(&History) -> Option<String>;

/// All that is known.
pub(super) struct Catalogue<M: 'static> {
    world: World<M>,
    rules: Rules,
    pub(super) parts: Vec<Known<M>>,
    part_ids: BTreeMap<u128, u32>,
    pub(super) envelopes: Vec<Envelope<M>>,
    envelope_ids: BTreeMap<u128, u32>,
    pub(super) outcomes: Vec<Outcome>,
    transitions: Vec<Transition>,
    steps: Pairs,
    histories: Vec<Told>,
    history_ids: BTreeMap<u128, u32>,
    tellings: Pairs,
    /// Who has sent to whom.
    pub(super) talk: Talk,
}

impl<M: Value> Catalogue<M> {
    pub(super) fn new(world: World<M>, rules: Rules) -> Self {
        let talk = Talk::new(world.count());
        let nothing = Told { history: History::default(), print: 0, broken: None };
        Catalogue {
            world,
            rules,
            parts: Vec::new(),
            part_ids: BTreeMap::new(),
            envelopes: Vec::new(),
            envelope_ids: BTreeMap::new(),
            outcomes: Vec::new(),
            transitions: Vec::new(),
            steps: Pairs::default(),
            histories: vec![nothing],
            history_ids: BTreeMap::from([(0, 0)]),
            tellings: Pairs::default(),
            talk,
        }
    }

    pub(super) fn world(&self) -> &World<M> {
        &self.world
    }

    /// A world in which the node of `part` is in that state.
    pub(super) fn world_of(&self, part: u32) -> World<M> {
        let mut world = self.world.clone();
        let known = &self.parts[part as usize];
        world.set_part(NodeId::new(known.node), &known.part);
        world
    }

    /// What the `index`th of what can happen at `part` is called, whatever else is true of its node.
    pub(super) fn own_name(&self, part: u32, index: usize) -> u128 {
        let known = &self.parts[part as usize];
        let node = NodeId::new(known.node);
        match known.own[index] {
            Own::Fire(slot) => {
                let world = self.world_of(part);
                let timer = world.timer(node, slot).map(|timer| timer.fingerprint());
                fingerprint(&("fire", node, timer))
            }
            Own::Sync => fingerprint(&("sync", node)),
            Own::Restart => fingerprint(&("restart", node)),
            Own::Crash(kept, torn) => fingerprint(&("crash", node, kept, torn)),
        }
    }

    /// The nodes as they were added, before they start.
    pub(super) fn first_parts(&mut self) -> Vec<u32> {
        (0..self.world.count()).map(|node| self.part(node)).collect()
    }

    /// The number of what `node` is in the world now.
    fn part(&mut self, node: usize) -> u32 {
        let id = NodeId::new(node);
        let print = self.world.part_fingerprint(id);
        if let Some(known) = self.part_ids.get(&print) {
            return *known;
        }
        let own = self.own(id);
        let (is_up, is_ready) = (self.world.is_up(id), self.world.is_ready(id));
        let part = self.world.part(id);
        self.parts.push(Known { part, print, node, is_up, is_ready, own });
        let number = number(self.parts.len(), "states of nodes");
        self.part_ids.insert(print, number);
        number
    }

    /// What can happen at `node` as it is now.
    fn own(&self, node: NodeId) -> Vec<Own> {
        let world = &self.world;
        if !world.is_up(node) {
            return vec![Own::Restart];
        }
        let mut own = Vec::new();
        if world.is_ready(node) {
            own.extend(world.timers(node).into_iter().map(Own::Fire));
        }
        if world.is_syncing(node) {
            own.push(Own::Sync);
        }
        if self.rules.crashes > 0 && !world.is_client(node) {
            for kept in 0..=world.storage(node).unsynced() {
                own.push(Own::Crash(kept, false));
                if world.storage(node).can_tear(kept) {
                    own.push(Own::Crash(kept, true));
                }
            }
        }
        own
    }

    pub(super) fn envelope(&mut self, from: usize, to: usize, message: M) -> u32 {
        self.talk.0[from] |= 1u64.checked_shl(to as u32).unwrap_or(0);
        let print = envelope_print(from, to, &message);
        if let Some(known) = self.envelope_ids.get(&print) {
            return *known;
        }
        self.envelopes.push(Envelope { from, to, message, print });
        let number = number(self.envelopes.len(), "messages");
        self.envelope_ids.insert(print, number);
        number
    }

    /// What becomes of `part` when `envelope` arrives.
    #[inline]
    pub(super) fn arrival(&self, part: u32, envelope: u32) -> Result<&Transition, Missing> {
        self.step(part, envelope)
    }

    /// What becomes of `part` by the `index`th of what can happen at it.
    #[inline]
    pub(super) fn own_step(&self, part: u32, index: usize) -> Result<&Transition, Missing> {
        self.step(part, OWN | index as u32)
    }

    #[inline]
    fn step(&self, part: u32, event: u32) -> Result<&Transition, Missing> {
        match self.steps.get(part, event) {
            Some(known) => Ok(&self.transitions[known as usize]),
            None => Err(Missing::Step { part, event }),
        }
    }

    /// The history after `outcome`.
    #[inline]
    pub(super) fn told(&self, history: u32, outcome: u32) -> Result<u32, Missing> {
        if !self.rules.keeps_history || self.outcomes[outcome as usize].said.is_empty() {
            return Ok(history);
        }
        self.tellings.get(history, outcome).ok_or(Missing::Telling { history, outcome })
    }

    pub(super) fn history_print(&self, history: u32) -> u128 {
        self.histories[history as usize].print
    }

    /// The first property of histories that this one breaks.
    pub(super) fn broken(&self, history: u32) -> Option<&str> {
        self.histories[history as usize].broken.as_deref()
    }

    /// Finds out what is missing, if it still is.
    pub(super) fn find_out(&mut self, missing: Missing, judge: Judge<'_>) {
        match missing {
            Missing::Step { part, event } => {
                if self.steps.get(part, event).is_none() {
                    let event_there = self.event(part, event);
                    let transition = self.run(part, &event_there);
                    self.transitions.push(transition);
                    self.steps.insert(part, event, number(self.transitions.len(), "steps of nodes"));
                }
            }
            Missing::Telling { history, outcome } => {
                if self.tellings.get(history, outcome).is_none() {
                    let told = self.tell(history, outcome, judge);
                    self.tellings.insert(history, outcome, told);
                }
            }
        }
    }

    fn tell(&mut self, history: u32, outcome: u32, judge: Judge<'_>) -> u32 {
        let Outcome { part, said, .. } = &self.outcomes[outcome as usize];
        let client = NodeId::new(self.parts[*part as usize].node);
        let mut history = self.histories[history as usize].history.clone();
        said.iter().for_each(|said| history.append(client, said));
        let print = history.print();
        if let Some(known) = self.history_ids.get(&print) {
            return *known;
        }
        let broken = judge(&history);
        self.histories.push(Told { history, print, broken });
        let number = number(self.histories.len(), "histories");
        self.history_ids.insert(print, number);
        number
    }

    fn event(&self, part: u32, event: u32) -> Event<M> {
        let known = &self.parts[part as usize];
        let node = NodeId::new(known.node);
        if event & OWN == 0 {
            let Envelope { from, message, .. } = &self.envelopes[event as usize];
            return Event::Deliver { from: NodeId::new(*from), to: node, message: message.clone() };
        }
        match known.own[(event & !OWN) as usize] {
            Own::Fire(slot) => Event::Fire { node, slot },
            Own::Sync => Event::Synced(node),
            Own::Crash(kept, torn) => Event::Crash { node, kept, torn },
            Own::Restart => Event::Restart(node),
        }
    }

    /// Runs the handler of `event` at `part`, once for each way in which it can choose.
    pub(super) fn run(&mut self, part: u32, event: &Event<M>) -> Transition {
        let first = self.outcomes.len() as u32;
        let node = self.parts[part as usize].node;
        let before = self.parts[part as usize].print;
        let mut script = Some(Vec::new());
        while let Some(current) = script {
            let mut choices = Choices::of(current);
            let mut effects = Vec::new();
            let Catalogue { world, parts, .. } = &mut *self;
            world.set_part(NodeId::new(node), &parts[part as usize].part);
            let event = event.clone();
            if let Err(panic) = caught(|| world.apply(event, &mut choices, &mut effects)) {
                return Transition::Panics(panic);
            }
            let after = self.part(node);
            let (mut sends, mut said) = (Vec::new(), Vec::new());
            for effect in effects {
                match effect {
                    Effect::Send { to, message: Some(message) } => {
                        sends.push(self.envelope(node, to.index(), message));
                    }
                    Effect::Other(other) => match *other {
                        Other::Invoke { operation, value } => said.push(Said::Invoke(operation, value)),
                        Other::Respond { operation, outcome, value } => {
                            said.push(Said::Respond(operation, outcome, value));
                        }
                        _ => {}
                    },
                    _ => {}
                }
            }
            let mut delta = self.parts[after as usize].print.wrapping_sub(before);
            for send in &sends {
                delta = delta.wrapping_add(self.envelopes[*send as usize].print);
            }
            self.outcomes.push(Outcome {
                does_something: after != part || !sends.is_empty() || !said.is_empty(),
                part: after,
                sends: sends.into(),
                said: said.into(),
                choices: choices.script.clone().into(),
                delta,
            });
            script = choices.next();
        }
        Transition::Outcomes(first, self.outcomes.len() as u32 - first)
    }

    /// About how much memory it takes, values behind pointers estimated.
    pub(super) fn bytes(&self) -> usize {
        self.steps.bytes()
            + self.tellings.bytes()
            + self.parts.len() * (size_of::<Known<M>>() + 256)
            + self.envelopes.len() * (size_of::<Envelope<M>>() + 64)
            + self.outcomes.len() * (size_of::<Outcome>() + 32)
            + self.histories.len() * (size_of::<Told>() + 512)
    }
}

/// What a message on its link is known by.
pub(crate) fn envelope_print<M: Value>(from: usize, to: usize, message: &M) -> u128 {
    fingerprint(&(from, to, fingerprint(message)))
}

/// The number of the last of so many.
fn number(count: usize, of_what: &str) -> u32 {
    assert!(count < OWN as usize, "a search of more than 2^31 {of_what}");
    count as u32 - 1
}
