//! What clients ask for: a workload decides each operation, by numbers that belong to that operation alone.

use super::RequestId;
use crate::distribution::{Decimal, Distribution, Zipf};
use crate::process::{Context, Environment, Process, Value};
use crate::random::{NEXT_WRITTEN, TIME_WRITTEN, scale};
use crate::time::Time;
use std::time::Duration;

/// Decides what a client asks for.
pub trait Workload: Value {
    /// What it asks for.
    type Operation: Value;

    /// Operation `id`. Whatever is random about it comes from `draws`.
    fn next(&mut self, id: RequestId, draws: &mut Draws<'_>) -> Self::Operation;

    /// How many operations there are, if the client's options do not end it before; none for no end.
    fn length(&self) -> Option<u64> {
        None
    }
}

/// The random numbers of one attempt of one operation of one client. In simulation a number is a function of
/// (seed, client, operation, attempt) and how many were drawn there before; under exhaustive search whatever
/// can be chosen is tried, and spans are their mean.
pub struct Draws<'a> {
    environment: &'a mut dyn Environment,
    address: u64,
}

/// What an operation is, and when it comes, is drawn before its first attempt, from here on.
pub(super) const WHAT: u64 = 128;
pub(super) const WHEN: u64 = 0;

/// What a process is to invoke next, if that is written down: as it is of a run that is made explicit, so that single
/// operations can be left out. See [`only_operations`](crate::Simulation::only_operations).
///
/// The driver obeys it. A process that invokes operations by itself does if it asks before each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Nothing is: it goes on by itself.
    Nothing,
    /// None is left, and it invokes nothing more.
    End,
    /// It invokes this operation, after this span.
    Operation(u64, Duration),
}

impl Written {
    /// What is written down for the process of `ctx`, from `operation` on.
    pub fn from<P: Process>(operation: u64, ctx: &mut Context<P>) -> Written {
        let mut at = |operation, slot| Draws::new(&mut *ctx.core.environment, operation, 0, slot).number();
        match at(operation, NEXT_WRITTEN) {
            None | Some(0) => Written::Nothing,
            Some(u64::MAX) => Written::End,
            Some(next) => {
                let time = Time::from_nanoseconds(at(next, TIME_WRITTEN).unwrap_or_default());
                Written::Operation(next, time.since(ctx.now()))
            }
        }
    }
}

impl<'a> Draws<'a> {
    /// 40 bits of operation, 16 of attempt and 8 of what was drawn there before.
    pub(super) fn new(environment: &'a mut dyn Environment, operation: u64, attempt: u32, slot: u64) -> Self {
        Draws { environment, address: operation << 24 | u64::from(attempt) << 8 | slot }
    }

    fn number(&mut self) -> Option<u64> {
        self.address += 1;
        self.environment.client_number(self.address - 1)
    }

    /// A number below `bound`, each equally likely.
    ///
    /// # Panics
    /// If `bound` is zero.
    #[track_caller]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "below(0): there is nothing to draw from");
        match self.number() {
            Some(number) => scale(number, bound),
            None => u64::from(self.environment.choose(u32::try_from(bound).unwrap_or(u32::MAX))),
        }
    }

    /// True with this probability; one or more is always.
    pub fn chance(&mut self, probability: Decimal) -> bool {
        let whole = Decimal::ONE.millionths();
        match (probability.millionths(), self.number()) {
            (0, _) => false,
            (millionths, _) if millionths >= whole => true,
            (millionths, Some(number)) => scale(number, whole) < millionths,
            (_, None) => self.environment.choose(2) == 1,
        }
    }

    /// A key by Zipf's law.
    pub fn key(&mut self, zipf: &Zipf) -> u64 {
        match self.number() {
            Some(number) => zipf.sample(number),
            None => u64::from(self.environment.choose(zipf.count() as u32)),
        }
    }

    /// A span drawn from `distribution`.
    pub fn sample(&mut self, distribution: &Distribution) -> Duration {
        match self.number() {
            Some(number) => distribution.sample(number),
            None => distribution.mean(),
        }
    }
}

/// Always the same operation, for models whose operation carries nothing.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Same<T>(pub T);

impl<T: Value> Workload for Same<T> {
    type Operation = T;

    fn next(&mut self, _: RequestId, _: &mut Draws<'_>) -> T {
        self.0.clone()
    }
}

/// An operation on a store of keys and values.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
pub enum KeyValueOperation {
    /// What is stored under this key?
    Read {
        /// The key, counted from zero.
        key: u64,
    },
    /// Store this.
    Write {
        /// The key, counted from zero.
        key: u64,
        /// The value: no two writes write the same, and each says whose it is.
        value: RequestId,
    },
}

/// What a store of keys and values answers.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum KeyValueResponse {
    /// The value under the key; none if nothing was stored there.
    Read(Option<RequestId>),
    /// It is stored.
    Written,
}

/// How keys are chosen. As data: `{ uniform = 100 }` or `{ zipf = { count = 100, exponent = 0.99 } }`.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(rename_all = "snake_case"))]
pub enum Keys {
    /// Each of this many keys equally often.
    Uniform(u64),
    /// Key k, counted from zero, in proportion to 1 / (k+1)^exponent.
    Zipf {
        /// How many keys, at most 1,000,000.
        count: u64,
        /// 0 is uniform; web traffic is near 1.
        exponent: Decimal,
    },
}

/// Which operations a [`KeyValueWorkload`] has.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(default, deny_unknown_fields))]
pub struct KeyValueOptions {
    /// The share of reads, from 0 to 1.
    pub read_share: Decimal,
    /// Which keys.
    pub keys: Keys,
}

impl Default for KeyValueOptions {
    /// Reads and writes in equal shares, of ten keys.
    fn default() -> Self {
        KeyValueOptions { read_share: Decimal::from_millionths(500_000), keys: Keys::Uniform(10) }
    }
}

impl KeyValueOptions {
    /// Whether there is such a workload.
    ///
    /// # Errors
    /// Which option is out of range, and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        let (Keys::Uniform(count) | Keys::Zipf { count, .. }) = self.keys;
        if !(1..=1_000_000).contains(&count) {
            return Err(format!("keys: {count} of them: expected 1 to 1000000"));
        }
        if self.read_share > Decimal::ONE {
            return Err(format!("read_share is {}: expected 0 to 1", self.read_share));
        }
        Ok(())
    }
}

/// Reads and writes of a store of keys and values.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct KeyValueWorkload {
    read_share: Decimal,
    count: u64,
    zipf: Option<Zipf>,
}

impl KeyValueWorkload {
    /// The workload with these options. It is cheap to clone for each client.
    ///
    /// # Panics
    /// If an option is out of range.
    #[track_caller]
    pub fn new(options: &KeyValueOptions) -> Self {
        if let Err(error) = options.validate() {
            panic!("{error}");
        }
        let (count, zipf) = match options.keys {
            Keys::Uniform(count) => (count, None),
            Keys::Zipf { count, exponent } => (count, Some(Zipf::new(count, exponent))),
        };
        KeyValueWorkload { read_share: options.read_share, count, zipf }
    }
}

impl Workload for KeyValueWorkload {
    type Operation = KeyValueOperation;

    fn next(&mut self, id: RequestId, draws: &mut Draws<'_>) -> KeyValueOperation {
        let reads = draws.chance(self.read_share);
        let key = match &self.zipf {
            Some(zipf) => draws.key(zipf),
            None => draws.below(self.count),
        };
        match reads {
            true => KeyValueOperation::Read { key },
            false => KeyValueOperation::Write { key, value: id },
        }
    }
}
