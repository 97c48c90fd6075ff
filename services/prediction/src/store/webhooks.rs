//! Endpoints of webhooks. Deliberately no secret in the clear: what is kept is sealed.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct WebhookRow {
    pub id: Uuid,
    pub url: String,
    pub description: String,
    pub event_types: Vec<String>,
    pub minimum_change: Option<f64>,
    pub state: String,
    pub secret: Vec<u8>,
    pub previous_secret: Option<Vec<u8>>,
    pub previous_until: Option<DateTime<Utc>>,
    pub failing_since: Option<DateTime<Utc>>,
    pub held_until: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
}

/// Lets one add an endpoint of the tenant at a time, until the end of the transaction, and counts those that there are.
pub async fn count_webhooks(tx: &mut TenantTx) -> Result<i64> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('valutai.webhooks'), hashtext($1))")
        .bind(tx.tenant().to_string())
        .execute(tx.connection())
        .await?;
    Ok(sqlx::query_scalar("SELECT count(*) FROM webhook")
        .fetch_one(tx.connection())
        .await?)
}

/// Adds an endpoint.
pub async fn insert_webhook(tx: &mut TenantTx, row: &WebhookRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO webhook (tenant_id, id, url, description, event_types, minimum_change, state, secret, created_at,
            created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(tenant)
    .bind(row.id)
    .bind(&row.url)
    .bind(&row.description)
    .bind(&row.event_types)
    .bind(row.minimum_change)
    .bind(&row.state)
    .bind(&row.secret)
    .bind(row.created_at)
    .bind(row.created_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// All endpoints, the oldest first.
pub async fn list_webhooks(tx: &mut TenantTx) -> Result<Vec<WebhookRow>> {
    Ok(sqlx::query_as("SELECT * FROM webhook ORDER BY id")
        .fetch_all(tx.connection())
        .await?)
}

/// An endpoint.
pub async fn find_webhook(tx: &mut TenantTx, id: Uuid) -> Result<Option<WebhookRow>> {
    Ok(sqlx::query_as("SELECT * FROM webhook WHERE id = $1")
        .bind(id)
        .fetch_optional(tx.connection())
        .await?)
}

/// An endpoint, which nobody else changes until the end of the transaction.
pub async fn claim_webhook(tx: &mut TenantTx, id: Uuid) -> Result<Option<WebhookRow>> {
    Ok(
        sqlx::query_as("SELECT * FROM webhook WHERE id = $1 FOR UPDATE")
            .bind(id)
            .fetch_optional(tx.connection())
            .await?,
    )
}

/// Keeps an endpoint as it is now.
pub async fn update_webhook(tx: &mut TenantTx, row: &WebhookRow) -> Result<()> {
    sqlx::query(
        "UPDATE webhook SET url = $2, description = $3, event_types = $4, minimum_change = $5, state = $6, secret = $7,
            previous_secret = $8, previous_until = $9, failing_since = $10, held_until = $11
         WHERE id = $1",
    )
    .bind(row.id)
    .bind(&row.url)
    .bind(&row.description)
    .bind(&row.event_types)
    .bind(row.minimum_change)
    .bind(&row.state)
    .bind(&row.secret)
    .bind(&row.previous_secret)
    .bind(row.previous_until)
    .bind(row.failing_since)
    .bind(row.held_until)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Removes an endpoint and its deliveries; false where there is none.
pub async fn delete_webhook(tx: &mut TenantTx, id: Uuid) -> Result<bool> {
    // A month of deliveries may be many.
    set_local(tx.connection(), "statement_timeout", "10min").await?;
    let gone = sqlx::query("DELETE FROM webhook WHERE id = $1")
        .bind(id)
        .execute(tx.connection())
        .await?;
    sqlx::query("DELETE FROM webhook_delivery WHERE webhook_id = $1")
        .bind(id)
        .execute(tx.connection())
        .await?;
    Ok(gone.rows_affected() == 1)
}

/// Endpoints for which events of a type are kept, with their thresholds for changes.
pub async fn list_wanting(tx: &mut TenantTx, event_type: &str) -> Result<Vec<(Uuid, Option<f64>)>> {
    Ok(sqlx::query_as(
        "SELECT id, minimum_change FROM webhook
         WHERE state IN ('enabled', 'failing') AND $1 = ANY(event_types)",
    )
    .bind(event_type)
    .fetch_all(tx.connection())
    .await?)
}

/// Tenants that have endpoints.
pub async fn list_tenants_with_webhooks(connection: &mut PgConnection) -> Result<Vec<Uuid>> {
    set_local(connection, "app.webhooks", "on").await?;
    Ok(sqlx::query_scalar("SELECT DISTINCT tenant_id FROM webhook")
        .fetch_all(connection)
        .await?)
}
