//! What the platform promises about calls whose replica is gone: the caller is told, instead of waiting until its
//! deadline, and a call that is worked on is waited for however long that takes.

mod support;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::StreamExt as _;
use platform::{Service, Wiring, rpc::NatsTransport};
use proto::{
    auth::Role,
    prediction::prediction_nats::NAME,
    rpc::{Caller, Context, Dispatch, Transport as _},
};
use testkit::{TestResult, World};
use tokio::sync::Semaphore;
use tonic::{Code, Status};
use uuid::Uuid;

const PATIENT: Service = Service {
    name: "patient",
    migrations: None,
    wire: |_| Box::pin(async { Ok(Wiring::new().rpc(Patient)) }),
};
static GATE: Semaphore = Semaphore::const_new(0);

/// Answers when the gate opens.
struct Patient;

#[async_trait::async_trait]
impl Dispatch for Patient {
    fn service(&self) -> &'static str {
        NAME
    }

    async fn dispatch(&self, _: &str, _: Context, _: Bytes) -> Result<Vec<u8>, Status> {
        let permit = GATE.acquire().await;
        permit
            .map_err(|_| Status::internal("the gate is gone"))?
            .forget();
        Ok(b"done".to_vec())
    }
}

fn context() -> Context {
    Context {
        caller: Some(Caller {
            user_id: Uuid::now_v7(),
            tenant_id: Uuid::now_v7(),
            role: Role::Owner,
            session_id: Uuid::now_v7(),
        }),
        deadline: Some(SystemTime::now() + Duration::from_secs(300)),
        ..Context::system("test")
    }
}

/// A connection beside the platform's, and the subject of a method.
async fn beside(world: &World, method: &str) -> TestResult<(async_nats::Client, String)> {
    let client = support::connect(world).await?;
    let subject = world.bus().await?.subjects().call("prediction", method);
    Ok((client, subject))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_holds_is_told_to_be_lost() -> TestResult {
    let world = World::new(&[]).await?;
    // A replica that takes calls and is gone: it holds none, and answers none.
    let (client, calls) = beside(&world, "*").await?;
    let queue = "prediction".to_owned();
    let mut gone = client.queue_subscribe(calls, queue).await?;
    client.flush().await?;
    let transport = NatsTransport::new(world.bus().await?);
    let context = context();
    let call = transport.call(NAME, "Predict", &context, Vec::new());
    let (taken, answer) = tokio::join!(gone.next(), call);
    assert!(taken.is_some());
    let status = answer.expect_err("nobody answers");
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains("may or may not"), "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_worked_on_is_waited_for() -> TestResult {
    let mut world = World::running(&[PATIENT]).await?;
    let (client, held) = beside(&world, "_held").await?;
    let mut questions = client.subscribe(held).await?;
    client.flush().await?;
    let transport = NatsTransport::new(world.bus().await?);
    let context = context();
    let call = transport.call(NAME, "Predict", &context, Vec::new());
    let opened = async {
        // More questions than an unanswered call would be given.
        for _ in 0..3 {
            questions.next().await;
        }
        GATE.add_permits(1);
    };
    let (answer, ()) = tokio::join!(call, opened);
    assert_eq!(answer?, b"done".as_slice());
    world.stop().await;
    Ok(())
}
