//! Rows and cards of the page: figures as text, with the plain words that explain them.
//!
//! Deliberately not here: markup, which the template holds, so that everything is escaped there.

use chrono::{DateTime, Utc};

use crate::domain::text::{count, percent, percent_range, points, score, score_range};
use crate::domain::{Month, ReportContent, ScoreKey, Tone};

/// What stands where a figure is not known.
pub(super) const NONE: &str = "–";

/// A fact about the report.
pub(super) struct Meta {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// A headline figure.
pub(super) struct Card {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) detail: String,
    pub(super) meaning: &'static str,
}

/// A row of the scores.
pub(super) struct ScoreRow {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) value: String,
    pub(super) interval: String,
    pub(super) without: String,
}

/// A row of the calibration.
pub(super) struct BinRow {
    pub(super) predicted: String,
    pub(super) observed: String,
    pub(super) interval: String,
    pub(super) count: String,
    pub(super) fits: &'static str,
}

/// A row of the drivers.
pub(super) struct DriverRow {
    pub(super) column: String,
    pub(super) value: String,
    pub(super) interval: String,
    pub(super) clear: &'static str,
}

/// A row of the months.
pub(super) struct MonthRow {
    pub(super) month: String,
    pub(super) quotes: String,
    pub(super) won: String,
    pub(super) rate: String,
    pub(super) interval: String,
}

pub(super) fn tone(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Good => ("Good", "good"),
        Tone::Neutral => ("Note", "neutral"),
        Tone::Caution => ("Careful", "caution"),
    }
}

/// A page on which percent signs and p-values stay with their numbers at the end of a line.
pub(super) fn unbroken(page: &str) -> String {
    page.replace(" %", "\u{a0}%")
        .replace("p &#60; 0", "p\u{a0}&#60;\u{a0}0")
        .replace("p = ", "p\u{a0}=\u{a0}")
}

/// What a report is about, and when it was written.
pub(super) fn meta_of<const N: usize>(
    about: [(&'static str, String); N],
    written: DateTime<Utc>,
) -> Vec<Meta> {
    let written = written.format("%Y-%m-%d %H:%M UTC").to_string();
    about
        .into_iter()
        .chain([("Report written", written)])
        .map(|(name, value)| Meta { name, value })
        .collect()
}

pub(super) fn meta(content: &ReportContent) -> Vec<Meta> {
    let model = &content.model;
    let mut meta = vec![
        Meta {
            name: "Model",
            value: model.id.clone(),
        },
        Meta {
            name: "Role",
            value: if model.champion {
                "answers by default".to_owned()
            } else {
                "does not answer by default".to_owned()
            },
        },
    ];
    if let Some(at) = model.trained_at {
        meta.push(Meta {
            name: "Trained",
            value: at.format("%Y-%m-%d %H:%M UTC").to_string(),
        });
    }
    meta.push(Meta {
        name: "Report written",
        value: content
            .generated_at
            .format("%Y-%m-%d %H:%M UTC")
            .to_string(),
    });
    meta
}

pub(super) fn cards(content: &ReportContent) -> Vec<Card> {
    let between = |range: Option<String>| range.unwrap_or_else(|| "no interval".to_owned());
    let auc = content.score(ScoreKey::AucRoc);
    let fitting = content
        .calibration
        .iter()
        .filter(|bin| bin.interval.contains(bin.mean_predicted))
        .count();
    let mut cards = vec![
        Card {
            name: "Skill",
            value: content.skill.map_or(NONE.to_owned(), |s| percent(s.value)),
            detail: between(content.skill.and_then(|s| s.interval).map(percent_range)),
            meaning: "Share of the base rate’s error that the model removes; 0 % is no better than always answering \
                      the same rate.",
        },
        Card {
            name: "AUC",
            value: auc.and_then(|s| s.value).map_or(NONE.to_owned(), score),
            detail: between(auc.and_then(|s| s.interval).map(score_range)),
            meaning: "How often a won quote gets a higher probability than a lost one; 0.5 is a coin toss, 1 is \
                      perfect.",
        },
        Card {
            name: "Calibration",
            value: if content.calibration.is_empty() {
                NONE.to_owned()
            } else {
                format!("{fitting} of {}", content.calibration.len())
            },
            detail: content.calibration_error.map_or_else(
                || "no mean distance".to_owned(),
                |e| format!("{} points off on average", points(e)),
            ),
            meaning: "Bins where the predicted probability fits the share that was really won.",
        },
    ];
    cards.extend(data_cards(content));
    cards
}

/// Cards about the data and the model's use.
fn data_cards(content: &ReportContent) -> [Card; 3] {
    let model = &content.model;
    [
        Card {
            name: "Win rate",
            value: content.dataset.win_rate.map_or(NONE.to_owned(), percent),
            detail: format!(
                "{} of {} quotes",
                count(u64::from(content.dataset.won_count)),
                count(u64::from(content.dataset.row_count))
            ),
            meaning: "Share of the whole history that was won.",
        },
        Card {
            name: "Tested on",
            value: count(u64::from(model.test_row_count)),
            detail: format!(
                "{} to learn from; {} in the served model",
                count(u64::from(model.train_row_count)),
                count(u64::from(model.row_count))
            ),
            meaning: if model.tested_on_newest {
                "The newest quotes, kept back while the model learned."
            } else {
                "Quotes drawn at random, kept back while the model learned."
            },
        },
        Card {
            name: "Predictions",
            value: count(content.predictions_made),
            detail: "with this model".to_owned(),
            meaning: "Made so far, up to the time of this report.",
        },
    ]
}

pub(super) fn explained(key: ScoreKey) -> (&'static str, &'static str) {
    match key {
        ScoreKey::AucRoc => (
            "AUC",
            "Order: won quotes above lost ones. Higher is better.",
        ),
        ScoreKey::LogLoss => ("Log loss", "Cost of confident mistakes. Lower is better."),
        ScoreKey::Brier => (
            "Brier score",
            "Mean squared error of the probability. Lower is better.",
        ),
        ScoreKey::Precision => (
            "Precision",
            "Of the quotes called a win, the share that was won.",
        ),
        ScoreKey::Recall => (
            "Recall",
            "Of the quotes that were won, the share called a win.",
        ),
        ScoreKey::F1 => ("F1", "Precision and recall in one figure."),
    }
}

pub(super) fn scores(content: &ReportContent) -> Vec<ScoreRow> {
    content
        .scores
        .iter()
        .map(|row| {
            let (name, meaning) = explained(row.key);
            ScoreRow {
                name,
                meaning,
                value: row.value.map_or(NONE.to_owned(), score),
                interval: row.interval.map_or(String::new(), score_range),
                without: row.without_model.map_or(NONE.to_owned(), score),
            }
        })
        .collect()
}

pub(super) fn bins(content: &ReportContent) -> Vec<BinRow> {
    content
        .calibration
        .iter()
        .map(|bin| BinRow {
            predicted: percent(bin.mean_predicted),
            observed: percent(bin.observed_rate),
            interval: percent_range(bin.interval),
            count: count(u64::from(bin.count)),
            fits: if bin.interval.contains(bin.mean_predicted) {
                "yes"
            } else {
                "no"
            },
        })
        .collect()
}

pub(super) fn drivers(content: &ReportContent) -> Vec<DriverRow> {
    content
        .drivers
        .iter()
        .map(|driver| DriverRow {
            column: driver.column.clone(),
            value: score(driver.permutation),
            interval: driver.interval.map_or(NONE.to_owned(), score_range),
            clear: if driver.clear { "yes" } else { "no" },
        })
        .collect()
}

pub(super) fn months(months: &[Month]) -> Vec<MonthRow> {
    months
        .iter()
        .map(|month| MonthRow {
            month: month.month.clone(),
            quotes: count(month.quote_count),
            won: count(month.won_count),
            rate: percent(month.win_rate),
            interval: percent_range(month.interval),
        })
        .collect()
}
