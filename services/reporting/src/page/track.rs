//! The document of a track record. Deliberately not here: figures and sentences, which are the domain's.

use super::{
    PageError,
    chart::{calibration, ranges},
    document::{Cell, Document, Section, Unit, column, range},
    views::{Card, NONE, meta_of},
};
use crate::domain::{
    text::{count, score, score_range},
    track::{DriftFinding, Figure, LEAST_QUOTES, Period, Scores, TrackContent},
};

/// The document of a track record.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn document(content: &TrackContent) -> Result<Document, PageError> {
    let model = match content.model_id.as_str() {
        "" => "all".to_owned(),
        id => id.to_owned(),
    };
    Ok(Document {
        title: content.title.clone(),
        meta: meta_of([("Model", model)], content.generated_at),
        insights: content.insights.clone(),
        cards: cards(content),
        note: "One prediction a quote counts: the last before its decision. Intervals are of 95 %, and quotes count as independent. “Promised” is what the answers' own probabilities say of their score, if they are exact.".to_owned(),
        sections: vec![
            reliability(content)?,
            periods(&content.periods)?,
            drift(&content.drift),
            predicted(content),
        ],
    })
}

fn cards(content: &TrackContent) -> Vec<Card> {
    let Some(scores) = &content.all else {
        return vec![Card {
            name: "Decided quotes",
            value: "0".to_owned(),
            detail: format!(
                "{} outcomes without a prediction",
                count(content.unjoined as u64)
            ),
            meaning: "Quotes that were predicted before they were decided.",
        }];
    };
    vec![
        Card {
            name: "Decided quotes",
            value: count(scores.quotes as u64),
            detail: format!("{} won", count(scores.won as u64)),
            meaning: "Quotes that were predicted before they were decided.",
        },
        Card {
            name: "Brier score",
            value: score(scores.brier.value),
            detail: score_range(scores.brier.interval),
            meaning: "Mean squared error of the probability; lower is better.",
        },
        Card {
            name: "Promised",
            value: score(scores.expected_brier.value),
            detail: score_range(scores.expected_brier.interval),
            meaning: "The Brier score to be expected of these answers, if they are exact.",
        },
        Card {
            name: "AUC",
            value: scores.auc.map_or(NONE.to_owned(), |auc| score(auc.value)),
            detail: scores
                .auc
                .map_or("no interval".to_owned(), |auc| score_range(auc.interval)),
            meaning: "How often a won quote was given more than a lost one; 0.5 is a coin toss.",
        },
    ]
}

fn reliability(content: &TrackContent) -> Result<Section, PageError> {
    let caption = if content.reliability.is_empty() {
        "No decided quote had been predicted before its decision."
    } else {
        "Each dot is a group of quotes with similar predictions, the line its 95 % interval. On the dashed diagonal, what was said and what came agree; groups whose interval misses it are orange."
    };
    let columns = vec![
        column("Said", Unit::Percent),
        column("Quotes", Unit::Count),
        column("Won", Unit::Percent),
        range("95 % interval", Unit::Percent),
        column("Fits", Unit::Text),
    ];
    let rows = content.reliability.iter().map(|bin| {
        let fits = bin.interval.contains(bin.mean_predicted);
        vec![
            bin.mean_predicted.into(),
            u64::from(bin.count).into(),
            bin.observed_rate.into(),
            bin.interval.into(),
            if fits { "yes".into() } else { "no".into() },
        ]
    });
    let mut section = Section::new("Did the probabilities hold?", caption)
        .chart(
            "Reliability diagram: observed win rate against what was said, figures in the table below",
            calibration::chart(&content.reliability)?,
        )
        .table("What was said and what came", columns, rows.collect());
    if let Some(scores) = &content.all {
        section = section.table(
            "All scores",
            vec![
                column("Score", Unit::Text),
                column("As it came", Unit::Score),
                range("95 % interval", Unit::Score),
                column("To be expected", Unit::Score),
            ],
            all_scores(scores),
        );
    }
    Ok(section)
}

/// What each score of all quotes is, one a row.
fn all_scores(scores: &Scores) -> Vec<Vec<Cell>> {
    let auc = scores.auc;
    let row = |name: &str, came: Option<Figure>, promised: Option<f64>| {
        vec![
            name.into(),
            came.map(|of| of.value).into(),
            came.map(|of| of.interval).into(),
            promised.into(),
        ]
    };
    vec![
        row(
            "Brier score",
            Some(scores.brier),
            Some(scores.expected_brier.value),
        ),
        row(
            "Log loss",
            Some(scores.log_loss),
            Some(scores.expected_log_loss.value),
        ),
        row(
            "Log loss below that of the base rate",
            Some(scores.gain_over_base),
            None,
        ),
        row("AUC", auc, scores.expected_auc),
        row(
            "Mean distance of said and won",
            Some(scores.calibration_error),
            Some(scores.calibration_noise),
        ),
    ]
}

/// Scores by quarter as two tables, since one would be wider than a page.
fn by_quarter(section: Section, periods: &[Period]) -> Section {
    let rows = |cells: &dyn Fn(&Scores) -> Vec<Cell>| {
        let row = |period: &Period| {
            let mut row = vec![period.name.as_str().into()];
            row.extend(cells(&period.scores));
            row
        };
        periods.iter().map(row).collect()
    };
    section
        .table(
            "Brier score and log loss by quarter",
            vec![
                column("Quarter", Unit::Text),
                column("Quotes", Unit::Count),
                column("Won", Unit::Count),
                column("Brier score", Unit::Score),
                range("Its 95 % interval", Unit::Score),
                column("Promised Brier", Unit::Score),
                column("Log loss", Unit::Score),
                column("Promised log loss", Unit::Score),
                column("p of worse", Unit::Probability),
            ],
            rows(&|scores| {
                vec![
                    scores.quotes.into(),
                    scores.won.into(),
                    scores.brier.value.into(),
                    scores.brier.interval.into(),
                    scores.expected_brier.value.into(),
                    scores.log_loss.value.into(),
                    scores.expected_log_loss.value.into(),
                    scores.worse_p_value.into(),
                ]
            }),
        )
        .table(
            "Gain over the base rate and AUC by quarter",
            vec![
                column("Quarter", Unit::Text),
                range("95 % interval of the log loss", Unit::Score),
                column("Gain over base", Unit::Score),
                range("Its 95 % interval", Unit::Score),
                column("AUC", Unit::Score),
                range("95 % interval of AUC", Unit::Score),
            ],
            rows(&|scores| {
                vec![
                    scores.log_loss.interval.into(),
                    scores.gain_over_base.value.into(),
                    scores.gain_over_base.interval.into(),
                    scores.auc.map(|auc| auc.value).into(),
                    scores.auc.map(|auc| auc.interval).into(),
                ]
            }),
        )
}

fn periods(periods: &[Period]) -> Result<Section, PageError> {
    let caption = if periods.is_empty() {
        format!("No quarter has {LEAST_QUOTES} decided quotes.")
    } else {
        format!(
            "Brier score by quarter of the decision with its 95 % interval, quarters with at least {LEAST_QUOTES} decided quotes. The orange mark is what the answers had promised; “p of worse” is corrected for the number of quarters (Holm)."
        )
    };
    let rows: Vec<ranges::Row> = periods
        .iter()
        .rev()
        .take(16)
        .map(|period| ranges::Row {
            name: period.name.clone(),
            value: score(period.scores.brier.value),
            low: period.scores.brier.interval.low,
            mid: period.scores.brier.value,
            high: period.scores.brier.interval.high,
            mark: Some(period.scores.expected_brier.value),
        })
        .collect();
    let section = Section::new("By quarter, as promised and as it came", caption).chart(
        "Brier score by quarter with its 95 % interval and what was promised, figures in the table below",
        ranges::chart(&rows, "Brier score", false)?,
    );
    Ok(by_quarter(section, periods))
}

fn drift(found: &[DriftFinding]) -> Section {
    let caption = if found.is_empty() {
        "No check has found drift."
    } else {
        "What checks found, newest first. A check compares recent quotes with those that the model learned from, and outcomes with what had been promised."
    };
    let day = |at: &chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M").to_string();
    let yes = |holds: bool| Cell::from(if holds { "yes" } else { "no" });
    Section::new("Drift", caption).table(
        "Drift that was found",
        vec![
            column("Found", Unit::Text),
            column("Over", Unit::Text),
            column("Model", Unit::Text),
            column("Quotes compared", Unit::Count),
            column("Columns that differ", Unit::Text),
            column("Answers shifted", Unit::Text),
            column("Worse than promised", Unit::Text),
        ],
        found
            .iter()
            .map(|of| {
                vec![
                    day(&of.found_at).into(),
                    of.ended_at
                        .as_ref()
                        .map_or(Cell::Text("goes on".to_owned()), |at| day(at).into()),
                    of.model_id.as_str().into(),
                    u64::from(of.recent_quotes).into(),
                    of.columns.join(", ").into(),
                    yes(of.answers_shifted),
                    yes(of.worse_than_expected),
                ]
            })
            .collect(),
    )
}

fn predicted(content: &TrackContent) -> Section {
    Section::new(
        "What was predicted",
        "All predictions by month, whether decided or not, and the Brier score to be expected of them.",
    )
    .table(
        "Predictions by month",
        vec![
            column("Month", Unit::Text),
            column("Predictions", Unit::Count),
            column("Mean probability", Unit::Percent),
            column("Expected Brier", Unit::Score),
        ],
        content
            .predicted
            .iter()
            .map(|of| {
                vec![
                    of.month.as_str().into(),
                    of.predictions.into(),
                    of.mean.into(),
                    of.expected_brier.into(),
                ]
            })
            .collect(),
    )
}
