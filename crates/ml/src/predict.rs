//! Predictions with interval and explanation.
//!
//! Log-odds are a blend: weight times the linear b0 + sum of w_j x_j, weight times the mean of the boosted members, and
//! weight times the base rate's, carried through the calibration map. A column's contribution is w_j (x_j - mean_j) over
//! its encoded columns, and its Shapley values in the members, blended with the same weights: contributions add up to the
//! log-odds minus those of the average training row, exactly. In probability points a column gets its log-odds times
//! (p - p_base) / (log-odds - base log-odds): the integrated gradient along the straight path from the average row to this
//! one (Sundararajan et al. 2017), which adds up to p - p_base. The interval is that of normal errors in the log-odds, of
//! which `caution` tells the size: the linear part's squared error x' C x, the spread of the members for the boosted one,
//! and what held-back rows show to be left over; where a value is unknown the variance that its column has in the training
//! data is added. Deliberately no advice here: see `price`.

use crate::Error;
use crate::caution::Parts;
use crate::encode::{Bound, Issue};
use crate::grade::{EvidenceStatus, Graded, Oddity, WIDE, evidence_status, grade};
use crate::logistic::{logit, sigmoid};
use crate::model::{Evidence, Model};
use crate::reading::{Prepared, Reading};
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
    /// Width from which an interval of this model is wide.
    pub wide: f64,
    /// Those of the oddities that make the answer less reliable by themselves.
    pub oddities: Vec<Oddity>,
}

impl Prediction {
    /// The grade of the estimate, and those that the interval allows.
    #[must_use]
    pub fn graded(&self) -> Option<Graded> {
        grade(self.probability, self.low, self.high)
    }

    /// Whether the answer can be relied on, and if not, why.
    #[must_use]
    pub fn status(&self) -> EvidenceStatus {
        let ends = (self.low, self.high);
        evidence_status(ends, self.wide, self.evidence, &self.oddities)
    }
}

impl Reading<'_> {
    /// Predicts every row.
    #[must_use]
    pub fn predict(&self) -> Vec<Prediction> {
        let sources = self.model.encoder.sources();
        let base = self.model.base_log_odds();
        let explain = |row| {
            self.model
                .explain(&self.bound, &self.prepared, &sources, base, row)
        };
        (0..self.bound.rows).map(explain).collect()
    }
}

impl Model {
    /// Predicts every row of `table`, as [`Model::read`] reads it.
    ///
    /// # Errors
    /// [`Error::InvalidTable`], [`Error::ColumnType`].
    pub fn predict(&self, table: &Table) -> Result<Vec<Prediction>, Error> {
        Ok(self.read(table)?.predict())
    }

    /// Probabilities alone, for many rows: as in [`Model::predict`], without what explains them.
    ///
    /// # Errors
    /// [`Error::ColumnType`].
    pub fn probabilities(&self, table: &Table) -> Result<Vec<f64>, Error> {
        let bound = Bound::new(&self.encoder, table)?;
        if self.serves_base_rate {
            return Ok(vec![self.base_rate(); bound.rows]);
        }
        let prepared = self.prepare(&bound);
        let [linear, boosted, base] = self.blend();
        let trees = match (&self.boosted, &prepared.binned) {
            (Some(ensemble), Some(binned)) if boosted > 0.0 => ensemble.log_odds_of_all(binned),
            _ => vec![0.0; bound.rows],
        };
        let base = base * logit(self.base_rate());
        let blended =
            |r| linear * prepared.encoded.rows.dot(r, &self.weights) + boosted * trees[r] + base;
        Ok((0..bound.rows)
            .map(|r| sigmoid(self.calibration.log_odds(blended(r))))
            .collect())
    }

    /// Share of won rows in the training data.
    #[must_use]
    pub fn base_rate(&self) -> f64 {
        self.wins as f64 / self.rows as f64
    }

    /// Log-odds before calibration and their standard error.
    pub(crate) fn log_odds(&self, prepared: &Prepared, row: usize) -> (f64, f64) {
        let [linear, boosted, base] = self.blend();
        let entries: Vec<(usize, f64)> = prepared.encoded.rows.entries(row).collect();
        let rate = logit(self.base_rate());
        let mut parts = Parts {
            weights: [linear, boosted],
            linear: (
                prepared.encoded.rows.dot(row, &self.weights),
                self.covariance.quadratic(&entries).max(0.0).sqrt(),
            ),
            boosted: (0.0, 0.0),
            base: rate,
        };
        if let (Some(ensemble), Some(binned)) = (&self.boosted, &prepared.binned) {
            let answers = ensemble.answers(binned.row(row));
            let mean = answers.iter().sum::<f64>() / answers.len().max(1) as f64;
            parts.boosted = (mean, ensemble.error(&answers));
        }
        let z = if self.serves_base_rate {
            rate
        } else {
            linear * parts.linear.0 + base * rate + boosted * parts.boosted.0
        };
        let unknown = prepared.unknown_variance[row];
        let variance = match &self.caution {
            Some(caution) => caution.error(&parts).powi(2) + caution.left(&entries) + unknown,
            None => {
                let error = linear * parts.linear.1 + boosted * parts.boosted.1;
                error * error + unknown * (linear + boosted).powi(2)
            }
        };
        (z, variance.sqrt())
    }

    /// Log-odds before calibration, and what the members of the boosted part say; nothing where it has no weight.
    pub(crate) fn log_odds_and_answers(&self, prepared: &Prepared, row: usize) -> (f64, Vec<f64>) {
        if self.serves_base_rate {
            return (logit(self.base_rate()), Vec::new());
        }
        let [linear, boosted, base] = self.blend();
        let mut z =
            linear * prepared.encoded.rows.dot(row, &self.weights) + base * logit(self.base_rate());
        let mut answers = Vec::new();
        if let (Some(ensemble), Some(binned)) = (&self.boosted, &prepared.binned) {
            answers = ensemble.answers(binned.row(row));
            z += boosted * answers.iter().sum::<f64>() / answers.len().max(1) as f64;
        }
        (z, answers)
    }

    /// Probability and the ends of its 95 % interval.
    pub(crate) fn answer(&self, prepared: &Prepared, row: usize) -> [f64; 3] {
        self.answered(prepared, row).1
    }

    /// Log-odds before calibration, and the same as [`Model::answer`].
    fn answered(&self, prepared: &Prepared, row: usize) -> (f64, [f64; 3]) {
        if self.serves_base_rate && self.caution.is_none() {
            let rate = wilson(self.wins, self.rows);
            return (logit(self.base_rate()), [rate.value, rate.low, rate.high]);
        }
        let (z, error) = self.log_odds(prepared, row);
        (z, self.interval(z, error))
    }

    /// Probability and the ends of its 95 % interval, from log-odds before calibration and their standard error.
    fn interval(&self, z: f64, error: f64) -> [f64; 3] {
        [z, z - Z95 * error, z + Z95 * error].map(|z| sigmoid(self.calibration.log_odds(z)))
    }

    /// Log-odds of the average training row, before calibration.
    fn base_log_odds(&self) -> f64 {
        let [linear, boosted, base] = self.blend();
        let average: f64 = self
            .weights
            .iter()
            .zip(&self.encoder.means)
            .map(|(w, m)| w * m)
            .sum();
        let expected = self.weighty().map_or(0.0, |b| b.expected);
        linear * average + boosted * expected + base * logit(self.base_rate())
    }

    fn explain(
        &self,
        bound: &Bound<'_>,
        prepared: &Prepared,
        sources: &[Option<usize>],
        base: f64,
        row: usize,
    ) -> Prediction {
        let issues = bound.issues(&self.encoder, row);
        let parts = self.parts(prepared, sources, row);
        let (z, [probability, low, high]) = self.answered(prepared, row);
        let (mut parts, mut log_odds) = (parts, logit(self.base_rate()));
        let mut base_log_odds = log_odds;
        if !self.serves_base_rate {
            log_odds = self.calibration.log_odds(z);
            (base_log_odds, parts) = self.calibration.contributions(base, &parts);
        }
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
            wide: self.caution.as_ref().map_or(WIDE, |c| c.wide),
            warnings: issues
                .iter()
                .map(|(c, issue)| issue.text(&self.encoder.schema[*c].name))
                .collect(),
            oddities: issues
                .iter()
                .filter_map(|(c, issue)| issue.oddity(&self.encoder.schema[*c].name))
                .collect(),
        }
    }

    /// Contributions in log-odds before calibration, one per schema column.
    pub(crate) fn parts(
        &self,
        prepared: &Prepared,
        sources: &[Option<usize>],
        row: usize,
    ) -> Vec<f64> {
        if self.serves_base_rate {
            return vec![0.0; self.encoder.schema.len()];
        }
        let [linear, boosted, _] = self.blend();
        let mut parts = self.linear_parts(prepared, sources, row);
        parts.iter_mut().for_each(|p| *p *= linear);
        if let (Some(ensemble), Some(binned)) = (&self.boosted, &prepared.binned) {
            ensemble.add_contributions(binned.row(row), boosted, &mut parts);
        }
        parts
    }

    /// Contributions to the linear part's log-odds, one per schema column.
    pub(crate) fn linear_parts(
        &self,
        prepared: &Prepared,
        sources: &[Option<usize>],
        row: usize,
    ) -> Vec<f64> {
        let mut parts = vec![0.0; self.encoder.schema.len()];
        for (j, source) in sources.iter().enumerate() {
            if let Some(source) = source {
                parts[*source] -= self.weights[j] * self.encoder.means[j];
            }
        }
        for (j, v) in prepared.encoded.rows.entries(row) {
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
pub(crate) fn points_per_log_odds(base: f64, z: f64) -> f64 {
    if (z - base).abs() > 1e-6 {
        (sigmoid(z) - sigmoid(base)) / (z - base)
    } else {
        let p = sigmoid(0.5 * (z + base));
        p * (1.0 - p)
    }
}
