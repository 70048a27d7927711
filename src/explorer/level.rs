//! States written one after the other, and what threads make of a part of them.

use super::catalogue::Missing;
use super::reduction::{Talk, node_of};
use super::successors::{Action, HISTORY, NOTHING, Stepper, Successor};
use super::symmetry::Orbits;
use super::table::{SHARDS, Shard, Table, shard_of};
use crate::caught::caught;
use crate::process::Value;
use crate::property::{Property, When};
use crate::world::{Event, World};
use std::hint::black_box;

/// States and their fingerprints.
#[derive(Default)]
pub(super) struct States {
    words: Vec<u32>,
    ends: Vec<usize>,
    prints: Vec<u128>,
}

impl States {
    pub(super) fn len(&self) -> usize {
        self.prints.len()
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> (&[u32], u128) {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        (&self.words[begin..self.ends[at]], self.prints[at])
    }

    fn clear(&mut self) {
        self.words.clear();
        self.ends.clear();
        self.prints.clear();
    }

    fn bytes(&self) -> usize {
        self.words.len() * size_of::<u32>() + self.len() * (size_of::<usize>() + size_of::<u128>())
    }
}

/// All states of one depth, in order. They lie where a thread has written them: to copy millions of them, one after the
/// other, would be the one thing that threads have to wait for.
#[derive(Default)]
pub(super) struct Level {
    pieces: Vec<States>,
    /// Of each, the place of its first state.
    starts: Vec<usize>,
    len: usize,
}

impl Level {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts states behind the others: of a piece the first `count`.
    pub(super) fn append(&mut self, piece: States, count: usize) {
        self.pieces.push(piece);
        self.starts.push(self.len);
        self.len += count;
    }

    pub(super) fn push(&mut self, state: &[u32], print: u128) {
        let mut one = States::default();
        one.words.extend_from_slice(state);
        one.ends.push(one.words.len());
        one.prints.push(print);
        self.append(one, 1);
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> (&[u32], u128) {
        let piece = self.starts.partition_point(|start| *start <= place) - 1;
        self.pieces[piece].get(place - self.starts[piece])
    }

    /// Its room, to be filled again: memory that is given back and taken anew makes threads wait for each other.
    pub(super) fn room(mut self) -> Vec<States> {
        self.pieces.iter_mut().for_each(States::clear);
        self.pieces
    }

    pub(super) fn bytes(&self) -> usize {
        self.pieces.iter().map(States::bytes).sum::<usize>()
    }
}

/// Where a state was found: the place of the one before in its level, and which of its steps led here.
pub(super) type Origin = (u32, u32);

/// New states, in the order of their origins.
#[derive(Default)]
pub(super) struct Found {
    pub(super) states: States,
    pub(super) origins: Vec<Origin>,
    /// Whether something that properties can read differs from the state before.
    pub(super) changed: Vec<bool>,
}

impl Found {
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

/// Steps to states that may be new, for the thread to which their shards belong: it reads the keys, and nothing else.
#[derive(Default)]
pub(super) struct Asked {
    /// What stands for the states in the table: fingerprints, or those of their orbits.
    keys: Vec<u128>,
    /// Which steps of the chunk they are.
    steps: Vec<u32>,
}

/// What one thread makes of its share of a batch; its room is used for the next.
pub(super) struct Chunk {
    /// The new states.
    pub(super) found: Found,
    /// The steps from the states of the share, if several threads ask; else from the last of them.
    steps: Vec<Successor>,
    /// The places of these states, and where the steps from each end.
    ends: Vec<(u32, u32)>,
    /// What is asked of each thread.
    pub(super) asked: Vec<Asked>,
    pub(super) generated: usize,
    /// Those of its states of which something is missing, and what.
    pub(super) missed: Vec<u32>,
    pub(super) missing: Vec<Missing>,
    pub(super) panic: Option<Panic>,
    recent: Recent,
}

/// What was asked about lately, to ask less: a state is often found from several that stand near each other. It is
/// small, and so near; to ask the table itself costs as much as what it spares.
///
/// Zero stands for nothing, as in the table.
#[derive(Default)]
struct Recent(Vec<u128>);

impl Recent {
    const SIZE: usize = 1 << 14;

    /// Whether `key` is known to have been asked about. It is known from now on, until another takes its place.
    #[inline]
    fn knows(&mut self, key: u128) -> bool {
        let key = key.max(1);
        std::mem::replace(&mut self.0[key as usize % Self::SIZE], key) == key
    }
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
    /// So many threads ask, and each knows its shards.
    Shared(&'t Table, usize),
}

/// How many shards each of so many threads has, but perhaps the last.
pub(super) fn shards_of_one(threads: usize) -> usize {
    SHARDS.div_ceil(threads)
}

impl Chunk {
    pub(super) fn new() -> Self {
        Chunk {
            found: Found::default(),
            steps: Vec::new(),
            ends: Vec::new(),
            asked: Vec::new(),
            generated: 0,
            missed: Vec::new(),
            missing: Vec::new(),
            panic: None,
            recent: Recent::default(),
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
        let mut all = std::mem::take(&mut self.steps);
        if let Filter::Alone(_) = filter {
            all.clear();
        }
        let (first, known) = (all.len(), self.missing.len());
        let result = stepper.successors(state, print, &mut all, &mut self.missing);
        if self.missing.len() > known {
            self.missed.push(place);
            all.truncate(first);
            self.steps = all;
            return false;
        }
        let steps = &all[first..];
        let kept = self.reduced(stepper, talk, steps, state, filter, orbits);
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
            match filter {
                Filter::Alone(table) => {
                    if table.insert(key) {
                        self.found.write(stepper, state, step, (place, ordinal as u32));
                    }
                }
                Filter::Shared(..) if self.recent.knows(key) => {}
                Filter::Shared(_, threads) => {
                    let asked = &mut self.asked[shard_of(key) / shards_of_one(*threads)];
                    asked.keys.push(key);
                    asked.steps.push((first + ordinal) as u32);
                }
            }
        }
        self.ends.push((place, all.len() as u32));
        self.steps = all;
        true
    }

    /// Writes the states that these steps lead to, in the order of the steps.
    pub(super) fn write<'n, M: Value>(
        &mut self,
        stepper: &Stepper<'_, M>,
        level: &Level,
        new: impl Iterator<Item = &'n Vec<u32>>,
    ) {
        let mut is_new = vec![false; self.steps.len()];
        new.flatten().for_each(|step| is_new[*step as usize] = true);
        let mut first = 0;
        for &(place, end) in &self.ends {
            let steps = first..end as usize;
            first = end as usize;
            let mut state = None;
            for at in steps.clone().filter(|at| is_new[*at]) {
                let state = *state.get_or_insert_with(|| level.get(place as usize).0);
                self.found.write(stepper, state, &self.steps[at], (place, (at - steps.start) as u32));
            }
        }
        self.found.origins.shrink_to_fit();
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
        let (Some(talk), Filter::Shared(table, _)) = (talk, filter) else { return u64::MAX };
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
}

/// So many keys are looked for at the same time, as where they belong is far away: one after the other that was a sixth
/// of a search.
const AT_ONCE: usize = 64;

/// Which of the steps that were asked about, of each chunk, lead to new states: of equal ones the first. All of them
/// are of these `shards`, the first of which has the number `first`.
pub(super) fn settle<'p>(
    (first, shards): (usize, &mut [Shard]),
    asked: impl Iterator<Item = &'p Asked>,
) -> Vec<Vec<u32>> {
    let of_one = |Asked { keys, steps }: &Asked| {
        let mut new = Vec::new();
        for (keys, steps) in keys.chunks(AT_ONCE).zip(steps.chunks(AT_ONCE)) {
            let near = |key: &u128| shards[shard_of(*key) - first].touch(*key);
            black_box(keys.iter().map(near).fold(0, u128::wrapping_add));
            let mut is_new = |key: &u128| shards[shard_of(*key) - first].insert(*key);
            new.extend(keys.iter().zip(steps).filter(|(key, _)| is_new(key)).map(|(_, step)| *step));
        }
        new
    };
    asked.map(of_one).collect()
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
    /// Which properties hold in some state that it was asked about.
    pub(super) reached: Vec<bool>,
}

impl<M: Value> Judge<M> {
    pub(super) fn new(world: &World<M>, properties: usize) -> Self {
        let (parts, reached) = (vec![u32::MAX; world.count()], vec![false; properties]);
        Judge { world: world.clone(), parts, split: 0, reached }
    }

    /// The world in this state.
    pub(super) fn world(&mut self, stepper: &Stepper<'_, M>, state: &[u32]) -> &World<M> {
        let Stepper { catalogue, map, .. } = *stepper;
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

    /// What the new states break first, and takes note of what they reach, unless that is `known` to be reached.
    pub(super) fn judge_all(
        &mut self,
        stepper: &Stepper<'_, M>,
        properties: &[Property<'_, M>],
        found: &Found,
        known: &[bool],
    ) -> Option<Broken> {
        let mut broken = None;
        for (at, &origin) in found.origins.iter().enumerate().filter(|(at, _)| found.changed[*at]) {
            if let Some(property) = self.judge(stepper, properties, found.states.get(at).0, known) {
                broken = broken.or(Some(Broken { origin, property }));
            }
        }
        broken
    }

    /// The first property that `state` breaks. It is asked what it reaches whatever other states of its batch do: a
    /// property may panic, and that must not depend on who judges which.
    pub(super) fn judge(
        &mut self,
        stepper: &Stepper<'_, M>,
        properties: &[Property<'_, M>],
        state: &[u32],
        known: &[bool],
    ) -> Option<String> {
        let broken = || stepper.catalogue.broken(stepper.word(state, HISTORY)).map(str::to_string);
        if properties.is_empty() {
            return broken();
        }
        self.world(stepper, state);
        let (world, reached) = (&self.world, &mut self.reached);
        let judged = caught(|| {
            for (index, property) in properties.iter().enumerate() {
                match property.when {
                    When::Always if !property.holds(world) => return Some(index),
                    When::Reachable if !known[index] && property.holds(world) => reached[index] = true,
                    _ => {}
                }
            }
            None
        });
        match judged {
            Ok(None) => broken(),
            Ok(Some(index)) => Some(properties[index].name.clone()),
            Err(_) => properties.iter().find_map(|property| match caught(|| property.holds(world)) {
                Ok(_) => None,
                Err(panic) => Some(format!("{} (which panics: {panic})", property.name)),
            }),
        }
    }
}

/// What each thread has for itself, and what it makes.
pub(super) struct Worker<'s, M: 'static> {
    pub(super) judge: Judge<M>,
    pub(super) orbits: Option<Orbits<'s, M>>,
    pub(super) chunk: Chunk,
}

impl<M: Value> Worker<'_, M> {
    /// Expands the states at `places` of `level` with what is known, and no more.
    pub(super) fn expand_all(
        &mut self,
        stepper: &Stepper<'_, M>,
        level: &Level,
        places: &[u32],
        mut filter: Filter<'_>,
        talk: Option<&Talk>,
    ) {
        let Worker { chunk, orbits, .. } = self;
        (chunk.generated, chunk.panic) = (0, None);
        if let Filter::Shared(_, threads) = filter {
            chunk.steps.clear();
            chunk.ends.clear();
            chunk.asked.resize_with(chunk.asked.len().max(threads), Asked::default);
            chunk.recent.0.resize(Recent::SIZE, 0);
            for Asked { keys, steps } in &mut chunk.asked {
                keys.clear();
                steps.clear();
            }
        }
        for place in places {
            chunk.expand(stepper, level, *place, &mut filter, orbits, talk);
        }
    }
}
