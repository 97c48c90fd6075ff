//! Invitations: sent by mail, accepted by whom the address belongs to.

use platform::audit::Operation;
use proto::{
    auth::Role,
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, NewSession, Result, acting_as, span, team::join, tell_ended};
use crate::{
    Error,
    domain::{self, Email, letter::Letter, password},
    store,
};

impl Commands {
    pub async fn invite(
        &self,
        context: &Context,
        caller: &Caller,
        email: &str,
        role: Role,
    ) -> Result<store::Invitation> {
        self.require_mail()?;
        let (email, role) = (Email::parse(email)?, domain::role_text(role)?);
        let now = self.clock.now();
        let token = domain::new_token(domain::MAIL_PREFIX);
        let invitation = store::Invitation {
            tenant_id: caller.tenant_id,
            id: Uuid::now_v7(),
            email: email.as_str().to_owned(),
            role: role.to_owned(),
            created_at: now,
            expires_at: now + span(self.settings.invitation),
        };
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let organization = store::claim_organization(&mut tx).await?;
        let organization = organization.ok_or(Error::NoOrganization)?;
        let key = self.data_key_of(&mut tx).await?;
        let address = self
            .addresses
            .seal_invited(&key, invitation.id, email.as_str());
        if store::has_member(&mut tx, &address.index).await? {
            return Err(Error::MemberAlready);
        }
        let hash = domain::token_hash(&token);
        store::insert_invitation(&mut tx, &invitation, &address, &hash, caller.user_id).await?;
        let letter = Letter::Invitation {
            email: invitation.email.clone(),
            organization: organization.name,
            role: role.to_owned(),
            token,
        };
        self.post(tx.connection(), &letter).await?;
        let operation = Operation::done("auth.invite_member", invitation.id);
        tx.record(context, operation.changed("role", "", role))
            .await?;
        self.commit(tx).await?;
        Ok(invitation)
    }

    pub async fn list_invitations(&self, caller: &Caller) -> Result<Vec<store::Invitation>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let key = self.data_key_of(&mut tx).await?;
        let rows = store::list_invitations(&mut tx, self.clock.now()).await?;
        tx.commit().await?;
        rows.into_iter().map(|row| row.open(&key)).collect()
    }

    pub async fn revoke_invitation(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
    ) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if !store::delete_invitation(&mut tx, id).await? {
            return Err(Error::Unknown("invitation"));
        }
        tx.audit(context, "auth.revoke_invitation", id).await?;
        Ok(tx.commit().await?)
    }

    /// Joins by the token of an invitation: with a session, which moves to the organisation, or with
    /// a password.
    pub async fn accept_invitation(
        &self,
        context: &Context,
        token: &str,
        password: String,
        code: &str,
    ) -> Result<(NewSession, store::Names)> {
        let hash = domain::token_hash(token.trim());
        let mut tx = self.database.begin_any().await?;
        let invitation = store::find_invitation(&mut tx, &hash, self.clock.now()).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let invitation = invitation.ok_or(Error::MailToken)?;
        let mut tx = self.database.begin(invitation.tenant_id).await?;
        let key = self.data_key_of(&mut tx).await?;
        tx.commit().await?;
        let invitation = invitation.open(&key)?;
        let joining = match &context.caller {
            Some(caller) => self.invited_caller(caller, &invitation).await?,
            None => {
                self.invited_stranger(context, &invitation, password, code)
                    .await?
            }
        };
        let now = self.clock.now();
        let mut tx = self.database.begin(invitation.tenant_id).await?;
        let organization = store::claim_organization(&mut tx).await?;
        if organization.is_none() || !store::delete_invitation(&mut tx, invitation.id).await? {
            return Err(Error::MailToken);
        }
        let user = match joining {
            Joining::Known(user) => user,
            Joining::New(hash) => {
                let (id, email) = (Uuid::now_v7(), &invitation.email);
                let connection = tx.connection();
                if !store::insert_user(
                    connection,
                    &self.addresses,
                    id,
                    email,
                    Some(now),
                    Some(&hash),
                    now,
                )
                .await?
                {
                    return Err(Error::EmailTaken);
                }
                id
            }
        };
        join(&mut tx, user, &invitation.role, now).await?;
        if let Some(caller) = &context.caller {
            let ended =
                store::update_session_revoked(&mut tx, caller.session_id, user, now).await?;
            tell_ended(&mut tx, ended.into_iter().collect()).await?;
        }
        let role = domain::role_of(&invitation.role);
        let session = self.open_session(&mut tx, context, user, role).await?;
        let names = self.identity(&mut tx, user).await?;
        let context = acting_as(context, session.caller());
        tx.audit(&context, "auth.accept_invitation", invitation.id)
            .await?;
        tx.commit().await?;
        Ok((session, names))
    }

    async fn invited_caller(
        &self,
        caller: &Caller,
        invitation: &store::Invitation,
    ) -> Result<Joining> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = self.person(&mut tx, caller).await?;
        tx.commit().await?;
        require_invited(&user, invitation)?;
        Ok(Joining::Known(user.id))
    }

    /// Somebody without a session: the token was sent to the address, so that a new account has a
    /// confirmed one.
    async fn invited_stranger(
        &self,
        context: &Context,
        invitation: &store::Invitation,
        password: String,
        code: &str,
    ) -> Result<Joining> {
        let mut tx = self.database.begin_any().await?;
        let known = store::find_user_by_email(&mut tx, &self.addresses, &invitation.email).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        if known.is_none() {
            password::check(&password, &invitation.email)?;
            return Ok(Joining::New(self.hasher.hash(password).await?));
        }
        let user = self
            .credentials(context, &invitation.email, password, code)
            .await?;
        require_invited(&user, invitation)?;
        Ok(Joining::Known(user.id))
    }
}

/// Who joins: a user, or a password's hash for a new one.
enum Joining {
    Known(Uuid),
    New(String),
}

fn require_invited(user: &store::User, invitation: &store::Invitation) -> Result<()> {
    let is_invited = user.email_verified_at.is_some() && user.email == invitation.email;
    is_invited.then_some(()).ok_or(Error::InvitedOther)
}
