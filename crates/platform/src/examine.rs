//! A database as an operator should find it: migrated, walled off, with nothing waiting. Deliberately only looks: what is said of
//! it, and what to do, is up to whoever asks.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::{
    error::Result,
    migrate::{Schema, app_role},
    walls,
};

/// A Postgres and its schemas.
#[derive(Debug, Clone, PartialEq)]
pub struct PostgresSeen {
    /// Its version, as it says it.
    pub version: String,
    /// The major one.
    pub major: i32,
    /// Connections that it takes.
    pub most_connections: i32,
    /// Connections that are open.
    pub connections: i64,
    /// Whether a commit waits for the disk.
    pub is_durable: bool,
    /// Each schema, in the order asked for.
    pub schemas: Vec<SchemaSeen>,
}

/// The schema of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaSeen {
    /// Its name, which is the service's.
    pub name: &'static str,
    /// Migrations that were done.
    pub done: Vec<i64>,
    /// Those that this program has and the schema has not.
    pub missing: Vec<i64>,
    /// Those that the schema has and this program does not know, or has otherwise.
    pub foreign: Vec<i64>,
    /// Whether the service's login role could go around the walls between tenants; `None` where there is no such role.
    pub may_bypass: Option<bool>,
    /// Tables that are not walled off.
    pub open_tables: Vec<String>,
    /// Rows of the outbox.
    pub waiting: i64,
    /// How long the oldest of them has waited, in seconds.
    pub waiting_seconds: f64,
}

/// Looks at a database, by a connection that sees every schema.
///
/// # Errors
/// Where Postgres refuses.
pub async fn postgres(connection: &mut PgConnection, schemas: &[Schema]) -> Result<PostgresSeen> {
    let (version, number, most_connections, connections, is_durable) = sqlx::query_as(
        "SELECT current_setting('server_version'), current_setting('server_version_num')::integer,
                current_setting('max_connections')::integer, (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
                current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off'",
    )
    .fetch_one(&mut *connection)
    .await?;
    let number: i32 = number;
    let mut seen = Vec::new();
    for schema in schemas {
        seen.push(look(connection, schema).await?);
    }
    Ok(PostgresSeen {
        version,
        major: number / 10_000,
        most_connections,
        connections,
        is_durable,
        schemas: seen,
    })
}

async fn look(connection: &mut PgConnection, schema: &Schema) -> Result<SchemaSeen> {
    let role = app_role(schema.name);
    let may_bypass = walls::may_bypass(&mut *connection, &role).await?;
    let applied = applied(connection, schema).await?;
    let known = |version: i64, checksum: &[u8]| {
        let mut ours = schema.migrator.iter();
        ours.any(|one| one.version == version && *one.checksum == *checksum)
    };
    let done: Vec<i64> = applied.iter().map(|(version, _)| *version).collect();
    let ours = schema.migrator.iter().map(|one| one.version);
    let (open_tables, (waiting, waiting_seconds)) = match may_bypass.is_some() && !done.is_empty() {
        true => (
            walls::open_tables(&mut *connection, schema.name, &role).await?,
            outbox(connection, schema).await?,
        ),
        false => (Vec::new(), (0, 0.0)),
    };
    Ok(SchemaSeen {
        name: schema.name,
        missing: ours.filter(|version| !done.contains(version)).collect(),
        foreign: applied
            .iter()
            .filter(|(version, checksum)| !known(*version, checksum))
            .map(|(version, _)| *version)
            .collect(),
        done,
        may_bypass,
        open_tables,
        waiting,
        waiting_seconds,
    })
}

/// The migrations that were done, with their checksums.
async fn applied(connection: &mut PgConnection, schema: &Schema) -> Result<Vec<(i64, Vec<u8>)>> {
    let table = format!("{}._sqlx_migrations", schema.name);
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(&table)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(Vec::new());
    }
    // Made of our own constants.
    let query = format!("SELECT version, checksum FROM {table} WHERE success ORDER BY version");
    Ok(sqlx::query_as(AssertSqlSafe(query))
        .fetch_all(connection)
        .await?)
}

async fn outbox(connection: &mut PgConnection, schema: &Schema) -> Result<(i64, f64)> {
    let query = format!(
        "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM {}.outbox",
        schema.name
    );
    Ok(sqlx::query_as(AssertSqlSafe(query))
        .fetch_one(connection)
        .await?)
}
