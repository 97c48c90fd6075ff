//! The same quote in several versions, compared: how sure is the difference between two of them?
//!
//! Versions share most of their error, so the interval of a difference is that of the difference in what they hold, never
//! that of two unrelated answers. Deliberately no judgement of what to change: see `price` and `recommend`.

use crate::Error;
use crate::encode::Bound;
use crate::logistic::sigmoid;
use crate::model::Model;
use crate::reading::{Prepared, Reading};
use crate::score::{Score, Z95};
use crate::table::Table;

/// Versions of a quote, encoded: one row each.
pub(crate) struct Versions<'a> {
    model: &'a Model,
    prepared: Prepared,
    /// Of each version: log-odds before calibration, and what the members of the boosted part say.
    said: Vec<(f64, Vec<f64>)>,
}

impl<'a> Versions<'a> {
    pub fn new(model: &'a Model, table: &Table) -> Result<Self, Error> {
        let bound = Bound::new(&model.encoder, table)?;
        Ok(Self::of(model, model.prepare(&bound)))
    }

    fn of(model: &'a Model, prepared: Prepared) -> Self {
        let rows = 0..prepared.encoded.rows.rows();
        let said = rows.map(|row| model.log_odds_and_answers(&prepared, row));
        Self {
            said: said.collect(),
            model,
            prepared,
        }
    }

    /// Versions of one row that differ in the numbers of one column (a position of the schema).
    pub fn with(reading: &Reading<'a>, row: usize, column: usize, numbers: &[f64]) -> Self {
        Self::of(reading.model, reading.with(row, column, numbers))
    }

    /// Probability and the ends of its 95 % interval.
    pub fn answer(&self, at: usize) -> [f64; 3] {
        self.model.answer(&self.prepared, at)
    }

    /// Change of the log-odds before calibration, which never turns the sign.
    pub fn log_odds_change(&self, from: usize, to: usize) -> Score {
        self.around(self.said[to].0 - self.said[from].0, (from, 1.0), (to, 1.0))
    }

    /// By how much probability times what a win is worth changes, by the delta method: the gradient of p(z) m in z is
    /// m p (1 - p) times the slope of the calibration. With worth 1 it is the change of the probability.
    pub fn gain(&self, (from, worth_from): (usize, f64), (to, worth_to): (usize, f64)) -> Score {
        let side = |at: usize, worth: f64| {
            let z = self.said[at].0;
            let map = |z: f64| self.model.calibration.log_odds(z);
            let (p, slope) = (sigmoid(map(z)), (map(z + 1e-4) - map(z - 1e-4)) / 2e-4);
            (p * worth, p * (1.0 - p) * slope * worth)
        };
        let ((value_from, slope_from), (value_to, slope_to)) =
            (side(from, worth_from), side(to, worth_to));
        self.around(value_to - value_from, (from, slope_from), (to, slope_to))
    }

    fn around(&self, value: f64, from: (usize, f64), to: (usize, f64)) -> Score {
        let half = Z95 * self.combined_error(from, to);
        Score {
            value,
            low: value - half,
            high: value + half,
        }
    }

    /// Standard error of b z(to) - a z(from), with z the log-odds of two versions.
    fn combined_error(&self, (from, a): (usize, f64), (to, b): (usize, f64)) -> f64 {
        let [linear, boosted, _] = self.model.blend();
        let mut dense = vec![0.0; self.model.encoder.width];
        for (row, factor) in [(to, b), (from, -a)] {
            let entries = self.prepared.encoded.rows.entries(row);
            entries.for_each(|(i, v)| dense[i] += factor * v);
        }
        let entries: Vec<(usize, f64)> = dense
            .into_iter()
            .enumerate()
            .filter(|(_, v)| *v != 0.0)
            .collect();
        let of_linear = self.model.covariance.quadratic(&entries).max(0.0).sqrt();
        let mut of_boosted = 0.0;
        if let (Some(ensemble), Some(_)) = (&self.model.boosted, &self.prepared.binned) {
            let [at, by] = [to, from].map(|row| &self.said[row].1);
            let figures: Vec<f64> = at.iter().zip(by).map(|(t, f)| b * t - a * f).collect();
            let stopped = self.model.caution.as_ref().map_or(1.0, |c| c.boosted);
            of_boosted = ensemble.error(&figures) * stopped.sqrt();
        }
        linear * of_linear + boosted * of_boosted
    }
}
