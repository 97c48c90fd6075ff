//! What watchers are promised: every event that they want and no other, in order, replay and tail without a gap, nothing of
//! others, and an end when the session ends. Deliberately without prediction: events are published as its relay would.

use std::time::Duration;

use bytes::Bytes;
use platform::{
    Service, Wiring,
    bus::{Bus, Outgoing},
};
use prost::{Message, Name};
use proto::{
    auth::{Role, SignOutRequest, SignUpRequest, auth_service_client::AuthServiceClient},
    prediction::{
        DriftDetected, Grade, OutcomeRecorded, PredictionChanged, PredictionMade, WatchKind,
        WatchPredictionsRequest, WatchPredictionsResponse,
        prediction_service_client::PredictionServiceClient,
    },
    rpc::{Context, Dispatch},
    training::{GetModelRequest, GetModelResponse, Model},
};
use testkit::{TestResult, World};
use tokio::time::timeout;
use tonic::{Code, Request, Status, Streaming, transport::Channel};
use uuid::Uuid;

/// Far longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Training that knows one model, and tells analysts of it.
struct OneModel;

#[async_trait::async_trait]
impl Dispatch for OneModel {
    fn service(&self) -> &'static str {
        "valutai.training.v1.TrainingService"
    }

    async fn dispatch(&self, _: &str, context: Context, body: Bytes) -> Result<Vec<u8>, Status> {
        let asked = GetModelRequest::decode(body).map_err(|_| Status::internal("no request"))?;
        if context.caller()?.role != Role::Analyst || asked.id != "known" {
            return Err(Status::not_found("no such model"));
        }
        let model = Some(Model {
            dataset_id: "wanted".to_owned(),
            ..Model::default()
        });
        Ok(GetModelResponse { model }.encode_to_vec())
    }
}

const TRAINING: Service = Service {
    name: "training",
    migrations: None,
    wire: |_| Box::pin(async { Ok(Wiring::new().rpc(OneModel)) }),
};

struct Watcher {
    channel: Channel,
    token: String,
    tenant: Uuid,
    bus: Bus,
}

async fn watcher(world: &World, name: &str) -> TestResult<Watcher> {
    let channel = world.channel().await?;
    let request = SignUpRequest {
        email: format!("{name}@example.com"),
        password: platform::config::Key::generate().to_base64(),
        organization_name: name.to_owned(),
    };
    let reply = AuthServiceClient::new(channel.clone())
        .sign_up(request)
        .await?
        .into_inner();
    let bus = world.bus().await?;
    bus.ensure_stream("prediction").await?;
    Ok(Watcher {
        channel,
        token: reply.token,
        tenant: Uuid::try_parse(&reply.organization_id)?,
        bus,
    })
}

impl Watcher {
    fn request<M>(&self, message: M) -> TestResult<Request<M>> {
        let mut request = Request::new(message);
        let value = format!("Bearer {}", self.token).parse()?;
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }

    async fn tell<E: Message + Name>(&self, event: &E) -> TestResult {
        let tenant = self.tenant.to_string();
        let mut message = Outgoing {
            subject: self.bus.subjects().event(&tenant, &E::full_name()),
            headers: Default::default(),
            body: event.encode_to_vec().into(),
        };
        let id = Uuid::now_v7().to_string();
        let name = E::full_name();
        for (header, value) in [("ce-id", &id), ("Nats-Msg-Id", &id), ("ce-type", &name)] {
            message.headers.insert(header, value.as_str());
        }
        Ok(self.bus.publish(message).await?)
    }

    async fn made(&self, quote: &str, p: f64) -> TestResult {
        self.tell(&PredictionMade {
            quote_ref: quote.to_owned(),
            win_probability: p,
            ..PredictionMade::default()
        })
        .await
    }

    async fn watch(
        &self,
        request: WatchPredictionsRequest,
    ) -> TestResult<Result<Streaming<WatchPredictionsResponse>, Status>> {
        let mut client = PredictionServiceClient::new(self.channel.clone());
        let reply = client.watch_predictions(self.request(request)?).await;
        Ok(reply.map(tonic::Response::into_inner))
    }
}

async fn next(
    stream: &mut Streaming<WatchPredictionsResponse>,
) -> TestResult<Result<WatchPredictionsResponse, Status>> {
    let next = timeout(PATIENCE, stream.message()).await?;
    let ended = || Status::unknown("the stream ended without a word");
    Ok(next.and_then(|message| message.ok_or_else(ended)))
}

/// The quotes of the next events, which are predictions.
async fn quotes(
    stream: &mut Streaming<WatchPredictionsResponse>,
    count: usize,
) -> TestResult<(Vec<String>, String)> {
    let (mut quotes, mut cursor) = (Vec::new(), String::new());
    while quotes.len() < count {
        let message = next(stream).await??;
        quotes.extend(message.event.map(|event| event.quote_ref));
        cursor = message.cursor;
    }
    Ok((quotes, cursor))
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_get_what_they_ask_for_from_where_they_ask() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, TRAINING, gateway::SERVICE]).await?;
    let ours = watcher(&world, "ours").await?;
    let theirs = watcher(&world, "theirs").await?;
    theirs.made("secret", 0.9).await?;
    for (quote, p) in [("a", 0.9), ("b", 0.2), ("c", 0.5)] {
        ours.made(quote, p).await?;
    }
    let before = platform::Clock::system().now();
    let from = |cursor: &str| WatchPredictionsRequest {
        cursor: cursor.to_owned(),
        ..WatchPredictionsRequest::default()
    };
    // Replay, and what comes meanwhile, without a gap and in order.
    let mut all = ours.watch(from("0")).await??;
    let (first, cursor) = quotes(&mut all, 2).await?;
    assert_eq!(first, ["a", "b"]);
    ours.made("d", 0.8).await?;
    theirs.made("secret", 0.9).await?;
    assert_eq!(quotes(&mut all, 2).await?.0, ["c", "d"]);
    let mut resumed = ours.watch(from(&cursor)).await??;
    assert_eq!(quotes(&mut resumed, 2).await?.0, ["c", "d"]);

    // From a time on: nothing before it, and the cursor of the first heartbeat goes on from there.
    let since = WatchPredictionsRequest {
        from_time: Some(platform::wire::timestamp(before)),
        ..WatchPredictionsRequest::default()
    };
    let mut later = ours.watch(since).await??;
    let beat = next(&mut later).await??;
    assert!(
        beat.event.is_none() && beat.cursor.starts_with('@'),
        "{beat:?}"
    );
    assert_eq!(quotes(&mut later, 1).await?.0, ["d"]);
    let mut again = ours.watch(from(&beat.cursor)).await??;
    assert_eq!(quotes(&mut again, 1).await?.0, ["d"]);

    let narrow = WatchPredictionsRequest {
        quote_refs: ["a", "b", "d"].map(str::to_owned).to_vec(),
        grades: vec![Grade::A as i32],
        ..from("0")
    };
    let mut narrow = ours.watch(narrow).await??;
    assert_eq!(quotes(&mut narrow, 2).await?.0, ["a", "d"]);

    // Of changes those by ten points, or of the grade.
    for (from, to, crossed) in [(0.6, 0.65, false), (0.3, 0.42, false), (0.49, 0.51, true)] {
        ours.tell(&PredictionChanged {
            previous_win_probability: from,
            win_probability: to,
            grade_crossed: crossed,
            ..PredictionChanged::default()
        })
        .await?;
    }
    let changes = WatchPredictionsRequest {
        minimum_change: Some(0.1),
        ..from("0")
    };
    let mut changes = ours.watch(changes).await??;
    let mut told = Vec::new();
    while told.len() < 2 {
        told.extend(
            next(&mut changes)
                .await??
                .changed
                .map(|of| of.win_probability),
        );
    }
    assert_eq!(told, [0.42, 0.51]);

    // Several kinds come in the order of their stream.
    ours.tell(&OutcomeRecorded::default()).await?;
    ours.tell(&DriftDetected::default()).await?;
    ours.tell(&OutcomeRecorded::default()).await?;
    let kinds = WatchPredictionsRequest {
        kinds: vec![WatchKind::Outcome as i32, WatchKind::Drift as i32],
        ..from("0")
    };
    let mut kinds = ours.watch(kinds).await??;
    let mut told = Vec::new();
    while told.len() < 3 {
        let message = next(&mut kinds).await??;
        told.extend(message.outcome.map(|_| "outcome"));
        told.extend(message.drift.map(|_| "drift"));
    }
    assert_eq!(told, ["outcome", "drift", "outcome"]);

    // Of one dataset: training is asked which model is of which.
    for (quote, model) in [
        ("x", "unknown"),
        ("y", "known"),
        ("z", "unknown"),
        ("last", "known"),
    ] {
        ours.tell(&PredictionMade {
            quote_ref: quote.to_owned(),
            model_id: model.to_owned(),
            ..PredictionMade::default()
        })
        .await?;
    }
    let dataset = WatchPredictionsRequest {
        dataset_id: "wanted".to_owned(),
        ..from("0")
    };
    let mut dataset = ours.watch(dataset).await??;
    assert_eq!(quotes(&mut dataset, 2).await?.0, ["y", "last"]);

    for bad in [
        from("x"),
        WatchPredictionsRequest {
            minimum_change: Some(2.0),
            ..from("")
        },
        WatchPredictionsRequest {
            from_time: Some(platform::wire::timestamp(before)),
            ..from("1")
        },
    ] {
        let refused = ours.watch(bad).await?;
        assert!(refused.is_err_and(|status| status.code() == Code::InvalidArgument));
    }
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_its_session() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, gateway::SERVICE]).await?;
    let ours = watcher(&world, "ours").await?;
    let others = watcher(&world, "others").await?;
    let mut mine = ours.watch(WatchPredictionsRequest::default()).await??;
    let mut other = others.watch(WatchPredictionsRequest::default()).await??;
    next(&mut mine).await??;
    next(&mut other).await??;
    let mut auth = AuthServiceClient::new(ours.channel.clone());
    auth.sign_out(ours.request(SignOutRequest {})?).await?;
    // Long before the next heartbeat, at which it would be found as well.
    let ended = loop {
        match next(&mut mine).await? {
            Ok(message) => assert_eq!(message.event, None),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unauthenticated, "{ended}");
    others.made("still", 0.5).await?;
    assert_eq!(quotes(&mut other, 1).await?.0, ["still"]);
    world.stop().await;
    Ok(())
}
