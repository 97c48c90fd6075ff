//! OpenID Connect: discovery, the code with PKCE, and the id token, whose issuer, audience, signature, end and
//! nonce the library verifies. Deliberately no key but asymmetric ones: this service's secret signs nothing.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use oauth2::{EndpointMaybeSet, EndpointNotSet, EndpointSet, RefreshToken};
use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthenticationFlow, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeVerifier, ProviderMetadata, RedirectUrl, Scope,
    SignatureVerificationError, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod,
        CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
        CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
        CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
    },
    url::Url,
};
use platform::{Clock, config};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{
    http::Http,
    provider::{Asking, Redeeming, TokenError, token_refusal, tokens, unreachable, untrusted},
};
use crate::{
    Error,
    domain::provider::{Profile, Tokens, may_go_to},
};

type Result<T> = std::result::Result<T, Error>;

/// What was discovered is asked for anew after this long.
const KNOWN_FOR: TimeDelta = TimeDelta::hours(1);

/// Signatures that count; neither "none" nor one by a shared secret is among them.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What RFC 9207 adds to a provider's description.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Additions {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Additions {}

type Description = ProviderMetadata<
    Additions,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider that speaks OpenID Connect.
#[derive(Debug)]
pub struct OpenId {
    settings: config::Provider,
    issuer: IssuerUrl,
    http: Http,
    clock: Clock,
    /// What was discovered, and when. Held while it is asked for, so that many at once ask once.
    known: Mutex<Option<(DateTime<Utc>, Arc<Description>)>>,
}

/// Whom an id token is about.
struct Claims {
    subject: String,
    email: Option<String>,
    email_verified: bool,
}

impl OpenId {
    pub fn new(settings: config::Provider, http: Http, clock: Clock) -> Result<Self> {
        let issuer =
            IssuerUrl::new(settings.url.clone()).map_err(|error| unreachable(&settings, &error))?;
        Ok(Self {
            settings,
            issuer,
            http,
            clock,
            known: Mutex::default(),
        })
    }

    pub async fn authorization_url(&self, asking: Asking) -> Result<Url> {
        let known = self.known(false).await?;
        let client = self.client(&known, &asking.redirect_uri)?;
        let (state, nonce) = (asking.state, asking.nonce);
        let mut request = client.authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        );
        // The library asks for "openid" itself.
        for scope in self.settings.scopes.iter().filter(|s| *s != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, _, _) = request.set_pkce_challenge(asking.challenge).url();
        match may_go_to(self.issuer.url(), &url) {
            true => Ok(url),
            false => Err(Error::Provider {
                title: self.settings.title.clone(),
                problem: "its authorization endpoint is no address to send a browser to".to_owned(),
            }),
        }
    }

    pub async fn is_issuer(&self, iss: &str) -> Result<bool> {
        let known = self.known(false).await?;
        let says_always = known
            .additional_metadata()
            .authorization_response_iss_parameter_supported;
        Ok(match iss {
            "" => !says_always,
            iss => iss == known.issuer().as_str(),
        })
    }

    pub async fn redeem(&self, redeeming: Redeeming) -> Result<(Profile, Tokens)> {
        let known = self.known(false).await?;
        let client = self.client(&known, &redeeming.redirect_uri)?;
        let request = client
            .exchange_code(AuthorizationCode::new(redeeming.code))
            .map_err(|error| unreachable(&self.settings, &error))?
            .set_pkce_verifier(PkceCodeVerifier::new(redeeming.verifier));
        let reply = request.request_async(&self.http).await;
        let reply = reply.map_err(|error| token_refusal(&self.settings, &error))?;
        let nonce = Nonce::new(redeeming.nonce);
        let claims = match self.claims(&client, &reply, &nonce) {
            // The provider may sign by a key that is younger than what is known.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let known = self.known(true).await?;
                let client = self.client(&known, &redeeming.redirect_uri)?;
                self.claims(&client, &reply, &nonce)
            }
            other => other,
        };
        let mut claims =
            claims.map_err(|error| untrusted(&self.settings, &platform::error::chain(&error)))?;
        if claims.email.is_none() {
            self.ask_for_address(&client, &reply, &mut claims).await?;
        }
        let profile = Profile {
            account_id: format!("{}|{}", self.issuer.as_str(), claims.subject),
            email: claims.email,
            email_verified: claims.email_verified,
        };
        Ok((profile, tokens(&reply, self.clock.now())))
    }

    pub async fn refresh(
        &self,
        token: &RefreshToken,
    ) -> Result<std::result::Result<Tokens, TokenError>> {
        let known = self.known(false).await?;
        let client = self.bare_client(&known);
        let request = client
            .exchange_refresh_token(token)
            .map_err(|error| unreachable(&self.settings, &error))?;
        let reply = request.request_async(&self.http).await;
        Ok(reply.map(|reply| tokens(&reply, self.clock.now())))
    }

    /// Whom the id token of an answer is about, once everything about it was verified.
    fn claims(
        &self,
        client: &Client,
        reply: &CoreTokenResponse,
        nonce: &Nonce,
    ) -> std::result::Result<Claims, ClaimsVerificationError> {
        let now = self.clock.now();
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(SIGNATURES)
            .set_time_fn(move || now);
        let missing = || ClaimsVerificationError::Other("there is no id token".to_owned());
        let id_token = reply.id_token().ok_or_else(missing)?;
        let claims = id_token.claims(&verifier, nonce)?;
        if let Some(expected) = claims.access_token_hash() {
            let unsigned = ClaimsVerificationError::SignatureVerification;
            let actual = AccessTokenHash::from_token(
                reply.access_token(),
                id_token.signing_alg().map_err(unsigned)?,
                id_token.signing_key(&verifier).map_err(unsigned)?,
            )
            .map_err(|error| ClaimsVerificationError::Other(error.to_string()))?;
            if actual != *expected {
                let other = "the access token is another one than the id token was made for";
                return Err(ClaimsVerificationError::Other(other.to_owned()));
            }
        }
        Ok(Claims {
            subject: claims.subject().to_string(),
            email: claims.email().map(|email| email.to_string()),
            email_verified: claims.email_verified().unwrap_or(false),
        })
    }

    /// Some providers tell the address at their user info endpoint alone. It must speak of the same subject.
    async fn ask_for_address(
        &self,
        client: &Client,
        reply: &CoreTokenResponse,
        claims: &mut Claims,
    ) -> Result<()> {
        let subject = openidconnect::SubjectIdentifier::new(claims.subject.clone());
        // No such endpoint: then there is no address.
        let Ok(request) = client.user_info(reply.access_token().clone(), Some(subject)) else {
            return Ok(());
        };
        let answer: CoreUserInfoClaims =
            request
                .request_async(&self.http)
                .await
                .map_err(|error| match error {
                    openidconnect::UserInfoError::ClaimsVerification(error) => {
                        untrusted(&self.settings, &platform::error::chain(&error))
                    }
                    other => unreachable(&self.settings, &other),
                })?;
        claims.email = answer.email().map(|email| email.to_string());
        claims.email_verified = answer.email_verified().unwrap_or(false);
        Ok(())
    }

    /// What the provider says of itself, asked for once an hour, or anew.
    async fn known(&self, anew: bool) -> Result<Arc<Description>> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        if let Some((since, description)) = known.as_ref().filter(|_| !anew)
            && now - *since < KNOWN_FOR
        {
            return Ok(Arc::clone(description));
        }
        let description = Description::discover_async(self.issuer.clone(), &self.http)
            .await
            .map_err(|error| unreachable(&self.settings, &error))?;
        let description = Arc::new(description);
        *known = Some((now, Arc::clone(&description)));
        Ok(description)
    }

    fn bare_client(&self, known: &Description) -> Client {
        let secret = self.settings.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let id = ClientId::new(self.settings.client_id.clone());
        let client = Client::from_provider_metadata(known.clone(), id, secret);
        // Basic is what every provider takes unless it says otherwise (OpenID Connect Discovery, section 3).
        let takes = known.token_endpoint_auth_methods_supported();
        let by_form = takes.is_some_and(|methods| {
            !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                && methods.contains(&CoreClientAuthMethod::ClientSecretPost)
        });
        match by_form {
            true => client.set_auth_type(AuthType::RequestBody),
            false => client,
        }
    }

    fn client(&self, known: &Description, redirect_uri: &str) -> Result<Client> {
        let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(|_| Error::RedirectUri)?;
        Ok(self.bare_client(known).set_redirect_uri(redirect))
    }
}
