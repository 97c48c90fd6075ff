//! Linking and unlinking by somebody who is signed in. A link needs an address that the provider has confirmed; it
//! need not be that of the account, since whoever is signed in may name another one of theirs.

use chrono::{DateTime, Utc};
use platform::audit::Operation;
use proto::rpc::{Caller, Context};

use super::{Answer, Begun, LINK, sign_in::linked};
use crate::{
    Error,
    commands::{Commands, Result},
    store,
};

/// A link, for whose it is.
#[derive(Debug)]
pub struct LinkShown {
    pub provider: String,
    /// Empty where the operator has taken the provider out.
    pub title: String,
    pub email: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Commands {
    pub async fn begin_provider_link(
        &self,
        caller: &Caller,
        name: &str,
        redirect_uri: &str,
    ) -> Result<Begun> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = self.person(&mut tx, caller).await?;
        tx.commit().await?;
        self.begin_flow(LINK, Some(user.id), name, redirect_uri)
            .await
    }

    pub async fn complete_provider_link(
        &self,
        context: &Context,
        caller: &Caller,
        answer: Answer,
    ) -> Result<LinkShown> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        tx.commit().await?;
        let found = self.redeem(LINK, Some(caller.user_id), answer).await?;
        found
            .profile
            .confirmed_email(&self.provider(&found.provider)?.settings)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = self.person(&mut tx, caller).await?;
        let link = self
            .insert_link(tx.connection(), user.id, &found, false)
            .await?;
        self.post_linked(&mut tx, &user.email, &found.provider, true)
            .await?;
        tx.record(context, linked("auth.link_provider", link.id, &found))
            .await?;
        self.commit(tx).await?;
        self.shown(link)
    }

    /// The links of a person, and whether there is a password as well.
    pub async fn list_provider_links(&self, caller: &Caller) -> Result<(Vec<LinkShown>, bool)> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = self.person(&mut tx, caller).await?;
        let links = store::list_links(tx.connection(), user.id).await?;
        tx.commit().await?;
        let shown = links.into_iter().map(|link| self.shown(link));
        Ok((shown.collect::<Result<_>>()?, user.password_hash.is_some()))
    }

    pub async fn unlink_provider(
        &self,
        context: &Context,
        caller: &Caller,
        name: &str,
    ) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        // Held, so that two at once cannot take the last two ways.
        let user = store::claim_user(tx.connection(), &self.addresses, caller.user_id).await?;
        let user = user.ok_or(Error::Session)?;
        let links = store::list_links(tx.connection(), user.id).await?;
        let link = links.iter().find(|link| link.provider == name);
        let link = link.ok_or(Error::Unknown("link"))?;
        // A provider that the operator has taken out lets nobody in.
        let has_other = links
            .iter()
            .any(|other| other.id != link.id && self.provider(&other.provider).is_ok());
        if user.password_hash.is_none() && !has_other {
            return Err(Error::LastWay);
        }
        store::delete_link(tx.connection(), user.id, name).await?;
        self.post_linked(&mut tx, &user.email, name, false).await?;
        let operation = Operation::done("auth.unlink_provider", link.id);
        tx.record(context, operation.changed("provider", name, ""))
            .await?;
        self.commit(tx).await
    }

    fn shown(&self, link: store::Link) -> Result<LinkShown> {
        let known = self.provider(&link.provider).ok();
        Ok(LinkShown {
            title: known.map_or_else(String::new, |p| p.settings.title.clone()),
            email: self.open_kept(&link)?.email.unwrap_or_default(),
            provider: link.provider,
            created_at: link.created_at,
            last_used_at: link.last_used_at,
        })
    }
}
