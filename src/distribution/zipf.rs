//! Zipf's law over finitely many keys: key k, counted from zero, has a share in proportion to 1 / (k+1)^s.
//!
//! By a table of the distribution function and a search in it: exact to the resolution of the number, one
//! number for each draw, and without rejection, unlike the method that YCSB takes from Gray et al.
//! ("Quickly generating billion-record synthetic databases", SIGMOD 1994), which is an approximation.

use super::Decimal;
use super::arithmetic::{logarithm, times_exponential};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The largest number of keys, for which the table takes 8 MB.
const LARGEST: u64 = 1_000_000;

/// Zipf's law over keys from zero; key 0 is the most frequent.
#[derive(Clone, Debug)]
pub struct Zipf {
    exponent: Decimal,
    /// The last number that belongs to each key.
    ends: Arc<[u64]>,
}

impl Zipf {
    /// Zipf's law over `count` keys. An exponent of 0 is the uniform distribution; web traffic is near 1.
    ///
    /// # Panics
    /// If `count` is not from 1 to 1,000,000.
    #[track_caller]
    pub fn new(count: u64, exponent: Decimal) -> Self {
        assert!((1..=LARGEST).contains(&count), "Zipf over {count} keys: expected 1 to {LARGEST}");
        let share = |rank: u64| {
            let power = u128::from(logarithm(rank)) * u128::from(exponent.millionths()) / 1_000_000;
            // With 62 fractional bits.
            u128::from(times_exponential(1 << 62, -(power as i128)))
        };
        let total: u128 = (1..=count).map(share).sum();
        let mut sum = 0;
        let ends = (1..=count).map(|rank| {
            sum += share(rank);
            // sum / total of 2^64, by halves: the product is longer than 128 bits.
            let high = (sum << 32) / total;
            let low = (((sum << 32) % total) << 32) / total;
            u64::try_from((high << 32) + low - 1).unwrap_or(u64::MAX)
        });
        Zipf { exponent, ends: ends.collect() }
    }

    /// How many keys.
    pub fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The exponent.
    pub fn exponent(&self) -> Decimal {
        self.exponent
    }

    /// The key that belongs to `number`, a uniform 64-bit number.
    pub fn sample(&self, number: u64) -> u64 {
        self.ends.partition_point(|&end| end < number) as u64
    }
}

impl PartialEq for Zipf {
    fn eq(&self, other: &Self) -> bool {
        (self.exponent, self.count()) == (other.exponent, other.count())
    }
}

impl Eq for Zipf {}

/// The table follows from these two.
impl Hash for Zipf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.exponent, self.count()).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_share_that_the_law_gives_it() {
        for (count, exponent) in [(1, 1.0), (2, 0.0), (10, 0.5), (1000, 0.99), (1000, 3.0)] {
            let zipf = Zipf::new(count, Decimal::try_from(exponent).expect("two decimals"));
            let weight = |k: u64| libm::pow((k + 1) as f64, -exponent);
            let total: f64 = (0..count).map(weight).sum();
            let mut before = -1.0;
            for k in 0..count {
                let end = zipf.ends[k as usize] as f64;
                let share = (end - before) / 2f64.powi(64);
                assert!((share - weight(k) / total).abs() < 1e-12, "{count} {exponent}: {k}");
                before = end;
            }
            assert_eq!(zipf.ends.last(), Some(&u64::MAX));
            assert_eq!((zipf.sample(0), zipf.sample(u64::MAX)), (0, count - 1));
        }
    }

    #[test]
    fn keys_are_pinned() {
        let zipf = Zipf::new(100, Decimal::try_from(0.99).expect("two decimals"));
        let keys = [0, u64::MAX / 4, u64::MAX / 2, u64::MAX / 4 * 3, u64::MAX].map(|n| zipf.sample(n));
        assert_eq!(keys, [0, 1, 7, 27, 99]);
    }
}
