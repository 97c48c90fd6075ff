//! How number columns are measured: scale, skewness, and whether a discount only repeats the price.
//!
//! Deliberately without decisions on which column is kept: those are in `fit`.

use super::{Scale, ratio};
use crate::table::{Column, Role, Table, Values};

/// Scale of numbers (NaN is missing); `None` when they do not vary.
pub(super) fn scale(v: &[f64], log: bool, least: usize) -> Option<Scale> {
    let mut scale = Scale {
        log,
        mean: 0.0,
        deviation: 1.0,
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
        zero_flag: false,
        missing_flag: false,
    };
    let mut known: Vec<f64> = v
        .iter()
        .filter(|x| !x.is_nan())
        .map(|&x| scale.transform(x))
        .collect();
    known.sort_by(f64::total_cmp);
    let at = |q: f64| {
        known
            .get((q * known.len().saturating_sub(1) as f64).round() as usize)
            .copied()
    };
    (scale.low, scale.high) = (at(0.001)?, at(0.999)?);
    let count = known.len() as f64;
    known
        .iter_mut()
        .for_each(|x| *x = x.clamp(scale.low, scale.high));
    scale.mean = known.iter().sum::<f64>() / count;
    scale.deviation = (known.iter().map(|x| (x - scale.mean).powi(2)).sum::<f64>() / count).sqrt();
    let zeros = v.iter().filter(|&&x| x == 0.0).count();
    let enough = least.max(v.len() / 100);
    scale.zero_flag = log && zeros >= enough && known.len() - zeros >= enough;
    scale.missing_flag = v.len() - known.len() >= least;
    (scale.deviation > 1e-9 * (1.0 + scale.mean.abs())).then_some(scale)
}

/// Third standardised moment.
pub(super) fn skewness(v: &[f64]) -> f64 {
    let n = v.len() as f64;
    let mean = v.iter().sum::<f64>() / n;
    let moment = |k: i32| v.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / n;
    moment(3) / moment(2).powf(1.5).max(f64::MIN_POSITIVE)
}

/// Whether a discount is 1 - price / list price as fraction or percentage, or list price - price.
pub(super) fn discount_follows(table: &Table, discount: &Column) -> bool {
    let numbers = |role: Role| match table
        .columns
        .iter()
        .find(|c| c.role == role)
        .map(|c| &c.values)
    {
        Some(Values::Number(v)) => Some(v),
        _ => None,
    };
    let (Some(price), Some(list), Values::Number(given)) = (
        numbers(Role::Price),
        numbers(Role::ListPrice),
        &discount.values,
    ) else {
        return false;
    };
    let (mut known, mut agreeing) = (0usize, [0usize; 3]);
    for ((&p, &l), &d) in price.iter().zip(list).zip(given) {
        let fraction = 1.0 - ratio(p, l);
        if fraction.is_nan() || d.is_nan() {
            continue;
        }
        known += 1;
        for (agree, (expected, tolerance)) in agreeing.iter_mut().zip([
            (fraction, 0.006),
            (100.0 * fraction, 0.6),
            (l - p, 0.006 * l),
        ]) {
            *agree += usize::from((d - expected).abs() <= tolerance);
        }
    }
    known > 0 && agreeing.iter().any(|&a| a * 100 >= known * 95)
}
