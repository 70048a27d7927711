//! What a node keeps through a crash: named records and an append-only log, encoded by serde (as
//! MessagePack).
//!
//! A write is *unsynced* until a sync that follows it is complete. A process reads its own unsynced
//! writes; a crash keeps a prefix of them and loses the rest. A named record is replaced atomically (as
//! by a temporary file and a rename); an appended entry can be *torn*: it is there, and reads as an error
//! (Pillai et al., "All file systems are not created equal", OSDI 2014). This file draws nothing: how
//! much a crash keeps is for the driver to say.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

type Bytes = Arc<[u8]>;

/// Why something stored cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageError {
    /// A crash cut the write short.
    Torn,
    /// It was written as another type.
    Decode(String),
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::Torn => f.write_str("the entry is torn: a crash cut its write short"),
            StorageError::Decode(problem) => {
                write!(f, "the bytes do not decode as the type asked for: {problem}")
            }
        }
    }
}

impl std::error::Error for StorageError {}

/// One write, in the order of the program.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Write {
    Record(&'static str, Bytes),
    Append(Bytes),
}

/// Records and log at one moment. A torn entry is `None`.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
struct Content {
    /// By name, in order; they are few.
    records: Vec<(&'static str, Bytes)>,
    log: Vec<Option<Bytes>>,
}

impl Content {
    /// The place of a record, or where it would be.
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.records.binary_search_by(|(other, _)| (*other).cmp(name))
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Record(name, bytes) => match self.find(name) {
                Ok(place) => self.records[place].1 = bytes,
                Err(place) => self.records.insert(place, (name, bytes)),
            },
            Write::Append(bytes) => self.log.push(Some(bytes)),
        }
    }
}

/// The storage of one node.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    /// What survives a crash whatever happens.
    durable: Content,
    /// Writes that took place since, oldest first.
    unsynced: Vec<Write>,
    /// What the process reads: everything it wrote, durable or not.
    view: Content,
}

/// The view follows from the rest and from what a sync holds back.
impl Hash for Storage {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.durable, &self.unsynced).hash(state);
    }
}

impl Storage {
    /// The record `name`, as the process reads it; `None` if it was never written.
    ///
    /// # Errors
    /// [`StorageError::Decode`] if the record was written as another type.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StorageError> {
        self.view.find(name).ok().map(|place| decode(&self.view.records[place].1)).transpose()
    }

    /// The log's entries as the process reads them, oldest first.
    pub fn log<T: DeserializeOwned>(&self) -> impl Iterator<Item = Result<T, StorageError>> {
        self.view.log.iter().map(|entry| match entry {
            Some(bytes) => decode(bytes),
            None => Err(StorageError::Torn),
        })
    }

    /// How many writes a crash could still lose.
    pub fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// Whether nothing was ever written.
    pub(crate) fn is_empty(&self) -> bool {
        self.unsynced.is_empty() && self.view == Content::default()
    }

    /// Whether a crash that keeps `kept` unsynced writes can tear the next.
    pub(crate) fn can_tear(&self, kept: usize) -> bool {
        matches!(self.unsynced.get(kept), Some(Write::Append(_)))
    }

    /// Lets the process read `write`; it takes place with [`Storage::issue`].
    pub(crate) fn show(&mut self, write: Write) {
        self.view.apply(write);
    }

    /// The write takes place: from here on a crash may keep it.
    pub(crate) fn issue(&mut self, write: Write) {
        self.unsynced.push(write);
    }

    pub(crate) fn sync(&mut self) {
        for write in self.unsynced.drain(..) {
            self.durable.apply(write);
        }
    }

    /// Keeps the first `kept` unsynced writes, tears the next one if it is an append and `torn`, and
    /// loses the rest.
    pub(crate) fn crash(&mut self, kept: usize, torn: bool) {
        let mut unsynced = std::mem::take(&mut self.unsynced).into_iter();
        for write in unsynced.by_ref().take(kept) {
            self.durable.apply(write);
        }
        if torn && let Some(Write::Append(_)) = unsynced.next() {
            self.durable.log.push(None);
        }
        self.view = self.durable.clone();
    }
}

/// # Panics
/// If serde refuses the value, which is a mistake in its `Serialize`.
#[track_caller]
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Bytes {
    match rmp_serde::to_vec(value) {
        Ok(bytes) => bytes.into(),
        Err(error) => panic!("a value written to storage does not serialize: {error}"),
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StorageError> {
    rmp_serde::from_slice(bytes).map_err(|error| StorageError::Decode(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(storage: &mut Storage, write: Write) {
        storage.show(write.clone());
        storage.issue(write);
    }

    fn entries(storage: &Storage) -> Vec<Result<u32, StorageError>> {
        storage.log().collect()
    }

    #[test]
    fn a_crash_keeps_a_prefix_of_the_unsynced_writes_and_may_tear_the_next() {
        let mut before = Storage::default();
        written(&mut before, Write::Append(encode(&1u32)));
        before.sync();
        for entry in [2u32, 3, 4] {
            written(&mut before, Write::Append(encode(&entry)));
        }
        assert_eq!(entries(&before), [Ok(1), Ok(2), Ok(3), Ok(4)]);

        let mut after = before.clone();
        after.crash(1, false);
        assert_eq!(entries(&after), [Ok(1), Ok(2)]);

        let mut torn = before;
        torn.crash(1, true);
        assert_eq!(entries(&torn), [Ok(1), Ok(2), Err(StorageError::Torn)]);
    }

    #[test]
    fn a_record_is_the_old_or_the_new_one_never_a_torn_one() {
        let mut storage = Storage::default();
        written(&mut storage, Write::Record("term", encode(&1u64)));
        storage.sync();
        written(&mut storage, Write::Record("term", encode(&2u64)));
        assert_eq!(storage.read("term"), Ok(Some(2u64)));
        storage.crash(0, true);
        assert_eq!(storage.read("term"), Ok(Some(1u64)));
        assert_eq!(storage.read::<u64>("vote"), Ok(None));
    }

    #[test]
    fn a_record_of_another_type_is_an_error_and_not_a_value() {
        let mut storage = Storage::default();
        written(&mut storage, Write::Record("name", encode("netsplit")));
        assert!(matches!(storage.read::<u8>("name"), Err(StorageError::Decode(_))));
    }
}
