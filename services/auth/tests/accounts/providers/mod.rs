//! Signing in with identity providers: a certified one under Node, and GitHub as its documentation describes it.

mod bounds;
mod flows;
mod github;
mod links;
mod refreshing;
mod signing;

use std::collections::BTreeMap;

use platform::config::{Provider, ProviderKind, Secret};
use proto::{
    auth::{
        BeginProviderLinkRequest, BeginProviderSignInRequest, BeginProviderSignInResponse,
        CompleteProviderLinkRequest, CompleteProviderLinkResponse, CompleteProviderSignInRequest,
        CompleteProviderSignInResponse, ContinueProviderSignInRequest,
        ContinueProviderSignInResponse, ListProviderLinksRequest, ListProviderLinksResponse,
        ProviderSignInNeed, UnlinkProviderRequest,
    },
    rpc::Context,
};
use testkit::{
    TestResult,
    openid::{Browser, OpenIdProvider},
};
use tonic::Status;

use crate::support::{Auth, anybody};

/// Where the test's program would listen.
pub const REDIRECT: &str = "http://127.0.0.1:49152/callback";

/// A provider's settings, under a name.
pub fn settings(name: &str, kind: ProviderKind, url: &str) -> Provider {
    Provider {
        name: name.to_owned(),
        title: format!("The {name}"),
        kind,
        url: url.to_owned(),
        client_id: "valutai-test".to_owned(),
        client_secret: None,
        scopes: vec![
            "openid".to_owned(),
            "email".to_owned(),
            "offline_access".to_owned(),
        ],
        parameters: Vec::new(),
        redirect_uris: Vec::new(),
        trust_email: false,
    }
}

pub fn settings_of(name: &str, openid: &OpenIdProvider) -> Provider {
    Provider {
        client_id: openid.client_id.clone(),
        client_secret: Some(Secret::new(&openid.client_secret)),
        ..settings(name, ProviderKind::OpenId, &openid.issuer)
    }
}

/// Auth with the certified provider as "corp", and that provider; nothing where there is no Node.
pub async fn with_openid() -> TestResult<Option<(Auth, OpenIdProvider)>> {
    let Some(openid) = OpenIdProvider::start().await? else {
        return Ok(None);
    };
    let corp = settings_of("corp", &openid);
    let auth = Auth::start_with(|accounts| accounts.providers = vec![corp]).await?;
    Ok(Some((auth, openid)))
}

/// What a client has when its browser is back.
pub struct Back {
    pub flow_token: String,
    pub state: String,
    pub code: String,
    pub iss: String,
}

impl Back {
    fn new(flow_token: &str, query: &BTreeMap<String, String>) -> Self {
        let value = |name: &str| query.get(name).cloned().unwrap_or_default();
        Self {
            flow_token: flow_token.to_owned(),
            state: value("state"),
            code: value("code"),
            iss: value("iss"),
        }
    }
}

impl Auth {
    pub async fn begin(&self, provider: &str) -> Result<BeginProviderSignInResponse, Status> {
        let request = BeginProviderSignInRequest {
            provider: provider.to_owned(),
            redirect_uri: REDIRECT.to_owned(),
        };
        self.client
            .begin_provider_sign_in(&anybody(), request)
            .await
    }

    /// Somebody's browser goes to a provider and comes back.
    pub async fn go(&self, provider: &str, person: &str) -> TestResult<Back> {
        let begun = self.begin(provider).await?;
        let url = &begun.authorization_url;
        let query = Browser::new()?.go(url, person, REDIRECT).await?;
        assert_eq!(query.get("state"), Some(&begun.state));
        Ok(Back::new(&begun.flow_token, &query))
    }

    pub async fn complete(&self, back: Back) -> Result<CompleteProviderSignInResponse, Status> {
        let request = CompleteProviderSignInRequest {
            flow_token: back.flow_token,
            state: back.state,
            code: back.code,
            iss: back.iss,
        };
        self.client
            .complete_provider_sign_in(&anybody(), request)
            .await
    }

    /// Goes there and back, and what became of it.
    pub async fn sign_in_with(
        &self,
        provider: &str,
        person: &str,
    ) -> TestResult<Result<CompleteProviderSignInResponse, Status>> {
        let back = self.go(provider, person).await?;
        Ok(self.complete(back).await)
    }

    pub async fn go_on(
        &self,
        pending: &str,
        change: impl FnOnce(&mut ContinueProviderSignInRequest),
    ) -> Result<ContinueProviderSignInResponse, Status> {
        let mut request = ContinueProviderSignInRequest {
            pending_token: pending.to_owned(),
            ..ContinueProviderSignInRequest::default()
        };
        change(&mut request);
        self.client
            .continue_provider_sign_in(&anybody(), request)
            .await
    }

    /// A new account of somebody at a provider, signed in.
    pub async fn sign_up_with(
        &self,
        provider: &str,
        person: &str,
    ) -> TestResult<ContinueProviderSignInResponse> {
        let first = self.sign_in_with(provider, person).await??;
        assert_eq!(first.need(), ProviderSignInNeed::OrganizationName);
        let pending = &first.pending_token;
        let name = format!("{person} Ltd");
        let opened = self.go_on(pending, |request| request.organization_name = name);
        Ok(opened.await?)
    }

    /// The browser of somebody who is signed in goes to a provider and comes back.
    pub async fn go_linking(
        &self,
        who: &Context,
        provider: &str,
        person: &str,
    ) -> TestResult<Back> {
        let request = BeginProviderLinkRequest {
            provider: provider.to_owned(),
            redirect_uri: REDIRECT.to_owned(),
        };
        let begun = self.client.begin_provider_link(who, request).await?;
        let url = &begun.authorization_url;
        let query = Browser::new()?.go(url, person, REDIRECT).await?;
        Ok(Back::new(&begun.flow_token, &query))
    }

    pub async fn complete_link(
        &self,
        who: &Context,
        back: Back,
    ) -> Result<CompleteProviderLinkResponse, Status> {
        let request = CompleteProviderLinkRequest {
            flow_token: back.flow_token,
            state: back.state,
            code: back.code,
            iss: back.iss,
        };
        self.client.complete_provider_link(who, request).await
    }

    pub async fn link(
        &self,
        who: &Context,
        provider: &str,
        person: &str,
    ) -> TestResult<Result<CompleteProviderLinkResponse, Status>> {
        let back = self.go_linking(who, provider, person).await?;
        Ok(self.complete_link(who, back).await)
    }

    pub async fn links(&self, who: &Context) -> Result<ListProviderLinksResponse, Status> {
        let request = ListProviderLinksRequest {};
        self.client.list_provider_links(who, request).await
    }

    pub async fn unlink(&self, who: &Context, provider: &str) -> Result<(), Status> {
        let request = UnlinkProviderRequest {
            provider: provider.to_owned(),
        };
        self.client.unlink_provider(who, request).await.map(|_| ())
    }

    /// How often an operation is in the trail, by its outcome, once it is there that often.
    pub async fn recorded(&self, action: &str, outcome: i16, times: i64) -> TestResult {
        testkit::eventually(
            &format!("{times} entries of {action}, {outcome}"),
            || async {
                let mut admin = self.world.admin().await?;
                let query =
                    "SELECT count(*) FROM auth.audit_entry WHERE action = $1 AND outcome = $2";
                let count: i64 = sqlx::query_scalar(query)
                    .bind(action)
                    .bind(outcome)
                    .fetch_one(&mut admin)
                    .await?;
                Ok(count == times)
            },
        )
        .await
    }
}
