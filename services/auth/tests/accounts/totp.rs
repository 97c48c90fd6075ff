//! The second factor: asked for, taken once, and replaced by recovery codes.

use std::time::{SystemTime, UNIX_EPOCH};

use proto::auth::{BeginTotpRequest, ConfirmTotpRequest, DisableTotpRequest};
use testkit::TestResult;
use tonic::Code;
use totp_rs::{Builder, Secret};

use crate::support::{Auth, PASSWORD, anybody, code};

pub fn shown(secret: &str, steps_ahead: u64) -> TestResult<String> {
    let secret = Secret::try_from_base32(secret).map_err(|error| format!("{error:?}"))?;
    let totp = Builder::new()
        .with_secret(secret)
        .with_account_name("ada")
        .build()
        .map_err(|error| error.to_string())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(totp.generate(now + 30 * steps_ahead).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_asked_for_and_counts_once() -> TestResult {
    let mut auth = Auth::start().await?;
    let reply = auth.sign_up("ada").await?;
    let context = auth.with(&reply.token).await?;
    let begin = |password: &str| BeginTotpRequest {
        password: password.to_owned(),
    };
    let confirm = |code: &str| ConfirmTotpRequest {
        code: code.to_owned(),
    };
    assert_eq!(
        code(auth.client.confirm_totp(&context, confirm("123456")).await),
        Code::FailedPrecondition
    );
    assert_eq!(
        code(auth.client.begin_totp(&context, begin("wrong")).await),
        Code::InvalidArgument
    );
    let secret = auth
        .client
        .begin_totp(&context, begin(PASSWORD))
        .await?
        .secret;
    auth.sign_in("ada", PASSWORD).await?;
    assert_eq!(
        code(auth.client.confirm_totp(&context, confirm("000000x")).await),
        Code::InvalidArgument
    );
    let first = shown(&secret, 0)?;
    let on = auth.client.confirm_totp(&context, confirm(&first)).await?;
    assert_eq!(on.recovery_codes.len(), 10);
    assert!(
        auth.is_dead(&reply.token).await,
        "the session has a new token"
    );
    let context = auth.with(&on.token).await?;

    let by = |code: String| {
        let auth = &auth;
        async move { auth.sign_in_by(&anybody(), "ada", PASSWORD, &code).await }
    };
    assert_eq!(
        code(by(String::new()).await),
        Code::FailedPrecondition,
        "a code is needed"
    );
    assert_eq!(
        code(by(first).await),
        Code::InvalidArgument,
        "the code that turned it on"
    );
    let next = shown(&secret, 1)?;
    by(next.clone()).await?;
    assert_eq!(
        code(by(next).await),
        Code::InvalidArgument,
        "the same code again"
    );
    by(on.recovery_codes[0].to_uppercase()).await?;
    assert_eq!(
        code(by(on.recovery_codes[0].clone()).await),
        Code::InvalidArgument,
        "used up"
    );
    let two = futures::future::join(
        by(on.recovery_codes[1].clone()),
        by(on.recovery_codes[1].clone()),
    )
    .await;
    assert!(
        two.0.is_ok() != two.1.is_ok(),
        "one code opened twice at once, or not at all"
    );

    let mut admin = auth.world.admin().await?;
    let sealed: Vec<u8> = sqlx::query_scalar(r#"SELECT totp_sealed FROM auth."user""#)
        .fetch_one(&mut admin)
        .await?;
    assert!(!String::from_utf8_lossy(&sealed).contains(&secret));

    let off = DisableTotpRequest {
        password: PASSWORD.to_owned(),
        code: on.recovery_codes[2].clone(),
    };
    let off = auth.client.disable_totp(&context, off).await?;
    auth.with(&off.token).await?;
    auth.sign_in("ada", PASSWORD).await?;
    auth.mail("ada", "The second factor of your ValutAI account is on")
        .await?;
    auth.mail("ada", "The second factor of your ValutAI account is off")
        .await?;
    auth.world.stop().await;
    Ok(())
}
