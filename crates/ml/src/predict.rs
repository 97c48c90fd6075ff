//! Predictions with interval and explanation.
//!
//! Log-odds are b0 + sum of w_j x_j. A column's contribution is the sum of w_j (x_j - mean_j) over its encoded columns,
//! so contributions add up to the log-odds minus those of the average training row, exactly. In probability points a
//! column gets its log-odds times (p - p_base) / (log-odds - base log-odds): the integrated gradient along the straight
//! path from the average row to this one (Sundararajan et al. 2017), which adds up to p - p_base. The interval is the
//! delta method on log-odds, x' C x with C the inverse of the penalised Hessian; where a value is unknown the variance
//! that its column has in the training data is added. Deliberately no advice here: see `price`.

use crate::Error;
use crate::encode::{Bound, Issue};
use crate::linalg::Sparse;
use crate::logistic::{logit, sigmoid};
use crate::model::{Evidence, Model};
use crate::score::{Z95, wilson};
use crate::table::{Role, Table};

/// What one column adds to a prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Name of the column; everything derived from the price counts as the price, its
    /// distance from a reference price as the reference.
    pub column: String,
    /// The value of this row, readable.
    pub value: String,
    /// Added log-odds relative to the average training row.
    pub log_odds: f64,
    /// The same in probability (0.05 is five percentage points).
    pub points: f64,
}

/// The answer for one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Probability of a win.
    pub probability: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Log-odds of a win.
    pub log_odds: f64,
    /// Log-odds of the average training row; with the contributions it adds up to `log_odds`.
    pub base_log_odds: f64,
    /// One per used column, in the order of the schema.
    pub contributions: Vec<Contribution>,
    /// How far the data carry this answer.
    pub evidence: Evidence,
    /// What is odd about the row, in sentences.
    pub warnings: Vec<String>,
}

/// Rows encoded for a model, with the variance that unknown values add.
pub(crate) struct Prepared {
    pub rows: Sparse,
    pub unknown_variance: Vec<f64>,
}

impl Model {
    /// Predicts every row of `table`.
    ///
    /// Columns that the table lacks count as missing values, columns that the model does not know are ignored.
    ///
    /// # Errors
    /// [`Error::InvalidTable`], [`Error::ColumnType`].
    pub fn predict(&self, table: &Table) -> Result<Vec<Prediction>, Error> {
        table.validate()?;
        let bound = Bound::new(&self.encoder, table)?;
        let prepared = self.prepare(&bound);
        let sources = self.encoder.sources();
        Ok((0..bound.rows)
            .map(|row| self.explain(&bound, &prepared, &sources, row))
            .collect())
    }

    pub(crate) fn prepare(&self, bound: &Bound<'_>) -> Prepared {
        let encoded = self.encoder.apply(bound);
        let mut unknown_variance = vec![0.0; bound.rows];
        encoded
            .unknown
            .iter()
            .for_each(|&(row, block)| unknown_variance[row] += self.spreads[block]);
        Prepared {
            rows: encoded.rows,
            unknown_variance,
        }
    }

    /// Probabilities alone.
    pub(crate) fn probabilities(&self, table: &Table) -> Result<Vec<f64>, Error> {
        let bound = Bound::new(&self.encoder, table)?;
        if self.serves_base_rate {
            return Ok(vec![self.base_rate(); bound.rows]);
        }
        let rows = self.encoder.apply(&bound).rows;
        Ok((0..bound.rows)
            .map(|r| sigmoid(rows.dot(r, &self.weights)))
            .collect())
    }

    /// Share of won rows in the training data.
    #[must_use]
    pub fn base_rate(&self) -> f64 {
        self.wins as f64 / self.rows as f64
    }

    /// Log-odds and their standard error.
    pub(crate) fn log_odds(&self, prepared: &Prepared, row: usize) -> (f64, f64) {
        let entries: Vec<(usize, f64)> = prepared.rows.entries(row).collect();
        let variance = self.covariance.quadratic(&entries) + prepared.unknown_variance[row];
        (
            prepared.rows.dot(row, &self.weights),
            variance.max(0.0).sqrt(),
        )
    }

    /// Log-odds without their error.
    pub(crate) fn log_odds_alone(&self, prepared: &Prepared, row: usize) -> f64 {
        if self.serves_base_rate {
            return logit(self.base_rate());
        }
        prepared.rows.dot(row, &self.weights)
    }

    fn explain(
        &self,
        bound: &Bound<'_>,
        prepared: &Prepared,
        sources: &[Option<usize>],
        row: usize,
    ) -> Prediction {
        let (probability, low, high, log_odds, base_log_odds) = if self.serves_base_rate {
            let rate = wilson(self.wins, self.rows);
            (
                rate.value,
                rate.low,
                rate.high,
                logit(rate.value),
                logit(rate.value),
            )
        } else {
            let (z, error) = self.log_odds(prepared, row);
            let base: f64 = self
                .weights
                .iter()
                .zip(&self.encoder.means)
                .map(|(w, m)| w * m)
                .sum();
            (
                sigmoid(z),
                sigmoid(z - Z95 * error),
                sigmoid(z + Z95 * error),
                z,
                base,
            )
        };
        let issues = bound.issues(&self.encoder, row);
        let parts = self.parts(prepared, sources, row);
        let per_log_odds = points_per_log_odds(base_log_odds, log_odds);
        let used = (0..parts.len()).filter(|&c| self.encoder.schema[c].used);
        let contribution = |c: usize| Contribution {
            column: self.encoder.schema[c].name.clone(),
            value: bound.value(&self.encoder, c, row),
            log_odds: parts[c],
            points: parts[c] * per_log_odds,
        };
        Prediction {
            probability,
            low,
            high,
            log_odds,
            base_log_odds,
            contributions: used.map(contribution).collect(),
            evidence: self.row_evidence(&issues),
            warnings: issues
                .iter()
                .map(|(c, issue)| issue.text(&self.encoder.schema[*c].name))
                .collect(),
        }
    }

    /// Contributions in log-odds, one per schema column.
    pub(crate) fn parts(
        &self,
        prepared: &Prepared,
        sources: &[Option<usize>],
        row: usize,
    ) -> Vec<f64> {
        let mut parts = vec![0.0; self.encoder.schema.len()];
        if self.serves_base_rate {
            return parts;
        }
        for (j, source) in sources.iter().enumerate() {
            if let Some(source) = source {
                parts[*source] -= self.weights[j] * self.encoder.means[j];
            }
        }
        for (j, v) in prepared.rows.entries(row) {
            if let Some(source) = sources[j] {
                parts[source] += self.weights[j] * v;
            }
        }
        parts
    }

    /// The model's tier, lowered where much of the row, or its price, is unlike the training data.
    fn row_evidence(&self, issues: &[(usize, Issue)]) -> Evidence {
        let tier = self.evidence();
        let used = self.encoder.schema.iter().filter(|c| c.used).count();
        let price_odd = issues
            .iter()
            .any(|(c, _)| self.encoder.schema[*c].role == Role::Price);
        if issues.len() * 3 > used * 2 {
            Evidence::Indicative
        } else if price_odd || issues.len() * 3 > used {
            tier.lowered()
        } else {
            tier
        }
    }
}

/// Mean slope of the probability on the way from `base` to `z`.
fn points_per_log_odds(base: f64, z: f64) -> f64 {
    if (z - base).abs() > 1e-6 {
        (sigmoid(z) - sigmoid(base)) / (z - base)
    } else {
        let p = sigmoid(0.5 * (z + base));
        p * (1.0 - p)
    }
}
