//! Roles, schemas and migrations. Runs as an administrator, never inside a service. Deliberately no
//! table of the product: each service brings its own migrations.

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    migrate::Migrator,
};

use crate::{address, config::Secret, error::Result};

/// A schema and its migrations.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// Name of the schema, which is the service's.
    pub name: &'static str,
    /// Its migrations.
    pub migrator: &'static Migrator,
}

/// Keeps two administrators from making the same role at once.
const ROLES_LOCK: i64 = 0x7661_6c75_7461_6931;

const MESSAGING: &str = include_str!("messaging.sql");

/// Login role of a service; bound by the policies, without DDL.
#[must_use]
pub fn app_role(schema: &str) -> String {
    format!("valutai_{schema}_app")
}

/// Makes the roles of every schema where missing, and sets the password of the login roles.
///
/// # Errors
/// Where Postgres refuses; the connection has to be allowed to make roles.
pub async fn ensure_roles(
    admin: &mut PgConnection,
    schemas: &[Schema],
    app_password: Option<&Secret>,
) -> Result<()> {
    let mut tx = admin.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(ROLES_LOCK)
        .execute(&mut *tx)
        .await?;
    for schema in schemas {
        let (owner, app) = (
            format!("valutai_{}_owner", schema.name),
            app_role(schema.name),
        );
        for (role, login) in [(&owner, "NOLOGIN"), (&app, "LOGIN")] {
            let exists: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)")
                    .bind(role)
                    .fetch_one(&mut *tx)
                    .await?;
            if !exists {
                run(
                    &mut tx,
                    format!(
                        "CREATE ROLE {role} {login} NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB"
                    ),
                )
                .await?;
                run(
                    &mut tx,
                    format!("ALTER ROLE {role} SET search_path = {}", schema.name),
                )
                .await?;
                if login == "NOLOGIN" {
                    // The administrator acts as the owner while it migrates.
                    run(&mut tx, format!("GRANT {owner} TO CURRENT_USER")).await?;
                }
                if login == "LOGIN" {
                    run(
                        &mut tx,
                        format!("ALTER ROLE {role} SET statement_timeout = '120s'"),
                    )
                    .await?;
                    run(
                        &mut tx,
                        format!(
                            "ALTER ROLE {role} SET idle_in_transaction_session_timeout = '15s'"
                        ),
                    )
                    .await?;
                }
            }
        }
        if let Some(password) = app_password {
            // Passwords cannot be bound as parameters of DDL; Postgres quotes it itself.
            let statement: String =
                sqlx::query_scalar("SELECT format('ALTER ROLE %I PASSWORD %L', $1, $2)")
                    .bind(&app)
                    .bind(password.expose())
                    .fetch_one(&mut *tx)
                    .await?;
            run(&mut tx, statement).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Makes the roles and migrates the database that an administrator's URL names.
///
/// # Errors
/// Where Postgres refuses or a migration fails; finished schemas stay finished.
pub async fn migrate_at(
    url: &Secret,
    schemas: &[Schema],
    app_password: Option<&Secret>,
) -> Result<()> {
    let mut admin = address::postgres(url.expose())?.connect().await?;
    ensure_roles(&mut admin, schemas, app_password).await?;
    migrate(&mut admin, schemas).await?;
    admin.close().await?;
    Ok(())
}

/// Brings every schema of the connected database to its newest migration.
///
/// # Errors
/// Where Postgres refuses or a migration fails; finished schemas stay finished.
pub async fn migrate(admin: &mut PgConnection, schemas: &[Schema]) -> Result<()> {
    for schema in schemas {
        let (name, owner, app) = (
            schema.name,
            format!("valutai_{}_owner", schema.name),
            app_role(schema.name),
        );
        run(
            admin,
            format!("CREATE SCHEMA IF NOT EXISTS {name} AUTHORIZATION {owner}"),
        )
        .await?;
        run(admin, format!("GRANT USAGE ON SCHEMA {name} TO {app}")).await?;
        run(admin, format!("SET ROLE {owner}")).await?;
        run(admin, format!("SET search_path = {name}")).await?;
        let outcome = migrate_as_owner(admin, schema, &app).await;
        run(admin, "RESET ROLE".to_owned()).await?;
        run(admin, "RESET search_path".to_owned()).await?;
        outcome?;
    }
    Ok(())
}

async fn migrate_as_owner(admin: &mut PgConnection, schema: &Schema, app: &str) -> Result<()> {
    let messaging = MESSAGING
        .replace("{app}", app)
        .replace("{schema}", schema.name);
    run(admin, messaging).await?;
    schema.migrator.run_direct(None, admin, false).await?;
    Ok(())
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<()> {
    // Made of our own constants, or quoted by Postgres itself.
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(())
}
