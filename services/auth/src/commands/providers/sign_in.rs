//! Signing in and up with a provider. Who is linked is let in, once a second factor is given where there is one. Who
//! is not, but has the address of an account, links it by that account's password; the provider's word alone opens
//! nobody's account.

use platform::{TenantTx, audit::Operation};
use proto::{
    auth::{ProviderSignInNeed, Role},
    rpc::Context,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Answer, Found, PENDING, SIGN_IN};
use crate::{
    Error,
    commands::{Commands, NewSession, Result, acting_as},
    domain::{self, Email, letter::Letter},
    store,
};

/// What became of a sign-in.
#[derive(Debug)]
pub enum SignedIn {
    Opened(NewSession, store::Names),
    Needs {
        need: ProviderSignInNeed,
        pending_token: String,
        email: String,
    },
}

/// What is still needed of whom.
#[derive(Debug, Serialize, Deserialize)]
pub enum Need {
    /// The second factor of a user who is linked.
    Code(Uuid),
    /// The password of the account with this address.
    Password(String),
    /// A name for the organisation of a new account with this address.
    Organization(String),
}

/// A sign-in that waits for it.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    found: Found,
    need: Need,
}

impl Commands {
    pub async fn complete_provider_sign_in(
        &self,
        context: &Context,
        answer: Answer,
    ) -> Result<SignedIn> {
        let found = self.redeem(SIGN_IN, None, answer).await?;
        let settings = &self.provider(&found.provider)?.settings;
        let mut tx = self.database.begin_any().await?;
        let link = store::find_link(&mut tx, &found.provider, &found.profile.account_id).await?;
        let user = match &link {
            Some(link) => store::find_user(&mut tx, &self.addresses, link.user_id).await?,
            None => None,
        };
        let need = match (link, user) {
            (Some(link), Some(user)) if user.totp_enabled_at.is_none() => {
                tx.commit().await.map_err(platform::Error::from)?;
                let (tx, role) = self.begin_as_member(user.id).await?;
                let (session, names) = self.let_in(tx, context, role, &link, &found).await?;
                return Ok(SignedIn::Opened(session, names));
            }
            (Some(link), _) => Need::Code(link.user_id),
            (None, _) => {
                let email = found.profile.confirmed_email(settings)?;
                let email = email.as_str().to_owned();
                match store::find_user_by_email(&mut tx, &self.addresses, &email).await? {
                    Some(_) => Need::Password(email),
                    None => Need::Organization(email),
                }
            }
        };
        let email = found.profile.email.clone().unwrap_or_default();
        let (asked, user) = match &need {
            Need::Code(user) => (ProviderSignInNeed::TotpCode, Some(*user)),
            Need::Password(_) => (ProviderSignInNeed::Password, None),
            Need::Organization(_) => (ProviderSignInNeed::OrganizationName, None),
        };
        let pending_token = domain::new_token(domain::FLOW_PREFIX);
        let pending = Pending { found, need };
        self.keep(&mut tx, PENDING, user, &pending_token, &pending)
            .await?;
        tx.commit().await.map_err(platform::Error::from)?;
        Ok(SignedIn::Needs {
            need: asked,
            pending_token,
            email,
        })
    }

    pub async fn continue_provider_sign_in(
        &self,
        context: &Context,
        pending_token: &str,
        password: String,
        code: &str,
        organization: &str,
    ) -> Result<(NewSession, store::Names)> {
        let Pending { found, need } = self.look(PENDING, pending_token).await?;
        match need {
            Need::Code(user) => {
                let mut tx = self.database.begin_any().await?;
                let user = store::find_user(&mut tx, &self.addresses, user).await?;
                tx.commit().await.map_err(platform::Error::from)?;
                let user = user.ok_or(Error::ProviderFlow)?;
                let outcome = self
                    .continue_by_code(context, pending_token, &found, &user, code)
                    .await;
                self.note_refusal(context, &user.email, outcome)
            }
            Need::Password(email) => {
                let outcome = self
                    .continue_by_password(context, pending_token, &found, &email, password, code)
                    .await;
                self.note_refusal(context, &email, outcome)
            }
            Need::Organization(email) => {
                let name = domain::organization_name(organization)?;
                self.sign_up_with(context, pending_token, &found, &email, name)
                    .await
            }
        }
    }

    /// A refusal is in the trail of whose account it is, as that of a password is.
    fn note_refusal<T>(&self, context: &Context, email: &str, outcome: Result<T>) -> Result<T> {
        if let (Err(error), Ok(email)) = (&outcome, Email::parse(email)) {
            self.record_failed_sign_in(context, email, error);
        }
        outcome
    }

    async fn continue_by_code(
        &self,
        context: &Context,
        pending_token: &str,
        found: &Found,
        user: &store::User,
        code: &str,
    ) -> Result<(NewSession, store::Names)> {
        let attempt = self.attempt(context, &user.email).await?;
        let (mut tx, role) = self.begin_as_member(user.id).await?;
        // Turned off meanwhile: then there is nothing to ask for.
        if user.totp_enabled_at.is_some() {
            if code.is_empty() {
                attempt.undone(tx.connection()).await?;
                tx.commit().await?;
                return Err(Error::CodeNeeded);
            }
            self.prove_factor(tx.connection(), user, code, true).await?;
        }
        attempt.was_right(tx.connection()).await?;
        self.take_pending(&mut tx, pending_token).await?;
        let account = &found.profile.account_id;
        let link = store::find_link(tx.connection(), &found.provider, account).await?;
        // Unlinked meanwhile.
        let link = link.filter(|link| link.user_id == user.id);
        let link = link.ok_or(Error::ProviderFlow)?;
        self.let_in(tx, context, role, &link, found).await
    }

    async fn continue_by_password(
        &self,
        context: &Context,
        pending_token: &str,
        found: &Found,
        email: &str,
        password: String,
        code: &str,
    ) -> Result<(NewSession, store::Names)> {
        let user = self.credentials(context, email, password, code).await?;
        let (mut tx, role) = self.begin_as_member(user.id).await?;
        self.take_pending(&mut tx, pending_token).await?;
        let link = self
            .insert_link(tx.connection(), user.id, found, true)
            .await?;
        self.post_linked(&mut tx, &user.email, &found.provider, true)
            .await?;
        let session = self.open_session(&mut tx, context, user.id, role).await?;
        let names = self.identity(&mut tx, user.id).await?;
        let context = acting_as(context, session.caller());
        tx.record(&context, linked("auth.link_provider", link.id, found))
            .await?;
        tx.record(&context, linked("auth.sign_in", session.id, found))
            .await?;
        self.commit(tx).await?;
        Ok((session, names))
    }

    /// The provider has confirmed the address, so that the account begins with a confirmed one, and no password.
    async fn sign_up_with(
        &self,
        context: &Context,
        pending_token: &str,
        found: &Found,
        email: &str,
        organization: &str,
    ) -> Result<(NewSession, store::Names)> {
        let mut tx = self.database.begin(Uuid::now_v7()).await?;
        self.take_pending(&mut tx, pending_token).await?;
        let now = Some(self.clock.now());
        let user = self
            .create_account(&mut tx, email, now, None, organization)
            .await?;
        let link = self.insert_link(tx.connection(), user, found, true).await?;
        let session = self
            .open_session(&mut tx, context, user, Role::Owner)
            .await?;
        let names = self.identity(&mut tx, user).await?;
        let context = acting_as(context, session.caller());
        let tenant = tx.tenant();
        tx.record(&context, linked("auth.sign_up", tenant, found))
            .await?;
        tx.record(&context, linked("auth.link_provider", link.id, found))
            .await?;
        self.commit(tx).await?;
        Ok((session, names))
    }

    async fn take_pending(&self, tx: &mut TenantTx, pending_token: &str) -> Result<()> {
        let taken = self.take::<Pending>(tx.connection(), PENDING, pending_token);
        taken.await.map(|_| ())
    }

    /// Opens the session of somebody who is linked, and keeps the tokens that came along.
    async fn let_in(
        &self,
        mut tx: TenantTx,
        context: &Context,
        role: Role,
        link: &store::Link,
        found: &Found,
    ) -> Result<(NewSession, store::Names)> {
        let now = self.clock.now();
        let mut found = found.clone();
        if found.tokens.refresh_token.is_none() {
            // Some providers give one with the first consent only; the one that there is goes on.
            found.tokens.refresh_token = self.open_kept(link)?.tokens.refresh_token;
        }
        let sealed = self.seal_tokens(link.id, &found)?;
        let refresh_at = found.tokens.renewed_at(now);
        store::update_link_used(tx.connection(), link.id, &sealed, refresh_at, now).await?;
        let session = self
            .open_session(&mut tx, context, link.user_id, role)
            .await?;
        let names = self.identity(&mut tx, link.user_id).await?;
        let context = acting_as(context, session.caller());
        tx.record(&context, linked("auth.sign_in", session.id, &found))
            .await?;
        tx.commit().await?;
        Ok((session, names))
    }

    /// Tells the owner of the address.
    pub(super) async fn post_linked(
        &self,
        tx: &mut TenantTx,
        email: &str,
        provider: &str,
        linked: bool,
    ) -> Result<()> {
        let letter = Letter::Provider {
            email: email.to_owned(),
            provider: self.title(provider),
            linked,
        };
        self.post(tx.connection(), &letter).await
    }
}

/// An operation that a provider had a part in.
pub(super) fn linked(action: &str, entity: Uuid, found: &Found) -> Operation {
    Operation::done(action, entity).changed("provider", "", &found.provider)
}
