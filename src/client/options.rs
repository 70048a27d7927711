//! How a client works, as data that a model can embed in its parameters.

use super::workload::Draws;
use crate::distribution::{Decimal, Distribution, constant, uniform};
use crate::time::{milliseconds, seconds};
use std::time::Duration;

/// When operations are invoked. As data: `{ closed = "10ms" }`, `{ open = { exponential = "5ms" } }`,
/// `{ bursty = { interval = { exponential = "1ms" }, on = "100ms", off = "1s" } }`.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(rename_all = "snake_case"))]
pub enum Arrivals {
    /// One at a time, each this span of thought after the response to the last. A slow server slows its
    /// clients down.
    Closed(Distribution),
    /// One after each such span, whether the earlier ones have a response or not: exponential spans make a
    /// Poisson process. A slow server has many operations of one client open at once.
    Open(Distribution),
    /// Like `Open` while the client is on, and nothing while it is off.
    Bursty {
        /// From one operation to the next, in time that the client is on.
        interval: Distribution,
        /// How long it is on.
        on: Distribution,
        /// How long it is off.
        off: Distribution,
    },
}

impl Arrivals {
    /// From now to the next operation, with spans drawn by `sample`. In an open loop now is when the last
    /// operation was invoked; in a closed one, when it had its response.
    pub fn wait(&self, burst: &mut Burst, mut sample: impl FnMut(&Distribution) -> Duration) -> Duration {
        match self {
            Arrivals::Closed(interval) | Arrivals::Open(interval) => sample(interval),
            Arrivals::Bursty { interval, on, off } => {
                let interval = sample(interval);
                burst.stretch(interval, on, off, sample)
            }
        }
    }
}

/// What passes between two attempts of an operation: `initial` before the second, twice as long before each
/// further one, and at most `maximum`.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(default, deny_unknown_fields))]
pub struct Backoff {
    /// Before the second attempt; zero to try again at once.
    #[cfg_attr(feature = "data", serde(with = "crate::time::span"))]
    pub initial: Duration,
    /// At most this.
    #[cfg_attr(feature = "data", serde(with = "crate::time::span"))]
    pub maximum: Duration,
    /// The share of the span that is random, from 0 to 1: with 1 it is uniform from zero to the whole.
    pub jitter: Decimal,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { initial: Duration::ZERO, maximum: seconds(1), jitter: Decimal::ONE }
    }
}

impl Backoff {
    /// What passes before attempt number `attempt`, which is at least the second.
    pub(super) fn before(&self, attempt: u32, draws: &mut Draws<'_>) -> Duration {
        let doubled = 1u32.checked_shl(attempt - 2).and_then(|factor| self.initial.checked_mul(factor));
        let whole = doubled.unwrap_or(self.maximum).min(self.maximum);
        if whole.is_zero() || self.jitter == Decimal::default() {
            return whole;
        }
        let random = whole.as_nanos() * u128::from(self.jitter.millionths()) / 1_000_000;
        draws.sample(&uniform(whole.saturating_sub(Duration::from_nanos(random as u64))..=whole))
    }
}

/// How a client works.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(default, deny_unknown_fields))]
pub struct ClientOptions {
    /// When it invokes operations.
    pub arrivals: Arrivals,
    /// How long an attempt waits for its reply.
    #[cfg_attr(feature = "data", serde(with = "crate::time::span"))]
    pub timeout: Duration,
    /// How often an operation is tried before its outcome is unknown.
    pub attempts: u32,
    /// What passes between two attempts.
    pub backoff: Backoff,
    /// How many operations it invokes; zero for no end.
    pub operations: u64,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions {
            arrivals: Arrivals::Closed(constant(milliseconds(10))),
            timeout: milliseconds(200),
            attempts: 1,
            backoff: Backoff::default(),
            operations: 0,
        }
    }
}

impl ClientOptions {
    /// Whether a client can work like this.
    ///
    /// # Errors
    /// Which option is out of range, and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        let not_zero = |name: &str, spans: &Distribution| match spans.mean().is_zero() {
            true => Err(format!("{name} is zero: expected a span of time")),
            false => Ok(()),
        };
        match &self.arrivals {
            Arrivals::Closed(_) => {}
            Arrivals::Open(interval) => not_zero("open", interval)?,
            Arrivals::Bursty { interval, on, off: _ } => {
                not_zero("interval", interval)?;
                not_zero("on", on)?;
            }
        }
        not_zero("timeout", &constant(self.timeout))?;
        if !(1..=LARGEST_ATTEMPT).contains(&self.attempts) {
            return Err(format!("attempts is {}: expected 1 to {LARGEST_ATTEMPT}", self.attempts));
        }
        if self.backoff.jitter > Decimal::ONE {
            return Err(format!("jitter is {}: expected 0 to 1", self.backoff.jitter));
        }
        Ok(())
    }
}

/// An attempt has 16 bits in the address of its random numbers.
const LARGEST_ATTEMPT: u32 = 0xffff;

/// Where a bursty client is in its periods: what it keeps between two calls of [`Arrivals::wait`].
#[derive(Clone, Debug, Default, Hash)]
pub struct Burst {
    /// What is left of the period in which it is on.
    left: Duration,
    begun: bool,
}

/// How many periods one interval spans at most; beyond, the interval is cut short.
const MOST_PERIODS: u32 = 60;

impl Burst {
    /// From now to the next operation, `interval` of time that the client is on from now.
    fn stretch(
        &mut self,
        mut interval: Duration,
        on: &Distribution,
        off: &Distribution,
        mut sample: impl FnMut(&Distribution) -> Duration,
    ) -> Duration {
        if !self.begun {
            *self = Burst { left: sample(on), begun: true };
        }
        let mut total = Duration::ZERO;
        for _ in 0..MOST_PERIODS {
            if interval <= self.left {
                break;
            }
            interval -= self.left;
            total += self.left + sample(off);
            self.left = sample(on);
        }
        interval = interval.min(self.left);
        self.left -= interval;
        total + interval
    }
}
