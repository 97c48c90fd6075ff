//! What the catalogue says of tables, partitions, views, functions and roles. Deliberately without a row.

use std::collections::BTreeSet;

use platform::migrate::app_role;
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::{TestResult, World};
use valutai::server::stack::SERVICES;

use crate::{schemas, tenant_tables};

/// The one condition of every tenant table, as Postgres writes it.
const CONDITION: &str =
    "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)";

/// Policies beside that one, each for reading or ending what is somebody's own before a tenant is known.
const OTHERS: [&str; 19] = [
    "auth.api_key own_key_end",
    "auth.api_key own_key_read",
    "auth.api_key own_token",
    "auth.invitation in_the_clear",
    "auth.invitation own_token",
    "auth.member own_membership",
    "auth.organization ending",
    "auth.organization own_organization",
    "auth.session own_session_end",
    "auth.session own_session_read",
    "auth.session own_token",
    "auth.stream_credential open_ones",
    "auth.stream_credential own_secret",
    "auth.tenant_key wrapped_by_others",
    "prediction.ledger_setting retention",
    "prediction.webhook due",
    "prediction.webhook_delivery due",
    "reporting.report_delivery due",
    "reporting.report_schedule due",
];

/// Tables that are no tenant's: people, what is sent to them, and what the relay and the migrations keep.
const OF_NOBODY: [&str; 14] = [
    "_sqlx_migrations",
    "account",
    "attempt",
    "buried",
    "erased_organization",
    "inbox",
    "index_key",
    "mail",
    "outbox",
    "reconciled",
    "recovery_code",
    "user",
    "verification",
    "watched",
];

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
