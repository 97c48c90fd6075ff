//! Money left on the table: wins at prices far below the one that promised most.
//!
//! Of a quote that was won at price a, the chance that it would have been won at price b as well is S(b) / S(a), S being the
//! model's price curve; so a better price would have been expected to earn (S(b) b - S(a) a) / S(a) more. The price, whether
//! history supports it, and whether the gain is clear, are those of the advice for single quotes. Deliberately without what
//! a customer would have paid at most, which nobody knows.

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};
use ml::{Model, Table};
use proto::ingestion::TargetField;

use super::{Left, LeftGroup, LeftQuote, Reason};
use crate::domain::{
    Interval,
    quotes::{Decided, Groups},
};

/// A price is far below a better one from this share of it on.
pub const FAR: f64 = 0.05;
/// Wins that are looked at, the newest.
const WINS: usize = 400;
/// Single wins that are told.
const LISTED: usize = 50;

pub(super) fn left(
    decided: &Decided,
    model: &Model,
    groups: Option<&Groups>,
) -> Result<Left, ml::Error> {
    let mut won: Vec<usize> = (0..decided.won.len())
        .filter(|row| decided.won[*row])
        .collect();
    won.sort_by_key(|row| std::cmp::Reverse(decided.days.get(*row).copied()));
    won.truncate(WINS);
    let prices = decided.columns.numbers(TargetField::Price);
    let price = |row: usize| prices.and_then(|p| p.get(row)).copied().unwrap_or(f64::NAN);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for row in &won {
        match single(&decided.columns.table, model, *row, price(*row))? {
            Ok(quote) => found.push((*row, named(decided, *row, quote))),
            Err(reason) => *reasons.entry(reason).or_default() += 1,
        }
    }
    let sum = |of: &dyn Fn(&LeftQuote) -> f64| found.iter().map(|(_, quote)| of(quote)).sum();
    let objective = match decided.columns.numbers(TargetField::Cost) {
        Some(_) => "margin",
        None => "revenue",
    };
    let mut reasons: Vec<Reason> = reasons
        .into_iter()
        .map(|(text, wins)| Reason { text, wins })
        .collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.wins));
    Ok(Left {
        wins: won.len(),
        amount: won
            .iter()
            .map(|row| price(*row))
            .filter(|p| p.is_finite())
            .sum(),
        objective: objective.to_owned(),
        far_below: found.len(),
        left: sum(&|quote| quote.left),
        interval: Interval {
            low: sum(&|quote| quote.interval.low),
            high: sum(&|quote| quote.interval.high),
        },
        groups: groups.map_or(Vec::new(), |groups| by_group(groups, &won, &found)),
        reasons,
        largest: {
            let mut quotes: Vec<LeftQuote> = found.into_iter().map(|(_, quote)| quote).collect();
            quotes.sort_by(|a, b| b.left.total_cmp(&a.left));
            quotes.truncate(LISTED);
            quotes
        },
    })
}

/// What a win left on the table, or why nothing can be said.
fn single(
    table: &Table,
    model: &Model,
    row: usize,
    price: f64,
) -> Result<Result<LeftQuote, String>, ml::Error> {
    let quote = table.select(&[row]);
    let better = match model.recommend_price(&quote) {
        Ok(better) => better,
        Err(ml::NoRecommendation::Unusable(error)) => return Err(error),
        Err(reason) => return Ok(Err(reason.to_string())),
    };
    if better.price < price * (1.0 + FAR) {
        let near = format!(
            "The best price is not {:.0} % or more above the one it was won at.",
            100.0 * FAR
        );
        return Ok(Err(near));
    }
    let now = model.probabilities(&quote)?.first().copied().unwrap_or(0.0);
    let gain = better.gain_in_expected_value;
    Ok(Ok(LeftQuote {
        name: String::new(),
        day: None,
        price,
        best_price: better.price,
        probability: (now, better.probability),
        left: gain.value / now.max(1e-9),
        interval: Interval {
            low: gain.low / now.max(1e-9),
            high: gain.high / now.max(1e-9),
        },
    }))
}

fn named(decided: &Decided, row: usize, quote: LeftQuote) -> LeftQuote {
    let day =
        |made: &i32| NaiveDate::default().checked_add_signed(Duration::days(i64::from(*made)));
    LeftQuote {
        name: decided.names.get(row).cloned().unwrap_or_default(),
        day: decided.days.get(row).and_then(day),
        ..quote
    }
}

fn by_group(groups: &Groups, won: &[usize], found: &[(usize, LeftQuote)]) -> Vec<LeftGroup> {
    let mut all: BTreeMap<usize, LeftGroup> = BTreeMap::new();
    for row in won {
        let Some(at) = groups.of(*row) else { continue };
        let group = all.entry(at).or_insert_with(|| LeftGroup {
            column: groups.column.clone(),
            group: groups.names[at].clone(),
            wins: 0,
            far_below: 0,
            left: 0.0,
            interval: Interval {
                low: 0.0,
                high: 0.0,
            },
        });
        group.wins += 1;
    }
    for (row, quote) in found {
        if let Some(group) = groups.of(*row).and_then(|at| all.get_mut(&at)) {
            group.far_below += 1;
            group.left += quote.left;
            group.interval.low += quote.interval.low;
            group.interval.high += quote.interval.high;
        }
    }
    let mut all: Vec<LeftGroup> = all
        .into_values()
        .filter(|group| group.far_below > 0)
        .collect();
    all.sort_by(|a, b| b.left.total_cmp(&a.left));
    all
}
