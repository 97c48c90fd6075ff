//! Changing a password, and what else changes with it.

use platform::{TenantTx, audit::Operation};
use proto::rpc::{Caller, Context};
use uuid::Uuid;

use super::{Commands, NewSession, Result, tell_ended};
use crate::{
    domain::{letter::Letter, password},
    store,
};

impl Commands {
    pub async fn change_password(
        &self,
        context: &Context,
        caller: &Caller,
        old: String,
        new: String,
    ) -> Result<NewSession> {
        let user = self.prove(context, caller, old).await?;
        password::check(&new, &user.email)?;
        let hash = self.hasher.hash(new).await?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let session = self.rotate(&mut tx, context, caller).await?;
        self.set_password(&mut tx, &user, &hash, Some(session.id))
            .await?;
        let operation = Operation::done("auth.change_password", user.id);
        tx.record(context, operation.changed_unseen("password"))
            .await?;
        self.commit(tx).await?;
        Ok(session)
    }

    /// Stores a password, ends the sessions in every organisation but this one, voids tokens that are
    /// on their way, and tells the owner of the address.
    pub(super) async fn set_password(
        &self,
        tx: &mut TenantTx,
        user: &store::User,
        hash: &str,
        but: Option<Uuid>,
    ) -> Result<()> {
        let now = self.clock.now();
        store::update_password(tx.connection(), user.id, hash, now).await?;
        store::delete_verifications_of(tx.connection(), user.id).await?;
        let ended = store::update_all_sessions_revoked(tx, user.id, but, now).await?;
        tell_ended(tx, ended).await?;
        let letter = Letter::PasswordChanged {
            email: user.email.clone(),
        };
        self.post(tx.connection(), &letter).await
    }

    /// Gives an account whose address was never confirmed to whom the address belongs.
    pub(super) async fn take_over(&self, tx: &mut TenantTx, user: &store::User) -> Result<()> {
        let now = self.clock.now();
        store::update_email(tx.connection(), &self.addresses, user.id, &user.email, now).await?;
        store::update_totp(tx.connection(), user.id, None, None).await?;
        store::replace_recovery_codes(tx.connection(), user.id, &[]).await?;
        store::delete_links(tx.connection(), user.id).await?;
        let ended = store::update_all_keys_revoked(tx, user.id, now).await?;
        tell_ended(tx, ended).await
    }
}
