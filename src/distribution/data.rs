//! Distributions as data: how each is written and read.

use super::{Decimal, Distribution, Measured, Mixture};
use crate::time::{format_span, parse_span, span};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;
use std::time::Duration;

const KINDS: [&str; 6] = ["uniform", "exponential", "log_normal", "pareto", "mixture", "measured"];

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct LogNormal {
    #[serde(with = "span")]
    median: Duration,
    sigma: Decimal,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Pareto {
    #[serde(with = "span")]
    minimum: Duration,
    alpha: Decimal,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    weight: Decimal,
    of: Distribution,
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
            &Distribution::LogNormal { median, sigma } => {
                map.serialize_entry("log_normal", &LogNormal { median, sigma })?;
            }
            &Distribution::Pareto { minimum, alpha } => {
                map.serialize_entry("pareto", &Pareto { minimum, alpha })?;
            }
            Distribution::Mixture(mixture) => {
                let part = |(weight, of): &(Decimal, Distribution)| Part { weight: *weight, of: of.clone() };
                map.serialize_entry("mixture", &mixture.parts().iter().map(part).collect::<Vec<_>>())?;
            }
            Distribution::Measured(measured) => {
                let spans: Vec<String> = measured.spans().iter().copied().map(format_span).collect();
                map.serialize_entry("measured", &spans)?;
            }
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
        f.write_str(
            "a span such as \"5ms\", { uniform = [\"1ms\", \"10ms\"] }, { exponential = \"5ms\" }, ",
        )?;
        f.write_str("or log_normal, pareto, mixture or measured")
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
                let bounds = map.next_value::<Vec<String>>()?;
                let [low, high] = &bounds[..] else {
                    let expected = "expected the lowest and the highest span";
                    return Err(de::Error::custom(format!("uniform: {} bounds: {expected}", bounds.len())));
                };
                let (low, high) = (span(low)?, span(high)?);
                if low > high {
                    return Err(de::Error::custom("uniform: the lower bound comes first"));
                }
                Distribution::Uniform(low, high)
            }
            "exponential" => Distribution::Exponential(span(&map.next_value::<String>()?)?),
            "log_normal" => {
                let LogNormal { median, sigma } = map.next_value()?;
                Distribution::LogNormal { median, sigma }
            }
            "pareto" => {
                let Pareto { minimum, alpha } = map.next_value()?;
                if alpha == Decimal::default() {
                    return Err(de::Error::custom("pareto: alpha is 0: expected more"));
                }
                Distribution::Pareto { minimum, alpha }
            }
            "mixture" => {
                let parts = map.next_value::<Vec<Part>>()?.into_iter().map(|part| (part.weight, part.of));
                Distribution::Mixture(Mixture::new(parts.collect()).map_err(de::Error::custom)?)
            }
            "measured" => {
                let texts = map.next_value::<Vec<String>>()?;
                let spans = texts.iter().map(|text| span(text)).collect::<Result<_, _>>()?;
                Distribution::Measured(Measured::new(spans).map_err(de::Error::custom)?)
            }
            other => return Err(de::Error::unknown_field(other, &KINDS)),
        };
        match map.next_key::<String>()? {
            None => Ok(distribution),
            Some(second) => Err(de::Error::custom(format!("`{kind}` and `{second}`: expected one of them"))),
        }
    }
}
