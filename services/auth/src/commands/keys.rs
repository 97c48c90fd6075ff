//! API keys of members, and service accounts, which are keys that belong to the organisation.

use chrono::TimeDelta;
use platform::audit::Operation;
use proto::{
    auth::Role,
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, Result, tell_ended};
use crate::{Error, domain, store};

/// Characters of a key that stay readable, its mark included.
const PREFIX_LENGTH: usize = 12;

/// A key just made; it is told once.
#[derive(Debug)]
pub struct NewKey {
    pub token: String,
    pub row: store::KeyRow,
}

impl Commands {
    pub async fn create_key(
        &self,
        context: &Context,
        caller: &Caller,
        name: &str,
        role: Role,
        days: u32,
    ) -> Result<NewKey> {
        if role as i32 > caller.role as i32 {
            return Err(Error::RoleAbove);
        }
        self.make_key(context, caller, Some(caller.user_id), name, role, days)
            .await
    }

    pub async fn create_service_account(
        &self,
        context: &Context,
        caller: &Caller,
        name: &str,
        role: Role,
        days: u32,
    ) -> Result<NewKey> {
        self.make_key(context, caller, None, name, role, days).await
    }

    async fn make_key(
        &self,
        context: &Context,
        caller: &Caller,
        user_id: Option<Uuid>,
        name: &str,
        role: Role,
        days: u32,
    ) -> Result<NewKey> {
        if !(1..=domain::KEY_DAYS_MAX).contains(&days) {
            return Err(Error::KeyDays(domain::KEY_DAYS_MAX));
        }
        let now = self.clock.now();
        let token = domain::new_token(domain::KEY_PREFIX);
        let row = store::KeyRow {
            id: Uuid::now_v7(),
            user_id,
            name: domain::key_name(name)?.to_owned(),
            role: domain::role_text(role)?.to_owned(),
            prefix: token.chars().take(PREFIX_LENGTH).collect(),
            created_at: now,
            expires_at: now + TimeDelta::days(days.into()),
            last_used_at: None,
        };
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        store::insert_key(&mut tx, &row, &domain::token_hash(&token)).await?;
        let action = match user_id {
            Some(_) => "auth.create_api_key",
            None => "auth.create_service_account",
        };
        let operation = Operation::done(action, row.id)
            .changed("role", "", &row.role)
            .changed("expires_at", "", row.expires_at.to_rfc3339());
        tx.record(context, operation).await?;
        tx.commit().await?;
        Ok(NewKey { token, row })
    }

    /// Keys of the caller, or the organisation's service accounts.
    pub async fn list_keys(&self, caller: &Caller, own: bool) -> Result<Vec<store::KeyRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = own.then_some(caller.user_id);
        let keys = store::list_keys(&mut tx, user, self.clock.now()).await?;
        tx.commit().await?;
        Ok(keys)
    }

    /// Ends a key of the caller, or a service account.
    pub async fn revoke_key(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
        own: bool,
    ) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        let user = own.then_some(caller.user_id);
        let ended = store::update_key_revoked(&mut tx, id, user, self.clock.now()).await?;
        let (action, what) = match own {
            true => ("auth.revoke_api_key", "API key"),
            false => ("auth.revoke_service_account", "service account"),
        };
        tell_ended(&mut tx, vec![ended.ok_or(Error::Unknown(what))?]).await?;
        tx.audit(context, action, id).await?;
        Ok(tx.commit().await?)
    }
}
