//! Price curves: the mean chance of winning of a group's quotes, were each of them dearer or cheaper by the same factor.
//!
//! A partial dependence (Friedman 2001) over the factor instead of the price, since prices of different goods are not to be
//! compared. Deliberately over few quotes, evenly spaced in the file, because each costs a prediction at each point.

use std::collections::BTreeMap;

use ml::{Model, Table, Values};
use proto::ingestion::TargetField;

use super::{Curve, Point};
use crate::domain::{
    Interval,
    quotes::{Decided, Groups},
};

/// Factors of the price, in per cent.
const FACTORS: [u32; 13] = [70, 75, 80, 85, 90, 95, 100, 105, 110, 115, 120, 125, 130];
/// Quotes that a curve is averaged over at most.
const AVERAGED: usize = 100;
/// Quotes that a group needs, and groups of a column that are shown.
const LEAST: usize = 30;
const SHOWN: usize = 6;

pub(super) fn curves(
    decided: &Decided,
    model: &Model,
    groups: &[Groups],
) -> Result<Vec<Curve>, ml::Error> {
    let Some(prices) = decided.columns.numbers(TargetField::Price) else {
        return Ok(Vec::new());
    };
    if model.serves_base_rate() {
        return Ok(Vec::new());
    }
    let priced: Vec<usize> = (0..prices.len()).filter(|row| prices[*row] > 0.0).collect();
    let mut wanted = vec![(String::new(), String::new(), priced.clone())];
    // A column's own curves say where prices matter more; regions are left to the other parts.
    for column in groups.iter().take(2) {
        let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in &priced {
            if let Some(group) = column.of(*row) {
                rows.entry(group).or_default().push(*row);
            }
        }
        let mut large: Vec<_> = rows.into_iter().filter(|(_, r)| r.len() >= LEAST).collect();
        large.sort_by_key(|(group, rows)| (std::cmp::Reverse(rows.len()), *group));
        large.truncate(SHOWN);
        let named = large.into_iter();
        wanted.extend(named.map(|(group, rows)| {
            let name = column.names[group].clone();
            (column.column.clone(), name, rows)
        }));
    }
    let drawn = wanted
        .into_iter()
        .filter(|(.., rows)| rows.len() >= LEAST)
        .map(|(column, group, rows)| curve(&decided.columns.table, model, column, group, &rows));
    drawn.collect()
}

fn curve(
    table: &Table,
    model: &Model,
    column: String,
    group: String,
    rows: &[usize],
) -> Result<Curve, ml::Error> {
    let step = rows.len().div_ceil(AVERAGED);
    let sample: Vec<usize> = rows.iter().copied().step_by(step.max(1)).collect();
    let price = price_column(model);
    let points = FACTORS
        .iter()
        .map(|factor| {
            let ratio = f64::from(*factor) / 100.0;
            let answers = model.predict(&dearer(table, &sample, price.as_deref(), ratio))?;
            let mean = |of: &dyn Fn(&ml::Prediction) -> f64| {
                answers.iter().map(of).sum::<f64>() / answers.len().max(1) as f64
            };
            Ok(Point {
                ratio,
                probability: mean(&|p| p.probability),
                interval: Interval {
                    low: mean(&|p| p.low),
                    high: mean(&|p| p.high),
                },
            })
        })
        .collect::<Result<Vec<Point>, ml::Error>>()?;
    let at = |ratio: f64| {
        let mut all = points.iter();
        all.find(|point| (point.ratio - ratio).abs() < 1e-9)
    };
    let (ten, ends) = match (at(1.0), at(1.1)) {
        (Some(now), Some(then)) => {
            let ten = then.probability - now.probability;
            let low = then.interval.low - now.interval.low;
            let high = then.interval.high - now.interval.high;
            let interval = Interval {
                low: ten.min(low).min(high),
                high: ten.max(low).max(high),
            };
            (ten, interval)
        }
        _ => (
            0.0,
            Interval {
                low: 0.0,
                high: 0.0,
            },
        ),
    };
    Ok(Curve {
        column,
        group,
        quotes: rows.len(),
        averaged: sample.len(),
        points,
        ten_per_cent: ten,
        ten_per_cent_interval: ends,
    })
}

/// What the model calls the price.
fn price_column(model: &Model) -> Option<String> {
    let mut schema = model.schema().iter();
    schema
        .find(|column| column.role == ml::Role::Price)
        .map(|column| column.name.clone())
}

fn dearer(table: &Table, rows: &[usize], price: Option<&str>, ratio: f64) -> Table {
    let mut table = table.select(rows);
    for column in &mut table.columns {
        if let Values::Number(numbers) = &mut column.values
            && Some(column.name.as_str()) == price
        {
            numbers.iter_mut().for_each(|number| *number *= ratio);
        }
    }
    table
}
