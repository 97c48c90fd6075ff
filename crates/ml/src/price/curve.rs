//! One quote at a series of prices: what each is expected to earn, and whether past quotes stand behind it.
//!
//! Deliberately no choice among the prices: see the module above.

use super::{NoRecommendation, Objective, PricePoint};
use crate::Error;
use crate::change::Versions;
use crate::encode::Bound;
use crate::history::{PriceBasis, PriceHistory};
use crate::model::Model;
use crate::recommend::FieldRule;
use crate::score::Score;
use crate::table::{Role, Table, Values};

/// Without a yardstick, prices further than this from the quoted one belong to other deals.
const FURTHEST_OWN: f64 = 0.3;

/// The quote at a series of ascending prices, and behind them at the quoted one.
pub(super) struct Curve<'a> {
    pub versions: Versions<'a>,
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
    /// Of the quote in `row`, a table of one row.
    pub fn new(model: &'a Model, row: &Table) -> Result<Self, NoRecommendation> {
        row.validate()?;
        if row.rows() != 1 {
            let reason = format!("one quote is expected, the table has {} rows", row.rows());
            return Err(Error::InvalidTable { reason }.into());
        }
        let history = model
            .history
            .as_ref()
            .ok_or(NoRecommendation::NoPriceHistory)?;
        let bound = Bound::new(&model.encoder, row)?;
        let number = |role: Role| model.encoder.position(role).map(|at| bound.number(at, 0));
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

impl<'a> Curve<'a> {
    /// `steps` prices over the range of the history, or those that a rule with a step allows in it.
    pub fn new(
        model: &'a Model,
        row: &Table,
        steps: usize,
        rule: &FieldRule,
    ) -> Result<Self, NoRecommendation> {
        let near = Near::new(model, row)?;
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
            versions: Versions::new(model, &at_prices(model, row, &prices))?,
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
        let (cheapest, dearest) = (self.quoted() + 1, self.quoted() + 2);
        self.versions.log_odds_change(cheapest, dearest)
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

    /// What the quote is expected to earn at a price.
    pub fn expected(&self, at: usize) -> f64 {
        self.versions.probability(at) * self.earned(at)
    }

    /// Places that may be recommended, ascending.
    pub fn candidates(&self) -> Vec<usize> {
        (0..self.quoted()).filter(|&at| self.open[at]).collect()
    }

    pub fn point(&self, at: usize) -> PricePoint {
        let price = self.prices[at];
        let [probability, low, high] = self.versions.answer(at);
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

/// The row repeated once per price.
pub(super) fn at_prices(model: &Model, row: &Table, prices: &[f64]) -> Table {
    let mut table = row.select(&vec![0; prices.len()]);
    let name = model
        .encoder
        .position(Role::Price)
        .map(|at| &model.encoder.schema[at].name);
    for column in table.columns.iter_mut().filter(|c| Some(&c.name) == name) {
        column.values = Values::Number(prices.to_vec());
    }
    table
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
