//! Wrong attempts are counted by account and by network, whether or not there is an account.

use testkit::TestResult;
use tonic::Code;

use crate::support::{Auth, PASSWORD, code, from};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_locks_alike_whether_or_not_it_exists() -> TestResult {
    let mut auth = Auth::start_with(|accounts| accounts.account_attempts = 3).await?;
    auth.sign_up("ada").await?;
    let mut told = Vec::new();
    for name in ["ada", "nobody"] {
        for attempt in 0..4 {
            let outcome = auth.sign_in(name, "not the password").await;
            let expected = if attempt < 3 {
                Code::Unauthenticated
            } else {
                Code::ResourceExhausted
            };
            let status = outcome.err().ok_or("a wrong password opened")?;
            assert_eq!(status.code(), expected, "{name} {attempt}");
            told.push((
                attempt,
                status
                    .message()
                    .split(" after ")
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ));
        }
    }
    assert_eq!(told[..4], told[4..]);
    assert_eq!(
        code(auth.sign_in("ada", PASSWORD).await),
        Code::ResourceExhausted,
        "locked means locked"
    );
    let mut admin = auth.world.admin().await?;
    sqlx::query("UPDATE auth.attempt SET window_ends_at = now()")
        .execute(&mut admin)
        .await?;
    auth.sign_in("ada", PASSWORD).await?;
    let left: i64 = sqlx::query_scalar(
        "SELECT coalesce(max(count), 0)::bigint FROM auth.attempt WHERE window_ends_at > now()",
    )
    .fetch_one(&mut admin)
    .await?;
    assert_eq!(left, 0, "a right password counts as no attempt");
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_do_not_pass_the_limit() -> TestResult {
    let mut auth = Auth::start_with(|accounts| accounts.account_attempts = 3).await?;
    auth.sign_up("ada").await?;
    let tries = (0..12).map(|_| auth.sign_in("ada", "not the password"));
    let outcomes = futures::future::join_all(tries).await;
    let compared = outcomes
        .into_iter()
        .filter(|o| o.as_ref().is_err_and(|s| s.code() == Code::Unauthenticated));
    assert_eq!(compared.count(), 3);
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_the_household_and_not_the_address() -> TestResult {
    let mut auth = Auth::start_with(|accounts| accounts.network_attempts = 3).await?;
    auth.sign_up("ada").await?;
    for host in 1..=4 {
        let context = from(&format!("2001:db8:1:2::{host}"));
        let outcome = auth
            .sign_in_by(&context, &format!("nobody{host}"), PASSWORD, "")
            .await;
        let expected = if host < 4 {
            Code::Unauthenticated
        } else {
            Code::ResourceExhausted
        };
        assert_eq!(code(outcome), expected, "{host}");
    }
    auth.sign_in_by(&from("2001:db8:1:3::1"), "ada", PASSWORD, "")
        .await?;
    auth.sign_in_by(&from("192.0.2.9"), "ada", PASSWORD, "")
        .await?;
    auth.world.stop().await;
    Ok(())
}
