//! What a service sees and writes of another tenant's rows, with each wall closed and opened. Deliberately
//! through the service's own role.

use std::collections::BTreeMap;

use platform::{Database, migrate::app_role};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use testkit::TestResult;
use uuid::Uuid;

use crate::{
    schemas,
    support::{history, import, sign_up, world},
    tenant_tables,
};

/// What a service sees and writes of another tenant in one of its tables.
async fn leak(
    database: &Database,
    table: &str,
    columns: &str,
    ours: Uuid,
    theirs: Uuid,
) -> TestResult<Option<String>> {
    let mut tx = database.begin(ours).await?;
    let seen = format!("SELECT count(*) FROM \"{table}\" WHERE tenant_id <> $1");
    let seen: i64 = sqlx::query_scalar(AssertSqlSafe(seen))
        .bind(ours)
        .fetch_one(tx.connection())
        .await?;
    if seen > 0 {
        return Ok(Some(format!("{table}: {seen} rows of others are seen")));
    }
    let all = format!("SELECT count(*) FROM \"{table}\"");
    let own: i64 = sqlx::query_scalar(AssertSqlSafe(all.clone()))
        .fetch_one(tx.connection())
        .await?;
    assert!(
        own > 0,
        "{table}: a service does not see its own tenant's rows"
    );
    let may_insert: bool =
        sqlx::query_scalar("SELECT has_table_privilege(current_user, $1, 'INSERT')")
            .bind(format!("\"{table}\""))
            .fetch_one(tx.connection())
            .await?;
    if may_insert {
        let write = format!(
            "INSERT INTO \"{table}\" ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::\"{table}\",
                (SELECT to_jsonb(t) || jsonb_build_object('tenant_id', $1::text) FROM \"{table}\" t LIMIT 1))"
        );
        let written = sqlx::query(AssertSqlSafe(write))
            .bind(theirs.to_string())
            .execute(tx.connection())
            .await;
        let refusal = written.err().map(|error| error.to_string());
        if !refusal
            .as_ref()
            .is_some_and(|text| text.contains("row-level security"))
        {
            return Ok(Some(format!(
                "{table}: a row for others is let through: {refusal:?}"
            )));
        }
    }
    drop(tx);
    let mut nobody = database.begin_any().await?;
    let seen: i64 = sqlx::query_scalar(AssertSqlSafe(all))
        .fetch_one(&mut *nobody)
        .await?;
    Ok((seen > 0).then(|| format!("{table}: {seen} rows are seen without a tenant")))
}

/// A row of a tenant in a table that has none yet. What it says does not matter here, so that the table's
/// checks and foreign keys are left out.
async fn make_row(admin: &mut PgConnection, table: &str, tenant: Uuid) -> TestResult {
    let checks: Vec<String> = sqlx::query_scalar(
        "SELECT quote_ident(conname) FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'",
    )
    .bind(table)
    .fetch_all(&mut *admin)
    .await?;
    for check in checks {
        let drop = format!("ALTER TABLE {table} DROP CONSTRAINT {check}");
        admin.execute(AssertSqlSafe(drop)).await?;
    }
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT a.attname::text, format_type(a.atttypid, NULL)
         FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped
           AND a.attnotnull AND a.attgenerated = '' AND a.attidentity = '' AND NOT a.atthasdef",
    )
    .bind(table)
    .fetch_all(&mut *admin)
    .await?;
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (name, kind) in columns {
        values.push(match (name.as_str(), kind.as_str()) {
            ("tenant_id", _) => format!("'{tenant}'"),
            (_, "text") => "gen_random_uuid()::text".to_owned(),
            (_, "uuid") => "gen_random_uuid()".to_owned(),
            (_, "bytea") => "gen_random_uuid()::text::bytea".to_owned(),
            (_, "timestamp with time zone" | "date") => "now()".to_owned(),
            (_, "boolean") => "false".to_owned(),
            (_, "jsonb") => "'{}'".to_owned(),
            (_, kind) if kind.ends_with("[]") => "'{}'".to_owned(),
            _ => "1".to_owned(),
        });
        names.push(format!("\"{name}\""));
    }
    let (names, values) = (names.join(", "), values.join(", "));
    let row = format!("INSERT INTO {table} ({names}) VALUES ({values})");
    admin
        .execute("SET session_replication_role = replica")
        .await?;
    admin
        .execute(AssertSqlSafe(row))
        .await
        .map_err(|error| format!("{table}: {error}"))?;
    admin
        .execute("SET session_replication_role = origin")
        .await?;
    Ok(())
}

/// For every table and every policy: closed it holds, opened it leaks.
#[tokio::test(flavor = "multi_thread")]
async fn a_wall_that_is_taken_down_is_missed() -> TestResult {
    let mut world = world().await?;
    let mut tenants = Vec::new();
    for name in ["ours", "theirs"] {
        let person = sign_up(&world, name).await?;
        import(&person, &history(60, 3)?).await?;
        let who = proto::auth::WhoAmIRequest {};
        let who = person.connection.auth().who_am_i(who).await?.into_inner();
        tenants.push(Uuid::try_parse(
            &who.identity.unwrap_or_default().organization_id,
        )?);
    }
    let (ours, theirs) = (tenants[0], tenants[1]);
    world.stop().await;
    let mut admin = world.admin().await?;
    let mut walls = 0;
    let mut columns_of = BTreeMap::new();
    for schema in schemas() {
        let database = world.database(schema).await?;
        for table in tenant_tables(&mut admin, schema).await? {
            let full = format!("{schema}.\"{table}\"");
            for tenant in [ours, theirs] {
                let count = format!("SELECT count(*) FROM {full} WHERE tenant_id = $1");
                let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count))
                    .bind(tenant)
                    .fetch_one(&mut admin)
                    .await?;
                if rows == 0 {
                    make_row(&mut admin, &full, tenant).await?;
                }
            }
            let columns: String = sqlx::query_scalar(
                "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
                 WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
                   AND attgenerated = '' AND attidentity = ''",
            )
            .bind(&full)
            .fetch_one(&mut admin)
            .await?;
            let closed = leak(&database, &table, &columns, ours, theirs).await?;
            assert_eq!(closed, None, "{schema}");
            columns_of.insert(full.clone(), columns.clone());
            let policies: Vec<(String, bool)> = sqlx::query_as(
                "SELECT polname::text, polcmd = 'w' FROM pg_policy WHERE polrelid = $1::regclass",
            )
            .bind(&full)
            .fetch_all(&mut admin)
            .await?;
            let mut openings = vec![(
                format!("ALTER TABLE {full} DISABLE ROW LEVEL SECURITY"),
                format!("ALTER TABLE {full} ENABLE ROW LEVEL SECURITY"),
            )];
            for (policy, only_updates) in policies {
                // What only lets updates through shows nothing by itself; the catalogue's test has it.
                if only_updates {
                    continue;
                }
                let before: String = sqlx::query_scalar(
                    "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy
                     WHERE polrelid = $1::regclass AND polname = $2",
                )
                .bind(&full)
                .bind(&policy)
                .fetch_one(&mut admin)
                .await?;
                openings.push((
                    format!("ALTER POLICY {policy} ON {full} USING (true)"),
                    format!("ALTER POLICY {policy} ON {full} USING ({before})"),
                ));
                if policy == "tenant" {
                    openings.push((
                        format!("ALTER POLICY {policy} ON {full} WITH CHECK (true)"),
                        format!("ALTER POLICY {policy} ON {full} WITH CHECK ({before})"),
                    ));
                }
            }
            let may_insert: bool =
                sqlx::query_scalar("SELECT has_table_privilege($1, $2, 'INSERT')")
                    .bind(app_role(schema))
                    .bind(&full)
                    .fetch_one(&mut admin)
                    .await?;
            for (open, close) in openings {
                if open.contains("WITH CHECK") && !may_insert {
                    continue;
                }
                admin.execute(AssertSqlSafe(open.clone())).await?;
                let found = leak(&database, &table, &columns, ours, theirs).await?;
                admin.execute(AssertSqlSafe(close)).await?;
                assert!(found.is_some(), "nothing leaks after: {open}");
                walls += 1;
            }
            let closed = leak(&database, &table, &columns, ours, theirs).await?;
            assert_eq!(closed, None, "{schema}, closed again");
        }
        database.close().await;
    }
    println!(
        "{} tables, {walls} walls taken down one by one",
        columns_of.len()
    );
    assert!(
        columns_of.len() > 25 && walls > 80,
        "{} tables, {walls} walls",
        columns_of.len()
    );
    Ok(())
}
