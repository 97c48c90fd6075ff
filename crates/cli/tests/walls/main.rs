//! The walls between tenants, as Postgres has them after all migrations of all services: what the catalogue
//! says, and what a service sees. Each check is shown to fail where a wall is taken down.

mod catalogue;
mod leaks;
#[path = "../support/mod.rs"]
mod support;

use sqlx::PgConnection;
use testkit::TestResult;
use valutai::server::stack::SERVICES;

fn schemas() -> Vec<&'static str> {
    let with_schema = SERVICES.iter().filter_map(platform::Service::schema);
    with_schema.map(|schema| schema.name).collect()
}

/// The tables of a schema that have a tenant, partitions apart.
async fn tenant_tables(admin: &mut PgConnection, schema: &str) -> TestResult<Vec<String>> {
    Ok(sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
         WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
         ORDER BY 1",
    )
    .bind(schema)
    .fetch_all(admin)
    .await?)
}
