//! The track record of a tenant, of one model or of all. Deliberately computed when asked for: outcomes are corrected.

use chrono::{DateTime, Utc};
use platform::{page::parse_id, wire::datetime};
use proto::{
    prediction::{AdviceRecord, ModelRecord, TrackRecordRequest, TrackRecordResponse},
    rpc::Caller,
};

use super::{Commands, Result, off_thread, outcomes::followed_of};
use crate::{
    Error,
    domain::track_record::{self, Judged},
    store::{self, AdviceCountRow, RecordFilter, RecordRow},
};

/// Quotes that a record looks at, those decided last.
const MOST_QUOTES: i64 = 200_000;
/// Models whose record is told one by one.
const MOST_MODELS: usize = 20;

impl Commands {
    /// How good predictions were.
    pub async fn track_record(
        &self,
        caller: &Caller,
        request: &TrackRecordRequest,
    ) -> Result<TrackRecordResponse> {
        let filter = filter(request)?;
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let rows = store::list_record(&mut tx, &filter, MOST_QUOTES).await?;
        let unjoined = store::count_unjoined(&mut tx, &filter).await?;
        let advice = store::count_advice(&mut tx, &filter).await?;
        tx.commit().await?;
        let record = off_thread(move || record(rows, &filter)).await?;
        Ok(TrackRecordResponse {
            unjoined_outcomes: u32::try_from(unjoined).unwrap_or(u32::MAX),
            advice: advice.into_iter().map(advice_record).collect(),
            ..record
        })
    }
}

fn filter(request: &TrackRecordRequest) -> Result<RecordFilter> {
    let time = |at: &Option<prost_types::Timestamp>, usual: DateTime<Utc>| match at {
        None => Ok(usual),
        Some(at) => datetime(at).ok_or_else(|| {
            Error::TrackRecord("a time is out of range: send seconds since 1970".to_owned())
        }),
    };
    let first = DateTime::UNIX_EPOCH;
    let last = DateTime::from_timestamp(32_503_680_000, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let filter = RecordFilter {
        model_id: match request.model_id.as_str() {
            "" => None,
            id => Some(parse_id("model_id", id)?),
        },
        decided_from: time(&request.decided_from, first)?,
        decided_until: time(&request.decided_until, last)?,
        segment_column: Some(request.segment_column.clone()).filter(|name| !name.is_empty()),
    };
    if filter.decided_from >= filter.decided_until {
        return Err(Error::TrackRecord(
            "decided_from is not before decided_until: swap them, or leave one out".to_owned(),
        ));
    }
    Ok(filter)
}

fn record(rows: Vec<RecordRow>, filter: &RecordFilter) -> Result<TrackRecordResponse> {
    let cut = i64::try_from(rows.len()) == Ok(MOST_QUOTES);
    let judged: Vec<Judged> = rows
        .into_iter()
        .map(|row| Judged {
            won: row.won,
            model_id: row.model_id,
            probability: row.win_probability,
            estimate: row.estimate,
            segment: if row.is_kept {
                Ok(row.segment)
            } else {
                Err(())
            },
        })
        .collect();
    let all: Vec<&Judged> = judged.iter().collect();
    let models = match filter.model_id {
        Some(_) => Vec::new(),
        None => track_record::by_model(&judged)
            .into_iter()
            .take(MOST_MODELS)
            .map(|(id, quotes)| ModelRecord {
                model_id: id.to_string(),
                scores: track_record::scores(&quotes),
            })
            .collect(),
    };
    let segments = match &filter.segment_column {
        Some(_) => track_record::segments(&all)?,
        None => Vec::new(),
    };
    let mut notes = Vec::new();
    if judged.is_empty() {
        notes.push(
            "No decided quote had a prediction before it was decided: predict quotes under the name that their outcome is recorded under."
                .to_owned(),
        );
    }
    if cut {
        notes.push(format!(
            "Only the {MOST_QUOTES} quotes that were decided last are counted."
        ));
    }
    Ok(TrackRecordResponse {
        scores: track_record::scores(&all),
        models,
        segments,
        estimates: track_record::estimates(&all)?,
        notes,
        ..TrackRecordResponse::default()
    })
}

fn advice_record(row: AdviceCountRow) -> AdviceRecord {
    let number = |count: i64| usize::try_from(count).unwrap_or(0);
    AdviceRecord {
        followed: followed_of(&row.followed) as i32,
        quotes: u32::try_from(row.quotes).unwrap_or(u32::MAX),
        won: u32::try_from(row.won).unwrap_or(u32::MAX),
        win_rate: track_record::share(number(row.won), number(row.quotes)),
        mean_before: row.mean_before,
        mean_promised: row.mean_promised,
    }
}
