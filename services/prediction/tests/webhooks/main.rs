//! Webhooks from the event to the endpoint, against a real Postgres, NATS and HTTP: what is sent and signed, when again, and what
//! never. Deliberately without learning: the events are told as their services tell them.

mod receiver;
mod retries;
mod walls;
mod world;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use hmac::{Hmac, Mac as _};
use proto::prediction::{self as pb, OutcomeRecorded, PredictionChanged, WebhookDeliveryState};
use serde_json::Value;
use testkit::{TestResult, eventually};
use uuid::Uuid;

use crate::{
    receiver::{Received, Receiver},
    world::{hooks, outcome},
};

/// The signature that a secret makes of what came, computed from the headers and the body as a receiver does.
pub fn signature(secret: &str, received: &Received) -> TestResult<String> {
    let key = secret.strip_prefix("whsec_").ok_or("no such secret")?;
    let mut mac = <Hmac<sha2::Sha256>>::new_from_slice(&BASE64_STANDARD.decode(key)?)?;
    for part in [
        received.header("webhook-id"),
        ".",
        received.header("webhook-timestamp"),
        ".",
        &received.body,
    ] {
        mac.update(part.as_bytes());
    }
    let made = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("v1,{made}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_a_batch_is_sent_once_and_signed() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let (id, secret) = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await?;
    let events: Vec<(Uuid, OutcomeRecorded)> = (1..=3)
        .map(|n| (Uuid::now_v7(), outcome(&format!("Q-{n}"))))
        .collect();
    let batch = Uuid::now_v7();
    hooks.tell_batch(&ada, batch, "first", &events).await?;
    receiver.has(3).await?;
    // It comes a second time, as after a crash of the relay, and something new behind it.
    hooks.tell_batch(&ada, batch, "second", &events).await?;
    let last = hooks.tell(&ada, &outcome("Q-4")).await?;
    let received = receiver.has(4).await?;

    let mut ids: Vec<&str> = received.iter().map(Received::id).collect();
    ids.sort_unstable();
    let mut told: Vec<String> = events.iter().map(|(id, _)| id.to_string()).collect();
    told.push(last.to_string());
    told.sort_unstable();
    assert_eq!(ids, told);
    for one in &received {
        assert_eq!(one.path, "/hook");
        assert_eq!(one.header("webhook-signature"), signature(&secret, one)?);
        let age =
            hooks.world.clock.now().timestamp() - one.header("webhook-timestamp").parse::<i64>()?;
        assert!((0..300).contains(&age), "{age}");
        assert!(
            one.header("content-type")
                .starts_with("application/cloudevents+json")
        );
        let body: Value = serde_json::from_str(&one.body)?;
        assert_eq!(body["specversion"], "1.0");
        assert_eq!(body["id"], one.id());
        assert_eq!(body["type"], "valutai.prediction.v1.OutcomeRecorded");
        assert_eq!(body["source"], "valutai/prediction");
        assert_eq!(body["subject"], ada.id.to_string());
        assert!(
            body["time"]
                .as_str()
                .is_some_and(|time| time.ends_with('Z'))
        );
        assert_eq!(body["data"]["winProbability"], 0.75);
        assert!(
            body["data"]["quoteRef"]
                .as_str()
                .is_some_and(|q| q.starts_with("Q-"))
        );
        assert!(body["data"].get("predictionId").is_none(), "{body}");
    }
    let kept = hooks.settled(&ada, &id, |newest| newest.attempts.len() == 1);
    let kept = kept.await?;
    assert_eq!(kept.event_id, last.to_string());
    assert_eq!(kept.state(), WebhookDeliveryState::Delivered);
    assert_eq!((kept.attempts[0].status, kept.next_attempt_at), (204, None));
    assert!(kept.delivered_at.is_some() && kept.event_time.is_some());
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_sent_by_the_endpoints_threshold() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let (all, large) = (Receiver::start().await?, Receiver::start().await?);
    hooks
        .endpoint(&ada, &all.url(), &["PredictionChanged"])
        .await?;
    let request = pb::CreateWebhookRequest {
        url: large.url(),
        event_types: vec!["valutai.prediction.v1.PredictionChanged".to_owned()],
        minimum_change: Some(0.1),
        ..pb::CreateWebhookRequest::default()
    };
    hooks.calls().create_webhook(&ada.context, request).await?;
    let changed = |from: f64, to: f64| PredictionChanged {
        quote_ref: "Q".to_owned(),
        previous_win_probability: from,
        win_probability: to,
        ..PredictionChanged::default()
    };
    hooks.tell(&ada, &changed(0.50, 0.52)).await?;
    let wanted = hooks.tell(&ada, &changed(0.60, 0.75)).await?;
    all.has(2).await?;
    assert_eq!(large.has(1).await?[0].id(), wanted.to_string());
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_hold_for_a_time() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let (id, before) = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await?;
    let request = pb::RotateWebhookSecretRequest {
        id: id.clone(),
        grace_hours: Some(2),
    };
    let calls = hooks.calls();
    let rotated = calls.rotate_webhook_secret(&ada.context, request);
    let after = rotated.await?.secret;
    assert_ne!(before, after);
    hooks.tell(&ada, &outcome("Q-1")).await?;
    let received = receiver.has(1).await?;
    let both = format!(
        "{} {}",
        signature(&after, &received[0])?,
        signature(&before, &received[0])?
    );
    assert_eq!(received[0].header("webhook-signature"), both);
    hooks.wait(TimeDelta::minutes(121));
    hooks.tell(&ada, &outcome("Q-2")).await?;
    let received = receiver.has(2).await?;
    assert_eq!(
        received[1].header("webhook-signature"),
        signature(&after, &received[1])?
    );

    // Nobody reads a secret again, neither in an answer nor in the database.
    let listed = format!("{:?}", hooks.webhook(&ada, &id).await?);
    assert!(!listed.contains("whsec_"), "{listed}");
    let mut admin = hooks.world.admin().await?;
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT secret FROM prediction.webhook")
        .fetch_one(&mut admin)
        .await?;
    let plain = BASE64_STANDARD.decode(after.trim_start_matches("whsec_"))?;
    assert!(!sealed.windows(plain.len()).any(|part| part == plain));
    assert_eq!(
        eventually_audited(&hooks, &ada, "prediction.rotate_webhook_secret").await?,
        1
    );
    hooks.world.stop().await;
    Ok(())
}

/// Waits for an entry of the audit trail, which comes a moment later; answers how many there are.
pub async fn eventually_audited(
    hooks: &world::Hooks,
    tenant: &world::Tenant,
    action: &str,
) -> TestResult<i64> {
    eventually("it is in the audit trail", || async {
        Ok(hooks.audited(tenant, action).await? > 0)
    })
    .await?;
    hooks.audited(tenant, action).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_tells_what_became_of_it() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let (id, secret) = hooks
        .endpoint(&ada, &receiver.url(), &["DriftEnded"])
        .await?;
    receiver.answer([(200, ""), (302, "location: http://127.0.0.1:1/other")]);
    let test = || async {
        let request = pb::TestWebhookRequest { id: id.clone() };
        hooks.calls().test_webhook(&ada.context, request).await
    };
    let taken = test().await?.delivery.ok_or("no delivery")?;
    assert_eq!(taken.state(), WebhookDeliveryState::Delivered);
    assert_eq!(taken.event_type, "valutai.prediction.v1.WebhookTested");
    assert_eq!(taken.attempts[0].answer, "it is so");
    let received = receiver.has(1).await?;
    assert_eq!(
        received[0].header("webhook-signature"),
        signature(&secret, &received[0])?
    );
    let elsewhere = test().await?.delivery.ok_or("no delivery")?;
    assert_eq!(elsewhere.state(), WebhookDeliveryState::Failed);
    assert_eq!(elsewhere.attempts[0].status, 302);
    assert!(
        elsewhere.attempts[0]
            .problem
            .contains("redirects are not followed"),
        "{elsewhere:?}"
    );
    // A failed test is no failure of the endpoint.
    assert_eq!(hooks.webhook(&ada, &id).await?.failing_since, None);
    hooks.world.stop().await;
    Ok(())
}
