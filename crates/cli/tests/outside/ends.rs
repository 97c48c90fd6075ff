//! How credentials end: revoked, expired, with their organisation; and how their consumers follow.

use chrono::TimeDelta;
use platform::Clock;
use proto::auth::{
    ConfirmOrganizationDeletionRequest, ListAuditEntriesRequest, ListStreamCredentialsRequest,
    RequestOrganizationDeletionRequest, RevokeStreamCredentialRequest,
    issue_stream_credential_request::Start,
};
use testkit::{TestResult, eventually};
use tonic::Code;

use crate::{
    client::Client,
    support,
    walled::{CREDENTIALS, STREAM, Walled, issue, revoke},
};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_once_a_credential_is_revoked() -> TestResult {
    let walled = Walled::of(&CREDENTIALS).await?;
    let (own, other) = (walled.tenant("own").await?, walled.tenant("other").await?);
    let consumer = own.issued.consumer.clone();
    walled.tell(&own, "PredictionMade", 1).await?;
    walled.tell(&own, "PredictionMade", 2).await?;
    let mut client = Client::connect(&own.issued.url)?;
    assert_eq!(client.read(STREAM, &consumer, 1)?.len(), 1);
    let mut auth = own.owner.connection.auth();
    let listed = auth
        .list_stream_credentials(ListStreamCredentialsRequest {})
        .await?;
    let listed = listed.into_inner().credentials;
    assert!(listed[0].last_used_at.is_some(), "{listed:?}");
    assert_eq!((listed.len(), listed[0].events.len()), (1, 5));
    // A stranger cannot end it.
    let foreign = RevokeStreamCredentialRequest {
        id: own.issued.id.clone(),
    };
    let foreign = other
        .owner
        .connection
        .auth()
        .revoke_stream_credential(foreign)
        .await;
    assert!(foreign.is_err_and(|status| status.code() == Code::NotFound));
    assert_eq!(walled.readers()?.len(), 2);
    revoke(&own).await?;
    // The connection stands and has nothing to ask any more; what was delivered cannot be acknowledged either.
    assert_eq!(walled.readers()?, [other.issued.consumer.as_str()]);
    let next = format!("$JS.valutai.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}");
    let answer = client.request(&next, "{\"batch\":1,\"no_wait\":true}")?;
    assert_eq!((answer.status(), answer.text().as_str()), (Some("503"), ""));
    let info = client.request(
        &format!("$JS.valutai.API.CONSUMER.INFO.{STREAM}.{consumer}"),
        "",
    )?;
    assert!(
        info.text().contains("consumer not found"),
        "{}",
        info.text()
    );
    let again = Client::connect(&own.issued.url)
        .err()
        .map(|error| error.to_string());
    assert_eq!(again.as_deref(), Some("-ERR 'Authorization Violation'"));
    // Twice is as good as once, and the other one goes on.
    revoke(&own).await?;
    walled.tell(&other, "PredictionMade", 1).await?;
    let mut theirs = Client::connect(&other.issued.url)?;
    assert_eq!(
        theirs.read(STREAM, &other.issued.consumer, 1)?[0].text(),
        format!("PredictionMade 1 of {}", other.id)
    );
    // Both are in the trail.
    for action in [
        "auth.issue_stream_credential",
        "auth.revoke_stream_credential",
    ] {
        eventually(action, || async {
            let request = ListAuditEntriesRequest {
                action: action.to_owned(),
                ..Default::default()
            };
            let entries = own
                .owner
                .connection
                .auth()
                .list_audit_entries(request)
                .await?
                .into_inner()
                .entries;
            Ok(entries.iter().any(|entry| entry.entity_id == own.issued.id))
        })
        .await?;
    }
    walled.stop().await
}

/// A request that waits when the credential is revoked is ended by the server, not answered with what comes later.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_ends_with_its_credential() -> TestResult {
    let walled = Walled::of(&CREDENTIALS).await?;
    let own = walled.tenant("own").await?;
    let consumer = own.issued.consumer.clone();
    let url = own.issued.url.clone();
    let waiting = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(&url)?;
        client.read(STREAM, &consumer, 1)
    });
    eventually("the request waits", || async {
        let info = walled.js(&format!("CONSUMER.INFO.{STREAM}.{}", own.issued.consumer))?;
        Ok(info["num_waiting"] == 1)
    })
    .await?;
    revoke(&own).await?;
    walled.tell(&own, "PredictionMade", 1).await?;
    let answers = waiting.await??;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].status(), Some("409 Consumer Deleted"));
    walled.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_let_in_for_a_while_only() -> TestResult {
    let mut walled = Walled::new(&CREDENTIALS).await?;
    // By this clock the hour of a connection made now was over before it began, as the server sees it.
    walled.world.clock = Clock::fixed(Clock::system().now() - TimeDelta::hours(2));
    walled.world.start().await?;
    let own = walled.tenant("own").await?;
    assert!(Client::connect(&own.issued.url).is_err());
    walled.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_are_kept_in_step_with_credentials() -> TestResult {
    let mut walled = Walled::of(&CREDENTIALS).await?;
    let (lost, ended) = (walled.tenant("lost").await?, walled.tenant("ended").await?);
    walled.tell(&lost, "PredictionMade", 1).await?;
    walled.world.stop().await;
    // As after a backup without consumers; and one whose days are over.
    walled.js(&format!(
        "CONSUMER.DELETE.{STREAM}.{}",
        lost.issued.consumer
    ))?;
    let mut admin = walled.world.admin().await?;
    sqlx::query("UPDATE auth.stream_credential SET created_at = created_at - interval '1 hour'")
        .execute(&mut admin)
        .await?;
    sqlx::query("UPDATE auth.stream_credential SET expires_at = now() WHERE tenant_id = $1::uuid")
        .bind(&ended.id)
        .execute(&mut admin)
        .await?;
    assert_eq!(walled.readers()?, [ended.issued.consumer.as_str()]);
    walled.world.start().await?;
    eventually("one is made again and one is deleted", || async {
        Ok(walled.readers()? == [lost.issued.consumer.as_str()])
    })
    .await?;
    assert!(Client::connect(&ended.issued.url).is_err());
    let mut client = Client::connect(&lost.issued.url)?;
    let read = client.read(STREAM, &lost.issued.consumer, 1)?;
    assert_eq!(read[0].text(), format!("PredictionMade 1 of {}", lost.id));
    walled.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_takes_its_credentials_along() -> TestResult {
    let mut walled = Walled::new(&CREDENTIALS).await?;
    walled.world.launch.accounts.deletion_grace = std::time::Duration::ZERO;
    walled.world.start().await?;
    let (gone, kept) = (walled.tenant("gone").await?, walled.tenant("kept").await?);
    let mut auth = gone.owner.connection.auth();
    auth.request_organization_deletion(RequestOrganizationDeletionRequest {
        name: "gone Ltd".to_owned(),
        password: support::PASSWORD.clone(),
    })
    .await?;
    let mut token = String::new();
    eventually("the mail is sent", || {
        let mail = support::mail(
            &walled.world.mail_dir(),
            "gone@example.com",
            "Subject: Delete",
        );
        token = mail.unwrap_or_default();
        let is_there = !token.is_empty();
        async move { Ok(is_there) }
    })
    .await?;
    auth.confirm_organization_deletion(ConfirmOrganizationDeletionRequest { token })
        .await?;
    eventually("its consumer is gone", || async {
        Ok(walled.readers()? == [kept.issued.consumer.as_str()])
    })
    .await?;
    assert!(Client::connect(&gone.issued.url).is_err());
    walled.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_in_a_sentence() -> TestResult {
    let walled = Walled::of(&CREDENTIALS).await?;
    let own = walled.tenant("own").await?;
    let future = prost_types::Timestamp {
        seconds: (walled.world.clock.now() + TimeDelta::days(1)).timestamp(),
        nanos: 0,
    };
    let refused = issue(&own.owner, Some(Start::FromTime(future))).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("a time of the past")));
    for _ in 1..20 {
        issue(&own.owner, None).await?;
    }
    let refused = issue(&own.owner, None).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("20 credentials already")));
    let mut auth = own.owner.connection.auth();
    let made = auth.create_api_key(proto::auth::CreateApiKeyRequest {
        name: "k".to_owned(),
        role: proto::auth::Role::Owner as i32,
        days: 1,
    });
    let by_key = own
        .owner
        .connection
        .with_token(&made.await?.into_inner().token)?;
    let mut person = own.owner.clone();
    person.connection = by_key;
    let refused = issue(&person, None).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("a session of a person")));
    walled.stop().await
}

/// Where the operator has set nothing up, it is said what to do.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_address_nobody_is_given_a_credential() -> TestResult {
    let mut world = support::world().await?;
    let owner = support::sign_up(&world, "unset").await?;
    let refused = issue(&owner, None).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("VALUTAI_NATS_PUBLIC_URL")));
    world.stop().await;
    Ok(())
}
