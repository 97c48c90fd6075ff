//! Teams: invited by mail, never without an owner, and several of one person.

use proto::{
    auth::{
        AcceptInvitationRequest, ChangeMemberRoleRequest, InviteMemberRequest,
        LeaveOrganizationRequest, ListInvitationsRequest, ListMembersRequest,
        ListOrganizationsRequest, RemoveMemberRequest, Role, TransferOwnershipRequest,
    },
    rpc::Context,
};
use testkit::TestResult;
use tonic::Code;

use crate::support::{Auth, PASSWORD, anybody, code};

fn invitation(name: &str, role: Role) -> InviteMemberRequest {
    InviteMemberRequest {
        email: format!("{name}@example.com"),
        role: role.into(),
    }
}

fn acceptance(token: &str, password: &str) -> AcceptInvitationRequest {
    AcceptInvitationRequest {
        token: token.to_owned(),
        password: password.to_owned(),
        totp_code: String::new(),
    }
}

/// A new person in the organisation: the id, and the context of the session.
pub async fn join_as(
    auth: &Auth,
    owner: &Context,
    name: &str,
    role: Role,
) -> TestResult<(String, Context)> {
    auth.client
        .invite_member(owner, invitation(name, role))
        .await?;
    let token = auth.mailed(name, "Join").await?;
    let joined = auth
        .client
        .accept_invitation(&anybody(), acceptance(&token, PASSWORD))
        .await?;
    let context = auth.with(&joined.token).await?;
    Ok((joined.identity.unwrap_or_default().user_id, context))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whom_the_address_belongs_to_accepts() -> TestResult {
    let mut auth = Auth::start().await?;
    let (_, owner) = auth.verified("ada").await?;
    let (_, other) = auth.verified("eve").await?;
    auth.client
        .invite_member(&owner, invitation("grace", Role::Analyst))
        .await?;
    let token = auth.mailed("grace", "Join ada Ltd").await?;
    let by = |context: Context, password: &'static str| {
        let (auth, token) = (&auth, &token);
        async move {
            auth.client
                .accept_invitation(&context, acceptance(token, password))
                .await
        }
    };
    assert_eq!(
        code(by(other, "").await),
        Code::FailedPrecondition,
        "of another address"
    );
    let unconfirmed = auth.sign_up("grace").await?;
    let context = auth.with(&unconfirmed.token).await?;
    assert_eq!(
        code(by(context.clone(), "").await),
        Code::FailedPrecondition,
        "not confirmed"
    );
    assert_eq!(
        code(by(anybody(), "not the password").await),
        Code::Unauthenticated
    );
    let confirmation = auth.mailed("grace", "Confirm").await?;
    auth.verify(&confirmation, "").await?;
    let joined = by(context, "").await?;
    assert_eq!(
        joined
            .identity
            .clone()
            .unwrap_or_default()
            .organization_name,
        "ada Ltd"
    );
    assert!(
        auth.is_dead(&unconfirmed.token).await,
        "the session has moved"
    );
    let context = auth.with(&joined.token).await?;
    assert_eq!(
        code(by(context.clone(), "").await),
        Code::InvalidArgument,
        "a second time"
    );
    let mine = auth
        .client
        .list_organizations(&context, ListOrganizationsRequest {})
        .await?;
    let names: Vec<_> = mine
        .organizations
        .iter()
        .map(|o| (o.name.as_str(), o.role(), o.current))
        .collect();
    assert_eq!(
        names,
        [
            ("grace Ltd", Role::Owner, false),
            ("ada Ltd", Role::Analyst, true)
        ]
    );
    assert_eq!(
        code(
            auth.client
                .invite_member(&owner, invitation("grace", Role::Viewer))
                .await
        ),
        Code::AlreadyExists
    );

    auth.client
        .invite_member(&owner, invitation("late", Role::Viewer))
        .await?;
    let late = auth.mailed("late", "Join").await?;
    assert_eq!(
        auth.client
            .list_invitations(&owner, ListInvitationsRequest {})
            .await?
            .invitations
            .len(),
        1
    );
    let mut admin = auth.world.admin().await?;
    sqlx::query("UPDATE auth.invitation SET expires_at = now()")
        .execute(&mut admin)
        .await?;
    let outcome = auth
        .client
        .accept_invitation(&anybody(), acceptance(&late, PASSWORD))
        .await;
    assert_eq!(code(outcome), Code::InvalidArgument, "expired");
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays() -> TestResult {
    let mut auth = Auth::start().await?;
    let (reply, owner) = auth.verified("ada").await?;
    let me = || reply.id.clone();
    let demote = |user_id: String| ChangeMemberRoleRequest {
        user_id,
        role: Role::Viewer.into(),
    };
    assert_eq!(
        code(auth.client.change_member_role(&owner, demote(me())).await),
        Code::FailedPrecondition
    );
    assert_eq!(
        code(
            auth.client
                .remove_member(&owner, RemoveMemberRequest { user_id: me() })
                .await
        ),
        Code::FailedPrecondition
    );
    assert_eq!(
        code(
            auth.client
                .leave_organization(&owner, LeaveOrganizationRequest {})
                .await
        ),
        Code::FailedPrecondition
    );

    let (grace, _) = join_as(&auth, &owner, "grace", Role::Viewer).await?;
    let promote = ChangeMemberRoleRequest {
        user_id: grace.clone(),
        role: Role::Owner.into(),
    };
    auth.client.change_member_role(&owner, promote).await?;
    let second = auth.sign_in("grace", PASSWORD).await?;
    let second = auth.with(&second.token).await?;
    // Each takes the other's role away, at once: one of them has to stay.
    for round in 0..20 {
        let both = futures::future::join(
            auth.client
                .change_member_role(&owner, demote(grace.clone())),
            auth.client.change_member_role(&second, demote(me())),
        )
        .await;
        let refused = [&both.0, &both.1]
            .iter()
            .filter(|o| {
                o.as_ref()
                    .is_err_and(|s| s.code() == Code::FailedPrecondition)
            })
            .count();
        assert_eq!(refused, 1, "round {round}: {both:?}");
        let mut admin = auth.world.admin().await?;
        let owners: i64 =
            sqlx::query_scalar("SELECT count(*) FROM auth.member WHERE role = 'owner'")
                .fetch_one(&mut admin)
                .await?;
        assert_eq!(owners, 1, "round {round}");
        sqlx::query("UPDATE auth.member SET role = 'owner'")
            .execute(&mut admin)
            .await?;
    }
    let both = futures::future::join(
        auth.client.remove_member(
            &owner,
            RemoveMemberRequest {
                user_id: grace.clone(),
            },
        ),
        auth.client
            .remove_member(&second, RemoveMemberRequest { user_id: me() }),
    )
    .await;
    assert!(both.0.is_ok() != both.1.is_ok(), "{both:?}");
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_changes_ends_the_sessions_that_had_it() -> TestResult {
    let mut auth = Auth::start().await?;
    let (_, owner) = auth.verified("ada").await?;
    let (grace, _) = join_as(&auth, &owner, "grace", Role::Viewer).await?;
    let session = auth.sign_in("grace", PASSWORD).await?;
    let promote = ChangeMemberRoleRequest {
        user_id: grace.clone(),
        role: Role::Analyst.into(),
    };
    auth.client.change_member_role(&owner, promote).await?;
    assert!(auth.is_dead(&session.token).await);
    auth.client
        .transfer_ownership(&owner, TransferOwnershipRequest { user_id: grace })
        .await?;
    let new_owner = auth.sign_in("grace", PASSWORD).await?;
    assert_eq!(new_owner.identity.unwrap_or_default().role(), Role::Owner);
    let old_owner = auth.sign_in("ada", PASSWORD).await?;
    assert_eq!(old_owner.identity.unwrap_or_default().role(), Role::Analyst);
    let new_owner = auth.with(&new_owner.token).await?;
    assert_eq!(
        auth.client
            .list_members(&new_owner, ListMembersRequest {})
            .await?
            .members
            .len(),
        2
    );
    let context = auth.with(&old_owner.token).await?;
    auth.client
        .leave_organization(&context, LeaveOrganizationRequest {})
        .await?;
    assert!(auth.is_dead(&old_owner.token).await);
    assert_eq!(
        code(auth.sign_in("ada", PASSWORD).await),
        Code::FailedPrecondition,
        "belongs nowhere"
    );
    auth.world.stop().await;
    Ok(())
}
