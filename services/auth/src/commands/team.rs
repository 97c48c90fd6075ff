//! Members of an organisation: roles, and how people go. Whoever changes owners holds the
//! organisation's row, so that two at once cannot leave it without one.

use platform::config::SignUpMode;
use platform::{TenantTx, audit::Operation};
use proto::{
    access::role_name,
    auth::{AccessChanged, MemberAdded, Role},
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, Result};
use crate::{
    Error,
    domain::{self, Email, password},
    store,
};

impl Commands {
    pub async fn list_members(&self, caller: &Caller) -> Result<Vec<store::MemberRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let members = store::list_members(&mut tx, &self.addresses).await?;
        tx.commit().await?;
        Ok(members)
    }

    /// For clients of the time before invitations.
    pub async fn add_member(
        &self,
        context: &Context,
        caller: &Caller,
        email: &str,
        password: String,
        role: Role,
    ) -> Result<store::MemberRow> {
        if self.settings.sign_up == SignUpMode::Confirmed {
            return Err(Error::InviteInstead);
        }
        let (email, role) = (Email::parse(email)?, domain::role_text(role)?);
        password::check(&password, email.as_str())?;
        let hash = self.hasher.hash(password).await?;
        let (user_id, now) = (Uuid::now_v7(), self.clock.now());
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let connection = tx.connection();
        if !store::insert_user(
            connection,
            &self.addresses,
            user_id,
            email.as_str(),
            None,
            Some(&hash),
            now,
        )
        .await?
        {
            return Err(Error::EmailTaken);
        }
        self.post_verification(&mut tx, user_id, email.as_str())
            .await?;
        join(&mut tx, user_id, role, now).await?;
        let operation = Operation::done("auth.add_member", user_id).changed("role", "none", role);
        tx.record(context, operation).await?;
        self.commit(tx).await?;
        Ok(store::MemberRow {
            user_id,
            email: email.as_str().to_owned(),
            role: role.to_owned(),
            created_at: now,
        })
    }

    pub async fn change_member_role(
        &self,
        context: &Context,
        caller: &Caller,
        user: Uuid,
        role: Role,
    ) -> Result<()> {
        let text = domain::role_text(role)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let before = member_to_change(&mut tx, user).await?;
        if before == role {
            return Ok(tx.commit().await?);
        }
        if before == Role::Owner {
            require_other_owner(&mut tx, user).await?;
        }
        store::update_member_role(&mut tx, user, text).await?;
        self.access_changed(&mut tx, user, role).await?;
        let operation = Operation::done("auth.change_member_role", user).changed(
            "role",
            role_name(before),
            role_name(role),
        );
        tx.record(context, operation).await?;
        Ok(tx.commit().await?)
    }

    pub async fn remove_member(
        &self,
        context: &Context,
        caller: &Caller,
        user: Uuid,
    ) -> Result<()> {
        self.end_membership(context, caller, user, "auth.remove_member")
            .await
    }

    pub async fn leave(&self, context: &Context, caller: &Caller) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        tx.commit().await?;
        self.end_membership(context, caller, caller.user_id, "auth.leave_organization")
            .await
    }

    async fn end_membership(
        &self,
        context: &Context,
        caller: &Caller,
        user: Uuid,
        action: &str,
    ) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let before = member_to_change(&mut tx, user).await?;
        if before == Role::Owner {
            require_other_owner(&mut tx, user).await?;
        }
        store::delete_member(&mut tx, user).await?;
        self.access_changed(&mut tx, user, Role::Unspecified)
            .await?;
        let gone = role_name(Role::Unspecified);
        let operation = Operation::done(action, user).changed("role", role_name(before), gone);
        tx.record(context, operation).await?;
        Ok(tx.commit().await?)
    }

    pub async fn transfer_ownership(
        &self,
        context: &Context,
        caller: &Caller,
        user: Uuid,
    ) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        if user == caller.user_id {
            return Err(Error::MemberAlready);
        }
        let before = member_to_change(&mut tx, user).await?;
        // As it is now, not as the gateway remembers it.
        if member_to_change(&mut tx, caller.user_id).await? != Role::Owner {
            return Err(Error::Unknown("owner"));
        }
        for (member, role) in [(user, Role::Owner), (caller.user_id, Role::Analyst)] {
            store::update_member_role(&mut tx, member, domain::role_text(role)?).await?;
            self.access_changed(&mut tx, member, role).await?;
        }
        let operation = Operation::done("auth.transfer_ownership", user)
            .changed("role", role_name(before), role_name(Role::Owner))
            .changed(
                "role of the owner before",
                role_name(Role::Owner),
                role_name(Role::Analyst),
            );
        tx.record(context, operation).await?;
        Ok(tx.commit().await?)
    }

    /// Ends the member's sessions, and without a role the keys too, and tells the gateways.
    async fn access_changed(&self, tx: &mut TenantTx, user: Uuid, role: Role) -> Result<()> {
        let is_gone = role == Role::Unspecified;
        store::update_member_revoked(tx, user, is_gone, self.clock.now()).await?;
        let event = AccessChanged {
            user_id: user.to_string(),
            role: role.into(),
        };
        Ok(tx.publish(&event).await?)
    }
}

/// Makes a user a member, and tells it.
pub async fn join(
    tx: &mut TenantTx,
    user: Uuid,
    role: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<()> {
    if !store::insert_member(tx, user, role, now).await? {
        return Err(Error::MemberAlready);
    }
    let event = MemberAdded {
        user_id: user.to_string(),
        role: domain::role_of(role).into(),
    };
    Ok(tx.publish(&event).await?)
}

/// The role of a member, with the organisation held until the end of the transaction.
async fn member_to_change(tx: &mut TenantTx, user: Uuid) -> Result<Role> {
    store::claim_organization(tx)
        .await?
        .ok_or(Error::NoOrganization)?;
    let role = store::find_member_role(tx, user).await?;
    Ok(domain::role_of(&role.ok_or(Error::Unknown("member"))?))
}

async fn require_other_owner(tx: &mut TenantTx, user: Uuid) -> Result<()> {
    let has = store::has_other_owner(tx, user).await?;
    has.then_some(()).ok_or(Error::LastOwner)
}
