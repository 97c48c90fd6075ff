//! Several services in one process: roles, migrations, then each service as it would run alone.
//! Deliberately no other way of running them: what differs from production is configuration only.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    postgres::PgConnectOptions,
};

use crate::{
    Clock, Config, address,
    config::{
        Accounts, CallRate, ClamdAddress, Keys, Networks, OperatorToken, Outside, Secret, TlsFiles,
        UploadLimits,
    },
    error::{Error, Result},
    migrate::{Schema, app_role, ensure_roles, migrate},
    service::{Running, Service, start},
    shutdown::Shutdown,
};

/// What a launch stands on.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Postgres with an administrator's rights.
    pub admin_url: Secret,
    /// Database to use; made where missing.
    pub database: String,
    /// Password of the services' login roles; every service gets its own role.
    pub app_password: Secret,
    /// NATS with credentials.
    pub nats_url: Secret,
    /// NATS with the credentials of services that have users of their own, by their names.
    pub nats_urls: BTreeMap<String, Secret>,
    /// File with the authorities that NATS is judged by.
    pub nats_ca: Option<PathBuf>,
    /// First word of every subject and stream.
    pub subject_prefix: String,
    /// Copies that streams keep.
    pub stream_replicas: usize,
    /// Folder of encrypted blobs.
    pub blob_dir: PathBuf,
    /// Key-encryption keys.
    pub kek: Keys,
    /// Keys of the audit trail.
    pub audit_key: Keys,
    /// Address of the gateway.
    pub listen: SocketAddr,
    /// Certificate and key of the gateway.
    pub tls: Option<TlsFiles>,
    /// Connections of each service to Postgres.
    pub postgres_connections: u32,
    /// How long an event may stay unanswered before another replica gets it.
    pub ack_wait: Duration,
    /// What is taken as an upload.
    pub uploads: UploadLimits,
    /// The virus scanner that looks at uploads.
    pub clamd: Option<ClamdAddress>,
    /// Accounts, sessions and mail.
    pub accounts: Accounts,
    /// Proxies whose word on a client's address counts.
    pub trusted_proxies: Networks,
    /// How long a gateway believes a token where it hears nothing of its end.
    pub token_memory: Duration,
    /// Private networks that webhooks may be sent to.
    pub webhook_networks: Networks,
    /// What lets operators in.
    pub operator: Option<OperatorToken>,
    /// What each organisation may call.
    pub calls: CallRate,
    /// How programs outside read events on NATS.
    pub outside: Option<Outside>,
}

impl Launch {
    /// Makes roles and database where missing, and migrates every schema.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn prepare(&self, services: &[Service]) -> Result<()> {
        let schemas: Vec<Schema> = services.iter().filter_map(Service::schema).collect();
        let mut admin = self.admin_options()?.connect().await?;
        ensure_roles(&mut admin, &schemas, Some(&self.app_password)).await?;
        self.create_database(&mut admin).await?;
        admin.close().await?;
        let mut admin = self.admin().await?;
        migrate(&mut admin, &schemas).await?;
        admin.close().await?;
        Ok(())
    }

    async fn create_database(&self, admin: &mut PgConnection) -> Result<()> {
        let exists: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
                .bind(&self.database)
                .fetch_one(&mut *admin)
                .await?;
        if !exists {
            let statement: String = sqlx::query_scalar("SELECT format('CREATE DATABASE %I', $1)")
                .bind(&self.database)
                .fetch_one(&mut *admin)
                .await?;
            admin.execute(AssertSqlSafe(statement)).await?;
        }
        Ok(())
    }

    /// A connection to the database with the administrator's rights.
    ///
    /// # Errors
    /// Where Postgres cannot be reached.
    pub async fn admin(&self) -> Result<PgConnection> {
        Ok(self
            .admin_options()?
            .database(&self.database)
            .connect()
            .await?)
    }

    fn admin_options(&self) -> Result<PgConnectOptions> {
        address::postgres(self.admin_url.expose())
    }

    /// The configuration that a service would read from its environment.
    ///
    /// # Errors
    /// Where the administrator's URL is malformed.
    pub fn config_for(&self, service: &str) -> Result<Config> {
        let options = self
            .admin_options()?
            .database(&self.database)
            .username(&app_role(service))
            .password(self.app_password.expose());
        let url = address::postgres_url(&options, self.admin_url.expose());
        Ok(Config {
            postgres_url: Secret::new(url),
            nats_url: self
                .nats_urls
                .get(service)
                .unwrap_or(&self.nats_url)
                .clone(),
            nats_ca: self.nats_ca.clone(),
            subject_prefix: self.subject_prefix.clone(),
            blob_dir: self.blob_dir.clone(),
            kek: self.kek.clone(),
            audit_key: Some(self.audit_key.clone()),
            listen: self.listen,
            tls: self.tls.clone(),
            health_listen: None,
            stream_replicas: self.stream_replicas,
            postgres_connections: self.postgres_connections,
            ack_wait: self.ack_wait,
            uploads: self.uploads,
            clamd: self.clamd.clone(),
            accounts: self.accounts.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            token_memory: self.token_memory,
            webhook_networks: self.webhook_networks.clone(),
            operator: self.operator.clone(),
            calls: self.calls,
            outside: self.outside.clone(),
        })
    }

    /// Starts services in the order given; where one fails, those before it are stopped again.
    ///
    /// # Errors
    /// What the service says that could not be started.
    pub async fn start(&self, services: &[Service], clock: &Clock) -> Result<Launched> {
        let mut launched = Launched::default();
        for service in services {
            let shutdown = Shutdown::new();
            let config = self.config_for(service.name)?;
            match start(service, config, clock.clone(), shutdown.clone()).await {
                Ok(running) => launched.running.push((shutdown, running)),
                Err(error) => {
                    launched.stop().await;
                    return Err(error);
                }
            }
        }
        Ok(launched)
    }
}

/// Services at work in this process.
#[derive(Debug, Default)]
pub struct Launched {
    running: Vec<(Shutdown, Running)>,
}

impl Launched {
    /// The address of the service that listens.
    ///
    /// # Errors
    /// Where none of them does.
    pub fn address(&self) -> Result<SocketAddr> {
        self.running
            .iter()
            .find_map(|(_, running)| running.address)
            .ok_or_else(|| Error::Bus("no service listens".to_owned()))
    }

    /// Stops the services, the last started first, each finishing its work before the next is told.
    pub async fn stop(mut self) {
        while let Some((shutdown, running)) = self.running.pop() {
            shutdown.cancel();
            running.finish().await;
        }
    }
}
