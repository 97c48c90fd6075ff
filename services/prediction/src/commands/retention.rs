//! The ledger as a tenant reads it, and how long it is kept. Deliberately removed in small portions, each a unit of work of its
//! own: answers go on meanwhile, and whatever breaks off goes on an hour later.

use std::sync::Arc;

use chrono::{DateTime, Datelike as _, Days, Utc};
use platform::{Kit, error::chain, page::Page, page::parse_id, wire::datetime, wire::timestamp};
use proto::{
    prediction::{LedgerSettings, ListPredictionsRequest},
    rpc::{Caller, Context},
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Commands, Result};
use crate::{
    Error,
    domain::outcomes::check_quote_ref,
    store::{self, KeptRow, LedgerFilter, SettingRow},
};

/// Predictions that are removed at once.
const PORTION: i32 = 5_000;
/// Days for which predictions are kept at least.
const LEAST_DAYS: u32 = 30;
/// Days that can be set at most, a hundred years.
const MOST_DAYS: u32 = 36_500;

/// Rung when a retention was set, so that it holds at once.
#[derive(Debug, Clone, Default)]
pub struct RetentionBell(Arc<Notify>);

impl RetentionBell {
    /// Waits for the next ring.
    pub async fn rung(&self) {
        self.0.notified().await;
    }
}

impl Commands {
    /// What rings when a retention was set.
    pub fn retention_bell(&self) -> RetentionBell {
        self.retention_bell.clone()
    }

    /// Predictions, newest first.
    pub async fn list_ledger(
        &self,
        caller: &Caller,
        request: &ListPredictionsRequest,
        page: Page,
    ) -> Result<Vec<KeptRow>> {
        let filter = filter(request, page)?;
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let rows = store::list_ledger(&mut tx, &filter, page.size).await?;
        tx.commit().await?;
        Ok(rows)
    }

    pub async fn get_ledger_settings(&self, caller: &Caller) -> Result<LedgerSettings> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let row = store::find_setting(&mut tx).await?;
        tx.commit().await?;
        Ok(row.as_ref().map(message).unwrap_or_default())
    }

    pub async fn set_ledger_settings(
        &self,
        context: &Context,
        caller: &Caller,
        retention_days: u32,
    ) -> Result<LedgerSettings> {
        if retention_days != 0 && !(LEAST_DAYS..=MOST_DAYS).contains(&retention_days) {
            return Err(Error::Retention(retention_days));
        }
        let row = SettingRow {
            retention_days: i32::try_from(retention_days).ok().filter(|days| *days > 0),
            updated_at: self.kit.clock.now(),
            updated_by: caller.user_id,
        };
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        store::update_setting(&mut tx, &row).await?;
        tx.audit(context, "prediction.set_ledger_settings", caller.tenant_id)
            .await?;
        tx.commit().await?;
        self.retention_bell.0.notify_one();
        Ok(message(&row))
    }
}

fn message(row: &SettingRow) -> LedgerSettings {
    LedgerSettings {
        retention_days: row.retention_days.map_or(0, i32::unsigned_abs),
        updated_at: Some(timestamp(row.updated_at)),
        updated_by: row.updated_by.to_string(),
    }
}

fn filter(request: &ListPredictionsRequest, page: Page) -> Result<LedgerFilter> {
    let time = |at: &Option<prost_types::Timestamp>, usual: DateTime<Utc>| match at {
        None => Ok(usual),
        Some(at) => datetime(at).ok_or(Error::TimeRange),
    };
    let last = DateTime::from_timestamp(32_503_680_000, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let filter = LedgerFilter {
        model_id: match request.model_id.as_str() {
            "" => None,
            id => Some(parse_id("model_id", id)?),
        },
        quote_ref: Some(request.quote_ref.clone()).filter(|name| !name.is_empty()),
        made_from: time(&request.made_from, DateTime::UNIX_EPOCH)?,
        made_until: time(&request.made_until, last)?,
        before: page.before,
    };
    if let Some(quote_ref) = &filter.quote_ref {
        check_quote_ref(quote_ref)?;
    }
    if filter.made_from >= filter.made_until {
        return Err(Error::TimeRange);
    }
    Ok(filter)
}

/// Removes what every tenant keeps no longer, and the months that are empty then.
pub async fn expire(kit: &Kit) -> Result<()> {
    let mut tx = kit.database().begin_any().await?;
    let tenants = store::list_retentions(&mut tx).await?;
    tx.commit().await.map_err(platform::Error::from)?;
    let now = kit.clock.now();
    for (tenant, days) in tenants {
        let kept = now.checked_sub_days(Days::new(u64::from(days.unsigned_abs())));
        let Some(made_before) = kept else { continue };
        if let Err(error) = expire_of(kit, tenant, made_before).await {
            tracing::warn!(error = %chain(&error), "predictions of a tenant could not be removed, trying again in an hour");
        }
    }
    let month = now.date_naive().with_day(1).unwrap_or(now.date_naive());
    while !kit.shutdown.is_cancelled() {
        let mut tx = kit.database().begin_any().await?;
        let dropped = store::delete_empty_partition(&mut tx, month).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        if !dropped {
            break;
        }
        tracing::info!("dropped a month of which no prediction is kept");
    }
    Ok(())
}

async fn expire_of(kit: &Kit, tenant: Uuid, made_before: DateTime<Utc>) -> Result<()> {
    let mut removed = 0;
    while !kit.shutdown.is_cancelled() {
        let mut tx = kit.database().begin(tenant).await?;
        let gone = store::delete_expired(&mut tx, made_before, PORTION).await?;
        if gone > 0 && removed == 0 {
            tx.audit(&Context::system("retention"), "prediction.expire", tenant)
                .await?;
        }
        tx.commit().await?;
        removed += gone;
        if gone < i64::from(PORTION) {
            break;
        }
    }
    if removed > 0 {
        tracing::info!(%tenant, removed, "removed predictions that are kept no longer");
    }
    Ok(())
}
