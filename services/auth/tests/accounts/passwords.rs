//! Passwords: changed by whom knows them, reset by whom the address belongs to, hashed anew in time.

use platform::config::Argon2Cost;
use proto::auth::{
    ChangePasswordRequest, CreateApiKeyRequest, ListSessionsRequest, RequestPasswordResetRequest,
    ResetPasswordRequest, RevokeAllSessionsRequest, RevokeSessionRequest, Role,
};
use testkit::TestResult;
use tonic::Code;

use crate::support::{Auth, PASSWORD, anybody, code};

const NEW: &str = "another one for the test";

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_other_sessions_everywhere() -> TestResult {
    let mut auth = Auth::start().await?;
    let (first, context) = auth.verified("ada").await?;
    let other = auth.sign_in("ada", PASSWORD).await?;
    let created = auth
        .client
        .create_organization(
            &context,
            proto::auth::CreateOrganizationRequest {
                name: "Second".to_owned(),
            },
        )
        .await?;
    let there = auth.sign_in("ada", PASSWORD).await?;
    let switch = proto::auth::SwitchOrganizationRequest {
        organization_id: created.id,
    };
    let there = auth
        .client
        .switch_organization(&auth.with(&there.token).await?, switch)
        .await?;

    let change = |old: &str, new: &str| ChangePasswordRequest {
        old_password: old.to_owned(),
        new_password: new.to_owned(),
    };
    assert_eq!(
        code(
            auth.client
                .change_password(&context, change("wrong", NEW))
                .await
        ),
        Code::InvalidArgument
    );
    assert_eq!(
        code(
            auth.client
                .change_password(&context, change(PASSWORD, "short"))
                .await
        ),
        Code::InvalidArgument
    );
    assert!(
        !auth.is_dead(&first.token).await,
        "a refusal changes nothing"
    );
    let fresh = auth
        .client
        .change_password(&context, change(PASSWORD, NEW))
        .await?;
    for ended in [&first.token, &other.token, &there.token] {
        assert!(auth.is_dead(ended).await);
    }
    auth.with(&fresh.token).await?;
    assert_eq!(
        code(auth.sign_in("ada", PASSWORD).await),
        Code::Unauthenticated
    );
    auth.sign_in("ada", NEW).await?;
    auth.mail("ada", "Your ValutAI password was changed")
        .await?;
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_gives_an_unconfirmed_account_to_the_owner_of_the_address() -> TestResult {
    let mut auth = Auth::start().await?;
    let squatter = auth.sign_up("ada").await?;
    let context = auth.with(&squatter.token).await?;
    let key = CreateApiKeyRequest {
        name: "kept".to_owned(),
        role: Role::Owner.into(),
        days: 30,
    };
    let key = auth.client.create_api_key(&context, key).await?;
    let email = "ada@example.com".to_owned();
    auth.client
        .request_password_reset(&anybody(), RequestPasswordResetRequest { email })
        .await?;
    let token = auth.mailed("ada", "Set a new password").await?;
    let reset = |password: &str| ResetPasswordRequest {
        token: token.clone(),
        password: password.to_owned(),
    };
    assert_eq!(
        code(auth.client.reset_password(&anybody(), reset("short")).await),
        Code::InvalidArgument
    );
    auth.client.reset_password(&anybody(), reset(NEW)).await?;
    assert_eq!(
        code(auth.client.reset_password(&anybody(), reset(NEW)).await),
        Code::InvalidArgument,
        "a second time"
    );
    assert!(auth.is_dead(&squatter.token).await);
    assert!(auth.is_dead(&key.token).await);
    let owner = auth.sign_in("ada", NEW).await?;
    assert!(owner.identity.unwrap_or_default().email_verified);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_hashed_at_todays_cost_at_the_next_sign_in() -> TestResult {
    let cheap = Argon2Cost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };
    let mut auth = Auth::start_with(|accounts| accounts.argon2 = cheap).await?;
    auth.sign_up("ada").await?;
    let mut admin = auth.world.admin().await?;
    let query = "SELECT password_hash FROM auth.account";
    let before: String = sqlx::query_scalar(query).fetch_one(&mut admin).await?;
    assert!(
        before.starts_with("$argon2id$") && before.contains("m=64,t=1,p=1"),
        "{before}"
    );
    auth.world.stop().await;
    auth.world.launch.accounts.argon2 = Argon2Cost {
        memory_kib: 128,
        ..cheap
    };
    auth.world.start().await?;
    auth.sign_in("ada", PASSWORD).await?;
    let after: String = sqlx::query_scalar(query).fetch_one(&mut admin).await?;
    assert!(after.contains("m=128,t=1,p=1"), "{after}");
    auth.sign_in("ada", PASSWORD).await?;
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_ended_and_do_not_outlive_silence() -> TestResult {
    let mut auth = Auth::start().await?;
    let first = auth.sign_up("ada").await?;
    let second = auth.sign_in("ada", PASSWORD).await?;
    let context = auth.with(&first.token).await?;
    let list = || async {
        Ok::<_, tonic::Status>(
            auth.client
                .list_sessions(&context, ListSessionsRequest {})
                .await?
                .sessions,
        )
    };
    let sessions = list().await?;
    assert_eq!(sessions.len(), 2);
    assert_eq!(
        (
            sessions[0].user_agent.as_str(),
            sessions[0].address.as_str()
        ),
        ("a test", "192.0.2.1")
    );
    assert!(sessions[1].current && !sessions[0].current);
    auth.client
        .revoke_session(
            &context,
            RevokeSessionRequest {
                id: second.id.clone(),
            },
        )
        .await?;
    assert!(auth.is_dead(&second.token).await);
    let again = auth
        .client
        .revoke_session(&context, RevokeSessionRequest { id: second.id })
        .await;
    assert_eq!(code(again), Code::NotFound);

    let third = auth.sign_in("ada", PASSWORD).await?;
    let mut admin = auth.world.admin().await?;
    sqlx::query(
        "UPDATE auth.session SET last_used_at = now() - interval '8 days' WHERE id = $1::uuid",
    )
    .bind(&third.id)
    .execute(&mut admin)
    .await?;
    assert!(
        auth.is_dead(&third.token).await,
        "idle for longer than a week"
    );
    assert_eq!(list().await?.len(), 1);
    let all = RevokeAllSessionsRequest {
        including_current: true,
    };
    auth.client.revoke_all_sessions(&context, all).await?;
    assert!(auth.is_dead(&first.token).await);
    auth.world.stop().await;
    Ok(())
}
