//! Deliveries of webhooks: an event and an endpoint each. Deliberately by the ids of events, which are in the order of their
//! making.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;

/// Attempts that are kept of a delivery.
const ATTEMPTS_KEPT: i32 = 20;

/// A delivery.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct DeliveryRow {
    pub webhook_id: Uuid,
    pub event_id: Uuid,
    pub event_type: String,
    pub body: String,
    pub state: String,
    pub tries: i32,
    /// A list.
    pub attempts: Value,
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub delivered_at: Option<DateTime<Utc>>,
}

/// A delivery that is to be tried now.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct DueRow {
    pub event_id: Uuid,
    pub body: String,
    pub tries: i32,
}

/// Which deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryFilter {
    pub webhook_id: Uuid,
    pub state: Option<&'static str>,
    /// Events with this id or a higher one.
    pub from: Uuid,
    /// Events with a lower id.
    pub until: Uuid,
}

/// Keeps events for an endpoint, due at once; those that it has are left as they are.
pub async fn insert_deliveries(
    tx: &mut TenantTx,
    webhook_id: Uuid,
    event_type: &str,
    events: &[(Uuid, &str)],
    due_at: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = events.iter().map(|(id, _)| *id).collect();
    let bodies: Vec<&str> = events.iter().map(|(_, body)| *body).collect();
    sqlx::query(
        "INSERT INTO webhook_delivery (tenant_id, webhook_id, event_id, event_type, body, state, tries, attempts,
            next_attempt_at)
         SELECT $1, $2, event_id, $3, body, 'pending', 0, '[]', $6
         FROM unnest($4::uuid[], $5::text[]) AS event (event_id, body)
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(webhook_id)
    .bind(event_type)
    .bind(ids)
    .bind(bodies)
    .bind(due_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Keeps a delivery with what became of it.
pub async fn insert_delivery(tx: &mut TenantTx, row: &DeliveryRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO webhook_delivery (tenant_id, webhook_id, event_id, event_type, body, state, tries, attempts,
            next_attempt_at, delivered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(tenant)
    .bind(row.webhook_id)
    .bind(row.event_id)
    .bind(&row.event_type)
    .bind(&row.body)
    .bind(&row.state)
    .bind(row.tries)
    .bind(&row.attempts)
    .bind(row.next_attempt_at)
    .bind(row.delivered_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Endpoints of all tenants for which something is due, by tenant and id.
pub async fn list_due(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, Uuid)>> {
    set_local(connection, "app.webhooks", "on").await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, id FROM webhook w
         WHERE state = 'enabled' AND (held_until IS NULL OR held_until <= $1) AND EXISTS (
            SELECT 1 FROM webhook_delivery d
            WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.id AND d.next_attempt_at <= $1)",
    )
    .bind(now)
    .fetch_all(connection)
    .await?)
}

/// Takes what is due to an endpoint, the longest due first, and puts it off until a time by which it has been tried.
pub async fn claim_due(
    tx: &mut TenantTx,
    webhook_id: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueRow>> {
    Ok(sqlx::query_as(
        "UPDATE webhook_delivery SET next_attempt_at = $3
         WHERE webhook_id = $1 AND event_id IN (
            SELECT event_id FROM webhook_delivery WHERE webhook_id = $1 AND next_attempt_at <= $2
            ORDER BY next_attempt_at, event_id LIMIT $4 FOR UPDATE SKIP LOCKED)
         RETURNING event_id, body, tries",
    )
    .bind(webhook_id)
    .bind(now)
    .bind(until)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}

/// Notes an attempt and where the delivery stands now.
pub async fn update_delivery(
    tx: &mut TenantTx,
    webhook_id: Uuid,
    event_id: Uuid,
    attempt: &Value,
    next_attempt_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query(
        "UPDATE webhook_delivery SET tries = tries + 1, next_attempt_at = $4,
            delivered_at = coalesce($5, delivered_at),
            state = CASE WHEN $4 IS NOT NULL THEN 'pending' WHEN $5 IS NOT NULL THEN 'delivered' ELSE 'failed' END,
            attempts = CASE WHEN jsonb_array_length(attempts) >= $6 THEN attempts - 0 ELSE attempts END
                || jsonb_build_array($3::jsonb)
         WHERE webhook_id = $1 AND event_id = $2",
    )
    .bind(webhook_id)
    .bind(event_id)
    .bind(attempt)
    .bind(next_attempt_at)
    .bind(delivered_at)
    .bind(ATTEMPTS_KEPT)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Deliveries without their bodies, newest event first.
pub async fn list_deliveries(
    tx: &mut TenantTx,
    filter: &DeliveryFilter,
    limit: i64,
) -> Result<Vec<DeliveryRow>> {
    Ok(sqlx::query_as(
        "SELECT webhook_id, event_id, event_type, '' AS body, state, tries, attempts, next_attempt_at, delivered_at
         FROM webhook_delivery
         WHERE webhook_id = $1 AND event_id >= $2 AND event_id < $3 AND ($4::text IS NULL OR state = $4)
         ORDER BY event_id DESC LIMIT $5",
    )
    .bind(filter.webhook_id)
    .bind(filter.from)
    .bind(filter.until)
    .bind(filter.state)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}

/// A delivery.
pub async fn find_delivery(
    tx: &mut TenantTx,
    webhook_id: Uuid,
    event_id: Uuid,
) -> Result<Option<DeliveryRow>> {
    Ok(sqlx::query_as(
        "SELECT webhook_id, event_id, event_type, body, state, tries, attempts, next_attempt_at, delivered_at
         FROM webhook_delivery WHERE webhook_id = $1 AND event_id = $2",
    )
    .bind(webhook_id)
    .bind(event_id)
    .fetch_optional(tx.connection())
    .await?)
}

/// Has the first so many of some settled deliveries sent anew; answers how many they are and the last of their ids.
pub async fn replay_deliveries(
    tx: &mut TenantTx,
    filter: &DeliveryFilter,
    due_at: DateTime<Utc>,
    limit: i64,
) -> Result<(i64, Option<Uuid>)> {
    Ok(sqlx::query_as(
        "WITH again AS (
            UPDATE webhook_delivery SET state = 'pending', tries = 0, next_attempt_at = $5
            WHERE webhook_id = $1 AND event_id IN (
                SELECT event_id FROM webhook_delivery
                WHERE webhook_id = $1 AND event_id >= $2 AND event_id < $3 AND next_attempt_at IS NULL
                    AND ($4::text IS NULL OR state = $4)
                ORDER BY event_id LIMIT $6)
            RETURNING event_id)
         SELECT count(*), (SELECT event_id FROM again ORDER BY event_id DESC LIMIT 1) FROM again",
    )
    .bind(filter.webhook_id)
    .bind(filter.from)
    .bind(filter.until)
    .bind(filter.state)
    .bind(due_at)
    .bind(limit)
    .fetch_one(tx.connection())
    .await?)
}

/// Removes some deliveries of the tenant whose events were made before an id; answers how many.
pub async fn delete_old_deliveries(tx: &mut TenantTx, before: Uuid, limit: i64) -> Result<u64> {
    let gone = sqlx::query(
        "DELETE FROM webhook_delivery WHERE (tenant_id, webhook_id, event_id) IN (
            SELECT d.tenant_id, d.webhook_id, d.event_id FROM webhook w
            JOIN webhook_delivery d ON d.tenant_id = w.tenant_id AND d.webhook_id = w.id
            WHERE d.event_id < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(tx.connection())
    .await?;
    Ok(gone.rows_affected())
}
