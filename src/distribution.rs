//! Distributions of spans of time, sampled on integers so that every platform draws the same value.
//!
//! Each sample is one addressed number through an inverse distribution function: monotone, without
//! rejection, so that two runs with different parameters stay coupled number by number. The logarithm
//! is our own (`negative_logarithm`): the standard library's differs between platforms in its last bit.

use crate::random::scale;
use crate::time::{format_span, nanoseconds_of, parse_span};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A distribution of spans of time.
///
/// As data it is written `"5ms"`, `{ uniform = ["1ms", "10ms"] }` or `{ exponential = "5ms" }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Distribution {
    /// Always the same span.
    Constant(Duration),
    /// Every span between the two, both included, equally likely.
    Uniform(Duration, Duration),
    /// Memoryless, with this mean.
    Exponential(Duration),
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

impl Distribution {
    /// The span that belongs to `number`, a uniform 64-bit number.
    #[inline]
    pub fn sample(&self, number: u64) -> Duration {
        Duration::from_nanos(match self {
            Distribution::Constant(span) => nanoseconds_of(*span),
            Distribution::Uniform(low, high) => {
                let (low, high) = (nanoseconds_of(*low), nanoseconds_of(*high));
                low + scale(number, (high - low).saturating_add(1))
            }
            Distribution::Exponential(mean) => {
                let product = u128::from(nanoseconds_of(*mean)) * u128::from(negative_logarithm(number));
                u64::try_from(product >> LOGARITHM_BITS).unwrap_or(u64::MAX)
            }
        })
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        match self {
            Distribution::Constant(span) | Distribution::Exponential(span) => *span,
            Distribution::Uniform(low, high) => (*low + *high) / 2,
        }
    }
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
        }
    }
}

impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Distribution::Constant(span) = self {
            return serializer.serialize_str(&format_span(*span));
        }
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Distribution::Constant(_) => {}
            Distribution::Uniform(low, high) => {
                map.serialize_entry("uniform", &[format_span(*low), format_span(*high)])?;
            }
            Distribution::Exponential(mean) => map.serialize_entry("exponential", &format_span(*mean))?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistributionVisitor)
    }
}

struct DistributionVisitor;

impl<'de> Visitor<'de> for DistributionVisitor {
    type Value = Distribution;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span such as \"5ms\", { uniform = [\"1ms\", \"10ms\"] } or { exponential = \"5ms\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Distribution, E> {
        parse_span(text).map(Distribution::Constant).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distribution, A::Error> {
        let span = |text: &str| parse_span(text).map_err(de::Error::custom);
        let Some(kind) = map.next_key::<String>()? else {
            return Err(de::Error::invalid_length(0, &self));
        };
        let distribution = match kind.as_str() {
            "uniform" => {
                let [low, high] = map.next_value::<[String; 2]>()?;
                let (low, high) = (span(&low)?, span(&high)?);
                if low > high {
                    return Err(de::Error::custom("uniform: the lower bound comes first"));
                }
                Distribution::Uniform(low, high)
            }
            "exponential" => Distribution::Exponential(span(&map.next_value::<String>()?)?),
            other => return Err(de::Error::unknown_field(other, &["uniform", "exponential"])),
        };
        match map.next_key::<String>()? {
            None => Ok(distribution),
            Some(second) => Err(de::Error::custom(format!("`{kind}` and `{second}`: expected one of them"))),
        }
    }
}

/// Fractional bits of [`negative_logarithm`].
const LOGARITHM_BITS: u32 = 52;

/// Fractional bits of the tables below.
const TABLE_BITS: u32 = 62;

/// `LOGARITHMS[i]` is ln(1 + i/256).
const LOGARITHMS: [u64; 257] = {
    let mut table = [0; 257];
    let mut i = 0;
    while i < 257 {
        table[i as usize] = logarithm_of_one_plus(i);
        i += 1;
    }
    table
};

/// `RECIPROCALS[i]` is 1 / (1 + i/256), with 63 fractional bits.
const RECIPROCALS: [u64; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i as usize] = ((1u128 << 71) / (256 + i)) as u64;
        i += 1;
    }
    table
};

/// ln(1 + i/256) = 2 artanh(i / (512 + i)), by its power series.
const fn logarithm_of_one_plus(i: u128) -> u64 {
    let s = (i << 100) / (512 + i);
    let square = ((s >> 40) * (s >> 40)) >> 20;
    let mut power = s;
    let mut sum = 0;
    let mut k = 1;
    while power > 0 {
        sum += power / k;
        power = ((power >> 40) * (square >> 40)) >> 20;
        k += 2;
    }
    ((2 * sum + (1 << (99 - TABLE_BITS))) >> (100 - TABLE_BITS)) as u64
}

/// -ln((number + 1) / 2^64), with [`LOGARITHM_BITS`] fractional bits: 0 at the largest number,
/// 64 ln 2 = 44.36 at zero, never increasing in between.
#[inline]
fn negative_logarithm(number: u64) -> u64 {
    let Some(x) = number.checked_add(1) else { return 0 };
    // x = 2^(63-z) (1 + i/256) (1 + e), with 0 <= e < 1/256.
    let z = x.leading_zeros();
    let mantissa = x << z;
    let i = (mantissa >> 55 & 0xff) as usize;
    let rest = mantissa & ((1 << 55) - 1);
    let e = ((u128::from(rest) * u128::from(RECIPROCALS[i])) >> 62) as u64;
    // ln(1 + e) by its power series to e^7, with 64 fractional bits.
    let mut series = u64::MAX / 7;
    for k in [6, 5, 4, 3, 2] {
        series = u64::MAX / k - times(e, series);
    }
    let logarithm = LOGARITHMS[i] + ((e - times(e, times(e, series))) >> 2);
    let total = u128::from(z + 1) * u128::from(LOGARITHMS[256]) - u128::from(logarithm);
    ((total + (1 << (TABLE_BITS - LOGARITHM_BITS - 1))) >> (TABLE_BITS - LOGARITHM_BITS)) as u64
}

#[inline]
fn times(a: u64, b: u64) -> u64 {
    ((u128::from(a) * u128::from(b)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Domain, Random};
    use crate::time::milliseconds;

    fn samples(distribution: &Distribution, count: u64) -> Vec<f64> {
        let random = Random::new(3);
        let mut all: Vec<f64> = (0..count)
            .map(|n| distribution.sample(random.at(Domain::Message, 0, n)[0]).as_secs_f64())
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// Kolmogorov-Smirnov distance between sorted samples and a distribution function.
    fn distance(samples: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
        let n = samples.len() as f64;
        samples.iter().enumerate().fold(0.0, |worst: f64, (i, &x)| {
            let p = cdf(x);
            worst.max((p - i as f64 / n).abs()).max(((i + 1) as f64 / n - p).abs())
        })
    }

    /// 1.95 / sqrt(n) is the 99.9 % quantile of the Kolmogorov-Smirnov distance.
    const QUANTILE: f64 = 1.95;

    #[test]
    fn uniform_and_exponential_pass_kolmogorov_smirnov() {
        let n = 100_000;
        let limit = QUANTILE / (n as f64).sqrt();
        let flat = samples(&uniform(milliseconds(1)..=milliseconds(10)), n);
        assert!(distance(&flat, |x| (x - 0.001) / 0.009) < limit);
        let memoryless = samples(&exponential(milliseconds(5)), n);
        assert!(distance(&memoryless, |x| 1.0 - libm::exp(-x / 0.005)) < limit);
        // The test can fail: a mean that is one per cent off is noticed.
        let off = samples(&exponential(milliseconds(5)), 10 * n);
        assert!(distance(&off, |x| 1.0 - libm::exp(-x / 0.00505)) > QUANTILE / (10.0 * n as f64).sqrt());
    }

    #[test]
    fn samples_are_pinned() {
        let numbers = [0, 1, u64::MAX / 3, u64::MAX / 2, u64::MAX - 1, u64::MAX];
        let sample = |d: &Distribution| numbers.map(|n| d.sample(n).as_nanos() as u64);
        assert_eq!(sample(&constant(milliseconds(5))), [5_000_000; 6]);
        assert_eq!(
            sample(&uniform(milliseconds(1)..=milliseconds(10))),
            [1_000_000, 1_000_000, 4_000_000, 5_500_000, 10_000_000, 10_000_000]
        );
        assert_eq!(
            sample(&exponential(milliseconds(5))),
            [221_807_097, 218_341_361, 5_493_061, 3_465_735, 0, 0]
        );
    }

    #[test]
    fn the_logarithm_agrees_with_libm_to_fifteen_digits() {
        let random = Random::new(5);
        let scale = (1u64 << LOGARITHM_BITS) as f64;
        for count in 0..200_000 {
            // Shifted, so that small numbers, which give the tail, are met too.
            let number = random.at(Domain::Message, 1, count)[0] >> (count % 64);
            let ours = negative_logarithm(number) as f64 / scale;
            // Near one the floating-point quotient cancels: log1p of the distance does not.
            let short = (u64::MAX - number) as f64 / 2f64.powi(64);
            let theirs = if short < 0.5 {
                -libm::log1p(-short)
            } else {
                64.0 * std::f64::consts::LN_2 - libm::log(number as f64 + 1.0)
            };
            assert!((ours - theirs).abs() < 2e-14, "{number}: {ours} {theirs}");
        }
        assert_eq!(negative_logarithm(u64::MAX), 0);
        assert_eq!(negative_logarithm(0) >> LOGARITHM_BITS, 44);
    }

    #[test]
    fn the_logarithm_never_increases_across_a_table_border() {
        for z in 0..55 {
            for i in 0..256u64 {
                let border = (256 + i) << 55 >> z;
                for number in border.saturating_sub(3)..border + 3 {
                    assert!(negative_logarithm(number) >= negative_logarithm(number + 1), "{number}");
                }
            }
        }
    }

    #[test]
    fn the_table_ends_at_the_logarithm_of_two() {
        let two = LOGARITHMS[256] as f64 / (1u64 << TABLE_BITS) as f64;
        assert!((two - std::f64::consts::LN_2).abs() < 1e-16);
    }
}
