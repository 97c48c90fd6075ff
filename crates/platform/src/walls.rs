//! Whether the walls between tenants hold for a database role. Deliberately asked of Postgres' catalogue, at every start and by
//! whoever looks after a system: a list in the code would be forgotten with the next table.

use sqlx::PgExecutor;

use crate::error::Result;

/// Whether a role could go around every wall; `None` where there is no such role.
///
/// # Errors
/// Where Postgres refuses.
pub(crate) async fn may_bypass(postgres: impl PgExecutor<'_>, role: &str) -> Result<Option<bool>> {
    Ok(sqlx::query_scalar(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = $1",
    )
    .bind(role)
    .fetch_optional(postgres)
    .await?)
}

/// The tables of a schema that are not walled off by tenant, or that belong to a role.
///
/// # Errors
/// Where Postgres refuses.
pub(crate) async fn open_tables(
    postgres: impl PgExecutor<'_>,
    schema: &str,
    role: &str,
) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
           AND (pg_has_role($2::name, c.relowner, 'MEMBER')
             OR (NOT c.relispartition
               AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
               AND NOT (c.relrowsecurity AND c.relforcerowsecurity))
             OR (c.relispartition AND has_table_privilege($2::name, c.oid, 'SELECT')))",
    )
    .bind(schema)
    .bind(role)
    .fetch_all(postgres)
    .await?)
}
