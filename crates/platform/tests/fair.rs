//! What the platform promises about calls under load, over a real server: turns among tenants, early
//! refusals that say when to come again, and nothing begun for who does not wait any more.

use std::{
    sync::{LazyLock, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, poll, stream::FuturesUnordered};
use platform::{Service, Wiring, overload::retry_delay, rpc::NatsTransport};
use proto::{
    auth::Role,
    prediction::prediction_nats::NAME,
    rpc::{Caller, Context, Dispatch, Transport as _},
};
use testkit::{TestResult, World, eventually};
use tokio::sync::Semaphore;
use tonic::{Code, Status};
use uuid::Uuid;

/// Calls that the platform works on at once, and that may wait of one tenant.
const AT_ONCE: usize = 256;
const WAITING: usize = 1024;

/// Works on a call for as long as the gate is shut.
const SLOW: Service = Service {
    name: "slow",
    migrations: None,
    wire: |_| Box::pin(async { Ok(Wiring::new().rpc(Slow)) }),
};

static GATE: Semaphore = Semaphore::const_new(0);
/// Tenants of the calls that were begun, in their order.
static BEGUN: LazyLock<Mutex<Vec<Uuid>>> = LazyLock::new(Mutex::default);

struct Slow;

#[async_trait::async_trait]
impl Dispatch for Slow {
    fn service(&self) -> &'static str {
        NAME
    }

    async fn dispatch(&self, _: &str, context: Context, _: Bytes) -> Result<Vec<u8>, Status> {
        let tenant = context.caller()?.tenant_id;
        BEGUN.lock().expect("whole").push(tenant);
        let permit = GATE.acquire().await;
        permit
            .map_err(|_| Status::internal("the gate is gone"))?
            .forget();
        Ok(Vec::new())
    }
}

fn call(
    transport: &NatsTransport,
    tenant: Uuid,
    patience: Duration,
) -> BoxFuture<'static, Result<Bytes, Status>> {
    let transport = transport.clone();
    let context = Context {
        caller: Some(Caller {
            user_id: Uuid::now_v7(),
            tenant_id: tenant,
            role: Role::Owner,
            session_id: Uuid::now_v7(),
        }),
        deadline: Some(SystemTime::now() + patience),
        ..Context::system("test")
    };
    async move { transport.call(NAME, "Predict", &context, Vec::new()).await }.boxed()
}

fn begun() -> Vec<Uuid> {
    BEGUN.lock().expect("whole").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_cannot_crowd_out_another() -> TestResult {
    let world = World::running(&[SLOW]).await?;
    let transport = NatsTransport::new(world.bus().await?);
    let [busy, single, late] = [1, 2, 3].map(Uuid::from_u128);
    let long = Duration::from_secs(120);

    let mut calls: FuturesUnordered<_> = (0..=AT_ONCE + WAITING)
        .map(|_| call(&transport, busy, long))
        .collect();
    // One more than there is room for: it is refused while all the others wait.
    let refused = calls
        .next()
        .await
        .ok_or("no call")?
        .expect_err("is refused");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(retry_delay(&refused), Some(Duration::from_secs(1)));
    assert_eq!(begun().len(), AT_ONCE);

    let mut one = call(&transport, single, long);
    assert!(poll!(&mut one).is_pending());
    let mut impatient = call(&transport, late, Duration::from_millis(200));
    assert!(poll!(&mut impatient).is_pending());
    // This refusal tells that the two before it have taken their places.
    let refused = call(&transport, busy, long).await.expect_err("is refused");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let gave_up = impatient.await.expect_err("nobody has time for it");
    assert_eq!(gave_up.code(), Code::DeadlineExceeded);

    // The next of the crowd, and then the other tenant, with a thousand before it. One place at a time, since calls
    // that get theirs together may begin in any order.
    for begun_more in 1..=2 {
        GATE.add_permits(1);
        eventually("one more is begun", || async {
            Ok(begun().len() == AT_ONCE + begun_more)
        })
        .await?;
    }
    assert_eq!(begun()[AT_ONCE..], [busy, single]);

    GATE.add_permits(AT_ONCE + WAITING);
    one.await?;
    while let Some(answer) = calls.next().await {
        answer?;
    }
    let begun = begun();
    assert_eq!(begun.len(), AT_ONCE + WAITING + 1);
    assert!(!begun.contains(&late), "begun after its deadline");
    Ok(())
}
