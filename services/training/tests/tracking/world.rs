//! An organisation with training at work, and news of its datasets as ingestion tells them. Deliberately
//! without ingestion and prediction: what they would say is written here.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use platform::{
    Service, Wiring,
    blobs::Blobs,
    bus::{Bus, Outgoing},
    keys::{KeyRing, RemoteKeys},
    launch::Launched,
    rpc::NatsTransport,
};
use prost::{Message, Name};
use proto::{
    auth::{self as auth_pb, auth_nats},
    ingestion::{Dataset, DatasetImported, DatasetState, GetDatasetResponse, Snapshot},
    rpc::{Caller, Context, Dispatch},
    training::{self as pb, Model, ModelState, training_nats},
};
use testkit::{TestResult, World, eventually};
use tonic::Status;
use uuid::Uuid;

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
    pub context: Context,
    pub bus: Bus,
    pub training: training_nats::Client<NatsTransport>,
    others: Option<Launched>,
}

/// Everything running but training, and an owner who is signed in.
pub async fn without_training(ack_wait: Duration) -> TestResult<Tenant> {
    let mut world = World::new(&[auth::SERVICE, training::SERVICE]).await?;
    world.launch.ack_wait = ack_wait;
    let services = [auth::SERVICE, INGESTION];
    let others = world.launch.start(&services, &world.clock).await?;
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
        role: auth_pb::Role::Analyst,
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
        training: training_nats::Client(transport),
        others: Some(others),
    })
}

/// Everything running, and an analyst who is signed in.
pub async fn tenant() -> TestResult<(Tenant, Launched)> {
    let tenant = without_training(platform::config::ACK_WAIT).await?;
    let replica = tenant.replica().await?;
    Ok((tenant, replica))
}

impl Tenant {
    /// Starts training in this process, once more.
    pub async fn replica(&self) -> TestResult<Launched> {
        let launch = &self.world.launch;
        Ok(launch
            .start(&[training::SERVICE], &self.world.clock)
            .await?)
    }

    /// Stops everything in good order.
    pub async fn stop(mut self, replicas: impl IntoIterator<Item = Launched>) -> TestResult {
        for replica in replicas {
            replica.stop().await;
        }
        if let Some(others) = self.others.take() {
            others.stop().await;
        }
        self.world.assert_outboxes_empty().await
    }

    /// Publishes an event, as the relay would.
    pub async fn tell<E: Message + Name>(&self, event: &E) -> TestResult {
        let mut message = Outgoing {
            subject: self
                .bus
                .subjects()
                .event(&self.id.to_string(), &E::full_name()),
            headers: Default::default(),
            body: event.encode_to_vec().into(),
        };
        let id = Uuid::now_v7().to_string();
        for (name, value) in [
            ("ce-id", id.as_str()),
            ("Nats-Msg-Id", id.as_str()),
            ("ce-type", E::full_name().as_str()),
        ] {
            message.headers.insert(name, value);
        }
        Ok(self.bus.publish(message).await?)
    }

    /// Tells of a dataset with one import, and waits until training has heard it; answers the import.
    pub async fn import(&self, dataset: Uuid, snapshot: &Snapshot) -> TestResult<Uuid> {
        let import = Uuid::now_v7();
        let bytes = snapshot.encode_to_vec();
        let news = DatasetImported {
            dataset_id: dataset.to_string(),
            row_count: snapshot.row_count,
            snapshot: Some(self.blobs.put(self.id, "snapshot", &bytes).await?),
            import_ids: vec![import.to_string()],
            ..DatasetImported::default()
        };
        self.tell(&news).await?;
        self.heard().await?;
        Ok(import)
    }

    /// Waits until training has heard everything that was told of datasets so far.
    pub async fn heard(&self) -> TestResult {
        let last = Uuid::now_v7();
        self.tell(&DatasetImported {
            dataset_id: last.to_string(),
            ..DatasetImported::default()
        })
        .await?;
        eventually("training has heard the news", || async {
            let query = "SELECT count(*) FROM training.dataset WHERE id = $1";
            Ok(self.count(query, last).await? == 1)
        })
        .await
    }

    /// A number from the database, past all policies.
    pub async fn count(&self, query: &'static str, id: Uuid) -> TestResult<i64> {
        let mut admin = self.world.admin().await?;
        Ok(sqlx::query_scalar(query)
            .bind(id)
            .fetch_one(&mut admin)
            .await?)
    }

    pub async fn train(&self, dataset: Uuid) -> Result<String, Status> {
        let request = pb::TrainModelRequest {
            dataset_id: dataset.to_string(),
            reason: "a test".to_owned(),
            ..pb::TrainModelRequest::default()
        };
        Ok(self.training.train_model(&self.context, request).await?.id)
    }

    /// A model, by id or alias.
    pub async fn model(&self, id: &str) -> TestResult<Model> {
        let request = pb::GetModelRequest { id: id.to_owned() };
        let answer = self.training.get_model(&self.context, request).await?;
        Ok(answer.model.unwrap_or_default())
    }

    /// Waits until a model is in a state.
    pub async fn until(&self, id: &str, state: ModelState) -> TestResult<Model> {
        eventually("the model is in the state", || async {
            let model = self.model(id).await?;
            if model.state() == ModelState::Failed && state != ModelState::Failed {
                return Err(model.problem.into());
            }
            Ok(model.state() == state)
        })
        .await?;
        self.model(id).await
    }

    /// Trains, and waits until the model is ready.
    pub async fn trained(&self, dataset: Uuid) -> TestResult<Model> {
        let id = self.train(dataset).await?;
        self.until(&id, ModelState::Ready).await
    }

    pub async fn promote(&self, id: &str, reason: &str, overrides: bool) -> Result<Model, Status> {
        let request = pb::PromoteModelRequest {
            id: id.to_owned(),
            reason: reason.to_owned(),
            r#override: overrides,
        };
        let answer = self.training.promote_model(&self.context, request).await?;
        Ok(answer.model.unwrap_or_default())
    }

    pub async fn rollback(&self) -> Result<pb::RollbackModelResponse, Status> {
        let request = pb::RollbackModelRequest::default();
        self.training.rollback_model(&self.context, request).await
    }

    pub async fn cancel(&self, id: &str) -> Result<Model, Status> {
        let request = pb::CancelTrainingRequest { id: id.to_owned() };
        let answer = self
            .training
            .cancel_training(&self.context, request)
            .await?;
        Ok(answer.model.unwrap_or_default())
    }

    /// The id of the champion, by the list of aliases.
    pub async fn alias(&self, name: &str) -> TestResult<Option<String>> {
        let request = pb::ListModelAliasesRequest {};
        let answer = self
            .training
            .list_model_aliases(&self.context, request)
            .await?;
        let found = answer.aliases.into_iter().find(|alias| alias.alias == name);
        Ok(found.map(|alias| alias.model_id))
    }

    /// What the audit trail says was done with something, in order, once it says `until`.
    pub async fn audited(&self, id: &str, until: &str) -> TestResult<Vec<String>> {
        let actions = || async {
            let mut admin = self.world.admin().await?;
            let query =
                "SELECT action FROM auth.audit_entry WHERE entity_id = $1 ORDER BY sequence";
            let found: Vec<String> = sqlx::query_scalar(query)
                .bind(id)
                .fetch_all(&mut admin)
                .await?;
            TestResult::Ok(found)
        };
        eventually(until, || async {
            Ok(actions().await?.iter().any(|action| action == until))
        })
        .await?;
        actions().await
    }

    pub async fn compare(
        &self,
        a: &str,
        b: &str,
        threshold: f64,
    ) -> Result<pb::CompareModelsResponse, Status> {
        let request = pb::CompareModelsRequest {
            model_a: a.to_owned(),
            model_b: b.to_owned(),
            threshold,
            most_quotes: 0,
        };
        self.training.compare_models(&self.context, request).await
    }

    pub async fn set_alias(&self, name: &str, id: &str) -> Result<Option<String>, Status> {
        let request = pb::SetModelAliasRequest {
            alias: name.to_owned(),
            model_id: id.to_owned(),
            reason: "a test".to_owned(),
        };
        let answer = self
            .training
            .set_model_alias(&self.context, request)
            .await?;
        Ok(answer.alias.map(|alias| alias.model_id))
    }

    /// Blobs of the tenant that lie in the folder.
    pub fn blobs_of(&self, purpose: &str) -> usize {
        let dir = self
            .world
            .launch
            .blob_dir
            .join(self.id.to_string())
            .join(purpose);
        std::fs::read_dir(dir).map_or(0, Iterator::count)
    }

    /// Training as a process of its own, as it is deployed.
    pub fn process(&self) -> TestResult<Process> {
        let config = self.world.launch.config_for("training")?;
        let key_file = config.blob_dir.with_extension("kek");
        std::fs::write(&key_file, config.kek.to_base64())?;
        let child = Command::new(env!("CARGO_BIN_EXE_training"))
            .env("VALUTAI_POSTGRES_URL", config.postgres_url.expose())
            .env("VALUTAI_NATS_URL", config.nats_url.expose())
            .env("VALUTAI_SUBJECT_PREFIX", &config.subject_prefix)
            .env("VALUTAI_BLOB_DIR", &config.blob_dir)
            .env("VALUTAI_KEK_FILE", &key_file)
            .env("VALUTAI_POSTGRES_CONNECTIONS", "3")
            .env(
                "VALUTAI_ACK_WAIT_SECONDS",
                config.ack_wait.as_secs().to_string(),
            )
            .env("VALUTAI_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Process(child))
    }
}

/// A service as a process; killed when dropped.
pub struct Process(Child);

impl Process {
    /// What `kill -9` does.
    pub fn kill(mut self) -> TestResult {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails where the process has been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
