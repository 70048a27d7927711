//! States written one after the other, and what threads make of a part of them.

use super::Rules;
use super::catalogue::{Catalogue, Missing};
use super::reduction::{Talk, node_of};
use super::successors::{Action, HISTORY, Map, NOTHING, Stepper, Successor};
use super::symmetry::Orbits;
use super::table::{SHARDS, Shard, Table, shard_of};
use crate::caught::caught;
use crate::process::Value;
use crate::property::{Property, When};
use crate::world::{Event, World};

/// States and their fingerprints, in order.
#[derive(Default)]
pub(super) struct Level {
    words: Vec<u32>,
    ends: Vec<usize>,
    prints: Vec<u128>,
}

impl Level {
    pub(super) fn len(&self) -> usize {
        self.prints.len()
    }

    pub(super) fn push(&mut self, state: &[u32], print: u128) {
        self.words.extend_from_slice(state);
        self.ends.push(self.words.len());
        self.prints.push(print);
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> (&[u32], u128) {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        (&self.words[begin..self.ends[at]], self.prints[at])
    }

    pub(super) fn bytes(&self) -> usize {
        self.words.len() * size_of::<u32>() + self.len() * (size_of::<usize>() + size_of::<u128>())
    }
}

/// Where a state was found: the place of the one before in its level, and which of its steps led here.
pub(super) type Origin = (u32, u32);

/// What one thread finds in its share of a batch.
pub(super) struct Chunk {
    pub(super) states: Level,
    /// What stands for each in the table: its fingerprint, or that of its orbit.
    pub(super) keys: Vec<u128>,
    pub(super) origins: Vec<Origin>,
    /// Whether something that properties can read differs from the state before.
    pub(super) changed: Vec<bool>,
    /// The states of each shard, where threads must agree on who was first.
    pub(super) shares: Vec<Vec<u32>>,
    pub(super) won: Vec<bool>,
    pub(super) generated: usize,
    /// Those of its states of which something is missing, and what.
    pub(super) missed: Vec<u32>,
    pub(super) missing: Vec<Missing>,
    pub(super) panic: Option<Panic>,
    seen: Shard,
    scratch: Vec<Successor>,
}

/// A handler's panic: where it was, and in which step.
#[derive(Clone, Debug)]
pub(super) struct Panic {
    pub(super) origin: Origin,
    pub(super) action: Action,
    pub(super) message: String,
}

/// Who says which states are new.
pub(super) enum Filter<'t> {
    /// Nobody else asks.
    Alone(&'t mut Table),
    /// Several threads ask: what is new for one may not be for all.
    Shared(&'t Table),
}

impl Chunk {
    pub(super) fn new() -> Self {
        Chunk {
            states: Level::default(),
            keys: Vec::new(),
            origins: Vec::new(),
            changed: Vec::new(),
            shares: vec![Vec::new(); SHARDS],
            won: Vec::new(),
            generated: 0,
            missed: Vec::new(),
            missing: Vec::new(),
            panic: None,
            seen: Shard::default(),
            scratch: Vec::new(),
        }
    }

    /// Takes every step from the state at `place` of `level`; false if something is missing, and then none.
    pub(super) fn expand<M: Value>(
        &mut self,
        stepper: &Stepper<'_, M>,
        level: &Level,
        place: u32,
        filter: &mut Filter<'_>,
        orbits: &mut Option<Orbits<'_, M>>,
        talk: Option<&Talk>,
    ) -> bool {
        let (state, print) = level.get(place as usize);
        let mut steps = std::mem::take(&mut self.scratch);
        steps.clear();
        let known = self.missing.len();
        let result = stepper.successors(state, print, &mut steps, &mut self.missing);
        if self.missing.len() > known {
            self.missed.push(place);
            self.scratch = steps;
            return false;
        }
        let kept = self.reduced(stepper, talk, &steps, state, filter, orbits);
        let is_kept = |step: &Successor| kept & node_of(stepper.catalogue, step.action) != 0;
        self.generated += steps.iter().filter(|step| is_kept(step)).count();
        if let Err((action, message)) = result {
            let origin = (place, steps.len() as u32);
            if self.panic.as_ref().is_none_or(|first| origin < first.origin) {
                self.panic = Some(Panic { origin, action, message });
            }
        }
        for (ordinal, step) in steps.iter().enumerate().filter(|(_, step)| is_kept(step)) {
            let key = match orbits {
                None => step.print,
                Some(orbits) => orbits.of(stepper, state, step),
            };
            let is_new = match filter {
                Filter::Alone(table) => table.insert(key),
                Filter::Shared(table) => !table.contains(key) && self.seen.insert(key),
            };
            if is_new {
                if matches!(filter, Filter::Shared(_)) {
                    self.shares[shard_of(key)].push(self.states.len() as u32);
                }
                self.keys.push(key);
                self.write(stepper, state, step, (place, ordinal as u32));
            }
        }
        self.scratch = steps;
        true
    }

    /// The nodes whose steps are taken.
    fn reduced<M: Value>(
        &self,
        stepper: &Stepper<'_, M>,
        talk: Option<&Talk>,
        steps: &[Successor],
        state: &[u32],
        filter: &Filter<'_>,
        orbits: &mut Option<Orbits<'_, M>>,
    ) -> u64 {
        // What is known is asked of the table as it was before this batch: else it would matter who asks first.
        let (Some(talk), Filter::Shared(table)) = (talk, filter) else { return u64::MAX };
        let mut is_new = |step: &Successor| {
            let key = orbits.as_mut().map_or(step.print, |orbits| orbits.of(stepper, state, step));
            !table.contains(key)
        };
        let choices = talk.choices(stepper.catalogue, steps);
        let leads_on = |set: &u64| {
            let mut own = steps.iter().filter(|step| node_of(stepper.catalogue, step.action) & set != 0);
            own.any(&mut is_new)
        };
        choices.into_iter().find(leads_on).unwrap_or(u64::MAX)
    }

    fn write<M: Value>(&mut self, stepper: &Stepper<'_, M>, state: &[u32], step: &Successor, origin: Origin) {
        stepper.write(state, step, &mut self.states.words);
        self.states.ends.push(self.states.words.len());
        self.states.prints.push(step.print);
        self.origins.push(origin);
        let handled = step.outcome != NOTHING && {
            let outcome = &stepper.catalogue.outcomes[step.outcome as usize];
            let node = stepper.catalogue.parts[outcome.part as usize].node;
            state[node] != outcome.part || stepper.word(state, HISTORY) != step.history
        };
        self.changed.push(handled || matches!(step.action, Action::Partition(_) | Action::Heal));
    }
}

/// A property that a state breaks.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) origin: Origin,
    pub(super) property: String,
}

/// Judges states: a world that is made to be each of them in turn.
pub(super) struct Judge<M: 'static> {
    world: World<M>,
    parts: Vec<u32>,
    split: u32,
}

impl<M: Value> Judge<M> {
    pub(super) fn new(world: &World<M>) -> Self {
        Judge { world: world.clone(), parts: vec![u32::MAX; world.count()], split: 0 }
    }

    /// The world in this state.
    pub(super) fn world(&mut self, catalogue: &Catalogue<M>, map: &Map, state: &[u32]) -> &World<M> {
        for (known, part) in self.parts.iter_mut().zip(state) {
            if known != part {
                *known = *part;
                let there = &catalogue.parts[*part as usize];
                self.world.set_part(crate::node::NodeId::new(there.node), &there.part);
            }
        }
        let split = state[map.nodes + super::successors::SPLIT];
        if split != self.split {
            let links = |number: u32| map.splits[number as usize - 1].clone();
            let before = (self.split != 0).then(|| Event::HealPartition(links(self.split)));
            let now = (split != 0).then(|| Event::Partition(links(split)));
            for event in before.into_iter().chain(now) {
                self.world.apply(event, &mut super::choices::Choices::default(), &mut Vec::new());
            }
            self.split = split;
        }
        &self.world
    }

    /// The first property that `state` breaks; takes note of what it reaches.
    pub(super) fn judge(
        &mut self,
        catalogue: &Catalogue<M>,
        map: &Map,
        properties: &[Property<'_, M>],
        state: &[u32],
        reached: &mut [bool],
    ) -> Option<String> {
        let world = self.world(catalogue, map, state);
        let judged = caught(|| {
            for (index, property) in properties.iter().enumerate() {
                match property.when {
                    When::Always if !property.holds(world) => return Some(index),
                    When::Reachable if !reached[index] && property.holds(world) => reached[index] = true,
                    _ => {}
                }
            }
            None
        });
        match judged {
            Ok(None) => catalogue.broken(state[map.nodes + HISTORY]).map(str::to_string),
            Ok(Some(index)) => Some(properties[index].name.clone()),
            Err(_) => properties.iter().find_map(|property| match caught(|| property.holds(world)) {
                Ok(_) => None,
                Err(panic) => Some(format!("{} (which panics: {panic})", property.name)),
            }),
        }
    }
}

/// Expands the states at `places` of `level` with what is known, and no more.
pub(super) fn expand_all<M: Value>(
    catalogue: &Catalogue<M>,
    (rules, map): (&Rules, &Map),
    level: &Level,
    places: &[u32],
    mut filter: Filter<'_>,
    orbits: &mut Option<Orbits<'_, M>>,
    talk: Option<&Talk>,
) -> Chunk {
    let mut chunk = Chunk::new();
    if matches!(filter, Filter::Shared(_)) {
        chunk.seen = Shard::with_room_for(2 * places.len());
    }
    let stepper = Stepper { catalogue, rules, map };
    for place in places {
        chunk.expand(&stepper, level, *place, &mut filter, orbits, talk);
    }
    chunk
}
