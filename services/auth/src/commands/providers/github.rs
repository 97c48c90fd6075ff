//! GitHub: OAuth 2.0 with PKCE, and its API for who somebody is. Deliberately without an id token, since GitHub
//! gives none: the access token comes from GitHub itself, over TLS, for the code of this flow.

use std::pin::Pin;

use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, TokenResponse as _, TokenUrl,
    basic::BasicClient,
};
use openidconnect::{
    AsyncHttpClient, HttpRequest, HttpResponse,
    http::{HeaderValue, StatusCode, header},
    url::Url,
};
use platform::{Clock, config};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    http::{CallError, Http},
    provider::{Asking, Redeeming, TokenError, token_refusal, tokens, unreachable},
};
use crate::{
    Error,
    domain::provider::{Profile, Tokens},
};

type Result<T> = std::result::Result<T, Error>;
type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Version of the API that is asked for, as GitHub's documentation names it.
const API_VERSION: &str = "2022-11-28";

/// GitHub, or a GitHub Enterprise Server.
#[derive(Debug)]
pub struct GitHub {
    settings: config::Provider,
    http: Http,
    tokens: TokenEndpoint,
    clock: Clock,
    client: Client,
    api: String,
}

/// Of an answer without a token.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "error")]
    _error: String,
}

/// Of `GET /user`.
#[derive(Deserialize)]
struct User {
    id: u64,
}

/// Of `GET /user/emails`.
#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

/// GitHub's token endpoint, which answers 200 with an error in it where RFC 6749 wants 400.
#[derive(Debug)]
struct TokenEndpoint(Http);

impl<'c> AsyncHttpClient<'c> for TokenEndpoint {
    type Error = CallError;
    type Future =
        Pin<Box<dyn Future<Output = std::result::Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let mut reply = self.0.send(request).await?;
            if serde_json::from_slice::<Refusal>(reply.body()).is_ok() {
                *reply.status_mut() = StatusCode::BAD_REQUEST;
            }
            Ok(reply)
        })
    }
}

impl GitHub {
    pub fn new(settings: config::Provider, http: Http, home: Url, clock: Clock) -> Result<Self> {
        let base = settings.url.trim_end_matches('/').to_owned();
        let failed = |error| unreachable(&settings, &error);
        let mut client = BasicClient::new(ClientId::new(settings.client_id.clone()))
            .set_auth_uri(AuthUrl::new(format!("{base}/login/oauth/authorize")).map_err(failed)?)
            .set_token_uri(
                TokenUrl::new(format!("{base}/login/oauth/access_token")).map_err(failed)?,
            )
            .set_auth_type(oauth2::AuthType::RequestBody);
        if let Some(secret) = &settings.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        let api = match home.host_str() {
            Some("github.com") => "https://api.github.com".to_owned(),
            // An Enterprise Server has its API below its own address.
            _ => format!("{base}/api/v3"),
        };
        Ok(Self {
            settings,
            tokens: TokenEndpoint(http.clone()),
            http,
            clock,
            client,
            api,
        })
    }

    pub fn authorization_url(&self, asking: Asking) -> Url {
        let scopes = self.settings.scopes.iter().cloned().map(Scope::new);
        let redirect = RedirectUrl::new(asking.redirect_uri).ok();
        let mut request = self
            .client
            .authorize_url(move || CsrfToken::new(asking.state))
            .add_scopes(scopes)
            .set_pkce_challenge(asking.challenge);
        if let Some(redirect) = redirect {
            request = request.set_redirect_uri(std::borrow::Cow::Owned(redirect));
        }
        request.url().0
    }

    /// GitHub names itself with and without the path of its OAuth endpoints, or not at all.
    pub fn is_issuer(&self, iss: &str) -> bool {
        let base = self.settings.url.trim_end_matches('/');
        iss.is_empty() || iss.trim_end_matches('/') == base || iss == format!("{base}/login/oauth")
    }

    pub async fn redeem(&self, redeeming: Redeeming) -> Result<(Profile, Tokens)> {
        let redirect = RedirectUrl::new(redeeming.redirect_uri).map_err(|_| Error::RedirectUri)?;
        let reply = self
            .client
            .exchange_code(AuthorizationCode::new(redeeming.code))
            .set_pkce_verifier(PkceCodeVerifier::new(redeeming.verifier))
            .set_redirect_uri(std::borrow::Cow::Owned(redirect))
            .request_async(&self.tokens)
            .await
            .map_err(|error| token_refusal(&self.settings, &error))?;
        let token = reply.access_token().secret();
        let user: User = self.get("/user", token).await?;
        let addresses: Vec<Address> = self.get("/user/emails", token).await?;
        let primary = addresses.into_iter().find(|address| address.primary);
        let profile = Profile {
            account_id: format!("{}|{}", self.settings.url.trim_end_matches('/'), user.id),
            email_verified: primary.as_ref().is_some_and(|address| address.verified),
            email: primary.map(|address| address.email),
        };
        Ok((profile, tokens(&reply, self.clock.now())))
    }

    pub async fn refresh(&self, token: &RefreshToken) -> std::result::Result<Tokens, TokenError> {
        let request = self.client.exchange_refresh_token(token);
        let reply = request.request_async(&self.tokens).await?;
        Ok(tokens(&reply, self.clock.now()))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, token: &str) -> Result<T> {
        let odd = |problem: String| Error::Provider {
            title: self.settings.title.clone(),
            problem: format!("its API at {path}: {problem}"),
        };
        let mut request = HttpRequest::new(Vec::new());
        *request.uri_mut() = format!("{}{path}", self.api)
            .parse()
            .map_err(|_| odd("is no address".to_owned()))?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| odd("its token cannot be sent".to_owned()))?;
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, bearer);
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("application/vnd.github+json"),
        );
        headers.insert(
            "x-github-api-version",
            HeaderValue::from_static(API_VERSION),
        );
        let reply = self.http.send(request).await;
        let reply = reply.map_err(|error| unreachable(&self.settings, &error))?;
        if reply.status() != StatusCode::OK {
            return Err(odd(format!("it answers {}", reply.status())));
        }
        serde_json::from_slice(reply.body()).map_err(|error| odd(error.to_string()))
    }
}
