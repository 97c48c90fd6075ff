//! The provider's tokens: refreshed, given up when they were withdrawn, sealed anew, and readable nowhere.

use platform::config::{Key, Keys};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use testkit::{TestResult, eventually};

use super::with_openid;
use crate::support::Auth;

async fn sealed(admin: &mut PgConnection) -> TestResult<Vec<u8>> {
    let query = "SELECT tokens_sealed FROM auth.account WHERE provider = 'corp'";
    Ok(sqlx::query_scalar(query).fetch_one(admin).await?)
}

async fn make_due(admin: &mut PgConnection) -> TestResult {
    let done =
        sqlx::query("UPDATE auth.account SET refresh_at = now() WHERE refresh_at IS NOT NULL")
            .execute(admin)
            .await?;
    assert_eq!(done.rows_affected(), 1);
    Ok(())
}

/// All rows of the schema, bytes as text too.
async fn everything(auth: &Auth) -> TestResult<String> {
    let mut admin = auth.world.admin().await?;
    admin.execute("SET bytea_output = escape").await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('auth.%I', relname) FROM pg_class
         WHERE relkind = 'r' AND relnamespace = 'auth'::regnamespace",
    )
    .fetch_all(&mut admin)
    .await?;
    assert!(tables.len() > 15, "{tables:?}");
    let mut all = String::new();
    for table in tables {
        let query = format!("SELECT t::text FROM {table} t");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut admin)
            .await?;
        all.push_str(&rows.join("\n"));
    }
    Ok(all)
}

fn secrets(issued: &[Value]) -> Vec<&str> {
    let names = ["access_token", "refresh_token", "id_token"];
    let found = issued
        .iter()
        .flat_map(|answer| names.iter().filter_map(|name| answer[*name].as_str()));
    found.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_refreshed_and_given_up_when_they_were_withdrawn() -> TestResult {
    let Some((mut auth, openid)) = with_openid().await? else {
        return Ok(());
    };
    auth.sign_up_with("corp", "ada").await?;
    let mut admin = auth.world.admin().await?;
    let first = sealed(&mut admin).await?;
    make_due(&mut admin).await?;
    eventually("the tokens are refreshed", || async {
        let mut admin = auth.world.admin().await?;
        Ok(sealed(&mut admin).await? != first)
    })
    .await?;
    let issued = openid.issued();
    let kinds: Vec<_> = issued
        .iter()
        .map(|answer| answer["grant_type"].as_str())
        .collect();
    assert_eq!(kinds, [Some("authorization_code"), Some("refresh_token")]);
    assert_ne!(
        issued[0]["refresh_token"], issued[1]["refresh_token"],
        "rotated"
    );
    auth.recorded("auth.refresh_provider_tokens", 1, 1).await?;
    // The rotated one does the next time, and tells the provider of nothing replayed.
    make_due(&mut admin).await?;
    auth.recorded("auth.refresh_provider_tokens", 1, 2).await?;

    let secrets_before = openid.issued();
    let tokens = secrets(&secrets_before);
    assert_eq!(tokens.len(), 9);
    let all = everything(&auth).await?;
    assert!(all.contains("ada Ltd"), "the search finds what is there");
    for token in tokens {
        assert!(token.len() > 20 && !all.contains(token), "{token}");
    }

    openid.withdraw("ada").await?;
    make_due(&mut admin).await?;
    auth.recorded("auth.refresh_provider_tokens", 2, 1).await?;
    let waiting: i64 =
        sqlx::query_scalar("SELECT count(*) FROM auth.account WHERE refresh_at IS NOT NULL")
            .fetch_one(&mut admin)
            .await?;
    assert_eq!(waiting, 0, "there is nothing to refresh with");
    // Who signs in again agrees again, and has tokens again.
    let again = auth.sign_in_with("corp", "ada").await??;
    assert!(!again.token.is_empty());
    make_due(&mut admin).await?;
    auth.recorded("auth.refresh_provider_tokens", 1, 3).await?;
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_asked_again() -> TestResult {
    let Some((mut auth, openid)) = with_openid().await? else {
        return Ok(());
    };
    auth.sign_up_with("corp", "ada").await?;
    let mut admin = auth.world.admin().await?;
    let before = sealed(&mut admin).await?;
    drop(openid);
    make_due(&mut admin).await?;
    auth.recorded("auth.refresh_provider_tokens", 3, 1).await?;
    let again: bool =
        sqlx::query_scalar("SELECT refresh_at > now() FROM auth.account WHERE provider = 'corp'")
            .fetch_one(&mut admin)
            .await?;
    assert!(again, "it is due again");
    assert_eq!(sealed(&mut admin).await?, before, "and keeps what it has");
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_flows_are_sealed_anew_with_the_keys() -> TestResult {
    let Some((mut auth, _openid)) = with_openid().await? else {
        return Ok(());
    };
    auth.world.stop().await;
    let file = std::env::temp_dir().join(format!("valutai-test-kek-{}", uuid::Uuid::now_v7()));
    // What the first start has sealed stays readable.
    let (old, new) = (auth.world.launch.kek.current(), Key::generate());
    std::fs::write(&file, old.to_base64())?;
    auth.world.launch.kek = Keys::from_file(&file, None)?;
    auth.world.start().await?;
    auth.sign_up_with("corp", "ada").await?;
    let under_way = auth.go("corp", "ada").await?;
    std::fs::write(&file, format!("{}\n{}\n", new.to_base64(), old.to_base64()))?;
    let id = platform::crypto::key_id(&new).to_vec();
    eventually("all is sealed by the new key", || async {
        let mut admin = auth.world.admin().await?;
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT tokens_sealed AS s FROM auth.account
                UNION ALL SELECT sealed FROM auth.verification) x
             WHERE s IS NOT NULL AND substring(s FROM 2 FOR 8) <> $1",
        )
        .bind(&id)
        .fetch_one(&mut admin)
        .await?;
        Ok(left == 0)
    })
    .await?;
    std::fs::write(&file, new.to_base64())?;
    assert!(!auth.complete(under_way).await?.token.is_empty());
    auth.world.stop().await;
    std::fs::remove_file(file)?;
    Ok(())
}
