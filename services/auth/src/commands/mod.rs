//! The units of work of auth, by what they are about. Here is what all of them share: sessions that
//! are opened, proofs of who somebody is, letters that are posted. Deliberately no wire types.

mod accounts;
mod addresses;
mod attempts;
mod audit;
mod factor;
mod hasher;
mod invitations;
mod keys;
mod organizations;
mod passwords;
mod providers;
mod reports;
mod rewrap;
mod sessions;
mod streams;
mod team;
mod verify;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use platform::{
    Clock, Database, Kit, TenantTx,
    bus::Bus,
    config::{Accounts, Keys, Outside},
    crypto,
};
use proto::{
    auth::{Role, SessionRevoked},
    rpc::{Caller, Context},
};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::PgConnection;
use tokio::sync::Notify;
use uuid::Uuid;

use self::hasher::Hasher;
pub use self::{
    accounts::SignedUp,
    providers::{Answer, LinkShown, SignedIn},
    reports::Posting,
    streams::Beginning,
    verify::{RESET, SIGN_UP, Wish},
};
use crate::{
    Error,
    domain::{self, addresses::Addresses, letter::Letter},
    store,
};

type Result<T> = std::result::Result<T, Error>;

/// What auth can do.
#[derive(Debug, Clone)]
pub struct Commands {
    database: Database,
    clock: Clock,
    kek: Keys,
    addresses: Addresses,
    audit_keys: Keys,
    settings: Arc<Accounts>,
    hasher: Hasher,
    providers: Arc<[providers::Provider]>,
    bells: Arc<Bells>,
    bus: Bus,
    outside: Option<Outside>,
}

/// Rung after commits, for the tasks that wait for work.
#[derive(Debug, Default)]
pub struct Bells {
    pub mail: Notify,
    pub endings: Notify,
}

/// A session just opened; the token is told once.
#[derive(Debug)]
pub struct NewSession {
    pub id: Uuid,
    pub token: String,
    pub expires_at: DateTime<Utc>,
    pub user_id: Uuid,
    pub tenant_id: Uuid,
    pub role: Role,
}

impl NewSession {
    pub fn caller(&self) -> Caller {
        Caller {
            user_id: self.user_id,
            tenant_id: self.tenant_id,
            role: self.role,
            session_id: self.id,
        }
    }
}

impl Commands {
    pub async fn new(kit: &Kit, bells: Arc<Bells>) -> Result<Self> {
        let settings = Arc::new(kit.config.accounts.clone());
        let audit_keys = kit.config.audit_key.clone().ok_or_else(|| {
            platform::Error::Setting(
                "VALUTAI_AUDIT_KEY_FILE is not set: auth needs the key of the audit trail".into(),
            )
        })?;
        Ok(Self {
            database: kit.database(),
            clock: kit.clock.clone(),
            kek: kit.config.kek.clone(),
            addresses: addresses::load(kit).await?,
            audit_keys,
            hasher: Hasher::new(settings.argon2)?,
            providers: providers::all(&settings.providers, &kit.clock)?,
            settings,
            bells,
            bus: kit.bus.clone(),
            outside: kit.config.outside.clone(),
        })
    }

    async fn open_session(
        &self,
        tx: &mut TenantTx,
        context: &Context,
        user_id: Uuid,
        role: Role,
    ) -> Result<NewSession> {
        let now = self.clock.now();
        let session = NewSession {
            id: Uuid::now_v7(),
            expires_at: now + span(self.settings.session_max),
            user_id,
            tenant_id: tx.tenant(),
            role,
            token: domain::new_token(domain::SESSION_PREFIX),
        };
        let row = store::NewRow {
            id: session.id,
            user_id,
            token_hash: &domain::token_hash(&session.token),
            created_at: now,
            expires_at: session.expires_at,
            user_agent: context.user_agent.as_deref().unwrap_or_default(),
            address: &context
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
        };
        store::insert_session(tx, &row).await?;
        Ok(session)
    }

    /// Puts a new session in place of the caller's, because it may do other things from now on.
    async fn rotate(
        &self,
        tx: &mut TenantTx,
        context: &Context,
        caller: &Caller,
    ) -> Result<NewSession> {
        let ended =
            store::update_session_revoked(tx, caller.session_id, caller.user_id, self.clock.now())
                .await?;
        let ended = ended.ok_or(Error::SessionNeeded)?;
        tell_ended(tx, vec![ended]).await?;
        self.open_session(tx, context, caller.user_id, caller.role)
            .await
    }

    /// Who the caller is, where that is a person with a session and not an API key.
    async fn person(&self, tx: &mut TenantTx, caller: &Caller) -> Result<store::User> {
        if !store::has_session(tx, caller.session_id, caller.user_id).await? {
            return Err(Error::SessionNeeded);
        }
        let user = store::find_user(tx.connection(), &self.addresses, caller.user_id).await?;
        user.ok_or(Error::Session)
    }

    /// The caller, proven once more by the password.
    async fn prove(
        &self,
        context: &Context,
        caller: &Caller,
        password: String,
    ) -> Result<store::User> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = self.person(&mut tx, caller).await?;
        tx.commit().await?;
        let hash = user.password_hash.as_deref();
        if hash.is_none() {
            return Err(Error::NoPassword);
        }
        let attempt = self.attempt(context, &user.email).await?;
        if !self.hasher.matches(password, hash).await? {
            return Err(Error::WrongPassword);
        }
        let mut tx = self.database.begin_any().await?;
        attempt.was_right(&mut tx).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        Ok(user)
    }

    async fn identity(&self, tx: &mut TenantTx, user_id: Uuid) -> Result<store::Names> {
        let names = store::find_names(tx, &self.addresses, user_id).await?;
        names.ok_or(Error::Session)
    }

    /// How addresses are kept.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    fn require_mail(&self) -> Result<()> {
        self.settings.mail.as_ref().map(|_| ()).ok_or(Error::NoMail)
    }

    /// Puts a letter on its way once the transaction is committed; none where no mail is sent.
    async fn post(&self, connection: &mut PgConnection, letter: &Letter) -> Result<()> {
        if self.settings.mail.is_none() {
            return Ok(());
        }
        let id = Uuid::now_v7();
        let sealed = seal_json(&self.kek, &format!("mail|sealed|{id}"), letter)?;
        store::insert_mail(connection, id, &sealed, self.clock.now()).await
    }

    /// Commits, and wakes the task that sends mail.
    async fn commit(&self, tx: TenantTx) -> Result<()> {
        tx.commit().await?;
        self.bells.mail.notify_one();
        Ok(())
    }

    /// A unit of work about a user, in the organisation that the user joined first; its trail and its
    /// events belong there. Without one there is no trail.
    async fn begin_for(&self, user: Uuid) -> Result<(TenantTx, Option<Uuid>)> {
        let mut tx = self.database.begin_any().await?;
        let tenant = store::list_memberships(&mut tx, user).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let tenant = tenant.first().map(|membership| membership.tenant_id);
        let tx = self.database.begin(tenant.unwrap_or_default()).await?;
        Ok((tx, tenant))
    }
}

/// Seals something that belongs to no tenant.
pub fn seal_json<T: Serialize>(kek: &Keys, context: &str, value: &T) -> Result<Vec<u8>> {
    let plain = serde_json::to_vec(value).map_err(|error| Error::Mail(error.to_string()))?;
    Ok(crypto::seal(&kek.current(), context, &plain))
}

/// Opens what [`seal_json`] made.
pub fn open_json<T: DeserializeOwned>(kek: &Keys, context: &str, sealed: &[u8]) -> Result<T> {
    let plain = crypto::open_by(kek, context, sealed, "a stored letter")?;
    serde_json::from_slice(&plain).map_err(|error| Error::Mail(error.to_string()))
}

/// Tells gateways of sessions and keys that ended.
async fn tell_ended(tx: &mut TenantTx, ended: Vec<store::Ended>) -> Result<()> {
    let events: Vec<SessionRevoked> = ended
        .into_iter()
        .map(|ended| SessionRevoked {
            session_id: ended.id.to_string(),
            token_hash: ended.token_hash,
        })
        .collect();
    if events.is_empty() {
        return Ok(());
    }
    Ok(tx.publish_all(&events).await?)
}

/// The context of somebody who has just proven who they are.
fn acting_as(context: &Context, caller: Caller) -> Context {
    Context {
        caller: Some(caller),
        ..context.clone()
    }
}

/// A setting's length as we compute with it.
fn span(length: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(TimeDelta::days(36_500))
}
