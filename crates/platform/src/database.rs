//! Postgres as a service sees it: one pool for one schema, and [`TenantTx`], the only way to a
//! tenant's rows and to an event. Deliberately no queries: SQL lives in each service's `store`.

mod any;

use std::{collections::HashSet, sync::Arc, time::Duration};

use prost::{Message, Name};
use proto::{auth::OperationRecorded, rpc::Context};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::Notify;
use tracing::Span;
use uuid::Uuid;

pub use self::any::AnyTx;
use crate::{
    Clock, address,
    audit::{self, Operation},
    bus::Subjects,
    config::{Config, ConfigError},
    consumer::Delivered,
    error::{Error, Result},
    outbox::{self, Traced},
    telemetry, walls,
};

/// A connection that was idle for so long is asked whether it is still there before it is used.
const LONG_IDLE: Duration = Duration::from_secs(1);

/// A service's schema.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
    schema: &'static str,
    subjects: Subjects,
    clock: Clock,
    /// Rung after each commit that wrote events.
    pub(crate) committed: Arc<Notify>,
}

/// Options for a connection as the service's own role.
///
/// # Errors
/// Where the URL is malformed.
pub(crate) fn connect_options(config: &Config, schema: &str) -> Result<PgConnectOptions> {
    let url = config.postgres_url.expose();
    if url.is_empty() {
        return Err(ConfigError::Missing("VALUTAI_POSTGRES_URL").into());
    }
    Ok(address::postgres(url)?
        .application_name(&format!("valutai-{schema}"))
        .options([("search_path", schema)]))
}

impl Database {
    /// Connects, and checks that the role is bound by the policies.
    ///
    /// # Errors
    /// Where Postgres cannot be reached, is not migrated, or the walls do not hold.
    pub async fn connect(config: &Config, schema: &'static str, clock: Clock) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(config.postgres_connections)
            .acquire_timeout(Duration::from_secs(10))
            // One that was just used is there; of another kind the server may have gone.
            .test_before_acquire(false)
            .before_acquire(|connection, metadata| {
                Box::pin(async move {
                    if metadata.idle_for >= LONG_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            // A transaction whose owner went away must not reach the next one who borrows the connection.
            .after_release(|connection, _| {
                Box::pin(async move {
                    if connection.is_in_transaction() {
                        connection.execute("ROLLBACK").await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(connect_options(config, schema)?)
            .await?;
        let database = Self {
            pool,
            schema,
            subjects: Subjects::new(&config.subject_prefix),
            clock,
            committed: Arc::default(),
        };
        database.check_walls().await?;
        Ok(database)
    }

    /// Refuses a role that could see past the policies, and tenant tables without them.
    ///
    /// # Errors
    /// `Walls`, naming what stands open.
    async fn check_walls(&self) -> Result<()> {
        let role: String = sqlx::query_scalar("SELECT session_user::text")
            .fetch_one(&self.pool)
            .await?;
        if walls::may_bypass(&self.pool, &role).await? != Some(false) {
            return Err(Error::Walls(format!(
                "the database role {role} can bypass row level security: connect as valutai_{}_app",
                self.schema
            )));
        }
        let holes = walls::open_tables(&self.pool, self.schema, &role).await?;
        if !holes.is_empty() {
            return Err(Error::Walls(format!(
                "these tables of schema {} are not walled off by tenant: {}",
                self.schema,
                holes.join(", ")
            )));
        }
        Ok(())
    }

    /// Opens a unit of work for a tenant.
    ///
    /// # Errors
    /// Where Postgres cannot be reached.
    pub async fn begin(&self, tenant: Uuid) -> Result<TenantTx> {
        let span = self.span();
        // One way to Postgres instead of two; an id has nothing that would need quoting.
        let begin = format!("BEGIN; SET LOCAL app.tenant_id = '{tenant}'");
        Ok(TenantTx {
            tx: self.open(Some(begin)).await?,
            tenant,
            database: self.clone(),
            events: Vec::new(),
            recorded: false,
            _span: span,
        })
    }

    /// Opens a unit of work for handling an event once: `None` where this consumer has handled it.
    ///
    /// # Errors
    /// Where Postgres cannot be reached.
    pub async fn begin_once(
        &self,
        tenant: Uuid,
        consumer: &str,
        event_id: Uuid,
    ) -> Result<Option<TenantTx>> {
        let mut tx = self.begin(tenant).await?;
        Ok(tx.claim_event(consumer, event_id).await?.then_some(tx))
    }

    /// Opens a unit of work for handling messages together, each once: answers the events of those that this consumer has
    /// not handled, or `None` where it has handled all of them.
    ///
    /// # Errors
    /// Where Postgres cannot be reached.
    pub async fn begin_together<E>(
        &self,
        delivered: Delivered<E>,
    ) -> Result<Option<(TenantTx, Vec<E>)>> {
        let ids: Vec<Uuid> = delivered.parcels.iter().map(|(id, _)| *id).collect();
        let mut tx = self.begin(delivered.tenant).await?;
        let new = tx.claim_events(&delivered.consumer, &ids).await?;
        let parcels = delivered.parcels.into_iter();
        let events: Vec<E> = parcels
            .filter(|(id, _)| new.contains(id))
            .flat_map(|(_, events)| events)
            .collect();
        Ok((!events.is_empty()).then_some((tx, events)))
    }

    /// Opens a unit of work outside any tenant, for what comes before a tenant is known.
    ///
    /// # Errors
    /// Where Postgres cannot be reached.
    pub async fn begin_any(&self) -> Result<AnyTx> {
        // What looks again and again whether there is something to do is in no trace.
        let span = match Span::current().is_none() {
            true => Span::none(),
            false => self.span(),
        };
        Ok(AnyTx::new(self.open(None).await?, span))
    }

    fn span(&self) -> Span {
        tracing::info_span!(
            "db.transaction",
            otel.kind = "client",
            db.system.name = "postgresql",
            db.namespace = self.schema
        )
    }

    async fn open(&self, statement: Option<String>) -> Result<Transaction<'static, Postgres>> {
        // A `begin` that is dropped half-way would hand back a connection inside an open
        // transaction, so it runs to its end in a task of its own.
        let pool = self.pool.clone();
        let begin = async move {
            match statement {
                Some(statement) => pool.begin_with(AssertSqlSafe(statement)).await,
                None => pool.begin().await,
            }
        };
        tokio::spawn(begin)
            .await
            .map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?
            .map_err(Error::from)
    }

    /// A connection of the relay's own, outside the pool.
    pub(crate) async fn dedicated(&self) -> Result<PgConnection> {
        let options = self.pool.connect_options();
        Ok(PgConnection::connect_with(&options).await?)
    }

    /// A connection for what belongs to no tenant, and is walled off from all of them.
    pub(crate) async fn outside_tenants(&self) -> Result<PoolConnection<Postgres>> {
        Ok(self.pool.acquire().await?)
    }

    /// The schema's name.
    #[must_use]
    pub fn schema(&self) -> &'static str {
        self.schema
    }

    /// Waits for connections to come home and closes them.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Sets a variable until the end of the transaction.
///
/// # Errors
/// Where Postgres says no.
pub async fn set_local(connection: &mut PgConnection, name: &str, value: &str) -> Result<()> {
    sqlx::query("SELECT set_config($1, $2, true)")
        .bind(name)
        .bind(value)
        .execute(connection)
        .await?;
    Ok(())
}

/// One unit of work for one tenant: rows, audit and events are written together or not at all.
#[derive(Debug)]
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    tenant: Uuid,
    database: Database,
    /// Events of this unit of work, written right before the commit.
    events: Vec<outbox::Row>,
    /// Whether the audit trail is told of it.
    recorded: bool,
    /// Lasts as long as the transaction, in the trace of whoever opened it.
    _span: Span,
}

impl TenantTx {
    /// The tenant whose rows can be seen.
    #[must_use]
    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// The connection, for the store's queries.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Publishes an event once this unit of work is committed.
    ///
    /// # Errors
    /// None so far: events are written by the commit. Whether they wait for it is this file's choice.
    pub async fn publish<E: Message + Name>(&mut self, event: &E) -> Result<()> {
        self.publish_all(std::slice::from_ref(event)).await
    }

    /// Publishes events, in their order, once this unit of work is committed.
    ///
    /// # Errors
    /// As [`TenantTx::publish`].
    pub async fn publish_all<E: Message + Name>(&mut self, events: &[E]) -> Result<()> {
        let traceparent = telemetry::traceparent();
        let traceparent = traceparent.as_deref();
        let traced: Vec<Traced<'_, E>> = events
            .iter()
            .map(|event| Traced { event, traceparent })
            .collect();
        self.publish_traced(&traced);
        Ok(())
    }

    /// The same for events that belong to the traces of several callers.
    pub fn publish_traced<E: Message + Name>(&mut self, events: &[Traced<'_, E>]) {
        let (subjects, schema) = (&self.database.subjects, self.database.schema);
        let now = self.database.clock.now();
        let rows = outbox::Row::all(subjects, schema, self.tenant, events, now);
        self.events.extend(rows);
    }

    /// Records who did what in the audit trail; `context` has no caller where the system did it.
    ///
    /// # Errors
    /// As [`TenantTx::publish`].
    pub async fn audit(&mut self, context: &Context, action: &str, entity_id: Uuid) -> Result<()> {
        self.record(context, Operation::done(action, entity_id))
            .await
    }

    /// Records an operation in the audit trail, with its outcome and what it changed.
    ///
    /// # Errors
    /// As [`TenantTx::publish`].
    pub async fn record(&mut self, context: &Context, operation: Operation) -> Result<()> {
        let entry = operation.entry(context, self.database.clock.now());
        self.publish(&entry).await?;
        self.recorded = true;
        Ok(())
    }

    /// An entry of the audit trail, to be published; whoever waits for it says so by [`audit::was_recorded`].
    #[must_use]
    pub fn operation(&self, context: &Context, action: &str, entity_id: Uuid) -> OperationRecorded {
        Operation::done(action, entity_id).entry(context, self.database.clock.now())
    }

    /// Notes that a consumer handles an event; false where it has done so before.
    ///
    /// # Errors
    /// Where Postgres says no.
    pub async fn claim_event(&mut self, consumer: &str, event_id: Uuid) -> Result<bool> {
        let done = sqlx::query(
            "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(consumer)
        .bind(event_id)
        .execute(&mut *self.tx)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes that a consumer handles messages; answers those that it has not handled before.
    ///
    /// # Errors
    /// Where Postgres says no.
    pub async fn claim_events(&mut self, consumer: &str, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
        let new: Vec<Uuid> = sqlx::query_scalar(
            "INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::uuid[])
             ON CONFLICT DO NOTHING RETURNING event_id",
        )
        .bind(consumer)
        .bind(ids)
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(new.into_iter().collect())
    }

    /// Deletes every row of the tenant in this schema.
    ///
    /// # Errors
    /// Where Postgres says no.
    pub async fn erase_tenant(&mut self) -> Result<()> {
        set_local(&mut self.tx, "statement_timeout", "1h").await?;
        sqlx::query("SELECT erase_tenant()")
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Commits, and wakes the relay where events were written.
    ///
    /// # Errors
    /// Where Postgres says no; then nothing was written.
    pub async fn commit(mut self) -> Result<()> {
        if !self.events.is_empty() {
            outbox::insert_all(&mut self.tx, &self.events).await?;
        }
        self.tx.commit().await?;
        if !self.events.is_empty() {
            self.database.committed.notify_one();
        }
        if self.recorded {
            audit::was_recorded();
        }
        Ok(())
    }
}
