//! Whom reports are mailed to, and who was written of which. Deliberately nothing of the reports.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

use super::Result;
use crate::domain::addresses::Addresses;

/// A member with an address.
#[derive(Debug)]
pub struct Reader {
    pub user_id: Uuid,
    pub email: String,
    pub is_confirmed: bool,
}

/// Those of some users who are members of the organisation.
pub async fn find_readers(
    tx: &mut TenantTx,
    addresses: &Addresses,
    users: &[Uuid],
) -> Result<Vec<Reader>> {
    let tenant = tx.tenant();
    let rows: Vec<(Uuid, Vec<u8>, bool)> = sqlx::query_as(
        r#"SELECT u.id, u.email_sealed, u.email_verified_at IS NOT NULL
           FROM member m JOIN "user" u ON u.id = m.user_id
           WHERE m.tenant_id = $1 AND m.user_id = ANY($2)"#,
    )
    .bind(tenant)
    .bind(users)
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter()
        .map(|(user_id, sealed, is_confirmed)| {
            Ok(Reader {
                email: addresses.open(user_id, &sealed)?,
                user_id,
                is_confirmed,
            })
        })
        .collect()
}

/// Notes that a user is written of a report; false where that is so already.
pub async fn insert_report_letter(
    tx: &mut TenantTx,
    report_id: Uuid,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query(
        "INSERT INTO report_letter (tenant_id, report_id, user_id, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(report_id)
    .bind(user)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets who was written of reports before a time.
pub async fn delete_old_report_letters(tx: &mut TenantTx, before: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("DELETE FROM report_letter WHERE tenant_id = $1 AND created_at < $2")
        .bind(tenant)
        .bind(before)
        .execute(tx.connection())
        .await?;
    Ok(())
}
