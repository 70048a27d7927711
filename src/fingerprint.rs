//! A 128-bit hash with a canonical byte order, for state fingerprints and run digests.
//!
//! `std::hash::Hash` decides *what* a value feeds to a hasher; this hasher decides *how*: every
//! integer, whatever its width, is one little-endian 64-bit word (128-bit integers are two), so that
//! `usize`, lengths and the `isize` discriminants of `derive(Hash)` do not depend on the platform.
//! (Slices of integers are fed by the standard library as raw memory, which is the same on every
//! little-endian 64-bit platform.)
//!
//! Two lanes are each mixed by a folded 64x64->128-bit multiplication with different odd constants and
//! cross at the end. It is not cryptographic: nobody attacks their own simulation.

use std::hash::{Hash, Hasher};

/// Fractional digits of pi, as in Blowfish: numbers with nothing up their sleeve.
const START: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344];
const MULTIPLIER: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];

/// Hashes values to 128 bits, the same on every run and platform.
#[derive(Clone, Debug)]
pub struct Fingerprinter {
    lanes: [u64; 2],
    words: u64,
}

/// The 128-bit fingerprint of one value.
pub fn fingerprint<T: Hash + ?Sized>(value: &T) -> u128 {
    let mut hasher = Fingerprinter::new();
    value.hash(&mut hasher);
    hasher.finish128()
}

impl Fingerprinter {
    /// A hasher that has seen nothing.
    pub const fn new() -> Self {
        Fingerprinter { lanes: START, words: 0 }
    }

    /// The hash of all that was written so far.
    #[inline]
    pub fn finish128(&self) -> u128 {
        let [a, b] = self.lanes;
        let low = folded_multiply(a ^ b.rotate_left(32), MULTIPLIER[0] ^ self.words);
        let high = folded_multiply(b ^ low, MULTIPLIER[1]);
        u128::from(low ^ a) | u128::from(high ^ b) << 64
    }

    #[inline]
    fn word(&mut self, word: u64) {
        let [a, b] = self.lanes;
        self.lanes = [
            folded_multiply(a ^ word, MULTIPLIER[0]).wrapping_add(b),
            folded_multiply(b.wrapping_add(word), MULTIPLIER[1]) ^ a.rotate_left(17),
        ];
        self.words = self.words.wrapping_add(1);
    }
}

impl Default for Fingerprinter {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn folded_multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

impl Hasher for Fingerprinter {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.word(u64::from_le_bytes(chunk.try_into().expect("a chunk has eight bytes")));
        }
        let rest = chunks.remainder();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // The length keeps "ab" + "" apart from "a" + "b" and from trailing zeros.
        self.word(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, i: u8) {
        self.word(u64::from(i));
    }
    fn write_u16(&mut self, i: u16) {
        self.word(u64::from(i));
    }
    fn write_u32(&mut self, i: u32) {
        self.word(u64::from(i));
    }
    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }
    fn write_u128(&mut self, i: u128) {
        self.word(i as u64);
        self.word((i >> 64) as u64);
    }
    #[inline]
    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }
    fn write_i8(&mut self, i: i8) {
        self.word(i64::from(i) as u64);
    }
    fn write_i16(&mut self, i: i16) {
        self.word(i64::from(i) as u64);
    }
    fn write_i32(&mut self, i: i32) {
        self.word(i64::from(i) as u64);
    }
    fn write_i64(&mut self, i: i64) {
        self.word(i as u64);
    }
    fn write_i128(&mut self, i: i128) {
        self.write_u128(i as u128);
    }
    fn write_isize(&mut self, i: isize) {
        self.word(i as i64 as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.finish128() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn values_are_pinned() {
        assert_eq!(fingerprint(&()), 0x26f1760f_5b3a175c_e087b196_3fa0c6aa);
        assert_eq!(fingerprint("netsplit"), 0x223b2211_86150772_cee55ab2_21b1ec81);
    }

    #[test]
    fn an_integer_hashes_as_the_same_word_whatever_its_width() {
        assert_eq!(fingerprint(&7u8), fingerprint(&7u64));
        assert_eq!(fingerprint(&7usize), fingerprint(&7i32));
        assert_eq!(fingerprint(&-1i8), fingerprint(&-1isize));
    }

    #[test]
    fn near_values_do_not_collide_and_flip_half_of_the_bits() {
        let mut seen = BTreeSet::new();
        let mut flipped = 0;
        for i in 0..1000u64 {
            for j in 0..100u64 {
                let print = fingerprint(&(i, j));
                assert!(seen.insert(print), "{i} {j}");
                flipped += (print ^ fingerprint(&(i, j ^ 1))).count_ones();
            }
        }
        let mean = f64::from(flipped) / 100_000.0;
        assert!((mean - 64.0).abs() < 0.1, "{mean} of 128 bits flip on average");
    }

    #[test]
    fn boundaries_between_strings_count() {
        assert_ne!(fingerprint(&("ab", "")), fingerprint(&("a", "b")));
        assert_ne!(fingerprint(&[0u8; 3][..]), fingerprint(&[0u8; 4][..]));
    }
}
