//! Sessions: listed, ended, and resolved for the gateways, together with API keys.

use chrono::{DateTime, TimeDelta, Utc};
use proto::{
    auth::Role,
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, Result, span, tell_ended};
use crate::{Error, domain, store};

/// A use is noted when the last one was noted longer ago than this.
const USE_NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

impl Commands {
    pub async fn list_sessions(&self, caller: &Caller) -> Result<Vec<store::SessionRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let now = self.clock.now();
        let idle_since = now - span(self.settings.session_idle);
        let sessions = store::list_sessions(&mut tx, caller.user_id, now, idle_since).await?;
        tx.commit().await?;
        Ok(sessions)
    }

    pub async fn revoke_session(&self, context: &Context, caller: &Caller, id: Uuid) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        let now = self.clock.now();
        let ended = store::update_session_revoked(&mut tx, id, caller.user_id, now).await?;
        tell_ended(&mut tx, vec![ended.ok_or(Error::Unknown("session"))?]).await?;
        tx.audit(context, "auth.revoke_session", id).await?;
        Ok(tx.commit().await?)
    }

    pub async fn revoke_all_sessions(
        &self,
        context: &Context,
        caller: &Caller,
        including_current: bool,
    ) -> Result<usize> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = self.person(&mut tx, caller).await?;
        let but = (!including_current).then_some(caller.session_id);
        let now = self.clock.now();
        let ended = store::update_all_sessions_revoked(&mut tx, user.id, but, now).await?;
        let count = ended.len();
        tell_ended(&mut tx, ended).await?;
        tx.audit(context, "auth.revoke_all_sessions", user.id)
            .await?;
        tx.commit().await?;
        Ok(count)
    }

    /// Resolves a token to its caller, with the role as it is now.
    pub async fn authenticate(&self, token: &str) -> Result<(Caller, DateTime<Utc>)> {
        let now = self.clock.now();
        let is_key = token.starts_with(domain::KEY_PREFIX);
        let hash = domain::token_hash(token);
        let mut tx = self.database.begin_any().await?;
        let found = if is_key {
            store::find_open_key(&mut tx, &hash, now).await?
        } else {
            let idle_since = now - span(self.settings.session_idle);
            store::find_open_session(&mut tx, &hash, now, idle_since).await?
        };
        tx.commit().await.map_err(platform::Error::from)?;
        let open = found.ok_or(Error::Session)?;
        let mut tx = self.database.begin(open.tenant_id).await?;
        let member_role = match open.user_id {
            Some(user) => {
                let role = store::find_member_role(&mut tx, user).await?;
                Some(domain::role_of(&role.ok_or(Error::Session)?))
            }
            None => None,
        };
        let before = now - USE_NOTED_EVERY;
        if open.last_used_at.is_none_or(|used| used < before) {
            match is_key {
                true => store::update_key_used(&mut tx, open.id, now, before).await?,
                false => store::update_session_used(&mut tx, open.id, now, before).await?,
            }
        }
        tx.commit().await?;
        let own_role = open.role.as_deref().map(domain::role_of);
        let caller = Caller {
            user_id: open.user_id.unwrap_or(open.id),
            tenant_id: open.tenant_id,
            role: lower(member_role, own_role),
            session_id: open.id,
        };
        // An idle session ends earlier than it would in use; a gateway asks again long before that.
        Ok((caller, open.expires_at))
    }
}

/// A key of a member who may less by now may less, too.
fn lower(one: Option<Role>, other: Option<Role>) -> Role {
    let both = one.into_iter().chain(other);
    both.min_by_key(|role| *role as i32)
        .unwrap_or(Role::Unspecified)
}
