//! Signing in with identity providers, and the links to them.

use platform::wire::timestamp;
use proto::{auth as pb, rpc::Context};
use tonic::Status;

use super::identity_of;
use crate::commands::{Answer, Commands, LinkShown, SignedIn};

pub async fn list_providers(
    commands: &Commands,
    _: &Context,
    _: pb::ListProvidersRequest,
) -> Result<pb::ListProvidersResponse, Status> {
    let providers = commands.list_providers().map(|provider| pb::Provider {
        name: provider.name.clone(),
        title: provider.title.clone(),
    });
    Ok(pb::ListProvidersResponse {
        providers: providers.collect(),
    })
}

pub async fn begin_provider_sign_in(
    commands: &Commands,
    context: &Context,
    request: pb::BeginProviderSignInRequest,
) -> Result<pb::BeginProviderSignInResponse, Status> {
    let begun = commands
        .begin_provider_sign_in(context, &request.provider, &request.redirect_uri)
        .await?;
    Ok(pb::BeginProviderSignInResponse {
        authorization_url: begun.url,
        state: begun.state,
        flow_token: begun.flow_token,
        expires_at: Some(timestamp(begun.expires_at)),
    })
}

pub async fn complete_provider_sign_in(
    commands: &Commands,
    context: &Context,
    request: pb::CompleteProviderSignInRequest,
) -> Result<pb::CompleteProviderSignInResponse, Status> {
    let answer = Answer {
        flow_token: request.flow_token,
        state: request.state,
        code: request.code,
        iss: request.iss,
    };
    let signed_in = commands.complete_provider_sign_in(context, answer).await?;
    Ok(match signed_in {
        SignedIn::Opened(session, names) => pb::CompleteProviderSignInResponse {
            identity: Some(identity_of(&session, names)),
            id: session.id.to_string(),
            expires_at: Some(timestamp(session.expires_at)),
            token: session.token,
            ..pb::CompleteProviderSignInResponse::default()
        },
        SignedIn::Needs {
            need,
            pending_token,
            email,
        } => pb::CompleteProviderSignInResponse {
            need: need.into(),
            pending_token,
            email,
            ..pb::CompleteProviderSignInResponse::default()
        },
    })
}

pub async fn continue_provider_sign_in(
    commands: &Commands,
    context: &Context,
    request: pb::ContinueProviderSignInRequest,
) -> Result<pb::ContinueProviderSignInResponse, Status> {
    let (session, names) = commands
        .continue_provider_sign_in(
            context,
            &request.pending_token,
            request.password,
            &request.totp_code,
            &request.organization_name,
        )
        .await?;
    Ok(pb::ContinueProviderSignInResponse {
        identity: Some(identity_of(&session, names)),
        id: session.id.to_string(),
        expires_at: Some(timestamp(session.expires_at)),
        token: session.token,
    })
}

pub async fn begin_provider_link(
    commands: &Commands,
    context: &Context,
    request: pb::BeginProviderLinkRequest,
) -> Result<pb::BeginProviderLinkResponse, Status> {
    let begun = commands
        .begin_provider_link(context.caller()?, &request.provider, &request.redirect_uri)
        .await?;
    Ok(pb::BeginProviderLinkResponse {
        authorization_url: begun.url,
        state: begun.state,
        flow_token: begun.flow_token,
        expires_at: Some(timestamp(begun.expires_at)),
    })
}

pub async fn complete_provider_link(
    commands: &Commands,
    context: &Context,
    request: pb::CompleteProviderLinkRequest,
) -> Result<pb::CompleteProviderLinkResponse, Status> {
    let answer = Answer {
        flow_token: request.flow_token,
        state: request.state,
        code: request.code,
        iss: request.iss,
    };
    let link = commands
        .complete_provider_link(context, context.caller()?, answer)
        .await?;
    Ok(pb::CompleteProviderLinkResponse {
        link: Some(link_message(link)),
    })
}

pub async fn list_provider_links(
    commands: &Commands,
    context: &Context,
    _: pb::ListProviderLinksRequest,
) -> Result<pb::ListProviderLinksResponse, Status> {
    let (links, has_password) = commands.list_provider_links(context.caller()?).await?;
    Ok(pb::ListProviderLinksResponse {
        links: links.into_iter().map(link_message).collect(),
        has_password,
    })
}

pub async fn unlink_provider(
    commands: &Commands,
    context: &Context,
    request: pb::UnlinkProviderRequest,
) -> Result<pb::UnlinkProviderResponse, Status> {
    commands
        .unlink_provider(context, context.caller()?, &request.provider)
        .await?;
    Ok(pb::UnlinkProviderResponse {})
}

fn link_message(link: LinkShown) -> pb::ProviderLink {
    pb::ProviderLink {
        provider: link.provider,
        title: link.title,
        email: link.email,
        created_at: Some(timestamp(link.created_at)),
        last_used_at: link.last_used_at.map(timestamp),
    }
}
