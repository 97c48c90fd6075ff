//! What must never happen: a call into the inner network, an event at another's endpoint, and one endpoint that holds up others.

use proto::{
    auth::OrganizationDeleted,
    prediction::{self as pb, WebhookDeliveryState},
};
use testkit::{TestResult, eventually};
use tonic::Code;
use uuid::Uuid;

use crate::{
    receiver::Receiver,
    world::{hooks, outcome},
};

#[tokio::test(flavor = "multi_thread")]
async fn inner_addresses_are_not_called() -> TestResult {
    let mut hooks = hooks("").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let refusal = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await
        .expect_err("it has no TLS");
    assert!(refusal.to_string().contains("use https://"), "{refusal}");
    let port = receiver.port;
    for url in [
        format!("https://127.0.0.1:{port}/"),
        // An address in other clothes, and names that lead to one.
        format!("https://2130706433:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://localhost:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let (id, _) = hooks.endpoint(&ada, &url, &["OutcomeRecorded"]).await?;
        let request = pb::TestWebhookRequest { id };
        let tested = hooks.calls().test_webhook(&ada.context, request).await?;
        let delivery = tested.delivery.ok_or("no delivery")?;
        assert_eq!(delivery.state(), WebhookDeliveryState::Failed, "{url}");
        let problem = &delivery.attempts[0].problem;
        assert!(
            problem.contains("is no address that webhooks may be sent to"),
            "{url}: {problem}"
        );
    }
    assert_eq!(receiver.received(), []);
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_open_networks_and_no_more() -> TestResult {
    let mut hooks = hooks("127.0.0.2/32").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let (id, _) = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await?;
    let request = pb::TestWebhookRequest { id };
    let tested = hooks.calls().test_webhook(&ada.context, request).await?;
    let delivery = tested.delivery.ok_or("no delivery")?;
    assert!(
        delivery.attempts[0].problem.contains("no address"),
        "{delivery:?}"
    );
    assert_eq!(receiver.received(), []);
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn organisations_are_apart() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let (ada, bob) = (hooks.tenant("ada").await?, hooks.tenant("bob").await?);
    let (of_ada, of_bob) = (Receiver::start().await?, Receiver::start().await?);
    let types = ["OutcomeRecorded"];
    let (id, _) = hooks.endpoint(&ada, &of_ada.url(), &types).await?;
    hooks.endpoint(&bob, &of_bob.url(), &types).await?;
    let event = hooks.tell(&ada, &outcome("Q-ada")).await?;
    hooks.tell(&bob, &outcome("Q-bob")).await?;
    assert!(of_ada.has(1).await?[0].body.contains("Q-ada"));
    assert!(of_bob.has(1).await?[0].body.contains("Q-bob"));

    let calls = hooks.calls();
    let code = |outcome: Result<(), tonic::Status>| outcome.err().map(|status| status.code());
    let (theirs, event_id) = (&bob.context, event.to_string());
    let update = pb::UpdateWebhookRequest {
        id: id.clone(),
        enabled: Some(false),
        ..pb::UpdateWebhookRequest::default()
    };
    let (one, two) = (id.clone(), id.clone());
    let list = pb::ListWebhookDeliveriesRequest {
        webhook_id: id.clone(),
        ..pb::ListWebhookDeliveriesRequest::default()
    };
    let get = pb::GetWebhookDeliveryRequest {
        webhook_id: id.clone(),
        event_id: event_id.clone(),
    };
    let replay = pb::ReplayWebhookDeliveriesRequest {
        webhook_id: id.clone(),
        event_id,
        ..pb::ReplayWebhookDeliveriesRequest::default()
    };
    let rotate = pb::RotateWebhookSecretRequest {
        id: id.clone(),
        grace_hours: None,
    };
    let codes = [
        code(calls.update_webhook(theirs, update).await.map(drop)),
        code(
            calls
                .delete_webhook(theirs, pb::DeleteWebhookRequest { id: one })
                .await
                .map(drop),
        ),
        code(
            calls
                .test_webhook(theirs, pb::TestWebhookRequest { id: two })
                .await
                .map(drop),
        ),
        code(calls.rotate_webhook_secret(theirs, rotate).await.map(drop)),
        code(calls.list_webhook_deliveries(theirs, list).await.map(drop)),
        code(calls.get_webhook_delivery(theirs, get).await.map(drop)),
        code(
            calls
                .replay_webhook_deliveries(theirs, replay)
                .await
                .map(drop),
        ),
    ];
    assert_eq!(codes, [Some(Code::NotFound); 7]);

    // Whoever is no owner may not even look.
    let mut viewer = ada.context.clone();
    if let Some(caller) = &mut viewer.caller {
        caller.role = proto::auth::Role::Analyst;
    }
    let refused = calls
        .list_webhooks(&viewer, pb::ListWebhooksRequest {})
        .await;
    assert_eq!(code(refused.map(drop)), Some(Code::PermissionDenied));

    // An organisation that ends takes its endpoints along.
    let deleted = OrganizationDeleted {
        organization_id: ada.id.to_string(),
    };
    hooks.tell(&ada, &deleted).await?;
    eventually("nothing is left of it", || async {
        let left =
            hooks.rows(&ada, "webhook").await? + hooks.rows(&ada, "webhook_delivery").await?;
        Ok(left == 0)
    })
    .await?;
    assert_eq!(hooks.rows(&bob, "webhook").await?, 1);
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_endpoint_takes_its_deliveries_along() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let (id, _) = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await?;
    hooks.tell(&ada, &outcome("Q-1")).await?;
    receiver.has(1).await?;
    let request = pb::DeleteWebhookRequest { id };
    hooks.calls().delete_webhook(&ada.context, request).await?;
    assert_eq!(hooks.rows(&ada, "webhook_delivery").await?, 0);
    // There is room for so many and no more.
    for _ in 0..20 {
        hooks
            .endpoint(&ada, &receiver.url(), &["DriftEnded"])
            .await?;
    }
    let refusal = hooks.endpoint(&ada, &receiver.url(), &["DriftEnded"]).await;
    let refusal = refusal.expect_err("there are twenty").to_string();
    assert!(refusal.contains("20 webhooks"), "{refusal}");
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_holds_up_none_but_itself() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let (slow, quick) = (Receiver::start().await?, Receiver::start().await?);
    let types = ["OutcomeRecorded"];
    hooks.endpoint(&ada, &slow.url(), &types).await?;
    hooks.endpoint(&ada, &quick.url(), &types).await?;
    slow.hold(true);
    let events: Vec<_> = (0..200)
        .map(|n| (Uuid::now_v7(), outcome(&format!("Q-{n}"))))
        .collect();
    hooks
        .tell_batch(&ada, Uuid::now_v7(), "many", &events)
        .await?;
    quick.has(200).await?;
    // None of the slow one's calls has ended by then, so that these are all that it was given.
    assert!(
        (1..=8).contains(&slow.received().len()),
        "{}",
        slow.received().len()
    );
    assert_eq!(slow.most_at_once(), slow.received().len());
    slow.hold(false);
    slow.has(200).await?;
    hooks.world.stop().await;
    Ok(())
}
