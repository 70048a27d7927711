//! Breadth first: level by level, each state once, on as many threads as there are.
//!
//! A level is taken in batches. Threads expand their shares of a batch with what the catalogue knows; what is
//! missing is found out by one, in order, and those states are expanded then. Which of two equal new states is
//! first is decided by their places, whoever takes them: the result does not depend on the number of threads.

use super::catalogue::{Catalogue, Missing};
use super::crew::Crew;
use super::level::{
    Broken, Chunk, Filter, Found, Judge, Level, Panic, States, Worker, settle, shards_of_one,
};
use super::parents::Parents;
use super::path::{Path, Printed, initial};
use super::reduction::{self, Talk};
use super::successors::{Action, Map, Shared, Successor};
use super::symmetry::Orbits;
use super::table::{SHARDS, Table};
use super::{Bound, Exploration, Explored, Order, Progress, Rules, Verdict};
use crate::process::Value;
use crate::property::When;
use std::sync::Arc;

/// How many states of a level are expanded before the new ones are sorted out. (Few in tests, so that levels there have
/// several such batches.)
const BATCH: usize = if cfg!(test) { 1 << 9 } else { 1 << 13 };
/// A level that is smaller is expanded in order, and what is missing is found out on the way.
const SMALL: usize = if cfg!(test) { 1 << 6 } else { 1 << 11 };

pub(super) struct Search<'s, 'a, M: Value> {
    pub(super) options: &'s Exploration<'a, M>,
    pub(super) shared: Arc<Shared<M>>,
    pub(super) table: Table,
    pub(super) parents: Parents,
    pub(super) generated: usize,
    pub(super) reached: Vec<bool>,
    /// One for each thread.
    pub(super) workers: Vec<Worker<'s, M>>,
    pub(super) bytes: usize,
    /// Room of levels that were left behind, to be filled again.
    left: Vec<States>,
    /// Who sends to whom, if that is used to leave steps out.
    talk: Option<Talk>,
}

/// What came of some states of a level.
#[derive(Default)]
struct Batch {
    /// The new states, in order.
    found: Vec<Found>,
    generated: usize,
    panic: Option<Panic>,
    broken: Option<Broken>,
}

/// What ends a search before its time.
enum End {
    Broken(Broken),
    Panic(Panic),
    Bound(Bound),
    /// Somebody sends where nobody was known to: what was left out may matter.
    Again,
}

impl<'s, 'a, M: Value> Search<'s, 'a, M> {
    #[track_caller]
    pub(super) fn new(options: &'s Exploration<'a, M>) -> Self {
        let (world, _) = options.start.not_yet_run();
        let rules = options.rules();
        let worker = |_| Worker {
            judge: Judge::new(world, options.properties.len()),
            orbits: options.symmetry.as_ref().and_then(|symmetry| Orbits::new(symmetry, world)),
            chunk: Chunk::new(),
        };
        let (catalogue, map) = (Catalogue::new(world.clone(), rules), Map::new(world, &rules));
        Search {
            options,
            shared: Arc::new(Shared { catalogue, rules, map }),
            table: Table::new(),
            parents: Parents::default(),
            generated: 0,
            reached: vec![false; options.properties.len()],
            workers: (0..options.threads.max(1)).map(worker).collect(),
            bytes: 0,
            left: Vec::new(),
            talk: None,
        }
    }

    #[track_caller]
    pub(super) fn run(mut self) -> Explored {
        let (_, sent) = self.options.start.not_yet_run();
        let judge = |history: &_| self.options.judge(history);
        let Shared { catalogue, rules, map } = self.shared_mut();
        let states = match initial(catalogue, rules, map, sent, &judge) {
            Ok(states) => states,
            Err(panic) => return self.explored(0, Verdict::Violated(Path::empty(panic)), None),
        };
        match self.options.order {
            Order::BreadthFirst => {
                std::thread::scope(|scope| self.breadth_first(&states, &mut Crew::new(scope)))
            }
            Order::DepthFirst => self.depth_first(&states),
            Order::IterativeDeepening => self.deepening(&states),
        }
    }

    fn breadth_first<'scope>(mut self, states: &[Printed], crew: &mut Crew<'scope, '_>) -> Explored
    where
        's: 'scope,
    {
        self.check_symmetry(states);
        let reduces = self.options.reduces && reduction::applies(&self.shared.rules, self.shared.map.nodes);
        self.talk = reduces.then(|| self.shared.catalogue.talk.clone());
        let mut level = Level::default();
        let mut broken = None;
        for (number, (state, print)) in states.iter().enumerate() {
            self.generated += 1;
            let key = self.key(state, *print);
            if broken.is_some() || !self.table.insert(key) {
                continue;
            }
            level.push(state, *print);
            self.parents.push_initial(number as u32);
            broken = self.judge_one(state);
        }
        if let Some(property) = broken {
            let path = self.path(states, self.parents.len() as u32 - 1, Vec::new(), None, property);
            return self.explored(1, Verdict::Violated(path), None);
        }
        let mut depth = 0;
        while level.len() > 0 {
            depth += 1;
            let base = self.parents.len() - level.len();
            let (current, mut next) = (Arc::new(level), Level::default());
            let mut at = 0;
            while at < current.len() {
                let to = current.len().min(at + BATCH);
                let ended = self.batch(&current, at..to, base, &mut next, depth, crew);
                match ended {
                    Some(End::Bound(bound)) => {
                        let deeper = usize::from(next.len() > 0);
                        return self.explored(depth + deeper, Verdict::Unknown, Some(bound));
                    }
                    Some(End::Panic(Panic { origin: (place, _), action, message })) => {
                        let index = base as u32 + place;
                        let path = self.path(states, index, Vec::new(), Some(action), message);
                        return self.explored(depth, Verdict::Violated(path), None);
                    }
                    Some(End::Broken(Broken { origin, property })) => {
                        let parent = base as u32 + origin.0;
                        let path = self.path(states, parent, vec![origin.1], None, property);
                        return self.explored(depth + 1, Verdict::Violated(path), None);
                    }
                    Some(End::Again) => {
                        (self.table, self.generated) = (Table::new(), 0);
                        self.parents.clear();
                        self.workers.iter_mut().for_each(|worker| worker.chunk = Chunk::new());
                        return self.breadth_first(states, crew);
                    }
                    None => {}
                }
                at = to;
            }
            self.left.extend(returned(current).room());
            level = next;
        }
        self.concluded(depth, states)
    }

    /// What stands for a state in the table.
    fn key(&mut self, state: &[u32], print: u128) -> u128 {
        let orbits = &mut self.workers[0].orbits;
        orbits.as_mut().map_or(print, |orbits| orbits.least(&self.shared.stepper(), state))
    }

    #[track_caller]
    fn check_symmetry(&mut self, states: &[Printed]) {
        let Some(orbits) = &mut self.workers[0].orbits else { return };
        let Rules { partitions, keeps_history, .. } = self.shared.rules;
        assert!(partitions == 0 && !keeps_history, "symmetric: not together with partitions and histories");
        assert!(
            orbits.begin_alike(&self.shared.stepper(), states),
            "symmetric: the nodes do not begin alike"
        );
    }

    /// The result of a search that has seen everything: what must happen eventually is asked now.
    pub(super) fn concluded(mut self, depth: usize, states: &[Printed]) -> Explored {
        match self.never(states) {
            Ok(Some(path)) => self.explored(depth, Verdict::Violated(path), None),
            Ok(None) => self.explored(depth, Verdict::Holds, None),
            Err(bound) => self.explored(depth, Verdict::Unknown, Some(bound)),
        }
    }

    /// All steps from a state. What is missing is found out.
    pub(super) fn steps(
        &mut self,
        state: &[u32],
        print: u128,
        into: &mut Vec<Successor>,
    ) -> Result<(), (Action, String)> {
        loop {
            into.clear();
            let mut missing = Vec::new();
            let result = self.shared.stepper().successors(state, print, into, &mut missing);
            if missing.is_empty() {
                return result;
            }
            self.find_out(missing);
        }
    }

    fn shared_mut(&mut self) -> &mut Shared<M> {
        Arc::get_mut(&mut self.shared).expect("no thread reads it between jobs")
    }

    fn find_out(&mut self, missing: Vec<Missing>) {
        let options = self.options;
        let catalogue = &mut self.shared_mut().catalogue;
        missing.into_iter().for_each(|what| catalogue.find_out(what, &|history| options.judge(history)));
    }

    /// What a state breaks first; takes note of what it reaches.
    pub(super) fn judge_one(&mut self, state: &[u32]) -> Option<String> {
        let properties = &self.options.properties;
        let broken = self.workers[0].judge.judge(&self.shared.stepper(), properties, state, &self.reached);
        self.note_reached();
        broken
    }

    /// Expands some states of a level, and puts those that are new on the next one.
    fn batch<'scope>(
        &mut self,
        level: &Arc<Level>,
        range: std::ops::Range<usize>,
        base: usize,
        next: &mut Level,
        depth: usize,
        crew: &mut Crew<'scope, '_>,
    ) -> Option<End>
    where
        's: 'scope,
    {
        let places: Vec<u32> = range.map(|place| place as u32).collect();
        let goes_deeper = depth < self.options.max_depth;
        let Batch { found, generated, panic, broken } = match level.len() < SMALL && self.talk.is_none() {
            true => self.expand_in_order(level, &places, goes_deeper),
            false => self.expand_in_parallel(level, places, goes_deeper, crew),
        };
        if self.talk.as_ref().is_some_and(|talk| *talk != self.shared.catalogue.talk) {
            return Some(End::Again);
        }
        self.generated += generated;
        if !goes_deeper {
            let deeper = found.iter().any(|found| found.states.len() > 0);
            return deeper.then_some(End::Bound(Bound::Depth));
        }
        let mut is_full = false;
        for Found { states, mut origins, .. } in found {
            let room = self.options.max_states - self.parents.len();
            is_full |= origins.len() > room;
            origins.truncate(room);
            next.append(states, origins.len());
            self.parents.append(base as u32, origins);
        }
        match (panic, broken) {
            (Some(panic), Some(broken)) if panic.origin < broken.origin => return Some(End::Panic(panic)),
            (_, Some(broken)) => return Some(End::Broken(broken)),
            (Some(panic), None) => return Some(End::Panic(panic)),
            (None, None) => {}
        }
        self.bytes = self.bytes.max(self.bytes_now(level, next));
        let progress = Progress {
            distinct: self.parents.len(),
            generated: self.generated,
            depth,
            frontier: next.len(),
            bytes: self.bytes,
        };
        let goes_on = self.options.watch.as_ref().is_none_or(|watch| watch(&progress));
        match () {
            () if is_full || self.parents.len() > u32::MAX as usize / 2 => Some(End::Bound(Bound::States)),
            () if self.bytes > self.options.max_memory => Some(End::Bound(Bound::Memory)),
            () if !goes_on => Some(End::Bound(Bound::Interrupted)),
            () => None,
        }
    }

    fn bytes_now(&self, level: &Level, next: &Level) -> usize {
        self.table.bytes()
            + self.parents.bytes()
            + level.bytes()
            + next.bytes()
            + self.shared.catalogue.bytes()
    }

    fn expand_in_order(&mut self, level: &Level, places: &[u32], goes_deeper: bool) -> Batch {
        let mut chunk = Chunk::new();
        for place in places {
            loop {
                let mut filter = Filter::Alone(&mut self.table);
                let orbits = &mut self.workers[0].orbits;
                if chunk.expand(&self.shared.stepper(), level, *place, &mut filter, orbits, None) {
                    break;
                }
                self.find_out(std::mem::take(&mut chunk.missing));
            }
        }
        let Chunk { found, generated, panic, .. } = chunk;
        let mut broken = None;
        if goes_deeper {
            let judge = &mut self.workers[0].judge;
            broken = judge.judge_all(&self.shared.stepper(), &self.options.properties, &found, &self.reached);
            self.note_reached();
        }
        Batch { found: vec![found], generated, panic, broken }
    }

    /// In rounds: what is missing in one is found out, and the next is of the states that miss it.
    ///
    /// Threads first take all steps from their shares, then find out which lead to new states, each for its part of the
    /// table, and then write those that their own steps lead to. What they change goes to them and comes back.
    fn expand_in_parallel<'scope>(
        &mut self,
        level: &Arc<Level>,
        mut places: Vec<u32>,
        goes_deeper: bool,
        crew: &mut Crew<'scope, '_>,
    ) -> Batch
    where
        's: 'scope,
    {
        let properties = &self.options.properties;
        let mut batch = Batch::default();
        while !places.is_empty() {
            // To wait for others costs more than a few states, as those of which something was missing.
            let threads = if places.len() < SMALL { 1 } else { self.options.threads.max(1) };
            let shares = places.chunks(places.len().div_ceil(threads).max(64));
            let count = shares.len();
            let table = Arc::new(std::mem::take(&mut self.table));
            let jobs = shares.zip(self.workers.drain(..count)).map(|(share, mut worker)| {
                worker.chunk.found.states = self.left.pop().unwrap_or_default();
                let (shared, level, share) = (self.shared.clone(), level.clone(), share.to_vec());
                let (table, talk) = (table.clone(), self.talk.clone());
                move || {
                    let filter = Filter::Shared(&table, threads);
                    worker.expand_all(&shared.stepper(), &level, &share, filter, talk.as_ref());
                    worker
                }
            });
            let workers = Arc::new(crew.run(jobs.collect()));

            let of_one = shards_of_one(threads);
            let mut shards = returned(table).0;
            let jobs = (0..SHARDS).step_by(of_one).enumerate().map(|(owner, first)| {
                let mut shards: Vec<_> = shards.drain(..of_one.min(shards.len())).collect();
                let workers = workers.clone();
                move || {
                    let asked = workers.iter().map(|worker| &worker.chunk.asked[owner]);
                    let new = settle((first, &mut shards), asked);
                    (shards, new)
                }
            });
            let (shards, new): (Vec<_>, Vec<_>) = crew.run(jobs.collect()).into_iter().unzip();
            self.table.0 = shards.into_iter().flatten().collect();

            let new = Arc::new(new);
            let jobs = returned(workers).into_iter().enumerate().map(|(number, mut worker)| {
                let (shared, level, new) = (self.shared.clone(), level.clone(), new.clone());
                let reached = self.reached.clone();
                move || {
                    let (Worker { chunk, judge, .. }, stepper) = (&mut worker, shared.stepper());
                    chunk.write(&stepper, &level, new.iter().map(|of_one| &of_one[number]));
                    let judge = || judge.judge_all(&stepper, properties, &chunk.found, &reached);
                    (goes_deeper.then(judge).flatten(), worker)
                }
            });
            let (broken, mut workers): (Vec<_>, Vec<_>) = crew.run(jobs.collect()).into_iter().unzip();

            places.clear();
            batch.broken =
                broken.into_iter().flatten().chain(batch.broken).min_by_key(|broken| broken.origin);
            for Worker { chunk, .. } in &mut workers {
                batch.generated += chunk.generated;
                batch.panic =
                    chunk.panic.take().into_iter().chain(batch.panic).min_by_key(|panic| panic.origin);
                batch.found.push(std::mem::take(&mut chunk.found));
                places.append(&mut chunk.missed);
                self.find_out(std::mem::take(&mut chunk.missing));
            }
            // In front: each thread gets its own again, which is near it.
            self.workers.splice(0..0, workers);
        }
        self.note_reached();
        batch
    }

    fn note_reached(&mut self) {
        for Worker { judge, .. } in &self.workers {
            self.reached.iter_mut().zip(&judge.reached).for_each(|(all, one)| *all |= one);
        }
    }

    /// The path to a state that was found, and then by steps of these ordinals, the last of them first.
    fn path(
        &self,
        states: &[(Vec<u32>, u128)],
        mut index: u32,
        mut ordinals: Vec<u32>,
        last: Option<Action>,
        property: String,
    ) -> super::Counterexample {
        let start = loop {
            match self.parents.of(index) {
                Ok((parent, ordinal)) => {
                    ordinals.push(ordinal);
                    index = parent;
                }
                Err(start) => break start,
            }
        };
        ordinals.reverse();
        let stepper = self.shared.stepper();
        let mut path = Path::new(&stepper, &states[start as usize]);
        ordinals.into_iter().for_each(|ordinal| path.step(ordinal));
        path.end(last, property)
    }

    pub(super) fn explored(&self, depth: usize, verdict: Verdict, stopped: Option<Bound>) -> Explored {
        let unreached = self.options.properties.iter().zip(&self.reached);
        let unreached =
            unreached.filter(|(property, reached)| property.when == When::Reachable && !**reached);
        Explored {
            distinct: self.parents.len(),
            generated: self.generated,
            depth,
            verdict,
            stopped,
            unreached: unreached.map(|(property, _)| property.name.clone()).collect(),
            bytes: self.bytes,
        }
    }
}

/// What was lent to jobs that have ended.
fn returned<T>(lent: Arc<T>) -> T {
    Arc::into_inner(lent).expect("no job has it any more")
}
