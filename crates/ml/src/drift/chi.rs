//! The chi-square distribution: what lies above a value, and which value that is of.
//!
//! By the regularised incomplete gamma function, its series below a + 1 and Lentz's continued fraction above (Abramowitz and
//! Stegun 6.5.29 and 6.5.31; Press et al., Numerical Recipes, 6.2), to about 1e-12. Deliberately no tables.

/// Steps after which either expansion has long converged for the degrees that occur here.
const MOST_STEPS: usize = 10_000;
const PRECISION: f64 = 1e-15;

/// Logarithm of the gamma function for `x` > 0, Lanczos' approximation with g = 7 and nine terms.
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let sum = TERMS[1..]
        .iter()
        .zip(1_u8..)
        .fold(TERMS[0], |sum, (term, at)| sum + term / (x + f64::from(at)));
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Probability that a gamma variate of shape `a` lies above `x`.
fn gamma_above(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut at) = (1.0 / a, 1.0 / a, a);
        for _ in 0..MOST_STEPS {
            at += 1.0;
            term *= x / at;
            sum += term;
            if term < sum * PRECISION {
                break;
            }
        }
        return (1.0 - front * sum).clamp(0.0, 1.0);
    }
    let tiny = f64::MIN_POSITIVE / PRECISION;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut fraction = d;
    for step in 1..MOST_STEPS {
        let step = step as f64;
        let factor = -step * (step - a);
        b += 2.0;
        d = 1.0 / not_zero(factor * d + b, tiny);
        c = not_zero(b + factor / c, tiny);
        fraction *= d * c;
        if (d * c - 1.0).abs() < PRECISION {
            break;
        }
    }
    (front * fraction).clamp(0.0, 1.0)
}

fn not_zero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// Probability that a chi-square variate with `degrees` lies above `value`.
pub(super) fn chi_square_above(value: f64, degrees: usize) -> f64 {
    gamma_above(degrees as f64 / 2.0, value / 2.0)
}

/// The value above which a chi-square variate with `degrees` lies with probability `share`, by bisection.
pub(super) fn chi_square_quantile(share: f64, degrees: usize) -> f64 {
    let (mut low, mut high) = (0.0, degrees as f64 + 10.0);
    while chi_square_above(high, degrees) > share {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if chi_square_above(middle, degrees) > share {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Probability that a standard normal variate lies above `z`.
pub(super) fn normal_above(z: f64) -> f64 {
    let half = 0.5 * gamma_above(0.5, z * z / 2.0);
    if z >= 0.0 { half } else { 1.0 - half }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_tables() {
        // Abramowitz and Stegun, table 26.8.
        for (degrees, value, share) in [
            (1, 3.841_458_82, 0.05),
            (1, 6.634_896_60, 0.01),
            (2, 5.991_464_55, 0.05),
            (10, 18.307_038_05, 0.05),
            (10, 3.940_299_1, 0.95),
            (30, 50.892_181_3, 0.01),
            (100, 124.342_113_4, 0.05),
        ] {
            let found = chi_square_above(value, degrees);
            assert!((found - share).abs() < 1e-8, "{degrees} {value}: {found}");
            let back = chi_square_quantile(share, degrees);
            assert!((back - value).abs() < 1e-6, "{degrees} {share}: {back}");
        }
        // With two degrees it is the exponential distribution, far out as well.
        let far = chi_square_above(100.0, 2);
        assert!((far / (-50.0_f64).exp() - 1.0).abs() < 1e-10);
        assert_eq!(chi_square_above(0.0, 3), 1.0);
    }

    #[test]
    fn the_normal_tail_is_the_usual_one() {
        assert!((normal_above(1.959_963_985) - 0.025).abs() < 1e-9);
        assert!((normal_above(-1.0) - 0.841_344_746).abs() < 1e-8);
        assert!((normal_above(0.0) - 0.5).abs() < 1e-12);
    }
}
