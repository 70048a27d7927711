//! Logarithm, exponential and normal quantile with the same bits on every platform.
//!
//! The logarithm and the exponential are fixed-point integers: a table, computed when this is compiled, and
//! a short series. The normal quantile is Wichura's approximation (algorithm AS 241, PPND16, Applied
//! Statistics 37, 1988) in additions, multiplications, divisions and square roots of `f64`, which IEEE 754
//! rounds in one way only. All three are monotone in their argument.

#![allow(clippy::excessive_precision, reason = "the coefficients stand as Wichura printed them")]

/// Fractional bits of [`negative_logarithm`].
pub(crate) const LOGARITHM_BITS: u32 = 52;

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
pub(crate) fn negative_logarithm(number: u64) -> u64 {
    let Some(x) = number.checked_add(1) else { return 0 };
    let (z, i, e) = parted(x);
    // ln(1 + e) by its power series to e^7, with 64 fractional bits.
    let mut series = u64::MAX / 7;
    for k in [6, 5, 4, 3, 2] {
        series = u64::MAX / k - times(e, series);
    }
    let logarithm = LOGARITHMS[i] + ((e - times(e, times(e, series))) >> 2);
    let total = u128::from(z + 1) * u128::from(LOGARITHMS[256]) - u128::from(logarithm);
    ((total + (1 << (TABLE_BITS - LOGARITHM_BITS - 1))) >> (TABLE_BITS - LOGARITHM_BITS)) as u64
}

/// How much larger [`negative_logarithm_at_most`] may be than [`negative_logarithm`].
pub(crate) const SLACK: u64 = 1 << 11;

/// At least [`negative_logarithm`], and larger by no more than [`SLACK`]. It takes half of the time, because only two
/// multiplications wait for another.
#[inline]
pub(crate) fn negative_logarithm_at_most(number: u64) -> u64 {
    let (z, i, e) = parted(number.saturating_add(1));
    // ln(1 + e) by its power series to e^4, which is less than 2^-42 too small.
    let square = times(e, e);
    let series = (1 << 63) - times(e, u64::MAX / 3) + (square >> 2);
    // From here on with 56 fractional bits: all of it fits into a word, and is at most so much too large.
    let fine = (e - times(square, series)) >> 8;
    let total = u64::from(z + 1) * ((LOGARITHMS[256] >> 6) + 1) - (LOGARITHMS[i] >> 6) - fine;
    (total >> 4) + 2
}

/// x = 2^(63-z) (1 + i/256) (1 + e) as z, i and e, which is less than 1/256 and has 64 fractional bits.
#[inline(always)]
fn parted(x: u64) -> (u32, usize, u64) {
    let z = x.leading_zeros();
    let mantissa = x << z;
    let i = (mantissa >> 55 & 0xff) as usize;
    let rest = mantissa & ((1 << 55) - 1);
    (z, i, ((u128::from(rest) * u128::from(RECIPROCALS[i])) >> 62) as u64)
}

#[inline]
fn times(a: u64, b: u64) -> u64 {
    ((u128::from(a) * u128::from(b)) >> 64) as u64
}

/// `EXPONENTIALS[i]` is e^(i/256), rounded up.
const EXPONENTIALS: [u64; 178] = {
    let mut table = [1 << TABLE_BITS; 178];
    let mut i = 1;
    while i < 178 {
        let mut term = 1u128 << 100;
        let mut sum = 0;
        let mut k = 1;
        while term > 0 {
            sum += term;
            term = term * i / (256 * k);
            k += 1;
        }
        table[i as usize] = (sum >> (100 - TABLE_BITS)) as u64 + 1;
        i += 1;
    }
    table
};

/// The largest power that [`times_exponential`] tells from larger ones: e^200 times a nanosecond is beyond
/// all time.
const LARGEST_POWER: i128 = 200 << LOGARITHM_BITS;

/// e^`power` as a pair (m, k) that means m 2^k / 2^62, with m from 2^62 to 2^63 - 1. `power` has
/// [`LOGARITHM_BITS`] fractional bits; both together never decrease in it.
pub(crate) fn exponential_of(power: i64) -> (u64, i32) {
    // power = k ln 2 + i/256 + e, with 0 <= e < 1/256.
    let power = i128::from(power) << (TABLE_BITS - LOGARITHM_BITS);
    let logarithm_of_two = i128::from(LOGARITHMS[256]);
    let k = power.div_euclid(logarithm_of_two);
    let rest = power.rem_euclid(logarithm_of_two) as u64;
    let base = EXPONENTIALS[(rest >> (TABLE_BITS - 8)) as usize];
    let e = (rest & ((1 << (TABLE_BITS - 8)) - 1)) << (64 - TABLE_BITS);
    // (e^e - 1) / e by its power series to e^5, with 63 fractional bits.
    let mut series = 1 << 63;
    for n in [6, 5, 4, 3, 2] {
        series = (1 << 63) + times(e, series) / n;
    }
    let rise = times(e, series) << 1;
    ((base + times(base, rise)).min((1 << 63) - 1), k as i32)
}

/// `factor` times e^(`power`), rounded down, and at most the largest number. `power` has [`LOGARITHM_BITS`]
/// fractional bits.
pub(crate) fn times_exponential(factor: u64, power: i128) -> u64 {
    let power = power.clamp(-LARGEST_POWER, LARGEST_POWER);
    let (mantissa, exponent) = exponential_of(power as i64);
    let product = u128::from(factor) * u128::from(mantissa);
    let shift = 62 - exponent;
    match u32::try_from(shift) {
        Ok(right) => u64::try_from(product.checked_shr(right).unwrap_or(0)).unwrap_or(u64::MAX),
        Err(_) if product == 0 => 0,
        Err(_) => u64::MAX,
    }
}

/// ln(`number`), with [`LOGARITHM_BITS`] fractional bits.
///
/// # Panics
/// If the number is zero.
pub(crate) fn logarithm(number: u64) -> u64 {
    negative_logarithm(0) - negative_logarithm(number.checked_sub(1).expect("a logarithm of more than zero"))
}

/// The value that a standard normal variable exceeds with probability 1 - p, where p belongs to `number`:
/// symmetric, -9.1 at zero. Numbers that differ by less than 2^-44 of their distance to the nearer end give
/// the same value, so that the rounding of `f64` is smaller than a step, and the values never decrease.
pub(crate) fn normal_quantile(number: u64) -> f64 {
    let to_end = number.min(!number);
    let to_middle = (u64::MAX >> 1) - to_end;
    let size = if to_middle >> 16 < MIDDLE {
        // q = p - 1/2, up to 0.425.
        let q = ((to_middle >> 16) as f64 + 0.5) / (1u64 << 48) as f64;
        let r = 0.180625 - q * q;
        q * quotient(&MIDDLE_NUMERATOR, &MIDDLE_DENOMINATOR, r)
    } else {
        let spare = 20u32.saturating_sub(to_end.leading_zeros());
        let logarithm = negative_logarithm(to_end >> spare << spare);
        let r = (logarithm as f64 / (1u64 << LOGARITHM_BITS) as f64).sqrt();
        if r <= 5.0 {
            quotient(&NEAR_NUMERATOR, &NEAR_DENOMINATOR, r - 1.6)
        } else {
            quotient(&FAR_NUMERATOR, &FAR_DENOMINATOR, r - 5.0)
        }
    };
    if number >> 63 == 1 { size } else { -size }
}

/// 0.425 with 48 fractional bits.
const MIDDLE: u64 = (1u64 << 48) / 1000 * 425;

/// The quotient of two polynomials, coefficients from the constant up.
fn quotient(numerator: &[f64; 8], denominator: &[f64; 8], r: f64) -> f64 {
    let value = |polynomial: &[f64; 8]| polynomial.iter().rev().fold(0.0, |sum, c| sum * r + c);
    value(numerator) / value(denominator)
}

const MIDDLE_NUMERATOR: [f64; 8] = [
    3.3871328727963666080e0,
    1.3314166789178437745e2,
    1.9715909503065514427e3,
    1.3731693765509461125e4,
    4.5921953931549871457e4,
    6.7265770927008700853e4,
    3.3430575583588128105e4,
    2.5090809287301226727e3,
];
const MIDDLE_DENOMINATOR: [f64; 8] = [
    1.0,
    4.2313330701600911252e1,
    6.8718700749205790830e2,
    5.3941960214247511077e3,
    2.1213794301586595867e4,
    3.9307895800092710610e4,
    2.8729085735721942674e4,
    5.2264952788528545610e3,
];
const NEAR_NUMERATOR: [f64; 8] = [
    1.42343711074968357734e0,
    4.63033784615654529590e0,
    5.76949722146069140550e0,
    3.64784832476320460504e0,
    1.27045825245236838258e0,
    2.41780725177450611770e-1,
    2.27238449892691845833e-2,
    7.74545014278341407640e-4,
];
const NEAR_DENOMINATOR: [f64; 8] = [
    1.0,
    2.05319162663775882187e0,
    1.67638483018380384940e0,
    6.89767334985100004550e-1,
    1.48103976427480074590e-1,
    1.51986665636164571966e-2,
    5.47593808499534494600e-4,
    1.05075007164441684324e-9,
];
const FAR_NUMERATOR: [f64; 8] = [
    6.65790464350110377720e0,
    5.46378491116411436990e0,
    1.78482653991729133580e0,
    2.96560571828504891230e-1,
    2.65321895265761230930e-2,
    1.24266094738807843860e-3,
    2.71155556874348757815e-5,
    2.01033439929228813265e-7,
];
const FAR_DENOMINATOR: [f64; 8] = [
    1.0,
    5.99832206555887937690e-1,
    1.36929880922735805310e-1,
    1.48753612908506148525e-2,
    7.86869131145613259100e-4,
    1.84631831751005468180e-5,
    1.42151175831644588870e-7,
    2.04426310338993978564e-15,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Domain, Random};

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
    fn the_bound_of_the_logarithm_is_above_it_and_near() {
        let random = Random::new(9);
        let drawn = (0..500_000).map(|count| random.at(Domain::Message, 1, count)[0] >> (count % 64));
        let borders = (0..56).flat_map(|z| (0..256u64).map(move |i| (256 + i) << 55 >> z));
        let near = borders.flat_map(|border| border.saturating_sub(3)..border.saturating_add(3));
        for number in drawn.chain(near).chain([0, u64::MAX, u64::MAX - 1]) {
            let (exact, bound) = (negative_logarithm(number), negative_logarithm_at_most(number));
            assert!((exact..=exact + SLACK).contains(&bound), "{number}: {exact} {bound}");
        }
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

    #[test]
    fn the_exponential_agrees_with_libm_to_thirteen_digits() {
        let random = Random::new(6);
        let unit = (1u64 << LOGARITHM_BITS) as f64;
        for count in 0..200_000 {
            // From -128 to 128, and shifted to be small.
            let power = random.at(Domain::Message, 2, count)[0] as i64 >> (4 + count % 56);
            let (mantissa, exponent) = exponential_of(power);
            let ours = mantissa as f64 / 2f64.powi(62) * 2f64.powi(exponent);
            // libm's own argument is only as exact as f64: split off what it cannot hold.
            let theirs = libm::exp(power as f64 / unit);
            assert!((ours / theirs - 1.0).abs() < 1e-13, "{power}: {ours} {theirs}");
        }
        assert_eq!(exponential_of(0), (1 << 62, 0));
    }

    #[test]
    fn the_exponential_never_decreases_across_a_table_border() {
        for k in -20..20i128 {
            for i in 0..178i128 {
                let border = ((k * i128::from(LOGARITHMS[256]) + (i << 54)) >> 10) as i64;
                for power in border - 3..border + 3 {
                    let ((low, below), (high, above)) = (exponential_of(power), exponential_of(power + 1));
                    assert!((below, low) <= (above, high), "{power}");
                }
            }
        }
    }

    #[test]
    fn the_exponential_is_the_inverse_of_the_logarithm() {
        for number in [1, 2, 3, 10, 1000, 1_000_003, 1 << 40] {
            let there = times_exponential(1 << 20, i128::from(logarithm(number)));
            assert!(there.abs_diff(number << 20) <= 1 + (number >> 30), "{number}: {there}");
        }
        assert_eq!(times_exponential(1_000_000_000, i128::MAX), u64::MAX);
        assert_eq!(times_exponential(u64::MAX, i128::MIN), 0);
        assert_eq!(times_exponential(0, i128::MAX), 0);
    }

    #[test]
    fn the_normal_quantile_agrees_with_libm_to_thirteen_digits() {
        let random = Random::new(7);
        for count in 0..200_000 {
            let number = random.at(Domain::Message, 3, count)[0] >> (count % 64);
            let z = normal_quantile(number);
            let p = (number as f64 + 0.5) / 2f64.powi(64);
            // By Newton's method, where the difference is the error of z.
            let (tail, z_tail) = if p < 0.5 { (p, z) } else { ((!number) as f64 / 2f64.powi(64), -z) };
            let back = 0.5 * libm::erfc(-z_tail / std::f64::consts::SQRT_2);
            let density = libm::exp(-z * z / 2.0) * 0.398_942_280_401_432_7;
            // A number stands for a whole step, which at the far end is wide.
            let step = 1.0 / 2f64.powi(64) / density;
            let error = ((back - tail) / density).abs();
            assert!(error < 1e-13 * z.abs().max(1.0) + step, "{number}: {z}, error {error}");
            assert_eq!(normal_quantile(!number), -z);
        }
    }

    #[test]
    fn the_normal_quantile_never_decreases() {
        let random = Random::new(8);
        let middle_ends = (MIDDLE << 16) + (1 << 63);
        // r = 5 at p = e^-25.
        let far = times_exponential(u64::MAX, -25 << LOGARITHM_BITS);
        let shifted = |count| random.at(Domain::Message, 4, count)[0] >> (count % 64);
        for start in
            [0, 1 << 63, middle_ends, !middle_ends, far, !far].into_iter().chain((0..50_000).map(shifted))
        {
            let mut last = f64::NEG_INFINITY;
            for offset in -40..40i64 {
                let Some(number) = start.checked_add_signed(offset * 7919) else { continue };
                let z = normal_quantile(number);
                assert!(z >= last, "{number}: {z} after {last}");
                last = z;
            }
        }
    }
}
