//! Addressed randomness: a number is a function of (seed, address), never of what was drawn before.
//!
//! The seed is expanded by SplitMix64 into a key for ChaCha8, which yields one 64-bit key per domain.
//! A number is then Philox 2x64 with ten rounds (Salmon, Moraes, Dror and Shaw, "Parallel random
//! numbers: as easy as 1, 2, 3", SC 2011), keyed by its domain, of a 128-bit counter that is its
//! address. So one draw can be changed, added or left out, and every other number stays what it was.

use crate::time::Time;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// What a number is drawn for. Each domain has its own key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// The fate of a message: address is the link and the number on it.
    Message,
    /// A process's own draws: address is the node and its count of draws.
    Process,
    /// How long a sync takes: address is the node and its count of syncs.
    Sync,
    /// What a nemesis plans: address is the kind of fault and the count of draws.
    Nemesis,
    /// What a crash leaves of unsynced writes: address is the node and its count of crashes.
    Crash,
    /// A client's draws: address is the node, and operation, attempt and count of draws.
    Client,
    /// How long a message occupies its node: address is the node and its count of messages.
    Processing,
}

const DOMAINS: usize = 7;
const ROUNDS: usize = 10;

/// The random numbers of one run.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    /// Of each domain, one for each round.
    keys: [[u64; ROUNDS]; DOMAINS],
    /// Of the clients whose operations are written down, by place: each operation with its time.
    timetables: BTreeMap<u64, BTreeMap<u64, Time>>,
}

/// At this slot of an operation is the next one that is written down, itself included: zero if none are written
/// down for its client, and the largest number if none is left.
pub(crate) const NEXT_WRITTEN: u64 = 126;
/// At this slot of an operation that is written down is its time.
pub(crate) const TIME_WRITTEN: u64 = 127;
/// The bits of a client's address that are not the operation.
const IN_OPERATION: u64 = 24;

impl Random {
    /// All the numbers that belong to `seed`.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        let mut expanded = [0; 32];
        for word in expanded.chunks_exact_mut(8) {
            word.copy_from_slice(&split_mix(&mut state).to_le_bytes());
        }
        let mut chacha = ChaCha8Rng::from_seed(expanded);
        let keys = std::array::from_fn(|_| round_keys(chacha.next_u64()));
        Random { seed, keys, timetables: BTreeMap::new() }
    }

    /// Writes down which operations the client at `place` invokes, and when.
    pub(crate) fn write_down(&mut self, place: u64, operations: BTreeMap<u64, Time>) {
        self.timetables.insert(place, operations);
    }

    /// The number at an address of the client at `place`, or what is written down.
    #[inline]
    pub(crate) fn of_client(&self, place: u64, address: u64) -> u64 {
        let operation = address >> IN_OPERATION;
        match address & ((1 << IN_OPERATION) - 1) {
            NEXT_WRITTEN => self
                .timetables
                .get(&place)
                .map_or(0, |written| written.range(operation..).next().map_or(u64::MAX, |(&next, _)| next)),
            TIME_WRITTEN => {
                let written = self.timetables.get(&place).and_then(|written| written.get(&operation));
                written.map_or(0, |time| time.as_nanoseconds())
            }
            _ => self.at(Domain::Client, place, address)[0],
        }
    }

    /// The seed these numbers belong to.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The two numbers at an address.
    #[inline(always)]
    pub(crate) fn at(&self, domain: Domain, place: u64, count: u64) -> [u64; 2] {
        philox([place, count], &self.keys[domain as usize])
    }
}

/// Numbers drawn one after the other at one place, for plans that are drawn before a run.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    random: &'a Random,
    domain: Domain,
    place: u64,
    count: u64,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(random: &'a Random, domain: Domain, place: u64) -> Self {
        Stream { random, domain, place, count: 0 }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.count += 1;
        self.random.at(self.domain, self.place, self.count - 1)[0]
    }

    /// A number from 0 to `bound - 1`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        scale(self.next(), bound)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below((high - low).saturating_add(1))
    }
}

/// Maps a 64-bit number onto 0 to `bound - 1`, order kept. The bias is below `bound` / 2^64.
#[inline]
pub(crate) fn scale(number: u64, bound: u64) -> u64 {
    ((u128::from(number) * u128::from(bound)) >> 64) as u64
}

/// Philox 2x64-10.
#[inline(always)]
fn philox(counter: [u64; 2], keys: &[u64; ROUNDS]) -> [u64; 2] {
    let [mut left, mut right] = counter;
    for key in keys {
        let product = u128::from(left) * 0xd2b7_4407_b1ce_6e93;
        left = (product >> 64) as u64 ^ key ^ right;
        right = product as u64;
    }
    [left, right]
}

fn round_keys(key: u64) -> [u64; ROUNDS] {
    std::array::from_fn(|round| key.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(round as u64)))
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of Random123 (`kat_vectors`, philox2x64 10).
    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        assert_eq!(philox([0, 0], &round_keys(0)), [0xca00_a045_9843_d731, 0x66c2_4222_c9a8_45b5]);
        assert_eq!(
            philox([u64::MAX, u64::MAX], &round_keys(u64::MAX)),
            [0x65b0_21d6_0cd8_310f, 0x4d02_f322_2f86_df20]
        );
        assert_eq!(
            philox([0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344], &round_keys(0xa409_3822_299f_31d0)),
            [0x0a5e_742c_2997_341c, 0xb0f8_83d3_8000_de5d]
        );
    }

    /// The first outputs of the reference implementation for seed 1234567.
    #[test]
    fn split_mix_gives_the_known_answers() {
        let mut state = 1_234_567;
        let first: [u64; 3] = std::array::from_fn(|_| split_mix(&mut state));
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn keys_and_numbers_are_pinned() {
        let random = Random::new(7);
        assert_eq!(
            random.keys.map(|keys| keys[0])[..5],
            [
                7_387_829_322_293_334_546,
                14_283_834_251_474_640_193,
                9_360_588_686_666_418_927,
                1_237_130_957_598_863_625,
                9_854_025_287_679_609_852
            ]
        );
        assert_eq!(random.at(Domain::Message, 1, 2), [14_713_062_940_945_029_787, 2_215_851_455_547_166_345]);
    }

    #[test]
    fn neighbouring_addresses_are_independent() {
        // Chi-square over 16 x 16 cells of (number at i, number at i + 1), 255 degrees of freedom:
        // the 99.9 % quantile is 330.5.
        let random = Random::new(1);
        for domain in [Domain::Message, Domain::Process] {
            let mut cells = [0u32; 256];
            let draws = 65_536;
            for count in 0..draws {
                let here = random.at(domain, 5, count)[0] >> 60;
                let next = random.at(domain, 5, count + 1)[0] >> 60;
                cells[(here << 4 | next) as usize] += 1;
            }
            let expected = f64::from(draws as u32) / 256.0;
            let chi: f64 = cells.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
            assert!(chi < 330.5, "{domain:?}: chi-square {chi}");
        }
    }
}
