//! Distributions of spans of time, sampled on integers so that every platform draws the same value.
//!
//! Each sample is one addressed number through an inverse distribution function: monotone, without
//! rejection, so that two runs with different parameters stay coupled number by number. Logarithm,
//! exponential and normal quantile are our own (`arithmetic`): the standard library's differ between
//! platforms in their last bit.

pub(crate) mod arithmetic;
#[cfg(feature = "data")]
mod data;
mod decimal;
mod parts;
mod zipf;

pub use decimal::{Decimal, DecimalError};
pub use parts::{Measured, Mixture};
pub use zipf::Zipf;

use crate::random::scale;
use crate::time::{LONGEST, format_span, nanoseconds_of};
use arithmetic::{
    LOGARITHM_BITS, SLACK, negative_logarithm, negative_logarithm_at_most, normal_quantile, times_exponential,
};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A distribution of spans of time.
///
/// As data it is written `"5ms"`, `{ uniform = ["1ms", "10ms"] }`, `{ exponential = "5ms" }`,
/// `{ log_normal = { median = "5ms", sigma = 0.5 } }`, `{ pareto = { minimum = "1ms", alpha = 1.5 } }`,
/// `{ mixture = [{ weight = 0.9, of = "1ms" }, { weight = 0.1, of = { exponential = "5ms" } }] }` or
/// `{ measured = ["1ms", "1.2ms", "7ms"] }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Distribution {
    /// Always the same span.
    Constant(Duration),
    /// Every span between the two, both included, equally likely.
    Uniform(Duration, Duration),
    /// Memoryless, with this mean.
    Exponential(Duration),
    /// A span whose logarithm is normal; see [`log_normal`].
    LogNormal {
        /// Half of the spans are shorter.
        median: Duration,
        /// The standard deviation of the logarithm.
        sigma: Decimal,
    },
    /// Heavy-tailed; see [`pareto`].
    Pareto {
        /// The shortest span.
        minimum: Duration,
        /// The shape: the smaller, the heavier the tail.
        alpha: Decimal,
    },
    /// One of several distributions, drawn by weight.
    Mixture(Mixture),
    /// One of the spans that somebody measured.
    Measured(Measured),
}

/// Always `span`.
pub fn constant(span: Duration) -> Distribution {
    Distribution::Constant(span)
}

/// Uniform over `spans`, both ends included.
///
/// # Panics
/// If the range is backward.
#[track_caller]
pub fn uniform(spans: RangeInclusive<Duration>) -> Distribution {
    let (low, high) = spans.into_inner();
    assert!(low <= high, "uniform: the range {low:?}..={high:?} is backward");
    Distribution::Uniform(low, high)
}

/// Exponential with mean `mean`.
pub fn exponential(mean: Duration) -> Distribution {
    Distribution::Exponential(mean)
}

/// Log-normal with this median, and this standard deviation of the natural logarithm.
///
/// These two because they can be read off what is measured: the median is the 50th percentile, and sigma is
/// ln(99th / 50th percentile) / 2.326. The mean is median exp(sigma^2 / 2).
///
/// # Panics
/// If `sigma` is not a number from 0 to 1,000,000 with at most six decimals.
#[track_caller]
pub fn log_normal(median: Duration, sigma: f64) -> Distribution {
    Distribution::LogNormal { median, sigma: decimal("log_normal: sigma", sigma) }
}

/// Pareto: no span is shorter than `minimum`, and the share of spans longer than x is (minimum / x)^alpha.
/// The mean is infinite for an alpha of 1 or less, and the variance for 2 or less.
///
/// # Panics
/// If `alpha` is zero, or not a number up to 1,000,000 with at most six decimals.
#[track_caller]
pub fn pareto(minimum: Duration, alpha: f64) -> Distribution {
    let alpha = decimal("pareto: alpha", alpha);
    assert!(alpha > Decimal::default(), "pareto: alpha is 0: expected more");
    Distribution::Pareto { minimum, alpha }
}

/// Each of `parts`, a weight and a distribution, in proportion to its weight.
///
/// # Panics
/// If there is no weight above zero, or a weight is not a number from 0 to 1,000,000 with at most six
/// decimals.
#[track_caller]
pub fn mixture<D: Into<Distribution>>(parts: impl IntoIterator<Item = (f64, D)>) -> Distribution {
    let parts = parts.into_iter().map(|(weight, of)| (decimal("mixture: a weight", weight), of.into()));
    match Mixture::new(parts.collect()) {
        Ok(mixture) => Distribution::Mixture(mixture),
        Err(error) => panic!("{error}"),
    }
}

/// Each of `spans` equally often: the quantiles of what was measured, without interpolation, so that no span
/// is drawn that nobody ever saw (between the two humps of a cache hit and a miss, say).
///
/// # Panics
/// If there are none.
#[track_caller]
pub fn measured(spans: impl IntoIterator<Item = Duration>) -> Distribution {
    match Measured::new(spans.into_iter().collect()) {
        Ok(measured) => Distribution::Measured(measured),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn decimal(name: &str, number: f64) -> Decimal {
    match Decimal::try_from(number) {
        Ok(decimal) => decimal,
        Err(error) => panic!("{name} is {error}"),
    }
}

impl Distribution {
    /// The span that belongs to `number`, a uniform 64-bit number. Log-normal and Pareto spans are at most
    /// ten years, so that the few far out in a tail do not end time.
    pub fn sample(&self, number: u64) -> Duration {
        Duration::from_nanos(self.nanoseconds(number))
    }

    /// The same in nanoseconds.
    #[inline]
    pub(crate) fn nanoseconds(&self, number: u64) -> u64 {
        if let Distribution::Exponential(mean) = self {
            return exponential_of_mean(nanoseconds_of(*mean), number);
        }
        self.seldom(number)
    }

    /// For the kinds that are not worth to be inlined.
    fn seldom(&self, number: u64) -> u64 {
        match self {
            Distribution::Constant(span) => nanoseconds_of(*span),
            Distribution::Uniform(low, high) => {
                let (low, high) = (nanoseconds_of(*low), nanoseconds_of(*high));
                low + scale(number, (high - low).saturating_add(1))
            }
            Distribution::Exponential(mean) => exponential_of_mean(nanoseconds_of(*mean), number),
            Distribution::LogNormal { median, sigma } => {
                let z = (normal_quantile(number) * (1u64 << LOGARITHM_BITS) as f64) as i64;
                // A whole number of millionths times a power is divided last, and rounded to zero.
                let power = i128::from(z) * i128::from(sigma.millionths()) / 1_000_000;
                times_exponential(nanoseconds_of(*median), power).min(LONGEST)
            }
            Distribution::Pareto { minimum, alpha } => {
                let power = i128::from(negative_logarithm(!number)) * 1_000_000;
                let power = power / i128::from(alpha.millionths().max(1));
                times_exponential(nanoseconds_of(*minimum), power).min(LONGEST)
            }
            Distribution::Mixture(mixture) => nanoseconds_of(mixture.sample(number)),
            Distribution::Measured(measured) => nanoseconds_of(measured.sample(number)),
        }
    }

    /// The mean; ten years where it is longer or infinite.
    pub fn mean(&self) -> Duration {
        match self {
            Distribution::Constant(span) | Distribution::Exponential(span) => *span,
            Distribution::Uniform(low, high) => (*low + *high) / 2,
            Distribution::LogNormal { median, sigma } => {
                let square = (u128::from(sigma.millionths()).pow(2)).min(1_000_000_000_000_000);
                let power = (square << LOGARITHM_BITS) / 2_000_000_000_000;
                let mean = times_exponential(nanoseconds_of(*median), power as i128);
                Duration::from_nanos(mean.min(LONGEST))
            }
            Distribution::Pareto { minimum, alpha } => {
                let (alpha, one) = (u128::from(alpha.millionths()), u128::from(Decimal::ONE.millionths()));
                let product = u128::from(nanoseconds_of(*minimum)) * alpha;
                let mean = product.checked_div(alpha.saturating_sub(one)).unwrap_or(u128::MAX);
                Duration::from_nanos(mean.min(u128::from(LONGEST)) as u64)
            }
            Distribution::Mixture(mixture) => mixture.mean(),
            Distribution::Measured(measured) => measured.mean(),
        }
    }
}

#[inline]
fn exponential_of_mean(mean: u64, number: u64) -> u64 {
    // What is cut off is nearly always more than the bound is too large.
    let bound = u128::from(mean) * u128::from(negative_logarithm_at_most(number));
    let rest = bound as u64 & ((1 << LOGARITHM_BITS) - 1);
    if rest >= mean.saturating_mul(SLACK) {
        return (bound >> LOGARITHM_BITS) as u64;
    }
    exactly_exponential_of_mean(mean, number)
}

#[cold]
fn exactly_exponential_of_mean(mean: u64, number: u64) -> u64 {
    let product = u128::from(mean) * u128::from(negative_logarithm(number));
    u64::try_from(product >> LOGARITHM_BITS).unwrap_or(u64::MAX)
}

impl From<Duration> for Distribution {
    fn from(span: Duration) -> Self {
        Distribution::Constant(span)
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distribution::Constant(span) => f.write_str(&format_span(*span)),
            Distribution::Uniform(low, high) => {
                write!(f, "uniform {} to {}", format_span(*low), format_span(*high))
            }
            Distribution::Exponential(mean) => write!(f, "exponential with mean {}", format_span(*mean)),
            Distribution::LogNormal { median, sigma } => {
                write!(f, "log-normal with median {} and sigma {sigma}", format_span(*median))
            }
            Distribution::Pareto { minimum, alpha } => {
                write!(f, "Pareto from {} with alpha {alpha}", format_span(*minimum))
            }
            Distribution::Mixture(mixture) => mixture.fmt(f),
            Distribution::Measured(measured) => measured.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
