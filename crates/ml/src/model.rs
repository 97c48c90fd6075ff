//! A fitted model: encoder, linear weights and their covariance, boosted members, how both are blended, and what is kept
//! of the training data.
//!
//! Deliberately not the training procedure (see `train`) nor the file format (see `artefact`).

use crate::Error;
use crate::blend::Blend;
use crate::boosted::{Ensemble, Plan};
use crate::calibrate::Calibration;
use crate::caution::Caution;
use crate::doubt::Doubt;
use crate::encode::{Bound, Encoder, SchemaColumn};
use crate::errors::linear_errors;
use crate::grade::wide;
use crate::history::PriceHistory;
use crate::linalg::{Sparse, Symmetric};
use crate::logistic::{Exactness, Fit, fit_path, logit};
use crate::predict::Prediction;
use crate::spread::spreads;
use crate::table::Table;

/// Rows below which results are only indicative, and the same for the rarer outcome.
const INDICATIVE_BELOW: (usize, usize) = (80, 15);
/// Quotes of each outcome from which evidence counts as solid.
const SOLID_FROM: usize = 200;
/// Training rows kept to check that a stored model still computes what it did.
const GOLDEN_ROWS: usize = 5;

/// Training rows by whose intervals it is judged which are wide.
const JUDGED_ROWS: usize = 2000;

/// How far the data carry a statement, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// At least 200 quotes of each outcome.
    Solid,
    /// In between.
    Usable,
    /// Fewer than 80 quotes or 15 of either outcome, or a quote unlike the training data: no recommendations.
    Indicative,
}

impl Evidence {
    /// The tier of training data with `wins` of `rows` won.
    #[must_use]
    pub fn of(rows: usize, wins: usize) -> Self {
        let rarer = wins.min(rows.saturating_sub(wins));
        if rows < INDICATIVE_BELOW.0 || rarer < INDICATIVE_BELOW.1 {
            Self::Indicative
        } else if rarer >= SOLID_FROM {
            Self::Solid
        } else {
            Self::Usable
        }
    }

    /// One tier lower.
    pub(crate) fn lowered(self) -> Self {
        if self == Self::Solid {
            Self::Usable
        } else {
            Self::Indicative
        }
    }
}

/// Rows and what the model said about them when it was trained: (probability, low, high).
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Golden {
    pub table: Table,
    pub answers: Vec<[f64; 3]>,
}

/// What a training run decided, from which a model is built on any rows.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub penalty: f64,
    /// How the boosted part is fitted; `None` leaves it out.
    pub plan: Option<Plan>,
    /// Weights of the linear part and of the boosted part.
    pub blend: Blend,
    pub calibration: Calibration,
    /// Whether a higher price may never raise the probability.
    pub falling: bool,
    pub serves_base_rate: bool,
    /// What held-back rows showed to be left over.
    pub doubt: Doubt,
}

/// A trained model. Made by [`crate::train`] or [`Model::from_bytes`].
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) encoder: Encoder,
    /// The intercept first.
    pub(crate) weights: Vec<f64>,
    /// Squared errors of the weights (see `errors`); up to format 2 the inverse of the penalised Hessian.
    pub(crate) covariance: Symmetric,
    /// Variance over the training rows of what each block adds to the log-odds.
    pub(crate) spreads: Vec<f64>,
    pub(crate) rows: usize,
    pub(crate) wins: usize,
    pub(crate) penalty: f64,
    pub(crate) boosted: Option<Ensemble>,
    /// Weights of the linear part and of the boosted part, and of the base rate.
    pub(crate) blend: Blend,
    pub(crate) calibration: Calibration,
    pub(crate) falling: bool,
    pub(crate) serves_base_rate: bool,
    /// What widens the intervals; artefacts up to format 2 have none.
    pub(crate) caution: Option<Caution>,
    pub(crate) history: Option<PriceHistory>,
    pub(crate) golden: Golden,
}

/// A model and how its fit ended.
pub(crate) struct Built {
    pub model: Model,
    pub fit: Fit,
}

impl Model {
    /// Fits encoder, weights and members on all rows of `table` (valid, both outcomes).
    pub(crate) fn build(table: &Table, won: &[bool], recipe: &Recipe) -> Result<Built, Error> {
        let encoder = Encoder::fit(table);
        if encoder.width < 2 {
            return Err(Error::NoUsableColumn {
                reason: encoder.notes.join(" "),
            });
        }
        let bound = Bound::new(&encoder, table)?;
        let rows = encoder.apply(&bound).rows;
        let fit = linear(&encoder, &rows, won, recipe)?;
        let spreads = spreads(&encoder, &bound, &rows, &fit.weights, won);
        let mut unweighted = vec![0.0; encoder.width];
        let wins = won.iter().filter(|&&y| y).count();
        unweighted[0] = logit(wins as f64 / won.len() as f64);
        let weights = if recipe.serves_base_rate {
            &unweighted
        } else {
            &fit.weights
        };
        let served = (weights.as_slice(), recipe.penalty);
        let covariance = linear_errors(&encoder, (&rows, won), served, &spreads)?;
        let plan = recipe.plan.as_ref();
        let mut caution = Caution::of(&encoder, plan, &recipe.doubt);
        spreads.iter().for_each(|s| s.widen(&mut caution.left));
        let mut model = Self {
            weights: fit.weights.clone(),
            covariance,
            spreads: Vec::new(),
            rows: won.len(),
            wins,
            penalty: recipe.penalty,
            boosted: plan.map(|plan| Ensemble::fit(&encoder, &bound, won, plan)),
            blend: recipe.blend.clone(),
            calibration: recipe.calibration.clone(),
            falling: recipe.falling,
            serves_base_rate: recipe.serves_base_rate,
            caution: Some(caution),
            history: PriceHistory::of(table, won),
            golden: Golden::default(),
            encoder,
        };
        model.spreads = model.block_spreads(&rows);
        let step = table.rows().div_ceil(JUDGED_ROWS);
        let judged = table.select(&(0..table.rows()).step_by(step).collect::<Vec<_>>());
        let widths = model.intervals(&judged)?;
        let widths = widths.into_iter().map(|[_, low, high]| high - low);
        if let Some(caution) = &mut model.caution {
            caution.wide = wide(widths.collect());
        }
        let step = table.rows().div_ceil(GOLDEN_ROWS);
        let golden = table.select(&(0..table.rows()).step_by(step).collect::<Vec<_>>());
        model.golden = Golden {
            answers: model.answers(&golden)?,
            table: golden,
        };
        Ok(Built { model, fit })
    }

    /// The same with all the weight on the linear (0) or the boosted part (1), as it is without calibration; `None` where it
    /// has no such part.
    #[must_use]
    pub fn alone(&self, at: usize) -> Option<Self> {
        (at == 0 || (at == 1 && self.boosted.is_some())).then(|| Self {
            serves_base_rate: false,
            blend: Blend::only(at, 2),
            calibration: Calibration::Identity,
            ..self.clone()
        })
    }

    fn block_spreads(&self, rows: &Sparse) -> Vec<f64> {
        let mut block_of = vec![usize::MAX; self.encoder.width];
        for (b, block) in self.encoder.blocks.iter().enumerate() {
            block_of[block.start..block.start + block.width()].fill(b);
        }
        let blocks = self.encoder.blocks.len();
        let (mut sums, mut squares) = (vec![0.0; blocks], vec![0.0; blocks]);
        for row in 0..rows.rows() {
            let mut parts = vec![0.0; blocks];
            rows.entries(row)
                .skip(1)
                .for_each(|(i, v)| parts[block_of[i]] += v * self.weights[i]);
            for (b, part) in parts.into_iter().enumerate() {
                sums[b] += part;
                squares[b] += part * part;
            }
        }
        let count = rows.rows() as f64;
        sums.iter()
            .zip(&squares)
            .map(|(s, q)| (q / count - (s / count).powi(2)).max(0.0))
            .collect()
    }

    /// Probability and the ends of its 95 % interval for every row, without explanations.
    pub(crate) fn intervals(&self, table: &Table) -> Result<Vec<[f64; 3]>, Error> {
        let prepared = self.prepare(&Bound::new(&self.encoder, table)?);
        Ok((0..table.rows())
            .map(|row| self.answer(&self.said(&prepared, row)))
            .collect())
    }

    pub(crate) fn answers(&self, table: &Table) -> Result<Vec<[f64; 3]>, Error> {
        let answer = |p: Prediction| [p.probability, p.low, p.high];
        Ok(self.predict(table)?.into_iter().map(answer).collect())
    }

    /// The columns that the model was trained with; tables to predict need the same names and kinds.
    #[must_use]
    pub fn schema(&self) -> &[SchemaColumn] {
        &self.encoder.schema
    }

    /// Rows that the model was trained on.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many of [`Model::rows`] were won.
    #[must_use]
    pub fn wins(&self) -> usize {
        self.wins
    }

    /// Whether the model answers the base rate because nothing better was found.
    #[must_use]
    pub fn serves_base_rate(&self) -> bool {
        self.serves_base_rate
    }

    /// The tier of evidence that the amount of training data allows.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence::of(self.rows, self.wins)
    }

    /// The penalty that the weights were fitted with.
    #[must_use]
    pub fn penalty(&self) -> f64 {
        self.penalty
    }

    /// What an answer of the boosted part costs: tables to look in, how many numbers these hold, and how many trees have leaves outside of them.
    #[must_use]
    pub fn lookups(&self) -> [usize; 3] {
        self.boosted.as_ref().map_or([0; 3], Ensemble::sizes)
    }

    /// Weights of the linear part, of the boosted part and of the base rate in the log-odds.
    #[must_use]
    pub fn blend(&self) -> [f64; 3] {
        let weight = |at: usize| self.blend.weights.get(at).copied().unwrap_or(0.0);
        [weight(0), weight(1), self.blend.base_weight]
    }

    /// The map that corrects blended probabilities, by name: none, platt, beta or isotonic.
    #[must_use]
    pub fn calibration(&self) -> &'static str {
        self.calibration.name()
    }

    /// Whether a higher price never raises the probability, whatever the data say.
    #[must_use]
    pub fn price_is_monotone(&self) -> bool {
        self.falling
    }

    /// Prices and wins of the training data; `None` without a usable price column.
    #[must_use]
    pub fn price_history(&self) -> Option<&PriceHistory> {
        self.history.as_ref()
    }

    /// What the encoder dropped or folded, in sentences.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.encoder.notes
    }
}

/// The fit at the penalty of `recipe`.
fn linear(encoder: &Encoder, rows: &Sparse, won: &[bool], recipe: &Recipe) -> Result<Fit, Error> {
    let falling = if recipe.falling {
        encoder.rising_with_price()
    } else {
        Vec::new()
    };
    let mut fits = fit_path(
        rows,
        won,
        &[recipe.penalty],
        &falling,
        Exactness::Exact,
        &mut || Ok(()),
    )?;
    fits.pop().ok_or(Error::Collinear)
}
