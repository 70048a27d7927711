//! Virtual time: instants since the start of a run, spans, and their text form with units.
//!
//! An instant is a whole number of nanoseconds, so that times compare and add exactly. A span is the
//! standard library's [`Duration`]. Nothing here knows a wall clock.

use std::fmt;
use std::ops::{Add, Sub};
pub use std::time::Duration;

/// An instant of virtual time: nanoseconds since the start of the run.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The start of the run.
    pub const ZERO: Time = Time(0);

    /// The instant `nanoseconds` after the start.
    pub const fn from_nanoseconds(nanoseconds: u64) -> Time {
        Time(nanoseconds)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanoseconds(self) -> u64 {
        self.0
    }

    /// Seconds since the start, for plots and statistics; never fed back into a run.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The instant so many nanoseconds later.
    ///
    /// # Panics
    /// If it is later than 584 years after the start.
    #[inline]
    pub(crate) const fn after(self, nanoseconds: u64) -> Time {
        Time(self.0.checked_add(nanoseconds).expect("virtual time ends 584 years after the start"))
    }

    /// The span from `earlier` to this instant; zero if `earlier` is later.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    /// # Panics
    /// If the sum is later than 584 years after the start.
    #[inline]
    fn add(self, span: Duration) -> Time {
        self.after(nanoseconds_of(span))
    }
}

impl Sub for Time {
    type Output = Duration;
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

/// Seconds, exactly and without trailing zeros: `1.204s`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal(self.0, 1_000_000_000, "s"))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A span of whole seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A span of whole milliseconds.
pub const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A span of whole microseconds.
pub const fn microseconds(count: u64) -> Duration {
    Duration::from_micros(count)
}

/// A span of whole nanoseconds.
pub const fn nanoseconds(count: u64) -> Duration {
    Duration::from_nanos(count)
}

/// The span in nanoseconds.
///
/// # Panics
/// If the span is longer than 584 years.
#[inline]
pub(crate) fn nanoseconds_of(span: Duration) -> u64 {
    let seconds = span.as_secs().checked_mul(1_000_000_000);
    let sum = seconds.and_then(|seconds| seconds.checked_add(u64::from(span.subsec_nanos())));
    sum.expect("a span of virtual time is shorter than 584 years")
}

/// The units a span can be written in, longest first.
const UNITS: [(&str, u64); 7] = [
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// The longest span that is read, ten years, so that sums of a few do not pass the end of virtual time.
pub(crate) const LONGEST: u64 = 10 * 365 * 24 * 3_600_000_000_000;

/// Why a text is not a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseSpanError(String);

impl fmt::Display for ParseSpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = "a number and a unit (ns, us, ms, s, min, h), such as \"5ms\", and at most ten years";
        write!(f, "`{}` is not a span of time: expected {expected}", self.0)
    }
}

impl std::error::Error for ParseSpanError {}

/// Reads a span such as `5ms` or `1.5s`.
///
/// # Errors
/// If the unit is missing or unknown, the number is negative or no number, or the span is not a whole
/// number of nanoseconds or longer than ten years.
pub fn parse_span(text: &str) -> Result<Duration, ParseSpanError> {
    let error = || ParseSpanError(text.to_string());
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(error)?;
    let (number, unit) = trimmed.split_at(digits);
    let scale = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(error)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 12 {
        return Err(error());
    }
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(scale)).ok_or_else(error)?;
    let mut rest = 0;
    if !fraction.is_empty() {
        let parts = fraction.parse::<u64>().map_err(|_| error())? as u128 * u128::from(scale);
        let denominator = 10u128.pow(fraction.len() as u32);
        if !parts.is_multiple_of(denominator) {
            return Err(error());
        }
        rest = (parts / denominator) as u64;
    }
    let span = whole.checked_add(rest).filter(|nanoseconds| *nanoseconds <= LONGEST);
    span.map(Duration::from_nanos).ok_or_else(error)
}

/// Writes a span in the longest of s, ms, us and ns that is not longer than it: `1.5s`, `40.5ms`.
pub fn format_span(span: Duration) -> String {
    let nanoseconds = nanoseconds_of(span);
    if nanoseconds == 0 {
        return "0ms".to_string();
    }
    let fits = |(_, scale): &&(&str, u64)| *scale <= nanoseconds;
    let (unit, scale) = UNITS[2..].iter().find(fits).expect("a span is at least 1ns");
    decimal(nanoseconds, *scale, unit)
}

fn decimal(nanoseconds: u64, scale: u64, unit: &str) -> String {
    let whole = nanoseconds / scale;
    let rest = nanoseconds % scale;
    if rest == 0 {
        return format!("{whole}{unit}");
    }
    let width = scale.ilog10() as usize;
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}{unit}", fraction.trim_end_matches('0'))
}

/// For `#[serde(with = "netsplit::time::span")]`: a [`Duration`] as text with its unit, `"5ms"`.
pub mod span {
    use super::{Duration, format_span, nanoseconds_of, parse_span};
    use serde::de::{Deserialize, Deserializer, Error, Visitor};
    use serde::ser::Serializer;
    use std::fmt;

    /// Writes the span with its unit, or in storage as nanoseconds.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_str(&format_span(*span)),
            false => serializer.serialize_u64(nanoseconds_of(*span)),
        }
    }

    /// Reads a span with its unit, or from storage as nanoseconds.
    ///
    /// # Errors
    /// If the text is not a span.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        match deserializer.is_human_readable() {
            true => deserializer.deserialize_any(SpanVisitor),
            false => u64::deserialize(deserializer).map(Duration::from_nanos),
        }
    }

    struct SpanVisitor;

    impl Visitor<'_> for SpanVisitor {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a span of time with its unit, such as \"5ms\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            parse_span(text).map_err(E::custom)
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Duration, E> {
            Err(E::custom(format!("{number} has no unit: expected a span of time, such as \"{number}ms\"")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_seconds_without_trailing_zeros() {
        assert_eq!((Time::ZERO + milliseconds(1204)).to_string(), "1.204s");
        assert_eq!(Time::ZERO.to_string(), "0s");
        assert_eq!(Time::from_nanoseconds(1).to_string(), "0.000000001s");
    }

    #[test]
    fn a_span_is_read_with_its_unit_and_written_back() {
        for (text, span, back) in [
            ("5ms", milliseconds(5), "5ms"),
            ("1.5s", milliseconds(1500), "1.5s"),
            ("40.5 ms", microseconds(40_500), "40.5ms"),
            ("250us", microseconds(250), "250us"),
            ("250µs", microseconds(250), "250us"),
            ("2min", seconds(120), "120s"),
            ("0s", seconds(0), "0ms"),
        ] {
            assert_eq!(parse_span(text), Ok(span));
            assert_eq!(format_span(span), back);
        }
    }

    #[test]
    fn a_span_without_a_unit_or_with_a_sign_is_refused() {
        for text in ["5", "", "ms", "-5ms", "5 parsecs", "1.2.3s", ".5s", "0.1ns", "99999999999999h", "1e3s"]
        {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
