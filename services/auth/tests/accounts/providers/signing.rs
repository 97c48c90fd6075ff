//! Who signs up and in: with a new address, with the address of an account, with a second factor.

use proto::auth::{
    BeginTotpRequest, ConfirmTotpRequest, ProviderSignInNeed, RequestPasswordResetRequest,
    ResetPasswordRequest, WhoAmIRequest,
};
use testkit::TestResult;
use tonic::Code;

use super::with_openid;
use crate::{
    support::{PASSWORD, anybody, code},
    totp::shown,
};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_signs_up_and_in_again() -> TestResult {
    let Some((mut auth, _openid)) = with_openid().await? else {
        return Ok(());
    };
    let first = auth.sign_in_with("corp", "ada").await??;
    assert_eq!(first.need(), ProviderSignInNeed::OrganizationName);
    assert_eq!(first.email, "ada@example.com");
    assert!(first.token.is_empty() && first.identity.is_none());
    let pending = first.pending_token;
    let nameless = auth.go_on(&pending, |_| {}).await;
    assert_eq!(code(nameless), Code::InvalidArgument);
    let named = |request: &mut proto::auth::ContinueProviderSignInRequest| {
        request.organization_name = "Ada Ltd".to_owned();
    };
    let opened = auth.go_on(&pending, named).await?;
    let who = opened.identity.ok_or("nobody")?;
    assert_eq!(
        (who.email.as_str(), who.email_verified),
        ("ada@example.com", true)
    );
    assert_eq!(
        code(auth.go_on(&pending, named).await),
        Code::InvalidArgument,
        "twice"
    );

    let again = auth.sign_in_with("corp", "ada").await??;
    assert_eq!(again.need(), ProviderSignInNeed::Unspecified);
    assert!(again.pending_token.is_empty());
    let context = auth.with(&again.token).await?;
    let same = auth.client.who_am_i(&context, WhoAmIRequest {}).await?;
    assert_eq!(same.identity.unwrap_or_default().user_id, who.user_id);
    auth.recorded("auth.sign_up", 1, 1).await?;
    auth.recorded("auth.link_provider", 1, 1).await?;
    auth.recorded("auth.sign_in", 1, 1).await?;

    // Where a password is needed there is none, until one is set by mail.
    let begin = BeginTotpRequest {
        password: PASSWORD.to_owned(),
    };
    let refused = auth.client.begin_totp(&context, begin.clone()).await;
    assert_eq!(code(refused), Code::FailedPrecondition);
    assert!(!auth.links(&context).await?.has_password);
    assert_eq!(
        code(auth.unlink(&context, "corp").await),
        Code::FailedPrecondition,
        "the last way"
    );
    let reset = RequestPasswordResetRequest {
        email: "ada@example.com".to_owned(),
    };
    auth.client
        .request_password_reset(&anybody(), reset)
        .await?;
    let reset = ResetPasswordRequest {
        token: auth.mailed("ada", "Set a new password").await?,
        password: PASSWORD.to_owned(),
    };
    auth.client.reset_password(&anybody(), reset).await?;
    let by_password = auth.sign_in("ada", PASSWORD).await?;
    let context = auth.with(&by_password.token).await?;
    assert!(auth.links(&context).await?.has_password);
    auth.client.begin_totp(&context, begin).await?;
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_linked_by_its_password_and_not_by_its_address_alone() -> TestResult {
    let Some((mut auth, _openid)) = with_openid().await? else {
        return Ok(());
    };
    let before = auth.sign_up("bob").await?;
    let first = auth.sign_in_with("corp", "bob").await??;
    assert_eq!(first.need(), ProviderSignInNeed::Password);
    assert!(first.token.is_empty());
    let pending = first.pending_token;
    let by = |password: &'static str| {
        let (auth, pending) = (&auth, &pending);
        async move {
            let password = password.to_owned();
            auth.go_on(pending, |request| request.password = password)
                .await
        }
    };
    assert_eq!(code(by("not the password").await), Code::Unauthenticated);
    assert_eq!(code(by("").await), Code::Unauthenticated);
    let context = auth.with(&before.token).await?;
    assert!(auth.links(&context).await?.links.is_empty());
    let opened = by(PASSWORD).await?;
    assert_eq!(opened.identity.unwrap_or_default().user_id, before.id);
    auth.mail("bob", "The corp was linked").await?;
    auth.recorded("auth.link_provider", 1, 1).await?;
    auth.recorded("auth.sign_in", 2, 2).await?;
    let again = auth.sign_in_with("corp", "bob").await??;
    assert_eq!(again.identity.unwrap_or_default().user_id, before.id);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_confirmed_opens_and_links_nothing() -> TestResult {
    let Some((mut auth, openid)) = with_openid().await? else {
        return Ok(());
    };
    let carol = auth.sign_up("carol").await?;
    let refused = auth.sign_in_with("corp", "unverified-carol").await?;
    assert_eq!(code(refused), Code::FailedPrecondition);
    let context = auth.with(&carol.token).await?;
    let refused = auth.link(&context, "corp", "unverified-carol").await?;
    assert_eq!(code(refused), Code::FailedPrecondition);
    // The same for an address that nobody has: the answer tells nothing.
    let stranger = auth.sign_in_with("corp", "unverified-nobody").await?;
    let said = |status: Option<tonic::Status>| status.map(|s| s.message().to_owned());
    let refused = auth.sign_in_with("corp", "unverified-carol").await?;
    assert_eq!(said(stranger.err()), said(refused.err()));
    assert!(auth.links(&context).await?.links.is_empty());
    auth.world.stop().await;

    // Unless the operator says that the provider's addresses count.
    let mut corp = super::settings_of("corp", &openid);
    corp.trust_email = true;
    let mut trusting =
        crate::support::Auth::start_with(|accounts| accounts.providers = vec![corp]).await?;
    trusting.sign_up_with("corp", "unverified-carol").await?;
    trusting.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_as_well() -> TestResult {
    let Some((mut auth, _openid)) = with_openid().await? else {
        return Ok(());
    };
    let reply = auth.sign_up("dora").await?;
    let context = auth.with(&reply.token).await?;
    let begin = BeginTotpRequest {
        password: PASSWORD.to_owned(),
    };
    let secret = auth.client.begin_totp(&context, begin).await?.secret;
    let confirm = ConfirmTotpRequest {
        code: shown(&secret, 0)?,
    };
    let on = auth.client.confirm_totp(&context, confirm).await?;

    // Linking by the password needs it.
    let first = auth.sign_in_with("corp", "dora").await??;
    let pending = first.pending_token;
    let by = |code: String| {
        let (auth, pending) = (&auth, &pending);
        async move {
            auth.go_on(pending, |request| {
                request.password = PASSWORD.to_owned();
                request.totp_code = code;
            })
            .await
        }
    };
    assert_eq!(code(by(String::new()).await), Code::FailedPrecondition);
    assert_eq!(code(by("000000".to_owned()).await), Code::InvalidArgument);
    by(on.recovery_codes[0].clone()).await?;

    // So does every sign-in with the link.
    let first = auth.sign_in_with("corp", "dora").await??;
    assert_eq!(first.need(), ProviderSignInNeed::TotpCode);
    assert!(first.token.is_empty() && first.identity.is_none());
    let pending = first.pending_token;
    let by = |code: String| {
        let (auth, pending) = (&auth, &pending);
        async move {
            auth.go_on(pending, |request| request.totp_code = code)
                .await
        }
    };
    assert_eq!(code(by(String::new()).await), Code::FailedPrecondition);
    assert_eq!(
        code(by(on.recovery_codes[0].clone()).await),
        Code::InvalidArgument,
        "used up"
    );
    by(on.recovery_codes[1].clone()).await?;
    assert_eq!(
        code(by(on.recovery_codes[2].clone()).await),
        Code::InvalidArgument,
        "twice"
    );
    auth.recorded("auth.sign_in", 2, 4).await?;
    auth.world.stop().await;
    Ok(())
}
