//! Money left on the table: wins at prices far below the one that promised most.
//!
//! Of a quote that was won at price a, the chance that it would have been won at price b as well is S(b) / S(a), S being the
//! model's price curve; so a better price would have been expected to earn (S(b) b - S(a) a) / S(a) more. The price, whether
//! history supports it, and whether the gain is clear, are those of the advice for single quotes.
//!
//! That holds only where the curve is what a price does. A model that goes by the amounts themselves, such as round ones,
//! gives a quote more chances both cheaper and dearer, and then every win seems to have left money. So a win counts only
//! where its curve falls from a to b beyond its uncertainty (one-sided z-test of the log-odds, corrected over all wins that
//! are tested by Benjamini and Hochberg 1995), and nowhere in between stands above a. Deliberately without what a customer
//! would have paid at most, which nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};
use ml::{Model, NoRecommendation, Score, Table};
use proto::ingestion::TargetField;

use super::{Left, LeftGroup, LeftQuote, Reason};
use crate::domain::{
    Interval,
    quotes::{Decided, Groups},
    stats,
    text::whole_percent,
};

/// A price is far below a better one from this share of it on.
pub const FAR: f64 = 0.05;
/// Wins that are looked at.
const WINS: usize = 400;
/// Single wins that are told.
const LISTED: usize = 50;
/// Prices at which a curve is looked at on the way from the quoted one to the best one.
const WAY: usize = 5;
/// Share of false discoveries among the curves that are said to fall.
const FALSE_DISCOVERIES: f64 = 0.05;

/// What a win may have left, and how sure it is that its curve falls.
struct Candidate {
    row: usize,
    quote: LeftQuote,
    /// P-value of a curve that does not fall from the quoted price to the best one.
    not_falling: f64,
}

/// Why a win is not counted: whether it could be judged, and the reason in a sentence.
type Why = (bool, String);

pub(super) fn left(
    decided: &Decided,
    model: &Model,
    groups: Option<&Groups>,
) -> Result<Left, ml::Error> {
    let (won, newest) = looked_at(decided);
    let (in_currency, currency) = decided.columns.of_one_currency(won.clone());
    let prices = decided.columns.numbers(TargetField::Price);
    let price = |row: usize| prices.and_then(|p| p.get(row)).copied().unwrap_or(f64::NAN);
    let mut reasons: BTreeMap<Why, usize> = BTreeMap::new();
    if in_currency.len() < won.len() {
        let why = "Its price is in another currency than most.".to_owned();
        reasons.insert((false, why), won.len() - in_currency.len());
    }
    let mut candidates = Vec::new();
    for row in &in_currency {
        match candidate(&decided.columns.table, model, *row, price(*row))? {
            Ok(found) => candidates.push(found),
            Err(why) => *reasons.entry(why).or_default() += 1,
        }
    }
    let (found, unclear) = falling(candidates);
    if unclear > 0 {
        let why = format!(
            "From the price it was won at to the one that promises most its chance does not fall beyond the uncertainty of its curve (at a false discovery rate of {}), or rises in between.",
            whole_percent(FALSE_DISCOVERIES)
        );
        reasons.insert((false, why), unclear);
    }
    let found: Vec<(usize, LeftQuote)> = found
        .into_iter()
        .map(|of| (of.row, named(decided, of.row, of.quote)))
        .collect();
    let sum = |of: &dyn Fn(&LeftQuote) -> f64| found.iter().map(|(_, quote)| of(quote)).sum();
    let objective = match decided.columns.numbers(TargetField::Cost) {
        Some(_) => "margin",
        None => "revenue",
    };
    let mut reasons: Vec<Reason> = reasons
        .into_iter()
        .map(|((judged, text), wins)| Reason { text, wins, judged })
        .collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.wins));
    let not_judged = reasons.iter().filter(|reason| !reason.judged);
    Ok(Left {
        wins: won.len(),
        newest,
        amount: in_currency
            .iter()
            .map(|row| price(*row))
            .filter(|p| p.is_finite())
            .sum(),
        currency,
        objective: objective.to_owned(),
        not_judged: not_judged.map(|reason| reason.wins).sum(),
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

/// The newest wins; where days do not tell which these are, as many evenly spaced in the file, and that they are not the newest.
fn looked_at(decided: &Decided) -> (Vec<usize>, bool) {
    let mut won: Vec<usize> = (0..decided.won.len())
        .filter(|row| decided.won[*row])
        .collect();
    let day = |row: &usize| decided.days.get(*row).copied();
    let dated = won.iter().map(day).collect::<BTreeSet<_>>().len() > 1;
    if dated || won.len() <= WINS {
        won.sort_by_key(|row| std::cmp::Reverse(day(row)));
        won.truncate(WINS);
        return (won, dated);
    }
    let all = won.len();
    let spaced = (0..WINS).map(|place| won[place * all / WINS]);
    (spaced.collect(), false)
}

/// Those whose curves fall, corrected for the number that is tested, and how many do not.
fn falling(candidates: Vec<Candidate>) -> (Vec<Candidate>, usize) {
    let p_values: Vec<f64> = candidates.iter().map(|of| of.not_falling).collect();
    let corrected = stats::false_discovery(&p_values);
    let all = candidates.len();
    let clear: Vec<Candidate> = candidates
        .into_iter()
        .zip(corrected)
        .filter(|(_, p)| *p < FALSE_DISCOVERIES)
        .map(|(of, _)| of)
        .collect();
    let unclear = all - clear.len();
    (clear, unclear)
}

/// What a win left on the table if its curve is what a price does, or why it is not counted.
fn candidate(
    table: &Table,
    model: &Model,
    row: usize,
    price: f64,
) -> Result<Result<Candidate, Why>, ml::Error> {
    let quote = table.select(&[row]);
    let better = match model.recommend_price(&quote) {
        Ok(better) => better,
        Err(reason) => return not_counted(reason),
    };
    if better.price < price * (1.0 + FAR) {
        let near = format!(
            "The best price is not {:.0} % or more above the one it was won at.",
            100.0 * FAR
        );
        return Ok(Err((true, near)));
    }
    let not_falling = match not_falling(model, &quote, price, better.price) {
        Ok(p) => p,
        Err(reason) => return not_counted(reason),
    };
    let now = model.probabilities(&quote)?.first().copied().unwrap_or(0.0);
    let gain = better.gain_in_expected_value;
    Ok(Ok(Candidate {
        row,
        quote: LeftQuote {
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
        },
        not_falling,
    }))
}

/// A win without a gain that is clear has been judged; where there is no best price, nothing can be said of it.
fn not_counted(reason: NoRecommendation) -> Result<Result<Candidate, Why>, ml::Error> {
    match reason {
        NoRecommendation::Unusable(error) => Err(error),
        NoRecommendation::NoClearGain => Ok(Err((true, reason.to_string()))),
        reason => Ok(Err((false, reason.to_string()))),
    }
}

/// The p-value of a curve that does not fall from one price to another; 1 where it rises in between.
fn not_falling(model: &Model, quote: &Table, from: f64, to: f64) -> Result<f64, NoRecommendation> {
    let way: Vec<f64> = (1..=WAY)
        .map(|step| from + (to - from) * step as f64 / WAY as f64)
        .collect();
    Ok(not_falling_along(&model.price_effect(quote, &way)?))
}

/// The p-value of a curve that does not fall, of its changes on the way from the quoted price; the last one is the whole.
fn not_falling_along(effects: &[Score]) -> f64 {
    let Some(whole) = effects.last() else {
        return 1.0;
    };
    let error = (whole.high - whole.low) / (2.0 * stats::Z);
    // Where nothing is known of the error, nothing is beyond it.
    if error <= 0.0 || effects.iter().any(|effect| effect.value > 0.0) {
        return 1.0;
    }
    stats::below(whole.value / error)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(value: f64, error: f64) -> Score {
        Score {
            value,
            low: value - stats::Z * error,
            high: value + stats::Z * error,
        }
    }

    #[test]
    fn a_curve_counts_where_it_falls_and_nowhere_rises() {
        let falls = [effect(-0.2, 0.1), effect(-0.5, 0.25)];
        // Two standard errors, one-sided.
        assert!((not_falling_along(&falls) - 0.022_75).abs() < 1e-4);
        // Round amounts: a dent at the quoted price, behind which the curve falls below it again.
        let dent = [effect(0.6, 0.1), effect(-0.5, 0.1)];
        assert_eq!(not_falling_along(&dent), 1.0);
        let flat = [effect(0.0, 0.0), effect(0.0, 0.0)];
        assert_eq!(not_falling_along(&flat), 1.0);
    }

    #[test]
    fn falling_curves_are_told_from_those_that_fall_by_chance() {
        let candidate = |not_falling: f64| Candidate {
            row: 0,
            quote: LeftQuote {
                name: String::new(),
                day: None,
                price: 1.0,
                best_price: 2.0,
                probability: (0.5, 0.4),
                left: 1.0,
                interval: Interval {
                    low: 0.0,
                    high: 2.0,
                },
            },
            not_falling,
        };
        // One in twenty is below 5 % by chance, which is no fall.
        let by_chance: Vec<Candidate> =
            (1..=20).map(|at| candidate(f64::from(at) / 21.0)).collect();
        let (clear, unclear) = falling(by_chance);
        assert_eq!((clear.len(), unclear), (0, 20));
        let (clear, unclear) = falling([0.001, 0.9, 0.01, 0.6].map(candidate).into());
        assert_eq!((clear.len(), unclear), (2, 2));
    }
}
