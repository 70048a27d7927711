//! A node's two clocks. The wall clock may be ahead or behind, jump, and run fast or slow; the monotonic clock,
//! on which timers run, may only run fast or slow.
//!
//! Integer arithmetic throughout: a reading is rounded down to a nanosecond, and never lies before the start
//! or after the end of virtual time. It knows no nodes.

use crate::time::{Time, format_span, nanoseconds_of, parse_span};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A signed span: how far a clock is ahead (`+2s`) or behind (`-500ms`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(try_from = "String", into = "String"))]
pub struct Offset(i64);

impl Offset {
    /// Ahead by `span`.
    ///
    /// # Panics
    /// If it is 292 years or longer.
    #[track_caller]
    pub fn ahead(span: Duration) -> Offset {
        Offset(i64::try_from(nanoseconds_of(span)).expect("a clock is off by less than 292 years"))
    }

    /// Behind by `span`.
    ///
    /// # Panics
    /// If it is 292 years or longer.
    #[track_caller]
    pub fn behind(span: Duration) -> Offset {
        Offset(-Offset::ahead(span).0)
    }

    fn plus(self, nanoseconds: i64) -> Offset {
        Offset(self.0.saturating_add(nanoseconds))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{}", format_span(Duration::from_nanos(self.0.unsigned_abs())))
    }
}

/// Why a text is not a signed span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseOffsetError(String);

impl fmt::Display for ParseOffsetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an offset: expected a span of time, ahead or behind, ", self.0)?;
        f.write_str("such as \"2s\" or \"-500ms\", and at most ten years")
    }
}

impl std::error::Error for ParseOffsetError {}

impl FromStr for Offset {
    type Err = ParseOffsetError;
    fn from_str(text: &str) -> Result<Self, ParseOffsetError> {
        let signed = text.trim();
        let (behind, digits) = match signed.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, signed.strip_prefix('+').unwrap_or(signed)),
        };
        let span = parse_span(digits).map_err(|_| ParseOffsetError(text.to_string()))?;
        Ok(if behind { Offset::behind(span) } else { Offset::ahead(span) })
    }
}

impl TryFrom<String> for Offset {
    type Error = ParseOffsetError;
    fn try_from(text: String) -> Result<Self, ParseOffsetError> {
        text.parse()
    }
}

impl From<Offset> for String {
    fn from(offset: Offset) -> String {
        offset.to_string()
    }
}

const MILLION: i128 = 1_000_000;

/// The lowest drift, in parts per million: a clock that is slower stands still.
pub(crate) const LOWEST_DRIFT: i32 = -999_999;

/// How one node's clocks differ from true time. The default is a true clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// By how many parts per million both clocks run fast.
    drift: i32,
    /// When they began to; the monotonic clock then showed the true time.
    since: Time,
    /// Of the wall clock from the monotonic clock.
    offset: Offset,
}

impl Clock {
    /// What the monotonic clock shows at `now`, which is not before it began to drift.
    pub(crate) fn monotonic(self, now: Time) -> Time {
        if self.drift == 0 {
            return now;
        }
        let elapsed = i128::from((now - self.since).as_nanos() as u64);
        self.after_since(elapsed * self.rate() / MILLION)
    }

    /// What the wall clock shows at `now`.
    pub(crate) fn wall(self, now: Time) -> Time {
        clamped(nanoseconds(self.monotonic(now)) + i128::from(self.offset.0))
    }

    /// The first instant at which the monotonic clock shows `reading`.
    pub(crate) fn instant(self, reading: Time) -> Time {
        if self.drift == 0 {
            return reading;
        }
        let elapsed = i128::from((reading - self.since).as_nanos() as u64);
        self.after_since((elapsed * MILLION + self.rate() - 1) / self.rate())
    }

    pub(crate) fn drifts(self) -> bool {
        self.drift != 0
    }

    pub(crate) fn drift(self) -> i32 {
        self.drift
    }

    #[must_use]
    pub(crate) fn jumped(self, by: Offset) -> Clock {
        Clock { offset: self.offset.plus(by.0), ..self }
    }

    /// From `now` on it drifts by this. The wall clock goes on from where it is; the monotonic clock, which
    /// nobody reads but timers, begins anew at the true time; if it drifts by this already, nothing changes.
    #[must_use]
    pub(crate) fn drifting(self, parts_per_million: i32, now: Time) -> Clock {
        if self.drift == parts_per_million {
            return self;
        }
        let ahead = nanoseconds(self.monotonic(now)) - nanoseconds(now);
        let ahead = ahead.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        Clock { drift: parts_per_million, since: now, offset: self.offset.plus(ahead) }
    }

    fn rate(self) -> i128 {
        MILLION + i128::from(self.drift)
    }

    fn after_since(self, elapsed: i128) -> Time {
        clamped(nanoseconds(self.since) + elapsed)
    }
}

fn nanoseconds(time: Time) -> i128 {
    i128::from(time.as_nanoseconds())
}

fn clamped(nanoseconds: i128) -> Time {
    Time::from_nanoseconds(nanoseconds.clamp(0, i128::from(u64::MAX)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{milliseconds, seconds};
    use proptest::prelude::*;

    fn at(seconds_in: u64) -> Time {
        Time::ZERO + seconds(seconds_in)
    }

    #[test]
    fn an_offset_is_read_with_its_sign_and_written_back() {
        for (text, offset, back) in [
            ("2s", Offset::ahead(seconds(2)), "+2s"),
            ("+1.5s", Offset::ahead(milliseconds(1500)), "+1.5s"),
            ("-500ms", Offset::behind(milliseconds(500)), "-500ms"),
            ("0s", Offset::default(), "+0ms"),
        ] {
            assert_eq!(text.parse(), Ok(offset));
            assert_eq!(offset.to_string(), back);
            assert_eq!(back.parse(), Ok(offset));
        }
        for text in ["2", "--2s", "- 2", "s", "-2 parsecs"] {
            assert!(text.parse::<Offset>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_wall_clock_is_never_before_the_start_nor_after_the_end() {
        let clock = Clock::default().jumped(Offset::behind(seconds(5)));
        assert_eq!([at(1), at(5), at(7)].map(|now| clock.wall(now)), [at(0), at(0), at(2)]);
        let last = Time::from_nanoseconds(u64::MAX);
        for drift in [LOWEST_DRIFT, -1, 1, i32::MAX] {
            let clock = Clock::default().drifting(drift, at(1)).jumped(Offset(i64::MAX));
            let _ = (clock.wall(last), clock.monotonic(last), clock.instant(last));
            let _ = clock.drifting(LOWEST_DRIFT, last).jumped(Offset(i64::MAX)).wall(last);
        }
    }

    #[test]
    fn a_drift_bends_the_wall_clock_and_does_not_break_it() {
        let fast = Clock::default().drifting(500_000, at(2));
        assert_eq!([at(2), at(4)].map(|now| fast.wall(now)), [at(2), at(5)]);
        let steady = fast.drifting(0, at(4));
        assert_eq!([at(4), at(6)].map(|now| steady.wall(now)), [at(5), at(7)]);
        assert_eq!(steady.jumped(Offset::behind(seconds(1))).wall(at(6)), at(6));
        assert_eq!(fast.drifting(500_000, at(3)), fast, "it drifts by this already");
    }

    proptest! {
        #[test]
        fn the_instant_of_a_reading_is_the_first_that_shows_it(
            drift in LOWEST_DRIFT..2_000_000, since in 0u64..1 << 50, ahead in 0u64..1 << 40
        ) {
            let since = Time::from_nanoseconds(since);
            let clock = Clock::default().drifting(drift, since);
            let reading = since + Duration::from_nanos(ahead);
            let instant = clock.instant(reading);
            prop_assert!(clock.monotonic(instant) >= reading);
            if instant > since {
                let before = Time::from_nanoseconds(instant.as_nanoseconds() - 1);
                prop_assert!(clock.monotonic(before) < reading);
            }
        }
    }
}
