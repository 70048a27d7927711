//! Distributions made of others, and of data: mixtures and measured spans.

use super::{Decimal, Distribution};
use crate::random::scale;
use crate::time::{format_span, nanoseconds_of};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Several distributions, each with a weight. The number of a sample chooses the part by its high digits, and
/// what is left of it, stretched to 64 bits, is the number for the part: one draw stays one number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mixture {
    parts: Arc<[(Decimal, Distribution)]>,
}

impl Mixture {
    /// A mixture of these. The weights need not sum to one.
    ///
    /// # Errors
    /// If no weight is above zero.
    pub(super) fn new(parts: Vec<(Decimal, Distribution)>) -> Result<Self, &'static str> {
        match parts.iter().any(|(weight, _)| *weight > Decimal::default()) {
            true => Ok(Mixture { parts: parts.into() }),
            false => Err("mixture: expected at least one part with a weight above 0"),
        }
    }

    /// The weights and what they weigh.
    pub fn parts(&self) -> &[(Decimal, Distribution)] {
        &self.parts
    }

    fn total(&self) -> u64 {
        self.parts.iter().map(|(weight, _)| weight.millionths()).sum()
    }

    pub(super) fn sample(&self, number: u64) -> Duration {
        let mut place = u128::from(number) * u128::from(self.total());
        for (weight, of) in self.parts.iter() {
            let width = u128::from(weight.millionths()) << 64;
            if place < width {
                return of.sample((place / u128::from(weight.millionths())) as u64);
            }
            place -= width;
        }
        unreachable!("the number is below 2^64, so its place is below the sum of the weights")
    }

    pub(super) fn mean(&self) -> Duration {
        let part = |(weight, of): &(Decimal, Distribution)| {
            u128::from(weight.millionths()) * u128::from(nanoseconds_of(of.mean()))
        };
        let sum: u128 = self.parts.iter().map(part).sum();
        Duration::from_nanos((sum / u128::from(self.total())) as u64)
    }
}

impl fmt::Display for Mixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (weight, of)) in self.parts.iter().enumerate() {
            write!(f, "{}{weight} of ({of})", if index == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

/// Spans that were measured, each as likely as any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Measured {
    /// Sorted.
    spans: Arc<[Duration]>,
}

impl Measured {
    /// The distribution of these, in any order.
    ///
    /// # Errors
    /// If there are none.
    pub(super) fn new(mut spans: Vec<Duration>) -> Result<Self, &'static str> {
        spans.sort_unstable();
        match spans.is_empty() {
            true => Err("measured: expected at least one span"),
            false => Ok(Measured { spans: spans.into() }),
        }
    }

    /// The spans, sorted.
    pub fn spans(&self) -> &[Duration] {
        &self.spans
    }

    pub(super) fn sample(&self, number: u64) -> Duration {
        self.spans[scale(number, self.spans.len() as u64) as usize]
    }

    pub(super) fn mean(&self) -> Duration {
        let sum: u128 = self.spans.iter().map(Duration::as_nanos).sum();
        Duration::from_nanos((sum / self.spans.len() as u128) as u64)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shortest, longest) = (self.spans[0], self.spans[self.spans.len() - 1]);
        let (shortest, longest) = (format_span(shortest), format_span(longest));
        write!(f, "{} measured spans from {shortest} to {longest}", self.spans.len())
    }
}
