//! Postgres as a system needs it: migrated, walled off by tenant, with nothing waiting for long. Deliberately by an administrator's
//! rights, since each service sees its own schema.

use std::time::Duration;

use localservers::OLDEST_POSTGRES;
use platform::{
    Config, address,
    error::chain,
    examine::{self, PostgresSeen, SchemaSeen},
    migrate::Schema,
};
use sqlx::{ConnectOptions as _, PgConnection};
use tokio::time::timeout;

use super::finding::Finding;
use crate::server::stack::SERVICES;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest that an event may wait to be published, in seconds, as the alert has it.
const WAITING_SECONDS: f64 = 60.0;

/// Looks at Postgres; answers a connection that sees every schema.
pub(super) async fn look(
    admin: Option<&str>,
    config: Option<&Config>,
    findings: &mut Vec<Finding>,
) -> Option<PgConnection> {
    const WHAT: &str = "Postgres";
    let of_service = config.map(|config| config.postgres_url.expose());
    let url = admin.or(of_service.filter(|url| !url.is_empty()));
    let Some(url) = url else {
        findings.push(Finding::fault(
            WHAT,
            "no address",
            "give VALUTAI_ADMIN_POSTGRES_URL, the database with an administrator's rights",
        ));
        return None;
    };
    let connect = async { Ok::<_, platform::Error>(address::postgres(url)?.connect().await?) };
    let connected = timeout(PATIENCE, connect).await;
    let mut connection = match connected {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            findings.push(Finding::fault(
                WHAT,
                chain(&error),
                "start it, or correct the address: calls are refused until it answers",
            ));
            return None;
        }
        Err(_) => {
            findings.push(Finding::fault(
                WHAT,
                "no answer within ten seconds",
                "look whether a firewall or a network policy is between",
            ));
            return None;
        }
    };
    if admin.is_none() {
        findings.push(Finding::warning(
            WHAT,
            "answers by the address of a service",
            "give VALUTAI_ADMIN_POSTGRES_URL to have migrations, walls and outboxes looked at: a service sees its own schema",
        ));
        return None;
    }
    let schemas: Vec<Schema> = SERVICES
        .iter()
        .filter_map(|service| service.schema())
        .collect();
    match examine::postgres(&mut connection, &schemas).await {
        Ok(seen) => {
            findings.push(of_server(&seen));
            findings.extend(seen.schemas.iter().flat_map(of_schema));
            Some(connection)
        }
        Err(error) => {
            findings.push(Finding::fault(
                WHAT,
                chain(&error),
                "use an administrator, as `valutai migrate` does",
            ));
            None
        }
    }
}

fn of_server(seen: &PostgresSeen) -> Finding {
    let what = format!("Postgres {}", seen.version);
    let (open, most) = (seen.connections, seen.most_connections);
    let used = format!("{open} of {most} connections open");
    if u32::try_from(seen.major).unwrap_or(0) < OLDEST_POSTGRES.major {
        let oldest = OLDEST_POSTGRES.major;
        return Finding::fault(what, used, format!("upgrade it to {oldest} or later"));
    }
    if !seen.is_durable {
        return Finding::fault(
            what,
            "commits do not wait for the disk",
            "set fsync and synchronous_commit to on, or acknowledged predictions can be lost with the power",
        );
    }
    if open * 10 > i64::from(most) * 9 {
        return Finding::warning(
            what,
            used,
            "raise max_connections, or lower VALUTAI_POSTGRES_CONNECTIONS",
        );
    }
    Finding::ok(what, used)
}

fn of_schema(seen: &SchemaSeen) -> Vec<Finding> {
    let what = format!("schema {}", seen.name);
    let mut findings = Vec::new();
    let newest = seen.done.last().copied().unwrap_or_default();
    if !seen.missing.is_empty() {
        findings.push(Finding::fault(
            &what,
            format!("at migration {newest}, without {:?}", seen.missing),
            "run `valutai migrate` of this release",
        ));
    }
    if !seen.foreign.is_empty() {
        findings.push(Finding::fault(
            &what,
            format!(
                "has migrations that this program does not know: {:?}",
                seen.foreign
            ),
            "use the program of the release that migrated it",
        ));
    }
    match seen.may_bypass {
        None => findings.push(Finding::fault(
            &what,
            format!("there is no role valutai_{}_app", seen.name),
            "run `valutai migrate`",
        )),
        Some(true) => findings.push(Finding::fault(
            &what,
            format!("the role valutai_{}_app can bypass row level security", seen.name),
            "ALTER ROLE it NOSUPERUSER NOBYPASSRLS NOCREATEROLE: the service refuses to start with it",
        )),
        Some(false) => {}
    }
    if !seen.open_tables.is_empty() {
        findings.push(Finding::fault(
            &what,
            format!("not walled off by tenant: {}", seen.open_tables.join(", ")),
            "enable and force row level security for them: the service refuses to start",
        ));
    }
    if seen.waiting_seconds > WAITING_SECONDS {
        findings.push(Finding::fault(
            &what,
            format!(
                "{} rows wait to be published, the oldest for {:.0} s",
                seen.waiting, seen.waiting_seconds
            ),
            "look for \"the relay starts again\" in the service's log: NATS is away, full, or refuses",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            what,
            format!(
                "at migration {newest}, walled off by tenant, {} rows to be published",
                seen.waiting
            ),
        ));
    }
    findings
}
