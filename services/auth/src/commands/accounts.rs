//! Signing up, in and out, and telling who somebody is.

use chrono::{DateTime, Utc};
use platform::{Coded as _, TenantTx, audit::Operation, config::SignUpMode, crypto, error::chain};
use proto::{
    auth::{OrganizationCreated, Role},
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, NewSession, Result, acting_as, tell_ended};
use crate::{
    Error,
    domain::{self, Email, letter::Letter, password},
    store,
};

/// What became of a sign-up.
#[derive(Debug)]
pub enum SignedUp {
    /// The account works.
    Opened(NewSession),
    /// A mail is on its way, whether or not the address has an account.
    ToBeConfirmed,
}

impl Commands {
    pub async fn sign_up(
        &self,
        context: &Context,
        email: &str,
        password: String,
        organization_name: &str,
    ) -> Result<SignedUp> {
        let email = Email::parse(email)?;
        let name = domain::organization_name(organization_name)?;
        password::check(&password, email.as_str())?;
        let password_hash = self.hasher.hash(password).await?;
        if self.settings.sign_up == SignUpMode::Confirmed {
            let letter = Letter::SignUpWanted {
                email: email.as_str().to_owned(),
                organization: name.to_owned(),
                password_hash,
            };
            self.post_wish(context, &letter).await?;
            return Ok(SignedUp::ToBeConfirmed);
        }
        let mut tx = self.database.begin(Uuid::now_v7()).await?;
        let user = self
            .create_account(&mut tx, email.as_str(), None, Some(&password_hash), name)
            .await?;
        self.post_verification(&mut tx, user, email.as_str())
            .await?;
        let session = self
            .open_session(&mut tx, context, user, Role::Owner)
            .await?;
        let context = acting_as(context, session.caller());
        let tenant = tx.tenant();
        tx.audit(&context, "auth.sign_up", tenant).await?;
        self.commit(tx).await?;
        Ok(SignedUp::Opened(session))
    }

    /// Posts a letter on a stranger's wish, unless there were too many.
    pub(super) async fn post_wish(&self, context: &Context, letter: &Letter) -> Result<()> {
        self.require_mail()?;
        if !self.may_mail(context, letter.to()).await? {
            tracing::info!("too many mails were asked for one address or from one network");
            return Ok(());
        }
        let mut tx = self.database.begin_any().await?;
        self.post(&mut tx, letter).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        self.bells.mail.notify_one();
        Ok(())
    }

    /// A user with an organisation, which is the transaction's tenant.
    pub(super) async fn create_account(
        &self,
        tx: &mut TenantTx,
        email: &str,
        verified_at: Option<DateTime<Utc>>,
        password_hash: Option<&str>,
        organization: &str,
    ) -> Result<Uuid> {
        let (user, now) = (Uuid::now_v7(), self.clock.now());
        let connection = tx.connection();
        if !store::insert_user(
            connection,
            &self.addresses,
            user,
            email,
            verified_at,
            password_hash,
            now,
        )
        .await?
        {
            return Err(Error::EmailTaken);
        }
        self.create_organization_for(tx, user, organization).await?;
        Ok(user)
    }

    /// An organisation with its key and its first owner, as the transaction's tenant.
    pub(super) async fn create_organization_for(
        &self,
        tx: &mut TenantTx,
        user: Uuid,
        name: &str,
    ) -> Result<()> {
        let (tenant, now) = (tx.tenant(), self.clock.now());
        store::insert_organization(tx, name, now).await?;
        store::insert_tenant_key(
            tx,
            &crypto::new_wrapped_key(&self.kek.current(), tenant),
            now,
        )
        .await?;
        store::insert_member(tx, user, domain::role_text(Role::Owner)?, now).await?;
        let event = OrganizationCreated {
            organization_id: tenant.to_string(),
            owner_id: user.to_string(),
        };
        Ok(tx.publish(&event).await?)
    }

    pub async fn sign_in(
        &self,
        context: &Context,
        email: &str,
        password: String,
        code: &str,
    ) -> Result<(NewSession, store::Names)> {
        let email = Email::parse(email).map_err(|_| Error::Credentials)?;
        let user = match self
            .credentials(context, email.as_str(), password, code)
            .await
        {
            Ok(user) => user,
            Err(error) => {
                self.record_failed_sign_in(context, email, &error);
                return Err(error);
            }
        };
        let (mut tx, role) = self.begin_as_member(user.id).await?;
        let session = self.open_session(&mut tx, context, user.id, role).await?;
        let names = self.identity(&mut tx, user.id).await?;
        let context = acting_as(context, session.caller());
        tx.audit(&context, "auth.sign_in", session.id).await?;
        tx.commit().await?;
        Ok((session, names))
    }

    /// A unit of work in the organisation that a user joined first, and the role there.
    pub(super) async fn begin_as_member(&self, user: Uuid) -> Result<(TenantTx, Role)> {
        let mut tx = self.database.begin_any().await?;
        let memberships = store::list_memberships(&mut tx, user).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let membership = memberships.first().ok_or(Error::NoMembership)?;
        let tx = self.database.begin(membership.tenant_id).await?;
        Ok((tx, domain::role_of(&membership.role)))
    }

    /// Records a refused sign-in in the trail of the user's organisation, where the address has an account.
    /// Nobody waits for it, so that the answer takes the same time for every address.
    pub(super) fn record_failed_sign_in(&self, context: &Context, email: Email, error: &Error) {
        let (commands, context) = (self.clone(), context.clone());
        let code = error.code().grpc();
        tokio::spawn(async move {
            let noted = async {
                let mut tx = commands.database.begin_any().await?;
                let user =
                    store::find_user_by_email(&mut tx, &commands.addresses, email.as_str()).await?;
                tx.commit().await.map_err(platform::Error::from)?;
                let Some(user) = user else { return Ok(()) };
                let (mut tx, Some(_)) = commands.begin_for(user.id).await? else {
                    return Ok(());
                };
                let operation = Operation::ended("auth.sign_in", &user.id.to_string(), code);
                tx.record(&context, operation).await?;
                Ok::<(), Error>(tx.commit().await?)
            };
            if let Err(error) = noted.await {
                tracing::error!(error = %chain(&error), "a refused sign-in is missing in the audit trail");
            }
        });
    }

    /// The user whose password, and second factor, were given.
    pub(super) async fn credentials(
        &self,
        context: &Context,
        email: &str,
        password: String,
        code: &str,
    ) -> Result<store::User> {
        let attempt = self.attempt(context, email).await?;
        let mut tx = self.database.begin_any().await?;
        let user = store::find_user_by_email(&mut tx, &self.addresses, email).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let matches = self.hasher.matches(password.clone(), hash).await?;
        let (Some(user), true) = (user, matches) else {
            return Err(Error::Credentials);
        };
        let stale = user.password_hash.as_deref();
        let fresh = match stale.is_some_and(|hash| self.hasher.is_stale(hash)) {
            true => Some(self.hasher.hash(password).await?),
            false => None,
        };
        let mut tx = self.database.begin_any().await?;
        if user.totp_enabled_at.is_some() {
            if code.is_empty() {
                attempt.undone(&mut tx).await?;
                tx.commit().await.map_err(platform::Error::from)?;
                return Err(Error::CodeNeeded);
            }
            self.prove_factor(&mut tx, &user, code, true).await?;
        }
        if let Some(hash) = fresh {
            store::update_password(&mut tx, user.id, &hash, self.clock.now()).await?;
        }
        attempt.was_right(&mut tx).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        Ok(user)
    }

    pub async fn sign_out(&self, context: &Context, caller: &Caller) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let now = self.clock.now();
        let ended =
            store::update_session_revoked(&mut tx, caller.session_id, caller.user_id, now).await?;
        if let Some(ended) = ended {
            tell_ended(&mut tx, vec![ended]).await?;
            tx.audit(context, "auth.sign_out", caller.session_id)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    pub async fn who_am_i(&self, caller: &Caller) -> Result<store::Names> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let names = self.identity(&mut tx, caller.user_id).await?;
        tx.commit().await?;
        Ok(names)
    }
}
