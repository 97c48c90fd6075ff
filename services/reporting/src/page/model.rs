//! The document of a model card, for the formats that have no page of their own. Deliberately not here: the page itself, which
//! has a template.

use super::{
    PageError,
    chart::{calibration, drivers, months},
    document::{Document, Section, Unit, column, range},
    views::{self, meta},
};
use crate::domain::{Month, ReportContent};

/// The document of a model card.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn document(content: &ReportContent) -> Result<Document, PageError> {
    let mut sections = vec![scores(content), reliability(content)?, importance(content)?];
    sections.push(by_month(&content.win_rates)?);
    let notes = content.notes.iter().map(|note| vec![note.as_str().into()]);
    let parameters = content.model.parameters.iter();
    sections.push(
        Section::new(
            "How it was trained",
            "What training noted, and with which parameters.",
        )
        .table("Notes", vec![column("Note", Unit::Text)], notes.collect())
        .table(
            "Parameters",
            vec![column("Name", Unit::Text), column("Value", Unit::Text)],
            parameters
                .map(|(name, value)| vec![name.as_str().into(), value.as_str().into()])
                .collect(),
        ),
    );
    Ok(Document {
        title: content.title.clone(),
        meta: meta(content),
        insights: content.insights.clone(),
        cards: views::cards(content),
        note: "Ranges are 95 % intervals: with other test quotes of the same kind, figures would vary about that much.".to_owned(),
        sections,
    })
}

fn scores(content: &ReportContent) -> Section {
    let rows = content.scores.iter().map(|score| {
        vec![
            views::explained(score.key).0.into(),
            score.value.into(),
            score.interval.into(),
            score.without_model.into(),
        ]
    });
    Section::new(
        "All scores",
        "“Without model” gives every quote the training win rate; for precision, recall and F1 it calls every quote a win. Calls are made at the threshold 0.5.",
    )
    .table(
        "Scores on the test quotes",
        vec![
            column("Score", Unit::Text),
            column("Model", Unit::Score),
            range("95 % interval", Unit::Score),
            column("Without model", Unit::Score),
        ],
        rows.collect(),
    )
}

fn reliability(content: &ReportContent) -> Result<Section, PageError> {
    let rows = content.calibration.iter().map(|bin| {
        vec![
            bin.mean_predicted.into(),
            bin.observed_rate.into(),
            bin.interval.into(),
            u64::from(bin.count).into(),
        ]
    });
    Ok(Section::new(
        "Do the probabilities hold?",
        "Each dot is a group of test quotes with similar predictions, the line its 95 % interval. On the dashed diagonal, predictions and results agree.",
    )
    .chart("Reliability diagram", calibration::chart(&content.calibration)?)
    .table(
        "Predicted and observed win rate",
        vec![
            column("Predicted", Unit::Percent),
            column("Won", Unit::Percent),
            range("95 % interval", Unit::Percent),
            column("Quotes", Unit::Count),
        ],
        rows.collect(),
    ))
}

fn importance(content: &ReportContent) -> Result<Section, PageError> {
    let rows = content.drivers.iter().map(|driver| {
        vec![
            driver.column.as_str().into(),
            driver.permutation.into(),
            driver.interval.into(),
            if driver.clear { "yes" } else { "no" }.into(),
        ]
    });
    Ok(Section::new(
        "What drives the predictions?",
        "The more the error rises when a column is shuffled, the more predictions rest on it. These are associations, not causes.",
    )
    .chart("Rise of the log loss by column", drivers::chart(&content.drivers)?)
    .table(
        "Rise of the log loss when a column is shuffled",
        vec![
            column("Column", Unit::Text),
            column("Rise", Unit::Score),
            range("95 % interval", Unit::Score),
            column("Clear", Unit::Text),
        ],
        rows.collect(),
    ))
}

/// The win rate by month.
pub(super) fn by_month(all: &[Month]) -> Result<Section, PageError> {
    if all.is_empty() {
        return Ok(Section::new(
            "Win rate over time",
            "The history has no dates, so there is no win rate over time.",
        ));
    }
    let rows = all.iter().map(|month| {
        vec![
            month.month.as_str().into(),
            month.quote_count.into(),
            month.won_count.into(),
            month.win_rate.into(),
            month.interval.into(),
        ]
    });
    Ok(Section::new(
        "Win rate over time",
        "Share of each month’s quotes that was won, with its 95 % interval.",
    )
    .chart("Win rate by month", months::chart(all, true)?)
    .table(
        "Quotes and wins by month",
        vec![
            column("Month", Unit::Text),
            column("Quotes", Unit::Count),
            column("Won", Unit::Count),
            column("Win rate", Unit::Percent),
            range("95 % interval", Unit::Percent),
        ],
        rows.collect(),
    ))
}
