//! Links of somebody who is signed in: made, listed, ended; never the last way to sign in.

use proto::auth::{ProviderSignInNeed, RequestPasswordResetRequest, ResetPasswordRequest};
use testkit::{TestResult, openid::OpenIdProvider};
use tonic::Code;

use super::{settings_of, with_openid};
use crate::support::{Auth, PASSWORD, anybody, code};

#[tokio::test(flavor = "multi_thread")]
async fn links_are_made_listed_and_ended() -> TestResult {
    let Some((mut auth, _openid)) = with_openid().await? else {
        return Ok(());
    };
    let bob = auth.sign_up("bob").await?;
    let context = auth.with(&bob.token).await?;
    // Another address than the account's will do, since whoever is signed in names it.
    let link = auth.link(&context, "corp", "bobby").await??;
    let link = link.link.ok_or("no link")?;
    assert_eq!(
        (link.email.as_str(), link.title.as_str()),
        ("bobby@example.com", "The corp")
    );
    let listed = auth.links(&context).await?;
    assert_eq!(listed.links.len(), 1);
    assert!(listed.has_password && listed.links[0].last_used_at.is_none());
    auth.mail("bob", "The corp was linked").await?;
    let signed_in = auth.sign_in_with("corp", "bobby").await??;
    assert_eq!(signed_in.identity.unwrap_or_default().user_id, bob.id);
    assert!(auth.links(&context).await?.links[0].last_used_at.is_some());

    // One account there is for one account here, and one of a provider for each.
    let refused = auth.link(&context, "corp", "robert").await?;
    assert_eq!(code(refused), Code::AlreadyExists);
    let eve = auth.sign_up("eve").await?;
    let hers = auth.with(&eve.token).await?;
    let refused = auth.link(&hers, "corp", "bobby").await?;
    let refused = refused.err().ok_or("linked twice")?;
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert!(!refused.message().contains("bob@"), "{}", refused.message());

    // What one has begun another cannot complete, and a sign-in is no link.
    let begun_by_bob = auth.go_linking(&context, "corp", "eve").await?;
    assert_eq!(
        code(auth.complete_link(&hers, begun_by_bob).await),
        Code::InvalidArgument
    );
    let sign_in = auth.go("corp", "eve").await?;
    assert_eq!(
        code(auth.complete_link(&hers, sign_in).await),
        Code::InvalidArgument
    );
    assert!(auth.links(&hers).await?.links.is_empty());

    auth.unlink(&context, "corp").await?;
    assert_eq!(code(auth.unlink(&context, "corp").await), Code::NotFound);
    assert!(auth.links(&context).await?.links.is_empty());
    auth.mail("bob", "The corp was unlinked").await?;
    auth.recorded("auth.link_provider", 1, 1).await?;
    auth.recorded("auth.unlink_provider", 1, 1).await?;
    // Begun, and refused, by bob and by eve.
    auth.recorded("auth.begin_provider_link", 1, 4).await?;
    auth.recorded("auth.complete_provider_link", 2, 4).await?;
    auth.recorded("auth.unlink_provider", 2, 1).await?;
    // Whose address bobby's is, is nobody here any more.
    auth.sign_up_with("corp", "bobby").await?;
    auth.sign_in("bob", PASSWORD).await?;
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_way_to_sign_in_stays_also_when_two_are_ended_at_once() -> TestResult {
    let (Some(one), Some(other)) = (
        OpenIdProvider::start().await?,
        OpenIdProvider::start().await?,
    ) else {
        return Ok(());
    };
    let both = vec![settings_of("one", &one), settings_of("other", &other)];
    let mut auth = Auth::start_with(|accounts| accounts.providers = both).await?;
    let ada = auth.sign_up_with("one", "ada").await?;
    let context = auth.with(&ada.token).await?;
    assert_eq!(
        code(auth.unlink(&context, "one").await),
        Code::FailedPrecondition
    );
    auth.link(&context, "other", "ada").await??;
    let both = futures::future::join(auth.unlink(&context, "one"), auth.unlink(&context, "other"));
    let codes = both.await;
    let codes = [code(codes.0), code(codes.1)];
    assert!(
        codes.contains(&Code::Ok) && codes.contains(&Code::FailedPrecondition),
        "{codes:?}"
    );
    assert_eq!(auth.links(&context).await?.links.len(), 1);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_the_operator_took_out_is_no_way_to_sign_in() -> TestResult {
    let (Some(one), Some(other)) = (
        OpenIdProvider::start().await?,
        OpenIdProvider::start().await?,
    ) else {
        return Ok(());
    };
    let both = vec![settings_of("one", &one), settings_of("other", &other)];
    let mut auth = Auth::start_with(|accounts| accounts.providers = both.clone()).await?;
    let ada = auth.sign_up_with("one", "ada").await?;
    let context = auth.with(&ada.token).await?;
    auth.link(&context, "other", "ada").await??;
    auth.world.stop().await;
    auth.world.launch.accounts.providers.truncate(1);
    auth.world.start().await?;
    let listed = auth.links(&context).await?;
    let titles: Vec<_> = listed
        .links
        .iter()
        .map(|link| link.title.as_str())
        .collect();
    assert_eq!(titles, ["The one", ""]);
    assert_eq!(
        code(auth.unlink(&context, "one").await),
        Code::FailedPrecondition
    );
    auth.unlink(&context, "other").await?;
    auth.world.stop().await;
    Ok(())
}

/// Whoever signs up with somebody else's address, and links an own account, has no way in once the address is
/// claimed by whom it belongs to.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_goes_when_an_address_that_nobody_confirmed_is_claimed() -> TestResult {
    let Some((mut auth, _openid)) = with_openid().await? else {
        return Ok(());
    };
    let squatter = auth.sign_up("victim").await?;
    let context = auth.with(&squatter.token).await?;
    auth.link(&context, "corp", "mallory").await??;
    let reset = RequestPasswordResetRequest {
        email: "victim@example.com".to_owned(),
    };
    auth.client
        .request_password_reset(&anybody(), reset)
        .await?;
    let reset = ResetPasswordRequest {
        token: auth.mailed("victim", "Set a new password").await?,
        password: "another password of the test".to_owned(),
    };
    auth.client.reset_password(&anybody(), reset).await?;
    let back = auth.sign_in_with("corp", "mallory").await??;
    assert_eq!(back.need(), ProviderSignInNeed::OrganizationName);
    let victim = auth
        .sign_in("victim", "another password of the test")
        .await?;
    let context = auth.with(&victim.token).await?;
    assert!(auth.links(&context).await?.links.is_empty());
    auth.world.stop().await;
    Ok(())
}
