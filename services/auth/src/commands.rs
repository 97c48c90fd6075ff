//! The units of work of auth: each opens one transaction, or two where a tenant has to be found
//! first. Deliberately no wire types: `rpc` translates.

use chrono::{DateTime, TimeDelta, Utc};
use platform::{Clock, Database, Kit, config::Key, crypto};
use proto::{
    auth::{MemberAdded, OrganizationCreated, Role, SessionRevoked},
    rpc::{Caller, Context},
};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{
    Error,
    domain::{self, Email},
    store,
};

type Result<T> = std::result::Result<T, Error>;

/// What auth can do.
#[derive(Debug, Clone)]
pub struct Commands {
    database: Database,
    clock: Clock,
    kek: Key,
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

/// Who somebody is, with names.
#[derive(Debug)]
pub struct Identity {
    pub email: String,
    pub organization_name: String,
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        Self {
            database: kit.database(),
            clock: kit.clock.clone(),
            kek: kit.config.kek.clone(),
        }
    }

    pub async fn sign_up(
        &self,
        context: &Context,
        email: &str,
        password: String,
        organization_name: &str,
    ) -> Result<NewSession> {
        let email = Email::parse(email)?;
        let name = organization_name.trim();
        if name.is_empty() || name.chars().count() > 200 {
            return Err(Error::OrganizationName);
        }
        let hash = blocking(move || domain::hash_password(&password)).await??;
        let (tenant, user_id, now) = (Uuid::now_v7(), Uuid::now_v7(), self.clock.now());
        let mut tx = self.database.begin(tenant).await?;
        if !store::insert_user(&mut tx, user_id, email.as_str(), &hash, now).await? {
            return Err(Error::EmailTaken);
        }
        store::insert_organization(&mut tx, name, now).await?;
        store::insert_tenant_key(&mut tx, &crypto::new_wrapped_key(&self.kek, tenant), now).await?;
        store::insert_member(&mut tx, user_id, domain::role_text(Role::Owner)?, now).await?;
        let session = self.open_session(&mut tx, user_id, Role::Owner).await?;
        tx.publish(&OrganizationCreated {
            organization_id: tenant.to_string(),
            owner_id: user_id.to_string(),
        })
        .await?;
        let context = acting_as(context, &session);
        tx.audit(&context, "auth.sign_up", tenant).await?;
        tx.commit().await?;
        Ok(session)
    }

    pub async fn sign_in(
        &self,
        context: &Context,
        email: &str,
        password: String,
    ) -> Result<(NewSession, Identity)> {
        let email = Email::parse(email).map_err(|_| Error::Credentials)?;
        let mut tx = self.database.begin_any().await?;
        let credential = store::find_credential(&mut tx, email.as_str()).await?;
        let membership = match &credential {
            Some(found) => store::find_first_membership(&mut tx, found.user_id).await?,
            None => None,
        };
        tx.commit().await?;
        let hash = credential
            .as_ref()
            .and_then(|found| found.password_hash.clone());
        let matches =
            blocking(move || domain::password_matches(&password, hash.as_deref())).await?;
        let (Some(credential), Some(membership), true) = (credential, membership, matches) else {
            return Err(Error::Credentials);
        };
        let mut tx = self.database.begin(membership.tenant_id).await?;
        let role = domain::role_of(&membership.role);
        let session = self.open_session(&mut tx, credential.user_id, role).await?;
        let identity = identity(&mut tx, credential.user_id).await?;
        let context = acting_as(context, &session);
        tx.audit(&context, "auth.sign_in", session.id).await?;
        tx.commit().await?;
        Ok((session, identity))
    }

    async fn open_session(
        &self,
        tx: &mut platform::TenantTx,
        user_id: Uuid,
        role: Role,
    ) -> Result<NewSession> {
        let (token, now) = (domain::new_token(), self.clock.now());
        let session = NewSession {
            id: Uuid::now_v7(),
            expires_at: now + TimeDelta::days(domain::SESSION_DAYS),
            user_id,
            tenant_id: tx.tenant(),
            role,
            token,
        };
        let hash = domain::token_hash(&session.token);
        store::insert_session(tx, session.id, user_id, &hash, now, session.expires_at).await?;
        Ok(session)
    }

    pub async fn sign_out(&self, context: &Context, caller: &Caller) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let revoked =
            store::update_session_revoked(&mut tx, caller.session_id, self.clock.now()).await?;
        if let Some(token_hash) = revoked {
            tx.publish(&SessionRevoked {
                session_id: caller.session_id.to_string(),
                token_hash,
            })
            .await?;
            tx.audit(context, "auth.sign_out", caller.session_id)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    pub async fn who_am_i(&self, caller: &Caller) -> Result<Identity> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let identity = identity(&mut tx, caller.user_id).await?;
        tx.commit().await?;
        Ok(identity)
    }

    pub async fn list_sessions(&self, caller: &Caller) -> Result<Vec<store::SessionRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let sessions = store::list_sessions(&mut tx, caller.user_id, self.clock.now()).await?;
        tx.commit().await?;
        Ok(sessions)
    }

    pub async fn add_member(
        &self,
        context: &Context,
        caller: &Caller,
        email: &str,
        password: String,
        role: Role,
    ) -> Result<store::MemberRow> {
        let (email, role) = (Email::parse(email)?, domain::role_text(role)?);
        let hash = blocking(move || domain::hash_password(&password)).await??;
        let (user_id, now) = (Uuid::now_v7(), self.clock.now());
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if !store::insert_user(&mut tx, user_id, email.as_str(), &hash, now).await? {
            return Err(Error::EmailTaken);
        }
        store::insert_member(&mut tx, user_id, role, now).await?;
        tx.publish(&MemberAdded {
            user_id: user_id.to_string(),
            role: domain::role_of(role) as i32,
        })
        .await?;
        tx.audit(context, "auth.add_member", user_id).await?;
        tx.commit().await?;
        Ok(store::MemberRow {
            user_id,
            email: email.as_str().to_owned(),
            role: role.to_owned(),
            created_at: now,
        })
    }

    pub async fn list_members(&self, caller: &Caller) -> Result<Vec<store::MemberRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let members = store::list_members(&mut tx).await?;
        tx.commit().await?;
        Ok(members)
    }

    pub async fn list_audit_entries(
        &self,
        caller: &Caller,
        before: i64,
        limit: i64,
    ) -> Result<Vec<store::AuditRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let entries = store::list_audit_entries(&mut tx, before, limit).await?;
        tx.commit().await?;
        Ok(entries)
    }

    /// Resolves a token to its caller, with the role as it is now.
    pub async fn authenticate(&self, token: &str) -> Result<(Caller, DateTime<Utc>)> {
        let mut tx = self.database.begin_any().await?;
        let found =
            store::find_open_session(&mut tx, &domain::token_hash(token), self.clock.now()).await?;
        tx.commit().await?;
        let session = found.ok_or(Error::Session)?;
        let mut tx = self.database.begin(session.tenant_id).await?;
        let role = store::find_member_role(&mut tx, session.user_id).await?;
        tx.commit().await?;
        let caller = Caller {
            user_id: session.user_id,
            tenant_id: session.tenant_id,
            role: domain::role_of(&role.ok_or(Error::Session)?),
            session_id: session.id,
        };
        Ok((caller, session.expires_at))
    }

    pub async fn tenant_key(&self, tenant: Uuid) -> Result<Vec<u8>> {
        let mut tx = self.database.begin(tenant).await?;
        let key = store::find_tenant_key(&mut tx).await?;
        tx.commit().await?;
        key.ok_or(Error::NoOrganization)
    }
}

async fn identity(tx: &mut platform::TenantTx, user_id: Uuid) -> Result<Identity> {
    let (email, organization_name) = store::find_names(tx, user_id)
        .await?
        .ok_or(Error::Session)?;
    Ok(Identity {
        email,
        organization_name,
    })
}

/// The context of somebody who has just proven who they are.
fn acting_as(context: &Context, session: &NewSession) -> Context {
    Context {
        caller: Some(Caller {
            user_id: session.user_id,
            tenant_id: session.tenant_id,
            role: session.role,
            session_id: session.id,
        }),
        ..context.clone()
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    spawn_blocking(work)
        .await
        .map_err(|error| Error::Hashing(error.to_string()))
}
