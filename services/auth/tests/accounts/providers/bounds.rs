//! A provider that does not behave: what it says is bounded, and it leads this service nowhere else.

use platform::config::ProviderKind;
use testkit::{TestResult, openid::OpenIdProvider};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tonic::Code;

use super::{settings, settings_of};
use crate::support::{Auth, code};

/// A server that answers everything alike; its address.
async fn answering(reply: impl Fn(&str) -> String + Send + 'static) -> TestResult<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let base = url.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                // Whoever has heard enough hangs up.
                let _ = stream.write_all(reply(&base).as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    Ok(url)
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn description(issuer: &str, token_endpoint: &str, jwks: &str) -> String {
    format!(
        r#"{{"issuer": "{issuer}", "authorization_endpoint": "{issuer}/a", "token_endpoint": "{token_endpoint}",
            "jwks_uri": "{jwks}", "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "keys": []}}"#
    )
}

async fn outcome(url: &str) -> TestResult<Code> {
    let odd = settings("odd", ProviderKind::OpenId, url);
    let mut auth = Auth::start_with(|accounts| accounts.providers = vec![odd]).await?;
    let outcome = code(auth.begin("odd").await);
    auth.world.stop().await;
    Ok(outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_behave_gets_nowhere() -> TestResult {
    // One that behaves as far as it is asked: the same server, and the same answer to all that it is asked.
    let good = answering(|base| {
        ok(&description(
            base,
            &format!("{base}/t"),
            &format!("{base}/k"),
        ))
    })
    .await?;
    assert_eq!(outcome(&good).await?, Code::Ok);

    let inner = answering(|_| ok(r#"{"keys": []}"#)).await?;
    let away = answering(move |_| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {inner}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    });
    assert_eq!(outcome(&away.await?).await?, Code::Unavailable, "redirects");
    let elsewhere = answering(|base| {
        ok(&description(
            base,
            &format!("{base}/t"),
            "http://10.0.0.1/keys",
        ))
    });
    assert_eq!(
        outcome(&elsewhere.await?).await?,
        Code::Unavailable,
        "an inner address"
    );
    let other = answering(|base| ok(&description("https://id.example.com", base, base)));
    assert_eq!(
        outcome(&other.await?).await?,
        Code::Unavailable,
        "another issuer"
    );
    let long = answering(|base| {
        let padding = " ".repeat(600 * 1024);
        ok(&format!(
            "{}{padding}",
            description(base, &format!("{base}/t"), &format!("{base}/k"))
        ))
    });
    assert_eq!(outcome(&long.await?).await?, Code::Unavailable, "too long");
    let odd = answering(|_| ok("no JSON"));
    assert_eq!(outcome(&odd.await?).await?, Code::Unavailable, "no JSON");
    let nobody = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", nobody.local_addr()?);
    drop(nobody);
    assert_eq!(outcome(&url).await?, Code::Unavailable, "nobody there");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_is_the_one_that_was_set_up_to_the_letter() -> TestResult {
    let Some(openid) = OpenIdProvider::start().await? else {
        return Ok(());
    };
    let mut corp = settings_of("corp", &openid);
    corp.url = openid.issuer.replace("127.0.0.1", "localhost");
    let mut auth = Auth::start_with(|accounts| accounts.providers = vec![corp]).await?;
    assert_eq!(code(auth.begin("corp").await), Code::Unavailable);
    auth.world.stop().await;
    Ok(())
}
