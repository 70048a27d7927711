//! Numbers for values, equal ones alike, and tables of numbers: what a search looks up at every step.
//!
//! They are open addressing tables of their own because the standard ones hash with random keys, and because they
//! must say how much memory they take. Nothing iterates over them.

use crate::fingerprint::Fingerprinter;
use std::hash::Hash;

const EMPTY: u32 = u32::MAX;

fn mix(hash: u64) -> usize {
    let product = u128::from(hash) * 0x9e37_79b9_7f4a_7c15;
    ((product as u64) ^ (product >> 64) as u64) as usize
}

/// Values and their numbers.
pub(super) struct Interner<T> {
    values: Vec<T>,
    hashes: Vec<u64>,
    table: Vec<u32>,
}

impl<T: Eq + Hash> Interner<T> {
    pub fn new() -> Self {
        Interner { values: Vec::new(), hashes: Vec::new(), table: vec![EMPTY; 16] }
    }

    /// The number of `value`, and whether it is new.
    pub fn number(&mut self, value: T) -> (u32, bool) {
        let mut hasher = Fingerprinter::new();
        value.hash(&mut hasher);
        let hash = hasher.finish128() as u64;
        let mask = self.table.len() - 1;
        let mut place = mix(hash) & mask;
        while self.table[place] != EMPTY {
            let number = self.table[place];
            if self.hashes[number as usize] == hash && self.values[number as usize] == value {
                return (number, false);
            }
            place = (place + 1) & mask;
        }
        let number = self.values.len() as u32;
        self.table[place] = number;
        self.values.push(value);
        self.hashes.push(hash);
        if self.values.len() * 2 > self.table.len() {
            self.grow();
        }
        (number, true)
    }

    pub fn get(&self, number: u32) -> &T {
        &self.values[number as usize]
    }

    /// Without what values hold elsewhere.
    pub fn bytes(&self) -> usize {
        self.values.len() * (size_of::<T>() + 8) + self.table.len() * 4
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        self.table = vec![EMPTY; mask + 1];
        for (number, hash) in (0..).zip(&self.hashes) {
            let mut place = mix(*hash) & mask;
            while self.table[place] != EMPTY {
                place = (place + 1) & mask;
            }
            self.table[place] = number;
        }
    }
}

/// A number for each pair of numbers.
pub(super) struct Pairs {
    slots: Vec<(u64, u32)>,
    len: usize,
}

impl Pairs {
    pub fn new() -> Self {
        Pairs { slots: vec![(u64::MAX, 0); 64], len: 0 }
    }

    fn place(slots: &[(u64, u32)], key: u64) -> usize {
        let mask = slots.len() - 1;
        let mut place = mix(key) & mask;
        while slots[place].0 != key && slots[place].0 != u64::MAX {
            place = (place + 1) & mask;
        }
        place
    }

    pub fn get(&self, first: u32, second: u32) -> Option<u32> {
        let key = u64::from(first) << 32 | u64::from(second);
        let (found, value) = self.slots[Self::place(&self.slots, key)];
        (found == key).then_some(value)
    }

    /// For a pair that has none.
    pub fn insert(&mut self, first: u32, second: u32, value: u32) {
        let key = u64::from(first) << 32 | u64::from(second);
        let place = Self::place(&self.slots, key);
        self.slots[place] = (key, value);
        self.len += 1;
        if self.len * 2 > self.slots.len() {
            let old = std::mem::take(&mut self.slots);
            self.slots = vec![(u64::MAX, 0); old.len() * 2];
            for slot in old.into_iter().filter(|slot| slot.0 != u64::MAX) {
                let place = Self::place(&self.slots, slot.0);
                self.slots[place] = slot;
            }
        }
    }

    pub fn bytes(&self) -> usize {
        self.slots.len() * 16
    }
}

/// What is remembered of keys of a fixed number of words: for each, vectors of which none is below another, counted
/// in operations used. It answers whether a vector is known or above a known one.
pub(super) struct Memory {
    words: usize,
    counts: usize,
    keys: Vec<u64>,
    /// For each key its latest vector.
    heads: Vec<u32>,
    vectors: Vec<u16>,
    /// For each vector the one before of the same key.
    before: Vec<u32>,
    table: Vec<u32>,
}

impl Memory {
    pub fn new(words: usize, counts: usize) -> Self {
        let (keys, heads, vectors, before) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Memory { words, counts, keys, heads, vectors, before, table: vec![EMPTY; 64] }
    }

    fn hash(key: &[u64]) -> u64 {
        key.iter().fold(0x243f_6a88_85a3_08d3, |hash, word| mix(hash ^ word).rotate_left(23) as u64)
    }

    fn key(&self, number: u32) -> &[u64] {
        &self.keys[number as usize * self.words..][..self.words]
    }

    fn place(&self, key: &[u64]) -> usize {
        let mask = self.table.len() - 1;
        let mut place = mix(Self::hash(key)) & mask;
        while self.table[place] != EMPTY && self.key(self.table[place]) != key {
            place = (place + 1) & mask;
        }
        place
    }

    /// Remembers a key with its vector; false if it is known, or one with a vector nowhere above.
    pub fn insert(&mut self, key: &[u64], vector: &[u16]) -> bool {
        let place = self.place(key);
        let number = match self.table[place] {
            EMPTY => {
                let number = self.heads.len() as u32;
                self.table[place] = number;
                self.keys.extend_from_slice(key);
                self.heads.push(EMPTY);
                number
            }
            number if self.counts == 0 => {
                let _ = number;
                return false;
            }
            number => number,
        };
        if self.counts > 0 {
            let mut other = self.heads[number as usize];
            while other != EMPTY {
                let known = &self.vectors[other as usize * self.counts..][..self.counts];
                if known.iter().zip(vector).all(|(known, new)| known <= new) {
                    return false;
                }
                other = self.before[other as usize];
            }
            self.before.push(self.heads[number as usize]);
            self.heads[number as usize] = self.before.len() as u32 - 1;
            self.vectors.extend_from_slice(vector);
        }
        if self.heads.len() * 2 > self.table.len() {
            let mask = self.table.len() * 2 - 1;
            let mut table = vec![EMPTY; mask + 1];
            for number in 0..self.heads.len() as u32 {
                let mut place = mix(Self::hash(self.key(number))) & mask;
                while table[place] != EMPTY {
                    place = (place + 1) & mask;
                }
                table[place] = number;
            }
            self.table = table;
        }
        true
    }

    pub fn bytes(&self) -> usize {
        let words = self.keys.len() * 8 + self.table.len() * 4;
        words + self.heads.len() * 4 + self.vectors.len() * 2 + self.before.len() * 4
    }
}
