//! A provider as the flows see it: an address for a browser, a code that is redeemed, tokens that are refreshed.
//! Deliberately no database and no account of ours.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use oauth2::{
    AccessToken, PkceCodeChallenge, RefreshToken, RequestTokenError, TokenResponse,
    basic::{BasicErrorResponse, BasicErrorResponseType},
};
use openidconnect::url::Url;
use platform::{
    Clock,
    config::{self, ProviderKind},
    error::chain,
};

use super::{
    github::GitHub,
    http::{CallError, Http},
    openid::OpenId,
};
use crate::{
    Error,
    domain::provider::{Profile, Tokens},
};

type Result<T> = std::result::Result<T, Error>;

/// What a provider's token endpoint said in place of tokens.
pub type TokenError = RequestTokenError<CallError, BasicErrorResponse>;

/// A provider with what is needed to speak to it.
#[derive(Debug)]
pub struct Provider {
    pub settings: config::Provider,
    tongue: Tongue,
}

#[derive(Debug)]
enum Tongue {
    OpenId(Box<OpenId>),
    GitHub(Box<GitHub>),
}

/// What a browser is sent to a provider with.
#[derive(Debug)]
pub struct Asking {
    pub redirect_uri: String,
    pub state: String,
    pub nonce: String,
    pub challenge: PkceCodeChallenge,
}

/// What a browser came back with, and what was kept for it.
#[derive(Debug)]
pub struct Redeeming {
    pub code: String,
    pub redirect_uri: String,
    pub nonce: String,
    pub verifier: String,
}

/// What became of a refresh.
#[derive(Debug)]
pub enum Refreshed {
    Fresh(Tokens),
    /// The provider does not know the grant any more.
    Withdrawn,
}

/// All providers of the settings.
///
/// # Errors
/// Names the one that cannot be spoken to.
pub fn all(settings: &[config::Provider], clock: &Clock) -> Result<Arc<[Provider]>> {
    settings
        .iter()
        .map(|settings| Provider::new(settings.clone(), clock))
        .collect()
}

impl Provider {
    fn new(settings: config::Provider, clock: &Clock) -> Result<Self> {
        let failed = |error: &dyn std::error::Error| Error::Provider {
            title: settings.title.clone(),
            problem: chain(error),
        };
        let home = Url::parse(&settings.url).map_err(|error| failed(&error))?;
        let http = Http::new(home.clone()).map_err(|error| failed(&error))?;
        let tongue = match settings.kind {
            ProviderKind::OpenId => {
                let openid = OpenId::new(settings.clone(), http, clock.clone())?;
                Tongue::OpenId(Box::new(openid))
            }
            ProviderKind::GitHub => {
                let github = GitHub::new(settings.clone(), http, home, clock.clone())?;
                Tongue::GitHub(Box::new(github))
            }
        };
        Ok(Self { settings, tongue })
    }

    /// The address to open in a browser.
    pub async fn authorization_url(&self, asking: Asking) -> Result<Url> {
        let mut url = match &self.tongue {
            Tongue::OpenId(openid) => openid.authorization_url(asking).await?,
            Tongue::GitHub(github) => github.authorization_url(asking),
        };
        for (name, value) in &self.settings.parameters {
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }

    /// Whether the redirect's `iss` is this provider's (RFC 9207): otherwise the browser was at another one, which
    /// must not see the code of this one, nor the other way round.
    pub async fn require_issuer(&self, iss: &str) -> Result<()> {
        let is_ours = match &self.tongue {
            Tongue::OpenId(openid) => openid.is_issuer(iss).await?,
            Tongue::GitHub(github) => github.is_issuer(iss),
        };
        if !is_ours {
            tracing::warn!(provider = %self.settings.name, "a redirect came from another issuer");
            return Err(Error::ProviderAnswer(self.settings.title.clone()));
        }
        Ok(())
    }

    /// Exchanges a code for tokens, and tells whose they are.
    pub async fn redeem(&self, redeeming: Redeeming) -> Result<(Profile, Tokens)> {
        match &self.tongue {
            Tongue::OpenId(openid) => openid.redeem(redeeming).await,
            Tongue::GitHub(github) => github.redeem(redeeming).await,
        }
    }

    /// Exchanges a refresh token for new tokens.
    pub async fn refresh(&self, refresh_token: String) -> Result<Refreshed> {
        let token = RefreshToken::new(refresh_token.clone());
        let outcome = match &self.tongue {
            Tongue::OpenId(openid) => openid.refresh(&token).await?,
            Tongue::GitHub(github) => github.refresh(&token).await,
        };
        match outcome {
            Ok(mut tokens) => {
                // A provider that does not rotate says nothing of the refresh token.
                tokens.refresh_token.get_or_insert(refresh_token);
                Ok(Refreshed::Fresh(tokens))
            }
            Err(RequestTokenError::ServerResponse(no)) if is_withdrawn(no.error()) => {
                Ok(Refreshed::Withdrawn)
            }
            Err(error) => Err(token_refusal(&self.settings, &error)),
        }
    }
}

/// Whether a grant is gone: in the words of RFC 6749, and in those of GitHub.
fn is_withdrawn(error: &BasicErrorResponseType) -> bool {
    match error {
        BasicErrorResponseType::InvalidGrant => true,
        BasicErrorResponseType::Extension(other) => other == "bad_refresh_token",
        _ => false,
    }
}

/// The error of a provider that was not reached, or does not make sense.
pub fn unreachable(settings: &config::Provider, error: &dyn std::error::Error) -> Error {
    Error::Provider {
        title: settings.title.clone(),
        problem: chain(error),
    }
}

/// The error of an answer that does not hold; why is for the operator alone.
pub fn untrusted(settings: &config::Provider, why: &str) -> Error {
    tracing::warn!(provider = %settings.name, why, "an identity provider's answer does not hold");
    Error::ProviderAnswer(settings.title.clone())
}

/// What it means that there are no tokens. Bodies are not told: they may hold tokens.
pub fn token_refusal(settings: &config::Provider, error: &TokenError) -> Error {
    match error {
        RequestTokenError::ServerResponse(no) => {
            tracing::warn!(provider = %settings.name, error = %no.error(), "an identity provider refused a code");
            Error::ProviderRefused(settings.title.clone())
        }
        other => unreachable(settings, other),
    }
}

/// The tokens of an answer.
pub fn tokens(reply: &impl TokenResponse, now: DateTime<Utc>) -> Tokens {
    Tokens {
        access_token: Some(AccessToken::secret(reply.access_token()).clone()),
        refresh_token: reply.refresh_token().map(|token| token.secret().clone()),
        expires_at: reply
            .expires_in()
            .and_then(|lasts| now.checked_add_signed(chrono::TimeDelta::from_std(lasts).ok()?)),
    }
}
