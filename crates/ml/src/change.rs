//! The same quote in several versions, compared: how sure is the difference between two of them?
//!
//! Versions share most of their error, so the interval of a difference is that of the difference in what they hold, never
//! that of two unrelated answers. Deliberately no judgement of what to change: see `price` and `recommend`.

use crate::Error;
use crate::encode::Bound;
use crate::logistic::sigmoid;
use crate::model::Model;
use crate::predict::Said;
use crate::reading::Reading;
use crate::score::{Score, Z95};
use crate::table::Table;

/// Versions of a quote.
pub(crate) struct Versions<'a> {
    model: &'a Model,
    said: Vec<Version>,
}

/// What a model says of a version of a quote.
pub(crate) struct Version {
    said: Said,
    /// Log-odds before calibration.
    log_odds: f64,
}

impl Version {
    pub fn new(model: &Model, said: Said) -> Self {
        Self {
            log_odds: model.log_odds(&said),
            said,
        }
    }

    /// Probability and the ends of its 95 % interval.
    pub fn answer(&self, model: &Model) -> [f64; 3] {
        model.answer(&self.said)
    }
}

impl<'a> Versions<'a> {
    pub fn new(model: &'a Model, table: &Table) -> Result<Self, Error> {
        let prepared = model.prepare(&Bound::new(&model.encoder, table)?);
        let said = (0..table.rows()).map(|row| Version::new(model, model.said(&prepared, row)));
        Ok(Self {
            said: said.collect(),
            model,
        })
    }

    /// Versions of one row that differ in the numbers of one column (a position of the schema).
    pub fn with(reading: &Reading<'a>, row: usize, column: usize, numbers: &[f64]) -> Self {
        let (model, moved) = (reading.model, reading.moved(row, column));
        let said = numbers.iter().map(|&x| Version::new(model, moved.said(x)));
        Self {
            said: said.collect(),
            model,
        }
    }

    /// Probability and the ends of its 95 % interval.
    pub fn answer(&self, at: usize) -> [f64; 3] {
        self.said[at].answer(self.model)
    }

    /// [`log_odds_change`] between two of them.
    pub fn log_odds_change(&self, from: usize, to: usize) -> Score {
        log_odds_change(self.model, &self.said[from], &self.said[to])
    }

    /// [`gain`] between two of them.
    pub fn gain(&self, (from, worth_from): (usize, f64), (to, worth_to): (usize, f64)) -> Score {
        let (from, to) = (&self.said[from], &self.said[to]);
        gain(self.model, (from, worth_from), (to, worth_to))
    }
}

/// Change of the log-odds before calibration, which never turns the sign.
pub(crate) fn log_odds_change(model: &Model, from: &Version, to: &Version) -> Score {
    let change = to.log_odds - from.log_odds;
    around(model, change, (from, 1.0), (to, 1.0))
}

/// By how much probability times what a win is worth changes, by the delta method: the gradient of p(z) m in z is
/// m p (1 - p) times the slope of the calibration. With worth 1 it is the change of the probability.
pub(crate) fn gain(
    model: &Model,
    (from, worth_from): (&Version, f64),
    (to, worth_to): (&Version, f64),
) -> Score {
    let side = |version: &Version, worth: f64| {
        let z = version.log_odds;
        let map = |z: f64| model.calibration.log_odds(z);
        let (p, slope) = (sigmoid(map(z)), (map(z + 1e-4) - map(z - 1e-4)) / 2e-4);
        (p * worth, p * (1.0 - p) * slope * worth)
    };
    let ((value_from, slope_from), (value_to, slope_to)) =
        (side(from, worth_from), side(to, worth_to));
    let change = value_to - value_from;
    around(model, change, (from, slope_from), (to, slope_to))
}

fn around(model: &Model, value: f64, from: (&Version, f64), to: (&Version, f64)) -> Score {
    let half = Z95 * combined_error(model, from, to);
    Score {
        value,
        low: value - half,
        high: value + half,
    }
}

/// Standard error of b z(to) - a z(from), with z the log-odds of two versions.
fn combined_error(model: &Model, (from, a): (&Version, f64), (to, b): (&Version, f64)) -> f64 {
    let [linear, boosted, _] = model.blend();
    let entries = difference((&to.said.entries, b), (&from.said.entries, a));
    let of_linear = model.covariance.quadratic(&entries).max(0.0).sqrt();
    let mut of_boosted = 0.0;
    if let Some(ensemble) = model.boosted.as_ref().filter(|_| !model.serves_base_rate) {
        let answers = to.said.answers.iter().zip(&from.said.answers);
        let figures: Vec<f64> = answers.map(|(t, f)| b * t - a * f).collect();
        let stopped = model.caution.as_ref().map_or(1.0, |c| c.boosted);
        of_boosted = ensemble.error(&figures) * stopped.sqrt();
    }
    linear * of_linear + boosted * of_boosted
}

/// What differs between two encoded rows, each times a factor.
fn difference(
    (to, b): (&[(usize, f64)], f64),
    (from, a): (&[(usize, f64)], f64),
) -> Vec<(usize, f64)> {
    let mut found = Vec::with_capacity(to.len() + from.len());
    let (mut to, mut from) = (to.iter().peekable(), from.iter().peekable());
    loop {
        let (i, v) = match (to.peek(), from.peek()) {
            (Some(&&(i, v)), Some(&&(j, w))) if i == j => {
                to.next();
                from.next();
                (i, b * v - a * w)
            }
            (Some(&&(i, v)), other) if other.is_none_or(|&&(j, _)| i < j) => {
                to.next();
                (i, b * v)
            }
            (_, Some(&&(j, w))) => {
                from.next();
                (j, -a * w)
            }
            _ => return found,
        };
        if v != 0.0 {
            found.push((i, v));
        }
    }
}
