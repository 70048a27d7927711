//! A set of 128-bit fingerprints: sixteen bytes each in open addressing, in shards that threads fill side by side.

use std::hint::black_box;

/// How many shards there are, whatever the number of threads.
pub(super) const SHARDS: usize = 64;

/// So many slots are in a page of memory.
const PAGE: usize = 4096 / size_of::<u128>();

/// One part of the set. Zero stands for an empty slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Shard {
    slots: Vec<u128>,
    count: usize,
}

impl Shard {
    /// Whether `print` is in it.
    #[inline]
    pub(super) fn contains(&self, print: u128) -> bool {
        if self.slots.is_empty() {
            return false;
        }
        let print = print.max(1);
        let mask = self.slots.len() - 1;
        let mut at = print as usize & mask;
        loop {
            match self.slots[at] {
                0 => return false,
                slot if slot == print => return true,
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Reads where `print` belongs, to have it near when it is put in.
    #[inline]
    pub(super) fn touch(&self, print: u128) -> u128 {
        let mask = self.slots.len().wrapping_sub(1);
        self.slots.get(print as usize & mask).copied().unwrap_or_default()
    }

    /// Puts `print` in; false if it was there.
    #[inline]
    pub(super) fn insert(&mut self, print: u128) -> bool {
        if self.slots.is_empty() {
            self.grow();
        }
        let print = print.max(1);
        let mask = self.slots.len() - 1;
        let mut at = print as usize & mask;
        loop {
            match self.slots[at] {
                0 => break,
                slot if slot == print => return false,
                _ => at = (at + 1) & mask,
            }
        }
        self.slots[at] = print;
        self.count += 1;
        // Only now: its size depends on what is in it, and not on how often that was put in.
        if self.count * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        true
    }

    #[cold]
    fn grow(&mut self) {
        let larger = (self.slots.len() * 2).max(16);
        let mut empty = vec![0; larger];
        // Memory that is read before it is written costs the system twice, and the second time it stops other threads.
        empty.chunks_mut(PAGE).for_each(|page| *black_box(&mut page[0]) = 0);
        let old = std::mem::replace(&mut self.slots, empty);
        for print in old.into_iter().filter(|print| *print != 0) {
            let mut at = print as usize & (larger - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (larger - 1);
            }
            self.slots[at] = print;
        }
    }

    fn bytes(&self) -> usize {
        self.slots.len() * size_of::<u128>()
    }
}

/// The shard that a fingerprint belongs to.
#[inline]
pub(super) fn shard_of(print: u128) -> usize {
    (print >> 122) as usize
}

/// The set.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(pub(super) Vec<Shard>);

impl Table {
    pub(super) fn new() -> Self {
        Table(vec![Shard::default(); SHARDS])
    }

    #[inline]
    pub(super) fn contains(&self, print: u128) -> bool {
        self.0[shard_of(print)].contains(print)
    }

    /// Puts `print` in; false if it was there.
    #[inline]
    pub(super) fn insert(&mut self, print: u128) -> bool {
        self.0[shard_of(print)].insert(print)
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(Shard::bytes).sum()
    }
}

/// A map from pairs of small numbers to a small number, to look steps up that were taken before.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    /// Keys plus one, so that zero is an empty slot.
    slots: Vec<(u64, u32)>,
    count: usize,
}

#[inline]
fn slot_of(key: u64) -> usize {
    let product = u128::from(key) * 0x9e37_79b9_7f4a_7c15_u128;
    ((product >> 64) as u64 ^ product as u64) as usize
}

impl Pairs {
    #[inline]
    fn key(first: u32, second: u32) -> u64 {
        (u64::from(first) << 32 | u64::from(second)) + 1
    }

    #[inline]
    pub(super) fn get(&self, first: u32, second: u32) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let key = Self::key(first, second);
        let mask = self.slots.len() - 1;
        let mut at = slot_of(key) & mask;
        loop {
            match self.slots[at] {
                (0, _) => return None,
                (found, value) if found == key => return Some(value),
                _ => at = (at + 1) & mask,
            }
        }
    }

    pub(super) fn insert(&mut self, first: u32, second: u32, value: u32) {
        if self.count * 2 >= self.slots.len() {
            let larger = (self.slots.len() * 2).max(64);
            let old = std::mem::replace(&mut self.slots, vec![(0, 0); larger]);
            old.into_iter().filter(|(key, _)| *key != 0).for_each(|(key, value)| self.put(key, value));
        }
        self.put(Self::key(first, second), value);
        self.count += 1;
    }

    fn put(&mut self, key: u64, value: u32) {
        let mask = self.slots.len() - 1;
        let mut at = slot_of(key) & mask;
        while self.slots[at].0 != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = (key, value);
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<(u64, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::fingerprint;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn a_table_has_what_a_set_has() {
        let (mut table, mut set) = (Table::new(), BTreeSet::new());
        for i in 0..20_000u64 {
            let print = fingerprint(&(i * i % 7919));
            assert_eq!(table.contains(print), set.contains(&print));
            assert_eq!(table.insert(print), set.insert(print));
        }
        assert!(table.insert(0) && table.contains(0) && !table.insert(0), "zero is a fingerprint, too");
    }

    #[test]
    fn pairs_are_found_again() {
        let (mut pairs, mut map) = (Pairs::default(), BTreeMap::new());
        for i in 0..5_000u32 {
            let pair = (i % 97, i / 3);
            assert_eq!(pairs.get(pair.0, pair.1), map.get(&pair).copied());
            if map.insert(pair, i).is_none() {
                pairs.insert(pair.0, pair.1, i);
            } else {
                map.insert(pair, pairs.get(pair.0, pair.1).expect("it is there"));
            }
        }
    }
}
