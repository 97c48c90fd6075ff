//! What failed comes again: by the schedule, as the endpoint wants it, after a crash, and when its owner says so; and an endpoint
//! that fails for days, or is gone, gets nothing more.

use chrono::{DateTime, TimeDelta, Utc};
use platform::wire::datetime;
use proto::prediction::{self as pb, WebhookDelivery, WebhookDeliveryState, WebhookState};
use testkit::{TestResult, eventually};

use crate::{
    eventually_audited,
    receiver::{Received, Receiver},
    signature,
    world::{hooks, outcome},
};

fn next(delivery: &WebhookDelivery) -> TestResult<DateTime<Utc>> {
    let at = delivery.next_attempt_at.as_ref().and_then(datetime);
    Ok(at.ok_or("no attempt is to come")?)
}

/// Since when an attempt waits for the next one, in seconds.
fn wait_after(delivery: &WebhookDelivery, attempt: usize) -> TestResult<f64> {
    let at = delivery.attempts[attempt].at.as_ref().and_then(datetime);
    let wait = next(delivery)? - at.ok_or("the attempt has no time")?;
    Ok(wait.num_milliseconds() as f64 / 1000.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_come_again_by_the_schedule_and_the_endpoints_wish() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let (id, secret) = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await?;
    receiver.answer([(500, ""), (429, "retry-after: 1000")]);
    let event = hooks.tell(&ada, &outcome("Q-1")).await?;
    let first = hooks.settled(&ada, &id, |d| d.attempts.len() == 1).await?;
    assert_eq!(first.state(), WebhookDeliveryState::Pending);
    assert_eq!(first.attempts[0].status, 500);
    assert_eq!(first.attempts[0].answer, "it is so");
    assert_eq!(
        first.attempts[0].problem,
        "it answered 500 Internal Server Error"
    );
    let wait = wait_after(&first, 0)?;
    assert!((5.0..=6.0).contains(&wait), "{wait}");
    assert!(hooks.webhook(&ada, &id).await?.failing_since.is_some());

    hooks.wait(TimeDelta::seconds(7));
    let second = hooks.settled(&ada, &id, |d| d.attempts.len() == 2).await?;
    let wait = wait_after(&second, 1)?;
    assert!((1000.0..1001.0).contains(&wait), "{wait}");
    // The endpoint wants no other event either, before it has said so.
    let other = hooks.tell(&ada, &outcome("Q-2")).await?;
    let kept = |d: &WebhookDelivery| d.event_id == other.to_string();
    hooks.settled(&ada, &id, kept).await?;
    hooks.wait(TimeDelta::seconds(900));
    let tested = pb::TestWebhookRequest { id: id.clone() };
    hooks.calls().test_webhook(&ada.context, tested).await?;
    receiver.has(3).await?;

    hooks.wait(TimeDelta::seconds(101));
    let received = receiver.has(5).await?;
    let of_first: Vec<&Received> = received
        .iter()
        .filter(|one| one.id() == event.to_string())
        .collect();
    assert_eq!(of_first.len(), 3);
    assert!(of_first.iter().all(|one| one.body == of_first[0].body));
    let times: Vec<_> = of_first
        .iter()
        .map(|one| one.header("webhook-timestamp"))
        .collect();
    assert!(times[0] < times[1] && times[1] < times[2], "{times:?}");
    for one in of_first {
        assert_eq!(one.header("webhook-signature"), signature(&secret, one)?);
    }
    eventually("the endpoint is well again", || async {
        Ok(hooks.webhook(&ada, &id).await?.failing_since.is_none())
    })
    .await?;
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_disabled_at_once() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let (receiver, other) = (Receiver::start().await?, Receiver::start().await?);
    let (id, _) = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await?;
    hooks
        .endpoint(&ada, &other.url(), &["WebhookDisabled", "OutcomeRecorded"])
        .await?;
    receiver.answer([(410, "")]);
    hooks.tell(&ada, &outcome("Q-1")).await?;
    // Another endpoint is told.
    let received = other.has(2).await?;
    let news = received
        .iter()
        .find(|one| one.body.contains("WebhookDisabled"));
    let news = news.ok_or("nobody was told")?;
    assert!(
        news.body.contains(&id) && news.body.contains("\"gone\""),
        "{news:?}"
    );
    assert_eq!(hooks.webhook(&ada, &id).await?.state(), WebhookState::Gone);
    assert_eq!(
        eventually_audited(&hooks, &ada, "prediction.disable_webhook").await?,
        1
    );
    // Nothing is kept for it.
    hooks.tell(&ada, &outcome("Q-2")).await?;
    other.has(3).await?;
    assert_eq!(hooks.deliveries(&ada, &id).await?.len(), 1);
    receiver.has(1).await?;
    hooks.enable(&ada, &id, true).await?;
    hooks.tell(&ada, &outcome("Q-3")).await?;
    eventually("it is sent events again", || async {
        Ok(receiver
            .received()
            .iter()
            .any(|one| one.body.contains("Q-3")))
    })
    .await?;
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_for_days_is_disabled_and_misses_nothing() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let (id, _) = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await?;
    receiver.always((500, ""));
    hooks.tell(&ada, &outcome("Q-1")).await?;
    let mut made = 1;
    while made < 10 {
        let delivery = hooks
            .settled(&ada, &id, |d| d.attempts.len() == made)
            .await?;
        assert_eq!(delivery.state(), WebhookDeliveryState::Pending);
        hooks.wait(next(&delivery)? - hooks.world.clock.now());
        made += 1;
    }
    let given_up = hooks.settled(&ada, &id, |d| d.attempts.len() == 10).await?;
    assert_eq!(given_up.state(), WebhookDeliveryState::Failed);
    assert_eq!(given_up.next_attempt_at, None);
    let webhook = hooks.webhook(&ada, &id).await?;
    assert_eq!(webhook.state(), WebhookState::Enabled);
    let since = webhook.failing_since.as_ref().and_then(datetime);
    let since = since.ok_or("it does not fail")?;

    hooks.wait(since + TimeDelta::days(5) - hooks.world.clock.now());
    hooks.tell(&ada, &outcome("Q-2")).await?;
    eventually("the endpoint is disabled", || async {
        Ok(hooks.webhook(&ada, &id).await?.state() == WebhookState::Failing)
    })
    .await?;
    assert_eq!(
        eventually_audited(&hooks, &ada, "prediction.disable_webhook").await?,
        1
    );
    // What comes meanwhile is kept, and sent once it is enabled.
    let third = hooks.tell(&ada, &outcome("Q-3")).await?;
    hooks
        .settled(&ada, &id, |d| d.event_id == third.to_string())
        .await?;
    receiver.always((204, ""));
    let before = receiver.received().len();
    hooks.wait(TimeDelta::hours(1));
    hooks.enable(&ada, &id, true).await?;
    let received = receiver.has(before + 2).await?;
    let ends: Vec<bool> = ["Q-2", "Q-3"]
        .iter()
        .map(|quote| {
            received[before..]
                .iter()
                .any(|one| one.body.contains(quote))
        })
        .collect();
    assert_eq!(ends, [true, true]);

    // What had failed for good is sent when it is asked for.
    let request = pb::ReplayWebhookDeliveriesRequest {
        webhook_id: id.clone(),
        from_time: Some(platform::wire::timestamp(DateTime::UNIX_EPOCH)),
        only_failed: true,
        ..pb::ReplayWebhookDeliveriesRequest::default()
    };
    let again = hooks
        .calls()
        .replay_webhook_deliveries(&ada.context, request)
        .await?;
    assert_eq!(again.count, 1);
    let received = receiver.has(before + 3).await?;
    assert!(received[before + 2].body.contains("Q-1"));

    // After a month nothing is left.
    hooks.wait(TimeDelta::days(31));
    hooks.world.stop().await;
    hooks.world.start().await?;
    eventually("old deliveries are removed", || async {
        Ok(hooks.rows(&ada, "webhook_delivery").await? == 0)
    })
    .await?;
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_sent_again_when_asked_for() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let (id, _) = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await?;
    let first = hooks.tell(&ada, &outcome("Q-1")).await?;
    receiver.has(1).await?;
    let between = hooks.world.clock.now();
    eventually("a millisecond is over", || async {
        Ok(hooks.world.clock.now().timestamp_millis() > between.timestamp_millis())
    })
    .await?;
    let later = [
        hooks.tell(&ada, &outcome("Q-2")).await?.to_string(),
        hooks.tell(&ada, &outcome("Q-3")).await?.to_string(),
    ];
    receiver.has(3).await?;
    eventually("all are noted as delivered", || async {
        let all = hooks.deliveries(&ada, &id).await?;
        Ok(all
            .iter()
            .all(|d| d.state() == WebhookDeliveryState::Delivered))
    })
    .await?;
    let replay = |request: pb::ReplayWebhookDeliveriesRequest| {
        let calls = hooks.calls();
        let context = ada.context.clone();
        let webhook_id = id.clone();
        async move {
            let request = pb::ReplayWebhookDeliveriesRequest {
                webhook_id,
                ..request
            };
            calls.replay_webhook_deliveries(&context, request).await
        }
    };
    let since = platform::wire::timestamp(between + TimeDelta::milliseconds(1));
    let period = pb::ReplayWebhookDeliveriesRequest {
        from_time: Some(since),
        ..Default::default()
    };
    assert_eq!(replay(period).await?.count, 2);
    let received = receiver.has(5).await?;
    let mut again: Vec<&str> = received[3..].iter().map(Received::id).collect();
    again.sort_unstable();
    assert_eq!(again, later);

    let one = pb::ReplayWebhookDeliveriesRequest {
        event_id: first.to_string(),
        ..Default::default()
    };
    assert_eq!(replay(one).await?.count, 1);
    assert_eq!(receiver.has(6).await?[5].id(), first.to_string());
    let without = replay(Default::default()).await.expect_err("no period");
    assert_eq!(without.code(), tonic::Code::InvalidArgument);
    let unknown = pb::ReplayWebhookDeliveriesRequest {
        event_id: uuid::Uuid::now_v7().to_string(),
        ..Default::default()
    };
    let refusal = replay(unknown).await.expect_err("there is none");
    assert_eq!(refusal.code(), tonic::Code::NotFound);
    hooks.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_sending_and_noting_sends_the_same_again_and_no_more() -> TestResult {
    let mut hooks = hooks("127.0.0.0/8").await?;
    let ada = hooks.tenant("ada").await?;
    let receiver = Receiver::start().await?;
    let (id, secret) = hooks
        .endpoint(&ada, &receiver.url(), &["OutcomeRecorded"])
        .await?;
    let event = hooks.tell(&ada, &outcome("Q-1")).await?;
    let is_delivered = |d: &WebhookDelivery| d.state() == WebhookDeliveryState::Delivered;
    hooks.settled(&ada, &id, is_delivered).await?;
    // The row as a process leaves it that has died after the answer: taken until the lease ends, and nothing noted.
    let mut admin = hooks.world.admin().await?;
    sqlx::query(
        "UPDATE prediction.webhook_delivery SET state = 'pending', tries = 0, attempts = '[]', delivered_at = NULL,
            next_attempt_at = $1",
    )
    .bind(hooks.world.clock.now() + TimeDelta::seconds(120))
    .execute(&mut admin)
    .await?;
    // What comes behind it shows that the lane goes on without it.
    hooks.tell(&ada, &outcome("Q-2")).await?;
    receiver.has(2).await?;
    hooks.wait(TimeDelta::seconds(121));
    let received = receiver.has(3).await?;
    assert_eq!(received[2].id(), event.to_string());
    assert_eq!(received[2].body, received[0].body);
    assert_eq!(
        received[2].header("webhook-signature"),
        signature(&secret, &received[2])?
    );
    hooks.world.stop().await;
    hooks.world.start().await?;
    hooks.tell(&ada, &outcome("Q-3")).await?;
    receiver.has(4).await?;
    hooks.world.stop().await;
    Ok(())
}
