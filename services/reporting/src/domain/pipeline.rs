//! The pipeline forecast: what the open quotes of a dataset may bring, by owner and by month, and how earlier forecasts did.
//!
//! Deliberately no forecast of quotes that are not made yet, and no amounts of different currencies in one sum.

use std::collections::HashMap;

use chrono::{DateTime, Datelike as _, Months, NaiveDate, Utc};
use proto::ingestion::TargetField;
use serde::{Deserialize, Serialize};

mod content;
mod earlier;
mod parts;

pub use content::{Bar, CycleSummary, Earlier, Listed, PipelineContent, Share};
pub use earlier::JUDGED;

use super::{
    Interval,
    cycle::Cycle,
    insights,
    quotes::{Decided, Groups, Open},
    simulate::{Chance, SEED, Together, simulate},
    stats,
};

/// Months that are told apart; what is decided later is one more.
const MONTHS: u32 = 6;
/// Owners that are told apart; the others are one more.
const OWNERS: usize = 15;
/// Quotes that are listed.
const LISTED: usize = 1_000;
/// What a forecast rested on, kept so that it can be judged later: of each quote with a name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// Names.
    pub names: Vec<String>,
    /// Amounts.
    pub amounts: Vec<f64>,
    /// Probabilities.
    pub probabilities: Vec<f64>,
    /// Standard errors of the log-odds.
    pub errors: Vec<f64>,
    /// The shock of months that it reckoned with.
    pub shock: f64,
}

/// What a model says of a quote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Probability of a win.
    pub probability: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// How a quote ended, and on which day since 1970-01-01; `None` where it is not decided after all.
pub type Ended = (Option<bool>, i32);

/// What a forecast is made of.
#[derive(Debug, Clone, Default)]
pub struct PipelineFacts {
    /// Id of the dataset.
    pub dataset_id: String,
    /// Its name; may be empty.
    pub dataset_name: String,
    /// Id of the model.
    pub model_id: String,
    /// The decided quotes.
    pub decided: Decided,
    /// The open quotes.
    pub open: Open,
    /// What the model says of these.
    pub answers: Vec<Answer>,
    /// Outcomes that were recorded, by name.
    pub outcomes: HashMap<String, Ended>,
    /// Earlier forecasts of the dataset, newest first.
    pub earlier: Vec<(String, DateTime<Utc>, Basis)>,
}

/// Standard error of the log-odds behind an interval of 95 %.
fn error(interval: Interval) -> f64 {
    let logit = |p: f64| {
        let p = p.clamp(1e-9, 1.0 - 1e-9);
        (p / (1.0 - p)).ln()
    };
    ((logit(interval.high) - logit(interval.low)) / (2.0 * stats::Z)).max(0.0)
}

/// Forecasts a pipeline; answers what to keep of it, too.
#[must_use]
pub fn forecast(facts: &PipelineFacts, now: DateTime<Utc>) -> (PipelineContent, Basis) {
    let today = now.date_naive();
    let rows = 0..facts.open.prices.len();
    let recorded = rows.filter(|row| facts.ended(*row).is_some()).count();
    let (rows, currency, without_amount, other_currencies) = counted(facts);
    let cycle = cycle(facts, today);
    let shock = month_shock(&facts.decided);
    let owners = owners(facts, &rows);
    let months = months(today);
    let chances: Vec<Chance> = rows
        .iter()
        .map(|row| chance(facts, *row, &owners, cycle.as_ref(), &months, today))
        .collect();
    let together = Together {
        shock: shock.unwrap_or(0.0),
        model_error: true,
    };
    let drawn = simulate(&chances, owners.names.len(), months.len(), together);
    let alone = Together {
        shock: 0.0,
        model_error: false,
    };
    let independent = simulate(&chances, 0, 0, alone).total;
    let name = facts.dataset_name.trim();
    let mut content = PipelineContent {
        title: match name {
            "" => "Pipeline forecast".to_owned(),
            name => format!("Pipeline forecast: {name}"),
        },
        generated_at: now,
        dataset_id: facts.dataset_id.clone(),
        model_id: facts.model_id.clone(),
        insights: Vec::new(),
        quotes: rows.len(),
        recorded,
        without_amount,
        currency,
        other_currencies,
        amount: stats::total(chances.iter().map(|chance| chance.amount)),
        expected_wins: stats::total(chances.iter().map(|chance| chance.probability)),
        draws: drawn.draws,
        seed: SEED,
        total: drawn.total,
        independent,
        month_shock: shock,
        histogram: parts::histogram(&drawn.sums),
        owners: parts::by_owner(&owners, &chances, &drawn.parts),
        owner_column: owners.column.clone(),
        months: match cycle {
            Some(_) => parts::by_month(&months, &chances, &drawn.months),
            None => Vec::new(),
        },
        cycle: cycle.map(|cycle| parts::summary(&cycle, facts, &rows, &chances, today)),
        earlier: earlier::earlier(facts),
        largest: largest(facts, &rows),
    };
    content.insights = insights::pipeline::all(&content);
    (content, basis(facts, &rows, &chances, together.shock))
}

impl PipelineFacts {
    /// How a quote that the dataset calls open ended by what was recorded since, and on which day.
    fn ended(&self, row: usize) -> Option<(bool, i32)> {
        let name = self.open.names.get(row).filter(|name| !name.is_empty())?;
        let (won, on) = self.outcomes.get(name)?;
        won.map(|won| (won, *on))
    }
}

/// Rows that count, their currency, and how many have no amount or another currency.
fn counted(facts: &PipelineFacts) -> (Vec<usize>, String, usize, usize) {
    let open = &facts.open;
    let all: Vec<usize> = (0..open.prices.len())
        .filter(|row| facts.ended(*row).is_none())
        .collect();
    let without = |row: &usize| !(open.prices[*row].is_finite() && open.prices[*row] >= 0.0);
    let (unpriced, priced): (Vec<usize>, Vec<usize>) = all.into_iter().partition(without);
    let without = unpriced.len();
    let all = priced.len();
    let (rows, name) = open.columns.of_one_currency(priced);
    let others = all - rows.len();
    (rows, name, without, others)
}

fn day(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - NaiveDate::default().num_days_from_ce()
}

fn cycle(facts: &PipelineFacts, today: NaiveDate) -> Option<Cycle> {
    let decided = facts.decided.names.iter().zip(&facts.decided.days);
    let mut took: Vec<i32> = decided
        .filter_map(|(name, made)| {
            let (won, on) = facts.outcomes.get(name).filter(|_| !name.is_empty())?;
            won.map(|_| on - made)
        })
        .collect();
    let mut waited = Vec::new();
    for (row, made) in facts.open.days.iter().enumerate() {
        match facts.ended(row) {
            Some((_, on)) => took.push(on - made),
            None => waited.push(day(today) - made),
        }
    }
    Cycle::of(&took, &waited)
}

/// How far months move all quotes beyond chance: the variance between the win rates of months by DerSimonian and Laird
/// (1986), brought to log-odds at the common rate. What a model knows of the months' quotes is not taken out, so that it is
/// rather too large.
fn month_shock(decided: &Decided) -> Option<f64> {
    let mut months: HashMap<(i32, u32), (f64, f64)> = HashMap::new();
    for (made, won) in decided.days.iter().zip(&decided.won) {
        let date = NaiveDate::default().checked_add_signed(chrono::Duration::days((*made).into()));
        let Some(date) = date else { continue };
        let (quotes, wins) = months.entry((date.year(), date.month())).or_default();
        *quotes += 1.0;
        *wins += f64::from(u8::from(*won));
    }
    // In an order of its own, so that sums are the same each time.
    let mut months: Vec<_> = months
        .into_iter()
        .filter(|(_, (n, _))| *n >= 10.0)
        .collect();
    months.sort_unstable_by_key(|(month, _)| *month);
    if months.len() < 6 {
        return None;
    }
    let quotes: f64 = months.iter().map(|(_, (n, _))| n).sum();
    let rate = months.iter().map(|(_, (_, wins))| wins).sum::<f64>() / quotes;
    let spread = rate * (1.0 - rate);
    if spread <= 0.0 {
        return None;
    }
    let weights: Vec<f64> = months.iter().map(|(_, (n, _))| n / spread).collect();
    let q: f64 = months
        .iter()
        .zip(&weights)
        .map(|((_, (n, wins)), weight)| weight * (wins / n - rate).powi(2))
        .sum();
    let sum: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    let between = ((q - (months.len() - 1) as f64) / (sum - squares / sum)).max(0.0);
    Some(between.sqrt() / spread)
}

/// The owners with most quotes, and all others as one more.
fn owners(facts: &PipelineFacts, rows: &[usize]) -> Groups {
    let field = TargetField::Owner;
    let Some(groups) = facts.open.columns.groups(field) else {
        return Groups::default();
    };
    let mut counts = vec![0_usize; groups.names.len()];
    for row in rows {
        if let Some(at) = groups.of(*row) {
            counts[at] += 1;
        }
    }
    let mut order: Vec<usize> = (0..counts.len()).filter(|at| counts[*at] > 0).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(counts[*at]), *at));
    let shown = order.len().min(OWNERS);
    let mut names: Vec<String> = order[..shown]
        .iter()
        .map(|at| groups.names[*at].clone())
        .collect();
    names.push("others, or none".to_owned());
    let code = |row: usize| {
        let place = groups
            .of(row)
            .and_then(|at| order[..shown].iter().position(|of| *of == at));
        u32::try_from(place.unwrap_or(shown)).unwrap_or(u32::MAX)
    };
    Groups {
        column: groups.column.clone(),
        codes: (0..facts.open.prices.len()).map(code).collect(),
        names,
    }
}

/// First day of the months behind this one, that is the ends of the months that are told apart.
fn months(today: NaiveDate) -> Vec<NaiveDate> {
    let first = today.with_day(1).unwrap_or(today);
    (1..=MONTHS)
        .filter_map(|month| first.checked_add_months(Months::new(month)))
        .collect()
}

fn chance(
    facts: &PipelineFacts,
    row: usize,
    owners: &Groups,
    cycle: Option<&Cycle>,
    months: &[NaiveDate],
    today: NaiveDate,
) -> Chance {
    let answer = facts.answers[row];
    let age = facts.open.days.get(row).map(|made| day(today) - made);
    let decided_by = match (cycle, age) {
        (Some(cycle), Some(age)) => {
            let by = |end: &NaiveDate| cycle.within(age.max(0), day(*end) - 1 - day(today));
            months.iter().map(by).collect()
        }
        // It is not known when, so it falls behind the last month.
        (Some(_), None) => vec![0.0; months.len()],
        (None, _) => Vec::new(),
    };
    Chance {
        amount: facts.open.prices[row],
        probability: answer.probability,
        error: error(answer.interval),
        decided_by,
        part: owners.of(row),
    }
}

fn largest(facts: &PipelineFacts, rows: &[usize]) -> Vec<Listed> {
    let named = facts
        .open
        .columns
        .groups(TargetField::Owner)
        .unwrap_or_default();
    let mut listed: Vec<Listed> = rows
        .iter()
        .map(|row| Listed {
            name: facts.open.names.get(*row).cloned().unwrap_or_default(),
            owner: named
                .of(*row)
                .map_or(String::new(), |at| named.names[at].clone()),
            amount: facts.open.prices[*row],
            probability: facts.answers[*row].probability,
            interval: facts.answers[*row].interval,
        })
        .collect();
    let worth = |listed: &Listed| listed.amount * listed.probability;
    listed.sort_by(|a, b| {
        worth(b)
            .total_cmp(&worth(a))
            .then_with(|| a.name.cmp(&b.name))
    });
    listed.truncate(LISTED);
    listed
}

fn basis(facts: &PipelineFacts, rows: &[usize], chances: &[Chance], shock: f64) -> Basis {
    let mut basis = Basis {
        shock,
        ..Basis::default()
    };
    for (row, chance) in rows.iter().zip(chances) {
        let name = facts.open.names.get(*row).cloned().unwrap_or_default();
        if !name.is_empty() {
            basis.names.push(name);
            basis.amounts.push(chance.amount);
            basis.probabilities.push(chance.probability);
            basis.errors.push(chance.error);
        }
    }
    basis
}
