//! Decided quotes with what had been said of them, for the track record. Deliberately one prediction a quote: which one was
//! settled when the outcome was joined.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use uuid::Uuid;

use super::Result;

/// Which decided quotes are asked about.
#[derive(Debug, Clone)]
pub struct RecordFilter {
    /// Predictions of this model, or of whichever came last.
    pub model_id: Option<Uuid>,
    pub decided_from: DateTime<Utc>,
    pub decided_until: DateTime<Utc>,
    /// Header of the column whose values are told along.
    pub segment_column: Option<String>,
}

/// A decided quote.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RecordRow {
    pub won: bool,
    pub model_id: Uuid,
    pub win_probability: f64,
    /// The last estimate of a person before the decision.
    pub estimate: Option<f64>,
    /// The value of the segment column.
    pub segment: Option<String>,
    /// Whether the prediction is still kept, and so its fields.
    pub is_kept: bool,
}

/// Quotes whose recommendation was followed alike.
#[derive(Debug, sqlx::FromRow)]
pub struct AdviceCountRow {
    /// `yes`, `partly`, `no` or `unknown`.
    pub followed: String,
    pub quotes: i64,
    pub won: i64,
    pub mean_before: f64,
    pub mean_promised: f64,
}

/// Decided quotes, those decided last first, at most `limit`.
pub async fn list_record(
    tx: &mut TenantTx,
    filter: &RecordFilter,
    limit: i64,
) -> Result<Vec<RecordRow>> {
    set_local(tx.connection(), "statement_timeout", "1min").await?;
    Ok(sqlx::query_as(
        "SELECT o.state = 'won' AS won, j.model_id, j.win_probability, e.win_probability AS estimate,
            p.input ->> $4 AS segment, p.id IS NOT NULL AS is_kept
         FROM outcome o
         JOIN judged_prediction j ON j.quote_ref = o.quote_ref
            AND CASE WHEN $1::uuid IS NULL THEN j.counts ELSE j.model_id = $1 END
         LEFT JOIN prediction p ON $4::text IS NOT NULL AND p.id = j.prediction_id
            AND p.created_at = j.predicted_at
         LEFT JOIN LATERAL (
            SELECT win_probability FROM estimate
            WHERE quote_ref = o.quote_ref AND estimated_at < o.decided_at ORDER BY id DESC LIMIT 1
         ) e ON true
         WHERE o.state <> 'withdrawn' AND o.decided_at >= $2 AND o.decided_at < $3
         ORDER BY o.decided_at DESC LIMIT $5",
    )
    .bind(filter.model_id)
    .bind(filter.decided_from)
    .bind(filter.decided_until)
    .bind(&filter.segment_column)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}

/// Outcomes that could be joined to no prediction.
pub async fn count_unjoined(tx: &mut TenantTx, filter: &RecordFilter) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "SELECT count(*) FROM outcome o
         WHERE o.state <> 'withdrawn' AND o.decided_at >= $2 AND o.decided_at < $3
            AND NOT EXISTS (SELECT 1 FROM judged_prediction j WHERE j.quote_ref = o.quote_ref
                AND ($1::uuid IS NULL OR j.model_id = $1))",
    )
    .bind(filter.model_id)
    .bind(filter.decided_from)
    .bind(filter.decided_until)
    .fetch_one(tx.connection())
    .await?)
}

/// What came of recommendations, by whether they were followed.
pub async fn count_advice(tx: &mut TenantTx, filter: &RecordFilter) -> Result<Vec<AdviceCountRow>> {
    Ok(sqlx::query_as(
        "SELECT a.followed, count(*) AS quotes, count(*) FILTER (WHERE o.state = 'won') AS won,
            avg(a.win_probability) AS mean_before, avg(a.promised_probability) AS mean_promised
         FROM outcome o
         JOIN advice_taken a ON a.quote_ref = o.quote_ref AND ($1::uuid IS NULL OR a.model_id = $1)
         WHERE o.state <> 'withdrawn' AND o.decided_at >= $2 AND o.decided_at < $3
         GROUP BY a.followed ORDER BY a.followed DESC",
    )
    .bind(filter.model_id)
    .bind(filter.decided_from)
    .bind(filter.decided_until)
    .fetch_all(tx.connection())
    .await?)
}
