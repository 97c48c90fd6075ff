//! Discounts that bought nothing: within each group the deeper half of the discounts is compared with the other half.
//!
//! "Not proven to help" is no proof of having bought nothing. So two questions are asked of each group: whether the win rates
//! differ (pooled z-test), and whether the deep half is won less than [`LEAST_EFFECT`] more often (one-sided z-test with the
//! adjustment of Agresti and Caffo 2000). Either family of tests is corrected over all groups by Benjamini and Hochberg
//! (1995). Deliberately no causes: discounts go where a deal is in danger, which hides what they do.

use std::collections::BTreeMap;

use proto::ingestion::TargetField;

use super::{Discount, Verdict};
use crate::domain::{
    quotes::{Decided, Groups},
    stats,
};

/// The least effect that counts, as a difference of win rates.
pub const LEAST_EFFECT: f64 = 0.05;
/// Quotes that either half needs.
pub const LEAST_QUOTES: u64 = 20;
/// Share of false discoveries that is put up with.
const FALSE_DISCOVERIES: f64 = 0.05;

/// What tells the discount of each quote.
struct Discounts<'a> {
    /// NaN where not known.
    of: Vec<f64>,
    list: Option<&'a [f64]>,
    currencies: Option<Groups>,
}

/// The header of what discounts are measured by.
pub(super) fn header(decided: &Decided) -> String {
    let columns = &decided.columns;
    match (
        columns.numbers(TargetField::ListPrice),
        columns.numbers(TargetField::Discount),
    ) {
        (Some(_), _) => "price below list price".to_owned(),
        (None, Some(_)) => "discount".to_owned(),
        (None, None) => String::new(),
    }
}

fn known(decided: &Decided) -> Option<Discounts<'_>> {
    let columns = &decided.columns;
    let prices = columns.numbers(TargetField::Price);
    if let (Some(list), Some(prices)) = (columns.numbers(TargetField::ListPrice), prices) {
        let of = prices.iter().zip(list).map(|(price, list)| {
            if *price > 0.0 && *list > 0.0 {
                1.0 - price / list
            } else {
                f64::NAN
            }
        });
        return Some(Discounts {
            of: of.collect(),
            list: Some(list),
            currencies: columns.groups(TargetField::Currency),
        });
    }
    let of = columns.numbers(TargetField::Discount)?;
    Some(Discounts {
        of: of.to_vec(),
        list: None,
        currencies: None,
    })
}

pub(super) fn discounts(decided: &Decided, groups: &[Groups]) -> Vec<Discount> {
    let Some(known) = known(decided) else {
        return Vec::new();
    };
    let rows: Vec<usize> = (0..decided.won.len())
        .filter(|row| known.of.get(*row).is_some_and(|d| d.is_finite()))
        .collect();
    let mut found: Vec<Discount> = halves(decided, &known, "", "", &rows).into_iter().collect();
    for column in groups {
        let mut of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in &rows {
            if let Some(group) = column.of(*row) {
                of.entry(group).or_default().push(*row);
            }
        }
        let tested = of.iter().filter_map(|(group, rows)| {
            halves(decided, &known, &column.column, &column.names[*group], rows)
        });
        found.extend(tested);
    }
    judge(&mut found);
    found
}

fn halves(
    decided: &Decided,
    known: &Discounts<'_>,
    column: &str,
    group: &str,
    rows: &[usize],
) -> Option<Discount> {
    let mut sorted: Vec<f64> = rows.iter().map(|row| known.of[*row]).collect();
    sorted.sort_by(f64::total_cmp);
    let median = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    let (deep, shallow): (Vec<usize>, Vec<usize>) =
        rows.iter().partition(|row| known.of[**row] > median);
    let tally = |rows: &[usize]| {
        let won = rows.iter().filter(|row| decided.won[**row]).count() as u64;
        (won, rows.len() as u64)
    };
    let (of_deep, of_shallow) = (tally(&deep), tally(&shallow));
    if of_deep.1.min(of_shallow.1) < LEAST_QUOTES {
        return None;
    }
    let compared = stats::compare(of_shallow, of_deep).filter(|c| c.testable)?;
    let mean = shallow.iter().map(|row| known.of[*row]).sum::<f64>() / shallow.len() as f64;
    let won: Vec<usize> = deep.into_iter().filter(|row| decided.won[*row]).collect();
    let cost = known
        .list
        .filter(|_| one_currency(known, &won))
        .map(|list| {
            let given = won.iter().map(|row| list[*row] * (known.of[*row] - mean));
            given.sum()
        });
    Some(Discount {
        column: column.to_owned(),
        group: group.to_owned(),
        median,
        deep: of_deep,
        shallow: of_shallow,
        difference: compared.difference,
        interval: compared.interval,
        p_helped: compared.p_value,
        p_nothing: stats::less_than(of_shallow, of_deep, LEAST_EFFECT),
        verdict: Verdict::Unclear,
        cost,
    })
}

/// Whether amounts of these quotes may be added up.
fn one_currency(known: &Discounts<'_>, rows: &[usize]) -> bool {
    known.currencies.as_ref().is_none_or(|currencies| {
        let mut of = rows.iter().map(|row| currencies.of(*row));
        let first = of.next();
        of.all(|other| Some(other) == first)
    })
}

fn judge(found: &mut [Discount]) {
    let helped: Vec<f64> = found.iter().map(|of| of.p_helped).collect();
    let nothing: Vec<f64> = found.iter().map(|of| of.p_nothing).collect();
    let corrected = stats::false_discovery(&helped)
        .into_iter()
        .zip(stats::false_discovery(&nothing));
    for (of, (helped, nothing)) in found.iter_mut().zip(corrected) {
        of.p_helped = helped;
        of.p_nothing = nothing;
        of.verdict = if helped < FALSE_DISCOVERIES && of.difference > 0.0 {
            Verdict::Helped
        } else if nothing < FALSE_DISCOVERIES {
            Verdict::BoughtNothing
        } else {
            Verdict::Unclear
        };
    }
}
