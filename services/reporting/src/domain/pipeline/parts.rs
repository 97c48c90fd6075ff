//! The forecast in parts: the histogram of its draws, owners, months, and how long quotes take.
//!
//! Deliberately no drawing of outcomes, which is the simulation's.

use chrono::{Days, NaiveDate};

use super::{Bar, CycleSummary, PipelineFacts, Share, day};
use crate::domain::{
    cycle::Cycle,
    quotes::Groups,
    simulate::{Chance, Spread},
    stats,
};

/// Bars of the histogram.
const BARS: usize = 30;

pub(super) fn histogram(sums: &[f64]) -> Vec<Bar> {
    let (Some(low), Some(high)) = (sums.first(), sums.last()) else {
        return Vec::new();
    };
    let width = (high - low) / BARS as f64;
    if width <= 0.0 {
        return vec![Bar {
            from: *low,
            to: *high,
            share: 1.0,
        }];
    }
    let mut counts = [0_usize; BARS];
    for sum in sums {
        let at = ((sum - low) / width) as usize;
        counts[at.min(BARS - 1)] += 1;
    }
    let bar = |(at, count): (usize, &usize)| Bar {
        from: low + width * at as f64,
        to: low + width * (at + 1) as f64,
        share: *count as f64 / sums.len() as f64,
    };
    counts.iter().enumerate().map(bar).collect()
}

pub(super) fn by_owner(owners: &Groups, chances: &[Chance], parts: &[Spread]) -> Vec<Share> {
    let share = |(part, (name, won)): (usize, (&String, &Spread))| {
        let own = chances.iter().filter(|chance| chance.part == Some(part));
        let (quotes, amount) = own.fold((0.0, 0.0), |(quotes, sum), chance| {
            (quotes + 1.0, sum + chance.amount)
        });
        Share {
            name: name.clone(),
            quotes,
            amount,
            won: *won,
        }
    };
    let mut shares: Vec<Share> = owners
        .names
        .iter()
        .zip(parts)
        .enumerate()
        .map(share)
        .filter(|share| share.quotes > 0.0)
        .collect();
    shares.sort_by(|a, b| b.won.expected.total_cmp(&a.won.expected));
    shares
}

pub(super) fn by_month(months: &[NaiveDate], chances: &[Chance], drawn: &[Spread]) -> Vec<Share> {
    let names = months
        .iter()
        .filter_map(|end| end.checked_sub_days(Days::new(1)))
        .map(|day| day.format("%Y-%m").to_string())
        .chain(["later or never".to_owned()]);
    let share = |(at, (name, won)): (usize, (String, &Spread))| {
        let inside = |chance: &Chance| {
            let by = |at: usize| chance.decided_by.get(at).copied().unwrap_or(1.0);
            by(at) - at.checked_sub(1).map_or(0.0, by)
        };
        Share {
            name,
            quotes: stats::total(chances.iter().map(inside)),
            amount: stats::total(chances.iter().map(|c| inside(c) * c.amount)),
            won: *won,
        }
    };
    names.zip(drawn).enumerate().map(share).collect()
}

pub(super) fn summary(
    cycle: &Cycle,
    facts: &PipelineFacts,
    rows: &[usize],
    chances: &[Chance],
    today: NaiveDate,
) -> CycleSummary {
    let slow = cycle.quantile(0.95);
    let late: Vec<&Chance> = rows
        .iter()
        .zip(chances)
        .filter(|(row, _)| {
            let made = facts.open.days.get(**row);
            made.zip(slow)
                .is_some_and(|(made, slow)| day(today) - made > slow)
        })
        .map(|(_, chance)| chance)
        .collect();
    CycleSummary {
        decided: cycle.decided,
        open: cycle.open,
        median_days: cycle.quantile(0.5),
        slow_days: slow,
        overdue: late.len(),
        overdue_expected: stats::total(late.iter().map(|c| c.amount * c.probability)),
    }
}
