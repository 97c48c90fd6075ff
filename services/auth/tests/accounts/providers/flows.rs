//! A flow counts once, in time, for whom it was begun, and only by an answer that holds in every part.

use proto::auth::{BeginProviderSignInRequest, ProviderSignInNeed, VerifyEmailRequest};
use testkit::{
    TestResult,
    openid::{Browser, OpenIdProvider},
};
use tonic::Code;

use super::{Back, REDIRECT, settings_of, with_openid};
use crate::support::{Auth, anybody, code};

fn copy(back: &Back) -> Back {
    Back {
        flow_token: back.flow_token.clone(),
        state: back.state.clone(),
        code: back.code.clone(),
        iss: back.iss.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_counts_once_and_for_whom_it_was_begun() -> TestResult {
    let Some((mut auth, _openid)) = with_openid().await? else {
        return Ok(());
    };
    let ada = auth.go("corp", "ada").await?;
    let eve = auth.go("corp", "eve").await?;
    // Whoever sees the redirect has the code and the state, and not the secret of the flow; nor does the state
    // of another flow do, with which somebody would be signed in as somebody else.
    for (flow_token, state) in [
        (&eve.flow_token, &ada.state),
        (&ada.flow_token, &eve.state),
        (&String::new(), &ada.state),
        (&ada.flow_token, &String::new()),
    ] {
        let stolen = Back {
            flow_token: flow_token.clone(),
            state: state.clone(),
            ..copy(&ada)
        };
        assert_eq!(code(auth.complete(stolen).await), Code::InvalidArgument);
    }
    // Nor does a flow do for a link, or for a mail's token.
    let account = auth.sign_up("mallory").await?;
    let context = auth.with(&account.token).await?;
    assert_eq!(
        code(auth.complete_link(&context, copy(&ada)).await),
        Code::InvalidArgument
    );
    let as_mail = VerifyEmailRequest {
        token: format!("provider_sign_in {} {}", ada.flow_token, ada.state),
        password: String::new(),
    };
    assert_eq!(
        code(auth.client.verify_email(&anybody(), as_mail).await),
        Code::InvalidArgument
    );
    // After all that it is still good, once.
    let used = copy(&ada);
    let opened = auth.complete(ada).await?;
    assert_eq!(opened.need(), ProviderSignInNeed::OrganizationName);
    assert_eq!(
        code(auth.complete(copy(&used)).await),
        Code::InvalidArgument,
        "twice"
    );
    // The code of that flow in another one, which has another verifier.
    let replayed = Back {
        code: used.code,
        ..auth.go("corp", "ada").await?
    };
    assert_eq!(
        code(auth.complete(replayed).await),
        Code::FailedPrecondition,
        "replayed code"
    );
    let nonsense = Back {
        code: "nonsense".to_owned(),
        ..auth.go("corp", "ada").await?
    };
    assert_eq!(
        code(auth.complete(copy(&nonsense)).await),
        Code::FailedPrecondition
    );
    assert_eq!(
        code(auth.complete(nonsense).await),
        Code::InvalidArgument,
        "used up by the first"
    );

    let late = auth.go("corp", "ada").await?;
    let mut admin = auth.world.admin().await?;
    sqlx::query(
        "UPDATE auth.verification SET expires_at = now() WHERE purpose = 'provider_sign_in'",
    )
    .execute(&mut admin)
    .await?;
    assert_eq!(
        code(auth.complete(late).await),
        Code::InvalidArgument,
        "late"
    );
    // What is left of flows that nobody completed goes with the next one.
    auth.begin("corp").await?;
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM auth.verification WHERE purpose = 'provider_sign_in'",
    )
    .fetch_one(&mut admin)
    .await?;
    assert_eq!(left, 1);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_to_hold_in_every_part() -> TestResult {
    let Some((mut auth, openid)) = with_openid().await? else {
        return Ok(());
    };
    // Tampered with, the id token is refused; signed anew and otherwise as it was, it is not.
    for part in [
        "audience",
        "audiences",
        "issuer",
        "expiry",
        "nonce",
        "key",
        "unsigned",
        "secret",
        "token",
    ] {
        let outcome = auth.sign_in_with("corp", &format!("forged-{part}")).await?;
        assert_eq!(code(outcome), Code::Unauthenticated, "{part}");
    }
    let whole = auth.sign_in_with("corp", "forged-nothing").await??;
    assert_eq!(whole.need(), ProviderSignInNeed::OrganizationName);

    // Another nonce, put into the address on the way.
    let begun = auth.begin("corp").await?;
    let asked = begun.authorization_url.replace("nonce=", "nonce=x");
    assert_ne!(asked, begun.authorization_url);
    let query = Browser::new()?.go(&asked, "ada", REDIRECT).await?;
    let back = Back::new(&begun.flow_token, &query);
    assert_eq!(
        code(auth.complete(back).await),
        Code::Unauthenticated,
        "nonce"
    );

    // RFC 9207: this provider always says who it is.
    for iss in ["", "https://id.example.com", &format!("{}/", openid.issuer)] {
        let mixed_up = Back {
            iss: iss.to_owned(),
            ..auth.go("corp", "ada").await?
        };
        assert_eq!(
            code(auth.complete(mixed_up).await),
            Code::Unauthenticated,
            "{iss}"
        );
    }

    // The provider sees the challenge alone, by S256, and refuses whoever has not the verifier.
    for part in [
        "code_challenge_method=S256",
        "response_type=code",
        "scope=openid",
    ] {
        assert!(begun.authorization_url.contains(part), "{part}");
    }
    let mut admin = auth.world.admin().await?;
    let accounts: i64 = sqlx::query_scalar("SELECT count(*) FROM auth.account")
        .fetch_one(&mut admin)
        .await?;
    assert_eq!(accounts, 0, "nobody came in");
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_one_provider_is_not_taken_to_another() -> TestResult {
    let (Some(one), Some(other)) = (
        OpenIdProvider::start().await?,
        OpenIdProvider::start().await?,
    ) else {
        return Ok(());
    };
    let both = vec![settings_of("one", &one), settings_of("other", &other)];
    let mut auth = Auth::start_with(|accounts| accounts.providers = both).await?;
    let begun = auth.begin("one").await?;
    let meant_for_other = auth.go("other", "ada").await?;
    let mixed_up = Back {
        flow_token: begun.flow_token,
        state: begun.state,
        ..meant_for_other
    };
    assert_eq!(code(auth.complete(mixed_up).await), Code::Unauthenticated);
    assert!(
        one.issued().is_empty() && other.issued().is_empty(),
        "the code went nowhere"
    );
    // The same subject at another issuer is somebody else.
    auth.sign_up_with("one", "ada").await?;
    let there = auth.sign_in_with("other", "ada").await??;
    assert_eq!(there.need(), ProviderSignInNeed::Password);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_sent_to_allowed_addresses_only() -> TestResult {
    let Some((mut auth, _openid)) = with_openid().await? else {
        return Ok(());
    };
    for bad in [
        "https://evil.example.com/callback",
        "http://127.0.0.1:1/",
        "",
    ] {
        let request = BeginProviderSignInRequest {
            provider: "corp".to_owned(),
            redirect_uri: bad.to_owned(),
        };
        let refused = auth
            .client
            .begin_provider_sign_in(&anybody(), request)
            .await;
        assert_eq!(code(refused), Code::InvalidArgument, "{bad}");
    }
    assert_eq!(code(auth.begin("unknown").await), Code::NotFound);
    // Who does not agree comes back without a code.
    let begun = auth.begin("corp").await?;
    let query = Browser::new()?
        .go(&begun.authorization_url, "denied", REDIRECT)
        .await?;
    assert_eq!(
        query.get("error").map(String::as_str),
        Some("access_denied")
    );
    let back = Back::new(&begun.flow_token, &query);
    assert_eq!(code(auth.complete(back).await), Code::FailedPrecondition);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_begins_so_many_flows_and_no_more() -> TestResult {
    let Some(openid) = OpenIdProvider::start().await? else {
        return Ok(());
    };
    let corp = settings_of("corp", &openid);
    let mut auth = Auth::start_with(|accounts| {
        accounts.providers = vec![corp];
        accounts.network_attempts = 3;
    })
    .await?;
    for _ in 0..3 {
        auth.begin("corp").await?;
    }
    assert_eq!(code(auth.begin("corp").await), Code::ResourceExhausted);
    auth.world.stop().await;
    Ok(())
}
