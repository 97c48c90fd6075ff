//! The second factor of an account: turned on by its first code, asked for at sign-in.

use platform::{TenantTx, audit::Operation, crypto};
use proto::rpc::{Caller, Context};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Commands, NewSession, Result, tell_ended};
use crate::{
    Error,
    domain::{letter::Letter, totp},
    store,
};

/// A secret that is not in force yet.
#[derive(Debug)]
pub struct Enrolment {
    pub secret: String,
    pub url: String,
}

impl Commands {
    pub async fn begin_totp(
        &self,
        context: &Context,
        caller: &Caller,
        password: String,
    ) -> Result<Enrolment> {
        let user = self.prove(context, caller, password).await?;
        if user.totp_enabled_at.is_some() {
            return Err(Error::TotpOn);
        }
        let secret = totp::new_secret(&user.email)?;
        let sealed = crypto::seal(&self.kek.current(), &seal_context(user.id), &secret.bytes);
        let mut tx = self.database.begin(caller.tenant_id).await?;
        store::update_totp(tx.connection(), user.id, Some(&sealed), None).await?;
        tx.commit().await?;
        Ok(Enrolment {
            secret: secret.base32,
            url: secret.url,
        })
    }

    pub async fn confirm_totp(
        &self,
        context: &Context,
        caller: &Caller,
        code: &str,
    ) -> Result<(NewSession, Vec<String>)> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = self.person(&mut tx, caller).await?;
        tx.commit().await?;
        if user.totp_enabled_at.is_some() {
            return Err(Error::TotpOn);
        }
        if user.totp_sealed.is_none() {
            return Err(Error::TotpOff);
        }
        let attempt = self.attempt(context, &user.email).await?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.prove_factor(tx.connection(), &user, code, false)
            .await?;
        attempt.was_right(tx.connection()).await?;
        let sealed = user.totp_sealed.as_deref();
        let now = Some(self.clock.now());
        store::update_totp(tx.connection(), user.id, sealed, now).await?;
        let codes = self.renew_codes(&mut tx, user.id).await?;
        let session = self
            .factor_changed(&mut tx, context, caller, &user, true)
            .await?;
        self.commit(tx).await?;
        Ok((session, codes))
    }

    pub async fn disable_totp(
        &self,
        context: &Context,
        caller: &Caller,
        password: String,
        code: &str,
    ) -> Result<NewSession> {
        let user = self.prove(context, caller, password).await?;
        if user.totp_enabled_at.is_none() {
            return Err(Error::TotpOff);
        }
        let attempt = self.attempt(context, &user.email).await?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.prove_factor(tx.connection(), &user, code, true)
            .await?;
        attempt.was_right(tx.connection()).await?;
        store::update_totp(tx.connection(), user.id, None, None).await?;
        store::replace_recovery_codes(tx.connection(), user.id, &[]).await?;
        let session = self
            .factor_changed(&mut tx, context, caller, &user, false)
            .await?;
        self.commit(tx).await?;
        Ok(session)
    }

    pub async fn renew_recovery_codes(
        &self,
        context: &Context,
        caller: &Caller,
        password: String,
        code: &str,
    ) -> Result<Vec<String>> {
        let user = self.prove(context, caller, password).await?;
        if user.totp_enabled_at.is_none() {
            return Err(Error::TotpOff);
        }
        let attempt = self.attempt(context, &user.email).await?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.prove_factor(tx.connection(), &user, code, false)
            .await?;
        attempt.was_right(tx.connection()).await?;
        let codes = self.renew_codes(&mut tx, user.id).await?;
        tx.audit(context, "auth.renew_recovery_codes", user.id)
            .await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// Takes a code of the authenticator, or where that will do a recovery code; neither counts twice.
    pub(super) async fn prove_factor(
        &self,
        connection: &mut PgConnection,
        user: &store::User,
        code: &str,
        recovery_will_do: bool,
    ) -> Result<()> {
        let sealed = user.totp_sealed.as_deref().ok_or(Error::TotpOff)?;
        let context = seal_context(user.id);
        let secret = crypto::open_by(&self.kek, &context, sealed, "the secret of a second factor")?;
        let now = u64::try_from(self.clock.now().timestamp()).unwrap_or(0);
        let right = match totp::step_of(&secret, code, now, user.totp_last_step)? {
            Some(step) => store::claim_totp_step(connection, user.id, step).await?,
            None if recovery_will_do => {
                let hash = totp::recovery_hash(code);
                store::delete_recovery_code(connection, user.id, &hash).await?
            }
            None => false,
        };
        right.then_some(()).ok_or(Error::WrongCode)
    }

    async fn renew_codes(&self, tx: &mut TenantTx, user: Uuid) -> Result<Vec<String>> {
        let codes = totp::recovery_codes();
        let hashes: Vec<_> = codes.iter().map(|code| totp::recovery_hash(code)).collect();
        store::replace_recovery_codes(tx.connection(), user, &hashes).await?;
        Ok(codes)
    }

    /// Ends the other sessions, gives this one a new token, and tells the owner of the address.
    async fn factor_changed(
        &self,
        tx: &mut TenantTx,
        context: &Context,
        caller: &Caller,
        user: &store::User,
        enabled: bool,
    ) -> Result<NewSession> {
        let session = self.rotate(tx, context, caller).await?;
        let now = self.clock.now();
        let ended = store::update_all_sessions_revoked(tx, user.id, Some(session.id), now).await?;
        tell_ended(tx, ended).await?;
        let email = user.email.clone();
        self.post(tx.connection(), &Letter::SecondFactor { email, enabled })
            .await?;
        let action = if enabled {
            "auth.enable_totp"
        } else {
            "auth.disable_totp"
        };
        let operation = Operation::done(action, user.id);
        tx.record(context, operation.changed("totp", !enabled, enabled))
            .await?;
        Ok(session)
    }
}

fn seal_context(user: Uuid) -> String {
    format!("user|totp_sealed|{user}")
}
