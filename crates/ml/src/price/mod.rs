//! What price earns most: the price curve and the recommendation taken from it.
//!
//! Everything here is an association in past quotes, not an experiment, and says so. Deliberately silent (with a reason)
//! where history is thin, where the price does not clearly lower the chance of winning, or where the gain is not clear.

mod curve;
mod guide;

pub use guide::{GuidedPrice, PriceGuide};

use crate::Error;
use crate::change::Versions;
use crate::encode::number_text;
use crate::model::{Evidence, Model};
use crate::reading::Reading;
use crate::recommend::FieldRule;
use crate::score::Score;
use crate::table::{Role, Table};
use curve::Curve;

pub(crate) use curve::Near;

/// Prices on the curve from which a recommendation is taken.
const STEPS: usize = 41;
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

impl Objective {
    /// The objective in a word.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Revenue => "revenue",
            Self::Margin => "margin",
        }
    }
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
    /// Past quotes in the same bin of the price history.
    pub past_quotes: u32,
    /// How many of them were won.
    pub past_won: u32,
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
    /// The policy keeps the price as it is, or allows none that history supports.
    #[error("The recommendation policy allows no other price that past quotes support.")]
    NotAllowed,
    /// The policy lets nothing of the quote be changed that history knows.
    #[error(
        "The recommendation policy lets nothing of this quote be changed that past quotes know."
    )]
    NothingChangeable,
    /// No allowed and supported change clearly helps.
    #[error("No allowed change that past quotes support clearly raises the chance of winning.")]
    NoChange,
    /// Every supported price lies at or below the cost.
    #[error("No supported price is expected to earn anything above the cost.")]
    NothingToEarn,
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
        let reading = self.read_one(row)?;
        let curve = Curve::new(&reading, 0, steps.clamp(2, 1000), &FieldRule::default())?;
        let places: Vec<usize> = (0..curve.quoted()).collect();
        Ok(curve.points(&places))
    }

    /// [`Model::recommend_price_within`] without a rule of the user's.
    ///
    /// # Errors
    /// [`NoRecommendation`] says why there is none.
    pub fn recommend_price(&self, row: &Table) -> Result<PriceRecommendation, NoRecommendation> {
        if self.history.is_none() {
            return Err(NoRecommendation::NoPriceHistory);
        }
        let reading = self.read_one(row)?;
        reading.recommend_price(0, reading.evidence(), &FieldRule::default())
    }

    /// [`Reading::recommend_price`] for the quote in `row` (a table of one row).
    ///
    /// # Errors
    /// [`NoRecommendation`] says why there is none.
    pub fn recommend_price_within(
        &self,
        row: &Table,
        evidence: Evidence,
        rule: &FieldRule,
    ) -> Result<PriceRecommendation, NoRecommendation> {
        self.read_one(row)?.recommend_price(0, evidence, rule)
    }

    /// Reads a table that is one quote.
    pub(crate) fn read_one<'a>(&'a self, row: &'a Table) -> Result<Reading<'a>, Error> {
        if row.rows() != 1 {
            let reason = format!("one quote is expected, the table has {} rows", row.rows());
            return Err(Error::InvalidTable { reason });
        }
        self.read(row)
    }

    /// How the log-odds of the quote in `row` (a table of one row) change from its own price to each of `prices`, with 95 %
    /// intervals. They are those before calibration, which never turns the sign.
    ///
    /// # Errors
    /// [`NoRecommendation`] says why nothing can be said of prices.
    pub fn price_effect(
        &self,
        row: &Table,
        prices: &[f64],
    ) -> Result<Vec<Score>, NoRecommendation> {
        let reading = self.read_one(row)?;
        let own = Near::new(&reading, 0)?.price;
        let column = self.encoder.position(Role::Price);
        let column = column.ok_or(NoRecommendation::NoPrice)?;
        let all: Vec<f64> = std::iter::once(own).chain(prices.iter().copied()).collect();
        let versions = Versions::with(&reading, 0, column, &all);
        let behind = 1..all.len();
        Ok(behind.map(|at| versions.log_odds_change(0, at)).collect())
    }

    /// Whether the model and the evidence for a quote carry advice at all.
    pub(crate) fn may_advise(&self, evidence: Evidence) -> Result<(), NoRecommendation> {
        if self.serves_base_rate {
            return Err(NoRecommendation::BaseRate);
        }
        if evidence == Evidence::Indicative {
            return Err(NoRecommendation::ThinEvidence);
        }
        Ok(())
    }
}

impl Reading<'_> {
    /// The evidence of the first row, which costs a prediction.
    pub(crate) fn evidence(&self) -> Evidence {
        let first = self.predict().into_iter().next();
        first.map_or(Evidence::Indicative, |p| p.evidence)
    }

    /// The price that is expected to earn most for a row among those that `rule` allows and history supports: margin where
    /// the cost is known, else revenue. `evidence` is that of its prediction.
    ///
    /// # Errors
    /// [`NoRecommendation`] says why there is none.
    pub fn recommend_price(
        &self,
        row: usize,
        evidence: Evidence,
        rule: &FieldRule,
    ) -> Result<PriceRecommendation, NoRecommendation> {
        if self.model.history.is_none() {
            return Err(NoRecommendation::NoPriceHistory);
        }
        self.model.may_advise(evidence)?;
        if !rule.changeable {
            return Err(NoRecommendation::NotAllowed);
        }
        let curve = Curve::new(self, row, STEPS, rule)?;
        let candidates = clear_candidates(&curve, rule)?;
        let (best, most) = best(&curve, &candidates)?;
        let (gain, point) = curve.gain(best);
        if gain.low <= 0.0 || gain.value < LEAST_GAIN * (most - gain.value).abs() {
            return Err(NoRecommendation::NoClearGain);
        }
        Ok(recommendation(&curve, point, gain))
    }
}

/// The prices that may be recommended, where a higher one clearly lowers the chance of winning.
fn clear_candidates(
    curve: &Curve<'_, '_>,
    rule: &FieldRule,
) -> Result<Vec<usize>, NoRecommendation> {
    let candidates = curve.candidates();
    if candidates.is_empty() {
        return Err(if rule.is_open() {
            NoRecommendation::OutsideHistory
        } else {
            NoRecommendation::NotAllowed
        });
    }
    if curve.effect().high >= 0.0 {
        return Err(NoRecommendation::UnclearPriceEffect);
    }
    Ok(candidates)
}

/// The candidate that is expected to earn most, and how much that is.
fn best(curve: &Curve<'_, '_>, candidates: &[usize]) -> Result<(usize, f64), NoRecommendation> {
    let expected = curve.expected(candidates);
    let all = candidates.iter().copied().zip(expected);
    all.max_by(|a, b| a.1.total_cmp(&b.1))
        .ok_or(NoRecommendation::OutsideHistory)
}

fn recommendation(curve: &Curve<'_, '_>, point: PricePoint, gain: Score) -> PriceRecommendation {
    let (quotes, won) = (point.past_quotes, point.past_won);
    let (from, to) = curve.near.bin(point.price);
    let objective = curve.objective();
    let statement = format!(
        "At a price of {} instead of {} the chance of winning is {:.0} % (95 % interval {:.0} to {:.0} %) and the \
         expected {} is higher by {} (95 % interval {} to {}). Of {quotes} past quotes with {} between {} and {}, \
         {won} were won. This is an association in past quotes, not a proven effect.",
        money(point.price),
        money(curve.prices[curve.quoted()]),
        100.0 * point.probability,
        100.0 * point.low,
        100.0 * point.high,
        objective.text(),
        money(gain.value),
        money(gain.low),
        money(gain.high),
        curve.near.history.basis.text(),
        number_text(rounded(from)),
        number_text(rounded(to)),
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

/// Four significant digits.
pub(crate) fn rounded(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

/// Whole amounts from a hundred on, cents below.
pub(crate) fn money(x: f64) -> String {
    if x.abs() >= 100.0 {
        format!("{x:.0}")
    } else {
        format!("{x:.2}")
    }
}
