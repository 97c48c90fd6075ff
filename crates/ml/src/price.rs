//! What price earns most: the price curve and the recommendation taken from it.
//!
//! Everything here is an association in past quotes, not an experiment, and says so. Deliberately silent (with a reason)
//! where history is thin, where the price does not clearly lower the chance of winning, or where the gain is not clear.

use crate::Error;
use crate::encode::{Bound, number_text};
use crate::history::{PriceBasis, PriceHistory};
use crate::logistic::sigmoid;
use crate::model::{Evidence, Model};
use crate::predict::Prepared;
use crate::score::{Score, Z95};
use crate::table::{Role, Table, Values};

/// Prices on the curve from which a recommendation is taken.
const STEPS: usize = 41;
/// Without a yardstick, prices further than this from the quoted one belong to other deals.
const FURTHEST_OWN: f64 = 0.3;

/// Smallest gain worth a recommendation, as a share of what the quote is expected to earn.
const LEAST_GAIN: f64 = 0.01;

/// What is maximised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// Probability times price.
    Revenue,
    /// Probability times (price - cost).
    Margin,
}

/// The quote at another price.
#[derive(Debug, Clone, PartialEq)]
pub struct PricePoint {
    /// The price, in the unit of the price column.
    pub price: f64,
    /// Probability of a win at that price.
    pub probability: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// Probability times price.
    pub expected_revenue: f64,
    /// Probability times (price - cost); `None` when the cost is unknown.
    pub expected_margin: Option<f64>,
    /// Whether history has enough quotes around this price.
    pub supported: bool,
}

/// The supported price with the highest expected value.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceRecommendation {
    /// The price, in the unit of the price column.
    pub price: f64,
    /// Probability of a win at that price.
    pub probability: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// Expected value there minus expected value at the quoted price; interval by the delta method.
    pub gain_in_expected_value: Score,
    /// What is maximised.
    pub objective: Objective,
    /// Past quotes in the same bin of the price history.
    pub similar_quotes: u32,
    /// How many of them were won.
    pub similar_won: u32,
    /// All of it in a paragraph.
    pub statement: String,
}

/// Why there is no price curve or no recommendation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoRecommendation {
    /// The table is not one usable row.
    #[error("The quote cannot be read: {0}")]
    Unusable(#[from] Error),
    /// The model has no price column or too few prices.
    #[error("The training data hold too few prices to say anything about other prices.")]
    NoPriceHistory,
    /// The quote lacks its price, or the list price or cost that prices are measured by.
    #[error(
        "The quote has no price, or lacks the list price or cost that past prices are measured by."
    )]
    NoPrice,
    /// The model answers the base rate.
    #[error(
        "The model does not beat the base rate, so it knows nothing about the effect of the price."
    )]
    BaseRate,
    /// Too little evidence.
    #[error("The evidence for this quote is indicative only, too thin for a recommendation.")]
    ThinEvidence,
    /// No price within reach is supported.
    #[error("No price near this quote has enough similar past quotes.")]
    OutsideHistory,
    /// A higher price does not clearly lower the chance of winning in the data.
    #[error(
        "In the training data a higher price does not clearly lower the chance of winning, so no best price follows."
    )]
    UnclearPriceEffect,
    /// No supported price is clearly better than the quoted one.
    #[error("No supported price is expected to earn clearly more than the quoted one.")]
    NoClearGain,
}

/// The quote at a series of prices, encoded.
struct Curve {
    prepared: Prepared,
    prices: Vec<f64>,
    supported: Vec<bool>,
    cost: Option<f64>,
    current: f64,
    /// What prices are divided by on the basis of the history.
    yardstick: f64,
}

impl Curve {
    /// What a win at the price `at` earns.
    fn earned(&self, at: usize) -> f64 {
        self.prices[at] - self.cost.unwrap_or(0.0)
    }
}

impl Model {
    /// The quote in `row` (a table of one row) at `steps` (2 to 1000) prices over the range of the price history.
    ///
    /// # Errors
    /// [`NoRecommendation`] says why there is no curve.
    pub fn price_curve(
        &self,
        row: &Table,
        steps: usize,
    ) -> Result<Vec<PricePoint>, NoRecommendation> {
        let curve = self.curve(row, steps.clamp(2, 1000), false)?;
        Ok((0..curve.prices.len())
            .map(|at| self.point(&curve, at))
            .collect())
    }

    /// The supported price that is expected to earn most for the quote in `row` (a table of one row): margin where the
    /// cost is known, else revenue.
    ///
    /// # Errors
    /// [`NoRecommendation`] says why there is none.
    pub fn recommend_price(&self, row: &Table) -> Result<PriceRecommendation, NoRecommendation> {
        let history = self
            .history
            .as_ref()
            .ok_or(NoRecommendation::NoPriceHistory)?;
        if self.serves_base_rate {
            return Err(NoRecommendation::BaseRate);
        }
        let evidence = self.predict(row)?.first().map(|p| p.evidence);
        if evidence.is_none_or(|e| e == Evidence::Indicative) {
            return Err(NoRecommendation::ThinEvidence);
        }
        // The last price of the curve is the quoted one, for the comparison.
        let curve = self.curve(row, STEPS, true)?;
        let quoted = curve.prices.len() - 1;
        let candidates: Vec<usize> = (0..quoted).filter(|&at| curve.supported[at]).collect();
        let (Some(&cheapest), Some(&dearest)) = (candidates.first(), candidates.last()) else {
            return Err(NoRecommendation::OutsideHistory);
        };
        let effect = self.log_odds_change(&curve, cheapest, dearest);
        if effect.high >= 0.0 {
            return Err(NoRecommendation::UnclearPriceEffect);
        }
        let values: Vec<f64> = (0..=quoted)
            .map(|at| self.point(&curve, at).probability * curve.earned(at))
            .collect();
        let expected = |at: usize| values[at];
        let best = candidates
            .into_iter()
            .max_by(|&a, &b| expected(a).total_cmp(&expected(b)));
        let best = best.ok_or(NoRecommendation::OutsideHistory)?;
        let gain = self.gain(&curve, quoted, best);
        if gain.low <= 0.0 || gain.value < LEAST_GAIN * expected(quoted).abs() {
            return Err(NoRecommendation::NoClearGain);
        }
        Ok(self.recommendation(&curve, history, best, gain))
    }

    fn curve(
        &self,
        row: &Table,
        steps: usize,
        with_quoted: bool,
    ) -> Result<Curve, NoRecommendation> {
        row.validate()?;
        if row.rows() != 1 {
            let reason = format!("one quote is expected, the table has {} rows", row.rows());
            return Err(Error::InvalidTable { reason }.into());
        }
        let history = self
            .history
            .as_ref()
            .ok_or(NoRecommendation::NoPriceHistory)?;
        let bound = Bound::new(&self.encoder, row)?;
        let number = |role: Role| self.encoder.position(role).map(|at| bound.number(at, 0));
        let current = number(Role::Price)
            .filter(|p| *p > 0.0)
            .ok_or(NoRecommendation::NoPrice)?;
        let cost = number(Role::Cost).filter(|c| !c.is_nan());
        let yardstick = match history.basis {
            PriceBasis::ListPrice => number(Role::ListPrice),
            PriceBasis::Cost => cost,
            PriceBasis::Price => Some(1.0),
        };
        let yardstick = yardstick
            .filter(|y| *y > 0.0)
            .ok_or(NoRecommendation::NoPrice)?;
        let (low, high) =
            reach(history, current / yardstick).ok_or(NoRecommendation::OutsideHistory)?;
        let at = |step: usize| yardstick * (low + (high - low) * step as f64 / (steps - 1) as f64);
        let mut prices: Vec<f64> = (0..steps).map(at).collect();
        let supported = (0..steps)
            .map(|s| history.supports(prices[s] / yardstick))
            .collect();
        if with_quoted {
            prices.push(current);
        }
        let table = self.at_prices(row, &prices);
        let prepared = self.prepare(&Bound::new(&self.encoder, &table)?);
        Ok(Curve {
            prepared,
            prices,
            supported,
            cost,
            current,
            yardstick,
        })
    }

    /// The row repeated once per price.
    fn at_prices(&self, row: &Table, prices: &[f64]) -> Table {
        let mut table = row.select(&vec![0; prices.len()]);
        let name = self
            .encoder
            .position(Role::Price)
            .map(|at| &self.encoder.schema[at].name);
        for column in table.columns.iter_mut().filter(|c| Some(&c.name) == name) {
            column.values = Values::Number(prices.to_vec());
        }
        table
    }

    fn point(&self, curve: &Curve, at: usize) -> PricePoint {
        let price = curve.prices[at];
        let [probability, low, high] = if self.serves_base_rate {
            let rate = crate::score::wilson(self.wins, self.rows);
            [rate.value, rate.low, rate.high]
        } else {
            let (z, error) = self.log_odds(&curve.prepared, at);
            self.interval(z, error)
        };
        PricePoint {
            price,
            probability,
            low,
            high,
            expected_revenue: probability * price,
            expected_margin: curve.cost.map(|c| probability * (price - c)),
            supported: curve.supported.get(at).copied().unwrap_or(false),
        }
    }

    /// Standard error of b z(to) - a z(from), with z the log-odds of two rows of the curve.
    fn combined_error(&self, curve: &Curve, (from, a): (usize, f64), (to, b): (usize, f64)) -> f64 {
        let [linear, boosted, _] = self.blend();
        let mut dense = vec![0.0; self.encoder.width];
        for (row, factor) in [(to, b), (from, -a)] {
            let entries = curve.prepared.rows.entries(row);
            entries.for_each(|(i, v)| dense[i] += factor * v);
        }
        let entries: Vec<(usize, f64)> = dense
            .into_iter()
            .enumerate()
            .filter(|(_, v)| *v != 0.0)
            .collect();
        let of_linear = self.covariance.quadratic(&entries).max(0.0).sqrt();
        let mut of_boosted = 0.0;
        if let (Some(ensemble), Some(binned)) = (&self.boosted, &curve.prepared.binned) {
            let [at, by] = [to, from].map(|row| ensemble.answers(binned.row(row)));
            let figures: Vec<f64> = at.iter().zip(&by).map(|(t, f)| b * t - a * f).collect();
            of_boosted = ensemble.error(&figures);
        }
        linear * of_linear + boosted * of_boosted
    }

    /// Change of the log-odds before calibration, which never turns the sign.
    fn log_odds_change(&self, curve: &Curve, from: usize, to: usize) -> Score {
        let value = self.log_odds(&curve.prepared, to).0 - self.log_odds(&curve.prepared, from).0;
        let half = Z95 * self.combined_error(curve, (from, 1.0), (to, 1.0));
        Score {
            value,
            low: value - half,
            high: value + half,
        }
    }

    /// Gain in expected value; the gradient of p(z) m in z is m p (1 - p) times the slope of the calibration.
    fn gain(&self, curve: &Curve, from: usize, to: usize) -> Score {
        let side = |at: usize| {
            let z = self.log_odds(&curve.prepared, at).0;
            let map = |z: f64| self.calibration.log_odds(z);
            let (p, slope) = (sigmoid(map(z)), (map(z + 1e-4) - map(z - 1e-4)) / 2e-4);
            let earned = curve.earned(at);
            (p * earned, p * (1.0 - p) * slope * earned)
        };
        let ((value_from, slope_from), (value_to, slope_to)) = (side(from), side(to));
        let value = value_to - value_from;
        let half = Z95 * self.combined_error(curve, (from, slope_from), (to, slope_to));
        Score {
            value,
            low: value - half,
            high: value + half,
        }
    }

    fn recommendation(
        &self,
        curve: &Curve,
        history: &PriceHistory,
        at: usize,
        gain: Score,
    ) -> PriceRecommendation {
        let point = self.point(curve, at);
        let objective = if curve.cost.is_some() {
            Objective::Margin
        } else {
            Objective::Revenue
        };
        let bin = history.bin(point.price / curve.yardstick).unwrap_or(0);
        let (quotes, won) = (history.quotes[bin], history.won[bin]);
        let what = if objective == Objective::Margin {
            "margin"
        } else {
            "revenue"
        };
        let statement = format!(
            "At a price of {} instead of {} the chance of winning is {:.0} % (95 % interval {:.0} to {:.0} %) and the \
             expected {what} is higher by {} (95 % interval {} to {}). Of {quotes} past quotes with {} between {} and {}, \
             {won} were won. This is an association in past quotes, not a proven effect.",
            money(point.price),
            money(curve.current),
            100.0 * point.probability,
            100.0 * point.low,
            100.0 * point.high,
            money(gain.value),
            money(gain.low),
            money(gain.high),
            history.basis.text(),
            number_text(rounded(history.edges[bin])),
            number_text(rounded(history.edges[bin + 1])),
        );
        PriceRecommendation {
            price: point.price,
            probability: point.probability,
            low: point.low,
            high: point.high,
            gain_in_expected_value: gain,
            objective,
            similar_quotes: quotes,
            similar_won: won,
            statement,
        }
    }
}

/// Lowest and highest price, on the basis, that the curve covers.
fn reach(history: &PriceHistory, current: f64) -> Option<(f64, f64)> {
    let [mut low, _, _, mut high] = history.quantiles;
    if history.basis == PriceBasis::Price {
        low = low.max(current * (1.0 - FURTHEST_OWN));
        high = high.min(current * (1.0 + FURTHEST_OWN));
    }
    (low < high).then_some((low, high))
}

/// Four significant digits.
fn rounded(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

/// Whole amounts from a hundred on, cents below.
fn money(x: f64) -> String {
    if x.abs() >= 100.0 {
        format!("{x:.0}")
    } else {
        format!("{x:.2}")
    }
}
