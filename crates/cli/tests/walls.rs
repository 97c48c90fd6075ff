//! The walls between tenants, as Postgres has them after all migrations of all services: what the catalogue
//! says, and what a service sees. Each check is shown to fail where a wall is taken down.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use platform::{Database, migrate::app_role};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use support::{history, import, sign_up, world};
use testkit::{TestResult, World};
use uuid::Uuid;
use valutai::server::stack::SERVICES;

/// The one condition of every tenant table, as Postgres writes it.
const CONDITION: &str =
    "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)";

/// Policies beside that one, each for reading or ending what is somebody's own before a tenant is known.
const OTHERS: [&str; 11] = [
    "auth.api_key own_key_end",
    "auth.api_key own_key_read",
    "auth.api_key own_token",
    "auth.invitation own_token",
    "auth.member own_membership",
    "auth.organization ending",
    "auth.organization own_organization",
    "auth.session own_session_end",
    "auth.session own_session_read",
    "auth.session own_token",
    "auth.tenant_key wrapped_by_others",
];

/// Tables that are no tenant's: people, what is sent to them, and what the relay and the migrations keep.
const OF_NOBODY: [&str; 10] = [
    "_sqlx_migrations",
    "account",
    "attempt",
    "erased_organization",
    "inbox",
    "mail",
    "outbox",
    "recovery_code",
    "user",
    "verification",
];

fn schemas() -> Vec<&'static str> {
    let with_schema = SERVICES.iter().filter_map(platform::Service::schema);
    with_schema.map(|schema| schema.name).collect()
}

/// Every hole in the walls of a schema, in words.
async fn holes(admin: &mut PgConnection, schema: &str) -> TestResult<Vec<String>> {
    let app = app_role(schema);
    let mut found = Vec::new();
    let roles: Vec<String> = sqlx::query_scalar(
        "SELECT rolname || ' may see past the walls' FROM pg_roles
         WHERE rolname = $1 AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
         UNION ALL
         SELECT m.rolname || ' is ' || r.rolname FROM pg_auth_members a
         JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member WHERE m.rolname = $1",
    )
    .bind(&app)
    .fetch_all(&mut *admin)
    .await?;
    found.extend(roles);
    found.extend(holes_in_tables(admin, schema, &app).await?);
    found.extend(holes_in_policies(admin, schema).await?);
    // A view sees as who asks; a function with its owner's rights says where it looks, and not to everybody.
    let others: Vec<String> = sqlx::query_scalar(
        "SELECT 'view ' || c.relname || ' sees as its owner' FROM pg_class c
         WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'v'
           AND NOT coalesce(c.reloptions::text[] && '{security_invoker=true,security_invoker=on}', false)
         UNION ALL
         SELECT 'materialised view ' || c.relname || ' has no policies' FROM pg_class c
         WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'm'
         UNION ALL
         SELECT 'function ' || p.proname || ' has no fixed search_path' FROM pg_proc p
         WHERE p.pronamespace = $1::regnamespace AND p.prosecdef
           AND NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) s
               WHERE s = format('search_path=%s, pg_temp', $1))
         UNION ALL
         SELECT 'function ' || p.proname || ' is everybody''s' FROM pg_proc p
         WHERE p.pronamespace = $1::regnamespace AND (p.proacl IS NULL OR EXISTS (
               SELECT 1 FROM aclexplode(p.proacl) acl WHERE acl.grantee = 0))
           AND (p.prosecdef OR p.prorettype = 'trigger'::regtype)",
    )
    .bind(schema)
    .fetch_all(&mut *admin)
    .await?;
    found.extend(others);
    Ok(found)
}

async fn holes_in_tables(
    admin: &mut PgConnection,
    schema: &str,
    app: &str,
) -> TestResult<Vec<String>> {
    let tables: Vec<(String, bool, bool, bool, bool, bool, bool)> = sqlx::query_as(
        "SELECT c.relname::text, c.relispartition,
            EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull),
            c.relrowsecurity AND c.relforcerowsecurity,
            has_any_column_privilege($2, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
                OR has_table_privilege($2, c.oid, 'DELETE, TRUNCATE, TRIGGER'),
            EXISTS (SELECT 1 FROM aclexplode(c.relacl) acl WHERE acl.grantee = 0),
            pg_get_userbyid(c.relowner) <> format('valutai_%s_owner', $1)
         FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p', 'f')
         ORDER BY 1",
    )
    .bind(schema)
    .bind(app)
    .fetch_all(&mut *admin)
    .await?;
    let mut found = Vec::new();
    for (table, is_partition, of_tenant, is_forced, granted, to_all, other_owner) in tables {
        let mut hole = |what: &str| found.push(format!("table {schema}.{table} {what}"));
        if to_all {
            hole("is granted to everybody");
        }
        if other_owner {
            hole("belongs to another than the schema's owner");
        }
        match (is_partition, of_tenant) {
            (true, _) if granted => hole("is a partition that the service reaches past the policy"),
            (true, _) => {}
            (false, true) if !is_forced => hole("does not enable and force its policies"),
            (false, true) => {}
            (false, false) if !OF_NOBODY.contains(&table.as_str()) => {
                hole("has no tenant_id and is not known to be nobody's");
            }
            (false, false) => {}
        }
    }
    Ok(found)
}

/// Table, name, command, condition to read and condition to write of a policy.
type PolicyRow = (String, String, String, Option<String>, Option<String>);

async fn holes_in_policies(admin: &mut PgConnection, schema: &str) -> TestResult<Vec<String>> {
    let policies: Vec<PolicyRow> = sqlx::query_as(
        "SELECT c.relname::text, p.polname::text, p.polcmd::text,
                pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
             FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
             WHERE c.relnamespace = $1::regnamespace",
    )
    .bind(schema)
    .fetch_all(&mut *admin)
    .await?;
    let walled: Vec<String> = tenant_tables(admin, schema).await?;
    let mut missing: BTreeSet<&str> = walled.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for (table, name, command, using, check) in &policies {
        let is_whole = command == "*"
            && [using, check]
                .iter()
                .all(|c| c.as_deref() == Some(CONDITION));
        if name == "tenant" && is_whole {
            missing.remove(table.as_str());
        } else if !OTHERS.contains(&format!("{schema}.{table} {name}").as_str()) {
            found.push(format!(
                "policy {name} of {schema}.{table} is not the tenant's"
            ));
        } else if using.as_deref() == Some("true") {
            found.push(format!(
                "policy {name} of {schema}.{table} lets everything through"
            ));
        }
    }
    found.extend(missing.into_iter().map(|table| {
        format!("table {schema}.{table} has no policy by tenant in USING and WITH CHECK")
    }));
    Ok(found)
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

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_has_no_hole() -> TestResult {
    let world = World::new(&SERVICES).await?;
    let mut admin = world.admin().await?;
    for schema in schemas() {
        let found = holes(&mut admin, schema).await?;
        assert!(found.is_empty(), "{schema}: {}", found.join("; "));
    }
    Ok(())
}

/// What somebody may do to a schema by mistake, and a word of what is found then.
const MISTAKES: [(&str, &str); 18] = [
    (
        "ALTER TABLE auth.member DISABLE ROW LEVEL SECURITY",
        "member",
    ),
    (
        "ALTER TABLE auth.audit_entry NO FORCE ROW LEVEL SECURITY",
        "audit_entry",
    ),
    ("DROP POLICY tenant ON ingestion.dataset", "dataset"),
    (
        "ALTER POLICY tenant ON ingestion.quote USING (true)",
        "quote",
    ),
    (
        "ALTER POLICY tenant ON training.model WITH CHECK (true)",
        "model",
    ),
    (
        "DROP POLICY tenant ON training.model; CREATE POLICY tenant ON training.model USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
        "model",
    ),
    (
        "ALTER POLICY own_token ON auth.session USING (true)",
        "own_token",
    ),
    (
        "CREATE POLICY all_of_it ON reporting.report FOR SELECT USING (true)",
        "all_of_it",
    ),
    (
        "CREATE TABLE reporting.fresh (tenant_id uuid NOT NULL, id uuid)",
        "fresh",
    ),
    (
        "CREATE TABLE reporting.fresh (id uuid, content text)",
        "fresh",
    ),
    (
        "GRANT SELECT ON prediction.prediction_default TO valutai_prediction_app",
        "prediction_default",
    ),
    (
        "GRANT UPDATE (content) ON auth.audit_entry_default TO valutai_auth_app",
        "audit_entry_default",
    ),
    ("GRANT SELECT ON training.model TO PUBLIC", "everybody"),
    (
        "CREATE VIEW reporting.all_reports AS SELECT * FROM reporting.report",
        "all_reports",
    ),
    (
        "ALTER FUNCTION auth.erase_tenant() RESET search_path",
        "erase_tenant",
    ),
    (
        "GRANT EXECUTE ON FUNCTION ingestion.erase_tenant() TO PUBLIC",
        "erase_tenant",
    ),
    (
        "ALTER ROLE valutai_training_app BYPASSRLS",
        "valutai_training_app",
    ),
    (
        "GRANT valutai_auth_owner TO valutai_auth_app",
        "valutai_auth_owner",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_found_in_the_catalogue() -> TestResult {
    let world = World::new(&SERVICES).await?;
    let mut admin = world.admin().await?;
    for (mistake, word) in MISTAKES {
        let mut tx = admin.begin().await?;
        tx.execute(sqlx::raw_sql(mistake)).await?;
        let mut found = Vec::new();
        for schema in schemas() {
            found.extend(holes(&mut tx, schema).await?);
        }
        tx.rollback().await?;
        assert!(
            found.iter().any(|hole| hole.contains(word)),
            "{mistake}: only {found:?}"
        );
    }
    Ok(())
}

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
