//! Three prices for whoever negotiates: floor, target, stretch.
//!
//! The target is the price with the highest expected value. Around it the expected value is flat, which leaves room: the
//! floor is the lowest and the stretch the highest price that is still expected to earn at least 95 % of it, and that can be
//! reached from the target without leaving that room. All three are prices that the rule allows and history supports.
//! Deliberately no interval of the prices themselves: that of the probability at each of them is what history can tell.

use super::{Curve, NoRecommendation, Objective, PricePoint, best, clear_candidates};
use crate::model::Model;
use crate::reading::Reading;
use crate::recommend::FieldRule;
use crate::table::Table;

/// Share of the target's expected value that floor and stretch keep.
const KEPT: f64 = 0.95;

/// A price worth naming.
#[derive(Debug, Clone, PartialEq)]
pub struct GuidedPrice {
    /// The lowest price that keeps 95 % of what the target earns.
    pub floor: PricePoint,
    /// The price that is expected to earn most.
    pub target: PricePoint,
    /// The highest price that keeps 95 % of what the target earns.
    pub stretch: PricePoint,
}

/// The price curve of a quote, and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceGuide {
    /// The quote at other prices, ascending.
    pub points: Vec<PricePoint>,
    /// The quote at its own price.
    pub quoted: PricePoint,
    /// What is maximised.
    pub objective: Objective,
    /// Floor, target and stretch, or why there are none.
    pub guided: Result<GuidedPrice, NoRecommendation>,
}

impl Model {
    /// The quote in `row` (a table of one row) at `steps` (2 to 1000) prices, and the three prices that follow under `rule`.
    ///
    /// # Errors
    /// [`NoRecommendation`] says why there is no curve.
    pub fn price_guide(
        &self,
        row: &Table,
        steps: usize,
        rule: &FieldRule,
    ) -> Result<PriceGuide, NoRecommendation> {
        let open = FieldRule::default();
        let reading = self.read_one(row)?;
        let curve = Curve::new(&reading, 0, steps.clamp(2, 1000), &open)?;
        let places: Vec<usize> = (0..curve.quoted()).collect();
        Ok(PriceGuide {
            points: curve.points(&places),
            quoted: curve.point_at(curve.quoted()),
            objective: curve.objective(),
            guided: guided(&reading, rule),
        })
    }
}

fn guided(reading: &Reading<'_>, rule: &FieldRule) -> Result<GuidedPrice, NoRecommendation> {
    reading.model.may_advise(reading.evidence())?;
    // Finer than what is drawn: the three prices must not depend on the drawing.
    let curve = Curve::new(reading, 0, 201, rule)?;
    let candidates = clear_candidates(&curve, rule)?;
    let (target, most) = best(&curve, &candidates)?;
    if most <= 0.0 {
        return Err(NoRecommendation::NothingToEarn);
    }
    let places: Vec<usize> = (0..curve.quoted()).collect();
    let expected = curve.expected(&places);
    let keeps = |at: &usize| curve.open[*at] && expected[*at] >= KEPT * most;
    let floor = (0..target).rev().take_while(keeps).last();
    let stretch = (target + 1..curve.quoted()).take_while(keeps).last();
    Ok(GuidedPrice {
        floor: curve.point_at(floor.unwrap_or(target)),
        target: curve.point_at(target),
        stretch: curve.point_at(stretch.unwrap_or(target)),
    })
}
