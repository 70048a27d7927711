//! The digest of a run: one number that two runs share if and only if they had the same records.

use crate::fingerprint::Fingerprinter;
use crate::record::{Observer, Record};
use std::fmt;
use std::hash::Hash;

/// An observer that hashes every record in canonical bytes, but for what follows from the others: how they
/// came about, and what is counted meanwhile. It is printed as 32 hexadecimal digits.
#[derive(Clone, Debug, Default)]
pub struct Digest(Fingerprinter);

impl Digest {
    /// The digest of what was observed so far.
    pub fn value(&self) -> u128 {
        self.0.finish128()
    }
}

impl<M: Hash> Observer<M> for Digest {
    fn observe(&mut self, record: Record<'_, M>) {
        if !record.what.only_explains() {
            record.hash(&mut self.0);
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.value())
    }
}
