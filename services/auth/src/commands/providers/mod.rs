//! Signing in with identity providers. The browser comes back to the client, which completes the flow by what it was
//! given at the beginning and what the redirect brought; verifier and nonce never leave this service. Here is what
//! all flows share: they are begun, kept for ten minutes, and taken once.

mod github;
mod http;
mod link;
mod openid;
mod provider;
mod refresh;
mod sign_in;

use chrono::{DateTime, Utc};
use oauth2::PkceCodeChallenge;
use platform::config;
use proto::rpc::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use self::provider::{Asking, Redeeming};
pub use self::{
    link::LinkShown,
    provider::{Provider, all},
    sign_in::SignedIn,
};
use super::{Commands, Result, open_json, seal_json};
use crate::{
    Error,
    domain::{
        self,
        provider::{FLOW_LASTS, Profile, Tokens, may_redirect},
    },
    store,
};

const SIGN_IN: &str = "provider_sign_in";
const LINK: &str = "provider_link";
/// What is still needed after a sign-in.
const PENDING: &str = "provider_pending";

/// A flow that has begun.
#[derive(Debug)]
pub struct Begun {
    pub url: String,
    pub state: String,
    pub flow_token: String,
    pub expires_at: DateTime<Utc>,
}

/// What a client brings back.
#[derive(Debug)]
pub struct Answer {
    pub flow_token: String,
    pub state: String,
    pub code: String,
    pub iss: String,
}

/// A flow as it is kept.
#[derive(Serialize, Deserialize)]
struct Flow {
    provider: String,
    redirect_uri: String,
    nonce: String,
    verifier: String,
}

/// Somebody, as a provider told it in a flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Found {
    provider: String,
    profile: Profile,
    tokens: Tokens,
}

/// What is kept of a provider with a link.
#[derive(Serialize, Deserialize)]
struct Kept {
    email: Option<String>,
    tokens: Tokens,
}

impl Commands {
    pub fn list_providers(&self) -> impl Iterator<Item = &config::Provider> {
        self.providers.iter().map(|provider| &provider.settings)
    }

    fn provider(&self, name: &str) -> Result<&Provider> {
        let found = self.providers.iter().find(|p| p.settings.name == name);
        found.ok_or(Error::Unknown("provider"))
    }

    pub async fn begin_provider_sign_in(
        &self,
        context: &Context,
        name: &str,
        redirect_uri: &str,
    ) -> Result<Begun> {
        self.may_begin_flow(context).await?;
        self.begin_flow(SIGN_IN, None, name, redirect_uri).await
    }

    async fn begin_flow(
        &self,
        purpose: &str,
        user: Option<Uuid>,
        name: &str,
        redirect_uri: &str,
    ) -> Result<Begun> {
        let provider = self.provider(name)?;
        if !may_redirect(&provider.settings, redirect_uri) {
            return Err(Error::RedirectUri);
        }
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (state, nonce) = (domain::new_token(""), domain::new_token(""));
        let flow_token = domain::new_token(domain::FLOW_PREFIX);
        let flow = Flow {
            provider: name.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            nonce: nonce.clone(),
            verifier: verifier.secret().clone(),
        };
        let asking = Asking {
            redirect_uri: redirect_uri.to_owned(),
            state: state.clone(),
            nonce,
            challenge,
        };
        let url = provider.authorization_url(asking).await?.to_string();
        let mut tx = self.database.begin_any().await?;
        let secret = secret_of(&flow_token, &state);
        let expires_at = self.keep(&mut tx, purpose, user, &secret, &flow).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        Ok(Begun {
            url,
            state,
            flow_token,
            expires_at,
        })
    }

    /// Takes a flow out, so that it counts once however it ends, and asks its provider who came.
    async fn redeem(&self, purpose: &str, user: Option<Uuid>, answer: Answer) -> Result<Found> {
        let mut tx = self.database.begin_any().await?;
        let secret = secret_of(&answer.flow_token, &answer.state);
        let (owner, flow): (_, Flow) = self.take(&mut tx, purpose, &secret).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        if owner != user {
            return Err(Error::ProviderFlow);
        }
        let provider = self.provider(&flow.provider)?;
        provider.require_issuer(&answer.iss).await?;
        let redeeming = Redeeming {
            code: answer.code,
            redirect_uri: flow.redirect_uri,
            nonce: flow.nonce,
            verifier: flow.verifier,
        };
        let (profile, tokens) = provider.redeem(redeeming).await?;
        Ok(Found {
            provider: flow.provider,
            profile,
            tokens,
        })
    }

    /// Keeps something sealed under the hash of a secret, until when is answered.
    async fn keep<T: Serialize>(
        &self,
        connection: &mut PgConnection,
        purpose: &str,
        user_id: Option<Uuid>,
        secret: &str,
        value: &T,
    ) -> Result<DateTime<Utc>> {
        let (id, now) = (Uuid::now_v7(), self.clock.now());
        let row = store::NewVerification {
            id,
            purpose,
            value_hash: &hash_for(purpose, secret),
            user_id,
            sealed: &seal_json(&self.kek, &format!("verification|sealed|{id}"), value)?,
            now,
            expires_at: now + FLOW_LASTS,
        };
        // Mail may be off, whose task removes what has expired otherwise.
        store::delete_expired(connection, now).await?;
        store::insert_verification(connection, &row).await?;
        Ok(row.expires_at)
    }

    /// Takes it out, in the transaction of its effect.
    async fn take<T: DeserializeOwned>(
        &self,
        connection: &mut PgConnection,
        purpose: &str,
        secret: &str,
    ) -> Result<(Option<Uuid>, T)> {
        let (hash, now) = (hash_for(purpose, secret), self.clock.now());
        let taken = store::delete_verification(connection, &hash, purpose, now).await?;
        let taken = taken.ok_or(Error::ProviderFlow)?;
        let context = format!("verification|sealed|{}", taken.id);
        Ok((
            taken.user_id,
            open_json(&self.kek, &context, &taken.sealed)?,
        ))
    }

    /// Looks at it, and leaves it there.
    async fn look<T: DeserializeOwned>(&self, purpose: &str, secret: &str) -> Result<T> {
        let hash = hash_for(purpose, secret);
        let mut tx = self.database.begin_any().await?;
        let found = store::find_verification(&mut tx, &hash, self.clock.now()).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let found = found.ok_or(Error::ProviderFlow)?;
        let context = format!("verification|sealed|{}", found.id);
        open_json(&self.kek, &context, &found.sealed)
    }

    /// Writes a link, used from the beginning or not yet.
    async fn insert_link(
        &self,
        connection: &mut PgConnection,
        user_id: Uuid,
        found: &Found,
        is_used: bool,
    ) -> Result<store::Link> {
        let (id, now) = (Uuid::now_v7(), self.clock.now());
        let link = store::Link {
            id,
            user_id,
            provider: found.provider.clone(),
            tokens_sealed: self.seal_tokens(id, found)?,
            created_at: now,
            last_used_at: is_used.then_some(now),
        };
        let row = store::NewLink {
            id,
            user_id,
            provider: &link.provider,
            provider_account_id: &found.profile.account_id,
            tokens_sealed: &link.tokens_sealed,
            refresh_at: found.tokens.renewed_at(now),
            last_used_at: link.last_used_at,
            now,
        };
        if store::insert_link(connection, &row).await? {
            return Ok(link);
        }
        let title = self.title(&found.provider);
        let account = &found.profile.account_id;
        let other = store::find_link(connection, &found.provider, account).await?;
        Err(match other.is_some_and(|other| other.user_id != user_id) {
            true => Error::LinkedElsewhere(title),
            false => Error::LinkedAlready(title),
        })
    }

    fn seal_tokens(&self, link: Uuid, found: &Found) -> Result<Vec<u8>> {
        let kept = Kept {
            email: found.profile.email.clone(),
            tokens: found.tokens.clone(),
        };
        self.seal_kept(link, &kept)
    }

    fn seal_kept(&self, link: Uuid, kept: &Kept) -> Result<Vec<u8>> {
        seal_json(&self.kek, &kept_context(link), kept)
    }

    fn open_kept(&self, link: &store::Link) -> Result<Kept> {
        open_json(&self.kek, &kept_context(link.id), &link.tokens_sealed)
    }

    /// A provider's name for people, also of one that the operator has taken out.
    fn title(&self, name: &str) -> String {
        let known = self.provider(name).ok();
        known.map_or_else(|| name.to_owned(), |p| p.settings.title.clone())
    }
}

/// As `store::KINDS` seals it anew.
fn kept_context(link: Uuid) -> String {
    format!("account|tokens_sealed|{link}")
}

/// Both are needed: the state has been in a browser's address, the flow's token never was.
fn secret_of(flow_token: &str, state: &str) -> String {
    format!("{flow_token} {state}")
}

/// Under a hash that no token of a mail has, whatever somebody sends as one: text has no byte 0xff.
fn hash_for(purpose: &str, secret: &str) -> Vec<u8> {
    let text = format!("{purpose} {secret}");
    Sha256::digest([b"\xff", text.as_bytes()].concat()).to_vec()
}
