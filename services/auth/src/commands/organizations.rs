//! Several organisations of one person, and the end of one.

use chrono::{DateTime, TimeDelta, Utc};
use platform::audit::Operation;
use proto::{
    auth::{AccessChanged, OrganizationDeleted},
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{
    Commands, NewSession, Result, acting_as, span, tell_ended,
    verify::{DELETION, Wish},
};
use crate::{
    Error,
    domain::{self, letter::Letter},
    store,
};

/// When the other services are told once more that an organisation is gone.
const TOLD_AGAIN_AFTER: TimeDelta = TimeDelta::hours(1);

impl Commands {
    pub async fn list_organizations(&self, caller: &Caller) -> Result<Vec<store::Membership>> {
        let mut tx = self.database.begin_any().await?;
        let memberships = store::list_memberships(&mut tx, caller.user_id).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        Ok(memberships)
    }

    pub async fn create_organization(
        &self,
        context: &Context,
        caller: &Caller,
        name: &str,
    ) -> Result<Uuid> {
        let name = domain::organization_name(name)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let user = self.person(&mut tx, caller).await?;
        tx.commit().await?;
        let mut tx = self.database.begin(Uuid::now_v7()).await?;
        self.create_organization_for(&mut tx, user.id, name).await?;
        let tenant = tx.tenant();
        tx.audit(context, "auth.create_organization", tenant)
            .await?;
        tx.commit().await?;
        Ok(tenant)
    }

    pub async fn switch_organization(
        &self,
        context: &Context,
        caller: &Caller,
        tenant: Uuid,
    ) -> Result<(NewSession, store::Names)> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        tx.commit().await?;
        let mut tx = self.database.begin(tenant).await?;
        let role = store::find_member_role(&mut tx, caller.user_id).await?;
        let role = domain::role_of(&role.ok_or(Error::NoOrganization)?);
        let now = self.clock.now();
        let ended =
            store::update_session_revoked(&mut tx, caller.session_id, caller.user_id, now).await?;
        let ended = ended.ok_or(Error::SessionNeeded)?;
        tell_ended(&mut tx, vec![ended]).await?;
        let session = self
            .open_session(&mut tx, context, caller.user_id, role)
            .await?;
        let names = self.identity(&mut tx, caller.user_id).await?;
        let context = acting_as(context, session.caller());
        tx.audit(&context, "auth.switch_organization", tenant)
            .await?;
        tx.commit().await?;
        Ok((session, names))
    }

    pub async fn request_deletion(
        &self,
        context: &Context,
        caller: &Caller,
        name: &str,
        password: String,
    ) -> Result<()> {
        self.require_mail()?;
        let user = self.prove(context, caller, password).await?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let organization = store::claim_organization(&mut tx).await?;
        let organization = organization.ok_or(Error::NoOrganization)?.name;
        if name.trim() != organization {
            return Err(Error::OtherName);
        }
        let wish = Wish::Deletion(caller.tenant_id);
        let connection = tx.connection();
        let token = self
            .give_token(
                connection,
                DELETION,
                Some(user.id),
                &wish,
                TimeDelta::hours(1),
            )
            .await?;
        let letter = Letter::Deletion {
            email: user.email,
            organization,
            token,
        };
        self.post(connection, &letter).await?;
        tx.audit(context, "auth.ask_organization_deletion", caller.tenant_id)
            .await?;
        self.commit(tx).await
    }

    pub async fn confirm_deletion(
        &self,
        context: &Context,
        caller: &Caller,
        token: &str,
    ) -> Result<DateTime<Utc>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        let (user, wish) = self.take_token(tx.connection(), DELETION, token).await?;
        let is_ours = matches!(wish, Wish::Deletion(tenant) if tenant == caller.tenant_id);
        if !is_ours || user != Some(caller.user_id) {
            return Err(Error::MailToken);
        }
        let organization = store::claim_organization(&mut tx).await?;
        let organization = organization.ok_or(Error::NoOrganization)?.name;
        let at = self.clock.now() + span(self.settings.deletion_grace);
        store::update_organization_end(&mut tx, Some(at)).await?;
        for member in store::list_members(&mut tx, &self.addresses).await? {
            if member.role == "owner" {
                let letter = Letter::DeletionSet {
                    email: member.email,
                    organization: organization.clone(),
                    at,
                };
                self.post(tx.connection(), &letter).await?;
            }
        }
        let operation = Operation::done("auth.delete_organization", caller.tenant_id);
        tx.record(
            context,
            operation.changed("deleted_at", "", at.to_rfc3339()),
        )
        .await?;
        self.commit(tx).await?;
        self.bells.endings.notify_one();
        Ok(at)
    }

    pub async fn cancel_deletion(&self, context: &Context, caller: &Caller) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let organization = store::claim_organization(&mut tx).await?;
        let organization = organization.ok_or(Error::NoOrganization)?;
        let at = organization.delete_at.ok_or(Error::NoDeletion)?;
        store::update_organization_end(&mut tx, None).await?;
        let operation = Operation::done("auth.keep_organization", caller.tenant_id);
        tx.record(
            context,
            operation.changed("deleted_at", at.to_rfc3339(), ""),
        )
        .await?;
        Ok(tx.commit().await?)
    }

    /// Ends the organisations whose time has come; answers how many.
    pub async fn end_organizations(&self) -> Result<usize> {
        let now = self.clock.now();
        let mut tx = self.database.begin_any().await?;
        let ending = store::list_ending(&mut tx, now).await?;
        let erased = store::list_erased(&mut tx, now - TOLD_AGAIN_AFTER).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let mut ended = 0;
        for tenant in ending {
            ended += usize::from(self.end_organization(tenant).await?);
        }
        for tenant in erased {
            let mut tx = self.database.begin(tenant).await?;
            if store::delete_erased(&mut tx).await? {
                tx.publish(&deleted(tenant)).await?;
                tx.commit().await?;
            }
        }
        Ok(ended)
    }

    /// Deletes everything that auth has of an organisation, its key first of all, and tells the others.
    async fn end_organization(&self, tenant: Uuid) -> Result<bool> {
        let now = self.clock.now();
        let mut tx = self.database.begin(tenant).await?;
        let organization = store::claim_organization(&mut tx).await?;
        // Taken back, or ended by another replica, since it was listed.
        if organization
            .and_then(|found| found.delete_at)
            .is_none_or(|at| at > now)
        {
            return Ok(false);
        }
        let readers = store::list_stream_credentials(&mut tx, now).await?;
        tx.erase_tenant().await?;
        store::insert_erased(&mut tx, now).await?;
        tx.publish(&AccessChanged::default()).await?;
        tx.publish(&deleted(tenant)).await?;
        tx.commit().await?;
        // What is left after a failure is found by whatever keeps readers in step with credentials.
        for reader in readers {
            self.bus
                .delete_reader(domain::streams::DOMAIN, &reader.login)
                .await?;
        }
        tracing::info!(%tenant, "an organisation has come to its end");
        Ok(true)
    }
}

fn deleted(tenant: Uuid) -> OrganizationDeleted {
    OrganizationDeleted {
        organization_id: tenant.to_string(),
    }
}
