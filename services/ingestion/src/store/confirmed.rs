//! Quotes that an import confirmed: they stood in its file as they are stored. Deliberately apart from
//! the quotes themselves, which belong to the import that brought them.

use chrono::NaiveDate;
use platform::TenantTx;
use uuid::Uuid;

use super::Result;

/// Notes quotes that an import confirmed: id, date and row in its file.
pub async fn insert_confirmed(
    tx: &mut TenantTx,
    import_id: Uuid,
    confirmed: &[(Uuid, NaiveDate, i32)],
) -> Result<()> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = confirmed.iter().map(|(id, _, _)| *id).collect();
    let days: Vec<NaiveDate> = confirmed.iter().map(|(_, day, _)| *day).collect();
    let rows: Vec<i32> = confirmed.iter().map(|(_, _, row)| *row).collect();
    sqlx::query(
        "INSERT INTO confirmed_quote (tenant_id, import_id, quote_id, quoted_on, row)
         SELECT $1, $2, quote_id, quoted_on, row
         FROM unnest($3::uuid[], $4::date[], $5::int[]) AS t (quote_id, quoted_on, row)
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(import_id)
    .bind(ids)
    .bind(days)
    .bind(rows)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Gives the quotes of an import to the earliest other import that counts and confirmed them, and
/// forgets what the import itself confirmed.
pub async fn update_confirmed_quotes(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    import_id: Uuid,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "WITH heir AS (
            SELECT DISTINCT ON (c.quote_id) c.quote_id, c.quoted_on, c.import_id, c.row
            FROM confirmed_quote c JOIN import i ON i.tenant_id = c.tenant_id AND i.id = c.import_id
            WHERE c.tenant_id = $1 AND i.dataset_id = $2 AND i.state = 'done' AND i.id <> $3
            ORDER BY c.quote_id, c.import_id
         ), given AS (
            UPDATE quote q SET import_id = heir.import_id, row = heir.row FROM heir
            WHERE q.tenant_id = $1 AND q.dataset_id = $2 AND q.import_id = $3
                AND q.quoted_on = heir.quoted_on AND q.id = heir.quote_id
            RETURNING q.id, q.import_id
         )
         DELETE FROM confirmed_quote c USING given
         WHERE c.tenant_id = $1 AND c.import_id = given.import_id AND c.quote_id = given.id",
    )
    .bind(tenant)
    .bind(dataset_id)
    .bind(import_id)
    .execute(tx.connection())
    .await?;
    sqlx::query("DELETE FROM confirmed_quote WHERE tenant_id = $1 AND import_id = $2")
        .bind(tenant)
        .bind(import_id)
        .execute(tx.connection())
        .await?;
    Ok(())
}
