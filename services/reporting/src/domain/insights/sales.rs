//! Insights about sales: what predictions rest on and how the win rate moves.
//!
//! Associations and changes with their tests. Deliberately not here: causes, and how good the model is.

use super::super::text::{count, counted, list, p_value, percent, points, score, score_range};
use super::super::{Driver, ReportContent, Trend};
use super::{Insight, Tone, Topic, insight};

/// Columns that a sentence names at most.
const NAMED: usize = 5;
/// Share of useless columns whose 95 % interval lies above zero by chance.
const ONE_SIDED: f64 = 0.025;
/// Level of the test of a change.
const LEVEL: f64 = 0.05;

/// Which columns the predictions rest on.
pub(super) fn drivers(content: &ReportContent, drivers: &[Driver]) -> Option<Insight> {
    if drivers.is_empty() {
        return None;
    }
    let (clear, unclear): (Vec<&Driver>, Vec<&Driver>) = drivers.iter().partition(|d| d.clear);
    let of = counted(drivers.len() as u64, "column");
    let tests = counted(u64::from(content.model.test_row_count), "test quote");
    if clear.is_empty() {
        let best = drivers.first()?;
        return Some(insight(
            Topic::Drivers,
            Tone::Caution,
            format!(
                "None of {of} has an effect that {tests} can tell from zero; the strongest is {}.",
                with_figures(best)
            ),
        ));
    }
    let named = named(&clear, with_figures);
    let rest = match unclear.as_slice() {
        [] => " No column is left whose effect could be zero.".to_owned(),
        some => format!(
            " The effect of {} cannot be told from zero: {}.",
            count(some.len() as u64),
            self::named(some, |driver| quoted(&driver.column))
        ),
    };
    let (verb, level) = (
        if clear.len() == 1 { "has" } else { "have" },
        drivers.len() as f64 * ONE_SIDED,
    );
    Some(insight(
        Topic::Drivers,
        Tone::Neutral,
        format!(
            "{} of {of} {verb} an effect that {tests} can tell from zero (chance alone would bring {level:.1}): {named}.\
             {rest}",
            count(clear.len() as u64)
        ),
    ))
}

fn with_figures(driver: &Driver) -> String {
    let sign = if driver.permutation >= 0.0 { "+" } else { "" };
    match driver.interval {
        Some(interval) => format!(
            "{} (log loss {sign}{} when shuffled, 95 % interval {})",
            quoted(&driver.column),
            score(driver.permutation),
            score_range(interval)
        ),
        None => format!(
            "{} (log loss {sign}{} when shuffled, no interval)",
            quoted(&driver.column),
            score(driver.permutation)
        ),
    }
}

fn quoted(column: &str) -> String {
    format!("“{column}”")
}

fn named(drivers: &[&Driver], show: impl Fn(&Driver) -> String) -> String {
    let mut items: Vec<String> = drivers.iter().take(NAMED).map(|d| show(d)).collect();
    if drivers.len() > NAMED {
        items.push(format!("{} more", drivers.len() - NAMED));
    }
    list(&items)
}

/// Whether the win rate has changed.
pub(super) fn trend(content: &ReportContent) -> Option<Insight> {
    let months = content.win_rates.len() as u64;
    let text = match &content.trend {
        None if months == 0 => return None,
        None => format!(
            "The history covers {}, too few to test a change of the win rate.",
            counted(months, "month")
        ),
        Some(trend) if !trend.testable => format!(
            "Counts are too small to test a change of the win rate: {}.",
            thirds(trend)
        ),
        Some(trend) if trend.p_value < LEVEL => {
            let verb = if trend.difference > 0.0 {
                "risen"
            } else {
                "fallen"
            };
            return Some(insight(
                Topic::Trend,
                if trend.difference > 0.0 {
                    Tone::Neutral
                } else {
                    Tone::Caution
                },
                format!(
                    "The win rate has {verb}: {}, {}.",
                    thirds(trend),
                    tested(trend)
                ),
            ));
        }
        Some(trend) => format!(
            "No change of the win rate can be seen: {}, {}.",
            thirds(trend),
            tested(trend)
        ),
    };
    Some(insight(Topic::Trend, Tone::Neutral, text))
}

fn thirds(trend: &Trend) -> String {
    let share = |won: u64, quotes: u64| percent(won as f64 / quotes as f64);
    format!(
        "{} ({} of {}) in the last {} against {} ({} of {}) in the first {}",
        share(trend.last_won, trend.last_quotes),
        count(trend.last_won),
        counted(trend.last_quotes, "quote"),
        counted(trend.months as u64, "month"),
        share(trend.first_won, trend.first_quotes),
        count(trend.first_won),
        count(trend.first_quotes),
        trend.months
    )
}

fn tested(trend: &Trend) -> String {
    let sign = if trend.difference >= 0.0 { "+" } else { "" };
    format!(
        "a difference of {sign}{} points (95 % interval {} to {}, z = {:.2}, {})",
        points(trend.difference),
        points(trend.interval.low),
        points(trend.interval.high),
        trend.z,
        p_value(trend.p_value)
    )
}
