//! API keys never may more than their member, and service accounts belong to nobody.

use proto::auth::{
    ChangeMemberRoleRequest, CreateApiKeyRequest, CreateServiceAccountRequest, ListApiKeysRequest,
    ListServiceAccountsRequest, RemoveMemberRequest, RevokeApiKeyRequest,
    RevokeServiceAccountRequest, Role, WhoAmIRequest,
};
use testkit::TestResult;
use tonic::Code;

use crate::{
    support::{Auth, code},
    team::join_as,
};

fn key(role: Role) -> CreateApiKeyRequest {
    CreateApiKeyRequest {
        name: "nightly".to_owned(),
        role: role.into(),
        days: 30,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_what_its_member_may() -> TestResult {
    let mut auth = Auth::start().await?;
    let (_, owner) = auth.verified("ada").await?;
    let (member, analyst) = join_as(&auth, &owner, "grace", Role::Analyst).await?;
    assert_eq!(
        code(auth.client.create_api_key(&analyst, key(Role::Owner)).await),
        Code::InvalidArgument
    );
    for days in [0, 367] {
        let request = CreateApiKeyRequest {
            days,
            ..key(Role::Viewer)
        };
        assert_eq!(
            code(auth.client.create_api_key(&analyst, request).await),
            Code::InvalidArgument
        );
    }
    let made = auth
        .client
        .create_api_key(&analyst, key(Role::Analyst))
        .await?;
    assert!(made.token.starts_with("vlt_"));
    let by_key = auth.with(&made.token).await?;
    let caller = by_key.caller()?;
    assert_eq!(
        (caller.role, caller.user_id),
        (Role::Analyst, analyst.caller()?.user_id)
    );
    assert_eq!(
        code(auth.client.create_api_key(&by_key, key(Role::Viewer)).await),
        Code::FailedPrecondition,
        "a key makes no keys"
    );

    let listed = auth
        .client
        .list_api_keys(&analyst, ListApiKeysRequest {})
        .await?
        .api_keys;
    assert!(listed[0].last_used_at.is_some() && made.token.starts_with(&listed[0].prefix));
    auth.with(&made.token).await?;
    let again = auth
        .client
        .list_api_keys(&analyst, ListApiKeysRequest {})
        .await?
        .api_keys;
    assert_eq!(
        listed[0].last_used_at, again[0].last_used_at,
        "a use is noted once a minute"
    );
    let mut admin = auth.world.admin().await?;
    let stored: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM auth.api_key k WHERE k::text LIKE '%' || $1 || '%'",
    )
    .bind(&made.token)
    .fetch_one(&mut admin)
    .await?;
    assert_eq!(stored, 0);

    let lower = ChangeMemberRoleRequest {
        user_id: member.clone(),
        role: Role::Viewer.into(),
    };
    auth.client.change_member_role(&owner, lower).await?;
    assert_eq!(auth.with(&made.token).await?.caller()?.role, Role::Viewer);
    auth.client
        .remove_member(&owner, RemoveMemberRequest { user_id: member })
        .await?;
    assert!(auth.is_dead(&made.token).await);

    let own = auth.client.create_api_key(&owner, key(Role::Owner)).await?;
    auth.client
        .revoke_api_key(&owner, RevokeApiKeyRequest { id: own.id.clone() })
        .await?;
    assert!(auth.is_dead(&own.token).await);
    let again = auth
        .client
        .revoke_api_key(&owner, RevokeApiKeyRequest { id: own.id })
        .await;
    assert_eq!(code(again), Code::NotFound);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_is_nobodys() -> TestResult {
    let mut auth = Auth::start().await?;
    let (_, owner) = auth.verified("ada").await?;
    let request = CreateServiceAccountRequest {
        name: "erp".to_owned(),
        role: Role::Analyst.into(),
        days: 90,
    };
    let made = auth.client.create_service_account(&owner, request).await?;
    let context = auth.with(&made.token).await?;
    assert_eq!(context.caller()?.user_id.to_string(), made.id);
    let who = auth
        .client
        .who_am_i(&context, WhoAmIRequest {})
        .await?
        .identity
        .unwrap_or_default();
    assert_eq!(
        (who.service_account.as_str(), who.email.as_str()),
        ("erp", "")
    );
    let listed = auth
        .client
        .list_service_accounts(&owner, ListServiceAccountsRequest {})
        .await?;
    assert_eq!(listed.service_accounts.len(), 1);
    assert!(
        auth.client
            .list_api_keys(&owner, ListApiKeysRequest {})
            .await?
            .api_keys
            .is_empty()
    );
    auth.client
        .revoke_service_account(&owner, RevokeServiceAccountRequest { id: made.id })
        .await?;
    assert!(auth.is_dead(&made.token).await);
    auth.world.stop().await;
    Ok(())
}
