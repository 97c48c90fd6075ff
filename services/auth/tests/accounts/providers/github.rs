//! GitHub's side of signing in, as its documentation describes it ("Authorizing OAuth apps", "Get the authenticated
//! user", "List email addresses for the authenticated user"), below one address as on an Enterprise Server.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use openidconnect::url::{Url, form_urlencoded};
use platform::config::{ProviderKind, Secret};
use proto::auth::ProviderSignInNeed;
use sha2::{Digest as _, Sha256};
use testkit::TestResult;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tonic::Code;

use super::settings;
use crate::support::{Auth, code};

const SECRET: &str = "the client secret of the test";

/// Parameters, by name.
type Form = BTreeMap<String, String>;

/// What GitHub remembers: by code what it was asked for, by token whose it is.
#[derive(Default)]
struct Memory {
    codes: BTreeMap<String, Form>,
    tokens: BTreeMap<String, String>,
}

/// One request: its target, its authorization, its body.
async fn request(stream: &mut TcpStream) -> TestResult<(String, String, String)> {
    let mut text = String::new();
    loop {
        let mut part = vec![0; 4096];
        let read = stream.read(&mut part).await?;
        text.push_str(&String::from_utf8_lossy(&part[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "{text}");
            continue;
        };
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
            found.next().map_or("", |(_, value)| value)
        };
        if body.len() >= header("content-length").parse().unwrap_or(0) {
            assert!(
                head.to_lowercase().contains("\r\nuser-agent: valutai/")
                    || head.contains("/authorize?"),
                "{head}"
            );
            let target = head.split(' ').nth(1).ok_or("no target")?;
            return Ok((
                target.to_owned(),
                header("authorization").to_owned(),
                body.to_owned(),
            ));
        }
    }
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn answer(
    memory: &Mutex<Memory>,
    (target, authorization, body): (String, String, String),
) -> TestResult<String> {
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    let url = Url::parse(&format!("http://github{target}"))?;
    let query: Form = url.query_pairs().into_owned().collect();
    let value = |form: &Form, name: &str| form.get(name).cloned().unwrap_or_default();
    let person = memory
        .tokens
        .get(authorization.trim_start_matches("Bearer "))
        .cloned();
    Ok(match (url.path(), person) {
        ("/login/oauth/authorize", _) => {
            assert_eq!(value(&query, "code_challenge_method"), "S256");
            assert_eq!(value(&query, "scope"), "user:email");
            let code = format!("code-{}", memory.codes.len());
            let (to, state) = (value(&query, "redirect_uri"), value(&query, "state"));
            memory.codes.insert(code.clone(), query);
            format!(
                "HTTP/1.1 302 Found\r\nlocation: {to}?code={code}&state={state}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        }
        ("/login/oauth/access_token", _) => {
            let form: Form = form_urlencoded::parse(body.as_bytes())
                .into_owned()
                .collect();
            let Some(asked) = memory.codes.remove(&value(&form, "code")) else {
                return Ok(json(
                    "200 OK",
                    r#"{"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}"#,
                ));
            };
            let challenge =
                BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(value(&form, "code_verifier")));
            assert_eq!(challenge, value(&asked, "code_challenge"));
            assert_eq!(value(&form, "client_secret"), SECRET);
            assert_eq!(value(&form, "redirect_uri"), value(&asked, "redirect_uri"));
            let token = format!("gho_{}", uuid::Uuid::new_v4().simple());
            memory
                .tokens
                .insert(token.clone(), value(&asked, "login_hint"));
            json(
                "200 OK",
                &format!(
                    r#"{{"access_token": "{token}", "scope": "user:email", "token_type": "bearer"}}"#
                ),
            )
        }
        ("/api/v3/user", Some(person)) => json(
            "200 OK",
            &format!(
                r#"{{"login": "{person}", "id": {}, "email": null}}"#,
                person.len()
            ),
        ),
        ("/api/v3/user/emails", Some(person)) => {
            let verified = !person.starts_with("unverified");
            json(
                "200 OK",
                &format!(
                    r#"[{{"email": "other@example.com", "verified": true, "primary": false, "visibility": null}},
                    {{"email": "{person}@example.com", "verified": {verified}, "primary": true, "visibility": "private"}}]"#
                ),
            )
        }
        _ => json("401 Unauthorized", r#"{"message": "Bad credentials"}"#),
    })
}

async fn github() -> TestResult<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let memory = Arc::new(Mutex::new(Memory::default()));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await?;
            let asked = request(&mut stream).await?;
            stream.write_all(answer(&memory, asked)?.as_bytes()).await?;
            stream.shutdown().await?;
        }
        #[expect(unreachable_code, reason = "names the type of the errors above")]
        Ok::<(), testkit::Failure>(())
    });
    Ok(url)
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_up_and_in_with_github() -> TestResult {
    let mut octo = settings("github", ProviderKind::GitHub, &github().await?);
    octo.client_secret = Some(Secret::new(SECRET));
    octo.scopes = vec!["user:email".to_owned()];
    let mut auth = Auth::start_with(|accounts| accounts.providers = vec![octo]).await?;
    let opened = auth.sign_up_with("github", "ada").await?;
    let who = opened.identity.unwrap_or_default();
    assert_eq!(who.email, "ada@example.com", "the primary one");
    let again = auth.sign_in_with("github", "ada").await??;
    assert_eq!(again.need(), ProviderSignInNeed::Unspecified);
    assert_eq!(again.identity.unwrap_or_default().user_id, who.user_id);
    let refused = auth.sign_in_with("github", "unverified-ada").await?;
    assert_eq!(code(refused), Code::FailedPrecondition);
    let mut wrong = auth.go("github", "ada").await?;
    wrong.code = "another".to_owned();
    assert_eq!(code(auth.complete(wrong).await), Code::FailedPrecondition);
    let mut mixed_up = auth.go("github", "ada").await?;
    mixed_up.iss = "https://id.example.com".to_owned();
    assert_eq!(code(auth.complete(mixed_up).await), Code::Unauthenticated);
    auth.world.stop().await;
    Ok(())
}
