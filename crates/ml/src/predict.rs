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

/// What the explanations of all rows share.
pub(crate) struct Shared {
    /// For every encoded column the schema position it is attributed to; `None` for the intercept.
    sources: Vec<Option<usize>>,
    /// One per schema column: what the average training row takes off the linear part's log-odds.
    average: Vec<f64>,
}

/// What the parts of a model say of a row.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// The encoded row.
    pub entries: Vec<(usize, f64)>,
    /// Log-odds of the linear part.
    pub linear: f64,
    /// Variance that unknown values add.
    pub unknown: f64,
    /// Log-odds of each member of the boosted part; none where it has no weight.
    pub answers: Vec<f64>,
}

impl Said {
    /// Log-odds of the boosted part.
    fn mean(&self) -> f64 {
        self.answers.iter().sum::<f64>() / self.answers.len().max(1) as f64
    }
}

impl Reading<'_> {
    /// Predicts every row.
    #[must_use]
    pub fn predict(&self) -> Vec<Prediction> {
        let shared = self.model.shared();
        let base = self.model.base_log_odds();
        let explain = |row| {
            self.model
                .explain(&self.bound, &self.prepared, &shared, base, row)
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

    /// What the parts of the model say of a row.
    pub(crate) fn said(&self, prepared: &Prepared, row: usize) -> Said {
        let binned = self.boosted.as_ref().zip(prepared.binned.as_ref());
        self.said_beside(
            prepared,
            row,
            binned.map_or_else(Vec::new, |(ensemble, binned)| {
                ensemble.answers(binned.row(row))
            }),
        )
    }

    /// The same, given what the members of the boosted part say.
    fn said_beside(&self, prepared: &Prepared, row: usize, answers: Vec<f64>) -> Said {
        Said {
            linear: prepared.encoded.rows.dot(row, &self.weights),
            entries: prepared.encoded.rows.entries(row).collect(),
            unknown: prepared.unknown_variance[row],
            answers,
        }
    }

    /// Log-odds before calibration.
    pub(crate) fn log_odds(&self, said: &Said) -> f64 {
        let [linear, boosted, base] = self.blend();
        let rate = logit(self.base_rate());
        if self.serves_base_rate {
            return rate;
        }
        linear * said.linear + base * rate + boosted * said.mean()
    }

    /// Standard error of the log-odds before calibration.
    fn error(&self, said: &Said) -> f64 {
        let [linear, boosted, _] = self.blend();
        let ensemble = self.boosted.as_ref();
        let parts = Parts {
            weights: [linear, boosted],
            linear: (
                said.linear,
                self.covariance.quadratic(&said.entries).max(0.0).sqrt(),
            ),
            boosted: (
                said.mean(),
                ensemble.map_or(0.0, |e| e.error(&said.answers)),
            ),
            base: logit(self.base_rate()),
        };
        let variance = match &self.caution {
            Some(caution) => {
                caution.error(&parts).powi(2) + caution.left(&said.entries) + said.unknown
            }
            None => {
                let error = linear * parts.linear.1 + boosted * parts.boosted.1;
                error * error + said.unknown * (linear + boosted).powi(2)
            }
        };
        variance.sqrt()
    }

    /// Probability and the ends of its 95 % interval.
    pub(crate) fn answer(&self, said: &Said) -> [f64; 3] {
        if self.serves_base_rate && self.caution.is_none() {
            let rate = wilson(self.wins, self.rows);
            return [rate.value, rate.low, rate.high];
        }
        self.interval(self.log_odds(said), self.error(said))
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
        shared: &Shared,
        base: f64,
        row: usize,
    ) -> Prediction {
        let issues = bound.issues(&self.encoder, row);
        let (mut parts, said) = self.explained(prepared, shared, row);
        let [probability, low, high] = self.answer(&said);
        let mut log_odds = logit(self.base_rate());
        let mut base_log_odds = log_odds;
        if !self.serves_base_rate {
            log_odds = self.calibration.log_odds(self.log_odds(&said));
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

    /// What explanations share.
    pub(crate) fn shared(&self) -> Shared {
        let sources = self.encoder.sources();
        let mut average = vec![0.0; self.encoder.schema.len()];
        for (j, source) in sources.iter().enumerate() {
            if let Some(source) = source {
                average[*source] -= self.weights[j] * self.encoder.means[j];
            }
        }
        Shared { sources, average }
    }

    /// Contributions in log-odds before calibration, one per schema column.
    pub(crate) fn parts(&self, prepared: &Prepared, shared: &Shared, row: usize) -> Vec<f64> {
        self.explained(prepared, shared, row).0
    }

    /// The same, and what the parts of the model say.
    fn explained(&self, prepared: &Prepared, shared: &Shared, row: usize) -> (Vec<f64>, Said) {
        if self.serves_base_rate {
            let none = vec![0.0; self.encoder.schema.len()];
            return (none, self.said(prepared, row));
        }
        let [linear, boosted, _] = self.blend();
        let mut parts = self.linear_parts(prepared, shared, row);
        parts.iter_mut().for_each(|p| *p *= linear);
        let mut answers = Vec::new();
        if let (Some(ensemble), Some(binned)) = (&self.boosted, &prepared.binned) {
            answers = ensemble.explain(binned.row(row), boosted, &mut parts);
        }
        (parts, self.said_beside(prepared, row, answers))
    }

    /// Contributions to the linear part's log-odds, one per schema column.
    pub(crate) fn linear_parts(
        &self,
        prepared: &Prepared,
        shared: &Shared,
        row: usize,
    ) -> Vec<f64> {
        let mut parts = shared.average.clone();
        for (j, v) in prepared.encoded.rows.entries(row) {
            if let Some(source) = shared.sources[j] {
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
