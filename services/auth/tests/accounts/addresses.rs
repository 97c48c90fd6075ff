//! Addresses are confirmed by tokens that count once, and nobody learns which have an account.

use platform::config::SignUpMode;
use proto::auth::{ChangeEmailRequest, RequestPasswordResetRequest, SignUpRequest, WhoAmIRequest};
use testkit::TestResult;
use tonic::Code;

use crate::support::{Auth, PASSWORD, anybody, code};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_confirmed_once() -> TestResult {
    let mut auth = Auth::start().await?;
    let reply = auth.sign_up("ada").await?;
    let context = auth.with(&reply.token).await?;
    let who = || async {
        Ok::<_, tonic::Status>(
            auth.client
                .who_am_i(&context, WhoAmIRequest {})
                .await?
                .identity
                .unwrap_or_default(),
        )
    };
    assert!(!who().await?.email_verified);
    let token = auth.mailed("ada", "Confirm your e-mail").await?;
    assert_eq!(
        code(auth.verify("vam_wrong", "").await),
        Code::InvalidArgument
    );
    assert_eq!(auth.verify(&token, "").await?.email, "ada@example.com");
    assert!(who().await?.email_verified);
    assert_eq!(
        code(auth.verify(&token, "").await),
        Code::InvalidArgument,
        "a second time"
    );
    let again = auth
        .client
        .send_verification_email(&context, proto::auth::SendVerificationEmailRequest {});
    assert_eq!(code(again.await), Code::FailedPrecondition);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_addresses_are_confirmed_first_nothing_is_told() -> TestResult {
    let mut auth = Auth::start_with(|accounts| accounts.sign_up = SignUpMode::Confirmed).await?;
    let first = auth.sign_up("ada").await?;
    assert!(first.confirmation_needed && first.token.is_empty() && first.id.is_empty());
    assert_eq!(
        code(auth.sign_in("ada", PASSWORD).await),
        Code::Unauthenticated
    );
    let token = auth.mailed("ada", "Confirm your ValutAI account").await?;
    assert_eq!(
        code(auth.verify(&token, "another password here").await),
        Code::InvalidArgument
    );
    let opened = auth.verify(&token, PASSWORD).await?;
    assert!(opened.identity.unwrap_or_default().email_verified);
    auth.with(&opened.token).await?;
    auth.sign_in("ada", PASSWORD).await?;

    let second = auth.sign_up("ada").await?;
    assert_eq!(
        first, second,
        "the answer tells whether there is an account"
    );
    auth.mail("ada", "You have a ValutAI account").await?;

    let reset = |email: &str| RequestPasswordResetRequest {
        email: email.to_owned(),
    };
    for email in ["ada@example.com", "nobody@example.com"] {
        auth.client
            .request_password_reset(&anybody(), reset(email))
            .await?;
    }
    auth.mail("ada", "Set a new password").await?;
    auth.all_mail_sent().await?;
    assert_eq!(auth.mails()?.len(), 0, "mail went to nobody");
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_address_counts_when_it_is_confirmed() -> TestResult {
    let mut auth = Auth::start().await?;
    let (_, context) = auth.verified("ada").await?;
    auth.sign_up("taken").await?;
    let change = |email: &str, password: &str| ChangeEmailRequest {
        email: format!("{email}@example.com"),
        password: password.to_owned(),
    };
    let wrong = auth
        .client
        .change_email(&context, change("lovelace", "not the password"))
        .await;
    assert_eq!(code(wrong), Code::InvalidArgument);
    auth.client
        .change_email(&context, change("lovelace", PASSWORD))
        .await?;
    auth.sign_in("ada", PASSWORD).await?;
    let token = auth.mailed("lovelace", "Confirm your new e-mail").await?;
    auth.verify(&token, "").await?;
    auth.mail("ada", "Your ValutAI account has another e-mail")
        .await?;
    assert_eq!(
        code(auth.sign_in("ada", PASSWORD).await),
        Code::Unauthenticated
    );
    auth.sign_in("lovelace", PASSWORD).await?;

    auth.client
        .change_email(&context, change("taken", PASSWORD))
        .await?;
    let token = auth.mailed("taken", "Confirm your new e-mail").await?;
    assert_eq!(code(auth.verify(&token, "").await), Code::AlreadyExists);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_passwords_and_bad_names_make_no_account() -> TestResult {
    let mut auth = Auth::start().await?;
    for (password, name) in [
        ("short", "Acme"),
        ("Password2024!", "Acme"),
        (PASSWORD, "A\ncme"),
        (PASSWORD, " "),
    ] {
        let request = SignUpRequest {
            email: "ada@example.com".to_owned(),
            password: password.to_owned(),
            organization_name: name.to_owned(),
        };
        assert_eq!(
            code(auth.client.sign_up(&anybody(), request).await),
            Code::InvalidArgument
        );
    }
    let mut admin = auth.world.admin().await?;
    let users: i64 = sqlx::query_scalar(r#"SELECT count(*) FROM auth."user""#)
        .fetch_one(&mut admin)
        .await?;
    assert_eq!(users, 0);
    auth.world.stop().await;
    Ok(())
}
