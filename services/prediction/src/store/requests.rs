//! Calls that came with a key, and which predictions they were answered with. Deliberately no answers:
//! those are the predictions.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

use super::Result;

/// Requests removed at once because they are old.
const REMOVED_AT_ONCE: i64 = 1000;

/// A call with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    pub key: String,
    pub request_hash: Vec<u8>,
    pub prediction_ids: Vec<Uuid>,
}

#[derive(Debug, sqlx::FromRow)]
struct Stored {
    key: String,
    request_hash: Vec<u8>,
    prediction_ids: Vec<u8>,
}

/// Notes calls; answers the keys of those that are new. Calls from before `kept_since` count no more.
pub async fn claim_requests(
    tx: &mut TenantTx,
    rows: &[RequestRow],
    made_at: DateTime<Utc>,
    kept_since: DateTime<Utc>,
) -> Result<Vec<String>> {
    delete_old_requests(tx, kept_since).await?;
    let tenant = tx.tenant();
    let bytes = |row: &RequestRow| -> Vec<u8> {
        let ids = row.prediction_ids.iter();
        ids.flat_map(|id| *id.as_bytes()).collect()
    };
    // In the order of keys, so that two replicas do not wait for each other.
    Ok(sqlx::query_scalar(
        "INSERT INTO prediction_request AS known (tenant_id, key, request_hash, prediction_ids, made_at)
         SELECT $1, key, request_hash, prediction_ids, $5
         FROM unnest($2::text[], $3::bytea[], $4::bytea[]) AS row (key, request_hash, prediction_ids)
         ORDER BY key
         ON CONFLICT (tenant_id, key) DO UPDATE SET request_hash = excluded.request_hash,
            prediction_ids = excluded.prediction_ids, made_at = excluded.made_at
         WHERE known.made_at < $6
         RETURNING key",
    )
    .bind(tenant)
    .bind(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.request_hash.as_slice())
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(bytes).collect::<Vec<_>>())
    .bind(made_at)
    .bind(kept_since)
    .fetch_all(tx.connection())
    .await?)
}

async fn delete_old_requests(tx: &mut TenantTx, kept_since: DateTime<Utc>) -> Result<()> {
    sqlx::query(
        "DELETE FROM prediction_request WHERE key IN (SELECT key FROM prediction_request
            WHERE made_at < $1 ORDER BY made_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(kept_since)
    .bind(REMOVED_AT_ONCE)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The calls that were made with these keys, as far as they count.
pub async fn find_requests(
    tx: &mut TenantTx,
    keys: &[&str],
    kept_since: DateTime<Utc>,
) -> Result<Vec<RequestRow>> {
    let stored: Vec<Stored> = sqlx::query_as(
        "SELECT key, request_hash, prediction_ids FROM prediction_request
         WHERE key = ANY($1) AND made_at >= $2",
    )
    .bind(keys)
    .bind(kept_since)
    .fetch_all(tx.connection())
    .await?;
    let ids = |bytes: &[u8]| {
        let chunks = bytes.as_chunks::<16>().0.iter();
        chunks.map(|id| Uuid::from_bytes(*id)).collect()
    };
    let rows = stored.into_iter().map(|row| RequestRow {
        key: row.key,
        request_hash: row.request_hash,
        prediction_ids: ids(&row.prediction_ids),
    });
    Ok(rows.collect())
}
