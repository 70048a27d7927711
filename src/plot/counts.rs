//! Values and how often each occurs: what is kept of many runs, however many there are.

use std::collections::BTreeMap;

/// A collection of values, in billionths of their unit: of a second, of one, of one per second. Adding them in
/// another order gives the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    counts: BTreeMap<u64, u64>,
    total: u64,
}

/// A median over seeds, and an interval that covers the median of all seeds with 95 %; in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverSeeds {
    /// The middle one of the values, or the lower one of the two in the middle.
    pub median: u64,
    /// None if there are fewer than six seeds, too few to say.
    pub band: Option<(u64, u64)>,
}

/// With so many seeds there is a band.
pub(super) const BAND_FROM: u64 = 6;

impl OverSeeds {
    /// From the lower to the upper end of the band; the median if there is none.
    pub fn range(self) -> (u64, u64) {
        self.band.unwrap_or((self.median, self.median))
    }
}

impl Counts {
    /// Adds a value.
    pub fn add(&mut self, value: u64) {
        *self.counts.entry(value).or_default() += 1;
        self.total += 1;
    }

    /// How many values there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The values that occur, ascending, each with how often it does.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts.iter().map(|(value, count)| (*value, *count))
    }

    /// The value at or below which a share `rank` (0 to 1) of them lies, by the nearest rank; none if there are
    /// none.
    pub fn at_rank(&self, rank: f64) -> Option<u64> {
        self.nth(((rank * self.total as f64).ceil() as u64).max(1) - 1)
    }

    /// The median of the values, each that of one seed; none if there are none.
    pub fn over_seeds(&self) -> Option<OverSeeds> {
        let band = median_ranks(self.total).and_then(|(low, high)| Some((self.nth(low)?, self.nth(high)?)));
        Some(OverSeeds { median: self.at_rank(0.5)?, band })
    }

    /// The value at `place` in ascending order, from 0.
    fn nth(&self, place: u64) -> Option<u64> {
        let mut below = 0;
        let found = self.iter().find(|(_, count)| {
            below += count;
            below > place
        });
        found.map(|(value, _)| value)
    }
}

/// To four significant digits, so that the values of many operations are few.
pub(crate) fn four_digits(value: u64) -> u64 {
    let unit = 10u64.pow(value.max(1).ilog10().saturating_sub(3));
    (value + unit / 2) / unit * unit
}

/// The places in a sorted sample of `count` between which the median of what it is drawn from lies with at
/// least 95 %, whatever the distribution: how many of the sample lie below that median is binomial with 1/2
/// (David and Nagaraja, "Order Statistics", 2003, section 7.1). Beyond 1,000 by the normal approximation.
/// None below six, where even the extremes cover less.
fn median_ranks(count: u64) -> Option<(u64, u64)> {
    if count > 1_000 {
        let low = (count as f64 / 2.0 - 0.98 * (count as f64).sqrt()).floor() as u64;
        return Some((low - 1, count - low));
    }
    // The chance that at most `below` of the sample lie under the median, term by term.
    let mut term = 0.5f64.powi(count as i32);
    let mut chance = 0.0;
    let mut below = 0;
    while chance + term <= 0.025 {
        chance += term;
        term = term * (count - below) as f64 / (below + 1) as f64;
        below += 1;
    }
    (below > 0).then(|| (below - 1, count - below))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranks from 1 as the tables print them.
    #[test]
    fn the_band_of_a_median_has_the_ranks_of_the_tables() {
        for (count, ranks) in [(6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (30, (10, 21)), (100, (40, 61))] {
            let (low, high) = median_ranks(count).expect("a band");
            assert_eq!((low + 1, high + 1), ranks, "{count}");
        }
        assert_eq!(median_ranks(BAND_FROM - 1), None);
        assert!(median_ranks(BAND_FROM).is_some());
        assert_eq!(median_ranks(0), None);
    }

    #[test]
    fn the_ranks_go_on_smoothly_where_the_approximation_begins() {
        let (exact, near) = (median_ranks(1_000).expect("a band"), median_ranks(1_001).expect("a band"));
        assert!(exact.0.abs_diff(near.0) <= 1 && exact.1.abs_diff(near.1) <= 2, "{exact:?} {near:?}");
    }

    #[test]
    fn counts_know_ranks_as_a_sorted_list_does() {
        let mut counts = Counts::default();
        [30, 10, 20, 10, 40, 20, 20].into_iter().for_each(|value| counts.add(value));
        let at = [0.0, 0.2, 0.5, 0.75, 1.0].map(|rank| counts.at_rank(rank));
        assert_eq!(at, [10, 10, 20, 30, 40].map(Some));
        assert_eq!(counts.over_seeds(), Some(OverSeeds { median: 20, band: Some((10, 40)) }));
        assert_eq!(Counts::default().over_seeds(), None);
    }

    #[test]
    fn latencies_keep_four_digits() {
        assert_eq!(four_digits(123_449_999), 123_400_000);
        assert_eq!(four_digits(123_450_000), 123_500_000);
        assert_eq!(four_digits(1_234), 1_234);
        assert_eq!(four_digits(0), 0);
    }
}
