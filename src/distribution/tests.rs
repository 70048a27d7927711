//! What a distribution promises: its distribution function, its mean, and the same values for ever.

use super::*;
use crate::random::{Domain, Random};
use crate::time::{microseconds, milliseconds, seconds};

fn samples(distribution: &Distribution, count: u64) -> Vec<f64> {
    let random = Random::new(3);
    let mut all: Vec<f64> =
        (0..count).map(|n| distribution.sample(random.at(Domain::Message, 0, n)[0]).as_secs_f64()).collect();
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
    assert_eq!(sample(&exponential(milliseconds(5))), [221_807_097, 218_341_361, 5_493_061, 3_465_735, 0, 0]);
}

#[test]
fn log_normal_pareto_mixture_and_measured_pass_kolmogorov_smirnov() {
    let n = 100_000;
    let limit = |n: u64| QUANTILE / (n as f64).sqrt();
    let normal = |z: f64| 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
    let of_log_normal = |x: f64, median: f64| normal(libm::log(x / median) / 0.5);
    let drawn = samples(&log_normal(milliseconds(5), 0.5), 4 * n);
    assert!(distance(&drawn, |x| of_log_normal(x, 0.005)) < limit(4 * n));
    assert!(distance(&drawn, |x| of_log_normal(x, 0.00505)) > limit(4 * n), "one per cent is noticed");

    let of_pareto = |x: f64, alpha: f64| 1.0 - libm::pow(0.001 / x, alpha);
    let drawn = samples(&pareto(milliseconds(1), 1.5), 10 * n);
    assert!(distance(&drawn, |x| of_pareto(x, 1.5)) < limit(10 * n));
    assert!(distance(&drawn, |x| of_pareto(x, 1.515)) > limit(10 * n), "one per cent is noticed");

    let parts = [(0.9, uniform(milliseconds(0)..=milliseconds(10))), (0.1, exponential(milliseconds(50)))];
    let drawn = samples(&mixture(parts), 4 * n);
    let of_mixture =
        |x: f64, weight: f64| weight * (x / 0.01).min(1.0) + (1.0 - weight) * (1.0 - libm::exp(-x / 0.05));
    assert!(distance(&drawn, |x| of_mixture(x, 0.9)) < limit(4 * n));
    assert!(distance(&drawn, |x| of_mixture(x, 0.891)) > limit(4 * n), "one per cent is noticed");

    // The steps of a discrete distribution are counted: four degrees of freedom, 99.9 % quantile 18.5.
    let spans = [1, 2, 3, 5, 8].map(milliseconds);
    let drawn = samples(&measured(spans), n);
    let expected = n as f64 / 5.0;
    let chi = |expected: [f64; 5]| -> f64 {
        let seen = spans.map(|span| drawn.iter().filter(|&&x| x == span.as_secs_f64()).count() as f64);
        seen.iter().zip(expected).map(|(seen, expected)| (seen - expected).powi(2) / expected).sum()
    };
    assert!(chi([expected; 5]) < 18.5);
    assert!(chi([0.95, 1.05, 0.95, 1.05, 1.0].map(|share| share * expected)) > 18.5, "it can fail");
}

#[test]
fn new_samples_are_pinned() {
    let numbers = [0, 1, u64::MAX / 3, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    let sample = |d: &Distribution| numbers.map(|n| d.sample(n).as_nanos() as u64);
    assert_eq!(
        sample(&log_normal(milliseconds(5), 0.5)),
        [53_362, 55_422, 4_031_240, 4_999_999, 451_077_830, 468_490_336]
    );
    assert_eq!(
        sample(&pareto(milliseconds(1), 1.5)),
        [1_000_000, 1_000_000, 1_310_370, 1_587_401, 315_360_000_000_000_000, 315_360_000_000_000_000]
    );
    let parts = [(0.9, constant(milliseconds(1))), (0.1, exponential(milliseconds(5)))];
    assert_eq!(sample(&mixture(parts)), [1_000_000, 1_000_000, 1_000_000, 1_000_000, 0, 0]);
    assert_eq!(
        sample(&measured([3, 1, 2].map(milliseconds))),
        [1_000_000, 1_000_000, 1_000_000, 2_000_000, 3_000_000, 3_000_000]
    );
}

/// A mixture grows within a part only, and an exponential part falls.
#[test]
fn a_larger_number_never_gives_a_shorter_span() {
    let random = Random::new(9);
    let parts = [(0.5, measured([1, 2].map(milliseconds))), (0.5, pareto(milliseconds(2), 3.0))];
    for distribution in [
        log_normal(seconds(1), 0.000_001),
        log_normal(seconds(1), 4.0),
        pareto(seconds(1), 1000.0),
        pareto(seconds(1), 0.5),
        mixture(parts),
        measured([5, 3, 9].map(milliseconds)),
    ] {
        let mut numbers: Vec<u64> = (0..20_000)
            .map(|count| random.at(Domain::Message, 5, count)[0] >> (count % 64))
            .flat_map(|number| [number, number + 1, !number])
            .collect();
        numbers.sort_unstable();
        let spans = numbers.iter().map(|&number| distribution.sample(number));
        assert!(spans.is_sorted(), "{distribution}");
    }
}

#[test]
fn the_mean_is_the_mean_of_the_samples() {
    let parts = [(3.0, constant(milliseconds(1))), (1.0, exponential(milliseconds(5)))];
    for (distribution, mean) in [
        (log_normal(milliseconds(5), 0.5), 0.005 * libm::exp(0.125)),
        (pareto(milliseconds(1), 3.0), 0.0015),
        (mixture(parts), 0.002),
        (measured([1, 2, 6].map(milliseconds)), 0.003),
    ] {
        assert!((distribution.mean().as_secs_f64() - mean).abs() < 2e-9, "{distribution}");
        let drawn = samples(&distribution, 200_000);
        let average = drawn.iter().sum::<f64>() / 200_000.0;
        assert!((average / mean - 1.0).abs() < 0.01, "{distribution}: {average}");
    }
}

#[test]
fn the_tail_ends_at_ten_years() {
    let ten_years = seconds(10 * 365 * 24 * 3600);
    for distribution in [pareto(seconds(1), 0.1), log_normal(seconds(1), 100.0)] {
        assert_eq!(distribution.sample(u64::MAX), ten_years);
        assert_eq!(distribution.mean(), ten_years);
    }
    assert_eq!(pareto(seconds(1), 0.000_001).sample(u64::MAX), ten_years);
    assert_eq!(pareto(seconds(1), 1.0).mean(), ten_years);
    assert_eq!(pareto(seconds(1), 2.0).sample(0), seconds(1));
}

#[test]
fn a_number_that_chose_its_part_is_whole_again_for_it() {
    let parts = [(1.0, uniform(seconds(0)..=seconds(1))), (3.0, uniform(seconds(2)..=seconds(3)))];
    let halves = mixture(parts);
    let quarter = 1u64 << 62;
    assert_eq!(halves.sample(quarter / 2), milliseconds(500));
    assert_eq!(halves.sample(quarter), seconds(2));
    assert_eq!(halves.sample(quarter / 2 * 5), milliseconds(2500));
    assert!(halves.sample(u64::MAX) >= seconds(3) - microseconds(1));
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Data {
    delay: Distribution,
}

#[test]
fn a_distribution_is_read_as_it_is_written() {
    let parts = [(0.9, constant(milliseconds(1))), (0.1, exponential(milliseconds(5)))];
    for (text, distribution, said) in [
        (
            "{ log_normal = { median = '5ms', sigma = 0.5 } }",
            log_normal(milliseconds(5), 0.5),
            "log-normal with median 5ms and sigma 0.5",
        ),
        (
            "{ pareto = { minimum = '1ms', alpha = 2 } }",
            pareto(milliseconds(1), 2.0),
            "Pareto from 1ms with alpha 2",
        ),
        (
            "{ mixture = [{ weight = 0.9, of = '1ms' }, { weight = 0.1, of = { exponential = '5ms' } }] }",
            mixture(parts),
            "0.9 of (1ms) and 0.1 of (exponential with mean 5ms)",
        ),
        (
            "{ measured = ['2ms', '1ms', '2ms'] }",
            measured([1, 2, 2].map(milliseconds)),
            "3 measured spans from 1ms to 2ms",
        ),
    ] {
        let data: Data = toml::from_str(&format!("delay = {text}")).expect("a distribution");
        assert_eq!(data, Data { delay: distribution });
        assert_eq!(data.delay.to_string(), said);
        let again: Data = toml::from_str(&toml::to_string(&data).expect("it is data")).expect("the same");
        assert_eq!(again, data);
    }
}

#[test]
fn a_distribution_that_cannot_be_is_refused_with_what_was_expected() {
    for (text, expected) in [
        ("{ pareto = { minimum = '1ms', alpha = 0 } }", "pareto: alpha is 0: expected more"),
        ("{ log_normal = { median = '5ms', sigma = -1 } }", "-1: expected a number from 0"),
        ("{ log_normal = { median = '5ms', mean = '1ms' } }", "unknown field `mean`"),
        ("{ log_normal = { median = '5ms' } }", "missing field `sigma`"),
        ("{ mixture = [] }", "expected at least one part with a weight above 0"),
        ("{ mixture = [{ weight = 0, of = '1ms' }] }", "expected at least one part with a weight above 0"),
        ("{ mixture = [{ weight = 1, of = '1' }] }", "`1` is not a span of time"),
        ("{ measured = [] }", "expected at least one span"),
        ("{ measured = ['1ms', 'x'] }", "`x` is not a span of time"),
        ("{ gamma = '1ms' }", "unknown field `gamma`, expected one of `uniform`"),
        ("7", "or log_normal, pareto, mixture or measured"),
    ] {
        let error = toml::from_str::<Data>(&format!("delay = {text}")).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn an_exponential_span_is_the_same_by_its_bound_as_by_its_exact_logarithm() {
    let random = Random::new(4);
    for mean in [0, 1, 999, 5_000_000, 1 << 30, 1 << 40, 1 << 41, 1 << 50, u64::MAX] {
        for count in 0..100_000 {
            let number = random.at(Domain::Message, mean, count)[0] >> (count % 64);
            let exact = exactly_exponential_of_mean(mean, number);
            assert_eq!(exponential_of_mean(mean, number), exact, "{mean} {number}");
        }
    }
}
