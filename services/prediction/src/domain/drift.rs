//! Whether a model drifts: recent quotes beside those that it learned from, and outcomes beside what its answers promised.
//! Deliberately no statistics of its own: `ml::drift` has them, with their sources.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ml::{DRIFT_LEAST_ROWS, Expected, Model, PastQuotes, Score, Shift};
use platform::wire::timestamp;
use proto::{
    common::Interval,
    prediction::{ColumnShift, DriftDetected, DriftReport, ExpectedScores, Figure},
};
use tabular::History;
use uuid::Uuid;

use super::{
    fields::{Fields, Past, sent_input},
    track_record::{Judged, scores},
};
use crate::Error;

/// Probability of a flag among the columns where nothing has changed. As small because a model is checked again and again.
pub const ALPHA: f64 = 0.01;
/// Recent quotes that are compared.
pub const RECENT: usize = 1_000;
/// Predictions in which so many quotes are looked for; some are of the same quote.
pub const LOOKED_AT: i64 = 3_000;
/// Quotes that a model learned from and is asked again, so that its recent answers can be compared with those.
const ASKED_AGAIN: usize = 2_000;
/// Columns that are named in a sentence.
const NAMED: usize = 3;

/// A recent prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Recent {
    /// Name of the quote; may be empty.
    pub quote_ref: String,
    /// When it was predicted.
    pub predicted_at: DateTime<Utc>,
    /// What was said.
    pub probability: f64,
    /// JSON: the fields that were sent.
    pub input: String,
}

/// What is compared.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Newest first.
    pub recent: Vec<Recent>,
    /// Answers of which the outcome is known.
    pub decided: Vec<(f64, bool)>,
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Keeps the first of each name, and all without a name: who asks about one quote again and again is no shift.
fn once_each<T>(rows: Vec<T>, name: impl Fn(&T) -> &str) -> Vec<T> {
    let mut seen = HashSet::new();
    rows.into_iter()
        .filter(|row| name(row).is_empty() || seen.insert(name(row).to_owned()))
        .collect()
}

/// The model that is checked.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// Its id.
    pub id: Uuid,
    /// Itself.
    pub model: &'a Model,
    /// How its columns are read.
    pub fields: &'a Fields,
    /// What its derived features are computed from.
    pub history: &'a History,
    /// The quotes that it learned from; none for models of earlier versions.
    pub past: Option<&'a PastQuotes>,
}

/// Checks a model.
///
/// # Errors
/// Where what is kept cannot be read.
pub fn check(
    of: &Checked<'_>,
    evidence: Evidence,
    now: DateTime<Utc>,
) -> Result<DriftReport, Error> {
    let mut recent = once_each(evidence.recent, |row| &row.quote_ref);
    recent.truncate(RECENT);
    let mut notes = Vec::new();
    let shifts = match of.past {
        Some(past) => shifts(of, past, &recent, &mut notes)?,
        None => {
            notes.push("The model keeps no quotes that it learned from: train again.".to_owned());
            Vec::new()
        }
    };
    let answers: Vec<f64> = recent.iter().map(|row| row.probability).collect();
    let (p, won): (Vec<f64>, Vec<bool>) = evidence.decided.into_iter().unzip();
    let worse = ml::worse_than_expected(&p, &won)?;
    let judged: Vec<Judged> = p
        .iter()
        .zip(&won)
        .map(|(p, won)| judged(*p, *won))
        .collect();
    let worse_than_expected = worse.is_some_and(|worse| worse.p_value <= ALPHA);
    let drifting = worse_than_expected || shifts.iter().any(|shift| shift.drifted);
    Ok(DriftReport {
        model_id: of.id.to_string(),
        checked_at: Some(timestamp(now)),
        recent_quotes: count(recent.len()),
        recent_from: recent.last().map(|row| timestamp(row.predicted_at)),
        recent_until: recent.first().map(|row| timestamp(row.predicted_at)),
        past_quotes: of.past.map_or(0, |past| count(past.won.len())),
        shifts,
        expected: ml::expected_performance(&answers)?.map(expected),
        expected_of_decided: ml::expected_performance(&p)?.map(expected),
        realised: scores(&judged.iter().collect::<Vec<_>>()),
        worse_p_value: worse.map(|worse| worse.p_value),
        worse_than_expected,
        drifting,
        drifting_since: drifting.then(|| timestamp(now)),
        alpha: ALPHA,
        notes,
    })
}

fn judged(probability: f64, won: bool) -> Judged {
    Judged {
        won,
        model_id: Uuid::nil(),
        probability,
        estimate: None,
        segment: Ok(None),
    }
}

fn shifts(
    of: &Checked<'_>,
    past: &PastQuotes,
    recent: &[Recent],
    notes: &mut Vec<String>,
) -> Result<Vec<ColumnShift>, Error> {
    let mut read = Vec::with_capacity(recent.len());
    for row in recent {
        let quote = sent_input(&row.input, &row.quote_ref)?;
        // It was read when it was predicted, so this only happens to quotes of earlier versions.
        read.extend(of.fields.read(&quote).ok());
    }
    let (few, quotes) = (DRIFT_LEAST_ROWS, read.len());
    if quotes < few || past.won.len() < few {
        notes.push(format!(
            "Nothing is compared yet: it takes {few} quotes that were predicted ({quotes} so far) and {few} that the model learned from ({}).",
            past.won.len()
        ));
        return Ok(Vec::new());
    }
    let before = answers_to_past(of, past)?;
    let answers: Vec<f64> = recent.iter().map(|row| row.probability).collect();
    let recent = of.fields.table(&read);
    let mut found = ml::drift(&past.table, &recent, (&before, &answers), ALPHA)?;
    found.sort_by(|a, b| a.adjusted_p_value.total_cmp(&b.adjusted_p_value));
    Ok(found.into_iter().map(column_shift).collect())
}

/// What a model answers to quotes that it learned from, evenly over them, each as of its own day.
fn answers_to_past(of: &Checked<'_>, past: &PastQuotes) -> Result<Vec<f64>, Error> {
    let step = past.won.len().div_ceil(ASKED_AGAIN).max(1);
    let quotes = (0..past.won.len()).step_by(step).map(|row| {
        let mut quote = of.fields.past_quote(&past.table, row);
        let name = past.names.get(row).map_or("", String::as_str);
        let past = Past {
            history: of.history,
            today: past.days.get(row).copied().unwrap_or_default(),
        };
        of.fields.derive(&mut quote, name, &past);
        quote
    });
    let table = of.fields.table(&quotes.collect::<Vec<_>>());
    let answers = of.model.predict(&table)?;
    Ok(answers
        .into_iter()
        .map(|answer| answer.probability)
        .collect())
}

fn column_shift(shift: Shift) -> ColumnShift {
    ColumnShift {
        column: shift.column,
        statistic: shift.statistic,
        degrees: count(shift.degrees),
        p_value: shift.p_value,
        adjusted_p_value: shift.adjusted_p_value,
        psi: shift.psi,
        psi_threshold: shift.psi_threshold,
        drifted: shift.drifted,
        statement: shift.statement,
    }
}

fn expected(of: Expected) -> ExpectedScores {
    let figure = |score: Score| {
        Some(Figure {
            value: score.value,
            interval: Some(Interval {
                low: score.low,
                high: score.high,
            }),
        })
    };
    ExpectedScores {
        quotes: count(of.rows),
        win_rate: figure(of.win_rate),
        brier: figure(of.brier),
        log_loss: figure(of.log_loss),
        auc: of.auc,
    }
}

/// The columns that are flagged, and whether the answers are.
fn flagged(report: &DriftReport) -> (Vec<String>, bool) {
    let flagged = report.shifts.iter().filter(|shift| shift.drifted);
    let (answers, columns): (Vec<_>, Vec<_>) = flagged
        .map(|shift| shift.column.clone())
        .partition(String::is_empty);
    (columns, !answers.is_empty())
}

/// The news of a check.
#[must_use]
pub fn detected(report: &DriftReport) -> DriftDetected {
    let (columns, answers_shifted) = flagged(report);
    DriftDetected {
        model_id: report.model_id.clone(),
        columns,
        answers_shifted,
        worse_than_expected: report.worse_than_expected,
        recent_quotes: report.recent_quotes,
        checked_at: report.checked_at,
    }
}

/// Whether two checks flag the same, so that the later is no news.
#[must_use]
pub fn same_findings(a: &DriftReport, b: &DriftReport) -> bool {
    let sorted = |report: &DriftReport| {
        let (mut columns, answers) = flagged(report);
        columns.sort();
        (columns, answers, report.worse_than_expected)
    };
    a.drifting == b.drifting && sorted(a) == sorted(b)
}

/// What is said with each prediction while a model drifts; empty where it does not.
#[must_use]
pub fn reason(report: &DriftReport) -> String {
    if !report.drifting {
        return String::new();
    }
    let (columns, answers) = flagged(report);
    let mut parts = Vec::new();
    if !columns.is_empty() {
        let named = columns
            .iter()
            .take(NAMED)
            .map(|column| format!("\"{column}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let more = match columns.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        parts.push(format!(
            "recent quotes differ from those that the model learned from in {named}{more}"
        ));
    } else if answers {
        parts.push(
            "its answers are not what they are to the quotes that it learned from".to_owned(),
        );
    }
    if report.worse_than_expected {
        parts.push("its answers turned out worse than they should have".to_owned());
    }
    // One line: what stands before it is set apart by a line end.
    format!("The model drifts: {}.", parts.join("; ")).replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(column: &str, drifted: bool) -> ColumnShift {
        ColumnShift {
            column: column.to_owned(),
            drifted,
            ..ColumnShift::default()
        }
    }

    #[test]
    fn what_drifts_is_said_in_one_line() {
        let mut report = DriftReport::default();
        assert_eq!(reason(&report), "");
        report.drifting = true;
        report.worse_than_expected = true;
        let told = "The model drifts: its answers turned out worse than they should have.";
        assert_eq!(reason(&report), told);
        report.worse_than_expected = false;
        report.shifts = ["a", "b\nc", "d", "e", ""]
            .map(|name| shift(name, true))
            .into();
        report.shifts.push(shift("f", false));
        assert_eq!(
            reason(&report),
            "The model drifts: recent quotes differ from those that the model learned from in \"a\", \"b c\", \"d\" and 1 more."
        );
        let news = detected(&report);
        assert_eq!((news.columns.len(), news.answers_shifted), (4, true));
    }

    #[test]
    fn the_same_findings_in_another_order_are_no_news() {
        let of = |names: &[&str]| DriftReport {
            drifting: true,
            shifts: names.iter().map(|name| shift(name, true)).collect(),
            ..DriftReport::default()
        };
        assert!(same_findings(&of(&["a", "b"]), &of(&["b", "a"])));
        assert!(!same_findings(&of(&["a", "b"]), &of(&["a"])));
        assert!(!same_findings(&of(&["a"]), &of(&["a", ""])));
        assert!(!same_findings(&DriftReport::default(), &of(&[])));
    }

    #[test]
    fn one_quote_asked_again_and_again_counts_once() {
        let rows = vec![("a", 1), ("", 2), ("a", 3), ("", 4), ("b", 5)];
        let kept = once_each(rows, |row| row.0);
        assert_eq!(kept, [("a", 1), ("", 2), ("", 4), ("b", 5)]);
    }
}
