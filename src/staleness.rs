//! Who read what, and how stale it was: an observer of the operations on a store of keys and values.
//!
//! A read is *stale* if what it returned had certainly been overwritten when it was invoked: another write of
//! the key was acknowledged by then, and had been invoked only after the returned one was known to have taken
//! place (it was acknowledged, or a read had returned it). So nothing needs to be known of the store, and a
//! read that is concurrent with writes gets the benefit of the doubt; where writes of a key follow one
//! another, it is exact. A store that is linearizable has no stale read; one without stale reads need not be
//! linearizable.
//!
//! It reads [`KeyValueOperation`] and [`KeyValueResponse`], whose values name their writes, and nothing else:
//! a run without them has no reads.

use crate::client::{KeyValueOperation, KeyValueResponse, RequestId};
use crate::node::NodeId;
use crate::process::Outcome;
use crate::record::{Observer, Record, What};
use crate::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// A read that took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Who read.
    pub client: NodeId,
    /// Which key.
    pub key: u64,
    /// When it was invoked.
    pub invoked: Time,
    /// When it returned.
    pub responded: Time,
    /// The write whose value it returned; none if the key had no value.
    pub value: Option<RequestId>,
    /// How stale the value was; none if it was not.
    pub stale: Option<Stale>,
}

/// How stale the value of a read was, when the read was invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// How long ago the first write that overwrote it was acknowledged.
    pub age: Duration,
    /// How many acknowledged writes overwrote it.
    pub versions: usize,
}

/// Observes reads and writes.
#[derive(Clone, Debug, Default)]
pub struct Staleness {
    /// Counts records, so that what happens at one instant has an order.
    step: u64,
    open: BTreeMap<RequestId, Open>,
    writes: BTreeMap<RequestId, Write>,
    /// By key.
    acknowledged: BTreeMap<u64, Vec<Acknowledged>>,
    reads: Vec<Read>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    operation: KeyValueOperation,
    time: Time,
    step: u64,
}

/// A write, and the step by which it is known to have taken place.
#[derive(Clone, Copy, Debug)]
struct Write {
    invoked: u64,
    took_place: Option<u64>,
}

/// A write of one key that was acknowledged, in the order of acknowledgement.
#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    step: u64,
    time: Time,
    invoked: u64,
    /// The latest invocation of this write and all before it.
    latest_invoked: u64,
}

impl Staleness {
    /// The reads that took place, in the order in which they returned. A late response to a read whose
    /// outcome was unknown is not among them.
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// The share of reads that were stale; none if there were no reads.
    pub fn stale_share(&self) -> Option<f64> {
        let stale = self.reads.iter().filter(|read| read.stale.is_some()).count();
        (!self.reads.is_empty()).then(|| stale as f64 / self.reads.len() as f64)
    }

    /// The reads as CSV, a line each, spans in milliseconds: who read what, whose write that was, and how stale.
    pub fn csv(&self) -> String {
        let mut csv = "client,key,invoked_ms,responded_ms,value,stale_by_ms,newer_versions\n".to_string();
        let milliseconds = |time: Time| time.since(Time::ZERO).as_secs_f64() * 1e3;
        for Read { client, key, invoked, responded, value, stale } in &self.reads {
            let value = value.map(|value| format!("{value:?}")).unwrap_or_default();
            let (age, versions) =
                stale.map_or((0.0, 0), |stale| (stale.age.as_secs_f64() * 1e3, stale.versions));
            let (invoked, responded) = (milliseconds(*invoked), milliseconds(*responded));
            csv.push_str(&format!("{client},{key},{invoked},{responded},{value},{age},{versions}\n"));
        }
        csv
    }

    /// The writes of `key` that were acknowledged before step `before` and invoked after step `after`, the
    /// last one first.
    fn overwriting(&self, key: u64, after: u64, before: u64) -> impl Iterator<Item = &Acknowledged> {
        let all = self.acknowledged.get(&key).map_or(&[][..], Vec::as_slice);
        let known = &all[..all.partition_point(|write| write.step < before)];
        let possible = known.iter().rev().take_while(move |write| write.latest_invoked > after);
        possible.filter(move |write| write.invoked > after)
    }

    fn read(&mut self, client: NodeId, read: &Open, key: u64, value: Option<RequestId>, now: Time) {
        // A value that nobody has written is the key's first, which took place before everything.
        let took_place = match value.and_then(|id| self.writes.get_mut(&id)) {
            Some(write) => *write.took_place.get_or_insert(self.step),
            None => 0,
        };
        let overwriting = self.overwriting(key, took_place, read.step);
        let (versions, first) = overwriting.fold((0, None), |(count, _), write| (count + 1, Some(write)));
        let stale = first.map(|first| Stale { age: read.time.since(first.time), versions });
        self.reads.push(Read { client, key, invoked: read.time, responded: now, value, stale });
    }

    fn written(&mut self, id: RequestId, key: u64, time: Time) {
        let Some(write) = self.writes.get_mut(&id) else { return };
        write.took_place.get_or_insert(self.step);
        let (step, invoked) = (self.step, write.invoked);
        let acknowledged = self.acknowledged.entry(key).or_default();
        let latest = acknowledged.last().map_or(0, |last| last.latest_invoked);
        acknowledged.push(Acknowledged { step, time, invoked, latest_invoked: latest.max(invoked) });
    }
}

impl<M> Observer<M> for Staleness {
    fn observe(&mut self, record: Record<'_, M>) {
        self.step += 1;
        match record.what {
            What::Invoked { client, operation, value } => {
                let Some(&value) = value.as_any().downcast_ref::<KeyValueOperation>() else { return };
                let id = RequestId { client, operation };
                if let KeyValueOperation::Write { value, .. } = value {
                    self.writes.insert(value, Write { invoked: self.step, took_place: None });
                }
                self.open.insert(id, Open { operation: value, time: record.time, step: self.step });
            }
            What::Responded { client, operation, outcome, value } => {
                // An operation whose outcome is unknown has no further response that counts.
                let Some(open) = self.open.remove(&RequestId { client, operation }) else { return };
                let response = value.as_any().downcast_ref::<KeyValueResponse>();
                match (outcome, open.operation, response) {
                    (Outcome::Ok, KeyValueOperation::Read { key }, Some(KeyValueResponse::Read(value))) => {
                        self.read(client, &open, key, *value, record.time);
                    }
                    (Outcome::Ok, KeyValueOperation::Write { key, value }, _) => {
                        self.written(value, key, record.time);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::milliseconds;

    /// Feeds a history of one key. Times are in milliseconds.
    #[derive(Default)]
    struct History {
        staleness: Staleness,
    }

    fn id(client: usize, operation: u64) -> RequestId {
        RequestId { client: NodeId::new(client), operation }
    }

    impl History {
        fn tell(&mut self, at: u64, what: What<'_, ()>) {
            self.staleness.observe(Record { time: Time::ZERO + milliseconds(at), what });
        }

        fn invoke(&mut self, at: u64, id: RequestId, operation: KeyValueOperation) {
            let RequestId { client, operation: number } = id;
            self.tell(at, What::Invoked { client, operation: number, value: &operation });
        }

        fn write(&mut self, at: u64, id: RequestId) {
            self.invoke(at, id, KeyValueOperation::Write { key: 0, value: id });
        }

        fn respond(&mut self, at: u64, id: RequestId, outcome: Outcome, response: KeyValueResponse) {
            let RequestId { client, operation } = id;
            self.tell(at, What::Responded { client, operation, outcome, value: &response });
        }

        fn written(&mut self, at: u64, id: RequestId) {
            self.respond(at, id, Outcome::Ok, KeyValueResponse::Written);
        }

        /// A read from `from` to `to` that returns `value`, and how stale it was.
        fn read(&mut self, from: u64, to: u64, id: RequestId, value: Option<RequestId>) -> Option<Stale> {
            self.invoke(from, id, KeyValueOperation::Read { key: 0 });
            self.respond(to, id, Outcome::Ok, KeyValueResponse::Read(value));
            self.staleness.reads().last().expect("a read").stale
        }
    }

    fn stale(age: u64, versions: usize) -> Option<Stale> {
        Some(Stale { age: milliseconds(age), versions })
    }

    #[test]
    fn a_read_is_stale_by_the_acknowledged_writes_that_followed_what_it_returned() {
        let mut history = History::default();
        for (at, operation) in [(0, 1), (10, 2), (20, 3)] {
            history.write(at, id(0, operation));
            history.written(at + 5, id(0, operation));
        }
        assert_eq!(history.read(30, 31, id(1, 1), Some(id(0, 3))), None);
        assert_eq!(history.read(40, 41, id(1, 2), Some(id(0, 2))), stale(15, 1));
        assert_eq!(history.read(50, 51, id(1, 3), Some(id(0, 1))), stale(35, 2));
        assert_eq!(history.read(60, 61, id(1, 4), None), stale(55, 3));
        assert_eq!(history.staleness.stale_share(), Some(0.75));
    }

    #[test]
    fn a_write_that_is_not_acknowledged_when_the_read_is_invoked_makes_nothing_stale() {
        let mut history = History::default();
        history.write(0, id(0, 1));
        assert_eq!(history.read(1, 2, id(1, 1), None), None);
        history.invoke(3, id(1, 2), KeyValueOperation::Read { key: 0 });
        history.written(4, id(0, 1));
        history.respond(5, id(1, 2), Outcome::Ok, KeyValueResponse::Read(None));
        assert_eq!(history.staleness.reads()[1].stale, None);
    }

    #[test]
    fn of_concurrent_writes_either_may_be_the_last() {
        let mut history = History::default();
        history.write(0, id(0, 1));
        history.write(1, id(1, 1));
        history.written(2, id(0, 1));
        history.written(3, id(1, 1));
        assert_eq!(history.read(4, 5, id(2, 1), Some(id(1, 1))), None);
        assert_eq!(history.read(6, 7, id(2, 2), Some(id(0, 1))), None);
    }

    #[test]
    fn a_write_of_unknown_outcome_has_taken_place_when_it_is_read() {
        let mut history = History::default();
        history.write(0, id(0, 1));
        history.respond(1, id(0, 1), Outcome::Unknown, KeyValueResponse::Written);
        history.write(2, id(1, 1));
        history.written(3, id(1, 1));
        assert_eq!(history.read(4, 5, id(2, 1), Some(id(0, 1))), None, "it may be the later one");
        history.write(6, id(1, 2));
        history.written(7, id(1, 2));
        assert_eq!(history.read(9, 9, id(2, 2), Some(id(0, 1))), stale(2, 1));
    }
}
