//! One quote at a series of prices: what each is expected to earn, and whether past quotes stand behind it.
//!
//! Deliberately no choice among the prices: see the module above.

use super::{NoRecommendation, Objective, PricePoint};
use crate::change::{Version, gain, log_odds_change};
use crate::history::{PriceBasis, PriceHistory};
use crate::model::Model;
use crate::reading::{MovedRow, Reading};
use crate::recommend::FieldRule;
use crate::score::Score;
use crate::table::Role;

/// Without a yardstick, prices further than this from the quoted one belong to other deals.
const FURTHEST_OWN: f64 = 0.3;

/// The quote at a series of ascending prices, and behind them at the quoted one.
pub(super) struct Curve<'r, 'a> {
    model: &'a Model,
    /// The quote, whose price moves.
    moved: MovedRow<'r>,
    pub near: Near<'a>,
    /// The series, the quoted price, and the ends of what history supports.
    pub prices: Vec<f64>,
    /// Of the series: whether the rule allows and history supports it.
    pub open: Vec<bool>,
}

/// What history knows of prices near that of a quote.
pub(crate) struct Near<'a> {
    pub history: &'a PriceHistory,
    pub price: f64,
    pub cost: Option<f64>,
    /// What prices are divided by on the basis of the history.
    pub yardstick: f64,
    /// The range that a curve covers.
    pub reach: (f64, f64),
}

impl<'a> Near<'a> {
    /// Of one row that the model has read.
    pub fn new(reading: &Reading<'a>, row: usize) -> Result<Self, NoRecommendation> {
        let model = reading.model;
        let history = model
            .history
            .as_ref()
            .ok_or(NoRecommendation::NoPriceHistory)?;
        let number = |role: Role| {
            let at = model.encoder.position(role);
            at.map(|at| reading.bound.number(at, row))
        };
        let price = number(Role::Price).filter(|p| *p > 0.0);
        let price = price.ok_or(NoRecommendation::NoPrice)?;
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
            reach(history, price / yardstick).ok_or(NoRecommendation::OutsideHistory)?;
        Ok(Self {
            history,
            price,
            cost,
            yardstick,
            reach: (low * yardstick, high * yardstick),
        })
    }

    /// Whether past quotes stand behind a price within reach.
    pub fn supports(&self, price: f64) -> bool {
        let (low, high) = self.reach;
        price >= low && price <= high && self.history.supports(price / self.yardstick)
    }

    /// Past quotes at about a price, and how many of them were won.
    pub fn past(&self, price: f64) -> (u32, u32) {
        let bin = self.history.bin(price / self.yardstick);
        bin.map_or((0, 0), |b| (self.history.quotes[b], self.history.won[b]))
    }

    /// Ends of the bin of a price, on the basis of the history.
    pub fn bin(&self, price: f64) -> (f64, f64) {
        let bin = self.history.bin(price / self.yardstick).unwrap_or(0);
        (self.history.edges[bin], self.history.edges[bin + 1])
    }

    /// Lowest and highest price that can be supported.
    pub fn ends(&self) -> (f64, f64) {
        let [_, low, high, _] = self.history.quantiles;
        let (least, most) = self.reach;
        (
            (low * self.yardstick).max(least),
            (high * self.yardstick).min(most),
        )
    }
}

impl<'r, 'a> Curve<'r, 'a> {
    /// `steps` prices over the range of the history, or those that a rule with a step allows in it.
    pub fn new(
        reading: &'r Reading<'a>,
        row: usize,
        steps: usize,
        rule: &FieldRule,
    ) -> Result<Self, NoRecommendation> {
        let near = Near::new(reading, row)?;
        let column = reading.model.encoder.position(Role::Price);
        let column = column.ok_or(NoRecommendation::NoPrice)?;
        let (low, high) = near.reach;
        let mut prices = rule.steps_within(near.price, low, high).unwrap_or_else(|| {
            let at = |step: usize| low + (high - low) * step as f64 / (steps - 1) as f64;
            (0..steps).map(at).collect()
        });
        let open = |&p: &f64| rule.allows_number(near.price, p) && near.supports(p);
        let open = prices.iter().map(open).collect();
        let (cheapest, dearest) = near.ends();
        prices.extend([near.price, cheapest, dearest]);
        Ok(Self {
            model: reading.model,
            moved: reading.moved(row, column),
            near,
            prices,
            open,
        })
    }

    /// Place of the quoted price.
    pub fn quoted(&self) -> usize {
        self.open.len()
    }

    /// How the log-odds change from the lowest to the highest price that can be supported.
    pub fn effect(&self) -> Score {
        let [cheapest, dearest] = [1, 2].map(|end| self.version(self.quoted() + end));
        log_odds_change(self.model, &cheapest, &dearest)
    }

    /// By how much the quote is expected to earn more at one place than at the quoted price, and the quote there.
    pub fn gain(&self, to: usize) -> (Score, PricePoint) {
        let (quoted, version) = (self.quoted(), self.version(to));
        let from = (&self.version(quoted), self.earned(quoted));
        let gain = gain(self.model, from, (&version, self.earned(to)));
        (gain, self.point(self.prices[to], &version))
    }

    /// The quote at the price of a place.
    fn version(&self, place: usize) -> Version {
        Version::new(self.model, self.moved.said(self.prices[place]))
    }

    fn at(&self, places: &[usize]) -> Vec<f64> {
        places.iter().map(|&at| self.prices[at]).collect()
    }

    /// What is maximised.
    pub fn objective(&self) -> Objective {
        if self.near.cost.is_some() {
            Objective::Margin
        } else {
            Objective::Revenue
        }
    }

    /// What a win at a price earns.
    pub fn earned(&self, at: usize) -> f64 {
        self.prices[at] - self.near.cost.unwrap_or(0.0)
    }

    /// What the quote is expected to earn at some places.
    pub fn expected(&self, places: &[usize]) -> Vec<f64> {
        let probabilities = self.moved.probabilities(&self.at(places));
        let places = places.iter().zip(probabilities);
        places.map(|(&at, p)| p * self.earned(at)).collect()
    }

    /// Places that may be recommended, ascending.
    pub fn candidates(&self) -> Vec<usize> {
        (0..self.quoted()).filter(|&at| self.open[at]).collect()
    }

    /// The quote at some places.
    pub fn points(&self, places: &[usize]) -> Vec<PricePoint> {
        places.iter().map(|&place| self.point_at(place)).collect()
    }

    /// The quote at one place.
    pub fn point_at(&self, place: usize) -> PricePoint {
        self.point(self.prices[place], &self.version(place))
    }

    fn point(&self, price: f64, version: &Version) -> PricePoint {
        let [probability, low, high] = version.answer(self.model);
        let (past_quotes, past_won) = self.near.past(price);
        PricePoint {
            price,
            probability,
            low,
            high,
            expected_revenue: probability * price,
            expected_margin: self.near.cost.map(|c| probability * (price - c)),
            supported: self.near.supports(price),
            past_quotes,
            past_won,
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
