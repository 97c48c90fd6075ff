//! A system whose nats-server asks auth about users that it does not know, with tenants and their credentials.

use std::path::PathBuf;

use localservers::{Options, Servers, StartOptions, shared_for_run};
use platform::{
    Service,
    bus::Outgoing,
    config::{Key, Outside},
};
use proto::auth::{
    IssueStreamCredentialRequest, IssueStreamCredentialResponse, RevokeStreamCredentialRequest,
    WhoAmIRequest, issue_stream_credential_request::Start,
};
use testkit::{TestResult, World};
use valutai::server::nats_config;

use crate::{
    client::Client,
    support::{Person, sign_up},
};

pub const STREAM: &str = "valutai-prediction";

/// What credentials need.
pub const CREDENTIALS: [Service; 2] = [auth::SERVICE, gateway::SERVICE];

pub struct Walled {
    pub world: World,
    pub servers: Servers,
    /// Somebody who may do everything.
    pub superuser: String,
    /// By which auth answers for users, in base64.
    pub callout_key: String,
    /// A folder that is gone at the end.
    pub dir: PathBuf,
}

/// A tenant with a credential.
pub struct Tenant {
    pub owner: Person,
    pub id: String,
    pub issued: IssueStreamCredentialResponse,
}

impl Walled {
    /// A system that runs.
    pub async fn of(services: &[Service]) -> TestResult<Self> {
        let mut walled = Self::new(services).await?;
        walled.world.start().await?;
        Ok(walled)
    }

    /// A system that is still to be started.
    pub async fn new(services: &[Service]) -> TestResult<Self> {
        let name = format!("valutai-test-outside-{}", uuid::Uuid::now_v7());
        let dir = std::env::temp_dir().join(name);
        let (users, key) = (nats_config::users("valutai"), Key::generate());
        let mut start = StartOptions::ephemeral(&dir, std::process::id());
        start.nats_users.clone_from(&users);
        start.nats_outsiders = Some(nats_config::outsiders("valutai", &key));
        let servers = tokio::task::spawn_blocking(move || {
            // Postgres is that of the whole run.
            let shared = shared_for_run(&Options::default(), &mut |line| eprintln!("{line}"))?;
            start.postgres_url = Some(shared.postgres_url);
            Servers::obtain_and_start(&Options::default(), &start, &mut |line| eprintln!("{line}"))
        })
        .await??;
        let mut world = World::on(services, servers.postgres_url(), servers.nats_url()).await?;
        world.launch.subject_prefix = "valutai".to_owned();
        world.launch.nats_urls = nats_config::urls(std::slice::from_ref(&servers), &users);
        let (_, host) = servers.nats_url().rsplit_once('@').ok_or("no address")?;
        let callout_key = key.to_base64();
        world.launch.outside = Some(Outside {
            key: key.into(),
            url: format!("nats://{host}"),
        });
        Ok(Self {
            superuser: servers.nats_url().to_owned(),
            callout_key,
            world,
            servers,
            dir,
        })
    }

    pub async fn tenant(&self, name: &str) -> TestResult<Tenant> {
        let owner = sign_up(&self.world, name).await?;
        let who = owner.connection.auth().who_am_i(WhoAmIRequest {}).await?;
        let id = who
            .into_inner()
            .identity
            .unwrap_or_default()
            .organization_id;
        let issued = issue(&owner, None).await?;
        Ok(Tenant { owner, id, issued })
    }

    /// Publishes an event as prediction would; its body says whose it is.
    pub async fn tell(&self, tenant: &Tenant, event: &str, number: usize) -> TestResult {
        let message = Outgoing {
            subject: format!("valutai.{}.prediction.v1.{event}", tenant.id),
            headers: Default::default(),
            body: format!("{event} {number} of {}", tenant.id).into(),
        };
        self.world.bus().await?.publish(message).await?;
        Ok(())
    }

    pub fn superuser(&self) -> TestResult<Client> {
        Client::connect(&self.superuser)
    }

    /// What JetStream says to a request of somebody who may do everything.
    pub fn js(&self, request: &str) -> TestResult<serde_json::Value> {
        let answer = self
            .superuser()?
            .request(&format!("$JS.API.{request}"), "")?;
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// The names of the consumers of those outside.
    pub fn readers(&self) -> TestResult<Vec<String>> {
        let names = self.js(&format!("CONSUMER.NAMES.{STREAM}"))?;
        let names = names["consumers"].as_array().cloned().unwrap_or_default();
        let names = names
            .iter()
            .filter_map(|name| Some(name.as_str()?.to_owned()));
        Ok(names.filter(|name| name.starts_with("outside-")).collect())
    }

    pub async fn stop(mut self) -> TestResult {
        self.world.stop().await;
        let servers = self.servers;
        tokio::task::spawn_blocking(move || servers.stop()).await??;
        assert!(!self.dir.exists());
        Ok(())
    }
}

pub async fn issue(
    owner: &Person,
    start: Option<Start>,
) -> TestResult<IssueStreamCredentialResponse> {
    let request = IssueStreamCredentialRequest {
        name: "warehouse".to_owned(),
        days: 30,
        events: vec![],
        start,
    };
    let issued = owner
        .connection
        .auth()
        .issue_stream_credential(request)
        .await?;
    Ok(issued.into_inner())
}

pub async fn revoke(tenant: &Tenant) -> TestResult {
    let request = RevokeStreamCredentialRequest {
        id: tenant.issued.id.clone(),
    };
    tenant
        .owner
        .connection
        .auth()
        .revoke_stream_credential(request)
        .await?;
    Ok(())
}
