//! The SQL of the audit trail. Deliberately no UPDATE and no DELETE of entries, which Postgres would
//! refuse.

use chrono::{DateTime, NaiveDate, Utc};
use platform::TenantTx;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;
use crate::domain::trail::{Entry, Head};

/// What entries are found by; their content says the same.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Found {
    pub occurred_at: DateTime<Utc>,
    pub user_id: Option<Uuid>,
    pub action: String,
    pub entity_id: String,
    pub outcome: i16,
}

/// Which entries a list is of; what is empty does not narrow it.
#[derive(Debug, Clone, Default)]
pub struct TrailFilter {
    pub before: i64,
    pub user_id: Option<Uuid>,
    /// Everything that begins so, where it ends in a dot.
    pub action: String,
    pub entity_id: String,
    pub outcome: i32,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

#[derive(Debug, sqlx::FromRow)]
struct HeadRow {
    entries: i64,
    hash: Vec<u8>,
    key_id: Vec<u8>,
    seal: Vec<u8>,
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self {
            entries: row.entries,
            hash: row.hash,
            key_id: row.key_id,
            seal: row.seal,
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
struct EntryRow {
    sequence: i64,
    recorded_at: DateTime<Utc>,
    content: Vec<u8>,
    key_id: Vec<u8>,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

#[derive(Debug, sqlx::FromRow)]
struct WholeRow {
    #[sqlx(flatten)]
    entry: EntryRow,
    #[sqlx(flatten)]
    found: Found,
}

impl From<EntryRow> for Entry {
    fn from(row: EntryRow) -> Self {
        Self {
            sequence: row.sequence,
            recorded_at: row.recorded_at,
            content: row.content,
            key_id: row.key_id,
            previous_hash: row.previous_hash,
            hash: row.hash,
        }
    }
}

/// The end of the trail; whoever appends holds it until the end of the transaction.
pub async fn claim_trail_head(tx: &mut TenantTx) -> Result<Option<Head>> {
    // Nobody else begins it meanwhile.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('valutai.audit'), hashtext($1))")
        .bind(tx.tenant().to_string())
        .execute(tx.connection())
        .await?;
    find_trail_head(tx).await
}

pub async fn find_trail_head(tx: &mut TenantTx) -> Result<Option<Head>> {
    let row: Option<HeadRow> = sqlx::query_as("SELECT entries, hash, key_id, seal FROM audit_head")
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.map(Into::into))
}

/// Appends entries, the last of which is the end of the trail from then on.
pub async fn insert_audit_entries(
    tx: &mut TenantTx,
    entries: &[(Entry, Found)],
    head: &Head,
) -> Result<()> {
    fn column<'r, T>(
        entries: &'r [(Entry, Found)],
        of: impl Fn(&'r Entry, &'r Found) -> T,
    ) -> Vec<T> {
        entries.iter().map(|(e, found)| of(e, found)).collect()
    }
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO audit_entry (tenant_id, sequence, recorded_at, occurred_at, user_id, action,
            entity_id, outcome, content, key_id, previous_hash, hash)
         SELECT $1, * FROM unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::uuid[],
            $6::text[], $7::text[], $8::smallint[], $9::bytea[], $10::bytea[], $11::bytea[],
            $12::bytea[])",
    )
    .bind(tenant)
    .bind(column(entries, |entry, _| entry.sequence))
    .bind(column(entries, |entry, _| entry.recorded_at))
    .bind(column(entries, |_, found| found.occurred_at))
    .bind(column(entries, |_, found| found.user_id))
    .bind(column(entries, |_, found| found.action.as_str()))
    .bind(column(entries, |_, found| found.entity_id.as_str()))
    .bind(column(entries, |_, found| found.outcome))
    .bind(column(entries, |entry, _| entry.content.as_slice()))
    .bind(column(entries, |entry, _| entry.key_id.as_slice()))
    .bind(column(entries, |entry, _| entry.previous_hash.as_slice()))
    .bind(column(entries, |entry, _| entry.hash.as_slice()))
    .execute(tx.connection())
    .await?;
    sqlx::query(
        "INSERT INTO audit_head (tenant_id, entries, hash, key_id, seal) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id) DO UPDATE SET entries = excluded.entries, hash = excluded.hash,
            key_id = excluded.key_id, seal = excluded.seal",
    )
    .bind(tenant)
    .bind(head.entries)
    .bind(&head.hash)
    .bind(&head.key_id)
    .bind(&head.seal)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The newest entries first.
pub async fn list_audit_entries(
    tx: &mut TenantTx,
    filter: &TrailFilter,
    limit: i64,
) -> Result<Vec<Entry>> {
    let (from, to) = match filter.action.strip_suffix('.') {
        // The letter behind the dot.
        Some(domain) => (filter.action.clone(), format!("{domain}/")),
        None => (filter.action.clone(), format!("{}\u{1}", filter.action)),
    };
    let rows: Vec<EntryRow> = sqlx::query_as(
        "SELECT sequence, recorded_at, content, key_id, previous_hash, hash FROM audit_entry
         WHERE sequence < $1 AND ($2::uuid IS NULL OR user_id = $2)
           AND ($3 = '' OR (action >= $3 AND action < $4))
           AND ($5 = '' OR entity_id = $5) AND ($6 = 0 OR outcome = $6)
           AND ($7::timestamptz IS NULL OR occurred_at >= $7)
           AND ($8::timestamptz IS NULL OR occurred_at < $8)
         ORDER BY sequence DESC LIMIT $9",
    )
    .bind(filter.before)
    .bind(filter.user_id)
    .bind(from)
    .bind(to)
    .bind(&filter.entity_id)
    .bind(filter.outcome)
    .bind(filter.since)
    .bind(filter.until)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The entries behind one, in their order, each with what it is found by.
pub async fn list_trail(
    tx: &mut TenantTx,
    after: i64,
    to: i64,
    limit: i64,
) -> Result<Vec<(Entry, Found)>> {
    let rows: Vec<WholeRow> = sqlx::query_as(
        "SELECT sequence, recorded_at, content, key_id, previous_hash, hash,
            occurred_at, user_id, action, entity_id, outcome FROM audit_entry
         WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3",
    )
    .bind(after)
    .bind(to)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.entry.into(), row.found))
        .collect())
}

/// Whether there are entries that the head does not count.
pub async fn has_entries_behind(tx: &mut TenantTx, last: i64) -> Result<bool> {
    Ok(
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM audit_entry WHERE sequence > $1)")
            .bind(last)
            .fetch_one(tx.connection())
            .await?,
    )
}

/// Makes the partitions of some months, from one on, where missing.
pub async fn insert_trail_partitions(
    connection: &mut PgConnection,
    from: NaiveDate,
    months: i32,
) -> Result<()> {
    sqlx::query("SELECT ensure_audit_partitions($1, $2)")
        .bind(from)
        .bind(months)
        .execute(connection)
        .await?;
    Ok(())
}
