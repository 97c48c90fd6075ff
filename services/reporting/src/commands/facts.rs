//! From what is kept to the facts that reports are made of. Deliberately no reading: rows and events are handed in.

use chrono::{Datelike as _, NaiveDate};
use platform::wire::datetime;
use prost::Message as _;
use proto::{ingestion::DatasetImported, prediction::DriftDetected, training::Model};

use super::Result;
use crate::{
    domain::{
        DatasetFacts, Interval, ModelFacts,
        pipeline::{Answer, Ended},
        track::{DriftFinding, Judged, Predicted},
    },
    store::{DriftRow, ModelRow, OutcomeRow, PredictedRow},
};

/// Open quotes that are answered at once, since each answer carries its explanation.
const AT_ONCE: usize = 500;
const BILLIONTHS: f64 = 1e9;

pub(super) fn answers(model: &ml::Model, table: &ml::Table) -> Result<Vec<Answer>> {
    let rows: Vec<usize> = (0..table.rows()).collect();
    let mut answers = Vec::with_capacity(rows.len());
    for some in rows.chunks(AT_ONCE) {
        let said = model.predict(&table.select(some))?;
        answers.extend(said.iter().map(|answer| Answer {
            probability: answer.probability,
            interval: Interval {
                low: answer.low,
                high: answer.high,
            },
        }));
    }
    Ok(answers)
}

pub(super) fn ended(row: OutcomeRow) -> (String, Ended) {
    let epoch = NaiveDate::default().num_days_from_ce();
    let day = row.decided_at.date_naive().num_days_from_ce() - epoch;
    (row.quote_ref, (row.won, day))
}

pub(super) fn judged(row: &OutcomeRow) -> Option<Judged> {
    Some(Judged {
        decided_at: row.decided_at,
        won: row.won?,
        said: row.win_probability,
    })
}

pub(super) fn finding(row: &DriftRow) -> Result<DriftFinding> {
    let event = DriftDetected::decode(row.content.as_slice())?;
    let told = event.checked_at.as_ref().and_then(datetime);
    Ok(DriftFinding {
        model_id: event.model_id,
        found_at: told.unwrap_or(row.checked_at),
        ended_at: row.ended_at,
        columns: event.columns,
        answers_shifted: event.answers_shifted,
        worse_than_expected: event.worse_than_expected,
        recent_quotes: event.recent_quotes,
    })
}

pub(super) fn predicted(row: PredictedRow) -> Predicted {
    let mean = |sum: i64| sum as f64 / BILLIONTHS / row.predictions.max(1) as f64;
    Predicted {
        predictions: u64::try_from(row.predictions).unwrap_or(0),
        mean: mean(row.said),
        expected_brier: mean(row.spread),
        month: row.month,
    }
}

pub(super) fn model_facts(row: &ModelRow) -> Result<ModelFacts> {
    let dataset = match &row.dataset {
        Some(content) => DatasetImported::decode(content.as_slice())?,
        None => DatasetImported::default(),
    };
    Ok(ModelFacts {
        model: Model {
            champion: row.champion,
            ..Model::decode(row.content.as_slice())?
        },
        dataset: DatasetFacts {
            row_count: dataset.row_count,
            won_count: dataset.won_count,
            name: dataset.name,
        },
        win_rates: dataset.win_rates,
        predictions_made: u64::try_from(row.prediction_count).unwrap_or(0),
    })
}
