//! Numbers with six decimals, exact and hashable: shares, weights, and shapes of distributions.

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// A number from 0 to 1,000,000 with six decimals, kept as a whole number of millionths. As data it is a
/// plain number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(u64);

/// Why a number is not a [`Decimal`].
#[derive(Clone, Debug, PartialEq)]
pub struct DecimalError(f64);

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected a number from 0 to 1000000 with at most six decimals", self.0)
    }
}

impl std::error::Error for DecimalError {}

impl Decimal {
    /// One.
    pub const ONE: Decimal = Decimal(1_000_000);

    /// The number as `millionths`.
    pub const fn from_millionths(millionths: u32) -> Decimal {
        Decimal(millionths as u64)
    }

    /// How many millionths it is.
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

impl TryFrom<f64> for Decimal {
    type Error = DecimalError;

    fn try_from(number: f64) -> Result<Self, DecimalError> {
        let millionths = number * 1e6;
        let whole = millionths.round();
        let exact = (millionths - whole).abs() <= 1e-3;
        match (0.0..=1e12).contains(&whole) && exact {
            true => Ok(Decimal(whole as u64)),
            false => Err(DecimalError(number)),
        }
    }
}

impl From<Decimal> for f64 {
    fn from(decimal: Decimal) -> f64 {
        decimal.0 as f64 / 1e6
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&f64::from(*self), f)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(*self))
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Decimal::try_from(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_exact_to_its_sixth_place_and_refuses_a_seventh() {
        for (number, millionths) in
            [(0.0, 0), (0.1, 100_000), (0.99, 990_000), (1e-6, 1), (1e6, 1_000_000_000_000)]
        {
            let decimal = Decimal::try_from(number).expect("a number with six decimals");
            assert_eq!((decimal.millionths(), f64::from(decimal)), (millionths, number));
        }
        for number in [-0.1, 1e-7, 0.123_456_7, 1_000_000.1, f64::NAN, f64::INFINITY] {
            assert!(Decimal::try_from(number).is_err(), "{number}");
        }
    }
}
