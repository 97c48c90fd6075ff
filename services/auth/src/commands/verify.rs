//! Tokens that travel by mail: given out with a letter, redeemed once. Here are those that confirm
//! an address; each other is redeemed beside what it is for.

use chrono::TimeDelta;
use platform::{TenantTx, audit::Operation};
use proto::{
    auth::Role,
    rpc::{Caller, Context},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Commands, NewSession, Result, acting_as, attempts::Attempt, open_json, seal_json};
use crate::{
    Error,
    domain::{self, Email, letter::Letter, password},
    store,
};

pub const SIGN_UP: &str = "sign_up";
pub const VERIFY: &str = "verify_email";
pub const NEW_EMAIL: &str = "change_email";
pub const RESET: &str = "reset_password";
pub const DELETION: &str = "delete_organization";

/// What a token was given out for.
#[derive(Debug, Serialize, Deserialize)]
pub enum Wish {
    /// An account.
    SignUp {
        email: String,
        organization: String,
        password_hash: String,
    },
    /// An address of a user.
    Email(String),
    /// The end of an organisation.
    Deletion(Uuid),
}

/// A sign-up that waits for its address.
struct Pending {
    email: String,
    organization: String,
    password_hash: String,
}

/// What became of a token.
#[derive(Debug)]
pub struct Verified {
    /// The address that is confirmed now.
    pub email: String,
    /// The account that begins with it.
    pub opened: Option<(NewSession, store::Names)>,
}

impl Commands {
    /// Makes a token; only its hash stays.
    pub async fn give_token(
        &self,
        connection: &mut PgConnection,
        purpose: &str,
        user_id: Option<Uuid>,
        wish: &Wish,
        lasts: TimeDelta,
    ) -> Result<String> {
        let (id, now) = (Uuid::now_v7(), self.clock.now());
        let token = domain::new_token(domain::MAIL_PREFIX);
        let row = store::NewVerification {
            id,
            purpose,
            value_hash: &domain::token_hash(&token),
            user_id,
            sealed: &seal_json(&self.kek, &format!("verification|sealed|{id}"), wish)?,
            now,
            expires_at: now + lasts,
        };
        store::insert_verification(connection, &row).await?;
        Ok(token)
    }

    /// Redeems a token in the transaction of its effect.
    pub(super) async fn take_token(
        &self,
        connection: &mut PgConnection,
        purpose: &str,
        token: &str,
    ) -> Result<(Option<Uuid>, Wish)> {
        let hash = domain::token_hash(token.trim());
        let now = self.clock.now();
        let redeemed = store::delete_verification(connection, &hash, purpose, now).await?;
        let redeemed = redeemed.ok_or(Error::MailToken)?;
        Ok((redeemed.user_id, self.wish(&redeemed)?))
    }

    /// What a token is for, whose it is, and what was asked for; it stays valid.
    pub(super) async fn look_at_token(&self, token: &str) -> Result<(String, Option<Uuid>, Wish)> {
        let hash = domain::token_hash(token.trim());
        let mut tx = self.database.begin_any().await?;
        let found = store::find_verification(&mut tx, &hash, self.clock.now()).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let found = found.ok_or(Error::MailToken)?;
        let wish = self.wish(&found)?;
        Ok((found.purpose, found.user_id, wish))
    }

    fn wish(&self, found: &store::Verification) -> Result<Wish> {
        let context = format!("verification|sealed|{}", found.id);
        open_json(&self.kek, &context, &found.sealed)
    }

    /// Posts the letter that confirms the address of an account.
    pub(super) async fn post_verification(
        &self,
        tx: &mut TenantTx,
        user: Uuid,
        email: &str,
    ) -> Result<()> {
        if self.settings.mail.is_none() {
            return Ok(());
        }
        let email = email.to_owned();
        let wish = Wish::Email(email.clone());
        let connection = tx.connection();
        let token = self
            .give_token(connection, VERIFY, Some(user), &wish, TimeDelta::days(1))
            .await?;
        self.post(connection, &Letter::Verify { email, token })
            .await
    }

    pub async fn send_verification(&self, context: &Context, caller: &Caller) -> Result<()> {
        self.require_mail()?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = self.person(&mut tx, caller).await?;
        if user.email_verified_at.is_some() {
            return Err(Error::VerifiedAlready);
        }
        if self.may_mail(context, &user.email).await? {
            self.post_verification(&mut tx, user.id, &user.email)
                .await?;
        }
        self.commit(tx).await
    }

    pub async fn change_email(
        &self,
        context: &Context,
        caller: &Caller,
        email: &str,
        password: String,
    ) -> Result<()> {
        self.require_mail()?;
        let email = Email::parse(email)?.as_str().to_owned();
        let user = self.prove(context, caller, password).await?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if self.may_mail(context, &email).await? {
            let wish = Wish::Email(email.clone());
            let connection = tx.connection();
            let token = self
                .give_token(
                    connection,
                    NEW_EMAIL,
                    Some(user.id),
                    &wish,
                    TimeDelta::days(1),
                )
                .await?;
            self.post(connection, &Letter::NewEmail { email, token })
                .await?;
        }
        tx.audit(context, "auth.ask_email_change", user.id).await?;
        self.commit(tx).await
    }

    /// Redeems a token that confirms an address; the password is that of a sign-up.
    pub async fn verify_email(
        &self,
        context: &Context,
        token: &str,
        password: String,
    ) -> Result<Verified> {
        match self.look_at_token(token).await? {
            (
                _,
                None,
                Wish::SignUp {
                    email,
                    organization,
                    password_hash,
                },
            ) => {
                let attempt = self.attempt(context, &email).await?;
                if !self.hasher.matches(password, Some(&password_hash)).await? {
                    return Err(Error::WrongPassword);
                }
                let account = Pending {
                    email,
                    organization,
                    password_hash,
                };
                self.confirm_sign_up(context, token, account, attempt).await
            }
            (purpose, Some(user), Wish::Email(email)) => {
                self.confirm_email(context, token, &purpose, user, email)
                    .await
            }
            _ => Err(Error::MailToken),
        }
    }

    async fn confirm_email(
        &self,
        context: &Context,
        token: &str,
        purpose: &str,
        user: Uuid,
        email: String,
    ) -> Result<Verified> {
        let (mut tx, tenant) = self.begin_for(user).await?;
        let connection = tx.connection();
        self.take_token(connection, purpose, token).await?;
        let before = store::claim_user(connection, &self.addresses, user).await?;
        let before = before.ok_or(Error::MailToken)?;
        // An address that was changed since is not confirmed by an older letter.
        if purpose == VERIFY && before.email != email {
            return Err(Error::MailToken);
        }
        if !store::update_email(connection, &self.addresses, user, &email, self.clock.now()).await?
        {
            return Err(Error::EmailTaken);
        }
        if before.email != email {
            let letter = Letter::EmailChanged {
                email: before.email,
            };
            self.post(connection, &letter).await?;
        }
        if let Some(tenant_id) = tenant {
            let context = acting_as(context, by(user, tenant_id));
            let operation = Operation::done("auth.confirm_email", user);
            tx.record(&context, operation.changed_unseen("email"))
                .await?;
        }
        self.commit(tx).await?;
        Ok(Verified {
            email,
            opened: None,
        })
    }

    /// The password has been asked for again: who reads the mail may not be who chose it.
    async fn confirm_sign_up(
        &self,
        context: &Context,
        token: &str,
        account: Pending,
        attempt: Attempt,
    ) -> Result<Verified> {
        let Pending {
            email,
            organization,
            password_hash,
        } = account;
        let mut tx = self.database.begin(Uuid::now_v7()).await?;
        self.take_token(tx.connection(), SIGN_UP, token).await?;
        let now = Some(self.clock.now());
        let user = self
            .create_account(&mut tx, &email, now, Some(&password_hash), &organization)
            .await?;
        attempt.was_right(tx.connection()).await?;
        let session = self
            .open_session(&mut tx, context, user, Role::Owner)
            .await?;
        let names = self.identity(&mut tx, user).await?;
        let context = acting_as(context, session.caller());
        let tenant = tx.tenant();
        tx.audit(&context, "auth.sign_up", tenant).await?;
        self.commit(tx).await?;
        Ok(Verified {
            email,
            opened: Some((session, names)),
        })
    }

    pub async fn request_password_reset(&self, context: &Context, email: &str) -> Result<()> {
        let email = Email::parse(email)?.as_str().to_owned();
        self.post_wish(context, &Letter::ResetWanted { email })
            .await
    }

    pub async fn reset_password(
        &self,
        context: &Context,
        token: &str,
        password: String,
    ) -> Result<()> {
        let (purpose, user, _) = self.look_at_token(token).await?;
        let user = user.filter(|_| purpose == RESET).ok_or(Error::MailToken)?;
        let mut tx = self.database.begin_any().await?;
        let user = store::find_user(&mut tx, &self.addresses, user).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let user = user.ok_or(Error::MailToken)?;
        password::check(&password, &user.email)?;
        let hash = self.hasher.hash(password).await?;
        let (mut tx, tenant) = self.begin_for(user.id).await?;
        self.take_token(tx.connection(), RESET, token).await?;
        let user = store::claim_user(tx.connection(), &self.addresses, user.id).await?;
        let user = user.ok_or(Error::MailToken)?;
        self.forgive(tx.connection(), &user.email).await?;
        self.set_password(&mut tx, &user, &hash, None).await?;
        if user.email_verified_at.is_none() {
            // Whoever signed up with this address need not be whom it belongs to.
            self.take_over(&mut tx, &user).await?;
        }
        if let Some(tenant_id) = tenant {
            let context = acting_as(context, by(user.id, tenant_id));
            let operation = Operation::done("auth.reset_password", user.id);
            tx.record(&context, operation.changed_unseen("password"))
                .await?;
        }
        self.commit(tx).await
    }
}

/// A caller known by a token alone.
fn by(user_id: Uuid, tenant_id: Uuid) -> Caller {
    Caller {
        user_id,
        tenant_id,
        role: Role::Unspecified,
        session_id: Uuid::nil(),
    }
}
