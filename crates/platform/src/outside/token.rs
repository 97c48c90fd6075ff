//! The tokens of NATS as far as an auth callout needs them: what nats-server asks, and what it is answered. A token is a JWT with
//! the algorithm `ed25519-nkey` (NATS ADR-14, ADR-26). Deliberately no signature of a request is checked: the server's key comes
//! with the request, so that it would prove nothing; who may ask is what the account's permissions say.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use nkeys::{KeyPair, KeyPairType};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ACCOUNT, callout::Pass, cannot_sign};
use crate::{config::Key, error::Result};

/// What nats-server asks.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) server_id: ServerId,
    /// The key that the server made up for the connection.
    pub(super) user_nkey: String,
    #[serde(default)]
    pub(super) connect_opts: ConnectOptions,
    #[serde(default)]
    pub(super) client_info: ClientInfo,
}

#[derive(Debug, Deserialize)]
pub(super) struct ServerId {
    pub(super) id: String,
}

#[derive(Default, Deserialize)]
pub(super) struct ConnectOptions {
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    pub(super) pass: String,
}

impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConnectOptions({})", self.user)
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ClientInfo {
    #[serde(default)]
    pub(super) host: String,
}

#[derive(Deserialize)]
struct Claims {
    nats: Request,
}

/// Reads a request; `None` for what is none.
pub(super) fn read(token: &[u8]) -> Option<Request> {
    let mut parts = std::str::from_utf8(token).ok()?.split('.');
    let (_, claims) = (parts.next()?, parts.next()?);
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Some(claims.nats)
}

/// The pair of keys that a key stands for.
///
/// # Panics
/// Never: any 32 bytes are the seed of a pair.
pub(super) fn signer(key: &Key) -> KeyPair {
    KeyPair::new_from_raw(KeyPairType::Account, *key.expose()).expect("32 bytes are a seed")
}

/// The answer to a request: who was admitted with what, or why nobody was, which the server writes into its log.
pub(super) fn answer(
    signer: &KeyPair,
    request: &Request,
    outcome: &Result<Pass, String>,
    now: DateTime<Utc>,
) -> Result<String> {
    let mut nats = json!({ "type": "authorization_response", "version": 2 });
    match outcome {
        Ok(pass) => nats["jwt"] = user(signer, request, pass, now)?.into(),
        Err(reason) => nats["error"] = reason.as_str().into(),
    }
    let claims = json!({
        "jti": Uuid::now_v7().to_string(),
        "iat": now.timestamp(),
        "iss": signer.public_key(),
        "sub": request.user_nkey,
        "aud": request.server_id.id,
        "nats": nats,
    });
    sign(signer, &claims)
}

/// A user of the account of those outside, who may do what is listed.
fn user(signer: &KeyPair, request: &Request, pass: &Pass, now: DateTime<Utc>) -> Result<String> {
    let claims = json!({
        "jti": Uuid::now_v7().to_string(),
        "iat": now.timestamp(),
        "exp": pass.expires_at.timestamp(),
        "iss": signer.public_key(),
        "sub": request.user_nkey,
        "name": request.connect_opts.user,
        "aud": ACCOUNT,
        "nats": {
            "type": "user",
            "version": 2,
            "pub": { "allow": pass.publish },
            "sub": { "allow": pass.subscribe },
            "subs": pass.subscriptions_max,
            "data": -1,
            "payload": -1,
            "allowed_connection_types": ["STANDARD", "WEBSOCKET"],
        },
    });
    sign(signer, &claims)
}

fn sign(signer: &KeyPair, claims: &Value) -> Result<String> {
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encoded(&head), encoded(claims));
    let signature = signer.sign(signed.as_bytes()).map_err(cannot_sign)?;
    Ok(format!(
        "{signed}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(signature)
    ))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn claims(token: &str) -> Value {
        let middle = token.split('.').nth(1).expect("three parts");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(middle).expect("base64");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[test]
    fn an_answer_is_for_one_connection_and_says_what_it_may() {
        let key = Key::generate();
        let asked = json!({ "nats": {
            "server_id": { "id": "NSERVER", "name": "x" }, "user_nkey": "UCONNECTION",
            "connect_opts": { "user": "u", "pass": "p" }, "client_info": { "host": "192.0.2.1" },
        }});
        let asked = sign(&signer(&key), &asked).expect("signs");
        let request = read(asked.as_bytes()).expect("a request");
        assert_eq!(request.connect_opts.pass, "p");
        assert!(
            !format!("{request:?}").contains("\"p\""),
            "no password is printed"
        );
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let pass = Pass {
            publish: vec!["a.b".to_owned()],
            subscribe: vec!["c.>".to_owned()],
            subscriptions_max: 3,
            expires_at: now + TimeDelta::minutes(5),
        };
        let token = answer(&signer(&key), &request, &Ok(pass), now).expect("signs");
        let (signed, signature) = token.rsplit_once('.').expect("signed");
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64");
        let public = KeyPair::from_public_key(&super::super::issuer(&key)).expect("a key");
        assert!(public.verify(signed.as_bytes(), &signature).is_ok());
        let outer = claims(&token);
        assert_eq!(
            (&outer["aud"], &outer["sub"]),
            (&json!("NSERVER"), &json!("UCONNECTION"))
        );
        let user = claims(outer["nats"]["jwt"].as_str().expect("a user"));
        assert_eq!(
            (&user["aud"], &user["sub"]),
            (&json!("OUTSIDE"), &json!("UCONNECTION"))
        );
        assert_eq!(
            user["exp"],
            json!((now + TimeDelta::minutes(5)).timestamp())
        );
        assert_eq!(user["nats"]["pub"], json!({ "allow": ["a.b"] }));
        assert_eq!(user["nats"]["sub"], json!({ "allow": ["c.>"] }));
        let refused = answer(&signer(&key), &request, &Err("no".to_owned()), now).expect("signs");
        assert_eq!(claims(&refused)["nats"]["error"], "no");
        assert_eq!(claims(&refused)["nats"]["jwt"], Value::Null);
    }

    #[test]
    fn what_is_no_request_is_none() {
        for bad in ["", "x", "a.b.c", "a.e30.c"] {
            assert!(read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
