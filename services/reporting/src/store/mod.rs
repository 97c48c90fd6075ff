//! The SQL of reporting: reports here, `links` to them, `schedules` and `deliveries` by mail, what events told in [`read_models`]. Deliberately no decisions.

mod deliveries;
mod links;
mod read_models;
mod schedules;

use chrono::{DateTime, Utc};
use platform::{TenantTx, page::Page};
use proto::common::BlobRef;
use uuid::Uuid;

use crate::Error;

pub use deliveries::*;
pub use links::*;
pub use read_models::*;
pub use schedules::*;

type Result<T> = std::result::Result<T, Error>;

/// The kind of reports about a model.
pub const MODEL: &str = "model";
/// The kind of win/loss analyses.
pub const WIN_LOSS: &str = "win_loss";
/// The kind of pipeline forecasts.
pub const PIPELINE: &str = "pipeline";
/// The kind of price reports.
pub const PRICE: &str = "price";
/// The kind of track records.
pub const TRACK: &str = "track";

/// A report.
#[derive(Debug, sqlx::FromRow)]
pub struct ReportRow {
    pub id: Uuid,
    /// [`MODEL`], [`WIN_LOSS`], [`PIPELINE`], [`PRICE`] or [`TRACK`].
    pub kind: String,
    pub model_id: Option<Uuid>,
    pub dataset_id: Option<Uuid>,
    pub title: String,
    pub insights: sqlx::types::Json<Vec<String>>,
    pub content: serde_json::Value,
    pub page_key: String,
    pub page_size_bytes: i64,
    pub page_sha256: Vec<u8>,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
    /// 1 for the first of its kind about the same thing; 0 of one that is not written yet.
    pub version: i64,
}

impl ReportRow {
    /// Where the page lies.
    pub fn page(&self) -> BlobRef {
        BlobRef {
            key: self.page_key.clone(),
            size_bytes: self.page_size_bytes,
            sha256: self.page_sha256.clone(),
        }
    }
}

/// Writes a report, with what it rested on where it is to be judged later.
pub async fn insert_report(
    tx: &mut TenantTx,
    report: &ReportRow,
    basis: Option<&serde_json::Value>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO report (tenant_id, id, model_id, title, insights, content, page_key,
            page_size_bytes, page_sha256, created_at, created_by, kind, dataset_id, basis)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(tenant)
    .bind(report.id)
    .bind(report.model_id)
    .bind(&report.title)
    .bind(&report.insights)
    .bind(&report.content)
    .bind(&report.page_key)
    .bind(report.page_size_bytes)
    .bind(&report.page_sha256)
    .bind(report.created_at)
    .bind(report.created_by)
    .bind(&report.kind)
    .bind(report.dataset_id)
    .bind(basis)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn find_report(tx: &mut TenantTx, id: Uuid) -> Result<Option<ReportRow>> {
    let sql = format!("SELECT r.*, {VERSION} AS version FROM report r WHERE r.id = $1");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(tx.connection())
        .await?)
}

/// Which version of its kind about the same thing a report is: of datasets whichever model answered.
const VERSION: &str = "(SELECT count(*) FROM report o WHERE o.kind = r.kind AND o.id <= r.id
    AND o.dataset_id IS NOT DISTINCT FROM r.dataset_id
    AND (r.dataset_id IS NOT NULL OR o.model_id IS NOT DISTINCT FROM r.model_id))";

/// Which reports are listed.
#[derive(Debug, Default)]
pub struct Wanted {
    pub model_id: Option<Uuid>,
    pub dataset_id: Option<Uuid>,
    pub kind: Option<&'static str>,
}

/// Reports, newest first; of one model, dataset or kind where one is named.
pub async fn list_reports(
    tx: &mut TenantTx,
    wanted: &Wanted,
    page: Page,
) -> Result<Vec<ReportRow>> {
    let sql = format!(
        "SELECT r.*, {VERSION} AS version FROM report r
         WHERE r.id < $1 AND ($2::uuid IS NULL OR r.model_id = $2)
            AND ($3::uuid IS NULL OR r.dataset_id = $3) AND ($5::text IS NULL OR r.kind = $5)
         ORDER BY r.id DESC LIMIT $4"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(page.before)
        .bind(wanted.model_id)
        .bind(wanted.dataset_id)
        .bind(page.size)
        .bind(wanted.kind)
        .fetch_all(tx.connection())
        .await?)
}

/// A forecast with what it rested on.
#[derive(Debug, sqlx::FromRow)]
pub struct EarlierRow {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub basis: serde_json::Value,
}

/// The newest forecasts of a dataset.
pub async fn list_forecasts(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    most: i64,
) -> Result<Vec<EarlierRow>> {
    Ok(sqlx::query_as(
        "SELECT id, created_at, basis FROM report
         WHERE kind = 'pipeline' AND dataset_id = $1 AND basis IS NOT NULL ORDER BY id DESC LIMIT $2",
    )
    .bind(dataset_id)
    .bind(most)
    .fetch_all(tx.connection())
    .await?)
}
