//! What the key-encryption key has sealed, wherever it lies: the SQL of its rotation. Deliberately all in
//! one file, so that whatever is sealed by that key is in [`KINDS`].

use platform::TenantTx;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::Result;

/// Something sealed that belongs to no tenant.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What it is, for people.
    pub name: &'static str,
    table: &'static str,
    column: &'static str,
}

impl Kind {
    /// What one of them is sealed for.
    pub fn context(&self, id: Uuid) -> String {
        format!("{}|{}|{id}", self.table, self.column)
    }

    fn table(&self) -> String {
        format!("\"{}\"", self.table)
    }
}

/// All that is sealed by the key-encryption key, but the data keys of tenants.
pub const KINDS: [Kind; 6] = [
    Kind {
        name: "addresses of people",
        table: "user",
        column: "email_sealed",
    },
    Kind {
        name: "the key of the blind index",
        table: "index_key",
        column: "sealed",
    },
    Kind {
        name: "secrets of second factors",
        table: "user",
        column: "totp_sealed",
    },
    Kind {
        name: "tokens of identity providers",
        table: "account",
        column: "tokens_sealed",
    },
    Kind {
        name: "pending confirmations",
        table: "verification",
        column: "sealed",
    },
    Kind {
        name: "mail on its way",
        table: "mail",
        column: "sealed",
    },
];

/// Things of a kind that another key than the present one has sealed.
pub async fn list_sealed_by_others(
    connection: &mut PgConnection,
    kind: &Kind,
    current: &[u8],
    limit: i64,
) -> Result<Vec<(Uuid, Vec<u8>)>> {
    let (table, column) = (kind.table(), kind.column);
    Ok(sqlx::query_as(AssertSqlSafe(format!(
        "SELECT id, {column} FROM {table}
         WHERE {column} IS NOT NULL AND substring({column} FROM 2 FOR 8) <> $1 LIMIT $2"
    )))
    .bind(current)
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// Puts what was sealed anew in place, unless it was changed or deleted meanwhile.
pub async fn update_sealed(
    connection: &mut PgConnection,
    kind: &Kind,
    id: Uuid,
    before: &[u8],
    after: &[u8],
) -> Result<()> {
    let (table, column) = (kind.table(), kind.column);
    sqlx::query(AssertSqlSafe(format!(
        "UPDATE {table} SET {column} = $3 WHERE id = $1 AND {column} = $2"
    )))
    .bind(id)
    .bind(before)
    .bind(after)
    .execute(connection)
    .await?;
    Ok(())
}

/// Organisations whose data key another key than the present one has wrapped.
pub async fn list_wrapped_by_others(
    connection: &mut PgConnection,
    current: &[u8],
    limit: i64,
) -> Result<Vec<Uuid>> {
    let hex: String = current.iter().map(|byte| format!("{byte:02x}")).collect();
    platform::database::set_local(connection, "app.current_key", &hex).await?;
    Ok(
        sqlx::query_scalar("SELECT tenant_id FROM tenant_key LIMIT $1")
            .bind(limit)
            .fetch_all(connection)
            .await?,
    )
}

pub async fn update_tenant_key(tx: &mut TenantTx, before: &[u8], after: &[u8]) -> Result<()> {
    sqlx::query("UPDATE tenant_key SET wrapped_key = $2 WHERE wrapped_key = $1")
        .bind(before)
        .bind(after)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// How many things each key has sealed, by what they are and the key's id in hexadecimal. Needs an
/// administrator's connection: no service sees all tenants.
pub async fn count_sealed(connection: &mut PgConnection) -> Result<Vec<(String, String, i64)>> {
    let mut counts = Vec::new();
    let mut count = async |name: &str, table: String, column: &str| -> Result<()> {
        let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT encode(substring({column} FROM 2 FOR 8), 'hex'), count(*) FROM auth.{table}
             WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 1"
        )))
        .fetch_all(&mut *connection)
        .await?;
        counts.extend(rows.into_iter().map(|(key, n)| (name.to_owned(), key, n)));
        Ok(())
    };
    count(
        "data keys of organisations",
        "tenant_key".to_owned(),
        "wrapped_key",
    )
    .await?;
    for kind in KINDS {
        count(kind.name, kind.table(), kind.column).await?;
    }
    Ok(counts)
}
