//! An organisation with training and prediction at work, and news of its datasets as ingestion tells
//! them. Deliberately without ingestion: what it says is written here.

use std::sync::Arc;

use bytes::Bytes;
use platform::{
    Service, Wiring,
    blobs::Blobs,
    bus::{Bus, Outgoing},
    keys::{KeyRing, RemoteKeys},
    rpc::NatsTransport,
};
use prost::{Message, Name};
use proto::{
    auth::{self as auth_pb, auth_nats},
    common::BlobRef,
    ingestion::{Dataset, DatasetImported, DatasetState, GetDatasetResponse, Snapshot},
    prediction::{PredictBatchRequest, Prediction, QuoteInput, prediction_nats},
    rpc::{Caller, Context, Dispatch},
    training::{GetModelRequest, Model, ModelState, TrainModelRequest, training_nats},
};
use testkit::{TestResult, World, eventually};
use tonic::Status;
use uuid::Uuid;

use crate::quotes::{quotes, snapshot};

/// Ingestion to whom every dataset is empty.
struct EmptyDatasets;

#[async_trait::async_trait]
impl Dispatch for EmptyDatasets {
    fn service(&self) -> &'static str {
        "valutai.ingestion.v1.IngestionService"
    }

    async fn dispatch(&self, _: &str, _: Context, _: Bytes) -> Result<Vec<u8>, Status> {
        let dataset = Some(Dataset {
            state: DatasetState::Empty as i32,
            ..Dataset::default()
        });
        Ok(GetDatasetResponse { dataset }.encode_to_vec())
    }
}

const INGESTION: Service = Service {
    name: "ingestion",
    migrations: None,
    wire: |_| Box::pin(async { Ok(Wiring::new().rpc(EmptyDatasets)) }),
};

pub struct Tenant {
    pub world: World,
    pub id: Uuid,
    pub blobs: Blobs,
    context: Context,
    bus: Bus,
    transport: NatsTransport,
}

/// Everything running, and an owner who is signed in.
pub async fn tenant() -> TestResult<Tenant> {
    let services = [
        auth::SERVICE,
        INGESTION,
        training::SERVICE,
        prediction::SERVICE,
    ];
    let world = World::running(&services).await?;
    let bus = world.bus().await?;
    let transport = NatsTransport::new(bus.clone());
    let request = auth_pb::SignUpRequest {
        email: "ada@example.com".to_owned(),
        password: platform::config::Key::generate().to_base64(),
        organization_name: "Test".to_owned(),
    };
    let signed = auth_nats::Client(transport.clone())
        .sign_up(&Context::system("test"), request)
        .await?;
    let id = Uuid::try_parse(&signed.organization_id)?;
    let keys = KeyRing::new(
        world.launch.kek.clone(),
        Arc::new(RemoteKeys(auth_nats::Client(transport.clone()))),
    );
    let caller = Caller {
        user_id: Uuid::try_parse(&signed.id)?,
        tenant_id: id,
        role: auth_pb::Role::Owner,
        session_id: Uuid::now_v7(),
    };
    Ok(Tenant {
        blobs: Blobs::local(&world.launch.config_for("test")?.blob_dir, keys)?,
        context: Context {
            caller: Some(caller),
            request_id: "test".to_owned(),
            ..Context::default()
        },
        world,
        id,
        bus,
        transport,
    })
}

impl Tenant {
    /// Publishes an event under an id, as the relay would.
    pub async fn tell<E: Message + Name>(&self, event_id: Uuid, event: &E) -> TestResult {
        let subject = self
            .bus
            .subjects()
            .event(&self.id.to_string(), &E::full_name());
        let mut message = Outgoing {
            subject,
            headers: Default::default(),
            body: event.encode_to_vec().into(),
        };
        let id = event_id.to_string();
        for (name, value) in [
            ("ce-id", id.as_str()),
            ("Nats-Msg-Id", id.as_str()),
            ("ce-type", E::full_name().as_str()),
        ] {
            message.headers.insert(name, value);
        }
        Ok(self.bus.publish(message).await?)
    }

    /// News of a dataset with one import.
    pub async fn imported(
        &self,
        dataset: Uuid,
        import: Uuid,
        snapshot: &Snapshot,
    ) -> TestResult<DatasetImported> {
        let blob = self
            .blobs
            .put(self.id, "snapshot", &snapshot.encode_to_vec())
            .await?;
        Ok(DatasetImported {
            dataset_id: dataset.to_string(),
            row_count: snapshot.row_count,
            snapshot: Some(blob),
            import_ids: vec![import.to_string()],
            ..DatasetImported::default()
        })
    }

    /// What training knows of a dataset: rows, once it knows it at all.
    pub async fn known_rows(&self, dataset: Uuid) -> TestResult<Option<i64>> {
        let mut admin = self.world.admin().await?;
        let query = "SELECT row_count FROM training.dataset WHERE id = $1";
        Ok(sqlx::query_scalar(query)
            .bind(dataset)
            .fetch_optional(&mut admin)
            .await?)
    }

    /// Waits until training has heard everything that was told of datasets so far.
    pub async fn heard(&self) -> TestResult {
        let last = Uuid::now_v7();
        let news = DatasetImported {
            dataset_id: last.to_string(),
            ..DatasetImported::default()
        };
        self.tell(Uuid::now_v7(), &news).await?;
        eventually("training has heard the news", || async {
            Ok(self.known_rows(last).await?.is_some())
        })
        .await
    }

    pub async fn train(&self, dataset: Uuid) -> Result<String, Status> {
        let request = TrainModelRequest {
            dataset_id: dataset.to_string(),
            seed: 1,
            ..TrainModelRequest::default()
        };
        let training = training_nats::Client(self.transport.clone());
        Ok(training.train_model(&self.context, request).await?.id)
    }

    pub async fn model(&self, id: &str) -> TestResult<Model> {
        let request = GetModelRequest { id: id.to_owned() };
        let training = training_nats::Client(self.transport.clone());
        let answer = training.get_model(&self.context, request).await?;
        Ok(answer.model.unwrap_or_default())
    }

    /// Trains, and waits until the model is ready.
    pub async fn trained(&self, dataset: Uuid) -> TestResult<Model> {
        let id = self.train(dataset).await?;
        eventually("the model is ready", || async {
            let model = self.model(&id).await?;
            if model.state() == ModelState::Failed {
                return Err(model.problem.into());
            }
            Ok(model.state() == ModelState::Ready)
        })
        .await?;
        self.model(&id).await
    }

    /// Tells of a dataset of as many quotes of the sample, and trains a model on it; answers its id.
    pub async fn trained_on(&self, dataset: Uuid, rows: i32) -> TestResult<String> {
        let snapshot = snapshot(&quotes(rows));
        let news = self.imported(dataset, Uuid::now_v7(), &snapshot).await?;
        self.tell(Uuid::now_v7(), &news).await?;
        self.heard().await?;
        Ok(self.trained(dataset).await?.id)
    }

    pub async fn predict(
        &self,
        model: &str,
        quotes: Vec<QuoteInput>,
    ) -> TestResult<Vec<Prediction>> {
        let request = PredictBatchRequest {
            model_id: model.to_owned(),
            quotes,
            ..PredictBatchRequest::default()
        };
        let prediction = prediction_nats::Client(self.transport.clone());
        let answer = prediction.predict_batch(&self.context, request).await?;
        Ok(answer.predictions)
    }

    /// The bus, for what is told on it.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The client of prediction, and the context to call it in.
    pub fn prediction(&self) -> (prediction_nats::Client<NatsTransport>, &Context) {
        (
            prediction_nats::Client(self.transport.clone()),
            &self.context,
        )
    }

    /// The context of somebody of another organisation.
    pub fn stranger(&self) -> Context {
        let mut context = self.context.clone();
        if let Some(caller) = &mut context.caller {
            caller.tenant_id = Uuid::now_v7();
        }
        context
    }

    /// Removes the artefact of a model, as a careless operator would.
    pub async fn remove_artefact(&self, model: &str) -> TestResult {
        let mut admin = self.world.admin().await?;
        let query = "SELECT artefact_key FROM prediction.model WHERE id = $1";
        let key: String = sqlx::query_scalar(query)
            .bind(Uuid::try_parse(model)?)
            .fetch_one(&mut admin)
            .await?;
        std::fs::remove_file(self.world.launch.blob_dir.join(key))?;
        Ok(())
    }

    /// How often something was written to the audit trail.
    pub async fn audited(&self, action: &str) -> TestResult<i64> {
        let mut admin = self.world.admin().await?;
        let query = "SELECT count(*) FROM auth.audit_entry WHERE tenant_id = $1 AND action = $2";
        Ok(sqlx::query_scalar(query)
            .bind(self.id)
            .bind(action)
            .fetch_one(&mut admin)
            .await?)
    }

    /// The artefact of a model, as prediction knows it.
    pub async fn artefact(&self, model: &str) -> TestResult<Vec<u8>> {
        let mut admin = self.world.admin().await?;
        let query = "SELECT artefact_key, artefact_size_bytes, artefact_sha256 FROM prediction.model WHERE id = $1";
        let (key, size_bytes, sha256): (String, i64, Vec<u8>) = sqlx::query_as(query)
            .bind(Uuid::try_parse(model)?)
            .fetch_one(&mut admin)
            .await?;
        let blob = BlobRef {
            key,
            size_bytes,
            sha256,
        };
        Ok(self.blobs.get(self.id, &blob).await?)
    }
}
