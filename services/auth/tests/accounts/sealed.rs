//! Addresses at rest: sealed, found again, and sealed at the start where they lie in the clear.

use proto::auth::{
    AcceptInvitationRequest, InviteMemberRequest, ListInvitationsRequest, ListMembersRequest, Role,
    SignUpRequest,
};
use sqlx::Executor as _;
use testkit::TestResult;
use tonic::Code;

use crate::support::{Auth, PASSWORD, anybody, code};

#[tokio::test(flavor = "multi_thread")]
async fn addresses_in_the_clear_are_sealed_at_the_start_and_found_as_before() -> TestResult {
    let mut auth = Auth::start().await?;
    let (_, owner) = auth.verified("ada").await?;
    let invitation = InviteMemberRequest {
        email: "grace@example.com".to_owned(),
        role: Role::Analyst.into(),
    };
    auth.client.invite_member(&owner, invitation).await?;
    let token = auth.mailed("grace", "Join").await?;
    auth.world.stop().await;

    let mut admin = auth.world.admin().await?;
    for (table, email) in [("user", "ada"), ("invitation", "grace")] {
        let before_sealing = format!(
            r#"UPDATE auth."{table}" SET email = '{email}@example.com', email_sealed = NULL, email_index = NULL"#
        );
        let done = admin.execute(sqlx::AssertSqlSafe(before_sealing)).await?;
        assert_eq!(done.rows_affected(), 1);
    }
    auth.world.start().await?;
    let in_the_clear: i64 = sqlx::query_scalar(
        r#"SELECT (SELECT count(*) FROM auth."user" WHERE email IS NOT NULL)
             + (SELECT count(*) FROM auth.invitation WHERE email IS NOT NULL)"#,
    )
    .fetch_one(&mut admin)
    .await?;
    assert_eq!(in_the_clear, 0);

    let signed_in = auth.sign_in("ada", PASSWORD).await?;
    let owner = auth.with(&signed_in.token).await?;
    let listed = auth
        .client
        .list_invitations(&owner, ListInvitationsRequest {})
        .await?;
    assert_eq!(listed.invitations[0].email, "grace@example.com");
    let again = SignUpRequest {
        email: "ADA@example.com".to_owned(),
        password: PASSWORD.to_owned(),
        organization_name: "Another".to_owned(),
    };
    assert_eq!(
        code(auth.client.sign_up(&anybody(), again).await),
        Code::AlreadyExists
    );
    let accept = AcceptInvitationRequest {
        token,
        password: PASSWORD.to_owned(),
        totp_code: String::new(),
    };
    auth.client.accept_invitation(&anybody(), accept).await?;
    let members = auth
        .client
        .list_members(&owner, ListMembersRequest {})
        .await?;
    let emails: Vec<&str> = members
        .members
        .iter()
        .map(|member| member.email.as_str())
        .collect();
    assert_eq!(emails, ["ada@example.com", "grace@example.com"]);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_replaced_by_the_next_to_the_same_address() -> TestResult {
    let mut auth = Auth::start().await?;
    let (_, owner) = auth.verified("ada").await?;
    for role in [Role::Viewer, Role::Analyst] {
        let request = InviteMemberRequest {
            email: "Grace@Example.com".to_owned(),
            role: role.into(),
        };
        auth.client.invite_member(&owner, request).await?;
    }
    let listed = auth
        .client
        .list_invitations(&owner, ListInvitationsRequest {})
        .await?;
    assert_eq!(listed.invitations.len(), 1);
    assert_eq!(listed.invitations[0].role(), Role::Analyst);
    let own = InviteMemberRequest {
        email: "ada@example.com".to_owned(),
        role: Role::Viewer.into(),
    };
    assert_eq!(
        code(auth.client.invite_member(&owner, own).await),
        Code::AlreadyExists
    );
    auth.world.stop().await;
    Ok(())
}
